/* Receiving into memory of one's own, reading from it, and giving it back. It owns up to two
 * blocks, and a reference while it has a lease. */
#include "core/reader.h"

#include "core/alloc.h"
#include "core/cargo.h"
#include "core/fast_path.h"
#include "core/growth.h"
#include "core/listener.h"
#include "core/reference.h"
#include "core/registry.h"

#include "platform/hidden.h"

enum mtm_status mtm_reader_init(struct mtm_reader *reader, size_t size, bool sized, double grow)
{
    *reader = (struct mtm_reader){.initial = size, .grow = grow, .fixed = grow <= 0};
    reader->most_moves = MTM_READER_MOVES;
    if (sized || reader->fixed) reader->own = mtm_block_new(size);
    return reader->own || !(sized || reader->fixed) ? MTM_OK : MTM_NOMEM;
}

void mtm_reader_lease(struct mtm_reader *reader)
{
    reader->lease = true;
}

void mtm_reader_align(struct mtm_reader *reader)
{
    reader->aligns = true;
}

void mtm_reader_fini(struct mtm_reader *reader)
{
    if (reader->held.from) mtm_reader_put_back(reader);
    mtm_reader_clear(reader);
    mtm_block_free(reader->own);
    reader->own = NULL;
    mtm_drop_handed_on();
    mtm_free(reader->moves);
    reader->moves = NULL;
    reader->most_moves = MTM_READER_MOVES;
}

static void forget_values(struct mtm_reader *reader)
{
    ++reader->message;
    reader->at = reader->end = NULL;
    mtm_block_free(reader->other);
    reader->other = NULL;
}

void mtm_reader_clear(struct mtm_reader *reader)
{
    mtm_reader_done(reader);
    forget_values(reader);
}

/* ---- leases ---- */

static void give_up_root(struct mtm_reader *reader)
{
    struct mtm_object *root = reader->root;
    reader->root = NULL;
    if (root) mtm_root_release(root);
}

/* Its message has been dealt with; the root stays. */
static void end_lease(struct mtm_reader *reader, bool nonblock)
{
    struct mtm_delivery held = reader->held;
    reader->from_id = 0;
    reader->held.from = NULL;
    if (held.from) mtm_delivery_done(&held, nonblock);
}

void mtm_reader_done(struct mtm_reader *reader)
{
    end_lease(reader, false);
    give_up_root(reader);
}

/* The root is of the object from which it was received: the buffer, or the listener that holds
 * it. A row of messages from one object needs a single one. */
static void begin_lease(struct mtm_reader *reader, struct mtm_object *object,
                        const struct mtm_delivery *in)
{
    reader->held = *in;
    reader->held.notifier = NULL; /* who took it calls it */
    if (reader->root) return;
    mtm_root_retain(object);
    reader->root = object;
}

/* ---- giving back ---- */

static struct mtm_move *moves_of(struct mtm_reader *reader)
{
    return reader->moves ? reader->moves : reader->few_moves;
}

static void move_back(struct mtm_reader *reader)
{
    while (reader->nmoves > 0) {
        const struct mtm_move *move = &moves_of(reader)[--reader->nmoves];
        memmove(move->elements, move->elements - move->shift, move->bytes);
        memcpy(move->elements - sizeof move->count, &move->count, sizeof move->count);
    }
}

/* The message is in its own block, or in the carrier, which goes with it. */
static enum mtm_status give_back(struct mtm_reader *reader, struct mtm_delivery *delivery)
{
    const bool closed = mtm_object_is_closed(&delivery->from->object);
    move_back(reader);
    delivery->slot.carrier = reader->own;
    delivery->slot.block = reader->other ? reader->other : reader->own;
    reader->other = NULL;
    ++reader->message;
    reader->at = reader->end = NULL;
    reader->from_id = 0;
    bool back = mtm_delivery_put_back(delivery);
    reader->own = delivery->slot.carrier;
    if (back) return MTM_OK;
    return closed ? MTM_CLOSED : MTM_EMPTY;
}

static enum mtm_status give_back_by_id(struct mtm_reader *reader)
{
    struct mtm_object *object;
    if (reader->spoiled) return MTM_NOMEM;
    enum mtm_status status = mtm_registry_find_id(MTM_BUFFER, reader->from_id, &object);
    if (status != MTM_OK) return status;
    struct mtm_delivery delivery = {.from = (struct mtm_buffer *)object};
    status = give_back(reader, &delivery);
    mtm_root_release(object);
    return status;
}

