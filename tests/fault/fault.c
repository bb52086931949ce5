/* Owns a program that runs a Lua script whose memory fails on demand: it is linked with the
 * module, so that it can put an allocator of its own beneath it. It does not know what the
 * scripts do; at the end it fails if anything was not given back.
 *
 *     fault script.lua
 *
 * Scripts find in require "fault":
 *   fault.run(source, first, count, f, ...)  f(...) while the requests with the numbers first
 *       to first + count - 1 fail; source is "malloc" (what the module asks of the C library)
 *       or "lua" (what Lua asks of its allocator), count 0 means all from there on.
 *       Gives how many have failed, and the results of pcall(f, ...)
 *   fault.state(code, source, first, count)  the same for the Lua code in a state of its own,
 *       until the state is closed (but Lua's memory does not fail any more while it is
 *       closed). Gives how many have failed; the error or nil; the number
 *       of the module's blocks, and of bytes of Lua, that were not given back
 *   fault.blocks()   how many blocks the module has
 *   fault.version()  the LUA_VERSION_NUM; a C function that can travel in a message
 *   fault.pointer(n) light userdata
 *   fault.native     the client of the C APIs, see native.h */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "memory.h"
#include "native.h"

int luaopen_mtmsg(lua_State *L);
static void open_libraries(lua_State *L);

static struct source *check_source(lua_State *L, int index)
{
    static const char *const names[] = {"malloc", "lua", NULL};
    return luaL_checkoption(L, index, NULL, names) == 0 ? &of_core : &of_lua;
}

static void arm(lua_State *L, int index, struct source *s)
{
    long first = (long)luaL_checkinteger(L, index);
    long count = (long)luaL_checkinteger(L, index + 1);
    source_arm(s, first, count > 0 ? count : LONG_MAX / 2);
}

static int fault_run(lua_State *L)
{
    struct source *s = check_source(L, 1);
    luaL_checkany(L, 4);
    arm(L, 2, s);
    int rc = lua_pcall(L, lua_gettop(L) - 4, LUA_MULTRET, 0);
    long failed = s->failed;
    source_arm(s, 0, 0);
    luaL_checkstack(L, 2, NULL);
    lua_pushinteger(L, (lua_Integer)failed);
    lua_replace(L, 2);
    lua_pushboolean(L, rc == 0);
    lua_replace(L, 3);
    return lua_gettop(L) - 1;
}

static int fault_state(lua_State *L)
{
    size_t len;
    const char *code = luaL_checklstring(L, 1, &len);
    struct source *s = check_source(L, 2);
    struct beneath beneath;
    char text[300] = "";
    long blocks = of_core.blocks;
    size_t bytes = of_lua.bytes;
    lua_State *inner = memory_state_new(&beneath);
    if (!inner) return luaL_error(L, "no memory for a state");
    open_libraries(inner);
    luaL_loadbuffer(inner, code, len, "=state");
    arm(L, 3, s);
    int rc = lua_pcall(inner, 0, 0, 0);
    if (rc != 0) snprintf(text, sizeof text, "%.299s", lua_tostring(inner, -1));
    long failed = s->failed;
    if (s == &of_lua) source_arm(s, 0, 0);
    memory_state_close(inner, &beneath);
    if (s == &of_core) failed = s->failed;
    source_arm(s, 0, 0);
    blocks = of_core.blocks - blocks;
    bytes = of_lua.bytes - bytes;
    lua_pushinteger(L, (lua_Integer)failed);
    if (rc != 0) lua_pushstring(L, text);
    else lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)blocks);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 4;
}

static int fault_blocks(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)of_core.blocks);
    return 1;
}

static int fault_version(lua_State *L)
{
    lua_pushinteger(L, LUA_VERSION_NUM);
    return 1;
}

static int fault_pointer(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)(uint64_t)luaL_checknumber(L, 1));
    return 1;
}

static void push_table(lua_State *L, const luaL_Reg *functions)
{
    lua_newtable(L);
    for (; functions->name; ++functions) {
        lua_pushcfunction(L, functions->func);
        lua_setfield(L, -2, functions->name);
    }
}

static int open_fault(lua_State *L)
{
    static const luaL_Reg functions[] = {{"run", fault_run},         {"state", fault_state},
                                         {"blocks", fault_blocks},   {"version", fault_version},
                                         {"pointer", fault_pointer}, {NULL, NULL}};
    push_table(L, functions);
    push_table(L, native_functions);
    lua_setfield(L, -2, "native");
    return 1;
}

static void preload(lua_State *L, const char *name, lua_CFunction open)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, open);
    lua_setfield(L, -2, name);
    lua_pop(L, 2);
}

static void open_libraries(lua_State *L)
{
    luaL_openlibs(L);
    preload(L, "mtmsg", luaopen_mtmsg);
    preload(L, "fault", open_fault);
}

static int panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "fault: unprotected error: %s\n", text ? text : "(no text)");
    return 0;
}

static int run_script(lua_State *L, const char *file)
{
    lua_getglobal(L, "debug");
    lua_getfield(L, -1, "traceback");
    if (luaL_loadfile(L, file) == 0 && lua_pcall(L, 0, 0, -2) == 0) return EXIT_SUCCESS;
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "fault: %s\n", text ? text : "(no text)");
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct beneath beneath;
    mtm_alloc_use(&core_source);
    lua_State *L = argc > 1 ? memory_state_new(&beneath) : NULL;
    if (!L) return EXIT_FAILURE;
    lua_atpanic(L, panic);
    open_libraries(L);
    int code = run_script(L, argv[1]);
    memory_state_close(L, &beneath);
    if (of_core.blocks != 0 || of_lua.bytes != 0) {
        fprintf(stderr, "fault: %ld blocks of the module and %ld bytes of Lua are left\n",
                of_core.blocks, (long)of_lua.bytes);
        code = EXIT_FAILURE;
    }
    return code;
}
