/* What the unit tests of the C modules share: cmocka, helper threads and children. It owns
 * nothing of the library; a test that hangs is ended by who runs it. Only the thread that runs
 * a test may assert: helper threads count, and the test looks at the counters afterwards. */
#ifndef MTM_TESTS_UNIT_H
#define MTM_TESTS_UNIT_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if !defined(_WIN32)
#include <sys/resource.h>
#include <sys/wait.h>
#endif

#include "platform/plat.h"

#define UNIT_MS ((int64_t)1000000)

#if defined(NDEBUG)
enum { UNIT_DEBUG = false };
#else
enum { UNIT_DEBUG = true };
#endif

/* One entry of a table of tests; the text says what holds if it passes. */
#define UNIT_TEST(text, run)                                                                   \
    {                                                                                          \
        text, run, NULL, NULL, NULL                                                            \
    }

#define UNIT_RUN(tests)                                                                        \
    (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static inline void unit_start(pthread_t *threads, size_t count, void *(*run)(void *), void *arg)
{
    for (size_t i = 0; i < count; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    }
}

static inline void unit_join(pthread_t *threads, size_t count)
{
    for (size_t i = 0; i < count; ++i) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Until others have counted that far. */
static inline void unit_await(mtm_a32 *counter, uint32_t value)
{
    while (mtm_load_acq(counter) < value) mtm_plat_yield();
}

/* Gives others time to get somewhere that cannot be seen from outside. No test fails if they
 * are slower. */
static inline void unit_linger(int64_t ns)
{
    int64_t end = mtm_plat_now() + ns;
    while (mtm_plat_now() < end) mtm_plat_yield();
}

/* How often this process has changed from one thread to another, or -1 where nobody counts. */
#if defined(_WIN32)
static inline int64_t unit_switches(void)
{
    return -1;
}
#else
static inline int64_t unit_switches(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? used.ru_nvcsw + used.ru_nivcsw : -1;
}
#endif

#if defined(_WIN32)
/* At the beginning of a test that needs children to lose. */
#define UNIT_NEEDS_CHILDREN() skip()

static inline bool unit_aborts(void (*run)(void *), void *arg)
{
    (void)run;
    (void)arg;
    return false;
}
#else
#define UNIT_NEEDS_CHILDREN() ((void)0)

/* Whether run(arg) in a child process ends in a failed assertion. */
static inline bool unit_aborts(void (*run)(void *), void *arg)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        run(arg);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
#endif

#endif
