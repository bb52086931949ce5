/* What each class of the module offers to module.c: its metatable, and the functions that make
 * or find objects. Those functions have the state's block as upvalue 1. */
#ifndef MTM_LUA_CLASSES_H
#define MTM_LUA_CLASSES_H

#include "lua/args.h"

/* Create the metatables. */
void mtm_open_buffer(lua_State *L);
void mtm_open_listener(lua_State *L);
void mtm_open_writer(lua_State *L);
void mtm_open_reader(lua_State *L);

/* mtmsg.newbuffer, mtmsg.buffer, ... */
int mtm_newbuffer(lua_State *L);
int mtm_buffer(lua_State *L);
int mtm_newlistener(lua_State *L);
int mtm_listener(lua_State *L);
int mtm_newwriter(lua_State *L);
int mtm_newreader(lua_State *L);

/* Pushes a block for a buffer or listener whose object is not there yet. */
struct mtm_handle *mtm_handle_push(lua_State *L, struct mtm_state *state, enum mtm_kind kind);

/* Its metamethod __gc. */
int mtm_handle_gc(lua_State *L);

/* Gives it the object, and the caller's reference to it. */
void mtm_handle_set(struct mtm_handle *handle, struct mtm_object *object);

/* newbuffer, from the argument at `first` on, connected to the listener unless that is NULL. */
int mtm_newbuffer_for(lua_State *L, struct mtm_state *state, int first,
                      struct mtm_listener *listener);

/* buffer(id|name) and listener(id|name). */
int mtm_find(lua_State *L, enum mtm_kind kind);

/* Methods that buffers and listeners share, after the check of self. */
int mtm_push_id(lua_State *L, const struct mtm_handle *handle);
int mtm_push_name(lua_State *L, const struct mtm_handle *handle);
int mtm_set_nonblock(lua_State *L, struct mtm_handle *handle);
int mtm_push_isnonblock(lua_State *L, const struct mtm_handle *handle);
int mtm_push_isabort(lua_State *L, const struct mtm_handle *handle);

#endif
