/* Objects and numbers as parts of a text, and the metamethod __tostring. When a text is an
 * error is the business of errors.h. */
#ifndef MTL_TOSTRING_H
#define MTL_TOSTRING_H

#include "capi/handle.h"

/* Adds digits: ids and sizes are wider than what lua_pushfstring can print in some Luas. */
void mtl_add_number(luaL_Buffer *text, uint64_t number);

/* Adds a name in quotes, with \", \\ and \0 escaped. */
void mtl_add_quoted(luaL_Buffer *text, const char *name, size_t len);

/* Which object a text is about: what a handle still knows after it has been released. */
struct mtl_identity {
    uint64_t id;
    const char *name; /* NULL: none */
    size_t len;
};

/* Adds it to a text, e.g. (name="jobs",id=4711). */
void mtl_add_identity(luaL_Buffer *text, const struct mtl_identity *identity);

/* How it has ended, unless by close(): " finished", " released" or "". */
const char *mtl_end_of(const struct mtc_handle *handle);

/* "mtmsg.buffer", "mtmsg.listener" or "mtmsg.topic". */
const char *mtl_class_of_handle(const struct mtc_handle *handle);

/* The __tostring of buffers and listeners. */
int mtl_handle_tostring(lua_State *L);

/* Pushes the text of a writer or reader that has values of so many bytes, and returns 1. */
int mtl_push_byte_count(lua_State *L, const char *class, const void *owned, size_t bytes);

#endif
