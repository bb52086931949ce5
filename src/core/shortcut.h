/* The common case of adding and taking, inline: a short message, an uncontended lock, room (or
 * the record) straight ahead, and nobody to notify. Whatever is not so is left to buffer.c:
 * these functions then have changed nothing. */
#ifndef MTM_CORE_SHORTCUT_H
#define MTM_CORE_SHORTCUT_H

#include "core/buffer.h"
#include "core/copy.h"

enum { MTM_SHORTCUT_MAX = 254 }; /* bytes of values: the record's header is one byte then */

static inline bool mtm_shortcut_lock(struct mtm_lock *lock)
{
    uint32_t free_word = 0;
    if (!mtm_cas_acq(&lock->word, &free_word, 1)) return false; /* pairs with mtm_unlock */
    MTM_HELD_ADD(1);
    return true;
}

/* As mtm_buffer_add of `size` <= MTM_SHORTCUT_MAX bytes; true: done. The caller has a
 * reference. */
static inline bool mtm_shortcut_add(struct mtm_buffer *buffer, const unsigned char *bytes,
                                    size_t size)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    const struct mtm_queue_middle *middle = &buffer->queue.middle;
    const size_t record = 1 + size;
    bool done = false, wake = false;
    if (!mtm_shortcut_lock(&tail->lock)) return false;
    struct mtm_segment *segment = tail->segment;
    const size_t cap = segment->cap, end = tail->pos + record;
    if (MTM_LIKELY(mtm_load_rlx(&buffer->object.flags) == 0 && !buffer->notifier[MTM_ADDED] &&
                   !middle->fixed && !middle->ordered && end < cap &&
                   tail->written - tail->floor + record <= cap)) {
        unsigned char *to = mtm_segment_data(segment) + tail->pos;
        *to = (unsigned char)size;
        mtm_copy_short(to + 1, bytes, size);
        tail->pos = end;
        tail->written += record;
        /* release, pairs with the acquire in peek and is_drained */
        mtm_store_rel(&tail->added, mtm_load_rlx(&tail->added) + 1);
        wake = mtm_waiters_any(&buffer->waiters);
        done = true;
    }
    mtm_unlock(&tail->lock);
    if (MTM_UNLIKELY(wake)) mtm_waiters_wake(&buffer->waiters);
    return done;
}

/* A message that has been copied out, and is still in the queue. */
struct mtm_peeked {
    size_t size, seq;
    uint64_t epoch;
    unsigned char bytes[MTM_SHORTCUT_MAX];
};

static inline void mtm_shortcut_pop(struct mtm_head *head, size_t size)
{
    const size_t record = 1 + size;
    head->pos += record;
    ++head->popped;
    mtm_store_rel(&head->read, mtm_load_rlx(&head->read) + record); /* pairs with has_room */
    mtm_store_rel(&head->taken, mtm_load_rlx(&head->taken) + 1);    /* pairs with count */
}

/* Copies the first message without taking it, or returns false. So what can raise an error may
 * be done before the message is taken. If one_value_only(first byte, size) it has been taken as
 * well: *taken. */
static inline bool
mtm_shortcut_peek(struct mtm_buffer *buffer, struct mtm_peeked *out,
                  bool (*take_at_once)(const unsigned char *bytes, size_t size), bool *taken)
{
    struct mtm_head *head = &buffer->queue.head;
    bool found = false;
    *taken = false;
    if (!mtm_shortcut_lock(&head->lock)) return false;
    if (head->popped == head->seen) {
        head->seen = mtm_load_acq(&buffer->queue.tail.added); /* pairs with publish */
    }
    struct mtm_segment *segment = head->segment;
    struct mtm_segment *next = mtm_load_acq(&segment->next); /* pairs with link_segment */
    if (MTM_LIKELY(head->popped != head->seen && mtm_load_rlx(&buffer->object.flags) == 0 &&
                   !head->back && !buffer->notifier[MTM_TAKEN] &&
                   (!next || mtm_load_rlx(&head->read) != segment->end))) {
        const unsigned char *from = mtm_segment_data(segment) + head->pos;
        size_t size = *from;
        if (MTM_LIKELY(size <= MTM_SHORTCUT_MAX && size + 1 < segment->cap - head->pos)) {
            out->size = size;
            out->seq = head->popped;
            out->epoch = head->epoch;
            mtm_copy_short(out->bytes, from + 1, size);
            if (take_at_once(out->bytes, size)) {
                mtm_shortcut_pop(head, size);
                *taken = true;
            }
            found = true;
        }
    }
    mtm_unlock(&head->lock);
    return found;
}

/* Takes the message that was peeked, unless the queue has changed meanwhile, or is busy; true:
 * done. */
static inline bool mtm_shortcut_take(struct mtm_buffer *buffer, const struct mtm_peeked *peeked)
{
    struct mtm_head *head = &buffer->queue.head;
    if (!mtm_shortcut_lock(&head->lock)) return false;
    bool same = head->popped == peeked->seq && head->epoch == peeked->epoch && !head->back &&
                !buffer->notifier[MTM_TAKEN] && mtm_load_rlx(&buffer->object.flags) == 0;
    if (MTM_LIKELY(same)) mtm_shortcut_pop(head, peeked->size);
    mtm_unlock(&head->lock);
    return same;
}

#endif
