/* Sending: what addmsg and setmsg have in common. Methods check their self and call these. */
#ifndef MTL_TRANSFER_H
#define MTL_TRANSFER_H

#include "capi/handle.h"

/* buffer:addmsg(...) and buffer:setmsg(...): pushes true or false. */
int mtl_send(lua_State *L, struct mtc_handle *handle, bool replace);

/* addmsg(...), with a fast path for the common case. */
int mtl_add_short(lua_State *L, struct mtc_handle *handle);

/* The result of a put for Lua: pushes true (OK), or false (FULL, BUSY), or raises. `size` is
 * the message's. */
int mtl_push_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size,
                 struct mtm_failure *failure);

#endif
