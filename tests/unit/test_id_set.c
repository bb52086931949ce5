/* Tests of the set of ids that a walk leaves behind: whatever was added is in it, nothing else,
 * and few ids need no memory. They own the set. */
#include "core.h"

#include "core/id_set.h"

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
        struct mtm_id_set set;
        mtm_id_set_init(&set);
        assert_false(mtm_id_set_has(&set, any_id(0, way)));
        for (uint64_t i = 0; i < COUNT; ++i) {
            assert_int_equal(mtm_id_set_add(&set, any_id(i, way)), MTM_OK);
            assert_int_equal(mtm_id_set_add(&set, any_id(i / 2, way)), MTM_OK); /* once more */
            assert_int_equal(set.count, i + 1);
            assert_true(mtm_id_set_has(&set, any_id(i, way)));
            assert_true(mtm_id_set_has(&set, any_id(i / 3, way)));
            assert_false(mtm_id_set_has(&set, any_id(i + 1, way)));
        }
        for (uint64_t i = 0; i < COUNT; ++i) assert_true(mtm_id_set_has(&set, any_id(i, way)));
        mtm_id_set_fini(&set);
    }
}

static void the_first_ids_need_no_memory(void **state)
{
    (void)state;
    struct mtm_id_set set;
    core_drought = 1;
    mtm_id_set_init(&set);
    for (uint64_t i = 1; i <= MTM_ID_SET_FIRST / 2; ++i) {
        assert_int_equal(mtm_id_set_add(&set, i), MTM_OK);
    }
    assert_int_equal(core_requests, 0);
    core_drought = 0;
    mtm_id_set_fini(&set);
    mtm_id_set_init(&set);
    mtm_id_set_fini(&set); /* without any */
}

static void without_memory_it_keeps_what_it_has(void **state)
{
    (void)state;
    struct mtm_id_set set;
    mtm_id_set_init(&set);
    uint64_t id = 0;
    for (int grown = 0; grown < 3; ++grown) {
        core_drought = 1;
        while (mtm_id_set_add(&set, ++id) == MTM_OK) {
        }
        for (uint64_t i = 1; i < id; ++i) assert_true(mtm_id_set_has(&set, i));
        assert_false(mtm_id_set_has(&set, id));
        core_drought = 0;
        assert_int_equal(mtm_id_set_add(&set, id), MTM_OK);
    }
    for (uint64_t i = 1; i <= id; ++i) assert_true(mtm_id_set_has(&set, i));
    mtm_id_set_fini(&set);
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
