/* What the probe modules share: the clock, their opening, and what a method of the library must
 * do to trust its self. A probe is the least that some piece of work can cost; what it is
 * compared with stands in the workloads. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before the first system header */
#endif

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "capi/shim.h"

#define PROBE_EXPORT __attribute__((visibility("default")))

static inline int64_t probe_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns to Lua how many seconds have passed since begin. */
static inline int probe_since(lua_State *L, int64_t begin)
{
    lua_pushnumber(L, (lua_Number)(probe_ns() - begin) * 1e-9);
    return 1;
}

static inline int probe_open(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    mtc_setfuncs(L, functions, 0);
    return 1;
}

#endif
