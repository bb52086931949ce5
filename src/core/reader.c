/* Receiving into memory of one's own, and reading from it. It owns up to two blocks. */
#include "core/reader.h"

#include "core/growth.h"

#include "platform/hidden.h"

enum mtm_status mtm_reader_init(struct mtm_reader *reader, size_t size, bool sized, double grow)
{
    *reader = (struct mtm_reader){.initial = size, .grow = grow, .fixed = grow <= 0};
    if (sized || reader->fixed) reader->own = mtm_block_new(size);
    return reader->own || !(sized || reader->fixed) ? MTM_OK : MTM_NOMEM;
}

void mtm_reader_fini(struct mtm_reader *reader)
{
    mtm_reader_clear(reader);
    mtm_block_free(reader->own);
    reader->own = NULL;
}

void mtm_reader_clear(struct mtm_reader *reader)
{
    reader->at = reader->end = NULL;
    mtm_block_free(reader->other);
    reader->other = NULL;
}

/* Nothing is in it that must be kept. */
static enum mtm_status grow_own(struct mtm_reader *reader, size_t need)
{
    size_t cap =
        reader->own ? mtm_grown(reader->own->cap, reader->grow, need) : reader->initial;
    mtm_block_free(reader->own);
    reader->own = mtm_block_new(cap > need ? cap : need);
    if (!reader->own && cap > need) reader->own = mtm_block_new(need);
    return reader->own ? MTM_OK : MTM_NOMEM;
}

static enum mtm_status receive(struct mtm_reader *reader, struct mtm_object *object,
                               struct mtm_wait *wait, struct mtm_delivery *in)
{
    in->slot.limit = reader->fixed ? reader->initial : SIZE_MAX;
    in->slot.need = 0;
    for (;;) {
        in->slot.carrier = reader->own;
        enum mtm_status status = mtm_receive(object, wait, in);
        if (status != MTM_GROW) return status;
        status = grow_own(reader, in->slot.need);
        if (status != MTM_OK) return status;
    }
}

enum mtm_status mtm_reader_take(struct mtm_reader *reader, struct mtm_object *object,
                                struct mtm_wait *wait, size_t *need, struct mtm_delivery *in)
{
    mtm_reader_clear(reader);
    enum mtm_status status = receive(reader, object, wait, in);
    if (status != MTM_OK) {
        *need = in->slot.need;
        return status;
    }
    struct mtm_block *block = in->slot.block;
    if (block != reader->own) reader->other = block;
    reader->at = mtm_block_data(block);
    reader->end = reader->at + block->size;
    return MTM_OK;
}

enum mtm_status mtm_reader_receive(struct mtm_reader *reader, struct mtm_object *object,
                                   struct mtm_wait *wait, size_t *need,
                                   struct mtm_failure *failure)
{
    struct mtm_delivery in;
    const bool nonblock = mtm_wait_never(wait);
    enum mtm_status status = mtm_reader_take(reader, object, wait, need, &in);
    if (status != MTM_OK) return status;
    status = mtm_delivery_notify(&in, nonblock, failure);
    mtm_delivery_done(&in, nonblock);
    return status;
}

enum mtm_tag mtm_reader_next_aligned(struct mtm_reader *reader, struct mtm_value *out)
{
    mtm_reader_next(reader, out);
    if (out->tag == MTM_TAG_ARRAY) {
        unsigned char *elements = (unsigned char *)(uintptr_t)out->array.ptr; /* in our block */
        size_t shift = (uintptr_t)elements & (size_t)(out->array.elsize - 1) & 7;
        memmove(elements - shift, elements, out->array.elsize * out->array.count);
        out->array.ptr = elements - shift;
    }
    return out->tag;
}
