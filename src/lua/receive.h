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

/* ---- for receives that look for a message in another way ---- */

struct mtm_delivery;
struct mtm_wait;
struct mtl_pending;

/* First of all: if hooks could lose the message, the running function is called once more below
 * this call: true, and *results have been pushed. Else *pending is for give. */
bool mtl_call_watched(lua_State *L, struct mtc_state *state, enum mtl_how how,
                      struct mtl_pending **pending, int *results);

/* Pushes what the protected call needs, since even that can raise an error: the function, and
 * the given arrays; below them, if it is to be returned, there is a place for the id. Returns
 * where that begins. */
int mtl_prepare(lua_State *L, enum mtl_how how, int first_array, int top);

/* After a receive of the core, into the state's carrier, that ended with a *status which is not
 * OK. True: the message needs more memory, which is there now, so it is to be tried again;
 * false: *status is the outcome, and no GROW. */
bool mtl_receive_retry(struct mtc_state *state, struct mtm_delivery *in,
                       enum mtm_status *status);

/* One receive: as mtm_receive, without GROW. OK: the handle is pinned, for give. */
enum mtm_status mtl_take(struct mtc_handle *handle, struct mtm_wait *wait,
                         struct mtm_delivery *in, enum mtl_how how);

/* A message was taken by way of this handle, which is pinned; the first result, if there is one
 * beside the values, is at `base`, and the carrier the state's. Returns how many values it has
 * pushed, that one included. */
int mtl_give(lua_State *L, struct mtc_handle *handle, struct mtm_delivery *in, enum mtl_how how,
             int base, bool nonblock, struct mtl_pending *pending);

/* A call that held a message while it made values may have ended by an error: the hold ends,
 * unless the call is, or may be, still under way. */
void mtl_end_failed_hold(lua_State *L, struct mtc_state *state);

/* How long the receive waits, whose timeout would be at that index; a loop knows its own.
 * Raises what is wrong with it. */
struct mtm_wait mtl_wait_of(lua_State *L, struct mtc_handle *handle, enum mtl_how how,
                            int index);

/* Takes a message, decodes it, and returns how many values have been pushed, the id included.
 * Above `base` there is what mtl_prepare has pushed. */
int mtl_receive_prepared(lua_State *L, struct mtc_handle *handle, struct mtm_wait *wait,
                         enum mtl_how how, int base, struct mtl_pending *pending);

/* ---- */

/* nextmsg(...) and getmsg(...) of a live buffer, with a fast path for the common case: what can
 * raise an error is done before the message is taken, so no protected call is needed. */
int mtl_take_short(lua_State *L, struct mtc_handle *handle);
int mtl_get_short(lua_State *L, struct mtc_handle *handle);

/* One step of messages() of a live buffer, which is all that is on the stack. */
int mtl_each_short(lua_State *L, struct mtc_handle *handle);

/* The same for a call whose first result is what stands at `first`, the live buffer's handle or
 * another one: returns how many results it has pushed; 0: it has taken nothing, and pushed
 * nothing, so the message, if there is one, is for the slow path. */
int mtl_try_short(lua_State *L, struct mtc_handle *handle, int first);

/* Whether a hook will run when the call returns, which could raise an error then. */
static inline bool mtl_is_watched(lua_State *L)
{
    return MTM_UNLIKELY((lua_gethookmask(L) & LUA_MASKRET) != 0);
}

/* The table of methods is on top: adds those whose upvalue 1 is mtl_decode. */
void mtl_set_receivers(lua_State *L, const luaL_Reg *receivers);

/* source:messages([timeout]): pushes what a for loop wants. Upvalue 1 as above. */
int mtl_push_messages(lua_State *L);

/* Every receive by way of a handle that ends with EMPTY or BUSY says so: then its descriptor,
 * if it has one, need not be readable any more. The handle is pinned, or nothing has run since.
 */
void mtl_received_nothing(const struct mtc_handle *handle, enum mtm_status status);

#endif
