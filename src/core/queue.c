/* Records in a chain of rings: [length][bytes], or [mark and length][pointer to a block].
 * It owns the rings, the blocks that are in them, and the counters; it never allocates or
 * frees. */
#include "core/bound.h"
#include "core/record.h"

#include <stdint.h>

#include "platform/hidden.h"

enum {
    RING_MIN = 256,
    RING_MAX = 128 * 1024 /* rings that come later don't get larger than this */
};

static const uint64_t pointer_flag = (uint64_t)1 << 63;

static size_t next_cap(const struct mtm_queue *queue, size_t need)
{
    const struct mtm_queue_shared *m = &queue->shared;
    size_t cap = queue->tail.segment->cap;
    if (queue->tail.segment == &m->root) {
        cap = m->size;
    } else if (m->grow > 1 && cap < RING_MAX) {
        double grown = (double)cap * m->grow;
        cap = grown < (double)RING_MAX ? (size_t)grown : RING_MAX;
    }
    if (cap > RING_MAX) cap = RING_MAX;
    if (cap < RING_MIN) cap = RING_MIN;
    return cap > need ? cap : need;
}

/* ---- the producers' side ---- */

/* Whether the segment has room for need bytes; looks at the consumers' cache line only if it
 * seems not to. */
static bool has_room(struct mtm_queue *queue, size_t need)
{
    struct mtm_tail *tail = &queue->tail;
    if (MTM_LIKELY(mtm_tail_knows_room(tail, need))) return true;
    MTM_STEP(has_room);
    size_t read =
        mtm_load_acq(&queue->head.read); /* pairs with the release in pop: copied out */
    if ((ptrdiff_t)(read - tail->floor) > 0) tail->floor = read;
    return mtm_tail_knows_room(tail, need);
}

/* The bytes of messages that were put back count, too. */
static bool has_fixed_room(struct mtm_queue *queue, size_t need)
{
    if (!has_room(queue, need)) return false;
    size_t returned = mtm_load_acq(&queue->shared.returned_bytes); /* pairs with put_back */
    if (MTM_LIKELY(returned == 0)) return true;
    size_t used = queue->tail.written - mtm_load_acq(&queue->head.read) + returned;
    return used <= queue->shared.size && need <= queue->shared.size - used;
}

static void link_segment(struct mtm_queue *queue, struct mtm_put_memory *memory)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_segment *fresh = memory->segment;
    memory->segment = NULL;
    MTM_STEP(end_of_a_ring);
    tail->segment->end = tail->written;
    MTM_STEP(link);
    mtm_store_rel(&tail->segment->next, fresh); /* pairs with the acquire in advance */
    MTM_PAUSE();
    if (fresh->cap > MTM_RING_KEPT) mtm_store_rlx(&queue->shared.warm, 1);
    tail->segment = fresh;
    tail->pos = 0;
    tail->floor = tail->written;
}

static bool can_link(struct mtm_queue *queue, size_t need, struct mtm_put_memory *memory)
{
    if (memory->segment && memory->segment->cap >= need) return true;
    memory->need = need;
    memory->cap = next_cap(queue, need);
    return false;
}

static size_t write_long_header(struct mtm_segment *segment, size_t pos, uint64_t length)
{
    unsigned char header[MTM_LONG_HEADER] = {MTM_LONG_MARK};
    memcpy(header + 1, &length, sizeof length);
    return mtm_segment_write(segment, pos, header, sizeof header);
}

static void append_block(struct mtm_tail *tail, struct mtm_block *block)
{
    struct mtm_segment *segment = tail->segment;
    size_t pos = write_long_header(segment, tail->pos, block->size | pointer_flag);
    pos = mtm_segment_write(segment, pos, &block, sizeof(void *));
    mtm_tail_move(tail, pos, MTM_POINTER_RECORD);
    block->link = tail->last_block;
    tail->last_block = block;
    ++tail->blocks_added;
    tail->extra += mtm_record_size(block->size) - MTM_POINTER_RECORD;
}

