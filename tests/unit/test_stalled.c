/* Tests that one thread which is suspended, at any of the marked places, holds up nobody else's
 * messages, unless it has a lock there. They need a build that pauses at these places, and own
 * what the threads share. */
#include "bell.h"

#include "core/bell.h"

#if !defined(MTM_PAUSES)
int main(void)
{
    return puts("1..0 # skipped: needs a build with -DMTM_PAUSES") < 0;
}
#else

/* One buffer, its listener, and two who receive all the time; `own` has the buffer as bell. */
struct scene {
    struct mtm_listener *listener;
    struct mtm_buffer *buffer, *own;
    void (*act)(struct scene *s);
};

enum { RUNS, STALLED, ENDED };

static struct {
    mtm_a32 stage; /* of the thread that stalls */
    mtm_a32 go_on;
    int places, stall_at; /* its own: so many were passed; and where to stall */
} one;

/* With a lock it goes on: who needs that waits, as ever. */
static void stall(void)
{
    if (++one.places < one.stall_at || mtm_load_seq(&one.stage) != RUNS) return;
    if (mtm_plat_held_add(0) != 0) return;
    one.stall_at = one.places + 1; /* the next time */
    mtm_store_seq(&one.stage, STALLED);
    unit_await(&one.go_on, 1);
}

static void *act_and_stall(void *opaque)
{
    struct scene *s = opaque;
    mtm_plat_pause_by(stall);
    s->act(s);
    mtm_plat_pause_by(NULL);
    mtm_store_seq(&one.stage, ENDED);
    return NULL;
}

static void *receive_all(void *object)
{
    uint32_t number;
    while (core_next(object, MTM_FOREVER, &number) == MTM_OK) {
    }
    return NULL;
}

/* Three messages, so long after another that each needs a wake-up of its own. */
static void others_get_theirs(struct scene *s)
{
    for (uint32_t i = 1; i <= 3; ++i) {
        assert_int_equal(core_add(s->buffer, i), MTM_OK);
        unit_linger(UNIT_MS / 2);
    }
    while (mtm_buffer_count(s->buffer) > 0) mtm_plat_yield();
}

/* Stalls at one place after the other, until the thread comes to its end before that. Returns
 * at how many it did. */
static int stall_everywhere(void (*act)(struct scene *s))
{
    int stalls = 0, before = -1;
    for (one.stall_at = 1; stalls > before;) {
        before = stalls;
        struct scene s = {.listener = core_listener(), .act = act};
        pthread_t receivers[2], staller;
        s.buffer = core_buffer(s.listener);
        s.own = core_buffer(NULL);
        buffer_connect(s.buffer, s.own, MTM_ADDED, 0);
        one.places = 0;
        one.stage = one.go_on = 0;
        unit_start(&receivers[0], 1, receive_all, s.listener);
        unit_start(&receivers[1], 1, receive_all, s.buffer);
        unit_start(&staller, 1, act_and_stall, &s);
        while (mtm_load_seq(&one.stage) == RUNS) {
            core_add(s.buffer, 9); /* it may be waiting for one */
            mtm_plat_yield();
        }
        stalls += mtm_load_seq(&one.stage) == STALLED;
        others_get_theirs(&s);
        mtm_store_seq(&one.go_on, 1);
        while (mtm_load_seq(&one.stage) != ENDED) {
            core_add(s.buffer, 9);
            mtm_plat_yield();
        }
        unit_join(&staller, 1);
        mtm_listener_close(s.listener);
        unit_join(receivers, 2);
        core_drop_buffer(s.own);
        core_drop_buffer(s.buffer);
        core_drop_listener(s.listener);
    }
    return stalls;
}

static void add(struct scene *s)
{
    core_add(s->buffer, 1);
}

/* Whether the producer came to the place where it was to stall. The one who receives takes its
 * message with the next one at the latest, when the first wake-up is late. */
