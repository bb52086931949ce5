/* Tests of finishing: no more messages come, those that are there are delivered, and then
 * everybody learns that it is the end, whichever way the last one went. */
#include "bell.h"

static struct mtm_buffer *with(struct mtm_listener *listener, uint32_t first, uint32_t last)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = first; i <= last; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    return buffer;
}

static void what_is_there_is_delivered_and_nothing_comes(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = with(NULL, 1, 2);
    mtm_buffer_finish(buffer);
    mtm_buffer_finish(buffer);
    assert_true(mtm_object_is_finished(&buffer->object));
    assert_false(mtm_object_is_closed(&buffer->object));
    assert_int_equal(core_add(buffer, 3), MTM_CLOSED);
    assert_int_equal(core_set(buffer, 3), MTM_CLOSED);
    assert_int_equal(mtm_buffer_count(buffer), 2);
    assert_delivers(buffer, 1, 2);
    assert_next(buffer, MTM_CLOSED);
    core_drop_buffer(buffer);
}

static void a_message_put_back_is_there_for_whoever_asks_again(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = with(NULL, 1, 1);
    struct mtm_delivery in;
    mtm_buffer_finish(buffer);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_next(buffer, MTM_CLOSED);
    assert_true(mtm_delivery_put_back(&in));
    core_incoming_free(&in);
    assert_delivers(buffer, 1);
    assert_next(buffer, MTM_CLOSED);
    core_drop_buffer(buffer);
}

static void abort_outranks_it_and_close_discards(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = with(NULL, 1, 2);
    mtm_buffer_finish(buffer);
    mtm_buffer_abort(buffer, true);
    assert_next(buffer, MTM_ABORTED);
    assert_int_equal(core_add(buffer, 3), MTM_ABORTED);
    mtm_buffer_abort(buffer, false);
    assert_delivers(buffer, 1);
    mtm_buffer_close(buffer);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    assert_next(buffer, MTM_CLOSED);
    mtm_buffer_finish(buffer);
    core_drop_buffer(buffer);
}

static void a_finished_bell_says_that_it_is_closed(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *bell = core_buffer(NULL);
    buffer_connect(bell, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    mtm_buffer_finish(bell);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    assert_null(mtm_load_rlx(&buffer->notifier[MTM_ADDED]));
    assert_int_equal(mtm_buffer_count(bell), 1);
    core_drop_buffer(buffer);
    core_drop_buffer(bell);
}

static void it_calls_no_notifier(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = with(NULL, 1, 1);
    struct bell bell = {0};
    bell_connect(&bell, buffer, MTM_TAKEN, 0);
    mtm_buffer_finish(buffer);
    assert_int_equal(bell.rings, 0);
    assert_delivers(buffer, 1);
    assert_int_equal(bell.rings, 1);
    core_drop_buffer(buffer);
}

/* ---- at a listener ---- */

static void a_drained_buffer_leaves_its_listener(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *a = with(listener, 1, 2), *b = core_buffer(listener);
    mtm_buffer_finish(b);
    assert_delivers(listener, 1);
    mtm_buffer_finish(a);
    assert_delivers(listener, 2);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_buffer(a);
    assert_next(listener, MTM_NO_BUFFERS);
    struct mtm_buffer *c = core_buffer(listener);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(b);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(c);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void what_is_put_back_brings_it_back(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = with(listener, 1, 1);
    struct mtm_delivery in;
    mtm_buffer_finish(buffer);
    assert_int_equal(core_take(&listener->object, &in), MTM_OK);
    assert_next(listener, MTM_NO_BUFFERS);
    assert_true(mtm_delivery_put_back(&in));
    core_incoming_free(&in);
    assert_delivers(listener, 1);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

/* Each empties the buffer in a way of its own; it may be finished before or after that. */
static void by_taking(struct mtm_buffer *buffer)
{
    assert_delivers(buffer, 1);
}

static void by_clearing(struct mtm_buffer *buffer)
{
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
}

static void by_clearing_what_is_aborted(struct mtm_buffer *buffer)
{
    mtm_buffer_abort(buffer, true);
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    mtm_buffer_abort(buffer, false);
}

static void by_closing(struct mtm_buffer *buffer)
{
    mtm_buffer_close(buffer);
}

static void by_clearing_and_aborting(struct mtm_buffer *buffer)
{
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    mtm_buffer_abort(buffer, true);
}

static void a_buffer_leaves_whichever_way_it_is_emptied(void **state)
{
    static void (*const ways[])(struct mtm_buffer *) = {by_taking, by_clearing,
                                                        by_clearing_what_is_aborted, by_closing,
                                                        by_clearing_and_aborting};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof ways / sizeof *ways; ++i) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = with(listener, 1, 1);
        if (i % 2) mtm_buffer_finish(buffer);
        ways[i / 2](buffer);
        if (!(i % 2)) mtm_buffer_finish(buffer);
        assert_next(listener, MTM_NO_BUFFERS);
        core_drop_buffer(buffer);
        core_drop_listener(listener);
    }
}

static void *wait_for_the_end(void *opaque)
{
    uint32_t number;
    return core_next(opaque, MTM_FOREVER, &number) == MTM_NO_BUFFERS ? opaque : NULL;
}

/* They sleep because what is there is aborted. */
static void whoever_waits_learns_that_the_last_buffer_is_emptied(void **state)
{
    (void)state;
    for (int i = 0; i < 2; ++i) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = with(listener, 1, 1);
        pthread_t threads[2];
        void *told = NULL;
        mtm_buffer_abort(buffer, true);
        mtm_buffer_finish(buffer);
        unit_start(threads, 2, wait_for_the_end, listener);
        core_await_waiters(&listener->source.waiters, 2);
        if (i == 0) by_closing(buffer);
        else by_clearing(buffer);
        for (int k = 0; k < 2; ++k) {
            pthread_join(threads[k], &told);
            assert_non_null(told);
        }
        core_drop_buffer(buffer);
        core_drop_listener(listener);
    }
}

