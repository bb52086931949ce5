/* Class mtmsg.listener: each method reads its arguments, calls the core, and returns or raises
 * its outcome. */
#include "core/listener.h"

#include "lua/classes.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/options.h"
#include "lua/receive.h"
#include "lua/tostring.h"

#include "platform/hidden.h"

static struct mtm_listener *listener_of(const struct mtc_handle *handle)
{
    return (struct mtm_listener *)handle->object;
}

int mtl_newlistener(lua_State *L)
{
    struct mtl_options given;
    struct mtm_listener *listener;
    bool created = true;
    mtl_check_name_or_options(L, MTL_OPTION_NAME | MTL_OPTION_CREATE, &given);
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtc_handle *handle = mtl_handle_push(L, state, MTM_LISTENER);
    enum mtm_status status =
        given.create ? mtm_listener_find_or_new(given.name, given.name_len, &listener, &created)
                     : mtm_listener_new(given.name, given.name_len, &listener);
    if (status != MTM_OK) return mtl_raise_not_made(L, status, MTM_LISTENER, &given);
    return mtl_push_made(L, handle, &listener->object, &given, created);
}

int mtm_listener(lua_State *L)
{
    return mtl_find(L, MTM_LISTENER);
}

static int listener_newbuffer(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_listener(L, 1);
    return mtl_newbuffer_for(L, handle->owned.state, 2, handle);
}

/* Whether locks may be waited for, in a plain receive with so many arguments. A loop has its
 * timeout as upvalue 2. */
static inline bool waits(lua_State *L, const struct mtc_handle *handle, enum mtl_how how,
                         int top)
{
    const int timeout = how == MTL_EACH ? lua_upvalueindex(2) : 2;
    if (MTM_LIKELY(top == 1 && (how != MTL_EACH || lua_isnil(L, timeout))))
        return !handle->nonblock;
    return lua_tonumber(L, timeout) > 0;
}

/* A single number, boolean or byte is taken at once; for all but MTL_PEEK. */
static int take(lua_State *L, struct mtc_handle *handle, enum mtl_how how)
{
    struct mtm_word word;
    uint64_t id;
    const int top = mtl_plain_receive(L);
    if (top == 0 || !mtc_handle_is_live(handle) || mtl_is_watched(L) ||
        !mtm_listener_take_word(
            listener_of(handle), MTC_PLAIN_WORD,
            waits(L, handle, how, top) ? MTM_TAKER_WAITS : MTM_TAKER_NONBLOCK, &word, &id)) {
        return mtl_receive(L, handle, how);
    }
    if (how != MTL_NEXT) mtc_push_integer(L, (int64_t)id);
    mtl_push_word(L, word);
    return how == MTL_NEXT ? 1 : 2;
}

static int listener_nextmsg(lua_State *L)
{
    return take(L, mtl_check_listener(L, 1), MTL_NEXT);
}

static int listener_getmsg(lua_State *L)
{
    return take(L, mtl_check_any_listener(L, 1), MTL_GET);
}

int mtl_each_of_listener(lua_State *L, struct mtc_handle *handle)
{
    return take(L, handle, MTL_EACH);
}

static int listener_messages(lua_State *L)
{
    mtl_check_any_listener(L, 1);
    return mtl_push_messages(L);
}

static int listener_clear(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_listener(L, 1);
    enum mtm_status status = mtm_listener_clear(listener_of(handle), handle->nonblock);
    if (status == MTM_CLOSED) return mtl_raise_of(L, status, handle);
    lua_pushboolean(L, status == MTM_OK);
    return 1;
}

static int listener_id(lua_State *L)
{
    return mtl_push_id(L, mtl_check_any_listener(L, 1));
}

static int listener_name(lua_State *L)
{
    return mtl_push_name(L, mtl_check_any_listener(L, 1));
}

static int listener_nonblock(lua_State *L)
{
    return mtl_set_nonblock(L, mtl_check_listener(L, 1));
}

static int listener_isnonblock(lua_State *L)
{
    return mtl_push_isnonblock(L, mtl_check_any_listener(L, 1));
}

static int listener_pollfd(lua_State *L)
{
    return mtl_push_pollfd(L, mtl_check_listener(L, 1));
}

static int listener_isabort(lua_State *L)
{
    return mtl_push_isabort(L, mtl_check_any_listener(L, 1));
}

static int listener_settimeout(lua_State *L)
{
    return mtl_set_timeout(L, mtl_check_any_listener(L, 1));
}

static int listener_release(lua_State *L)
{
    return mtl_release(mtl_check_any_listener(L, 1));
}

static int listener_info(lua_State *L)
{
    return mtl_push_info(L, mtl_check_listener(L, 1));
}

static int listener_close(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_listener(L, 1);
    if (handle->object) mtm_listener_close(listener_of(handle));
    return 0;
}

static int listener_finish(lua_State *L)
{
    mtm_listener_finish(listener_of(mtl_check_listener(L, 1)));
    return 0;
}

static int listener_abort(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_listener(L, 1);
    const bool flag = mtl_check_flag(L, 2);
    if (handle->object) mtm_listener_abort(listener_of(handle), flag);
    return 0;
}

static const luaL_Reg methods[] = {
    {"id", listener_id},
    {"name", listener_name},
    {"nonblock", listener_nonblock},
    {"isnonblock", listener_isnonblock},
    {"isabort", listener_isabort},
    {"pollfd", listener_pollfd},
    {"settimeout", listener_settimeout},
    {"release", listener_release},
    {"newbuffer", listener_newbuffer},
    {"clear", listener_clear},
    {"info", listener_info},
    {"close", listener_close},
    {"finish", listener_finish},
    {"abort", listener_abort},
    {NULL, NULL},
};

void mtl_open_listener(lua_State *L)
{
    mtl_class_new(L, MTC_LISTENER, methods, mtl_handle_tostring, mtl_handle_gc);
    mtl_handle_class(L);
    mtl_set_close(L, listener_release);
    static const luaL_Reg receivers[] = {
        {"nextmsg", listener_nextmsg},
        {"getmsg", listener_getmsg},
        {"messages", listener_messages},
        {NULL, NULL},
    };
    mtl_set_receivers(L, receivers);
    mtl_set_events(L);
    lua_pop(L, 2);
}
