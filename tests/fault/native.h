/* Owns the client of the C APIs that the scripts of tests/fault drive: it uses every function
 * of each API and notes which ones, and it asks Lua for no memory on the way. It does not know
 * when memory fails: where a function says so it is called once more, as the failure is meant
 * to have changed nothing. */
#ifndef FAULT_NATIVE_H
#define FAULT_NATIVE_H

#include <stddef.h>
#include <string.h>

#include <lua.h>

#include <lauxlib.h>

#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

/* ---- which functions there are, and which were used ---- */

#define NOTIFY_FIELDS(X) X(toNotifier) X(retainNotifier) X(releaseNotifier) X(notify)
#define RECEIVER_FIELDS(X)                                                                     \
    X(toReceiver)                                                                              \
    X(retainReceiver)                                                                          \
    X(releaseReceiver)                                                                         \
    X(newWriter)                                                                               \
    X(freeWriter)                                                                              \
    X(msgToReceiver)                                                                           \
    X(clearWriter)                                                                             \
    X(addBooleanToWriter)                                                                      \
    X(addIntegerToWriter)                                                                      \
    X(addNumberToWriter)                                                                       \
    X(addStringToWriter)                                                                       \
    X(addBytesToWriter)                                                                        \
    X(addArrayToWriter)
#define SENDER_FIELDS(X)                                                                       \
    X(toSender)                                                                                \
    X(retainSender)                                                                            \
    X(releaseSender)                                                                           \
    X(newReader)                                                                               \
    X(freeReader)                                                                              \
    X(clearReader)                                                                             \
    X(nextValueFromReader)                                                                     \
    X(nextMessageFromSender)

#define INDEX(name) FIELD_##name,
enum field { NOTIFY_FIELDS(INDEX) RECEIVER_FIELDS(INDEX) SENDER_FIELDS(INDEX) FIELDS };
#define NAME(name) #name,
static const char *const field_names[] = {NOTIFY_FIELDS(NAME) RECEIVER_FIELDS(NAME)
                                              SENDER_FIELDS(NAME)};
static bool field_used[FIELDS];

