/* Calling what could raise an error where something has to be given back afterwards: notifiers,
 * one of which may raise instead of returning a code, hooks, and what makes texts. */
#ifndef MTL_PROTECT_H
#define MTL_PROTECT_H

#include "capi/handle.h"
#include "core/notify.h"
#include "core/wait.h"

/* Makes what the state needs for it, once: the state's userdata is on top of the stack, and
 * stays there. May raise memory errors. */
void mtl_protect_init(lua_State *L, struct mtc_state *state);

/* A function to be called; the first member of a struct with its arguments. */
struct mtl_call {
    void (*run)(lua_State *L, struct mtl_call *call);
    int results; /* how many values it pushes */
    bool begun;  /* set when it is called */
};

/* Calls it in protected mode. True: its results are on top of the stack; false: an error is.
 * Needs LUA_MINSTACK places there, and no memory before it calls. */
bool mtl_call_protected(lua_State *L, struct mtc_state *state, struct mtl_call *call);

/* As mtm_notify. *raised: the notifier has raised an error, which is on top of the stack: the
 * caller cleans up, and passes it on by lua_error. */
enum mtm_status mtl_notify(lua_State *L, struct mtc_state *state, struct mtm_buffer *buffer,
                           enum mtm_event event, struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure, bool *raised);

/* Calls a function that does nothing, so that a hook which was set gets its occasion. False: it
 * has raised an error, which is on top of the stack. Needs two places there, and no memory
 * beyond what the hook needs. */
bool mtl_let_hook_run(lua_State *L, struct mtc_state *state);

/* A wait in whose course hooks are run when something has ended a sleep: what Ctrl-C sets, for
 * instance. If one of them raises, the wait ends with INTERRUPTED, and the error is on top of
 * the stack. Both structs belong to the caller; the handler too, until the wait is over. */
struct mtl_hooked {
    lua_State *L;
    struct mtc_state *state;
};
void mtl_heed_hooks(struct mtl_hooked *hooked, struct mtm_wait *wait, lua_State *L,
                    struct mtc_state *state);

#endif
