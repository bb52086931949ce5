/* Tests of the order of messages in a queue, at every offset at which a ring can wrap around,
 * and over every change from one ring to the next. They own the queues. */
#include "queue_unit.h"

enum { RINGS = 40 };

/* Keeps `kept` messages in a ring of `cap` bytes and moves it on through every offset. */
static void turn(size_t cap, size_t size, size_t kept)
{
    struct mtm_queue queue;
    uint32_t in = 0, out = 0;
    assert_int_equal(mtm_queue_init(&queue, cap, true, 0, false), MTM_OK);
    while (in < kept) assert_int_equal(queue_put(&queue, in++, size), MTM_OK);
    for (size_t i = 0; i < 2 * cap + 2; ++i) {
        assert_int_equal(mtm_queue_count(&queue), kept);
        assert_int_equal(queue_put(&queue, in++, size), MTM_OK);
        assert_gives(&queue, out++, size);
    }
    while (out < in) assert_gives(&queue, out++, size);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

static void a_ring_wraps_anywhere(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= RINGS; ++cap) {
        for (size_t size = 0; core_record(size) <= cap; ++size) {
            size_t most = cap / core_record(size);
            for (size_t kept = 0; kept < most; ++kept) turn(cap, size, kept);
        }
    }
}

/* The header of such a message takes nine bytes, which wrap around, too. */
static void a_long_header_wraps_anywhere(void **state)
{
    (void)state;
    for (size_t size = 254; size <= 256; ++size) {
        for (size_t cap = 265; cap <= 275; ++cap) turn(cap, size, 0);
        turn(2 * core_record(size) + 3, size, 1);
    }
}

static void sizes_of_all_kinds_follow_each_other(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 253, 254, 255, 256, 4095, 4096, 4097, 9000, 2};
    enum { SIZES = sizeof sizes / sizeof *sizes, ROUNDS = 40 };
    for (int sized = 0; sized < 2; ++sized) {
        struct mtm_queue queue;
        uint32_t in = 0, out = 0;
        assert_int_equal(mtm_queue_init(&queue, 700, sized, 2, false), MTM_OK);
        for (; in < ROUNDS * SIZES; ++in) {
            assert_int_equal(queue_put(&queue, in, sizes[in % SIZES]), MTM_OK);
            if (in % 3 != 0) continue;
            assert_gives(&queue, out, sizes[out % SIZES]);
            ++out;
        }
        assert_int_equal(mtm_queue_count(&queue), in - out);
        for (; out < in; ++out) assert_gives(&queue, out, sizes[out % SIZES]);
        assert_drained(&queue);
        mtm_queue_fini(&queue);
    }
}

/* Rings too small for what comes: the chain grows, and shrinks again, over and over. */
static void a_chain_keeps_the_order(void **state)
{
    (void)state;
    static const double factors[] = {0.5, 1, 1.01, 2, 7};
    for (size_t cap = 0; cap <= RINGS; ++cap) {
        struct mtm_queue queue;
        uint32_t in = 0, out = 0;
        double grow = factors[cap % (sizeof factors / sizeof *factors)];
        assert_int_equal(mtm_queue_init(&queue, cap, true, grow, false), MTM_OK);
        for (uint32_t round = 1; round <= 60; ++round) {
            for (uint32_t i = 0; i < round; ++i, ++in) {
                assert_int_equal(queue_put(&queue, in, in % 61), MTM_OK);
            }
            for (uint32_t i = 1; i < round; ++i, ++out) assert_gives(&queue, out, out % 61);
        }
        assert_int_equal(mtm_queue_count(&queue), in - out);
        for (; out < in; ++out) assert_gives(&queue, out, out % 61);
        assert_drained(&queue);
        mtm_queue_fini(&queue);
    }
}

