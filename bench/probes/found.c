/* Finding by number, with as little behind it as a find that is safe can have: the calls of Lua
 * that finding a buffer makes, for a userdata as large, one lock, a table, a count in what was
 * found, and a list of what the userdata refer to. No names, states, roots, or ends. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 64, HANDLE = 40 };

struct thing {
    _Atomic size_t refs;
    uint64_t id;
    struct thing *next;
};

/* What a userdata has outside of Lua's memory; one is kept for the next. */
struct owned {
    struct owned *next, **link;
    struct thing *thing;
};

struct handle {
    uintptr_t tag; /* the address, mixed */
    struct owned *owned;
    char more[HANDLE - 2 * sizeof(void *)];
};

static _Atomic uint32_t lock; /* that nobody else wants */
static struct thing *slots[SLOTS];
static uint64_t last_id;
static struct owned *all, *spare;
static const uintptr_t magic = (uintptr_t)0x62656E6368666F75u;

static void take_lock(void)
{
    uint32_t free_word = 0;
    while (!atomic_compare_exchange_strong_explicit(&lock, &free_word, 1, memory_order_acquire,
                                                    memory_order_relaxed))
        free_word = 0;
}

static void give_lock(void)
{
    atomic_exchange_explicit(&lock, 0, memory_order_release);
}

/* The upvalue is the metatable. */
static struct handle *push_handle(lua_State *L)
{
    struct handle *handle = mtc_newuserdata(L, sizeof *handle, 0);
    struct owned *owned = spare;
    memset(handle, 0, sizeof *handle);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    if (owned) spare = NULL;
    else owned = malloc(sizeof *owned);
    if (!owned) abort();
    *owned = (struct owned){.next = all, .link = &all};
    if (all) all->link = &owned->next;
    all = owned;
    handle->owned = owned;
    handle->tag = (uintptr_t)handle ^ magic;
    return handle;
}

static int new_thing(lua_State *L)
{
    struct thing *thing = malloc(sizeof *thing);
    if (!thing) abort();
    take_lock();
    *thing = (struct thing){.refs = 1, .id = ++last_id, .next = slots[last_id % SLOTS]};
    slots[last_id % SLOTS] = thing;
    give_lock();
    push_handle(L)->owned->thing = thing;
    return 1;
}

static int find(lua_State *L)
{
    int64_t id;
    double number;
    if (lua_type(L, 1) != LUA_TNUMBER || !mtc_number(L, 1, &id, &number))
        return luaL_argerror(L, 1, "id expected");
    struct handle *handle = push_handle(L);
    take_lock();
    struct thing *thing = slots[(uint64_t)id % SLOTS];
    while (thing && thing->id != (uint64_t)id) thing = thing->next;
    if (thing) atomic_fetch_add_explicit(&thing->refs, 1, memory_order_relaxed);
    give_lock();
    handle->owned->thing = thing;
    return 1;
}

/* Things stay. */
static int handle_gc(lua_State *L)
{
    struct handle *handle = lua_touserdata(L, 1);
    if (!handle || mtc_rawlen(L, 1) != sizeof *handle ||
        handle->tag != ((uintptr_t)handle ^ magic) || !handle->owned)
        return 0;
    struct owned *owned = handle->owned;
    if (owned->thing) atomic_fetch_sub_explicit(&owned->thing->refs, 1, memory_order_acq_rel);
    *owned->link = owned->next;
    if (owned->next) owned->next->link = owned->link;
    handle->owned = NULL;
    if (spare) free(owned);
    else spare = owned;
    return 0;
}

static int handle_id(lua_State *L)
{
    const struct handle *handle = lua_touserdata(L, 1);
    lua_pushinteger(L, (lua_Integer)handle->owned->thing->id);
    return 1;
}

static const luaL_Reg methods[] = {{"id", handle_id}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"newbuffer", new_thing}, {"buffer", find}, {NULL, NULL}};

PROBE_EXPORT int luaopen_found(lua_State *L);
PROBE_EXPORT int luaopen_found(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcfunction(L, handle_gc);
    lua_setfield(L, -2, "__gc");
    probe_open(L, methods);
    lua_setfield(L, -2, "__index");
    mtc_setfuncs(L, functions, 1);
    return 1;
}
