/* Tests of waiting for several sources: which message comes first, what is told of those that
 * have ended, and that nobody sleeps over a message, whoever waits beside it. They own what the
 * threads share. */
#include "core.h"
#include "core/select.h"

enum { NONE = 99 };

struct result {
    enum mtm_status status;
    uint32_t number;
    size_t which;
};

static struct result select_from(struct mtm_object *const *objects, size_t count,
                                 int64_t timeout)
{
    struct result result = {.number = 0, .which = NONE};
    struct mtm_select select;
    struct mtm_wait wait = {.timeout = timeout};
    struct mtm_delivery in;
    result.status = MTM_NOMEM;
    if (!core_incoming(&in)) return result;
    mtm_select_init(&select);
    for (size_t i = 0; i < count; ++i) mtm_select_add(&select, objects[i]);
    result.status = mtm_select_receive(&select, &wait, &in, &result.which);
    if (result.status == MTM_OK) {
        result.number = core_number(in.slot.block);
        mtm_delivery_done(&in, false);
    } else {
        in.slot.block = NULL;
    }
    core_incoming_free(&in);
    return result;
}

#define SELECT(timeout, ...)                                                                   \
    select_from((struct mtm_object *[]){__VA_ARGS__},                                          \
                sizeof((struct mtm_object *[]){__VA_ARGS__}) / sizeof(void *), (timeout))

#define assert_selects(expected, index, value, ...)                                            \
    do {                                                                                       \
        struct result result_ = SELECT(0, __VA_ARGS__);                                        \
        assert_int_equal(result_.status, (expected));                                          \
        assert_int_equal(result_.which, (index));                                              \
        assert_int_equal(result_.number, (value));                                             \
    } while (0)

struct set {
    struct mtm_listener *listener;
    struct mtm_buffer *a, *b, *c; /* c is the listener's */
    struct mtm_object *A, *B, *C, *L;
};

static void set_up(struct set *s)
{
    s->listener = core_listener();
    s->a = core_buffer(NULL);
    s->b = core_buffer(NULL);
    s->c = core_buffer(s->listener);
    s->A = &s->a->object;
    s->B = &s->b->object;
    s->C = &s->c->object;
    s->L = &s->listener->object;
}

static void tear_down(struct set *s)
{
    core_drop_buffer(s->a);
    core_drop_buffer(s->b);
    core_drop_buffer(s->c);
    core_drop_listener(s->listener);
}

static void messages_come_in_the_order_given(void **state)
{
    (void)state;
    struct set s;
    set_up(&s);
    assert_selects(MTM_EMPTY, 3, 0, s.A, s.B, s.L);
    core_add(s.b, 1);
    core_add(s.b, 2);
    core_add(s.c, 3);
    assert_selects(MTM_OK, 1, 1, s.A, s.B, s.L);
    core_add(s.a, 4);
    assert_selects(MTM_OK, 0, 4, s.A, s.B, s.L);
    assert_selects(MTM_OK, 0, 3, s.L, s.B, s.A);
    assert_selects(MTM_OK, 1, 2, s.L, s.B, s.A);
    assert_selects(MTM_EMPTY, 3, 0, s.L, s.B, s.A);
    tear_down(&s);
}

static void the_same_source_twice_counts_once(void **state)
{
    (void)state;
    struct set s;
    set_up(&s);
    core_add(s.b, 1);
    core_add(s.c, 2);
    core_add(s.c, 3);
    assert_selects(MTM_OK, 1, 1, s.A, s.B, s.A, s.B);
    assert_selects(MTM_EMPTY, 2, 0, s.A, s.B, s.A, s.B);
    assert_selects(MTM_OK, 0, 2, s.L, s.C);
    assert_selects(MTM_OK, 0, 3, s.C, s.L);
    assert_int_equal(SELECT(UNIT_MS, s.C, s.L, s.C).status, MTM_EMPTY);
    tear_down(&s);
}

