/* The consumers' side of a queue: messages are taken, looked at, dropped, and put back. It owns
 * what is in the rings and was put back, until it is taken. */
#include "core/bound.h"
#include "core/record.h"

#include "platform/hidden.h"

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

/* Whether what was put back comes before what is in the rings: always, but for messages that
 * were put past the bounds of a full ring. */
static bool back_is_first(const struct mtm_head *head)
{
    return head->back && (ptrdiff_t)(head->back->seq - head->popped) <= 0;
}

/* Such a message comes after the knocks that are there, as it has no record to be marked. */
static bool was_put_anyway(const struct mtm_block *back)
{
    return back->rank != MTM_RANK_RECORD && back->rank != MTM_RANK_KNOCK;
}

/* ---- knocks ---- */

/* Where the limit leaves room for less, knocks are one with the messages that are there. */
static size_t knocks_that_count(const struct mtm_queue *queue, struct mtm_knocks *knocks)
{
    const size_t come = mtm_knocks_come(knocks), taken = mtm_load_rlx(&knocks->taken);
    if (MTM_LIKELY(queue->shared.limit == SIZE_MAX)) return come - taken;
    const size_t count =
        mtm_queue_knocks_within(queue, mtm_queue_count_stored(queue), come - taken);
    if (count == come - taken) return count;
    knocks->merged += come - taken - count;
    mtm_store_rel(&knocks->taken, come - count); /* pairs with mtm_queue_knocks */
    return count;
}

/* The rings begin with MTM_LONG_MARK. Whether that is a mark of knocks some of which are still
 * to be taken; if all are, the mark is left behind. */
static bool knock_is_first(struct mtm_queue *queue)
{
    struct mtm_head *head = &queue->head;
    struct mtm_segment *segment = head->segment;
    uint64_t length;
    size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0;
    pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (!(length & MTM_KNOCK_FLAG)) return false;
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    const size_t told = (size_t)(length & ~MTM_KNOCK_FLAG);
    if (knocks_that_count(queue, knocks) != 0 &&
        (ptrdiff_t)(told - mtm_load_rlx(&knocks->taken)) > 0)
        return true;
    head->pos = pos;
    MTM_STEP(pass_the_mark);
    mtm_store_rel(&head->read, mtm_load_rlx(&head->read) + MTM_LONG_HEADER); /* has_room */
    mtm_store_rel(&head->extra, mtm_load_rlx(&head->extra) - MTM_LONG_HEADER);
    return false;
}

static bool has_knocks(const struct mtm_queue *queue)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    return MTM_UNLIKELY(knocks != NULL) && knocks_that_count(queue, knocks) != 0;
}

/* It needs no bytes; the carrier has none, either. */
static enum mtm_status copy_knock(struct mtm_queue *queue, struct mtm_slot *slot)
{
    slot->need = 0;
    if (!slot->carrier) return MTM_GROW;
    slot->block = slot->carrier;
    slot->block->size = 0;
    slot->block->seq = queue->head.popped;
    slot->block->rank = MTM_RANK_KNOCK;
    slot->block->epoch = queue->head.epoch;
    return MTM_OK;
}

static void pop_knock(struct mtm_queue *queue)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    MTM_STEP(take_knock);
    mtm_store_rel(&knocks->taken, mtm_load_rlx(&knocks->taken) + 1); /* mtm_queue_knocks */
}

static enum mtm_status take_knock(struct mtm_queue *queue, struct mtm_slot *slot)
{
    enum mtm_status status = copy_knock(queue, slot);
    if (status == MTM_OK) pop_knock(queue);
    return status;
}

/* ---- records ---- */

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
    slot->block->rank = MTM_RANK_RECORD;
    slot->block->epoch = head->epoch;
    mtm_head_pop(head, pos, record);
}

static inline enum mtm_status copy_bytes(struct mtm_queue *queue, struct mtm_slot *slot,
                                         size_t pos, size_t size)
{
    slot->need = size;
    enum mtm_status status = fits(slot, size, true);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    struct mtm_block *carrier = slot->block = slot->carrier;
    carrier->size = size;
    MTM_STEP(read);
    mtm_segment_read(queue->head.segment, pos, mtm_block_data(carrier), size);
    return MTM_OK;
}

static enum mtm_status take_bytes(struct mtm_queue *queue, struct mtm_slot *slot, size_t pos,
                                  size_t size)
{
    enum mtm_status status = copy_bytes(queue, slot, pos, size);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    const size_t cap = queue->head.segment->cap, end = pos + size;
    pop(queue, slot, end < cap ? end : end - cap, mtm_record_size(size));
    return MTM_OK;
}

static enum mtm_status take_long(struct mtm_queue *queue, struct mtm_slot *slot, size_t pos)
{
    struct mtm_segment *segment = queue->head.segment;
    uint64_t length;
    pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (!(length & MTM_POINTER_FLAG)) return take_bytes(queue, slot, pos, (size_t)length);
    slot->need = (size_t)(length & ~MTM_POINTER_FLAG);
    enum mtm_status status = fits(slot, slot->need, false);
    if (status != MTM_OK) return status;
    pos = mtm_segment_read(segment, pos, &slot->block, sizeof(void *));
    const size_t record = mtm_block_record(queue, slot->need);
    mtm_head_pop_block(&queue->head, slot->need, record);
    pop(queue, slot, mtm_skip_rest(segment, pos, record), record);
    return MTM_OK;
}

