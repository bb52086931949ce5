/* The block of each Lua state and the list of what was made in it.
 * The list serves what Lua does not finalize: objects that finalizers make while the state is
 * being closed. */
#include "lua/state.h"

#include <string.h>

static const char state_name[] = "mtmsg.state";

static int state_gc(lua_State *L)
{
    struct mtm_state *state = lua_touserdata(L, 1);
    state->closed = true;
    while (state->first) mtm_owned_fini(state->first);
    mtm_block_free(state->carrier);
    state->carrier = NULL;
    mtm_failure_free(&state->failure);
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

void *mtm_owned_new(lua_State *L, struct mtm_state *state, size_t size, uintptr_t magic,
                    const char *class_name, void (*fini)(struct mtm_owned *owned))
{
    struct mtm_owned *owned = lua_newuserdata(L, size);
    memset(owned, 0, size);
    lua_getfield(L, LUA_REGISTRYINDEX, class_name);
    lua_setmetatable(L, -2);
    owned->state = state;
    owned->fini = fini;
    owned->next = state->first;
    owned->link = &state->first;
    if (owned->next) owned->next->link = &owned->next;
    state->first = owned;
    owned->tag = (uintptr_t)owned ^ magic;
    return owned;
}

void mtm_owned_fini(struct mtm_owned *owned)
{
    if (!owned->link) return;
    *owned->link = owned->next;
    if (owned->next) owned->next->link = owned->link;
    owned->link = NULL;
    owned->fini(owned);
}

int mtm_owned_gc(lua_State *L)
{
    mtm_owned_fini(lua_touserdata(L, 1));
    return 0;
}

void mtm_class_new(lua_State *L, const char *name, const luaL_Reg *methods,
                   int (*tostring)(lua_State *L))
{
    luaL_newmetatable(L, name);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, mtm_owned_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, tostring);
    lua_setfield(L, -2, "__tostring");
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
