/* What the tests of looking and of leases share: messages of known bytes, and who looks at
 * them, takes and reads them. It owns nothing. */
#ifndef MTM_TESTS_PEEK_H
#define MTM_TESTS_PEEK_H

#include "bell.h"

#include "core/reader.h"

enum { SMALL = 40, LARGE = 6000 };

static inline void add(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    static unsigned char bytes[LARGE];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
}

static inline enum mtm_status look(struct mtm_buffer *buffer, struct mtm_delivery *in)
{
    struct mtm_wait wait = {.timeout = 0};
    *in = (struct mtm_delivery){.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(SMALL)};
    return mtm_peek(buffer, &wait, in);
}

static inline void look_no_more(struct mtm_delivery *in)
{
    mtm_peek_done(in);
    mtm_block_free(in->slot.carrier);
}

static inline void assert_sees(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    struct mtm_delivery in;
    assert_int_equal(look(buffer, &in), MTM_OK);
    assert_true(core_is(in.slot.block, number, size));
    look_no_more(&in);
}

static inline void take(struct mtm_buffer *buffer, struct mtm_delivery *in)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    *in = (struct mtm_delivery){.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(SMALL)};
    assert_int_equal(mtm_receive(&buffer->object, &wait, in), MTM_OK);
}

static inline enum mtm_status read_one(struct mtm_reader *reader, struct mtm_object *source)
{
    struct mtm_failure failure = {0};
    struct mtm_wait wait = {.timeout = 0};
    size_t need;
    return mtm_reader_receive(reader, source, &wait, &need, &failure);
}

static inline void start(struct mtm_reader *reader, bool lease)
{
    assert_int_equal(mtm_reader_init(reader, 20, false, 2), MTM_OK);
    if (lease) mtm_reader_lease(reader);
}

static inline void start_aligned(struct mtm_reader *reader, bool lease)
{
    start(reader, lease);
    mtm_reader_align(reader);
}

#endif
