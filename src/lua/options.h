/* Options of calls that make objects, given as a table: which fields there are, and what they
 * may be. It owns nothing, and makes nothing. */
#ifndef MTL_OPTIONS_H
#define MTL_OPTIONS_H

#include "lua/args.h"

/* The fields that a call takes. */
enum {
    MTL_OPTION_NAME = 1,
    MTL_OPTION_MEMORY = 2, /* size, grow */
    MTL_OPTION_BOUNDS = 4, /* limit, maxbytes, overflow */
    MTL_OPTION_CREATE = 8, /* needs a name */
    MTL_OPTION_LAST = 16,
    MTL_OPTION_LEASE = 32,
    MTL_OPTION_LISTENER = 64
};

struct mtl_options {
    int name_index;     /* where on the stack the name is, or 0 */
    int listener_index; /* ... and the listener, or nil; 0: there was no table */
    const char *name;   /* NULL: none. Valid as long as it is on the stack */
    size_t name_len;
    struct mtl_memory memory;
    struct mtm_bounds bounds;
    bool create, last, lease;
};

/* Reads the table at that index, raw, and leaves two values on the stack: the name and the
 * listener, or nil; the listener may have been released. What is not in the table has its
 * default. Any other field, and any value that a field may not have, is a bad argument whose
 * text names the field. */
void mtl_check_options(lua_State *L, int index, unsigned fields, struct mtl_options *options);

/* The only argument of a call that makes an object: such a table, or a name, or none. */
void mtl_check_name_or_options(lua_State *L, unsigned fields, struct mtl_options *options);

/* Those that a buffer is made with; the listener stays as it is. */
void mtl_buffer_options(const struct mtl_options *options, struct mtm_buffer_options *buffer);

/* How a call ends that was to make an object of this kind, or with `create` to find it: raises
 * what went wrong, or gives the handle the object, pushes `created` with `create`, and returns
 * how many values it returns. The handle is on top of the stack. */
int mtl_raise_not_made(lua_State *L, enum mtm_status status, enum mtm_kind kind,
                       const struct mtl_options *options);
int mtl_push_made(lua_State *L, struct mtc_handle *handle, struct mtm_object *object,
                  const struct mtl_options *options, bool created);

#endif
