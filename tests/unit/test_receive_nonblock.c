/* Tests of calls that must not wait for another thread: every lock is held by somebody who
 * gives it back only after the call has returned. They own the calls' results. */
#include "core.h"

enum call { ADD, SET, CLEAR, TAKE, LISTENER_TAKE, LISTENER_CLEAR, POLL, LISTENER_POLL, CALLS };

struct scene {
    struct mtm_listener *listener;
    struct mtm_buffer *buffer;
    enum mtm_status status[CALLS];
};

static void *call_all(void *opaque)
{
    struct scene *s = opaque;
    const struct mtm_wait nonblock = {.nonblock = true}, no_time = {.timeout = 0};
    struct mtm_failure failure = {0};
    struct mtm_message message = core_message("x", 1);
    uint32_t number;
    s->status[TAKE] = core_next_as(&s->buffer->object, nonblock, &number);
    s->status[POLL] = core_next_as(&s->buffer->object, no_time, &number);
    s->status[LISTENER_TAKE] = core_next_as(&s->listener->object, nonblock, &number);
    s->status[LISTENER_POLL] = core_next_as(&s->listener->object, no_time, &number);
    s->status[ADD] = mtm_buffer_add(s->buffer, &message, true, &failure);
    s->status[SET] = core_set_message(s->buffer, &message, true, &failure);
    s->status[LISTENER_CLEAR] = mtm_listener_clear(s->listener, true);
    s->status[CLEAR] = mtm_buffer_clear(s->buffer, true);
    return NULL;
}

static void ignore_object(const void *api, void *object)
{
    (void)api;
    (void)object;
}

static int ignore_event(const void *api, void *object, mtm_error_handler handler, void *data)
{
    (void)api;
    (void)object;
    (void)handler;
    (void)data;
    return 0;
}

static const struct mtm_notifier_ops ignoring = {ignore_object, ignore_event};

static void connect(struct scene *s, enum mtm_event event, int64_t threshold)
{
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ignoring, NULL, s, threshold);
    assert_non_null(notifier);
    assert_int_equal(mtm_buffer_connect(s->buffer, event, notifier), MTM_OK);
}

enum which { TAIL, HEAD, LISTENER, LOCKS };

static struct mtm_lock *lock_of(struct scene *s, enum which which)
{
    if (which == TAIL) return &s->buffer->queue.tail.lock;
    if (which == HEAD) return &s->buffer->queue.head.lock;
    return &s->listener->object.lock;
}

/* Four messages are there before; thresholds make a side count exactly, which takes both locks.
 */
static void with_lock_held(struct scene *s, enum which which, bool exact)
{
    s->listener = core_listener();
    s->buffer = core_buffer(s->listener);
    if (exact) connect(s, MTM_ADDED, 100);
    if (exact) connect(s, MTM_TAKEN, 1);
    for (uint32_t i = 1; i <= 4; ++i) assert_int_equal(core_add(s->buffer, i), MTM_OK);
    core_despite(lock_of(s, which), call_all, s);
    for (int i = 0; i < CALLS; ++i) {
        if (s->status[i] != MTM_OK) assert_int_equal(s->status[i], MTM_BUSY);
    }
}

static void drop(struct scene *s)
{
    core_drop_buffer(s->buffer);
    core_drop_listener(s->listener);
}

static void no_call_waits(void **state)
{
    (void)state;
    static const bool busy[LOCKS][2][CALLS] = {
        [TAIL][false] = {[ADD] = true, [SET] = true, [CLEAR] = true, [LISTENER_CLEAR] = true},
        [HEAD][false] = {[SET] = true,
                         [CLEAR] = true,
                         [LISTENER_CLEAR] = true,
                         [TAKE] = true,
                         [POLL] = true,
                         [LISTENER_TAKE] = true,
                         [LISTENER_POLL] = true},
        [TAIL][true] = {true, true, true, true, true, true, true, true},
        [HEAD][true] = {true, true, true, true, true, true, true, true},
        [LISTENER][false] =
            {[LISTENER_TAKE] = true, [LISTENER_POLL] = true, [LISTENER_CLEAR] = true},
        [LISTENER][true] =
            {[LISTENER_TAKE] = true, [LISTENER_POLL] = true, [LISTENER_CLEAR] = true},
    };
    for (enum which which = TAIL; which < LOCKS; ++which) {
        for (int exact = 0; exact < 2; ++exact) {
            struct scene s;
            with_lock_held(&s, which, exact);
            for (int i = 0; i < CALLS; ++i) {
                assert_int_equal(s.status[i] == MTM_BUSY, busy[which][exact][i]);
            }
            call_all(&s); /* nobody is in the way */
            for (int i = 0; i < CALLS; ++i) assert_int_not_equal(s.status[i], MTM_BUSY);
            drop(&s);
        }
    }
}

static void *take_from_listener(void *opaque)
{
    struct scene *s = opaque;
    uint32_t number = 0;
    s->status[0] =
        core_next_as(&s->listener->object, (struct mtm_wait){.nonblock = true}, &number);
    s->status[1] = (enum mtm_status)number;
    return NULL;
}

