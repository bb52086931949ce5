/* Messages with tables or functions, or with more values than fit on the C stack: they are
 * written to a draft. Messages of plain values are encoded by encode.h. */
#ifndef MTL_ENCODE_DEEP_H
#define MTL_ENCODE_DEEP_H

#include "lua/draft.h"

/* An encoding under way. */
struct mtl_deep {
    lua_State *L;
    struct mtc_state *state;
    struct mtl_draft *draft;
    int argument; /* the index of the value that is being written */
    int base;     /* of the stack: the table of the first level; below it the spilled ones */
    bool named;   /* metatables are registered */
    bool by_name; /* some modules are known to go by their names: they are in a slot */
    bool failed;  /* a dump was not written for want of memory of ours */
    bool again;   /* one more of them has been found: all must be written once more */
    bool objects; /* the draft refers to objects: only the stack keeps it */
};

enum {
    MTL_ON_STACK =
        32,          /* levels whose tables are on the Lua stack; those of others are spilled */
    MTL_SPILL = 1,   /* slots below `base`: the table with what was spilled, or nil */
    MTL_MODULES = 2, /* the set of tables that go by name, or nil */
    MTL_DEEP_SLOTS = 2
};

/* The values first..last of the stack as one message, which refers to the draft. Pushes some
 * values, which must stay on the stack until mtl_deep_done. Raises "bad argument" for what
 * can't travel, out_of_memory, and errors of Lua. */
void mtl_encode_deep(struct mtl_deep *deep, lua_State *L, struct mtc_state *state, int first,
                     int last, struct mtm_message *message);

static inline void mtl_deep_done(struct mtl_deep *deep)
{
    mtl_draft_give(deep->draft);
    if (MTM_UNLIKELY(deep->objects)) {
        lua_pushvalue(deep->L, deep->base - MTL_DEEP_SLOTS - 1);
        mtl_keep(deep->L, deep->state, MTL_DRAFT);
    }
}

/* ---- for the parts of it ---- */

/* Where the table (or function) of that level is on the stack: and above it its key. */
static inline int mtl_deep_slot(const struct mtl_deep *deep, size_t level)
{
    return deep->base + 2 * (int)(level < MTL_ON_STACK ? level : MTL_ON_STACK);
}

/* Room for so many bytes of the message. Raises out_of_memory. */
unsigned char *mtl_deep_grow(struct mtl_deep *deep, size_t bytes);

static inline unsigned char *mtl_deep_room(struct mtl_deep *deep, size_t bytes)
{
    struct mtl_draft *draft = deep->draft;
    if (MTM_UNLIKELY(bytes > (size_t)(draft->end - draft->at))) {
        return mtl_deep_grow(deep, bytes);
    }
    unsigned char *room = draft->at;
    draft->at += bytes;
    return room;
}

/* Writes the string at that index as it is written in the place of a key. */
void mtl_deep_key(struct mtl_deep *deep, int index);

/* mtl_draft_meet, or raises out_of_memory. */
struct mtl_met *mtl_deep_meet(struct mtl_deep *deep, const void *what, bool *known);

/* Begins the level of the table or function on top of the stack, whose tag is at `place`. */
struct mtl_level *mtl_deep_descend(struct mtl_deep *deep, enum mtl_stage stage, size_t place);

/* Ends the innermost level, whose table or function is on top. */
void mtl_deep_ascend(struct mtl_deep *deep);

/* The value on top of the stack can't travel: raises the error that says where it is. */
int mtl_deep_refuse(struct mtl_deep *deep);

/* The Lua function on top: as put. */
bool mtl_deep_put_function(struct mtl_deep *deep);

/* The next variable of the function of the innermost level, if there is one: true. */
bool mtl_deep_next_upvalue(struct mtl_deep *deep, struct mtl_level *level);

/* The table or function on top: true if it was met before, and a reference has been written.
 * Else the name of its metatable, if it has one, has been; and its tag must be written at
 * *place now. */
bool mtl_deep_put_reference(struct mtl_deep *deep, size_t *place);

/* If the value on top is an object, writes it, and does not pop it: true. Several handles of
 * one object are one value. Raises out_of_memory, and what the object's module raises. */
bool mtl_deep_put_object(struct mtl_deep *deep);

/* If the value on top has a metatable that is registered, writes its name: true. */
bool mtl_deep_name(struct mtl_deep *deep);

/* If the value on top is a module, a field of one, or a method of our classes, writes it by
 * name, pops it, and returns true. compiled: if it is a method that is a function of Lua. */
bool mtl_deep_put_by_name(struct mtl_deep *deep);
bool mtl_deep_put_compiled(struct mtl_deep *deep);

/* If one of the tables that have been begun is a module, it will go by name: true. */
bool mtl_deep_mark_module(struct mtl_deep *deep);

/* Pushes the table, or the key, of a level that has been begun. */
void mtl_deep_push_table(struct mtl_deep *deep, size_t level);
void mtl_deep_push_key(struct mtl_deep *deep, size_t level);

#endif
