/* Tests of the bounds of a queue: most messages, most bytes, and the oldest making room. They
 * own the buffers. */
#include "queue_unit.h"

#include "core/bound.h"
#include "core/record.h"

static struct mtm_buffer *bounded(size_t limit, size_t maxbytes, bool drop_oldest)
{
    const struct mtm_buffer_options options = {.size = MTM_DEFAULT_SIZE,
                                               .grow = MTM_DEFAULT_GROW,
                                               .bounds = {limit, maxbytes, drop_oldest}};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static enum mtm_status add_bytes(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    static unsigned char bytes[3 * QUEUE_LARGEST];
    struct mtm_failure failure = {0};
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    return mtm_buffer_add(buffer, &message, false, &failure);
}

static enum mtm_status set_bytes(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    static unsigned char bytes[3 * QUEUE_LARGEST];
    struct mtm_failure failure = {0};
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    return core_set_message(buffer, &message, false, &failure);
}

static struct mtm_queue_numbers numbers_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    struct mtm_queue_numbers numbers = mtm_queue_numbers(&buffer->queue);
    mtm_buffer_unlock_both(buffer);
    return numbers;
}

static void no_more_messages_than_the_limit(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 70; limit += 17) {
        struct mtm_buffer *buffer = bounded(limit, 0, false);
        for (uint32_t round = 0; round < 3; ++round) {
            for (uint32_t i = 0; i < limit; ++i)
                assert_int_equal(add_bytes(buffer, i, i * 100 % 9000), MTM_OK);
            assert_int_equal(add_bytes(buffer, 0, 0), MTM_FULL);
            assert_gives(&buffer->queue, 0, 0);
            assert_int_equal(add_bytes(buffer, 9, 1), MTM_OK);
            assert_int_equal(add_bytes(buffer, 9, 1), MTM_FULL);
            assert_int_equal(set_bytes(buffer, 7, 30), MTM_OK);
            assert_gives(&buffer->queue, 7, 30);
        }
        core_drop_buffer(buffer);
    }
}

/* Whether they are copied through a ring or travel in blocks: to the byte. */
static void no_more_bytes_than_accounted_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 254, 255, 4096, 4097, 15000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        const size_t record = core_record(sizes[i]);
        struct mtm_buffer *buffer = bounded(0, 3 * record, false);
        assert_int_equal(mtm_queue_most_bytes(&buffer->queue), 3 * record);
        for (uint32_t n = 0; n < 3; ++n)
            assert_int_equal(add_bytes(buffer, n, sizes[i]), MTM_OK);
        assert_int_equal(numbers_of(buffer).bytes, 3 * record);
        assert_int_equal(add_bytes(buffer, 3, 0), MTM_FULL);
        assert_gives(&buffer->queue, 0, sizes[i]);
        assert_int_equal(numbers_of(buffer).bytes, 2 * record);
        if (sizes[i] != 254) /* one more byte, and a longer header */
            assert_int_equal(add_bytes(buffer, 3, sizes[i] + 1), MTM_FULL);
        assert_int_equal(add_bytes(buffer, 3, sizes[i]), MTM_OK);
        assert_int_equal(add_bytes(buffer, 4, 3 * record + 1), MTM_TOO_LARGE);
        assert_int_equal(set_bytes(buffer, 4, 3 * record + 1), MTM_TOO_LARGE);
        for (uint32_t n = 1; n < 4; ++n) assert_gives(&buffer->queue, n, sizes[i]);
        assert_int_equal(numbers_of(buffer).bytes, 0);
        core_drop_buffer(buffer);
    }
}

static void what_goes_back_may_exceed_a_bound(void **state)
{
    (void)state;
    struct mtm_buffer *limited = bounded(2, 0, false), *small = bounded(0, 22, false);
    struct mtm_buffer *buffers[] = {limited, small};
    for (int i = 0; i < 2; ++i) {
        struct mtm_queue *queue = &buffers[i]->queue;
        for (uint32_t n = 0; n < 2; ++n) assert_int_equal(add_bytes(buffers[i], n, 10), MTM_OK);
        struct mtm_block *block = queue_take(queue);
        assert_int_equal(add_bytes(buffers[i], 2, 10), MTM_OK);
        assert_true(queue_back(queue, block));
        assert_int_equal(numbers_of(buffers[i]).messages, 3);
        assert_int_equal(add_bytes(buffers[i], 3, 0), MTM_FULL);
        assert_gives(queue, 0, 10);
        assert_int_equal(add_bytes(buffers[i], 3, 0), MTM_FULL);
        assert_gives(queue, 1, 10);
        assert_int_equal(add_bytes(buffers[i], 3, 10), MTM_OK);
        core_drop_buffer(buffers[i]);
    }
}

