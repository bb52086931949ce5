/*
 * Owns the proof that sources written for the headers that came before ours compile against
 * ours: it uses every name that those offered, in the way in which clients use them. It runs
 * nothing.
 *
 * check.sh compiles it as C89, C99, C11, C++98 and C++11.
 */
#ifdef __cplusplus
extern "C" {
#endif
#include <lua.h>

#include <lauxlib.h>
#ifdef __cplusplus
}
#endif

#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI 1
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI 1
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI 1
#define RECEIVER_CAPI_IMPLEMENT_SET_CAPI 0
#define SENDER_CAPI_IMPLEMENT_GET_CAPI 0
#define SENDER_CAPI_IMPLEMENT_SET_CAPI 1
#define CARRAY_CAPI_IMPLEMENT_REQUIRE_CAPI 1
#define CARRAY_CAPI_IMPLEMENT_SET_CAPI 0

#include "mtmsg/carray_capi.h"
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0 means no: these are the client's own. */
static int receiver_set_capi(lua_State *L)
{
    return lua_gettop(L);
}

static const sender_capi *sender_get_capi(lua_State *L, int index, int *reason)
{
    *reason = 2;
    return (const sender_capi *)lua_touserdata(L, index);
}

static int carray_set_capi(lua_State *L)
{
    return lua_gettop(L);
}

/* A name that clients have given to functions of theirs. */
static void notify_error_handler(void *ehdata, const char *msg, size_t msglen)
{
    lua_pushlstring((lua_State *)ehdata, msg, msglen);
}

static int notify(notify_notifier *n, notifier_error_handler eh, void *ehdata)
{
    if (!n && eh) eh(ehdata, "none", 4);
    return n ? 0 : 2;
}

static notify_notifier *to_notifier(lua_State *L, int index)
{
    return (notify_notifier *)lua_touserdata(L, index);
}

static void hold(notify_notifier *n)
{
    (void)n;
}

static const notify_capi notifier_api = {NOTIFY_CAPI_VERSION_MAJOR,
                                         NOTIFY_CAPI_VERSION_MINOR,
                                         NOTIFY_CAPI_VERSION_PATCH,
                                         NULL,
                                         to_notifier,
                                         hold,
                                         hold,
                                         notify};

static size_t sender_size(enum sender_array_type type)
{
    switch (type) {
        case SENDER_UCHAR:
        case SENDER_SCHAR: return sizeof(char);
        case SENDER_SHORT:
        case SENDER_USHORT: return sizeof(short);
        case SENDER_INT:
        case SENDER_UINT: return sizeof(int);
        case SENDER_LONG:
        case SENDER_ULONG: return sizeof(long);
        case SENDER_FLOAT: return sizeof(float);
        case SENDER_DOUBLE: return sizeof(double);
#if SENDER_CAPI_HAVE_LONG_LONG
        case SENDER_LLONG:
        case SENDER_ULLONG: return 8;
#endif
    }
    return 0;
}

static enum carray_type to_carray(receiver_array_type type)
{
    switch (type) {
        case RECEIVER_UCHAR: return CARRAY_UCHAR;
        case RECEIVER_SCHAR: return CARRAY_SCHAR;
        case RECEIVER_SHORT: return CARRAY_SHORT;
        case RECEIVER_USHORT: return CARRAY_USHORT;
        case RECEIVER_INT: return CARRAY_INT;
        case RECEIVER_UINT: return CARRAY_UINT;
        case RECEIVER_LONG: return CARRAY_LONG;
        case RECEIVER_ULONG: return CARRAY_ULONG;
        case RECEIVER_FLOAT: return CARRAY_FLOAT;
        case RECEIVER_DOUBLE: return CARRAY_DOUBLE;
#if RECEIVER_CAPI_HAVE_LONG_LONG && CARRAY_CAPI_HAVE_LONG_LONG
        case RECEIVER_LLONG: return CARRAY_LLONG;
        case RECEIVER_ULLONG: return CARRAY_ULLONG;
#endif
    }
    return (carray_type)0;
}

