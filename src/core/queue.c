/* Records in a chain of rings: [length][bytes], or [mark and length][pointer to a block].
 * It owns the rings, the blocks that are in them, and the counters; it never allocates or frees
 * under a lock. */
#include "core/record.h"

#include <stdint.h>

#include "core/alloc.h"

#include "platform/hidden.h"

enum {
    RING_MIN = 256,
    RING_MAX = 128 * 1024 /* rings that come later don't get larger than this */
};

static const uint64_t pointer_flag = (uint64_t)1 << 63;

/* ---- making and freeing ---- */

enum mtm_status mtm_queue_init(struct mtm_queue *queue, size_t size, bool sized, double grow,
                               bool ordered)
{
    struct mtm_queue_shared *m = &queue->shared;
    *queue = (struct mtm_queue){0};
    mtm_store_rlx(&queue->tail.unusual, mtm_generation);
    mtm_store_rlx(&queue->head.unusual, mtm_generation);
    m->size = size;
    m->grow = grow;
    m->fixed = grow <= 0;
    m->sized = sized || m->fixed;
    m->ordered = ordered;
    if (m->fixed) mtm_set_unusual(&queue->tail.unusual, MTM_UNUSUAL_BOUND, true);
    queue->tail.segment = queue->head.segment = &m->root;
    if (!m->sized || size == 0) return MTM_OK;
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

static void append_block(struct mtm_tail *tail, struct mtm_block *block, size_t record)
{
    struct mtm_segment *segment = tail->segment;
    size_t pos = write_long_header(segment, tail->pos, block->size | pointer_flag);
    pos = mtm_segment_write(segment, pos, &block, sizeof(void *));
    pos = mtm_skip_rest(segment, pos, record);
    mtm_tail_move(tail, pos, record);
    block->link = tail->last_block;
    tail->last_block = block;
    ++tail->blocks_added;
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
        if (message->cargo) memory->block->cargo = *message->cargo;
        append_block(&queue->tail, memory->block, mtm_block_record(queue, message->size));
        memory->block = NULL;
    } else {
        append_bytes(&queue->tail, message);
    }
}

static size_t needed(const struct mtm_queue *queue, const struct mtm_message *message,
                     const struct mtm_put_memory *memory)
{
    return memory->block ? mtm_block_record(queue, message->size)
                         : mtm_record_size(message->size);
}

enum mtm_status mtm_queue_put(struct mtm_queue *queue, const struct mtm_message *message,
                              struct mtm_put_memory *memory)
{
    size_t need = needed(queue, message, memory);
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
    size_t need = needed(queue, message, memory);
    bool must_link = queue->tail.segment->cap < need;
    if (must_link && !can_link(queue, need, memory)) return MTM_GROW;
    size_t count = drop_all(queue, trash);
    if (must_link) link_segment(queue, memory);
    append(queue, message, memory);
    if (count == 0) {
        mtm_queue_publish(queue);
    } else {
        --head->popped;
        MTM_STEP(replace);
        mtm_store_rel(&head->taken,
                      mtm_load_rlx(&head->taken) + (count - 1)); /* pairs: count */
    }
    return MTM_OK;
}

void mtm_queue_clear(struct mtm_queue *queue, struct mtm_trash *trash)
{
    size_t count = drop_all(queue, trash);
    MTM_STEP(clear);
    mtm_store_rel(&queue->head.taken,
                  mtm_load_rlx(&queue->head.taken) + count); /* pairs: count */
}

void mtm_queue_shut(struct mtm_queue *queue, struct mtm_trash *trash)
{
    mtm_queue_clear(queue, trash);
    struct mtm_segment *last = queue->tail.segment, *root = &queue->shared.root;
    if (last == root) return;
    last->keep = false;
    MTM_STEP(shut);
    trash->until = NULL; /* the last one, too */
    mtm_store_rlx(&root->next, NULL);
    queue->tail.segment = queue->head.segment = root;
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
    ++queue->head.blocks_popped;
    const size_t record = mtm_block_record(queue, slot->need);
    pop(queue, slot, mtm_skip_rest(segment, pos, record), record);
    return MTM_OK;
}

static enum mtm_status take_back(struct mtm_queue *queue, struct mtm_slot *slot)
{
    struct mtm_head *head = &queue->head;
    struct mtm_block *block = head->back;
    slot->need = block->size;
    enum mtm_status status = fits(slot, block->size, false);
    if (status != MTM_OK) return status;
    slot->block = block;
    set_back(queue, block->link);
    size_t bytes = mtm_load_rlx(&queue->shared.returned_bytes) - mtm_record_size(block->size);
    mtm_store_rel(&queue->shared.returned_bytes, bytes); /* pairs with has_fixed_room */
    MTM_STEP(take_back);
    mtm_store_rel(&head->taken, mtm_load_rlx(&head->taken) + 1);
    return MTM_OK;
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

size_t mtm_queue_count(const struct mtm_queue *queue)
{
    for (;;) {
        MTM_STEP(count_taken);
        size_t taken = mtm_load_acq(&queue->head.taken);
        MTM_STEP(count_returned);
        size_t returned = mtm_load_acq(&queue->shared.returned);
        MTM_STEP(count_added);
        size_t added = mtm_load_acq(&queue->tail.added);
        MTM_STEP(count_taken_again);
        size_t taken_again = mtm_load_acq(&queue->head.taken);
        MTM_STEP(count_returned_again);
        size_t returned_again = mtm_load_acq(&queue->shared.returned);
        if (taken_again == taken && returned_again == returned) return added + returned - taken;
        mtm_plat_relax();
    }
}
