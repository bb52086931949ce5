/* What the module keeps for each Lua state, and the life of the userdata that own
 * something outside of Lua. A userdata and its metatable exist before what it owns is acquired.
 */
#ifndef MTL_STATE_H
#define MTL_STATE_H

#include "capi/handle.h"
#include "core/block.h"
#include "core/notify.h"

enum {
    MTL_CARRIER_SIZE = 4096 + 512,
    MTL_CARRIER_KEEP = 64 * 1024,
    MTL_HELD_MAX = 64 * 1024 + 32, /* bytes of a message that is held: a string of 64 KB */
    MTL_CONTENDED = 100
};

/* Pushes the state's userdata: made if it is not there. */
struct mtc_state *mtl_state_push(lua_State *L);

/* The values of Lua that a state keeps: the metatables of the classes, each under its enum
 * mtc_class, and these. */
enum {
    MTL_DRAFT = MTC_CLASSES, /* the userdata in which messages are written */
    MTL_NAMES,               /* from names to metatables, and back */
    MTL_BY_NAME,             /* how values of modules are found */
    MTL_CALL,                /* the function that calls a notifier */
    MTL_WATCHMAN,            /* the userdata that looks after wills */
    MTL_WATCHMEN,            /* the metatable that it has */
    MTL_NOTHING,             /* a function of Lua that does nothing, for hooks */
    MTL_INT64,               /* the FFI's type int64_t, or false: there is none */
    MTL_ISTYPE,              /* ffi.istype */
    MTL_KEPT
};

/* Pushes what is kept there, or nil. keep: pops a value and keeps it; it allocates nothing. */
void mtl_push_kept(lua_State *L, const struct mtc_state *state, int which);
void mtl_keep(lua_State *L, const struct mtc_state *state, int which);

/* What kind of thing a userdata owns. */
struct mtl_asset_kind {
    size_t size;
    /* Frees what it owns; called once; copes with an asset that owns nothing yet. */
    void (*fini)(struct mtc_state *state, struct mtc_asset *asset);
    bool is_kept; /* some are kept for the next ones: fini leaves all zero but the head */
};

/* A zeroed asset on the list, or NULL. */
void *mtl_asset_new(struct mtc_state *state, const struct mtl_asset_kind *kind);

/* Frees what the asset owns, and the asset. */
void mtl_asset_free(struct mtc_state *state, struct mtc_asset *asset);

/* "mtmsg.buffer", ... */
const char *mtl_class_name(enum mtc_class class);

/* What a class is made of. */
struct mtl_class_info {
    enum mtc_class class;
    uintptr_t magic;
    const struct mtl_asset_kind *asset;
};

/* Pushes a userdata of the class, with its metatable and a zeroed asset: a struct mtc_owned; it
 * has room for so many values of Lua where a userdata may have none. Raises out_of_memory, and
 * object_closed in a state that is being closed. */
struct mtc_owned *mtl_owned_new(lua_State *L, struct mtc_state *state,
                                const struct mtl_class_info *info, int values);

/* The same for a zeroed userdata that has been pushed, and above it the metatable, which is
 * popped. */
void mtl_owned_complete(lua_State *L, struct mtc_state *state,
                        const struct mtl_class_info *info, struct mtc_owned *owned);

/* Pushes the metatable of a class. */
void mtl_push_metatable(lua_State *L, enum mtc_class class);

/* Whether it has an asset that may be looked at: unless somebody uses that, it ends with the
 * state. */
static inline bool mtl_owned_is_there(const struct mtc_owned *owned)
{
    return owned->asset && !owned->state->closed;
}

/* Frees the asset, now; nobody uses it. */
void mtl_owned_fini(struct mtc_owned *owned);

/* Who has counted itself as a user of the asset has done so for the last time: if the state has
 * ended meanwhile, the asset is freed. */
static inline void mtl_asset_unuse(struct mtc_state *state, struct mtc_asset *asset)
{
    if (--asset->users == 0 && MTM_UNLIKELY(state->closed)) mtl_asset_free(state, asset);
}

/* A metamethod: __gc of writers, readers and drafts. */
int mtl_owned_gc(lua_State *L);

/* Creates the metatable of a class (or completes the one that is there), and leaves it on the
 * stack, and above it the table of methods. */
void mtl_class_new(lua_State *L, enum mtc_class class, const luaL_Reg *methods,
                   lua_CFunction tostring, lua_CFunction gc);

/* What mtl_class_new has left is on the stack: adds the metamethod __close. */
void mtl_set_close(lua_State *L, lua_CFunction close);

/* Whether the state has loaded the module: its classes are complete. */
bool mtl_is_open(lua_State *L);

/* Whether the value has the metatable of one of our classes. */
bool mtl_is_of_a_class(lua_State *L, int index);

/* Whether the value is an object of another copy of the module: its metatable has the name of
 * one of ours, and is none of ours. */
bool mtl_is_of_another_copy(lua_State *L, int index);

/* The memory for one receive, which gives it back, or another one in its place. take: NULL if
 * there is none. */
struct mtm_block *mtl_carrier_take(struct mtc_state *state);
void mtl_carrier_give(struct mtc_state *state, struct mtm_block *carrier);

#endif
