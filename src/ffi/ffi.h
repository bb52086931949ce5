/* The hot path of LuaJIT: methods, and select, that its compiler can see, over functions of
 * plain C that it can call. It offers that choice to the module and its classes of buffers and
 * listeners; what they do is what those of src/lua do, which do whatever is unusual. */
#ifndef MTF_FFI_H
#define MTF_FFI_H

#include "capi/shim.h"

/* With the module on top of the stack, and the metatables of buffers and listeners made:
 * replaces the functions of the hot path, if this is a LuaJIT that has the FFI and a trace
 * compiler that is on, and MTMSG_FFI=0 is not in the environment. Returns whether it has.
 * Raises memory errors. */
bool mtf_replace(lua_State *L);

#endif
