/* A buffer: an object with a queue, those who wait for it, and up to two notifiers; perhaps
 * connected to a listener. Putting a message is in send.h, waiting for one in receive.h,
 * serving many buffers in listener.h. */
#ifndef MTM_CORE_BUFFER_H
#define MTM_CORE_BUFFER_H

#include "core/notify.h"
#include "core/queue.h"
#include "core/source.h"

struct mtm_listener;
struct mtm_room;
struct mtm_topic;

/* First what both sides read and hardly anybody writes, then what producers write, then what
 * consumers write, so that they don't wait for each other's cache lines. */
struct mtm_buffer {
    union { /* a buffer is a source, and a source is an object */
        struct mtm_object object;
        struct mtm_source source;
    };
    /* Atomic, written under both locks; [MTM_ADDED] is read under the tail, [MTM_TAKEN] under
     * the head lock, or as bell.c does. */
    _Atomic(struct mtm_notifier *) notifier[MTM_EVENTS];
    struct mtm_room *room; /* constant; NULL: nobody waits for room in this buffer */
    struct mtm_queue queue;
    struct mtm_spin spin; /* of those who wait */
    bool subscribes;      /* constant: it is a topic's */
};

/* What a listener's buffer has besides, behind it. */
struct mtm_member {
    struct mtm_buffer *member_next, *member_prev; /* guarded by the listener's lock */
    struct mtm_buffer *deferred_next; /* owned by the last hold, then by the stack */
    /* For the ready queue of the listener, a cache line behind what consumers write: */
    bool ready;            /* guarded by tail lock: it is there, or in the stack before it */
    _Atomic(bool) emptied; /* atomic: it has been emptied since, by another way */
    /* Guarded by the listener's lock: finished and drained: it does not count as connected */
    bool parted;
    mtm_asize turn;                /* atomic: where it belongs; larger numbers come later */
    struct mtm_buffer *newly_next; /* guarded by tail lock until it is pushed, then the stack */
    /* Guarded by the listener's lock: */
    size_t place; /* in the ready queue: its turn when it was put there */
    struct mtm_buffer *ready_next, *ready_prev;
};

static inline struct mtm_member *mtm_member_of(const struct mtm_buffer *buffer)
{
    return (struct mtm_member *)(uintptr_t)(buffer + 1);
}

/* Whether takes need both locks, by the head's word `unusual`: to count, or to serve those who
 * wait for room. Exact for those who hold one of them. */
static inline bool mtm_takes_need_both(uint32_t unusual)
{
    return (unusual & (MTM_UNUSUAL_COUNT | MTM_UNUSUAL_ROOM)) != 0;
}

/* What a topic's buffer has besides, behind that; guarded by the topic's lock. */
struct mtm_subscriber {
    _Atomic(struct mtm_topic *) topic; /* atomic: set once, under the reach lock: a reference */
    struct mtm_buffer *next, *prev;
    bool closes; /* it is to be closed with the topic, which has a reference */
};

static inline struct mtm_subscriber *mtm_subscriber_of(const struct mtm_buffer *buffer)
{
    struct mtm_member *member = mtm_member_of(buffer);
    return (struct mtm_subscriber *)(void *)(buffer->object.owner ? member + 1 : member);
}

/* The topic to which it has subscribed, or NULL. */
static inline struct mtm_topic *mtm_buffer_topic(const struct mtm_buffer *buffer)
{
    /* pairs with mtm_reach_join */
    return buffer->subscribes ? mtm_load_acq(&mtm_subscriber_of(buffer)->topic) : NULL;
}

struct mtm_buffer_options {
    const char *name; /* NULL: none */
    size_t name_len;
    size_t size;                   /* bytes of the first ring */
    bool sized;                    /* size was given: allocate at once */
    double grow;                   /* growth factor >= 0; 0: fixed */
    struct mtm_bounds bounds;      /* all 0: none but a fixed size */
    struct mtm_listener *listener; /* NULL: none */
    bool subscribes;               /* to a topic */
};

enum { MTM_DEFAULT_SIZE = 1024 };
#define MTM_DEFAULT_GROW 2.0

/* Unless stated otherwise: any thread that has a reference and holds no lock. `nonblock`
 * functions never wait for another thread, but return BUSY instead. A failure is filled in with
 * NOTIFIER_FAILED only. */

/* OK, NOMEM, ABORTED, CLOSED (the listener is). *out has a root. */
enum mtm_status mtm_buffer_new(const struct mtm_buffer_options *options,
                               struct mtm_buffer **out);

/* With a name: the open buffer of that name (*created is false, the other options don't count),
 * or a new one; no two threads make two. Also TOO_MANY, and AMBIGUOUS: several open ones have
 * it, or the one that has it is not of options->listener. */
enum mtm_status mtm_buffer_find_or_new(const struct mtm_buffer_options *options,
                                       struct mtm_buffer **out, bool *created);

/* OK, CLOSED or BUSY. Calls no notifier. */
enum mtm_status mtm_buffer_clear(struct mtm_buffer *buffer, bool nonblock);

/* How many messages there were at some moment of the call; never blocks. */
size_t mtm_buffer_count(const struct mtm_buffer *buffer);

/* Every operation from now on, and every waiting one, gets CLOSED; messages and rings are
 * freed. May be repeated. */
void mtm_buffer_close(struct mtm_buffer *buffer);