static void the_oldest_make_room(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(3, 0, true);
    for (uint32_t n = 0; n < 100; ++n)
        assert_int_equal(add_bytes(buffer, n, n % 2 ? 5000 : 50), MTM_OK);
    assert_int_equal(numbers_of(buffer).dropped, 97);
    struct mtm_block *block = queue_take(&buffer->queue);
    assert_true(core_is(block, 97, 5000));
    assert_int_equal(add_bytes(buffer, 100, 7), MTM_OK);
    assert_int_equal(numbers_of(buffer).dropped, 97); /* what a receiver has is not in it */
    assert_true(queue_back(&buffer->queue, block));
    assert_int_equal(add_bytes(buffer, 101, 8), MTM_OK); /* what was put back goes first */
    assert_int_equal(numbers_of(buffer).dropped, 99);
    for (uint32_t n = 0; n < 3; ++n) {
        static const size_t sizes[] = {5000, 7, 8};
        assert_gives(&buffer->queue, 99 + n, sizes[n]);
    }
    core_drop_buffer(buffer);
}

/* Many small ones for one large: no more than 64 of them in one hold of the locks. */
static void few_are_dropped_at_once(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(0, 1000, true);
    for (uint32_t n = 0; n < 100; ++n) assert_int_equal(add_bytes(buffer, n, 9), MTM_OK);
    assert_int_equal(add_bytes(buffer, 100, 990), MTM_FULL);
    assert_int_equal(numbers_of(buffer).dropped, 64);
    assert_int_equal(add_bytes(buffer, 100, 990), MTM_OK);
    assert_int_equal(numbers_of(buffer).dropped, 100);
    assert_gives(&buffer->queue, 100, 990);
    assert_int_equal(add_bytes(buffer, 1, 1000), MTM_TOO_LARGE);
    core_drop_buffer(buffer);
}

/* story: the oldest were dropped before it was known whether there is memory for the new one */
static void without_memory_nothing_is_dropped(void **state)
{
    (void)state;
    for (size_t limit = 1; limit <= 40; limit += 13) {
        struct mtm_buffer *buffer = bounded(limit, 0, true);
        int refused = 0;
        for (uint32_t n = 0; n < 300; ++n) {
            const struct mtm_queue_numbers before = numbers_of(buffer);
            core_drought = 1;
            enum mtm_status status = add_bytes(buffer, n, n * 997 % 5000);
            core_drought = 0;
            if (status == MTM_OK) continue;
            assert_int_equal(status, MTM_NOMEM);
            assert_int_equal(numbers_of(buffer).messages, before.messages);
            assert_int_equal(numbers_of(buffer).dropped, before.dropped);
            if (before.messages == limit) ++refused;
            assert_int_equal(add_bytes(buffer, n, n * 997 % 5000), MTM_OK);
        }
        assert_true(refused > 0);
        for (uint32_t n = 300 - (uint32_t)limit; n < 300; ++n)
            assert_gives(&buffer->queue, n, n * 997 % 5000);
        core_drop_buffer(buffer);
    }
}

/* Where the ring has just room for as many as there may be, it is left for a larger one. */
static void one_ring_will_do_when_it_is_full_all_the_time(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 505, 600, 900};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        const size_t limit = sizes[i] > 505 ? 1 : 1000 / sizes[i];
        struct mtm_buffer *buffer = bounded(limit, 0, true);
        for (uint32_t n = 0; n < 3 * limit; ++n)
            assert_int_equal(add_bytes(buffer, n, sizes[i]), MTM_OK);
        core_drought = 1;
        for (uint32_t n = 0; n < 100; ++n)
            assert_int_equal(add_bytes(buffer, n, sizes[i]), MTM_OK);
        core_drought = 0;
        core_drop_buffer(buffer);
    }
}

static void a_fixed_size_is_a_bound_too(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 100, .bounds = {.drop_oldest = true}};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(mtm_queue_most_bytes(&buffer->queue), 100);
    core_drought = 1;
    for (uint32_t n = 0; n < 300; ++n)
        assert_int_equal(add_bytes(buffer, n, n * 7 % 100), MTM_OK);
    assert_int_equal(add_bytes(buffer, 0, 100), MTM_TOO_LARGE);
    core_drought = 0;
    const struct mtm_queue_numbers numbers = numbers_of(buffer);
    assert_int_equal(numbers.messages + numbers.dropped, 300);
    for (uint32_t n = (uint32_t)numbers.dropped; n < 300; ++n)
        assert_gives(&buffer->queue, n, n * 7 % 100);
    core_drop_buffer(buffer);
}

