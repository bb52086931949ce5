/* Tests of the event count: a wake-up ends exactly the sleeps that it should, is never lost,
 * and costs nothing where nobody waits. They own what is waited for: a number of tokens. */
#include "core.h"

#include "core/spin.h"

/* ---- one step after the other ---- */

static void nobody_waits_nothing_is_done(void **state)
{
    (void)state;
    struct mtm_waiters waiters = {0};
    for (int i = 0; i < 3; ++i) core_wake_one(&waiters);
    assert_int_equal(waiters.seq, 0);
    assert_int_equal(mtm_waiters_coming(&waiters), 0);
    mtm_waiters_join(&waiters);
    assert_true(mtm_waiters_any(&waiters));
    mtm_waiters_join(&waiters);
    mtm_waiters_leave(&waiters);
    assert_true(mtm_waiters_any(&waiters));
    mtm_waiters_leave(&waiters);
    assert_false(mtm_waiters_any(&waiters));
    core_wake_one(&waiters);
    assert_int_equal(waiters.seq, 0);
}

/* Who has been called for longer is not counted on any more, so that another one is called:
 * what a busy machine has delayed for as long is done once more. In ns. */
enum { SOON = 200 * 1000 };

static bool was_soon(int64_t begin)
{
    return mtm_plat_now() - begin < SOON;
}

/* The sequence number after three calls; *soon becomes false if one may have been late. */
static uint32_t call_thrice(struct mtm_waiters *waiters, bool *soon)
{
    const int64_t begin = mtm_plat_now();
    for (int n = 0; n < 3; ++n) core_wake_one(waiters);
    *soon = *soon && was_soon(begin);
    return waiters->seq;
}

/* Each one that has been woken prepares anew or leaves. */
static void one_wake_up_is_under_way_at_a_time(void **state)
{
    (void)state;
    uint32_t ticket[3], seq[4];
    bool soon;
    do {
        struct mtm_waiters waiters = {0};
        soon = true;
        mtm_waiters_join(&waiters);
        mtm_waiters_join(&waiters);
        for (int i = 0; i < 3; ++i) {
            ticket[i] = mtm_waiters_prepare(&waiters);
            seq[i] = call_thrice(&waiters, &soon);
        }
        mtm_waiters_leave(&waiters);
        seq[3] = call_thrice(&waiters, &soon);
        mtm_waiters_leave(&waiters);
    } while (!soon);
    for (uint32_t i = 0; i < 3; ++i) assert_int_equal(ticket[i], i);
    for (uint32_t i = 0; i < 4; ++i) assert_int_equal(seq[i], i + 1);
}

static size_t three_wait(const void *what)
{
    (void)what;
    return 3;
}

static void wake_for_three(struct mtm_waiters *waiters)
{
    core_wake(waiters, three_wait);
}

/* Where there is more than one thing to come for a second thread is woken, as the first one may
 * be unable to run; a third one would be a herd. */
static void a_second_one_is_woken_for_a_second_message(void **state)
{
    (void)state;
    uint32_t seq[4];
    int64_t begin;
    do {
        struct mtm_waiters waiters = {0};
        for (int i = 0; i < 3; ++i) mtm_waiters_join(&waiters);
        for (int i = 0; i < 3; ++i) mtm_waiters_prepare(&waiters);
        begin = mtm_plat_now();
        core_wake_one(&waiters);
        core_wake_one(&waiters);
        seq[0] = waiters.seq;
        wake_for_three(&waiters);
        seq[1] = waiters.seq;
        wake_for_three(&waiters);
        seq[2] = waiters.seq;
        mtm_waiters_prepare(&waiters); /* one comes, and finds something */
        mtm_waiters_leave(&waiters);
        wake_for_three(&waiters);
        seq[3] = waiters.seq;
        for (int i = 0; i < 2; ++i) mtm_waiters_leave(&waiters);
    } while (!was_soon(begin));
    assert_int_equal(seq[0], 1);
    assert_int_equal(seq[1], 2);
    assert_int_equal(seq[2], 2);
    assert_true(seq[3] > 2);
}

/* Suspended before it has roused anybody, or after it was roused: nobody relies on it for long.
 */
static void who_is_late_is_not_counted_on(void **state)
{
    (void)state;
    struct mtm_waiters waiters = {0};
    bool counted = false;
    for (int i = 0; i < 2; ++i) mtm_waiters_join(&waiters);
    for (int i = 0; i < 2; ++i) mtm_waiters_prepare(&waiters);
    for (uint32_t i = 1; i < 5; ++i) {
        core_wake_one(&waiters);
        assert_int_equal(waiters.seq, i);
        unit_linger(UNIT_MS);
    }
    assert_true(mtm_waiters_stand_in(&waiters, &counted) && counted);
    unit_linger(UNIT_MS);
    core_wake_one(&waiters); /* the spinner has not stood down */
    assert_int_equal(waiters.seq, 5);
    for (int i = 0; i < 2; ++i) mtm_waiters_leave(&waiters);
}

/* However many things there are to come for by now. */
static void a_single_sleeper_is_called_again_by_each_who_finds_it_late(void **state)
{
    (void)state;
    struct mtm_waiters waiters = {0};
    mtm_waiters_join(&waiters);
    mtm_waiters_prepare(&waiters);
    for (uint32_t i = 1; i < 5; ++i) {
        wake_for_three(&waiters);
        assert_int_equal(waiters.seq, i);
        unit_linger(UNIT_MS);
    }
    mtm_waiters_leave(&waiters);
}

