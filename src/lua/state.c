/* What is kept for each Lua state, and the list of what the userdata made in it own.
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
    struct mtc_state *state = lua_touserdata(L, 1);
    state->closed = true;
    while (state->first) mtl_asset_free(state->first);
    mtm_block_free(state->carrier);
    state->carrier = NULL;
    return 0;
}

struct mtc_state *mtl_state_push(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, state_name);
    struct mtc_state *state = lua_touserdata(L, -1);
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

void *mtl_asset_new(struct mtc_state *state, size_t size, void (*fini)(struct mtc_asset *asset))
{
    struct mtc_asset *asset = mtm_alloc(size);
    if (!asset) return NULL;
    memset(asset, 0, size);
    asset->fini = fini;
    asset->next = state->first;
    asset->link = &state->first;
    if (asset->next) asset->next->link = &asset->next;
    state->first = asset;
    return asset;
}

void mtl_asset_free(struct mtc_asset *asset)
{
    *asset->link = asset->next;
    if (asset->next) asset->next->link = asset->link;
    asset->fini(asset);
    mtm_free(asset);
}

void *mtl_owned_new(lua_State *L, struct mtc_state *state, const struct mtl_class_info *info)
{
    struct mtl_blame blame = {.what = info->name};
    struct mtc_owned *owned = lua_newuserdata(L, info->block_size);
    memset(owned, 0, info->block_size);
    lua_getfield(L, LUA_REGISTRYINDEX, info->name);
    lua_setmetatable(L, -2);
    if (state->closed) mtl_raise(L, MTM_CLOSED, &blame);
    owned->state = state;
    owned->tag = (uintptr_t)owned ^ info->magic;
    owned->asset = mtl_asset_new(state, info->asset_size, info->fini);
    if (!owned->asset) mtl_raise(L, MTM_NOMEM, &blame);
    return owned;
}

void mtl_owned_fini(struct mtc_owned *owned)
{
    struct mtc_asset *asset = owned->asset;
    owned->asset = NULL;
    if (asset && !owned->state->closed) mtl_asset_free(asset);
}

/* A userdata that is not complete has nothing to free. */
int mtl_owned_gc(lua_State *L)
{
    struct mtc_owned *owned = lua_touserdata(L, 1);
    /* the debug library can give a metatable of ours to anything */
    if (!owned || mtc_rawlen(L, 1) < sizeof *owned) return 0;
    if (owned->tag != 0) mtl_owned_fini(owned);
    return 0;
}

void mtl_class_new(lua_State *L, const char *name, const luaL_Reg *methods,
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
    mtc_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
}

struct mtm_block *mtl_carrier_take(struct mtc_state *state)
{
    struct mtm_block *carrier = state->carrier;
    state->carrier = NULL;
    return MTM_LIKELY(carrier != NULL) ? carrier : mtm_block_new(MTL_CARRIER_SIZE);
}

void mtl_carrier_give(struct mtc_state *state, struct mtm_block *carrier)
{
    if (MTM_LIKELY(carrier && !state->carrier && !state->closed &&
                   carrier->cap <= MTL_CARRIER_KEEP)) {
        state->carrier = carrier;
    } else {
        mtm_block_free(carrier);
    }
}
