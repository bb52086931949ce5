/* Owns calls of addmsg, setmsg, nextmsg, getmsg, messages, select and buffer that are made
 * straight from C, so that callgrind can count their instructions. It counts nothing itself: it
 * has functions named count_..., in which CALLS calls are made in all, and nothing else.
 *
 *     count conditions    prints what the counts depend on: Lua, compiler, processor
 *     count calls         prints CALLS
 *     count               makes the calls */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

enum { CALLS = 1000, BATCH = 20 };

/* Where the stack holds what. */
enum {
    ADD = 1,
    SET,
    NEXT,
    GET,
    EACH,
    LISTEN,
    SELECT,
    FIND,
    RELEASE,
    EMPTY,
    BUFFER,
    LISTENER,
    MEMBER,
    LATEST,
    ID,
    NAME,
    TEXT
};

static const char prepare[] =
    "if jit then jit.off() end\n"
    "local mtmsg = require 'mtmsg'\n"
    "local buffer, listener = mtmsg.newbuffer('a name'), mtmsg.newlistener()\n"
    "return buffer.addmsg, buffer.setmsg, buffer.nextmsg, buffer.getmsg, "
    "(buffer:messages(0)),\n"
    "    listener.nextmsg, mtmsg.select, mtmsg.buffer, debug.getmetatable(buffer).__gc, ...,\n"
    "    buffer, listener, listener:newbuffer(), mtmsg.newbuffer(), buffer:id(), "
    "buffer:name()\n";

static int empty(lua_State *L)
{
    (void)L;
    return 0;
}

/* Each call has the object and as many values as arguments. */
static inline void make_calls(lua_State *L, int function, int object, int values, int results)
{
    for (int i = 0; i < BATCH; ++i) {
        lua_pushvalue(L, function);
        lua_pushvalue(L, object);
        if (values > 0) {
            lua_pushinteger(L, 42);
        }
        if (values > 1) {
            lua_pushvalue(L, TEXT);
            lua_pushnumber(L, 1.5);
        }
        lua_call(L, 1 + values, results);
        lua_pop(L, results);
    }
}

/* For each function of the library one of its own that calls it, and one that calls an empty
 * function in the same way. */
#define COUNT(name, function, object, values, results)                                         \
    static __attribute__((noinline)) void count_##name(lua_State *L)                           \
    {                                                                                          \
        make_calls(L, function, object, values, results);                                      \
    }                                                                                          \
    static __attribute__((noinline)) void count_empty_##name(lua_State *L)                     \
    {                                                                                          \
        make_calls(L, EMPTY, object, values, results);                                         \
    }

COUNT(add_one, ADD, BUFFER, 1, 1)
COUNT(next_one, NEXT, BUFFER, 0, 1)
COUNT(add_three, ADD, BUFFER, 3, 1)
COUNT(next_three, NEXT, BUFFER, 0, 3)
COUNT(set_one, SET, LATEST, 1, 1)
COUNT(set_three, SET, LATEST, 3, 1)
COUNT(get_one, GET, BUFFER, 0, 2)
COUNT(get_three, GET, BUFFER, 0, 4)
/* With more results than there are, since compilers make one function of two that are alike. */
COUNT(wait_one, NEXT, BUFFER, 1, 2) /* with a timeout */
COUNT(each_one, EACH, BUFFER, 0, 5)
COUNT(listen_one, LISTEN, LISTENER, 0, 1)

/* select(nil, idle, buffer): the second source has the message. */
static inline void make_selects(lua_State *L, int function)
{
    for (int i = 0; i < BATCH; ++i) {
        lua_pushvalue(L, function);
        lua_pushnil(L);
        lua_pushvalue(L, MEMBER);
        lua_pushvalue(L, BUFFER);
        lua_call(L, 3, 2);
        lua_pop(L, 2);
    }
}

static __attribute__((noinline)) void count_select_one(lua_State *L)
{
    make_selects(L, SELECT);
}

