/* Tests of the platform's descriptors: set, they are readable, and they are gone after a fork
 * and an exec. They are the same for each implementation and own nothing. */
#include "pollable_unit.h"

#if !defined(_WIN32)
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#endif

enum { THREADS = 4, ROUNDS = 2000, MANY = 100000 };

/* It stays where it is until it is closed. The second time, as nothing may be left of the
 * first.
 */
static void open_twice(struct mtm_signal *signal)
{
    const char *why = "";
    assert_true(mtm_plat_signal_open(signal, &why));
    mtm_plat_signal_close(signal);
    assert_true(mtm_plat_signal_open(signal, &why));
}

static bool is_set(const struct mtm_signal *signal)
{
    return is_readable(mtm_plat_signal_descriptor(signal), 0);
}

static void it_is_readable_while_it_is_set(void **state)
{
    (void)state;
    struct mtm_signal signal;
    const char *why = "";
    assert_true(mtm_plat_signal_open(&signal, &why));
    assert_false(is_set(&signal));
    mtm_plat_signal_unset(&signal); /* does not wait for anything to be read */
    for (int i = 0; i < 3; ++i) {
        mtm_plat_signal_set(&signal);
        mtm_plat_signal_set(&signal);
        assert_true(is_set(&signal));
        assert_true(is_set(&signal));
        mtm_plat_signal_unset(&signal);
        assert_false(is_set(&signal));
    }
    mtm_plat_signal_close(&signal);
}

/* Nobody unsets it: what it is made of is full at some time. */
static void it_may_be_set_as_often_as_one_likes(void **state)
{
    (void)state;
    struct mtm_signal signal;
    const char *why = "";
    assert_true(mtm_plat_signal_open(&signal, &why));
    for (int i = 0; i < MANY; ++i) mtm_plat_signal_set(&signal);
    assert_true(is_set(&signal));
    mtm_plat_signal_unset(&signal);
    assert_false(is_set(&signal));
    mtm_plat_signal_close(&signal);
}

static void *set_often(void *opaque)
{
    for (int i = 0; i < ROUNDS; ++i) mtm_plat_signal_set(opaque);
    return NULL;
}

static void many_threads_may_set_it(void **state)
{
    (void)state;
    struct mtm_signal signal;
    const char *why = "";
    pthread_t threads[THREADS];
    assert_true(mtm_plat_signal_open(&signal, &why));
    unit_start(threads, THREADS, set_often, &signal);
    for (int i = 0; i < ROUNDS; ++i) mtm_plat_signal_unset(&signal);
    unit_join(threads, THREADS);
    mtm_plat_signal_set(&signal);
    assert_true(is_set(&signal));
    mtm_plat_signal_close(&signal);
}

static void *open_and_close(void *unused)
{
    (void)unused;
    struct mtm_signal signal[3];
    const char *why = "";
    for (int i = 0; i < ROUNDS / 10; ++i) {
        int n = 0;
        while (n < 3 && mtm_plat_signal_open(&signal[n], &why)) ++n;
        while (n > 0) mtm_plat_signal_close(&signal[--n]);
    }
    return NULL;
}

static void threads_open_and_close_them_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unit_start(threads, THREADS, open_and_close, NULL);
    unit_join(threads, THREADS);
}

#if defined(_WIN32)

static void what_it_is_made_of(void **state)
{
    (void)state;
    DWORD flags = 1;
    struct mtm_signal signal;
    open_twice(&signal);
    HANDLE handle = (HANDLE)mtm_plat_signal_descriptor(&signal);
    if (GetHandleInformation(handle, &flags)) assert_int_equal(flags & HANDLE_FLAG_INHERIT, 0);
    mtm_plat_signal_close(&signal);
}

#else

static void what_it_is_made_of(void **state)
{
    (void)state;
    struct mtm_signal signal;
    open_twice(&signal);
    const int fd = (int)mtm_plat_signal_descriptor(&signal);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl((int)signal.writing, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    mtm_plat_signal_close(&signal);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static bool is_gone(intptr_t fd)
{
    return fcntl((int)fd, F_GETFD) == -1 && errno == EBADF;
}

/* The exit code tells where it failed. */
static int look_in_child(struct mtm_signal *signal, intptr_t reading, intptr_t writing)
{
    struct mtm_signal own;
    const char *why = "";
    if (!is_gone(reading) || !is_gone(writing)) return 2;
    if (mtm_plat_signal_descriptor(signal) != -1) return 3;
    if (!mtm_plat_signal_open(&own, &why)) return 4;
    mtm_plat_signal_set(signal); /* as a call that the fork interrupted */
    if (is_readable(mtm_plat_signal_descriptor(&own), 0)) return 5;
    mtm_plat_signal_set(&own);
    if (!is_readable(mtm_plat_signal_descriptor(&own), 0)) return 6;
    mtm_plat_signal_close(&own);
    return 0;
}

static void a_forked_child_has_none(void **state)
{
    (void)state;
    struct mtm_signal before, signal;
    const char *why = "";
    int status = 1;
    open_twice(&before);
    assert_true(mtm_plat_signal_open(&signal, &why));
    mtm_plat_signal_set(&signal);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(look_in_child(&signal, signal.reading, signal.writing));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_set(&signal));
    mtm_plat_signal_unset(&signal);
    assert_false(is_set(&signal));
    mtm_plat_signal_close(&signal);
    mtm_plat_signal_close(&before);
}

static void where_there_are_no_more_it_says_so(void **state)
{
    (void)state;
    struct rlimit limit, low;
    struct mtm_signal signal;
    const char *why = "";
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    close(next);
    low = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    const bool none = !mtm_plat_signal_open(&signal, &why);
    low.rlim_cur = (rlim_t)next + 1; /* too few for a pipe */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    const char *unused = "";
    struct mtm_signal second;
    if (mtm_plat_signal_open(&second, &unused)) mtm_plat_signal_close(&second);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(none);
    assert_string_equal(why, "too many open files in this process");
    assert_int_equal(dup(0), next); /* nothing half-made is left */
    close(next);
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("it is readable while it is set", it_is_readable_while_it_is_set),
        UNIT_TEST("it may be set as often as one likes", it_may_be_set_as_often_as_one_likes),
        UNIT_TEST("many threads may set it at once", many_threads_may_set_it),
        UNIT_TEST("threads open and close them at once", threads_open_and_close_them_at_once),
        UNIT_TEST("programs that are executed have none of it", what_it_is_made_of),
#if !defined(_WIN32)
        UNIT_TEST("a forked child has none of its parent's", a_forked_child_has_none),
        UNIT_TEST("where there are no more, it says so, and leaves nothing half-made",
                  where_there_are_no_more_it_says_so),
#endif
    };
    return UNIT_RUN(tests);
}
