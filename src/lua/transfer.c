/* From the Lua stack into a buffer, and from a buffer or listener to the Lua stack.
 * A message that has been taken and can't be returned goes back before the error is raised. */
#include "lua/transfer.h"

#include "core/bound.h"
#include "core/receive.h"
#include "core/fast_path.h"
#include "core/send.h"
#include "lua/args.h"
#include "lua/arrays.h"
#include "lua/decode.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/state.h"

#include "platform/hidden.h"

/* ---- sending ---- */

/* What the error text says of a message: its values, and the header in front of them. */
static int raise_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status,
                     size_t size)
{
    struct mtl_blame blame = {
        .object = handle->object,
        .size = mtm_record_size(size),
        .limit = mtm_queue_most_bytes(&mtl_buffer_of(handle)->queue),
    };
    return mtl_raise(L, status, &blame);
}

int mtl_push_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size,
                 struct mtm_failure *failure)
{
    switch (status) {
        case MTM_OK: lua_pushboolean(L, 1); return 1;
        case MTM_FULL:
        case MTM_BUSY: lua_pushboolean(L, 0); return 1;
        case MTM_NOTIFIER_FAILED: return mtl_raise_failure(L, handle->owned.state, failure);
        case MTM_EMPTY:
        case MTM_TOO_LARGE:
        case MTM_CLOSED:
        case MTM_ABORTED:
        case MTM_NOMEM:
        case MTM_NO_BUFFERS:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_MISPLACED:
        case MTM_GROW: break;
    }
    return raise_put(L, handle, status, size);
}

/* *raised: as mtl_notify. */
static enum mtm_status put(lua_State *L, struct mtc_handle *handle, struct mtm_message *message,
                           bool replace, struct mtm_failure *failure, bool *raised)
{
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    const bool nonblock = handle->nonblock;
    struct mtm_notifier *notifier;
    const unsigned options =
        (replace ? MTM_PUT_REPLACE : 0u) | (nonblock ? MTM_PUT_NONBLOCK : 0u);
    enum mtm_status status = mtm_buffer_put(buffer, message, options, &notifier);
    *raised = false;
    if (MTM_LIKELY(!notifier)) return status;
    return mtl_notify(L, handle->owned.state, buffer, MTM_ADDED, notifier, nonblock, failure,
                      raised);
}

/* Tables, functions, or too many values for the scratch memory. */
static MTM_NOINLINE int send_deep(lua_State *L, struct mtc_handle *handle, int last,
                                  bool replace)
{
    struct mtm_failure failure = {0};
    struct mtm_message message;
    struct mtl_deep deep;
    mtl_encode_deep(&deep, L, handle->owned.state, 2, last, &message);
    bool raised = false;
    enum mtm_status status = MTM_OK;
    if (replace || message.size - 1 >= MTM_FAST_MAX ||
        !mtm_fast_add(mtl_buffer_of(handle), message.part[0].ptr, message.size)) {
        status = put(L, handle, &message, replace, &failure, &raised);
    }
    mtl_deep_done(&deep);
    if (raised) return lua_error(L);
    return mtl_push_put(L, handle, status, message.size, &failure);
}

static MTM_NOINLINE int add_bytes(lua_State *L, struct mtc_handle *handle, int last)
{
    unsigned char bytes[MTM_FAST_MAX];
    int size = mtl_encode_short(L, 2, last, bytes, sizeof bytes);
    if (MTM_UNLIKELY(size < 0)) {
        if (lua_istable(L, 2)) return send_deep(L, handle, last, false);
        return mtl_send(L, handle, false);
    }
    if (MTM_UNLIKELY(!mtm_fast_add(mtl_buffer_of(handle), bytes, (size_t)size))) {
        return mtl_send(L, handle, false);
    }
    lua_pushboolean(L, 1);
    return 1;
}

int mtl_add_short(lua_State *L, struct mtc_handle *handle)
{
    const int last = lua_gettop(L);
    if (last != 2) return add_bytes(L, handle, last);
    if (lua_type(L, 2) != LUA_TNUMBER ||
        !mtm_fast_add_word(mtl_buffer_of(handle), mtl_number_to_word(L, 2))) {
        return add_bytes(L, handle, 2);
    }
    lua_pushboolean(L, 1);
    return 1;
}

