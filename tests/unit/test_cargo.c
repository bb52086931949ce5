/* Tests of messages that refer to objects: these live as long as the message, whatever becomes
 * of it. They own the objects. */
#include "cargo_unit.h"

static bool is_known(uint64_t id)
{
    struct mtm_object *found;
    if (mtm_registry_find_id(MTM_BUFFER, id, &found) != MTM_OK) return false;
    mtm_root_release(found);
    return true;
}

enum end { TAKE, CLEAR, CLOSE, REPLACE, DROP, BACK_AND_DROP, ENDS };

static void end_it(struct mtm_buffer *buffer, enum end end)
{
    struct mtm_object *got = NULL;
    switch (end) {
        case TAKE:
            assert_int_equal(cargo_take(&buffer->object, &got, false), MTM_OK);
            assert_non_null(got);
            mtm_root_release(got);
            break;
        case CLEAR: assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK); break;
        case CLOSE: mtm_buffer_close(buffer); break;
        case REPLACE: assert_int_equal(core_set(buffer, 1), MTM_OK); break;
        case BACK_AND_DROP:
            assert_int_equal(cargo_take(&buffer->object, &got, true), MTM_OK);
            break;
        case DROP:
        case ENDS: break;
    }
    core_drop_buffer(buffer);
}

/* A buffer in a message is found, works, and goes with the message. */
static void an_object_lives_as_long_as_its_message(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; ++end) {
        for (int grows = 0; grows < 2; ++grows) {
            const struct mtm_buffer_options options = {
                .size = 100, .sized = true, .grow = grows ? 2 : 0};
            struct mtm_buffer *buffer, *object = core_buffer(NULL);
            const uint64_t id = object->object.id;
            assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
            assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
            core_drop_buffer(object);
            assert_true(is_known(id));
            end_it(buffer, (enum end)end);
            assert_false(is_known(id));
            assert_int_equal(core_blocks, 0);
        }
    }
}

/* Records of objects and others in a ring of a fixed size, which ends anywhere; the memory for
 * objects is the sender's. */
static void a_fixed_buffer_keeps_to_its_size(void **state)
{
    (void)state;
    for (size_t size = 30; size < 100; ++size) {
        const struct mtm_buffer_options options = {.size = size, .sized = true, .grow = 0};
        struct mtm_buffer *buffer, *object = core_buffer(NULL);
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
        const uint32_t before = core_blocks;
        for (uint32_t i = 1; i <= 60; ++i) {
            struct mtm_object *got = NULL;
            const size_t room = size / (CARGO_BYTES + 1);
            assert_int_equal(core_add(buffer, i), MTM_OK);
            assert_delivers(buffer, i);
            for (size_t n = 0; n < room; ++n) {
                assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
            }
            assert_int_equal(cargo_send(buffer, &object->object), MTM_FULL);
            for (size_t n = 0; n < room; ++n) {
                assert_int_equal(cargo_take(&buffer->object, &got, n % 2 && i % 5 == 0),
                                 MTM_OK);
                if (!got) assert_int_equal(cargo_take(&buffer->object, &got, false), MTM_OK);
                assert_ptr_equal(got, &object->object);
                mtm_root_release(got);
            }
            assert_next(buffer, MTM_EMPTY);
        }
        assert_int_equal(core_blocks, before + 2); /* what finds their edges */
        core_drop_buffer(buffer);
        core_drop_buffer(object);
    }
}

static void what_is_refused_stays_with_the_sender(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 40, .sized = true, .grow = 0};
    struct mtm_buffer *buffer, *object = core_buffer(NULL);
    struct mtm_object *many[10];
    for (int i = 0; i < 10; ++i) many[i] = &object->object;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(cargo_put(buffer, many, 10, false, false), MTM_TOO_LARGE);
    mtm_buffer_abort(buffer, true);
    assert_int_equal(cargo_send(buffer, &object->object), MTM_ABORTED);
    mtm_buffer_abort(buffer, false);
    for (uint32_t nth = 1; nth < 8; ++nth) {
        core_failure = nth;
        enum mtm_status status = cargo_send(buffer, &object->object);
        core_failure = 0;
        assert_int_equal(mtm_buffer_count(buffer), status == MTM_OK);
        mtm_buffer_clear(buffer, false);
        assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    }
    mtm_buffer_close(buffer);
    assert_int_equal(cargo_send(buffer, &object->object), MTM_CLOSED);
    assert_int_equal(object->object.life & MTM_LIFE_COUNTS, 1);
    core_drop_buffer(object);
    core_drop_buffer(buffer);
}

/* Calls that must not wait leave it to others to give back what they drop. */
static void a_call_that_must_not_wait_hands_on(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
    const uint64_t id = object->object.id;
    assert_int_equal(
        cargo_put(buffer, (struct mtm_object *[]){&object->object}, 1, false, true), MTM_OK);
    core_drop_buffer(object);
    assert_int_equal(mtm_buffer_clear(buffer, true), MTM_OK);
    assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    core_drop_buffer(core_buffer(NULL));
    assert_false(is_known(id));
    core_drop_buffer(buffer);
}

/* ---- of other modules ---- */

static int foreign_refs;

static void foreign_retain(const struct mtm_foreign_object *foreign)
{
    foreign_refs += foreign->object == &foreign_refs;
}

static void foreign_release(const struct mtm_foreign_object *foreign)
{
    foreign_refs -= foreign->object == &foreign_refs;
}

static void objects_of_others_travel_too(void **state)
{
    (void)state;
    static const struct mtm_foreign_ops ops = {foreign_retain, foreign_release};
    const struct mtm_foreign_object foreign = {.ops = &ops, .object = &foreign_refs};
    static const unsigned char bytes[2 * CARGO_BYTES];
    for (int end = 0; end < ENDS; ++end) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_message message = core_message(bytes, sizeof bytes);
        struct mtm_cargo *cargo = NULL;
        struct mtm_notifier *notifier;
        if (end == TAKE) assert_int_equal(mtm_cargo_add(&cargo, &buffer->object), MTM_OK);
        for (int i = 0; i < 2; ++i) {
            assert_int_equal(mtm_cargo_add_foreign(&cargo, &foreign), MTM_OK);
        }
        message.cargo = &cargo;
        assert_int_equal(mtm_buffer_put(buffer, &message, 0, &notifier), MTM_OK);
        assert_null(cargo);
        assert_int_equal(foreign_refs, 2);
        end_it(buffer, (enum end)end);
        assert_int_equal(foreign_refs, 0);
        assert_int_equal(core_blocks, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("an object lives as long as its message",
                  an_object_lives_as_long_as_its_message),
        CORE_TEST("a fixed buffer keeps to its size", a_fixed_buffer_keeps_to_its_size),
        CORE_TEST("what is refused stays with the sender",
                  what_is_refused_stays_with_the_sender),
        CORE_TEST("a call that must not wait hands on", a_call_that_must_not_wait_hands_on),
        CORE_TEST("objects of others travel, too", objects_of_others_travel_too),
    };
    return UNIT_RUN(tests);
}
