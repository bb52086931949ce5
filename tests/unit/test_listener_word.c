/* Tests of taking a single word through a listener the short way: what it does is what the long
 * way does, or nothing at all. They own the listener and its buffers. */
#include "listener_unit.h"

#include "core/fast_path.h"

/* An integer, for the buffer that its tens name. */
static void add_word(struct setup *s, uint32_t number)
{
    unsigned char bytes[MTM_WORD_VALUE];
    const struct mtm_word word = {.bits = 1000 + number, .tag = MTM_TAG_INTEGER};
    mtm_wire_put_word(bytes, word);
    struct mtm_message message = core_message(bytes, sizeof bytes);
    assert_int_equal(mtm_buffer_add(s->b[number / 10], &message, false, NULL), MTM_OK);
}

static enum mtm_taker taker = MTM_TAKER_NONBLOCK;

/* The number, or 0: it is left to the long way. */
static uint32_t take_word(struct setup *s)
{
    struct mtm_word word;
    uint64_t id;
    if (!mtm_listener_take_word(s->listener, NULL, taker, &word, &id)) return 0;
    const uint32_t number = (uint32_t)word.bits - 1000;
    assert_int_equal(word.tag, MTM_TAG_INTEGER);
    assert_true(id == s->b[number / 10]->object.id);
    return number;
}

/* By the long way. */
static uint32_t take_any(struct setup *s)
{
    struct mtm_delivery in;
    struct mtm_failure failure = {0};
    uint32_t number = 0;
    if (core_take(&s->listener->object, &in) == MTM_OK) {
        const unsigned char *bytes = mtm_block_data(in.slot.block);
        number = in.slot.block->size == MTM_WORD_VALUE
                     ? (uint32_t)mtm_wire_get_word(bytes).bits - 1000
                     : core_number(in.slot.block);
        assert_int_equal(mtm_delivery_notify(&in, false, &failure), MTM_OK);
        mtm_delivery_done(&in, false);
    } else {
        in.slot.block = NULL;
    }
    core_incoming_free(&in);
    return number;
}

/* The first message of a buffer makes room, which takes the long way. */
static void setup_used(struct setup *s)
{
    setup(s);
    for (uint32_t i = 0; i < MEMBERS; ++i) {
        add_word(s, 10 * i + 1);
        assert_int_equal(take_any(s), 10 * i + 1);
    }
}

/* Both ways take turns in all combinations; others than words are left to the long one. */
static void the_order_is_that_of_the_long_way(void **state)
{
    (void)state;
    static const uint32_t expected[] = {11, 21, 31, 12, 22, 13, 23, 14};
    for (unsigned ways = 0; ways < 256; ++ways) {
        struct setup s;
        setup_used(&s);
        for (uint32_t i = 11; i < 15; ++i) {
            add_word(&s, i);
            if (i < 14) add_word(&s, i + 10);
            if (i == 11) ADD(&s, 31);
        }
        for (unsigned i = 0; i < 8; ++i) {
            uint32_t number = ways >> i & 1 ? take_word(&s) : 0;
            if (expected[i] == 31) assert_int_equal(number, 0);
            if (number == 0) number = take_any(&s);
            assert_int_equal(number, expected[i]);
        }
        assert_int_equal(take_word(&s), 0);
        assert_int_equal(mtm_ready_count(s.listener), 0);
        teardown(&s);
    }
}

/* Up to the end of many rings, with and without others behind it. */
static void words_come_out(void **state)
{
    (void)state;
    struct setup s;
    unsigned taken = 0;
    setup_used(&s);
    for (unsigned round = 0; round < 3000; ++round) {
        add_word(&s, 10 + round % 7);
        if (round % 3 == 0) add_word(&s, 20);
        while (mtm_ready_count(s.listener) > 0) {
            if (take_word(&s)) ++taken;
            else assert_true(take_any(&s));
        }
        assert_int_equal(mtm_buffer_count(s.b[1]) + mtm_buffer_count(s.b[2]), 0);
    }
    assert_true(taken > 3500);
    teardown(&s);
}

