/* Owns what the host needs from the operating system: threads, a mutex, a condition, a clock, a
 * count of processors. It knows nothing of Lua; another thread API goes in here alone. */
#ifndef HOST_OS_H
#define HOST_OS_H

#if defined(_WIN32)
#include "host_os_windows.h"
#else

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define os_setjmp(target) setjmp(target)

typedef pthread_mutex_t os_mutex;
typedef pthread_cond_t os_cond;

/* Stays where it is from os_thread_start to the end of os_thread_join. */
struct os_thread {
    pthread_t id;
    void (*run)(void *);
    void *arg;
};

static inline void *os_thread_entry(void *opaque)
{
    struct os_thread *thread = opaque;
    thread->run(thread->arg);
    return NULL;
}

/* Runs run(arg) in a new thread; returns 0 if there can be none. */
static inline int os_thread_start(struct os_thread *thread, void (*run)(void *), void *arg)
{
    thread->run = run;
    thread->arg = arg;
    return pthread_create(&thread->id, NULL, os_thread_entry, thread) == 0;
}

static inline void os_thread_join(struct os_thread *thread)
{
    pthread_join(thread->id, NULL);
}

static inline void os_mutex_init(os_mutex *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

static inline void os_mutex_lock(os_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

static inline void os_mutex_unlock(os_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

static inline void os_mutex_fini(os_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

#if defined(__APPLE__) /* conditions know no monotonic clock there, but spans of time */
static inline void os_cond_init(os_cond *cond)
{
    pthread_cond_init(cond, NULL);
}
#else
static inline void os_cond_init(os_cond *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}
#endif

static inline void os_cond_signal_all(os_cond *cond)
{
    pthread_cond_broadcast(cond);
}

static inline void os_cond_wait(os_cond *cond, os_mutex *mutex)
{
    pthread_cond_wait(cond, mutex);
}

static inline void os_cond_fini(os_cond *cond)
{
    pthread_cond_destroy(cond);
}

/* Seconds on a clock that is never set. */
static inline double os_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Waits until the cond is signalled or os_now() has reached deadline. */
static inline void os_cond_wait_until(os_cond *cond, os_mutex *mutex, double deadline)
{
    struct timespec at;
#if defined(__APPLE__)
    deadline = deadline > os_now() ? deadline - os_now() : 0;
#endif
    at.tv_sec = (time_t)deadline;
    at.tv_nsec = (long)((deadline - (double)at.tv_sec) * 1e9);
#if defined(__APPLE__)
    pthread_cond_timedwait_relative_np(cond, mutex, &at);
#else
    pthread_cond_timedwait(cond, mutex, &at);
#endif
}

/* ---- SIGTERM ---- */

static struct {
    int pipe[2]; /* a byte for the thread: a signal has come, or there is nothing more to watch
                  */
    void (*report)(void);
    struct os_thread thread;
} os_watch;

enum { OS_WATCH_OVER, OS_WATCH_TERM };

static inline void os_watch_tell(char what)
{
    ssize_t written = write(os_watch.pipe[1], &what, 1);
    (void)written;
}

static inline void os_watch_signal(int number)
{
    (void)number;
    os_watch_tell(OS_WATCH_TERM);
}

/* What a handler may not do a thread does. */
static inline void os_watch_run(void *unused)
{
    char what = OS_WATCH_OVER;
    (void)unused;
    if (read(os_watch.pipe[0], &what, 1) == 1 && what == OS_WATCH_TERM) {
        os_watch.report();
        signal(SIGTERM, SIG_DFL);
        raise(SIGTERM);
    }
}

/* From now on a process that is told to end calls report, in a thread, before it does; returns
 * 0 if that cannot be had. */
static inline int os_watch_begin(void (*report)(void))
{
    os_watch.report = report;
    return pipe(os_watch.pipe) == 0 && os_thread_start(&os_watch.thread, os_watch_run, NULL) &&
           signal(SIGTERM, os_watch_signal) != SIG_ERR;
}

static inline void os_watch_end(void)
{
    signal(SIGTERM, SIG_DFL);
    os_watch_tell(OS_WATCH_OVER);
    os_thread_join(&os_watch.thread);
    close(os_watch.pipe[0]);
    close(os_watch.pipe[1]);
}

/* Whether the descriptor is readable within so many ms; -1: for ever. */
static inline int os_poll(intptr_t descriptor, int ms)
{
    struct pollfd one = {.fd = (int)descriptor, .events = POLLIN};
    int count;
    do {
        count = poll(&one, 1, ms);
    } while (count < 0); /* a signal */
    return count > 0;
}

static inline int os_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

#endif
#endif
