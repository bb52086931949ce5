/* The memory of a queue: rings and blocks that are kept for later, what a put needs beyond the
 * ring it is at, and what the queue gives up. No lock is held by its callers: the place of the
 * spare ring is atomic, and the pool of blocks has a lock of its own. */
#include "core/record.h"

#include "core/alloc.h"

#include "platform/hidden.h"

enum {
    LARGE = 4096,  /* from here on, moving a pointer is cheaper than copying twice */
    POOL_LOOKS = 4 /* blocks that a put looks at before it asks for memory */
};

/* ---- kept for later ---- */

/* The ring becomes the spare one, or is freed. One that must be kept drives out one that need
 * not. */
static void retire(struct mtm_queue *queue, struct mtm_segment *segment)
{
    mtm_store_rlx(&segment->next, NULL);
    for (;;) {
        /* acq_rel: pairs with itself and the swap in take_spare */
        MTM_STEP(retire);
        struct mtm_segment *old = mtm_swap_acq_rel(&queue->shared.spare, segment);
        if (!old || !old->keep) {
            mtm_free(old);
            return;
        }
        segment = old;
    }
}

static struct mtm_segment *take_spare(struct mtm_queue *queue, size_t need)
{
    MTM_STEP(take_spare);
    struct mtm_segment *spare =
        mtm_swap_acq_rel(&queue->shared.spare, NULL); /* pairs: retire */
    MTM_PAUSE();
    if (!spare || spare->cap >= need) return spare;
    retire(queue, spare);
    return NULL;
}

/* ---- the pool ----
 *
 * Blocks that came back, the latest first, as its memory is the warmest. Its lock is the
 * innermost: who takes it holds no other, and calls and takes nothing while it is held. It is
 * only tried: who does not get it does without the pool, so nobody ever waits for it, and the
 * hundred steps of `cut` are nobody's delay. */

/* Pool lock held, as for the next two. */
static void resize_pool(struct mtm_queue *queue, size_t bytes)
{
    const bool much = bytes > MTM_POOL_DRAINED,
               was = queue->shared.pool_bytes > MTM_POOL_DRAINED;
    queue->shared.pool_bytes = bytes;
    if (much != was) mtm_set_unusual(&queue->head.unusual, MTM_UNUSUAL_MUCH, much);
}

/* Returns the oldest blocks, so that those which stay have room for at most so many bytes. */
static struct mtm_block *cut(struct mtm_queue *queue, size_t most)
{
    struct mtm_queue_shared *m = &queue->shared;
    struct mtm_block **link = &m->pool;
    size_t kept = 0;
    while (*link && (*link)->cap <= most - kept) {
        kept += (*link)->cap;
        link = &(*link)->link;
    }
    struct mtm_block *rest = *link;
    *link = NULL;
    resize_pool(queue, kept);
    return rest;
}

/* A queue without messages keeps less: with its rings, less than 1 MB. */
static struct mtm_block *cut_excess(struct mtm_queue *queue)
{
    if (queue->shared.pool_bytes <= MTM_POOL_DRAINED) return NULL;
    return mtm_queue_count_once(queue) ? NULL : cut(queue, MTM_POOL_DRAINED);
}

static void free_blocks(struct mtm_block *block)
{
    while (block) {
        struct mtm_block *next = block->link;
        mtm_block_free(block);
        block = next;
    }
}

/* One that is large enough, and not much too large; or NULL. */
static struct mtm_block *take_pooled(struct mtm_queue *queue, size_t size)
{
    struct mtm_queue_shared *m = &queue->shared;
    struct mtm_block **link = &m->pool, *block = NULL;
    if (!mtm_trylock(&m->pool_lock)) return NULL;
    for (int i = 0; i < POOL_LOOKS && (block = *link) != NULL; ++i, link = &block->link) {
        if (block->cap < size || block->cap / 2 > size) continue;
        *link = block->link;
        resize_pool(queue, m->pool_bytes - block->cap);
        mtm_unlock(&m->pool_lock);
        return block;
    }
    mtm_unlock(&m->pool_lock);
    return NULL;
}

