/* The building of messages: room for values, and arrays that are aligned for as long as they
 * are filled. It owns the block that it writes to. */
#include "core/writer.h"

#include "core/alloc.h"
#include "core/cargo.h"
#include "core/growth.h"
#include "core/size.h"

#include "platform/hidden.h"

enum {
    ALIGNMENT = 8,
    SLACK = ALIGNMENT - 1
}; /* spare bytes, so that the last array can be shifted */

static enum mtm_status reserve(struct mtm_writer *writer, size_t cap)
{
    const size_t overhead = sizeof(struct mtm_block) + MTM_BLOCK_SKEW + SLACK;
    struct mtm_block *block = mtm_resize(writer->block, mtm_size_add(overhead, cap));
    if (!block) return MTM_NOMEM;
    if (!writer->block) *block = (struct mtm_block){0};
    block->cap = cap;
    writer->block = block;
    return MTM_OK;
}

enum mtm_status mtm_writer_init(struct mtm_writer *writer, size_t size, bool sized, double grow)
{
    *writer = (struct mtm_writer){.initial = size, .grow = grow, .fixed = grow <= 0};
    return (sized || writer->fixed) && size > 0 ? reserve(writer, size) : MTM_OK;
}

void mtm_writer_fini(struct mtm_writer *writer)
{
    mtm_writer_clear(writer);
    mtm_block_free(writer->block);
    writer->block = NULL;
    mtm_drop_handed_on();
}

size_t mtm_writer_size(const struct mtm_writer *writer)
{
    return writer->block ? writer->block->size : 0;
}

/* Moves the elements of the latest array to where they must be: the caller has filled them. */
static void place_array(struct mtm_writer *writer)
{
    if (!writer->array) return;
    memmove(writer->array_place, writer->array, writer->array_bytes);
    writer->array = NULL;
}

static enum mtm_status make_room(struct mtm_writer *writer, size_t bytes)
{
    size_t size = mtm_writer_size(writer), cap = writer->block ? writer->block->cap : 0;
    if (bytes <= cap - size && writer->block) return MTM_OK;
    size_t need = mtm_size_add(size, bytes);
    writer->wanted = need;
    if (writer->fixed) return MTM_TOO_LARGE;
    if (!writer->block) return reserve(writer, writer->initial > need ? writer->initial : need);
    enum mtm_status status = reserve(writer, mtm_grown(cap, writer->grow, need));
    return status == MTM_OK ? status : reserve(writer, need);
}

unsigned char *mtm_writer_room(struct mtm_writer *writer, size_t bytes, enum mtm_status *status)
{
    const uint32_t use = MTM_USE_BEGIN(&writer->user);
    unsigned char *room = NULL;
    place_array(writer);
    *status = make_room(writer, bytes);
    if (MTM_LIKELY(*status == MTM_OK)) {
        room = mtm_block_data(writer->block) + writer->block->size;
        writer->block->size += bytes;
    }
    MTM_USE_END(&writer->user, use);
    return room;
}

void *mtm_writer_array(struct mtm_writer *writer, unsigned char type, unsigned char elsize,
                       size_t count, enum mtm_status *status)
{
    unsigned char *room = mtm_writer_room(writer, mtm_wire_array_size(elsize, count), status);
    if (!room) return NULL;
    unsigned char *place = mtm_wire_array_header(room, type, elsize, count);
    size_t shift = (size_t)(0 - (uintptr_t)place) & (size_t)(elsize - 1);
    if (shift != 0) {
        writer->array_place = place;
        writer->array_bytes = elsize * count;
        writer->array = place + shift;
    }
    return place + shift;
}

/* ---- values ---- */

enum mtm_status mtm_writer_add_nil(struct mtm_writer *writer)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, 1, &status);
    if (room) mtm_wire_nil(room);
    return status;
}

enum mtm_status mtm_writer_add_boolean(struct mtm_writer *writer, bool value)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, 2, &status);
    if (room) mtm_wire_boolean(room, value);
    return status;
}

enum mtm_status mtm_writer_add_integer(struct mtm_writer *writer, int64_t value)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, mtm_wire_integer_size(value), &status);
    if (room) mtm_wire_integer(room, value);
    return status;
}

enum mtm_status mtm_writer_add_number(struct mtm_writer *writer, double value)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, MTM_WORD_VALUE, &status);
    if (room) mtm_wire_number(room, value);
    return status;
}

enum mtm_status mtm_writer_add_string(struct mtm_writer *writer, const void *bytes, size_t len)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, mtm_wire_string_size(len), &status);
    if (room) {
        room = mtm_wire_string_header(room, len);
        if (len > 0) memcpy(room, bytes, len);
    }
    return status;
}

enum mtm_status mtm_writer_add_pointer(struct mtm_writer *writer, enum mtm_tag tag,
                                       uint64_t value)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, MTM_WORD_VALUE, &status);
    if (room) mtm_wire_pointer(room, tag, value);
    return status;
}

enum mtm_status mtm_writer_add_bytes(struct mtm_writer *writer, const unsigned char *bytes,
                                     size_t count)
{
    enum mtm_status status = MTM_OK;
    if (count == 0) return status;
    unsigned char *room = mtm_writer_room(writer, mtm_size_mul(2, count), &status);
    for (size_t i = 0; room && i < count; ++i) room = mtm_wire_integer(room, bytes[i]);
    return status;
}

/* The message's objects come after those that are there. */
static enum mtm_status take_cargo(struct mtm_writer *writer, struct mtm_cargo **cargo)
{
    if (!writer->cargo) {
        writer->cargo = *cargo;
    } else {
        enum mtm_status status = mtm_cargo_add_all(&writer->cargo, *cargo);
        if (status != MTM_OK) return status;
        mtm_cargo_drop(*cargo);
    }
    *cargo = NULL;
    return MTM_OK;
}

enum mtm_status mtm_writer_add_values(struct mtm_writer *writer,
                                      const struct mtm_message *values)
{
    enum mtm_status status = MTM_OK;
    if (values->size == 0) return status;
    unsigned char *room = mtm_writer_room(writer, values->size, &status);
    if (!room) return status;
    mtm_message_copy(values, room);
    if (mtm_message_has_cargo(values)) status = take_cargo(writer, values->cargo);
    if (status != MTM_OK) writer->block->size -= values->size;
    return status;
}

enum mtm_status mtm_writer_add_object(struct mtm_writer *writer, struct mtm_object *object)
{
    enum mtm_status status;
    unsigned char *room = mtm_writer_room(writer, MTM_OBJECT_VALUE, &status);
    if (!room) return status;
    mtm_wire_object(room, (uint32_t)object->kind, object->id, 0);
    status = mtm_cargo_add(&writer->cargo, object);
    if (status != MTM_OK) writer->block->size -= MTM_OBJECT_VALUE;
    return status;
}

void mtm_writer_clear(struct mtm_writer *writer)
{
    const uint32_t use = MTM_USE_BEGIN(&writer->user);
    writer->array = NULL;
    mtm_cargo_drop(writer->cargo);
    writer->cargo = NULL;
    if (writer->block) writer->block->size = 0;
    MTM_USE_END(&writer->user, use);
}

void mtm_writer_message(struct mtm_writer *writer, struct mtm_message *message)
{
    place_array(writer);
    const size_t size = mtm_writer_size(writer);
    mtm_message_init(message);
    if (writer->cargo) message->cargo = &writer->cargo;
    if (size > 0) mtm_message_add(message, mtm_block_data(writer->block), size);
}