/* Large messages leave a pointer in the ring, and small ones between them shift where. */
static void a_large_message_wraps_anywhere(void **state)
{
    (void)state;
    struct mtm_queue queue;
    uint32_t out = 0;
    assert_int_equal(mtm_queue_init(&queue, 0, false, 1, false), MTM_OK);
    for (uint32_t in = 0; in < 1200; ++in) {
        assert_int_equal(queue_put(&queue, in, in % 2 ? 5000 + in : in % 5), MTM_OK);
        if (in < 4) continue;
        assert_gives(&queue, out, out % 2 ? 5000 + out : out % 5);
        ++out;
    }
    mtm_queue_fini(&queue); /* with messages of both kinds left */
}

/* The parts lie apart in memory and some are empty. */
static void parts_arrive_as_one_message(void **state)
{
    (void)state;
    static const size_t lengths[][MTM_MAX_PARTS] = {{0, 3, 0, 1, 0, 0, 9, 0},
                                                    {40, 41, 42, 43, 44, 45, 46, 47},
                                                    {3000, 0, 1, 0, 3000, 0, 1, 0}};
    for (size_t i = 0; i < 2 * sizeof lengths / sizeof *lengths; ++i) {
        unsigned char bytes[2 * 6002];
        struct mtm_queue queue;
        struct mtm_message message = {.nparts = MTM_MAX_PARTS};
        const size_t *length = lengths[i / 2];
        for (size_t p = 0; p < MTM_MAX_PARTS; ++p) message.size += length[p];
        core_fill(bytes + 6002, 7, message.size);
        size_t at = 0, apart = 0;
        for (size_t p = 0; p < MTM_MAX_PARTS; at += length[p++]) {
            const void *part = memcpy(bytes + apart, bytes + 6002 + at, length[p]);
            message.part[p] = (struct mtm_part){length[p] ? part : NULL, length[p]};
            apart += length[p];
        }
        assert_int_equal(mtm_queue_init(&queue, 7000, i % 2, 2, false), MTM_OK);
        assert_int_equal(queue_store(&queue, &message, i % 4 == 3), MTM_OK);
        assert_gives(&queue, 7, message.size);
        mtm_queue_fini(&queue);
    }
}

/* Notifiers send such ones. The ring is filled to its very end by them, and by others. */
static void a_message_may_have_no_parts(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= RINGS; ++cap) {
        struct mtm_queue queue;
        assert_int_equal(mtm_queue_init(&queue, cap, true, 0, false), MTM_OK);
        for (uint32_t i = 0; i < 3 * cap; ++i) {
            struct mtm_message empty = {0};
            assert_int_equal(queue_store(&queue, &empty, false), MTM_OK);
            assert_gives(&queue, 0, 0);
            if (i % 3 || cap < 4) continue;
            assert_int_equal(queue_put(&queue, i, 3), MTM_OK);
            assert_gives(&queue, i, 3);
        }
        mtm_queue_fini(&queue);
    }
}

/* An ordered queue publishes in another way. */
static void a_listeners_queue_is_no_different(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 16, true, 2, true), MTM_OK);
    for (uint32_t i = 0; i < 100; ++i) assert_int_equal(queue_put(&queue, i, i), MTM_OK);
    for (uint32_t i = 0; i < 50; ++i) assert_gives(&queue, i, i);
    assert_int_equal(mtm_queue_count(&queue), 50);
    assert_int_equal(mtm_queue_count_once(&queue), 50);
    for (uint32_t i = 50; i < 100; ++i) assert_gives(&queue, i, i);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("rings of 1 to 40 bytes wrap at every offset", a_ring_wraps_anywhere),
        CORE_TEST("a long header wraps at every offset", a_long_header_wraps_anywhere),
        CORE_TEST("a large message wraps at every offset", a_large_message_wraps_anywhere),
        CORE_TEST("sizes of all kinds keep their order", sizes_of_all_kinds_follow_each_other),
        CORE_TEST("a chain of rings keeps the order", a_chain_keeps_the_order),
        CORE_TEST("parts arrive as one message", parts_arrive_as_one_message),
        CORE_TEST("a message may have no parts", a_message_may_have_no_parts),
        CORE_TEST("an ordered queue is no different", a_listeners_queue_is_no_different),
    };
    return UNIT_RUN(tests);
}
