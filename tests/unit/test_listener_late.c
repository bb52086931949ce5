/* Tests of holds on a listener's buffers that cannot be given back at once, because the
 * receiver must not wait and somebody has the listener's lock. They own the listeners. */
#include "core.h"

static struct mtm_buffer *with(struct mtm_listener *listener, uint32_t first, uint32_t last)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = first; i <= last; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    return buffer;
}

static void *finish(void *in)
{
    mtm_delivery_done(in, true);
    return NULL;
}

/* The receiver that must not wait finds the lock taken: whoever looks next does it. */
static void a_hold_is_given_back_by_the_next(void **state)
{
    (void)state;
    for (int left = 0; left < 2; ++left) {
        struct mtm_listener *listener = core_listener();
        struct mtm_delivery in;
        core_drop_buffer(with(listener, 1, left ? 2 : 1));
        assert_int_equal(core_take(&listener->object, &in), MTM_OK);
        core_despite(&listener->object.lock, finish, &in);
        core_incoming_free(&in);
        if (left) assert_delivers(listener, 2);
        assert_next(listener, MTM_NO_BUFFERS);
        core_drop_listener(listener);
    }
}

static void late_holds_go_with_the_listener(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_delivery in[4];
    for (uint32_t i = 0; i < 4; ++i) core_drop_buffer(with(listener, 1, 1 + i % 2));
    for (int i = 0; i < 4; ++i) assert_int_equal(core_take(&listener->object, &in[i]), MTM_OK);
    for (int i = 0; i < 4; ++i) {
        core_despite(&listener->object.lock, finish, &in[i]);
        core_incoming_free(&in[i]);
    }
    core_drop_listener(listener);
    assert_int_equal(core_blocks, 0);
}

/* A hold waits to be given back while the same buffer is held again. */
static void a_late_hold_and_another(void **state)
{
    (void)state;
    for (int order = 0; order < 3; ++order) {
        struct mtm_listener *listener = core_listener();
        struct mtm_delivery first, second;
        core_drop_buffer(with(listener, 1, 2));
        assert_int_equal(core_take(&listener->object, &first), MTM_OK);
        if (order == 2) assert_int_equal(core_take(&listener->object, &second), MTM_OK);
        core_despite(&listener->object.lock, finish, &first);
        if (order < 2) assert_int_equal(core_take(&listener->object, &second), MTM_OK);
        if (order == 1) core_despite(&listener->object.lock, finish, &second);
        else mtm_delivery_done(&second, true);
        assert_next(listener, MTM_NO_BUFFERS);
        core_incoming_free(&first);
        core_incoming_free(&second);
        core_drop_listener(listener);
    }
}

static void *clear(void *listener)
{
    mtm_listener_clear(listener, false);
    return NULL;
}

/* Another thread visits the buffer at that moment, and is the last one then. */
static void a_late_hold_and_a_visitor(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = with(listener, 1, 1);
    struct core_holder holder;
    struct mtm_delivery in;
    pthread_t visitor;
    core_drop_buffer(buffer);
    assert_int_equal(core_take(&listener->object, &in), MTM_OK);
    core_despite(&listener->object.lock, finish, &in);
    core_incoming_free(&in);
    core_hold(&holder, &buffer->queue.tail.lock);
    unit_start(&visitor, 1, clear, listener);
    core_await_parked(&buffer->queue.tail.lock);
    assert_next(listener, MTM_EMPTY);
    core_let_go(&holder);
    unit_join(&visitor, 1);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

struct waiter {
    struct mtm_listener *listener;
    mtm_a32 refused; /* for want of buffers */
};

static void *wait_for_ever(void *opaque)
{
    struct waiter *waiter = opaque;
    uint32_t number;
    if (core_next(&waiter->listener->object, MTM_FOREVER, &number) == MTM_NO_BUFFERS) {
        mtm_add_seq(&waiter->refused, 1);
    }
    return NULL;
}

static void a_late_hold_wakes_who_waits(void **state)
{
    (void)state;
    struct waiter waiter = {.listener = core_listener()};
    struct mtm_delivery in;
    pthread_t thread;
    core_drop_buffer(with(waiter.listener, 1, 1));
    assert_int_equal(core_take(&waiter.listener->object, &in), MTM_OK);
    unit_start(&thread, 1, wait_for_ever, &waiter);
    core_await_waiters(&waiter.listener->source.waiters, 1);
    unit_linger(2 * UNIT_MS);
    core_despite(&waiter.listener->object.lock, finish, &in);
    unit_join(&thread, 1);
    assert_int_equal(waiter.refused, 1);
    core_incoming_free(&in);
    core_drop_listener(waiter.listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a hold is given back by the next", a_hold_is_given_back_by_the_next),
        CORE_TEST("late holds go with the listener", late_holds_go_with_the_listener),
        CORE_TEST("a late hold and another of the same buffer", a_late_hold_and_another),
        CORE_TEST("a late hold and a visitor of the buffer", a_late_hold_and_a_visitor),
        CORE_TEST("a late hold wakes who waits", a_late_hold_wakes_who_waits),
    };
    return UNIT_RUN(tests);
}