MTM_NOINLINE int mtl_send(lua_State *L, struct mtc_handle *handle, bool replace)
{
    struct mtl_encoder encoder;
    struct mtm_failure failure = {0};
    int last = lua_gettop(L);
    if (MTM_UNLIKELY(!mtl_encode(L, 2, last, &encoder))) {
        return send_deep(L, handle, last, replace);
    }
    if (!replace && mtm_fast_add_message(mtl_buffer_of(handle), &encoder.message)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    bool raised;
    enum mtm_status status = put(L, handle, &encoder.message, replace, &failure, &raised);
    if (MTM_UNLIKELY(raised)) return lua_error(L);
    if (MTM_LIKELY(status == MTM_OK)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    return mtl_push_put(L, handle, status, encoder.message.size, &failure);
}

/* ---- receiving ---- */

/* Whether a hook will run when the call returns, which could raise an error then. */
static inline bool is_watched(lua_State *L)
{
    return MTM_UNLIKELY((lua_gethookmask(L) & LUA_MASKRET) != 0);
}

/* Gives back the memory: what is left of the carrier, and the message's own block. */
static void finish(struct mtc_state *state, struct mtm_delivery *in, bool nonblock)
{
    struct mtm_block *carrier = in->slot.carrier;
    if (MTM_UNLIKELY(in->slot.block != carrier)) {
        mtm_buffer_recycle(in->from, in->slot.block);
    }
    mtm_delivery_done(in, nonblock);
    mtl_carrier_give(state, carrier);
}

static void put_back(struct mtc_state *state, struct mtm_delivery *in)
{
    mtm_delivery_put_back(in);
    mtl_carrier_give(state, in->slot.carrier);
}

/* Pushes what the protected call needs, since even that can raise an error: the function, and
 * the given arrays. */
static void prepare_decode(lua_State *L, int first_array, int top)
{
    if (MTM_UNLIKELY(top >= first_array)) {
        mtl_array_check(L, first_array, top);
        luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    }
    mtl_decode_prepare(L, first_array, top);
}

static enum mtm_status take(struct mtc_state *state, struct mtm_object *object,
                            struct mtm_wait *wait, struct mtm_delivery *in)
{
    in->slot.limit = SIZE_MAX;
    in->slot.carrier = mtl_carrier_take(state);
    for (;;) {
        enum mtm_status status = mtm_receive(object, wait, in);
        if (MTM_LIKELY(status == MTM_OK)) return status;
        mtl_carrier_give(state, in->slot.carrier);
        if (status != MTM_GROW) return status;
        in->slot.carrier = mtm_block_new(in->slot.need);
        if (!in->slot.carrier) return MTM_NOMEM;
    }
}

static int nothing(lua_State *L, enum mtm_status status, const struct mtc_handle *handle)
{
    if (status == MTM_EMPTY || status == MTM_BUSY) return 0;
    return mtl_raise_for(L, status, handle->object);
}

/* The message has been decoded: now the removal is made known, and only then is it final. */
static void notify_removal(lua_State *L, struct mtc_state *state, struct mtm_delivery *in,
                           bool nonblock)
{
    struct mtm_failure failure = {0};
    bool raised;
    struct mtm_notifier *notifier = mtm_delivery_take_notifier(in);
    if (MTM_LIKELY(!notifier)) return;
    enum mtm_status status =
        mtl_notify(L, state, in->from, MTM_TAKEN, notifier, nonblock, &failure, &raised);
    if (status == MTM_OK && !raised) return;
    put_back(state, in);
    if (raised) lua_error(L);
    lua_settop(L, 1); /* the values may have left no room for the text */
    mtl_raise_failure(L, state, &failure);
}

/* There is no argument. Pushes before it takes: pushing can raise an error. */
static int take_bytes(lua_State *L, struct mtc_handle *handle, const struct mtm_peeked *peeked)
{
    int count = mtl_decode_short(L, peeked->bytes, peeked->size);
    if (MTM_UNLIKELY(count < 0)) {
        lua_settop(L, 1);
        count = mtl_decode_direct(L, handle->owned.state, peeked->bytes, peeked->size);
    }
    if (MTM_LIKELY(mtm_fast_take(mtl_buffer_of(handle), peeked))) return count;
    handle->owned.state->contended = MTL_CONTENDED;
    lua_settop(L, 1);
    return mtl_nextmsg(L, handle);
}

/* A receive whose message has been decoded, and is final only when the values have been
 * returned. */
struct mtl_pending {
    lua_State *L;
    uintptr_t caller; /* the call that waits for them */
    bool taken, nonblock;
    struct mtm_delivery in;
};

static int nothing_at_all(lua_State *L)
{
    (void)L;
    return 0;
}

/* A hook that was set while the call waited, by Ctrl-C for instance, would raise its error when
 * the call returns, with the message gone: it gets its occasion now. */
static void let_hook_raise(lua_State *L, struct mtc_state *state, struct mtm_delivery *in)
{
    lua_pushcfunction(L, nothing_at_all);
    if (lua_pcall(L, 0, 0, 0) == 0) return;
    put_back(state, in);
    lua_error(L);
}

/* Returns how many values it has pushed. */
static int decode(lua_State *L, struct mtc_state *state, struct mtm_delivery *in, int top)
{
    int arguments = lua_gettop(L) - top - 1, pushed;
    struct mtl_decoder decoder = {.at = mtm_block_data(in->slot.block), .max = SIZE_MAX};
    decoder.end = decoder.at + in->slot.block->size;
    if (arguments == 2 && mtl_decode_fast(L, &decoder, &pushed)) return pushed;
    if (mtl_decode_protected(L, state, &decoder, arguments) != 0) {
        put_back(state, in);
        lua_error(L);
    }
    return lua_gettop(L) - top;
}

/* Takes a message, decodes it, and returns how many values have been pushed. Above `top` there
 * is what prepare_decode has pushed. */
static int receive(lua_State *L, struct mtc_handle *handle, struct mtm_wait *wait, int top,
                   struct mtl_pending *pending)
{
    struct mtc_state *state = handle->owned.state;
    struct mtm_delivery in;
    const bool nonblock = mtm_wait_never(wait);
    if (state->contended > 0) --state->contended;
    enum mtm_status status = take(state, handle->object, wait, &in);
    if (status != MTM_OK) return nothing(L, status, handle);
    if (MTM_UNLIKELY(is_watched(L)) && !pending) let_hook_raise(L, state, &in);
    int pushed = decode(L, state, &in, top);
    if (MTM_UNLIKELY(pending != NULL)) {
        *pending = (struct mtl_pending){.in = in, .taken = true, .nonblock = nonblock};
        return pushed;
    }
    notify_removal(L, state, &in, nonblock);
    finish(state, &in, nonblock);
    return pushed;
}

/* A hook that raises when the call returns must not take the message with it: the function that
 * runs calls itself, and puts the message back if that call ends with an error. */
static int receive_watched(lua_State *L, struct mtc_handle *handle, lua_Debug *self)
{
    struct mtc_state *state = handle->owned.state;
    struct mtl_pending pending = {.L = L, .caller = mtc_frame(self)}, *outer = state->pending;
    int top = lua_gettop(L);
    luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    lua_getinfo(L, "f", self);
    for (int i = 1; i <= top; ++i) lua_pushvalue(L, i);
    state->pending = &pending;
    int rc = lua_pcall(L, top, LUA_MULTRET, 0);
    state->pending = outer;
    if (rc != 0) {
        if (pending.taken) put_back(state, &pending.in);
        return lua_error(L);
    }
    if (!pending.taken) return 0;
    notify_removal(L, state, &pending.in, pending.nonblock);
    finish(state, &pending.in, pending.nonblock);
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

MTM_NOINLINE int mtl_nextmsg(lua_State *L, struct mtc_handle *handle)
{
    int top = lua_gettop(L);
    lua_Debug self;
    struct mtl_pending *pending = take_pending(L, handle->owned.state);
    if (MTM_UNLIKELY(is_watched(L)) && !pending && lua_getstack(L, 0, &self)) {
        return receive_watched(L, handle, &self);
    }
    int first_array = top >= 2 && mtl_array_is_writable(L, 2) ? 2 : 3;
    struct mtm_wait wait = mtl_check_wait(L, first_array == 2 ? top + 1 : 2, handle->nonblock,
                                          "timeout seconds or carray expected");
    prepare_decode(L, first_array, top);
    return receive(L, handle, &wait, top, pending);
}

/* The buffer is empty; the call has no argument. Once it has polled nothing may be raised
 * before mtm_receive, or the fast path, has taken a message. */
static MTM_NOINLINE int wait_for_word(lua_State *L, struct mtc_handle *handle)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_peeked peeked;
    if (handle->nonblock) return mtl_nextmsg(L, handle);
    prepare_decode(L, 2, 1);
    if (mtm_poll(handle->object, &wait) && !is_watched(L) &&
        mtm_fast_peek(mtl_buffer_of(handle), &peeked) == MTM_FOUND_WORD) {
        mtm_pass_baton(handle->object);
        mtl_push_word(L, peeked.word);
        return 1;
    }
    return receive(L, handle, &wait, 1, NULL);
}

int mtl_take_short(lua_State *L, struct mtc_handle *handle)
{
    struct mtm_peeked peeked;
    if (lua_gettop(L) > 1 || handle->owned.state->contended > 0 || is_watched(L)) {
        return mtl_nextmsg(L, handle);
    }
    switch (mtm_fast_peek(mtl_buffer_of(handle), &peeked)) {
        case MTM_FOUND_WORD: mtl_push_word(L, peeked.word); return 1;
        case MTM_FOUND_BYTES: return take_bytes(L, handle, &peeked);
        case MTM_FOUND_EMPTY: return wait_for_word(L, handle);
        case MTM_FOUND_TAKEN:
        case MTM_FOUND_NOTHING: break;
    }
    return mtl_nextmsg(L, handle);
}
