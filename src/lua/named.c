/* Metatables that a state has registered under names, so that tables find them again elsewhere.
 * They are owned by Lua: one table in the registry leads from names to metatables, and back. */
#include "lua/classes.h"
#include "lua/decode_deep.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"

#include "platform/hidden.h"

bool mtl_deep_name(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    int top = lua_gettop(L);
    bool found = false;
    if (!lua_istable(L, top) || !lua_getmetatable(L, top)) return false;
    mtl_push_kept(L, deep->state, MTL_NAMES);
    lua_pushvalue(L, top + 1);
    lua_rawget(L, top + 2);
    if (lua_type(L, -1) == LUA_TSTRING) {
        *mtl_deep_room(deep, 1) = MTM_TAG_NAMED;
        mtl_deep_key(deep, -1);
        found = true;
    }
    lua_settop(L, top);
    return found;
}

void mtl_push_named(lua_State *L, const struct mtc_state *state)
{
    if (!state->names) {
        lua_pushnil(L);
    } else {
        mtl_push_kept(L, state, MTL_NAMES);
        lua_pushvalue(L, -2);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    lua_remove(L, -2);
}

/* A copy would be finalized twice, or closed twice, and a weak one would lose entries while it
 * is built. */
static void check_metatable(lua_State *L, int index)
{
    static const char *const refused[] = {"__gc", "__close", "__mode"};
    luaL_checktype(L, index, LUA_TTABLE);
    for (int i = 0; i < 3; ++i) {
        lua_pushstring(L, refused[i]);
        lua_rawget(L, index);
        if (!lua_isnil(L, -1)) {
            luaL_argerror(
                L, index,
                lua_pushfstring(L, "a metatable with %s cannot be registered", refused[i]));
        }
        lua_pop(L, 1);
    }
}

static void push_names(lua_State *L, struct mtc_state *state)
{
    if (!state->names) {
        lua_newtable(L);
        mtl_keep(L, state, MTL_NAMES);
        state->names = true;
    }
    mtl_push_kept(L, state, MTL_NAMES);
}

/* names[names[name]] = nil, names[name] = nil */
static void forget(lua_State *L, int names)
{
    lua_pushvalue(L, 1);
    lua_rawget(L, names);
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        lua_rawset(L, names);
    } else {
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    lua_rawset(L, names);
}

static void check_unused(lua_State *L, int names)
{
    lua_pushvalue(L, 1);
    lua_rawget(L, names);
    if (!lua_isnil(L, -1) && !lua_rawequal(L, -1, 2)) {
        luaL_argerror(L, 1, "another metatable has this name");
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, names);
    if (!lua_isnil(L, -1) && !lua_rawequal(L, -1, 1)) {
        luaL_argerror(L, 2, "the metatable has another name");
    }
    lua_pop(L, 2);
}

int mtl_metatable(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    int arguments = lua_gettop(L);
    if (lua_type(L, 1) != LUA_TSTRING) mtl_raise_type(L, 1, "string");
    lua_settop(L, 2);
    if (arguments < 2) {
        lua_settop(L, 1);
        mtl_push_named(L, state);
        return 1;
    }
    if (!lua_isnil(L, 2)) check_metatable(L, 2);
    push_names(L, state);
    if (lua_isnil(L, 2)) {
        forget(L, 3);
    } else {
        check_unused(L, 3);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_rawset(L, 3);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 1);
        lua_rawset(L, 3);
    }
    lua_pushvalue(L, 2);
    return 1;
}
