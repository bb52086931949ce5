/* Tests of the platform contract, parking apart: clocks, CPUs, seed, and what it tells.
 * They are the same for each implementation and own nothing. */
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { READERS = 4, CLOCK_READS = 50000 };

struct clock_watch {
    _Atomic int64_t latest;
    mtm_a32 steps_back;
};

static void *clock_read(void *opaque)
{
    struct clock_watch *watch = opaque;
    for (int i = 0; i < CLOCK_READS; ++i) {
        int64_t seen = mtm_load_acq(&watch->latest);
        int64_t now = mtm_plat_now();
        if (now < seen || now < 0) mtm_add_seq(&watch->steps_back, 1);
        while (seen < now && !mtm_cas_seq(&watch->latest, &seen, now)) continue;
    }
    return NULL;
}

static void now_never_steps_back(void **state)
{
    (void)state;
    struct clock_watch watch = {0};
    pthread_t threads[READERS];
    unit_start(threads, READERS, clock_read, &watch);
    unit_join(threads, READERS);
    assert_int_equal(watch.steps_back, 0);
    assert_true(watch.latest > 0);
}

static int64_t system_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void now_counts_nanoseconds(void **state)
{
    (void)state;
    int64_t outer = system_ns(), now = mtm_plat_now(), inner = system_ns();
    unit_linger(20 * UNIT_MS);
    inner = system_ns() - inner;
    now = mtm_plat_now() - now;
    outer = system_ns() - outer;
    assert_true(inner <= now && now <= outer);
}

static void wall_is_the_time_of_day_in_microseconds(void **state)
{
    (void)state;
    double wall = mtm_plat_wall();
    double seconds = (double)time(NULL);
    assert_true(wall > seconds - 5 && wall < seconds + 5);
    double smallest = 1;
    for (int i = 0; i < 1000; ++i) {
        double from = mtm_plat_wall(), to = from;
        while (to <= from) to = mtm_plat_wall();
        if (to - from < smallest) smallest = to - from;
    }
    assert_true(smallest < 2e-6);
}

#if defined(__linux__)
static void cpus_counts_what_this_thread_may_use(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(mtm_plat_cpus(), CPU_COUNT(&all));
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        unsigned count = mtm_plat_cpus();
        sched_setaffinity(0, sizeof all, &all);
        assert_int_equal(count, 1);
    }
}
#else
static void cpus_counts_what_this_thread_may_use(void **state)
{
    (void)state;
    assert_in_range(mtm_plat_cpus(), 1, 1 << 20);
}
#endif

#if defined(_WIN32)
static void seed_differs_between_processes(void **state)
{
    (void)state;
    UNIT_NEEDS_CHILDREN();
}
#else
enum { CHILDREN = 16 };

/* The children even share their addresses, as nothing but the process is new. */
static void seed_differs_between_processes(void **state)
{
    (void)state;
    int ends[2];
    uint64_t seeds[CHILDREN + 1];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < CHILDREN; ++i) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint64_t seed = mtm_plat_seed();
            _exit(write(ends[1], &seed, sizeof seed) == sizeof seed ? 0 : 1);
        }
        assert_int_equal(read(ends[0], &seeds[i], sizeof *seeds), sizeof *seeds);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    seeds[CHILDREN] = mtm_plat_seed();
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i <= CHILDREN; ++i) {
        for (int k = 0; k < i; ++k) assert_true(seeds[i] != seeds[k]);
    }
}
#endif

static void info_names_the_parts(void **state)
{
    (void)state;
#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)
    assert_string_equal(mtm_plat_info(), "atomics:C11 threads:futex");
#else
    assert_non_null(strstr(mtm_plat_info(), "atomics:C11 threads:"));
#endif
    assert_ptr_equal(mtm_plat_info(), mtm_plat_info());
}

static void small_steps_return(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; ++i) {
        mtm_plat_relax();
        mtm_plat_yield();
        MTM_PAUSE();
    }
}

/* What is pinned can't be seen from here; what is in no image is taken, too. */
static void pinning_takes_any_address(void **state)
{
    (void)state;
    static const char here = 0;
    const char there = 0;
    char *elsewhere = malloc(1);
    const void *const addresses[] = {&here,
                                     &there,
                                     elsewhere,
                                     NULL,
                                     (const void *)(uintptr_t)info_names_the_parts,
                                     (const void *)(uintptr_t)malloc,
                                     (const void *)1,
                                     (const void *)UINTPTR_MAX};
    for (size_t i = 0; i < 2 * sizeof addresses / sizeof *addresses; ++i) {
        mtm_plat_pin_image(addresses[i / 2]);
    }
    free(elsewhere);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("the monotonic clock never steps back", now_never_steps_back),
        UNIT_TEST("the monotonic clock counts nanoseconds", now_counts_nanoseconds),
        UNIT_TEST("the wall clock has microseconds", wall_is_the_time_of_day_in_microseconds),
        UNIT_TEST("cpus counts what may be used", cpus_counts_what_this_thread_may_use),
        UNIT_TEST("the seed differs between processes", seed_differs_between_processes),
        UNIT_TEST("info names the parts", info_names_the_parts),
        UNIT_TEST("relax, yield and pause return", small_steps_return),
        UNIT_TEST("pinning an image takes any address", pinning_takes_any_address),
    };
    return UNIT_RUN(tests);
}
