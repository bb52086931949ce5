/* A function between a Lua state and its allocator, for states that might not be finalized: it
 * sees the state's memory being freed. It owns what it notes for that. */
#include "lua/closing.h"

#include "core/alloc.h"

#include "platform/hidden.h"

struct watch {
    lua_Alloc alloc; /* the one that was there, and its data */
    void *data;
    struct mtc_state *state; /* NULL: it has ended */
    void (*end)(struct mtc_state *state);
    const void *last; /* the main thread: what Lua frees last contains it */
};

static bool contains(const void *block, size_t size, const void *address)
{
    return address && (uintptr_t)address - (uintptr_t)block < size;
}

static void *allocate(void *data, void *block, size_t old, size_t size)
{
    struct watch *watch = data;
    const lua_Alloc alloc = watch->alloc;
    void *inner = watch->data;
    if (MTM_UNLIKELY(size == 0 && block)) {
        if (contains(block, old, watch->state)) {
            watch->end(watch->state);
            watch->state = NULL;
        }
        if (contains(block, old, watch->last)) mtm_free(watch);
    }
    return alloc(inner, block, old, size);
}

/* Without memory for it all is as Lua has it. */
static void watch_state(lua_State *L, struct mtc_state *state,
                        void (*end)(struct mtc_state *state), const void *main_thread)
{
    struct watch *watch = mtm_alloc(sizeof *watch);
    if (!watch) return;
    *watch = (struct watch){.state = state, .end = end, .last = main_thread};
    watch->alloc = lua_getallocf(L, &watch->data);
    lua_setallocf(L, allocate, watch);
}

void mtl_closing_watch(lua_State *L, struct mtc_state *state,
                       void (*end)(struct mtc_state *state))
{
    const void *main_thread = mtc_finalized_by(L);
    if (MTM_UNLIKELY(main_thread != NULL)) watch_state(L, state, end, main_thread);
}

void mtl_closing_await(lua_State *L, struct mtc_state *state,
                       void (*end)(struct mtc_state *state))
{
    void *data;
    const void *main_thread = mtc_main_thread(L);
    const bool watched =
        lua_getallocf(L, &data) == allocate && ((struct watch *)data)->state == state;
    if (!watched && main_thread) watch_state(L, state, end, main_thread);
}

/* Others may have put their function in front of ours meanwhile: then it stays. */
void mtl_closing_forget(lua_State *L, const struct mtc_state *state)
{
    void *data;
    if (lua_getallocf(L, &data) != allocate) return;
    struct watch *watch = data;
    if (watch->state != state) return;
    lua_setallocf(L, watch->alloc, watch->data);
    mtm_free(watch);
}
