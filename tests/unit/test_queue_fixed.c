/* Tests of queues of a fixed size: what fits to the byte, and that nothing is allocated after
 * they were made. They own the queues. */
#include "queue_unit.h"

static void fixed_init(struct mtm_queue *queue, size_t size)
{
    assert_int_equal(mtm_queue_init(queue, size, false, 0, false), MTM_OK);
}

/* Fills the queue with messages of one size, twice, so that the second filling begins
 * elsewhere. */
static void fill_twice(size_t size, size_t message)
{
    struct mtm_queue queue;
    const size_t most = size / core_record(message);
    fixed_init(&queue, size);
    for (uint32_t round = 0; round < 2; ++round) {
        for (uint32_t i = 0; i < most; ++i) {
            assert_int_equal(queue_put(&queue, i, message), MTM_OK);
        }
        assert_int_equal(queue_put(&queue, 99, message), most ? MTM_FULL : MTM_TOO_LARGE);
        assert_int_equal(mtm_queue_count(&queue), most);
        for (uint32_t i = 0; i < most; ++i) {
            assert_gives(&queue, i, message);
            assert_int_equal(queue_put(&queue, 50, message),
                             MTM_OK); /* room for just one again */
            assert_int_equal(queue_put(&queue, 99, message), MTM_FULL);
        }
        for (uint32_t i = 0; i < most; ++i) assert_gives(&queue, 50, message);
        assert_drained(&queue);
    }
    mtm_queue_fini(&queue);
}

static void it_holds_what_its_size_accounts_for(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 48; ++size) {
        for (size_t message = 0; message <= 50; ++message) fill_twice(size, message);
    }
}

