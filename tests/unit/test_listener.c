/* Tests of the order in which a listener serves its buffers, and of what changes a buffer's
 * place. They own the listener and its buffers. */
#include "listener_unit.h"

static void buffers_take_turns(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21);
    assert_delivers(s.listener, 11, 21, 12);
    assert_next(s.listener, MTM_EMPTY);
    ADD(&s, 31, 32, 33, 34, 11, 12, 21, 1, 2, 3);
    assert_true(mtm_ready_count(s.listener));
    assert_delivers(s.listener, 31, 11, 21, 1, 32, 12, 2, 33, 3);
    assert_true(mtm_ready_count(s.listener));
    assert_delivers(s.listener, 34);
    assert_false(mtm_ready_count(s.listener));
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

/* It enters at the end when its first message comes, whatever was delivered before. */
static void a_buffer_lines_up_with_its_first_message(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21);
    assert_delivers(s.listener, 11);
    ADD(&s, 31, 22);
    assert_delivers(s.listener, 21, 12);
    ADD(&s, 13);
    assert_delivers(s.listener, 31, 22, 13);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

static void set_keeps_the_place(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 21, 12);
    assert_int_equal(core_set(s.b[2], 24), MTM_OK);
    ADD(&s, 25);
    assert_int_equal(core_set(s.b[3], 31), MTM_OK); /* lines up */
    assert_int_equal(core_set(s.b[1], 13), MTM_OK);
    assert_delivers(s.listener, 13, 24, 31, 25);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

/* Whoever takes one of its messages sends the buffer to the end of the line. */
static void taking_directly_is_a_turn(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21, 22, 31, 32);
    assert_delivers(s.b[1], 11);
    assert_delivers(s.listener, 21, 31, 12, 22, 32);
    assert_next(s.listener, MTM_EMPTY);
    ADD(&s, 11, 12, 21, 22, 31, 32);
    assert_delivers(s.b[1], 11);
    assert_delivers(s.b[3], 31);
    assert_delivers(s.b[2], 21);
    assert_delivers(s.listener, 12, 32, 22);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

/* An emptied buffer lines up with its next message, not where it stood. */
static void an_emptied_buffer_lines_up_anew(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    for (int clear = 0; clear < 2; ++clear) {
        ADD(&s, 11, 12, 21, 22, 31, 32);
        if (clear) assert_int_equal(mtm_buffer_clear(s.b[1], false), MTM_OK);
        else assert_delivers(s.b[1], 11, 12);
        ADD(&s, 13);
        assert_delivers(s.listener, 21, 31, 13, 22, 32);
        ADD(&s, 11, 21);
        if (clear) assert_int_equal(mtm_buffer_clear(s.b[1], false), MTM_OK);
        else assert_delivers(s.b[1], 11);
        ADD(&s, 31, 12);
        assert_delivers(s.listener, 21, 31, 12);
        assert_next(s.listener, MTM_EMPTY);
    }
    teardown(&s);
}

static void clearing_the_listener_clears_its_buffers(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    for (int nonblock = 0; nonblock < 2; ++nonblock) {
        ADD(&s, 11, 12, 21, 31);
        assert_int_equal(mtm_listener_clear(s.listener, nonblock), MTM_OK);
        for (int i = 0; i < MEMBERS; ++i) assert_int_equal(mtm_buffer_count(s.b[i]), 0);
        assert_next(s.listener, MTM_EMPTY);
    }
    ADD(&s, 11);
    mtm_listener_abort(s.listener, true);
    assert_int_equal(mtm_listener_clear(s.listener, false), MTM_OK);
    mtm_listener_abort(s.listener, false);
    assert_next(s.listener, MTM_EMPTY);
    mtm_listener_close(s.listener);
    assert_int_equal(mtm_listener_clear(s.listener, false), MTM_CLOSED);
    teardown(&s);
}

static void *add_to_ready_buffers(void *opaque)
{
    struct setup *s = opaque;
    for (uint32_t i = 0; i < MEMBERS; ++i) {
        if (core_add_as(s->b[i], 10 * i + 5, true) != MTM_OK) return NULL;
    }
    return s;
}

/* Producers never take the listener's lock; to a ready buffer they touch nothing of it. */
static void adding_needs_no_lock_of_the_listener(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    core_despite(&s.listener->object.lock, add_to_ready_buffers, &s);
    assert_non_null(mtm_load_seq(&s.listener->newly_ready));
    assert_delivers(s.listener, 5);
    for (int i = 1; i < MEMBERS; ++i) assert_int_equal(mtm_member_of(s.b[i])->ready, true);
    assert_int_equal(mtm_member_of(s.b[0])->ready, false);
    core_despite(&s.listener->object.lock, add_to_ready_buffers, &s);
    assert_ptr_equal(mtm_load_seq(&s.listener->newly_ready), s.b[0]);
    assert_null(mtm_member_of(s.b[0])->ready_next);
    assert_delivers(s.listener, 15, 25, 35, 5, 15, 25, 35);
    teardown(&s);
}

