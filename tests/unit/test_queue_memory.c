/* Tests of the memory of a queue: when it is asked for, what is kept for later, what large
 * messages cost, and that running out of it changes nothing. They own the queues. */
#include "queue_unit.h"

#include "core/cargo.h"

enum { LARGE = 6000, BOUND = 128 * 1024 /* of the rings that come later */ };

static unsigned char bytes[QUEUE_LARGEST];

static void memory_comes_with_the_first_message_unless_sized(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    assert_int_equal(core_requests, 0);
    assert_int_equal(queue_put(&queue, 1, 1), MTM_OK);
    assert_int_equal(core_requests, 1);
    assert_in_range(core_bytes, 1024, 1024 + 100);
    mtm_queue_fini(&queue);
    assert_int_equal(mtm_queue_init(&queue, 5000, true, 2, false), MTM_OK);
    assert_in_range(core_bytes, 5000, 5000 + 100);
    mtm_queue_fini(&queue);
    core_drought = 1;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    mtm_queue_fini(&queue);
    assert_int_equal(mtm_queue_init(&queue, 5000, true, 2, false), MTM_NOMEM);
    assert_int_equal(mtm_queue_init(&queue, SIZE_MAX, true, 2, false), MTM_NOMEM);
    assert_int_equal(mtm_queue_init(&queue, 5000, false, 0, false), MTM_NOMEM);
    core_drought = 0;
}

static enum mtm_status put_locked(struct mtm_queue *queue, struct mtm_message *message,
                                  struct mtm_put_memory *memory)
{
    mtm_lock(&queue->tail.lock);
    enum mtm_status status = mtm_queue_put(queue, message, memory);
    mtm_unlock(&queue->tail.lock);
    return status;
}

/* What the caller sees of each step. */
static void a_put_asks_for_a_ring_and_tries_again(void **state)
{
    (void)state;
    struct mtm_queue queue;
    struct mtm_put_memory memory = {0};
    struct mtm_message message = core_message(bytes, 10);
    assert_int_equal(mtm_queue_init(&queue, 16, true, 2, false), MTM_OK);
    assert_int_equal(put_locked(&queue, &message, &memory), MTM_OK);
    for (int i = 0; i < 2; ++i) { /* asking again changes nothing either */
        assert_int_equal(put_locked(&queue, &message, &memory), MTM_GROW);
        assert_int_equal(mtm_queue_count(&queue), 1);
    }
    assert_true(memory.need == 11 && memory.cap >= 11);
    assert_int_equal(mtm_queue_get_memory(&queue, &message, &memory), MTM_OK);
    assert_int_equal(put_locked(&queue, &message, &memory), MTM_OK);
    assert_null(memory.segment); /* it is the queue's now */
    assert_int_equal(mtm_queue_count(&queue), 2);
    mtm_queue_free_memory(&queue, &memory);
    mtm_queue_fini(&queue);
}

/* Another producer made room meanwhile: the ring is kept for the next who needs one. */
static void a_ring_that_is_not_needed_is_kept(void **state)
{
    (void)state;
    struct mtm_queue queue;
    struct mtm_put_memory memory = {0};
    struct mtm_message message = core_message(bytes, 10);
    assert_int_equal(mtm_queue_init(&queue, 16, true, 2, false), MTM_OK);
    assert_int_equal(put_locked(&queue, &message, &memory), MTM_OK);
    assert_int_equal(put_locked(&queue, &message, &memory), MTM_GROW);
    assert_int_equal(mtm_queue_get_memory(&queue, &message, &memory), MTM_OK);
    mtm_queue_free_memory(&queue, &memory);
    uint32_t before = core_requests;
    assert_int_equal(queue_put(&queue, 2, 10), MTM_OK);
    assert_int_equal(core_requests, before);
    mtm_queue_drop_caches(&queue);
    mtm_queue_fini(&queue);
}

enum { RECORD = 101 };

/* Puts until the queue asks, and returns how large a ring it would like. Until then all of the
 * last ring was used, of `cap` bytes; one message was there. */
