/* The memory of a queue: making and freeing it, rings and blocks that are kept for later, what
 * a put needs beyond the ring it is at, and what the queue gives up. No lock is held by its
 * callers: the place of the spare ring is atomic, and the pool of blocks has a lock of its
 * own. */
#include "core/bound.h"
#include "core/record.h"

#include "core/alloc.h"

#include "platform/hidden.h"

/* ---- making and freeing ---- */

enum mtm_status mtm_queue_init(struct mtm_queue *queue, size_t size, bool sized, double grow,
                               bool ordered)
{
    struct mtm_queue_shared *shared = &queue->shared;
    *queue = (struct mtm_queue){0};
    mtm_store_rlx(&queue->tail.unusual, mtm_generation);
    mtm_store_rlx(&queue->head.unusual, mtm_generation);
    shared->size = size;
    shared->grow = grow;
    shared->fixed = grow <= 0;
    shared->sized = sized || shared->fixed;
    shared->ordered = ordered;
    shared->limit = shared->maxbytes = SIZE_MAX;
    if (shared->fixed) mtm_set_unusual(&queue->tail.unusual, MTM_UNUSUAL_BOUND, true);
    queue->tail.segment = queue->head.segment = &shared->root;
    if (!shared->sized || size == 0) return MTM_OK;
    struct mtm_segment *first = mtm_segment_new(size);
    if (!first) return MTM_NOMEM;
    first->keep = true;
    queue->tail.segment = queue->head.segment = first;
    return MTM_OK;
}

static void free_segments(struct mtm_queue *queue, struct mtm_segment *segment)
{
    while (segment) {
        struct mtm_segment *next = mtm_load_rlx(&segment->next);
        if (segment != &queue->shared.root) mtm_free(segment);
        segment = next;
    }
}

void mtm_queue_fini(struct mtm_queue *queue)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_head *head = &queue->head;
    mtm_queue_drop_caches(queue);
    free_segments(queue, head->segment);
    mtm_block_free_list(tail->last_block, tail->blocks_added - head->blocks_popped);
    while (head->back) {
        struct mtm_block *block = head->back;
        head->back = block->link;
        mtm_block_free(block);
    }
}

/* ---- kept for later ---- */

static void set_warm(struct mtm_queue *queue)
{
    if (!mtm_queue_is_warm(queue)) mtm_store_rlx(&queue->shared.warm, 1);
}

/* The ring becomes the spare one, or is freed. One that must be kept drives out one that need
 * not. */
static void retire(struct mtm_queue *queue, struct mtm_segment *segment)
{
    mtm_store_rlx(&segment->next, NULL);
    for (;;) {
        const bool keep = segment->keep; /* it is not ours any more after the swap */
        /* acq_rel: pairs with itself and the swap in take_spare */
        MTM_STEP(retire);
        struct mtm_segment *old = mtm_swap_acq_rel(&queue->shared.spare, segment);
        if (!old || !old->keep) {
            mtm_free(old);
            if (!keep) set_warm(queue);
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

void mtm_queue_recycle(struct mtm_queue *queue, struct mtm_block *block)
{
    if (!block) return;
    /* asked once: what others hold now they may have let go of a moment later */
    if (queue->shared.fixed || block->cap <= MTM_COPIED_MAX || mtm_block_is_shared(block)) {
        mtm_block_free(block);
        return;
    }
    if (MTM_UNLIKELY(block->cargo != NULL)) mtm_block_unload(block);
    mtm_pool_give(&queue->shared.pool, &queue->head.unusual, block,
                  mtm_queue_count_once(queue) == 0);
    set_warm(queue);
}

void mtm_queue_trim(struct mtm_queue *queue)
{
    if (mtm_queue_count_once(queue) == 0)
        mtm_pool_trim(&queue->shared.pool, &queue->head.unusual);
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
    while (trash->back) {
        struct mtm_block *next = trash->back->link;
        mtm_block_free(trash->back);
        trash->back = next;
    }
    *trash = (struct mtm_trash){0};
    mtm_queue_trim_if_drained(queue);
}

/* Not the ring that the size was given for. */
static void drop_spare(struct mtm_queue *queue)
{
    MTM_STEP(drop_spare);
    struct mtm_segment *spare =
        mtm_swap_acq_rel(&queue->shared.spare, NULL); /* pairs with retire */
    if (spare && spare->keep) retire(queue, spare);
    else mtm_free(spare);
}

/* What another thread has at this moment, or puts there now, marks the queue as warm again. */
void mtm_queue_rest(struct mtm_queue *queue)
{
    struct mtm_trash trash = {0};
    if (!mtm_trylock(&queue->tail.lock)) return;
    bool cool = mtm_trylock(&queue->head.lock);
    if (cool) {
        cool = mtm_queue_cool(queue, &trash);
        mtm_unlock(&queue->head.lock);
    }
    mtm_unlock(&queue->tail.lock);
    if (!cool) return;
    mtm_free(trash.segments); /* the last one is the only one */
    drop_spare(queue);
    mtm_pool_rest(&queue->shared.pool, &queue->head.unusual, false);
}

void mtm_queue_drop_spares(struct mtm_queue *queue)
{
    drop_spare(queue);
    mtm_pool_rest(&queue->shared.pool, &queue->head.unusual, true);
}

void mtm_queue_drop_caches(struct mtm_queue *queue)
{
    mtm_free(mtm_swap_acq_rel(&queue->shared.spare, NULL)); /* pairs with retire */
    mtm_pool_rest(&queue->shared.pool, &queue->head.unusual, true);
}

/* ---- what a put needs ---- */

static bool make_block(struct mtm_queue *queue, const struct mtm_message *message,
                       struct mtm_put_memory *memory)
{
    if (message->stored) {
        memory->block = mtm_block_refer(message->stored);
    } else {
        struct mtm_block *old = NULL;
        if (message->size > MTM_COPIED_MAX)
            old = mtm_pool_take(&queue->shared.pool, &queue->head.unusual, message->size);
        memory->block = mtm_message_to_block(message, old);
    }
    return memory->block != NULL;
}

enum mtm_status mtm_queue_prepare(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory)
{
    if (mtm_record_size(message->size) > mtm_queue_most_bytes(queue)) return MTM_TOO_LARGE;
    if (MTM_UNLIKELY(mtm_message_has_cargo(message)))
        return make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
    if (queue->shared.fixed) return MTM_OK;
    if (MTM_LIKELY(message->size <= MTM_COPIED_MAX) || queue->shared.sized) return MTM_OK;
    return make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
}

/* A ring for it as it is, or a block for where a ring of fixed size is full. */
enum mtm_status mtm_queue_reserve(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory)
{
    if (!queue->shared.fixed) {
        memory->need = mtm_size_add(mtm_record_size(message->size), MTM_LONG_HEADER);
        if (memory->block) memory->need = MTM_POINTER_RECORD + MTM_LONG_HEADER; /* and a mark */
        memory->cap = memory->need > MTM_RING_KEPT ? memory->need : MTM_RING_KEPT;
        memory->segment = mtm_segment_new(memory->cap);
        return memory->segment ? MTM_OK : MTM_NOMEM;
    }
    return memory->block || make_block(queue, message, memory) ? MTM_OK : MTM_NOMEM;
}

enum mtm_status mtm_queue_get_memory(struct mtm_queue *queue, const struct mtm_message *message,
                                     struct mtm_put_memory *memory)
{
    mtm_free(memory->segment);
    memory->segment = take_spare(queue, memory->need);
    if (memory->segment) return MTM_OK;
    if (message->size > MTM_COPIED_MAX && !memory->block) {
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
