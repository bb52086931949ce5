/* The common case of adding, replacing and taking, inline: a message that is in the ring
 * itself, an uncontended lock, room (or the record) in the ring at hand, and nobody to notify.
 * Whatever is not so is left to send.c and receive.c: these functions then have changed
 * nothing. */
#ifndef MTM_CORE_FAST_PATH_H
#define MTM_CORE_FAST_PATH_H

#include "core/copy.h"
#include "core/ready.h"
#include "core/record.h"
#include "core/wire.h"

enum {
    MTM_FAST_MAX = MTM_LONG_MARK - 1, /* bytes of values: the header is one byte then */
    MTM_VECTOR = 32,                  /* bytes that the C library's memcpy moves at once */
    MTM_AHEAD = 160 /* bytes: a cache line there has arrived when the records do */
};

/* The place for a record straight ahead in the ring, with the tail lock held; or NULL without
 * it.
 */
static inline unsigned char *mtm_fast_begin(struct mtm_buffer *buffer, size_t record)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    if (!mtm_lock_if_free(&tail->lock)) return NULL;
    struct mtm_segment *segment = tail->segment;
    const size_t cap = segment->cap;
    unsigned char *to = mtm_segment_data(segment) + tail->pos;
    if (tail->pos + MTM_AHEAD < cap) MTM_WILL_WRITE(to + MTM_AHEAD);
    if (MTM_LIKELY(mtm_load_rlx(&tail->unusual) == mtm_generation && tail->pos + record < cap &&
                   mtm_tail_knows_room(tail, record))) {
        return to;
    }
    mtm_unlock(&tail->lock);
    return NULL;
}

/* A record has been written: publishes it, and gives back the lock. Whether somebody has to be
 * woken. */
static inline bool mtm_fast_publish_silently(struct mtm_buffer *buffer)
{
    mtm_queue_publish(&buffer->queue);
    MTM_STEP(any_after_a_put);
    const bool wake = mtm_waiters_any(&buffer->source.waiters);
    mtm_unlock(&buffer->queue.tail.lock);
    return wake;
}

/* The same, and wakes. */
static inline void mtm_fast_publish(struct mtm_buffer *buffer)
{
    mtm_ready_before_publishing(buffer);
    const bool wake = mtm_fast_publish_silently(buffer);
    MTM_PAUSE();
    mtm_ready_wake(buffer);
    if (MTM_UNLIKELY(wake)) mtm_source_wake(&buffer->source);
}

/* The same for a record straight ahead. */
static inline void mtm_fast_end(struct mtm_buffer *buffer, size_t record)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    mtm_tail_move(tail, tail->pos + record, record);
    mtm_fast_publish(buffer);
}

/* As mtm_buffer_add of a message that is not too large for a ring: true: done. The record may
 * go on at the beginning of its ring. */
static MTM_NOINLINE bool mtm_fast_add_message(struct mtm_buffer *buffer,
                                              const struct mtm_message *message)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    if (mtm_load_rlx(&tail->unusual) != mtm_generation) return false; /* an early answer */
    if (message->size > MTM_COPIED_MAX || mtm_message_has_cargo(message)) return false;
    if (!mtm_lock_if_free(&tail->lock)) return false;
    const bool usual = mtm_load_rlx(&tail->unusual) == mtm_generation;
    if (!usual || !mtm_queue_has_room(&buffer->queue, mtm_record_size(message->size))) {
        mtm_unlock(&tail->lock);
        return false;
    }
    mtm_tail_append(tail, message);
    mtm_fast_publish(buffer);
    return true;
}

/* As mtm_buffer_put of a message that refers to `whole`; true: done. */
static inline bool mtm_fast_add_stored(struct mtm_buffer *buffer, struct mtm_block *whole)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    if (mtm_load_rlx(&tail->unusual) != mtm_generation) return false; /* an early answer */
    if (buffer->queue.shared.sized) return false; /* it copies what fits into its ring */
    struct mtm_block *block = mtm_block_refer(whole);
    if (MTM_UNLIKELY(!block)) return false;
    if (MTM_LIKELY(mtm_lock_if_free(&tail->lock))) {
        if (mtm_load_rlx(&tail->unusual) == mtm_generation &&
            mtm_queue_has_room(&buffer->queue, MTM_POINTER_RECORD)) {
            mtm_tail_append_block(tail, block, MTM_POINTER_RECORD);
            mtm_fast_publish(buffer);
            return true;
        }
        mtm_unlock(&tail->lock);
    }
    mtm_block_free(block);
    return false;
}

