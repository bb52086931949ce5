/* A topic: what is added to it is added to every buffer that has subscribed, the mirror image
 * of a listener. Its subscribers are ordinary buffers, which it knows and does not own. */
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
    mtm_asize count;          /* atomic, written under the lock: subscribers */
    struct mtm_buffer *first, *last;
};

/* Unless stated otherwise: any thread that has a reference and holds no lock. */

/* OK, NOMEM, ABORTED. *out has a root. With keeps_latest a new subscriber first gets the latest
 * message. name as in mtm_buffer_options. */
enum mtm_status mtm_topic_new(const char *name, size_t name_len, bool keeps_latest,
                              struct mtm_topic **out);

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

/* What has become of a message. */
struct mtm_published {
    size_t taken;   /* subscribers that have it */
    size_t refused; /* that were full or busy, or for which it is too large */
};

/* Adds the message to every subscriber that is open; a large one is stored once. It does not
 * wait for room, so a slow subscriber holds up nobody. OK, CLOSED, ABORTED, NOMEM; BUSY (with
 * nonblock: somebody is publishing); NOTIFIER_FAILED: of a subscriber; all are called. If not
 * OK or NOTIFIER_FAILED nobody has it. Waits for locks and for who is publishing. */
enum mtm_status mtm_topic_add(struct mtm_topic *topic, const struct mtm_message *message,
                              bool nonblock, struct mtm_published *published,
                              struct mtm_failure *failure);

/* Forgets the latest message. */
void mtm_topic_clear(struct mtm_topic *topic);

/* Closes, or aborts or re-enables, the topic and its subscribers. */
void mtm_topic_close(struct mtm_topic *topic);
void mtm_topic_abort(struct mtm_topic *topic, bool flag);

/* For the buffer that is being freed: it is unlinked. The caller gives back the reference to
 * the topic afterwards. */
void mtm_topic_leave(struct mtm_topic *topic, struct mtm_buffer *buffer);

#endif
