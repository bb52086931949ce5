/*
 * Owns the module "stepping_clock", which is also preloaded: a wall clock that is off by as
 * much as a test says, for everything in the process that asks libc for the time. Monotonic
 * clocks stay.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/time.h>

static atomic_long offset; /* seconds */

typedef int (*clock_function)(clockid_t, struct timespec *);

/* The clock of libc itself, however often this is asked for by however many threads. */
static int real_clock(clockid_t id, struct timespec *out)
{
    static _Atomic(clock_function) found;
    clock_function function = atomic_load(&found);
    if (!function) {
        void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
        memcpy(&function, &symbol, sizeof function);
        atomic_store(&found, function);
    }
    return function(id, out);
}

EXPORT int clock_gettime(clockid_t id, struct timespec *out)
{
    int rc = real_clock(id, out);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        out->tv_sec += atomic_load(&offset);
    }
    return rc;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
    return 0;
}

EXPORT int timespec_get(struct timespec *out, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

EXPORT time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

/* set(seconds): the wall clock is off by that much from now on */
static int set(lua_State *L)
{
    atomic_store(&offset, (long)luaL_checknumber(L, 1));
    return 0;
}

/* monotonic(): seconds on a clock that is not touched */
static int monotonic(lua_State *L)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec * 1e-9);
    return 1;
}

EXPORT int luaopen_stepping_clock(lua_State *L);
EXPORT int luaopen_stepping_clock(lua_State *L)
{
    static const luaL_Reg functions[] = {{"set", set}, {"monotonic", monotonic}, {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, functions);
    return 1;
}
