/* mtmsg.select: arguments in, the first message of several sources out. The waiting is in the
 * core, what becomes of the message in receive.c. */
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

/* The source at that index, or NULL: it is left out. Raises an error for anything else. Most
 * are buffers, so that is asked first. */
static inline struct mtc_handle *check_source(lua_State *L, int index)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, MTC_BUFFER_MAGIC);
    if (MTM_LIKELY(handle && mtc_handle_is_live(handle))) return handle;
    if (!lua_toboolean(L, index)) return NULL;
    return mtl_check_any_source(L, index);
}

static bool is_worth_a_look(const struct mtc_handle *handle)
{
    if (!mtc_handle_is_live(handle)) return false;
    const struct mtm_source *source = mtm_to_source(handle->object);
    return mtm_source_ops(source)->waiting(source) != 0;
}

/* Raises errors before anything is pinned. Returns the argument that is the first source which
 * seems to have a message, or 0. */
static int check_sources(lua_State *L, int top)
{
    int count = 0, first = 0;
    for (int i = FIRST; i <= top; ++i) {
        const struct mtc_handle *handle = check_source(L, i);
        if (!handle) continue;
        if (++count > MTM_SELECT_MAX) luaL_argerror(L, i, "too many sources");
        if (first == 0 && is_worth_a_look(handle)) first = i;
    }
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

/* Most often there is a message, and no need for more than a receive from where it is. */
static bool take_at_once(lua_State *L, int argument, struct mtm_delivery *in)
{
    struct mtm_wait never = {.timeout = 0};
    return argument != 0 &&
           mtl_take(mtl_check_any_source(L, argument), &never, in, MTL_GET) == MTM_OK;
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

int mtl_select(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(2));
    struct mtl_pending *pending;
    struct mtm_delivery in;
    int results;
    if (mtl_call_watched(L, state, MTL_GET, &pending, &results)) return results;
    const int top = lua_gettop(L);
    struct mtm_wait wait = mtl_check_wait(L, 1, false, "timeout seconds expected");
    const int first = check_sources(L, top);
    luaL_checkstack(L, LUA_MINSTACK, "too many sources");
    const int base = mtl_prepare(L, MTL_GET, top + 1, top);
    if (!take_at_once(L, first, &in)) return choose(L, state, wait, base, top, pending);
    lua_pushvalue(L, first);
    lua_replace(L, base);
    return mtl_give(L, mtl_check_any_source(L, first), &in, MTL_GET, base, wait.timeout == 0,
                    pending);
}
