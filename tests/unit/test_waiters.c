/* Tests of the event count: a wake-up ends exactly the sleeps that it should, is never lost,
 * and costs nothing where nobody waits. They own what is waited for: a number of tokens. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <sched.h>

#include "core.h"

#include "core/waiters.h"

static void waiters_begin(struct mtm_waiters *waiters)
{
    *waiters = (struct mtm_waiters){0};
    mtm_waiters_init(waiters);
}

/* ---- one step after the other ---- */

static void nobody_waits_nothing_is_done(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    waiters_begin(&waiters);
    for (int i = 0; i < 3; ++i) mtm_waiters_wake_one(&waiters);
    assert_int_equal(waiters.seq, 0);
    assert_int_equal(waiters.pending, 0);
    mtm_waiters_join(&waiters);
    assert_true(mtm_waiters_any(&waiters));
    mtm_waiters_join(&waiters);
    mtm_waiters_leave(&waiters);
    assert_true(mtm_waiters_any(&waiters));
    mtm_waiters_leave(&waiters);
    assert_false(mtm_waiters_any(&waiters));
    mtm_waiters_wake_one(&waiters);
    assert_int_equal(waiters.seq, 0);
}

/* Each one that has been woken prepares anew or leaves. */
static void one_wake_up_is_under_way_at_a_time(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    waiters_begin(&waiters);
    mtm_waiters_join(&waiters);
    mtm_waiters_join(&waiters);
    for (uint32_t i = 0; i < 3; ++i) {
        assert_int_equal(mtm_waiters_prepare(&waiters), i);
        for (int n = 0; n < 3; ++n) mtm_waiters_wake_one(&waiters);
        assert_int_equal(waiters.seq, i + 1);
    }
    mtm_waiters_leave(&waiters);
    for (int n = 0; n < 3; ++n) mtm_waiters_wake_one(&waiters);
    assert_int_equal(waiters.seq, 4);
    mtm_waiters_leave(&waiters);
}

static void a_wake_up_after_prepare_ends_the_sleep(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    waiters_begin(&waiters);
    mtm_waiters_join(&waiters);
    for (int all = 0; all < 2; ++all) {
        uint32_t ticket = mtm_waiters_prepare(&waiters);
        if (all) mtm_waiters_wake_all(&waiters);
        else mtm_waiters_wake_one(&waiters);
        for (int i = 0; i < 3; ++i) {
            assert_true(mtm_waiters_sleep(&waiters, ticket, MTM_FOREVER));
        }
    }
    mtm_waiters_leave(&waiters);
}

/* Whoever looks after prepare sees what it was for. */
static void a_wake_up_before_prepare_ends_no_sleep(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    waiters_begin(&waiters);
    mtm_waiters_join(&waiters);
    for (int all = 0; all < 2; ++all) {
        if (all) mtm_waiters_wake_all(&waiters);
        else mtm_waiters_wake_one(&waiters);
        uint32_t ticket = mtm_waiters_prepare(&waiters);
        int64_t deadline = mtm_plat_now() + 5 * UNIT_MS;
        while (mtm_waiters_sleep(&waiters, ticket, deadline)) {
        } /* for no reason */
        assert_true(mtm_plat_now() >= deadline);
    }
    mtm_waiters_leave(&waiters);
}

static void a_timeout_becomes_a_deadline_once(void **state)
{
    (void)state;
    static const int64_t times[] = {0,          1, UNIT_MS, MTM_FOREVER / 2, MTM_FOREVER - 1,
                                    MTM_FOREVER};
    for (size_t i = 0; i < sizeof times / sizeof *times; ++i) {
        struct mtm_wait wait = {.timeout = times[i]};
        int64_t before = mtm_plat_now();
        int64_t deadline = mtm_wait_deadline(&wait);
        int64_t after = mtm_plat_now();
        if (times[i] >= MTM_FOREVER - 1) {
            assert_true(deadline == MTM_FOREVER);
        } else {
            assert_true(deadline >= before + times[i] && deadline <= after + times[i]);
        }
        unit_linger(UNIT_MS / 10);
        assert_true(mtm_wait_deadline(&wait) == deadline);
        assert_int_equal(mtm_wait_never(&wait), times[i] == 0);
        wait.nonblock = true;
        assert_true(mtm_wait_never(&wait));
    }
}

/* ---- spinning ---- */

struct scenery {
    mtm_a32 looks;
    mtm_a32 found; /* after so many looks */
    struct mtm_waiters *waiters;
};

