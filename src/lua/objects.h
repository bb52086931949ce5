/* Objects as values of messages: buffers, listeners and topics, and those of other modules that
 * offer the Object C API. In which message they are, and when they go, is the business of
 * core/cargo. */
#ifndef MTL_OBJECTS_H
#define MTL_OBJECTS_H

#include "capi/handle.h"
#include "core/cargo.h"

/* What the value at that index refers to. */
struct mtl_object {
    struct mtm_object *ours;           /* or NULL, and then: */
    struct mtm_foreign_object foreign; /* its `object` is NULL if it is no such value */
};

/* False: the value is no object, or one that is not there any more. The stack stays as it was.
 */
bool mtl_to_object(lua_State *L, int index, struct mtl_object *object);

/* Pushes a value that refers to it, with a reference of its own. Raises all that making it can
 * raise. */
void mtl_push_object(lua_State *L, struct mtc_state *state, const struct mtm_item *item);

/* Sets those of so many values from `first` on that are handles, and have not been set, to the
 * objects of the cargo, of which there are as many, all ours. Raises nothing. */
void mtl_set_objects(lua_State *L, int first, int count, const struct mtm_cargo *cargo);

/* Puts the API of our objects into the metatable on top. May raise a memory error. */
void mtl_install_objects(lua_State *L);

#endif
