/* mtmsg.select: arguments in, the first message of several sources out. The waiting is in the
 * core, what becomes of the message in receive.c. */
#include "core/listener.h"
#include "core/select.h"

#include "lua/args.h"
#include "lua/classes.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/receive.h"
#include "lua/state.h"

#include "platform/hidden.h"

enum { FIRST = 2 }; /* the argument that is the first source */

/* The sources of one call, all of them pinned. */
struct sources {
    size_t count; /* of the select: others are the same again, or have been released */
    int released; /* the first argument that has been, or 0 */
    struct mtc_handle *handle[MTM_SELECT_MAX];
    int argument[MTM_SELECT_MAX];
    struct mtm_select select;
};

static void unpin_all(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; ++i) mtl_unpin(sources->handle[i]);
}

/* The source at that index, or NULL: it is left out. Raises an error for anything else. */
static struct mtc_handle *check_source(lua_State *L, int index)
{
    return lua_toboolean(L, index) ? mtl_check_any_source(L, index) : NULL;
}

/* Most are buffers, so that is asked first. */
static inline struct mtc_handle *to_live_buffer(lua_State *L, int index)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, MTC_BUFFER_MAGIC);
    return MTM_LIKELY(handle && mtc_handle_is_live(handle)) ? handle : NULL;
}

/* No buffer that is live. */
static bool is_worth_a_look(const struct mtc_handle *handle)
{
    if (!mtc_handle_is_live(handle)) return false;
    const struct mtm_source *source = mtm_to_source(handle->object);
    return mtm_source_ops(source)->waiting(source) != 0;
}

/* The first source which seems to have a message. */
struct first {
    int argument; /* 0: there is none */
    struct mtc_handle *handle;
};

static MTM_NOINLINE void check_count(lua_State *L, int top)
{
    int count = 0;
    for (int i = FIRST; i <= top; ++i)
        if (lua_toboolean(L, i) && ++count > MTM_SELECT_MAX)
            luaL_argerror(L, i, "too many sources");
}

/* Raises errors before anything is pinned. */
static struct first check_sources(lua_State *L, int top)
{
    struct first first = {0};
    int i = FIRST;
    for (; i <= top && first.argument == 0; ++i) {
        struct mtc_handle *buffer = to_live_buffer(L, i),
                          *handle = buffer ? buffer : check_source(L, i);
        if (!handle) continue;
        if (buffer ? mtm_buffer_may_have_one(mtl_buffer_of(buffer)) : is_worth_a_look(handle))
            first = (struct first){i, handle};
    }
    for (; i <= top; ++i)
        if (MTM_UNLIKELY(!to_live_buffer(L, i))) check_source(L, i);
    if (MTM_UNLIKELY(top - FIRST >= MTM_SELECT_MAX)) check_count(L, top);
    return first;
}

static void collect(lua_State *L, struct sources *sources, int top)
{
    sources->count = 0;
    sources->released = 0;
    mtm_select_init(&sources->select);
    for (int i = FIRST; i <= top; ++i) {
        struct mtc_handle *handle = check_source(L, i);
        if (!handle) continue;
        if (!mtc_handle_is_live(handle)) {
            if (sources->released == 0) sources->released = i;
            continue;
        }
        mtm_select_add(&sources->select, handle->object);
        if (sources->select.count == sources->count) continue;
        sources->handle[sources->count] = handle;
        sources->argument[sources->count++] = i;
        mtl_pin(handle);
    }
}

/* What has been released has ended: if nothing is there now, that is what is told. */
static enum mtm_status take(struct sources *sources, struct mtc_state *state,
                            struct mtm_wait *wait, struct mtm_delivery *in, size_t *which)
{
    enum mtm_status status;
    if (sources->released) wait->timeout = 0;
    in->slot.limit = SIZE_MAX;
    in->slot.carrier = mtl_carrier_take(state);
    do status = mtm_select_receive(&sources->select, wait, in, which);
    while (MTM_UNLIKELY(status != MTM_OK) && mtl_receive_retry(state, in, &status));
    return status;
}

