/* Outcomes of the core as Lua errors, and the naming of objects in texts.
 * Arguments that are wrong are reported where they are read. */
#ifndef MTM_LUA_ERRORS_H
#define MTM_LUA_ERRORS_H

#include "capi/handle.h"
#include "core/notify.h"

/* The eight names; each error is "mtmsg.error.<name>", often with details. */
#define MTM_ERROR_MAP(X)                                                                       \
    X(ambiguous_name)                                                                          \
    X(has_notifier)                                                                            \
    X(message_size)                                                                            \
    X(no_buffers)                                                                              \
    X(object_closed)                                                                           \
    X(operation_aborted)                                                                       \
    X(out_of_memory)                                                                           \
    X(unknown_object)

#define MTM_ERROR(name) "mtmsg.error." #name

/* What an error text needs to know. */
struct mtm_blame {
    const struct mtm_object *object; /* the object of the operation, or NULL */
    const char *what;                /* what it was otherwise: "mtmsg.writer", "mtmsg.reader" */
    size_t size, limit;              /* of a message that is too large, bytes */
};

/* Raises the error for an outcome that is one: CLOSED, ABORTED, TOO_LARGE, NOMEM, NO_BUFFERS,
 * HAS_NOTIFIER. */
int mtm_raise(lua_State *L, enum mtm_status status, const struct mtm_blame *blame);

/* The same for a buffer or listener. */
int mtm_raise_for(lua_State *L, enum mtm_status status, const struct mtm_object *object);

/* Raises a notifier's failure; takes over its text. */
int mtm_raise_failure(lua_State *L, struct mtm_state *state, struct mtm_failure *failure);

/* Raises UNKNOWN or AMBIGUOUS for a search by the name or id at that index ("buffer",
 * "listener"); any other like mtm_raise. */
int mtm_raise_not_found(lua_State *L, enum mtm_status status, const char *kind, int index);

/* Raises "bad argument" for a value of a wrong type. */
int mtm_raise_type(lua_State *L, int index, const char *expected);

/* The same with a text that programs look for, parentheses included: "bad argument #1 to 'f'
 * (<text>) (got table)". */
int mtm_raise_fixed(lua_State *L, int index, const char *text);

/* Adds an object's description to a text, e.g. (name="jobs",id=4711). */
void mtm_add_description(luaL_Buffer *text, const struct mtm_object *object);

/* The __tostring of buffers and listeners. */
int mtm_handle_tostring(lua_State *L);

/* Pushes the text of a writer or reader that has values of so many bytes, and returns 1. */
int mtm_push_pieces(lua_State *L, const char *class, const void *owned, size_t bytes);

#endif