static void append_bytes(struct mtm_tail *tail, const struct mtm_message *message)
{
    struct mtm_segment *segment = tail->segment;
    size_t pos = tail->pos;
    if (MTM_LIKELY(message->size < MTM_LONG_MARK)) {
        mtm_segment_data(segment)[pos] = (unsigned char)message->size;
        if (++pos == segment->cap) pos = 0;
    } else {
        pos = write_long_header(segment, pos, message->size);
    }
    for (size_t i = 0; i < message->nparts; ++i) {
        MTM_STEP(write);
        pos = mtm_segment_write(segment, pos, message->part[i].ptr, message->part[i].len);
    }
    mtm_tail_move(tail, pos, mtm_record_size(message->size));
}

static void append(struct mtm_queue *queue, const struct mtm_message *message,
                   struct mtm_put_memory *memory)
{
    if (MTM_UNLIKELY(memory->block != NULL)) {
        append_block(&queue->tail, memory->block);
        memory->block = NULL;
    } else {
        append_bytes(&queue->tail, message);
    }
}

static size_t needed(const struct mtm_message *message, const struct mtm_put_memory *memory)
{
    return memory->block ? MTM_POINTER_RECORD : mtm_record_size(message->size);
}

enum mtm_status mtm_queue_put(struct mtm_queue *queue, const struct mtm_message *message,
                              struct mtm_put_memory *memory)
{
    size_t need = needed(message, memory);
    if (MTM_UNLIKELY(mtm_queue_is_bounded(queue)) && !mtm_queue_has_place(queue, message->size))
        return MTM_FULL;
    if (queue->shared.fixed) {
        if (!has_fixed_room(queue, need)) return MTM_FULL;
    } else if (MTM_UNLIKELY(!has_room(queue, need))) {
        if (!can_link(queue, need, memory)) return MTM_GROW;
        link_segment(queue, memory);
    }
    append(queue, message, memory);
    mtm_queue_publish(queue);
    return MTM_OK;
}

/* ---- both sides ---- */

/* What was put back, in order; head lock held. */
static void set_back(struct mtm_queue *queue, struct mtm_block *back)
{
    if (!queue->head.back != !back)
        mtm_set_unusual(&queue->head.unusual, MTM_UNUSUAL_BACK, back != NULL);
    queue->head.back = back;
}

/* Unlinks everything but the last ring, which is empty afterwards; returns how many messages
 * there were. */
static size_t drop_all(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_head *head = &queue->head;
    size_t count = mtm_queue_count_once(queue);
    if (head->segment == &queue->shared.root && head->segment != tail->segment) {
        head->segment = mtm_load_rlx(&head->segment->next);
    }
    trash->segments = head->segment;
    trash->until = head->segment = tail->segment;
    trash->back = head->back;
    trash->blocks = tail->last_block;
    trash->nblocks = tail->blocks_added - head->blocks_popped;
    set_back(queue, NULL);
    head->blocks_popped = tail->blocks_added;
    mtm_store_rel(&head->extra, tail->extra);
    head->popped = head->seen = mtm_load_rlx(&queue->tail.added);
    tail->floor = tail->written;
    tail->pos = head->pos = 0;
    MTM_STEP(drop_all);
    mtm_store_rel(&head->read, tail->written);
    mtm_store_rel(&queue->shared.returned_bytes, 0);
    MTM_STEP(epoch);
    ++head->epoch;
    return count;
}

/* To those who only count, the messages that were there turn into the new one in a single step:
 * one of them counts as replaced, the others as taken. */
enum mtm_status mtm_queue_replace(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory, struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    size_t need = needed(message, memory);
    bool must_link = queue->tail.segment->cap < need;
    if (must_link && !can_link(queue, need, memory)) return MTM_GROW;
    size_t count = drop_all(queue, trash);
    if (must_link) link_segment(queue, memory);
    append(queue, message, memory);
    queue->shared.replaced += count;
    if (count == 0) {
        mtm_queue_publish(queue);
    } else {
        ++queue->shared.replacing;
        --head->popped;
        MTM_STEP(replace);
        mtm_store_rel(&head->taken,
                      mtm_load_rlx(&head->taken) + (count - 1)); /* pairs: count */
    }
    return MTM_OK;
}