static MTM_NOINLINE bool mtm_fast_add_around(struct mtm_buffer *buffer,
                                             const unsigned char *bytes, size_t size)
{
    struct mtm_message message;
    mtm_message_init(&message);
    mtm_message_add(&message, bytes, size);
    return mtm_fast_add_message(buffer, &message);
}

/* Writes a record of `size` <= MTM_FAST_MAX bytes straight ahead, and has the tail lock then;
 * false: without it, nothing was done. */
static inline bool mtm_fast_write(struct mtm_buffer *buffer, const unsigned char *bytes,
                                  size_t size)
{
    struct mtm_tail *tail = &buffer->queue.tail;
    unsigned char *to = mtm_fast_begin(buffer, 1 + size);
    if (MTM_UNLIKELY(!to)) return false;
    *to = (unsigned char)size;
    mtm_copy_short(to + 1, bytes, size);
    mtm_tail_move(tail, tail->pos + 1 + size, 1 + size);
    return true;
}

/* As mtm_buffer_add of `size` <= MTM_FAST_MAX bytes; true: done. The caller has a
 * reference. */
static inline bool mtm_fast_add(struct mtm_buffer *buffer, const unsigned char *bytes,
                                size_t size)
{
    if (MTM_UNLIKELY(!mtm_fast_write(buffer, bytes, size)))
        return mtm_fast_add_around(buffer, bytes, size);
    mtm_fast_publish(buffer);
    return true;
}

/* The same, straight ahead only, into a buffer without a listener, by a caller that holds a
 * lock, and wakes when it has given it back, if *wake. */
static inline bool mtm_fast_add_silently(struct mtm_buffer *buffer, const unsigned char *bytes,
                                         size_t size, bool *wake)
{
    if (MTM_UNLIKELY(!mtm_fast_write(buffer, bytes, size))) return false;
    *wake = mtm_fast_publish_silently(buffer);
    return true;
}

/* As mtm_fast_add, straight ahead only, of one value that is a byte or a word. */
static inline bool mtm_fast_add_word(struct mtm_buffer *buffer, struct mtm_word word)
{
    unsigned char *to = mtm_fast_begin(buffer, 1 + MTM_WORD_VALUE);
    if (MTM_UNLIKELY(!to)) return false;
    const size_t size = mtm_wire_word_size(word.tag);
    *to = (unsigned char)size;
    mtm_wire_put_word(to + 1, word);
    mtm_fast_end(buffer, 1 + size);
    return true;
}

/* With both locks held: whether what is there can be replaced by a record straight ahead, and
 * nothing but bytes in one ring is thrown away. */
static inline bool mtm_fast_may_replace(const struct mtm_buffer *buffer, size_t record)
{
    const struct mtm_queue *queue = &buffer->queue;
    const uint32_t head = mtm_load_rlx(&queue->head.unusual) & ~(uint32_t)MTM_UNUSUAL_OWNER;
    return mtm_load_rlx(&queue->tail.unusual) == mtm_generation && head == mtm_generation &&
           !mtm_load_seq(&queue->shared.knocks) && queue->head.segment == queue->tail.segment &&
           queue->tail.blocks_added == queue->head.blocks_popped &&
           record < queue->tail.segment->cap;
}

/* As mtm_buffer_put of `size` <= MTM_FAST_MAX bytes in place of all that is there; true: done.
 * The caller has a reference. */
static inline bool mtm_fast_replace(struct mtm_buffer *buffer, const unsigned char *bytes,
                                    size_t size)
{
    struct mtm_queue *queue = &buffer->queue;
    struct mtm_lock *tail = &queue->tail.lock, *head = &queue->head.lock;
    bool wake = false;
    if (!mtm_lock_if_free(tail)) return false;
    const bool locked = mtm_lock_if_free(head);
    const bool done = locked && mtm_fast_may_replace(buffer, 1 + size);
    if (MTM_LIKELY(done)) {
        const size_t count = mtm_queue_count_stored(queue);
        mtm_ready_before_publishing(buffer);
        mtm_queue_begin_anew(queue);
        unsigned char *to = mtm_segment_data(queue->tail.segment);
        *to = (unsigned char)size;
        mtm_copy_short(to + 1, bytes, size);
        mtm_tail_move(&queue->tail, 1 + size, 1 + size);
        mtm_queue_publish_instead(queue, count);
        MTM_STEP(any_after_a_put);
        wake = mtm_waiters_any(&buffer->source.waiters);
    }
    if (locked) mtm_unlock(head);
    mtm_unlock(tail);
    if (MTM_UNLIKELY(!done)) return false;
    MTM_PAUSE();
    mtm_ready_wake(buffer);
    if (MTM_UNLIKELY(wake)) mtm_source_wake(&buffer->source);
    return true;
}

