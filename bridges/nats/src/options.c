/* Options: the fields of a table that a program has given. It owns nothing: texts stay on the
 * stack. */
#include "binding.h"

#include <string.h>

size_t mtn_length(lua_State *L, int index)
{
#if LUA_VERSION_NUM < 502
    return lua_objlen(L, index);
#else
    return (size_t)lua_rawlen(L, index);
#endif
}

const char *mtn_text(lua_State *L, const char *name)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "bad option '%s' (string expected, got %s)", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    if (strlen(text) != mtn_length(L, -1))
        luaL_error(L, "bad option '%s' (it contains zeros)", name);
    return text;
}

const char *mtn_text_field(lua_State *L, int index, const char *name)
{
    if (lua_isnoneornil(L, index)) return NULL;
    lua_getfield(L, index, name);
    return lua_isnil(L, -1) ? NULL : mtn_text(L, name);
}

double mtn_number_field(lua_State *L, int index, const char *name, double otherwise,
                        double most)
{
    if (lua_isnoneornil(L, index)) return otherwise;
    lua_getfield(L, index, name);
    if (lua_isnil(L, -1)) return otherwise;
    if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= 0))
        luaL_error(L, "bad option '%s' (number that is not negative expected)", name);
    const double number = (double)lua_tonumber(L, -1);
    return number < most ? number : most;
}

bool mtn_flag_field(lua_State *L, int index, const char *name)
{
    if (lua_isnoneornil(L, index)) return false;
    lua_getfield(L, index, name);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "bad option '%s' (boolean expected, got %s)", name, luaL_typename(L, -1));
    return lua_toboolean(L, -1) != 0;
}

/* Every field is one of these. */
void mtn_check_names(lua_State *L, int index, const char *const *names)
{
    if (lua_isnoneornil(L, index)) return;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        bool known = false;
        lua_pop(L, 1);
        for (const char *const *name = names; *name && lua_type(L, -1) == LUA_TSTRING; ++name)
            known = known || strcmp(*name, lua_tostring(L, -1)) == 0;
        if (!known) {
            lua_pushvalue(L, -1);
            luaL_error(L, "unknown option '%s'",
                       lua_isstring(L, -1) ? lua_tostring(L, -1) : "?");
        }
    }
}

size_t mtn_size_field(lua_State *L, int index, const char *name, double otherwise)
{
    return (size_t)mtn_number_field(L, index, name, otherwise, MTN_MOST_SIZE);
}
