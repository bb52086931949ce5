/* Receiving into memory of one's own, reading from it, and giving it back. It owns up to two
 * blocks, and a reference while it has a lease. */
#include "core/reader.h"

#include "core/growth.h"
#include "core/listener.h"
#include "core/reference.h"
#include "core/registry.h"

#include "platform/hidden.h"

enum mtm_status mtm_reader_init(struct mtm_reader *reader, size_t size, bool sized, double grow)
{
    *reader = (struct mtm_reader){.initial = size, .grow = grow, .fixed = grow <= 0};
    if (sized || reader->fixed) reader->own = mtm_block_new(size);
    return reader->own || !(sized || reader->fixed) ? MTM_OK : MTM_NOMEM;
}

void mtm_reader_fini(struct mtm_reader *reader)
{
    if (reader->held.from) mtm_reader_put_back(reader);
    mtm_reader_clear(reader);
    mtm_block_free(reader->own);
    reader->own = NULL;
}

void mtm_reader_lease(struct mtm_reader *reader)
{
    reader->lease = true;
}

void mtm_reader_clear(struct mtm_reader *reader)
{
    mtm_reader_done(reader);
    reader->at = reader->end = NULL;
    mtm_block_free(reader->other);
    reader->other = NULL;
}

/* What a lease has a reference to: the buffer, or the listener that holds it. */
static struct mtm_object *kept(const struct mtm_delivery *held)
{
    return held->through ? &held->through->object : &held->from->object;
}

void mtm_reader_done(struct mtm_reader *reader)
{
    struct mtm_delivery held = reader->held;
    reader->from_id = 0;
    reader->held.from = NULL;
    if (!held.from) return;
    mtm_delivery_done(&held, false);
    mtm_object_release(kept(&held));
}

/* ---- giving back ---- */

static void move_back(struct mtm_reader *reader)
{
    while (reader->nmoves > 0) {
        const struct mtm_move *move = &reader->move[--reader->nmoves];
        memmove(move->elements, move->elements - move->shift, move->bytes);
        memcpy(move->elements - sizeof move->count, &move->count, sizeof move->count);
    }
}

/* The message is in its own block, or in the carrier, which goes with it. */
static bool give_back(struct mtm_reader *reader, struct mtm_delivery *delivery)
{
    delivery->slot.carrier = reader->own;
    delivery->slot.block = reader->other ? reader->other : reader->own;
    reader->other = NULL;
    reader->at = reader->end = NULL;
    reader->from_id = 0;
    bool back = mtm_delivery_put_back(delivery);
    reader->own = delivery->slot.carrier;
    return back;
}

static enum mtm_status give_back_by_id(struct mtm_reader *reader)
{
    struct mtm_object *object;
    enum mtm_status status = mtm_registry_find_id(MTM_BUFFER, reader->from_id, &object);
    if (status != MTM_OK) return status;
    struct mtm_delivery delivery = {.from = (struct mtm_buffer *)object};
    move_back(reader);
    bool back = give_back(reader, &delivery);
    mtm_root_release(object);
    return back ? MTM_OK : MTM_CLOSED;
}

enum mtm_status mtm_reader_put_back(struct mtm_reader *reader)
{
    struct mtm_delivery held = reader->held;
    if (reader->from_id == 0) return MTM_EMPTY;
    if (reader->spoiled) return MTM_NOMEM;
    if (!held.from) return give_back_by_id(reader);
    reader->held.from = NULL;
    move_back(reader);
    bool back = give_back(reader, &held);
    mtm_object_release(kept(&held));
    return back ? MTM_OK : MTM_CLOSED;
}

/* ---- receiving ---- */

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

/* We move arrays, so nobody else may read the bytes. False: no memory. */
static bool make_own(struct mtm_slot *slot)
{
    struct mtm_block *block = slot->block;
    if (block == slot->carrier || !mtm_block_is_shared(block)) return true;
    struct mtm_block *copy = mtm_block_copy(block);
    if (!copy) return false;
    mtm_block_free(block);
    slot->block = copy;
    return true;
}

static void have(struct mtm_reader *reader, const struct mtm_delivery *in)
{
    struct mtm_block *block = in->slot.block;
    if (block != reader->own) reader->other = block;
    reader->at = mtm_block_data(block);
    reader->end = reader->at + block->size;
    reader->from_id = in->from->object.id;
    reader->nmoves = 0;
    reader->spoiled = false;
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
    if (MTM_UNLIKELY(!make_own(&in->slot))) {
        mtm_delivery_put_back(in);
        return MTM_NOMEM;
    }
    have(reader, in);
    return MTM_OK;
}

void mtm_reader_settle(struct mtm_reader *reader, struct mtm_delivery *in, bool nonblock)
{
    if (MTM_UNLIKELY(reader->lease)) {
        mtm_object_retain(kept(in));
        reader->held = *in;
    } else {
        mtm_delivery_done(in, nonblock);
    }
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
    mtm_reader_settle(reader, &in, nonblock);
    return status;
}

static void note_move(struct mtm_reader *reader, unsigned char *elements, size_t shift,
                      const struct mtm_value *value)
{
    if (shift == 0) return;
    if (reader->nmoves == MTM_READER_MOVES) {
        reader->spoiled = true;
        return;
    }
    reader->move[reader->nmoves++] = (struct mtm_move){
        elements, shift, value->array.elsize * value->array.count, value->array.count};
}

enum mtm_tag mtm_reader_next_aligned(struct mtm_reader *reader, struct mtm_value *out)
{
    mtm_reader_next(reader, out);
    if (out->tag == MTM_TAG_ARRAY) {
        unsigned char *elements = (unsigned char *)(uintptr_t)out->array.ptr; /* in our block */
        size_t shift = (uintptr_t)elements & (size_t)(out->array.elsize - 1) & 7;
        note_move(reader, elements, shift, out);
        memmove(elements - shift, elements, out->array.elsize * out->array.count);
        out->array.ptr = elements - shift;
    }
    return out->tag;
}

bool mtm_reader_skip(struct mtm_reader *reader, const struct mtm_value *value)
{
    for (uint64_t parts = mtm_wire_parts(value); parts > 0; --parts) {
        if (mtm_wire_skip(&reader->at, reader->end)) continue;
        reader->at = reader->end;
        return false;
    }
    return true;
}
