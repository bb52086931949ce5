/*
 * Owns the module "traffic" of the stress test: native threads that send to and receive from
 * buffers through the C APIs, native notifiers that count, and Lua's view of the ledger. It
 * does not decide who takes part in a round, nor what its sums must be.
 */
#include "traffic_ledger.h"

#include <sched.h>

#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#define THREAD "traffic.thread"
#define NOTIFIER "traffic.notifier"

enum { STREAMS = 4096, CLOSED = 1, NOTIFIER_FAILED = 999, NO_MEMORY = 6 };

struct traffic {
    pthread_t thread;
    int started;
    struct support_gate done;

    const receiver_capi *receiver;
    receiver_object *target;
    receiver_writer *writer;
    const sender_capi *sender;
    sender_object *source;
    sender_reader *reader;

    size_t stream, count, most; /* of a sender: what, how many, bytes of text at most */
    double timeout;
    unsigned random;
    int nonblock, clear, ordered;
    const char *wrong;         /* what went wrong, or NULL; read after the end */
    lua_Integer last[STREAMS]; /* number received last */
};

/* ---- native threads ---- */

static unsigned next_random(struct traffic *t, unsigned n)
{
    t->random = t->random * 1664525u + 1013904223u;
    return (t->random >> 8) % n;
}

/* Mostly small, now and then large; the same shares as in the roles written in Lua. */
static size_t next_size(struct traffic *t)
{
    static const unsigned sizes[] = {60, 60, 60, 60, 60, 60, 600, 600, 600, 6000};
    unsigned size = sizes[next_random(t, 10)];
    if (next_random(t, 40) == 0) size = LARGEST;
    size = next_random(t, size + 1);
    return size < t->most ? size : t->most;
}

static int fill(struct traffic *t, size_t number)
{
    size_t size = next_size(t);
    t->receiver->clearWriter(t->writer);
    return t->receiver->addIntegerToWriter(t->writer, (lua_Integer)t->stream) ||
           t->receiver->addIntegerToWriter(t->writer, (lua_Integer)number) ||
           t->receiver->addIntegerToWriter(t->writer, (lua_Integer)size) ||
           t->receiver->addStringToWriter(t->writer, ledger_text(t->stream, number), size) ||
           t->receiver->addNumberToWriter(t->writer, (lua_Number)number / 2);
}

/* Until it is in, or the buffer is closed. */
static int send_one(struct traffic *t)
{
    for (;;) {
        int code =
            t->receiver->msgToReceiver(t->target, t->writer, t->clear, t->nonblock, NULL, NULL);
        if (code == 0 || code == CLOSED || code >= 5) return code;
        sched_yield(); /* aborted, busy or full */
    }
}

static void *send_all(void *data)
{
    struct traffic *t = data;
    int code = 0;
    start_arrive();
    for (size_t number = 1; number <= t->count; number++) {
        code = fill(t, number) ? NO_MEMORY : send_one(t);
        if (code != 0 && code != NOTIFIER_FAILED) break;
        ledger_sent(t->stream, number, code == NOTIFIER_FAILED);
        code = 0;
    }
    if (code >= 5) t->wrong = "a native sender was refused";
    support_gate_open(&t->done);
    return NULL;
}

static double number_of(const sender_capi_value *v)
{
    return v->type == SENDER_CAPI_TYPE_INTEGER ? (double)v->intVal : v->numVal;
}

static const char *check(struct traffic *t)
{
    sender_capi_value v[6];
    for (int i = 0; i < 6; i++) t->sender->nextValueFromReader(t->reader, &v[i]);
    if (v[0].type == SENDER_CAPI_TYPE_NONE) return NULL; /* a ring of another buffer */
    if (v[0].type != SENDER_CAPI_TYPE_INTEGER || v[1].type != SENDER_CAPI_TYPE_INTEGER ||
        v[2].type != SENDER_CAPI_TYPE_INTEGER || v[3].type != SENDER_CAPI_TYPE_STRING ||
        v[5].type != SENDER_CAPI_TYPE_NONE || v[0].intVal < 0 || v[0].intVal >= STREAMS) {
        return "a message has other values than were sent";
    }
    if (t->ordered && v[1].intVal <= t->last[v[0].intVal]) return "a message is out of order";
    t->last[v[0].intVal] = v[1].intVal;
    return ledger_received((size_t)v[0].intVal, (size_t)v[1].intVal, (size_t)v[2].intVal,
                           v[3].strVal.ptr, v[3].strVal.len, number_of(&v[4]));
}

static void *receive_all(void *data)
{
    struct traffic *t = data;
    int code = 0;
    start_arrive();
    while (code != CLOSED && !t->wrong) {
        code = t->sender->nextMessageFromSender(t->source, t->reader, t->nonblock, t->timeout,
                                                NULL, NULL);
        if (code == 0 || code == NOTIFIER_FAILED) t->wrong = check(t);
        else if (code > 3) t->wrong = "a native receiver was refused";
        else sched_yield(); /* aborted, or nothing there */
    }
    support_gate_open(&t->done);
    return NULL;
}

