/* Tests of messages that are put back into a queue, of clear, replace and shut while such
 * messages are under way, and of what a receiver can take. They own the queues. */
#include "queue_unit.h"

enum { TAKEN = 5 };

static void queue_begin(struct mtm_queue *queue)
{
    assert_int_equal(mtm_queue_init(queue, 64, true, 2, false), MTM_OK);
}

/* Small ones travel in memory of the receiver, large ones in their own. */
static size_t size_of(uint32_t number, bool large)
{
    return large && number % 2 ? 5000 + number : number;
}

/* Puts five messages back in the nth of all 120 orders, while later ones are there. */
static void put_back_in_order(unsigned nth, bool large)
{
    struct mtm_queue queue;
    struct mtm_block *taken[TAKEN];
    queue_begin(&queue);
    for (uint32_t i = 0; i < 2 * TAKEN; ++i) {
        assert_int_equal(queue_put(&queue, i, size_of(i, large)), MTM_OK);
    }
    for (int i = 0; i < TAKEN; ++i) taken[i] = queue_take(&queue);
    for (unsigned left = TAKEN; left > 0; nth /= left, --left) {
        unsigned pick = nth % left;
        assert_true(queue_back(&queue, taken[pick]));
        memmove(&taken[pick], &taken[pick + 1], (left - pick - 1) * sizeof *taken);
        assert_int_equal(mtm_queue_count(&queue), 2 * TAKEN - left + 1);
        assert_int_equal(mtm_queue_count_once(&queue), 2 * TAKEN - left + 1);
    }
    for (uint32_t i = 0; i < 2 * TAKEN; ++i) assert_gives(&queue, i, size_of(i, large));
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

static void what_is_put_back_takes_its_old_place(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth < 120; ++nth) {
        put_back_in_order(nth, false);
        put_back_in_order(nth, true);
    }
}

