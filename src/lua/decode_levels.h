/* The tables and functions of a message that have been begun, innermost last: where each lies,
 * on the Lua stack or spilled to a Lua table. It does not know what comes into them. */
#ifndef MTL_DECODE_LEVELS_H
#define MTL_DECODE_LEVELS_H

#include "lua/decode_deep.h"

enum { MTL_BUILD_ON_STACK = 32 };

/* A table, or a function, that has been begun. */
struct mtl_build_level {
    uint32_t array, next; /* values of the sequence (or variables), and how many have come */
    uint32_t pairs;       /* that are left */
    bool key_is_there;    /* it is a table, and has been spilled */
    bool is_function;
};

struct mtl_build_levels {
    struct mtl_build_level first[MTL_BUILD_ON_STACK + 1], *level;
    size_t cap, depth;
    int base; /* of the stack: the table of the first level */
};

/* None has been begun: the first one will be pushed next. What `first` has is left as it is,
 * for it is large. */
static inline void mtl_levels_init(struct mtl_build_levels *levels, lua_State *L)
{
    levels->level = levels->first;
    levels->cap = MTL_BUILD_ON_STACK + 1;
    levels->depth = 0;
    levels->base = lua_gettop(L) + 1;
}

/* Where the table (or function) of that level is on the stack. */
static inline int mtl_levels_slot(const struct mtl_build_levels *levels, size_t level)
{
    return levels->base + (int)(level < MTL_BUILD_ON_STACK ? level : MTL_BUILD_ON_STACK);
}

/* Makes room for twice as many. Raises errors of Lua, or that the message is damaged. */
void mtl_levels_grow(struct mtl_build *build, struct mtl_build_levels *levels);

/* The innermost level's table gives its slot to the one on top. Raises errors of Lua. */
void mtl_levels_spill(struct mtl_build *build, const struct mtl_build_levels *levels);

/* Begins the level of the table or function on top of the stack. Raises as those do. */
static inline void mtl_levels_begin(struct mtl_build *build, struct mtl_build_levels *levels,
                                    struct mtl_build_level level)
{
    if (MTM_UNLIKELY(levels->depth > MTL_BUILD_ON_STACK)) mtl_levels_spill(build, levels);
    if (levels->depth % 4 == 3) luaL_checkstack(build->L, LUA_MINSTACK, "too many values");
    if (MTM_UNLIKELY(levels->depth == levels->cap)) mtl_levels_grow(build, levels);
    levels->level[levels->depth++] = level;
}

/* Ends the innermost level, whose table or function is on top. The outermost one stays on the
 * stack: it is the value. */
static inline void mtl_levels_end(struct mtl_build *build, struct mtl_build_levels *levels)
{
    if (--levels->depth == 0) return;
    lua_pop(build->L, 1);
    if (MTM_LIKELY(levels->depth <= MTL_BUILD_ON_STACK)) return;
    lua_rawgeti(build->L, build->slots + MTL_SEEN_SPILL, (int)(2 * levels->depth));
}

#endif