static void *is_left(void *setup_of)
{
    assert_int_equal(take_word(setup_of), 0);
    return NULL;
}

static int ignore(const void *code, void *object, mtm_error_handler handler, void *data)
{
    (void)code, (void)object, (void)handler, (void)data;
    return 0;
}

static void let_go(const void *code, void *object)
{
    (void)code, (void)object;
}

/* Where anything is unusual nothing is changed. */
static void what_is_unusual_is_left(void **state)
{
    (void)state;
    static const struct mtm_notifier_ops ops = {let_go, ignore};
    struct setup s;
    setup_used(&s);
    assert_int_equal(take_word(&s), 0); /* nothing there */
    add_word(&s, 11);
    add_word(&s, 12);
    mtm_listener_abort(s.listener, true);
    assert_int_equal(take_word(&s), 0);
    mtm_listener_abort(s.listener, false);
    mtm_buffer_abort(s.b[1], true);
    assert_int_equal(take_word(&s), 0);
    mtm_buffer_abort(s.b[1], false);
    core_despite(&s.listener->object.lock, is_left, &s);
    core_despite(&s.b[1]->queue.head.lock, is_left, &s);
    struct mtm_foreign_code code = {NULL, NULL};
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops, &code, NULL, 0);
    assert_non_null(notifier);
    assert_int_equal(mtm_buffer_connect(s.b[1], MTM_TAKEN, notifier), MTM_OK);
    assert_int_equal(take_word(&s), 0);
    assert_int_equal(mtm_buffer_count(s.b[1]), 2);
    assert_int_equal(take_any(&s), 11);
    teardown(&s);
}

static void *take_one(void *setup_of)
{
    assert_int_equal(take_word(setup_of), 11);
    return NULL;
}

/* One that is being added to stays in the line. */
static void who_is_being_added_to_stays(void **state)
{
    (void)state;
    struct setup s;
    setup_used(&s);
    add_word(&s, 11);
    core_despite(&s.b[1]->queue.tail.lock, take_one, &s);
    assert_int_equal(mtm_ready_count(s.listener), 1);
    assert_int_equal(take_word(&s), 0);
    assert_int_equal(take_any(&s), 0);
    assert_int_equal(mtm_ready_count(s.listener), 0);
    teardown(&s);
}

/* With the last message of what has been finished there is nothing more to come. */
static void the_last_word_is_the_end(void **state)
{
    (void)state;
    struct setup s;
    uint32_t number;
    setup_used(&s);
    add_word(&s, 11);
    for (int i = 0; i < MEMBERS; ++i) mtm_buffer_finish(s.b[i]);
    assert_int_equal(take_word(&s), 11);
    assert_int_equal(core_next(&s.listener->object, MTM_FOREVER, &number), MTM_NO_BUFFERS);
    teardown(&s);
}

/* What nobody refers to any more is there until it is drained. */
static void who_is_left_to_drain_goes_with_the_last_word(void **state)
{
    (void)state;
    struct setup s;
    uint32_t number;
    setup_used(&s);
    for (uint32_t i = 11; i < 14; ++i) add_word(&s, i);
    for (int i = 0; i < MEMBERS; ++i) core_drop_buffer(s.b[i]);
    assert_int_equal(take_any(&s), 11); /* it has got a new place */
    for (uint32_t i = 12; i < 14; ++i) {
        struct mtm_word word;
        uint64_t id;
        assert_int_equal(s.listener->members, 1);
        assert_true(mtm_listener_take_word(
            s.listener, NULL, i == 12 ? MTM_TAKER_NONBLOCK : MTM_TAKER_WAITS, &word, &id));
        assert_int_equal(word.bits, 1000 + i);
    }
    assert_int_equal(s.listener->members, 0);
    assert_int_equal(core_next(&s.listener->object, MTM_FOREVER, &number), MTM_NO_BUFFERS);
    core_drop_listener(s.listener);
}

