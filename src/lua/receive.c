/* From a buffer or listener to the Lua stack, in all the ways that a receive can give what it
 * got. A message that has been taken and can't be returned goes back before the error is
 * raised. */
#include "lua/receive.h"

#include "core/receive.h"
#include "lua/args.h"
#include "lua/arrays.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/state.h"

#include "platform/hidden.h"

static const char expected[] = "timeout seconds or carray expected";

/* Gives back the memory: what is left of the carrier, and the message's own block. */
static void finish(struct mtc_handle *handle, struct mtm_delivery *in, enum mtl_how how,
                   bool nonblock)
{
    struct mtm_block *carrier = in->slot.carrier;
    if (MTM_UNLIKELY(how == MTL_PEEK)) {
        mtm_peek_done(in);
    } else {
        if (MTM_UNLIKELY(in->slot.block != carrier)) {
            mtm_buffer_recycle(in->from, in->slot.block);
        }
        mtm_delivery_done(in, nonblock);
    }
    mtl_carrier_give(handle->owned.state, carrier);
    mtl_unpin(handle);
}

static void put_back(struct mtc_handle *handle, struct mtm_delivery *in, enum mtl_how how)
{
    if (MTM_UNLIKELY(how == MTL_PEEK)) mtm_peek_done(in);
    else mtm_delivery_put_back(in);
    mtl_carrier_give(handle->owned.state, in->slot.carrier);
    mtl_unpin(handle);
}

int mtl_prepare(lua_State *L, enum mtl_how how, int first_array, int top)
{
    if (MTM_UNLIKELY(top >= first_array)) {
        mtl_array_check(L, first_array, top);
        luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    }
    if (how != MTL_NEXT) lua_pushnil(L);
    mtl_decode_prepare(L, first_array, top);
    return how == MTL_NEXT ? top : top + 1;
}

static enum mtm_status take_once(struct mtc_handle *handle, struct mtm_wait *wait,
                                 struct mtm_delivery *in, enum mtl_how how)
{
    if (MTM_UNLIKELY(how == MTL_PEEK)) return mtm_peek(mtl_buffer_of(handle), wait, in);
    return mtm_receive(handle->object, wait, in);
}

bool mtl_receive_retry(struct mtc_state *state, struct mtm_delivery *in,
                       enum mtm_status *status)
{
    mtl_carrier_give(state, in->slot.carrier);
    in->slot.carrier = *status == MTM_GROW ? mtm_block_new(in->slot.need) : NULL;
    if (in->slot.carrier) return true;
    if (*status == MTM_GROW) *status = MTM_NOMEM;
    return false;
}

enum mtm_status mtl_take(struct mtc_handle *handle, struct mtm_wait *wait,
                         struct mtm_delivery *in, enum mtl_how how)
{
    struct mtc_state *state = handle->owned.state;
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) return MTM_CLOSED;
    enum mtm_status status;
    mtl_pin(handle);
    in->slot.limit = SIZE_MAX;
    in->slot.carrier = mtl_carrier_take(state);
    do {
        status = take_once(handle, wait, in, how);
        if (MTM_LIKELY(status == MTM_OK)) return status;
    } while (mtl_receive_retry(state, in, &status));
    if (mtm_in_vain(status)) mtl_received_nothing(handle, status);
    mtl_unpin(handle);
    return status;
}

enum { LOOK_AGAIN_NS = 1000 * 1000 };

/* A loop over messages does not end because others are busy: it waits for them, and, as it
 * can't tell the two apart, for a message as long. */
static enum mtm_status take_each(struct mtc_handle *handle, struct mtm_wait *wait,
                                 struct mtm_delivery *in)
{
    enum mtm_status status = mtl_take(handle, wait, in, MTL_EACH);
    while (MTM_UNLIKELY(status == MTM_BUSY)) {
        struct mtm_wait brief = {
            .timeout = LOOK_AGAIN_NS, .go_on = wait->go_on, .asked = wait->asked};
        status = mtl_take(handle, &brief, in, MTL_EACH);
    }
    return status;
}

