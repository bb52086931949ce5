/* Tests of taking a large message after a look at it, as receives do that may fail in between.
 * They own buffers, readers and topics. */
#include "core/bound.h"
#include "core/held.h"
#include "core/publish.h"
#include "core/topic.h"

#include "peek.h"

enum { MOST = 2 * LARGE };

/* As core_is; a block that refers to another one has no room itself. */
static bool is(struct mtm_block *block, uint32_t number, size_t size)
{
    return core_is(block->whole ? block->whole : block, number, size) && block->size == size;
}

/* It has a ring, at the beginning of which neither side is. */
static struct mtm_buffer *used(struct mtm_buffer *buffer)
{
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_delivers(buffer, 1);
    return buffer;
}

static struct mtm_held held_look(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    struct mtm_held held;
    assert_true(mtm_held_look(buffer, MOST, &held));
    assert_true(is(held.block, number, size));
    return held;
}

static void assert_not_held(struct mtm_buffer *buffer, size_t most)
{
    struct mtm_held held;
    assert_false(mtm_held_look(buffer, most, &held));
}

static size_t bytes_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    const size_t bytes = mtm_queue_numbers(&buffer->queue).bytes;
    mtm_buffer_unlock_both(buffer);
    return bytes;
}

static void it_is_seen_and_then_taken(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used(core_buffer(NULL));
    for (uint32_t n = 0; n < 40; ++n) add(buffer, n, LARGE - n);
    for (uint32_t n = 0; n < 40; ++n) {
        const size_t used = bytes_of(buffer);
        struct mtm_held held = held_look(buffer, n, LARGE - n);
        assert_int_equal(mtm_buffer_count(buffer), 40 - n);
        assert_true(mtm_held_take(buffer, &held));
        assert_int_equal(mtm_buffer_count(buffer), 39 - n);
        assert_int_equal(bytes_of(buffer), used - core_record(LARGE - n));
    }
    assert_not_held(buffer, MOST);
    add(buffer, 1, LARGE); /* what it has given back is used again */
    struct mtm_held held = held_look(buffer, 1, LARGE);
    assert_true(mtm_held_take(buffer, &held));
    core_drop_buffer(buffer);
}

static void others_are_left_to_the_long_way(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used(core_buffer(NULL));
    struct mtm_delivery in;
    assert_not_held(buffer, MOST);
    add(buffer, 1, SMALL);
    assert_not_held(buffer, MOST);
    take(buffer, &in);
    core_incoming_free(&in);
    add(buffer, 2, LARGE);
    assert_not_held(buffer, LARGE - 1);
    take(buffer, &in);
    mtm_delivery_put_back(&in); /* in front of what is in the ring */
    mtm_block_free(in.slot.carrier);
    assert_not_held(buffer, MOST);
    take(buffer, &in);
    core_incoming_free(&in);
    add(buffer, 3, LARGE);
    mtm_buffer_abort(buffer, true);
    assert_not_held(buffer, MOST);
    mtm_buffer_abort(buffer, false);
    struct mtm_held held = held_look(buffer, 3, LARGE);
    mtm_block_free(held.block);
    mtm_buffer_close(buffer);
    assert_not_held(buffer, MOST);
    core_drop_buffer(buffer);
}

/* However the message goes meanwhile, or something comes before it, it is not taken by this. */
static void what_has_changed_meanwhile_is_not_taken(void **state)
{
    (void)state;
    for (int way = 0; way < 5; ++way) {
        struct mtm_buffer *buffer = used(core_buffer(NULL));
        struct mtm_delivery in;
        add(buffer, 1, LARGE);
        add(buffer, 2, LARGE);
        struct mtm_held held = held_look(buffer, 1, LARGE);
        switch (way) {
            case 0:
                take(buffer, &in);
                core_incoming_free(&in);
                break;
            case 1:
                take(buffer, &in);
                mtm_delivery_put_back(&in);
                mtm_block_free(in.slot.carrier);
                break;
            case 2: assert_int_equal(core_set(buffer, 5), MTM_OK); break;
            case 3:
                mtm_buffer_clear(buffer, false);
                add(buffer, 1, LARGE);
                break;
            default: mtm_buffer_close(buffer); break;
        }
        const size_t count = mtm_buffer_count(buffer);
        assert_true(core_is(held.block, 1, LARGE));
        assert_false(mtm_held_take(buffer, &held));
        assert_int_equal(mtm_buffer_count(buffer), count);
        core_drop_buffer(buffer);
    }
}

