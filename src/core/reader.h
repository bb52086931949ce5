/* Holds a received message while its values are read one after the other, and may give it back.
 * It belongs to one thread at a time; it receives by receive.h. */
#ifndef MTM_CORE_READER_H
#define MTM_CORE_READER_H

#include "core/receive.h"
#include "core/wire.h"

enum { MTM_READER_MOVES = 8 };

/* An array whose elements were moved over its header. */
struct mtm_move {
    unsigned char *elements; /* where they were */
    size_t shift, bytes;
    uint64_t count;
};

struct mtm_reader {
    struct mtm_block *own;         /* memory to which small messages are copied, or NULL */
    struct mtm_block *other;       /* a large message came in this block, or NULL */
    const unsigned char *at, *end; /* the values not read yet; at is NULL without a message */
    size_t items;                  /* how many objects have been read of it */
    size_t initial;                /* constant, as grow, fixed and lease: bytes at first */
    double grow;
    bool fixed;
    bool lease;               /* a message goes back unless it is done */
    bool aligns;              /* constant: arrays are moved to be aligned */
    bool spoiled;             /* more arrays were moved than could be noted: it can't go back */
    mtm_a32 user;             /* atomic; who is at work on it, as debug builds have it */
    uint64_t from_id;         /* the buffer of the message */
    uint64_t message;         /* another one for each message that comes or goes */
    struct mtm_delivery held; /* a lease; from is NULL if nothing is held */
    struct mtm_object *root;  /* what the lease was received from, referenced; or NULL */
    size_t nmoves;            /* arrays that must be moved back before the message goes back */
    size_t most_moves;        /* of which there is room for so many: */
    struct mtm_move *moves;   /* NULL: few_moves */
    struct mtm_move few_moves[MTM_READER_MOVES];
};

/* Allocates at once if the size was given (or is fixed). OK or NOMEM; fini is allowed in both
 * cases. */
enum mtm_status mtm_reader_init(struct mtm_reader *reader, size_t size, bool sized,
                                double grow);

/* A message that is held by a lease goes back. Waits for locks, as everything here that ends a
 * lease does. */
void mtm_reader_fini(struct mtm_reader *reader);

/* Before anything is received: each message is a lease. It goes back to its place, first in
 * line, when the reader ends before it is done. What it came from is kept alive meanwhile, by a
 * root; for a listener its buffer counts as left to drain. */
void mtm_reader_lease(struct mtm_reader *reader);

/* Before anything is received: values are read by mtm_reader_next_aligned. */
void mtm_reader_align(struct mtm_reader *reader);

/* Forgets the values, and keeps the memory; a lease is done. */
void mtm_reader_clear(struct mtm_reader *reader);

/* The message has been dealt with: a lease ends. The values stay. */
void mtm_reader_done(struct mtm_reader *reader);

/* The message goes back to its place in its buffer, first in line, and the reader is empty.
 * CLOSED: so is the buffer; EMPTY: the reader has none, or it is done, or the messages of its
 * time have been thrown away since, and this one with them. Of a lease there are no other
 * outcomes. Otherwise the buffer is looked for, and the message stays in the reader if it is
 * UNKNOWN (its last reference is gone), ABORTED (everything is) or TOO_MANY; or if NOMEM: too
 * many arrays had to be moved to be aligned. */
enum mtm_status mtm_reader_put_back(struct mtm_reader *reader);

/* The next message of the object, in place of what the reader had, which is done and gone
 * whatever the outcome. As mtm_receive, but never GROW: NOMEM; and after TOO_LARGE *need says
 * how large the message is. NOTIFIER_FAILED: the reader has the message. */
enum mtm_status mtm_reader_receive(struct mtm_reader *reader, struct mtm_object *object,
                                   struct mtm_wait *wait, size_t *need,
                                   struct mtm_failure *failure);

/* The same without calling the notifier: OK: mtm_delivery_take_notifier, and at last
 * mtm_reader_settle, must follow; a notifier that is called in between may use the reader.
 * Where the reader aligns, mtm_walk_begin comes first: it makes room for the moves. */
enum mtm_status mtm_reader_take(struct mtm_reader *reader, struct mtm_object *object,
                                struct mtm_wait *wait, size_t *need, struct mtm_delivery *in);

void mtm_reader_settle(struct mtm_reader *reader, struct mtm_delivery *in, bool nonblock);

/* In place of settle, before a notifier was called: what has been taken goes back as if it had
 * not been, and the reader is empty. */
void mtm_reader_untake(struct mtm_reader *reader, struct mtm_delivery *in);

/* Nothing has been read yet: so many arrays can be moved and the message still goes back.
 * False: no memory. */
bool mtm_reader_reserve_moves(struct mtm_reader *reader, size_t count);

/* Begins again with the first value. OK; EMPTY: there is no message; NOMEM: too many arrays had
 * to be moved, and nothing has changed. */
enum mtm_status mtm_reader_rewind(struct mtm_reader *reader);

/* The next value, or END. Pointers in it stay valid until the reader is cleared, freed, gives
 * back, or receives. */
static inline enum mtm_tag mtm_reader_next(struct mtm_reader *reader, struct mtm_value *out)
{
    const enum mtm_tag tag = mtm_wire_read(&reader->at, reader->end, out);
    reader->items += tag == MTM_TAG_OBJECT;
    return tag;
}

/* Whether nothing has been read of its message. */
static inline bool mtm_reader_is_at_begin(const struct mtm_reader *reader)
{
    struct mtm_block *block = reader->other ? reader->other : reader->own;
    return block && reader->at == mtm_block_data(block);
}

struct mtm_cargo;
struct mtm_item;

/* The objects of the message, or NULL. */
static inline const struct mtm_cargo *mtm_reader_cargo(const struct mtm_reader *reader)
{
    return reader->other ? reader->other->cargo : NULL;
}

/* The object that has just been read as a value, or NULL: the message is damaged. It lives as
 * long as the reader has the message; who keeps it longer makes a reference of it. */
const struct mtm_item *mtm_reader_item(const struct mtm_reader *reader);

/* The value has been read: passes over the values that belong to it. False, and nothing is left
 * to be read, if the message is damaged. */
bool mtm_reader_skip(struct mtm_reader *reader, const struct mtm_value *value);

/* For a reader that aligns: the value has been read, and is an array. As below. */
void mtm_reader_align_array(struct mtm_reader *reader, struct mtm_value *array);

/* As next, for a reader that aligns; the elements of an array are aligned for their type. They
 * are moved over their header, which has been read: who uses this must not read the value a
 * second time. */
enum mtm_tag mtm_reader_next_aligned(struct mtm_reader *reader, struct mtm_value *out);

#endif
