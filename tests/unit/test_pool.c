/* Tests of what queues keep for later: pools learn what bursts of messages need, all of them
 * together stay within a bound, and a queue at rest gives up nearly everything. They own the
 * queues. */
#include "queue_unit.h"

enum { MIB = 1024 * 1024 };

static struct mtm_message message_of(size_t size)
{
    static unsigned char bytes[16 * MIB];
    assert_true(size <= sizeof bytes);
    return core_message(bytes, size);
}

static void start(struct mtm_queue *queue)
{
    assert_int_equal(mtm_queue_init(queue, 1024, false, 2, false), MTM_OK);
}

/* So many messages are under way at once, and then none. Returns how many requests for memory
 * that took. */
static uint32_t burst(struct mtm_queue *queue, size_t size, int count)
{
    const uint32_t before = core_requests;
    struct mtm_message message = message_of(size);
    for (int i = 0; i < count; ++i)
        assert_int_equal(queue_store(queue, &message, false), MTM_OK);
    for (int i = 0; i < count; ++i) mtm_queue_recycle(queue, queue_take(queue));
    assert_int_equal(mtm_queue_count(queue), 0);
    return core_requests - before;
}

static void what_bursts_need_again_is_kept(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        int count;
    } bursts[] = {{16 * MIB - 1, 3}, {MIB, 8}, {MIB + 9, 1}, {100 * 1000, 9}};
    for (size_t i = 0; i < sizeof bursts / sizeof *bursts; ++i) {
        struct mtm_queue queue;
        start(&queue);
        burst(&queue, bursts[i].size, bursts[i].count);
        assert_in_range(core_bytes, 0, MTM_POOL_DRAINED + 3000); /* once is not again */
        burst(&queue, bursts[i].size, bursts[i].count);
        for (int round = 0; round < 5; ++round)
            assert_int_equal(burst(&queue, bursts[i].size, bursts[i].count), 0);
        mtm_queue_rest(&queue);
        assert_in_range(core_bytes, 0, MTM_POOL_DRAINED + 3000);
        burst(&queue, bursts[i].size, bursts[i].count);
        assert_in_range(core_bytes, 0, MTM_POOL_DRAINED + 3000); /* rest has forgotten it */
        mtm_queue_fini(&queue);
        assert_int_equal(core_blocks, 0);
        assert_int_equal(mtm_pools_charged(), 0);
    }
}

/* Sizes that differ: the second largest of the bursts counts. */
static void one_large_burst_among_others_is_not_kept(void **state)
{
    (void)state;
    struct mtm_queue queue;
    start(&queue);
    for (int round = 0; round < 3; ++round) burst(&queue, MIB, 2);
    burst(&queue, MIB, 30);
    assert_in_range(core_bytes, 0, 2 * MIB + 3000);
    assert_int_equal(burst(&queue, MIB, 2), 0);
    mtm_queue_fini(&queue);
}

static void all_pools_together_have_a_bound(void **state)
{
    (void)state;
    enum { QUEUES = 40 };
    static struct mtm_queue queues[QUEUES];
    for (int i = 0; i < QUEUES; ++i) {
        start(&queues[i]);
        for (int round = 0; round < 3; ++round) burst(&queues[i], MIB, 3);
        assert_in_range(mtm_pools_charged(), 0, MTM_POOLS_MAX);
    }
    assert_in_range(core_bytes, MTM_POOLS_MAX / 2, MTM_POOLS_MAX + QUEUES * 2000);
    for (int i = 0; i < QUEUES; ++i) mtm_queue_rest(&queues[i]);
    assert_in_range(core_bytes, 0, MTM_POOLS_FEW + QUEUES * 1100);
    for (int i = 0; i < QUEUES; ++i) mtm_queue_fini(&queues[i]);
    assert_int_equal(mtm_pools_charged(), 0);
}

static void put_many(struct mtm_queue *queue, uint32_t count, size_t size)
{
    for (uint32_t i = 0; i < count; ++i) assert_int_equal(queue_put(queue, i, size), MTM_OK);
}

static void take_many(struct mtm_queue *queue, uint32_t count, size_t size)
{
    for (uint32_t i = 0; i < count; ++i) assert_gives(queue, i, size);
}

