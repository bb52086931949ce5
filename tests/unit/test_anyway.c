/* Tests of puts past all bounds: whatever the buffer has no room for stands behind everything
 * that is there, and adds are refused until all fits again. They own the buffers. */
#include "queue_unit.h"

#include "core/bound.h"

enum { SIZE = 20, FIXED = 3 * (SIZE + 1) };

/* Three messages of SIZE bytes fit into each. */
static const struct mtm_buffer_options kinds[] = {
    {.size = FIXED, .sized = true, .grow = 0},
    {.size = MTM_DEFAULT_SIZE, .grow = 2, .bounds = {.limit = 3}},
    {.size = MTM_DEFAULT_SIZE, .grow = 2, .bounds = {.maxbytes = FIXED}},
    {.size = 64, .sized = true, .grow = 2, .bounds = {.limit = 3}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static struct mtm_buffer *made(const struct mtm_buffer_options *options)
{
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(options, &buffer), MTM_OK);
    return buffer;
}

static enum mtm_status put(struct mtm_buffer *buffer, uint32_t number, unsigned options)
{
    unsigned char bytes[SIZE];
    struct mtm_notifier *notifier;
    core_fill(bytes, number, SIZE);
    struct mtm_message message = core_message(bytes, SIZE);
    return mtm_buffer_put(buffer, &message, options, &notifier);
}

static struct mtm_queue_numbers numbers_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    struct mtm_queue_numbers numbers = mtm_queue_numbers(&buffer->queue);
    mtm_buffer_unlock_both(buffer);
    return numbers;
}

static void they_come_last_and_adds_wait_until_all_fits(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; ++kind) {
        struct mtm_buffer *buffer = made(&kinds[kind]);
        for (uint32_t n = 1; n <= 3; ++n) assert_int_equal(put(buffer, n, 0), MTM_OK);
        assert_int_equal(put(buffer, 4, 0), MTM_FULL);
        for (uint32_t n = 4; n <= 6; ++n)
            assert_int_equal(put(buffer, n, MTM_PUT_ANYWAY), MTM_OK);
        assert_int_equal(numbers_of(buffer).messages, 6);
        assert_int_equal(numbers_of(buffer).bytes, 6 * (SIZE + 1));
        for (uint32_t n = 1; n <= 3; ++n) {
            assert_int_equal(put(buffer, 7, 0), MTM_FULL);
            assert_gives(&buffer->queue, n, SIZE);
        }
        assert_int_equal(put(buffer, 7, 0), MTM_FULL);
        assert_gives(&buffer->queue, 4, SIZE);
        assert_int_equal(put(buffer, 7, 0), MTM_OK);
        for (uint32_t n = 5; n <= 7; ++n) assert_gives(&buffer->queue, n, SIZE);
        struct mtm_queue_numbers numbers = numbers_of(buffer);
        assert_int_equal(numbers.added, 7);
        assert_int_equal(numbers.taken, 7);
        assert_int_equal(numbers.messages + numbers.bytes, 0);
        core_drop_buffer(buffer);
    }
}

/* Also those that have been taken, in any order, and go back. */
static void they_keep_their_places(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; ++kind) {
        struct mtm_buffer *buffer = made(&kinds[kind]);
        struct mtm_block *taken[6];
        for (uint32_t n = 0; n < 6; ++n)
            assert_int_equal(put(buffer, n, n < 3 ? 0 : MTM_PUT_ANYWAY), MTM_OK);
        for (int i = 0; i < 6; ++i) taken[i] = queue_take(&buffer->queue);
        static const int order[] = {4, 0, 3, 5, 2, 1};
        for (int i = 0; i < 6; ++i) assert_true(queue_back(&buffer->queue, taken[order[i]]));
        for (uint32_t n = 0; n < 6; ++n) assert_gives(&buffer->queue, n, SIZE);
        core_drop_buffer(buffer);
    }
}