static struct traffic *new_thread(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    struct traffic *t = support_new(L, THREAD, sizeof *t);
    support_gate_init(&t->done);
    t->stream = (size_t)support_number(L, 2, "stream", 1);
    t->count = (size_t)support_number(L, 2, "count", 0);
    t->most = (size_t)support_number(L, 2, "most", LARGEST);
    t->timeout = (double)support_number(L, 2, "timeout", -1);
    t->random = (unsigned)support_number(L, 2, "seed", 1);
    t->nonblock = support_flag(L, 2, "nonblock");
    t->clear = support_flag(L, 2, "replace");
    t->ordered = support_flag(L, 2, "ordered");
    return t;
}

static int run_thread(lua_State *L, struct traffic *t, void *(*run)(void *))
{
    if (pthread_create(&t->thread, NULL, run, t) != 0) return luaL_error(L, "no thread");
    t->started = 1;
    return 1;
}

/* traffic.send(buffer, {stream, count, most, seed, nonblock, replace}) -> thread */
static int traffic_send(lua_State *L)
{
    struct traffic *t = new_thread(L);
    t->receiver = receiver_get_capi(L, 1, NULL);
    receiver_object *object = t->receiver ? t->receiver->toReceiver(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "receiver expected");
    t->writer = t->receiver->newWriter(64, 2);
    if (!t->writer) return luaL_error(L, "out of memory");
    t->receiver->retainReceiver(object);
    t->target = object;
    return run_thread(L, t, send_all);
}

/* traffic.receive(buffer, {timeout, nonblock, ordered}) -> thread that ends when it is closed
 */
static int traffic_receive(lua_State *L)
{
    struct traffic *t = new_thread(L);
    t->sender = sender_get_capi(L, 1, NULL);
    sender_object *object = t->sender ? t->sender->toSender(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "sender expected");
    t->reader = t->sender->newReader(64, 2);
    if (!t->reader) return luaL_error(L, "out of memory");
    t->sender->retainSender(object);
    t->source = object;
    return run_thread(L, t, receive_all);
}

/* thread:join(seconds) -> nil, or what went wrong */
static int thread_join(lua_State *L)
{
    struct traffic *t = luaL_checkudata(L, 1, THREAD);
    if (support_gate_wait(&t->done, luaL_checknumber(L, 2))) {
        lua_pushstring(L, t->wrong);
    } else {
        lua_pushliteral(L, "a native thread has not ended");
    }
    return 1;
}

static int thread_gc(lua_State *L)
{
    struct traffic *t = luaL_checkudata(L, 1, THREAD);
    if (t->started) pthread_join(t->thread, NULL);
    if (t->writer) t->receiver->freeWriter(t->writer);
    if (t->target) t->receiver->releaseReceiver(t->target);
    if (t->reader) t->sender->freeReader(t->reader);
    if (t->source) t->sender->releaseSender(t->source);
    support_gate_fini(&t->done);
    return 0;
}

/* ---- notifiers ---- */

struct notify_notifier {
    atomic_int refs;
    atomic_size_t calls, failures;
    atomic_uint fail_every; /* 0: never */
};

static notify_notifier *to_notifier(lua_State *L, int index)
{
    notify_notifier **p = support_test(L, index, NOTIFIER);
    return p ? *p : NULL;
}

static void retain(notify_notifier *n)
{
    atomic_fetch_add(&n->refs, 1);
}

static void release(notify_notifier *n)
{
    if (atomic_fetch_sub(&n->refs, 1) == 1) free(n);
}

static int notify(notify_notifier *n, notifier_error_handler eh, void *ehdata)
{
    size_t call = atomic_fetch_add(&n->calls, 1) + 1;
    unsigned every = atomic_load(&n->fail_every);
    if (every == 0 || call % every != 0) return 0;
    atomic_fetch_add(&n->failures, 1);
    if (eh) eh(ehdata, "as it was told", 14);
    return 77;
}

static const notify_capi notifier_capi = {NOTIFY_CAPI_VERSION_MAJOR,
                                          NOTIFY_CAPI_VERSION_MINOR,
                                          NOTIFY_CAPI_VERSION_PATCH,
                                          NULL,
                                          to_notifier,
                                          retain,
                                          release,
                                          notify};

/* traffic.notifier([n]) -> notifier of which every n-th call fails */
static int traffic_notifier(lua_State *L)
{
    unsigned every = (unsigned)luaL_optinteger(L, 1, 0);
    notify_notifier **p = support_new(L, NOTIFIER, sizeof *p);
    *p = calloc(1, sizeof **p);
    if (!*p) return luaL_error(L, "out of memory");
    (*p)->refs = 1;
    (*p)->fail_every = every;
    return 1;
}

/* notifier:heal(): from now on no call fails */
static int notifier_heal(lua_State *L)
{
    notify_notifier **p = luaL_checkudata(L, 1, NOTIFIER);
    atomic_store(&(*p)->fail_every, 0);
    return 0;
}

