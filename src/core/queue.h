/* The messages of one buffer: two locks, a chain of rings between them, and the counters that
 * both sides share. It knows nothing of waiting, notifiers and listeners; each function says
 * which lock its caller holds. */
#ifndef MTM_CORE_QUEUE_H
#define MTM_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/block.h"
#include "core/knocks.h"
#include "core/pool.h"
#include "core/segment.h"
#include "core/status.h"

struct mtm_notifier;

#define MTM_RANK_RECORD UINT32_MAX /* of a block for a record that has left the rings */
#define MTM_RANK_KNOCK 0           /* of one for a knock, before all others of its place */

enum { MTM_RING_KEPT = 1024 }; /* bytes of a ring that a queue at rest may keep */

/* What a queue may hold at most, beside what fits into a fixed size; 0: no bound. */
struct mtm_bounds {
    size_t limit;     /* messages */
    size_t maxbytes;  /* bytes that they account for */
    bool drop_oldest; /* the oldest messages make room for new ones */
};

/* The producers' side. */
struct mtm_tail {
    struct mtm_lock lock;
    mtm_a32 unusual; /* atomic: bits of enum mtm_unusual; mtm_generation for the fast path */
    /* guarded by tail lock, as all here that names no other guard: */
    struct mtm_segment *segment;
    size_t pos;      /* where in the segment the next record begins */
    size_t written;  /* position in the stream of all bytes */
    mtm_asize added; /* atomic, written under tail lock: records ever put */
    size_t floor; /* bytes before this position don't occupy the segment; at least its base */
    struct mtm_block *last_block; /* the latest block put; each links to the one before */
    size_t blocks_added;
    size_t extra; /* what their messages ever accounted for beyond their records in the ring */
};

/* The consumers' side. */
struct mtm_head {
    struct mtm_lock lock;
    mtm_a32 unusual; /* atomic: as tail.unusual */
    /* guarded by head lock, as all here that names no other guard: */
    struct mtm_segment *segment;
    size_t pos;
    size_t popped;   /* records that have left the rings */
    size_t seen;     /* `added` as last looked up */
    mtm_asize read;  /* atomic, written under head lock: position in the stream of all bytes */
    mtm_asize taken; /* atomic, written under head lock: messages taken or thrown away */
    size_t blocks_popped;
    mtm_asize extra; /* atomic, written under head lock: as tail.extra, of those popped */
    struct mtm_block *back; /* messages put back, in order; before everything in the rings */
    uint64_t epoch;         /* fillings so far; written under both locks */
};

/* What both sides read and hardly anybody writes. */
struct mtm_queue_shared {
    bool fixed;   /* constant, as the next two: grow is 0: never more than size bytes */
    bool sized;   /* size was given: the first ring is there from the beginning and stays */
    bool ordered; /* publish in a way that a seq_cst load elsewhere can be ordered against */
    bool drop_oldest;         /* constant: the oldest messages make room for new ones */
    mtm_a32 warm;             /* atomic: 1: it may keep a ring that rest gives up */
    mtm_asize returned;       /* atomic, written under head lock: messages put back */
    mtm_asize returned_bytes; /* atomic, written under head lock: what `back` accounts for */
    struct mtm_pool pool;     /* blocks for later */
    _Atomic(struct mtm_knocks *) knocks; /* atomic, set once; NULL: it is no bell */
    struct mtm_segment root;             /* an empty ring: the chain begins here */
    _Atomic(struct mtm_segment *) spare; /* atomic: a ring for later, or NULL */
    size_t size;                         /* constant, as the next: bytes of the first ring */
    double grow;                         /* how many times larger the next ring is */
    size_t limit, maxbytes;              /* ... as in struct mtm_bounds; SIZE_MAX: none */
};

/* Guarded by both locks: messages thrown away by setmsg, to make room, by clear; how often
 * setmsg found any; and how many messages went past the bounds of a full ring. */
struct mtm_tallies {
    uint64_t replaced, dropped, cleared, replacing, anyway;
};

struct mtm_queue {
    struct mtm_queue_shared shared;
    struct mtm_tail tail;
    struct mtm_tallies tallies; /* they keep apart what both sides write for each message */
    struct mtm_head head;
};

