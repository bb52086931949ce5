/* Tests of parking where the system refuses its own way of sleeping, as old containers do: it
 * sleeps all the same, keeps to its deadline, and learns that the word has changed. The filters
 * of system calls that play such a system are those of the thread that asks for them. */
#include "unit.h"

#if defined(_WIN32)

static void nothing_can_be_refused(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("this system has no filters of calls", nothing_can_be_refused),
    };
    return UNIT_RUN(tests);
}

#else

#include "platform/plat_unix.h"

#include <errno.h>
#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

enum { ALL, YOUNG, NONE }; /* which of the calls for futexes are refused */

/* A thread that parks on a word until it is no longer 0, or its time is up. */
struct refused {
    int calls, error;
    int64_t deadline;
    mtm_a32 word;
    mtm_a32 started, left;
    mtm_a32 returns;
    bool skipped, in_time;
};

#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)

#if defined(SYS_futex_time64)
static const uint32_t young_call = SYS_futex_time64;
#else
static const uint32_t young_call = UINT32_MAX; /* there is one call only */
#endif
#if defined(SYS_futex)
static const uint32_t old_call = SYS_futex;
#else
static const uint32_t old_call = SYS_futex_time64;
#endif

/* For the rest of this thread's life. */
static bool refuse(int calls, int error)
{
    const uint32_t answer = SECCOMP_RET_ERRNO | (uint32_t)error;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, young_call, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls == ALL ? old_call : young_call, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, answer),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return calls == NONE || (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static bool park(struct refused *me)
{
    return mtm_plat_park(&me->word, 0, me->deadline);
}

#else

static bool refuse(int calls, int error)
{
    (void)calls;
    (void)error;
    return true;
}

static bool park(struct refused *me)
{
    return mtm_plat_park_by_looking(&me->word, 0, me->deadline);
}

#endif

static void *refused_run(void *opaque)
{
    struct refused *me = opaque;
    me->skipped = !refuse(me->calls, me->error);
    me->in_time = !me->skipped;
    mtm_store_seq(&me->started, 1);
    while (me->in_time && mtm_load_acq(&me->word) == 0) {
        me->in_time = park(me);
        mtm_add_seq(&me->returns, 1);
    }
    mtm_store_seq(&me->left, 1);
    return NULL;
}

/* The thread is not joined before it has told that it is about to leave. */
static void refused_start(struct refused *me, pthread_t *thread)
{
    unit_start(thread, 1, refused_run, me);
    unit_await(&me->started, 1);
}

static void refused_join(struct refused *me, pthread_t *thread)
{
    unit_await(&me->left, 1);
    unit_join(thread, 1);
    if (me->skipped) skip();
}

static void ends_at_its_deadline(int calls, int error)
{
    struct refused me = {.calls = calls, .error = error};
    pthread_t thread;
    me.deadline = mtm_plat_now() + 30 * UNIT_MS;
    refused_start(&me, &thread);
    refused_join(&me, &thread);
    assert_false(me.in_time);
    assert_true(mtm_plat_now() >= me.deadline);
    assert_in_range(me.returns, 1, 20); /* it was not busy */
}

static void notices_a_wake_up(int calls, int error)
{
    struct refused me = {.calls = calls, .error = error, .deadline = MTM_FOREVER};
    pthread_t thread;
    refused_start(&me, &thread);
    unit_linger(20 * UNIT_MS);
    uint32_t returns = mtm_load_acq(&me.returns);
    mtm_store_seq(&me.word, 1);
    mtm_plat_unpark_one(&me.word);
    refused_join(&me, &thread);
    assert_true(me.in_time);
    assert_in_range(returns, 0, 20);
}

static void refusal_with_eperm(void **state)
{
    (void)state;
    ends_at_its_deadline(ALL, EPERM);
    notices_a_wake_up(ALL, EPERM);
}

static void refusal_with_enosys(void **state)
{
    (void)state;
    ends_at_its_deadline(ALL, ENOSYS);
    notices_a_wake_up(ALL, ENOSYS);
}

static void refusal_of_the_young_call(void **state)
{
    (void)state;
    ends_at_its_deadline(YOUNG, EPERM);
    notices_a_wake_up(YOUNG, EPERM);
}

static void no_refusal(void **state)
{
    (void)state;
    ends_at_its_deadline(NONE, 0);
    notices_a_wake_up(NONE, 0);
}

#if defined(__linux__) && defined(SYS_clock_gettime) && __SIZEOF_LONG__ == 4
static _Thread_local bool clock_is_refused;

/* In place of the C library's, for all of this program. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    long old[2];
    errno = EPERM;
    if (clock_is_refused || syscall(SYS_clock_gettime, clock, old) != 0) return -1;
    *now = (struct timespec){.tv_sec = old[0], .tv_nsec = old[1]};
    return 0;
}

static void time_goes_on_where_the_clock_is_refused(void **state)
{
    (void)state;
    int64_t before = mtm_plat_now();
    double wall = mtm_plat_wall();
    clock_is_refused = true;
    int64_t between = mtm_plat_now();
    double same_wall = mtm_plat_wall();
    clock_is_refused = false;
    assert_true(before <= between && between <= mtm_plat_now());
    assert_true(wall <= same_wall && same_wall <= mtm_plat_wall());
}
#else
static void time_goes_on_where_the_clock_is_refused(void **state)
{
    (void)state;
    skip(); /* only 32-bit machines have an old call for it */
}
#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("park sleeps and wakes where nothing is refused", no_refusal),
        UNIT_TEST("... and where futexes are refused with EPERM", refusal_with_eperm),
        UNIT_TEST("... or with ENOSYS", refusal_with_enosys),
        UNIT_TEST("... or only the call for times of 64 bits", refusal_of_the_young_call),
        UNIT_TEST("time goes on where the clock is refused",
                  time_goes_on_where_the_clock_is_refused),
    };
    return UNIT_RUN(tests);
}

#endif
