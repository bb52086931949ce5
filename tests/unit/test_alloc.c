/* Tests of the way to memory: the table in use, failing requests, and no request under a lock.
 * They own a table that counts and fails. */
#include "unit.h"

#include <stdalign.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/lock.h"

/* The table fails the request that brings this to 0, and no other. */
static int until_failure;
static int blocks; /* allocated and not freed */
static int frees;

static bool fails_now(void)
{
    return until_failure > 0 && --until_failure == 0;
}

static void *counting_alloc(size_t size)
{
    if (fails_now()) return NULL;
    ++blocks;
    return malloc(size);
}

static void *counting_resize(void *ptr, size_t size)
{
    if (fails_now()) return NULL;
    if (!ptr) ++blocks;
    return realloc(ptr, size);
}

static void counting_free(void *ptr)
{
    ++frees;
    --blocks;
    free(ptr);
}

static const struct mtm_allocator counting = {counting_alloc, counting_resize, counting_free};

static int counting_begin(void **state)
{
    (void)state;
    until_failure = blocks = frees = 0;
    mtm_alloc_use(&counting);
    return 0;
}

static int counting_end(void **state)
{
    (void)state;
    mtm_alloc_use(NULL);
    return blocks != 0;
}

#define COUNTING_TEST(text, run)                                                               \
    {                                                                                          \
        text, run, counting_begin, counting_end, NULL                                          \
    }

static void memory_is_aligned_and_ours(void **state)
{
    (void)state;
    unsigned char *taken[64];
    for (size_t i = 0; i < 64; ++i) {
        taken[i] = mtm_alloc(i * i + 1);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % alignof(max_align_t), 0);
        memset(taken[i], (int)i, i * i + 1);
    }
    for (size_t i = 0; i < 64; ++i) {
        for (size_t at = 0; at < i * i + 1; ++at) assert_int_equal(taken[i][at], i);
        mtm_free(taken[i]);
    }
}

static void resize_keeps_what_was_written(void **state)
{
    (void)state;
    char *text = mtm_resize(NULL, 6);
    assert_non_null(text);
    memcpy(text, "hello", 6);
    for (size_t size = 100; size < 1000000; size *= 10) {
        text = mtm_resize(text, size);
        assert_non_null(text);
        assert_string_equal(text, "hello");
        memset(text + 6, 'x', size - 6);
    }
    text = mtm_resize(text, 6);
    assert_non_null(text);
    assert_string_equal(text, "hello");
    mtm_free(text);
}

static void free_takes_null(void **state)
{
    (void)state;
    mtm_free(NULL);
    assert_int_equal(blocks, 0);
}

static void everything_goes_through_the_table(void **state)
{
    (void)state;
    void *first = mtm_alloc(10);
    void *second = mtm_resize(NULL, 20);
    assert_int_equal(blocks, 2);
    second = mtm_resize(second, 30);
    assert_int_equal(blocks, 2);
    mtm_free(first);
    mtm_free(second);
    assert_int_equal(frees, 2);
}

static void without_a_table_it_is_the_c_library(void **state)
{
    (void)state;
    mtm_alloc_use(NULL);
    void *ptr = mtm_alloc(10);
    assert_non_null(ptr);
    assert_int_equal(blocks, 0);
    free(ptr);
}

/* Three requests; the nth of them fails. */
static void only_the_nth_request_fails(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; ++n) {
        until_failure = n;
        char *first = mtm_alloc(1001);
        char *second = mtm_alloc(1002);
        if (second) second[0] = 'k';
        char *third = mtm_resize(second, 1003);
        assert_true(!first == (n == 1));
        assert_true(!second == (n == 2));
        assert_true(!third == (n == 3));
        if (second) assert_int_equal((third ? third : second)[0], 'k'); /* kept on failure */
        if (n <= 3) assert_int_equal(mtm_alloc_failed_size(), 1000 + n);
        mtm_free(first);
        mtm_free(third ? third : second);
        assert_int_equal(blocks, 0);
    }
    assert_int_equal(mtm_alloc_failed_size(), 1003); /* success leaves it alone */
}

static void *fail_elsewhere(void *opaque)
{
    size_t *sizes = opaque;
    sizes[0] = mtm_alloc_failed_size();
    until_failure = 1;
    if (mtm_alloc(77)) sizes[0] = 1;
    sizes[1] = mtm_alloc_failed_size();
    return NULL;
}

static void each_thread_has_its_own_failures(void **state)
{
    (void)state;
    size_t sizes[2];
    pthread_t thread;
    until_failure = 1;
    assert_null(mtm_alloc(55));
    unit_start(&thread, 1, fail_elsewhere, sizes);
    unit_join(&thread, 1);
    assert_int_equal(sizes[0], 0);
    assert_int_equal(sizes[1], 77);
    assert_int_equal(mtm_alloc_failed_size(), 55);
}

static struct mtm_lock guard;

static void alloc_under_lock(void *ptr)
{
    (void)ptr;
    mtm_lock(&guard);
    ptr = mtm_alloc(8);
}

static void resize_under_lock(void *ptr)
{
    mtm_lock(&guard);
    ptr = mtm_resize(ptr, 16);
}

static void free_under_lock(void *ptr)
{
    mtm_lock(&guard);
    mtm_free(ptr);
}

static void no_request_is_made_under_a_lock(void **state)
{
    (void)state;
    UNIT_NEEDS_CHILDREN();
    void *ptr = mtm_alloc(8);
    assert_int_equal(unit_aborts(alloc_under_lock, ptr), UNIT_DEBUG);
    assert_int_equal(unit_aborts(resize_under_lock, ptr), UNIT_DEBUG);
    assert_int_equal(unit_aborts(free_under_lock, ptr), UNIT_DEBUG);
    mtm_free(ptr);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COUNTING_TEST("memory is aligned and apart", memory_is_aligned_and_ours),
        COUNTING_TEST("resize keeps what was written", resize_keeps_what_was_written),
        COUNTING_TEST("free takes NULL", free_takes_null),
        COUNTING_TEST("everything goes through the table", everything_goes_through_the_table),
        COUNTING_TEST("no table is the C library's", without_a_table_it_is_the_c_library),
        COUNTING_TEST("only the nth request fails", only_the_nth_request_fails),
        COUNTING_TEST("each thread has its own failures", each_thread_has_its_own_failures),
        COUNTING_TEST("only a debug build stops at a request under a lock",
                      no_request_is_made_under_a_lock),
    };
    return UNIT_RUN(tests);
}
