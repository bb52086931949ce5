/*
 * Owns the Lua module "sensor": a native thread that measures something at a steady rate and
 * adds the values to a buffer, by the Receiver C API. It never touches a Lua state from that
 * thread, and it knows the buffer by this API alone: it compiles without mtmsg and does not
 * link to it.
 *
 *     local s = sensor.start(buffer, seconds)   -- one message per interval: number, lateness
 *     local sent, lost = s:stop()
 *
 * What it measures is the machine itself: how late, in seconds, the thread wakes up for a
 * deadline.
 */
#define _POSIX_C_SOURCE 200809L
#include <lua.h>

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/receiver_capi.h"

#define CLASS "sensor"

struct sensor {
    const receiver_capi *api;
    receiver_object *buffer;
    receiver_writer *writer;
    pthread_t thread;
    int running;
    atomic_int stop;
    double interval;
    lua_Integer sent; /* the thread's until it has ended */
    lua_Integer lost;
};

/* -------------------------------------------------------------------- the thread */

static void add_seconds(struct timespec *t, double seconds)
{
    double nanos = (double)t->tv_nsec + seconds * 1e9;
    t->tv_sec += (time_t)(nanos / 1e9);
    t->tv_nsec = (long)(nanos - 1e9 * (double)(time_t)(nanos / 1e9));
}

/* Sleeps until the deadline; by how much it was missed. */
static double measure(const struct timespec *deadline)
{
    struct timespec now;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, deadline, NULL) != 0) {
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - deadline->tv_sec) +
           (double)(now.tv_nsec - deadline->tv_nsec) * 1e-9;
}

/* The thread must keep its rate, so nothing here waits: with nonblock the call gives up at once
 * if another thread is at work on the buffer (3), and it never waits for room (4). The writer
 * has had its memory from the beginning. Returns whether to go on. */
static int report(struct sensor *s, lua_Integer number, double late)
{
    int code = s->api->addIntegerToWriter(s->writer, number);
    if (code == 0) code = s->api->addNumberToWriter(s->writer, late);
    if (code == 0) code = s->api->msgToReceiver(s->buffer, s->writer, 0, 1, NULL, NULL);
    if (code == 0) {
        s->sent++;
    } else {
        s->lost++;
        s->api->clearWriter(s->writer); /* after a failure it is as it was before */
    }
    return code != 1; /* 1: closed, nobody will ever listen again */
}

static void *thread_main(void *data)
{
    struct sensor *s = data;
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    for (lua_Integer number = 1; !atomic_load(&s->stop); number++) {
        add_seconds(&deadline, s->interval);
        if (!report(s, number, measure(&deadline))) break;
    }
    return NULL;
}

/* -------------------------------------------------------------------- the Lua side */

/* sensor.start(buffer, seconds) */
static int start_sensor(lua_State *L)
{
    int reason = 0;
    const receiver_capi *api = receiver_get_capi(L, 1, &reason);
    receiver_object *buffer = api ? api->toReceiver(L, 1) : NULL;
    if (!buffer) {
        return luaL_argerror(
            L, 1, reason == 1 ? "receiver of an incompatible version" : "receiver expected");
    }
    struct sensor *s = lua_newuserdata(L, sizeof *s);
    *s = (struct sensor){.api = api, .interval = luaL_checknumber(L, 2)};
    luaL_getmetatable(L, CLASS);
    lua_setmetatable(L, -2); /* from here on gc_sensor cleans up */
    s->writer = api->newWriter(64, 0);
    if (!s->writer) return luaL_error(L, "out of memory");
    api->retainReceiver(buffer); /* the thread may outlive the Lua object of the buffer */
    s->buffer = buffer;
    s->running = pthread_create(&s->thread, NULL, thread_main, s) == 0;
    return s->running ? 1 : luaL_error(L, "cannot start a thread");
}

/* sensor:stop() -> number of messages sent, number of values lost */
static int stop_sensor(lua_State *L)
{
    struct sensor *s = luaL_checkudata(L, 1, CLASS);
    atomic_store(&s->stop, 1);
    if (s->running) pthread_join(s->thread, NULL);
    s->running = 0;
    lua_pushinteger(L, s->sent);
    lua_pushinteger(L, s->lost);
    return 2;
}

static int gc_sensor(lua_State *L)
{
    struct sensor *s = luaL_checkudata(L, 1, CLASS);
    stop_sensor(L);
    if (s->writer) s->api->freeWriter(s->writer);
    if (s->buffer) s->api->releaseReceiver(s->buffer);
    s->writer = NULL;
    s->buffer = NULL;
    return 0;
}

__attribute__((visibility("default"))) int luaopen_sensor(lua_State *L);

int luaopen_sensor(lua_State *L)
{
    luaL_newmetatable(L, CLASS);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, stop_sensor);
    lua_setfield(L, -2, "stop");
    lua_pushcfunction(L, gc_sensor);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    lua_pushcfunction(L, start_sensor);
    lua_setfield(L, -2, "start");
    return 1;
}