/* The last ring goes, too, unless the size was given for it; the queue is empty. */
static void give_up_last(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_segment *last = tail->segment, *root = &queue->shared.root;
    if (last == root || last->keep) return;
    if (!trash->segments) trash->segments = last;
    MTM_STEP(give_up_last);
    trash->until = NULL;
    mtm_store_rlx(&root->next, NULL);
    tail->segment = queue->head.segment = root;
    tail->pos = queue->head.pos = 0;
    tail->floor = tail->written;
}

void mtm_queue_clear(struct mtm_queue *queue, struct mtm_trash *trash)
{
    size_t count = drop_all(queue, trash);
    queue->shared.cleared += count;
    MTM_STEP(clear);
    mtm_store_rel(&queue->head.taken,
                  mtm_load_rlx(&queue->head.taken) + count); /* pairs: count */
    give_up_last(queue, trash);
}

void mtm_queue_shut(struct mtm_queue *queue, struct mtm_trash *trash)
{
    queue->tail.segment->keep = false;
    mtm_queue_clear(queue, trash);
}

bool mtm_queue_cool(struct mtm_queue *queue, struct mtm_trash *trash)
{
    if (mtm_queue_count_once(queue) != 0) return false;
    mtm_store_rlx(&queue->shared.warm, 0);
    if (queue->tail.segment->cap > MTM_RING_KEPT) give_up_last(queue, trash);
    return true;
}

/* ---- the consumers' side ---- */

/* Leaves rings that are read to their end. */
static void advance(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    struct mtm_segment *segment = head->segment, *next;
    while (MTM_UNLIKELY((next = mtm_head_next(head)) != NULL)) {
        MTM_PAUSE();
        head->segment = next;
        head->pos = 0;
        if (segment != &queue->shared.root) {
            mtm_store_rlx(&segment->next, trash->segments);
            trash->segments = segment;
        }
        segment = next;
    }
}

/* May the receiver have it, and where does it go? */
static enum mtm_status fits(const struct mtm_slot *slot, size_t size, bool copied)
{
    if (size > slot->limit) return MTM_TOO_LARGE;
    if (copied && (!slot->carrier || slot->carrier->cap < size)) return MTM_GROW;
    return MTM_OK;
}

static void pop(struct mtm_queue *queue, struct mtm_slot *slot, size_t pos, size_t record)
{
    struct mtm_head *head = &queue->head;
    slot->block->seq = head->popped;
    slot->block->epoch = head->epoch;
    mtm_head_pop(head, pos, record);
}

static enum mtm_status take_bytes(struct mtm_queue *queue, struct mtm_slot *slot, size_t pos,
                                  size_t size)
{
    slot->need = size;
    enum mtm_status status = fits(slot, size, true);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    struct mtm_block *carrier = slot->block = slot->carrier;
    carrier->size = size;
    MTM_STEP(read);
    pos = mtm_segment_read(queue->head.segment, pos, mtm_block_data(carrier), size);
    pop(queue, slot, pos, mtm_record_size(size));
    return MTM_OK;
}

static void pop_block(struct mtm_head *head, size_t size)
{
    size_t extra = mtm_record_size(size) - MTM_POINTER_RECORD;
    ++head->blocks_popped;
    mtm_store_rel(&head->extra, mtm_load_rlx(&head->extra) + extra); /* pairs with bytes */
}

