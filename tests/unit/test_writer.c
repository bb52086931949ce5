/* Tests of the building of messages: room as told, failures that change nothing, and arrays
 * that are aligned while they are filled. They own the writers. */
#include "core.h"

#include "core/duration.h"
#include "core/writer.h"

/* A string value of so many bytes in all; false, and the status, if there is no room. */
static bool put_string(struct mtm_writer *writer, uint32_t number, size_t size,
                       enum mtm_status *status)
{
    unsigned char *room = mtm_writer_room(writer, size, status);
    if (!room) return false;
    unsigned char *text = mtm_wire_string_header(room, size - 2);
    core_fill(text, number, size - 2);
    return true;
}

static void next_is_string(const unsigned char **at, const unsigned char *end, uint32_t number,
                           size_t size)
{
    struct mtm_value value;
    assert_int_equal(mtm_wire_read(at, end, &value), MTM_TAG_SHORT);
    assert_int_equal(value.string.len, size - 2);
    for (size_t i = 0; i < size - 2; ++i) {
        assert_int_equal(value.string.ptr[i], core_byte(number, size - 2, i));
    }
}

static void values_become_one_message(void **state)
{
    (void)state;
    static const double factors[] = {0.5, 1, 1.5, 2, 100};
    for (size_t i = 0; i < 10; ++i) {
        struct mtm_writer writer;
        struct mtm_message message;
        enum mtm_status status;
        size_t size = 0;
        assert_int_equal(mtm_writer_init(&writer, i, i % 2, factors[i / 2]), MTM_OK);
        for (int round = 0; round < 3; ++round) {
            assert_int_equal(mtm_writer_size(&writer), 0);
            size = 0;
            for (uint32_t n = 0; n < 200; ++n) {
                assert_true(put_string(&writer, n, 2 + n, &status));
                assert_int_equal(status, MTM_OK);
                size += 2 + n;
                assert_int_equal(mtm_writer_size(&writer), size);
            }
            mtm_writer_message(&writer, &message);
            assert_int_equal(message.size, size);
            assert_int_equal(message.nparts, 1);
            const unsigned char *at = message.part[0].ptr, *end = at + message.part[0].len;
            for (uint32_t n = 0; n < 200; ++n) next_is_string(&at, end, n, 2 + n);
            assert_ptr_equal(at, end);
            mtm_writer_clear(&writer);
        }
        mtm_writer_fini(&writer);
    }
}

static void an_empty_message_has_no_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; ++i) {
        struct mtm_writer writer;
        struct mtm_message message;
        enum mtm_status status;
        assert_int_equal(mtm_writer_init(&writer, i, i % 2, i < 2 ? 0 : 2), MTM_OK);
        for (int round = 0; round < 2; ++round) {
            mtm_writer_message(&writer, &message);
            assert_int_equal(message.size, 0);
            assert_int_equal(message.nparts, 0);
            put_string(&writer, 1, 2, &status);
            mtm_writer_clear(&writer);
        }
        mtm_writer_fini(&writer);
    }
}

static void memory_comes_with_the_size_or_the_first_value(void **state)
{
    (void)state;
    struct mtm_writer writer;
    enum mtm_status status;
    assert_int_equal(mtm_writer_init(&writer, 1024, false, 2), MTM_OK);
    assert_int_equal(core_blocks, 0);
    assert_true(put_string(&writer, 1, 10, &status));
    assert_in_range(core_bytes, 1024, 1024 + 100);
    assert_int_equal(core_requests, 1);
    mtm_writer_clear(&writer);
    assert_int_equal(core_blocks, 1); /* keeps its memory */
    mtm_writer_fini(&writer);
    assert_int_equal(mtm_writer_init(&writer, 1024, true, 2), MTM_OK);
    assert_in_range(core_bytes, 1024, 1024 + 100);
    mtm_writer_fini(&writer);
    core_drought = 1;
    assert_int_equal(mtm_writer_init(&writer, 1024, true, 2), MTM_NOMEM);
    mtm_writer_fini(&writer);
    assert_int_equal(mtm_writer_init(&writer, SIZE_MAX - 3, true, 2), MTM_NOMEM);
    mtm_writer_fini(&writer);
    core_drought = 0;
}

