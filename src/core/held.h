/* A message in a block of its own that is looked at without being taken, so that what can raise
 * an error may be done before it is: the fast path for large messages, and for those with
 * objects. */
#ifndef MTM_CORE_HELD_H
#define MTM_CORE_HELD_H

#include "core/buffer.h"

struct mtm_held {
    struct mtm_block *block;
    size_t size;     /* of the message */
    size_t seq, end; /* the record of the block ends before this offset in the ring */
    uint64_t epoch;
};

/* The first message, if it is of at most that many bytes, has no objects, lies in a block of
 * its own, and nothing about the buffer is unusual; else, or if the buffer is busy, false. The
 * block has a hold, which is the caller's. Never blocks. What follows is mtm_held_take, or
 * mtm_block_free of the hold. */
bool mtm_held_look(struct mtm_buffer *buffer, size_t most, struct mtm_held *held);

/* Takes that message, unless the queue has changed meanwhile, or is busy; true: done, and the
 * memory has been given back. Ends the hold in any case. Never blocks. */
bool mtm_held_take(struct mtm_buffer *buffer, const struct mtm_held *held);

/* The same for a message with objects, which is copied to `to`, where there is room for so many
 * bytes: the block is the queue's, and not to be looked at, until it is taken. */
bool mtm_laden_look(struct mtm_buffer *buffer, unsigned char *to, size_t most,
                    struct mtm_held *held);

/* Takes that message, unless the queue has changed meanwhile, or is busy (NULL): its block,
 * which is the caller's then, and goes to mtm_buffer_recycle. Its references are in hand. Never
 * blocks. */
struct mtm_block *mtm_laden_take(struct mtm_buffer *buffer, const struct mtm_held *held);

#endif
