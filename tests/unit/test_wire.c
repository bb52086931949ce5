/* Tests of the encoding of values: what each takes, that it comes back as it was, and that
 * bytes which are no values are never read beyond their end. They own the bytes. */
#include "core.h"

#include <float.h>
#include <math.h>

#include "core/wire.h"

enum { MOST = 64 };

/* Reads the only value of some bytes that lie at the very end of their memory, so that a look
 * beyond them is noticed. */
static enum mtm_tag read_only(const unsigned char *bytes, size_t size, struct mtm_value *out)
{
    static unsigned char room[2048];
    const unsigned char *copy = memcpy(room + sizeof room - size, bytes, size);
    const unsigned char *at = copy;
    enum mtm_tag tag = mtm_wire_read(&at, copy + size, out);
    assert_int_equal(tag, out->tag);
    if (tag == MTM_TAG_END) assert_ptr_equal(at, copy);
    else assert_true(at > copy && at <= copy + size);
    if (tag != MTM_TAG_END) assert_ptr_equal(at, copy + size);
    return tag;
}

/* It takes so many bytes, and is no value without its last one. */
static void whole_or_nothing(const unsigned char *bytes, const unsigned char *end, size_t size,
                             struct mtm_value *out)
{
    assert_int_equal(end - bytes, size);
    for (size_t less = size; less-- > 0;) {
        assert_int_equal(read_only(bytes, less, out), MTM_TAG_END);
    }
    assert_int_not_equal(read_only(bytes, size, out), MTM_TAG_END);
}

static void simple_values_come_back(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    struct mtm_value value;
    whole_or_nothing(bytes, mtm_wire_nil(bytes), 1, &value);
    assert_int_equal(value.tag, MTM_TAG_NIL);
    for (int flag = 0; flag < 2; ++flag) {
        whole_or_nothing(bytes, mtm_wire_boolean(bytes, flag), 2, &value);
        assert_int_equal(value.tag, MTM_TAG_BOOLEAN);
        assert_int_equal(value.boolean, flag);
    }
    const uint64_t pointers[] = {0, 1, (uintptr_t)bytes, UINT64_MAX};
    for (size_t i = 0; i < 8; ++i) {
        enum mtm_tag tag = i % 2 ? MTM_TAG_POINTER : MTM_TAG_FUNCTION;
        whole_or_nothing(bytes, mtm_wire_pointer(bytes, tag, pointers[i / 2]), 9, &value);
        assert_int_equal(value.tag, tag);
        assert_true(value.pointer == pointers[i / 2]);
    }
}

static void integers_come_back(void **state)
{
    (void)state;
    static const int64_t integers[] = {
        0, 1, 127, 128, 255, 256, -1, -128, INT64_MIN, INT64_MAX, (int64_t)1 << 53, 65535};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; ++i) {
        unsigned char bytes[MOST];
        struct mtm_value value;
        bool small = integers[i] >= 0 && integers[i] <= 255;
        assert_int_equal(mtm_wire_integer_size(integers[i]), small ? 2 : 9);
        whole_or_nothing(bytes, mtm_wire_integer(bytes, integers[i]), small ? 2 : 9, &value);
        assert_int_equal(value.tag, small ? MTM_TAG_BYTE : MTM_TAG_INTEGER);
        assert_true(value.integer == integers[i]);
    }
}

/* Bit by bit: zeros keep their sign, and NaNs what they carry. */
static void numbers_come_back(void **state)
{
    (void)state;
    const double numbers[] = {
        0.0, -0.0, 1.0, 0.1, DBL_MAX, -DBL_MIN, DBL_MIN / 4, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        unsigned char bytes[MOST];
        struct mtm_value value;
        whole_or_nothing(bytes, mtm_wire_number(bytes, numbers[i]), 9, &value);
        assert_int_equal(value.tag, MTM_TAG_NUMBER);
        assert_memory_equal(&value.number, &numbers[i], sizeof numbers[i]);
    }
}

static void strings_come_back(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 254, 255, 256, 257, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
        unsigned char bytes[1100], *end;
        struct mtm_value value;
        const size_t len = lengths[i], size = len <= 255 ? 2 + len : 9 + len;
        assert_int_equal(mtm_wire_string_size(len), size);
        end = mtm_wire_string_header(bytes, len);
        core_fill(end, 4, len);
        whole_or_nothing(bytes, end + len, size, &value);
        assert_int_equal(value.tag, len <= 255 ? MTM_TAG_SHORT : MTM_TAG_STRING);
        assert_int_equal(value.string.len, len);
        assert_memory_equal(value.string.ptr, end, len);
    }
    for (size_t less = 0; less < 8; ++less) {
        assert_int_equal(mtm_wire_string_size(SIZE_MAX - less), SIZE_MAX);
    }
    assert_int_equal(mtm_wire_string_size(SIZE_MAX - 10), SIZE_MAX - 1);
}