/* A message that has been copied out, and is still in the queue. */
struct mtm_peeked {
    struct mtm_word word;
    size_t size, seq, end; /* it ends before this offset in the ring */
    uint64_t epoch;
    unsigned char *bytes; /* in room */
    unsigned char room[MTM_COPIED_MAX + MTM_VECTOR];
};

enum mtm_found {
    MTM_FOUND_NOTHING, /* or it must be taken in another way */
    MTM_FOUND_EMPTY,   /* there is no message, or no buffer any more */
    MTM_FOUND_WORD,    /* one value, a byte or a word: it has been taken */
    MTM_FOUND_BYTES,   /* they have been copied, and are still there */
    MTM_FOUND_BLOCK,   /* of its own, without objects: mtm_held_look is worth a try */
    MTM_FOUND_LADEN    /* the same, with objects: mtm_laden_look is */
};

/* The first place in the room that is as far behind a multiple of MTM_VECTOR as `from`. What
 * was written a moment ago is then read by the same vectors, and the processor hands these over
 * before they have reached the cache; a vector that lies in two of them would have to wait. */
static inline unsigned char *mtm_fast_beside(unsigned char *room, const unsigned char *from)
{
    return room + (((uintptr_t)from - (uintptr_t)room) & (MTM_VECTOR - 1));
}

static inline enum mtm_found mtm_fast_see_block(const struct mtm_head *head, size_t pos)
{
    struct mtm_block *block;
    mtm_segment_read(head->segment, pos, &block, sizeof(void *));
    return block->cargo ? MTM_FOUND_LADEN : MTM_FOUND_BLOCK;
}

/* What is at `from` in the ring, where the head is, and is more than a word, or may go on at
 * the beginning of the ring; head lock held. */
static MTM_NOINLINE enum mtm_found
mtm_fast_copy(const struct mtm_head *head, const unsigned char *from, struct mtm_peeked *out)
{
    uint64_t size = *from;
    size_t pos = head->pos + 1 == head->segment->cap ? 0 : head->pos + 1;
    if (MTM_UNLIKELY(size == MTM_LONG_MARK)) {
        pos = mtm_segment_read(head->segment, pos, &size, sizeof size);
        if (size & MTM_POINTER_FLAG) return mtm_fast_see_block(head, pos);
        if (size > MTM_COPIED_MAX) return MTM_FOUND_NOTHING;
    }
    out->size = (size_t)size;
    out->seq = head->popped;
    out->epoch = head->epoch;
    out->bytes = mtm_fast_beside(out->room, mtm_segment_data(head->segment) + pos);
    out->end = mtm_segment_read(head->segment, pos, out->bytes, (size_t)size);
    return MTM_FOUND_BYTES;
}

/* Takes what is at `from` in the ring if it is a single value, a byte or a word, and
 * is_plain_word (or NULL) says yes; with the head lock held. */
static MTM_ALWAYS_INLINE bool mtm_fast_pop_word(struct mtm_head *head,
                                                const unsigned char *from,
                                                bool (*is_plain_word)(struct mtm_word word),
                                                struct mtm_word *word)
{
    const size_t size = *from; /* of 0 bytes: what follows may be being written */
    if (size == 0 || mtm_wire_word_size(from[1]) != size) return false;
    *word = mtm_wire_get_word_of(from + 1, size);
    if (is_plain_word && MTM_UNLIKELY(!is_plain_word(*word))) return false;
    mtm_head_pop(head, head->pos + 1 + size, 1 + size);
    return true;
}

/* Whether a record lies where the head is, and nothing about its side is unusual but what may
 * be so; head lock held. */
static MTM_ALWAYS_INLINE bool mtm_fast_has_record(struct mtm_queue *queue, uint32_t may)
{
    struct mtm_head *head = &queue->head;
    return (mtm_load_rlx(&head->unusual) & ~may) == mtm_generation &&
           !mtm_queue_is_drained(queue) && !mtm_head_next(head);
}

/* Whether a word would lie straight ahead. */
static inline bool mtm_fast_is_straight(const struct mtm_head *head)
{
    return MTM_WORD_VALUE + 1 < head->segment->cap - head->pos;
}

/* Takes the first message if it is a single value, a byte or a word, and is_plain_word (or
 * NULL) says yes; *more: there are others, for sure. usual: but for these bits nothing may be
 * unusual: MTM_UNUSUAL_OWNER of a listener's buffer, with the lock of the listener, which knows
 * then; else 0. */
