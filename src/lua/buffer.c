/* Class mtmsg.buffer: each method reads its arguments, calls the core, and returns or raises
 * its outcome. */
#include "core/buffer.h"

#include <string.h>

#include "capi/apis.h"
#include "core/listener.h"
#include "lua/classes.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/options.h"
#include "lua/receive.h"
#include "lua/tostring.h"
#include "lua/transfer.h"
#include "lua/will.h"

#include "platform/hidden.h"

static void check_arguments(lua_State *L, int first, struct mtm_buffer_options *options)
{
    if (lua_type(L, first) == LUA_TSTRING) {
        options->name = lua_tolstring(L, first, &options->name_len);
        ++first;
    }
    if (lua_istable(L, first)) {
        luaL_argerror(L, first, "number expected, got table; options are the only argument");
    }
    struct mtl_memory memory = mtl_check_memory(L, first);
    options->size = memory.size;
    options->sized = memory.sized;
    options->grow = memory.grow;
}

void mtl_check_new_buffer(lua_State *L, int first, unsigned fields, struct mtl_options *given,
                          struct mtm_buffer_options *options)
{
    if (!lua_istable(L, first)) {
        check_arguments(L, first, options);
        return;
    }
    mtl_check_options(L, first,
                      fields | MTL_OPTION_NAME | MTL_OPTION_MEMORY | MTL_OPTION_BOUNDS, given);
    mtl_buffer_options(given, options);
}

/* Pushing the new handle may run finalizers, so a listener is looked at after that. */
static enum mtm_status make(struct mtm_buffer_options *options, const struct mtc_handle *owner,
                            bool create, struct mtm_buffer **buffer, bool *created)
{
    if (owner && !mtc_handle_is_live(owner)) return MTM_CLOSED;
    if (owner) options->listener = (struct mtm_listener *)owner->object;
    if (create) return mtm_buffer_find_or_new(options, buffer, created);
    return mtm_buffer_new(options, buffer);
}

int mtl_newbuffer_for(lua_State *L, struct mtc_state *state, int first,
                      struct mtc_handle *owner)
{
    struct mtm_buffer_options options = {.listener = NULL};
    struct mtl_options given = {.create = false};
    struct mtm_buffer *buffer;
    bool created = true;
    mtl_check_new_buffer(L, first, MTL_OPTION_CREATE, &given, &options);
    struct mtc_handle *handle = mtl_handle_push(L, state, MTM_BUFFER);
    enum mtm_status status = make(&options, owner, given.create, &buffer, &created);
    if (MTM_LIKELY(status == MTM_OK))
        return mtl_push_made(L, handle, &buffer->object, &given, created);
    if (owner && status != MTM_AMBIGUOUS) return mtl_raise_of(L, status, owner);
    return mtl_raise_not_made(L, status, MTM_BUFFER, &given);
}

int mtl_newbuffer(lua_State *L)
{
    return mtl_newbuffer_for(L, lua_touserdata(L, lua_upvalueindex(1)), 1, NULL);
}

int mtm_buffer(lua_State *L)
{
    return mtl_find(L, MTM_BUFFER);
}

static int buffer_addmsg(lua_State *L)
{
    return mtl_add_short(L, mtl_self_buffer(L));
}

static int buffer_setmsg(lua_State *L)
{
    return mtl_set_short(L, mtl_self_buffer(L));
}

static int buffer_putmsg(lua_State *L)
{
    return mtl_send(L, mtl_check_any_buffer(L, 1), MTL_PUT);
}

static int buffer_nextmsg(lua_State *L)
{
    return mtl_take_short(L, mtl_self_buffer(L));
}

static int buffer_getmsg(lua_State *L)
{
    struct mtc_handle *handle = mtc_to_handle(L, 1, MTC_BUFFER_MAGIC);
    if (MTM_LIKELY(handle && mtc_handle_is_live(handle))) return mtl_get_short(L, handle);
    return mtl_receive(L, mtl_check_any_buffer(L, 1), MTL_GET);
}

static int buffer_peekmsg(lua_State *L)
{
    return mtl_receive(L, mtl_check_any_buffer(L, 1), MTL_PEEK);
}

static int buffer_messages(lua_State *L)
{
    mtl_check_any_buffer(L, 1);
    return mtl_push_messages(L);
}

static int buffer_msgcnt(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_buffer(L, 1);
    const size_t count = handle->object ? mtm_buffer_count(mtl_buffer_of(handle)) : 0;
    mtc_push_integer(L, (int64_t)count);
    return 1;
}

static int buffer_clear(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_buffer(L, 1);
    enum mtm_status status = mtm_buffer_clear(mtl_buffer_of(handle), handle->nonblock);
    if (status == MTM_CLOSED) return mtl_raise_of(L, status, handle);
    lua_pushboolean(L, status == MTM_OK);
    return 1;
}

static int buffer_id(lua_State *L)
{
    return mtl_push_id(L, mtl_check_any_buffer(L, 1));
}

static int buffer_name(lua_State *L)
{
    return mtl_push_name(L, mtl_check_any_buffer(L, 1));
}

