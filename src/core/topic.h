/* A topic: what is added to it is added to every buffer that has subscribed, the mirror image
 * of a listener. Its subscribers are ordinary buffers, which it knows and does not own; adding
 * is in publish.h. */
#ifndef MTM_CORE_TOPIC_H
#define MTM_CORE_TOPIC_H

#include "core/buffer.h"

struct mtm_topic {
    struct mtm_object object; /* its lock guards the list of subscribers */
    /* Whoever publishes has its turn, which makes the order the same for all subscribers. It is
     * no lock in the sense of the others: who has it may allocate and take locks, but nobody
     * who holds a lock waits for it. */
    struct mtm_lock turn;
    bool keeps_latest;        /* constant */
    struct mtm_block *latest; /* guarded by the turn: the latest message, if it is kept */
    struct mtm_cargo *cargo;  /* ... and its objects, or NULL */
    struct mtm_pool pool;     /* blocks of large messages, for later */
    mtm_a32 unusual;          /* atomic: of the pool */
    mtm_asize count;          /* atomic, written under the lock: subscribers */
    struct mtm_buffer *first, *last;
};

/* Unless stated otherwise: any thread that has a reference and holds no lock. */

/* OK, NOMEM, ABORTED. *out has a root. With keeps_latest a new subscriber first gets the latest
 * message. name as in mtm_buffer_options. */
enum mtm_status mtm_topic_new(const char *name, size_t name_len, bool keeps_latest,
                              struct mtm_topic **out);

/* With a name: the open topic of that name (*created is false; keeps_latest does not count), or
 * a new one; no two threads make two. Also TOO_MANY, AMBIGUOUS. */
enum mtm_status mtm_topic_find_or_new(const char *name, size_t name_len, bool keeps_latest,
                                      struct mtm_topic **out, bool *created);

/* A new buffer that gets what is published from now on, until it is freed; or closed: then the
 * messages are not for it any more. It keeps the topic alive. As mtm_buffer_new, and CLOSED or
 * ABORTED if the topic is. Waits for who is publishing. */
enum mtm_status mtm_topic_subscribe(struct mtm_topic *topic,
                                    const struct mtm_buffer_options *options,
                                    struct mtm_buffer **out);

/* How many subscribers there are that may not have been freed yet. */
static inline size_t mtm_topic_count(const struct mtm_topic *topic)
{
    return mtm_load_rlx(&topic->count);
}

/* Forgets the latest message. OK, CLOSED; BUSY: with nonblock, and somebody is publishing. */
enum mtm_status mtm_topic_clear(struct mtm_topic *topic, bool nonblock);

/* Closes, or aborts or re-enables, the topic and its subscribers. */
void mtm_topic_close(struct mtm_topic *topic);
void mtm_topic_abort(struct mtm_topic *topic, bool flag);

/* Finishes the subscribers: a message that is being published reaches all of them before, or
 * none; new messages and subscribers are refused. Waits for who is publishing. */
void mtm_topic_finish(struct mtm_topic *topic);

/* For the buffer that is being freed: it is unlinked. The caller gives back the reference to
 * the topic afterwards. */
void mtm_topic_leave(struct mtm_topic *topic, struct mtm_buffer *buffer);

/* For buffer_take.c: a block that a receiver of a subscriber has done with; true: it is kept
 * for later. drained: the subscriber has no messages, which ends a burst: it is the last one to
 * let go of that block. And at rest: what is kept for later is given up. Never block. */
bool mtm_topic_recycle(struct mtm_topic *topic, struct mtm_block *block, bool drained);
void mtm_topic_rest(struct mtm_topic *topic);

/* Whether more is kept than a burst leaves behind; and the end of a burst. Never block. */
static inline bool mtm_topic_keeps_much(const struct mtm_topic *topic)
{
    return (mtm_load_rlx(&topic->unusual) & MTM_UNUSUAL_MUCH) != 0;
}
void mtm_topic_trim(struct mtm_topic *topic);

/* ---- between topic.c and publish.c ---- */

enum { MTM_STORED_ONCE = 4096 }; /* messages of more bytes are stored once for all */

/* Puts the message with objects of its own, since each subscriber has them as long as it has
 * the message: copies of those in `cargo` (NULL: none), which somebody has in hand. As
 * mtm_buffer_put, and TOO_MANY. */
enum mtm_status mtm_topic_put_copy(struct mtm_buffer *buffer, const struct mtm_message *message,
                                   const struct mtm_cargo *cargo, unsigned options,
                                   struct mtm_notifier **notifier);

/* Whoever has the turn publishes, subscribes or finishes; false: nonblock, and another thread
 * has it. */
bool mtm_topic_take_turn(struct mtm_topic *topic, bool nonblock);
void mtm_topic_end_turn(struct mtm_topic *topic);

#endif