static void what_has_ended_is_told_if_there_is_no_message(void **state)
{
    (void)state;
    struct set s;
    set_up(&s);
    mtm_buffer_close(s.b);
    core_add(s.c, 1);
    assert_selects(MTM_OK, 2, 1, s.A, s.B, s.L);
    assert_selects(MTM_CLOSED, 1, 0, s.A, s.B, s.L);
    mtm_buffer_abort(s.a, true);
    assert_selects(MTM_ABORTED, 0, 0, s.A, s.B, s.L);
    mtm_buffer_finish(s.c);
    assert_selects(MTM_NO_BUFFERS, 0, 0, s.L);
    assert_int_equal(SELECT(MTM_FOREVER, s.L, s.B).status, MTM_NO_BUFFERS);
    struct result nothing = select_from(NULL, 0, MTM_FOREVER);
    assert_int_equal(nothing.status, MTM_NO_BUFFERS);
    assert_int_equal(nothing.which, 0);
    tear_down(&s);
}

static void no_message_is_lost_for_want_of_room(void **state)
{
    (void)state;
    struct set s;
    struct mtm_select select;
    struct mtm_delivery in = {.slot = {.limit = SIZE_MAX}};
    size_t which;
    set_up(&s);
    core_add(s.b, 7);
    mtm_select_init(&select);
    mtm_select_add(&select, s.A);
    mtm_select_add(&select, s.B);
    for (int i = 0; i < 2; ++i) {
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        enum mtm_status status = mtm_select_receive(&select, &wait, &in, &which);
        assert_int_equal(status, i == 0 ? MTM_GROW : MTM_OK);
        assert_int_equal(which, 1);
        if (i == 0) in.slot.carrier = mtm_block_new(in.slot.need);
    }
    assert_int_equal(core_number(in.slot.block), 7);
    mtm_delivery_done(&in, false);
    core_incoming_free(&in);
    tear_down(&s);
}

/* ---- waiting ---- */

struct waiting {
    struct mtm_object *objects[3];
    struct result result;
    int64_t timeout;
    pthread_t thread;
};

static void *wait_for_them(void *opaque)
{
    struct waiting *w = opaque;
    w->result = select_from(w->objects, 3, w->timeout);
    return NULL;
}

static void begin_to_wait(struct waiting *w, struct set *s, size_t others)
{
    *w = (struct waiting){.objects = {s->A, s->B, s->L}, .timeout = MTM_FOREVER};
    unit_start(&w->thread, 1, wait_for_them, w);
    while (mtm_source_selects(&s->a->source) == 0) mtm_plat_yield();
    core_await_waiters(&s->a->source.waiters, others + 1);
    core_await_waiters(&s->b->source.waiters, others + 1);
    core_await_waiters(&s->listener->source.waiters, others + 1);
}

static struct result outcome(struct waiting *w)
{
    unit_join(&w->thread, 1);
    return w->result;
}

static void assert_nobody_waits(struct set *s)
{
    struct mtm_source *sources[] = {&s->a->source, &s->b->source, &s->c->source,
                                    &s->listener->source};
    for (int i = 0; i < 4; ++i) {
        assert_int_equal(sources[i]->waiters.state, 0);
        assert_int_equal(mtm_source_selects(sources[i]), 0);
        assert_null(sources[i]->choices.first);
        assert_int_equal(sources[i]->choices.owed, 0);
    }
}

static void a_message_ends_the_waiting_wherever_it_comes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; ++i) {
        struct set s;
        struct waiting w;
        set_up(&s);
        begin_to_wait(&w, &s, 0);
        core_add(i == 0 ? s.a : i == 1 ? s.b : s.c, 5);
        struct result result = outcome(&w);
        assert_int_equal(result.status, MTM_OK);
        assert_int_equal(result.which, i);
        assert_int_equal(result.number, 5);
        assert_nobody_waits(&s);
        tear_down(&s);
    }
}

