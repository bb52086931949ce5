/* Class mtmsg.buffer: each method reads its arguments, calls the core, and returns or raises
 * its outcome. */
#include "core/buffer.h"

#include <string.h>

#include "capi/apis.h"
#include "core/listener.h"
#include "lua/classes.h"
#include "lua/codec.h"
#include "lua/errors.h"
#include "lua/transfer.h"

#include "platform/hidden.h"

int mtm_newbuffer_for(lua_State *L, struct mtm_state *state, int first,
                      struct mtm_listener *listener)
{
    struct mtm_buffer_options options = {.listener = listener};
    if (lua_type(L, first) == LUA_TSTRING) {
        options.name = lua_tolstring(L, first, &options.name_len);
        ++first;
    }
    struct mtm_memory memory = mtm_check_memory(L, first);
    options.size = memory.size;
    options.sized = memory.sized;
    options.grow = memory.grow;
    struct mtm_handle *handle = mtm_handle_push(L, state, MTM_BUFFER);
    struct mtm_buffer *buffer;
    enum mtm_status status = mtm_buffer_new(&options, &buffer);
    if (status != MTM_OK) return mtm_raise_for(L, status, listener ? &listener->object : NULL);
    mtm_handle_set(handle, &buffer->object);
    return 1;
}

int mtm_newbuffer(lua_State *L)
{
    return mtm_newbuffer_for(L, lua_touserdata(L, lua_upvalueindex(1)), 1, NULL);
}

int mtm_buffer(lua_State *L)
{
    return mtm_find(L, MTM_BUFFER);
}

static int buffer_addmsg(lua_State *L)
{
    return mtm_add_short(L, mtm_self_buffer(L));
}

static int buffer_setmsg(lua_State *L)
{
    return mtm_send(L, mtm_check_buffer(L, 1), true);
}

static int buffer_nextmsg(lua_State *L)
{
    return mtm_take_short(L, mtm_self_buffer(L));
}

static int buffer_msgcnt(lua_State *L)
{
    mtm_lua_push_integer(L, (int64_t)mtm_buffer_count(mtm_buffer_of(mtm_check_buffer(L, 1))));
    return 1;
}

static int buffer_clear(lua_State *L)
{
    struct mtm_handle *handle = mtm_check_buffer(L, 1);
    enum mtm_status status = mtm_buffer_clear(mtm_buffer_of(handle), handle->nonblock);
    if (status == MTM_CLOSED) return mtm_raise_for(L, status, handle->object);
    lua_pushboolean(L, status == MTM_OK);
    return 1;
}

static int buffer_id(lua_State *L)
{
    return mtm_push_id(L, mtm_check_buffer(L, 1));
}

static int buffer_name(lua_State *L)
{
    return mtm_push_name(L, mtm_check_buffer(L, 1));
}

static int buffer_nonblock(lua_State *L)
{
    return mtm_set_nonblock(L, mtm_check_buffer(L, 1));
}

static int buffer_isnonblock(lua_State *L)
{
    return mtm_push_isnonblock(L, mtm_check_buffer(L, 1));
}

static int buffer_isabort(lua_State *L)
{
    return mtm_push_isabort(L, mtm_check_buffer(L, 1));
}

static int buffer_close(lua_State *L)
{
    mtm_buffer_close(mtm_buffer_of(mtm_check_buffer(L, 1)));
    return 0;
}

static int buffer_abort(lua_State *L)
{
    struct mtm_handle *handle = mtm_check_buffer(L, 1);
    mtm_buffer_abort(mtm_buffer_of(handle), mtm_check_flag(L, 2));
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
    if (mtm_to_integral(L, index, &threshold)) return threshold;
    if (number <= 0) return 0;
    if (number >= 9.2e18) return INT64_MAX;
    threshold = (int64_t)number;
    return event == MTM_ADDED ? threshold : threshold + 1;
}

static int buffer_notifier(lua_State *L)
{
    struct mtm_handle *handle = mtm_check_buffer(L, 1);
    struct mtm_buffer *buffer = mtm_buffer_of(handle);
    luaL_checkany(L, 2);
    enum mtm_event event = check_event(L, 3);
    int64_t threshold = check_threshold(L, 4, event);
    enum mtm_status status = mtm_object_state(handle->object);
    if (status == MTM_CLOSED) return mtm_raise_for(L, status, handle->object);
    if (lua_isnil(L, 2)) {
        mtm_buffer_disconnect(buffer, event, NULL, false);
        return 0;
    }
    struct mtm_notifier *notifier = mtm_capi_to_notifier(L, 2, threshold, &status);
    if (status == MTM_UNKNOWN) return mtm_raise_type(L, 2, "notifier object or nil");
    if (notifier) status = mtm_buffer_connect(buffer, event, notifier);
    if (status == MTM_OK) return 0;
    mtm_notifier_release(notifier);
    return mtm_raise_for(L, status, handle->object);
}

static const luaL_Reg methods[] = {
    {"id", buffer_id},
    {"name", buffer_name},
    {"nonblock", buffer_nonblock},
    {"isnonblock", buffer_isnonblock},
    {"isabort", buffer_isabort},
    {"addmsg", buffer_addmsg},
    {"setmsg", buffer_setmsg},
    {"msgcnt", buffer_msgcnt},
    {"clear", buffer_clear},
    {"notifier", buffer_notifier},
    {"close", buffer_close},
    {"abort", buffer_abort},
    {NULL, NULL},
};

void mtm_open_buffer(lua_State *L)
{
    mtm_class_new(L, "mtmsg.buffer", methods, mtm_handle_tostring, mtm_handle_gc);
    lua_pushcfunction(L, mtm_decode);
    lua_pushcclosure(L, buffer_nextmsg, 1);
    lua_setfield(L, -2, "nextmsg");
    lua_pop(L, 1);
    mtm_capi_install(L);
    lua_pop(L, 1);
}
