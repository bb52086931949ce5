/* What is kept for each Lua state, and the list of what the userdata made in it own.
 * The list serves what Lua does not finalize: objects that finalizers make while the state is
 * being closed, and those whose finalizer could not be called. */
#include "lua/state.h"

#include <string.h>

#include "core/alloc.h"
#include "lua/closing.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/will.h"

#include "platform/hidden.h"

/* Where asserts are checked they would hide who uses one that is not his any more. */
enum { SPARES = MTM_ASSERTS ? 0 : 32 };

static bool is_state(lua_State *L, int index)
{
    const struct mtc_state *state = lua_touserdata(L, index);
    return state && mtc_rawlen(L, index) == sizeof *state &&
           state->tag == mtc_tag(state, MTC_STATE_MAGIC);
}

static struct mtc_asset *take_spare(struct mtc_state *state)
{
    struct mtc_asset *asset = state->spare;
    state->spare = asset->next;
    --state->spares;
    return asset;
}

/* What calls under way use is theirs. */
static void free_unused(struct mtc_state *state)
{
    struct mtc_asset **link = &state->first, *asset;
    while ((asset = *link) != NULL) {
        if (asset->users > 0) link = &asset->next;
        else mtl_asset_free(state, asset);
    }
}

/* No call is under way any more. */
static void end_for_good(struct mtc_state *state)
{
    mtl_wills_run(NULL, state); /* where neither the watchman nor the state was finalized */
    state->closed = true;
    while (state->first) mtl_asset_free(state, state->first);
    while (state->spare) mtm_free(take_spare(state));
    mtm_block_free(state->carrier);
    mtm_block_free(state->held);
    state->carrier = state->held = NULL;
}

/* Whether the finalizer that calls this is all that runs in the Lua state. */
static bool is_alone(lua_State *L)
{
    lua_Debug caller;
    const bool is_main = mtc_main_thread(L) == L;
    return is_main && !lua_getstack(L, 1, &caller);
}

/* In Lua 5.1 it may be called while a call of ours is under way, as finalizers that run at the
 * end may be interrupted by others. What it uses it frees itself, or, where an error has ended
 * it, that goes with the memory of the state. */
static int state_gc(lua_State *L)
{
    if (!is_state(L, 1)) return 0; /* the debug library can give it anything */
    struct mtc_state *state = lua_touserdata(L, 1);
    mtl_wills_run(L, state); /* where the watchman could not */
    state->closed = true;
    free_unused(state);
    if ((state->first || state->held) && !is_alone(L)) {
        mtl_closing_await(L, state, end_for_good);
        return 0;
    }
    end_for_good(state);
    mtl_closing_forget(L, state);
    return 0;
}

/* Each copy of the module that a Lua state has loaded keeps a state of its own. */
static const char *push_state_name(lua_State *L)
{
    return lua_pushfstring(L, "mtmsg.state %p", (const void *)&mtc_copy);
}

/* They are in the metatable of the state, which has room for them from the beginning, under
 * numbers; it is in the registry by the state's address. Under numbers in the registry itself
 * they could be lost: where memory fails while Lua 5.1 or 5.2 makes a table larger, its hash
 * part is still the old one, but the numbers in it are looked for in the new array, and
 * luaL_ref gives them away once more. */
static void push_all_kept(lua_State *L, const struct mtc_state *state)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)state);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

void mtl_push_kept(lua_State *L, const struct mtc_state *state, int which)
{
    push_all_kept(L, state);
    lua_rawgeti(L, -1, which + 1);
    lua_remove(L, -2);
}

void mtl_keep(lua_State *L, const struct mtc_state *state, int which)
{
    push_all_kept(L, state);
    lua_insert(L, -2);
    lua_rawseti(L, -2, which + 1);
    lua_pop(L, 1);
}

struct mtc_state *mtl_state_push(lua_State *L)
{
    struct mtc_state *state;
    push_state_name(L);
    lua_pushvalue(L, -1);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (!is_state(L, -1)) {
        lua_pop(L, 1);
        state = lua_newuserdata(L, sizeof *state);
        memset(state, 0, sizeof *state);
        state->tag = mtc_tag(state, MTC_STATE_MAGIC);
        lua_createtable(L, MTL_KEPT, 1);
        lua_pushcfunction(L, state_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushlightuserdata(L, state);
        lua_pushvalue(L, -2);
        lua_rawset(L, LUA_REGISTRYINDEX);
        lua_setmetatable(L, -2);
        mtl_closing_watch(L, state, end_for_good);
        mtl_protect_init(L, state);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, LUA_REGISTRYINDEX);
    }
    lua_remove(L, -2);
    return lua_touserdata(L, -1);
}

static inline void enter(struct mtc_state *state, struct mtc_asset *asset)
{
    asset->next = state->first;
    asset->link = &state->first;
    if (asset->next) asset->next->link = &asset->next;
    state->first = asset;
}

void *mtl_asset_new(struct mtc_state *state, const struct mtl_asset_kind *kind)
{
    struct mtc_asset *asset = state->spare;
    if (MTM_LIKELY(asset && asset->kind == kind)) {
        take_spare(state);
    } else {
        asset = mtm_alloc(kind->size);
        if (!asset) return NULL;
        memset(asset, 0, kind->size);
        asset->kind = kind;
    }
    enter(state, asset);
    return asset;
}

void mtl_asset_free(struct mtc_state *state, struct mtc_asset *asset)
{
    const bool keep = asset->kind->is_kept && state->spares < SPARES && !state->closed;
    *asset->link = asset->next;
    if (asset->next) asset->next->link = asset->link;
    asset->kind->fini(state, asset);
    if (MTM_LIKELY(keep)) {
        asset->next = state->spare;
        state->spare = asset;
        ++state->spares;
    } else {
        mtm_free(asset);
    }
}

