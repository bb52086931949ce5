/* The userdata by which Lua refers to a buffer or listener, as both the Lua functions and the C
 * APIs see it. Who makes and finalizes it is in src/lua. */
#ifndef MTM_CAPI_HANDLE_H
#define MTM_CAPI_HANDLE_H

#include "capi/shim.h"
#include "core/buffer.h"

struct mtm_state;

/* Links all userdata blocks of a Lua state that own something outside of Lua. */
struct mtm_owned {
    uintptr_t tag; /* the block's address mixed with its class's number: the block is complete
                      and of that class */
    struct mtm_state *state;
    struct mtm_owned *next, **link;
    void (*fini)(struct mtm_owned *owned);
};

/* Numbers that no block contains by chance, mixed with its own address. */
#define MTM_BUFFER_MAGIC ((uintptr_t)0x6D746D2D62756666u)
#define MTM_LISTENER_MAGIC ((uintptr_t)0x6D746D2D6C697374u)
#define MTM_WRITER_MAGIC ((uintptr_t)0x6D746D2D77726974u)
#define MTM_READER_MAGIC ((uintptr_t)0x6D746D2D72656164u)

struct mtm_handle {
    struct mtm_owned owned;
    struct mtm_object *object; /* with a handle reference; NULL: finalized, or not made yet */
    bool nonblock;
};

/* The block at that index if it is a userdata of that size and class, else NULL. Much cheaper
 * than comparing metatables; another module's userdata of the same size would have to contain
 * its own address, mixed. */
static inline void *mtm_to_owned(lua_State *L, int index, size_t size, uintptr_t magic)
{
    struct mtm_owned *owned = lua_touserdata(L, index);
    if (!owned || mtm_lua_rawlen(L, index) != size) return NULL;
    return owned->tag == ((uintptr_t)owned ^ magic) ? owned : NULL;
}

static inline struct mtm_handle *mtm_to_handle(lua_State *L, int index, uintptr_t magic)
{
    return mtm_to_owned(L, index, sizeof(struct mtm_handle), magic);
}

/* The live buffer at that index, or NULL. */
static inline struct mtm_buffer *mtm_to_buffer(lua_State *L, int index)
{
    struct mtm_handle *handle = mtm_to_handle(L, index, MTM_BUFFER_MAGIC);
    return handle ? (struct mtm_buffer *)handle->object : NULL;
}

#endif
