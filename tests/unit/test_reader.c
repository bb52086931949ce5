/* Tests of receiving into memory of one's own: what the reader has after each outcome, how its
 * memory grows, and arrays that are aligned. They own the readers. */
#include "bell.h"

#include "core/reader.h"
#include "core/writer.h"

static const struct mtm_wait at_once = {.timeout = 0};

static enum mtm_status receive(struct mtm_reader *reader, struct mtm_buffer *buffer,
                               size_t *need)
{
    struct mtm_failure failure = {0};
    struct mtm_wait wait = at_once;
    enum mtm_status status = mtm_reader_receive(reader, &buffer->object, &wait, need, &failure);
    mtm_failure_free(&failure);
    return status;
}

/* A message of `count` strings of `len` bytes each. */
static void add_strings(struct mtm_buffer *buffer, uint32_t count, size_t len)
{
    struct mtm_writer writer;
    struct mtm_message message;
    enum mtm_status status;
    assert_int_equal(mtm_writer_init(&writer, 100, false, 2), MTM_OK);
    for (uint32_t i = 0; i < count; ++i) {
        unsigned char *room = mtm_writer_room(&writer, mtm_wire_string_size(len), &status);
        assert_non_null(room);
        core_fill(mtm_wire_string_header(room, len), i, len);
    }
    mtm_writer_message(&writer, &message);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
    mtm_writer_fini(&writer);
}

static void assert_strings(struct mtm_reader *reader, uint32_t count, size_t len)
{
    struct mtm_value value;
    for (uint32_t i = 0; i < count; ++i) {
        assert_true(reader->at != reader->end);
        enum mtm_tag tag =
            i % 2 ? mtm_reader_next_aligned(reader, &value) : mtm_reader_next(reader, &value);
        assert_int_equal(tag, len <= MTM_SHORT_MAX ? MTM_TAG_SHORT : MTM_TAG_STRING);
        assert_int_equal(value.string.len, len);
        for (size_t at = 0; at < len; at += 1 + at / 7) {
            assert_int_equal(value.string.ptr[at], core_byte(i, len, at));
        }
    }
    assert_true(reader->at == reader->end);
    assert_int_equal(mtm_reader_next(reader, &value), MTM_TAG_END);
    assert_int_equal(mtm_reader_next_aligned(reader, &value), MTM_TAG_END);
}

/* Small, medium and large messages, in all orders. */
static void messages_are_read(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 10, 300, 3000, 9000};
    for (int sized = 0; sized < 2; ++sized) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_reader reader;
        size_t need;
        assert_int_equal(mtm_reader_init(&reader, 20, sized, sized ? 2 : 0.5), MTM_OK);
        assert_true(reader.at == reader.end);
        for (int i = 0; i < 100; ++i) {
            uint32_t count = (uint32_t)i % 4;
            add_strings(buffer, count, lengths[i * 7 % 5]);
            assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
            if (i % 3) assert_strings(&reader, count, lengths[i * 7 % 5]);
        }
        mtm_reader_fini(&reader);
        core_drop_buffer(buffer);
    }
}