static void every_change_of_state_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 6; ++i) {
        struct set s;
        struct waiting w[2];
        set_up(&s);
        begin_to_wait(&w[0], &s, 0);
        begin_to_wait(&w[1], &s, 1);
        if (i == 0) mtm_buffer_close(s.b);
        if (i == 1) mtm_buffer_finish(s.b);
        if (i == 2) mtm_buffer_abort(s.b, true);
        if (i == 3) mtm_buffer_finish(s.c);
        if (i == 4) mtm_listener_close(s.listener);
        if (i == 5) mtm_abort_all(true);
        static const enum mtm_status expected[] = {MTM_CLOSED,     MTM_CLOSED, MTM_ABORTED,
                                                   MTM_NO_BUFFERS, MTM_CLOSED, MTM_ABORTED};
        for (int k = 0; k < 2; ++k) {
            struct result result = outcome(&w[k]);
            assert_int_equal(result.status, expected[i]);
            if (i < 5) assert_int_equal(result.which, i < 3 ? 1 : 2);
        }
        mtm_abort_all(false);
        assert_nobody_waits(&s);
        tear_down(&s);
    }
}

/* Too short for a look to show it. */
static void an_abort_is_told_though_it_was_taken_back(void **state)
{
    (void)state;
    struct set s;
    struct waiting w;
    set_up(&s);
    begin_to_wait(&w, &s, 0);
    mtm_buffer_abort(s.b, true);
    mtm_buffer_abort(s.b, false);
    assert_int_equal(outcome(&w).status, MTM_ABORTED);
    tear_down(&s);
}

static void in_time_or_not(void **state)
{
    (void)state;
    struct set s;
    set_up(&s);
    int64_t before = mtm_plat_now();
    assert_int_equal(SELECT(20 * UNIT_MS, s.A, s.B, s.L).status, MTM_EMPTY);
    assert_true(mtm_plat_now() - before >= 20 * UNIT_MS);
    assert_nobody_waits(&s);
    tear_down(&s);
}

static void *receive_one(void *opaque)
{
    uint32_t number = 0;
    core_next(opaque, MTM_FOREVER, &number);
    return number == 0 ? NULL : opaque;
}

/* One message at two sources each, for a select and a receiver at each of them: whoever is
 * woken, and whatever it takes, the others hear of the rest. */
static void who_takes_from_one_source_leaves_the_other_to_others(void **state)
{
    (void)state;
    for (int i = 0; i < 200; ++i) {
        struct set s;
        struct waiting w[2];
        pthread_t receiver;
        void *got = NULL;
        set_up(&s);
        begin_to_wait(&w[0], &s, 0);
        begin_to_wait(&w[1], &s, 1);
        unit_start(&receiver, 1, receive_one, s.A);
        core_await_waiters(&s.a->source.waiters, 3);
        core_add(s.a, 1);
        core_add(s.b, 2);
        core_add(s.a, 3);
        core_add(s.a, 4);
        for (int k = 0; k < 2; ++k) assert_int_equal(outcome(&w[k]).status, MTM_OK);
        pthread_join(receiver, &got);
        assert_non_null(got);
        assert_int_equal(mtm_buffer_count(s.a) + mtm_buffer_count(s.b), 1);
        assert_nobody_waits(&s);
        tear_down(&s);
    }
}

/* A thread that is suspended with a lock of one source holds up no message of another. */
static void a_busy_source_holds_up_no_other(void **state)
{
    (void)state;
    for (int i = 0; i < 2; ++i) {
        struct set s;
        struct core_holder holder;
        set_up(&s);
        core_hold(&holder, i ? &s.a->queue.tail.lock : &s.a->queue.head.lock);
        core_add(s.b, 1);
        assert_int_equal(SELECT(MTM_FOREVER, s.A, s.B).number, 1);
        assert_int_equal(SELECT(5 * UNIT_MS, s.A, s.B).which, 2);
        struct waiting w = {.objects = {s.A, s.B, s.L}, .timeout = MTM_FOREVER};
        unit_start(&w.thread, 1, wait_for_them, &w);
        core_await_waiters(&s.b->source.waiters, 1);
        core_add(s.b, 2);
        assert_int_equal(outcome(&w).number, 2);
        core_let_go(&holder);
        assert_nobody_waits(&s);
        tear_down(&s);
    }
}

