/* From a buffer to the Lua stack by the short ways: a message is looked at, made into values,
 * and only then taken, so nothing has to go back. What they do not serve is left to receive.c.
 */
#include "core/fast_path.h"
#include "core/held.h"
#include "core/receive.h"
#include "lua/args.h"
#include "lua/decode.h"
#include "lua/objects.h"
#include "lua/receive.h"
#include "lua/state.h"

#include "platform/hidden.h"

/* The values on top are not right above the id. */
static void put_id_below(lua_State *L, const struct mtc_handle *handle, int count)
{
    mtc_push_integer(L, (int64_t)handle->object->id);
    lua_replace(L, -2 - count);
}

/* Pushes before it takes: pushing can raise an error, and run finalizers, which may release the
 * handle. */
static MTM_ALWAYS_INLINE int take_bytes(lua_State *L, struct mtc_handle *handle,
                                        enum mtl_how how, int top,
                                        const struct mtm_peeked *peeked)
{
    bool id_is_below = true;
    if (how != MTL_NEXT) mtc_push_integer(L, (int64_t)handle->object->id);
    int count = mtl_decode_short(L, peeked->bytes, peeked->size);
    if (MTM_UNLIKELY(count < 0)) {
        lua_settop(L, top);
        count = mtl_decode_direct(L, handle->owned.state, peeked->bytes, peeked->size);
        id_is_below = false;
    }
    if (MTM_LIKELY(mtc_handle_is_live(handle) &&
                   mtm_fast_take(mtl_buffer_of(handle), peeked))) {
        if (how == MTL_NEXT) return count;
        if (MTM_UNLIKELY(!id_is_below)) put_id_below(L, handle, count);
        return count + 1;
    }
    handle->owned.state->contended = MTL_CONTENDED;
    lua_settop(L, top);
    return mtl_receive(L, handle, how);
}

enum { MOST_CALLERS = 16 }; /* that are asked for: each takes as many steps as it is far */

/* The frame of this call may be that of the failed one. Of a coroutine that does not run it is
 * not known whether it still exists. */
void mtl_end_failed_hold(lua_State *L, struct mtc_state *state)
{
    lua_Debug caller;
    int level = 1;
    if (state->holder != L) return;
    for (; lua_getstack(L, level, &caller); ++level)
        if (level == MOST_CALLERS || mtc_frame(&caller) == state->held_in) return;
    mtm_block_free(state->held);
    state->held = NULL;
}

static bool hold(lua_State *L, struct mtc_handle *handle, struct mtm_held *held)
{
    struct mtc_state *state = handle->owned.state;
    lua_Debug self;
    if (MTM_UNLIKELY(state->held != NULL)) mtl_end_failed_hold(L, state);
    if (MTM_UNLIKELY(state->held != NULL) || !lua_getstack(L, 0, &self)) return false;
    if (!mtm_held_look(mtl_buffer_of(handle), MTL_HELD_MAX, held)) return false;
    state->held = held->block;
    state->holder = L;
    state->held_in = mtc_frame(&self);
    return true;
}

/* The same of one that is in a block of its own. If an error is raised the hold stays with the
 * state, and the message in the buffer. A finalizer that receives meanwhile goes the long way.
 */
static MTM_NOINLINE int take_held(lua_State *L, struct mtc_handle *handle, enum mtl_how how,
                                  int top)
{
    struct mtc_state *state = handle->owned.state;
    struct mtm_held held;
    if (!hold(L, handle, &held)) return mtl_receive(L, handle, how);
    if (how != MTL_NEXT) mtc_push_integer(L, (int64_t)handle->object->id);
    const int count = mtl_decode_short(L, mtm_block_data(held.block), held.block->size);
    state->held = NULL;
    if (MTM_UNLIKELY(count < 0 || !mtc_handle_is_live(handle))) {
        mtm_block_free(held.block);
    } else if (MTM_LIKELY(mtm_held_take(mtl_buffer_of(handle), &held))) {
        return how == MTL_NEXT ? count : count + 1;
    } else {
        state->contended = MTL_CONTENDED;
    }
    lua_settop(L, top);
    return mtl_receive(L, handle, how);
}

/* The same of one with objects: they need handles, which are made before it is taken, and set
 * when nothing can fail any more. */
