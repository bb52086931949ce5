/* Records in a chain of rings: [length][bytes], or [mark and length][pointer to a block]; this
 * is the producers' side, and what is done to both. It owns the rings, the blocks that are in
 * them, and the counters; it never allocates or frees. */
#include "core/bound.h"
#include "core/record.h"

#include <stdint.h>

#include "platform/hidden.h"

enum {
    RING_MIN = 256,
    RING_MAX = 128 * 1024, /* rings that come later don't get larger than this */
    DROPS_AT_ONCE = 64     /* in one hold of the locks */
};

static size_t next_cap(const struct mtm_queue *queue, size_t need)
{
    const struct mtm_queue_shared *shared = &queue->shared;
    size_t cap = queue->tail.segment->cap;
    if (queue->tail.segment == &shared->root) {
        cap = shared->size;
    } else if (shared->grow > 1 && cap < RING_MAX) {
        double grown = (double)cap * shared->grow;
        cap = grown < (double)RING_MAX ? (size_t)grown : RING_MAX;
    }
    if (cap > RING_MAX) cap = RING_MAX;
    if (cap < RING_MIN) cap = RING_MIN;
    return cap > need ? cap : need;
}

/* ---- the producers' side ---- */

/* The bytes of messages that were put back count, too, and those of knocks. */
static bool has_fixed_room(struct mtm_queue *queue, size_t need)
{
    if (!mtm_queue_has_room(queue, need)) return false;
    size_t returned = mtm_load_acq(&queue->shared.returned_bytes); /* pairs with put_back */
    returned += mtm_queue_knocks(queue) * MTM_SHORT_HEADER;
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
    mtm_store_rel(&tail->segment->next, fresh); /* pairs with mtm_head_next */
    MTM_PAUSE();
    if (fresh->cap > MTM_RING_KEPT) mtm_store_rlx(&queue->shared.warm, 1);
    tail->segment = fresh;
    tail->pos = 0;
    tail->floor = tail->written;
}

static bool has_ring(const struct mtm_put_memory *memory, size_t need)
{
    return memory->segment && memory->segment->cap >= need;
}

static bool can_link(const struct mtm_queue *queue, size_t need, struct mtm_put_memory *memory)
{
    if (has_ring(memory, need)) return true;
    memory->need = need;
    memory->cap = next_cap(queue, need);
    return false;
}

static void append(struct mtm_queue *queue, const struct mtm_message *message,
                   struct mtm_put_memory *memory)
{
    if (MTM_UNLIKELY(memory->block != NULL)) {
        if (mtm_message_has_cargo(message)) memory->block->cargo = *message->cargo;
        mtm_tail_append_block(&queue->tail, memory->block,
                              mtm_block_record(queue, message->size));
        memory->block = NULL;
    } else {
        mtm_tail_append(&queue->tail, message);
    }
}

/* ---- knocks ---- */

/* It counts first: who sees the bit sees the knock. */
void mtm_queue_knock(struct mtm_queue *queue)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    MTM_STEP(knock);
    mtm_add_seq(&knocks->ever, 1); /* pairs with mtm_knocks_come */
    MTM_PAUSE();
    MTM_STEP(tell_of_the_knock);
    mtm_set_unusual(&queue->tail.unusual, MTM_UNUSUAL_KNOCK, true); /* pairs with set_marked */
}

void mtm_queue_stop_knocks(struct mtm_queue *queue)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    if (knocks && mtm_load_rlx(&knocks->most) == SIZE_MAX)
        mtm_store_seq(&knocks->most, mtm_load_seq(&knocks->ever));
}

/* Knocks come before what is put after them: a mark in front of the record, part of it, says
 * how many have come so far. Consumers take that many before they go on; so nothing but the
 * count of those taken ever changes, whatever happens at the same time. Returns the bytes that
 * the mark needs: 0: none, as all of these have been taken, or an earlier one tells of them. */
static size_t mark_for(const struct mtm_queue *queue, size_t *mark)
{
    const struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    if (MTM_LIKELY(!(mtm_load_rlx(&queue->tail.unusual) & MTM_UNUSUAL_KNOCK))) return 0;
    *mark = mtm_knocks_come(knocks);
    const bool told = *mark == knocks->marked || *mark == mtm_load_acq(&knocks->taken);
    return told ? 0 : MTM_LONG_HEADER;
}

