/*
 * Owns the module "forked": a Lua function that runs in a child of this process, forked while
 * other threads are at work. It judges only how the child ended.
 */
#include "support.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 500 };

/* The state would unload this module, which still runs. */
static void close_state(lua_State *L)
{
    static const char here = 0;
    Dl_info module;
    void *handle = dladdr(&here, &module) ? dlopen(module.dli_fname, RTLD_LAZY) : NULL;
    if (!handle) _exit(3);
    lua_close(L);
}

/* The error goes to the parent; with `close` the state is closed below our own feet, as
 * os.exit(code, true) does. Never returns. */
static void be_child(lua_State *L, unsigned seconds, int close_it, int to)
{
    char text[TEXT];
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
    if (lua_pcall(L, 0, 0, 0) != 0) {
        const char *why = lua_tostring(L, -1);
        int length = snprintf(text, sizeof text, "%s", why ? why : "(no text)");
        if (length >= TEXT) length = TEXT - 1;
        _exit(write(to, text, (size_t)length) == length ? 1 : 2);
    }
    if (close_it) close_state(L);
    _exit(0);
}

/* What the child has told, or how it ended; true if that was well. */
static int push_end(lua_State *L, pid_t child, int from)
{
    char text[TEXT];
    int status = 0;
    ssize_t length = read(from, text, sizeof text);
    close(from);
    while (waitpid(child, &status, 0) == -1 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    if (length > 0) {
        lua_pushlstring(L, text, (size_t)length);
    } else if (WIFSIGNALED(status)) {
        lua_pushfstring(L, "ended by signal %d", WTERMSIG(status));
    } else {
        lua_pushfstring(L, "ended with exit code %d", WEXITSTATUS(status));
    }
    return 2;
}

/* forked.run(seconds, close, function): true, or nil and what was wrong. The function runs in
 * the child, for so many seconds at most; then the child's state is closed if `close` is true.
 */
static int forked_run(lua_State *L)
{
    unsigned seconds = (unsigned)luaL_checkinteger(L, 1);
    int close_it = lua_toboolean(L, 2);
    int ends[2];
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    if (pipe(ends) != 0) return luaL_error(L, "no pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        be_child(L, seconds, close_it, ends[1]);
    }
    close(ends[1]);
    if (child > 0) return push_end(L, child, ends[0]);
    close(ends[0]);
    return luaL_error(L, "no child: %s", strerror(errno));
}

EXPORT int luaopen_forked(lua_State *L);

int luaopen_forked(lua_State *L)
{
    static const luaL_Reg module[] = {{"run", forked_run}, {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, module);
#if defined(__SANITIZE_ADDRESS__)
    /* Its malloc is not made for the children of processes with threads at work. */
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "needs_quiet");
#endif
    return 1;
}
