/* Tests of taking a message with objects after a look at it, as receives do that need memory
 * for its values first. They own buffers. */
#include "core/fast_path.h"
#include "core/held.h"

#include "cargo_unit.h"

/* It has a ring, at the beginning of which neither side is. */
static struct mtm_buffer *used_buffer(void)
{
    struct mtm_buffer *buffer = core_buffer(NULL);
    uint32_t number;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_next(&buffer->object, 0, &number), MTM_OK);
    return buffer;
}

static bool look(struct mtm_buffer *buffer, struct mtm_held *held)
{
    static unsigned char bytes[MTM_COPIED_MAX];
    return mtm_laden_look(buffer, bytes, sizeof bytes, held);
}

static void look_at(struct mtm_buffer *buffer, size_t objects, struct mtm_held *held)
{
    struct mtm_peeked peeked;
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_LADEN);
    assert_false(mtm_held_look(buffer, MTM_COPIED_MAX, held));
    assert_true(look(buffer, held));
    assert_int_equal(held->size, objects * CARGO_BYTES);
}

static bool has_root(struct mtm_object *object)
{
    const bool has = mtm_object_retain_alive(object);
    if (has) mtm_object_release(object);
    return has;
}

static void it_is_seen_and_then_taken(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer();
    struct mtm_held held;
    for (size_t n = 1; n < 6; ++n) {
        struct mtm_object *objects[6];
        for (size_t i = 0; i < n; ++i) objects[i] = &core_buffer(NULL)->object;
        assert_int_equal(cargo_put(buffer, objects, n, false, false), MTM_OK);
        for (size_t i = 0; i < n; ++i) mtm_root_release(objects[i]);
        look_at(buffer, n, &held);
        assert_int_equal(mtm_buffer_count(buffer), 1);
        struct mtm_block *block = mtm_laden_take(buffer, &held);
        assert_int_equal(mtm_buffer_count(buffer), 0);
        assert_false(look(buffer, &held));
        assert_null(mtm_load_acq(&block->cargo->bearer.holder)); /* in hand */
        for (size_t i = 0; i < n; ++i) {
            assert_ptr_equal(mtm_cargo_at(block->cargo, i)->object, objects[i]);
            assert_true(has_root(objects[i]));
        }
        mtm_buffer_recycle(buffer, block);
        mtm_drop_handed_on();
    }
    core_drop_buffer(buffer);
}

/* What a buffer has of itself goes with the message. */
static void a_buffer_can_be_taken_from_itself(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer();
    struct mtm_held held;
    for (int i = 0; i < 3; ++i) assert_int_equal(cargo_send(buffer, &buffer->object), MTM_OK);
    for (int i = 0; i < 2; ++i) {
        look_at(buffer, 1, &held);
        struct mtm_block *block = mtm_laden_take(buffer, &held);
        mtm_root_retain(mtm_cargo_at(block->cargo, 0)->object);
        mtm_buffer_recycle(buffer, block);
        mtm_drop_handed_on();
        mtm_root_release(&buffer->object);
    }
    core_drop_buffer(buffer); /* with the third one in it */
}

static void longer_ones_are_left_to_the_long_way(void **state)
{
    (void)state;
    static unsigned char bytes[MTM_COPIED_MAX + 1];
    struct mtm_buffer *buffer = used_buffer(), *object = core_buffer(NULL);
    for (size_t over = 0; over < 2; ++over) {
        struct mtm_cargo *cargo = NULL;
        struct mtm_message message = core_message(bytes, MTM_COPIED_MAX + over);
        struct mtm_notifier *notifier;
        struct mtm_held held;
        assert_int_equal(mtm_cargo_add(&cargo, &object->object), MTM_OK);
        message.cargo = &cargo;
        assert_int_equal(mtm_buffer_put(buffer, &message, 0, &notifier), MTM_OK);
        assert_int_equal(look(buffer, &held), !over);
        mtm_buffer_clear(buffer, false);
        mtm_drop_handed_on();
    }
    core_drop_buffer(object);
    core_drop_buffer(buffer);
}

/* However the message goes meanwhile, or something comes before it, it is not taken by this. */
static void what_has_changed_meanwhile_is_not_taken(void **state)
{
    (void)state;
    for (int way = 0; way < 6; ++way) {
        struct mtm_buffer *buffer = used_buffer(), *object = core_buffer(NULL);
        struct mtm_object *got = NULL;
        struct mtm_held held;
        assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
        assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
        look_at(buffer, 1, &held);
        switch (way) {
            case 0: assert_int_equal(cargo_take(&buffer->object, &got, false), MTM_OK); break;
            case 1: assert_int_equal(cargo_take(&buffer->object, &got, true), MTM_OK); break;
            case 2: assert_int_equal(core_set(buffer, 5), MTM_OK); break;
            case 3:
                mtm_buffer_clear(buffer, false);
                assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
                break;
            case 4: mtm_buffer_abort(buffer, true); break;
            default: mtm_buffer_close(buffer); break;
        }
        mtm_drop_handed_on();
        const size_t count = mtm_buffer_count(buffer);
        assert_null(mtm_laden_take(buffer, &held));
        assert_int_equal(mtm_buffer_count(buffer), count);
        if (got) mtm_root_release(got);
        core_drop_buffer(object);
        core_drop_buffer(buffer);
    }
}

/* Its records are as long as what the objects account for. */
static void a_fixed_buffer_is_left_to_the_long_way(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 200, .sized = true, .grow = 0};
    struct mtm_buffer *buffer = NULL;
    struct mtm_held held;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(cargo_send(buffer, &buffer->object), MTM_OK);
    assert_false(look(buffer, &held));
    core_drop_buffer(buffer);
}

struct visit {
    struct mtm_buffer *buffer;
    struct mtm_held held;
    struct mtm_block *taken;
};

static void *visit(void *opaque)
{
    struct visit *visit = opaque;
    visit->taken = mtm_laden_take(visit->buffer, &visit->held);
    return NULL;
}

static void a_busy_buffer_is_left_alone(void **state)
{
    (void)state;
    struct visit v = {.buffer = used_buffer()};
    assert_int_equal(cargo_send(v.buffer, &v.buffer->object), MTM_OK);
    look_at(v.buffer, 1, &v.held);
    core_despite(&v.buffer->queue.head.lock, visit, &v);
    assert_null(v.taken);
    core_despite(&v.buffer->queue.tail.lock, visit, &v);
    assert_non_null(v.taken);
    mtm_buffer_recycle(v.buffer, v.taken);
    mtm_drop_handed_on();
    core_drop_buffer(v.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it is seen and then taken", it_is_seen_and_then_taken),
        CORE_TEST("a buffer can be taken from itself", a_buffer_can_be_taken_from_itself),
        CORE_TEST("longer ones are left to the long way", longer_ones_are_left_to_the_long_way),
        CORE_TEST("a fixed buffer is left to the long way",
                  a_fixed_buffer_is_left_to_the_long_way),
        CORE_TEST("what has changed meanwhile is not taken",
                  what_has_changed_meanwhile_is_not_taken),
        CORE_TEST("a busy buffer is left alone", a_busy_buffer_is_left_alone),
    };
    return UNIT_RUN(tests);
}
