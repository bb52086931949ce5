/* Looking at the first message of a queue by a hold on its block, and taking it afterwards. It
 * owns nothing: the block is the queue's, and its holders'. */
#include "core/held.h"

#include "core/cargo.h"
#include "core/fast_path.h"

#include "platform/hidden.h"

/* Head lock held. The record of a block, which the ring begins with, is read. */
static bool hold_first(const struct mtm_head *head, size_t most, struct mtm_held *held)
{
    struct mtm_segment *segment = head->segment;
    size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0;
    uint64_t length;
    if (mtm_segment_data(segment)[head->pos] != MTM_LONG_MARK) return false;
    pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (!(length & MTM_POINTER_FLAG) || (length & ~MTM_POINTER_FLAG) > most) return false;
    held->end = mtm_segment_read(segment, pos, &held->block, sizeof(void *));
    if (held->block->cargo) return false;
    mtm_block_retain(held->block);
    held->seq = head->popped;
    held->epoch = head->epoch;
    return true;
}

bool mtm_held_look(struct mtm_buffer *buffer, size_t most, struct mtm_held *held)
{
    struct mtm_queue *queue = &buffer->queue;
    struct mtm_head *head = &queue->head;
    if (queue->shared.fixed || !mtm_lock_if_free(&head->lock)) return false;
    const bool found = mtm_fast_has_record(queue, 0) && hold_first(head, most, held);
    mtm_unlock(&head->lock);
    return found;
}

/* Head lock held. */
static void pop(struct mtm_head *head, size_t size, size_t end)
{
    mtm_head_pop_block(head, size, MTM_POINTER_RECORD);
    mtm_head_pop(head, end, MTM_POINTER_RECORD);
}

bool mtm_held_take(struct mtm_buffer *buffer, const struct mtm_held *held)
{
    struct mtm_head *head = &buffer->queue.head;
    bool same = false;
    MTM_PAUSE();
    if (mtm_lock_if_free(&head->lock)) {
        same = mtm_fast_is_still_first(head, held->seq, held->epoch);
        if (MTM_LIKELY(same)) pop(head, held->block->size, held->end);
        mtm_unlock(&head->lock);
    }
    mtm_block_free(held->block);
    if (MTM_LIKELY(same)) mtm_buffer_recycle(buffer, held->block);
    return same;
}

struct mtm_block *mtm_laden_take(struct mtm_buffer *buffer, const struct mtm_peeked *peeked)
{
    struct mtm_head *head = &buffer->queue.head;
    MTM_PAUSE();
    if (!mtm_lock_if_free(&head->lock)) return NULL;
    const bool same = mtm_fast_is_still_first(head, peeked->seq, peeked->epoch);
    if (MTM_LIKELY(same)) {
        pop(head, peeked->size, peeked->end);
        mtm_bearer_take_up(&peeked->laden->cargo->bearer);
    }
    mtm_unlock(&head->lock);
    return same ? peeked->laden : NULL;
}
