/* Goes through the values of a reader's message one by one, into its tables and out of them
 * again. It owns what that needs beside the message: where it is in which tables, and where
 * keys stand that come again. */
#ifndef MTM_CORE_WALK_H
#define MTM_CORE_WALK_H

#include "core/reader.h"

/* Where a fixed reader ends; and where others go on in memory of their own. */
enum { MTM_WALK_LEVELS = 32, MTM_WALK_KEYS = 32, MTM_WALK_FEW = 8 };

/* A table, or a function, that has been begun: what is to come of it. */
struct mtm_walk_level {
    uint64_t pairs;    /* keys and values, in turn, after the sequence */
    uint32_t sequence; /* values, or variables of the function */
};

/* A key that comes again. */
struct mtm_walk_key {
    uint32_t nth_key;
    const unsigned char *at;
};

/* A string in the place of a key. */
struct mtm_walk_string {
    const unsigned char *ptr; /* NULL: there is none */
    size_t len;
    uint32_t nth_key; /* which of the different keys, from 0; if it is one that is counted */
    bool again;       /* it was there before, as that one */
    bool kept;        /* it comes again */
};

/* A value, or the end of a table. */
struct mtm_visit {
    enum mtm_tag tag; /* as in `value`, but SHORT for a KEY and a KEY_AGAIN */
    bool ends_table;  /* END: of the innermost table; else of the message */
    bool is_key;      /* it stands in the place of a key */
    uint32_t number;  /* of the tables, functions and objects, from 1: TABLE, SHARED, CODE and
                       * OBJECT: which it is; REFERENCE and UPVALUE: which is meant */
    struct mtm_value value;      /* its pointers are good as long as those of mtm_reader_next */
    struct mtm_walk_string name; /* TABLE, SHARED: that of its metatable; MODULE: of the module;
                                  * SHORT: the key itself */
    struct mtm_walk_string field; /* MODULE */
};

/* A place to which a walk may return. */
struct mtm_walk_place {
    const unsigned char *at;
    size_t depth;
    uint32_t objects, keys;
    size_t items;                /* the reader's */
    struct mtm_walk_level level; /* the innermost one */
};

struct mtm_walk {
    struct mtm_reader *reader;
    uint64_t message;       /* the reader's, to which all that follows belongs */
    bool whole;             /* it began where the message does */
    bool plain;             /* there are no tables in it, nor anything that refers to another */
    uint32_t objects, keys; /* that have come */
    size_t depth, levels;   /* in use, and there is room for */
    size_t kept_count, kept_room; /* keys that come again; and there is room for */
    struct mtm_walk_level *level;
    struct mtm_walk_key *kept;
    struct mtm_walk_place last; /* in front of the value that was visited last */
    struct mtm_visit visit;     /* ... and that value: END if there is none */
    struct mtm_walk_level first_level[MTM_WALK_FEW];
    struct mtm_walk_key first_kept[MTM_WALK_FEW];
};

/* The reader must outlive it. OK or NOMEM; fini is allowed in both cases. */
enum mtm_status mtm_walk_init(struct mtm_walk *walk, struct mtm_reader *reader);
void mtm_walk_fini(struct mtm_walk *walk);

/* Looks through the message that the reader has got, so that nothing need be allocated later.
 * OK, NOMEM; TOO_LARGE: the reader is fixed, and tables are nested deeper than MTM_WALK_LEVELS,
 * or more than MTM_WALK_KEYS keys come again. */
enum mtm_status mtm_walk_begin(struct mtm_walk *walk);

/* The reader has begun again with a message that was looked through. */
void mtm_walk_again(struct mtm_walk *walk);

/* The next value, and into it if it is a table; or the end of the innermost table, or of the
 * message, which is also where the bytes are damaged. Variables of functions are passed over;
 * elements of arrays are aligned. Begins by itself if that was forgotten. */
const struct mtm_visit *mtm_walk_next(struct mtm_walk *walk);

/* ---- for who copies ---- */

/* Returns to the place in front of the value that was visited last, which is no array. */
void mtm_walk_return(struct mtm_walk *walk);

/* Where it is; and back there, if nothing of the outer tables has been visited since. */
struct mtm_walk_place mtm_walk_where(const struct mtm_walk *walk);
void mtm_walk_to(struct mtm_walk *walk, const struct mtm_walk_place *place);

/* As next, but into functions, too, and arrays stay where they are. */
void mtm_walk_step(struct mtm_walk *walk, struct mtm_visit *visit);

#endif