/* A producer that is suspended in the middle of its put: what others have added is found, and
 * so is its own message once it is there. */
static void a_suspended_producer_hides_nothing(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    for (int empty = 0; empty < 2; ++empty) {
        if (!empty) ADD(&s, 11);
        struct core_holder holder;
        core_hold(&holder, &s.b[1]->queue.tail.lock);
        mtm_ready_before_publishing(s.b[1]); /* and no further */
        ADD(&s, 21);
        if (!empty) assert_delivers(s.listener, 11);
        assert_delivers(s.listener, 21);
        assert_next(s.listener, MTM_EMPTY);
        core_let_go(&holder);
        ADD(&s, 12);
        assert_delivers(s.listener, 12);
        assert_next(s.listener, MTM_EMPTY);
    }
    teardown(&s);
}

/* ---- messages that are put back ---- */

static void take_from(struct mtm_object *object, uint32_t number, struct mtm_delivery *in)
{
    assert_int_equal(core_take(object, in), MTM_OK);
    assert_int_equal(core_number(in->slot.block), number);
}

static void put_back(struct mtm_delivery *in)
{
    mtm_delivery_put_back(in);
    core_incoming_free(in);
}

/* Whether the buffer has more messages, has got one meanwhile, or has none: the others have
 * their turn first, and then comes what was put back, before what came later. */
static void what_is_put_back_waits_for_its_turn(void **state)
{
    (void)state;
    struct mtm_delivery in;
    struct setup s;
    setup(&s);
    for (int direct = 0; direct < 2; ++direct) {
        struct mtm_object *source = direct ? &s.b[1]->object : &s.listener->object;
        ADD(&s, 11, 12, 21, 31);
        take_from(source, 11, &in);
        put_back(&in);
        assert_delivers(s.listener, 21, 31, 11, 12);
        ADD(&s, 11, 21, 31);
        take_from(source, 11, &in);
        put_back(&in);
        assert_delivers(s.listener, 21, 31, 11);
        ADD(&s, 11, 21, 31);
        take_from(source, 11, &in);
        ADD(&s, 12);
        put_back(&in);
        assert_delivers(s.listener, 21, 31, 11, 12);
        assert_next(s.listener, MTM_EMPTY);
    }
    teardown(&s);
}

/* The message is dropped, and the buffer keeps the place that it has by now. */
static void what_cannot_come_back_changes_no_place(void **state)
{
    (void)state;
    struct mtm_delivery in;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21, 31);
    take_from(&s.listener->object, 11, &in);
    assert_int_equal(core_set(s.b[1], 13), MTM_OK);
    put_back(&in);
    assert_delivers(s.listener, 21, 31, 13);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

static void putting_back_into_what_was_aborted_or_closed(void **state)
{
    (void)state;
    struct mtm_delivery in;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 21);
    take_from(&s.listener->object, 11, &in);
    mtm_buffer_abort(s.b[1], true);
    put_back(&in);
    assert_delivers(s.listener, 21);
    assert_next(s.listener, MTM_EMPTY);
    mtm_buffer_abort(s.b[1], false);
    take_from(&s.listener->object, 11, &in);
    mtm_buffer_close(s.b[1]);
    put_back(&in);
    assert_int_equal(mtm_buffer_count(s.b[1]), 0);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("buffers take turns", buffers_take_turns),
        CORE_TEST("a buffer lines up with its first message",
                  a_buffer_lines_up_with_its_first_message),
        CORE_TEST("set keeps the place", set_keeps_the_place),
        CORE_TEST("taking directly is a turn", taking_directly_is_a_turn),
        CORE_TEST("an emptied buffer lines up anew", an_emptied_buffer_lines_up_anew),
        CORE_TEST("clearing the listener clears its buffers",
                  clearing_the_listener_clears_its_buffers),
        CORE_TEST("adding needs no lock of the listener", adding_needs_no_lock_of_the_listener),
        CORE_TEST("a suspended producer hides nothing", a_suspended_producer_hides_nothing),
        CORE_TEST("what is put back waits for its turn", what_is_put_back_waits_for_its_turn),
        CORE_TEST("what cannot come back changes no place",
                  what_cannot_come_back_changes_no_place),
        CORE_TEST("a message goes back into what was aborted or closed",
                  putting_back_into_what_was_aborted_or_closed),
    };
    return UNIT_RUN(tests);
}
