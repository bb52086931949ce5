/* The client of LuaJIT's FFI for integers of 64 bits. What it asks the FFI for is kept by the
 * state from when it is first needed. */
#include "lua/cdata.h"

#include <string.h>

#include "lua/state.h"

#include "platform/hidden.h"

/* [package.loaded][package.preload][what loads the FFI]: pushes what that gives, and keeps it
 * there; or nil. */
static void load_ffi(lua_State *L)
{
    lua_pushliteral(L, "ffi");
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc == LUA_ERRMEM) lua_error(L);
    if (rc != 0) lua_pushnil(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "ffi");
}

/* Pushes package.loaded.ffi, or what is no table. If nobody has loaded it, it is loaded, but
 * not by way of `require`, which programs replace. */
static void push_ffi(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    if (!lua_istable(L, -1)) return;
    lua_getfield(L, -1, "ffi");
    if (!lua_isnil(L, -1)) return;
    lua_getfield(L, LUA_REGISTRYINDEX, "_PRELOAD");
    if (!lua_istable(L, -1)) return;
    lua_getfield(L, -1, "ffi");
    if (lua_isfunction(L, -1)) load_ffi(L);
}

/* Whether the text of the cdata on top is that of an integer of 64 bits: 1LL. May push it. */
static bool reads_as_int64(lua_State *L)
{
    if (lua_type(L, -1) != MTL_TCDATA || !luaL_callmeta(L, -1, "__tostring")) return false;
    const char *text = lua_tostring(L, -1);
    return text && strspn(text, "-0123456789") + 2 == strlen(text) && strstr(text, "LL");
}

/* Pushes the type of these integers, which makes them when it is called. */
static bool push_type_of(lua_State *L, int ffi)
{
    lua_getfield(L, ffi, "typeof");
    if (!lua_isfunction(L, -1)) return false;
    lua_pushliteral(L, "int64_t");
    lua_call(L, 1, 1);
    const int type = lua_gettop(L);
    if (lua_type(L, type) != MTL_TCDATA) return false;
    lua_pushvalue(L, type);
    lua_call(L, 0, 1);
    const bool is = reads_as_int64(L);
    lua_settop(L, type);
    return is;
}

/* Where there is no FFI the type is kept as false. */
static void ask_ffi(lua_State *L, const struct mtc_state *state)
{
    const int top = lua_gettop(L);
    push_ffi(L);
    const int ffi = lua_gettop(L);
    const bool found = lua_istable(L, ffi) && push_type_of(L, ffi);
    if (found) {
        lua_getfield(L, ffi, "istype");
        mtl_keep(L, state, MTL_ISTYPE);
    } else {
        lua_pushboolean(L, 0);
    }
    mtl_keep(L, state, MTL_INT64);
    lua_settop(L, top);
}

/* Pushes the type, or false; and says which. */
static bool push_type(lua_State *L, const struct mtc_state *state)
{
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    mtl_push_kept(L, state, MTL_INT64);
    if (MTM_UNLIKELY(lua_isnil(L, -1))) {
        lua_pop(L, 1);
        ask_ffi(L, state);
        mtl_push_kept(L, state, MTL_INT64);
    }
    return lua_toboolean(L, -1) != 0;
}

/* [type][value]: whether the FFI takes the value for one of that type. It does so with the type
 * itself, too, whose text differs. The text of a struct may be anything, so it comes last. */
static bool is_int64(lua_State *L, const struct mtc_state *state)
{
    const int value = lua_gettop(L);
    mtl_push_kept(L, state, MTL_ISTYPE);
    lua_pushvalue(L, value - 1);
    lua_pushvalue(L, value);
    lua_call(L, 2, 1);
    const bool is = lua_toboolean(L, -1) != 0;
    lua_settop(L, value);
    const bool reads = is && reads_as_int64(L);
    lua_settop(L, value);
    return reads;
}

/* [type][...]: makes one of so many arguments, and returns where its eight bytes are. */
static void *make(lua_State *L, int arguments)
{
    lua_call(L, arguments, 1);
    if (lua_type(L, -1) != MTL_TCDATA) luaL_error(L, "ffi makes no int64_t");
    return (void *)(uintptr_t)lua_topointer(L, -1);
}

/* The value may be a reference to one: so it is copied. */
bool mtl_to_int64(lua_State *L, const struct mtc_state *state, int64_t *integer)
{
    const int value = lua_gettop(L);
    bool is = push_type(L, state);
    if (is) {
        lua_pushvalue(L, value);
        is = is_int64(L, state);
    }
    if (is) memcpy(integer, make(L, 1), sizeof *integer);
    lua_settop(L, value);
    return is;
}

void mtl_push_wide(lua_State *L, const struct mtc_state *state, int64_t integer)
{
    if (!push_type(L, state)) {
        lua_pop(L, 1);
        mtc_push_integer(L, integer);
        return;
    }
    memcpy(make(L, 0), &integer, sizeof integer);
}