static bool look(const void *what)
{
    struct scenery *scenery = (struct scenery *)(uintptr_t)what;
    return mtm_add_seq(&scenery->looks, 1) + 1 >= mtm_load_seq(&scenery->found);
}

static uint32_t spin(struct mtm_waiters *waiters, uint32_t found, int64_t deadline)
{
    struct scenery scenery = {.found = found};
    mtm_waiters_spin(waiters, deadline, look, &scenery);
    mtm_waiters_prepare(waiters);
    return scenery.looks;
}

/* Where there is one CPU only nobody spins. */
static void begin_spinning(struct mtm_waiters *waiters)
{
    if (mtm_plat_cpus() < 2) skip();
    waiters_begin(waiters);
}

static void a_spin_ends_when_it_finds_something(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    begin_spinning(&waiters);
    for (uint32_t i = 1; i <= 16; ++i) {
        assert_int_equal(spin(&waiters, i, MTM_FOREVER), i);
        assert_int_equal(waiters.spinning, 0);
    }
}

static void a_spin_ends_at_the_deadline(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    for (int i = 0; i < 20; ++i) {
        begin_spinning(&waiters);
        assert_in_range(spin(&waiters, UINT32_MAX, mtm_plat_now() - 1), 1, 100);
    }
}

/* One that has spun in vain learns to sleep at once; one that need not have slept, to spin. */
static void spinning_in_vain_is_given_up(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    int spins = 0;
    begin_spinning(&waiters);
    while (spin(&waiters, UINT32_MAX, MTM_FOREVER) > 0) ++spins;
    assert_in_range(spins, 1, 20);
    assert_int_equal(spin(&waiters, 1, MTM_FOREVER), 0);
    uint32_t ticket = mtm_waiters_prepare(&waiters);
    for (int i = 0; i < 1000 && spin(&waiters, 1, MTM_FOREVER) == 0; ++i) {
        mtm_waiters_wake_all(&waiters);
        mtm_waiters_sleep(&waiters, ticket,
                          MTM_FOREVER); /* is over at once, unless interrupted */
    }
    assert_int_equal(spin(&waiters, 1, MTM_FOREVER), 1);
}

static bool look_around(const void *what)
{
    struct scenery *scenery = (struct scenery *)(uintptr_t)what;
    uint32_t seq = scenery->waiters->seq;
    mtm_waiters_wake(scenery->waiters);
    if (scenery->waiters->seq != seq) mtm_add_seq(&scenery->found, 1); /* a call in vain */
    for (int i = 0; i < 2; ++i) { /* somebody else, who has prepared to sleep in between */
        mtm_add_seq(&scenery->looks, spin(scenery->waiters, 1, MTM_FOREVER));
    }
    return true;
}

/* Nobody needs to be woken then, and no second one spins. */
static void who_spins_is_awake(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    struct scenery scenery = {.waiters = &waiters};
    begin_spinning(&waiters);
    mtm_waiters_join(&waiters);
    mtm_waiters_spin(&waiters, MTM_FOREVER, look_around, &scenery);
    assert_int_equal(scenery.found, 0);
    assert_int_equal(scenery.looks, 0);
    mtm_waiters_wake_one(&waiters);
    assert_int_equal(waiters.seq, 1); /* the second one has prepared to sleep meanwhile */
    mtm_waiters_leave(&waiters);
}

/* A wake-up that is on its way is for somebody: it must not be taken for the spinner's mark. */
static void nobody_spins_while_a_wake_up_is_under_way(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    begin_spinning(&waiters);
    mtm_waiters_join(&waiters);
    mtm_waiters_wake_one(&waiters);
    assert_int_equal(spin(&waiters, 1, MTM_FOREVER), 0);
    assert_int_equal(spin(&waiters, 1, MTM_FOREVER), 1); /* it has prepared since */
    mtm_waiters_leave(&waiters);
}

enum { ENOUGH = 600 }; /* spins after which the number of CPUs has been asked for again */

static void *spin_on_one_cpu(void *opaque)
{
    struct mtm_waiters *waiters = opaque;
    cpu_set_t set, one;
    uint32_t looks = 1;
    sched_getaffinity(0, sizeof set, &set);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return waiters;
    for (int i = 0; i < ENOUGH; ++i) {
        mtm_waiters_init(waiters);
        looks = spin(waiters, 1, MTM_FOREVER);
    }
    sched_setaffinity(0, sizeof set, &set);
    for (int i = 0; i < ENOUGH; ++i) spin(waiters, 1, MTM_FOREVER); /* for the next test */
    return looks == 0 ? waiters : NULL;
}