static size_t next_ring(struct mtm_queue *queue, size_t cap)
{
    struct mtm_put_memory memory = {0};
    struct mtm_message message = core_message(bytes, RECORD - 1);
    enum mtm_status status;
    size_t puts = cap ? 1 : 0;
    for (; (status = put_locked(queue, &message, &memory)) == MTM_OK; ++puts) {
    }
    assert_int_equal(status, MTM_GROW);
    assert_int_equal(puts, cap / RECORD);
    cap = memory.cap;
    assert_int_equal(mtm_queue_get_memory(queue, &message, &memory), MTM_OK);
    assert_int_equal(put_locked(queue, &message, &memory), MTM_OK);
    return cap;
}

static void rings_grow_by_the_factor_up_to_a_bound(void **state)
{
    (void)state;
    static const double factors[] = {2, 1.5, 1, 0.1, 1e300};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; ++i) {
        struct mtm_queue queue;
        assert_int_equal(mtm_queue_init(&queue, 1000, false, factors[i], false), MTM_OK);
        size_t last = next_ring(&queue, 0);
        assert_int_equal(last, 1000);
        for (int n = 0; n < 12; ++n) {
            double wanted = factors[i] > 1 ? (double)last * factors[i] : (double)last;
            size_t next = next_ring(&queue, last);
            if (wanted < (double)BOUND) assert_int_equal(next, (size_t)wanted);
            else assert_int_equal(next, BOUND);
            last = next;
        }
        mtm_queue_fini(&queue);
    }
}

/* What fitted into the memory that was given explicitly fits again, and all at once. */
static void a_large_sized_ring_stays(void **state)
{
    (void)state;
    struct mtm_queue queue;
    const uint32_t most = 3 * BOUND / 2009;
    assert_int_equal(mtm_queue_init(&queue, 3 * BOUND, true, 2, false), MTM_OK);
    for (int round = 0; round < 3; ++round) {
        core_drought = 1;
        for (uint32_t i = 0; i < most; ++i) {
            assert_int_equal(queue_put(&queue, i, 2000), MTM_OK);
        }
        core_drought = 0;
        for (uint32_t i = most; i < 2 * most; ++i) {
            assert_int_equal(queue_put(&queue, i, 2000), MTM_OK);
        }
        for (uint32_t i = 0; i < 2 * most; ++i) assert_gives(&queue, i, 2000);
        assert_drained(&queue);
        assert_in_range(core_bytes, 3 * BOUND,
                        5 * BOUND + 1000); /* the others are not larger */
    }
    mtm_queue_fini(&queue);
}

/* It may be too small for what comes, and is there when it is large enough again. */
static void a_small_sized_ring_stays(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 50, true, 2, false), MTM_OK);
    struct mtm_segment *first = queue.tail.segment;
    for (uint32_t round = 0; round < 5; ++round) {
        for (uint32_t i = 0; i < 9; ++i) assert_int_equal(queue_put(&queue, i, 40), MTM_OK);
        for (uint32_t i = 0; i < 9; ++i) assert_gives(&queue, i, 40);
        assert_ptr_equal(mtm_load_acq(&queue.shared.spare), first);
        assert_int_equal(queue_put(&queue, 1, 3000), MTM_OK);
        assert_gives(&queue, 1, 3000);
        assert_ptr_equal(mtm_load_acq(&queue.shared.spare), first);
    }
    mtm_queue_fini(&queue);
}

static void a_drained_queue_keeps_less_than_a_megabyte(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    for (uint32_t i = 0; i < 30000; ++i) assert_int_equal(queue_put(&queue, i, 200), MTM_OK);
    for (uint32_t i = 0; i < 300; ++i) assert_int_equal(queue_put(&queue, i, 19000), MTM_OK);
    assert_true(core_bytes > 8 * 1000 * 1000);
    struct mtm_block *block;
    while ((block = queue_take(&queue)) != NULL) mtm_queue_recycle(&queue, block);
    assert_in_range(core_bytes, 0, 1000 * 1000);
    queue_shut(&queue);
    mtm_queue_drop_caches(&queue);
    assert_int_equal(core_blocks, 0);
    mtm_queue_fini(&queue);
}

