/* What differs between Lua 5.1, 5.2, 5.3, 5.4, 5.5 and LuaJIT, made equal; nothing else.
 * Every file that needs Lua includes it through here. */
#ifndef MTC_SHIM_H
#define MTC_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include <lauxlib.h>

#if LUA_VERSION_NUM < 502
#define mtc_rawlen lua_objlen
#define mtc_setfuncs mtc_setfuncs_51
static inline void mtc_setfuncs_51(lua_State *L, const luaL_Reg *reg, int nup)
{
    for (; reg->name; ++reg) {
        for (int i = 0; i < nup; ++i) lua_pushvalue(L, -nup);
        lua_pushcclosure(L, reg->func, nup);
        lua_setfield(L, -(nup + 2), reg->name);
    }
    lua_pop(L, nup);
}
#else
#define mtc_rawlen lua_rawlen
#define mtc_setfuncs luaL_setfuncs
#endif

/* LuaJIT has the C API of Lua 5.1: a module that was built for one may run in the other. */
#define MTC_MAY_BE_LUAJIT (LUA_VERSION_NUM == 501)

/* Whether a number that this Lua has no integers for is one all the same. */
static inline bool mtc_double_is_integer(double value, int64_t *integer)
{
    const double limit = sizeof(lua_Integer) >= 8 ? 9223372036854775808.0 : 2147483648.0;
    if (!(value >= -limit && value < limit)) return false;
    *integer = (int64_t)value;
    return (double)*integer == value && (value != 0 || 1 / value > 0);
}

/* What a number is: true, and the integer; or false, and the float. Where the language has no
 * integers, a number with an integral value is one if lua_Integer can hold it, except -0, which
 * would lose its sign. */
#if LUA_VERSION_NUM >= 503
static inline bool mtc_number(lua_State *L, int index, int64_t *integer, double *number)
{
    if (lua_isinteger(L, index)) {
        *integer = (int64_t)lua_tointeger(L, index);
        return true;
    }
    *number = (double)lua_tonumber(L, index);
    return false;
}
#else
static inline bool mtc_number(lua_State *L, int index, int64_t *integer, double *number)
{
    *number = (double)lua_tonumber(L, index);
    return mtc_double_is_integer(*number, integer);
}
#endif

/* Whether a C function needs more than its address: upvalues, or in Lua 5.1 and LuaJIT an
 * environment that it would not get where it arrives: it gets that of the function which
 * receives it. `require` is always refused, as it has upvalues elsewhere. May leave a value on
 * the stack. */
#if LUA_VERSION_NUM < 502
static inline bool mtc_has_context(lua_State *L, int index)
{
    if (lua_getupvalue(L, index, 1)) return true;
    lua_pushliteral(L, "require");
    lua_rawget(L, LUA_GLOBALSINDEX);
    lua_getfenv(L, index);
    bool own = !lua_rawequal(L, -1, LUA_GLOBALSINDEX) && !lua_rawequal(L, -1, LUA_ENVIRONINDEX);
    bool is_require = lua_rawequal(L, -2, index) != 0;
    lua_pop(L, 2);
    return own || is_require;
}
#else
static inline bool mtc_has_context(lua_State *L, int index)
{
    return lua_getupvalue(L, index, 1) != NULL;
}
#endif

/* Whether the value is the number n, as lua_next gives it; and the table of globals. */
#if LUA_VERSION_NUM >= 503
#define mtc_push_globals lua_pushglobaltable
static inline bool mtc_is_index(lua_State *L, int index, size_t n)
{
    return lua_isinteger(L, index) && (size_t)lua_tointeger(L, index) == n;
}
#else
static inline bool mtc_is_index(lua_State *L, int index, size_t n)
{
    return lua_type(L, index) == LUA_TNUMBER && lua_tonumber(L, index) == (lua_Number)n;
}
#if LUA_VERSION_NUM == 502
#define mtc_push_globals lua_pushglobaltable
#else
#define mtc_push_globals(L) lua_pushvalue(L, LUA_GLOBALSINDEX)
#endif
#endif

/* The dump of a function with its debug information; loading nothing but dumps; and the
 * variables that functions share, which Lua 5.1 and LuaJIT don't tell. A function's environment
 * is one of its variables from 5.2 on. */