static void nobody_spins_on_one_cpu(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    pthread_t thread;
    void *result;
    begin_spinning(&waiters);
    assert_int_equal(pthread_create(&thread, NULL, spin_on_one_cpu, &waiters), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &waiters);
    assert_int_equal(spin(&waiters, 1, MTM_FOREVER), 1);
}

/* ---- many threads ---- */

enum { MAKERS = 3, TAKERS = 4, EACH = 6000, TOTAL = MAKERS * EACH };

struct store {
    struct mtm_waiters waiters;
    mtm_a32 tokens, taken, takers, over;
};

static bool take_token(struct store *store)
{
    uint32_t there = mtm_load_seq(&store->tokens);
    while (there > 0) {
        if (mtm_cas_seq(&store->tokens, &there, there - 1)) return true;
    }
    return false;
}

static bool has_token(const void *what)
{
    struct store *store = (struct store *)(uintptr_t)what;
    return mtm_load_seq(&store->tokens) > 0 || mtm_load_seq(&store->over);
}

/* As the receive loop does it; odd ones run out of time now and then. */
static void wait_for_token(struct store *store, bool hasty)
{
    bool in_time = true, spun = false;
    int64_t deadline = hasty ? mtm_plat_now() + UNIT_MS / 50 : MTM_FOREVER;
    mtm_waiters_join(&store->waiters);
    for (;;) {
        uint32_t ticket = mtm_waiters_prepare(&store->waiters);
        if (take_token(store)) {
            if (mtm_add_seq(&store->taken, 1) + 1 == TOTAL) {
                mtm_store_seq(&store->over, 1);
                mtm_waiters_wake_all(&store->waiters);
            }
            break;
        }
        if (mtm_load_seq(&store->over) || !in_time) break;
        if (!spun) mtm_waiters_spin(&store->waiters, deadline, has_token, store);
        else in_time = mtm_waiters_sleep(&store->waiters, ticket, deadline);
        spun = true;
    }
    mtm_waiters_leave(&store->waiters);
    if (has_token(store)) mtm_waiters_wake_one(&store->waiters);
}

static void *take_tokens(void *opaque)
{
    struct store *store = opaque;
    bool hasty = mtm_add_seq(&store->takers, 1) % 2;
    while (!mtm_load_seq(&store->over)) wait_for_token(store, hasty);
    return NULL;
}

static void *make_tokens(void *opaque)
{
    struct store *store = opaque;
    for (uint32_t i = 0; i < EACH; ++i) {
        mtm_add_seq(&store->tokens, 1);
        mtm_waiters_wake_one(&store->waiters);
        if (i % 100 == 0) unit_linger(UNIT_MS / 20); /* lets them fall asleep */
    }
    return NULL;
}

/* One lost wake-up, and the last token is never taken. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    struct store store = {.tokens = 0};
    pthread_t makers[MAKERS], takers[TAKERS];
    waiters_begin(&store.waiters);
    unit_start(takers, TAKERS, take_tokens, &store);
    unit_start(makers, MAKERS, make_tokens, &store);
    unit_join(makers, MAKERS);
    unit_join(takers, TAKERS);
    assert_int_equal(store.taken, TOTAL);
    assert_int_equal(store.tokens, 0);
    assert_int_equal(store.waiters.sleepers, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("where nobody waits nothing is done", nobody_waits_nothing_is_done),
        CORE_TEST("one wake-up is under way at a time", one_wake_up_is_under_way_at_a_time),
        CORE_TEST("a wake-up after prepare ends the sleep",
                  a_wake_up_after_prepare_ends_the_sleep),
        CORE_TEST("one before it does not", a_wake_up_before_prepare_ends_no_sleep),
        CORE_TEST("a timeout becomes a deadline once", a_timeout_becomes_a_deadline_once),
        CORE_TEST("a spin ends when it finds something", a_spin_ends_when_it_finds_something),
        CORE_TEST("a spin ends at the deadline", a_spin_ends_at_the_deadline),
        CORE_TEST("spinning in vain is given up", spinning_in_vain_is_given_up),
        CORE_TEST("who spins is awake", who_spins_is_awake),
        CORE_TEST("nobody spins while a wake-up is under way",
                  nobody_spins_while_a_wake_up_is_under_way),
        CORE_TEST("nobody spins on one CPU", nobody_spins_on_one_cpu),
        CORE_TEST("no wake-up is lost", no_wake_up_is_lost),
    };
    return UNIT_RUN(tests);
}
