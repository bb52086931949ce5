/* Reading of arguments: each function raises "bad argument" for what is wrong, before anything
 * has happened. Values that become messages are read in codec.h. */
#ifndef MTL_ARGS_H
#define MTL_ARGS_H

#include "capi/handle.h"
#include "lua/state.h"

/* Self of a method, or a buffer as argument: raises object_closed if it was finalized. */
struct mtc_handle *mtl_check_buffer(lua_State *L, int index);
struct mtc_handle *mtl_check_listener(lua_State *L, int index);
struct mtc_handle *mtl_check_topic(lua_State *L, int index);
struct mtc_handle *mtl_check_any_topic(lua_State *L, int index); /* it may have been released */

/* The same for the hot paths. */
static inline struct mtc_handle *mtl_self_buffer(lua_State *L)
{
    struct mtc_handle *handle = mtc_to_handle(L, 1, MTC_BUFFER_MAGIC);
    return MTM_LIKELY(handle && mtc_handle_is_live(handle)) ? handle : mtl_check_buffer(L, 1);
}

/* The same, and they may have been released. */
struct mtc_handle *mtl_check_any_buffer(lua_State *L, int index);
struct mtc_handle *mtl_check_any_listener(lua_State *L, int index);
struct mtc_handle *mtl_check_any_source(lua_State *L, int index);

static inline struct mtm_buffer *mtl_buffer_of(const struct mtc_handle *handle)
{
    return (struct mtm_buffer *)handle->object;
}

/* While a handle is pinned, releasing it does not give up its reference: that is left to the
 * last unpin. Whoever uses the object after Lua may have run (a notifier, a finalizer, a hook)
 * has pinned the handle before; it is live then. The end of the state leaves to the last unpin
 * what is pinned. An error that leaves pins behind leaves the reference until the state closes.
 */
static inline void mtl_pin(struct mtc_handle *handle)
{
    ++handle->owned.asset->users;
}
void mtl_unpin_last(struct mtc_handle *handle);
static inline void mtl_unpin(struct mtc_handle *handle)
{
    if (--handle->owned.asset->users == 0 && MTM_UNLIKELY(!mtc_handle_is_live(handle)))
        mtl_unpin_last(handle);
}

/* A boolean, true if it is absent. */
bool mtl_check_flag(lua_State *L, int index);

/* Seconds, >= 0 after clipping, as ns; `expected` is the text for a wrong type. */
int64_t mtl_check_timeout(lua_State *L, int index, const char *expected);

/* The number of arguments, its self included, if a receive was called without others, or with
 * nothing but a valid timeout: so, while there is a message, it need not look at them. Else 0.
 */
static inline int mtl_plain_receive(lua_State *L)
{
    const int top = lua_gettop(L);
    if (MTM_LIKELY(top <= 1)) return 1;
    if (top > 2 || lua_type(L, 2) != LUA_TNUMBER) return 0;
    const lua_Number timeout = lua_tonumber(L, 2);
    return timeout == timeout ? 2 : 0; /* no NaN */
}

/* An optional timeout: none means for ever, or not at all if nonblock. */
struct mtm_wait mtl_check_wait(lua_State *L, int index, bool nonblock, const char *expected);

/* The handle's own timeout, if it is timed. */
int64_t mtl_timeout_of(const struct mtc_handle *handle);

/* For the calls of which the handle says how long they wait; and the same, unless there is a
 * timeout at that index. */
struct mtm_wait mtl_own_wait(const struct mtc_handle *handle);
struct mtm_wait mtl_check_own_wait(lua_State *L, int index, const struct mtc_handle *handle,
                                   const char *expected);

/* [size[, grow]] from index on. */
struct mtl_memory {
    size_t size;
    bool sized;
    double grow;
};
struct mtl_memory mtl_check_memory(lua_State *L, int index);

/* The same of a number, or a string that is one: NULL, or the text of what is wrong with it. */
const char *mtl_read_size(lua_State *L, int index, size_t *size);
const char *mtl_read_grow(lua_State *L, int index, double *grow);

/* Whether the value is a number with an integral value that an int64_t can hold. */
bool mtl_to_integral(lua_State *L, int index, int64_t *out);

#endif
