/* From the Lua stack into a buffer. It owns nothing; receiving is in receive.c. */
#include "lua/transfer.h"

#include "core/bound.h"
#include "core/cargo.h"
#include "core/fast_path.h"
#include "core/room.h"
#include "lua/args.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/state.h"

#include "platform/hidden.h"

/* What the error text says of a message: its values, and the header in front of them. */
int mtl_raise_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size)
{
    struct mtl_blame blame = {.size = mtm_record_size(size)};
    if (mtc_handle_is_live(handle))
        blame.limit = mtm_queue_most_bytes(&mtl_buffer_of(handle)->queue);
    return mtl_raise_about(L, status, handle, &blame);
}

int mtl_push_put(lua_State *L, struct mtc_handle *handle, enum mtm_status status, size_t size,
                 struct mtm_failure *failure)
{
    switch (status) {
        case MTM_OK: lua_pushboolean(L, 1); return 1;
        case MTM_FULL:
        case MTM_BUSY: lua_pushboolean(L, 0); return 1;
        case MTM_INTERRUPTED: return lua_error(L); /* the hook's */
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
    return mtl_raise_put(L, handle, status, size);
}

int mtl_push_put_wait(lua_State *L, struct mtc_handle *handle, enum mtm_status status,
                      size_t size, struct mtm_failure *failure)
{
    if (mtl_is_told(status)) return mtl_push_reason(L, status);
    return mtl_push_put(L, handle, status, size, failure);
}

static int push_outcome(lua_State *L, struct mtc_handle *handle, enum mtl_send_how how,
                        enum mtm_status status, size_t size, struct mtm_failure *failure)
{
    if (how == MTL_PUT) return mtl_push_put_wait(L, handle, status, size, failure);
    return mtl_push_put(L, handle, status, size, failure);
}

/* A hook may do anything, also resize an array to which the message refers: so hooks are run
 * only where all of it has been copied. */
static enum mtm_status put_wait(lua_State *L, struct mtc_handle *handle,
                                const struct mtm_message *message,
                                struct mtm_notifier **notifier)
{
    struct mtm_wait wait = mtl_own_wait(handle);
    struct mtl_hooked hooked;
    if (message->nparts <= 1) mtl_heed_hooks(&hooked, &wait, L, handle->owned.state);
    return mtm_buffer_put_wait(mtl_buffer_of(handle), message, &wait, notifier);
}

static enum mtm_status put_once(lua_State *L, struct mtc_handle *handle,
                                const struct mtm_message *message, enum mtl_send_how how,
                                bool nonblock, struct mtm_notifier **notifier)
{
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    if (how == MTL_PUT) return put_wait(L, handle, message, notifier);
    const unsigned options =
        (how == MTL_SET ? MTM_PUT_REPLACE : 0u) | (nonblock ? MTM_PUT_NONBLOCK : 0u);
    return mtm_buffer_put(buffer, message, options, notifier);
}

/* Whether the call must not wait for another thread's critical section. */
static bool never_waits(const struct mtc_handle *handle, enum mtl_send_how how)
{
    if (MTM_LIKELY(how != MTL_PUT)) return handle->nonblock;
    const struct mtm_wait wait = mtl_own_wait(handle);
    return mtm_wait_never(&wait);
}

/* What has encoded the message may have run finalizers, and these may have released the handle.
 * *raised: as mtl_notify. */
static enum mtm_status put(lua_State *L, struct mtc_handle *handle, struct mtm_message *message,
                           enum mtl_send_how how, struct mtm_failure *failure, bool *raised)
{
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    const bool nonblock = never_waits(handle, how);
    struct mtm_notifier *notifier;
    *raised = false;
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) return MTM_CLOSED;
    mtl_pin(handle);
    enum mtm_status status = put_once(L, handle, message, how, nonblock, &notifier);
    if (!nonblock) mtm_drop_handed_on();
    if (MTM_UNLIKELY(notifier != NULL)) {
        status = mtl_notify(L, handle->owned.state, buffer, MTM_ADDED, notifier, nonblock,
                            failure, raised);
    }
    mtl_unpin(handle);
    return status;
}

/* Tables, functions, or too many values for the scratch memory. */
static MTM_NOINLINE int send_deep(lua_State *L, struct mtc_handle *handle, int last,
                                  enum mtl_send_how how)
{
    struct mtm_failure failure = {0};
    struct mtm_message message;
    struct mtl_deep deep;
    mtl_encode_deep(&deep, L, handle->owned.state, 2, last, &message);
    bool raised = false;
    enum mtm_status status = MTM_OK;
    if (how == MTL_SET || message.cargo || message.size - 1 >= MTM_FAST_MAX ||
        !mtc_handle_is_live(handle) ||
        !mtm_fast_add(mtl_buffer_of(handle), message.part[0].ptr, message.size)) {
        status = put(L, handle, &message, how, &failure, &raised);
    }
    mtl_deep_done(&deep);
    if (raised) return lua_error(L);
    return push_outcome(L, handle, how, status, message.size, &failure);
}

static MTM_NOINLINE int add_bytes(lua_State *L, struct mtc_handle *handle, int last)
{
    unsigned char bytes[MTM_FAST_MAX];
    int size = mtl_encode_short(L, 2, last, bytes, sizeof bytes);
    if (MTM_UNLIKELY(size < 0)) {
        if (lua_istable(L, 2)) return send_deep(L, handle, last, MTL_ADD);
        return mtl_send(L, handle, MTL_ADD);
    }
    if (MTM_UNLIKELY(!mtm_fast_add(mtl_buffer_of(handle), bytes, (size_t)size))) {
        return mtl_send(L, handle, MTL_ADD);
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

int mtl_set_short(lua_State *L, struct mtc_handle *handle)
{
    unsigned char bytes[MTM_FAST_MAX];
    const int size = mtl_encode_short(L, 2, lua_gettop(L), bytes, sizeof bytes);
    if (MTM_UNLIKELY(size < 0 ||
                     !mtm_fast_replace(mtl_buffer_of(handle), bytes, (size_t)size))) {
        return mtl_send(L, handle, MTL_SET);
    }
    lua_pushboolean(L, 1);
    return 1;
}

MTM_NOINLINE int mtl_send(lua_State *L, struct mtc_handle *handle, enum mtl_send_how how)
{
    struct mtl_encoder encoder;
    struct mtm_failure failure = {0};
    int last = lua_gettop(L);
    if (MTM_UNLIKELY(!mtl_encode_objects(L, 2, last, &encoder))) {
        return send_deep(L, handle, last, how);
    }
    if (how != MTL_SET && mtc_handle_is_live(handle) &&
        mtm_fast_add_message(mtl_buffer_of(handle), &encoder.message)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    bool raised;
    enum mtm_status status = put(L, handle, &encoder.message, how, &failure, &raised);
    if (MTM_UNLIKELY(encoder.cargo != NULL)) mtm_cargo_drop(encoder.cargo);
    if (MTM_UNLIKELY(raised)) return lua_error(L);
    if (MTM_LIKELY(status == MTM_OK)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    return push_outcome(L, handle, how, status, encoder.message.size, &failure);
}
