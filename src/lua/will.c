/* The wills of a Lua state: it owns their messages, the memory that adding them needs, and a
 * reference to each buffer.
 *
 * When a state closes, Lua finalizes the youngest userdata first. So that wills come before any
 * reference goes, there is always a userdata, the watchman, that is younger than all that have
 * references, and whose finalizer runs them. */
#include "lua/will.h"

#include "core/alloc.h"
#include "core/cargo.h"
#include "core/reference.h"
#include "core/send.h"
#include "lua/args.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/state.h"
#include "lua/transfer.h"

#include "platform/hidden.h"

struct mtl_will {
    struct mtl_will *next;
    uint64_t number;           /* of the state's wills */
    struct mtm_buffer *buffer; /* with a root reference */
    struct mtm_block *bytes;   /* the message */
    struct mtm_cargo *cargo;   /* its objects, until it has been added */
    struct mtm_put_memory memory;
};

static struct mtm_message message_of(struct mtl_will *will)
{
    struct mtm_message message;
    mtm_message_init(&message);
    mtm_message_add(&message, mtm_block_data(will->bytes), will->bytes->size);
    if (will->cargo) message.cargo = &will->cargo;
    return message;
}

static void free_will(struct mtl_will *will)
{
    mtm_block_free(will->bytes);
    mtm_cargo_drop(will->cargo);
    mtm_root_release(&will->buffer->object);
    mtm_free(will);
}

/* ---- running ---- */

/* What its notifier says, or raises, is for nobody. */
static void run(lua_State *L, struct mtc_state *state, struct mtl_will *will)
{
    struct mtm_failure failure = {0};
    struct mtm_notifier *notifier;
    const struct mtm_message message = message_of(will);
    bool raised = false;
    mtm_buffer_put_reserved(will->buffer, &message, &will->memory, &notifier);
    if (!notifier) return;
    enum mtm_status status =
        L ? mtl_notify(L, state, will->buffer, MTM_ADDED, notifier, false, &failure, &raised)
          : mtm_notify(will->buffer, MTM_ADDED, notifier, false, &failure);
    if (raised) lua_pop(L, 1);
    else if (status != MTM_OK) mtm_failure_free(&failure);
}

void mtl_wills_run(lua_State *L, struct mtc_state *state)
{
    while (state->wills) {
        struct mtl_will *will = state->wills;
        state->wills = will->next;
        run(L, state, will);
        free_will(will);
    }
}

/* ---- the watchman ---- */

/* One that has been replaced has nothing to do. */
static int watchman_gc(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if (state->watchman && lua_touserdata(L, 1) == state->watchman) {
        state->watchman = NULL;
        mtl_wills_run(L, state);
    }
    return 0;
}

/* All watchmen of a state share it. */
static void push_metatable(lua_State *L, const struct mtc_state *state)
{
    mtl_push_kept(L, state, MTL_WATCHMEN);
    if (MTM_LIKELY(!lua_isnil(L, -1))) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    mtl_state_push(L);
    lua_pushcclosure(L, watchman_gc, 1);
    lua_setfield(L, -2, "__gc");
    lua_pushvalue(L, -1);
    mtl_keep(L, state, MTL_WATCHMEN);
}

/* It is nothing but its address. */
static void push_watchman(lua_State *L, const struct mtc_state *state)
{
    mtc_newuserdata(L, 0, 0);
    push_metatable(L, state);
    lua_setmetatable(L, -2);
}

void mtl_wills_watch_more(lua_State *L, struct mtc_state *state)
{
    if (state->closed) return;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    push_watchman(L, state);
    state->watchman = lua_touserdata(L, -1);
    mtl_keep(L, state, MTL_WATCHMAN);
    if (MTM_UNLIKELY(state->closed)) mtl_raise_plain(L, MTM_CLOSED); /* by a finalizer */
}

/* Where no will is left, new objects are as cheap as ever. */
static void unwatch(struct mtc_state *state)
{
    if (!state->wills && state->wills_begun == 0) state->watchman = NULL;
}

/* ---- making and withdrawing ---- */

static int withdraw(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    const uint64_t number = (uint64_t)lua_tonumber(L, lua_upvalueindex(2));
    struct mtl_will **link = &state->wills;
    while (*link && (*link)->number != number) link = &(*link)->next;
    struct mtl_will *will = *link;
    lua_pushboolean(L, will != NULL);
    if (!will) return 1;
    *link = will->next;
    unwatch(state);
    mtm_buffer_unreserve(will->buffer, &will->memory);
    free_will(will);
    return 1;
}

/* What the message is made of: all of its bytes are copied, NULL: no memory; its objects are
 * taken over. */
static void take_message(lua_State *L, struct mtc_state *state, int last,
                         struct mtl_will *parts)
{
    struct mtl_encoder encoder;
    struct mtm_message message;
    struct mtl_deep deep;
    if (mtl_encode(L, 2, last, &encoder)) {
        parts->bytes = mtm_message_to_block(&encoder.message, NULL);
        return;
    }
    mtl_encode_deep(&deep, L, state, 2, last, &message);
    parts->bytes = mtm_message_to_block(&message, NULL);
    if (mtm_message_has_cargo(&message)) {
        parts->cargo = *message.cargo;
        *message.cargo = NULL;
    }
    mtl_deep_done(&deep);
}

static enum mtm_status prepare(struct mtc_handle *handle, struct mtl_will *will)
{
    enum mtm_status status =
        mtc_handle_is_live(handle) ? mtm_object_may_put(handle->object) : MTM_CLOSED;
    if (status != MTM_OK && status != MTM_ABORTED) return status;
    if (!will->bytes) return MTM_NOMEM;
    const struct mtm_message message = message_of(will);
    will->buffer = mtl_buffer_of(handle);
    return mtm_buffer_reserve(will->buffer, &message, &will->memory);
}

/* An aborted buffer may have one. Takes over the parts. */
static enum mtm_status make(struct mtc_handle *handle, const struct mtl_will *parts,
                            struct mtl_will **out)
{
    struct mtl_will *will = mtm_alloc(sizeof *will);
    enum mtm_status status = MTM_NOMEM;
    if (will) {
        *will = *parts;
        status = prepare(handle, will);
    }
    if (status == MTM_OK) {
        mtm_root_retain(&will->buffer->object);
        *out = will;
        return MTM_OK;
    }
    mtm_block_free(parts->bytes);
    mtm_cargo_drop(parts->cargo);
    mtm_drop_handed_on();
    mtm_free(will);
    return status;
}

static void append(struct mtc_state *state, struct mtl_will *will)
{
    struct mtl_will **link = &state->wills;
    while (*link) link = &(*link)->next;
    *link = will;
}

/* What can raise an error, and run finalizers, comes before the will. */
int mtl_will(lua_State *L, struct mtc_handle *handle)
{
    struct mtc_state *state = handle->owned.state;
    const int last = lua_gettop(L);
    const uint64_t number = ++state->last_will;
    struct mtl_will *will;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    mtl_state_push(L);
    lua_pushnumber(L, (lua_Number)number);
    lua_pushcclosure(L, withdraw, 2);
    ++state->wills_begun;
    mtl_wills_watch_more(L, state);
    struct mtl_will parts = {.number = number};
    take_message(L, state, last, &parts);
    const size_t size = parts.bytes ? parts.bytes->size : 0;
    enum mtm_status status = make(handle, &parts, &will);
    --state->wills_begun;
    if (status != MTM_OK) {
        unwatch(state);
        return mtl_raise_put(L, handle, status, size);
    }
    append(state, will);
    lua_pushvalue(L, last + 1);
    return 1;
}