/* Whatever its rings have grown to; and goes on as before. */
static void a_queue_at_rest_keeps_a_small_ring_at_most(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 10, 300, 1000, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        struct mtm_queue queue;
        start(&queue);
        for (int round = 0; round < 3; ++round) {
            put_many(&queue, 1000, sizes[i]);
            take_many(&queue, 999, sizes[i]);
            const size_t before = core_bytes;
            mtm_queue_rest(&queue); /* there is a message: nothing happens */
            assert_int_equal(core_bytes, before);
            assert_gives(&queue, 999, sizes[i]);
            mtm_queue_rest(&queue);
            assert_in_range(core_bytes, 0, MTM_RING_KEPT + 64);
            assert_false(mtm_queue_is_warm(&queue));
            assert_drained(&queue);
        }
        mtm_queue_fini(&queue);
    }
}

/* It is not a new filling: what a receiver has taken may still go back. */
static void what_was_taken_may_come_back_after_a_rest(void **state)
{
    (void)state;
    struct mtm_queue queue;
    start(&queue);
    put_many(&queue, 300, 100);
    take_many(&queue, 299, 100);
    struct mtm_block *block = queue_take(&queue);
    mtm_queue_rest(&queue);
    assert_int_equal(queue_put(&queue, 7, 100), MTM_OK);
    assert_true(queue_back(&queue, block));
    assert_gives(&queue, 299, 100);
    assert_gives(&queue, 7, 100);
    block = NULL;
    put_many(&queue, 300, 100);
    take_many(&queue, 299, 100);
    assert_true(queue_back(&queue, queue_take(&queue)));
    mtm_queue_rest(&queue); /* what was put back counts as a message */
    assert_gives(&queue, 299, 100);
    mtm_queue_fini(&queue);
}

static void the_ring_of_a_given_size_stays(void **state)
{
    (void)state;
    for (int fixed = 0; fixed < 2; ++fixed) {
        struct mtm_queue queue;
        assert_int_equal(mtm_queue_init(&queue, 20000, true, fixed ? 0 : 2, false), MTM_OK);
        const size_t before = core_bytes;
        for (int round = 0; round < 3; ++round) {
            core_drought = 1;
            put_many(&queue, 150, 100);
            core_drought = 0;
            if (!fixed) put_many(&queue, 600, 100);
            take_many(&queue, 150, 100);
            if (!fixed) take_many(&queue, 600, 100);
            if (round % 2) queue_clear(&queue);
            mtm_queue_rest(&queue);
            assert_int_equal(core_bytes, before);
        }
        mtm_queue_fini(&queue);
    }
}

static void clearing_gives_everything_back(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    const size_t before = core_bytes;
    struct mtm_message large = message_of(MIB), small = message_of(100);
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 50; ++i) {
            assert_int_equal(mtm_buffer_add(buffer, &small, false, NULL), MTM_OK);
            assert_int_equal(mtm_buffer_add(buffer, &large, false, NULL), MTM_OK);
        }
        assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
        assert_int_equal(core_bytes, before);
        assert_int_equal(mtm_buffer_clear(buffer, true), MTM_OK);
    }
    core_drop_buffer(buffer);
}

/* ---- through buffers and listeners ---- */

enum { BUFFERS = 50 };

static void fill_and_drain(struct mtm_buffer *buffer, struct mtm_object *source)
{
    struct mtm_message message = message_of(900);
    for (int i = 0; i < 300; ++i)
        assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
    for (int i = 0; i < 300; ++i) {
        struct mtm_delivery in = {.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(900)};
        struct mtm_wait wait = {.timeout = 0};
        assert_int_equal(mtm_receive(source, &wait, &in), MTM_OK);
        mtm_delivery_done(&in, false);
        core_incoming_free(&in);
    }
}

static void assert_nothing_comes(struct mtm_object *source)
{
    struct mtm_delivery in = {.slot.limit = SIZE_MAX};
    struct mtm_wait wait = {.timeout = 0};
    assert_int_equal(mtm_receive(source, &wait, &in), MTM_EMPTY);
}

static void a_receive_in_vain_gives_a_buffer_its_rest(void **state)
{
    (void)state;
    struct mtm_buffer *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; ++i) buffers[i] = core_buffer(NULL);
    const size_t before = core_bytes;
    for (int i = 0; i < BUFFERS; ++i) {
        fill_and_drain(buffers[i], &buffers[i]->object);
        assert_nothing_comes(&buffers[i]->object);
    }
    assert_in_range(core_bytes - before, 0, BUFFERS * 1100);
    for (int i = 0; i < BUFFERS; ++i) core_drop_buffer(buffers[i]);
}

