/* How much is in a queue, and how much may be: bounds that a buffer was given, beside the fixed
 * size of its ring. What happens when it is full is for senders to say: they are refused, or
 * the oldest messages make room. */
#ifndef MTM_CORE_BOUND_H
#define MTM_CORE_BOUND_H

#include "core/queue.h"

/* Not shared yet. 0: no bound. */
void mtm_queue_set_bounds(struct mtm_queue *queue, const struct mtm_bounds *bounds);

/* Whether it has bounds other than a fixed size. */
static inline bool mtm_queue_is_bounded(const struct mtm_queue *queue)
{
    return queue->shared.limit != SIZE_MAX || queue->shared.maxbytes != SIZE_MAX;
}

/* Whether it has as many messages as it may have; by what can be told without a lock. */
bool mtm_queue_is_at_limit(const struct mtm_queue *queue);

/* Of so many knocks, beside so many other messages: how many count. Beyond the limit they are
 * one with what is there. */
static inline size_t mtm_queue_knocks_within(const struct mtm_queue *queue, size_t stored,
                                             size_t knocks)
{
    const size_t limit = queue->shared.limit, room = limit > stored ? limit - stored : 0;
    return knocks < room ? knocks : room;
}

/* The most bytes that a message may account for, its header included. */
size_t mtm_queue_most_bytes(const struct mtm_queue *queue);

/* Whether one more message of so many bytes is within the bounds. Tail lock held; exact if both
 * are, else it may say no a moment too long. */
bool mtm_queue_has_place(const struct mtm_queue *queue, size_t size);

/* Bytes that all messages account for. The tail lock is held; exact if both are. */
size_t mtm_queue_bytes(const struct mtm_queue *queue);

/* What has gone through a queue: `added` = `taken` + `replaced` + `dropped` + what was cleared
 * + `messages` (what receivers have at the moment counts as taken). */
struct mtm_queue_numbers {
    size_t messages, bytes;
    size_t added, taken;
    size_t replaced; /* thrown away by setmsg */
    size_t dropped;  /* thrown away to make room */
};

/* Both locks held. */
struct mtm_queue_numbers mtm_queue_numbers(const struct mtm_queue *queue);

#endif
