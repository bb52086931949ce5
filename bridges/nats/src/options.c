/* Options: the fields of a table that a program has given. It owns nothing: texts stay on the
 * stack. */
#include "binding.h"

#include <stdint.h>
#include <string.h>

/* The field of the options at `index`, which stays on the stack for its text. */
const char *mtn_text_field(lua_State *L, int index, const char *name)
{
    if (lua_isnoneornil(L, index)) return NULL;
    lua_getfield(L, index, name);
    if (lua_isnil(L, -1)) return NULL;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "bad option '%s' (string expected, got %s)", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    if (strlen(text) != (size_t)(
#if LUA_VERSION_NUM < 502
                            lua_objlen(L, -1)
#else
                            lua_rawlen(L, -1)
#endif
                                ))
        luaL_error(L, "bad option '%s' (it contains zeros)", name);
    return text;
}

double mtn_number_field(lua_State *L, int index, const char *name, double otherwise)
{
    if (lua_isnoneornil(L, index)) return otherwise;
    lua_getfield(L, index, name);
    if (lua_isnil(L, -1)) return otherwise;
    if (lua_type(L, -1) != LUA_TNUMBER || !(lua_tonumber(L, -1) >= 0))
        luaL_error(L, "bad option '%s' (number that is not negative expected)", name);
    return lua_tonumber(L, -1);
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
    const double size = mtn_number_field(L, index, name, otherwise);
    return size < 9e15 && size < (double)(SIZE_MAX / 2) ? (size_t)size : SIZE_MAX / 2;
}
