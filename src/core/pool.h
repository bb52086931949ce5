/* Blocks that came back from receivers, kept for the next large messages of the same buffer: as
 * many as its messages have been seen to need again and again, within a bound for the whole
 * process. What a queue keeps besides, and when it gives it up, is in queue_memory.c. */
#ifndef MTM_CORE_POOL_H
#define MTM_CORE_POOL_H

#include <stdbool.h>

#include "core/block.h"
#include "core/lock.h"
#include "core/unusual.h"

/* Bytes of blocks: what a queue may keep while it has messages, and when it is drained, unless
 * it was seen to need more; what all queues together may keep; and how much of that is so
 * little that a queue at rest need not give it back. */
enum {
    MTM_POOL_MAX = 4 * 1024 * 1024,
    MTM_POOL_DRAINED = 512 * 1024,
    MTM_POOLS_MAX = 64 * 1024 * 1024,
    MTM_POOLS_FEW = 4 * 1024 * 1024
};

/* All is guarded by its lock, which is only ever tried, with no other lock held or taken
 * inside. Sizes are in KiB, each block rounded up, with all that hangs in it. */
struct mtm_pool {
    struct mtm_lock lock;
    uint32_t kept;    /* in `first` and its links */
    uint32_t charged; /* of what all pools may keep; at least `kept` */
    /* A burst is what happens from one moment without messages to the next. */
    uint32_t out, peak;       /* in messages under way; the most of it in this burst */
    uint32_t highest, second; /* the peaks of the two largest bursts since the last rest */
    struct mtm_block *first;  /* the latest first, as its memory is the warmest */
};

/* Any thread that holds no lock. None waits: who does not get the pool does without it.
 * unusual: the word of the pool's owner where MTM_UNUSUAL_MUCH tells whether a trim has work.
 */

/* For a message of so many bytes that is on its way now: a block large enough, and not much too
 * large; or NULL. with: as mtm_block_new_with; there may be more to refer to it than it has
 * room for. */
struct mtm_block *mtm_pool_take(struct mtm_pool *pool, mtm_a32 *unusual, size_t size);
struct mtm_block *mtm_pool_take_with(struct mtm_pool *pool, mtm_a32 *unusual, size_t size,
                                     size_t inner);

/* A block has come back: kept or freed. With `drained`, as mtm_pool_trim after it. */
void mtm_pool_give(struct mtm_pool *pool, mtm_a32 *unusual, struct mtm_block *block,
                   bool drained);

/* The queue has no message at this moment, which ends a burst: only MTM_POOL_DRAINED bytes are
 * kept, or as much as two bursts have needed. */
void mtm_pool_trim(struct mtm_pool *pool, mtm_a32 *unusual);

/* The queue is at rest: nothing is kept, or (unless all) MTM_POOL_DRAINED bytes if all pools
 * together have few; what bursts have needed is forgotten. */
void mtm_pool_rest(struct mtm_pool *pool, mtm_a32 *unusual, bool all);

/* Bytes that all pools together may be keeping. */
size_t mtm_pools_charged(void);

/* In a forked process, before it has a second thread: what was inherited is nobody's. */
void mtm_pools_forget(void);

#endif
