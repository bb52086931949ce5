/* Tables and functions of a message back to Lua, with what is in them. Values that have nothing
 * in them are decoded by decode.h. */
#ifndef MTL_DECODE_DEEP_H
#define MTL_DECODE_DEEP_H

#include "capi/handle.h"
#include "core/wire.h"
#include "lua/arrays.h"

/* What has come of a message so far: a reader keeps it from one call to the next. */
struct mtl_seen {
    uint32_t objects, keys; /* how many tables, functions and objects, and different keys */
    size_t items;           /* how many objects */
};

enum {
    MTL_SEEN_OBJECTS = 1, /* slots: those that are referred to, by their numbers, or nil */
    MTL_SEEN_KEYS,        /* the same for keys */
    MTL_SEEN_SPILL,       /* tables and keys of levels that have no slot, or nil */
    MTL_SEEN_NAMED,       /* tables and their metatables, or nil */
    MTL_SEEN_LEVELS,      /* memory for levels, or nil */
    MTL_SEEN_SLOTS = MTL_SEEN_LEVELS
};

/* A decoding under way, in protected mode: errors of any kind may come out. */
struct mtl_build {
    lua_State *L;
    struct mtc_state *state;
    struct mtl_given *given;
    const unsigned char *at, *end;
    const struct mtm_cargo *cargo; /* the message's objects, or NULL */
    struct mtl_seen seen;
    int slots; /* the index below the first slot */
    int keys;  /* that of the table of keys, once it is known to be there; else 0 */
};

/* Pushes the value that is read already, with all that is in it. */
void mtl_build_value(struct mtl_build *build, const struct mtm_value *value);

/* All has been built: tables get their metatables. */
void mtl_build_end(struct mtl_build *build);

/* Pushes any value that has nothing in it. */
void mtl_push_value(struct mtl_build *build, const struct mtm_value *value);

/* ---- for the parts of it ---- */

/* Pushes the value of a module that is known by its name, which is read next. */
void mtl_build_by_name(struct mtl_build *build);

/* Pushes the metatable that this state has under the name on top of the stack, in its place; or
 * nil. */
void mtl_push_named(lua_State *L, const struct mtc_state *state);

/* Raises the error for bytes that are no message. */
int mtl_build_fail(struct mtl_build *build);

/* The index of the table in that slot, which is made if it is not there. Raises errors of Lua.
 */
int mtl_build_table(struct mtl_build *build, int slot);

/* Pushes the string that is read next, in the place of a key. */
void mtl_build_key(struct mtl_build *build);

#endif
