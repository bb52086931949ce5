/* Tests of what a notifier may do while it is called, and of what other threads may do
 * meanwhile. They own the bells. */
#include "bell.h"

/* How deep calls are nested, the deepest, and how many more calls do something. */
static int depth, deepest, left;

/* Adds two and takes one. */
static void use_buffer(struct bell *bell)
{
    struct mtm_buffer *buffer = bell->arg;
    uint32_t number;
    if (++depth > deepest) deepest = depth;
    if (left > 0) {
        --left;
        size_t before = mtm_buffer_count(buffer);
        bool fine = core_add(buffer, 8) == MTM_OK && core_add(buffer, 9) == MTM_OK;
        fine = fine && core_next(&buffer->object, 0, &number) == MTM_OK;
        if (!fine || mtm_buffer_count(buffer) != before + 1) bell->answer = 99;
    }
    --depth;
}

/* What it adds and takes itself calls it once more when it has returned: never in the middle,
 * and as long as there is any. */
static void its_own_messages_call_it_once_more(void **state)
{
    (void)state;
    for (int times = 0; times < 6; ++times) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct bell bell = {.act = use_buffer, .arg = buffer};
        bell_connect(&bell, buffer, MTM_ADDED, 0);
        bell_connect(&bell, buffer, MTM_TAKEN, 0);
        deepest = 0;
        left = times;
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(bell.rings, times + 1);
        assert_int_equal(deepest, 1);
        core_drop_buffer(buffer);
        assert_int_equal(bell.released, 2);
    }
}

static void add_and_leave(struct bell *bell)
{
    struct mtm_buffer *buffer = bell->arg;
    if (core_add(buffer, 8) != MTM_OK) bell->answer = 99;
    mtm_buffer_disconnect(buffer, MTM_ADDED, NULL, false);
}

static void add_and_fail(struct bell *bell)
{
    if (core_add(bell->arg, 8) == MTM_OK) bell->answer = 2;
}

/* One that is not connected any more, or has failed, is not. */
static void its_own_messages_may_be_its_last(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell leaving = {.act = add_and_leave, .arg = buffer};
    struct bell failing = {.act = add_and_fail, .arg = buffer};
    bell_connect(&leaving, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(leaving.rings, 1);
    assert_int_equal(leaving.released, 1);
    bell_connect(&failing, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_NOTIFIER_FAILED);
    assert_int_equal(failing.rings, 1);
    core_drop_buffer(buffer);
    assert_int_equal(failing.released, 1);
}

/* ---- left by a jump ---- */

static jmp_buf outside;

static void jump(struct bell *bell)
{
    if (bell->rings % 2 == 1) longjmp(outside, 1);
}

/* Through a pointer, lest the compiler make one frame of several. */
static void (*volatile go_down)(struct mtm_buffer *buffer, int levels);

static void add_below(struct mtm_buffer *buffer, int levels)
{
    if (levels > 0) go_down(buffer, levels - 1);
    else core_add(buffer, 1);
    depth = levels;
}

/* What it leaves behind does not stop later calls, from wherever on the stack they come. */
static void it_may_be_left_by_a_jump(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {.act = jump};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    go_down = add_below;
    for (volatile int levels = 0; levels < 20; ++levels) {
        const uint64_t before = mtm_running_serial();
        if (setjmp(outside) == 0) {
            go_down(buffer, levels);
        } else if (levels % 2) {
            mtm_running_unwind(before); /* as Lua's callers do */
        }
        go_down(buffer, levels % 2 ? 2 * levels : levels / 2);
        assert_int_equal(bell.rings, 2 * (levels + 1));
    }
    core_drop_buffer(buffer);
    assert_int_equal(bell.released, 1);
}

static void reconnect(struct bell *bell)
{
    struct mtm_buffer *buffer = bell->arg;
    if (bell->rings % 2 == 0) return; /* for its own message */
    mtm_buffer_disconnect(buffer, MTM_ADDED, NULL, false);
    bell_connect(bell, buffer, MTM_ADDED, 0);
    if (core_add(buffer, 9) != MTM_OK) bell->answer = 99;
}

static struct bell other_bell;

static void make_way(struct bell *bell)
{
    struct mtm_buffer *buffer = bell->arg;
    mtm_buffer_disconnect(buffer, MTM_ADDED, NULL, false);
    bell_connect(&other_bell, buffer, MTM_ADDED, 0);
}

/* Its own connection is gone already; the other one is not dropped in its place. */
static void it_may_make_way_for_another(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {.answer = MTM_NOTIFY_CLOSED, .act = make_way, .arg = buffer};
    other_bell = (struct bell){0};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    assert_int_equal(bell.rings, 1);
    assert_int_equal(bell.released, 1);
    assert_int_equal(other_bell.rings, 1);
    core_drop_buffer(buffer);
    assert_int_equal(other_bell.released, 1);
}

static void it_may_reconnect_itself(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {.act = reconnect, .arg = buffer};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    for (uint32_t i = 1; i <= 5; ++i) {
        assert_int_equal(core_add(buffer, i), MTM_OK);
        assert_int_equal(bell.rings, 2 * i);
        assert_int_equal(bell.released, i);
    }
    core_drop_buffer(buffer);
    assert_int_equal(bell.released, 6);
}

static void add_to_another(struct bell *bell)
{
    if (bell->rings < 3 && core_add(bell->arg, 9) != MTM_OK) bell->answer = 99;
}

/* It is the notifier of that one, too, and is called there in the middle of the first call. */
static void it_is_called_for_another_buffer_meanwhile(void **state)
{
    (void)state;
    struct mtm_buffer *first = core_buffer(NULL), *second = core_buffer(NULL);
    struct bell bell = {.act = add_to_another, .arg = second};
    bell_connect(&bell, first, MTM_ADDED, 0);
    bell_connect(&bell, second, MTM_ADDED, 0);
    assert_int_equal(core_add(first, 1), MTM_OK);
    assert_int_equal(bell.rings, 3);
    assert_int_equal(mtm_buffer_count(second), 2);
    core_drop_buffer(first);
    core_drop_buffer(second);
}

static void close_buffer(struct bell *bell)
{
    mtm_buffer_close(bell->arg);
    if (bell->released) bell->answer = 99; /* it is still running */
}

static void it_may_close_the_buffer(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {.act = close_buffer, .arg = buffer};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(bell.released, 1);
    assert_int_equal(core_add(buffer, 1), MTM_CLOSED);
    core_drop_buffer(buffer);
}

/* ---- with other threads ---- */

static mtm_a32 stage;

static void wait_inside(struct bell *bell)
{
    mtm_store_seq(&stage, 1);
    unit_await(&stage, 2);
    if (bell->released) bell->answer = 99;
}

static void *add_one(void *buffer)
{
    return core_add(buffer, 1) == MTM_OK ? buffer : NULL;
}

/* Another thread disconnects it meanwhile, and does not wait for it. */
static void it_is_released_when_it_has_returned(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {.act = wait_inside};
    pthread_t thread;
    void *result;
    stage = 0;
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(pthread_create(&thread, NULL, add_one, buffer), 0);
    unit_await(&stage, 1);
    mtm_buffer_disconnect(buffer, MTM_ADDED, NULL, false);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    mtm_store_seq(&stage, 2);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, buffer);
    assert_int_equal(bell.rings, 1);
    assert_int_equal(bell.released, 1);
    core_drop_buffer(buffer);
}

