/* Tests of spinning: it ends when it should, is given up where it is in vain, and lets the
 * messages of a stream gather. They own what is looked for. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <sched.h>

#include "core.h"

#include "core/spin.h"

enum { SPIN_NS = 50 * 1000, LATE_NS = 200 * 1000 }; /* of spin.c and waiters.c */

struct scenery {
    struct mtm_spin spin;
    struct mtm_waiters waiters;
    uint32_t looks, found; /* there is something at look number `found` of a spin */
    uint32_t taken;
};

static bool look(const void *what)
{
    struct scenery *scenery = (struct scenery *)(uintptr_t)what;
    return ++scenery->looks >= scenery->found;
}

static bool spin_until(struct scenery *s, uint32_t found, int64_t deadline)
{
    const struct mtm_spin_target target = {look, s, s->taken};
    s->looks = 0;
    s->found = found;
    return mtm_spin(&s->spin, &s->waiters, deadline, &target);
}

/* Where there is one CPU only nobody spins. */
static void begin(struct scenery *scenery)
{
    if (mtm_plat_cpus() < 2) skip();
    *scenery = (struct scenery){.taken = 0};
}

static void it_ends_when_it_finds_something(void **state)
{
    (void)state;
    struct scenery s;
    begin(&s);
    for (uint32_t i = 1; i <= 40; ++i) {
        int64_t begun;
        bool found;
        do { /* again, if the machine has kept it for as long as it spins */
            begin(&s);
            begun = mtm_plat_now();
            found = spin_until(&s, i, MTM_FOREVER);
        } while (!found && mtm_plat_now() - begun >= SPIN_NS);
        assert_true(found);
        assert_int_equal(s.looks, i);
        assert_int_equal(s.spin.busy, 0);
    }
}

static void it_ends_at_the_deadline(void **state)
{
    (void)state;
    struct scenery s;
    for (int i = 0; i < 20; ++i) {
        begin(&s);
        assert_false(spin_until(&s, UINT32_MAX, mtm_plat_now() - 1));
        assert_in_range(s.looks, 1, 100);
    }
}

/* Each time in vain makes it rarer, and once that it paid, frequent again. */
static void in_vain_it_becomes_rare(void **state)
{
    (void)state;
    struct scenery s;
    int vain = 0, waits = 0;
    begin(&s);
    for (; vain < 12; ++waits) {
        spin_until(&s, UINT32_MAX, MTM_FOREVER);
        if (s.looks > 0) ++vain;
    }
    assert_in_range(waits, 1000, 2000);
    int skipped = 0;
    while (!spin_until(&s, 1, MTM_FOREVER)) ++skipped;
    assert_in_range(skipped, 1, 255);
    for (int i = 0; i < 10; ++i) assert_true(spin_until(&s, 1, MTM_FOREVER));
}

static bool look_around(const void *what)
{
    struct scenery *s = (struct scenery *)(uintptr_t)what;
    const struct mtm_spin_target target = {look, s, 0};
    s->found = 1;
    assert_false(mtm_spin(&s->spin, &s->waiters, MTM_FOREVER, &target));
    core_wake_one(&s->waiters);
    return true;
}

/* Nobody needs to be woken then, and no second one spins. Who has spun for 200 us is counted on
 * no more: what a busy machine has delayed for as long is done once more. */
static void who_spins_is_awake(void **state)
{
    (void)state;
    struct scenery s;
    const struct mtm_spin_target target = {look_around, &s, 0};
    int64_t begun;
    do {
        begin(&s);
        begun = mtm_plat_now();
        mtm_waiters_join(&s.waiters);
        assert_true(mtm_spin(&s.spin, &s.waiters, MTM_FOREVER, &target));
    } while (mtm_plat_now() - begun >= LATE_NS);
    assert_int_equal(s.looks, 0);
    assert_int_equal(s.waiters.seq, 0);
    core_wake_one(&s.waiters);
    assert_int_equal(s.waiters.seq, 1);
    mtm_waiters_leave(&s.waiters);
}

static void nobody_spins_while_a_wake_up_is_under_way(void **state)
{
    (void)state;
    struct scenery s;
    int64_t begun;
    bool spun;
    do {
        begin(&s);
        mtm_waiters_join(&s.waiters);
        begun = mtm_plat_now();
        core_wake_one(&s.waiters);
        spun = spin_until(&s, 1, MTM_FOREVER);
    } while (mtm_plat_now() - begun >= LATE_NS);
    assert_false(spun);
    assert_int_equal(mtm_waiters_coming(&s.waiters), 1);
    mtm_waiters_prepare(&s.waiters);
    assert_true(spin_until(&s, 1, MTM_FOREVER));
    mtm_waiters_leave(&s.waiters);
}

/* ---- streams ---- */