/* Two copies in all: into the block, and out of it by whoever decodes. */
static void a_large_message_travels_in_its_own_block(void **state)
{
    (void)state;
    struct mtm_queue queue;
    struct mtm_slot slot = {.limit = SIZE_MAX};
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    assert_int_equal(queue_put(&queue, 3, LARGE), MTM_OK);
    assert_int_equal(core_requests, 2);
    assert_in_range(core_bytes, LARGE + 1024, LARGE + 1024 + 200);
    assert_int_equal(queue_look(&queue, &slot), MTM_OK); /* without memory to copy it to */
    assert_true(core_is(slot.block, 3, LARGE));
    mtm_block_free(slot.block);
    mtm_queue_fini(&queue);
}

/* What comes back is used for what comes, as long as the size is about the same. */
static void blocks_are_used_again(void **state)
{
    (void)state;
    enum { UNDER_WAY = 9 };
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    for (uint32_t i = 0; i < 20; ++i) {
        for (int n = 0; n < UNDER_WAY; ++n) {
            assert_int_equal(queue_put(&queue, i, LARGE - i), MTM_OK);
        }
        for (int n = 0; n < UNDER_WAY; ++n) {
            struct mtm_block *block = queue_take(&queue);
            assert_true(core_is(block, i, LARGE - i));
            mtm_queue_recycle(&queue, block);
        }
        assert_int_equal(core_requests, UNDER_WAY + 1); /* they and the ring */
    }
    mtm_queue_recycle(&queue, NULL);
    mtm_queue_fini(&queue);
}

static void a_block_much_too_large_is_left_for_others(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    struct mtm_block *large = mtm_block_new(QUEUE_LARGEST);
    mtm_queue_recycle(&queue, large);
    assert_int_equal(queue_put(&queue, 1, QUEUE_LARGEST / 2 - 1), MTM_OK);
    assert_int_equal(queue_put(&queue, 2, QUEUE_LARGEST / 2), MTM_OK);
    struct mtm_block *first = queue_take(&queue), *second = queue_take(&queue);
    assert_ptr_not_equal(first, large);
    assert_ptr_equal(second, large);
    mtm_block_free(first);
    mtm_block_free(second);
    mtm_queue_fini(&queue);
}

/* For real-time use: what fits into memory that is there needs no other. */
static void a_sized_ring_takes_large_messages_that_fit(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 3 * LARGE, true, 2, false), MTM_OK);
    core_drought = 1;
    assert_int_equal(queue_put(&queue, 1, LARGE), MTM_OK);
    assert_int_equal(queue_put(&queue, 2, LARGE), MTM_OK);
    assert_int_equal(queue_put(&queue, 3, LARGE), MTM_NOMEM);
    core_drought = 0;
    assert_int_equal(queue_put(&queue, 3, LARGE),
                     MTM_OK); /* in a block, and its pointer here */
    assert_int_equal(core_blocks, 2);
    for (uint32_t i = 1; i <= 3; ++i) assert_gives(&queue, i, LARGE);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

static void a_smaller_ring_will_do(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 5000, true, 9, false), MTM_OK);
    for (uint32_t i = 0; i < 4; ++i) assert_int_equal(queue_put(&queue, i, 999), MTM_OK);
    core_failure = 1; /* the one as large as one would like */
    size_t before = core_bytes;
    assert_int_equal(queue_put(&queue, 4, 999), MTM_OK);
    assert_int_equal(core_failure, 0);
    assert_in_range(core_bytes - before, 1008, 1008 + 100);
    for (uint32_t i = 0; i < 5; ++i) assert_gives(&queue, i, 999);
    mtm_queue_fini(&queue);
}

