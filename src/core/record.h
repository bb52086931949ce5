/* Records in the rings of a queue: their headers, room for one, and how one gets in and out.
 * Inline, since the fast path and the long way share it; what a record needs from elsewhere
 * (memory, blocks, other rings) is in queue.c. */
#ifndef MTM_CORE_RECORD_H
#define MTM_CORE_RECORD_H

#include "core/queue.h"
#include "core/size.h"

/* In the length of what is no record of so many bytes: */
#define MTM_POINTER_FLAG ((uint64_t)1 << 63) /* a record with a pointer */
#define MTM_KNOCK_FLAG ((uint64_t)1 << 62)   /* a mark, and the record follows: see queue.c */

enum {
    MTM_SHORT_HEADER = 1, /* the length; values of less than MTM_LONG_MARK bytes */
    MTM_LONG_HEADER = 9,  /* MTM_LONG_MARK, and the length in 8 bytes */
    MTM_LONG_MARK = 255,
    MTM_POINTER_RECORD = MTM_LONG_HEADER + (int)sizeof(void *), /* a block has the values */
    MTM_COPIED_MAX = 4096 + 2 * 9 /* bytes of values, a string of 4 KB among others: of what is
                                     larger, moving a pointer is cheaper than copying twice */
};

/* What a message of so many bytes accounts for in a queue: 1 byte of header if they are less
 * than 255, else 9. */
static inline size_t mtm_record_size(size_t size)
{
    return mtm_size_add(size, size < MTM_LONG_MARK ? MTM_SHORT_HEADER : MTM_LONG_HEADER);
}

/* Bytes of the record of a block. Where the accounting decides, it is what the message accounts
 * for: only one with objects is in a block there, and each of these accounts for enough. */
static inline size_t mtm_block_record(const struct mtm_queue *queue, size_t size)
{
    return queue->shared.fixed ? mtm_record_size(size) : (size_t)MTM_POINTER_RECORD;
}

/* pos: behind what has been read or written of a record of a block; behind the whole of it. */
static inline size_t mtm_skip_rest(const struct mtm_segment *segment, size_t pos, size_t record)
{
    MTM_ASSERT(record >= MTM_POINTER_RECORD);
    const size_t rest = record - MTM_POINTER_RECORD, straight = segment->cap - pos;
    return rest < straight ? pos + rest : rest - straight;
}

/* ---- the producers' side; tail lock held ---- */

/* Whether the ring has room for so many bytes, by what is known without asking the consumers'
 * side. */
static inline bool mtm_tail_knows_room(const struct mtm_tail *tail, size_t need)
{
    return need <= tail->segment->cap - (tail->written - tail->floor);
}

/* The same, and looks at the consumers' cache line if it seems not to. */
static inline bool mtm_queue_has_room(struct mtm_queue *queue, size_t need)
{
    struct mtm_tail *tail = &queue->tail;
    if (MTM_LIKELY(mtm_tail_knows_room(tail, need))) return true;
    MTM_STEP(has_room);
    size_t read =
        mtm_load_acq(&queue->head.read); /* pairs with the release in pop: copied out */
    if ((ptrdiff_t)(read - tail->floor) > 0) tail->floor = read;
    return mtm_tail_knows_room(tail, need);
}

/* A record that ends at offset pos has been written. */
static inline void mtm_tail_move(struct mtm_tail *tail, size_t pos, size_t record)
{
    tail->pos = pos;
    tail->written += record;
}

static inline size_t mtm_segment_write_long(struct mtm_segment *segment, size_t pos,
                                            uint64_t length)
{
    unsigned char header[MTM_LONG_HEADER] = {MTM_LONG_MARK};
    memcpy(header + 1, &length, sizeof length);
    return mtm_segment_write(segment, pos, header, sizeof header);
}

/* Writes the message, for which there is room, as a record that may go on at the beginning of
 * the ring. Publish must follow. */
static inline void mtm_tail_append(struct mtm_tail *tail, const struct mtm_message *message)
{
    struct mtm_segment *segment = tail->segment;
    size_t pos = tail->pos;
    if (MTM_LIKELY(message->size < MTM_LONG_MARK)) {
        mtm_segment_data(segment)[pos] = (unsigned char)message->size;
        if (++pos == segment->cap) pos = 0;
    } else {
        pos = mtm_segment_write_long(segment, pos, message->size);
    }
    for (size_t i = 0; i < message->nparts; ++i) {
        MTM_STEP(write);
        pos = mtm_segment_write(segment, pos, message->part[i].ptr, message->part[i].len);
    }
    mtm_tail_move(tail, pos, mtm_record_size(message->size));
}

