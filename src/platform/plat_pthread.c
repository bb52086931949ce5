/* The platform contract on every other Unix: parking on top of POSIX threads alone; the rest is
 * in plat_unix.c. It owns the parking lot, which lives as long as the module. */
#if !defined(_WIN32) && (!defined(__linux__) || defined(MTM_PLATFORM_PTHREAD))

/* As in plat_unix.c. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _NETBSD_SOURCE
#define __EXTENSIONS__

#include "platform/plat.h"

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

/* Addresses are spread over the spots of the lot, so strangers may share one. Its mutex makes
 * comparing and falling asleep one step for whoever wants to wake. */
struct spot {
    _Alignas(MTM_CACHE_LINE) pthread_mutex_t mutex;
    pthread_cond_t wake;
    unsigned sleepers;   /* guarded by mutex */
    const mtm_a32 *addr; /* guarded by mutex: where they all park; NULL: not all on one word */
};

enum { LOT_BITS = 6 };

static struct spot lot[1 << LOT_BITS];
static pthread_once_t lot_once = PTHREAD_ONCE_INIT;

static void lot_init(void)
{
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);
#if !defined(__APPLE__)
    failed |= pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    for (size_t i = 0; i < sizeof lot / sizeof *lot; ++i) {
        failed |= pthread_mutex_init(&lot[i].mutex, NULL);
        failed |= pthread_cond_init(&lot[i].wake, &attr);
    }
    pthread_condattr_destroy(&attr);
    if (failed) abort(); /* nobody could ever sleep or be woken */
}

static struct spot *spot_of(const mtm_a32 *addr)
{
    pthread_once(&lot_once, lot_init);
    uint64_t hash = (uint64_t)(uintptr_t)addr * 0x9E3779B97F4A7C15u;
    return &lot[hash >> (64 - LOT_BITS)];
}

static bool spot_sleep_until(struct spot *spot, int64_t deadline)
{
    int64_t now = mtm_plat_now();
    if (deadline <= now) return false;
    int64_t span = deadline - now < longest_sleep ? deadline - now : longest_sleep;
#if defined(__APPLE__)
    struct timespec rest = {(time_t)(span / ns_per_s), (long)(span % ns_per_s)};
    int rc = pthread_cond_timedwait_relative_np(&spot->wake, &spot->mutex, &rest);
#else
    int64_t end = now + span;
    struct timespec until = {(time_t)(end / ns_per_s), (long)(end % ns_per_s)};
    int rc = pthread_cond_timedwait(&spot->wake, &spot->mutex, &until);
#endif
    return rc != ETIMEDOUT || mtm_plat_now() < deadline;
}

/* With the spot's mutex held. */
static bool spot_sleep(struct spot *spot, const mtm_a32 *addr, int64_t deadline)
{
    bool in_time = true;
    if (spot->sleepers++ == 0) {
        spot->addr = addr;
    } else if (spot->addr != addr) {
        spot->addr = NULL;
    }
    if (deadline == MTM_FOREVER) {
        pthread_cond_wait(&spot->wake, &spot->mutex);
    } else {
        in_time = spot_sleep_until(spot, deadline);
    }
    --spot->sleepers;
    return in_time;
}

/* A thread that is cancelled in here would take the spot's mutex to its grave, so cancelling
 * has to wait. */
bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    struct spot *spot = spot_of(addr);
    bool in_time = true;
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    pthread_mutex_lock(&spot->mutex);
    /* As ordered as in a kernel: callers rely on it between a flag of theirs and the word. */
    if (mtm_load_seq(addr) == expected) in_time = spot_sleep(spot, addr, deadline);
    pthread_mutex_unlock(&spot->mutex);
    pthread_setcancelstate(cancel, &cancel);
    return in_time;
}

void mtm_plat_unpark_one(mtm_a32 *addr)
{
    struct spot *spot = spot_of(addr);
    pthread_mutex_lock(&spot->mutex);
    if (spot->sleepers > 0) {
        if (spot->addr == addr) {
            pthread_cond_signal(&spot->wake);
        } else if (!spot->addr) { /* one signal might reach a stranger */
            pthread_cond_broadcast(&spot->wake);
        }
    }
    pthread_mutex_unlock(&spot->mutex);
}

void mtm_plat_unpark_all(mtm_a32 *addr)
{
    struct spot *spot = spot_of(addr);
    pthread_mutex_lock(&spot->mutex);
    if (spot->sleepers > 0) pthread_cond_broadcast(&spot->wake);
    pthread_mutex_unlock(&spot->mutex);
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
