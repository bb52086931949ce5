/* Tests of blocks: room, alignment, the gathering of parts, and whose memory is used. They own
 * the blocks. */
#include "core.h"

enum { MOST = 300 };

static void a_block_has_the_room_asked_for(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < MOST; ++cap) {
        struct mtm_block *block = mtm_block_new(cap);
        assert_non_null(block);
        assert_int_equal(block->cap, cap);
        assert_int_equal(block->size, 0);
        memset(mtm_block_data(block), 0xFF, cap);
        assert_int_equal(block->cap, cap); /* the head was not written over */
        mtm_block_free(block);
    }
    mtm_block_free(NULL);
}

/* 11 bytes of header precede the elements of an array that is the first value. */
static void the_first_array_of_a_block_is_aligned(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 64; ++cap) {
        struct mtm_block *block = mtm_block_new(cap);
        assert_int_equal(((uintptr_t)mtm_block_data(block) + 11) % 8, 0);
        mtm_block_free(block);
    }
}

static void no_block_is_too_large_to_count(void **state)
{
    (void)state;
    for (size_t less = 0; less < 100; ++less) assert_null(mtm_block_new(SIZE_MAX - less));
    core_drought = 1;
    assert_null(mtm_block_new(1));
    core_drought = 0;
    assert_int_equal(core_blocks, 0);
}

static void a_list_is_freed_as_far_as_told(void **state)
{
    (void)state;
    struct mtm_block *first = NULL, *last = mtm_block_new(1);
    for (int i = 0; i < 5; ++i) {
        struct mtm_block *block = mtm_block_new(1);
        block->link = first ? first : last;
        first = block;
    }
    mtm_block_free_list(first, 0);
    assert_int_equal(core_blocks, 6);
    mtm_block_free_list(first, 5); /* the links of the last one are not looked at */
    assert_int_equal(core_blocks, 1);
    mtm_block_free(last);
}

/* Parts of all lengths, empty ones without an address too. */
static struct mtm_message gather(unsigned char *bytes, size_t nparts, size_t step)
{
    struct mtm_message message = {.nparts = nparts};
    for (size_t i = 0; i < nparts; ++i) {
        size_t len = i * step % 17;
        message.part[i] = (struct mtm_part){len ? bytes + message.size : NULL, len};
        message.size += len;
    }
    core_fill(bytes, 3, message.size);
    return message;
}

static void parts_are_copied_one_after_the_other(void **state)
{
    (void)state;
    for (size_t nparts = 0; nparts <= MTM_MAX_PARTS; ++nparts) {
        for (size_t step = 0; step < 17; ++step) {
            unsigned char bytes[MTM_MAX_PARTS * 17], copy[sizeof bytes + 1];
            struct mtm_message message = gather(bytes, nparts, step);
            memset(copy, 0xEE, sizeof copy);
            mtm_message_copy(&message, copy);
            assert_memory_equal(copy, bytes, message.size);
            assert_int_equal(copy[message.size], 0xEE);
        }
    }
}

/* Memory at hand is used if it is large enough, and freed if not. */
static void a_message_becomes_a_block(void **state)
{
    (void)state;
    unsigned char bytes[MTM_MAX_PARTS * 17];
    struct mtm_message message = gather(bytes, MTM_MAX_PARTS, 5);
    for (size_t cap = 0; cap < 2 * message.size; ++cap) {
        struct mtm_block *reuse = cap ? mtm_block_new(cap) : NULL;
        uint32_t before = core_requests;
        struct mtm_block *block = mtm_message_to_block(&message, reuse);
        assert_true(core_is(block, 3, message.size));
        bool used = cap >= message.size;
        if (used) assert_ptr_equal(block, reuse);
        assert_int_equal(core_requests - before, !used);
        assert_int_equal(core_blocks, 1);
        mtm_block_free(block);
    }
    core_drought = 1;
    assert_null(mtm_message_to_block(&message, NULL));
    core_drought = 0;
    struct mtm_block *small = mtm_block_new(1);
    core_drought = 1;
    assert_null(mtm_message_to_block(&message, small));
    core_drought = 0;
    assert_int_equal(core_blocks, 0);
}

/* In whatever order they go: the whole stays as long as any, and is given to who is last. */
static void those_who_refer_to_a_block_lie_in_it(void **state)
{
    (void)state;
    enum { INNER = 3, ALL = 5 };
    unsigned char bytes[MTM_MAX_PARTS * 17], same[sizeof bytes];
    struct mtm_message message = gather(bytes, MTM_MAX_PARTS, 5);
    mtm_message_copy(&message, same);
    for (int first = 0; first < ALL; ++first) {
        struct mtm_block *refers[ALL];
        struct mtm_block *whole =
            mtm_message_to_block(&message, mtm_block_new_with(message.size, INNER));
        assert_int_equal(core_blocks, 1);
        for (int i = 0; i < ALL; ++i) {
            core_drought = i < INNER;
            refers[i] = mtm_block_refer(whole);
            assert_true(refers[i]->size == message.size);
            assert_memory_equal(mtm_block_data(refers[i]), same, message.size);
            assert_true(mtm_block_is_shared(refers[i]));
            assert_int_equal((uintptr_t)refers[i] % sizeof(void *), 0);
        }
        core_drought = 1;
        assert_null(mtm_block_refer(whole));
        core_drought = 0;
        assert_int_equal(core_blocks, 1 + ALL - INNER);
        mtm_block_retain(refers[first]); /* somebody looks */
        mtm_block_free(whole);
        struct mtm_block *last = NULL;
        for (int i = 0; i < ALL; ++i) {
            assert_null(last);
            last = mtm_block_free_but_whole(refers[(first + i) % ALL]);
        }
        assert_null(last);
        assert_memory_equal(mtm_block_data(refers[first]), same, message.size);
        last = mtm_block_free_but_whole(refers[first]);
        assert_ptr_equal(last, whole);
        assert_int_equal(core_blocks, 1);
        assert_false(mtm_block_is_shared(whole));
        refers[0] = mtm_block_refer(whole); /* as if it were new */
        mtm_block_free(refers[0]);
        mtm_block_free(whole);
        assert_int_equal(core_blocks, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a block has the room asked for", a_block_has_the_room_asked_for),
        CORE_TEST("the first array in a block is aligned",
                  the_first_array_of_a_block_is_aligned),
        CORE_TEST("no size overflows", no_block_is_too_large_to_count),
        CORE_TEST("a list is freed as far as told", a_list_is_freed_as_far_as_told),
        CORE_TEST("parts are copied one after the other", parts_are_copied_one_after_the_other),
        CORE_TEST("a message becomes a block", a_message_becomes_a_block),
        CORE_TEST("those who refer to a block lie in it", those_who_refer_to_a_block_lie_in_it),
    };
    return UNIT_RUN(tests);
}
