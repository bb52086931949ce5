/* Functions of Lua in messages: their bytecode, and their variables one after the other. The
 * encoding of those is the business of encode_deep.h, and their decoding that of decode_deep.h.
 */
#ifndef MTL_FUNCTIONS_H
#define MTL_FUNCTIONS_H

#include "capi/handle.h"
#include "core/wire.h"

/* Pushes the function without its variables. Raises an error if this Lua can't load it, or if
 * the state refuses functions. */
void mtl_function_load(lua_State *L, const struct mtc_state *state,
                       const struct mtm_value *value);

/* Pops the value of the n-th variable, from 1, of the function at that index. */
void mtl_function_set(lua_State *L, int function, uint32_t n);

/* The n-th variable of one function is the m-th of another one from now on. False if there is
 * no such variable. */
bool mtl_function_join(lua_State *L, int function, uint32_t n, int other, uint32_t m);

#endif
