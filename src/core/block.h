/* A block: memory that carries one message outside of the rings, from encoder to queue, or from
 * queue to receiver. A block has one owner at a time; who that is, is said where it is handed
 * over. */
#ifndef MTM_CORE_BLOCK_H
#define MTM_CORE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

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
    struct mtm_cargo **cargo; /* the sender's, of what it refers to; NULL: nothing. A put that
                                 succeeds takes it over, and sets it to NULL. */
    struct mtm_part part[MTM_MAX_PARTS];
};

struct mtm_block {
    struct mtm_block *link;  /* guarded by whoever owns the block */
    size_t cap;              /* bytes of room */
    size_t size;             /* bytes used */
    size_t seq;              /* place in the order of its buffer */
    uint64_t epoch;          /* which filling of the buffer it came from */
    struct mtm_cargo *cargo; /* what its message refers to, or NULL; owned like the block */
};

/* The bytes begin 5 after a multiple of 8, so that the elements of an array which is the first
 * value of a message are aligned (11 bytes of array header precede them). */
enum { MTM_BLOCK_SKEW = 5 };

static inline unsigned char *mtm_block_data(struct mtm_block *block)
{
    return (unsigned char *)(block + 1) + MTM_BLOCK_SKEW;
}

/* Room for cap bytes, or NULL. No lock may be held. */
struct mtm_block *mtm_block_new(size_t cap);

/* NULL is fine. No lock may be held. What the message referred to is handed on (drop.h). */
void mtm_block_free(struct mtm_block *block);

/* The message is not needed any more, but the block is: what it referred to is handed on. Never
 * blocks. */
void mtm_block_unload(struct mtm_block *block);

/* Frees count blocks, following the links. */
void mtm_block_free_list(struct mtm_block *first, size_t count);

/* Copies all parts, one after the other, to memory with room for message->size bytes. */
void mtm_message_copy(const struct mtm_message *message, unsigned char *to);

/* A block with the bytes of the message: `reuse` if that is large enough, else a new one; NULL
 * if there is no memory. An unused `reuse` is freed. No lock may be held. */
struct mtm_block *mtm_message_to_block(const struct mtm_message *message,
                                       struct mtm_block *reuse);

#endif
