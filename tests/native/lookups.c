/*
 * Owns the module "lookups": the look-up functions of the public headers, and metatables in
 * every state that a client may meet. It does not call the APIs that it finds.
 */
#include "support.h"

#define CARRAY_CAPI_IMPLEMENT_GET_CAPI
#define CARRAY_CAPI_IMPLEMENT_SET_CAPI
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_SET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/carray_capi.h"
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

static const void *get(lua_State *L, const char *api, int index, int *reason)
{
    switch (*api) {
        case 'n': return notify_get_capi(L, index, reason);
        case 'r': return receiver_get_capi(L, index, reason);
        case 's': return sender_get_capi(L, index, reason);
        default: return carray_get_capi(L, index, reason);
    }
}

/* lookups.get(api, object) -> the version found as "1.0.0", reason
 * Fails if the stack was left another than it was, or if index -1 gives another result. */
static int lookups_get(lua_State *L)
{
    const char *api = luaL_checkstring(L, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    int reason = 99;
    const void *found = get(L, api, 2, &reason);
    if (lua_gettop(L) != 2 || get(L, api, -1, NULL) != found || lua_gettop(L) != 2) {
        return luaL_error(L, "unbalanced");
    }
    if (found) {
        struct mtmsg_capi_head head;
        memcpy(&head, found, sizeof head);
        lua_pushfstring(L, "%d.%d.%d", head.version_major, head.version_minor,
                        head.version_patch);
    } else {
        lua_pushnil(L);
    }
    lua_pushinteger(L, reason);
    return 2;
}

/* lookups.install(api, metatable, "absolute"|"relative"): a struct of the API with its own
 * version */
static int lookups_install(lua_State *L)
{
    static notify_capi n = {NOTIFY_CAPI_VERSION_MAJOR,
                            NOTIFY_CAPI_VERSION_MINOR,
                            NOTIFY_CAPI_VERSION_PATCH,
                            NULL,
                            NULL,
                            NULL,
                            NULL,
                            NULL};
    static receiver_capi r;
    static sender_capi s;
    static carray_capi c;
    r.version_major = RECEIVER_CAPI_VERSION_MAJOR;
    s.version_major = SENDER_CAPI_VERSION_MAJOR;
    c.version_major = CARRAY_CAPI_VERSION_MAJOR;
    int index = strcmp(luaL_checkstring(L, 3), "absolute") == 0 ? 2 : -2;
    luaL_checktype(L, index, LUA_TTABLE);
    int rc = 0;
    switch (*luaL_checkstring(L, 1)) {
        case 'n': rc = notify_set_capi(L, index, &n); break;
        case 'r': rc = receiver_set_capi(L, index, &r); break;
        case 's': rc = sender_set_capi(L, index, &s); break;
        default: rc = carray_set_capi(L, index, &c); break;
    }
    if (lua_gettop(L) != 3) return luaL_error(L, "unbalanced");
    lua_pushinteger(L, rc);
    return 1;
}

/* lookups.chain(metatable, v1, v2): Notify structs of two versions {major, minor}, chained */
static int lookups_chain(lua_State *L)
{
    notify_capi *first =
        lua_newuserdata(L, 2 * sizeof *first); /* both, kept by the metatable */
    memset(first, 0, 2 * sizeof *first);
    lua_setfield(L, 1, "keep");
    first->next_capi = first + 1;
    for (int i = 0; i < 2; i++) {
        lua_rawgeti(L, 2 + i, 1);
        lua_rawgeti(L, 2 + i, 2);
        first[i].version_major = (int)lua_tointeger(L, -2);
        first[i].version_minor = (int)lua_tointeger(L, -1);
        lua_pop(L, 2);
    }
    notify_set_capi(L, 1, first);
    return 0;
}

/* lookups.block(bytes) -> a full userdata with these bytes after a NULL pointer, no byte more
 */
static int lookups_block(lua_State *L)
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    char *block = lua_newuserdata(L, sizeof(void *) + len);
    memset(block, 0, sizeof(void *));
    memcpy(block + sizeof(void *), bytes, len);
    return 1;
}

/* lookups.pointer() -> a light userdata */
static int lookups_pointer(lua_State *L)
{
    lua_pushlightuserdata(L, L);
    return 1;
}

EXPORT int luaopen_lookups(lua_State *L);

int luaopen_lookups(lua_State *L)
{
    static const luaL_Reg module[] = {
        {"get", lookups_get},     {"install", lookups_install}, {"chain", lookups_chain},
        {"block", lookups_block}, {"pointer", lookups_pointer}, {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
