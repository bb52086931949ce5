/*
 * Owns the module "notifiers": objects with the Notify API that do what a test tells them when
 * they are notified, and count what is done to them. It does not judge the counts.
 */
#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#define CLASS "notifiers.notifier"

struct notify_notifier {
    atomic_int refs;
    atomic_int retains;
    atomic_int releases;
    atomic_int notified;
    atomic_int inside; /* notify calls that run now */
    atomic_int code;   /* to return */
    char *text;        /* for the error handler, or NULL */
    size_t text_len;

    int here_only; /* do nothing in other threads than the Lua thread */
    int gated;     /* wait in notify until opened */
    struct support_gate entered;
    struct support_gate opened;

    /* an empty message is added to target, or one message taken from source */
    const receiver_capi *receiver;
    receiver_object *target;
    const sender_capi *sender;
    sender_object *source;
    atomic_int inner_code; /* what that call returned; -1 before */
    atomic_int times;      /* how often that is still to be done; negative: always */

    /* a Lua function, called if notify runs in the Lua thread */
    int function;     /* reference in the table of functions, or LUA_NOREF */
    lua_State *naked; /* if not NULL: it is called there, without protection */
};

static atomic_int live; /* notifiers that are not freed */

/* Lua functions run on a coroutine of their own. They are in a table, from where forget()
 * removes them: a function that refers to its buffer keeps it, and the buffer keeps the
 * notifier. */
#define FUNCTIONS CLASS ".functions"
static lua_State *callback_state;
static pthread_t callback_thread;

/* -------------------------------------------------------------------- what notify does */

static void add_message(struct notify_notifier *n)
{
    receiver_writer *w = n->receiver->newWriter(64, 2);
    int code = w ? n->receiver->addStringToWriter(w, "from notifier", 13) : 6;
    if (code == 0) code = n->receiver->msgToReceiver(n->target, w, 0, 0, NULL, NULL);
    if (w) n->receiver->freeWriter(w);
    atomic_store(&n->inner_code, code);
}

static void take_message(struct notify_notifier *n)
{
    sender_reader *r = n->sender->newReader(64, 2);
    int code = r ? n->sender->nextMessageFromSender(n->source, r, 0, 0, NULL, NULL) : 5;
    if (r) n->sender->freeReader(r);
    atomic_store(&n->inner_code, code);
}

/* An error of the function becomes the text of the notifier's failure with code 77. The
 * coroutine may be at work already, where a notifier's function leads to another notifier. */
static int call_lua(struct notify_notifier *n, notifier_error_handler eh, void *ehdata)
{
    lua_State *L = callback_state;
    int code = atomic_load(&n->code);
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 10)) return 78;
    lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_rawgeti(L, -1, n->function);
    if (lua_isfunction(L, -1) && lua_pcall(L, 0, 0, 0) != 0) {
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        if (eh) eh(ehdata, text ? text : "?", text ? len : 1);
        code = 77;
    }
    lua_settop(L, top);
    return code;
}

static int notify(notify_notifier *n, notifier_error_handler eh, void *ehdata)
{
    int here = pthread_equal(pthread_self(), callback_thread);
    if (n->here_only && !here) return 0;
    atomic_fetch_add(&n->notified, 1);
    atomic_fetch_add(&n->inside, 1);
    if (n->gated) {
        support_gate_open(&n->entered);
        support_gate_wait(&n->opened, 1e6);
    }
    int left = atomic_load(&n->times);
    if (left > 0) atomic_fetch_sub(&n->times, 1);
    if (n->target && left != 0) add_message(n);
    if (n->source && left != 0) take_message(n);
    int code = atomic_load(&n->code);
    if (n->naked) {
        atomic_fetch_sub(&n->inside, 1);
        lua_getfield(n->naked, LUA_REGISTRYINDEX, FUNCTIONS);
        lua_rawgeti(n->naked, -1, n->function);
        lua_remove(n->naked, -2);
        lua_call(n->naked, 0, 0); /* an error leaves from here */
        return code;
    }
    if (n->function != LUA_NOREF && here) {
        code = call_lua(n, eh, ehdata);
    } else if (n->text && eh) {
        eh(ehdata, n->text, n->text_len);
    }
    atomic_fetch_sub(&n->inside, 1);
    return code;
}

