/* Sending to a buffer: one message that the caller has encoded, or what a writer has gathered.
 * How messages are stored is in queue.h; receiving is in receive.h and reader.h. */
#ifndef MTM_CORE_SEND_H
#define MTM_CORE_SEND_H

#include "core/buffer.h"
#include "core/writer.h"

/* Any thread that has a reference to the buffer and holds no lock; they wait for locks only,
 * and with `nonblock` return BUSY instead. */

/* OK, CLOSED, ABORTED, FULL, TOO_LARGE, NOMEM, BUSY, or NOTIFIER_FAILED: the message is in all
 * the same. Wakes a receiver, calls the notifier. Waits for locks only. */
enum mtm_status mtm_buffer_add(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure);

/* How a message is put. */
enum mtm_put_option {
    MTM_PUT_REPLACE = 1,  /* in place of all that is there, in one step; never FULL */
    MTM_PUT_NONBLOCK = 2, /* never waits for a lock */
    MTM_PUT_ANYWAY = 4    /* past all bounds, as what is put back, and if it is aborted, too */
};

/* Puts without calling the notifier: it is returned with a reference (or NULL), for mtm_notify.
 * options: of enum mtm_put_option. Outcomes as of add; ANYWAY is never FULL or ABORTED. Objects
 * of messages that are thrown away are handed on: mtm_drop_handed_on is for whoever may wait,
 * and lets others come in. */
enum mtm_status mtm_buffer_put(struct mtm_buffer *buffer, const struct mtm_message *message,
                               unsigned options, struct mtm_notifier **notifier);

/* For a put ANYWAY later on, which then cannot fail for want of memory. reserve: OK, NOMEM,
 * TOO_LARGE, CLOSED (inherited). put_reserved: OK or CLOSED (or finished); in any case the
 * memory is used up. The message must be the same, and its objects. */
enum mtm_status mtm_buffer_reserve(struct mtm_buffer *buffer, const struct mtm_message *message,
                                   struct mtm_put_memory *memory);
void mtm_buffer_unreserve(struct mtm_buffer *buffer, struct mtm_put_memory *memory);
enum mtm_status mtm_buffer_put_reserved(struct mtm_buffer *buffer,
                                        const struct mtm_message *message,
                                        struct mtm_put_memory *memory,
                                        struct mtm_notifier **notifier);

/* One empty message, as a notifier adds it: the buffer's own notifier is not called, but
 * returned with a reference (or NULL). */
enum mtm_status mtm_buffer_add_empty(struct mtm_buffer *buffer, bool nonblock,
                                     struct mtm_notifier **next);

/* As mtm_buffer_put of the writer's values: once they are in, the writer is empty. */
enum mtm_status mtm_writer_put(struct mtm_writer *writer, struct mtm_buffer *buffer,
                               unsigned options, struct mtm_notifier **notifier);

/* ---- for room.c ---- */

/* A put under way. */
struct mtm_put {
    struct mtm_buffer *buffer;
    const struct mtm_message *message;
    unsigned options;
    struct mtm_wait *wait; /* for locks, at least */
    struct mtm_put_memory *memory;
    struct mtm_notifier *notifier; /* out: a reference, or NULL */
    bool wake;                     /* somebody waits for the buffer */
    bool served;                   /* another thread has put it in, and woken them */
    struct mtm_trash trash;
};

/* In this order: begin (if OK), try, end with the last status. locked: one attempt with the
 * locks held that it needs; GROW: it needs memory. */
enum mtm_status mtm_put_begin(struct mtm_put *put);
enum mtm_status mtm_put_try(struct mtm_put *put);
enum mtm_status mtm_put_locked(struct mtm_put *put);
enum mtm_status mtm_put_in_line(struct mtm_put *put); /* the same, when its turn has come */
void mtm_put_end(struct mtm_put *put, enum mtm_status status);

#endif
