/* Tests of rings of bytes at every offset, of the copying of short blocks, and of how memory
 * grows. They own the rings. */
#include "core.h"

#include <math.h>

#include "core/copy.h"
#include "core/growth.h"
#include "core/segment.h"

enum { CAPS = 40, GUARD = 0xEE };

static void bytes_come_back_from_every_offset(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= CAPS; ++cap) {
        struct mtm_segment *segment = mtm_segment_new(cap);
        unsigned char *ring = mtm_segment_data(segment);
        for (size_t pos = 0; pos < cap; ++pos) {
            for (size_t len = 0; len <= cap; ++len) {
                unsigned char in[CAPS], out[CAPS + 1];
                core_fill(in, (uint32_t)pos, len);
                memset(ring, GUARD, cap);
                memset(out, GUARD, sizeof out);
                size_t after = mtm_segment_write(segment, pos, in, len);
                assert_true(after < cap && after == (pos + len) % cap);
                for (size_t i = len; i < cap; ++i)
                    assert_int_equal(ring[(pos + i) % cap], GUARD);
                assert_int_equal(mtm_segment_read(segment, pos, out, len), after);
                assert_memory_equal(in, out, len);
                assert_int_equal(out[len], GUARD);
            }
        }
        mtm_free(segment);
    }
}

static void a_new_ring_is_empty(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 3; ++cap) {
        struct mtm_segment *segment = mtm_segment_new(cap);
        assert_int_equal(segment->cap, cap);
        assert_null(mtm_load_acq(&segment->next));
        assert_false(segment->keep);
        mtm_free(segment);
    }
    for (size_t less = 0; less < 100; ++less) assert_null(mtm_segment_new(SIZE_MAX - less));
    core_drought = 1;
    assert_null(mtm_segment_new(1));
    core_drought = 0;
}

/* Of every length and alignment, on both sides of the limit, and nothing beside it. */
static void copies_are_exact(void **state)
{
    (void)state;
    enum { MOST = 2 * MTM_COPY_SHORT };
    static unsigned char in[MOST + 16], out[MOST + 16];
    core_fill(in, 9, sizeof in);
    for (size_t len = 0; len <= MOST; ++len) {
        size_t from = len % 9, to = 1 + len % 7;
        memset(out, GUARD, sizeof out);
        if (len % 2 || len >= MTM_COPY_SHORT) mtm_copy(out + to, in + from, len);
        else mtm_copy_short(out + to, in + from, len);
        assert_memory_equal(out + to, in + from, len);
        assert_int_equal(out[to - 1], GUARD);
        assert_int_equal(out[to + len], GUARD);
    }
    mtm_copy(out, NULL, 0);
}

static void memory_grows_as_told(void **state)
{
    (void)state;
    static const struct {
        size_t cap;
        double grow;
        size_t need, next;
    } cases[] = {
        {100, 2, 101, 200},
        {100, 2, 201, 201},
        {100, 1.5, 101, 150},
        {100, 1, 101, 101},
        {100, 0.5, 101, 101},
        {0, 2, 1, 1},
        {0, 1e300, 7, 7},
        {100, 1e300, 101, 101},
        {100, (double)INFINITY, 101, 101},
        {SIZE_MAX / 2, 2, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1},
        {SIZE_MAX / 8, 1.0625, SIZE_MAX - 1, SIZE_MAX - 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        assert_int_equal(mtm_grown(cases[i].cap, cases[i].grow, cases[i].need), cases[i].next);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("bytes come back from every offset", bytes_come_back_from_every_offset),
        CORE_TEST("a new ring is empty", a_new_ring_is_empty),
        CORE_TEST("copies are exact", copies_are_exact),
        CORE_TEST("memory grows as told", memory_grows_as_told),
    };
    return UNIT_RUN(tests);
}