/* Every request fails in turn, for messages of every kind and queues of every kind. */
static void running_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 100, 300, 4096, 4097, 15000};
    for (size_t i = 0; i < 24 * sizeof sizes / sizeof *sizes; ++i) {
        struct mtm_queue queue;
        const size_t size = sizes[i / 24];
        const bool sized = i % 2, replace = i / 2 % 2;
        const uint32_t nth = (uint32_t)(i / 4 % 6 + 1);
        assert_int_equal(mtm_queue_init(&queue, 300, sized, 2, false), MTM_OK);
        assert_int_equal(queue_put(&queue, 1, 250), MTM_OK);
        core_failure = nth;
        enum mtm_status status =
            replace ? queue_replace(&queue, 2, size) : queue_put(&queue, 2, size);
        if (nth > 3) assert_int_equal(status, MTM_OK); /* none needs more */
        core_failure = 0;
        if (status != MTM_OK) assert_int_equal(status, MTM_NOMEM);
        assert_int_equal(mtm_queue_count(&queue), status == MTM_OK && !replace ? 2 : 1);
        if (status != MTM_OK || !replace) assert_gives(&queue, 1, 250);
        if (status == MTM_OK) assert_gives(&queue, 2, size);
        assert_int_equal(queue_put(&queue, 3, size), MTM_OK);
        assert_gives(&queue, 3, size);
        mtm_queue_fini(&queue);
        assert_int_equal(core_blocks, 0);
    }
}

static void shut_gives_up_all(void **state)
{
    (void)state;
    for (int sized = 0; sized < 2; ++sized) {
        struct mtm_queue queue;
        assert_int_equal(mtm_queue_init(&queue, 1024, sized, 2, false), MTM_OK);
        for (uint32_t i = 0; i < 99; ++i)
            assert_int_equal(queue_put(&queue, i, 100 * i), MTM_OK);
        for (uint32_t i = 0; i < 50; ++i) mtm_queue_recycle(&queue, queue_take(&queue));
        assert_true(queue_back(&queue, queue_take(&queue)));
        queue_shut(&queue);
        assert_drained(&queue);
        mtm_queue_drop_caches(&queue);
        assert_int_equal(core_blocks, 0);
        queue_shut(&queue); /* may be repeated */
        mtm_queue_fini(&queue);
    }
}

static void recycle_blocks(struct mtm_queue *queue, size_t cap, int count)
{
    for (int i = 0; i < count; ++i) mtm_queue_recycle(queue, mtm_block_new(cap));
}

static void a_queue_with_messages_keeps_more(void **state)
{
    (void)state;
    const size_t megabyte = (size_t)1024 * 1024;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    assert_int_equal(queue_put(&queue, 1, 1), MTM_OK);
    recycle_blocks(&queue, megabyte, 9);
    assert_int_equal(core_blocks, 1 + 4);
    recycle_blocks(&queue, 5 * megabyte, 1);
    assert_int_equal(core_blocks, 1 + 4);
    assert_in_range(core_bytes, 0, MTM_POOL_MAX + 2000);
    mtm_queue_fini(&queue);
}

/* The last message may have given back no block. */
static void a_queue_without_messages_settles(void **state)
{
    (void)state;
    for (int clears = 0; clears < 2; ++clears) {
        struct mtm_queue queue;
        assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
        assert_int_equal(queue_put(&queue, 1, 1), MTM_OK);
        recycle_blocks(&queue, 100 * 1000, 30);
        mtm_queue_trim_if_drained(&queue);
        assert_true(core_bytes > 3 * 1000 * 1000);
        if (clears) {
            queue_clear(&queue);
        } else {
            assert_gives(&queue, 1, 1);
            mtm_queue_trim_if_drained(&queue);
        }
        assert_in_range(core_bytes, 100 * 1000, MTM_POOL_DRAINED);
        mtm_queue_fini(&queue);
    }
}

/* Who does not get the pool's lock does without the pool. */
static void nobody_waits_for_the_pool(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    recycle_blocks(&queue, LARGE, 2);
    mtm_store_rlx(&queue.shared.pool.lock.word, 1); /* as if another thread had it */
    assert_int_equal(queue_put(&queue, 1, LARGE), MTM_OK);
    assert_int_equal(core_blocks, 4);
    mtm_queue_recycle(&queue, queue_take(&queue));
    assert_int_equal(core_blocks, 3);
    mtm_queue_trim(&queue);
    mtm_queue_drop_caches(&queue);
    assert_int_equal(core_blocks, 3);
    mtm_store_rlx(&queue.shared.pool.lock.word, 0);
    mtm_queue_fini(&queue);
}