#if LUA_VERSION_NUM >= 503
#define mtc_dump(L, writer, data) lua_dump(L, writer, data, 0)
#else
#define mtc_dump lua_dump
#endif
#if LUA_VERSION_NUM >= 502
#define mtc_load(L, bytes, size, name) luaL_loadbufferx(L, bytes, size, name, "b")
#define mtc_upvalue_id lua_upvalueid
#define mtc_upvalue_join lua_upvaluejoin
enum { MTC_HAS_ENV = 0 };
static inline void mtc_getfenv(lua_State *L, int index)
{
    (void)index;
    lua_pushnil(L);
}
static inline void mtc_setfenv(lua_State *L, int index)
{
    (void)index;
    lua_pop(L, 1);
}
#else
#define mtc_load luaL_loadbuffer
static inline const void *mtc_upvalue_id(lua_State *L, int function, int n)
{
    (void)L, (void)function, (void)n;
    return NULL;
}
static inline void mtc_upvalue_join(lua_State *L, int function, int n, int other, int m)
{
    (void)L, (void)function, (void)n, (void)other, (void)m;
}
#define mtc_getfenv lua_getfenv
static inline void mtc_setfenv(lua_State *L, int index)
{
    if (lua_type(L, -1) == LUA_TTABLE) (void)lua_setfenv(L, index);
    else lua_pop(L, 1);
}
enum { MTC_HAS_ENV = 1 };
#endif

/* A table that lives as long as a userdata, which has room for one, or from 5.4 on for none. */
#if LUA_VERSION_NUM >= 504
#define mtc_newuserdata lua_newuserdatauv
#define mtc_getuservalue(L, index) ((void)lua_getiuservalue(L, index, 1))
#define mtc_setuservalue(L, index) ((void)lua_setiuservalue(L, index, 1))
#elif LUA_VERSION_NUM >= 502
#define mtc_getuservalue lua_getuservalue
#define mtc_setuservalue lua_setuservalue
#else
#define mtc_getuservalue lua_getfenv
#define mtc_setuservalue(L, index) ((void)lua_setfenv(L, index))
#endif
#if LUA_VERSION_NUM < 504
#define mtc_newuserdata(L, size, values) ((void)(values), lua_newuserdata(L, size))
#endif

/* The main thread; 5.1 tells only whether L is it: NULL if not. */
static inline const void *mtc_main_thread(lua_State *L)
{
#if LUA_VERSION_NUM >= 502
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    const void *main_thread = lua_tothread(L, -1);
#else
    const void *main_thread = lua_pushthread(L) ? L : NULL;
#endif
    lua_pop(L, 1);
    return main_thread;
}

/* The main thread, if this call may come from a finalizer, and the state may be about to close,
 * so that new objects will not be finalized; else NULL. Where Lua says only that the collector
 * is stopped, or nothing at all (5.1: then no chunk is running, as far as one can see), it may
 * be wrong. */
#if LUA_VERSION_NUM >= 502
static inline const void *mtc_finalized_by(lua_State *L)
{
    if (lua_gc(L, LUA_GCCOUNT, 0) >= 0 && lua_gc(L, LUA_GCISRUNNING, 0) > 0) return NULL;
    return mtc_main_thread(L);
}
#else
static inline const void *mtc_finalized_by(lua_State *L)
{
    lua_Debug call;
    int level = 0;
    if (!mtc_main_thread(L)) return NULL;
    while (lua_getstack(L, level, &call)) ++level;
    if (level == 0 || !lua_getstack(L, level - 1, &call)) return NULL;
    lua_getinfo(L, "S", &call);
    return call.what[0] == 'L' ? L : NULL; /* "Lua": neither a chunk nor a function of C */
}
#endif

/* What tells one running call from another. LuaJIT has the frame's length in the upper half. */
static inline uintptr_t mtc_frame(const lua_Debug *call)
{
#if LUA_VERSION_NUM < 502
    return (uintptr_t)call->i_ci & 0xFFFF;
#else
    return (uintptr_t)call->i_ci;
#endif
}

/* The bits of the largest ids that survive a trip through this Lua. */
#define MTC_DIGITS(number) (sizeof(number) == sizeof(float) ? 24u : 53u)
#if LUA_VERSION_NUM < 503
#define MTC_ID_BITS MTC_DIGITS(lua_Number)
#else
#define MTC_ID_BITS (sizeof(lua_Integer) < 8 ? 31u : 53u)
#endif

/* Whether an integer is a number for no LuaJIT, since no double equals it; and a cheaper
 * question, which is answered by yes for some others, too. */
static inline bool mtc_may_be_wide(int64_t integer)
{
    return MTC_MAY_BE_LUAJIT && (((uint64_t)integer + ((uint64_t)1 << 53)) >> 54) != 0;
}

static inline bool mtc_is_wide(int64_t integer)
{
    if (!mtc_may_be_wide(integer)) return false;
    return (double)integer >= 9223372036854775808.0 || (int64_t)(double)integer != integer;
}

/* Pushes an integer, as a number where lua_Integer is too small for it. */
static inline void mtc_push_integer(lua_State *L, int64_t value)
{
    lua_Integer integer = (lua_Integer)value;
    if ((int64_t)integer == value) lua_pushinteger(L, integer);
    else lua_pushnumber(L, (lua_Number)value);
}

#endif
