/* Calling notifiers from Lua so that an error which one of them raises, instead of returning a
 * code, passes through here and leaves nothing behind. Calling them is in core/notify.h. */
#ifndef MTL_PROTECT_H
#define MTL_PROTECT_H

#include "capi/handle.h"
#include "core/notify.h"

/* Makes what the state needs for it, once: the state's userdata is on top of the stack, and
 * stays there. May raise memory errors. */
void mtl_protect_init(lua_State *L, struct mtc_state *state);

/* As mtm_notify. *raised: the notifier has raised an error, which is on top of the stack: the
 * caller cleans up, and passes it on by lua_error. */
enum mtm_status mtl_notify(lua_State *L, struct mtc_state *state, struct mtm_buffer *buffer,
                           enum mtm_event event, struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure, bool *raised);

#endif