/* The one that somebody is at work on keeps its place. */
static void a_listener_passes_over_busy_buffers(void **state)
{
    (void)state;
    struct scene s = {.listener = core_listener()};
    struct mtm_buffer *b[3];
    for (uint32_t i = 0; i < 3; ++i) {
        b[i] = core_buffer(s.listener);
        assert_int_equal(core_add(b[i], i + 1), MTM_OK);
        assert_int_equal(core_add(b[i], i + 11), MTM_OK);
    }
    assert_int_equal(mtm_buffer_clear(b[1], false), MTM_OK);
    core_despite(&b[0]->queue.head.lock, take_from_listener, &s);
    assert_int_equal(s.status[0], MTM_OK);
    assert_int_equal(s.status[1], 3);
    core_despite(&b[2]->queue.head.lock, take_from_listener, &s);
    assert_int_equal(s.status[1], 1);
    assert_delivers(s.listener, 13, 11);
    for (int i = 0; i < 3; ++i) core_drop_buffer(b[i]);
    core_drop_listener(s.listener);
}

/* ---- with time ---- */

struct patient {
    struct mtm_object *object;
    struct mtm_wait wait;
    enum mtm_status status;
    uint32_t number;
    mtm_a32 over; /* the deadline has passed */
    int64_t deadline;
    int64_t early;
};

static void *wait_for_lock(void *opaque)
{
    struct patient *p = opaque;
    p->deadline = mtm_plat_now() + p->wait.timeout;
    p->status = core_next_as(p->object, p->wait, &p->number);
    p->early = p->deadline - mtm_plat_now();
    mtm_store_seq(&p->over, 1);
    return NULL;
}

/* The holder never lets go in time. */
static void a_lock_is_waited_for_until_the_deadline(void **state)
{
    (void)state;
    for (enum which which = TAIL; which < LOCKS; ++which) {
        struct scene s = {.listener = core_listener()};
        s.buffer = core_buffer(s.listener);
        struct patient p = {.wait = {.timeout = 5 * UNIT_MS, .nonblock = true}};
        p.object = which == LISTENER ? &s.listener->object : &s.buffer->object;
        core_despite(lock_of(&s, which), wait_for_lock, &p);
        assert_int_equal(p.status, which == TAIL ? MTM_EMPTY : MTM_BUSY);
        assert_true(p.early <= 0);
        drop(&s);
    }
}

static void a_lock_given_back_in_time_is_taken(void **state)
{
    (void)state;
    for (enum which which = TAIL; which < LOCKS; ++which) {
        struct scene s = {.listener = core_listener()};
        s.buffer = core_buffer(s.listener);
        struct patient p = {.wait = {.timeout = 1000000 * UNIT_MS, .nonblock = true}};
        struct core_holder holder;
        pthread_t thread;
        p.object = which == LISTENER ? &s.listener->object : &s.buffer->object;
        core_hold(&holder, lock_of(&s, which));
        unit_start(&thread, 1, wait_for_lock, &p);
        unit_linger(3 * UNIT_MS);
        core_let_go(&holder);
        assert_int_equal(core_add(s.buffer, 5), MTM_OK);
        unit_join(&thread, 1);
        assert_int_equal(p.status, MTM_OK);
        assert_int_equal(p.number, 5);
        drop(&s);
    }
}

static void await_sleeper(struct mtm_buffer *buffer, struct patient *p)
{
    while (!mtm_waiters_any(&buffer->source.waiters) && !mtm_load_seq(&p->over))
        mtm_plat_yield();
}

/* Drops the buffer. Where this thread was too late, as others kept its processor busy, the
 * message may be left. */
static void assert_found_in_time(struct patient *p, int64_t added, uint32_t number)
{
    struct mtm_buffer *buffer = (struct mtm_buffer *)p->object;
    if (added < p->deadline) assert_int_equal(p->status, MTM_OK);
    if (p->status == MTM_OK) assert_int_equal(p->number, number);
    else mtm_buffer_clear(buffer, false);
    core_drop_buffer(buffer);
}

/* A producer that is interrupted between publishing and giving back its lock. */
static void a_message_that_came_in_time_is_returned_late(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_queue *queue = &buffer->queue;
    struct patient p = {.object = &buffer->object,
                        .wait = {.timeout = 100 * UNIT_MS, .nonblock = true}};
    struct mtm_put_memory memory = {0};
    const uint32_t number = 6;
    struct mtm_message message = core_message(&number, sizeof number);
    pthread_t thread;
    assert_int_equal(core_add(buffer, 1), MTM_OK); /* makes room */
    assert_delivers(buffer, 1);
    mtm_lock(&queue->tail.lock);
    unit_start(&thread, 1, wait_for_lock, &p);
    core_await_parked(&queue->tail.lock); /* it has looked, and waits to announce itself */
    assert_int_equal(mtm_queue_put(queue, &message, &memory), MTM_OK);
    int64_t added = mtm_plat_now();
    unit_await(&p.over, 1);
    mtm_unlock(&queue->tail.lock);
    unit_join(&thread, 1);
    assert_found_in_time(&p, added, 6);
}