/* No more messages: every put from now on, and every one that waits for room, gets CLOSED. What
 * is there is delivered, and then receives get CLOSED, those who wait for it included; what is
 * put back later is there for whoever asks again. A listener's buffer then leaves it. For good;
 * may be repeated; calls no notifier. */
void mtm_buffer_finish(struct mtm_buffer *buffer);

/* Every receive and put from now on, and every waiting one, gets ABORTED, until it is called
 * with false. */
void mtm_buffer_abort(struct mtm_buffer *buffer, bool flag);

/* Connects a notifier; takes over the reference to it if the result is OK. OK, HAS_NOTIFIER,
 * CLOSED, NOMEM. */
enum mtm_status mtm_buffer_connect(struct mtm_buffer *buffer, enum mtm_event event,
                                   struct mtm_notifier *notifier);

/* Disconnects the notifier; if `only` is not NULL, only if it is this one. With nonblock
 * nothing happens if the buffer is busy: a notifier that is closed says so again when it is
 * called the next time. */
void mtm_buffer_disconnect(struct mtm_buffer *buffer, enum mtm_event event,
                           const struct mtm_notifier *only, bool nonblock);

/* ---- for the other modules of the core ---- */

/* Both locks of the queue. trylock: with nonblock it does not wait, but returns false. */
void mtm_buffer_lock_both(struct mtm_buffer *buffer);
bool mtm_buffer_trylock_both(struct mtm_buffer *buffer, bool nonblock);
void mtm_buffer_unlock_both(struct mtm_buffer *buffer);

/* Takes the lock; with nonblock it does not wait, but returns false. */
static inline bool mtm_lock_side(struct mtm_lock *lock, bool nonblock)
{
    if (nonblock) return mtm_trylock(lock);
    mtm_lock(lock);
    return true;
}

/* The notifier to be called for an event that has just taken effect, with a reference, or NULL.
 * The lock of its side is held; both if there is a threshold. */
struct mtm_notifier *mtm_buffer_fired(struct mtm_buffer *buffer, enum mtm_event event);

/* Exchanges a notifier (NULL: none) for what is returned, whose reference is the caller's. Both
 * locks held. */
struct mtm_notifier *mtm_buffer_plug(struct mtm_buffer *buffer, enum mtm_event event,
                                     struct mtm_notifier *notifier);

struct mtm_delivery;

/* One look at the queue, without waiting for a message (for the lock as `wait` says): OK,
 * EMPTY, BUSY, CLOSED (or finished, and empty), ABORTED, GROW, TOO_LARGE. The caller may hold
 * the listener's lock; trash is emptied after it. */
enum mtm_status mtm_buffer_take(struct mtm_buffer *buffer, struct mtm_wait *wait,
                                struct mtm_delivery *delivery, struct mtm_trash *trash);

/* Waits until the locks that a take needs are free, as `wait` says. No lock held. */
void mtm_buffer_await_locks(struct mtm_buffer *buffer, struct mtm_wait *wait);

/* The message goes back; false if it is outdated, then the block is still the caller's. As for
 * the locks, like take. */
bool mtm_buffer_put_back(struct mtm_buffer *buffer, struct mtm_block *block);

/* After the last message was taken: as mtm_queue_trim_if_drained, and for its topic. No lock
 * held. */
void mtm_buffer_trim(struct mtm_buffer *buffer);
static inline void mtm_buffer_trim_if_drained(struct mtm_buffer *buffer)
{
    if (MTM_UNLIKELY(mtm_load_rlx(&buffer->queue.head.unusual) & MTM_UNUSUAL_MUCH)) {
        mtm_buffer_trim(buffer);
    }
}

/* As mtm_queue_recycle; the pool of an inherited buffer gets nothing any more. */
void mtm_buffer_recycle(struct mtm_buffer *buffer, struct mtm_block *block);

/* Sets and clears state flags under the queue's locks; with `sync` it takes over the state of
 * mtm_abort_all as well. Wakes those who wait for the buffer. The caller may hold the
 * listener's lock. */
void mtm_buffer_change(struct mtm_buffer *buffer, uint32_t set, uint32_t clear, bool sync);

/* Whether there are messages, as far as can be told without a lock. */
static inline bool mtm_buffer_has_messages(const struct mtm_buffer *buffer)
{
    return mtm_queue_count_once(&buffer->queue) != 0;
}

/* The same, and whether it may have ended: a hint, on which nothing relies. */
static inline bool mtm_buffer_may_have_one(const struct mtm_buffer *buffer)
{
    return mtm_load_rlx(&buffer->object.flags) != mtm_generation ||
           mtm_buffer_has_messages(buffer);
}

/* The buffer as a source: see source.h. */
enum mtm_status mtm_buffer_look(struct mtm_source *source, struct mtm_wait *wait,
                                struct mtm_delivery *delivery);
size_t mtm_buffer_waiting(const struct mtm_source *source);
bool mtm_buffer_join(struct mtm_source *source, struct mtm_wait *wait);
uint32_t mtm_buffer_taken(const struct mtm_source *source);
struct mtm_spin *mtm_buffer_spin(struct mtm_source *source);
void mtm_buffer_rest(struct mtm_source *source, bool nonblock);
bool mtm_buffer_is_warm(const struct mtm_source *source);
struct mtm_lock *mtm_buffer_lock(struct mtm_source *source);

#endif
