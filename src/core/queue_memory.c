/* The memory of a queue: rings and blocks that are kept for later, what a put needs beyond the
 * ring it is at, and what the queue gives up. No lock is held in here: the places where things
 * are kept are atomic. */
#include "core/queue.h"

#include "core/alloc.h"

enum {
    LARGE = 4096, /* from here on, moving a pointer is cheaper than copying twice */
    BLOCK_CACHE_MAX = 256 * 1024 /* a drained queue keeps less than 1 MB */
};

/* ---- kept for later ---- */

/* The ring becomes the spare one, or is freed. One that must be kept drives out one that need
 * not. */
static void retire(struct mtm_queue *queue, struct mtm_segment *segment)
{
    mtm_store_rlx(&segment->next, NULL);
    for (;;) {
        /* acq_rel: pairs with itself and the swap in take_spare */
        /* model: retire */
        struct mtm_segment *old = mtm_swap_acq_rel(&queue->middle.spare, segment);
        if (!old || !old->keep) {
            mtm_free(old);
            return;
        }
        segment = old;
    }
}

static struct mtm_segment *take_spare(struct mtm_queue *queue, size_t need)
{
    struct mtm_segment *spare =
        mtm_swap_acq_rel(&queue->middle.spare, NULL); /* pairs: retire; model: take spare */
    MTM_PAUSE();
    if (!spare || spare->cap >= need) return spare;
    retire(queue, spare);
    return NULL;
}

/* The latest one first: its memory is the warmest. */
static struct mtm_block *take_cached(struct mtm_queue *queue)
{
    struct mtm_block *block = NULL;
    for (int i = 0; i < MTM_CACHED_BLOCKS && !block; ++i) {
        if (!mtm_load_rlx(&queue->middle.cache[i])) continue;
        block = mtm_swap_acq_rel(&queue->middle.cache[i], NULL); /* pairs with recycle */
    }
    return block;
}

void mtm_queue_recycle(struct mtm_queue *queue, struct mtm_block *block)
{
    if (block && block->cap <= BLOCK_CACHE_MAX && !queue->middle.fixed) {
        for (int i = 0; i < MTM_CACHED_BLOCKS && block; ++i) {
            block =
                mtm_swap_acq_rel(&queue->middle.cache[i], block); /* pairs with take_cached */
        }
    }
    mtm_block_free(block);
}

void mtm_queue_empty_trash(struct mtm_queue *queue, struct mtm_trash *trash)
{
    while (trash->segments != trash->until) {
        struct mtm_segment *segment = trash->segments;
        trash->segments = mtm_load_rlx(&segment->next);
        retire(queue, segment);
    }
    mtm_block_free_list(trash->blocks, trash->nblocks);
    while (trash->back) {
        struct mtm_block *block = trash->back;
        trash->back = block->link;
        mtm_block_free(block);
    }
    *trash = (struct mtm_trash){0};
}

void mtm_queue_drop_caches(struct mtm_queue *queue)
{
    /* model: drop spare */
    mtm_free(mtm_swap_acq_rel(&queue->middle.spare, NULL)); /* pairs with retire */
    for (int i = 0; i < MTM_CACHED_BLOCKS; ++i) {
        mtm_block_free(
            mtm_swap_acq_rel(&queue->middle.cache[i], NULL)); /* pairs with recycle */
    }
}

/* ---- what a put needs ---- */

static bool make_block(struct mtm_queue *queue, const struct mtm_message *message,
                       struct mtm_supply *supply)
{
    supply->block = mtm_message_to_block(message, take_cached(queue));
    return supply->block != NULL;
}

enum mtm_status mtm_queue_prepare(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_supply *supply)
{
    if (queue->middle.fixed) {
        return mtm_record_size(message->size) > queue->middle.size ? MTM_TOO_LARGE : MTM_OK;
    }
    if (MTM_LIKELY(message->size <= LARGE) || queue->middle.sized) return MTM_OK;
    return make_block(queue, message, supply) ? MTM_OK : MTM_NOMEM;
}

enum mtm_status mtm_queue_supply(struct mtm_queue *queue, const struct mtm_message *message,
                                 struct mtm_supply *supply)
{
    mtm_free(supply->segment);
    supply->segment = take_spare(queue, supply->need);
    if (supply->segment) return MTM_OK;
    if (message->size > LARGE && !supply->block) {
        return make_block(queue, message, supply) ? MTM_OK : MTM_NOMEM;
    }
    supply->segment = mtm_segment_new(supply->cap);
    if (!supply->segment) supply->segment = mtm_segment_new(supply->need);
    return supply->segment ? MTM_OK : MTM_NOMEM;
}

void mtm_queue_supply_fini(struct mtm_queue *queue, struct mtm_supply *supply)
{
    if (MTM_UNLIKELY(supply->segment != NULL)) retire(queue, supply->segment);
    if (MTM_UNLIKELY(supply->block != NULL)) mtm_queue_recycle(queue, supply->block);
}
