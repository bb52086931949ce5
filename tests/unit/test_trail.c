/* Tests of the set of ids that a walk leaves behind: whatever was added is in it, nothing else,
 * and few ids need no memory. They own the set. */
#include "core.h"

#include "core/trail.h"

/* Ids as the registry gives them, and some that are chosen badly. */
static uint64_t any_id(uint64_t i, int way)
{
    if (way == 0) return 0x123456789ABu + i;
    if (way == 1) return (i + 1) << 40;
    if (way == 2) return UINT64_MAX - i;
    return (i + 1) * 0x9E3779B97F4A7C15u;
}

static void what_was_added_is_in_it(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    for (int way = 0; way < 4; ++way) {
        struct mtm_trail trail;
        mtm_trail_init(&trail);
        assert_false(mtm_trail_has(&trail, any_id(0, way)));
        for (uint64_t i = 0; i < COUNT; ++i) {
            assert_int_equal(mtm_trail_add(&trail, any_id(i, way)), MTM_OK);
            assert_int_equal(mtm_trail_add(&trail, any_id(i / 2, way)), MTM_OK); /* once more */
            assert_int_equal(trail.count, i + 1);
            assert_true(mtm_trail_has(&trail, any_id(i, way)));
            assert_true(mtm_trail_has(&trail, any_id(i / 3, way)));
            assert_false(mtm_trail_has(&trail, any_id(i + 1, way)));
        }
        for (uint64_t i = 0; i < COUNT; ++i) assert_true(mtm_trail_has(&trail, any_id(i, way)));
        mtm_trail_fini(&trail);
    }
}

static void the_first_ids_need_no_memory(void **state)
{
    (void)state;
    struct mtm_trail trail;
    core_drought = 1;
    mtm_trail_init(&trail);
    for (uint64_t i = 1; i <= MTM_TRAIL_FIRST / 2; ++i) {
        assert_int_equal(mtm_trail_add(&trail, i), MTM_OK);
    }
    assert_int_equal(core_requests, 0);
    core_drought = 0;
    mtm_trail_fini(&trail);
    mtm_trail_init(&trail);
    mtm_trail_fini(&trail); /* without any */
}

static void without_memory_it_keeps_what_it_has(void **state)
{
    (void)state;
    struct mtm_trail trail;
    mtm_trail_init(&trail);
    uint64_t id = 0;
    for (int grown = 0; grown < 3; ++grown) {
        core_drought = 1;
        while (mtm_trail_add(&trail, ++id) == MTM_OK) {
        }
        for (uint64_t i = 1; i < id; ++i) assert_true(mtm_trail_has(&trail, i));
        assert_false(mtm_trail_has(&trail, id));
        core_drought = 0;
        assert_int_equal(mtm_trail_add(&trail, id), MTM_OK);
    }
    for (uint64_t i = 1; i <= id; ++i) assert_true(mtm_trail_has(&trail, i));
    mtm_trail_fini(&trail);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("what was added is in it", what_was_added_is_in_it),
        CORE_TEST("the first ids need no memory", the_first_ids_need_no_memory),
        CORE_TEST("without memory it keeps what it has", without_memory_it_keeps_what_it_has),
    };
    return UNIT_RUN(tests);
}