static int nothing(lua_State *L, enum mtm_status status, struct mtc_handle *handle,
                   enum mtl_how how)
{
    const bool in_vain = mtm_in_vain(status);
    const bool over = status == MTM_CLOSED || status == MTM_NO_BUFFERS;
    switch (how) {
        case MTL_NEXT:
            if (in_vain) return 0;
            break;
        case MTL_GET:
        case MTL_PEEK:
            if (mtl_is_told(status)) return mtl_push_reason(L, status);
            break;
        case MTL_EACH:
            if (in_vain || over) return 0;
            break;
    }
    if (status == MTM_INTERRUPTED) return lua_error(L); /* the hook's */
    return mtl_raise_of(L, status, handle);
}

/* The message has been decoded: now the removal is made known, and only then is it final. */
static void notify_removal(lua_State *L, struct mtc_handle *handle, struct mtm_delivery *in,
                           bool nonblock)
{
    struct mtc_state *state = handle->owned.state;
    struct mtm_failure failure = {0};
    bool raised;
    struct mtm_notifier *notifier = mtm_delivery_take_notifier(in);
    if (MTM_LIKELY(!notifier)) return;
    enum mtm_status status =
        mtl_notify(L, state, in->from, MTM_TAKEN, notifier, nonblock, &failure, &raised);
    if (status == MTM_OK && !raised) return;
    put_back(handle, in, MTL_NEXT);
    if (raised) lua_error(L);
    lua_settop(L, 1); /* the values may have left no room for the text */
    mtl_raise_failure(L, state, &failure);
}

/* A receive whose message has been decoded, and is final only when the values have been
 * returned. */
struct mtl_pending {
    lua_State *L;
    uintptr_t caller;          /* the call that waits for them */
    struct mtc_handle *handle; /* by which it was taken */
    bool taken, nonblock;
    struct mtm_delivery in;
};

/* A hook that was set while the call waited, by Ctrl-C for instance, would raise its error when
 * the call returns, with the message gone: it gets its occasion now. */
static void let_hook_raise(lua_State *L, struct mtc_handle *handle, struct mtm_delivery *in,
                           enum mtl_how how)
{
    if (mtl_let_hook_run(L, handle->owned.state)) return;
    put_back(handle, in, how);
    lua_error(L);
}

/* As mtl_decode_fast; the values must be right above the id, so what was prepared for the
 * protected call, without arrays, makes room for them, and comes back if it is wanted. */
static bool decode_fast(lua_State *L, struct mtl_decoder *decoder, enum mtl_how how, int base,
                        int *pushed)
{
    if (how == MTL_NEXT) return mtl_decode_fast(L, decoder, pushed);
    lua_settop(L, base);
    if (mtl_decode_fast(L, decoder, pushed)) return true;
    mtl_decode_prepare(L, 1, 0);
    return false;
}

/* Returns how many values it has pushed. */
static int decode(lua_State *L, struct mtc_handle *handle, struct mtm_delivery *in,
                  enum mtl_how how, int base)
{
    int arguments = lua_gettop(L) - base - 1, pushed;
    struct mtl_decoder decoder = {
        .at = mtm_block_data(in->slot.block), .cargo = in->slot.block->cargo, .max = SIZE_MAX};
    decoder.end = decoder.at + in->slot.block->size;
    if (arguments == 2 && !decoder.cargo && decode_fast(L, &decoder, how, base, &pushed))
        return pushed;
    if (mtl_decode_protected(L, handle->owned.state, &decoder, arguments) != 0) {
        put_back(handle, in, how);
        lua_error(L);
    }
    return lua_gettop(L) - base;
}

int mtl_receive_prepared(lua_State *L, struct mtc_handle *handle, struct mtm_wait *wait,
                         enum mtl_how how, int base, struct mtl_pending *pending)
{
    struct mtc_state *state = handle->owned.state;
    struct mtm_delivery in;
    struct mtl_hooked hooked;
    const bool nonblock = mtm_wait_never(wait);
    mtl_heed_hooks(&hooked, wait, L, state);
    if (state->contended > 0) --state->contended;
    enum mtm_status status = MTM_UNLIKELY(how == MTL_EACH) ? take_each(handle, wait, &in)
                                                           : mtl_take(handle, wait, &in, how);
    if (status != MTM_OK) return nothing(L, status, handle, how);
    if (how != MTL_NEXT) {
        mtc_push_integer(L, (int64_t)in.from->object.id);
        lua_replace(L, base);
    }
    return mtl_give(L, handle, &in, how, base, nonblock, pending);
}