/* How many of so many waits lingered, when this many messages come per wait: more if it does.
 */
static int lingers(struct scenery *s, int waits, uint32_t hasty, uint32_t patient)
{
    int count = 0;
    for (int i = 0; i < waits; ++i) {
        assert_true(spin_until(s, 1, MTM_FOREVER));
        s->taken += s->spin.lingered ? patient : hasty;
        count += s->spin.lingered;
    }
    return count;
}

static void a_stream_is_let_gather(void **state)
{
    (void)state;
    struct scenery s;
    begin(&s);
    assert_in_range(lingers(&s, 1000, 2, 50), 900, 1000);
    assert_in_range(lingers(&s, 10000, 1, 1), 1, 100); /* its end is noticed */
    assert_in_range(lingers(&s, 20000, 3, 30), 10000, 20000);
    assert_in_range(lingers(&s, 20000, 30, 30), 1, 10000); /* groups, of which none is late */
}

/* A question and its answer; a group that comes as a whole; few messages. */
static void what_is_no_stream_is_not_delayed(void **state)
{
    (void)state;
    static const uint32_t batches[][2] = {{1, 1}, {20, 20}, {1, 7}, {0, 0}};
    struct scenery s;
    for (size_t i = 0; i < sizeof batches / sizeof *batches; ++i) {
        begin(&s);
        assert_in_range(lingers(&s, 20000, batches[i][0], batches[i][1]), 1, 100);
    }
}

static void lingering_ends_at_the_deadline(void **state)
{
    (void)state;
    struct scenery s;
    begin(&s);
    lingers(&s, 1000, 1, 100);
    for (int i = 0; i < 100; ++i) {
        const struct mtm_spin_target target = {look, &s, s.taken += 100};
        s.found = s.looks + 1;
        mtm_spin(&s.spin, &s.waiters, mtm_plat_now() - 1, &target);
        assert_int_equal(s.looks, s.found); /* it has looked all the same, once */
    }
    assert_true(s.spin.stream);
}

/* ---- the switch ---- */

/* What was set counts, whatever the environment has. */
static void nobody_spins_where_it_is_turned_off(void **state)
{
    (void)state;
    struct scenery s;
    begin(&s);
    mtm_polling_set(false);
    const bool spun = spin_until(&s, 1, MTM_FOREVER);
    const uint32_t looks = s.looks;
    mtm_polling_look_up();
    const bool stays = !mtm_polling();
    mtm_polling_set(true);
    assert_false(spun);
    assert_int_equal(looks, 0);
    assert_true(stays);
    assert_true(spin_until(&s, 1, MTM_FOREVER));
}

/* ---- CPUs ---- */

#if defined(__linux__)
enum { ENOUGH = 600 }; /* spins after which the number of CPUs has been asked for again */

static void *spin_on_one_cpu(void *opaque)
{
    struct scenery *s = opaque;
    cpu_set_t set, one;
    bool spun = true;
    sched_getaffinity(0, sizeof set, &set);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return s;
    for (int i = 0; i < ENOUGH; ++i) spun = spin_until(s, 1, MTM_FOREVER);
    sched_setaffinity(0, sizeof set, &set);
    for (int i = 0; i < ENOUGH; ++i) spin_until(s, 1, MTM_FOREVER); /* for the next test */
    return spun ? NULL : s;
}

static void nobody_spins_on_one_cpu(void **state)
{
    (void)state;
    struct scenery s;
    pthread_t thread;
    void *result;
    begin(&s);
    assert_int_equal(pthread_create(&thread, NULL, spin_on_one_cpu, &s), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &s);
    assert_true(spin_until(&s, 1, MTM_FOREVER));
}
#else
static void nobody_spins_on_one_cpu(void **state)
{
    (void)state;
    skip(); /* each system has its own way of taking CPUs away */
}
#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it ends when it finds something", it_ends_when_it_finds_something),
        CORE_TEST("it ends at the deadline", it_ends_at_the_deadline),
        CORE_TEST("in vain it becomes rare", in_vain_it_becomes_rare),
        CORE_TEST("who spins is awake", who_spins_is_awake),
        CORE_TEST("nobody spins while a wake-up is under way",
                  nobody_spins_while_a_wake_up_is_under_way),
        CORE_TEST("a stream is let gather", a_stream_is_let_gather),
        CORE_TEST("what is no stream is not delayed", what_is_no_stream_is_not_delayed),
        CORE_TEST("lingering ends at the deadline", lingering_ends_at_the_deadline),
        CORE_TEST("nobody spins where it is turned off", nobody_spins_where_it_is_turned_off),
        CORE_TEST("nobody spins on one CPU", nobody_spins_on_one_cpu),
    };
    return UNIT_RUN(tests);
}
