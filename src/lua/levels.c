/* What is open of a message that is written: its tables and functions, on the Lua stack or
 * spilled to a Lua table; and room in the draft. It does not know what is written there. */
#include <limits.h>

#include "lua/encode_deep.h"
#include "lua/errors.h"

#include "platform/hidden.h"

unsigned char *mtl_deep_grow(struct mtl_deep *deep, size_t bytes)
{
    struct mtl_draft *draft = deep->draft;
    if (!mtl_draft_grow(draft, bytes)) {
        mtl_draft_give(draft);
        mtl_raise_plain(deep->L, MTM_NOMEM);
    }
    unsigned char *room = draft->at;
    draft->at += bytes;
    return room;
}

struct mtl_met *mtl_deep_meet(struct mtl_deep *deep, const void *what, bool *known)
{
    struct mtl_met *met = mtl_draft_meet(deep->draft, what, known);
    if (MTM_UNLIKELY(!met)) {
        mtl_draft_give(deep->draft);
        mtl_raise_plain(deep->L, MTM_NOMEM);
    }
    return met;
}

/* ---- levels ---- */

/* The innermost level gives its slots to the one that begins in it; the value of that is on
 * top. */
static void spill(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    const int table = mtl_deep_slot(deep, MTL_ON_STACK), spilled = deep->base - MTL_SPILL;
    const int at = (int)(2 * deep->draft->depth);
    if (lua_isnil(L, spilled)) {
        lua_newtable(L);
        lua_replace(L, spilled);
    }
    lua_pushvalue(L, table);
    lua_rawseti(L, spilled, at);
    lua_pushvalue(L, table + 1);
    lua_rawseti(L, spilled, at + 1);
    lua_replace(L, table);
    lua_settop(L, table);
}

static void unspill(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    const int table = mtl_deep_slot(deep, MTL_ON_STACK), spilled = deep->base - MTL_SPILL;
    const int at = (int)(2 * deep->draft->depth);
    lua_rawgeti(L, spilled, at);
    lua_replace(L, table);
    lua_rawgeti(L, spilled, at + 1);
}

static void push_slot(struct mtl_deep *deep, size_t level, int which)
{
    bool spilled = level >= MTL_ON_STACK && level + 1 < deep->draft->depth;
    if (!spilled) lua_pushvalue(deep->L, mtl_deep_slot(deep, level) + which);
    else lua_rawgeti(deep->L, deep->base - MTL_SPILL, (int)(2 * (level + 1)) + which);
}

void mtl_deep_push_table(struct mtl_deep *deep, size_t level)
{
    push_slot(deep, level, 0);
}

void mtl_deep_push_key(struct mtl_deep *deep, size_t level)
{
    push_slot(deep, level, 1);
}

struct mtl_level *mtl_deep_descend(struct mtl_deep *deep, enum mtl_stage stage, size_t place)
{
    struct mtl_draft *draft = deep->draft;
    if (MTM_UNLIKELY(draft->depth > MTL_ON_STACK)) {
        if (draft->depth >= INT_MAX / 2) luaL_error(deep->L, "tables are nested too deep");
        spill(deep);
    }
    if (draft->depth % 4 == 3) luaL_checkstack(deep->L, LUA_MINSTACK, "too many values");
    if (MTM_UNLIKELY(draft->depth == draft->levels) && !mtl_draft_grow_levels(draft)) {
        mtl_draft_give(draft);
        mtl_raise_plain(deep->L, MTM_NOMEM);
    }
    struct mtl_level *level = &draft->level[draft->depth++];
    *level = (struct mtl_level){.stage = stage, .place = place};
    lua_pushnil(deep->L);
    return level;
}

/* The level's table is on top, and its key has gone. */
void mtl_deep_ascend(struct mtl_deep *deep)
{
    if (MTM_UNLIKELY(--deep->draft->depth > MTL_ON_STACK)) unspill(deep);
    else lua_pop(deep->L, 1);
}
