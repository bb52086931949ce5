/* The end of a Lua state that does not finalize what finalizers make while it is being closed.
 * What ends with the state is the business of state.h. */
#ifndef MTL_CLOSING_H
#define MTL_CLOSING_H

#include "capi/handle.h"

/* The state has just been made. Where a finalizer has made it, and the Lua state may be about
 * to close, its memory is watched: `end` is called when Lua frees it. Until then every request
 * of this Lua state for memory costs one more call. No Lua may be called by `end`. */
void mtl_closing_watch(lua_State *L, struct mtc_state *state,
                       void (*end)(struct mtc_state *state));

/* The same for a state that has been finalized while something of it was in use. */
void mtl_closing_await(lua_State *L, struct mtc_state *state,
                       void (*end)(struct mtc_state *state));

/* The state has been finalized all the same. */
void mtl_closing_forget(lua_State *L, const struct mtc_state *state);

#endif
