/* A protected call around mtm_notify. It owns the arguments of the call that is under way. */
#include "lua/protect.h"

#include "lua/state.h"

#include "platform/hidden.h"

struct mtl_call {
    struct mtm_buffer *buffer;
    enum mtm_event event;
    struct mtm_notifier *notifier;
    bool nonblock;
    struct mtm_failure *failure;
    enum mtm_status status;
    bool begun;
};

static void run(struct mtl_call *call)
{
    call->begun = true;
    call->status =
        mtm_notify(call->buffer, call->event, call->notifier, call->nonblock, call->failure);
}

static int protected_run(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    run(state->call);
    return 0;
}

void mtl_protect_init(lua_State *L, struct mtc_state *state)
{
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, protected_run, 1);
    mtl_keep(L, state, MTL_CALL);
    if (luaL_loadbuffer(L, "", 0, "=mtmsg") != 0) lua_error(L);
    mtl_keep(L, state, MTL_NOTHING);
}

/* Nothing is allocated in the state before the notifier is called: that could fail, and the
 * message is in. */
enum mtm_status mtl_notify(lua_State *L, struct mtc_state *state, struct mtm_buffer *buffer,
                           enum mtm_event event, struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure, bool *raised)
{
    struct mtl_call call = {buffer, event, notifier, nonblock, failure, MTM_OK, false};
    struct mtl_call *outer = state->call;
    const uint64_t mark = mtm_running_mark();
    *raised = false;
    state->call = &call;
    if (lua_checkstack(L, LUA_MINSTACK)) {
        mtl_push_kept(L, state, MTL_CALL);
        *raised = lua_pcall(L, 0, 0, 0) != 0;
    }
    state->call = outer;
    if (*raised && call.begun) {
        mtm_running_unwind(mark);
        mtm_failure_free(failure);
    } else if (!call.begun) { /* too deep a stack for a protected call */
        if (*raised) lua_pop(L, 1);
        *raised = false;
        run(&call);
    }
    return call.status;
}

/* It is a function of Lua, since LuaJIT calls no hook for C functions. */
bool mtl_let_hook_run(lua_State *L, struct mtc_state *state)
{
    mtl_push_kept(L, state, MTL_NOTHING);
    return lua_pcall(L, 0, 0, 0) == 0;
}

static bool go_on(struct mtm_wait *wait)
{
    const struct mtl_hooked *hooked = wait->asked;
    return lua_gethookmask(hooked->L) == 0 || mtl_let_hook_run(hooked->L, hooked->state);
}

void mtl_heed_hooks(struct mtl_hooked *hooked, struct mtm_wait *wait, lua_State *L,
                    struct mtc_state *state)
{
    *hooked = (struct mtl_hooked){L, state};
    wait->go_on = go_on;
    wait->asked = hooked;
}
