/* Blocks and the gathering of a message's parts. It owns no state. */
#include "core/block.h"

#include <string.h>

#include "core/alloc.h"
#include "platform/plat.h"
#include "core/size.h"

#include "platform/hidden.h"

struct mtm_block *mtm_block_new(size_t cap)
{
    struct mtm_block *block = mtm_alloc(mtm_size_add(sizeof *block + MTM_BLOCK_SKEW, cap));
    if (!block) return NULL;
    *block = (struct mtm_block){.cap = cap};
    return block;
}

struct mtm_block *mtm_block_copy(struct mtm_block *block)
{
    struct mtm_block *copy = mtm_block_new(block->size);
    if (!copy) return NULL;
    memcpy(mtm_block_data(copy), mtm_block_data(block), block->size);
    copy->size = block->size;
    copy->seq = block->seq;
    copy->rank = block->rank;
    copy->epoch = block->epoch;
    return copy;
}

struct mtm_block *mtm_block_refer(struct mtm_block *whole)
{
    struct mtm_block *block = mtm_alloc(sizeof *block);
    if (!block) return NULL;
    mtm_block_retain(whole);
    *block = (struct mtm_block){.size = whole->size, .whole = whole};
    return block;
}

/* Whether that was the last holder. Who finds no other has it alone: a hold is only made by one
 * who has one, or from its queue. Of two who go at once the one that counts from 0 is last. */
static bool let_go(struct mtm_block *block)
{
    MTM_STEP(block_is_shared);
    if (mtm_load_acq(&block->others) == 0) return true; /* pairs with the next line */
    MTM_STEP(block_let_go);
    return mtm_sub_acq_rel(&block->others, 1) == 0; /* pairs with itself */
}

void mtm_block_free(struct mtm_block *block)
{
    if (!block || !let_go(block)) return;
    if (block->whole && let_go(block->whole)) mtm_free(block->whole);
    mtm_free(block);
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