void mtm_queue_recycle(struct mtm_queue *queue, struct mtm_block *block)
{
    struct mtm_queue_shared *m = &queue->shared;
    struct mtm_block *rest = NULL;
    if (!block) return;
    if (MTM_UNLIKELY(block->cargo != NULL)) mtm_block_unload(block);
    if (!m->fixed && block->cap > LARGE && mtm_trylock(&m->pool_lock)) {
        if (block->cap <= MTM_POOL_MAX - m->pool_bytes) {
            block->link = m->pool;
            m->pool = block;
            resize_pool(queue, m->pool_bytes + block->cap);
            block = NULL;
        }
        rest = cut_excess(queue);
        mtm_unlock(&m->pool_lock);
    }
    mtm_block_free(block);
    free_blocks(rest);
}

void mtm_queue_trim(struct mtm_queue *queue)
{
    if (!mtm_trylock(&queue->shared.pool_lock)) return;
    struct mtm_block *excess = cut_excess(queue);
    mtm_unlock(&queue->shared.pool_lock);
    free_blocks(excess);
}

/* ---- given up ---- */

void mtm_queue_empty_trash(struct mtm_queue *queue, struct mtm_trash *trash)
{
    while (trash->segments != trash->until) {
        struct mtm_segment *segment = trash->segments;
        trash->segments = mtm_load_rlx(&segment->next);
        retire(queue, segment);
    }
    mtm_block_free_list(trash->blocks, trash->nblocks);
    free_blocks(trash->back);
    *trash = (struct mtm_trash){0};
    mtm_queue_trim_if_drained(queue);
}

/* Where somebody has the pool at this moment, it stays: small, if there are no messages. */
void mtm_queue_drop_caches(struct mtm_queue *queue)
{
    struct mtm_queue_shared *m = &queue->shared;
    MTM_STEP(drop_spare);
    mtm_free(mtm_swap_acq_rel(&m->spare, NULL)); /* pairs with retire */
    if (!mtm_trylock(&m->pool_lock)) return;
    struct mtm_block *all = cut(queue, 0);
    mtm_unlock(&m->pool_lock);
    free_blocks(all);
}

/* ---- what a put needs ---- */

static bool make_block(struct mtm_queue *queue, const struct mtm_message *message,
                       struct mtm_put_memory *memory)
{
    memory->block = mtm_message_to_block(message, take_pooled(queue, message->size));
    return memory->block != NULL;
}

enum mtm_status mtm_queue_prepare(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory)
{
    if (queue->shared.fixed) {
        if (mtm_record_size(message->size) > queue->shared.size) return MTM_TOO_LARGE;
        if (MTM_LIKELY(!message->cargo)) return MTM_OK;
    }
    if (MTM_UNLIKELY(message->cargo != NULL)) {
        return make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
    }
    if (MTM_LIKELY(message->size <= LARGE) || queue->shared.sized) return MTM_OK;
    return make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
}

enum mtm_status mtm_queue_get_memory(struct mtm_queue *queue, const struct mtm_message *message,
                                     struct mtm_put_memory *memory)
{
    mtm_free(memory->segment);
    memory->segment = take_spare(queue, memory->need);
    if (memory->segment) return MTM_OK;
    if (message->size > LARGE && !memory->block) {
        return make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
    }
    memory->segment = mtm_segment_new(memory->cap);
    if (!memory->segment) memory->segment = mtm_segment_new(memory->need);
    return memory->segment ? MTM_OK : MTM_NOMEM;
}

void mtm_queue_free_memory(struct mtm_queue *queue, struct mtm_put_memory *memory)
{
    if (MTM_UNLIKELY(memory->segment != NULL)) retire(queue, memory->segment);
    if (MTM_UNLIKELY(memory->block != NULL)) mtm_queue_recycle(queue, memory->block);
}