static void of_two_who_look_one_takes(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used(core_buffer(NULL));
    add(buffer, 1, LARGE);
    struct mtm_held first = held_look(buffer, 1, LARGE), second = held_look(buffer, 1, LARGE);
    assert_true(mtm_held_take(buffer, &first));
    add(buffer, 2, LARGE); /* in other memory: the second one is still looking */
    assert_true(core_is(second.block, 1, LARGE));
    assert_false(mtm_held_take(buffer, &second));
    assert_sees(buffer, 2, LARGE);
    core_drop_buffer(buffer);
}

struct visit {
    struct mtm_buffer *buffer;
    struct mtm_held held;
    bool seen, taken;
};

static void *visit(void *opaque)
{
    struct visit *visit = opaque;
    struct mtm_held held;
    visit->taken = mtm_held_take(visit->buffer, &visit->held);
    visit->seen = mtm_held_look(visit->buffer, MOST, &held);
    if (visit->seen) mtm_block_free(held.block);
    return NULL;
}

static void a_busy_buffer_is_left_alone(void **state)
{
    (void)state;
    struct visit v = {.buffer = used(core_buffer(NULL))};
    add(v.buffer, 1, LARGE);
    add(v.buffer, 2, LARGE);
    v.held = held_look(v.buffer, 1, LARGE);
    core_despite(&v.buffer->queue.head.lock, visit, &v);
    assert_true(!v.taken && !v.seen);
    v.held = held_look(v.buffer, 1, LARGE);
    core_despite(&v.buffer->queue.tail.lock, visit, &v);
    assert_true(v.taken && v.seen);
    assert_int_equal(mtm_buffer_count(v.buffer), 1);
    core_drop_buffer(v.buffer);
}

/* The bytes are those of a block that all subscribers refer to. */
static void each_subscriber_takes_its_own(void **state)
{
    (void)state;
    static unsigned char bytes[LARGE];
    const struct mtm_buffer_options options = {.size = 1024, .grow = 2};
    const struct mtm_message message = core_message(bytes, sizeof bytes);
    struct mtm_topic *topic;
    struct mtm_buffer *buffer[2];
    core_fill(bytes, 7, sizeof bytes);
    assert_int_equal(mtm_topic_new(NULL, 0, false, &topic), MTM_OK);
    for (int i = 0; i < 2; ++i)
        assert_int_equal(mtm_topic_subscribe(topic, &options, &buffer[i]), MTM_OK);
    for (int i = 0; i < 2; ++i) used(buffer[i]);
    for (int round = 0; round < 3; ++round) {
        struct mtm_published counts;
        struct mtm_failure failure = {0};
        assert_int_equal(mtm_topic_add(topic, &message, false, false, &counts, &failure),
                         MTM_OK);
        struct mtm_held one = held_look(buffer[0], 7, LARGE),
                        other = held_look(buffer[1], 7, LARGE);
        assert_true(mtm_held_take(buffer[0], &one));
        assert_true(is(other.block, 7, LARGE));
        assert_true(mtm_held_take(buffer[1], &other));
    }
    for (int i = 0; i < 2; ++i) core_drop_buffer(buffer[i]);
    mtm_root_release(&topic->object);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it is seen and then taken", it_is_seen_and_then_taken),
        CORE_TEST("others are left to the long way", others_are_left_to_the_long_way),
        CORE_TEST("what has changed meanwhile is not taken",
                  what_has_changed_meanwhile_is_not_taken),
        CORE_TEST("of two who look one takes", of_two_who_look_one_takes),
        CORE_TEST("a busy buffer is left alone", a_busy_buffer_is_left_alone),
        CORE_TEST("each subscriber takes its own", each_subscriber_takes_its_own),
    };
    return UNIT_RUN(tests);
}