static void push_size(lua_State *L, size_t size)
{
    lua_pushinteger(L, (lua_Integer)size);
}

/* notifier:calls() -> calls so far, and how many of them failed */
static int notifier_calls(lua_State *L)
{
    notify_notifier **p = luaL_checkudata(L, 1, NOTIFIER);
    push_size(L, atomic_load(&(*p)->calls));
    push_size(L, atomic_load(&(*p)->failures));
    return 2;
}

static int notifier_gc(lua_State *L)
{
    notify_notifier **p = luaL_checkudata(L, 1, NOTIFIER);
    if (*p) release(*p);
    *p = NULL;
    return 0;
}

/* ---- the ledger ---- */

static size_t check_size(lua_State *L, int index)
{
    return (size_t)luaL_checkinteger(L, index);
}

/* traffic.begin(streams, numbers): nothing is sent or received, the gate is shut; no thread of
 * an earlier round may be left */
static int traffic_begin(lua_State *L)
{
    start_close();
    if (check_size(L, 1) >= STREAMS) return luaL_error(L, "too many streams");
    if (!ledger_begin(check_size(L, 1), check_size(L, 2))) return luaL_error(L, "no memory");
    return 0;
}

/* traffic.finish(): gives the memory back; no thread may be left */
static int traffic_finish(lua_State *L)
{
    (void)L;
    free(ledger.marks);
    ledger.marks = NULL;
    return 0;
}

static int traffic_arrive(lua_State *L)
{
    (void)L;
    start_arrive();
    return 0;
}

/* traffic.open(threads, seconds) -> whether so many have arrived in time */
static int traffic_open(lua_State *L)
{
    lua_pushboolean(L, start_open((int)luaL_checkinteger(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int traffic_text(lua_State *L)
{
    size_t size = check_size(L, 3);
    luaL_argcheck(L, size <= LARGEST, 3, "too large");
    lua_pushlstring(L, ledger_text(check_size(L, 1), check_size(L, 2)), size);
    return 1;
}

/* traffic.sent(stream, number, whether the notifier failed) */
static int traffic_sent(lua_State *L)
{
    ledger_sent(check_size(L, 1), check_size(L, 2), lua_toboolean(L, 3));
    return 0;
}

/* traffic.received(stream, number, size, text, half) -> nil, or what is wrong */
static int traffic_received(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 4, &len);
    lua_pushstring(L, ledger_received(check_size(L, 1), check_size(L, 2), check_size(L, 3),
                                      text, len, luaL_checknumber(L, 5)));
    return 1;
}

/* traffic.back(): a receive has failed and put its message back */
static int traffic_back(lua_State *L)
{
    (void)L;
    atomic_fetch_add(&ledger.back, 1);
    return 0;
}

/* traffic.sums(stream) -> sent, received, sent but not received, received but not sent, sent
 * with a notifier that failed */
static int traffic_sums(lua_State *L)
{
    size_t stream = check_size(L, 1);
    luaL_argcheck(L, stream - 1 < ledger.streams, 1, "no such stream");
    struct ledger_sums sums = ledger_sum(stream);
    push_size(L, sums.sent);
    push_size(L, sums.received);
    push_size(L, sums.missing);
    push_size(L, sums.phantom);
    push_size(L, sums.failed);
    return 5;
}

/* traffic.totals() -> sent, received, put back, bytes of text */
static int traffic_totals(lua_State *L)
{
    push_size(L, atomic_load(&ledger.sent));
    push_size(L, atomic_load(&ledger.received));
    push_size(L, atomic_load(&ledger.back));
    push_size(L, atomic_load(&ledger.bytes));
    return 4;
}

static int traffic_stop(lua_State *L)
{
    (void)L;
    atomic_store(&ledger.stopped, 1);
    return 0;
}

static int traffic_stopped(lua_State *L)
{
    lua_pushboolean(L, atomic_load(&ledger.stopped));
    return 1;
}

EXPORT int luaopen_traffic(lua_State *L);

int luaopen_traffic(lua_State *L)
{
    static const luaL_Reg thread[] = {{"join", thread_join}, {NULL, NULL}};
    static const luaL_Reg notifier[] = {
        {"heal", notifier_heal}, {"calls", notifier_calls}, {NULL, NULL}};
    static const luaL_Reg module[] = {
        {"send", traffic_send},         {"receive", traffic_receive},
        {"notifier", traffic_notifier}, {"begin", traffic_begin},
        {"arrive", traffic_arrive},     {"open", traffic_open},
        {"text", traffic_text},         {"sent", traffic_sent},
        {"received", traffic_received}, {"back", traffic_back},
        {"sums", traffic_sums},         {"totals", traffic_totals},
        {"finish", traffic_finish},     {"stop", traffic_stop},
        {"stopped", traffic_stopped},   {NULL, NULL}};
    support_class(L, THREAD, thread, thread_gc);
    support_class(L, NOTIFIER, notifier, notifier_gc);
    notify_set_capi(L, -1, &notifier_capi);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