#if !SENDER_CAPI_HAVE_LONG_LONG
#error "the compiler has long long, and the header says it has not"
#endif

/* Every kind of value. */
static int push(lua_State *L, const sender_capi_value *v)
{
    switch (v->type) {
        case SENDER_CAPI_TYPE_NONE: return 0;
        case SENDER_CAPI_TYPE_NIL: lua_pushnil(L); break;
        case SENDER_CAPI_TYPE_BOOLEAN: lua_pushboolean(L, v->boolVal); break;
        case SENDER_CAPI_TYPE_INTEGER: lua_pushinteger(L, v->intVal); break;
        case SENDER_CAPI_TYPE_NUMBER: lua_pushnumber(L, v->numVal); break;
        case SENDER_CAPI_TYPE_LIGHTUSERDATA: lua_pushlightuserdata(L, v->ptrVal); break;
        case SENDER_CAPI_TYPE_CFUNCTION: lua_pushcfunction(L, v->funcVal); break;
        case SENDER_CAPI_TYPE_STRING: lua_pushlstring(L, v->strVal.ptr, v->strVal.len); break;
        case SENDER_CAPI_TYPE_ARRAY:
            lua_pushlstring(L, (const char *)v->arrayVal.data,
                            v->arrayVal.elementSize * v->arrayVal.elementCount);
            return v->arrayVal.elementSize == sender_size(v->arrayVal.type);
    }
    return 1;
}

static int drain(lua_State *L, const sender_capi *api, sender_object *from)
{
    sender_error_handler on_error = notify_error_handler;
    sender_reader *r = api->newReader(1024, 2);
    sender_capi_value value;
    int count = 0;
    if (r && api->nextMessageFromSender(from, r, 0, -1, on_error, L) == 0) {
        for (;;) {
            api->nextValueFromReader(r, &value);
            if (value.type == SENDER_CAPI_TYPE_NONE) break;
            count += push(L, &value);
        }
    }
    if (r) api->freeReader(r);
    return count;
}

static int fill(lua_State *L, const receiver_capi *api, receiver_object *to)
{
    receiver_error_handler on_error = notify_error_handler;
    receiver_writer *w = api->newWriter(1024, 2);
    int failed =
        !w || api->addIntegerToWriter(w, 1) || api->msgToReceiver(to, w, 0, 0, on_error, L);
    if (w) api->freeWriter(w);
    return failed;
}

static int array_of(lua_State *L, receiver_array_type type)
{
    const carray_capi *api = carray_require_capi(L);
    carray_info info;
    void *elements = NULL;
    carray *a = api->newCarray(L, to_carray(type), CARRAY_DEFAULT, 10, &elements);
    carray_attr attr = CARRAY_READONLY;
    return a && api->toReadableCarray(L, -1, &info) && info.attr != attr &&
           carray_get_capi(L, -1, NULL) == api && info.elementType == to_carray(type);
}

int mtmsg_headers_use_old_names(lua_State *L);

int mtmsg_headers_use_old_names(lua_State *L)
{
    int reason = 0;
    const notify_capi *n = notify_get_capi(L, 1, &reason);
    const receiver_capi *r = receiver_get_capi(L, 1, &reason);
    const sender_capi *s = sender_get_capi(L, 1, &reason);
    if (!n || !r || !s) return luaL_error(L, "%s: %d", SENDER_CAPI_ID_STRING, reason);
    sender_set_capi(L, 2, s);
    return notify_set_capi(L, 2, &notifier_api) + receiver_set_capi(L) + carray_set_capi(L) +
           drain(L, s, s->toSender(L, 1)) + fill(L, r, r->toReceiver(L, 1)) +
           array_of(L, RECEIVER_FLOAT);
}

#ifdef __cplusplus
}
#endif