/* Accounts for nothing. */
static void append_mark(struct mtm_tail *tail, size_t mark)
{
    size_t pos = mtm_segment_write_long(tail->segment, tail->pos, mark | MTM_KNOCK_FLAG);
    mtm_tail_move(tail, pos, MTM_LONG_HEADER);
    tail->extra -= MTM_LONG_HEADER;
}

/* A knock that comes after `mark` was read leaves the bit set, or is seen here. */
static void set_marked(struct mtm_queue *queue, size_t mark)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    mtm_a32 *unusual = &queue->tail.unusual;
    if (MTM_LIKELY(!(mtm_load_rlx(unusual) & MTM_UNUSUAL_KNOCK))) return;
    knocks->marked = mark;
    MTM_STEP(clear_the_bit);
    mtm_set_unusual(unusual, MTM_UNUSUAL_KNOCK, false); /* pairs with mtm_queue_knock */
    if (mtm_knocks_come(knocks) != mark) mtm_set_unusual(unusual, MTM_UNUSUAL_KNOCK, true);
}

/* Both locks held. Returns how many there were, beside so many other messages. */
static size_t drop_knocks(struct mtm_queue *queue, size_t stored)
{
    struct mtm_knocks *knocks = mtm_load_seq(&queue->shared.knocks);
    if (MTM_LIKELY(!knocks)) return 0;
    knocks->marked = mtm_knocks_come(knocks);
    const size_t here = knocks->marked - mtm_load_rlx(&knocks->taken);
    const size_t count = mtm_queue_knocks_within(queue, stored, here);
    knocks->merged += here - count;
    MTM_STEP(drop_knocks);
    mtm_store_seq(&knocks->taken, knocks->marked);
    return count;
}

/* ---- putting ---- */

static size_t needed(const struct mtm_queue *queue, const struct mtm_message *message,
                     const struct mtm_put_memory *memory)
{
    return memory->block ? mtm_block_record(queue, message->size)
                         : mtm_record_size(message->size);
}

/* With a mark, as it may need one by then. */
static size_t needed_at_most(const struct mtm_queue *queue, const struct mtm_message *message,
                             const struct mtm_put_memory *memory)
{
    return mtm_size_add(needed(queue, message, memory), MTM_LONG_HEADER);
}

/* link: a ring that was fetched is linked even if there is room. */
static enum mtm_status put_in_ring(struct mtm_queue *queue, const struct mtm_message *message,
                                   struct mtm_put_memory *memory, bool link)
{
    size_t mark = 0, with_mark = mark_for(queue, &mark);
    size_t need = mtm_size_add(needed(queue, message, memory), with_mark);
    if (queue->shared.fixed) {
        if (!has_fixed_room(queue, need)) return MTM_FULL;
    } else if (MTM_UNLIKELY((link && has_ring(memory, need)) ||
                            !mtm_queue_has_room(queue, need))) {
        if (!can_link(queue, need, memory)) return MTM_GROW;
        link_segment(queue, memory);
    }
    if (MTM_UNLIKELY(with_mark != 0)) append_mark(&queue->tail, mark);
    append(queue, message, memory);
    mtm_queue_publish(queue);
    set_marked(queue, mark);
    return MTM_OK;
}

static inline enum mtm_status put(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory, bool link)
{
    if (MTM_UNLIKELY(mtm_queue_is_bounded(queue)) && !mtm_queue_has_place(queue, message->size))
        return MTM_FULL;
    return put_in_ring(queue, message, memory, link);
}

enum mtm_status mtm_queue_put(struct mtm_queue *queue, const struct mtm_message *message,
                              struct mtm_put_memory *memory)
{
    return put(queue, message, memory, false);
}

bool mtm_queue_has_memory(const struct mtm_queue *queue, const struct mtm_message *message,
                          struct mtm_put_memory *memory)
{
    return queue->shared.fixed ||
           can_link(queue, needed_at_most(queue, message, memory), memory);
}

/* ---- both sides ---- */

/* Unlinks everything but the last ring, which is empty afterwards; returns how many messages
 * there were. */
