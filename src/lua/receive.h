/* Receiving from buffers and listeners: what nextmsg, getmsg, peekmsg and messages have in
 * common. Methods check their self and call these. */
#ifndef MTL_RECEIVE_H
#define MTL_RECEIVE_H

#include "capi/handle.h"

/* What a receive gives. */
enum mtl_how {
    MTL_NEXT, /* values; nothing if there was none in time; errors */
    MTL_GET,  /* the id of the buffer and values; nil and a reason */
    MTL_PEEK, /* the same of a buffer, whose message stays */
    MTL_EACH  /* as get; nothing at the end; an error where it was aborted */
};

/* source:f([timeout][, carray]*): returns what it has pushed. Upvalue 1 of the running function
 * is mtl_decode. The source may have been released. */
int mtl_receive(lua_State *L, struct mtc_handle *handle, enum mtl_how how);

/* nextmsg(...) and getmsg(...) of a live buffer, with a fast path for the common case. For
 * short messages, what can raise an error is done before the message is taken: so no protected
 * call is needed. */
int mtl_take_short(lua_State *L, struct mtc_handle *handle);
int mtl_get_short(lua_State *L, struct mtc_handle *handle);

/* The table of methods is on top: adds those whose upvalue 1 is mtl_decode. */
void mtl_set_receivers(lua_State *L, const luaL_Reg *receivers);

/* source:messages([timeout]): pushes what a for loop wants. Upvalue 1 as above. */
int mtl_push_messages(lua_State *L);

/* Every receive by way of a handle that ends with EMPTY or BUSY says so: then its descriptor,
 * if it has one, need not be readable any more. The handle is pinned, or nothing has run since.
 */
void mtl_received_nothing(const struct mtc_handle *handle, enum mtm_status status);

#endif
