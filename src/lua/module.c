/* The module table: what `require "mtmsg"` returns. Everything that the process shares is in
 * core. */
#include "core/abort_all.h"
#include "core/registry.h"
#include "core/sleep.h"
#include "core/spin.h"
#include "ffi/ffi.h"
#include "lua/classes.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/export.h"
#include "lua/protect.h"

#include "platform/hidden.h"

#define VERSION "1.0.0"

static int module_abort(lua_State *L)
{
    mtm_abort_all(mtl_check_flag(L, 1));
    return 0;
}

static int module_isabort(lua_State *L)
{
    lua_pushboolean(L, mtm_is_aborted_all());
    return 1;
}

static int module_time(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)mtm_plat_wall());
    return 1;
}

static int module_sleep(lua_State *L)
{
    struct mtm_wait wait = {.timeout = mtl_check_timeout(L, 1, "timeout seconds expected")};
    struct mtl_hooked hooked;
    mtl_heed_hooks(&hooked, &wait, L, mtl_state_push(L));
    enum mtm_status status = mtm_sleep(&wait);
    if (status == MTM_INTERRUPTED) return lua_error(L); /* the hook's */
    return status == MTM_OK ? 0 : mtl_raise_plain(L, status);
}

/* The name that a metatable gives counts only if it is registered under that name, or ours:
 * another copy of the module may have come first. */
static int module_type(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1)) {
        lua_pushliteral(L, "__name");
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING) {
            lua_pushvalue(L, -1);
            lua_rawget(L, LUA_REGISTRYINDEX);
            bool known = lua_rawequal(L, -1, -3) != 0 || mtl_is_of_a_class(L, 1);
            lua_pop(L, 1);
            if (known) return 1;
        }
    }
    lua_pushstring(L, luaL_typename(L, 1));
    return 1;
}

/* Those that make objects have the state as upvalue. */
static const luaL_Reg makers[] = {
    {"newbuffer", mtl_newbuffer},
    {"newlistener", mtl_newlistener},
    {"newtopic", mtl_newtopic},
    {"newwriter", mtl_newwriter},
    {"newreader", mtl_newreader},
    {"metatable", mtl_metatable},
    {"functions", mtl_functions},
    {"objects", mtl_objects},
    {NULL, NULL},
};

/* Those that find objects have the metatable of the class as well. */
static void set_finder(lua_State *L, enum mtc_class class, const char *name, lua_CFunction find)
{
    mtl_state_push(L);
    mtl_push_metatable(L, class);
    lua_pushcclosure(L, find, 2);
    lua_setfield(L, -2, name);
}

static const luaL_Reg functions[] = {
    {"abort", module_abort}, {"isabort", module_isabort}, {"time", module_time},
    {"sleep", module_sleep}, {"type", module_type},       {NULL, NULL},
};

static void push_error_names(lua_State *L)
{
    static const char *const names[] = {
#define X(name) #name,
        MTL_ERROR_MAP(X)
#undef X
    };
    lua_newtable(L);
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        lua_pushfstring(L, "mtmsg.error.%s", names[i]);
        lua_setfield(L, -2, names[i]);
    }
}

MTM_EXPORT int luaopen_mtmsg(lua_State *L);

MTM_EXPORT int luaopen_mtmsg(lua_State *L)
{
    mtm_plat_pin_image(functions); /* others are at work here when this state is closed */
    mtm_registry_narrow_ids(MTC_ID_BITS);
    mtm_polling_look_up();
    mtl_open_buffer(L);
    mtl_open_listener(L);
    mtl_open_topic(L);
    mtl_open_writer(L);
    mtl_open_reader(L);
    mtl_open_draft(L);
    lua_newtable(L);
    mtc_setfuncs(L, functions, 0);
    mtl_state_push(L);
    mtc_setfuncs(L, makers, 1);
    set_finder(L, MTC_BUFFER, "buffer", mtm_buffer);
    set_finder(L, MTC_LISTENER, "listener", mtm_listener);
    set_finder(L, MTC_TOPIC, "topic", mtm_topic_named);
    mtl_state_push(L);
    lua_pushcclosure(L, mtl_decode, 1);
    mtl_state_push(L);
    lua_pushcclosure(L, mtl_select, 2);
    lua_setfield(L, -2, "select");
    const bool compiled = mtf_replace(L);
    push_error_names(L);
    lua_setfield(L, -2, "error");
    lua_pushliteral(L, VERSION);
    lua_setfield(L, -2, "_VERSION");
    lua_pushfstring(L, "%s calls:%s%s", mtm_plat_info(), compiled ? "FFI" : "C",
                    mtm_polling() ? "" : " polling:off");
    lua_setfield(L, -2, "_INFO");
    return 1;
}
