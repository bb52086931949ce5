/* A block: memory that carries one message outside of the rings, from encoder to queue, or from
 * queue to receiver. A block has one owner at a time; who that is, is said where it is handed
 * over. Others may hold it to read its bytes. */
#ifndef MTM_CORE_BLOCK_H
#define MTM_CORE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/size.h"
#include "platform/plat.h"

struct mtm_block;
struct mtm_cargo;

/* A piece of an encoded message; a message is the concatenation of its parts. */
struct mtm_part {
    const void *ptr;
    size_t len;
};

enum { MTM_MAX_PARTS = 8 };

/* An encoded message on its way into a queue; it only borrows what the parts point to. */
struct mtm_message {
    size_t size; /* sum of the parts, bytes */
    size_t nparts;
    struct mtm_block *stored; /* has the same bytes, and may be referred to; or NULL */
    struct mtm_cargo **cargo; /* the sender's, of the objects among its values; NULL: it has
                                 none. A put that succeeds takes it over, and sets it to NULL */
    struct mtm_part part[MTM_MAX_PARTS];
};

struct mtm_block {
    struct mtm_block *link;  /* guarded by whoever owns the block */
    size_t cap;              /* bytes of room; 0 if they are in `whole` */
    size_t size;             /* bytes used */
    size_t seq;              /* place in the order of its buffer */
    uint64_t epoch;          /* which filling of the buffer it came from */
    struct mtm_cargo *cargo; /* owned; the objects of the message, or NULL */
    struct mtm_block *whole; /* constant: the block that has the bytes, if not this one */
    /* Blocks behind the bytes, for those who refer to this one: so many, of which so many are
     * in use. Of one that lies there itself: IN_WHOLE. */
    uint32_t inner, used;
    uint32_t rank; /* among those of one place: see mtm_queue_put_anyway; constant in a queue */
    mtm_a32 others; /* atomic: who holds the block besides its owner; they only read bytes */
};

/* The bytes begin 5 after a multiple of 8, so that the elements of an array which is the first
 * value of a message are aligned (11 bytes of array header precede them). */
enum { MTM_BLOCK_SKEW = 5 };

static inline unsigned char *mtm_block_data(struct mtm_block *block)
{
    struct mtm_block *has = block->whole ? block->whole : block;
    return (unsigned char *)(has + 1) + MTM_BLOCK_SKEW;
}

/* Whether others may be reading the bytes, which nobody may change then. False stays false for
 * an owner who has taken the block out of its queue. */
static inline bool mtm_block_is_shared(const struct mtm_block *block)
{
    if (block->whole) return true;
    MTM_STEP(block_is_shared);
    return mtm_load_acq(&block->others) != 0; /* pairs with mtm_block_free */
}

/* One more holder, by somebody who may read it now; never blocks. Each calls mtm_block_free. */
static inline void mtm_block_retain(struct mtm_block *block)
{
    mtm_add_rlx(&block->others, 1);
}

enum { MTM_IN_WHOLE = UINT16_MAX, MTM_MOST_INNER = 4096 };

/* What so much room comes to, with that for so many blocks that refer to it. */
static inline size_t mtm_block_weight(size_t cap, size_t inner)
{
    return mtm_size_add(cap, mtm_size_mul(inner, sizeof(struct mtm_block)));
}

/* Room for cap bytes, or NULL. No lock may be held. with: and for so many blocks (at most
 * MTM_MOST_INNER) that will refer to it, which then need no memory of their own. */
struct mtm_block *mtm_block_new(size_t cap);
struct mtm_block *mtm_block_new_with(size_t cap, size_t inner);

/* A block of its own with the same bytes, objects, place and epoch; NULL if there is no memory.
 * No lock may be held. */
struct mtm_block *mtm_block_copy(struct mtm_block *block);

/* A block without bytes of its own, for one more queue: those of `whole`, which it holds. NULL
 * if there is no memory. No lock may be held; one thread at a time refers to a block. */
struct mtm_block *mtm_block_refer(struct mtm_block *whole);

/* Ends the hold of the owner, or of another holder; with the last one it is freed, and its
 * objects are handed on to mtm_drop_handed_on. NULL is fine. No lock may be held. */
void mtm_block_free(struct mtm_block *block);

/* As free of a block that refers to another one; but if nobody else holds that, it is the
 * caller's alone, as if it were new. NULL: somebody does. */
struct mtm_block *mtm_block_free_but_whole(struct mtm_block *block);

/* Its objects are handed on; nobody else holds it. */
void mtm_block_unload(struct mtm_block *block);

/* Whether the message has objects: a cargo has one or more. It goes into a block then. */
static inline bool mtm_message_has_cargo(const struct mtm_message *message)
{
    return MTM_UNLIKELY(message->cargo != NULL) && *message->cargo;
}

/* Frees count blocks, following the links. */
void mtm_block_free_list(struct mtm_block *first, size_t count);

/* Copies all parts, one after the other, to memory with room for message->size bytes. */
void mtm_message_copy(const struct mtm_message *message, unsigned char *to);

/* Begins a message without parts. */
static inline void mtm_message_init(struct mtm_message *message)
{
    message->size = message->nparts = 0;
    message->stored = NULL;
    message->cargo = NULL;
}

/* One more part; there are at most MTM_MAX_PARTS. Parts that come to more than a size_t can
 * tell, as references to the same bytes may, make a message of SIZE_MAX bytes, for which no
 * queue has room or memory. */
static inline void mtm_message_add(struct mtm_message *message, const void *ptr, size_t len)
{
    message->part[message->nparts++] = (struct mtm_part){ptr, len};
    message->size = mtm_size_add(message->size, len);
}

/* A block with the bytes of the message: `reuse` if that is large enough, else a new one; NULL
 * if there is no memory. An unused `reuse` is freed. No lock may be held. */
struct mtm_block *mtm_message_to_block(const struct mtm_message *message,
                                       struct mtm_block *reuse);

#endif
