/* Tests of parking, the same for each implementation: no wake-up lost, no deadline missed.
 * They own threads that park, and know nothing of how parking works. */
#include "unit.h"

#include <stdlib.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

/* A thread that parks on a word until it is no longer 0, and keeps count. */
struct sleeper {
    mtm_a32 word;
    mtm_a32 started;
    mtm_a32 returns;  /* from park */
    mtm_a32 timeouts; /* of these, how many told that the deadline has passed */
    mtm_a32 left;
    int64_t deadline;
};

static void *sleeper_run(void *opaque)
{
    struct sleeper *me = opaque;
    mtm_add_seq(&me->started, 1);
    while (mtm_load_acq(&me->word) == 0) {
        if (!mtm_plat_park(&me->word, 0, me->deadline)) mtm_add_seq(&me->timeouts, 1);
        mtm_add_seq(&me->returns, 1);
    }
    mtm_add_seq(&me->left, 1);
    return NULL;
}

static void sleeper_stop(struct sleeper *sleeper, pthread_t *threads, size_t count)
{
    mtm_store_seq(&sleeper->word, 1);
    mtm_plat_unpark_all(&sleeper->word);
    unit_join(threads, count);
}

static void park_needs_the_expected_value(void **state)
{
    (void)state;
    mtm_a32 word = 7;
    assert_true(mtm_plat_park(&word, 8, MTM_FOREVER));
    assert_true(mtm_plat_park(&word, 0, mtm_plat_now() + 3600000 * UNIT_MS));
    assert_int_equal(word, 7);
}

static void park_ends_at_its_deadline(void **state)
{
    (void)state;
    mtm_a32 word = 7;
    int64_t deadline = mtm_plat_now() + 30 * UNIT_MS;
    int returns = 1;
    while (mtm_plat_park(&word, 7, deadline)) ++returns;
    assert_true(mtm_plat_now() >= deadline);
    assert_in_range(returns, 1, 20);
}

static void park_sees_that_a_deadline_is_past(void **state)
{
    (void)state;
    const int64_t past[] = {mtm_plat_now(), 1000000000, 1, 0, -1, -5000000000, INT64_MIN};
    for (size_t i = 0; i < sizeof past / sizeof *past; ++i) {
        mtm_a32 word = 7;
        int returns = 1;
        while (mtm_plat_park(&word, 7, past[i]) && returns < 20) ++returns;
        assert_in_range(returns, 1, 19);
    }
}

static void a_far_deadline_sleeps(void **state)
{
    (void)state;
    const int64_t day = 86400000 * UNIT_MS;
    const int64_t deadlines[] = {mtm_plat_now() + 3600000 * UNIT_MS,
                                 mtm_plat_now() + 50 * day,
                                 mtm_plat_now() + 36500 * day,
                                 (int64_t)INT32_MAX * 1000000000,
                                 (int64_t)UINT32_MAX * 1000000000,
                                 INT64_MAX / 2,
                                 INT64_MAX - 1,
                                 MTM_FOREVER};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; ++i) {
        struct sleeper sleeper = {.deadline = deadlines[i]};
        pthread_t thread;
        unit_start(&thread, 1, sleeper_run, &sleeper);
        unit_await(&sleeper.started, 1);
        unit_linger(10 * UNIT_MS);
        assert_in_range(mtm_load_acq(&sleeper.returns), 0, 20); /* it is not busy */
        sleeper_stop(&sleeper, &thread, 1);
        assert_int_equal(mtm_load_acq(&sleeper.timeouts), 0);
    }
}

enum { CROWD = 4, SINGLE_WAKES = 100 };

/* Wakes one of a crowd again and again: nearly as many returns from park, and switches from one
 * thread to another, as wake-ups. */
static void wake_single_ones(struct sleeper *sleeper, const char *when)
{
    uint32_t calls = 0, from = mtm_load_acq(&sleeper->returns);
    int64_t switches = unit_switches();
    for (int i = 0; i < SINGLE_WAKES; ++i) {
        uint32_t before = mtm_load_acq(&sleeper->returns);
        unit_linger(UNIT_MS);
        for (int64_t again = 0; mtm_load_acq(&sleeper->returns) == before; mtm_plat_yield()) {
            if (mtm_plat_now() < again) continue;
            mtm_plat_unpark_one(&sleeper->word);
            ++calls; /* nobody may have been asleep at that moment */
            again = mtm_plat_now() + 20 * UNIT_MS;
        }
    }
    unit_linger(UNIT_MS);
    uint32_t returns = mtm_load_acq(&sleeper->returns) - from;
    print_message("# context switches per wake-up %s: %.1f\n", when,
                  (double)(unit_switches() - switches) / SINGLE_WAKES);
    assert_in_range(returns, SINGLE_WAKES, calls + calls / 4); /* some may come unasked */
}