/* Against a list: whatever is done, the numbers add up and the order is kept. */
static void the_numbers_add_up(void **state)
{
    (void)state;
    enum { CALLS = 20000 };
    struct mtm_buffer *buffer = bounded(5, 12000, true);
    uint32_t random = 1, first = 0, next = 0, cleared = 0, received = 0;
    for (int i = 0; i < CALLS; ++i) {
        random = random * 1664525u + 1013904223u;
        const uint32_t choice = random >> 24;
        if (choice < 150) {
            assert_int_equal(add_bytes(buffer, next, 100 + next % 50 * 100), MTM_OK);
            ++next;
        } else if (choice < 160) {
            first = next;
            assert_int_equal(set_bytes(buffer, next, 100 + next % 50 * 100), MTM_OK);
            ++next;
        } else if (choice < 164) {
            cleared += (uint32_t)numbers_of(buffer).messages;
            assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
            first = next;
        }
        const struct mtm_queue_numbers numbers = numbers_of(buffer);
        assert_true(numbers.messages <= 5 && numbers.bytes <= 12000);
        if (numbers.messages && choice % 3 == 0) {
            first = next - (uint32_t)numbers.messages;
            struct mtm_block *block = queue_take(&buffer->queue);
            assert_true(core_is(block, first, 100 + first % 50 * 100));
            if (choice % 5) {
                mtm_block_free(block);
                ++received;
            } else {
                assert_true(queue_back(&buffer->queue, block));
            }
        }
        const struct mtm_queue_numbers now = numbers_of(buffer);
        assert_int_equal(now.added, next);
        assert_int_equal(now.taken, received);
        assert_int_equal(now.added,
                         now.taken + now.replaced + now.dropped + cleared + now.messages);
    }
    assert_true(numbers_of(buffer).dropped > 100 && numbers_of(buffer).replaced > 100);
    core_drop_buffer(buffer);
}

/* ---- threads ---- */

enum { PRODUCERS = 2, EACH = 20000, LIMIT = 8 };

struct crowd {
    struct mtm_buffer *buffer;
    mtm_a32 producers, done, over;
};

static void *produce(void *opaque)
{
    struct crowd *crowd = opaque;
    const uint32_t me = mtm_add_seq(&crowd->producers, 1);
    for (uint32_t i = 1; i <= EACH; ++i) core_add(crowd->buffer, me << 24 | i);
    mtm_add_seq(&crowd->done, 1);
    return NULL;
}

static void producers_drop_what_a_consumer_does_not_take(void **state)
{
    (void)state;
    struct crowd crowd = {.buffer = bounded(LIMIT, 0, true)};
    pthread_t threads[PRODUCERS];
    uint32_t last[PRODUCERS] = {0}, number, got = 0;
    unit_start(threads, PRODUCERS, produce, &crowd);
    for (bool more = true; more;) {
        more = mtm_load_seq(&crowd.done) < PRODUCERS;
        while (core_next(&crowd.buffer->object, 0, &number) == MTM_OK) {
            assert_true((number & 0xFFFFFF) > last[number >> 24]); /* in order */
            last[number >> 24] = number & 0xFFFFFF;
            ++got;
        }
        assert_in_range(mtm_buffer_count(crowd.buffer), 0, LIMIT);
    }
    unit_join(threads, PRODUCERS);
    const struct mtm_queue_numbers numbers = numbers_of(crowd.buffer);
    assert_int_equal(numbers.added, PRODUCERS * EACH);
    assert_int_equal(numbers.taken, got);
    assert_int_equal(numbers.added, numbers.taken + numbers.dropped);
    core_drop_buffer(crowd.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("no more messages than the limit", no_more_messages_than_the_limit),
        CORE_TEST("no more bytes than accounted for", no_more_bytes_than_accounted_for),
        CORE_TEST("what goes back may exceed a bound", what_goes_back_may_exceed_a_bound),
        CORE_TEST("the oldest make room", the_oldest_make_room),
        CORE_TEST("few are dropped at once", few_are_dropped_at_once),
        CORE_TEST("without memory nothing is dropped", without_memory_nothing_is_dropped),
        CORE_TEST("one ring will do when it is full all the time",
                  one_ring_will_do_when_it_is_full_all_the_time),
        CORE_TEST("a fixed size is a bound, too", a_fixed_size_is_a_bound_too),
        CORE_TEST("the numbers add up", the_numbers_add_up),
        CORE_TEST("producers drop what a consumer does not take",
                  producers_drop_what_a_consumer_does_not_take),
    };
    return UNIT_RUN(tests);
}
