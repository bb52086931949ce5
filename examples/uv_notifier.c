/*
 * Owns the Lua module "uv_notifier": a notifier, in the sense of the Notify C API, that wakes
 * the libuv loop of a luv program. What happens in the loop is not its business: that is the
 * callback which the program gave to luv's new_async.
 *
 *     local async = uv.new_async(function() ... end)   -- runs in the loop's thread
 *     local notifier = uv_notifier.new(async)
 *     buffer:notifier(notifier)                        -- another thread adds: the loop wakes
 * up
 *     ...
 *     notifier:close()                                 -- before async:close()
 *
 * Links against libuv (-luv).
 */
#define _GNU_SOURCE /* uv.h wants more than C11 */
#include <lua.h>

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/notify_capi.h"

#define CLASS "uv_notifier"

/* Shared by the Lua object and by every buffer that it is connected to. */
struct notify_notifier {
    atomic_int refs;
    pthread_mutex_t mutex;
    uv_async_t *async; /* guarded by mutex; NULL after close. luv owns it */
};

/* The Lua object. The reference keeps luv's object, and with it the memory of *async. */
struct box {
    notify_notifier *notifier;
    int async_ref;
};

static void retain(notify_notifier *n)
{
    atomic_fetch_add(&n->refs, 1);
}

static void release(notify_notifier *n)
{
    if (atomic_fetch_sub(&n->refs, 1) > 1) return;
    pthread_mutex_destroy(&n->mutex);
    free(n);
}

/* Any thread. uv_async_send may be called from any thread too, and never waits; several calls
 * before the loop gets round to it make one callback, which therefore has to take every message
 * that it finds. The mutex is held for the moment of the call, so that close() can be sure. */
static int notify(notify_notifier *n, notifier_error_handler eh, void *ehdata)
{
    int code = 1; /* closed: the buffer drops us */
    pthread_mutex_lock(&n->mutex);
    if (n->async) code = uv_async_send(n->async) == 0 ? 0 : 2;
    pthread_mutex_unlock(&n->mutex);
    if (code == 2 && eh) eh(ehdata, "uv_async_send failed", 20);
    return code;
}

static notify_notifier *to_notifier(lua_State *L, int index)
{
    struct box *box = lua_touserdata(L, index);
    int ours = 0;
    if (box && lua_getmetatable(L, index)) {
        luaL_getmetatable(L, CLASS);
        ours = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return ours ? box->notifier : NULL;
}

static const notify_capi capi = {NOTIFY_CAPI_VERSION_MAJOR,
                                 NOTIFY_CAPI_VERSION_MINOR,
                                 NOTIFY_CAPI_VERSION_PATCH,
                                 NULL,
                                 to_notifier,
                                 retain,
                                 release,
                                 notify};

/* uv_notifier.new(async) */
static int new_notifier(lua_State *L)
{
    uv_async_t **async = luaL_checkudata(L, 1, "uv_async");
    struct box *box = lua_newuserdata(L, sizeof *box);
    box->notifier = NULL;
    box->async_ref = LUA_NOREF;
    luaL_getmetatable(L, CLASS);
    lua_setmetatable(L, -2);
    box->notifier = calloc(1, sizeof *box->notifier);
    if (!box->notifier) return luaL_error(L, "out of memory");
    atomic_init(&box->notifier->refs, 1);
    pthread_mutex_init(&box->notifier->mutex, NULL);
    lua_pushvalue(L, 1);
    box->async_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    box->notifier->async = *async;
    return 1;
}

/* notifier:close(): when it returns no thread touches the async any more, nor will. */
static int close_notifier(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, CLASS);
    notify_notifier *n = box->notifier;
    if (n) {
        pthread_mutex_lock(&n->mutex);
        n->async = NULL;
        pthread_mutex_unlock(&n->mutex);
        luaL_unref(L, LUA_REGISTRYINDEX, box->async_ref);
        box->async_ref = LUA_NOREF;
    }
    return 0;
}

static int gc_notifier(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, CLASS);
    close_notifier(L);
    if (box->notifier) release(box->notifier);
    box->notifier = NULL;
    return 0;
}

__attribute__((visibility("default"))) int luaopen_uv_notifier(lua_State *L);

int luaopen_uv_notifier(lua_State *L)
{
    luaL_newmetatable(L, CLASS);
    notify_set_capi(L, -1, &capi);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, close_notifier);
    lua_setfield(L, -2, "close");
    lua_pushcfunction(L, gc_notifier);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    lua_pushcfunction(L, new_notifier);
    lua_setfield(L, -2, "new");
    return 1;
}
