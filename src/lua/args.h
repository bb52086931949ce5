/* Reading of arguments: each function raises "bad argument" for what is wrong, before anything
 * has happened. Values that become messages are read in codec.h. */
#ifndef MTM_LUA_ARGS_H
#define MTM_LUA_ARGS_H

#include "capi/handle.h"
#include "lua/state.h"

/* Self of a method, or a buffer as argument: raises object_closed if it was finalized. */
struct mtm_handle *mtm_check_buffer(lua_State *L, int index);
struct mtm_handle *mtm_check_listener(lua_State *L, int index);

/* The same for the hot paths. */
static inline struct mtm_handle *mtm_self_buffer(lua_State *L)
{
    struct mtm_handle *handle = mtm_to_handle(L, 1, MTM_BUFFER_MAGIC);
    return MTM_LIKELY(handle && mtm_handle_is_live(handle)) ? handle : mtm_check_buffer(L, 1);
}

/* A buffer or a listener. */
struct mtm_handle *mtm_check_source(lua_State *L, int index);

static inline struct mtm_buffer *mtm_buffer_of(const struct mtm_handle *handle)
{
    return (struct mtm_buffer *)handle->object;
}

/* An optional boolean that defaults to true. */
bool mtm_check_flag(lua_State *L, int index);

/* Seconds, >= 0 after clipping, as ns; `expected` is the text for a wrong type. */
int64_t mtm_check_timeout(lua_State *L, int index, const char *expected);

/* An optional timeout: none means for ever, or not at all if nonblock. */
struct mtm_wait mtm_check_wait(lua_State *L, int index, bool nonblock, const char *expected);

/* [size[, grow]] from index on. */
struct mtm_memory {
    size_t size;
    bool sized;
    double grow;
};
struct mtm_memory mtm_check_memory(lua_State *L, int index);

/* Whether the value is a number with an integral value that an int64_t can hold. */
bool mtm_to_integral(lua_State *L, int index, int64_t *out);

#endif