static size_t drop_all(struct mtm_queue *queue, struct mtm_trash *trash)
{
    struct mtm_tail *tail = &queue->tail;
    struct mtm_head *head = &queue->head;
    size_t count = mtm_queue_count_stored(queue);
    if (head->segment == &queue->shared.root && head->segment != tail->segment) {
        head->segment = mtm_load_rlx(&head->segment->next);
    }
    trash->segments = head->segment;
    trash->until = head->segment = tail->segment;
    trash->back = head->back;
    trash->blocks = tail->last_block;
    trash->nblocks = tail->blocks_added - head->blocks_popped;
    mtm_set_back(queue, NULL);
    head->blocks_popped = tail->blocks_added;
    mtm_store_rel(&head->extra, tail->extra);
    mtm_store_rel(&queue->shared.returned_bytes, 0);
    mtm_queue_begin_anew(queue);
    return count;
}

/* Where the ring has no room it goes to what was put back, behind everything that is there; and
 * is served from there when that has been taken: its place is that of the next record. Several
 * get the same place, so the rank says which of them came first: `anyway` counts them. */
static void append_to_back(struct mtm_queue *queue, struct mtm_block *block)
{
    block->seq = mtm_load_rlx(&queue->tail.added);
    block->rank = (uint32_t)++queue->tallies.anyway;
    block->epoch = queue->head.epoch;
    mtm_queue_put_back(queue, block);
}

enum mtm_status mtm_queue_put_anyway(struct mtm_queue *queue, const struct mtm_message *message,
                                     struct mtm_put_memory *memory)
{
    struct mtm_put_memory none = {0};
    const bool cargo = mtm_message_has_cargo(message);
    if (!queue->shared.fixed) return put_in_ring(queue, message, memory, false);
    if (put_in_ring(queue, message, cargo ? memory : &none, false) == MTM_OK) return MTM_OK;
    if (cargo) memory->block->cargo = *message->cargo;
    append_to_back(queue, memory->block);
    memory->block = NULL;
    return MTM_OK;
}

/* Whether the ring has room as it is, or another one was fetched. */
static bool can_follow(struct mtm_queue *queue, const struct mtm_message *message,
                       struct mtm_put_memory *memory)
{
    const size_t need = needed_at_most(queue, message, memory);
    return queue->shared.fixed || mtm_queue_has_room(queue, need) ||
           can_link(queue, need, memory);
}

/* What it needs is there before anything is dropped. A ring that was too small for that is left
 * for the next one, so that the puts that follow need none. */
enum mtm_status mtm_queue_put_over(struct mtm_queue *queue, const struct mtm_message *message,
                                   struct mtm_put_memory *memory, struct mtm_trash *trash)
{
    enum mtm_status status = mtm_queue_put(queue, message, memory);
    if (status == MTM_FULL && !can_follow(queue, message, memory)) return MTM_GROW;
    for (int drops = 0; status == MTM_FULL && drops < DROPS_AT_ONCE; ++drops) {
        if (!mtm_queue_drop_oldest(queue, trash)) return status;
        status = put(queue, message, memory, true);
    }
    return status;
}

enum mtm_status mtm_queue_replace(struct mtm_queue *queue, const struct mtm_message *message,
                                  struct mtm_put_memory *memory, struct mtm_trash *trash)
{
    size_t need = needed(queue, message, memory);
    bool must_link = queue->tail.segment->cap < need;
    if (must_link && !can_link(queue, need, memory)) return MTM_GROW;
    size_t count = drop_all(queue, trash);
    if (must_link) link_segment(queue, memory);
    append(queue, message, memory);
    mtm_queue_publish_instead(queue, count);
    queue->tallies.replaced += drop_knocks(queue, count);
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
    queue->tallies.cleared += drop_knocks(queue, mtm_queue_count_stored(queue));
    size_t count = drop_all(queue, trash);
    queue->tallies.cleared += count;
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
    if (mtm_queue_count_stored(queue) != 0) return false;
    mtm_store_rlx(&queue->shared.warm, 0);
    if (queue->tail.segment->cap > MTM_RING_KEPT) give_up_last(queue, trash);
    return true;
}
