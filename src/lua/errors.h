/* Outcomes of the core as Lua errors. Arguments that are wrong are reported where they are
 * read; how an object is named in a text is in tostring.h. */
#ifndef MTL_ERRORS_H
#define MTL_ERRORS_H

#include "capi/handle.h"
#include "core/notify.h"

/* The names; each error is "mtmsg.error.<name>", often with details. */
#define MTL_ERROR_MAP(X)                                                                       \
    X(ambiguous_name)                                                                          \
    X(has_notifier)                                                                            \
    X(message_size)                                                                            \
    X(no_buffers)                                                                              \
    X(object_closed)                                                                           \
    X(operation_aborted)                                                                       \
    X(out_of_memory)                                                                           \
    X(timeout)                                                                                 \
    X(unknown_object)

#define MTL_ERROR(name) "mtmsg.error." #name

/* What an error text needs to know. */
struct mtl_blame {
    const char *what;                 /* the class: "mtmsg.writer", ... */
    const struct mtl_identity *which; /* NULL: none that has an identity */
    const char *end;                  /* CLOSED: what its identity is followed by, or NULL */
    size_t size, limit;               /* of a message that is too large, bytes */
};

/* Raises the error for an outcome that is one: CLOSED, ABORTED, TOO_LARGE, NOMEM, TOO_MANY,
 * NO_BUFFERS, HAS_NOTIFIER. */
int mtl_raise(lua_State *L, enum mtm_status status, const struct mtl_blame *blame);

/* The same where nothing is to blame: ABORTED, NOMEM, TOO_MANY. */
int mtl_raise_plain(lua_State *L, enum mtm_status status);

/* The same for what a handle refers to, which may have been released. Building the text may run
 * finalizers that release it. */
int mtl_raise_of(lua_State *L, enum mtm_status status, struct mtc_handle *handle);

/* The same with more to tell: of `blame` only the sizes count. */
int mtl_raise_about(lua_State *L, enum mtm_status status, struct mtc_handle *handle,
                    const struct mtl_blame *blame);

/* Whether an outcome is told by a result, where results tell the state, and not raised. If it
 * is, push_reason pushes nil and its name, and returns 2: timeout for EMPTY, FULL and BUSY. */
bool mtl_is_told(enum mtm_status status);
int mtl_push_reason(lua_State *L, enum mtm_status status);

/* Raises a notifier's failure; takes over its text. */
int mtl_raise_failure(lua_State *L, struct mtc_state *state, struct mtm_failure *failure);

/* Raises UNKNOWN or AMBIGUOUS for a search by the name or id at that index ("buffer",
 * "listener"); any other like mtl_raise. */
int mtl_raise_not_found(lua_State *L, enum mtm_status status, const char *kind, int index);

/* The type of a value: a class is a better answer than "userdata". Leaves some values on the
 * stack. */
const char *mtl_type_of(lua_State *L, int index);

/* Raises "bad argument" for a value of a wrong type. */
int mtl_raise_type(lua_State *L, int index, const char *expected);

/* The same with a text that programs look for, parentheses included: "bad argument #1 to 'f'
 * (<text>) (got table)". */
int mtl_raise_fixed(lua_State *L, int index, const char *text);

#endif