/* What a put asked for and found (or not) while the tail lock was not held. Start with {0}. */
struct mtm_put_memory {
    struct mtm_segment *segment; /* owned */
    struct mtm_block *block;     /* owned; the whole message */
    size_t need, cap;            /* the ring must and should have this many bytes */
};

/* What was unlinked under a lock and must be freed after it. Start with {0}. */
struct mtm_trash {
    struct mtm_segment *segments; /* linked by next, up to `until` */
    struct mtm_segment *until;
    struct mtm_block *blocks; /* nblocks of them, linked by link */
    size_t nblocks;
    struct mtm_block *back; /* linked by link, up to NULL */
};

/* A receive: what the receiver brings, and what it gets. */
struct mtm_slot {
    struct mtm_block *carrier; /* in: memory for small messages, or NULL; stays theirs */
    size_t limit;              /* in: most bytes that the receiver can take */
    struct mtm_block *block;   /* out: the carrier, or a block that is the receiver's now */
    size_t need;               /* out: bytes of the message if too large for carrier or limit */
};

/* Not shared yet. A sized queue allocates its ring: OK or NOMEM. */
enum mtm_status mtm_queue_init(struct mtm_queue *queue, size_t size, bool sized, double grow,
                               bool ordered);

/* Nobody else uses it any more; no lock held. Frees all. */
void mtm_queue_fini(struct mtm_queue *queue);

/* Before the tail lock is taken: a message that is better not copied through the ring gets its
 * block. OK, NOMEM, or TOO_LARGE for this queue at any time. */
enum mtm_status mtm_queue_prepare(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory);

/* Tail lock held. OK, FULL, or GROW: give back the lock, call mtm_queue_get_memory, and try
 * again.
 */
enum mtm_status mtm_queue_put(struct mtm_queue *queue, const struct mtm_message *message,
                              struct mtm_put_memory *memory);

/* Both locks held: throw away what is there, and put. As mtm_queue_put; if not OK nothing has
 * changed. */
enum mtm_status mtm_queue_replace(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory, struct mtm_trash *trash);

/* Both locks held: as mtm_queue_put, but the oldest messages, what was put back first, are
 * dropped until the new one fits. FULL: 64 were dropped, or nothing is left to drop; GROW:
 * nothing was. */
enum mtm_status mtm_queue_put_over(struct mtm_queue *queue, const struct mtm_message *message,
                                   struct mtm_put_memory *memory, struct mtm_trash *trash);

/* Tail lock held: whether a put that is FULL now would never be GROW later. If not: as after
 * GROW. */
bool mtm_queue_has_memory(const struct mtm_queue *queue, const struct mtm_message *message,
                          struct mtm_put_memory *memory);

/* Both locks held: as put, but past all bounds; never FULL. The memory must come from reserve,
 * then it is never GROW. */
enum mtm_status mtm_queue_put_anyway(struct mtm_queue *queue, const struct mtm_message *message,
                                     struct mtm_put_memory *memory);

/* No lock held, after prepare: what a put at any later time may need. OK or NOMEM. */
enum mtm_status mtm_queue_reserve(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory);

/* No lock held, after GROW: OK or NOMEM. */
enum mtm_status mtm_queue_get_memory(struct mtm_queue *queue, const struct mtm_message *message,
                                     struct mtm_put_memory *memory);

/* No lock held: gives back what was not used. */
void mtm_queue_free_memory(struct mtm_queue *queue, struct mtm_put_memory *memory);

/* Both locks held: throw away the first message; false if there is none. */
bool mtm_queue_drop_oldest(struct mtm_queue *queue, struct mtm_trash *trash);

/* Both locks held: throw away all messages, and the rings but the one that the size was given
 * for. */
void mtm_queue_clear(struct mtm_queue *queue, struct mtm_trash *trash);

/* Both locks held: as clear, and the rings are given up as well. Nothing can be put any more.
 */
void mtm_queue_shut(struct mtm_queue *queue, struct mtm_trash *trash);

/* Both locks held: if there are no messages, unlinks the ring that rest gives up. Whether there
 * are none. */
bool mtm_queue_cool(struct mtm_queue *queue, struct mtm_trash *trash);