/* A function that is added to a struct has to be added to its list, too. */
#define ONE(name) +1
#define IS_COMPLETE(api, first, fields)                                                        \
    _Static_assert(sizeof(api) == offsetof(api, first) + (0 fields(ONE)) * sizeof(void *),     \
                   "a function of " #api " is not in its list")
IS_COMPLETE(notify_capi, toNotifier, NOTIFY_FIELDS);
IS_COMPLETE(receiver_capi, toReceiver, RECEIVER_FIELDS);
IS_COMPLETE(sender_capi, toSender, SENDER_FIELDS);

#define CALL(api, name) (field_used[FIELD_##name] = true, (api)->name)

/* native.unused() -> names of the functions that were not used so far */
static int native_unused(lua_State *L)
{
    luaL_checkstack(L, FIELDS, NULL);
    lua_settop(L, 0);
    for (int i = 0; i < FIELDS; ++i) {
        if (!field_used[i]) lua_pushstring(L, field_names[i]);
    }
    return lua_gettop(L);
}

/* ---- sending: a message with a value of every kind ---- */

static const unsigned char some_bytes[] = {7, 8, 9};
static const double some_doubles[] = {0.5, -1, 1e300};
enum { TEXT = 300 };

static void make_text(char *text, lua_Integer number)
{
    memset(text, 'a' + (int)(number % 26), TEXT);
}

#define ADD_TWICE(call)                                                                        \
    do {                                                                                       \
        int added = (call);                                                                    \
        if (added == -2) added = (call);                                                       \
        if (added != 0) return added;                                                          \
    } while (0)

static int fill_writer(const receiver_capi *api, receiver_writer *w, lua_Integer number)
{
    char text[TEXT];
    make_text(text, number);
    ADD_TWICE(CALL(api, addIntegerToWriter)(w, number));
    ADD_TWICE(CALL(api, addBooleanToWriter)(w, 1));
    ADD_TWICE(CALL(api, addNumberToWriter)(w, 0.5));
    ADD_TWICE(CALL(api, addStringToWriter)(w, text, 4));
    ADD_TWICE(CALL(api, addStringToWriter)(w, text, TEXT));
    ADD_TWICE(CALL(api, addBytesToWriter)(w, some_bytes, sizeof some_bytes));
    double *doubles = CALL(api, addArrayToWriter)(w, RECEIVER_DOUBLE, 3);
    if (!doubles) doubles = CALL(api, addArrayToWriter)(w, RECEIVER_DOUBLE, 3);
    if (!doubles) return -2;
    memcpy(doubles, some_doubles, sizeof some_doubles);
    return 0;
}

/* native.send(buffer, number, clear) -> code of msgToReceiver, 6 where there is no writer, or
 * the code of the add function that failed */
static int native_send(lua_State *L)
{
    lua_Integer number = luaL_checkinteger(L, 2);
    int clear = lua_toboolean(L, 3), code = 6;
    const receiver_capi *api = receiver_get_capi(L, 1, NULL);
    receiver_object *to = api ? CALL(api, toReceiver)(L, 1) : NULL;
    if (!to) return luaL_argerror(L, 1, "receiver expected");
    CALL(api, retainReceiver)(to);
    receiver_writer *w = CALL(api, newWriter)(0, 1);
    if (!w) w = CALL(api, newWriter)(0, 1);
    if (w) code = fill_writer(api, w, number);
    if (w && code == 0) {
        code = CALL(api, msgToReceiver)(to, w, clear, 0, NULL, NULL);
        if (code == 6) code = CALL(api, msgToReceiver)(to, w, clear, 1, NULL, NULL);
    }
    if (w) {
        CALL(api, clearWriter)(w);
        CALL(api, freeWriter)(w);
    }
    CALL(api, releaseReceiver)(to);
    lua_pushinteger(L, code);
    return 1;
}

/* ---- receiving the same ---- */

static bool is_text(const sender_capi_value *v, const char *text, size_t len)
{
    return v->type == SENDER_CAPI_TYPE_STRING && v->strVal.len == len &&
           memcmp(v->strVal.ptr, text, len) == 0;
}

static bool is_array(const sender_capi_value *v)
{
    return v->type == SENDER_CAPI_TYPE_ARRAY && v->arrayVal.type == SENDER_DOUBLE &&
           v->arrayVal.elementCount == 3 &&
           memcmp(v->arrayVal.data, some_doubles, sizeof some_doubles) == 0;
}

/* The number of the message, or -1 if anything is not as it was sent. */
static lua_Integer read_message(const sender_capi *api, sender_reader *r)
{
    sender_capi_value v[10];
    char text[TEXT];
    for (int i = 0; i < 10; ++i) CALL(api, nextValueFromReader)(r, &v[i]);
    if (v[0].type != SENDER_CAPI_TYPE_INTEGER) return -1;
    make_text(text, v[0].intVal);
    bool whole = v[1].type == SENDER_CAPI_TYPE_BOOLEAN && v[1].boolVal &&
                 v[2].type == SENDER_CAPI_TYPE_NUMBER && v[2].numVal == (lua_Number)0.5 &&
                 is_text(&v[3], text, 4) && is_text(&v[4], text, TEXT) && is_array(&v[8]) &&
                 v[9].type == SENDER_CAPI_TYPE_NONE;
    for (int i = 0; i < 3; ++i) {
        whole = whole && v[5 + i].type == SENDER_CAPI_TYPE_INTEGER &&
                v[5 + i].intVal == some_bytes[i];
    }
    return whole ? v[0].intVal : -1;
}

/* native.receive(buffer, capacity) -> code of nextMessageFromSender, or 5 where there is no
 * reader; number of the message, -1 if it is damaged */
static int native_receive(lua_State *L)
{
    lua_Integer number = 0;
    size_t capacity = (size_t)luaL_checkinteger(L, 2);
    int code = 5;
    const sender_capi *api = sender_get_capi(L, 1, NULL);
    sender_object *from = api ? CALL(api, toSender)(L, 1) : NULL;
    if (!from) return luaL_argerror(L, 1, "sender expected");
    CALL(api, retainSender)(from);
    sender_reader *r = CALL(api, newReader)(capacity, 1);
    if (!r) r = CALL(api, newReader)(capacity, 1);
    if (r) {
        code = CALL(api, nextMessageFromSender)(from, r, 0, 0, NULL, NULL);
        if (code == 5) code = CALL(api, nextMessageFromSender)(from, r, 1, 0, NULL, NULL);
        if (code == 0 || code == 999) number = read_message(api, r);
        CALL(api, clearReader)(r);
        CALL(api, freeReader)(r);
    }
    CALL(api, releaseSender)(from);
    lua_pushinteger(L, code);
    lua_pushinteger(L, number);
    return 2;
}

/* native.notify(buffer) -> code */
static int native_notify(lua_State *L)
{
    const notify_capi *api = notify_get_capi(L, 1, NULL);
    notify_notifier *notifier = api ? CALL(api, toNotifier)(L, 1) : NULL;
    if (!notifier) return luaL_argerror(L, 1, "notifier expected");
    CALL(api, retainNotifier)(notifier);
    int code = CALL(api, notify)(notifier, NULL, NULL);
    if (code == 6) code = CALL(api, notify)(notifier, NULL, NULL);
    CALL(api, releaseNotifier)(notifier);
    lua_pushinteger(L, code);
    return 1;
}

static const luaL_Reg native_functions[] = {
    {"unused", native_unused}, {"send", native_send}, {"receive", native_receive},
    {"notify", native_notify}, {NULL, NULL},
};

#endif
