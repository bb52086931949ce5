/* Tests of abort and close of a listener and of its buffers: who is passed over, who keeps its
 * place. They own the listener and its buffers. */
#include "listener_unit.h"

static void an_aborted_buffer_is_passed_over(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21, 31);
    mtm_buffer_abort(s.b[1], true);
    assert_next(s.b[1], MTM_ABORTED);
    assert_delivers(s.listener, 21, 31);
    assert_next(s.listener, MTM_EMPTY);
    ADD(&s, 22);
    mtm_buffer_abort(s.b[1], false); /* lines up at the end */
    ADD(&s, 32);
    assert_delivers(s.listener, 22, 11, 32, 12);
    teardown(&s);
}

static void re_enabling_a_buffer_puts_it_last(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    mtm_buffer_abort(s.b[0], true);
    mtm_buffer_abort(s.b[0], false); /* it has no messages yet */
    ADD(&s, 11, 12, 21, 31);
    mtm_buffer_abort(s.b[1], true);
    mtm_buffer_abort(s.b[1], false);
    mtm_buffer_abort(s.b[2], false); /* it was not aborted: that changes nothing */
    ADD(&s, 1);
    assert_delivers(s.listener, 21, 31, 11, 1, 12);
    assert_next(s.listener, MTM_EMPTY);
    ADD(&s, 11, 21);
    mtm_buffer_abort(s.b[1], true);
    mtm_abort_all(true);
    mtm_abort_all(false); /* re-enables everything */
    assert_delivers(s.listener, 21, 11);
    assert_next(s.listener, MTM_EMPTY);
    teardown(&s);
}

static void aborting_the_listener_keeps_all_places(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21, 31);
    mtm_listener_abort(s.listener, true);
    assert_next(s.listener, MTM_ABORTED);
    for (int i = 0; i < MEMBERS; ++i) {
        assert_true(mtm_object_is_aborted(&s.b[i]->object));
        assert_int_equal(core_add(s.b[i], 1), MTM_ABORTED);
    }
    mtm_listener_abort(s.listener, false);
    ADD(&s, 1);
    assert_delivers(s.listener, 11, 21, 31, 1, 12);
    teardown(&s);
}

/* Its own abort(false) re-enables the buffer alone. */
static void a_buffer_of_an_aborted_listener_can_be_used(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21);
    mtm_listener_abort(s.listener, true);
    mtm_buffer_abort(s.b[1], false);
    assert_int_equal(core_add(s.b[2], 22), MTM_ABORTED);
    ADD(&s, 13);
    assert_delivers(s.b[1], 11);
    assert_next(s.listener, MTM_ABORTED);
    mtm_listener_abort(s.listener, false);
    assert_delivers(s.listener, 12, 21, 13); /* it was enabled first */
    teardown(&s);
}

/* In the order in which they are enabled. */
static void enabling_puts_a_buffer_at_the_end(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 21, 12, 31);
    mtm_buffer_abort(s.b[1], true);
    mtm_buffer_abort(s.b[2], true);
    mtm_buffer_abort(s.b[2], false);
    mtm_buffer_abort(s.b[1], false);
    assert_delivers(s.listener, 31, 21, 11, 12);
    ADD(&s, 11, 21, 12);
    mtm_listener_abort(s.listener, true);
    mtm_buffer_abort(s.b[2], false);
    mtm_listener_abort(s.listener, false);
    assert_delivers(s.listener, 21, 11, 12);
    teardown(&s);
}

static void a_new_buffer_of_an_aborted_listener_is_refused(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer_options options = {.size = 100, .grow = 2, .listener = listener};
    struct mtm_buffer *buffer = NULL;
    mtm_listener_abort(listener, true);
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_ABORTED);
    mtm_listener_abort(listener, false);
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    core_drop_buffer(buffer);
    mtm_listener_close(listener);
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_CLOSED);
    core_drop_listener(listener);
}

static void closing_the_listener_closes_its_buffers(void **state)
{
    (void)state;
    struct setup s;
    setup(&s);
    ADD(&s, 11, 12, 21);
    mtm_listener_abort(s.listener, true);
    for (int again = 0; again < 2; ++again) {
        mtm_listener_close(s.listener);
        assert_next(s.listener, MTM_CLOSED);
        for (int i = 0; i < MEMBERS; ++i) {
            assert_int_equal(core_add(s.b[i], 1), MTM_CLOSED);
            assert_next(s.b[i], MTM_CLOSED);
            assert_int_equal(mtm_buffer_count(s.b[i]), 0);
        }
        mtm_listener_abort(s.listener,
                           again); /* still works, and a closed object stays closed */
        assert_int_equal(mtm_object_is_aborted(&s.b[1]->object), again);
    }
    teardown(&s);
}

static void a_closed_buffer_is_passed_over_and_counts(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *first = core_buffer(listener), *second = core_buffer(listener);
    assert_int_equal(core_add(first, 1), MTM_OK);
    assert_int_equal(core_add(second, 2), MTM_OK);
    mtm_buffer_close(first);
    assert_delivers(listener, 2);
    core_drop_buffer(second);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(first);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

/* More buffers than are looked at while the lock is held. */
static void emptied_buffers_are_passed_over(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffers[MANY];
    for (uint32_t i = 0; i < MANY; ++i) {
        buffers[i] = core_buffer(listener);
        assert_int_equal(core_add(buffers[i], i + 1), MTM_OK);
        if (i < MANY - 1) assert_delivers(buffers[i], i + 1);
    }
    assert_delivers(listener, MANY);
    assert_next(listener, MTM_EMPTY);
    for (int i = 0; i < MANY; ++i) core_drop_buffer(buffers[i]);
    core_drop_listener(listener);
}

static void *clear_it(void *opaque)
{
    return mtm_listener_clear(opaque, false) == MTM_OK ? opaque : NULL;
}

/* Before it has begun, or while it is at the first of them. */
static void clearing_ends_where_buffers_leave(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    assert_non_null(clear_it(listener));
    struct mtm_buffer *first = core_buffer(listener), *second = core_buffer(listener);
    struct mtm_lock *head = &first->queue.head.lock;
    struct core_holder holder;
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(core_add(first, 1), MTM_OK);
    core_hold(&holder, head);
    unit_start(&thread, 1, clear_it, listener);
    core_await_parked(head);
    core_drop_buffer(second);
    core_let_go(&holder);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, listener);
    assert_int_equal(mtm_buffer_count(first), 0);
    core_drop_buffer(first);
    core_drop_listener(listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("an aborted buffer is passed over", an_aborted_buffer_is_passed_over),
        CORE_TEST("re-enabling a buffer puts it last", re_enabling_a_buffer_puts_it_last),
        CORE_TEST("aborting the listener keeps all places",
                  aborting_the_listener_keeps_all_places),
        CORE_TEST("a buffer of an aborted listener can be re-enabled",
                  a_buffer_of_an_aborted_listener_can_be_used),
        CORE_TEST("enabling puts a buffer at the end", enabling_puts_a_buffer_at_the_end),
        CORE_TEST("an aborted or closed listener takes no buffer",
                  a_new_buffer_of_an_aborted_listener_is_refused),
        CORE_TEST("closing the listener closes its buffers",
                  closing_the_listener_closes_its_buffers),
        CORE_TEST("a closed buffer is passed over, and counts as connected",
                  a_closed_buffer_is_passed_over_and_counts),
        CORE_TEST("any number of emptied buffers is passed over",
                  emptied_buffers_are_passed_over),
        CORE_TEST("clearing ends where buffers leave", clearing_ends_where_buffers_leave),
    };
    return UNIT_RUN(tests);
}
