/* Owns the threads that scripts start: their Lua states, what goes in and comes out, the list
 * of those that run, the handles that join them. It does not own the states of the scripts. */
#ifndef HOST_WORKERS_H
#define HOST_WORKERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>

#include <lauxlib.h>

#include "host_os.h"
#include "host_values.h"

#define HOST_HANDLE "host.thread"

enum worker_state { WORKER_NEW, WORKER_RUNNING, WORKER_DONE };

struct script;

struct worker {
    struct worker *next;     /* guarded by pool.mutex */
    enum worker_state state; /* guarded by pool.mutex */
    int orphan;              /* its handle was collected while it ran; guarded by pool.mutex */
    int joined;              /* used by the owner of the handle alone */
    int failed;              /* written by the thread before it is done, like result */
    struct os_thread thread;
    char name[96];
    struct host_value source;
    struct host_values args;
    struct host_values result;
};

static struct {
    os_mutex mutex;
    os_cond changed;        /* a worker is done or without a handle, or the program is over */
    struct worker *workers; /* those started and not yet freed; guarded by mutex */
    int started;            /* guarded by mutex */
} pool;

/* Makes a fresh state what a script finds in the lua program, with host added. */
static void open_libraries(lua_State *L, struct script *script);

static int error_text(lua_State *L)
{
    if (lua_isstring(L, 1)) {
        return 1;
    }
    if (!luaL_callmeta(L, 1, "__tostring")) {
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    return 1;
}

/* A message handler: the error as text with a traceback. */
static int traceback(lua_State *L)
{
    error_text(L);
    lua_getglobal(L, "debug");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return 1;
    }
    lua_getfield(L, -1, "traceback");
    if (!lua_isfunction(L, -1)) {
        lua_pop(L, 2);
        return 1;
    }
    lua_pushvalue(L, -3);
    lua_pushinteger(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

static int load_source(lua_State *L, const char *source, size_t length)
{
    if (source[0] == '@') {
        return luaL_loadfile(L, source + 1);
    }
    return luaL_loadbuffer(L, source, length, source);
}

/* Runs protected, with the worker as light userdata. */
static int worker_main(lua_State *L)
{
    struct worker *worker = lua_touserdata(L, 1);
    int bad;
    open_libraries(L, NULL);
    lua_settop(L, 0);
    lua_pushcfunction(L, traceback);
    if (load_source(L, worker->source.as.string.bytes, worker->source.as.string.length) != 0) {
        return lua_error(L);
    }
    if (lua_pcall(L, host_values_push(L, &worker->args), LUA_MULTRET, 1) != 0) {
        return lua_error(L);
    }
    bad = host_values_read(L, 2, &worker->result);
    if (bad != 0) {
        return luaL_error(L, "result #%d of the thread is a %s", bad - 1,
                          luaL_typename(L, bad));
    }
    return 0;
}

static void worker_fail(struct worker *worker, const char *text)
{
    host_values_free(&worker->result);
    worker->failed = 1;
    worker->result.items = calloc(1, sizeof(struct host_value));
    if (worker->result.items != NULL &&
        host_value_set_string(worker->result.items, text, strlen(text))) {
        worker->result.count = 1;
    }
}

static void worker_run(void *opaque)
{
    struct worker *worker = opaque;
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        worker_fail(worker, "not enough memory");
    } else {
        lua_pushcfunction(L, worker_main);
        lua_pushlightuserdata(L, worker);
        if (lua_pcall(L, 1, 0, 0) != 0) {
            const char *text = lua_tostring(L, -1);
            worker_fail(worker, text != NULL ? text : "(no error text)");
        }
        lua_close(L);
    }
    os_mutex_lock(&pool.mutex);
    worker->state = WORKER_DONE;
    os_cond_signal_all(&pool.changed);
    os_mutex_unlock(&pool.mutex);
}

/* The caller holds the mutex. */
static void worker_unlink(struct worker *worker)
{
    struct worker **link = &pool.workers;
    while (*link != worker) {
        link = &(*link)->next;
    }
    *link = worker->next;
}

/* For a worker that is not in the list and not running. */
static void worker_free(struct worker *worker)
{
    if (worker->state == WORKER_DONE && !worker->joined) {
        os_thread_join(&worker->thread);
    }
    if (worker->source.kind == HOST_STRING) {
        free(worker->source.as.string.bytes);
    }
    host_values_free(&worker->args);
    host_values_free(&worker->result);
    free(worker);
}

/* Waits for every worker. The scripts have closed their states, so that only workers hold
 * handles now, and each of these gives them up before it is done itself. */
static void workers_finish(void)
{
    os_mutex_lock(&pool.mutex);
    while (pool.workers != NULL) {
        struct worker *worker = pool.workers;
        while (worker != NULL && !(worker->orphan && worker->state == WORKER_DONE)) {
            worker = worker->next;
        }
        if (worker == NULL) {
            os_cond_wait(&pool.changed, &pool.mutex);
        } else {
            worker_unlink(worker);
            os_mutex_unlock(&pool.mutex);
            worker_free(worker);
            os_mutex_lock(&pool.mutex);
        }
    }
    os_mutex_unlock(&pool.mutex);
}

static struct worker *check_handle(lua_State *L)
{
    return *(struct worker **)luaL_checkudata(L, 1, HOST_HANDLE);
}

static int handle_gc(lua_State *L)
{
    struct worker **handle = luaL_checkudata(L, 1, HOST_HANDLE);
    struct worker *worker = *handle;
    int running;
    if (worker == NULL) {
        return 0;
    }
    *handle = NULL;
    os_mutex_lock(&pool.mutex);
    running = worker->state == WORKER_RUNNING;
    if (running) {
        worker->orphan = 1;
    } else if (worker->state == WORKER_DONE) {
        worker_unlink(worker);
    }
    os_cond_signal_all(&pool.changed);
    os_mutex_unlock(&pool.mutex);
    if (!running) {
        worker_free(worker);
    }
    return 0;
}

/* The userdata owns the worker from its first moment: nothing is lost when something raises. */
static struct worker *push_new_worker(lua_State *L)
{
    struct worker **handle = lua_newuserdata(L, sizeof(struct worker *));
    *handle = NULL;
    luaL_getmetatable(L, HOST_HANDLE);
    lua_setmetatable(L, -2);
    *handle = calloc(1, sizeof(struct worker));
    if (*handle == NULL) {
        luaL_error(L, "not enough memory");
    }
    return *handle;
}

static void worker_start(lua_State *L, struct worker *worker)
{
    int running;
    luaL_where(L, 1);
    os_mutex_lock(&pool.mutex);
    snprintf(worker->name, sizeof(worker->name), "thread %d, started at %s", ++pool.started,
             lua_tostring(L, -1));
    running = os_thread_start(&worker->thread, worker_run, worker);
    if (running) {
        worker->state = WORKER_RUNNING;
        worker->next = pool.workers;
        pool.workers = worker;
    }
    os_mutex_unlock(&pool.mutex);
    lua_pop(L, 1);
    if (!running) {
        luaL_error(L, "cannot start a thread");
    }
}

static int host_thread(lua_State *L)
{
    size_t length;
    const char *source = luaL_checklstring(L, 1, &length);
    struct worker *worker = push_new_worker(L);
    int bad;
    lua_insert(L, 1);
    if (!host_value_set_string(&worker->source, source, length)) {
        return luaL_error(L, "not enough memory");
    }
    bad = host_values_read(L, 3, &worker->args);
    if (bad != 0) {
        return luaL_argerror(L, bad - 1, "nil, boolean, number or string expected");
    }
    worker_start(L, worker);
    lua_settop(L, 1);
    return 1;
}

/* Returns whether the worker is done; seconds < 0 waits for ever. */
static int worker_wait(struct worker *worker, double seconds)
{
    double deadline = os_now() + seconds;
    int done;
    os_mutex_lock(&pool.mutex);
    while (worker->state != WORKER_DONE && (seconds < 0 || os_now() < deadline)) {
        if (seconds < 0) {
            os_cond_wait(&pool.changed, &pool.mutex);
        } else {
            os_cond_wait_until(&pool.changed, &pool.mutex, deadline);
        }
    }
    done = worker->state == WORKER_DONE;
    os_mutex_unlock(&pool.mutex);
    return done;
}

static int handle_join(lua_State *L)
{
    const double forever = 1e9;
    struct worker *worker = check_handle(L);
    double seconds = luaL_optnumber(L, 2, forever);
    if (seconds < 0) {
        seconds = 0;
    }
    if (!worker_wait(worker, seconds < forever ? seconds : -1)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    if (!worker->joined) {
        os_thread_join(&worker->thread);
        worker->joined = 1;
    }
    if (worker->failed) {
        lua_pushnil(L);
    } else {
        lua_pushboolean(L, 1);
    }
    return 1 + host_values_push(L, &worker->result);
}

#endif