static void arrays_come_back(void **state)
{
    (void)state;
    static const unsigned char sizes[] = {1, 2, 4, 8, 16};
    for (size_t i = 0; i < sizeof sizes; ++i) {
        for (size_t count = 0; count < 40; count += 1 + count / 3) {
            unsigned char bytes[11 + 40 * 16], *end;
            struct mtm_value value;
            const size_t size = 11 + sizes[i] * count;
            assert_int_equal(mtm_wire_array_size(sizes[i], count), size);
            end = mtm_wire_array_header(bytes, (unsigned char)(i + 1), sizes[i], count);
            core_fill(end, 5, sizes[i] * count);
            whole_or_nothing(bytes, end + sizes[i] * count, size, &value);
            assert_int_equal(value.tag, MTM_TAG_ARRAY);
            assert_int_equal(value.array.type, i + 1);
            assert_int_equal(value.array.elsize, sizes[i]);
            assert_int_equal(value.array.count, count);
            assert_memory_equal(value.array.ptr, end, sizes[i] * count);
        }
    }
    assert_int_equal(mtm_wire_array_size(8, SIZE_MAX / 8), SIZE_MAX);
    assert_int_equal(mtm_wire_array_size(1, SIZE_MAX - 10), SIZE_MAX);
    assert_int_equal(mtm_wire_array_size(1, SIZE_MAX - 12), SIZE_MAX - 1);
    assert_int_equal(mtm_wire_array_size(0, SIZE_MAX), 11);
}

static void values_follow_each_other(void **state)
{
    (void)state;
    unsigned char bytes[MOST] = {0}, *end = bytes;
    const unsigned char *at = bytes;
    struct mtm_value value;
    end = mtm_wire_integer(end, 5);
    end = mtm_wire_nil(end);
    end = mtm_wire_string_header(end, 3);
    memcpy(end, "abc", 3);
    end = mtm_wire_number(end + 3, 0.5);
    assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_BYTE);
    assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_NIL);
    assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_SHORT);
    assert_memory_equal(value.string.ptr, "abc", 3);
    assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_NUMBER);
    for (int i = 0; i < 2; ++i) assert_int_equal(mtm_wire_read(&at, end, &value), MTM_TAG_END);
    assert_ptr_equal(at, end);
}

/* Lengths that lie: far too large, or such that a product of them overflows. */
static void bytes_that_lie_are_no_values(void **state)
{
    (void)state;
    struct mtm_value value;
    unsigned char bytes[MOST] = {0};
    for (int tag = 0; tag < 256; ++tag) {
        bytes[0] = (unsigned char)tag;
        if (tag == 0 || tag >= MTM_TAG_END) {
            assert_int_equal(read_only(bytes, sizeof bytes, &value), MTM_TAG_END);
        }
    }
    const uint64_t lengths[] = {MOST,
                                UINT64_MAX,
                                UINT64_MAX - 8,
                                (uint64_t)1 << 63,
                                ((uint64_t)1 << 61) + 1,
                                (uint64_t)1 << 32};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
        mtm_wire_word(bytes, MTM_TAG_STRING, &lengths[i]);
        assert_int_equal(read_only(bytes, sizeof bytes, &value), MTM_TAG_END);
        for (int elsize = 0; elsize < 256; ++elsize) {
            mtm_wire_array_header(bytes, 1, (unsigned char)elsize, (size_t)lengths[i]);
            memcpy(bytes + 3, &lengths[i], 8);
            assert_int_equal(read_only(bytes, sizeof bytes, &value), MTM_TAG_END);
        }
    }
    mtm_wire_array_header(bytes, 1, 0, 0); /* elements without a size */
    assert_int_equal(read_only(bytes, sizeof bytes, &value), MTM_TAG_END);
}

/* A walk over any bytes ends at their end at the latest. */
static void any_bytes_can_be_walked(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 20000; ++round) {
        size_t size = (size_t)round % MOST;
        unsigned char *bytes = malloc(size ? size : 1);
        for (size_t i = 0; i < size; ++i) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (unsigned char)(seed >> 24 & (i % 3 ? 0xFF : 0x0F));
        }
        const unsigned char *at = bytes, *before = NULL;
        struct mtm_value value;
        do {
            assert_true(at != before && at >= bytes && at <= bytes + size);
            before = at;
        } while (mtm_wire_read(&at, bytes + size, &value) != MTM_TAG_END);
        free(bytes);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("simple values come back", simple_values_come_back),
        CORE_TEST("integers come back", integers_come_back),
        CORE_TEST("numbers come back", numbers_come_back),
        CORE_TEST("strings come back", strings_come_back),
        CORE_TEST("arrays come back", arrays_come_back),
        CORE_TEST("values follow each other", values_follow_each_other),
        CORE_TEST("bytes that lie are no values", bytes_that_lie_are_no_values),
        CORE_TEST("any bytes can be walked", any_bytes_can_be_walked),
    };
    return UNIT_RUN(tests);
}