static void a_header_costs_one_byte_or_nine(void **state)
{
    (void)state;
    static const struct {
        size_t size, message;
        enum mtm_status status;
    } cases[] = {
        {255, 254, MTM_OK},   {254, 254, MTM_TOO_LARGE},
        {264, 255, MTM_OK},   {263, 255, MTM_TOO_LARGE},
        {1, 0, MTM_OK},       {0, 0, MTM_TOO_LARGE},
        {9009, 9000, MTM_OK}, {9008, 9000, MTM_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct mtm_queue queue;
        fixed_init(&queue, cases[i].size);
        assert_int_equal(queue_put(&queue, 1, cases[i].message), cases[i].status);
        assert_int_equal(queue_replace(&queue, 1, cases[i].message), cases[i].status);
        assert_int_equal(mtm_queue_count(&queue), cases[i].status == MTM_OK);
        mtm_queue_fini(&queue);
    }
}

/* What is there takes 6 of the 10 bytes. */
static void a_message_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct mtm_queue queue;
    fixed_init(&queue, 10);
    assert_int_equal(queue_put(&queue, 1, 2), MTM_OK);
    assert_int_equal(queue_put(&queue, 2, 2), MTM_OK);
    assert_int_equal(queue_put(&queue, 3, 4), MTM_FULL);
    assert_int_equal(queue_put(&queue, 3, 10), MTM_TOO_LARGE);
    assert_int_equal(queue_replace(&queue, 3, 10), MTM_TOO_LARGE);
    assert_int_equal(mtm_queue_count(&queue), 2);
    assert_int_equal(queue_put(&queue, 3, 3), MTM_OK);
    assert_gives(&queue, 1, 2);
    assert_gives(&queue, 2, 2);
    assert_gives(&queue, 3, 3);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

static void replace_takes_the_place_of_all(void **state)
{
    (void)state;
    for (size_t filled = 0; filled <= 10; ++filled) {
        for (size_t message = 0; message < 10; ++message) {
            struct mtm_queue queue;
            fixed_init(&queue, 10);
            for (size_t i = 0; i < filled; ++i) {
                assert_int_equal(queue_put(&queue, 9, 0), MTM_OK);
            }
            assert_int_equal(queue_replace(&queue, 4, message), MTM_OK);
            assert_int_equal(mtm_queue_count(&queue), 1);
            size_t room = 10 - core_record(message);
            if (room > 0) assert_int_equal(queue_put(&queue, 5, room - 1), MTM_OK);
            assert_int_equal(queue_put(&queue, 6, 0), MTM_FULL);
            assert_gives(&queue, 4, message);
            if (room > 0) assert_gives(&queue, 5, room - 1);
            assert_drained(&queue);
            mtm_queue_fini(&queue);
        }
    }
}

/* Its bytes are free as soon as it is taken; put back it may take the queue over its size. */
static void what_is_put_back_counts_again(void **state)
{
    (void)state;
    struct mtm_queue queue;
    fixed_init(&queue, 12);
    assert_int_equal(queue_put(&queue, 1, 5), MTM_OK);
    assert_int_equal(queue_put(&queue, 2, 5), MTM_OK);
    struct mtm_block *taken = queue_take(&queue);
    assert_int_equal(queue_put(&queue, 3, 5), MTM_OK);
    assert_true(queue_back(&queue, taken)); /* 18 of 12 */
    assert_int_equal(mtm_queue_count(&queue), 3);
    assert_int_equal(queue_put(&queue, 4, 0), MTM_FULL);
    assert_gives(&queue, 1, 5); /* 12 of 12 */
    assert_int_equal(queue_put(&queue, 4, 0), MTM_FULL);
    taken = queue_take(&queue);
    assert_true(queue_back(&queue, taken));
    assert_int_equal(queue_put(&queue, 4, 0), MTM_FULL);
    taken = queue_take(&queue); /* 6 of 12 */
    assert_int_equal(queue_put(&queue, 4, 6), MTM_FULL);
    assert_int_equal(queue_put(&queue, 4, 4), MTM_OK);
    assert_true(queue_back(&queue, taken)); /* 17 of 12 */
    assert_gives(&queue, 2, 5);             /* 11 of 12 */
    assert_int_equal(queue_put(&queue, 5, 1), MTM_FULL);
    assert_int_equal(queue_put(&queue, 5, 0), MTM_OK);
    assert_gives(&queue, 3, 5);
    assert_gives(&queue, 4, 4);
    assert_gives(&queue, 5, 0);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

/* Every room that is left beside a message that was put back: exactly that much fits. */
static void room_beside_what_was_put_back_is_exact(void **state)
{
    (void)state;
    for (size_t back = 0; back < 20; ++back) {
        for (size_t more = 0; more < 20; ++more) {
            struct mtm_queue queue;
            fixed_init(&queue, 20);
            assert_int_equal(queue_put(&queue, 1, back), MTM_OK);
            struct mtm_block *taken = queue_take(&queue);
            assert_true(queue_back(&queue, taken));
            bool fits = core_record(back) + core_record(more) <= 20;
            assert_int_equal(queue_put(&queue, 2, more), fits ? MTM_OK : MTM_FULL);
            assert_gives(&queue, 1, back);
            if (fits) assert_gives(&queue, 2, more);
            assert_drained(&queue);
            mtm_queue_fini(&queue);
        }
    }
}

static void clearing_frees_all_bytes(void **state)
{
    (void)state;
    struct mtm_queue queue;
    fixed_init(&queue, 12);
    assert_int_equal(queue_put(&queue, 1, 5), MTM_OK);
    assert_int_equal(queue_put(&queue, 2, 5), MTM_OK);
    assert_true(queue_back(&queue, queue_take(&queue)));
    queue_clear(&queue);
    assert_int_equal(queue_put(&queue, 3, 11), MTM_OK);
    assert_int_equal(queue_put(&queue, 4, 0), MTM_FULL);
    assert_gives(&queue, 3, 11);
    assert_drained(&queue);
    mtm_queue_fini(&queue);
}

/* All of it is there from the beginning, and is not more than was promised. */
static void nothing_is_allocated_later(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 1024, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        struct mtm_queue queue;
        fixed_init(&queue, sizes[i]);
        assert_in_range(core_bytes + sizeof queue, 0, 4 * sizes[i] + 4096);
        core_drought = 1;
        for (uint32_t n = 0; n < 300; ++n) {
            size_t size =
                (n * 7919u) % (sizes[i] < QUEUE_LARGEST ? sizes[i] + 1 : QUEUE_LARGEST);
            size_t before = mtm_queue_count(&queue);
            bool fits = core_record(size) <= sizes[i];
            enum mtm_status status = queue_put(&queue, n, size);
            if (!fits) assert_int_equal(status, MTM_TOO_LARGE);
            else if (before == 0) assert_int_equal(status, MTM_OK);
            else assert_true(status == MTM_OK || status == MTM_FULL);
            assert_int_equal(queue_replace(&queue, n, size), fits ? MTM_OK : MTM_TOO_LARGE);
            if (n % 5 == 0) queue_clear(&queue);
        }
        core_drought = 0;
        mtm_queue_fini(&queue);
    }
}

/* Messages that were put back bring memory along; what they leave behind is not kept for later.
 */
static void it_does_not_hoard_memory(void **state)
{
    (void)state;
    struct mtm_queue queue;
    fixed_init(&queue, 64);
    size_t before = core_bytes;
    for (int i = 0; i < 4; ++i) {
        struct mtm_slot slot = {.limit = SIZE_MAX, .carrier = mtm_block_new(100000)};
        assert_int_equal(queue_put(&queue, 1, 10), MTM_OK);
        assert_int_equal(queue_look(&queue, &slot), MTM_OK);
        assert_true(queue_back(&queue, slot.block));
        mtm_queue_recycle(&queue, queue_take(&queue));
    }
    assert_drained(&queue);
    assert_in_range(core_bytes, before, before + 4096);
    mtm_queue_fini(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it holds what its size accounts for", it_holds_what_its_size_accounts_for),
        CORE_TEST("a header costs one byte or nine", a_header_costs_one_byte_or_nine),
        CORE_TEST("what does not fit changes nothing",
                  a_message_that_does_not_fit_changes_nothing),
        CORE_TEST("replace takes the place of all", replace_takes_the_place_of_all),
        CORE_TEST("what is put back counts again", what_is_put_back_counts_again),
        CORE_TEST("the room beside it is exact", room_beside_what_was_put_back_is_exact),
        CORE_TEST("clearing frees all bytes", clearing_frees_all_bytes),
        CORE_TEST("nothing is allocated later", nothing_is_allocated_later),
        CORE_TEST("it does not hoard memory that was brought", it_does_not_hoard_memory),
    };
    return UNIT_RUN(tests);
}