static void *add_at_once(void *opaque)
{
    struct mtm_buffer *buffer = opaque;
    struct mtm_failure failure = {0};
    struct mtm_message message = core_message("x", 1);
    bool fine = mtm_buffer_add(buffer, &message, true, &failure) == MTM_OK;
    return fine && !failure.text ? buffer : NULL;
}

static struct core_holder inside_holder;

static void let_others_hold(struct bell *bell)
{
    core_hold(&inside_holder, bell->arg);
}

/* It wants to be dropped while somebody else is at work on the buffer. */
static void dropping_it_makes_nobody_wait(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {
        .answer = MTM_NOTIFY_CLOSED, .act = let_others_hold, .arg = &buffer->queue.head.lock};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_ptr_equal(add_at_once(buffer), buffer);
    core_let_go(&inside_holder);
    assert_in_range(bell.released, 0, 1);
    bell.act = NULL;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(bell.released, 1); /* the next time at the latest */
    core_drop_buffer(buffer);
}

enum { CHANGES = 3000 };

static void *add_and_take(void *opaque)
{
    struct mtm_buffer *buffer = opaque;
    uint32_t number;
    while (mtm_load_seq(&stage) == 0) {
        if (core_add(buffer, 1) != MTM_OK) return NULL;
        if (core_next(&buffer->object, 0, &number) == MTM_NOTIFIER_FAILED) return NULL;
    }
    return buffer;
}

static void they_come_and_go(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bells[MTM_EVENTS] = {{.answer = 0}, {.answer = 0}};
    pthread_t threads[2];
    stage = 0;
    unit_start(threads, 2, add_and_take, buffer);
    for (uint32_t i = 0; i < CHANGES; ++i) {
        enum mtm_event event = i % MTM_EVENTS;
        bell_connect(&bells[event], buffer, event, i % 3);
        if (i % 8 == 0) mtm_plat_yield();
        mtm_buffer_disconnect(buffer, event, NULL, false);
    }
    mtm_store_seq(&stage, 1);
    for (int i = 0; i < 2; ++i) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, buffer);
    }
    assert_int_equal(bells[0].released + bells[1].released, CHANGES);
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("its own messages call it once more", its_own_messages_call_it_once_more),
        CORE_TEST("its own messages may be its last", its_own_messages_may_be_its_last),
        CORE_TEST("it may be left by a jump", it_may_be_left_by_a_jump),
        CORE_TEST("it may reconnect itself", it_may_reconnect_itself),
        CORE_TEST("it may make way for another", it_may_make_way_for_another),
        CORE_TEST("it is called for another buffer meanwhile",
                  it_is_called_for_another_buffer_meanwhile),
        CORE_TEST("it may close the buffer", it_may_close_the_buffer),
        CORE_TEST("it is released when it has returned", it_is_released_when_it_has_returned),
        CORE_TEST("dropping it makes nobody wait", dropping_it_makes_nobody_wait),
        CORE_TEST("notifiers come and go while they are called", they_come_and_go),
    };
    return UNIT_RUN(tests);
}