static void a_fixed_writer_holds_its_size_exactly(void **state)
{
    (void)state;
    for (size_t size = 0; size < 60; ++size) {
        struct mtm_writer writer;
        enum mtm_status status;
        assert_int_equal(mtm_writer_init(&writer, size, false, 0), MTM_OK);
        core_drought = 1; /* it has all its memory */
        size_t fit = size / 5;
        for (size_t i = 0; i < fit; ++i) assert_true(put_string(&writer, 1, 5, &status));
        assert_false(put_string(&writer, 1, 5, &status));
        assert_int_equal(status, MTM_TOO_LARGE);
        assert_int_equal(writer.wanted, 5 * (fit + 1));
        assert_null(mtm_writer_room(&writer, SIZE_MAX, &status));
        assert_int_equal(status, MTM_TOO_LARGE);
        assert_null(mtm_writer_array(&writer, 1, 8, SIZE_MAX / 2, &status));
        assert_int_equal(mtm_writer_size(&writer), 5 * fit);
        if (size % 5 >= 2) assert_true(put_string(&writer, 1, size % 5, &status));
        core_drought = 0;
        mtm_writer_fini(&writer);
    }
}

static void a_failure_changes_nothing(void **state)
{
    (void)state;
    struct mtm_writer writer;
    struct mtm_message message;
    enum mtm_status status;
    assert_int_equal(mtm_writer_init(&writer, 10, false, 2), MTM_OK);
    core_drought = 1;
    assert_false(put_string(&writer, 1, 10, &status));
    assert_int_equal(status, MTM_NOMEM);
    assert_int_equal(mtm_writer_size(&writer), 0);
    core_drought = 0;
    assert_true(put_string(&writer, 1, 10, &status));
    for (uint32_t i = 0; i < 2; ++i) {
        core_drought = 1;
        assert_false(put_string(&writer, 2, 50, &status));
        assert_int_equal(status, MTM_NOMEM);
        assert_null(mtm_writer_array(&writer, 1, 8, 50, &status));
        core_drought = 0;
        assert_null(mtm_writer_room(&writer, SIZE_MAX, &status));
        assert_null(mtm_writer_room(&writer, SIZE_MAX - 20, &status));
        assert_int_equal(status, MTM_NOMEM);
        assert_int_equal(mtm_writer_size(&writer), 10);
    }
    core_failure = 1; /* of the doubled memory: just what is needed will do */
    assert_true(put_string(&writer, 3, 4, &status));
    mtm_writer_message(&writer, &message);
    const unsigned char *at = message.part[0].ptr, *end = at + message.size;
    next_is_string(&at, end, 1, 10);
    next_is_string(&at, end, 3, 4);
    assert_ptr_equal(at, end);
    mtm_writer_fini(&writer);
}

/* At every offset, and wherever the next value, the message or the end comes after it. */
static void arrays_are_aligned_while_they_are_filled(void **state)
{
    (void)state;
    for (size_t before = 0; before < 17; ++before) {
        for (size_t i = 0; i < 4 * 7; ++i) {
            const unsigned char elsize = (unsigned char)(1u << i / 7);
            const size_t count = i % 7 * 2, size = elsize * count;
            struct mtm_writer writer;
            struct mtm_message message;
            enum mtm_status status;
            assert_int_equal(mtm_writer_init(&writer, before + 11 + size, before % 2, 0),
                             MTM_OK);
            for (size_t n = 0; n < before; ++n) {
                mtm_wire_nil(mtm_writer_room(&writer, 1, &status));
            }
            unsigned char *elements = mtm_writer_array(&writer, 3, elsize, count, &status);
            assert_non_null(elements);
            assert_int_equal((uintptr_t)elements % elsize, 0);
            core_fill(elements, 9, size);
            assert_null(mtm_writer_room(&writer, 1, &status)); /* it was all there is */
            mtm_writer_message(&writer, &message);
            struct mtm_value value;
            const unsigned char *at = (const unsigned char *)message.part[0].ptr + before;
            const unsigned char *end = at - before + message.size;
            assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_ARRAY);
            assert_int_equal(value.array.count, count);
            for (size_t n = 0; n < size; ++n) {
                assert_int_equal(value.array.ptr[n], core_byte(9, size, n));
            }
            assert_ptr_equal(at, end);
            mtm_writer_fini(&writer);
        }
    }
}

