/* What the module keeps for each Lua state, and the life of the userdata blocks that own
 * something outside of Lua. A block and its metatable exist before what it owns is acquired. */
#ifndef MTM_LUA_STATE_H
#define MTM_LUA_STATE_H

#include "capi/handle.h"
#include "core/block.h"
#include "core/notify.h"

/* A userdata that every function of the module can reach. */
struct mtm_state {
    struct mtm_block *carrier;  /* for receiving; NULL while a receive has it */
    struct mtm_owned *first;    /* all living blocks of this state */
    struct mtm_failure failure; /* the text of a failure on its way into a Lua error */
    int contended; /* receives left to be done without the short cut: others are quicker */
    bool closed;   /* finalized: whatever finalizers do now, nothing may be kept */
};

enum { MTM_CARRIER_SIZE = 4096 + 512, MTM_CARRIER_KEEP = 64 * 1024, MTM_CONTENDED = 100 };

/* Pushes the state's block: made if it is not there. */
struct mtm_state *mtm_state_push(lua_State *L);

/* Pushes a block of `size` bytes, zeroed but for its head, with the metatable of that class
 * name. `fini` frees what it owns; it is called once, and must cope with a block that owns
 * nothing yet. */
void *mtm_owned_new(lua_State *L, struct mtm_state *state, size_t size, uintptr_t magic,
                    const char *class_name, void (*fini)(struct mtm_owned *owned));

/* Frees what the block owns, now. */
void mtm_owned_fini(struct mtm_owned *owned);

/* A metamethod: __gc of all classes. */
int mtm_owned_gc(lua_State *L);

/* Creates the metatable of a class (or completes the one that is there), and leaves it on the
 * stack, and above it the table of methods. */
void mtm_class_new(lua_State *L, const char *name, const luaL_Reg *methods,
                   int (*tostring)(lua_State *L));

/* The memory for one receive, which gives it back, or another one in its place. take: NULL if
 * there is none. */
struct mtm_block *mtm_carrier_take(struct mtm_state *state);
void mtm_carrier_give(struct mtm_state *state, struct mtm_block *carrier);

#endif
