/*
 * Owns the module "starve": it calls a function while the Lua state gets no more memory from
 * the nth request on. It does not know what the function should do about that.
 */
#include "support.h"

static __thread struct {
    lua_Alloc alloc;
    void *data;
    long left; /* requests that are granted yet */
    int refused;
} larder;

static void *limited_alloc(void *unused, void *p, size_t old, size_t size)
{
    (void)unused;
    if (size > 0 && (p == NULL || size > old)) {
        if (larder.left == 0) {
            larder.refused = 1;
            return NULL;
        }
        larder.left--;
    }
    return larder.alloc(larder.data, p, old, size);
}

/* starve.run(n, f, ...) -> whether a request was refused, then what pcall(f, ...) gives */
static int starve_run(lua_State *L)
{
    long n = (long)luaL_checkinteger(L, 1);
    larder.alloc = lua_getallocf(L, &larder.data);
    larder.left = n - 1;
    larder.refused = 0;
    lua_setallocf(L, limited_alloc, NULL);
    int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
    lua_setallocf(L, larder.alloc, larder.data);
    luaL_checkstack(L, 2, NULL);
    lua_pushboolean(L, larder.refused);
    lua_replace(L, 1);
    lua_pushboolean(L, status == 0);
    lua_insert(L, 2);
    return lua_gettop(L);
}

EXPORT int luaopen_starve(lua_State *L);

int luaopen_starve(lua_State *L)
{
    static const luaL_Reg module[] = {{"run", starve_run}, {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
