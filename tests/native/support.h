/*
 * Owns what the C modules of these tests share: export macro, classes for every Lua, clock.
 * It knows nothing of mtmsg or of the C APIs.
 */
#ifndef TESTS_NATIVE_SUPPORT_H
#define TESTS_NATIVE_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before the first system header */
#endif

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

static inline void support_functions(lua_State *L, const luaL_Reg *functions)
{
#if LUA_VERSION_NUM < 502
    luaL_register(L, NULL, functions);
#else
    luaL_setfuncs(L, functions, 0);
#endif
}

/* Pushes the class's metatable, with __index, __gc and the methods. */
static inline void support_class(lua_State *L, const char *name, const luaL_Reg *methods,
                                 lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    support_functions(L, methods);
}

/* A zeroed userdata of the class, pushed. */
static inline void *support_new(lua_State *L, const char *name, size_t size)
{
    void *p = memset(lua_newuserdata(L, size), 0, size);
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
    return p;
}

/* The userdata at index if it is of the class, else NULL. */
static inline void *support_test(lua_State *L, int index, const char *name)
{
    void *p = lua_touserdata(L, index);
    if (p && lua_getmetatable(L, index)) {
        luaL_getmetatable(L, name);
        if (!lua_rawequal(L, -1, -2)) p = NULL;
        lua_pop(L, 2);
        return p;
    }
    return NULL;
}

static inline int support_flag(lua_State *L, int index, const char *key)
{
    lua_getfield(L, index, key);
    int flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

static inline lua_Number support_number(lua_State *L, int index, const char *key,
                                        lua_Number def)
{
    lua_getfield(L, index, key);
    lua_Number n = lua_isnil(L, -1) ? def : luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return n;
}

/* A point in time of the wall clock, for pthread_cond_timedwait. */
static inline struct timespec support_deadline(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    double nanos = (double)t.tv_nsec + (seconds - (double)(long)seconds) * 1e9;
    t.tv_sec += (time_t)seconds + (nanos >= 1e9 ? 1 : 0);
    t.tv_nsec = (long)(nanos >= 1e9 ? nanos - 1e9 : nanos);
    return t;
}

/* A door that opens once: threads wait until another one opens it. */
struct support_gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int open;
};

static inline void support_gate_init(struct support_gate *g)
{
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->cond, NULL);
    g->open = 0;
}

static inline void support_gate_fini(struct support_gate *g)
{
    pthread_cond_destroy(&g->cond);
    pthread_mutex_destroy(&g->mutex);
}

static inline void support_gate_open(struct support_gate *g)
{
    pthread_mutex_lock(&g->mutex);
    g->open = 1;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->mutex);
}

/* Whether the gate is open, at the latest after that many seconds. */
static inline int support_gate_wait(struct support_gate *g, double seconds)
{
    struct timespec until = support_deadline(seconds);
    pthread_mutex_lock(&g->mutex);
    int rc = 0;
    while (!g->open && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&g->cond, &g->mutex, &until);
    int open = g->open;
    pthread_mutex_unlock(&g->mutex);
    return open;
}

#endif
