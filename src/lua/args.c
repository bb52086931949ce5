/* Arguments to C values. It owns nothing. */
#include "lua/args.h"

#include "core/duration.h"
#include "lua/errors.h"

#include "platform/hidden.h"

static struct mtc_handle *check_handle(lua_State *L, int index, uintptr_t magic,
                                       const char *name)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, magic);
    if (MTM_UNLIKELY(!handle)) mtl_raise_type(L, index, name);
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) {
        struct mtl_blame blame = {.what = name};
        if (handle->owned.asset) mtl_raise_of(L, MTM_CLOSED, handle);
        mtl_raise(L, MTM_CLOSED, &blame);
    }
    return handle;
}

struct mtc_handle *mtl_check_buffer(lua_State *L, int index)
{
    return check_handle(L, index, MTC_BUFFER_MAGIC, "mtmsg.buffer");
}

struct mtc_handle *mtl_check_listener(lua_State *L, int index)
{
    return check_handle(L, index, MTC_LISTENER_MAGIC, "mtmsg.listener");
}

struct mtc_handle *mtl_check_topic(lua_State *L, int index)
{
    return check_handle(L, index, MTC_TOPIC_MAGIC, "mtmsg.topic");
}

static struct mtc_handle *check_any(lua_State *L, int index, uintptr_t magic, const char *name)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, magic);
    struct mtl_blame blame = {.what = name};
    if (!handle) {
        mtl_raise_type(L, index, name);
        return NULL; /* never */
    }
    if (!handle->owned.asset || handle->owned.state->closed) mtl_raise(L, MTM_CLOSED, &blame);
    return handle;
}

struct mtc_handle *mtl_check_any_buffer(lua_State *L, int index)
{
    return check_any(L, index, MTC_BUFFER_MAGIC, "mtmsg.buffer");
}

struct mtc_handle *mtl_check_any_listener(lua_State *L, int index)
{
    return check_any(L, index, MTC_LISTENER_MAGIC, "mtmsg.listener");
}

struct mtc_handle *mtl_check_any_topic(lua_State *L, int index)
{
    return check_any(L, index, MTC_TOPIC_MAGIC, "mtmsg.topic");
}

struct mtc_handle *mtl_check_any_source(lua_State *L, int index)
{
    if (mtc_to_handle(L, index, MTC_LISTENER_MAGIC)) return mtl_check_any_listener(L, index);
    return check_any(L, index, MTC_BUFFER_MAGIC, "mtmsg.buffer or mtmsg.listener");
}

bool mtl_check_flag(lua_State *L, int index)
{
    if (lua_isnone(L, index)) return true; /* a nil is a variable that was not set */
    luaL_checktype(L, index, LUA_TBOOLEAN);
    return lua_toboolean(L, index) != 0;
}

int64_t mtl_check_timeout(lua_State *L, int index, const char *expected)
{
    if (lua_type(L, index) != LUA_TNUMBER) mtl_raise_fixed(L, index, expected);
    double seconds = (double)lua_tonumber(L, index);
    if (seconds != seconds) luaL_argerror(L, index, "timeout must not be NaN");
    return mtm_ns_of_seconds(seconds);
}

struct mtm_wait mtl_check_wait(lua_State *L, int index, bool nonblock, const char *expected)
{
    struct mtm_wait wait = {.timeout = nonblock ? 0 : MTM_FOREVER, .nonblock = nonblock};
    if (MTM_UNLIKELY(!lua_isnoneornil(L, index))) {
        wait.timeout = mtl_check_timeout(L, index, expected);
    }
    return wait;
}

/* Who has set a timeout waits that long in nonblocking mode, too, for locks as for the rest. */
struct mtm_wait mtl_own_wait(const struct mtc_handle *handle)
{
    if (MTM_UNLIKELY(handle->timed) && mtc_handle_is_live(handle))
        return (struct mtm_wait){.timeout = mtl_timeout_of(handle)};
    return (struct mtm_wait){.timeout = handle->nonblock ? 0 : MTM_FOREVER,
                             .nonblock = handle->nonblock};
}

struct mtm_wait mtl_check_own_wait(lua_State *L, int index, const struct mtc_handle *handle,
                                   const char *expected)
{
    if (MTM_LIKELY(lua_isnoneornil(L, index))) return mtl_own_wait(handle);
    return mtl_check_wait(L, index, handle->nonblock, expected);
}

bool mtl_to_integral(lua_State *L, int index, int64_t *out)
{
    double number;
    if (mtc_number(L, index, out, &number)) return true;
    if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) return false;
    *out = (int64_t)number;
    return (double)*out == number;
}

const char *mtl_read_size(lua_State *L, int index, size_t *size)
{
    int64_t integer;
    double number = (double)lua_tonumber(L, index);
    *size = 0;
    if (number != number) return "size must not be NaN";
    if (number <= 0) return NULL;
    if (number > (double)PTRDIFF_MAX) return "size is too large";
    if (mtl_to_integral(L, index, &integer)) {
        if (integer > PTRDIFF_MAX) return "size is too large";
        *size = (size_t)integer;
        return NULL;
    }
    if (number >= (double)PTRDIFF_MAX) return "size is too large";
    *size = (size_t)number;
    return NULL;
}

const char *mtl_read_grow(lua_State *L, int index, double *grow)
{
    double number = (double)lua_tonumber(L, index);
    if (number != number) return "grow factor must not be NaN";
    *grow = number > 0 ? number : 0;
    return NULL;
}

struct mtl_memory mtl_check_memory(lua_State *L, int index)
{
    struct mtl_memory memory = {MTM_DEFAULT_SIZE, false, MTM_DEFAULT_GROW};
    const char *wrong;
    if (!lua_isnoneornil(L, index)) {
        luaL_checknumber(L, index);
        wrong = mtl_read_size(L, index, &memory.size);
        if (wrong) luaL_argerror(L, index, wrong);
        memory.sized = true;
    }
    if (!lua_isnoneornil(L, index + 1)) {
        luaL_checknumber(L, index + 1);
        wrong = mtl_read_grow(L, index + 1, &memory.grow);
        if (wrong) luaL_argerror(L, index + 1, wrong);
    }
    return memory;
}
