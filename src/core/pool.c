/* One list of blocks per buffer, and the account of all of them. It owns the blocks in the
 * lists, and the sum for the process. */
#include "core/pool.h"

#include "platform/hidden.h"

enum {
    LOOKS = 4, /* blocks that a put looks at before it asks for memory */
    KIB = 1024
};

static mtm_asize all_charged; /* atomic: KiB that all pools have been charged with */

static uint32_t kib(size_t bytes)
{
    const size_t rounded = bytes / KIB + (bytes % KIB != 0);
    return rounded < UINT32_MAX ? (uint32_t)rounded : UINT32_MAX;
}

static size_t weight(const struct mtm_block *block)
{
    return mtm_block_weight(block->cap, block->inner);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

size_t mtm_pools_charged(void)
{
    return mtm_load_rlx(&all_charged) * KIB;
}

void mtm_pools_forget(void)
{
    mtm_store_rlx(&all_charged, 0);
}

/* ---- with the lock held ---- */

/* Whether the pool may keep so much. It is charged once for what it keeps again and again, so
 * that streams leave the sum alone, which all processors share. */
static bool charge(struct mtm_pool *pool, uint32_t kept)
{
    if (kept <= pool->charged) return true;
    const size_t more = kept - pool->charged;
    if (mtm_add_rlx(&all_charged, more) + more > MTM_POOLS_MAX / KIB) {
        mtm_add_rlx(&all_charged, (size_t)0 - more);
        return false;
    }
    pool->charged = kept;
    return true;
}

static void discharge(struct mtm_pool *pool, uint32_t most)
{
    most = larger(most, pool->kept);
    if (pool->charged <= most) return;
    mtm_add_rlx(&all_charged, (size_t)0 - (pool->charged - most));
    pool->charged = most;
}

/* What may stay when there are no messages. */
static uint32_t needed_again(const struct mtm_pool *pool)
{
    return larger(MTM_POOL_DRAINED / KIB, pool->second);
}

/* Returns the oldest blocks, so that those which stay have no more than `most`. */
static struct mtm_block *cut(struct mtm_pool *pool, uint32_t most)
{
    struct mtm_block **link = &pool->first;
    uint32_t kept = 0;
    while (*link && kib(weight(*link)) <= most - kept) {
        kept += kib(weight(*link));
        link = &(*link)->link;
    }
    struct mtm_block *rest = *link;
    *link = NULL;
    pool->kept = kept;
    discharge(pool, most);
    return rest;
}

static struct mtm_block *end_burst(struct mtm_pool *pool)
{
    const uint32_t peak = pool->peak;
    pool->out = pool->peak = 0;
    if (peak > pool->highest) {
        pool->second = pool->highest;
        pool->highest = peak;
    } else {
        pool->second = larger(pool->second, peak);
    }
    return cut(pool, needed_again(pool));
}

static bool keep(struct mtm_pool *pool, struct mtm_block *block)
{
    const uint32_t size = kib(weight(block));
    const uint32_t most = larger(MTM_POOL_MAX / KIB, larger(pool->peak, pool->highest));
    if (size > most || pool->kept > most - size || !charge(pool, pool->kept + size))
        return false;
    block->link = pool->first;
    pool->first = block;
    pool->kept += size;
    return true;
}

static struct mtm_block *find(struct mtm_pool *pool, size_t size, size_t inner)
{
    struct mtm_block **link = &pool->first, *block;
    for (int i = 0; i < LOOKS && (block = *link) != NULL; ++i, link = &block->link) {
        if (block->cap < size || weight(block) / 2 > mtm_block_weight(size, inner)) continue;
        *link = block->link;
        pool->kept -= kib(weight(block));
        return block;
    }
    return NULL;
}

/* Everything that changes `kept` or what is needed again ends with this. */
static void unlock(struct mtm_pool *pool, mtm_a32 *unusual)
{
    const bool much = pool->kept > needed_again(pool);
    const bool was = (mtm_load_rlx(unusual) & MTM_UNUSUAL_MUCH) != 0;
    if (much != was) mtm_set_unusual(unusual, MTM_UNUSUAL_MUCH, much);
    mtm_unlock(&pool->lock);
}

/* ---- without ---- */

static void free_blocks(struct mtm_block *block)
{
    while (block) {
        struct mtm_block *next = block->link;
        mtm_block_free(block);
        block = next;
    }
}

struct mtm_block *mtm_pool_take(struct mtm_pool *pool, mtm_a32 *unusual, size_t size)
{
    return mtm_pool_take_with(pool, unusual, size, 0);
}

struct mtm_block *mtm_pool_take_with(struct mtm_pool *pool, mtm_a32 *unusual, size_t size,
                                     size_t inner)
{
    if (!mtm_trylock(&pool->lock)) return NULL;
    struct mtm_block *block = find(pool, size, inner);
    const uint32_t more = kib(block ? weight(block) : mtm_block_weight(size, inner));
    pool->out = more < UINT32_MAX - pool->out ? pool->out + more : UINT32_MAX;
    pool->peak = larger(pool->peak, pool->out);
    unlock(pool, unusual);
    return block;
}

void mtm_pool_give(struct mtm_pool *pool, mtm_a32 *unusual, struct mtm_block *block,
                   bool drained)
{
    struct mtm_block *rest = NULL;
    if (mtm_trylock(&pool->lock)) {
        const uint32_t size = kib(weight(block));
        pool->out = pool->out > size ? pool->out - size : 0;
        if (keep(pool, block)) block = NULL;
        if (drained) rest = end_burst(pool);
        unlock(pool, unusual);
    }
    mtm_block_free(block);
    free_blocks(rest);
}

void mtm_pool_trim(struct mtm_pool *pool, mtm_a32 *unusual)
{
    if (!mtm_trylock(&pool->lock)) return;
    struct mtm_block *rest = end_burst(pool);
    unlock(pool, unusual);
    free_blocks(rest);
}

void mtm_pool_rest(struct mtm_pool *pool, mtm_a32 *unusual, bool all)
{
    if (!mtm_trylock(&pool->lock)) return;
    const bool few = !all && mtm_pools_charged() <= MTM_POOLS_FEW;
    pool->out = pool->peak = pool->highest = pool->second = 0;
    struct mtm_block *rest = cut(pool, few ? MTM_POOL_DRAINED / KIB : 0);
    unlock(pool, unusual);
    free_blocks(rest);
}