static MTM_NOINLINE int take_laden(lua_State *L, struct mtc_handle *handle, enum mtl_how how,
                                   int top, struct mtm_peeked *peeked)
{
    struct mtc_state *state = handle->owned.state;
    const struct mtm_wait wait = mtl_wait_of(L, handle, how, 2);
    struct mtm_block *block = NULL;
    struct mtm_held held;
    if (!mtm_laden_look(mtl_buffer_of(handle), peeked->room, MTM_COPIED_MAX, &held))
        return mtl_receive(L, handle, how);
    if (how != MTL_NEXT) mtc_push_integer(L, (int64_t)handle->object->id);
    const int first = lua_gettop(L) + 1;
    const int count = mtl_decode_laden(L, state, peeked->room, held.size);
    if (MTM_LIKELY(count >= 0 && mtc_handle_is_live(handle)))
        block = mtm_laden_take(mtl_buffer_of(handle), &held);
    if (MTM_UNLIKELY(!block)) {
        if (count >= 0) state->contended = MTL_CONTENDED;
        lua_settop(L, top);
        return mtl_receive(L, handle, how);
    }
    mtl_set_objects(L, first, count, block->cargo);
    mtm_buffer_recycle(mtl_buffer_of(handle), block);
    if (!mtm_wait_never(&wait)) mtm_drop_handed_on();
    return how == MTL_NEXT ? count : count + 1;
}

static MTM_ALWAYS_INLINE int push_word(lua_State *L, const struct mtc_handle *handle,
                                       enum mtl_how how, struct mtm_word word)
{
    if (how != MTL_NEXT) mtc_push_integer(L, (int64_t)handle->object->id);
    mtl_push_word(L, word);
    return how == MTL_NEXT ? 1 : 2;
}

static MTM_ALWAYS_INLINE enum mtm_found peek(struct mtc_handle *handle,
                                             struct mtm_peeked *peeked)
{
    return mtm_fast_peek(mtl_buffer_of(handle), peeked, MTC_PLAIN_WORD);
}

/* The buffer is empty. Once it has polled nothing may be raised before mtm_receive, or the fast
 * path, has taken a message. */
static MTM_NOINLINE int wait_for_word(lua_State *L, struct mtc_handle *handle, enum mtl_how how)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_peeked peeked;
    if (lua_gettop(L) > 1 || how == MTL_EACH || handle->nonblock ||
        (how != MTL_NEXT && handle->timed)) {
        return mtl_receive(L, handle, how);
    }
    int base = mtl_prepare(L, how, 2, 1);
    if (mtm_poll(handle->object, &wait) && !mtl_is_watched(L) &&
        peek(handle, &peeked) == MTM_FOUND_WORD) {
        mtm_pass_baton(handle->object);
        return push_word(L, handle, how, peeked.word);
    }
    return mtl_receive_prepared(L, handle, &wait, how, base, NULL);
}

static MTM_ALWAYS_INLINE int take_short(lua_State *L, struct mtc_handle *handle,
                                        enum mtl_how how)
{
    struct mtm_peeked peeked;
    const int top = mtl_plain_receive(L);
    if (top == 0 || handle->owned.state->contended > 0 || mtl_is_watched(L))
        return mtl_receive(L, handle, how);
    switch (peek(handle, &peeked)) {
        case MTM_FOUND_WORD: return push_word(L, handle, how, peeked.word);
        case MTM_FOUND_BYTES: return take_bytes(L, handle, how, top, &peeked);
        case MTM_FOUND_EMPTY: return wait_for_word(L, handle, how);
        case MTM_FOUND_LADEN: return take_laden(L, handle, how, top, &peeked);
        case MTM_FOUND_BLOCK: return take_held(L, handle, how, top);
        case MTM_FOUND_NOTHING: break;
    }
    return mtl_receive(L, handle, how);
}

int mtl_take_short(lua_State *L, struct mtc_handle *handle)
{
    return take_short(L, handle, MTL_NEXT);
}

int mtl_get_short(lua_State *L, struct mtc_handle *handle)
{
    return take_short(L, handle, MTL_GET);
}

int mtl_each_short(lua_State *L, struct mtc_handle *handle)
{
    return take_short(L, handle, MTL_EACH);
}

int mtl_try_short(lua_State *L, struct mtc_handle *handle, int first)
{
    struct mtm_peeked peeked;
    const int top = lua_gettop(L);
    enum mtm_found found = peek(handle, &peeked);
    if (found != MTM_FOUND_WORD && found != MTM_FOUND_BYTES) return 0;
    lua_pushvalue(L, first);
    if (found == MTM_FOUND_WORD) {
        mtl_push_word(L, peeked.word);
        return 2;
    }
    const int count = mtl_decode_short(L, peeked.bytes, peeked.size);
    if (count >= 0 && mtc_handle_is_live(handle) &&
        mtm_fast_take(mtl_buffer_of(handle), &peeked))
        return count + 1;
    if (count >= 0) handle->owned.state->contended = MTL_CONTENDED;
    lua_settop(L, top);
    return 0;
}