/* The first of those that were put back. */
static struct mtm_block *pop_back(struct mtm_queue *queue)
{
    struct mtm_head *head = &queue->head;
    struct mtm_block *block = head->back;
    mtm_set_back(queue, block->link);
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

/* Of what kind the first message is: RECORD: it is where the rings begin. Without a mark a
 * knock has its turn when the rings are empty, and found to be so after it was counted: else
 * something that was put before it may be there by now. */
enum first { NOTHING, BACK, KNOCK, RECORD };

static inline enum first find_first(struct mtm_queue *queue, struct mtm_trash *trash)
{
    const struct mtm_head *head = &queue->head;
    if (MTM_UNLIKELY(back_is_first(head)))
        return was_put_anyway(head->back) && has_knocks(queue) ? KNOCK : BACK;
    if (mtm_queue_is_drained(queue)) {
        if (!has_knocks(queue)) return NOTHING;
        if (mtm_queue_is_drained(queue)) return KNOCK;
    }
    advance(queue, trash);
    if (MTM_LIKELY(mtm_segment_data(head->segment)[head->pos] != MTM_LONG_MARK)) return RECORD;
    return knock_is_first(queue) ? KNOCK : RECORD;
}

/* The record at the beginning of the rings leaves them unread. */
static void drop_record(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    struct mtm_segment *segment = head->segment;
    uint64_t length = mtm_segment_data(segment)[head->pos];
    size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0, record;
    if (length == MTM_LONG_MARK) pos = mtm_segment_read(segment, pos, &length, sizeof length);
    if (length & MTM_POINTER_FLAG) {
        struct mtm_block *block;
        pos = mtm_segment_read(segment, pos, &block, sizeof(void *));
        record = mtm_block_record(queue, block->size);
        pos = mtm_skip_rest(segment, pos, record);
        mtm_head_pop_block(head, block->size, record);
        block->link = trash->back;
        trash->back = block;
    } else {
        record = mtm_record_size((size_t)length);
        pos = (pos + (size_t)length) % segment->cap;
    }
    mtm_head_pop(head, pos, record);
}

bool mtm_queue_drop_oldest(struct mtm_queue *queue, struct mtm_trash *trash)
{
    const enum first first = find_first(queue, trash);
    if (first == NOTHING) return false;
    if (first == BACK) {
        struct mtm_block *block = pop_back(queue);
        block->link = trash->back;
        trash->back = block;
    } else if (first == KNOCK) {
        pop_knock(queue);
    } else {
        drop_record(queue, trash);
    }
    ++queue->tallies.dropped;
    return true;
}

static enum mtm_status take_other(struct mtm_queue *queue, struct mtm_slot *slot,
                                  enum first first)
{
    if (first == BACK) return take_back(queue, slot);
    return first == KNOCK ? take_knock(queue, slot) : MTM_EMPTY;
}

enum mtm_status mtm_queue_take(struct mtm_queue *queue, struct mtm_slot *slot,
                               struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    const enum first first = find_first(queue, trash);
    if (MTM_UNLIKELY(first != RECORD)) return take_other(queue, slot, first);
    struct mtm_segment *segment = head->segment;
    size_t pos = head->pos, size = mtm_segment_data(segment)[pos];
    if (++pos == segment->cap) pos = 0;
    if (MTM_UNLIKELY(size == MTM_LONG_MARK)) return take_long(queue, slot, pos);
    return take_bytes(queue, slot, pos, size);
}

/* A block is held, bytes are copied. */
enum mtm_status mtm_queue_peek(struct mtm_queue *queue, struct mtm_slot *slot,
                               struct mtm_trash *trash)
{
    struct mtm_head *head = &queue->head;
    struct mtm_block *block = head->back;
    const enum first first = find_first(queue, trash);
    if (first == NOTHING) return MTM_EMPTY;
    if (first == KNOCK) return copy_knock(queue, slot);
    if (first == RECORD) {
        struct mtm_segment *segment = head->segment;
        uint64_t length = mtm_segment_data(segment)[head->pos];
        size_t pos = head->pos + 1 < segment->cap ? head->pos + 1 : 0;
        if (length == MTM_LONG_MARK)
            pos = mtm_segment_read(segment, pos, &length, sizeof length);
        if (!(length & MTM_POINTER_FLAG)) return copy_bytes(queue, slot, pos, (size_t)length);
        mtm_segment_read(segment, pos, &block, sizeof(void *));
    }
    slot->need = block->size;
    enum mtm_status status = fits(slot, slot->need, false);
    if (status != MTM_OK) return status;
    MTM_STEP(hold_block);
    mtm_block_retain(block);
    slot->block = block;
    return MTM_OK;
}

static bool comes_before(const struct mtm_block *first, const struct mtm_block *second)
{
    if (first->seq != second->seq) return (ptrdiff_t)(first->seq - second->seq) < 0;
    return first->rank < second->rank;
}

bool mtm_queue_put_back(struct mtm_queue *queue, struct mtm_block *block)
{
    struct mtm_head *head = &queue->head;
    struct mtm_queue_shared *shared = &queue->shared;
    MTM_STEP(outdated);
    if (block->epoch != head->epoch) return false;
    struct mtm_block *first = head->back, **link = &first;
    while (*link && comes_before(*link, block)) link = &(*link)->link;
    block->link = *link;
    *link = block;
    mtm_set_back(queue, first);
    size_t bytes = mtm_load_rlx(&shared->returned_bytes) + mtm_record_size(block->size);
    mtm_store_rel(&shared->returned_bytes, bytes); /* pairs with has_fixed_room */
    MTM_STEP(put_back);
    mtm_store_seq(&shared->returned, mtm_load_rlx(&shared->returned) + 1); /* pairs with peek */
    return true;
}