/* -------------------------------------------------------------------- life */

static void drop(notify_notifier *n)
{
    if (atomic_fetch_sub(&n->refs, 1) > 1) return;
    if (n->target) n->receiver->releaseReceiver(n->target);
    if (n->source) n->sender->releaseSender(n->source);
    support_gate_fini(&n->entered);
    support_gate_fini(&n->opened);
    free(n->text);
    free(n);
    atomic_fetch_sub(&live, 1);
}

static void retain(notify_notifier *n)
{
    atomic_fetch_add(&n->retains, 1);
    atomic_fetch_add(&n->refs, 1);
}

static void release(notify_notifier *n)
{
    atomic_fetch_add(&n->releases, 1);
    drop(n);
}

static notify_notifier *test_notifier(lua_State *L, int index)
{
    notify_notifier **box = support_test(L, index, CLASS);
    return box ? *box : NULL;
}

/* A notifier of ours, or a table whose first element is one; another table is none, and one
 * with a string raises that as an error. */
static notify_notifier *to_notifier(lua_State *L, int index)
{
    if (!lua_istable(L, index)) return test_notifier(L, index);
    lua_rawgeti(L, index, 1);
    if (lua_type(L, -1) == LUA_TSTRING) lua_error(L);
    notify_notifier *n = test_notifier(L, -1);
    lua_pop(L, 1);
    return n;
}

static notify_notifier *check_notifier(lua_State *L)
{
    return *(notify_notifier **)luaL_checkudata(L, 1, CLASS);
}

static notify_capi capi = {NOTIFY_CAPI_VERSION_MAJOR,
                           NOTIFY_CAPI_VERSION_MINOR,
                           NOTIFY_CAPI_VERSION_PATCH,
                           NULL,
                           to_notifier,
                           retain,
                           release,
                           notify};

/* -------------------------------------------------------------------- for Lua */

static void set_text(lua_State *L, notify_notifier *n, int index)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    if (!text) return;
    n->text = malloc(len + 1);
    if (!n->text) luaL_error(L, "out of memory");
    memcpy(n->text, text, len);
    n->text_len = len;
}

static void set_objects(lua_State *L, notify_notifier *n)
{
    lua_getfield(L, 1, "add_to");
    if (!lua_isnil(L, -1) && (n->receiver = receiver_get_capi(L, -1, NULL)) != NULL) {
        n->target = n->receiver->toReceiver(L, -1);
        n->receiver->retainReceiver(n->target);
    }
    lua_getfield(L, 1, "take_from");
    if (!lua_isnil(L, -1) && (n->sender = sender_get_capi(L, -1, NULL)) != NULL) {
        n->source = n->sender->toSender(L, -1);
        n->sender->retainSender(n->source);
    }
    lua_pop(L, 2);
}

static void set_function(lua_State *L, notify_notifier *n)
{
    lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_getfield(L, 1, "call");
    n->function = lua_isnil(L, -1) ? LUA_NOREF : luaL_ref(L, -2);
    lua_settop(L, 2);
}

/* notifiers.forget(): all Lua functions; notifiers do nothing in their place */
static int notifiers_forget(lua_State *L)
{
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    return 0;
}

/* notifiers.new{code, text, here_only, gated, add_to, take_from, times, call, naked} ->
 * notifier; naked: in the state that made it, an error of `call` leaves the notifier instead of
 * being returned */