static void unpark_one_spares_the_rest(void **state)
{
    (void)state;
    struct sleeper sleeper = {.deadline = MTM_FOREVER};
    pthread_t threads[CROWD];
    unit_start(threads, CROWD, sleeper_run, &sleeper);
    unit_await(&sleeper.started, CROWD);
    wake_single_ones(&sleeper, "of one of a crowd");
    sleeper_stop(&sleeper, threads, CROWD);
}

/* Wherever addresses are spread over places, some stranger has been in each of them. */
static void strangers_nearby_make_no_herd(void **state)
{
    (void)state;
    static mtm_a32 elsewhere[4096];
    struct sleeper sleeper = {.deadline = MTM_FOREVER};
    pthread_t threads[CROWD];
    unit_start(threads, CROWD, sleeper_run, &sleeper);
    unit_await(&sleeper.started, CROWD);
    unit_linger(10 * UNIT_MS);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; ++i) {
        mtm_plat_park(&elsewhere[i], 0, 1);
    }
    wake_single_ones(&sleeper, "after strangers have slept nearby");
    sleeper_stop(&sleeper, threads, CROWD);
}

enum { GATE_ROUNDS = 2000 };

struct gate {
    mtm_a32 round;
    mtm_a32 arrived;
};

static void *gate_pass(void *opaque)
{
    struct gate *gate = opaque;
    for (uint32_t round = 0; round < GATE_ROUNDS; ++round) {
        mtm_add_seq(&gate->arrived, 1);
        while (mtm_load_acq(&gate->round) == round) {
            mtm_plat_park(&gate->round, round, MTM_FOREVER);
        }
    }
    return NULL;
}

static void unpark_all_wakes_everyone(void **state)
{
    (void)state;
    struct gate gate = {0};
    pthread_t threads[CROWD];
    unit_start(threads, CROWD, gate_pass, &gate);
    for (uint32_t round = 0; round < GATE_ROUNDS; ++round) {
        unit_await(&gate.arrived, CROWD * (round + 1));
        mtm_store_seq(&gate.round, round + 1);
        mtm_plat_unpark_all(&gate.round);
    }
    unit_join(threads, CROWD);
}

enum { TURNS = 50000 };

struct player {
    mtm_a32 *turn;
    uint32_t me;
};

static void *player_run(void *opaque)
{
    const struct player *player = opaque;
    uint32_t other = !player->me;
    for (int i = 0; i < TURNS; ++i) {
        while (mtm_load_acq(player->turn) == other) {
            mtm_plat_park(player->turn, other, MTM_FOREVER);
        }
        mtm_store_seq(player->turn, other);
        mtm_plat_unpark_one(player->turn);
    }
    return NULL;
}

static void ping_pong_loses_no_wake_up(void **state)
{
    (void)state;
    mtm_a32 turn = 0;
    struct player players[] = {{&turn, 0}, {&turn, 1}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; ++i) unit_start(&threads[i], 1, player_run, &players[i]);
    unit_join(threads, 2);
    assert_int_equal(turn, 0);
}

enum { POSTERS = 2, TAKERS = 4, POSTS = 40000, TOKENS = POSTERS * POSTS };

struct purse {
    mtm_a32 tokens;
    mtm_a32 claims;
    mtm_a32 takers;
};

static void *purse_post(void *opaque)
{
    struct purse *purse = opaque;
    for (int i = 0; i < POSTS; ++i) {
        mtm_add_seq(&purse->tokens, 1);
        mtm_plat_unpark_one(&purse->tokens);
    }
    return NULL;
}

/* Every second taker wakes up from time to time on its own, often at the moment of a post. */
static void *purse_take(void *opaque)
{
    struct purse *purse = opaque;
    bool impatient = mtm_add_seq(&purse->takers, 1) % 2 == 1;
    while (mtm_add_seq(&purse->claims, 1) < TOKENS) {
        uint32_t tokens = mtm_load_seq(&purse->tokens);
        while (tokens == 0 || !mtm_cas_seq(&purse->tokens, &tokens, tokens - 1)) {
            int64_t deadline = impatient ? mtm_plat_now() + UNIT_MS / 20 : MTM_FOREVER;
            if (tokens == 0) mtm_plat_park(&purse->tokens, 0, deadline);
            tokens = mtm_load_seq(&purse->tokens);
        }
    }
    return NULL;
}

