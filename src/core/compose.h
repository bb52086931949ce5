/* Messages with tables, built value by value by code that has no Lua: which tables are open,
 * and how what is in them is numbered. The bytes are the writer's. */
#ifndef MTM_CORE_COMPOSE_H
#define MTM_CORE_COMPOSE_H

#include "core/walk.h"
#include "core/writer.h"

enum { MTM_COMPOSE_LEVELS = 32, MTM_COMPOSE_NUMBERS = 32, MTM_COMPOSE_RUNS = 8 };

/* A table that has been begun. */
struct mtm_compose_level {
    size_t place;    /* of its tag in the bytes */
    size_t sequence; /* the first values so many are [1], [2], ...; then come pairs */
    size_t count;    /* values so far */
};

/* Objects, or keys, that have been copied one after the other from a message. */
struct mtm_compose_run {
    uint32_t from, count; /* their numbers there */
    uint32_t to;          /* the first one's number here */
};

struct mtm_compose_runs {
    size_t count, cap;
    struct mtm_compose_run *run, first[MTM_COMPOSE_RUNS];
};

struct mtm_composer {
    struct mtm_writer writer;
    uint32_t objects, keys; /* in the message so far */
    size_t depth, levels;   /* in use, and there is room for */
    struct mtm_compose_level *level, first_level[MTM_COMPOSE_LEVELS];
    size_t numbered, numbers; /* as above: tables that may be referred to, ascending */
    uint32_t *number, first_number[MTM_COMPOSE_NUMBERS];
    const struct mtm_walk *source; /* of the latest copies, or NULL */
    uint64_t source_message;
    struct mtm_compose_runs copied_objects, copied_keys;
};

/* All that return a status change nothing unless it is OK. */

/* As mtm_writer_init, and memory is allocated at once. */
enum mtm_status mtm_compose_init(struct mtm_composer *composer, size_t size, double grow);
void mtm_compose_fini(struct mtm_composer *composer);

/* Throws the values away, and keeps the memory. */
void mtm_compose_clear(struct mtm_composer *composer);

/* Whether `count` more values may stand where the next one would, each in turn; bad_key: the
 * value is nil or no number, which is no key. OK, MISPLACED or TOO_LARGE. */
enum mtm_status mtm_compose_may(const struct mtm_composer *composer, size_t count,
                                bool bad_key);

/* So many plain values have been added to the writer, after mtm_compose_may; a key of `len`
 * bytes is one that is counted, as far as it is a string. */
void mtm_compose_added(struct mtm_composer *composer, size_t count);
void mtm_compose_added_string(struct mtm_composer *composer, size_t len);

/* Begins a table: the next `sequence` values, or as many as come, are [1], [2], ...; those
 * behind them are keys and their values. *number, unless that is NULL, is what
 * mtm_compose_refer takes. OK, MISPLACED, TOO_LARGE or NOMEM. */
enum mtm_status mtm_compose_begin(struct mtm_composer *composer, size_t sequence,
                                  size_t *number);

/* Ends the table that was begun last. OK; MISPLACED: there is none, or a key has no value. */
enum mtm_status mtm_compose_end(struct mtm_composer *composer);

/* A reference to the object, of which the caller has one. *number as above. OK, TOO_LARGE,
 * NOMEM or TOO_MANY. */
enum mtm_status mtm_compose_object(struct mtm_composer *composer, struct mtm_object *object,
                                   size_t *number);

/* The table or object of that number once more. OK, MISPLACED (no table has it), TOO_LARGE or
 * NOMEM. */
enum mtm_status mtm_compose_refer(struct mtm_composer *composer, size_t number);

/* The value that the walk visited last, with all that is in it: it will go on behind that. OK,
 * TOO_LARGE or NOMEM; MISPLACED: there is no such value, or it refers to one outside of it that
 * has not been copied from the same message: the walk has not moved either. */
enum mtm_status mtm_compose_copy(struct mtm_composer *composer, struct mtm_walk *walk);

/* As mtm_buffer_add of the values, or in place of all that is there. Once the message is in,
 * the composer is empty; if it is not, nothing has changed. MISPLACED: a table is open. */
enum mtm_status mtm_compose_send(struct mtm_composer *composer, struct mtm_buffer *buffer,
                                 bool replace, bool nonblock, struct mtm_failure *failure);

/* The same to all who have subscribed: as mtm_topic_add, or mtm_topic_put_wait. */
struct mtm_topic;
enum mtm_status mtm_compose_publish(struct mtm_composer *composer, struct mtm_topic *topic,
                                    bool replace, bool nonblock, struct mtm_failure *failure);
enum mtm_status mtm_compose_publish_wait(struct mtm_composer *composer, struct mtm_topic *topic,
                                         struct mtm_wait *wait, struct mtm_failure *failure);

/* As mtm_compose_send, and waits for room as `wait` says; FULL or BUSY: there was none in time.
 */
enum mtm_status mtm_compose_send_wait(struct mtm_composer *composer, struct mtm_buffer *buffer,
                                      struct mtm_wait *wait, struct mtm_failure *failure);

#endif