static inline bool mtm_fast_take_word(struct mtm_buffer *buffer, uint32_t usual,
                                      bool (*is_plain_word)(struct mtm_word word),
                                      struct mtm_word *word, bool *more)
{
    struct mtm_head *head = &buffer->queue.head;
    bool found = false;
    if (!mtm_lock_if_free(&head->lock)) return false;
    if (mtm_fast_has_record(&buffer->queue, usual) && mtm_fast_is_straight(head)) {
        const unsigned char *from = mtm_segment_data(head->segment) + head->pos;
        found = mtm_fast_pop_word(head, from, is_plain_word, word);
    }
    *more = mtm_queue_knows_more(&buffer->queue);
    mtm_unlock(&head->lock);
    return found;
}

/* Copies the first message without taking it, so that what can raise an error may be done
 * before it is taken. What can't is taken at once: a word, unless is_plain_word, which may be
 * NULL, says no. */
static MTM_ALWAYS_INLINE enum mtm_found
mtm_fast_peek(struct mtm_buffer *buffer, struct mtm_peeked *out,
              bool (*is_plain_word)(struct mtm_word word))
{
    struct mtm_head *head = &buffer->queue.head;
    enum mtm_found found = MTM_FOUND_NOTHING;
    if (!mtm_lock_if_free(&head->lock)) return found;
    const bool usual = mtm_load_rlx(&head->unusual) == mtm_generation;
    if (MTM_UNLIKELY(mtm_queue_is_drained(&buffer->queue))) {
        if (!head->back && mtm_queue_knocks(&buffer->queue) == 0) found = MTM_FOUND_EMPTY;
    } else if (MTM_LIKELY(usual && !mtm_head_next(head))) {
        const unsigned char *from = mtm_segment_data(head->segment) + head->pos;
        if (MTM_LIKELY(mtm_fast_is_straight(head)) &&
            mtm_fast_pop_word(head, from, is_plain_word, &out->word)) {
            found = MTM_FOUND_WORD;
        } else {
            found = mtm_fast_copy(head, from, out);
        }
    }
    mtm_unlock(&head->lock);
    return found;
}

/* As mtm_queue_take of a message that is in a ring and fits into the carrier, and no others
 * than mtm_fast_peek takes; true: done. */
static inline bool mtm_fast_take_bytes(struct mtm_buffer *buffer, struct mtm_slot *slot)
{
    struct mtm_head *head = &buffer->queue.head;
    struct mtm_block *carrier = slot->carrier;
    bool found = false;
    if (!carrier || !mtm_lock_if_free(&head->lock)) return false;
    if (mtm_fast_has_record(&buffer->queue, 0)) {
        const size_t size = mtm_segment_data(head->segment)[head->pos];
        const size_t pos = head->pos + 1 == head->segment->cap ? 0 : head->pos + 1;
        found = size <= MTM_FAST_MAX && size <= carrier->cap && size <= slot->limit;
        if (MTM_LIKELY(found)) {
            slot->block = carrier;
            carrier->size = size;
            carrier->seq = head->popped;
            carrier->rank = MTM_RANK_RECORD;
            carrier->epoch = head->epoch;
            const size_t end =
                mtm_segment_read(head->segment, pos, mtm_block_data(carrier), size);
            mtm_head_pop(head, end, 1 + size);
        }
    }
    mtm_unlock(&head->lock);
    return found;
}

/* Whether the message that was first is so still, and nothing is unusual; head lock held. */
static inline bool mtm_fast_is_still_first(const struct mtm_head *head, size_t seq,
                                           uint64_t epoch)
{
    MTM_STEP(still_first);
    return head->popped == seq && head->epoch == epoch &&
           mtm_load_rlx(&head->unusual) == mtm_generation;
}

/* Takes the message that was peeked, unless the queue has changed meanwhile, or is busy; true:
 * done. */
static inline bool mtm_fast_take(struct mtm_buffer *buffer, const struct mtm_peeked *peeked)
{
    struct mtm_head *head = &buffer->queue.head;
    MTM_PAUSE();
    if (!mtm_lock_if_free(&head->lock)) return false;
    const bool same = mtm_fast_is_still_first(head, peeked->seq, peeked->epoch);
    if (MTM_LIKELY(same)) mtm_head_pop(head, peeked->end, mtm_record_size(peeked->size));
    mtm_unlock(&head->lock);
    return same;
}

#endif
