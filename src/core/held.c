/* Looking at the first message of a queue by a hold on its block, or a copy of its bytes, and
 * taking it afterwards. It owns nothing: the block is the queue's, and its holders'. */
#include "core/held.h"

#include <string.h>

#include "core/cargo.h"
#include "core/fast_path.h"

#include "platform/hidden.h"

/* Head lock held. The record of a block, which the ring begins with, is read. */
static bool see_first(const struct mtm_head *head, size_t most, bool laden,
                      struct mtm_held *held)
{
    struct mtm_segment *segment = head->segment;
    size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0;
    uint64_t length;
    if (mtm_segment_data(segment)[head->pos] != MTM_LONG_MARK) return false;
    pos = mtm_segment_read(segment, pos, &length, sizeof length);
    held->size = (size_t)(length & ~MTM_POINTER_FLAG);
    if (!(length & MTM_POINTER_FLAG) || held->size > most) return false;
    held->end = mtm_segment_read(segment, pos, &held->block, sizeof(void *));
    held->seq = head->popped;
    held->epoch = head->epoch;
    return (held->block->cargo != NULL) == laden;
}

/* to: where it is copied; NULL: it is held, and has no objects. A fixed buffer has records that
 * are longer than an address. */
static bool look(struct mtm_buffer *buffer, unsigned char *to, size_t most,
                 struct mtm_held *held)
{
    struct mtm_queue *queue = &buffer->queue;
    struct mtm_head *head = &queue->head;
    if (queue->shared.fixed || !mtm_lock_if_free(&head->lock)) return false;
    const bool found = mtm_fast_has_record(queue, 0) && see_first(head, most, to != NULL, held);
    if (found && to) memcpy(to, mtm_block_data(held->block), held->size);
    if (found && !to) mtm_block_retain(held->block);
    mtm_unlock(&head->lock);
    return found;
}

/* Pops the record, if it is still first: the block is the caller's, with its references in
 * hand. */
static bool take(struct mtm_buffer *buffer, const struct mtm_held *held)
{
    struct mtm_head *head = &buffer->queue.head;
    MTM_PAUSE();
    if (!mtm_lock_if_free(&head->lock)) return false;
    const bool same = mtm_fast_is_still_first(head, held->seq, held->epoch);
    if (MTM_LIKELY(same)) {
        mtm_head_pop_block(head, held->size, MTM_POINTER_RECORD);
        mtm_head_pop(head, held->end, MTM_POINTER_RECORD);
        if (held->block->cargo) mtm_bearer_take_up(&held->block->cargo->bearer);
    }
    mtm_unlock(&head->lock);
    return same;
}

bool mtm_held_look(struct mtm_buffer *buffer, size_t most, struct mtm_held *held)
{
    return look(buffer, NULL, most, held);
}

bool mtm_held_take(struct mtm_buffer *buffer, const struct mtm_held *held)
{
    const bool taken = take(buffer, held);
    mtm_block_free(held->block);
    if (MTM_LIKELY(taken)) mtm_buffer_recycle(buffer, held->block);
    return taken;
}

bool mtm_laden_look(struct mtm_buffer *buffer, unsigned char *to, size_t most,
                    struct mtm_held *held)
{
    return look(buffer, to, most, held);
}

struct mtm_block *mtm_laden_take(struct mtm_buffer *buffer, const struct mtm_held *held)
{
    return take(buffer, held) ? held->block : NULL;
}
