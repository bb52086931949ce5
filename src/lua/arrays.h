/* Arrays of other modules, by the carray C API: the client side.
 * It knows nothing of messages but the value of an array. */
#ifndef MTL_ARRAYS_H
#define MTL_ARRAYS_H

#include "capi/shim.h"
#include "core/wire.h"

/* An array to be sent. The elements are the array's own. */
struct mtl_array {
    unsigned char type, elsize;
    size_t count;
    const void *elements;
};

/* The stack indexes of the arrays that a receiver has given and that have not been used yet. */
struct mtl_given {
    int next, last;
};

/* Whether the value is an array that can be read; if so fills in *out. */
bool mtl_array_get(lua_State *L, int index, struct mtl_array *out);

/* Pushes an array with these elements: the next given one that fits (emptying those before it),
 * or else a new one of the module "carray". Raises an error if there is none, or no memory. */
void mtl_array_push(lua_State *L, const struct mtm_value *value, struct mtl_given *given);

/* Empties the arrays that were given and not used. */
void mtl_array_reset_rest(lua_State *L, struct mtl_given *given);

/* Whether the value is an array that can be written. */
bool mtl_array_is_writable(lua_State *L, int index);

/* Raises "bad argument" unless each of the values first..last is nil or an array that can be
 * written. */
void mtl_array_check(lua_State *L, int first, int last);

#endif