/* nil, the reason, and the source that it is about. */
static int nothing(lua_State *L, struct sources *sources, enum mtm_status status, size_t which)
{
    int argument = which < sources->count ? sources->argument[which] : 0;
    const int released = sources->released;
    if (mtm_in_vain(status)) {
        for (size_t i = 0; i < sources->count; ++i)
            mtl_received_nothing(sources->handle[i], status);
    }
    unpin_all(sources);
    if (released && (mtm_in_vain(status) || argument == 0 || released < argument)) {
        argument = released;
        status = MTM_CLOSED;
    }
    if (status == MTM_INTERRUPTED) return lua_error(L); /* the hook's */
    if (!mtl_is_told(status)) return mtl_raise_plain(L, status);
    mtl_push_reason(L, status);
    if (argument == 0) return 2;
    lua_pushvalue(L, argument);
    return 3;
}

/* A single number, boolean or byte; or 0. */
static MTM_NOINLINE int take_word(lua_State *L, struct first first, bool nonblock)
{
    struct mtm_listener *listener = (struct mtm_listener *)first.handle->object;
    struct mtm_word word;
    uint64_t id;
    if (!mtm_listener_take_word(listener, MTC_PLAIN_WORD,
                                nonblock ? MTM_TAKER_NONBLOCK : MTM_TAKER_WAITS, &word, &id))
        return 0;
    lua_pushvalue(L, first.argument);
    mtl_push_word(L, word);
    return 2;
}

/* Most often there is a short message in a buffer, which needs no protected call. Returns how
 * many results it has pushed. */
static inline int take_short(lua_State *L, struct first first, bool nonblock)
{
    if (first.argument == 0) return 0;
    if (MTM_UNLIKELY(first.handle->object->kind != MTM_BUFFER))
        return take_word(L, first, nonblock);
    if (MTM_UNLIKELY(first.handle->owned.state->contended > 0)) {
        --first.handle->owned.state->contended;
        return 0;
    }
    return mtl_try_short(L, first.handle, first.argument);
}

/* A message, and no need for more than a receive from where it is. */
static bool take_at_once(struct first first, struct mtm_delivery *in)
{
    struct mtm_wait never = {.timeout = 0};
    return first.argument != 0 && mtl_take(first.handle, &never, in, MTL_GET) == MTM_OK;
}

static MTM_NOINLINE int choose(lua_State *L, struct mtc_state *state, struct mtm_wait wait,
                               int base, int top, struct mtl_pending *pending)
{
    struct sources sources;
    struct mtm_delivery in;
    struct mtl_hooked hooked;
    size_t which;
    mtl_heed_hooks(&hooked, &wait, L, state);
    collect(L, &sources, top);
    enum mtm_status status = take(&sources, state, &wait, &in, &which);
    if (MTM_UNLIKELY(status != MTM_OK)) return nothing(L, &sources, status, which);
    struct mtc_handle *handle = sources.handle[which];
    lua_pushvalue(L, sources.argument[which]);
    lua_replace(L, base);
    mtl_pin(handle); /* for give */
    unpin_all(&sources);
    return mtl_give(L, handle, &in, MTL_GET, base, wait.timeout == 0, pending);
}

static MTM_NOINLINE int take_any(lua_State *L, struct mtm_wait wait, struct first first)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(2));
    const int top = lua_gettop(L);
    struct mtl_pending *pending;
    struct mtm_delivery in;
    int results;
    if (mtl_call_watched(L, state, MTL_GET, &pending, &results)) return results;
    luaL_checkstack(L, LUA_MINSTACK, "too many sources");
    const int base = mtl_prepare(L, MTL_GET, top + 1, top);
    if (!take_at_once(first, &in)) return choose(L, state, wait, base, top, pending);
    lua_pushvalue(L, first.argument);
    lua_replace(L, base);
    return mtl_give(L, first.handle, &in, MTL_GET, base, wait.timeout == 0, pending);
}

int mtl_select(lua_State *L)
{
    const struct mtm_wait wait = mtl_check_wait(L, 1, false, "timeout seconds expected");
    const struct first first = check_sources(L, lua_gettop(L));
    const int results = mtl_is_watched(L) ? 0 : take_short(L, first, wait.timeout == 0);
    return results > 0 ? results : take_any(L, wait, first);
}