/* Nor is it a reason not to tell that one has ended. */
static void what_has_ended_is_told_beside_a_busy_source(void **state)
{
    (void)state;
    struct set s;
    struct core_holder holder;
    set_up(&s);
    mtm_buffer_close(s.b);
    core_add(s.a, 1);
    core_hold(&holder, &s.a->queue.head.lock);
    for (int64_t timeout = 0; timeout <= 5 * UNIT_MS; timeout += 5 * UNIT_MS) {
        struct result result = SELECT(timeout, s.A, s.B, s.L);
        assert_int_equal(result.status, MTM_CLOSED);
        assert_int_equal(result.which, 1);
    }
    assert_int_equal(SELECT(0, s.A, s.L).status, MTM_BUSY);
    core_let_go(&holder);
    assert_selects(MTM_OK, 0, 1, s.A, s.B, s.L);
    assert_nobody_waits(&s);
    tear_down(&s);
}

static void who_waits_for_long_gives_up_memory(void **state)
{
    (void)state;
    struct set s;
    struct waiting w;
    set_up(&s);
    for (uint32_t n = 1; n <= 1000; ++n) assert_int_equal(core_add(s.b, n), MTM_OK);
    for (uint32_t n = 1; n <= 1000; ++n) assert_delivers(s.b, n);
    assert_true(mtm_buffer_is_warm(&s.b->source));
    begin_to_wait(&w, &s, 0);
    while (mtm_buffer_is_warm(&s.b->source)) mtm_plat_yield();
    core_await_waiters(&s.b->source.waiters, 1); /* it goes on waiting */
    core_add(s.b, 5);
    struct result result = outcome(&w);
    assert_int_equal(result.status, MTM_OK);
    assert_int_equal(result.number, 5);
    tear_down(&s);
}

/* ---- who is asked whether to go on ---- */

struct asked {
    struct mtm_object *objects[2];
    mtm_a32 times, over;
    enum mtm_status status;
};

static bool goes_on_twice(struct mtm_wait *wait)
{
    return mtm_add_seq(&((struct asked *)wait->asked)->times, 1) < 2;
}

static void *select_until_told(void *opaque)
{
    struct asked *a = opaque;
    struct mtm_wait wait = {.timeout = MTM_FOREVER, .go_on = goes_on_twice, .asked = a};
    struct mtm_delivery in = {.slot = {.limit = SIZE_MAX}};
    struct mtm_select select;
    size_t which;
    mtm_select_init(&select);
    for (int i = 0; i < 2; ++i) mtm_select_add(&select, a->objects[i]);
    a->status = mtm_select_receive(&select, &wait, &in, &which);
    mtm_store_seq(&a->over, 1);
    return NULL;
}

/* Its sleep is ended for no reason, as by a signal. */
static void who_does_not_go_on_takes_nothing(void **state)
{
    (void)state;
    struct set s;
    pthread_t thread;
    set_up(&s);
    struct asked a = {.objects = {s.A, s.L}};
    unit_start(&thread, 1, select_until_told, &a);
    while (!mtm_load_seq(&a.over)) {
        mtm_source_wake(&s.a->source);
        mtm_plat_yield();
    }
    unit_join(&thread, 1);
    assert_int_equal(a.status, MTM_INTERRUPTED);
    assert_int_equal(a.times, 3);
    core_add(s.c, 1);
    assert_selects(MTM_OK, 1, 1, s.A, s.L);
    assert_nobody_waits(&s);
    tear_down(&s);
}

/* ---- at the same time ---- */

enum { SOURCES = 3, PRODUCERS = 3, SELECTS = 2, EACH = 4000, TOTAL = PRODUCERS * EACH };