static void old_values_are_gone_whatever_comes(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    struct mtm_value value;
    size_t need;
    assert_int_equal(mtm_reader_init(&reader, 1024, false, 2), MTM_OK);
    for (int outcome = 0; outcome < 4; ++outcome) {
        for (int large = 0; large < 2; ++large) {
            add_strings(buffer, 3, large ? 5000 : 5);
            assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
            mtm_reader_next(&reader, &value);
            enum mtm_status expected = MTM_EMPTY;
            if (outcome == 0) mtm_reader_clear(&reader);
            if (outcome == 1) assert_int_equal(receive(&reader, buffer, &need), MTM_EMPTY);
            if (outcome == 2) {
                mtm_buffer_abort(buffer, true);
                expected = receive(&reader, buffer, &need);
                assert_int_equal(expected, MTM_ABORTED);
                mtm_buffer_abort(buffer, false);
            }
            if (outcome == 3) {
                add_strings(buffer, 1, 4000);
                core_drought = 1;
                assert_int_equal(receive(&reader, buffer, &need), MTM_NOMEM);
                core_drought = 0;
                assert_int_equal(mtm_buffer_count(buffer), 1);
                assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
                mtm_reader_fini(&reader);
                assert_int_equal(mtm_reader_init(&reader, 1024, false, 2), MTM_OK);
            }
            assert_true(reader.at == reader.end);
            assert_int_equal(mtm_reader_next(&reader, &value), MTM_TAG_END);
        }
    }
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

/* One that does not fit stays where it is. */
static void a_fixed_reader_takes_what_fits(void **state)
{
    (void)state;
    for (size_t size = 0; size < 40; ++size) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_reader reader;
        assert_int_equal(mtm_reader_init(&reader, size, false, 0), MTM_OK);
        for (size_t len = 0; len < 40; ++len) {
            size_t need = 0;
            add_strings(buffer, 1, len);
            core_drought = 1; /* it has all its memory */
            enum mtm_status status = receive(&reader, buffer, &need);
            core_drought = 0;
            if (2 + len <= size) {
                assert_int_equal(status, MTM_OK);
                assert_strings(&reader, 1, len);
            } else {
                assert_int_equal(status, MTM_TOO_LARGE);
                assert_int_equal(need, 2 + len);
                assert_int_equal(mtm_buffer_count(buffer), 1);
                assert_true(reader.at == reader.end);
                assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
            }
        }
        mtm_reader_fini(&reader);
        core_drop_buffer(buffer);
    }
}

