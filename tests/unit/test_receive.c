/* Tests of waiting for a message: deadlines, what ends a wait, and who is woken. They own the
 * waiting threads. */
#include "core.h"

#include <time.h>

/* One receive in another thread, of a listener or a buffer. */
struct waiter {
    struct mtm_object *object;
    struct mtm_wait wait;
    size_t limit;
    pthread_t thread;
    uint32_t number;
    enum mtm_status status;
    int64_t returned; /* when it did */
};

static void *wait_as_told(void *opaque)
{
    struct waiter *waiter = opaque;
    struct mtm_delivery in;
    if (!core_incoming(&in)) return NULL;
    if (waiter->limit > 0) in.slot.limit = waiter->limit;
    waiter->status = mtm_receive(waiter->object, &waiter->wait, &in);
    waiter->returned = mtm_plat_now();
    if (waiter->status == MTM_OK) {
        waiter->number = core_number(in.slot.block);
        mtm_delivery_done(&in, false);
    } else {
        in.slot.block = NULL;
    }
    core_incoming_free(&in);
    return NULL;
}

/* Returns when the thread waits; whether it sleeps already cannot be seen. */
static void start_as(struct waiter *waiter, struct mtm_object *object, struct mtm_wait wait)
{
    const struct mtm_waiters *waiters = &mtm_to_source(object)->waiters;
    const size_t before = mtm_waiters_count(waiters);
    waiter->object = object;
    waiter->wait = wait;
    waiter->number = 0;
    waiter->status = MTM_UNKNOWN;
    unit_start(&waiter->thread, 1, wait_as_told, waiter);
    core_await_waiters(waiters, before + 1);
}

static void start(struct waiter *waiter, struct mtm_object *object)
{
    waiter->limit = 0;
    start_as(waiter, object, (struct mtm_wait){.timeout = MTM_FOREVER});
}

#define assert_ends(waiter, expected)                                                          \
    do {                                                                                       \
        unit_join(&(waiter)->thread, 1);                                                       \
        assert_int_equal((waiter)->status, (expected));                                        \
    } while (0)

/* ---- time ---- */

static void no_time_is_no_wait(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    for (int nonblock = 0; nonblock < 2; ++nonblock) {
        struct mtm_wait wait = {.timeout = 0, .nonblock = nonblock};
        uint32_t number;
        assert_int_equal(core_next_as(&buffer->object, wait, &number), MTM_EMPTY);
        assert_int_equal(core_next_as(&listener->object, wait, &number), MTM_EMPTY);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

static void a_wait_lasts_as_long_as_told(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    const int64_t times[] = {1, UNIT_MS / 2, 20 * UNIT_MS};
    for (size_t i = 0; i < 4 * sizeof times / sizeof *times; ++i) {
        struct mtm_wait wait = {.timeout = times[i / 4], .nonblock = i % 2};
        struct mtm_object *object = i / 2 % 2 ? &listener->object : &buffer->object;
        int64_t begin = mtm_plat_now();
        uint32_t number;
        assert_int_equal(core_next_as(object, wait, &number), MTM_EMPTY);
        assert_true(mtm_plat_now() >= begin + times[i / 4]);
    }
    assert_int_equal(mtm_waiters_count(&buffer->source.waiters), 0);
    assert_int_equal(mtm_waiters_count(&listener->source.waiters), 0);
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

/* What a receive that needs more memory has used of its time it does not get again. */
static void the_deadline_is_kept_over_several_calls(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_wait wait = {.timeout = 10 * UNIT_MS};
    struct mtm_delivery in;
    int64_t begin = mtm_plat_now();
    assert_true(core_incoming(&in));
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_EMPTY);
    int64_t deadline = wait.deadline;
    assert_in_range(deadline - begin, 10 * UNIT_MS, mtm_plat_now() - begin);
    for (int i = 0; i < 1000; ++i) {
        assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_EMPTY);
        assert_int_equal(wait.deadline, deadline);
    }
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

static int64_t cpu_time(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1000 * UNIT_MS + used.tv_nsec;
}

static void an_idle_waiter_uses_no_cpu(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    for (int i = 0; i < 4; ++i) {
        struct mtm_wait wait = {.timeout = 200 * UNIT_MS, .nonblock = i % 2};
        uint32_t number;
        int64_t begin = cpu_time();
        struct mtm_object *object = i / 2 ? &listener->object : &buffer->object;
        assert_int_equal(core_next_as(object, wait, &number), MTM_EMPTY);
        assert_in_range(cpu_time() - begin, 0, 50 * UNIT_MS);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

/* ---- what ends a wait ---- */

static void a_message_ends_it(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = 1; i <= 40; ++i) {
        struct waiter waiter;
        start(&waiter, i % 2 ? &listener->object : &buffer->object);
        if (i % 8 < 4) unit_linger(UNIT_MS / 2); /* awake or asleep */
        if (i % 4 < 2) assert_int_equal(core_add(buffer, i), MTM_OK);
        else assert_int_equal(core_set(buffer, i), MTM_OK);
        assert_ends(&waiter, MTM_OK);
        assert_int_equal(waiter.number, i);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

enum change { CLOSE, ABORT, BLINK, ABORT_ALL, CHANGES };

static void change_object(struct mtm_object *object, enum change change)
{
    struct mtm_buffer *buffer = (struct mtm_buffer *)object;
    struct mtm_listener *listener = (struct mtm_listener *)object;
    bool is_buffer = object->kind == MTM_BUFFER;
    if (change == ABORT_ALL) {
        mtm_abort_all(true);
        mtm_abort_all(false);
    } else if (change == CLOSE) {
        if (is_buffer) mtm_buffer_close(buffer);
        else mtm_listener_close(listener);
    } else {
        for (int flag = 1; flag >= (change == ABORT); --flag) {
            if (is_buffer) mtm_buffer_abort(buffer, flag);
            else mtm_listener_abort(listener, flag);
        }
    }
}

/* Even if it is re-enabled at once. */
static void close_and_abort_end_every_wait(void **state)
{
    (void)state;
    for (int i = 0; i < 4 * CHANGES; ++i) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = core_buffer(listener);
        struct mtm_object *object = i % 2 ? &listener->object : &buffer->object;
        struct waiter waiters[3];
        for (int n = 0; n < 3; ++n) start(&waiters[n], object);
        if (i / 2 % 2) unit_linger(UNIT_MS);
        change_object(object, (enum change)(i / 4));
        for (int n = 0; n < 3; ++n) {
            assert_ends(&waiters[n], i / 4 == CLOSE ? MTM_CLOSED : MTM_ABORTED);
        }
        core_drop_buffer(buffer);
        core_drop_listener(listener);
    }
}

static void closing_the_listener_ends_waits_at_its_buffers(void **state)
{
    (void)state;
    for (int aborted = 0; aborted < 2; ++aborted) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = core_buffer(listener);
        struct waiter waiter;
        start(&waiter, &buffer->object);
        if (aborted) mtm_listener_abort(listener, true);
        else mtm_listener_close(listener);
        assert_ends(&waiter, aborted ? MTM_ABORTED : MTM_CLOSED);
        core_drop_buffer(buffer);
        core_drop_listener(listener);
    }
}

/* ---- who is woken ---- */

/* One wake-up is on its way when the second message comes: the first waiter passes it on. */
static void each_message_finds_a_waiter(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 30; ++round) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *b[2] = {core_buffer(listener), core_buffer(listener)};
        struct waiter waiters[4];
        bool mixed = round % 3 == 0;
        uint32_t sum = 0;
        for (int n = 0; n < 4; ++n) {
            start(&waiters[n], mixed && n < 2 ? &b[0]->object : &listener->object);
        }
        if (round % 2) unit_linger(UNIT_MS);
        for (uint32_t n = 0; n < 4; ++n) {
            assert_int_equal(core_add(b[mixed ? 0 : n % (1 + round / 2 % 2)], n + 1), MTM_OK);
        }
        for (int n = 0; n < 4; ++n) {
            assert_ends(&waiters[n], MTM_OK);
            sum += waiters[n].number;
        }
        assert_int_equal(sum, 1 + 2 + 3 + 4);
        for (int n = 0; n < 2; ++n) core_drop_buffer(b[n]);
        core_drop_listener(listener);
    }
}

/* The mark says that somebody has been woken, who then leaves without the message. */
static void who_leaves_a_message_wakes_another(void **state)
{
    (void)state;
    for (int round = 0; round < 8; ++round) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct waiter small = {.limit = 3}, able;
        start_as(&small, &buffer->object, (struct mtm_wait){.timeout = MTM_FOREVER});
        unit_linger(UNIT_MS / 2);
        start(&able, &buffer->object);
        unit_linger(UNIT_MS / 2);
        assert_int_equal(core_add(buffer, 7), MTM_OK);
        unit_join(&able.thread, 1);
        assert_int_equal(able.number, 7);
        mtm_buffer_close(buffer);
        unit_join(&small.thread, 1);
        assert_true(small.status == MTM_TOO_LARGE || small.status == MTM_CLOSED);
        core_drop_buffer(buffer);
    }
}