enum mtm_status mtm_reader_put_back(struct mtm_reader *reader)
{
    struct mtm_delivery held = reader->held;
    if (reader->from_id == 0) return MTM_EMPTY;
    if (!held.from) return give_back_by_id(reader);
    reader->held.from = NULL;
    enum mtm_status status = give_back(reader, &held);
    give_up_root(reader);
    return status;
}

enum mtm_status mtm_reader_rewind(struct mtm_reader *reader)
{
    if (!reader->at) return MTM_EMPTY;
    if (reader->spoiled) return MTM_NOMEM;
    move_back(reader);
    ++reader->message;
    reader->items = 0;
    reader->at = mtm_block_data(reader->other ? reader->other : reader->own);
    return MTM_OK;
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

/* The common case. */
static bool receive_at_once(const struct mtm_reader *reader, struct mtm_object *object,
                            struct mtm_delivery *in)
{
    if (object->kind != MTM_BUFFER) return false;
    in->slot.carrier = reader->own;
    in->from = (struct mtm_buffer *)object;
    in->served = false;
    in->through = NULL;
    in->notifier = NULL;
    return mtm_fast_take_bytes(in->from, &in->slot);
}

static enum mtm_status receive(struct mtm_reader *reader, struct mtm_object *object,
                               struct mtm_wait *wait, struct mtm_delivery *in)
{
    in->slot.limit = reader->fixed ? reader->initial : SIZE_MAX;
    in->slot.need = 0;
    if (receive_at_once(reader, object, in)) return MTM_OK;
    for (;;) {
        in->slot.carrier = reader->own;
        enum mtm_status status = mtm_receive(object, wait, in);
        if (status != MTM_GROW) return status;
        status = grow_own(reader, in->slot.need);
        if (status != MTM_OK) return status;
    }
}

/* Where arrays are moved nobody else may read the bytes. False: no memory. */
static bool make_own(const struct mtm_reader *reader, struct mtm_slot *slot)
{
    struct mtm_block *block = slot->block;
    if (!reader->aligns || block == slot->carrier || !mtm_block_is_shared(block)) return true;
    struct mtm_block *copy = mtm_block_copy(block);
    if (!copy) return false;
    mtm_block_free(block);
    slot->block = copy;
    return true;
}

static size_t count_arrays(const unsigned char *at, const unsigned char *end)
{
    struct mtm_value value;
    size_t count = 0, objects = 0;
    bool whole = true;
    while (whole && mtm_wire_read(&at, end, &value) != MTM_TAG_END) {
        count += value.tag == MTM_TAG_ARRAY;
        for (uint64_t parts = mtm_wire_parts(&value); whole && parts > 0; --parts)
            whole = mtm_wire_skip(&at, end, &objects);
    }
    return count;
}

bool mtm_reader_reserve_moves(struct mtm_reader *reader, size_t count)
{
    if (count <= reader->most_moves) return true;
    struct mtm_move *more = mtm_alloc(mtm_size_mul(count, sizeof *more));
    if (!more) return false;
    mtm_free(reader->moves);
    reader->moves = more;
    reader->most_moves = count;
    return true;
}

/* A lease must be able to go back, however many of its arrays are moved. False: no memory. */
static bool make_room_for_moves(struct mtm_reader *reader)
{
    const size_t size = (size_t)(reader->end - reader->at);
    if (!reader->lease || !reader->aligns) return true;
    if (size < reader->most_moves * MTM_ARRAY_HEADER) return true;
    return mtm_reader_reserve_moves(reader, count_arrays(reader->at, reader->end));
}

static void have(struct mtm_reader *reader, const struct mtm_delivery *in)
{
    struct mtm_block *block = in->slot.block;
    if (block != reader->own) reader->other = block;
    reader->at = mtm_block_data(block);
    reader->end = reader->at + block->size;
    reader->from_id = in->from->object.id;
    ++reader->message;
    reader->nmoves = 0;
    reader->items = 0;
    reader->spoiled = false;
}

/* While it waits the reader may keep a root of the object: so does its caller. */
static enum mtm_status take(struct mtm_reader *reader, struct mtm_object *object,
                            struct mtm_wait *wait, size_t *need, struct mtm_delivery *in)
{
    end_lease(reader, mtm_wait_never(wait));
    forget_values(reader);
    if (reader->root != object) give_up_root(reader);
    enum mtm_status status = receive(reader, object, wait, in);
    if (status == MTM_OK && MTM_UNLIKELY(!make_own(reader, &in->slot))) {
        mtm_delivery_put_back(in);
        reader->own = in->slot.carrier;
        status = MTM_NOMEM;
    }
    if (status != MTM_OK) {
        *need = in->slot.need;
        give_up_root(reader);
        return status;
    }
    have(reader, in);
    if (MTM_UNLIKELY(reader->lease)) begin_lease(reader, object, in);
    return MTM_OK;
}

enum mtm_status mtm_reader_take(struct mtm_reader *reader, struct mtm_object *object,
                                struct mtm_wait *wait, size_t *need, struct mtm_delivery *in)
{
    const uint32_t use = MTM_USE_BEGIN(&reader->user);
    enum mtm_status status = take(reader, object, wait, need, in);
    MTM_USE_END(&reader->user, use);
    return status;
}

void mtm_reader_settle(struct mtm_reader *reader, struct mtm_delivery *in, bool nonblock)
{
    if (MTM_LIKELY(!reader->lease)) mtm_delivery_done(in, nonblock);
}

void mtm_reader_untake(struct mtm_reader *reader, struct mtm_delivery *in)
{
    reader->held.from = NULL;
    (void)give_back(reader, in);
    give_up_root(reader);
}

enum mtm_status mtm_reader_receive(struct mtm_reader *reader, struct mtm_object *object,
                                   struct mtm_wait *wait, size_t *need,
                                   struct mtm_failure *failure)
{
    struct mtm_delivery in;
    const bool nonblock = mtm_wait_never(wait);
    enum mtm_status status = mtm_reader_take(reader, object, wait, need, &in);
    if (status != MTM_OK) return status;
    if (MTM_UNLIKELY(!make_room_for_moves(reader))) {
        mtm_reader_untake(reader, &in);
        return MTM_NOMEM;
    }
    status = mtm_delivery_notify(&in, nonblock, failure);
    mtm_reader_settle(reader, &in, nonblock);
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): moving back writes there */
static void note_move(struct mtm_reader *reader, unsigned char *elements, size_t shift,
                      const struct mtm_value *value)
{
    if (shift == 0) return;
    if (reader->nmoves == reader->most_moves) {
        reader->spoiled = true;
        return;
    }
    moves_of(reader)[reader->nmoves++] = (struct mtm_move){
        elements, shift, value->array.elsize * value->array.count, value->array.count};
}

void mtm_reader_align_array(struct mtm_reader *reader, struct mtm_value *array)
{
    MTM_ASSERT(reader->aligns);
    unsigned char *elements = (unsigned char *)(uintptr_t)array->array.ptr; /* in our block */
    size_t shift = (uintptr_t)elements & (size_t)(array->array.elsize - 1) & 7;
    note_move(reader, elements, shift, array);
    memmove(elements - shift, elements, array->array.elsize * array->array.count);
    array->array.ptr = elements - shift;
}

enum mtm_tag mtm_reader_next_aligned(struct mtm_reader *reader, struct mtm_value *out)
{
    const uint32_t use = MTM_USE_BEGIN(&reader->user);
    mtm_reader_next(reader, out);
    if (out->tag == MTM_TAG_ARRAY) mtm_reader_align_array(reader, out);
    MTM_USE_END(&reader->user, use);
    return out->tag;
}

const struct mtm_item *mtm_reader_item(const struct mtm_reader *reader)
{
    return mtm_cargo_at(mtm_reader_cargo(reader), reader->items - 1);
}

bool mtm_reader_skip(struct mtm_reader *reader, const struct mtm_value *value)
{
    for (uint64_t parts = mtm_wire_parts(value); parts > 0; --parts) {
        if (mtm_wire_skip(&reader->at, reader->end, &reader->items)) continue;
        reader->at = reader->end;
        return false;
    }
    return true;
}
