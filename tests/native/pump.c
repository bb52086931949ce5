/*
 * Owns the module "pump": native threads without a Lua state that produce, consume or do both
 * for as long as they are told, and check what they receive. It does not know which outcome is
 * right for a test; it counts, and Lua reads the counts.
 *
 * A message is: integer id of the producer, integer number of the message from 1 on, string
 * payload of bytes that follow from id and number, integer sum of these bytes.
 */
#include "support.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#define CLASS "pump.thread"
#define PRODUCERS 16

struct pump {
    pthread_t thread;
    int started;
    struct support_gate done;
    atomic_int stop;
    atomic_size_t
        count; /* messages sent or received; the rest is read after the thread's end */

    const receiver_capi *receiver;
    receiver_object *target;
    receiver_writer *writer;
    const sender_capi *sender;
    sender_object *source;
    sender_reader *reader;
    unsigned char *payload;

    size_t limit; /* 0: until stopped */
    size_t size;  /* bytes of payload */
    int id;
    int clear;
    int nonblock;
    double timeout;

    int code;      /* of the call that ended the thread, or 0 */
    size_t busy;   /* codes 3 */
    size_t full;   /* codes 4 of a send */
    size_t broken; /* messages that are not as they were sent */
    size_t disordered;
    lua_Integer last[PRODUCERS]; /* last number received from each producer */
};

/* -------------------------------------------------------------------- messages */

static int fill(struct pump *p, lua_Integer number)
{
    lua_Integer sum = 0;
    for (size_t i = 0; i < p->size; i++) {
        p->payload[i] = (unsigned char)((size_t)p->id * 31 + (size_t)number * 7 + i);
        sum += p->payload[i];
    }
    p->receiver->clearWriter(p->writer);
    return p->receiver->addIntegerToWriter(p->writer, p->id) ||
           p->receiver->addIntegerToWriter(p->writer, number) ||
           p->receiver->addStringToWriter(p->writer, (const char *)p->payload, p->size) ||
           p->receiver->addIntegerToWriter(p->writer, sum);
}

static lua_Integer sum_of(const sender_capi_value *v)
{
    lua_Integer sum = 0;
    for (size_t i = 0; i < v->strVal.len; i++) sum += (unsigned char)v->strVal.ptr[i];
    return sum;
}

static void check(struct pump *p)
{
    sender_capi_value id, number, payload, sum, end;
    p->sender->nextValueFromReader(p->reader, &id);
    p->sender->nextValueFromReader(p->reader, &number);
    p->sender->nextValueFromReader(p->reader, &payload);
    p->sender->nextValueFromReader(p->reader, &sum);
    p->sender->nextValueFromReader(p->reader, &end);
    if (id.type != SENDER_CAPI_TYPE_INTEGER || number.type != SENDER_CAPI_TYPE_INTEGER ||
        payload.type != SENDER_CAPI_TYPE_STRING || sum.type != SENDER_CAPI_TYPE_INTEGER ||
        end.type != SENDER_CAPI_TYPE_NONE || id.intVal < 0 || id.intVal >= PRODUCERS ||
        sum.intVal != sum_of(&payload)) {
        p->broken++;
        return;
    }
    if (number.intVal <= p->last[id.intVal]) p->disordered++;
    p->last[id.intVal] = number.intVal;
}

/* -------------------------------------------------------------------- threads */

static int send_one(struct pump *p)
{
    if (fill(p, (lua_Integer)atomic_load(&p->count) + 1)) return -1;
    for (;;) {
        int code =
            p->receiver->msgToReceiver(p->target, p->writer, p->clear, p->nonblock, NULL, NULL);
        if (code != 3 && code != 4) return code;
        if (atomic_load(&p->stop)) return code;
        code == 3 ? p->busy++ : p->full++;
        sched_yield();
    }
}

static int receive_one(struct pump *p)
{
    for (;;) {
        int code = p->sender->nextMessageFromSender(p->source, p->reader, p->nonblock,
                                                    p->timeout, NULL, NULL);
        if (code == 0) check(p);
        if (code != 3) return code;
        p->busy++;
        if (p->target) return 0; /* an exchange goes on with its next message */
        if (atomic_load(&p->stop)) return code;
        if (p->nonblock || !(p->timeout > 0)) sched_yield();
    }
}

static void *thread_main(void *data)
{
    struct pump *p = data;
    while (!atomic_load(&p->stop) && (p->limit == 0 || atomic_load(&p->count) < p->limit)) {
        p->code = p->target ? send_one(p) : 0;
        if (p->code == 0 && p->source) p->code = receive_one(p);
        if (p->code != 0) break;
        atomic_fetch_add(&p->count, 1);
    }
    support_gate_open(&p->done);
    return NULL;
}