struct arena {
    struct mtm_listener *listener;
    struct mtm_buffer *b[SOURCES]; /* the last one is the listener's */
    mtm_a32 producers, selects;    /* begun */
    mtm_a32 taken, wrong;
    mtm_a32 seen[TOTAL];
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void *produce(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t self = mtm_add_seq(&arena->producers, 1), seed = self;
    for (uint32_t i = 0; i < EACH; ++i) {
        core_add(arena->b[next_random(&seed) % SOURCES], self * EACH + i + 1);
        if (next_random(&seed) % 64 == 0) unit_linger(UNIT_MS / 20); /* lets them fall asleep */
    }
    return NULL;
}

static void count(struct arena *arena, uint32_t number)
{
    if (number == 0 || number > TOTAL || mtm_add_seq(&arena->seen[number - 1], 1) != 0)
        mtm_add_seq(&arena->wrong, 1);
    if (mtm_add_seq(&arena->taken, 1) + 1 < TOTAL) return;
    for (int i = 0; i < SOURCES; ++i) mtm_buffer_close(arena->b[i]);
    mtm_listener_close(arena->listener);
}

static void *select_many(void *opaque)
{
    struct arena *arena = opaque;
    const uint32_t self = mtm_add_seq(&arena->selects, 1);
    struct mtm_object *objects[] = {&arena->b[0]->object, &arena->b[1]->object,
                                    &arena->listener->object};
    if (self % 2) objects[1] = &arena->b[2]->object;
    for (uint32_t seed = self;;) {
        int64_t timeout = next_random(&seed) % 4 ? MTM_FOREVER : UNIT_MS / 10;
        struct result result = select_from(objects, 3, timeout);
        if (result.status == MTM_CLOSED) return NULL;
        if (result.status == MTM_OK) count(arena, result.number);
        else if (timeout == MTM_FOREVER) mtm_add_seq(&arena->wrong, 1);
    }
}

static void *receive_many(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t number;
    while (core_next(&arena->b[0]->object, MTM_FOREVER, &number) == MTM_OK)
        count(arena, number);
    return NULL;
}

static void *listen_many(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t number;
    while (core_next(&arena->listener->object, MTM_FOREVER, &number) == MTM_OK)
        count(arena, number);
    return NULL;
}

static void nobody_sleeps_over_a_message(void **state)
{
    (void)state;
    for (int round = 0; round < 4; ++round) {
        struct arena *arena = calloc(1, sizeof *arena);
        pthread_t producers[PRODUCERS], selects[SELECTS], others[2];
        assert_non_null(arena);
        arena->listener = core_listener();
        for (int i = 0; i < SOURCES; ++i)
            arena->b[i] = core_buffer(i == SOURCES - 1 ? arena->listener : NULL);
        unit_start(producers, PRODUCERS, produce, arena);
        unit_start(selects, SELECTS, select_many, arena);
        if (round % 2) unit_start(&others[0], 1, receive_many, arena);
        if (round % 2) unit_start(&others[1], 1, listen_many, arena);
        unit_join(producers, PRODUCERS);
        unit_join(selects, SELECTS);
        if (round % 2) unit_join(others, 2);
        assert_int_equal(arena->wrong, 0);
        assert_int_equal(arena->taken, TOTAL);
        for (int i = 0; i < SOURCES; ++i) core_drop_buffer(arena->b[i]);
        core_drop_listener(arena->listener);
        free(arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("messages come in the order given", messages_come_in_the_order_given),
        CORE_TEST("the same source twice counts once", the_same_source_twice_counts_once),
        CORE_TEST("what has ended is told if there is no message",
                  what_has_ended_is_told_if_there_is_no_message),
        CORE_TEST("no message is lost for want of room", no_message_is_lost_for_want_of_room),
        CORE_TEST("a message ends the waiting wherever it comes",
                  a_message_ends_the_waiting_wherever_it_comes),
        CORE_TEST("every change of state is told", every_change_of_state_is_told),
        CORE_TEST("an abort is told though it was taken back",
                  an_abort_is_told_though_it_was_taken_back),
        CORE_TEST("in time or not", in_time_or_not),
        CORE_TEST("who takes from one source leaves the other to others",
                  who_takes_from_one_source_leaves_the_other_to_others),
        CORE_TEST("a busy source holds up no other", a_busy_source_holds_up_no_other),
        CORE_TEST("what has ended is told beside a busy source",
                  what_has_ended_is_told_beside_a_busy_source),
        CORE_TEST("who waits for long gives up memory", who_waits_for_long_gives_up_memory),
        CORE_TEST("who does not go on takes nothing", who_does_not_go_on_takes_nothing),
        CORE_TEST("nobody sleeps over a message", nobody_sleeps_over_a_message),
    };
    return UNIT_RUN(tests);
}