/* The others hear of the end from the one who takes the last message. */
static void the_last_one_who_takes_tells_the_others(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *ended = with(listener, 1, 1), *open = core_buffer(listener);
    pthread_t threads[3];
    void *told = NULL;
    assert_delivers(listener, 1);
    unit_start(threads, 3, wait_for_the_end, listener);
    core_await_waiters(&listener->source.waiters, 3);
    mtm_buffer_finish(ended);
    core_drop_buffer(open);
    for (int k = 0; k < 3; ++k) {
        pthread_join(threads[k], &told);
        assert_non_null(told);
    }
    core_drop_buffer(ended);
    core_drop_listener(listener);
}

static void a_finished_listener_ends_as_if_closed(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *a = with(listener, 1, 2), *b = with(listener, 11, 11), *refused;
    const struct mtm_buffer_options options = {.size = 100, .grow = 2, .listener = listener};
    mtm_buffer_close(b);
    mtm_listener_finish(listener);
    assert_int_equal(mtm_buffer_new(&options, &refused), MTM_CLOSED);
    assert_int_equal(core_add(a, 3), MTM_CLOSED);
    assert_delivers(listener, 1, 2);
    assert_next(listener, MTM_CLOSED);
    assert_int_equal(mtm_listener_clear(listener, false), MTM_OK);
    core_drop_buffer(a);
    core_drop_buffer(b);
    assert_next(listener, MTM_CLOSED);
    core_drop_listener(listener);
}

static void clearing_a_listener_reaches_all_behind_those_that_parted(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *gone[3], *kept = NULL;
    for (int i = 0; i < 3; ++i) {
        gone[i] = core_buffer(listener);
        mtm_buffer_finish(gone[i]);
    }
    kept = with(listener, 1, 2);
    assert_delivers(listener, 1);
    assert_int_equal(mtm_listener_clear(listener, false), MTM_OK);
    assert_int_equal(mtm_buffer_count(kept), 0);
    for (int i = 0; i < 3; ++i) core_drop_buffer(gone[i]);
    core_drop_buffer(kept);
    core_drop_listener(listener);
}

/* ---- at the same time ---- */

enum { ROUNDS = 300, EACH = 20, RECEIVERS = 3 };