/* Some come back while others are taken again. */
static void the_place_is_kept_over_many_trips(void **state)
{
    (void)state;
    struct mtm_queue queue;
    queue_begin(&queue);
    for (uint32_t i = 0; i < 4; ++i) assert_int_equal(queue_put(&queue, i, i), MTM_OK);
    struct mtm_block *first = queue_take(&queue), *second = queue_take(&queue);
    assert_true(queue_back(&queue, second));
    second = queue_take(&queue);
    assert_true(core_is(second, 1, 1));
    assert_true(queue_back(&queue, first));
    assert_gives(&queue, 0, 0);
    struct mtm_block *third = queue_take(&queue);
    assert_true(core_is(third, 2, 2));
    assert_true(queue_back(&queue, third));
    assert_true(queue_back(&queue, second));
    for (uint32_t i = 1; i < 4; ++i) assert_gives(&queue, i, i);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

static void putting_back_needs_no_memory(void **state)
{
    (void)state;
    struct mtm_queue queue;
    queue_begin(&queue);
    assert_int_equal(queue_put(&queue, 1, 20), MTM_OK);
    struct mtm_block *block = queue_take(&queue);
    uint32_t before = core_requests;
    core_drought = 1;
    for (int i = 0; i < 5; ++i) {
        assert_true(queue_back(&queue, block));
        assert_ptr_equal(queue_take(&queue), block); /* the same memory comes out again */
    }
    core_drought = 0;
    assert_int_equal(core_requests, before);
    mtm_block_free(block);
    mtm_queue_fini(&queue);
}

enum change { CLEARED, REPLACED, SHUT, CHANGES };

/* Each throws away what is there: in rings, in blocks, and put back. */
static void change_queue(struct mtm_queue *queue, enum change change)
{
    if (change == CLEARED) queue_clear(queue);
    else if (change == REPLACED) assert_int_equal(queue_replace(queue, 77, 30), MTM_OK);
    else queue_shut(queue);
    assert_int_equal(mtm_queue_count(queue), change == REPLACED);
    if (change == REPLACED) assert_gives(queue, 77, 30);
    assert_drained(queue);
}

static void what_was_thrown_away_cannot_come_back(void **state)
{
    (void)state;
    for (enum change change = CLEARED; change < CHANGES; ++change) {
        struct mtm_queue queue;
        queue_begin(&queue);
        assert_int_equal(queue_put(&queue, 1, 10), MTM_OK);
        struct mtm_block *block = queue_take(&queue);
        change_queue(&queue, change); /* it was empty then */
        assert_false(queue_back(&queue, block));
        assert_drained(&queue);
        if (change != SHUT) {
            assert_int_equal(queue_put(&queue, 2, 10), MTM_OK);
            assert_false(queue_back(&queue, block));
            assert_gives(&queue, 2, 10);
        }
        mtm_block_free(block);
        mtm_queue_fini(&queue);
    }
}

/* The chain has several rings, of which the first is read in part, large messages on both sides
 * of that place, and messages that were put back. */
static void changes_find_messages_everywhere(void **state)
{
    (void)state;
    for (enum change change = CLEARED; change < CHANGES; ++change) {
        for (uint32_t taken = 0; taken <= 40; taken += 8) {
            struct mtm_queue queue;
            struct mtm_block *back[2] = {NULL, NULL};
            queue_begin(&queue);
            for (uint32_t i = 0; i < 40; ++i) {
                assert_int_equal(queue_put(&queue, i, i % 7 ? i : 5000), MTM_OK);
            }
            for (uint32_t i = 0; i + 2 < taken; ++i) assert_gives(&queue, i, i % 7 ? i : 5000);
            if (taken > 0) {
                back[0] = queue_take(&queue);
                back[1] = queue_take(&queue);
                assert_true(queue_back(&queue, back[1]));
            }
            assert_int_equal(mtm_queue_count(&queue), 40 - taken + (taken > 0));
            change_queue(&queue, change);
            if (back[0]) assert_false(queue_back(&queue, back[0]));
            mtm_block_free(back[0]);
            if (change != SHUT) {
                for (uint32_t i = 0; i < 9; ++i)
                    assert_int_equal(queue_put(&queue, i, i), MTM_OK);
                for (uint32_t i = 0; i < 9; ++i) assert_gives(&queue, i, i);
            }
            assert_drained(&queue);
            mtm_queue_fini(&queue);
        }
    }
}

static void a_message_of_the_new_filling_can_come_back(void **state)
{
    (void)state;
    for (enum change change = CLEARED; change < SHUT; ++change) {
        struct mtm_queue queue;
        queue_begin(&queue);
        for (uint32_t i = 0; i < 3; ++i) assert_int_equal(queue_put(&queue, i, 9), MTM_OK);
        if (change == REPLACED) assert_int_equal(queue_replace(&queue, 10, 9), MTM_OK);
        else queue_clear(&queue);
        for (uint32_t i = 11; i < 13; ++i) assert_int_equal(queue_put(&queue, i, 9), MTM_OK);
        struct mtm_block *first = queue_take(&queue), *second = queue_take(&queue);
        assert_true(queue_back(&queue, second));
        assert_true(queue_back(&queue, first));
        for (uint32_t i = change == REPLACED ? 10 : 11; i < 13; ++i) assert_gives(&queue, i, 9);
        assert_drained(&queue);
        mtm_queue_fini(&queue);
    }
}

/* In rings and in blocks; a receiver that cannot have it learns how large it is, and leaves it.
 */
static void a_receiver_gets_what_it_can_take(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 254, 255, 3000, 9000};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; ++i) {
        const size_t size = sizes[i / 2];
        struct mtm_queue queue;
        queue_begin(&queue);
        assert_int_equal(queue_put(&queue, 1, size), MTM_OK);
        if (i % 2) assert_true(queue_back(&queue, queue_take(&queue)));
        struct mtm_slot slot = {.limit = size - 1};
        if (size > 0) {
            slot.carrier = mtm_block_new(size - 1);
            assert_int_equal(queue_look(&queue, &slot), MTM_TOO_LARGE);
            assert_int_equal(slot.need, size);
            slot.limit = size;
            bool moves = i % 2 || size > 4096; /* it comes in its own block */
            assert_int_equal(queue_look(&queue, &slot), moves ? MTM_OK : MTM_GROW);
            assert_int_equal(slot.need, size);
            mtm_block_free(slot.carrier);
            if (moves) assert_ptr_not_equal(slot.block, slot.carrier);
            if (moves) assert_true(queue_back(&queue, slot.block));
        }
        assert_int_equal(mtm_queue_count(&queue), 1);
        assert_gives(&queue, 1, size);
        assert_drained(&queue);
        mtm_queue_fini(&queue);
    }
}

/* The carrier may be larger, and may have carried a larger message before. */
static void a_carrier_is_used_again(void **state)
{
    (void)state;
    struct mtm_queue queue;
    struct mtm_slot slot = {.limit = SIZE_MAX, .carrier = mtm_block_new(100)};
    queue_begin(&queue);
    for (uint32_t i = 0; i < 50; ++i) {
        assert_int_equal(queue_put(&queue, i, 100 - 2 * i), MTM_OK);
        assert_int_equal(queue_look(&queue, &slot), MTM_OK);
        assert_ptr_equal(slot.block, slot.carrier);
        assert_true(core_is(slot.block, i, 100 - 2 * i));
    }
    mtm_block_free(slot.carrier);
    mtm_queue_fini(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("put back in any order, the order is the old one",
                  what_is_put_back_takes_its_old_place),
        CORE_TEST("a place is kept over many trips", the_place_is_kept_over_many_trips),
        CORE_TEST("putting back needs no memory", putting_back_needs_no_memory),
        CORE_TEST("what was thrown away cannot come back",
                  what_was_thrown_away_cannot_come_back),
        CORE_TEST("clear, replace and shut find messages everywhere",
                  changes_find_messages_everywhere),
        CORE_TEST("a later message can come back", a_message_of_the_new_filling_can_come_back),
        CORE_TEST("a receiver gets what it can take", a_receiver_gets_what_it_can_take),
        CORE_TEST("a carrier is used again", a_carrier_is_used_again),
    };
    return UNIT_RUN(tests);
}