static void what_is_put_back_wakes(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = 1; i <= 20; ++i) {
        struct waiter waiter;
        struct mtm_delivery in;
        assert_int_equal(core_add(buffer, i), MTM_OK);
        assert_int_equal(core_take(i % 2 ? &listener->object : &buffer->object, &in), MTM_OK);
        start(&waiter, i % 4 < 2 ? &listener->object : &buffer->object);
        if (i % 8 < 4) unit_linger(UNIT_MS / 2);
        mtm_delivery_put_back(&in);
        core_incoming_free(&in);
        assert_ends(&waiter, MTM_OK);
        assert_int_equal(waiter.number, i);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

/* A buffer that is re-enabled has messages for those who wait at its listener. */
static void re_enabling_wakes(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = 1; i <= 6; ++i) {
        struct waiter waiter;
        assert_int_equal(core_add(buffer, i), MTM_OK);
        mtm_buffer_abort(buffer, true);
        start(&waiter, &listener->object);
        unit_linger(UNIT_MS / 2);
        mtm_buffer_abort(buffer, false);
        assert_ends(&waiter, MTM_OK);
        assert_int_equal(waiter.number, i);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("no time is no wait", no_time_is_no_wait),
        CORE_TEST("a wait lasts as long as told", a_wait_lasts_as_long_as_told),
        CORE_TEST("a deadline is kept over several calls",
                  the_deadline_is_kept_over_several_calls),
        CORE_TEST("an idle waiter uses no CPU", an_idle_waiter_uses_no_cpu),
        CORE_TEST("a message ends a wait", a_message_ends_it),
        CORE_TEST("close and abort end every wait", close_and_abort_end_every_wait),
        CORE_TEST("the listener's end is that of waits at its buffers",
                  closing_the_listener_ends_waits_at_its_buffers),
        CORE_TEST("each message finds a waiter", each_message_finds_a_waiter),
        CORE_TEST("who leaves a message wakes another", who_leaves_a_message_wakes_another),
        CORE_TEST("what is put back wakes", what_is_put_back_wakes),
        CORE_TEST("what is re-enabled wakes", re_enabling_wakes),
    };
    return UNIT_RUN(tests);
}
