/* Owns a program that runs a Lua script with as many Lua states on as many threads as it wants,
 * in one process. It does not know what the scripts test: they load that by require.
 *
 *     host [-j N] [-m N] script.lua args...
 *
 * -j N  host.cpus() gives N, not what the machine has: a script starts threads in proportion
 * -m N  the script runs N times at once, on N threads, each in a state of its own
 *
 * Scripts, and the threads that they start, find in require "host":
 *   host.thread(source, args...)  a new thread with a new Lua state; source is Lua code (or its
 *                                 dump) or "@file"; arguments and results are nil,
 *                                 booleans, numbers and strings
 *   thread:join([seconds])        true, results... | nil, error text | false, "timeout"
 *   host.cpus(), host.now()       processors; seconds on a monotonic clock
 *   host.poll(fd[, seconds])      waits until the descriptor is readable; false: it is not
 *   host.exit([code])             is also os.exit here: closes the state, then ends the script;
 *                                 called in a thread it ends the process
 * A process that is told to end, by SIGTERM, lists the threads that still run.
 * The exit code is 0, or that of the first script that failed. A script that failed does not
 * wait for the threads that it has left. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host_os.h"
#include "host_workers.h"

struct script {
    int argc;
    char **argv;
    int at; /* index of the script's name in argv */
    int code;
    int done; /* guarded by pool.mutex */
    struct os_thread thread;
    jmp_buf leave;
};

static struct {
    struct script *scripts;
    int script_count;
    int cpus;
} host;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOST_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define HOST_THREAD_SANITIZER
#endif

#ifdef HOST_THREAD_SANITIZER
/* Lua raises its errors by this function where it was built with the checks of glibc. The
 * thread sanitizer knows longjmp alone; its record of the call stack would grow with every
 * error. */
void __longjmp_chk(jmp_buf target, int value);
void __longjmp_chk(jmp_buf target, int value)
{
    longjmp(target, value);
}
#endif

/* ----------------------------------------------------------------- the module for scripts */

static int host_cpus(lua_State *L)
{
    lua_pushinteger(L, host.cpus);
    return 1;
}

/* Without seconds it waits for ever. */
static int host_poll(lua_State *L)
{
    double seconds = luaL_optnumber(L, 2, -1);
    lua_pushboolean(
        L, os_poll((intptr_t)luaL_checknumber(L, 1), seconds < 0 ? -1 : (int)(seconds * 1000)));
    return 1;
}

static int host_now(lua_State *L)
{
    lua_pushnumber(L, os_now());
    return 1;
}

/* Closes the state below its own feet, as os.exit(code, true) does, and leaves by a jump. */
static int host_exit(lua_State *L)
{
    struct script *script = lua_touserdata(L, lua_upvalueindex(1));
    int code;
    if (lua_isboolean(L, 1)) {
        code = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    } else {
        code = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    }
    if (script == NULL) {
        exit(code);
    }
    script->code = code;
    lua_close(L);
    longjmp(script->leave, 1);
}

static void set_function(lua_State *L, const char *name, lua_CFunction function)
{
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

static int luaopen_host(lua_State *L)
{
    luaL_newmetatable(L, HOST_HANDLE);
    set_function(L, "__gc", handle_gc);
    lua_newtable(L);
    set_function(L, "join", handle_join);
    lua_setfield(L, -2, "__index");
    lua_newtable(L);
    set_function(L, "thread", host_thread);
    set_function(L, "cpus", host_cpus);
    set_function(L, "now", host_now);
    set_function(L, "poll", host_poll);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, host_exit, 1);
    lua_setfield(L, -2, "exit");
    return 1;
}

/* script is NULL in a thread. */
static void open_libraries(lua_State *L, struct script *script)
{
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushlightuserdata(L, script);
    lua_pushcclosure(L, luaopen_host, 1);
    lua_setfield(L, -2, "host");
    lua_pop(L, 2);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "host");
    lua_call(L, 1, 1);
    lua_getglobal(L, "os");
    lua_getfield(L, -2, "exit");
    lua_setfield(L, -2, "exit");
    lua_pop(L, 2);
}

/* -------------------------------------------------------------------------------- scripts */

/* Sets the global arg and pushes the script's own arguments. */
static int push_arguments(lua_State *L, const struct script *script)
{
    lua_newtable(L);
    for (int i = 0; i < script->argc; i++) {
        lua_pushstring(L, script->argv[i]);
        lua_rawseti(L, -2, i - script->at);
    }
    lua_setglobal(L, "arg");
    luaL_checkstack(L, script->argc, "too many arguments");
    for (int i = script->at + 1; i < script->argc; i++) {
        lua_pushstring(L, script->argv[i]);
    }
    return script->argc - script->at - 1;
}

