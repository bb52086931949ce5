/* What each class of the module offers to module.c: its metatable, and the functions that make
 * or find objects. Those functions have the struct mtc_state as upvalue 1, and those that find
 * have the metatable of the class as upvalue 2. */
#ifndef MTL_CLASSES_H
#define MTL_CLASSES_H

#include "lua/args.h"
#include "lua/tostring.h"

struct mtm_writer;

/* Create the metatables. */
void mtl_open_buffer(lua_State *L);
void mtl_open_listener(lua_State *L);
void mtl_open_topic(lua_State *L);
void mtl_open_writer(lua_State *L);
void mtl_open_reader(lua_State *L);
void mtl_open_draft(lua_State *L);

/* mtmsg.newbuffer, mtmsg.buffer, ... */
int mtl_newbuffer(lua_State *L);
int mtm_buffer(lua_State *L);
int mtl_newlistener(lua_State *L);
int mtm_listener(lua_State *L);
int mtl_newtopic(lua_State *L);
int mtm_topic_named(lua_State *L);
int mtl_newwriter(lua_State *L);
int mtl_newreader(lua_State *L);

/* mtmsg.select(timeout, source, ...): its upvalues are mtl_decode and the state. */
int mtl_select(lua_State *L);

/* mtmsg.metatable(name [, metatable]), mtmsg.functions([flag]) */
int mtl_metatable(lua_State *L);
int mtl_functions(lua_State *L);

/* mtmsg.objects() */
int mtl_objects(lua_State *L);

/* Pushes a userdata for a buffer or listener whose object is not there yet. */
struct mtc_handle *mtl_handle_push(lua_State *L, struct mtc_state *state, enum mtm_kind kind);

/* The table of the methods is on top: adds what cqueues asks of whatever has a pollfd. */
static inline void mtl_set_events(lua_State *L)
{
    lua_pushliteral(L, "r");
    lua_setfield(L, -2, "events");
}

/* Its metamethod __gc. */
int mtl_handle_gc(lua_State *L);

/* What the metatables of these classes have in common: the metatable is below the table on top.
 * May raise memory errors. */
void mtl_handle_class(lua_State *L);

/* The handle at that index, of whatever class, or NULL. */
struct mtc_handle *mtl_to_any_handle(lua_State *L, int index);

/* Gives it the object, and the caller's reference to it. */
void mtl_handle_set(struct mtc_handle *handle, struct mtm_object *object);

/* The same with a plain reference, which becomes a root, in place of what it has; NULL: then it
 * has none any more. */
void mtl_handle_move(struct mtc_handle *handle, struct mtm_object *object);

/* One step of messages() of a live listener, which is all that is on the stack. */
int mtl_each_of_listener(lua_State *L, struct mtc_handle *handle);

/* newbuffer, from the argument at `first` on, connected to the listener of `owner` unless
 * that is NULL. */
int mtl_newbuffer_for(lua_State *L, struct mtc_state *state, int first,
                      struct mtc_handle *owner);

/* What a new buffer is to be like, by the arguments from `first` on: as newbuffer takes them,
 * or a table of these fields; the names are on the stack as long as mtl_check_options says. */
struct mtl_options;
void mtl_check_new_buffer(lua_State *L, int first, unsigned fields, struct mtl_options *given,
                          struct mtm_buffer_options *options);

/* writer:addmsg of a topic, or with `replace` writer:setmsg: pushes the counts. */
int mtl_publish_from(lua_State *L, struct mtm_writer *writer, struct mtc_handle *handle,
                     bool replace);

/* "buffer", "listener" or "topic". */
const char *mtl_kind_name(enum mtm_kind kind);

/* buffer(id|name), listener(id|name) and topic(id|name). */
int mtl_find(lua_State *L, enum mtm_kind kind);

/* Methods that buffers and listeners share, after the check of self. Those that ask, and
 * release, may be called when it has been released; what release gives up is gone at once,
 * unless it is pinned. */
struct mtl_identity mtl_identity_of(const struct mtc_handle *handle);
int mtl_push_id(lua_State *L, const struct mtc_handle *handle);
int mtl_push_name(lua_State *L, struct mtc_handle *handle);
int mtl_push_info(lua_State *L, struct mtc_handle *handle); /* not if it was released */
int mtl_set_timeout(lua_State *L, struct mtc_handle *handle);
int mtl_release(struct mtc_handle *handle);
int mtl_set_nonblock(lua_State *L, struct mtc_handle *handle);
int mtl_push_isnonblock(lua_State *L, const struct mtc_handle *handle);
int mtl_push_isabort(lua_State *L, const struct mtc_handle *handle);
int mtl_push_pollfd(lua_State *L, struct mtc_handle *handle);

#endif
