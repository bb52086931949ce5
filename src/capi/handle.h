/* The userdata by which Lua refers to a buffer or listener, as both the Lua functions and the C
 * APIs see it. Who makes and finalizes it is in src/lua. */
#ifndef MTM_CAPI_HANDLE_H
#define MTM_CAPI_HANDLE_H

#include "capi/shim.h"
#include "core/buffer.h"

/* What a userdata owns outside of Lua, on the list of its state. It is not in the userdata's
 * own block: Lua frees that without finalizing it if the call of the finalizer fails. */
struct mtm_record {
    struct mtm_record *next, **link;
    void (*fini)(struct mtm_record *record);
};

/* A userdata that every function of the module can reach: what is kept for a Lua state. */
struct mtm_state {
    bool closed;   /* finalized: nothing that was made in the state may be used any more */
    int contended; /* receives left to be done without the short cut: others are quicker */
    struct mtm_block *carrier; /* for receiving; NULL while a receive has it */
    struct mtm_record *first;  /* everything that the state's userdata own */
};

/* How the blocks of all our userdata begin. */
struct mtm_owned {
    /* The block's address mixed with its class's number: it is complete and of that class. */
    uintptr_t tag;
    struct mtm_state *state;
    struct mtm_record *record; /* NULL: finalized, or not made yet */
};

/* Numbers that no block contains by chance, mixed with its own address. */
#define MTM_BUFFER_MAGIC ((uintptr_t)0x6D746D2D62756666u)
#define MTM_LISTENER_MAGIC ((uintptr_t)0x6D746D2D6C697374u)
#define MTM_WRITER_MAGIC ((uintptr_t)0x6D746D2D77726974u)
#define MTM_READER_MAGIC ((uintptr_t)0x6D746D2D72656164u)

struct mtm_handle {
    struct mtm_owned owned;
    struct mtm_object *object; /* the record has the reference; NULL as above */
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

/* Whether the handle has an object that may be used. */
static inline bool mtm_handle_is_live(const struct mtm_handle *handle)
{
    return handle->object && !handle->owned.state->closed;
}

/* The live buffer at that index, or NULL. */
static inline struct mtm_buffer *mtm_to_buffer(lua_State *L, int index)
{
    struct mtm_handle *handle = mtm_to_handle(L, index, MTM_BUFFER_MAGIC);
    return handle && mtm_handle_is_live(handle) ? (struct mtm_buffer *)handle->object : NULL;
}

#endif