/* Nobody asks its buffers one by one. */
static void the_buffers_of_a_listener_rest_by_themselves(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; ++i) buffers[i] = core_buffer(listener);
    const size_t before = core_bytes;
    for (int i = 0; i < BUFFERS; ++i) fill_and_drain(buffers[i], &listener->object);
    assert_in_range(core_bytes - before, 0, BUFFERS * 1100 + MTM_WARM * 300 * 1000);
    assert_nothing_comes(&listener->object);
    assert_in_range(core_bytes - before, 0, BUFFERS * 1100);
    for (int i = 0; i < BUFFERS; ++i) {
        fill_and_drain(buffers[i], &listener->object);
        if (i % 2) core_drop_buffer(buffers[i]); /* out of the listener, and of its list */
    }
    assert_nothing_comes(&listener->object);
    for (int i = 0; i < BUFFERS; i += 2) core_drop_buffer(buffers[i]);
    core_drop_listener(listener);
}

/* story: the memory of a single large message stayed, as it comes back when the listener has
 * looked already */
static void one_large_message_for_each_leaves_little(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffers[BUFFERS];
    struct mtm_message message = message_of(400 * 1000);
    for (int i = 0; i < BUFFERS; ++i) buffers[i] = core_buffer(listener);
    const size_t before = core_bytes;
    for (int i = 0; i < BUFFERS; ++i) {
        struct mtm_delivery in = {.slot.limit = SIZE_MAX};
        struct mtm_wait wait = {.timeout = 0};
        assert_int_equal(mtm_buffer_add(buffers[i], &message, false, NULL), MTM_OK);
        assert_int_equal(mtm_receive(&listener->object, &wait, &in), MTM_OK);
        mtm_buffer_recycle(in.from, in.slot.block);
        mtm_delivery_done(&in, false);
    }
    assert_nothing_comes(&listener->object);
    assert_in_range(core_bytes - before, 0, MTM_POOLS_FEW + BUFFERS * 1100);
    for (int i = 0; i < BUFFERS; ++i) core_drop_buffer(buffers[i]);
    core_drop_listener(listener);
}

/* ---- one who sleeps ---- */

static void *sleep_for_a_message(void *opaque)
{
    struct mtm_object *source = opaque;
    uint32_t number = 0;
    assert_int_equal(core_next(source, MTM_FOREVER, &number), MTM_OK);
    assert_int_equal(number, 7);
    return NULL;
}

/* Its call has not returned, and is an operation all the same. */
static void one_who_sleeps_for_long_gives_memory_back(void **state)
{
    (void)state;
    for (int through = 0; through < 2; ++through) {
        struct mtm_listener *listener = through ? core_listener() : NULL;
        struct mtm_buffer *buffer = core_buffer(listener);
        struct mtm_object *source = through ? &listener->object : &buffer->object;
        pthread_t thread;
        const size_t before = core_bytes;
        fill_and_drain(buffer, source);
        assert_true(core_bytes - before > 100 * 1000);
        unit_start(&thread, 1, sleep_for_a_message, source);
        while (core_bytes - before > 2000)
            mtm_plat_yield(); /* the test's time limit bounds it */
        assert_int_equal(core_add(buffer, 7), MTM_OK);
        unit_join(&thread, 1);
        core_drop_buffer(buffer);
        if (listener) core_drop_listener(listener);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("what bursts need again is kept", what_bursts_need_again_is_kept),
        CORE_TEST("one large burst among others is not kept",
                  one_large_burst_among_others_is_not_kept),
        CORE_TEST("all pools together have a bound", all_pools_together_have_a_bound),
        CORE_TEST("a queue at rest keeps a small ring at most",
                  a_queue_at_rest_keeps_a_small_ring_at_most),
        CORE_TEST("what was taken may come back after a rest",
                  what_was_taken_may_come_back_after_a_rest),
        CORE_TEST("the ring of a given size stays", the_ring_of_a_given_size_stays),
        CORE_TEST("clearing gives everything back", clearing_gives_everything_back),
        CORE_TEST("a receive in vain gives a buffer its rest",
                  a_receive_in_vain_gives_a_buffer_its_rest),
        CORE_TEST("one large message for each leaves little",
                  one_large_message_for_each_leaves_little),
        CORE_TEST("one who sleeps for long gives memory back",
                  one_who_sleeps_for_long_gives_memory_back),
        CORE_TEST("the buffers of a listener rest by themselves",
                  the_buffers_of_a_listener_rest_by_themselves),
    };
    return UNIT_RUN(tests);
}
