/* What the module keeps for each Lua state, and the life of the userdata blocks that own
 * something outside of Lua. A block and its metatable exist before what it owns is acquired. */
#ifndef MTM_LUA_STATE_H
#define MTM_LUA_STATE_H

#include "capi/handle.h"
#include "core/block.h"
#include "core/notify.h"

enum { MTM_CARRIER_SIZE = 4096 + 512, MTM_CARRIER_KEEP = 64 * 1024, MTM_CONTENDED = 100 };

/* Pushes the state's block: made if it is not there. */
struct mtm_state *mtm_state_push(lua_State *L);

/* A zeroed record of `size` bytes on the list, or NULL. `fini` frees what it owns; it is called
 * once, and must cope with a record that owns nothing yet. */
void *mtm_record_new(struct mtm_state *state, size_t size,
                     void (*fini)(struct mtm_record *record));

/* Frees what the record owns, and the record. */
void mtm_record_free(struct mtm_record *record);

/* What a class is made of. */
struct mtm_class_info {
    const char *name; /* "mtmsg.buffer", ... */
    uintptr_t magic;
    size_t block_size, record_size;
    void (*fini)(struct mtm_record *record);
};

/* Pushes a userdata of the class, with its metatable and a zeroed record. Raises out_of_memory,
 * and object_closed in a state that is being closed. */
void *mtm_owned_new(lua_State *L, struct mtm_state *state, const struct mtm_class_info *info);

/* Frees the record, now. */
void mtm_owned_fini(struct mtm_owned *owned);

/* A metamethod: __gc of all classes. */
int mtm_owned_gc(lua_State *L);

/* Creates the metatable of a class (or completes the one that is there), and leaves it on the
 * stack, and above it the table of methods. */
void mtm_class_new(lua_State *L, const char *name, const luaL_Reg *methods,
                   lua_CFunction tostring, lua_CFunction gc);

/* The memory for one receive, which gives it back, or another one in its place. take: NULL if
 * there is none. */
struct mtm_block *mtm_carrier_take(struct mtm_state *state);
void mtm_carrier_give(struct mtm_state *state, struct mtm_block *carrier);

#endif