static enum mtm_status take_long(struct mtm_queue *queue, struct mtm_slot *slot, size_t pos)
{
    struct mtm_segment *segment = queue->head.segment;
    uint64_t length;
    pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (!(length & pointer_flag)) return take_bytes(queue, slot, pos, (size_t)length);
    slot->need = (size_t)(length & ~pointer_flag);
    enum mtm_status status = fits(slot, slot->need, false);
    if (status != MTM_OK) return status;
    pos = mtm_segment_read(segment, pos, &slot->block, sizeof(void *));
    pop_block(&queue->head, slot->need);
    pop(queue, slot, pos, MTM_POINTER_RECORD);
    return MTM_OK;
}

/* The first of those that were put back. */
static struct mtm_block *pop_back(struct mtm_queue *queue)
{
    struct mtm_head *head = &queue->head;
    struct mtm_block *block = head->back;
    set_back(queue, block->link);
    size_t bytes = mtm_load_rlx(&queue->shared.returned_bytes) - mtm_record_size(block->size);
    mtm_store_rel(&queue->shared.returned_bytes, bytes); /* pairs with has_fixed_room */
    MTM_STEP(take_back);
    mtm_store_rel(&head->taken, mtm_load_rlx(&head->taken) + 1);
    return block;
}

static enum mtm_status take_back(struct mtm_queue *queue, struct mtm_slot *slot)
{
    struct mtm_head *head = &queue->head;
    slot->need = head->back->size;
    enum mtm_status status = fits(slot, slot->need, false);
    if (status == MTM_OK) slot->block = pop_back(queue);
    return status;
}

/* The record at the beginning of the rings leaves them unread. */
static void drop_record(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    advance(queue, trash);
    struct mtm_segment *segment = head->segment;
    uint64_t length = mtm_segment_data(segment)[head->pos];
    size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0, record;
    if (length == MTM_LONG_MARK) pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (length & pointer_flag) {
        struct mtm_block *block;
        pos = mtm_segment_read(segment, pos, &block, sizeof(void *));
        pop_block(head, block->size);
        block->link = trash->back;
        trash->back = block;
        record = MTM_POINTER_RECORD;
    } else {
        record = mtm_record_size((size_t)length);
        pos = (pos + (size_t)length) % segment->cap;
    }
    mtm_head_pop(head, pos, record);
}

bool mtm_queue_drop_oldest(struct mtm_queue *queue, struct mtm_trash *trash)
{
    if (queue->head.back) {
        struct mtm_block *block = pop_back(queue);
        block->link = trash->back;
        trash->back = block;
    } else {
        if (mtm_queue_is_drained(queue)) return false;
        drop_record(queue, trash);
    }
    ++queue->shared.dropped;
    return true;
}

enum mtm_status mtm_queue_take(struct mtm_queue *queue, struct mtm_slot *slot,
                               struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    if (MTM_UNLIKELY(head->back != NULL)) return take_back(queue, slot);
    if (mtm_queue_is_drained(queue)) return MTM_EMPTY;
    advance(queue, trash);
    struct mtm_segment *segment = head->segment;
    size_t pos = head->pos, size = mtm_segment_data(segment)[pos];
    if (++pos == segment->cap) pos = 0;
    if (MTM_UNLIKELY(size == MTM_LONG_MARK)) return take_long(queue, slot, pos);
    return take_bytes(queue, slot, pos, size);
}

bool mtm_queue_put_back(struct mtm_queue *queue, struct mtm_block *block)
{
    struct mtm_head *head = &queue->head;
    struct mtm_queue_shared *m = &queue->shared;
    MTM_STEP(outdated);
    if (block->epoch != head->epoch) return false;
    struct mtm_block *first = head->back, **link = &first;
    while (*link && (ptrdiff_t)((*link)->seq - block->seq) < 0) link = &(*link)->link;
    block->link = *link;
    *link = block;
    set_back(queue, first);
    size_t bytes = mtm_load_rlx(&m->returned_bytes) + mtm_record_size(block->size);
    mtm_store_rel(&m->returned_bytes, bytes); /* pairs with has_fixed_room */
    MTM_STEP(put_back);
    mtm_store_seq(&m->returned, mtm_load_rlx(&m->returned) + 1); /* pairs with peek */
    return true;
}