/* Writes a record of so many bytes, for which there is room, with a block, which is the queue's
 * from then on. Publish must follow. */
static inline void mtm_tail_append_block(struct mtm_tail *tail, struct mtm_block *block,
                                         size_t record)
{
    struct mtm_segment *segment = tail->segment;
    size_t pos = mtm_segment_write_long(segment, tail->pos, block->size | MTM_POINTER_FLAG);
    pos = mtm_segment_write(segment, pos, &block, sizeof(void *));
    mtm_tail_move(tail, mtm_skip_rest(segment, pos, record), record);
    block->link = tail->last_block;
    tail->last_block = block;
    ++tail->blocks_added;
    tail->extra += mtm_record_size(block->size) - record;
}

/* Makes what was written visible to consumers. */
static inline void mtm_queue_publish(struct mtm_queue *queue)
{
    size_t added = mtm_load_rlx(&queue->tail.added) + 1;
    MTM_PAUSE();
    if (queue->shared.ordered) {
        MTM_STEP(publish);
        mtm_store_seq(&queue->tail.added, added); /* pairs with peek and is_drained */
    } else {
        MTM_STEP(publish);
        mtm_store_rel(&queue->tail.added, added); /* pairs with is_drained */
    }
}

/* ---- the consumers' side; head lock held ---- */

/* What was put back, in order. */
static inline void mtm_set_back(struct mtm_queue *queue, struct mtm_block *back)
{
    if (!queue->head.back != !back)
        mtm_set_unusual(&queue->head.unusual, MTM_UNUSUAL_BACK, back != NULL);
    queue->head.back = back;
}

/* Whether the rings hold nothing; looks at the producers' cache line only when all that was
 * seen there is used up. */
static inline bool mtm_queue_is_drained(struct mtm_queue *queue)
{
    struct mtm_head *head = &queue->head;
    if (head->popped != head->seen) return false;
    MTM_STEP(is_drained);
    head->seen = mtm_load_seq(&queue->tail.added); /* pairs with publish */
    return head->popped == head->seen;
}

/* The ring that follows if this one has been read to its end, else NULL. Only after a message
 * has been seen: that one may be the first of the next ring. */
static inline struct mtm_segment *mtm_head_next(const struct mtm_head *head)
{
    MTM_STEP(advance);
    struct mtm_segment *next = mtm_load_acq(&head->segment->next); /* pairs with link_segment */
    if (MTM_LIKELY(!next)) return NULL;
    return mtm_load_rlx(&head->read) == head->segment->end ? next : NULL;
}

/* The record that ends before offset pos leaves the ring. */
static inline void mtm_head_pop(struct mtm_head *head, size_t pos, size_t record)
{
    head->pos = pos;
    ++head->popped;
    MTM_STEP(pop_bytes);
    mtm_store_rel(&head->read, mtm_load_rlx(&head->read) + record); /* pairs with has_room */
    MTM_STEP(pop);
    mtm_store_rel(&head->taken, mtm_load_rlx(&head->taken) + 1); /* pairs with count */
}

/* The same of a record that tells of a block with so many bytes: the block leaves, too. */
static inline void mtm_head_pop_block(struct mtm_head *head, size_t size, size_t record)
{
    const size_t extra = mtm_record_size(size) - record;
    ++head->blocks_popped;
    mtm_store_rel(&head->extra, mtm_load_rlx(&head->extra) + extra); /* pairs with bytes */
}

/* ---- both locks held ---- */

/* What is in the ring, which is the only one, leaves it unread; both sides go on at its
 * beginning, in a new epoch. */
static inline void mtm_queue_begin_anew(struct mtm_queue *queue)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_head *head = &queue->head;
    head->popped = head->seen = mtm_load_rlx(&tail->added);
    tail->floor = tail->written;
    tail->pos = head->pos = 0;
    MTM_STEP(drop_all);
    mtm_store_rel(&head->read, tail->written);
    MTM_STEP(epoch);
    ++head->epoch;
}

/* Makes what was written after that visible, in place of so many messages. To those who only
 * count, these turn into the new one in a single step: one of them counts as replaced, the
 * others as taken. */
static inline void mtm_queue_publish_instead(struct mtm_queue *queue, size_t count)
{
    struct mtm_head *head = &queue->head;
    queue->tallies.replaced += count;
    if (count == 0) {
        mtm_queue_publish(queue);
        return;
    }
    ++queue->tallies.replacing;
    --head->popped;
    MTM_STEP(replace);
    mtm_store_rel(&head->taken, mtm_load_rlx(&head->taken) + (count - 1)); /* pairs: count */
}

#endif
