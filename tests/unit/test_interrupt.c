/* Tests of waits whose callers are asked whether to go on. They own the threads that wait. */
#include "core.h"

#include "core/publish.h"
#include "core/room.h"

struct waiting {
    struct mtm_buffer *buffer;
    struct mtm_wait wait;
    int times; /* how often it goes on */
    mtm_a32 asked;
    mtm_a32 over;
    enum mtm_status status;
    uint32_t got;
};

static bool goes_on(struct mtm_wait *wait)
{
    struct waiting *w = wait->asked;
    return (int)mtm_add_seq(&w->asked, 1) < w->times;
}

static void begin(struct waiting *w, struct mtm_buffer *buffer, int times)
{
    *w = (struct waiting){.buffer = buffer, .times = times};
    w->wait = (struct mtm_wait){.timeout = MTM_FOREVER, .go_on = goes_on, .asked = w};
}

static void *receive_one(void *arg)
{
    struct waiting *w = arg;
    struct mtm_delivery in = {.slot = {.limit = SIZE_MAX, .carrier = mtm_block_new(64)}};
    w->status = mtm_receive(&w->buffer->object, &w->wait, &in);
    if (w->status == MTM_OK) {
        mtm_delivery_done(&in, false);
        w->got = 1;
    }
    mtm_block_free(in.slot.carrier);
    mtm_store_seq(&w->over, 1);
    return NULL;
}

static void *put_one(void *arg)
{
    struct waiting *w = arg;
    struct mtm_message message = core_message("late", 4);
    struct mtm_notifier *notifier;
    w->status = mtm_buffer_put_wait(w->buffer, &message, &w->wait, &notifier);
    mtm_store_seq(&w->over, 1);
    return NULL;
}

static void *sleep_long(void *arg)
{
    struct waiting *w = arg;
    w->status = mtm_sleep(&w->wait);
    mtm_store_seq(&w->over, 1);
    return NULL;
}

/* As a signal does, for which a unit test has no handler: it ends sleeps for no reason. */
static void wake_until(struct waiting *w, bool (*enough)(struct waiting *w))
{
    while (!enough(w)) {
        mtm_waiters_wake_all(&w->buffer->source.waiters);
        mtm_sleep_wake_all();
        mtm_plat_yield();
    }
}

static bool is_over(struct waiting *w)
{
    return mtm_load_seq(&w->over) != 0;
}

static bool has_been_asked(struct waiting *w)
{
    return mtm_load_seq(&w->asked) >= 3;
}

static void a_receiver_that_does_not_go_on_takes_nothing(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    for (int times = 0; times < 3; ++times) {
        struct waiting w;
        pthread_t thread;
        begin(&w, buffer, times);
        unit_start(&thread, 1, receive_one, &w);
        wake_until(&w, is_over);
        unit_join(&thread, 1);
        assert_int_equal(w.status, MTM_INTERRUPTED);
        assert_int_equal(w.asked, times + 1);
        assert_int_equal(mtm_waiters_count(&buffer->source.waiters), 0);
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_delivers(buffer, 1);
    }
    core_drop_buffer(buffer);
}

static void one_that_goes_on_keeps_its_place(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct waiting w;
    pthread_t thread;
    begin(&w, buffer, 1 << 30);
    unit_start(&thread, 1, receive_one, &w);
    wake_until(&w, has_been_asked);
    assert_int_equal(mtm_waiters_count(&buffer->source.waiters), 1);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    unit_join(&thread, 1);
    assert_int_equal(w.status, MTM_OK);
    assert_int_equal(w.got, 1);
    core_drop_buffer(buffer);
}

static void a_deadline_holds_where_sleeps_are_short(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct waiting w;
    begin(&w, buffer, 1 << 30);
    w.wait.timeout = 5 * UNIT_MS;
    const int64_t before = mtm_plat_now();
    receive_one(&w);
    assert_int_equal(w.status, MTM_EMPTY);
    assert_true(mtm_plat_now() - before >= 5 * UNIT_MS);
    core_drop_buffer(buffer);
}

/* Its word is on its own stack; it is there as long as it stands in line. */
static void wake_in_line(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    if (mtm_room_is_wanted(buffer)) mtm_plat_unpark_one(&buffer->room->first->told);
    mtm_buffer_unlock_both(buffer);
}