/* The memory moves while the latest array has not settled yet. */
static void arrays_survive_growth(void **state)
{
    (void)state;
    struct mtm_writer writer;
    struct mtm_message message;
    enum mtm_status status;
    assert_int_equal(mtm_writer_init(&writer, 1, false, 1), MTM_OK);
    for (uint32_t i = 0; i < 50; ++i) {
        assert_true(put_string(&writer, i, 2 + i % 9, &status));
        core_fill(mtm_writer_array(&writer, 1, 8, i, &status), i, 8 * i);
    }
    for (int twice = 0; twice < 2; ++twice) {
        mtm_writer_message(&writer, &message);
        const unsigned char *at = message.part[0].ptr, *end = at + message.size;
        for (uint32_t i = 0; i < 50; ++i) {
            struct mtm_value value;
            next_is_string(&at, end, i, 2 + i % 9);
            assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_ARRAY);
            for (size_t n = 0; n < 8 * i; ++n) {
                assert_int_equal(value.array.ptr[n], core_byte(i, 8 * i, n));
            }
        }
        assert_ptr_equal(at, end);
    }
    mtm_writer_array(&writer, 1, 8, 2, &status);
    mtm_writer_clear(&writer); /* with an array that has not settled */
    assert_true(put_string(&writer, 1, 20, &status));
    mtm_writer_message(&writer, &message);
    assert_int_equal(message.size, 20);
    mtm_writer_fini(&writer);
}

static void no_bytes_have_room_everywhere(void **state)
{
    (void)state;
    struct mtm_writer writer;
    enum mtm_status status = MTM_NOMEM;
    assert_int_equal(mtm_writer_init(&writer, 100, false, 2), MTM_OK);
    assert_non_null(mtm_writer_room(&writer, 0, &status));
    assert_int_equal(status, MTM_OK);
    assert_int_equal(mtm_writer_size(&writer), 0);
    mtm_writer_fini(&writer);
}

static void every_value_has_its_adder(void **state)
{
    (void)state;
    struct mtm_writer writer;
    struct mtm_message message;
    struct mtm_value v;
    static const unsigned char bytes[] = {0, 255};
    assert_int_equal(mtm_writer_init(&writer, 0, false, 1), MTM_OK);
    assert_int_equal(mtm_writer_add_nil(&writer), MTM_OK);
    assert_int_equal(mtm_writer_add_boolean(&writer, true), MTM_OK);
    assert_int_equal(mtm_writer_add_integer(&writer, -5), MTM_OK);
    assert_int_equal(mtm_writer_add_number(&writer, 0.5), MTM_OK);
    assert_int_equal(mtm_writer_add_string(&writer, "ab", 2), MTM_OK);
    assert_int_equal(mtm_writer_add_string(&writer, NULL, 0), MTM_OK);
    assert_int_equal(mtm_writer_add_pointer(&writer, MTM_TAG_POINTER, 77), MTM_OK);
    assert_int_equal(mtm_writer_add_bytes(&writer, bytes, 2), MTM_OK);
    assert_int_equal(mtm_writer_add_bytes(&writer, NULL, 0), MTM_OK);
    assert_int_equal(mtm_writer_size(&writer), 1 + 2 + 9 + 9 + 4 + 2 + 9 + 2 * 2);

    mtm_writer_message(&writer, &message);
    const unsigned char *at = message.part[0].ptr, *end = at + message.size;
    assert_int_equal(mtm_wire_read(&at, end, &v), MTM_TAG_NIL);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_BOOLEAN && v.boolean);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_INTEGER && v.integer == -5);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_NUMBER && v.number == 0.5);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_SHORT && v.string.len == 2);
    assert_memory_equal(v.string.ptr, "ab", 2);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_SHORT && v.string.len == 0);
    assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_POINTER && v.pointer == 77);
    for (int i = 0; i < 2; ++i)
        assert_true(mtm_wire_read(&at, end, &v) == MTM_TAG_BYTE && v.integer == bytes[i]);
    assert_ptr_equal(at, end);
    assert_int_equal(mtm_writer_add_bytes(&writer, bytes, SIZE_MAX / 2 + 2), MTM_NOMEM);
    assert_int_equal(mtm_writer_add_string(&writer, "", SIZE_MAX - 4), MTM_NOMEM);
    assert_int_equal(mtm_writer_size(&writer), message.size);
    mtm_writer_fini(&writer);
}

