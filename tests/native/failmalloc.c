/*
 * Owns a library that takes the place of malloc, calloc, realloc and the aligned ones
 * (LD_PRELOAD): it counts the requests that mtmsg.so makes, and lets one of them fail on
 * demand. Requests of the interpreter, of the C library and of other modules pass untouched.
 *
 * The same file is the Lua module "failmalloc", which switches it on and off for the calling
 * thread. Not for sanitizers, which have a malloc of their own: active() is false there.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static __thread int armed;
static __thread long requests;  /* of mtmsg.so since it was armed */
static __thread long fail_at;   /* number of the request that fails; 0: none */
static __thread long fail_last; /* the last one that fails */

static int is_ours(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "/mtmsg.so");
}

static int must_fail(const void *caller)
{
    if (!armed) return 0;
    armed = 0; /* dladdr may want memory */
    int ours = is_ours(caller);
    armed = 1;
    if (!ours) return 0;
    requests++;
    if (fail_at == 0 || requests < fail_at || requests > fail_last) return 0;
    errno = ENOMEM;
    return 1;
}

/* The function that this library stands before. Where the C library wants memory to find it,
 * the inner call finds NULL, and the C library does without. */
static void *next(_Atomic(void *) *known, const char *name)
{
    static __thread int looking;
    void *found = *known;
    if (found || looking) return found;
    looking = 1;
    *known = found = dlsym(RTLD_NEXT, name);
    looking = 0;
    return found;
}

/* Calls the function of that name behind this library, or returns failure. */
#define PASS_ON(name, failure, ...)                                                            \
    do {                                                                                       \
        static _Atomic(void *) known;                                                          \
        void *found = must_fail(__builtin_return_address(0)) ? NULL : next(&known, #name);     \
        return found ? ((__typeof__(name) *)found)(__VA_ARGS__) : failure;                     \
    } while (0)

EXPORT void *malloc(size_t size)
{
    PASS_ON(malloc, NULL, size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    PASS_ON(calloc, NULL, count, size);
}

EXPORT void *realloc(void *p, size_t size)
{
    PASS_ON(realloc, NULL, p, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    PASS_ON(aligned_alloc, NULL, alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    PASS_ON(posix_memalign, ENOMEM, out, alignment, size);
}

/* -------------------------------------------------------------------- for Lua */

/* failmalloc.active() -> whether this library's malloc is the one of the process */
static int active(lua_State *L)
{
    void *malloc_of_process = dlsym(RTLD_DEFAULT, "malloc");
    Dl_info ours, used;
    static const char here = 0;
    lua_pushboolean(L, dladdr(&here, &ours) && dladdr(malloc_of_process, &used) &&
                           ours.dli_fbase == used.dli_fbase);
    return 1;
}

/* failmalloc.run(first, last, f, ...) -> requests made, results of pcall(f, ...)
 * Calls f while the requests with the numbers first to last fail; first 0: none does. */
static int run(lua_State *L)
{
    int top = lua_gettop(L);
    fail_at = (long)luaL_checkinteger(L, 1);
    fail_last = (long)luaL_checkinteger(L, 2);
    requests = 0;
    armed = 1;
    int rc = lua_pcall(L, top - 3, LUA_MULTRET, 0);
    armed = 0;
    lua_pushinteger(L, requests);
    lua_insert(L, 3);
    lua_pushboolean(L, rc == 0);
    lua_insert(L, 4);
    return lua_gettop(L) - 2;
}

EXPORT int luaopen_failmalloc(lua_State *L);

int luaopen_failmalloc(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, active);
    lua_setfield(L, -2, "active");
    lua_pushcfunction(L, run);
    lua_setfield(L, -2, "run");
    return 1;
}