static bool one_of_two_producers_stalls(void)
{
    struct scene s = {.buffer = core_buffer(NULL), .act = add};
    pthread_t receiver, staller;
    one.places = 0;
    one.stage = one.go_on = 0;
    unit_start(&receiver, 1, receive_all, s.buffer);
    while (mtm_waiters_count(&s.buffer->source.waiters) == 0) mtm_plat_yield();
    unit_linger(UNIT_MS);
    unit_start(&staller, 1, act_and_stall, &s);
    while (mtm_load_seq(&one.stage) == RUNS) mtm_plat_yield();
    const bool stalls = mtm_load_seq(&one.stage) == STALLED;
    unit_linger(UNIT_MS);
    assert_int_equal(core_add(s.buffer, 2), MTM_OK);
    while (mtm_buffer_count(s.buffer) > 0) mtm_plat_yield();
    mtm_store_seq(&one.go_on, 1);
    unit_join(&staller, 1);
    mtm_buffer_close(s.buffer);
    unit_join(&receiver, 1);
    core_drop_buffer(s.buffer);
    return stalls;
}

/* Nobody passes a baton here, and nobody else calls. */
static void while_one_of_two_producers(void **state)
{
    int stalls = 0;
    (void)state;
    for (one.stall_at = 1; one_of_two_producers_stalls();) ++stalls;
    printf("# one of two producers: stalled at %d places\n", stalls);
    assert_true(stalls > 0);
}

static void receive_from_listener(struct scene *s)
{
    uint32_t number;
    core_next(&s->listener->object, MTM_FOREVER, &number);
}

static void receive_from_buffer(struct scene *s)
{
    uint32_t number;
    core_next(&s->buffer->object, MTM_FOREVER, &number);
}

static void poll_listener(struct scene *s)
{
    uint32_t number;
    core_next(&s->listener->object, 0, &number);
}

static void put_back(struct scene *s)
{
    struct mtm_delivery in;
    if (!core_incoming(&in)) return;
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    if (mtm_receive(&s->listener->object, &wait, &in) == MTM_OK) mtm_delivery_put_back(&in);
    core_incoming_free(&in);
}

static void notify(struct scene *s)
{
    core_add_as(s->own, 1, true);
}

/* As if the bell was busy. */
static void knock(struct scene *s)
{
    mtm_queue_knock(&s->buffer->queue);
    MTM_PAUSE();
    mtm_ready_knocked(s->buffer);
    mtm_ready_wake(s->buffer);
    mtm_source_wake_one(&s->buffer->source);
}

static void clear(struct scene *s)
{
    mtm_buffer_clear(s->buffer, false);
}

#define STALL(name)                                                                            \
    static void while_one_##name(void **state)                                                 \
    {                                                                                          \
        (void)state;                                                                           \
        const int stalls = stall_everywhere(name);                                             \
        printf("# %s: stalled at %d places\n", #name, stalls);                                 \
        assert_true(stalls > 0);                                                               \
    }

STALL(add)
STALL(receive_from_listener)
STALL(receive_from_buffer)
STALL(poll_listener)
STALL(put_back)
STALL(notify)
STALL(knock)
STALL(clear)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("who stalls in adding", while_one_add),
        CORE_TEST("who stalls in adding, beside one producer and one receiver",
                  while_one_of_two_producers),
        CORE_TEST("who stalls in receiving from a listener", while_one_receive_from_listener),
        CORE_TEST("who stalls in receiving from a buffer", while_one_receive_from_buffer),
        CORE_TEST("who stalls in polling a listener", while_one_poll_listener),
        CORE_TEST("who stalls in putting back", while_one_put_back),
        CORE_TEST("who stalls in notifying", while_one_notify),
        CORE_TEST("who stalls in knocking", while_one_knock),
        CORE_TEST("who stalls in clearing", while_one_clear),
    };
    return UNIT_RUN(tests);
}
#endif