/* A failure leaves it as it was. */
static void a_writer_is_empty_once_its_message_is_in(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_writer writer;
    struct mtm_notifier *notifier;
    assert_int_equal(mtm_writer_init(&writer, 0, false, 1), MTM_OK);
    assert_int_equal(mtm_writer_add_integer(&writer, 1000), MTM_OK);
    mtm_buffer_abort(buffer, true);
    assert_int_equal(mtm_writer_put(&writer, buffer, 0, &notifier), MTM_ABORTED);
    assert_int_equal(mtm_writer_size(&writer), 9);
    mtm_buffer_abort(buffer, false);
    for (int replace = 0; replace < 2; ++replace) {
        const unsigned options = replace ? MTM_PUT_REPLACE : 0u;
        assert_int_equal(mtm_writer_put(&writer, buffer, options, &notifier), MTM_OK);
        assert_null(notifier);
        assert_int_equal(mtm_writer_size(&writer), 0);
        assert_int_equal(mtm_buffer_count(buffer), 1);
    }
    mtm_writer_fini(&writer);
    core_drop_buffer(buffer);
}

static void seconds_become_nanoseconds(void **state)
{
    (void)state;
    assert_true(mtm_ns_of_seconds(1.5) == 1500000000);
    assert_true(mtm_ns_of_seconds(1e-30) == 1);
    assert_true(mtm_ns_of_seconds(0) == 0 && mtm_ns_of_seconds(-1) == 0);
    assert_true(mtm_ns_of_seconds(strtod("nan", NULL)) == 0);
    assert_true(mtm_ns_of_seconds(1e300) == MTM_FOREVER);
    assert_true(mtm_ns_of_seconds(9.3e9) == MTM_FOREVER);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("every value has its adder", every_value_has_its_adder),
        CORE_TEST("a writer is empty once its message is in",
                  a_writer_is_empty_once_its_message_is_in),
        CORE_TEST("seconds become nanoseconds", seconds_become_nanoseconds),
        CORE_TEST("values become one message", values_become_one_message),
        CORE_TEST("an empty message has no parts", an_empty_message_has_no_parts),
        CORE_TEST("memory comes with the size or the first value",
                  memory_comes_with_the_size_or_the_first_value),
        CORE_TEST("a fixed writer holds its size exactly",
                  a_fixed_writer_holds_its_size_exactly),
        CORE_TEST("a failure changes nothing", a_failure_changes_nothing),
        CORE_TEST("arrays are aligned while they are filled",
                  arrays_are_aligned_while_they_are_filled),
        CORE_TEST("arrays survive growth", arrays_survive_growth),
        CORE_TEST("no bytes have room everywhere", no_bytes_have_room_everywhere),
    };
    return UNIT_RUN(tests);
}
