/* What is done for many or deep levels of a message that is decoded: memory for more of
 * them, which Lua collects, and the table to which they are spilled. It owns none of these:
 * they are in the slots of the decoding. */
#include "lua/decode_levels.h"

#include <limits.h>
#include <string.h>

#include "platform/hidden.h"

void mtl_levels_grow(struct mtl_build *build, struct mtl_build_levels *levels)
{
    size_t cap = 2 * levels->cap;
    if (cap > INT_MAX / 4 / sizeof(struct mtl_build_level)) mtl_build_fail(build);
    struct mtl_build_level *level = lua_newuserdata(build->L, cap * sizeof *level);
    memcpy(level, levels->level, levels->depth * sizeof *level);
    lua_replace(build->L, build->slots + MTL_SEEN_LEVELS);
    levels->level = level;
    levels->cap = cap;
}

void mtl_levels_spill(struct mtl_build *build, const struct mtl_build_levels *levels)
{
    int table = mtl_build_table(build, MTL_SEEN_SPILL);
    int slot = mtl_levels_slot(levels, MTL_BUILD_ON_STACK);
    lua_pushvalue(build->L, slot);
    lua_rawseti(build->L, table, (int)(2 * levels->depth));
    lua_replace(build->L, slot);
    lua_settop(build->L, slot);
}