static void a_wake_up_after_prepare_ends_the_sleep(void **state)
{
    (void)state;
    struct mtm_waiters waiters = {0};
    mtm_waiters_join(&waiters);
    for (int all = 0; all < 2; ++all) {
        uint32_t ticket = mtm_waiters_prepare(&waiters);
        if (all) mtm_waiters_wake_all(&waiters);
        else core_wake_one(&waiters);
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
    struct mtm_waiters waiters = {0};
    mtm_waiters_join(&waiters);
    for (int all = 0; all < 2; ++all) {
        if (all) mtm_waiters_wake_all(&waiters);
        else core_wake_one(&waiters);
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

/* ---- standing in ---- */

static void who_stands_in_for_nobody_need_not_stand_down(void **state)
{
    (void)state;
    struct mtm_waiters waiters = {0};
    bool counted = true;
    assert_true(mtm_waiters_stand_in(&waiters, &counted));
    assert_false(counted);
    assert_int_equal(mtm_waiters_coming(&waiters), 0);
}

/* Until it stands down; then the next wake-up is for real again. */
static void nobody_is_woken_while_another_one_stands_in(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    bool counted = false, first, second, twice;
    int64_t begin;
    do {
        waiters = (struct mtm_waiters){0};
        mtm_waiters_join(&waiters);
        begin = mtm_plat_now();
        first = mtm_waiters_stand_in(&waiters, &counted);
        for (int n = 0; n < 3; ++n) core_wake_one(&waiters);
        second = mtm_waiters_stand_in(&waiters, &twice);
    } while (!was_soon(begin));
    assert_true(first && counted);
    assert_int_equal(waiters.seq, 0);
    assert_false(second);
    assert_false(twice);
    mtm_waiters_stand_down(&waiters);
    core_wake_one(&waiters);
    assert_int_equal(waiters.seq, 1);
    mtm_waiters_leave(&waiters);
}

/* A wake-up that is on its way is for somebody: it must not be taken for the mark. */
static void nobody_stands_in_while_a_wake_up_is_under_way(void **state)
{
    (void)state;
    struct mtm_waiters waiters;
    bool counted, stands_in;
    int64_t begin;
    do {
        waiters = (struct mtm_waiters){0};
        mtm_waiters_join(&waiters);
        begin = mtm_plat_now();
        core_wake_one(&waiters);
        stands_in = mtm_waiters_stand_in(&waiters, &counted);
    } while (!was_soon(begin));
    assert_false(stands_in);
    assert_false(counted);
    mtm_waiters_prepare(&waiters); /* the woken one */
    assert_true(mtm_waiters_stand_in(&waiters, &counted) && counted);
    mtm_waiters_leave(&waiters);
}

/* ---- many threads ---- */

enum { MAKERS = 3, TAKERS = 4, EACH = 6000, TOTAL = MAKERS * EACH };

struct store {
    struct mtm_waiters waiters;
    struct mtm_spin spin;
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

static bool take_one(struct store *store)
{
    if (!take_token(store)) return false;
    if (mtm_add_seq(&store->taken, 1) + 1 == TOTAL) {
        mtm_store_seq(&store->over, 1);
        mtm_waiters_wake_all(&store->waiters);
    }
    return true;
}

static bool spin_and_take(struct store *store, int64_t deadline)
{
    const struct mtm_spin_target target = {has_token, store, mtm_load_seq(&store->taken)};
    return mtm_spin(&store->spin, &store->waiters, deadline, &target) && take_one(store);
}

/* As the receive loop does it; odd ones run out of time now and then. */
static void wait_for_token(struct store *store, bool hasty)
{
    bool in_time = true;
    int64_t deadline = hasty ? mtm_plat_now() + UNIT_MS / 50 : MTM_FOREVER;
    if (!spin_and_take(store, deadline)) {
        mtm_waiters_join(&store->waiters);
        for (;;) {
            uint32_t ticket = mtm_waiters_prepare(&store->waiters);
            if (take_one(store) || mtm_load_seq(&store->over) || !in_time) break;
            in_time = mtm_waiters_sleep(&store->waiters, ticket, deadline);
        }
        mtm_waiters_leave(&store->waiters);
    }
    if (has_token(store)) core_wake_one(&store->waiters);
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
        core_wake_one(&store->waiters);
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
    unit_start(takers, TAKERS, take_tokens, &store);
    unit_start(makers, MAKERS, make_tokens, &store);
    unit_join(makers, MAKERS);
    unit_join(takers, TAKERS);
    assert_int_equal(store.taken, TOTAL);
    assert_int_equal(store.tokens, 0);
    assert_int_equal(mtm_waiters_count(&store.waiters), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("where nobody waits nothing is done", nobody_waits_nothing_is_done),
        CORE_TEST("one wake-up is under way at a time", one_wake_up_is_under_way_at_a_time),
        CORE_TEST("a second one is woken for a second message",
                  a_second_one_is_woken_for_a_second_message),
        CORE_TEST("who is late is not counted on", who_is_late_is_not_counted_on),
        CORE_TEST("a single sleeper is called again by each who finds it late",
                  a_single_sleeper_is_called_again_by_each_who_finds_it_late),
        CORE_TEST("a wake-up after prepare ends the sleep",
                  a_wake_up_after_prepare_ends_the_sleep),
        CORE_TEST("one before it does not", a_wake_up_before_prepare_ends_no_sleep),
        CORE_TEST("a timeout becomes a deadline once", a_timeout_becomes_a_deadline_once),
        CORE_TEST("who stands in for nobody need not stand down",
                  who_stands_in_for_nobody_need_not_stand_down),
        CORE_TEST("nobody is woken while another one stands in",
                  nobody_is_woken_while_another_one_stands_in),
        CORE_TEST("nobody stands in while a wake-up is under way",
                  nobody_stands_in_while_a_wake_up_is_under_way),
        CORE_TEST("no wake-up is lost", no_wake_up_is_lost),
    };
    return UNIT_RUN(tests);
}