static void all_that_goes_where_nothing_is_freed(void **state)
{
    taker = MTM_TAKER_FREES_NOTHING;
    the_order_is_that_of_the_long_way(state);
    words_come_out(state);
    what_is_unusual_is_left(state);
    who_is_being_added_to_stays(state);
    the_last_word_is_the_end(state);
    taker = MTM_TAKER_NONBLOCK;
}

/* Also with its first message, when there are others. */
static void who_is_left_to_drain_is_not_for_who_frees_nothing(void **state)
{
    (void)state;
    struct setup s;
    struct mtm_word word;
    uint64_t id;
    setup_used(&s);
    for (uint32_t i = 11; i < 14; ++i) add_word(&s, i);
    core_drop_buffer(s.b[1]);
    for (size_t left = 3; left > 0; --left) {
        assert_false(
            mtm_listener_take_word(s.listener, NULL, MTM_TAKER_FREES_NOTHING, &word, &id));
        assert_int_equal(s.listener->members, MEMBERS);
        assert_int_equal(take_any(&s), 14 - left);
    }
    assert_int_equal(s.listener->members, MEMBERS - 1);
    s.b[1] = core_buffer(s.listener);
    teardown(&s);
}

/* More buffers whose rings rest would give up than may stay warm. */
static void nobody_gives_up_memory_for_who_frees_nothing(void **state)
{
    (void)state;
    struct setup s = {.listener = core_listener()};
    const struct mtm_buffer_options options = {
        .size = 2 * MTM_RING_KEPT, .grow = 2, .listener = s.listener};
    struct mtm_buffer *b[MTM_WARM + 1];
    for (int i = 0; i <= MTM_WARM; ++i) {
        assert_int_equal(mtm_buffer_new(&options, &b[i]), MTM_OK);
        s.b[1] = b[i];
        add_word(&s, 11);
        assert_int_equal(take_any(&s),
                         11); /* the last one in place of the first, which rests */
    }
    taker = MTM_TAKER_FREES_NOTHING;
    for (int i = MTM_WARM; i > 0; --i) {
        s.b[1] = b[i];
        assert_true(mtm_queue_is_warm(&b[i]->queue));
        add_word(&s, 11);
        assert_int_equal(take_word(&s), 11);
    }
    s.b[1] = b[0];
    for (uint32_t i = 11; i < 14; ++i) add_word(&s, i);
    assert_int_equal(take_any(&s), 11);
    assert_int_equal(take_word(&s), 0);
    assert_int_equal(mtm_buffer_count(b[0]), 2);
    assert_int_equal(take_any(&s), 12);
    assert_int_equal(take_any(&s), 13); /* now it is one of them */
    add_word(&s, 14);
    assert_int_equal(take_word(&s), 14);
    taker = MTM_TAKER_NONBLOCK;
    for (int i = 0; i <= MTM_WARM; ++i) core_drop_buffer(b[i]);
    core_drop_listener(s.listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("the order is that of the long way", the_order_is_that_of_the_long_way),
        CORE_TEST("words come out", words_come_out),
        CORE_TEST("what is unusual is left", what_is_unusual_is_left),
        CORE_TEST("who is being added to stays", who_is_being_added_to_stays),
        CORE_TEST("the last word is the end", the_last_word_is_the_end),
        CORE_TEST("who is left to drain goes with the last word",
                  who_is_left_to_drain_goes_with_the_last_word),
        CORE_TEST("all that goes where nothing is freed", all_that_goes_where_nothing_is_freed),
        CORE_TEST("who is left to drain is not for who frees nothing",
                  who_is_left_to_drain_is_not_for_who_frees_nothing),
        CORE_TEST("nobody gives up memory for who frees nothing",
                  nobody_gives_up_memory_for_who_frees_nothing),
    };
    return UNIT_RUN(tests);
}