static int notifiers_new(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    notify_notifier **box = support_new(L, CLASS, sizeof *box);
    notify_notifier *n = calloc(1, sizeof *n);
    if (!n) return luaL_error(L, "out of memory");
    *box = n;
    atomic_fetch_add(&live, 1);
    atomic_store(&n->refs, 1);
    atomic_store(&n->inner_code, -1);
    atomic_store(&n->times, (int)support_number(L, 1, "times", -1));
    support_gate_init(&n->entered);
    support_gate_init(&n->opened);
    n->here_only = support_flag(L, 1, "here_only");
    n->gated = support_flag(L, 1, "gated");
    atomic_store(&n->code, (int)support_number(L, 1, "code", 0));
    lua_getfield(L, 1, "text");
    set_text(L, n, -1);
    lua_pop(L, 1);
    set_objects(L, n);
    set_function(L, n);
    if (support_flag(L, 1, "naked")) n->naked = L;
    return 1;
}

/* notifiers.table(value) -> table {value} whose metatable has the API */
static int notifiers_table(lua_State *L)
{
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_newtable(L);
    notify_set_capi(L, -1, &capi);
    lua_setmetatable(L, -2);
    return 1;
}

/* notifiers.live() -> how many notifiers are not freed */
static int notifiers_live(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&live));
    return 1;
}

/* notifier:counts() -> notified, retains, releases */
static int notifier_counts(lua_State *L)
{
    notify_notifier *n = check_notifier(L);
    lua_pushinteger(L, atomic_load(&n->notified));
    lua_pushinteger(L, atomic_load(&n->retains));
    lua_pushinteger(L, atomic_load(&n->releases));
    return 3;
}

/* notifier:notified() -> how often */
static int notifier_notified(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&check_notifier(L)->notified));
    return 1;
}

/* notifier:connections() -> references that others hold */
static int notifier_connections(lua_State *L)
{
    notify_notifier *n = check_notifier(L);
    lua_pushinteger(L, atomic_load(&n->retains) - atomic_load(&n->releases));
    return 1;
}

/* notifier:inside() -> how many notify calls run now */
static int notifier_inside(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&check_notifier(L)->inside));
    return 1;
}

/* notifier:inner_code() -> what the call on add_to or take_from returned, -1 before */
static int notifier_inner_code(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&check_notifier(L)->inner_code));
    return 1;
}

/* notifier:set_code(code) for the calls to come, and for one that waits at the gate */
static int notifier_set_code(lua_State *L)
{
    atomic_store(&check_notifier(L)->code, (int)luaL_checkinteger(L, 2));
    return 0;
}

/* notifier:wait_entered(seconds) -> whether a notify call has reached the gate */
static int notifier_wait_entered(lua_State *L)
{
    lua_pushboolean(L, support_gate_wait(&check_notifier(L)->entered, luaL_checknumber(L, 2)));
    return 1;
}

/* notifier:open(): the gate, for all calls */
static int notifier_open(lua_State *L)
{
    support_gate_open(&check_notifier(L)->opened);
    return 0;
}

static int notifier_gc(lua_State *L)
{
    notify_notifier **box = luaL_checkudata(L, 1, CLASS);
    if (*box) drop(*box);
    *box = NULL;
    return 0;
}

EXPORT int luaopen_notifiers(lua_State *L);

int luaopen_notifiers(lua_State *L)
{
    static const luaL_Reg notifier[] = {{"counts", notifier_counts},
                                        {"notified", notifier_notified},
                                        {"connections", notifier_connections},
                                        {"inside", notifier_inside},
                                        {"inner_code", notifier_inner_code},
                                        {"set_code", notifier_set_code},
                                        {"wait_entered", notifier_wait_entered},
                                        {"open", notifier_open},
                                        {NULL, NULL}};
    static const luaL_Reg module[] = {{"new", notifiers_new},
                                      {"table", notifiers_table},
                                      {"live", notifiers_live},
                                      {"forget", notifiers_forget},
                                      {NULL, NULL}};
    callback_thread = pthread_self();
    callback_state = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, CLASS ".coroutine");
    notifiers_forget(L);
    support_class(L, CLASS, notifier, notifier_gc);
    notify_set_capi(L, -1, &capi);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