static int buffer_nonblock(lua_State *L)
{
    return mtl_set_nonblock(L, mtl_check_buffer(L, 1));
}

static int buffer_isnonblock(lua_State *L)
{
    return mtl_push_isnonblock(L, mtl_check_any_buffer(L, 1));
}

static int buffer_pollfd(lua_State *L)
{
    return mtl_push_pollfd(L, mtl_check_buffer(L, 1));
}

static int buffer_isabort(lua_State *L)
{
    return mtl_push_isabort(L, mtl_check_any_buffer(L, 1));
}

static int buffer_settimeout(lua_State *L)
{
    return mtl_set_timeout(L, mtl_check_any_buffer(L, 1));
}

static int buffer_release(lua_State *L)
{
    return mtl_release(mtl_check_any_buffer(L, 1));
}

static int buffer_will(lua_State *L)
{
    return mtl_will(L, mtl_check_buffer(L, 1));
}

static int buffer_info(lua_State *L)
{
    return mtl_push_info(L, mtl_check_buffer(L, 1));
}

static int buffer_close(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_buffer(L, 1);
    if (handle->object) mtm_buffer_close(mtl_buffer_of(handle));
    return 0;
}

static int buffer_finish(lua_State *L)
{
    mtm_buffer_finish(mtl_buffer_of(mtl_check_buffer(L, 1)));
    return 0;
}

static int buffer_abort(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_buffer(L, 1);
    const bool flag = mtl_check_flag(L, 2);
    if (handle->object) mtm_buffer_abort(mtl_buffer_of(handle), flag);
    return 0;
}

/* ---- notifiers ---- */

static enum mtm_event check_event(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) return MTM_ADDED;
    const char *type = luaL_checkstring(L, index);
    if (strcmp(type, ">") == 0) return MTM_ADDED;
    if (strcmp(type, "<") != 0) {
        lua_pushfstring(L, "notifier type \"<\" or \">\" expected, got \"%s\"", type);
        luaL_argerror(L, index, lua_tostring(L, -1));
    }
    return MTM_TAKEN;
}

/* Fractions don't matter: counts are integers. */
static int64_t check_threshold(lua_State *L, int index, enum mtm_event event)
{
    int64_t threshold;
    if (lua_isnoneornil(L, index)) return 0;
    double number = (double)luaL_checknumber(L, index);
    if (number != number) luaL_argerror(L, index, "threshold must not be NaN");
    if (mtl_to_integral(L, index, &threshold)) return threshold;
    if (number <= 0) return 0;
    if (number >= 9.2e18) return INT64_MAX;
    threshold = (int64_t)number;
    return event == MTM_ADDED ? threshold : threshold + 1;
}

static int buffer_notifier(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_buffer(L, 1);
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    luaL_checkany(L, 2);
    enum mtm_event event = check_event(L, 3);
    int64_t threshold = check_threshold(L, 4, event);
    enum mtm_status status = MTM_CLOSED;
    if (mtm_object_is_closed(handle->object)) return mtl_raise_of(L, status, handle);
    if (lua_isnil(L, 2)) {
        mtm_buffer_disconnect(buffer, event, NULL, false);
        return 0;
    }
    struct mtm_notifier *notifier = mtc_to_notifier(L, 2, threshold, &status); /* may run Lua */
    if (status == MTM_UNKNOWN) return mtl_raise_type(L, 2, "notifier object or nil");
    if (!mtc_handle_is_live(handle)) status = MTM_CLOSED;
    else if (notifier) status = mtm_buffer_connect(buffer, event, notifier);
    if (status == MTM_OK) return 0;
    mtm_notifier_release(notifier, false);
    return mtl_raise_of(L, status, handle);
}

static const luaL_Reg methods[] = {
    {"id", buffer_id},
    {"name", buffer_name},
    {"nonblock", buffer_nonblock},
    {"isnonblock", buffer_isnonblock},
    {"isabort", buffer_isabort},
    {"pollfd", buffer_pollfd},
    {"settimeout", buffer_settimeout},
    {"release", buffer_release},
    {"addmsg", buffer_addmsg},
    {"setmsg", buffer_setmsg},
    {"putmsg", buffer_putmsg},
    {"msgcnt", buffer_msgcnt},
    {"clear", buffer_clear},
    {"notifier", buffer_notifier},
    {"will", buffer_will},
    {"info", buffer_info},
    {"close", buffer_close},
    {"finish", buffer_finish},
    {"abort", buffer_abort},
    {NULL, NULL},
};

void mtl_open_buffer(lua_State *L)
{
    mtl_class_new(L, MTC_BUFFER, methods, mtl_handle_tostring, mtl_handle_gc);
    mtl_handle_class(L);
    mtl_set_close(L, buffer_release);
    static const luaL_Reg receivers[] = {
        {"nextmsg", buffer_nextmsg},
        {"getmsg", buffer_getmsg},
        {"peekmsg", buffer_peekmsg},
        {"messages", buffer_messages},
        {NULL, NULL},
    };
    mtl_set_receivers(L, receivers);
    mtl_set_events(L);
    lua_pop(L, 1);
    mtc_install(L);
    lua_pop(L, 1);
}