static void huge_blocks_are_not_kept_by_a_drained_queue(void **state)
{
    (void)state;
    struct mtm_queue queue;
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    recycle_blocks(&queue, (size_t)600 * 1024, 1);
    assert_int_equal(core_blocks, 0);
    recycle_blocks(&queue, (size_t)200 * 1024, 1);
    assert_int_equal(core_blocks, 1);
    mtm_queue_fini(&queue);
}

#if defined(MTM_PAUSES)
/* Another one who holds the block lets go of it at one of the places that the thread passes. */
static struct {
    struct mtm_block *block;
    int in; /* so many places */
} holder;

static void let_go(void)
{
    struct mtm_block *block = holder.block;
    if (!block || --holder.in > 0) return;
    holder.block = NULL;
    mtm_block_free(block);
}

static void recycle_while_held(struct mtm_queue *queue, struct mtm_object *object, int place)
{
    struct mtm_cargo *cargo = NULL;
    struct mtm_block *block = mtm_block_new(LARGE);
    assert_int_equal(mtm_cargo_add(&cargo, object), MTM_OK);
    block->size = LARGE;
    block->cargo = cargo;
    mtm_block_retain(block);
    holder.block = block;
    holder.in = place;
    mtm_plat_pause_by(let_go);
    mtm_queue_recycle(queue, block);
    mtm_plat_pause_by(NULL);
    mtm_block_free(holder.block); /* it had no time */
    mtm_drop_handed_on();
}
#endif

/* story: a block that was given back in the moment in which its last reader let go of it went
 * to those that are kept for later, with its objects. */
static void a_block_that_is_kept_for_later_keeps_no_objects(void **state)
{
    (void)state;
#if !defined(MTM_PAUSES)
    skip(); /* needs a build with -DMTM_PAUSES */
#else
    struct mtm_queue queue;
    struct mtm_buffer *object = core_buffer(NULL);
    assert_int_equal(mtm_queue_init(&queue, 1024, false, 2, false), MTM_OK);
    for (int place = 1; place < 10; ++place) {
        recycle_while_held(&queue, &object->object, place);
        assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    }
    mtm_queue_fini(&queue);
    core_drop_buffer(object);
#endif
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a ring comes with the first message, or with the size",
                  memory_comes_with_the_first_message_unless_sized),
        CORE_TEST("a put asks for a ring and is tried again",
                  a_put_asks_for_a_ring_and_tries_again),
        CORE_TEST("a ring that was not needed is kept", a_ring_that_is_not_needed_is_kept),
        CORE_TEST("rings grow by the factor up to a bound",
                  rings_grow_by_the_factor_up_to_a_bound),
        CORE_TEST("a drained queue keeps little", a_drained_queue_keeps_less_than_a_megabyte),
        CORE_TEST("a large sized ring stays", a_large_sized_ring_stays),
        CORE_TEST("a small sized ring stays", a_small_sized_ring_stays),
        CORE_TEST("a large message travels in its block",
                  a_large_message_travels_in_its_own_block),
        CORE_TEST("blocks are used again", blocks_are_used_again),
        CORE_TEST("a sized ring takes large messages that fit",
                  a_sized_ring_takes_large_messages_that_fit),
        CORE_TEST("a smaller ring will do", a_smaller_ring_will_do),
        CORE_TEST("running out of memory changes nothing",
                  running_out_of_memory_changes_nothing),
        CORE_TEST("shut gives up all memory", shut_gives_up_all),
        CORE_TEST("a block much too large is left for others",
                  a_block_much_too_large_is_left_for_others),
        CORE_TEST("a queue with messages keeps more", a_queue_with_messages_keeps_more),
        CORE_TEST("a queue without messages settles", a_queue_without_messages_settles),
        CORE_TEST("nobody waits for the pool", nobody_waits_for_the_pool),
        CORE_TEST("huge blocks are not kept by a drained queue",
                  huge_blocks_are_not_kept_by_a_drained_queue),
        CORE_TEST("a block that is kept for later keeps no objects",
                  a_block_that_is_kept_for_later_keeps_no_objects),
    };
    return UNIT_RUN(tests);
}
