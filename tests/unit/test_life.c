/* Tests of counting references and holds up to where no more can be counted. They set the
 * counts themselves: nobody lives to see them grow so far one by one, where size_t has 64 bits.
 */
#include "core.h"

static void refused_references_change_nothing(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_object *object = &buffer->object, *found = NULL;
    object->life = MTM_LIFE_MANY - 1;
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, object->id, &found), MTM_OK);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, object->id, &found), MTM_TOO_MANY);
    assert_false(mtm_object_try_retain(object));
    assert_int_equal(object->life, MTM_LIFE_MANY);
    mtm_root_release(found);
    assert_true(mtm_object_try_retain(object));
    object->life = 1;
    core_drop_buffer(buffer);
}

/* Who can't be refused goes on, and an object that lost count is never freed. */
static void counting_never_wraps(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_object *object = &buffer->object;
    object->life = MTM_LIFE_REFS - 1 + MTM_LIFE_HOLD;
    for (int i = 0; i < 3; ++i) mtm_object_retain(object);
    assert_int_equal(object->life, MTM_LIFE_REFS + MTM_LIFE_HOLD);
    for (int i = 0; i < 5; ++i) mtm_object_release(object);
    assert_int_equal(object->life, MTM_LIFE_REFS + MTM_LIFE_HOLD);
    object->life = 1;
    core_drop_buffer(buffer);
}

/* A buffer at which too many are at work is passed over like a busy one. */
static void too_many_holds_count_as_busy(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *full = core_buffer(listener), *other = core_buffer(listener), *at = NULL;
    assert_int_equal(core_add(full, 1), MTM_OK);
    assert_int_equal(core_add(other, 2), MTM_OK);
    full->object.life += MTM_LIFE_HOLDS;
    assert_false(mtm_object_hold(&full->object));
    assert_delivers(listener, 2);
    assert_next(listener, MTM_BUSY);
    assert_false(mtm_listener_step(listener, &at, true));
    assert_null(at);
    full->object.life -= MTM_LIFE_HOLDS;
    assert_delivers(listener, 1);
    core_drop_buffer(full);
    core_drop_buffer(other);
    core_drop_listener(listener);
}

/* Who counts roots by itself has one of the process while it has any. */
static void many_roots_are_one(void **state)
{
    (void)state;
    struct mtm_roots own = {0};
    assert_true(mtm_no_roots());
    mtm_roots_add(&own);
    mtm_roots_add(&own);
    mtm_root_count();
    mtm_roots_adopt(&own);
    for (int left = 3; left > 0; --left) {
        assert_int_equal(own.count, left);
        assert_false(mtm_no_roots());
        mtm_roots_remove(&own);
    }
    assert_true(mtm_no_roots());
    mtm_root_count();
    mtm_roots_adopt(&own);
    assert_false(mtm_no_roots());
    mtm_roots_remove(&own);
    assert_true(mtm_no_roots());
}

/* What was counted in another process has gone with it. */
static void roots_of_another_generation_count_no_more(void **state)
{
    (void)state;
    struct mtm_roots own = {.count = 5, .generation = mtm_generation + 1};
    mtm_roots_add(&own);
    assert_int_equal(own.count, 1);
    assert_int_equal(own.generation, mtm_generation);
    assert_false(mtm_no_roots());
    mtm_roots_remove(&own);
    assert_true(mtm_no_roots());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("refused references change nothing", refused_references_change_nothing),
        CORE_TEST("counting never wraps", counting_never_wraps),
        CORE_TEST("many roots are one", many_roots_are_one),
        CORE_TEST("roots of another generation count no more",
                  roots_of_another_generation_count_no_more),
        CORE_TEST("too many holds count as busy", too_many_holds_count_as_busy),
    };
    return UNIT_RUN(tests);
}
