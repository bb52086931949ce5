/* The memory in which a message with tables or functions is written: its bytes, what it has met
 * so far, and the tables that it is in. What is written is the business of encode_deep.c. */
#ifndef MTL_DRAFT_H
#define MTL_DRAFT_H

#include "core/block.h"
#include "lua/state.h"

/* Something that has been met: a table, a function, a variable of functions, a string as key.
 */
struct mtl_met {
    const void *what;
    uint32_t message; /* by which it was met */
    uint32_t number;  /* among the objects, or among the keys, of the message */
    uint32_t then;    /* of a key: the index of the one that came after it the last time */
    size_t place;     /* of its tag in the bytes; of a variable: its index in its function */
};

enum mtl_stage {
    MTL_SEQUENCE, /* of a table: 1, 2, ... as lua_next gives them */
    MTL_REST,     /* ... and as they are found one by one */
    MTL_PAIRS,    /* what is left */
    MTL_VALUE,    /* the value of a key that has been written on its own */
    MTL_UPVALUES  /* of a function */
};

/* A table or function that has been begun. */
struct mtl_level {
    enum mtl_stage stage;
    size_t place; /* of its tag in the bytes */
    size_t array, pairs;
};

enum { MTL_EARLY_KEYS = 16 };

struct mtl_draft {
    struct mtc_asset asset; /* in use: it is busy */
    struct mtc_state *state;
    uint32_t message; /* counts them: what others have met is forgotten without being cleared */
    uint32_t objects, keys;
    uint32_t early; /* the first keys that have not been met yet */
    const void *early_key[MTL_EARLY_KEYS];
    size_t early_place[MTL_EARLY_KEYS];
    struct mtm_cargo *cargo; /* the objects among the values, or NULL */
    struct mtm_block *block; /* its size is not kept up to date while it is written */
    unsigned char *at, *end;
    struct mtl_level *level;
    size_t depth, levels; /* in use, and there is room for */
    struct mtl_met *met;
    size_t mets, met_count; /* a power of 2, and how many of them are in use */
    struct mtl_met *latest; /* the key that was met last; NULL: not known */
};

/* Pushes a userdata that keeps the draft while it is in use: the state's own one, or a new one
 * if that is in use (by a finalizer's caller, or by a call that an error has left). Raises
 * out_of_memory. */
struct mtl_draft *mtl_draft_take(lua_State *L, struct mtc_state *state);

/* It may be used for the next message, unless the state has ended: then it is freed. Gives back
 * what is too much to be kept. */
void mtl_draft_give(struct mtl_draft *draft);

/* Forgets what was written and met. */
void mtl_draft_clear(struct mtl_draft *draft);

/* The rest: false if there is no memory. */
bool mtl_draft_grow(struct mtl_draft *draft, size_t bytes);
bool mtl_draft_grow_levels(struct mtl_draft *draft);

/* What was met, or a new entry that is zeroed but for `what`; *known tells which. NULL if there
 * is no memory. The pointer is good until the next call. */
struct mtl_met *mtl_draft_meet(struct mtl_draft *draft, const void *what, bool *known);

/* For keys: the one that came after the latest before, if it is this one; else NULL. Tables
 * that are alike have their keys in one order, so there is nothing to search. */
static inline struct mtl_met *mtl_draft_guess(const struct mtl_draft *draft, const void *key)
{
    if (!draft->latest) return NULL;
    struct mtl_met *met = &draft->met[draft->latest->then];
    return met->what == key && met->message == draft->message ? met : NULL;
}

static inline void mtl_draft_note(struct mtl_draft *draft, struct mtl_met *key)
{
    if (draft->latest) draft->latest->then = (uint32_t)(key - draft->met);
    draft->latest = key;
}

static inline unsigned char *mtl_draft_bytes(struct mtl_draft *draft)
{
    return mtm_block_data(draft->block);
}

static inline size_t mtl_draft_size(struct mtl_draft *draft)
{
    return (size_t)(draft->at - mtl_draft_bytes(draft));
}

#endif