int mtl_give(lua_State *L, struct mtc_handle *handle, struct mtm_delivery *in, enum mtl_how how,
             int base, bool nonblock, struct mtl_pending *pending)
{
    if (MTM_UNLIKELY(mtl_is_watched(L)) && !pending) let_hook_raise(L, handle, in, how);
    int pushed = decode(L, handle, in, how, base) + (how != MTL_NEXT);
    if (MTM_UNLIKELY(pending != NULL)) {
        *pending = (struct mtl_pending){
            .in = *in, .handle = handle, .taken = true, .nonblock = nonblock};
        return pushed;
    }
    if (how != MTL_PEEK) notify_removal(L, handle, in, nonblock);
    finish(handle, in, how, nonblock);
    return pushed;
}

/* A hook that raises when the call returns must not take the message with it: the function that
 * runs calls itself, and puts the message back if that call ends with an error. */
static int receive_watched(lua_State *L, struct mtc_state *state, enum mtl_how how,
                           lua_Debug *self)
{
    struct mtl_pending pending = {.L = L, .caller = mtc_frame(self)}, *outer = state->pending;
    int top = lua_gettop(L);
    luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    lua_getinfo(L, "f", self);
    for (int i = 1; i <= top; ++i) lua_pushvalue(L, i);
    state->pending = &pending;
    int rc = lua_pcall(L, top, LUA_MULTRET, 0);
    state->pending = outer;
    if (rc != 0) {
        if (pending.taken) put_back(pending.handle, &pending.in, how);
        return lua_error(L);
    }
    if (pending.taken) {
        struct mtc_handle *handle = pending.handle;
        if (how != MTL_PEEK) notify_removal(L, handle, &pending.in, pending.nonblock);
        finish(handle, &pending.in, how, pending.nonblock);
    }
    return lua_gettop(L) - top;
}

/* The receive that waits for the values of this call, if it was made by receive_watched. */
static struct mtl_pending *take_pending(lua_State *L, struct mtc_state *state)
{
    lua_Debug caller;
    struct mtl_pending *pending = state->pending;
    if (MTM_LIKELY(!pending) || pending->L != L) return NULL;
    if (!lua_getstack(L, 1, &caller) || mtc_frame(&caller) != pending->caller) return NULL;
    state->pending = NULL;
    return pending;
}

/* A loop has its timeout as upvalue 2, and its second argument is the latest id. */
struct mtm_wait mtl_wait_of(lua_State *L, struct mtc_handle *handle, enum mtl_how how,
                            int index)
{
    switch (how) {
        case MTL_NEXT: return mtl_check_wait(L, index, handle->nonblock, expected);
        case MTL_EACH: index = lua_upvalueindex(2); break;
        case MTL_GET:
        case MTL_PEEK: break;
    }
    return mtl_check_own_wait(L, index, handle, expected);
}

bool mtl_call_watched(lua_State *L, struct mtc_state *state, enum mtl_how how,
                      struct mtl_pending **pending, int *results)
{
    lua_Debug self;
    *pending = take_pending(L, state);
    if (MTM_LIKELY(!mtl_is_watched(L)) || *pending || !lua_getstack(L, 0, &self)) return false;
    *results = receive_watched(L, state, how, &self);
    return true;
}

MTM_NOINLINE int mtl_receive(lua_State *L, struct mtc_handle *handle, enum mtl_how how)
{
    struct mtl_pending *pending;
    int results;
    if (MTM_UNLIKELY(handle->owned.state->held != NULL))
        mtl_end_failed_hold(L, handle->owned.state);
    if (mtl_call_watched(L, handle->owned.state, how, &pending, &results)) return results;
    if (how == MTL_EACH) lua_settop(L, 1);
    int top = lua_gettop(L);
    int first_array = top >= 2 && mtl_array_is_writable(L, 2) ? 2 : 3;
    struct mtm_wait wait = mtl_wait_of(L, handle, how, first_array == 2 ? top + 1 : 2);
    int base = mtl_prepare(L, how, first_array, top);
    return mtl_receive_prepared(L, handle, &wait, how, base, pending);
}

void mtl_set_receivers(lua_State *L, const luaL_Reg *receivers)
{
    for (; receivers->name; ++receivers) {
        mtl_state_push(L);
        lua_pushcclosure(L, mtl_decode, 1);
        lua_pushcclosure(L, receivers->func, 1);
        lua_setfield(L, -2, receivers->name);
    }
}
