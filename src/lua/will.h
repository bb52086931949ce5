/* Wills: messages that are added to buffers when this Lua state closes, however its thread has
 * ended. */
#ifndef MTL_WILL_H
#define MTL_WILL_H

#include "capi/handle.h"

/* buffer:will(...): pushes the function that withdraws it. */
int mtl_will(lua_State *L, struct mtc_handle *handle);

/* The state is closing: adds all messages, in the order of the calls, and gives up the buffers.
 * Raises nothing. L may be NULL: then no error that a notifier raises is caught. */
void mtl_wills_run(lua_State *L, struct mtc_state *state);

/* After a userdata with a reference has been made: where there are wills, they are run before
 * it is finalized. May raise memory errors. */
void mtl_wills_watch_more(lua_State *L, struct mtc_state *state);
static inline void mtl_wills_watch(lua_State *L, struct mtc_state *state)
{
    if (MTM_UNLIKELY(state->watchman != NULL)) mtl_wills_watch_more(L, state);
}

#endif
