/* The integers of 64 bits that LuaJIT has beside its numbers: 1LL. In other Luas there are
 * none, and these functions say so. */
#ifndef MTL_CDATA_H
#define MTL_CDATA_H

#include "capi/handle.h"

/* What lua_type says of the FFI's objects. */
enum { MTL_TCDATA = 10 };

/* Whether the value on top, a cdata, is such an integer, and then *integer. Calls the FFI, and
 * raises errors of Lua. */
bool mtl_to_int64(lua_State *L, const struct mtc_state *state, int64_t *integer);

/* Pushes an integer that mtc_is_wide: as one of those, or where there are none as the number
 * that is next to it. As above. */
void mtl_push_wide(lua_State *L, const struct mtc_state *state, int64_t integer);

#endif
