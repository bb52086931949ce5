/* Tests of sizes near the end of a size_t, which no machine has memory for: whatever is made of
 * such sizes fails, and nothing is read, written or changed. They own what they make. */
#include "core.h"

#include "core/reader.h"
#include "core/record.h"
#include "core/size.h"

static void sums_and_products_stop_at_the_end(void **state)
{
    (void)state;
    assert_true(mtm_size_add(2, 3) == 5 && mtm_size_add(SIZE_MAX - 1, 1) == SIZE_MAX);
    assert_true(mtm_size_add(SIZE_MAX, 0) == SIZE_MAX && mtm_size_add(0, SIZE_MAX) == SIZE_MAX);
    for (size_t i = 1; i < 20; ++i) {
        assert_true(mtm_size_add(SIZE_MAX - 10, i) >= SIZE_MAX - 10);
        assert_true(mtm_size_add(SIZE_MAX, i) == SIZE_MAX);
        assert_true(mtm_size_mul(SIZE_MAX / (i + 1) + 1, i + 1) == SIZE_MAX);
        assert_true(mtm_size_mul(SIZE_MAX / i, i) <= SIZE_MAX - SIZE_MAX % i);
    }
    assert_true(mtm_size_mul(0, SIZE_MAX) == 0 && mtm_size_mul(SIZE_MAX, 0) == 0);
}

/* Three references to the same bytes: in a size_t they come to 2 bytes. */
static struct mtm_message wrapping(void)
{
    static const unsigned char byte = 1;
    struct mtm_message message;
    mtm_message_init(&message);
    for (int i = 0; i < 3; ++i) mtm_message_add(&message, &byte, SIZE_MAX / 3 + 1);
    assert_true(message.size == SIZE_MAX);
    return message;
}

static struct mtm_buffer *buffer_of(size_t size, bool sized, double grow)
{
    struct mtm_buffer_options options = {.size = size, .sized = sized, .grow = grow};
    struct mtm_buffer *buffer;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static void no_buffer_takes_a_message_that_is_too_much_to_count(void **state)
{
    (void)state;
    const struct mtm_message message = wrapping();
    struct mtm_buffer *buffers[] = {buffer_of(MTM_DEFAULT_SIZE, false, 2),
                                    buffer_of(64, true, 2), buffer_of(0, true, 1),
                                    buffer_of(64, true, 0)};
    for (size_t i = 0; i < 4; ++i) {
        const enum mtm_status expected = i == 3 ? MTM_TOO_LARGE : MTM_NOMEM;
        assert_int_equal(core_add(buffers[i], 7), MTM_OK);
        for (int replace = 0; replace < 2; ++replace) {
            struct mtm_notifier *notifier;
            assert_int_equal(
                mtm_buffer_put(buffers[i], &message, replace ? MTM_PUT_REPLACE : 0, &notifier),
                expected);
        }
        assert_delivers(buffers[i], 7);
        core_drop_buffer(buffers[i]);
    }
}

/* Also messages that are only too much together with their header, or what goes in front. */
static void what_goes_in_front_counts(void **state)
{
    (void)state;
    static const unsigned char byte = 1;
    struct mtm_buffer *fixed = buffer_of(64, true, 0), *growing = buffer_of(64, true, 2);
    for (size_t less = 0; less < 64; ++less) {
        struct mtm_message message;
        struct mtm_notifier *notifier;
        mtm_message_init(&message);
        mtm_message_add(&message, &byte, SIZE_MAX - less);
        assert_true(mtm_record_size(message.size) >= message.size);
        assert_int_equal(mtm_buffer_put(fixed, &message, 0, &notifier), MTM_TOO_LARGE);
        assert_int_equal(mtm_buffer_put(growing, &message, 0, &notifier), MTM_NOMEM);
        assert_null(mtm_block_new(SIZE_MAX - less));
        assert_null(mtm_segment_new(SIZE_MAX - less));
        assert_null(mtm_alloc(SIZE_MAX - less));
        assert_true(mtm_alloc_failed_size() == SIZE_MAX - less);
    }
    core_drop_buffer(fixed);
    core_drop_buffer(growing);
}

static void names_are_part_of_the_object(void **state)
{
    (void)state;
    for (size_t less = 0; less < 1024; ++less) {
        struct mtm_buffer_options options = {
            .name = "", .name_len = SIZE_MAX - less, .grow = 2};
        struct mtm_buffer *buffer;
        struct mtm_listener *listener;
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_NOMEM);
        assert_int_equal(mtm_listener_new("", SIZE_MAX - less, &listener), MTM_NOMEM);
    }
}

static void writers_and_readers_stop_at_the_end(void **state)
{
    (void)state;
    const struct mtm_message message = wrapping();
    for (size_t less = 0; less < 64; ++less) {
        struct mtm_writer writer;
        struct mtm_reader reader;
        enum mtm_status status;
        assert_int_equal(mtm_writer_init(&writer, SIZE_MAX - less, true, 2), MTM_NOMEM);
        mtm_writer_fini(&writer);
        assert_int_equal(mtm_reader_init(&reader, SIZE_MAX - less, true, 2), MTM_NOMEM);
        mtm_reader_fini(&reader);
        assert_int_equal(mtm_writer_init(&writer, 16, false, 2), MTM_OK);
        assert_int_equal(mtm_writer_add_integer(&writer, 1), MTM_OK);
        assert_int_equal(mtm_writer_add_values(&writer, &message), MTM_NOMEM);
        assert_int_equal(mtm_writer_add_string(&writer, "", SIZE_MAX - less), MTM_NOMEM);
        assert_null(mtm_writer_array(&writer, 1, 8, SIZE_MAX / 8 - less, &status));
        assert_null(mtm_writer_array(&writer, 1, 8, SIZE_MAX / 8 + 1 + less, &status));
        assert_int_equal(status, MTM_NOMEM);
        assert_int_equal(mtm_writer_size(&writer), 2);
        mtm_writer_fini(&writer);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("sums and products stop at the end", sums_and_products_stop_at_the_end),
        CORE_TEST("no buffer takes a message that is too much to count",
                  no_buffer_takes_a_message_that_is_too_much_to_count),
        CORE_TEST("what goes in front of a message counts", what_goes_in_front_counts),
        CORE_TEST("names are part of the object", names_are_part_of_the_object),
        CORE_TEST("writers and readers stop at the end", writers_and_readers_stop_at_the_end),
    };
    return UNIT_RUN(tests);
}
