/* Memory in which a message is built value by value, growing as told.
 * It belongs to one thread at a time; what the bytes mean is in wire.h. */
#ifndef MTM_CORE_WRITER_H
#define MTM_CORE_WRITER_H

#include "core/block.h"
#include "core/status.h"
#include "core/wire.h"
#include "platform/plat.h"

struct mtm_writer {
    struct mtm_block *block; /* its size is what was written; NULL: not allocated yet */
    size_t initial;          /* constant, as grow and fixed: bytes of memory at first */
    double grow;
    bool fixed;
    mtm_a32 user;  /* atomic; who is at work on it, as debug builds have it */
    size_t wanted; /* after TOO_LARGE: how large the message would have been */
    unsigned char
        *array; /* the elements of the latest array, where they are aligned, or NULL */
    unsigned char *array_place; /* ... and where they must be in the message */
    size_t array_bytes;
    struct mtm_cargo *cargo; /* owned; the objects among the values, or NULL */
};

struct mtm_object;

/* Allocates at once if the size was given (or is fixed). OK or NOMEM; fini is allowed in both
 * cases. */
enum mtm_status mtm_writer_init(struct mtm_writer *writer, size_t size, bool sized,
                                double grow);
void mtm_writer_fini(struct mtm_writer *writer);

/* Room for one more value of so many bytes; the caller fills all of it. NULL, and nothing
 * changed, if there is none: *status is TOO_LARGE or NOMEM. The place is valid until the next
 * call. */
unsigned char *mtm_writer_room(struct mtm_writer *writer, size_t bytes,
                               enum mtm_status *status);

/* An array value whose elements the caller fills in afterwards, at a place that is aligned for
 * them. As room. elsize must be the power of two that belongs to the type. */
void *mtm_writer_array(struct mtm_writer *writer, unsigned char type, unsigned char elsize,
                       size_t count, enum mtm_status *status);

/* One more value. OK, or TOO_LARGE or NOMEM: then nothing has changed. */
enum mtm_status mtm_writer_add_nil(struct mtm_writer *writer);
enum mtm_status mtm_writer_add_boolean(struct mtm_writer *writer, bool value);
enum mtm_status mtm_writer_add_integer(struct mtm_writer *writer, int64_t value);
enum mtm_status mtm_writer_add_number(struct mtm_writer *writer, double value);
enum mtm_status mtm_writer_add_string(struct mtm_writer *writer, const void *bytes, size_t len);

/* tag: POINTER or FUNCTION */
enum mtm_status mtm_writer_add_pointer(struct mtm_writer *writer, enum mtm_tag tag,
                                       uint64_t value);

/* A reference to the object, to which the caller has one. OK, TOO_LARGE, NOMEM, TOO_MANY. No
 * lock held. */
enum mtm_status mtm_writer_add_object(struct mtm_writer *writer, struct mtm_object *object);

/* As many integers as there are bytes: all of them or none. */
enum mtm_status mtm_writer_add_bytes(struct mtm_writer *writer, const unsigned char *bytes,
                                     size_t count);

/* The values of a message, in the form that they have there, with their objects, which are the
 * writer's then: all of them or none. */
enum mtm_status mtm_writer_add_values(struct mtm_writer *writer,
                                      const struct mtm_message *values);

/* Throws the values away, and keeps the memory. */
void mtm_writer_clear(struct mtm_writer *writer);

/* Bytes of the values so far. */
size_t mtm_writer_size(const struct mtm_writer *writer);

/* The values as a message; borrows the memory. */
void mtm_writer_message(struct mtm_writer *writer, struct mtm_message *message);

#endif