static __attribute__((noinline)) void count_empty_select_one(lua_State *L)
{
    make_selects(L, EMPTY);
}

/* What is found is given up at once, as the collector would do. */
static inline void make_finds(lua_State *L, int function, int release, int key)
{
    for (int i = 0; i < BATCH; ++i) {
        lua_pushvalue(L, release);
        lua_pushvalue(L, function);
        lua_pushvalue(L, key);
        lua_call(L, 1, 1);
        lua_call(L, 1, 0);
    }
}

#define COUNT_FIND(name, key)                                                                  \
    static __attribute__((noinline)) void count_##name(lua_State *L)                           \
    {                                                                                          \
        make_finds(L, FIND, RELEASE, key);                                                     \
    }                                                                                          \
    static __attribute__((noinline)) void count_empty_##name(lua_State *L)                     \
    {                                                                                          \
        make_finds(L, EMPTY, EMPTY, key);                                                      \
    }

COUNT_FIND(find_id, ID)
COUNT_FIND(find_name, NAME)

#define BOTH(name) count_empty_##name(L), count_##name(L)

/* In small batches: such a queue is what a stream between two threads mostly sees. The warm-up
 * leaves it as it will be from then on. The text is the youngest string, which Lua finds at
 * once whatever seed it has for its hashes. */
static void run(lua_State *L)
{
    lua_pushliteral(L, "ten chars.");
    make_calls(L, ADD, BUFFER, 3, 1);
    make_calls(L, NEXT, BUFFER, 0, 3);
    make_calls(L, SET, LATEST, 3, 1);
    for (int i = 0; i < CALLS; i += BATCH) {
        BOTH(add_one);
        BOTH(next_one);
        BOTH(add_three);
        BOTH(next_three);
        make_calls(L, ADD, BUFFER, 1, 1);
        BOTH(get_one);
        make_calls(L, ADD, BUFFER, 1, 1);
        BOTH(wait_one);
        make_calls(L, ADD, BUFFER, 1, 1);
        BOTH(each_one);
        make_calls(L, ADD, BUFFER, 3, 1);
        BOTH(get_three);
        BOTH(set_three);
        BOTH(set_one);
        make_calls(L, ADD, MEMBER, 1, 1);
        BOTH(listen_one);
        make_calls(L, ADD, BUFFER, 1, 1);
        BOTH(select_one);
        BOTH(find_id);
        BOTH(find_name);
    }
}

static const char *processor(void)
{
#if defined(__x86_64__)
    return "x86_64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "another processor";
#endif
}

static void print_compiler(void)
{
#if defined(__clang__)
    printf("clang %d", __clang_major__);
#else
    printf("gcc %d", __GNUC__);
#endif
#if !defined(__OPTIMIZE__)
    printf(" without optimization");
#endif
}

static void print_conditions(lua_State *L)
{
    if (luaL_dostring(L, "return jit and jit.version") != 0) {
        return;
    }
    printf("%s, ", lua_isstring(L, -1) ? lua_tostring(L, -1) : LUA_RELEASE);
    print_compiler();
    printf(", %s\n", processor());
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    int failed = 0;
    if (L == NULL) {
        return EXIT_FAILURE;
    }
    luaL_openlibs(L);
    luaL_checkstack(L, 2 * LUA_MINSTACK, "too many functions");
    if (argc > 1 && strcmp(argv[1], "conditions") == 0) {
        print_conditions(L);
    } else if (argc > 1) {
        printf("%d\n", CALLS);
    } else {
        failed = luaL_loadstring(L, prepare) != 0;
        lua_pushcfunction(L, empty);
        failed = failed || lua_pcall(L, 1, NAME, 0) != 0;
        if (failed) {
            fprintf(stderr, "count: %s\n", lua_tostring(L, -1));
        } else {
            lua_gc(L, LUA_GCSTOP, 0);
            run(L);
        }
    }
    lua_close(L);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
