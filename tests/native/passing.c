/*
 * Owns the module "passing", which a test sees come and go: a function and a notifier that are
 * handed over by a state which then ends, and with it the module, unless somebody keeps it.
 */
#include "support.h"

#include <stdatomic.h>

#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/notify_capi.h"

#define CLASS "passing.bell"

struct notify_notifier {
    atomic_int refs, rung;
};

static notify_notifier the_bell; /* is 0 again when the module has gone and come */

static notify_notifier *to_notifier(lua_State *L, int index)
{
    return support_test(L, index, CLASS) ? &the_bell : NULL;
}

static void retain(notify_notifier *bell)
{
    atomic_fetch_add(&bell->refs, 1);
}

static void release(notify_notifier *bell)
{
    atomic_fetch_sub(&bell->refs, 1);
}

static int ring(notify_notifier *bell, notifier_error_handler handler, void *data)
{
    (void)handler;
    (void)data;
    atomic_fetch_add(&bell->rung, 1);
    return 0;
}

/* passing.bell(): a notifier. */
static int passing_bell(lua_State *L)
{
    support_new(L, CLASS, sizeof(char));
    return 1;
}

/* passing.rung(): how often it was called, and how many references there are. */
static int passing_rung(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&the_bell.rung));
    lua_pushinteger(L, atomic_load(&the_bell.refs));
    return 2;
}

/* passing.ring(): as if it had been called. */
static int passing_ring(lua_State *L)
{
    (void)L;
    return ring(&the_bell, NULL, NULL);
}

static int passing_answer(lua_State *L)
{
    lua_pushinteger(L, 42);
    return 1;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

EXPORT int luaopen_passing(lua_State *L);

int luaopen_passing(lua_State *L)
{
    static const luaL_Reg methods[] = {{NULL, NULL}};
    static const luaL_Reg module[] = {{"bell", passing_bell},
                                      {"rung", passing_rung},
                                      {"ring", passing_ring},
                                      {"answer", passing_answer},
                                      {NULL, NULL}};
    support_class(L, CLASS, methods, nothing);
    /* The API goes with the state, too. */
    notify_capi *api = lua_newuserdata(L, sizeof *api);
    *api = (notify_capi){.version_major = NOTIFY_CAPI_VERSION_MAJOR,
                         .version_minor = NOTIFY_CAPI_VERSION_MINOR,
                         .version_patch = NOTIFY_CAPI_VERSION_PATCH,
                         .toNotifier = to_notifier,
                         .retainNotifier = retain,
                         .releaseNotifier = release,
                         .notify = ring};
    lua_setfield(L, LUA_REGISTRYINDEX, CLASS ".api");
    notify_set_capi(L, -1, api);
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
