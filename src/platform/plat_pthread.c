/* The platform contract on every other Unix: parking on top of POSIX threads alone; the rest is
 * in plat_unix.c. It owns the parking lot, which lives as long as the module. */
#if !defined(_WIN32) && (!defined(__linux__) || defined(MTM_PLATFORM_PTHREAD))

/* As in plat_unix.c. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _NETBSD_SOURCE
#define __EXTENSIONS__

#include "platform/plat_unix.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__FreeBSD__)
#include <sys/param.h>
#include <sys/cpuset.h>
#endif

#include "platform/hidden.h"

static const int64_t ns_per_s = 1000000000;

/* No sleep is longer, which spares the system times that it cannot represent. */
static const int64_t longest_sleep = (int64_t)24 * 3600 * 1000000000;

/* A thread that sleeps, on its own stack, so that whoever wakes it wakes nobody else. */
struct sleeper {
    /* guarded by the spot's mutex: */
    struct sleeper *next, **link;
    bool woken; /* and so not in the line any more */
    /* constant: */
    const mtm_a32 *addr;
    pthread_cond_t wake;
};

/* Addresses are spread over the spots of the lot, so strangers may share one. Its mutex makes
 * comparing and falling asleep one step for whoever wants to wake. */
struct spot {
    _Alignas(MTM_CACHE_LINE) pthread_mutex_t mutex;
    struct sleeper *first, **end; /* guarded by mutex: in the order in which they came */
};

enum { LOT_BITS = 6 };

static struct spot lot[1 << LOT_BITS];
static pthread_condattr_t lot_attr; /* constant once made, as the mutexes */
static pthread_once_t lot_once = PTHREAD_ONCE_INIT;

static void lot_init(void)
{
    int failed = pthread_condattr_init(&lot_attr);
#if !defined(__APPLE__)
    failed |= pthread_condattr_setclock(&lot_attr, CLOCK_MONOTONIC);
#endif
    for (size_t i = 0; i < sizeof lot / sizeof *lot; ++i) {
        failed |= pthread_mutex_init(&lot[i].mutex, NULL);
        lot[i].first = NULL;
        lot[i].end = &lot[i].first;
    }
    if (failed) abort(); /* nobody could ever sleep or be woken */
}

static struct spot *spot_of(const mtm_a32 *addr)
{
    pthread_once(&lot_once, lot_init);
    uint64_t hash = (uint64_t)(uintptr_t)addr * 0x9E3779B97F4A7C15u;
    return &lot[hash >> (64 - LOT_BITS)];
}

/* ---- the line of those who sleep at a spot; its mutex is held ---- */

static void line_append(struct spot *spot, struct sleeper *sleeper)
{
    sleeper->next = NULL;
    sleeper->link = spot->end;
    *spot->end = sleeper;
    spot->end = &sleeper->next;
}

static void line_remove(struct spot *spot, struct sleeper *sleeper)
{
    *sleeper->link = sleeper->next;
    *(sleeper->next ? &sleeper->next->link : &spot->end) = sleeper->link;
}

/* Up to `count` of those who sleep on the address. Signalling under the mutex keeps them, and
 * what is signalled, from going away meanwhile. */
static void line_wake(struct spot *spot, const mtm_a32 *addr, size_t count)
{
    for (struct sleeper *sleeper = spot->first, *next; sleeper && count > 0; sleeper = next) {
        next = sleeper->next;
        if (sleeper->addr != addr) continue;
        line_remove(spot, sleeper);
        sleeper->woken = true;
        pthread_cond_signal(&sleeper->wake);
        --count;
    }
}

/* What the system's call for sleeping returned. */
static int line_sleep(struct spot *spot, struct sleeper *sleeper, int64_t deadline)
{
    if (deadline == MTM_FOREVER) return pthread_cond_wait(&sleeper->wake, &spot->mutex);
    int64_t now = mtm_plat_now();
    if (deadline <= now) return ETIMEDOUT;
    int64_t span = deadline - now < longest_sleep ? deadline - now : longest_sleep;
#if defined(__APPLE__)
    struct timespec rest = {(time_t)(span / ns_per_s), (long)(span % ns_per_s)};
    return pthread_cond_timedwait_relative_np(&sleeper->wake, &spot->mutex, &rest);
#else
    int64_t end = now + span;
    struct timespec until = {(time_t)(end / ns_per_s), (long)(end % ns_per_s)};
    return pthread_cond_timedwait(&sleeper->wake, &spot->mutex, &until);
#endif
}

/* ---- parking ---- */

/* Sleeps if the word is as expected; what came of it as of line_sleep. */
static int spot_park(struct spot *spot, mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    struct sleeper self = {.addr = addr};
    int rc = pthread_cond_init(&self.wake, &lot_attr);
    if (rc != 0) return rc;
    pthread_mutex_lock(&spot->mutex);
    /* As ordered as in a kernel: callers rely on it between a flag of theirs and the word. */
    if (mtm_load_seq(addr) == expected) {
        line_append(spot, &self);
        rc = line_sleep(spot, &self, deadline);
        if (self.woken) rc = 0;
        else line_remove(spot, &self);
    }
    pthread_mutex_unlock(&spot->mutex);
    pthread_cond_destroy(&self.wake);
    return rc;
}

/* A thread that is cancelled in here would take the spot's mutex to its grave, so cancelling
 * has to wait. */
bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    int rc = spot_park(spot_of(addr), addr, expected, deadline);
    bool in_time = rc != ETIMEDOUT || mtm_plat_now() < deadline;
    if (rc != 0 && rc != ETIMEDOUT) { /* it will not let anybody sleep */
        in_time = mtm_plat_park_by_looking(addr, expected, deadline);
    }
    pthread_setcancelstate(cancel, &cancel);
    return in_time;
}

static void spot_wake(const mtm_a32 *addr, size_t count)
{
    struct spot *spot = spot_of(addr);
    pthread_mutex_lock(&spot->mutex);
    line_wake(spot, addr, count);
    pthread_mutex_unlock(&spot->mutex);
}

/* No signal ends a wait for a condition. */
int64_t mtm_plat_longest_nap(void)
{
    return mtm_plat_handles_signals() ? (int64_t)100 * 1000 * 1000 : MTM_FOREVER;
}

void mtm_plat_unpark_one(mtm_a32 *addr)
{
    spot_wake(addr, 1);
}

void mtm_plat_unpark_all(mtm_a32 *addr)
{
    spot_wake(addr, SIZE_MAX);
}

void mtm_plat_forget_sleepers(void)
{
    static const pthread_once_t not_yet = PTHREAD_ONCE_INIT;
    lot_once = not_yet;
}

/* Where a system has no affinity, or does not tell, it is the number of CPUs online. */
unsigned mtm_plat_cpus(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
#elif defined(__FreeBSD__)
    cpuset_t set;
    if (cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_TID, -1, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 1 ? (unsigned)online : 1;
}

const char *mtm_plat_info(void)
{
    return "atomics:C11 threads:pthread";
}

#else
typedef int mtm_plat_pthread_is_not_used_here;
#endif