static void a_sender_that_does_not_go_on_leaves_the_line(void **state)
{
    (void)state;
    struct mtm_buffer_options options = {.grow = 2, .size = 100, .bounds = {.limit = 1}};
    struct mtm_buffer *buffer = NULL;
    struct waiting w;
    pthread_t thread;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    for (int times = 0; times < 3; ++times) {
        begin(&w, buffer, times);
        unit_start(&thread, 1, put_one, &w);
        while (!is_over(&w)) {
            wake_in_line(buffer);
            mtm_plat_yield();
        }
        unit_join(&thread, 1);
        assert_int_equal(w.status, MTM_INTERRUPTED);
        assert_int_equal(mtm_room_waiting(buffer), 0);
    }
    assert_delivers(buffer, 1);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    core_drop_buffer(buffer);
}

struct publishing {
    struct mtm_topic *topic;
    struct waiting w;
    struct mtm_published published;
};

static void *publish_one(void *arg)
{
    struct publishing *p = arg;
    struct mtm_message message = core_message("late", 4);
    struct mtm_targets targets;
    struct mtm_failure failure = {0};
    p->w.status = mtm_topic_put_wait(p->topic, &message, &p->w.wait, &targets, &p->published);
    if (p->w.status == MTM_OK) mtm_targets_notify(&targets, false, &failure);
    mtm_store_seq(&p->w.over, 1);
    return NULL;
}

/* Of three subscribers two are full: neither is waited for any longer. */
static void a_publisher_that_does_not_go_on_leaves_all_lines(void **state)
{
    (void)state;
    struct mtm_buffer *to[3];
    for (int times = 0; times < 3; ++times) {
        struct publishing p = {.topic = NULL};
        pthread_t thread;
        assert_int_equal(mtm_topic_new(NULL, 0, false, &p.topic), MTM_OK);
        for (int i = 0; i < 3; ++i) {
            struct mtm_buffer_options options = {
                .grow = 2, .size = 100, .bounds = {.limit = i < 2 ? 1 : 2}};
            assert_int_equal(mtm_topic_subscribe(p.topic, &options, &to[i]), MTM_OK);
            assert_int_equal(core_add(to[i], 1), MTM_OK);
        }
        begin(&p.w, to[0], times);
        unit_start(&thread, 1, publish_one, &p);
        while (!is_over(&p.w)) {
            wake_in_line(to[0]);
            mtm_plat_yield();
        }
        unit_join(&thread, 1);
        assert_int_equal(p.w.status, MTM_OK);
        assert_true(p.published.interrupted);
        assert_int_equal(p.published.taken, 1);
        assert_int_equal(p.published.refused, 2);
        assert_int_equal(p.w.asked, times + 1);
        for (int i = 0; i < 3; ++i) {
            assert_int_equal(mtm_room_waiting(to[i]), 0);
            assert_int_equal(mtm_buffer_count(to[i]), i < 2 ? 1 : 2);
            core_drop_buffer(to[i]);
        }
        mtm_root_release(&p.topic->object);
    }
}

static void a_sleeper_that_does_not_go_on_wakes(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct waiting w;
    pthread_t thread;
    begin(&w, buffer, 2);
    unit_start(&thread, 1, sleep_long, &w);
    wake_until(&w, is_over);
    unit_join(&thread, 1);
    assert_int_equal(w.status, MTM_INTERRUPTED);
    assert_int_equal(w.asked, 3);
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a receiver that does not go on takes nothing",
                  a_receiver_that_does_not_go_on_takes_nothing),
        CORE_TEST("one that goes on keeps its place", one_that_goes_on_keeps_its_place),
        CORE_TEST("a deadline holds where sleeps are short",
                  a_deadline_holds_where_sleeps_are_short),
        CORE_TEST("a sender that does not go on leaves the line",
                  a_sender_that_does_not_go_on_leaves_the_line),
        CORE_TEST("a publisher that does not go on leaves all lines",
                  a_publisher_that_does_not_go_on_leaves_all_lines),
        CORE_TEST("a sleeper that does not go on wakes", a_sleeper_that_does_not_go_on_wakes),
    };
    return UNIT_RUN(tests);
}