/* Somebody is suspended while at work on the buffer: a blocking call keeps its time as well,
 * and the message is for the next one. */
static void a_waiter_that_cannot_look_ends_in_time(void **state)
{
    (void)state;
    for (enum which which = HEAD; which < LOCKS; ++which) {
        struct scene s = {.listener = core_listener()};
        s.buffer = core_buffer(s.listener);
        struct patient p = {.wait = {.timeout = 20 * UNIT_MS}};
        struct core_holder holder;
        pthread_t thread;
        p.object = which == LISTENER ? &s.listener->object : &s.buffer->object;
        unit_start(&thread, 1, wait_for_lock, &p);
        core_await_waiters(&mtm_to_source(p.object)->waiters, 1);
        core_hold(&holder, lock_of(&s, which));
        assert_int_equal(core_add(s.buffer, 8), MTM_OK);
        unit_join(&thread, 1);
        core_let_go(&holder);
        if (p.status == MTM_OK) assert_int_equal(p.number, 8); /* it was quicker than we */
        else assert_delivers(s.buffer, 8);
        drop(&s);
    }
}

/* A producer that is interrupted between giving back its lock and waking. */
static void a_waiter_that_is_not_woken_still_looks(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_queue *queue = &buffer->queue;
    struct patient p = {.object = &buffer->object, .wait = {.timeout = 30 * UNIT_MS}};
    struct mtm_put_memory memory = {0};
    const uint32_t number = 9;
    struct mtm_message message = core_message(&number, sizeof number);
    pthread_t thread;
    assert_int_equal(core_add(buffer, 1), MTM_OK); /* makes room */
    assert_delivers(buffer, 1);
    unit_start(&thread, 1, wait_for_lock, &p);
    await_sleeper(buffer, &p);
    unit_linger(5 * UNIT_MS);
    mtm_lock(&queue->tail.lock);
    assert_int_equal(mtm_queue_put(queue, &message, &memory), MTM_OK);
    int64_t added = mtm_plat_now();
    mtm_unlock(&queue->tail.lock);
    unit_join(&thread, 1);
    assert_found_in_time(&p, added, 9);
}

/* ---- the way out ---- */

static struct mtm_lock *lock_when_freeing; /* taken by another thread at the next free */
static struct core_holder freeing_holder;

static void free_and_be_late(void *ptr)
{
    struct mtm_lock *lock = lock_when_freeing;
    lock_when_freeing = NULL;
    if (lock) core_hold(&freeing_holder, lock);
    core_free(ptr);
}

/* A message that the receiver cannot take leaves a ring to be freed, and the unreferenced
 * buffer is held meanwhile; at that moment somebody takes the listener's lock. */
static void a_refused_message_makes_nobody_wait(void **state)
{
    (void)state;
    static const struct mtm_allocator late = {core_alloc, core_resize, free_and_be_late};
    struct mtm_listener *listener = core_listener();
    const struct mtm_buffer_options options = {
        .size = 300, .sized = true, .grow = 1, .listener = listener};
    struct mtm_buffer *buffer;
    struct mtm_delivery in;
    struct mtm_wait wait = {.nonblock = true};
    unsigned char bytes[200] = {0};
    struct mtm_message message = core_message(bytes, sizeof bytes);
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    for (int i = 0; i < 4; ++i) { /* each in a ring of its own */
        assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
    }
    core_drop_buffer(buffer);
    assert_true(core_incoming(&in));
    struct mtm_block *small = in.slot.carrier, *large = mtm_block_new(sizeof bytes);
    in.slot.carrier = large;
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(mtm_receive(&listener->object, &wait, &in), MTM_OK);
        mtm_delivery_done(&in, true);
    }
    in.slot.carrier = small;
    mtm_alloc_use(&late);
    lock_when_freeing = &listener->object.lock;
    assert_int_equal(mtm_receive(&listener->object, &wait, &in), MTM_GROW);
    mtm_alloc_use(&core_allocator);
    assert_null(lock_when_freeing);
    core_let_go(&freeing_holder);
    in.slot.carrier = large;
    assert_int_equal(mtm_receive(&listener->object, &wait, &in), MTM_OK);
    mtm_delivery_done(&in, true);
    mtm_block_free(small);
    mtm_block_free(large);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("no call waits for a lock that somebody holds", no_call_waits),
        CORE_TEST("a listener passes over busy buffers", a_listener_passes_over_busy_buffers),
        CORE_TEST("a lock is waited for until the deadline",
                  a_lock_is_waited_for_until_the_deadline),
        CORE_TEST("a lock given back in time is taken", a_lock_given_back_in_time_is_taken),
        CORE_TEST("a message that came in time is returned late",
                  a_message_that_came_in_time_is_returned_late),
        CORE_TEST("who cannot look ends in time", a_waiter_that_cannot_look_ends_in_time),
        CORE_TEST("who is not woken still looks", a_waiter_that_is_not_woken_still_looks),
        CORE_TEST("a refused message makes nobody wait", a_refused_message_makes_nobody_wait),
    };
    return UNIT_RUN(tests);
}
