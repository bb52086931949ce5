/* Blocks and the gathering of a message's parts. It owns no state. */
#include "core/block.h"

#include <string.h>

#include "core/alloc.h"
#include "core/cargo.h"
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

static size_t place_of_inner(size_t cap)
{
    return (mtm_size_add(MTM_BLOCK_SKEW + 7, cap)) & ~(size_t)7;
}

struct mtm_block *mtm_block_new_with(size_t cap, size_t inner)
{
    const size_t room = mtm_size_mul(inner, sizeof(struct mtm_block));
    struct mtm_block *block =
        mtm_alloc(mtm_size_add(mtm_size_add(sizeof *block, place_of_inner(cap)), room));
    if (!block) return NULL;
    *block = (struct mtm_block){.cap = cap, .inner = (uint32_t)inner};
    return block;
}

struct mtm_block *mtm_block_copy(struct mtm_block *block)
{
    struct mtm_block *copy = mtm_block_new(block->size);
    if (!copy) return NULL;
    if (block->cargo && mtm_cargo_add_all(&copy->cargo, block->cargo) != MTM_OK) {
        mtm_block_free(copy);
        return NULL;
    }
    memcpy(mtm_block_data(copy), mtm_block_data(block), block->size);
    copy->size = block->size;
    copy->seq = block->seq;
    copy->rank = block->rank;
    copy->epoch = block->epoch;
    return copy;
}

struct mtm_block *mtm_block_refer(struct mtm_block *whole)
{
    const bool inner = whole->used < whole->inner;
    struct mtm_block *block = inner
                                  ? (struct mtm_block *)(void *)((unsigned char *)(whole + 1) +
                                                                 place_of_inner(whole->cap)) +
                                        whole->used++
                                  : mtm_alloc(sizeof *block);
    if (!block) return NULL;
    mtm_block_retain(whole);
    *block = (struct mtm_block){
        .size = whole->size, .whole = whole, .inner = inner ? MTM_IN_WHOLE : 0};
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

/* With the last hold on the whole its memory may go, and the block's with that. */
struct mtm_block *mtm_block_free_but_whole(struct mtm_block *block)
{
    if (!let_go(block)) return NULL;
    if (MTM_UNLIKELY(block->cargo != NULL)) mtm_cargo_drop(block->cargo);
    struct mtm_block *whole = block->whole;
    if (block->inner != MTM_IN_WHOLE) mtm_free(block);
    if (!let_go(whole)) return NULL;
    whole->used = 0;
    mtm_store_rlx(&whole->others, 0); /* of several who went at once, one counted below 0 */
    return whole;
}

static void free_alone(struct mtm_block *block)
{
    if (MTM_UNLIKELY(block->cargo != NULL)) mtm_cargo_drop(block->cargo);
    mtm_free(block);
}

void mtm_block_free(struct mtm_block *block)
{
    if (!block) return;
    if (block->whole) mtm_free(mtm_block_free_but_whole(block));
    else if (let_go(block)) free_alone(block);
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