/* No lock held: frees what is kept for later, except a ring that the size was given for. */
void mtm_queue_drop_spares(struct mtm_queue *queue);

/* The same, and that ring, too. */
void mtm_queue_drop_caches(struct mtm_queue *queue);

/* No lock held. */
void mtm_queue_empty_trash(struct mtm_queue *queue, struct mtm_trash *trash);

/* Any thread, no lock needed: one more message without values, behind all that are there. A
 * bell's only. */
void mtm_queue_knock(struct mtm_queue *queue);

/* Both locks held: later knocks count for nothing. */
void mtm_queue_stop_knocks(struct mtm_queue *queue);

/* Head lock held: take the first message. OK, EMPTY, GROW (the carrier is too small), TOO_LARGE
 * (for the limit): if not OK nothing has changed. */
enum mtm_status mtm_queue_take(struct mtm_queue *queue, struct mtm_slot *slot,
                               struct mtm_trash *trash);

/* Head lock held: the first message stays; outcomes as of take. slot->block is the carrier,
 * with a copy, or a block that is held, for mtm_block_free. */
enum mtm_status mtm_queue_peek(struct mtm_queue *queue, struct mtm_slot *slot,
                               struct mtm_trash *trash);

/* Head lock held: the message goes back to its place in the order, and its memory with it;
 * false if the messages of its time have been thrown away since: then the block is still the
 * caller's. */
bool mtm_queue_put_back(struct mtm_queue *queue, struct mtm_block *block);

/* No lock needed: how many messages there are at some moment of the call. */
size_t mtm_queue_count(const struct mtm_queue *queue);

/* How many knocks are there, among other messages: no lock needed. */
static inline size_t mtm_queue_knocks(const struct mtm_queue *queue)
{
    const struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    if (MTM_LIKELY(!knocks)) return 0;
    MTM_STEP(count_once_knocks);
    const size_t taken = mtm_load_acq(&knocks->taken);
    return mtm_knocks_come(knocks) - taken;
}

/* How many there are in rings and among those that were put back: as count_once. */
static inline size_t mtm_queue_count_stored(const struct mtm_queue *queue)
{
    MTM_STEP(count_once_taken);
    size_t taken = mtm_load_acq(&queue->head.taken);
    MTM_STEP(count_once_returned);
    size_t returned = mtm_load_seq(&queue->shared.returned);
    MTM_STEP(count_once_added);
    return mtm_load_seq(&queue->tail.added) + returned - taken; /* pairs with publish */
}

/* The same from one reading of each counter: exact under both locks, else good enough to poll
 * (a message that was published before the call, and not taken, counts). */
static inline size_t mtm_queue_count_once(const struct mtm_queue *queue)
{
    return mtm_queue_count_stored(queue) + mtm_queue_knocks(queue);
}

/* Head lock held: whether there is more among what was put, for sure, by what is known without
 * asking the producers' side. */
static inline bool mtm_queue_knows_more(const struct mtm_queue *queue)
{
    return queue->head.popped != queue->head.seen;
}

/* No lock held: keeps the block for a later message of this queue, or frees it. NULL is fine.
 */
void mtm_queue_recycle(struct mtm_queue *queue, struct mtm_block *block);

/* No lock held: if there are no messages, no more blocks are kept than bursts of messages have
 * needed again. */
void mtm_queue_trim(struct mtm_queue *queue);

/* No lock held: if there are no messages, and nobody is at work, it gives up all but a small
 * ring, what its size was given for, and a few blocks. For when nothing came. */
void mtm_queue_rest(struct mtm_queue *queue);

/* Whether rest has something to give up. Any thread; a hint. */
static inline bool mtm_queue_is_warm(const struct mtm_queue *queue)
{
    return mtm_load_rlx(&queue->shared.warm) != 0;
}

/* As trim; costs next to nothing where nothing needs to be done. */
static inline void mtm_queue_trim_if_drained(struct mtm_queue *queue)
{
    if (MTM_UNLIKELY(mtm_load_rlx(&queue->head.unusual) & MTM_UNUSUAL_MUCH)) {
        mtm_queue_trim(queue);
    }
}

#endif