struct arena {
    struct mtm_listener *listener;
    struct mtm_buffer *b[2];
    mtm_a32 begun, added, taken, wrong;
};

/* One takes from a buffer, the others from the listener; now and then a message goes back. */
static void *drain(void *opaque)
{
    struct arena *arena = opaque;
    const uint32_t self = mtm_add_seq(&arena->begun, 1);
    struct mtm_object *from = self ? &arena->listener->object : &arena->b[0]->object;
    for (uint32_t turn = 0;; ++turn) {
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        struct mtm_delivery in;
        if (!core_incoming(&in)) break;
        enum mtm_status status = mtm_receive(from, &wait, &in);
        if (status == MTM_OK && turn % 7 == self) mtm_delivery_put_back(&in);
        else if (status == MTM_OK) {
            mtm_add_seq(&arena->taken, 1);
            mtm_delivery_done(&in, false);
        } else {
            in.slot.block = NULL;
        }
        core_incoming_free(&in);
        if (status == MTM_OK) continue;
        if (status != (self ? MTM_NO_BUFFERS : MTM_CLOSED)) mtm_add_seq(&arena->wrong, 1);
        return NULL;
    }
    return NULL;
}

static void *fill_and_finish(void *opaque)
{
    struct arena *arena = opaque;
    for (int i = 0; i < EACH; ++i) {
        if (core_add(arena->b[i % 2], 1) == MTM_OK) mtm_add_seq(&arena->added, 1);
    }
    mtm_buffer_finish(arena->b[0]);
    mtm_buffer_finish(arena->b[1]);
    return NULL;
}

/* Who puts back may find itself alone: then it has what is left, or the test. */
static void nobody_waits_for_ever_and_nothing_is_lost(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; ++round) {
        struct arena arena = {.listener = core_listener()};
        pthread_t receivers[RECEIVERS], producer;
        uint32_t number;
        for (int i = 0; i < 2; ++i) arena.b[i] = core_buffer(arena.listener);
        unit_start(receivers, RECEIVERS, drain, &arena);
        unit_start(&producer, 1, fill_and_finish, &arena);
        unit_join(&producer, 1);
        unit_join(receivers, RECEIVERS);
        while (core_next(&arena.listener->object, 0, &number) == MTM_OK) ++arena.taken;
        assert_int_equal(arena.wrong, 0);
        assert_int_equal(arena.added, EACH);
        assert_int_equal(arena.taken, EACH);
        for (int i = 0; i < 2; ++i) core_drop_buffer(arena.b[i]);
        core_drop_listener(arena.listener);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CORE_TEST("what is there is delivered, and nothing comes",
                  what_is_there_is_delivered_and_nothing_comes),
        CORE_TEST("a message put back is there for whoever asks again",
                  a_message_put_back_is_there_for_whoever_asks_again),
        CORE_TEST("abort outranks it, and close discards",
                  abort_outranks_it_and_close_discards),
        CORE_TEST("a finished bell says that it is closed",
                  a_finished_bell_says_that_it_is_closed),
        CORE_TEST("it calls no notifier", it_calls_no_notifier),
        CORE_TEST("a drained buffer leaves its listener", a_drained_buffer_leaves_its_listener),
        CORE_TEST("what is put back brings it back", what_is_put_back_brings_it_back),
        CORE_TEST("a buffer leaves whichever way it is emptied",
                  a_buffer_leaves_whichever_way_it_is_emptied),
        CORE_TEST("whoever waits learns that the last buffer is emptied",
                  whoever_waits_learns_that_the_last_buffer_is_emptied),
        CORE_TEST("the last one who takes tells the others",
                  the_last_one_who_takes_tells_the_others),
        CORE_TEST("a finished listener ends as if closed",
                  a_finished_listener_ends_as_if_closed),
        CORE_TEST("clearing a listener reaches all behind those that parted",
                  clearing_a_listener_reaches_all_behind_those_that_parted),
        CORE_TEST("nobody waits for ever, and nothing is lost",
                  nobody_waits_for_ever_and_nothing_is_lost),
    };
    return UNIT_RUN(tests);
}