static void each_post_wakes_a_taker(void **state)
{
    (void)state;
    struct purse purse = {0};
    pthread_t posters[POSTERS], takers[TAKERS];
    unit_start(takers, TAKERS, purse_take, &purse);
    unit_start(posters, POSTERS, purse_post, &purse);
    unit_join(posters, POSTERS);
    unit_join(takers, TAKERS);
    assert_int_equal(purse.tokens, 0);
}

enum { STRANGERS = 80, STRANGER_ROUNDS = 20 };

struct stranger {
    mtm_a32 word;
    mtm_a32 seen;
};

static void *stranger_run(void *opaque)
{
    struct stranger *me = opaque;
    for (uint32_t round = 0; round < STRANGER_ROUNDS; ++round) {
        while (mtm_load_acq(&me->word) == round) {
            mtm_plat_park(&me->word, round, MTM_FOREVER);
        }
        mtm_store_rel(&me->seen, round + 1);
    }
    return NULL;
}

/* More words than places in a parking lot, so that some have to share one. */
static void a_wake_up_reaches_its_own_word(void **state)
{
    (void)state;
    static struct stranger strangers[STRANGERS];
    pthread_t threads[STRANGERS];
    memset(strangers, 0, sizeof strangers);
    for (size_t i = 0; i < STRANGERS; ++i) {
        unit_start(&threads[i], 1, stranger_run, &strangers[i]);
    }
    for (uint32_t round = 0; round < STRANGER_ROUNDS; ++round) {
        for (size_t i = STRANGERS; i-- > 0;) {
            mtm_store_seq(&strangers[i].word, round + 1);
            mtm_plat_unpark_one(&strangers[i].word);
            unit_await(&strangers[i].seen, round + 1);
        }
    }
    unit_join(threads, STRANGERS);
}

#if defined(_WIN32)
static void unpark_pages_that_are_gone(void)
{
    mtm_a32 *page = VirtualAlloc(NULL, 1, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    assert_non_null(page);
    assert_true(VirtualFree(page, 0, MEM_RELEASE));
    mtm_plat_unpark_one(page);
    mtm_plat_unpark_all(page);
}
#else
static void unpark_pages_that_are_gone(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    mtm_a32 *page = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)page != MAP_FAILED);
    assert_int_equal(munmap(page, size), 0);
    mtm_plat_unpark_one(page);
    mtm_plat_unpark_all(page);
}
#endif

static void unpark_may_come_too_late_for_the_memory(void **state)
{
    (void)state;
    unpark_pages_that_are_gone();

    mtm_a32 *block = malloc(sizeof *block);
    assert_non_null(block);
    volatile uintptr_t address = (uintptr_t)block; /* the compiler knows what free does */
    free(block);
    mtm_plat_unpark_one((mtm_a32 *)address);
    mtm_plat_unpark_all((mtm_a32 *)address);
}

static void cancelling_waits_until_park_is_left(void **state)
{
    (void)state;
    struct sleeper sleeper = {.deadline = MTM_FOREVER};
    pthread_t thread;
    unit_start(&thread, 1, sleeper_run, &sleeper);
    unit_await(&sleeper.started, 1);
    assert_int_equal(pthread_cancel(thread), 0);
    sleeper_stop(&sleeper, &thread, 1);
    assert_int_equal(mtm_load_acq(&sleeper.left), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("park returns if the word has another value", park_needs_the_expected_value),
        UNIT_TEST("park ends at its deadline and not before", park_ends_at_its_deadline),
        UNIT_TEST("park tells that a deadline is past", park_sees_that_a_deadline_is_past),
        UNIT_TEST("a far deadline sleeps until the wake-up", a_far_deadline_sleeps),
        UNIT_TEST("unpark_one wakes one of many", unpark_one_spares_the_rest),
        UNIT_TEST("strangers nearby make no herd of a crowd", strangers_nearby_make_no_herd),
        UNIT_TEST("unpark_all wakes everyone", unpark_all_wakes_everyone),
        UNIT_TEST("ping-pong loses no wake-up", ping_pong_loses_no_wake_up),
        UNIT_TEST("each of many posts wakes a taker", each_post_wakes_a_taker),
        UNIT_TEST("a wake-up reaches its own word among many", a_wake_up_reaches_its_own_word),
        UNIT_TEST("unpark takes memory that is gone", unpark_may_come_too_late_for_the_memory),
        UNIT_TEST("cancelling waits until park is left", cancelling_waits_until_park_is_left),
    };
    return UNIT_RUN(tests);
}