struct mtc_owned *mtl_owned_new(lua_State *L, struct mtc_state *state,
                                const struct mtl_class_info *info, int values)
{
    struct mtc_owned *owned = mtc_newuserdata(L, sizeof *owned, values);
    *owned = (struct mtc_owned){.asset = NULL};
    mtl_push_kept(L, state, (int)info->class);
    mtl_owned_complete(L, state, info, owned);
    return owned;
}

void mtl_owned_complete(lua_State *L, struct mtc_state *state,
                        const struct mtl_class_info *info, struct mtc_owned *owned)
{
    lua_setmetatable(L, -2);
    enum mtm_status status = state->closed ? MTM_CLOSED : MTM_NOMEM;
    owned->state = state;
    owned->tag = mtc_tag(owned, info->magic);
    owned->asset = MTM_LIKELY(!state->closed) ? mtl_asset_new(state, info->asset) : NULL;
    if (MTM_UNLIKELY(!owned->asset)) {
        struct mtl_blame blame = {.what = mtl_class_name(info->class)};
        mtl_raise(L, status, &blame);
    }
    mtl_wills_watch(L, state);
}

void mtl_owned_fini(struct mtc_owned *owned)
{
    struct mtc_asset *asset = owned->asset;
    owned->asset = NULL;
    if (asset) mtl_asset_free(owned->state, asset);
}

/* Whether a function that runs in this thread has the value on its stack. */
static bool is_on_stack(lua_State *L, const void *block)
{
    lua_Debug call;
    for (int level = 1; lua_getstack(L, level, &call); ++level) {
        for (int i = 1; lua_getlocal(L, &call, i); ++i) {
            const bool found = lua_touserdata(L, -1) == block;
            lua_pop(L, 1);
            if (found) return true;
        }
    }
    return false;
}

/* The debug library can give a metamethod of ours to anything; and a userdata that is not
 * complete has nothing to free. What is in use has been left by an error, unless it is called
 * at the end of a state in Lua 5.1, or by the debug library. */
int mtl_owned_gc(lua_State *L)
{
    struct mtc_owned *owned = mtc_to_owned(L, 1, sizeof *owned, MTC_WRITER_MAGIC);
    if (!owned) owned = mtc_to_owned(L, 1, sizeof *owned, MTC_READER_MAGIC);
    if (!owned) owned = mtc_to_owned(L, 1, sizeof *owned, MTC_DRAFT_MAGIC);
    if (!owned || !mtl_owned_is_there(owned)) return 0;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    if (owned->asset->users > 0 && is_on_stack(L, owned)) return 0;
    mtl_owned_fini(owned);
    return 0;
}

/* ---- classes ---- */

const char *mtl_class_name(enum mtc_class class)
{
    static const char *const names[] = {
        [MTC_BUFFER] = "mtmsg.buffer", [MTC_LISTENER] = "mtmsg.listener",
        [MTC_WRITER] = "mtmsg.writer", [MTC_READER] = "mtmsg.reader",
        [MTC_DRAFT] = "mtmsg.draft",   [MTC_TOPIC] = "mtmsg.topic",
    };
    return names[class];
}

/* Under its name the metatable is known to other modules, and to mtmsg.type: that of the copy
 * which came first. */
void mtl_push_metatable(lua_State *L, enum mtc_class class)
{
    const struct mtc_state *state = mtl_state_push(L);
    mtl_push_kept(L, state, (int)class);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        mtl_keep(L, state, (int)class);
    }
    lua_remove(L, -2);
    lua_getfield(L, LUA_REGISTRYINDEX, mtl_class_name(class));
    if (lua_isnil(L, -1)) {
        lua_pushvalue(L, -2);
        lua_setfield(L, LUA_REGISTRYINDEX, mtl_class_name(class));
    }
    lua_pop(L, 1);
}

bool mtl_is_open(lua_State *L)
{
    mtl_push_metatable(L, MTC_BUFFER);
    lua_getfield(L, -1, "__gc");
    const bool open = !lua_isnil(L, -1);
    lua_pop(L, 2);
    return open;
}

/* Whether the value on top is the metatable of one of our classes. */
static bool is_class(lua_State *L)
{
    bool found = false;
    const struct mtc_state *state = mtl_state_push(L);
    for (int class = 0; class < MTC_CLASSES && !found; ++class) {
        mtl_push_kept(L, state, class);
        found = lua_rawequal(L, -1, -3) != 0;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return found;
}

bool mtl_is_of_a_class(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
    bool found = is_class(L);
    lua_pop(L, 1);
    return found;
}

bool mtl_is_of_another_copy(lua_State *L, int index)
{
    bool named = false;
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
    lua_getfield(L, -1, "__name");
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    for (int class = 0; class < MTC_CLASSES; ++class) {
        named = named || strcmp(name, mtl_class_name((enum mtc_class) class)) == 0;
    }
    lua_pop(L, 1);
    bool ours = is_class(L);
    lua_pop(L, 1);
    return named && !ours;
}

void mtl_class_new(lua_State *L, enum mtc_class class, const luaL_Reg *methods,
                   lua_CFunction tostring, lua_CFunction gc)
{
    const char *name = mtl_class_name(class);
    mtl_push_metatable(L, class);
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

void mtl_set_close(lua_State *L, lua_CFunction close)
{
    lua_pushcfunction(L, close);
    lua_setfield(L, -3, "__close");
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
