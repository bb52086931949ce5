/* A program that embeds Lua and has mtmsg linked into it: it runs a script, and gives it a way
 * to start threads with Lua states of their own. How these talk to each other is the scripts'
 * affair.
 *
 *     embed main.lua [argument...]
 *
 * The script has a global function start(file, ...): it runs another script in a new thread,
 * with the given strings and numbers as arguments. The program ends when all threads have
 * ended. */
#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>
#include <mtmsg/mtmsg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

struct thread {
    pthread_t id;
    lua_State *L; /* with the script and its arguments on its stack */
    int failed;
};

/* Touched by the main thread alone: only the main script has start(). */
static struct thread threads[MAX_THREADS];
static int thread_count;

/* A state in which `require "mtmsg"` finds the module that is in this program. */
static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    if (!L) return NULL;
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_mtmsg);
    lua_setfield(L, -2, "mtmsg");
    lua_pop(L, 2);
    return L;
}

/* Runs the function on the stack with the arguments above it, and closes the state. Returns
 * whether it failed. */
static int run(lua_State *L)
{
    int failed = lua_pcall(L, lua_gettop(L) - 1, 0, 0) != 0;
    if (failed) fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return failed;
}

static void *thread_main(void *opaque)
{
    struct thread *thread = opaque;
    thread->failed = run(thread->L);
    return NULL;
}

/* start(file, ...) */
static int start(lua_State *L)
{
    const char *file = luaL_checkstring(L, 1);
    int top = lua_gettop(L);
    if (thread_count == MAX_THREADS) return luaL_error(L, "too many threads");
    struct thread *thread = &threads[thread_count];
    thread->L = new_state();
    if (!thread->L) return luaL_error(L, "out of memory");
    int ok = luaL_loadfile(thread->L, file) == 0 && lua_checkstack(thread->L, top);
    for (int i = 2; ok && i <= top; ++i) {
        if (lua_type(L, i) == LUA_TNUMBER) lua_pushnumber(thread->L, lua_tonumber(L, i));
        else lua_pushstring(thread->L, lua_tostring(L, i));
    }
    if (!ok || pthread_create(&thread->id, NULL, thread_main, thread) != 0) {
        lua_close(thread->L);
        return luaL_error(L, "cannot start %s", file);
    }
    ++thread_count;
    return 0;
}

int main(int argc, char **argv)
{
    lua_State *L = new_state();
    if (!L || argc < 2) {
        fprintf(stderr, "usage: embed main.lua [argument...]\n");
        return EXIT_FAILURE;
    }
    lua_register(L, "start", start);
    if (luaL_loadfile(L, argv[1]) != 0) {
        fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
        return EXIT_FAILURE;
    }
    for (int i = 2; i < argc; ++i) lua_pushstring(L, argv[i]);
    if (run(L)) return EXIT_FAILURE; /* nobody is left who could end the threads */
    int failed = 0;
    for (int i = 0; i < thread_count; ++i) {
        pthread_join(threads[i].id, NULL);
        failed |= threads[i].failed;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
