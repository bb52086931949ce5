/* What analysers must be told of Lua, whose headers don't say which functions never return.
 * It belongs to no build; ci/analyze puts it in front of the files that see Lua. */
#ifndef MTM_CI_ANALYZE_H
#define MTM_CI_ANALYZE_H

#include "lua/errors.h"

#define NORETURN __attribute__((noreturn))

NORETURN int lua_error(lua_State *L);
NORETURN int luaL_error(lua_State *L, const char *format, ...);
NORETURN int luaL_argerror(lua_State *L, int index, const char *text);

/* NOLINTBEGIN(readability-redundant-declaration): they are to be declared once more */
NORETURN int mtl_raise(lua_State *L, enum mtm_status status, const struct mtl_blame *blame);
NORETURN int mtl_raise_for(lua_State *L, enum mtm_status status,
                           const struct mtm_object *object);
NORETURN int mtl_raise_type(lua_State *L, int index, const char *expected);
NORETURN int mtl_raise_fixed(lua_State *L, int index, const char *text);
/* NOLINTEND(readability-redundant-declaration) */

#endif
