/* Blocks and the gathering of a message's parts. It owns no state. */
#include "core/block.h"

#include <string.h>

#include "core/alloc.h"
#include "core/cargo.h"

#include "platform/hidden.h"

struct mtm_block *mtm_block_new(size_t cap)
{
    const size_t overhead = sizeof(struct mtm_block) + MTM_BLOCK_SKEW;
    if (cap > SIZE_MAX - overhead) return NULL;
    struct mtm_block *block = mtm_alloc(overhead + cap);
    if (!block) return NULL;
    *block = (struct mtm_block){.cap = cap};
    return block;
}

void mtm_block_free(struct mtm_block *block)
{
    if (block && block->cargo) mtm_cargo_drop(block->cargo);
    mtm_free(block);
}

void mtm_block_unload(struct mtm_block *block)
{
    mtm_cargo_drop(block->cargo);
    block->cargo = NULL;
}

void mtm_block_free_list(struct mtm_block *first, size_t count)
{
    while (count-- > 0) {
        struct mtm_block *next = first->link;
        mtm_block_free(first);
        first = next;
    }
}

void mtm_message_copy(const struct mtm_message *message, unsigned char *to)
{
    for (size_t i = 0; i < message->nparts; ++i) {
        const struct mtm_part *part = &message->part[i];
        if (part->len > 0) memcpy(to, part->ptr, part->len);
        to += part->len;
    }
}

struct mtm_block *mtm_message_to_block(const struct mtm_message *message,
                                       struct mtm_block *reuse)
{
    struct mtm_block *block = reuse;
    if (!block || block->cap < message->size) {
        mtm_block_free(block);
        block = mtm_block_new(message->size);
        if (!block) return NULL;
    }
    mtm_message_copy(message, mtm_block_data(block));
    block->size = message->size;
    return block;
}