static void attach_target(lua_State *L, struct pump *p)
{
    p->receiver = receiver_get_capi(L, 1, NULL);
    receiver_object *object = p->receiver ? p->receiver->toReceiver(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "receiver expected");
    p->writer = p->receiver->newWriter(p->size + 64, 2);
    p->payload = malloc(p->size + 1);
    if (!p->writer || !p->payload) luaL_error(L, "out of memory");
    p->receiver->retainReceiver(object);
    p->target = object;
}

static void attach_source(lua_State *L, struct pump *p)
{
    p->sender = sender_get_capi(L, 1, NULL);
    sender_object *object = p->sender ? p->sender->toSender(L, 1) : NULL;
    luaL_argcheck(L, object != NULL, 1, "sender expected");
    p->reader = p->sender->newReader(p->size + 64, 2);
    if (!p->reader) luaL_error(L, "out of memory");
    p->sender->retainSender(object);
    p->source = object;
}

/* Makes a thread from the arguments object and {count, size, id, clear, nonblock, timeout}. */
static int start(lua_State *L, int produces, int consumes)
{
    if (lua_gettop(L) < 2) lua_newtable(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct pump *p = support_new(L, CLASS, sizeof *p);
    support_gate_init(&p->done);
    p->limit = (size_t)support_number(L, 2, "count", 0);
    p->size = (size_t)support_number(L, 2, "size", 8);
    p->id = (int)support_number(L, 2, "id", 0);
    p->timeout = (double)support_number(L, 2, "timeout", -1);
    p->clear = support_flag(L, 2, "clear");
    p->nonblock = support_flag(L, 2, "nonblock");
    if (produces) attach_target(L, p);
    if (consumes) attach_source(L, p);
    if (pthread_create(&p->thread, NULL, thread_main, p) != 0)
        return luaL_error(L, "no thread");
    p->started = 1;
    return 1;
}

/* pump.produce(object, options) -> thread that sends */
static int pump_produce(lua_State *L)
{
    return start(L, 1, 0);
}

/* pump.consume(object, options) -> thread that receives */
static int pump_consume(lua_State *L)
{
    return start(L, 0, 1);
}

/* pump.exchange(object, options) -> thread that sends one message and receives one, in turns;
 * one that somebody else has taken is no failure */
static int pump_exchange(lua_State *L)
{
    return start(L, 1, 1);
}

static int thread_stop(lua_State *L)
{
    struct pump *p = luaL_checkudata(L, 1, CLASS);
    atomic_store(&p->stop, 1);
    return 0;
}

static int thread_count(lua_State *L)
{
    struct pump *p = luaL_checkudata(L, 1, CLASS);
    lua_pushinteger(L, (lua_Integer)atomic_load(&p->count));
    return 1;
}

static void set_count(lua_State *L, const char *key, size_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

/* thread:join(seconds) -> {count, code, busy, full, broken, disordered} | nil if it still runs
 */
static int thread_join(lua_State *L)
{
    struct pump *p = luaL_checkudata(L, 1, CLASS);
    if (!support_gate_wait(&p->done, luaL_checknumber(L, 2))) return 0;
    lua_newtable(L);
    lua_pushinteger(L, p->code);
    lua_setfield(L, -2, "code");
    set_count(L, "count", atomic_load(&p->count));
    set_count(L, "busy", p->busy);
    set_count(L, "full", p->full);
    set_count(L, "broken", p->broken);
    set_count(L, "disordered", p->disordered);
    return 1;
}

static int thread_gc(lua_State *L)
{
    struct pump *p = luaL_checkudata(L, 1, CLASS);
    atomic_store(&p->stop, 1);
    if (p->started) pthread_join(p->thread, NULL);
    if (p->writer) p->receiver->freeWriter(p->writer);
    if (p->target) p->receiver->releaseReceiver(p->target);
    if (p->reader) p->sender->freeReader(p->reader);
    if (p->source) p->sender->releaseSender(p->source);
    free(p->payload);
    support_gate_fini(&p->done);
    return 0;
}

/* -------------------------------------------------------------------- freezing a thread */

/* A signal stops the thread wherever it is, a locked section included, until it is thawed. If
 * that takes long somebody has waited for what the thread holds; it then goes on, for the test
 * to fail and not to hang. How long is counted in naps, so that a pause of the whole process
 * does not pass for a wait. */
enum { PATIENCE = 200000 }; /* naps, which take 10 seconds at least */
static sem_t frozen;
static atomic_int freezes; /* so many times a thread was stopped */
static atomic_int thaws;   /* up to this one they may go on */
static atomic_int overdue; /* so many times none came */

static void on_signal(int number)
{
    (void)number;
    const struct timespec nap = {0, 50000};
    int saved = errno, naps = 0, mine = atomic_load(&freezes);
    sem_post(&frozen);
    while (atomic_load(&thaws) < mine && naps < PATIENCE) {
        nanosleep(&nap, NULL);
        naps++;
    }
    if (naps == PATIENCE) atomic_fetch_add(&overdue, 1);
    errno = saved;
}

static void freeze(struct pump *p)
{
    atomic_fetch_add(&freezes, 1);
    pthread_kill(p->thread, SIGUSR1);
    while (sem_wait(&frozen) != 0) {
    }
}

static void thaw(void)
{
    atomic_store(&thaws, atomic_load(&freezes));
}

/* Lets the thread go on for at least one exchange, and then a little longer: another moment
 * each time, so that it is stopped everywhere. */
static void let_run(struct pump *p, unsigned *random)
{
    size_t count = atomic_load(&p->count);
    while (atomic_load(&p->count) == count) sched_yield();
    *random = *random * 1103515245u + 12345u;
    for (volatile unsigned i = (*random >> 16) % 4096; i > 0; i--) {
    }
}

enum { SEND, RECEIVE, REPLACE, POLL, PUT, TAKE, CALLS };

/* The calls that may not wait for the thread that is stopped; each but the first finds a
 * message, unless the one before found a lock taken. */
static void make_calls(struct pump *p, receiver_writer *w, sender_reader *r, int *codes)
{
    const receiver_capi_2_1 *newer = p->receiver->next_capi;
    p->receiver->clearWriter(w);
    p->receiver->addBooleanToWriter(w, 1);
    codes[SEND] = p->receiver->msgToReceiver(p->target, w, 0, 1, NULL, NULL);
    codes[RECEIVE] = p->sender->nextMessageFromSender(p->source, r, 1, -1, NULL, NULL);
    codes[REPLACE] = p->receiver->msgToReceiver(p->target, w, 1, 1, NULL, NULL);
    codes[POLL] = p->sender->nextMessageFromSender(p->source, r, 0, 0, NULL, NULL);
    p->receiver->clearWriter(w);
    p->receiver->addBooleanToWriter(w, 1);
    codes[PUT] = newer->putToReceiver(p->target, w, 0, NULL, NULL);
    codes[TAKE] = p->sender->nextMessageFromSender(p->source, r, 1, 0, NULL, NULL);
}

/* thread:probe(rounds [, before]): stops the thread at that many moments and makes six calls at
 * each: a nonblocking send, a nonblocking receive with an endless timeout, a nonblocking
 * replacement, a receive with timeout 0, a put with timeout 0, and a receive. Lua's before() is
 * called ahead of each stop. Returns
 * {[code] = how often} for each of the six. */
static int thread_probe(lua_State *L)
{
    struct pump *p = luaL_checkudata(L, 1, CLASS);
    size_t counts[CALLS][8] = {{0}};
    unsigned random = 1;
    lua_Integer rounds = luaL_checkinteger(L, 2);
    receiver_writer *w = p->receiver->newWriter(64, 2);
    sender_reader *r = p->sender->newReader(p->size + 64, 2);
    if (!w || !r) return luaL_error(L, "out of memory");
    for (lua_Integer i = rounds; i > 0 && !atomic_load(&overdue); i--) {
        int codes[CALLS];
        if (lua_isfunction(L, 3)) {
            lua_pushvalue(L, 3);
            lua_call(L, 0, 0);
        }
        let_run(p, &random);
        freeze(p);
        make_calls(p, w, r, codes);
        thaw();
        for (int k = 0; k < CALLS; k++) counts[k][codes[k] < 7 ? codes[k] : 7]++;
    }
    p->receiver->freeWriter(w);
    p->sender->freeReader(r);
    int waits = atomic_exchange(&overdue, 0);
    if (waits) return luaL_error(L, "%d times a call has waited", waits);
    for (int k = 0; k < CALLS; k++) {
        lua_newtable(L);
        for (int code = 0; code < 8; code++) {
            lua_pushinteger(L, (lua_Integer)counts[k][code]);
            lua_rawseti(L, -2, code);
        }
    }
    return CALLS;
}

EXPORT int luaopen_pump(lua_State *L);

int luaopen_pump(lua_State *L)
{
    static const luaL_Reg thread[] = {{"stop", thread_stop},
                                      {"count", thread_count},
                                      {"join", thread_join},
                                      {"probe", thread_probe},
                                      {NULL, NULL}};
    static const luaL_Reg module[] = {{"produce", pump_produce},
                                      {"consume", pump_consume},
                                      {"exchange", pump_exchange},
                                      {NULL, NULL}};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    sem_init(&frozen, 0, 0);
    support_class(L, CLASS, thread, thread_gc);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
