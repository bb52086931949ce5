/* Sending: what addmsg, setmsg and putmsg have in common. Methods check their self and call
 * these. */
#ifndef MTL_TRANSFER_H
#define MTL_TRANSFER_H

#include "capi/handle.h"

enum mtl_send_how {
    MTL_ADD, /* true or false; errors */
    MTL_SET, /* the same, in place of what is there */
    MTL_PUT  /* waits for room; true; nil and a reason */
};

/* buffer:addmsg(...), buffer:setmsg(...), buffer:putmsg(...): pushes the result. The buffer may
 * have been released. */
int mtl_send(lua_State *L, struct mtc_handle *handle, enum mtl_send_how how);

/* addmsg(...) and setmsg(...) of a live handle, with a fast path for the common case. */
int mtl_add_short(lua_State *L, struct mtc_handle *handle);
int mtl_set_short(lua_State *L, struct mtc_handle *handle);

/* The result of a put for Lua: pushes true (OK), or false (FULL, BUSY), or raises. `size` is
 * the message's. */
int mtl_push_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size,
                 struct mtm_failure *failure);

/* The same of one that waits: pushes true, or nil and a reason, or raises. */
int mtl_push_put_wait(lua_State *L, struct mtc_handle *handle, enum mtm_status status,
                      size_t size, struct mtm_failure *failure);

/* Raises the outcome of a put that is an error. */
int mtl_raise_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size);

#endif