/* Runs protected, with the script as light userdata. */
static int script_main(lua_State *L)
{
    struct script *script = lua_touserdata(L, 1);
    open_libraries(L, script);
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    if (luaL_loadfile(L, script->argv[script->at]) != 0) {
        return lua_error(L);
    }
    if (lua_pcall(L, push_arguments(L, script), 0, 1) != 0) {
        return lua_error(L);
    }
    script->code = EXIT_SUCCESS;
    return 0;
}

static void script_enter(struct script *script)
{
    lua_State *L = luaL_newstate();
    script->code = EXIT_FAILURE;
    if (L == NULL) {
        fprintf(stderr, "host: not enough memory\n");
        return;
    }
    if (os_setjmp(script->leave) != 0) {
        return;
    }
    lua_pushcfunction(L, script_main);
    lua_pushlightuserdata(L, script);
    if (lua_pcall(L, 1, 0, 0) != 0) {
        const char *text = lua_tostring(L, -1);
        fprintf(stderr, "host: %s\n", text != NULL ? text : "(no error text)");
    }
    lua_close(L);
}

static void script_run(void *opaque)
{
    struct script *script = opaque;
    script_enter(script);
    os_mutex_lock(&pool.mutex);
    script->done = 1;
    os_mutex_unlock(&pool.mutex);
}

/* One script runs on the main thread, several on a thread each. Returns the first exit code
 * that is not 0. */
static int run_scripts(void)
{
    int code = EXIT_SUCCESS;
    int started = 0;
    if (host.script_count == 1) {
        script_run(&host.scripts[0]);
        return host.scripts[0].code;
    }
    while (started < host.script_count &&
           os_thread_start(&host.scripts[started].thread, script_run, &host.scripts[started])) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        os_thread_join(&host.scripts[i].thread);
        if (code == EXIT_SUCCESS) {
            code = host.scripts[i].code;
        }
    }
    if (started < host.script_count) {
        fprintf(stderr, "host: cannot start %d threads\n", host.script_count);
        code = EXIT_FAILURE;
    }
    return code;
}

/* ------------------------------------------------------------------------ told to end */

static void report_running(void)
{
    os_mutex_lock(&pool.mutex);
    fflush(stdout);
    fprintf(stderr, "host: told to end\n");
    for (int i = 0; i < host.script_count; i++) {
        if (!host.scripts[i].done) {
            fprintf(stderr, "host: still running: %s (%d)\n",
                    host.scripts[i].argv[host.scripts[i].at], i + 1);
        }
    }
    for (struct worker *worker = pool.workers; worker != NULL; worker = worker->next) {
        if (worker->state == WORKER_RUNNING) {
            fprintf(stderr, "host: still running: %s\n", worker->name);
        }
    }
    os_mutex_unlock(&pool.mutex);
}

static int run_watched(void)
{
    int code;
    if (!os_watch_begin(report_running)) {
        fprintf(stderr, "host: cannot start the watchdog\n");
        return EXIT_FAILURE;
    }
    code = run_scripts();
    if (code == EXIT_SUCCESS) {
        workers_finish();
    }
    os_watch_end();
    return code;
}

/* --------------------------------------------------------------------------- command line */

/* Returns the index of the script's name, or 0 if the arguments make no sense. */
static int parse_options(int argc, char **argv)
{
    int at = 1;
    host.cpus = os_cpus();
    host.script_count = 1;
    while (at + 2 < argc && argv[at][0] == '-') {
        double value = strtod(argv[at + 1], NULL);
        if (!(value >= 0 && value <= 1e6)) {
            return 0;
        }
        if (strcmp(argv[at], "-j") == 0 && value >= 1) {
            host.cpus = (int)value;
        } else if (strcmp(argv[at], "-m") == 0 && value >= 1) {
            host.script_count = (int)value;
        } else {
            return 0;
        }
        at += 2;
    }
    return at < argc && argv[at][0] != '-' ? at : 0;
}

int main(int argc, char **argv)
{
    int code;
    int at = parse_options(argc, argv);
    if (at == 0) {
        fprintf(stderr, "usage: host [-j N] [-m N] script.lua args...\n");
        return EXIT_FAILURE;
    }
    host.scripts = calloc((size_t)host.script_count, sizeof(struct script));
    if (host.scripts == NULL) {
        fprintf(stderr, "host: not enough memory\n");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < host.script_count; i++) {
        host.scripts[i].argc = argc;
        host.scripts[i].argv = argv;
        host.scripts[i].at = at;
    }
    os_mutex_init(&pool.mutex);
    os_cond_init(&pool.changed);
    code = run_watched();
    if (code != EXIT_SUCCESS) {
        exit(code); /* threads may still run and use what the lines below would free */
    }
    os_cond_fini(&pool.changed);
    os_mutex_fini(&pool.mutex);
    free(host.scripts);
    return code;
}
