/* The block of each Lua state and the list of what the userdata made in it own.
 * The list serves what Lua does not finalize: objects that finalizers make while the state is
 * being closed, and those whose finalizer could not be called. */
#include "lua/state.h"

#include <string.h>

#include "core/alloc.h"
#include "lua/errors.h"

#include "platform/hidden.h"

static const char state_name[] = "mtmsg.state";

static int state_gc(lua_State *L)
{
    struct mtm_state *state = lua_touserdata(L, 1);
    state->closed = true;
    while (state->first) mtm_record_free(state->first);
    mtm_block_free(state->carrier);
    state->carrier = NULL;
    return 0;
}

struct mtm_state *mtm_state_push(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, state_name);
    struct mtm_state *state = lua_touserdata(L, -1);
    if (state) return state;
    lua_pop(L, 1);
    state = lua_newuserdata(L, sizeof *state);
    memset(state, 0, sizeof *state);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, state_name);
    return state;
}

void *mtm_record_new(struct mtm_state *state, size_t size,
                     void (*fini)(struct mtm_record *record))
{
    struct mtm_record *record = mtm_alloc(size);
    if (!record) return NULL;
    memset(record, 0, size);
    record->fini = fini;
    record->next = state->first;
    record->link = &state->first;
    if (record->next) record->next->link = &record->next;
    state->first = record;
    return record;
}

void mtm_record_free(struct mtm_record *record)
{
    *record->link = record->next;
    if (record->next) record->next->link = record->link;
    record->fini(record);
    mtm_free(record);
}

void *mtm_owned_new(lua_State *L, struct mtm_state *state, const struct mtm_class_info *info)
{
    struct mtm_blame blame = {.what = info->name};
    struct mtm_owned *owned = lua_newuserdata(L, info->block_size);
    memset(owned, 0, info->block_size);
    lua_getfield(L, LUA_REGISTRYINDEX, info->name);
    lua_setmetatable(L, -2);
    if (state->closed) mtm_raise(L, MTM_CLOSED, &blame);
    owned->state = state;
    owned->tag = (uintptr_t)owned ^ info->magic;
    owned->record = mtm_record_new(state, info->record_size, info->fini);
    if (!owned->record) mtm_raise(L, MTM_NOMEM, &blame);
    return owned;
}

void mtm_owned_fini(struct mtm_owned *owned)
{
    struct mtm_record *record = owned->record;
    owned->record = NULL;
    if (record && !owned->state->closed) mtm_record_free(record);
}

/* A block that is not complete has nothing to free. */
int mtm_owned_gc(lua_State *L)
{
    struct mtm_owned *owned = lua_touserdata(L, 1);
    /* the debug library can give a metatable of ours to anything */
    if (!owned || mtm_lua_rawlen(L, 1) < sizeof *owned) return 0;
    if (owned->tag != 0) mtm_owned_fini(owned);
    return 0;
}

void mtm_class_new(lua_State *L, const char *name, const luaL_Reg *methods,
                   lua_CFunction tostring, lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, tostring);
    lua_setfield(L, -2, "__tostring");
    /* A plain table: what is not in it reads as nil, for programs ask `if object.method then`.
     * So a misspelt method gets Lua's own error, and no better one can be had without breaking
     * them; examples/strict.lua offers it to those who want it. */
    lua_newtable(L);
    mtm_lua_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
}

struct mtm_block *mtm_carrier_take(struct mtm_state *state)
{
    struct mtm_block *carrier = state->carrier;
    state->carrier = NULL;
    return MTM_LIKELY(carrier != NULL) ? carrier : mtm_block_new(MTM_CARRIER_SIZE);
}

void mtm_carrier_give(struct mtm_state *state, struct mtm_block *carrier)
{
    if (MTM_LIKELY(carrier && !state->carrier && !state->closed &&
                   carrier->cap <= MTM_CARRIER_KEEP)) {
        state->carrier = carrier;
    } else {
        mtm_block_free(carrier);
    }
}
