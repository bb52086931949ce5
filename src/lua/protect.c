/* Protected calls of what could raise an error where something has to be given back. It owns
 * nothing: the arguments of the call that is under way belong to who makes it. */
#include "lua/protect.h"

#include "lua/state.h"

#include "platform/hidden.h"

/* A pointer to the C stack is no light userdata in every Lua, so the state has it. */
static int protected_run(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtl_call *call = state->call;
    const int top = lua_gettop(L);
    call->begun = true;
    call->run(L, call);
    return lua_gettop(L) - top;
}

bool mtl_call_protected(lua_State *L, struct mtc_state *state, struct mtl_call *call)
{
    struct mtl_call *outer = state->call;
    state->call = call;
    mtl_push_kept(L, state, MTL_CALL);
    bool ok = lua_pcall(L, 0, call->results, 0) == 0;
    state->call = outer;
    return ok;
}

void mtl_protect_init(lua_State *L, struct mtc_state *state)
{
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, protected_run, 1);
    mtl_keep(L, state, MTL_CALL);
    if (luaL_loadbuffer(L, "", 0, "=mtmsg") != 0) lua_error(L);
    mtl_keep(L, state, MTL_NOTHING);
}

struct notification {
    struct mtl_call call;
    struct mtm_buffer *buffer;
    enum mtm_event event;
    struct mtm_notifier *notifier;
    bool nonblock;
    struct mtm_failure *failure;
    enum mtm_status status;
};

static void notify(lua_State *L, struct mtl_call *call)
{
    struct notification *n = (struct notification *)call;
    (void)L;
    n->status = mtm_notify(n->buffer, n->event, n->notifier, n->nonblock, n->failure);
}

/* Nothing is allocated in the state before the notifier is called: that could fail, and the
 * message is in. */
enum mtm_status mtl_notify(lua_State *L, struct mtc_state *state, struct mtm_buffer *buffer,
                           enum mtm_event event, struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure, bool *raised)
{
    struct notification n = {{.run = notify}, buffer,  event, notifier,
                             nonblock,        failure, MTM_OK};
    const uint64_t before = mtm_running_serial();
    *raised = lua_checkstack(L, LUA_MINSTACK) && !mtl_call_protected(L, state, &n.call);
    if (*raised && n.call.begun) {
        mtm_running_unwind(before);
        mtm_failure_free(failure);
    } else if (!n.call.begun) { /* too deep a stack for a protected call */
        if (*raised) lua_pop(L, 1);
        *raised = false;
        notify(L, &n.call);
    }
    return n.status;
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
