/* What a queue holds, by its counters, and what it may hold. It owns no state. */
#include "core/bound.h"

#include "core/record.h"

#include "platform/hidden.h"

/* ---- counting ---- */

static size_t with_knocks(const struct mtm_queue *queue, size_t stored, size_t knocks)
{
    return stored + mtm_queue_knocks_within(queue, stored, knocks);
}

size_t mtm_queue_count(const struct mtm_queue *queue)
{
    for (;;) {
        const size_t knocks = mtm_queue_knocks(queue);
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
        if (taken_again == taken && returned_again == returned &&
            (knocks == 0 || mtm_queue_knocks(queue) == knocks))
            return with_knocks(queue, added + returned - taken, knocks);
        mtm_plat_relax();
    }
}

/* Where the other side works on meanwhile, what it frees is seen late, if at all: so it is
 * never too small, except for what is just being put back. */
size_t mtm_queue_bytes(const struct mtm_queue *queue)
{
    const struct mtm_tail *tail = &queue->tail;
    const struct mtm_head *head = &queue->head;
    size_t extra = tail->extra - mtm_load_acq(&head->extra); /* pairs: pop_block, drop_all */
    size_t rings = tail->written - mtm_load_acq(&head->read);
    return rings + extra + mtm_load_acq(&queue->shared.returned_bytes) +
           mtm_queue_knocks(queue) * MTM_SHORT_HEADER;
}

/* Those that counted. */
static size_t knocks_gone(const struct mtm_queue_shared *shared)
{
    const struct mtm_knocks *knocks = mtm_load_seq(&shared->knocks);
    return knocks ? mtm_load_rlx(&knocks->taken) - knocks->merged : 0;
}

struct mtm_queue_numbers mtm_queue_numbers(const struct mtm_queue *queue)
{
    const struct mtm_queue_shared *shared = &queue->shared;
    const struct mtm_tallies *tallies = &queue->tallies;
    const size_t past = (size_t)(tallies->replacing + tallies->anyway);
    const size_t lost = (size_t)(tallies->replaced + tallies->cleared + tallies->dropped);
    const size_t returned = mtm_load_rlx(&shared->returned),
                 taken = mtm_load_rlx(&queue->head.taken);
    const size_t here = mtm_queue_knocks(queue), stored = mtm_queue_count_stored(queue);
    const size_t count = mtm_queue_knocks_within(queue, stored, here),
                 gone = knocks_gone(shared);
    return (struct mtm_queue_numbers){
        .messages = stored + count,
        .bytes = mtm_queue_bytes(queue) - (here - count) * MTM_SHORT_HEADER,
        .added = mtm_load_rlx(&queue->tail.added) + past + gone + count,
        .taken = gone + taken + past - returned - lost,
        .replaced = (size_t)tallies->replaced,
        .dropped = (size_t)tallies->dropped,
    };
}

/* ---- bounds ---- */

void mtm_queue_set_bounds(struct mtm_queue *queue, const struct mtm_bounds *bounds)
{
    struct mtm_queue_shared *shared = &queue->shared;
    shared->limit = bounds->limit > 0 ? bounds->limit : SIZE_MAX;
    shared->maxbytes = bounds->maxbytes > 0 ? bounds->maxbytes : SIZE_MAX;
    shared->drop_oldest = bounds->drop_oldest;
    if (mtm_queue_is_bounded(queue))
        mtm_set_unusual(&queue->tail.unusual, MTM_UNUSUAL_BOUND, true);
}

size_t mtm_queue_most_bytes(const struct mtm_queue *queue)
{
    const struct mtm_queue_shared *shared = &queue->shared;
    return shared->fixed && shared->size < shared->maxbytes ? shared->size : shared->maxbytes;
}

bool mtm_queue_is_at_limit(const struct mtm_queue *queue)
{
    const size_t limit = queue->shared.limit;
    return limit != SIZE_MAX && mtm_queue_count_once(queue) >= limit;
}

bool mtm_queue_has_place(const struct mtm_queue *queue, size_t size)
{
    const size_t most = queue->shared.maxbytes;
    if (mtm_queue_is_at_limit(queue)) return false;
    if (most == SIZE_MAX) return true;
    const size_t bytes = mtm_queue_bytes(queue), need = mtm_record_size(size);
    return bytes <= most && need <= most - bytes;
}
