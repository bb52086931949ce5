/* What the platform contract is on every Unix: clocks, the steps of a busy wait, the seed,
 * forks, and what only debug and stress builds have. How threads park is each system's own
 * matter. It owns no state but the debug counter of held locks. */
#if !defined(_WIN32)

/* In strict C11 each system hides a part of what is used here, and each shows it for another
 * word. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _NETBSD_SOURCE
#define __EXTENSIONS__

#include "platform/plat_unix.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "platform/hidden.h"

/* A filter of system calls that is older than the call for times of 64 bits refuses that one,
 * and the C library does not always try the old one then. */
static struct timespec read_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    if (clock_gettime(clock, &now) == 0) return now;
#if defined(SYS_clock_gettime) && __SIZEOF_LONG__ == 4
    long old[2];
    if (syscall(SYS_clock_gettime, clock, old) == 0) now = (struct timespec){old[0], old[1]};
#endif
    return now;
}

int64_t mtm_plat_now(void)
{
    struct timespec ts = read_clock(CLOCK_MONOTONIC);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

double mtm_plat_wall(void)
{
    struct timespec ts = read_clock(CLOCK_REALTIME);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

enum { NAP_MAX_MS = 5 };

/* By poll, whose time is a mere int, and which filters of system calls permit. */
static bool nap(int64_t longest_ms, int64_t deadline)
{
    const int64_t ns_per_ms = 1000000, now = mtm_plat_now();
    if (deadline <= now) return false;
    int64_t left = (deadline - now - 1) / ns_per_ms + 1;
    poll(NULL, 0, (int)(left < longest_ms ? left : longest_ms));
    return true;
}

bool mtm_plat_park_by_looking(const mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    bool in_time = true;
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    for (int64_t ms = 1; in_time && mtm_load_seq(addr) == expected; ms += ms < NAP_MAX_MS) {
        in_time = nap(ms, deadline);
    }
    pthread_setcancelstate(cancel, &cancel);
    return in_time;
}

bool mtm_plat_handles_signals(void)
{
    struct sigaction action;
    if (sigaction(SIGINT, NULL, &action) != 0) return false;
    return (action.sa_flags & SA_SIGINFO) ||
           (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

void mtm_plat_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ __volatile__("yield" ::: "memory");
#else
    __asm__ __volatile__("" ::: "memory");
#endif
}

void mtm_plat_yield(void)
{
    sched_yield();
}

uint64_t mtm_plat_seed(void)
{
    struct timespec ts = read_clock(CLOCK_REALTIME);
    uint64_t seed = (uint64_t)ts.tv_sec * 1000003u ^ (uint64_t)ts.tv_nsec << 20;
    seed ^= (uint64_t)getpid() << 40;
    seed ^= (uint64_t)(uintptr_t)&seed; /* addresses are randomized */
    seed *= 0x9E3779B97F4A7C15u;
    return seed ^ seed >> 29;
}

static _Atomic(void (*)(void)) in_child;

static void begin_child(void)
{
    mtm_plat_forget_sleepers();
    mtm_load_acq (&in_child)(); /* pairs with mtm_plat_on_fork */
}

bool mtm_plat_on_fork(void (*child)(void))
{
    mtm_store_rel(&in_child, child);
    return pthread_atfork(NULL, NULL, begin_child) == 0;
}

#if defined(MTM_PAUSES)
void mtm_plat_moment(void)
{
    struct timespec moment = {0, 50000};
    nanosleep(&moment, NULL);
}
#endif

#else
typedef int mtm_plat_unix_is_not_used_here;
#endif
