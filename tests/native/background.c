/*
 * Owns the module "background": one call of a C API, made by a native thread while the Lua
 * thread goes on. It checks nothing; the outcome is handed to Lua when the thread is joined.
 */
#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#define CLASS "background.call"
#define TEXT_SIZE 256

struct text {
    int present;
    size_t len;
    char bytes[TEXT_SIZE];
};

struct call {
    void (*run)(struct call *call);
    pthread_t thread;
    int started;
    struct support_gate done;
    const notify_capi *notify;
    notify_notifier *notifier;
    const receiver_capi *receiver;
    receiver_object *target;
    receiver_writer *writer;
    const sender_capi *sender;
    sender_object *source;
    sender_reader *reader;
    int clear;
    int nonblock;
    double timeout;
    int code;
    struct text failure;
    struct text value; /* the first value received, if it is a string */
};

static void set_text(struct text *t, const char *bytes, size_t len)
{
    t->present = 1;
    t->len = len < TEXT_SIZE ? len : TEXT_SIZE;
    memcpy(t->bytes, bytes, t->len);
}

static void on_failure(void *data, const char *bytes, size_t len)
{
    set_text(data, bytes, len);
}

static void run_notify(struct call *c)
{
    c->code = c->notify->notify(c->notifier, on_failure, &c->failure);
}

static void run_send(struct call *c)
{
    c->code = c->receiver->msgToReceiver(c->target, c->writer, c->clear, c->nonblock,
                                         on_failure, &c->failure);
}

static void run_put(struct call *c)
{
    const receiver_capi_2_1 *newer = c->receiver->next_capi;
    c->code = newer->putToReceiver(c->target, c->writer, -1, on_failure, &c->failure);
}

static void run_receive(struct call *c)
{
    sender_capi_value v;
    c->code = c->sender->nextMessageFromSender(c->source, c->reader, c->nonblock, c->timeout,
                                               on_failure, &c->failure);
    c->sender->nextValueFromReader(c->reader, &v);
    if (v.type == SENDER_CAPI_TYPE_STRING) set_text(&c->value, v.strVal.ptr, v.strVal.len);
}

static void *thread_main(void *data)
{
    struct call *c = data;
    c->run(c);
    support_gate_open(&c->done);
    return NULL;
}

static struct call *new_call(lua_State *L, void (*run)(struct call *))
{
    struct call *c = support_new(L, CLASS, sizeof *c);
    support_gate_init(&c->done);
    c->run = run;
    return c;
}

static int start(lua_State *L, struct call *c)
{
    if (pthread_create(&c->thread, NULL, thread_main, c) != 0)
        return luaL_error(L, "no thread");
    c->started = 1;
    return 1;
}

/* background.notify(object) -> call */
static int background_notify(lua_State *L)
{
    const notify_capi *api = notify_get_capi(L, 1, NULL);
    notify_notifier *n = api ? api->toNotifier(L, 1) : NULL;
    luaL_argcheck(L, n != NULL, 1, "notifier expected");
    struct call *c = new_call(L, run_notify);
    c->notify = api;
    c->notifier = n;
    api->retainNotifier(n);
    return start(L, c);
}

/* A call with the text as its message. */
static struct call *new_sending(lua_State *L, void (*run)(struct call *))
{
    size_t len;
    const receiver_capi *api = receiver_get_capi(L, 1, NULL);
    receiver_object *object = api ? api->toReceiver(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "receiver expected");
    const char *text = luaL_checklstring(L, 2, &len);
    lua_settop(L, 4);
    struct call *c = new_call(L, run);
    c->clear = lua_toboolean(L, 3);
    c->nonblock = lua_toboolean(L, 4);
    c->receiver = api;
    c->target = object;
    api->retainReceiver(object);
    c->writer = api->newWriter(64, 2);
    if (!c->writer || api->addStringToWriter(c->writer, text, len) != 0) {
        luaL_error(L, "out of memory");
    }
    return c;
}

/* background.send(object, text [, clear [, nonblock]]) -> call */
static int background_send(lua_State *L)
{
    return start(L, new_sending(L, run_send));
}

/* background.put(object, text) -> call that waits for room without limit */
static int background_put(lua_State *L)
{
    return start(L, new_sending(L, run_put));
}

/* background.receive(object [, nonblock [, timeout]]) -> call */
static int background_receive(lua_State *L)
{
    const sender_capi *api = sender_get_capi(L, 1, NULL);
    sender_object *object = api ? api->toSender(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "sender expected");
    lua_settop(L, 3);
    struct call *c = new_call(L, run_receive);
    c->nonblock = lua_toboolean(L, 2);
    c->timeout = luaL_optnumber(L, 3, -1);
    c->sender = api;
    c->source = object;
    api->retainSender(object);
    c->reader = api->newReader(64, 2);
    if (!c->reader) return luaL_error(L, "out of memory");
    return start(L, c);
}

static void push_text(lua_State *L, const struct text *t)
{
    if (t->present) {
        lua_pushlstring(L, t->bytes, t->len);
    } else {
        lua_pushnil(L);
    }
}

/* call:join(seconds) -> code, failure text or nil, received string or nil | nil if not over yet
 */
static int call_join(lua_State *L)
{
    struct call *c = luaL_checkudata(L, 1, CLASS);
    if (!support_gate_wait(&c->done, luaL_checknumber(L, 2))) return 0;
    lua_pushinteger(L, c->code);
    push_text(L, &c->failure);
    push_text(L, &c->value);
    return 3;
}

static int call_gc(lua_State *L)
{
    struct call *c = luaL_checkudata(L, 1, CLASS);
    if (c->started) pthread_join(c->thread, NULL);
    if (c->notifier) c->notify->releaseNotifier(c->notifier);
    if (c->writer) c->receiver->freeWriter(c->writer);
    if (c->target) c->receiver->releaseReceiver(c->target);
    if (c->reader) c->sender->freeReader(c->reader);
    if (c->source) c->sender->releaseSender(c->source);
    support_gate_fini(&c->done);
    return 0;
}

EXPORT int luaopen_background(lua_State *L);

int luaopen_background(lua_State *L)
{
    static const luaL_Reg call[] = {{"join", call_join}, {NULL, NULL}};
    static const luaL_Reg module[] = {{"notify", background_notify},
                                      {"send", background_send},
                                      {"put", background_put},
                                      {"receive", background_receive},
                                      {NULL, NULL}};
    support_class(L, CLASS, call, call_gc);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