static void what_throws_messages_away_knows_them(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; ++kind) {
        struct mtm_buffer *buffer = made(&kinds[kind]);
        for (uint32_t n = 0; n < 5; ++n)
            assert_int_equal(put(buffer, n, n < 3 ? 0 : MTM_PUT_ANYWAY), MTM_OK);
        assert_int_equal(put(buffer, 9, MTM_PUT_REPLACE), MTM_OK);
        assert_int_equal(mtm_buffer_count(buffer), 1);
        for (uint32_t n = 0; n < 5; ++n)
            assert_int_equal(put(buffer, n, MTM_PUT_ANYWAY), MTM_OK);
        assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
        assert_int_equal(mtm_buffer_count(buffer), 0);
        for (uint32_t n = 0; n < 5; ++n)
            assert_int_equal(put(buffer, n, MTM_PUT_ANYWAY), MTM_OK);
        core_drop_buffer(buffer);
    }
}

static void an_abort_does_not_stop_them_an_end_does(void **state)
{
    (void)state;
    for (int end = 0; end < 2; ++end) {
        struct mtm_buffer *buffer = made(&kinds[0]);
        mtm_buffer_abort(buffer, true);
        assert_int_equal(put(buffer, 1, 0), MTM_ABORTED);
        assert_int_equal(put(buffer, 1, MTM_PUT_ANYWAY), MTM_OK);
        mtm_buffer_abort(buffer, false);
        assert_gives(&buffer->queue, 1, SIZE);
        if (end) mtm_buffer_close(buffer);
        else mtm_buffer_finish(buffer);
        assert_int_equal(put(buffer, 1, MTM_PUT_ANYWAY), MTM_CLOSED);
        core_drop_buffer(buffer);
    }
}

/* Nothing can fail when the time has come, and what was not needed is given back. */
static void memory_can_be_reserved(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 10, 254, 255, 5000, 20000};
    for (int kind = 0; kind < 3 * 6; ++kind) {
        const size_t size = sizes[kind % 6];
        static unsigned char bytes[20000];
        const struct mtm_buffer_options options[] = {
            {.size = size + 9, .sized = true, .grow = 0},
            {.size = MTM_DEFAULT_SIZE, .grow = 2, .bounds = {.limit = 1}},
            {.size = 64, .sized = true, .grow = 2, .bounds = {.limit = 1}},
        };
        struct mtm_buffer *buffer = made(&options[kind / 6]);
        struct mtm_put_memory memory[3];
        struct mtm_notifier *notifier;
        core_fill(bytes, 1, size);
        struct mtm_message message = core_message(bytes, size);
        for (int i = 0; i < 3; ++i)
            assert_int_equal(mtm_buffer_reserve(buffer, &message, &memory[i]), MTM_OK);
        core_drought = 1;
        for (int i = 0; i < 2; ++i) {
            assert_int_equal(mtm_buffer_put_reserved(buffer, &message, &memory[i], &notifier),
                             MTM_OK);
        }
        core_drought = 0;
        assert_gives(&buffer->queue, 1, size);
        assert_gives(&buffer->queue, 1, size);
        mtm_buffer_close(buffer);
        assert_int_equal(mtm_buffer_put_reserved(buffer, &message, &memory[2], &notifier),
                         MTM_CLOSED);
        core_drop_buffer(buffer);
    }
}

static void without_memory_nothing_is_reserved(void **state)
{
    (void)state;
    const struct mtm_message message = core_message("x", 1);
    for (int kind = 0; kind < KINDS; ++kind) {
        struct mtm_buffer *buffer = made(&kinds[kind]);
        struct mtm_put_memory memory;
        core_drought = 1;
        assert_int_equal(mtm_buffer_reserve(buffer, &message, &memory), MTM_NOMEM);
        core_drought = 0;
        mtm_buffer_unreserve(buffer, &memory);
        assert_int_equal(mtm_buffer_reserve(buffer, &message, &memory), MTM_OK);
        mtm_buffer_unreserve(buffer, &memory);
        core_drop_buffer(buffer);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("they come last, and adds wait until all fits",
                  they_come_last_and_adds_wait_until_all_fits),
        CORE_TEST("they keep their places", they_keep_their_places),
        CORE_TEST("what throws messages away knows them", what_throws_messages_away_knows_them),
        CORE_TEST("an abort does not stop them, an end does",
                  an_abort_does_not_stop_them_an_end_does),
        CORE_TEST("memory can be reserved", memory_can_be_reserved),
        CORE_TEST("without memory nothing is reserved", without_memory_nothing_is_reserved),
    };
    return UNIT_RUN(tests);
}