static void a_large_message_for_a_fixed_reader(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    size_t need;
    assert_int_equal(mtm_reader_init(&reader, 6009, false, 0), MTM_OK);
    add_strings(buffer, 1, 6000);
    add_strings(buffer, 1, 6001);
    assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
    assert_strings(&reader, 1, 6000);
    assert_int_equal(receive(&reader, buffer, &need), MTM_TOO_LARGE);
    assert_int_equal(need, 6010);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

static void memory_comes_with_the_size_or_the_first_message(void **state)
{
    (void)state;
    struct mtm_reader reader;
    assert_int_equal(mtm_reader_init(&reader, 1000, false, 2), MTM_OK);
    assert_int_equal(core_blocks, 0);
    mtm_reader_fini(&reader);
    for (int fixed = 0; fixed < 2; ++fixed) {
        assert_int_equal(mtm_reader_init(&reader, 1000, !fixed, fixed ? 0 : 2), MTM_OK);
        assert_in_range(core_bytes, 1000, 1100);
        mtm_reader_fini(&reader);
        core_drought = 1;
        assert_int_equal(mtm_reader_init(&reader, 1000, !fixed, fixed ? 0 : 2), MTM_NOMEM);
        core_drought = 0;
        mtm_reader_fini(&reader);
        assert_int_equal(mtm_reader_init(&reader, SIZE_MAX, true, 2), MTM_NOMEM);
        mtm_reader_fini(&reader);
    }
}

static void memory_is_used_again(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    size_t need;
    assert_int_equal(mtm_reader_init(&reader, 10, true, 2), MTM_OK);
    add_strings(buffer, 10, 100);
    core_failure = 0;
    assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
    for (uint32_t i = 0; i < 20; ++i) {
        add_strings(buffer, 1 + i % 10, 100);
        core_drought = 1;
        assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
        core_drought = 0;
        assert_strings(&reader, 1 + i % 10, 100);
    }
    add_strings(buffer, 11, 100);
    core_failure = 1; /* of the doubled memory: just what is needed will do */
    assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
    assert_strings(&reader, 11, 100);
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

/* At every offset; the elements are moved over what has been read. */
static void arrays_are_aligned_when_they_are_read(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    size_t need;
    assert_int_equal(mtm_reader_init(&reader, 10, false, 2), MTM_OK);
    mtm_reader_align(&reader);
    for (size_t before = 0; before < 9; ++before) {
        for (size_t i = 0; i < 4 * 5; ++i) {
            const unsigned char elsize = (unsigned char)(1u << i / 5);
            const size_t count = i % 5 * 3, size = elsize * count;
            unsigned char bytes[200] = {0}, *end = bytes;
            struct mtm_value value;
            for (size_t n = 0; n < before; ++n) end = mtm_wire_nil(end);
            end = mtm_wire_array_header(end, 7, elsize, count);
            core_fill(end, 8, size);
            end = mtm_wire_integer(end + size, 300);
            struct mtm_message message = core_message(bytes, (size_t)(end - bytes));
            assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
            assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
            for (size_t n = 0; n < before; ++n) mtm_reader_next_aligned(&reader, &value);
            assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_ARRAY);
            assert_int_equal(value.array.count, count);
            assert_int_equal((uintptr_t)value.array.ptr % elsize, 0);
            for (size_t n = 0; n < size; ++n) {
                assert_int_equal(value.array.ptr[n], core_byte(8, size, n));
            }
            assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_INTEGER);
            assert_true(value.integer == 300);
        }
    }
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

static void a_failed_notifier_leaves_the_message_here(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    struct bell bell = {.answer = 3, .text = "no"};
    struct mtm_reader reader;
    struct mtm_failure failure = {0};
    struct mtm_wait wait = at_once;
    size_t need;
    bell_connect(&bell, buffer, MTM_TAKEN, 0);
    assert_int_equal(mtm_reader_init(&reader, 10, false, 2), MTM_OK);
    add_strings(buffer, 2, 20);
    core_drop_buffer(buffer); /* it is held until the receive has ended */
    assert_int_equal(mtm_reader_receive(&reader, &listener->object, &wait, &need, &failure),
                     MTM_NOTIFIER_FAILED);
    assert_text(&failure, "Error while calling notifier: no");
    assert_strings(&reader, 2, 20);
    assert_next(listener, MTM_NO_BUFFERS);
    mtm_reader_fini(&reader);
    core_drop_listener(listener);
    assert_int_equal(bell.released, 1);
}

/* A table whose only value is cut off: nothing is left to be read after it. */
static void a_damaged_message_ends_where_it_is_damaged(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    struct mtm_value value;
    size_t need;
    for (int damaged = 0; damaged < 2; ++damaged) {
        unsigned char bytes[40], *end = mtm_wire_boolean(bytes, true);
        end = mtm_wire_pair(end, MTM_TAG_TABLE, 1, 0);
        end = mtm_wire_string_header(end, 3);
        if (!damaged) end = mtm_wire_nil(mtm_wire_nil(mtm_wire_nil(end)));
        if (!damaged) end = mtm_wire_nil(end);
        struct mtm_message message = core_message(bytes, (size_t)(end - bytes));
        assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
        assert_int_equal(mtm_reader_init(&reader, 10, false, 2), MTM_OK);
        mtm_reader_lease(&reader);
        mtm_reader_align(&reader);
        assert_int_equal(receive(&reader, buffer, &need), MTM_OK);
        assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_BOOLEAN);
        assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_TABLE);
        assert_int_equal(mtm_reader_skip(&reader, &value), !damaged);
        assert_int_equal(mtm_reader_next_aligned(&reader, &value),
                         damaged ? MTM_TAG_END : MTM_TAG_NIL);
        assert_true(reader.at == reader.end);
        mtm_reader_done(&reader);
        mtm_reader_fini(&reader);
    }
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("messages are read", messages_are_read),
        CORE_TEST("old values are gone, whatever comes", old_values_are_gone_whatever_comes),
        CORE_TEST("a fixed reader takes what fits", a_fixed_reader_takes_what_fits),
        CORE_TEST("even if it comes in its own memory", a_large_message_for_a_fixed_reader),
        CORE_TEST("memory comes with the size or the first message",
                  memory_comes_with_the_size_or_the_first_message),
        CORE_TEST("memory is used again", memory_is_used_again),
        CORE_TEST("arrays are aligned when they are read",
                  arrays_are_aligned_when_they_are_read),
        CORE_TEST("a failed notifier leaves the message here",
                  a_failed_notifier_leaves_the_message_here),
        CORE_TEST("a damaged message ends where it is damaged",
                  a_damaged_message_ends_where_it_is_damaged),
    };
    return UNIT_RUN(tests);
}
