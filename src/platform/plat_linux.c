/* The platform contract on Linux: futexes for parking, CLOCK_MONOTONIC for every deadline.
 * It owns no state but the debug counter of held locks. */
#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)

#define _GNU_SOURCE
#include "platform/plat.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The youngest 32-bit machines have only the call whose times have 64 bits. */
#if !defined(SYS_futex)
#define SYS_futex SYS_futex_time64
#endif

/* As in <linux/futex.h>, which does not come with every C library. */
enum { FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, FUTEX_PRIVATE_FLAG = 128 };

static const int64_t ns_per_s = 1000000000;

int64_t mtm_plat_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * ns_per_s + ts.tv_nsec;
}

double mtm_plat_wall(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* The kernel's layout of a time on 32-bit machines whose time_t has 64 bits differs from that
 * of the call with the old number, so each of both calls gets the type that it was made for. */
static long futex_wait(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    const int op = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG; /* absolute, monotonic */
    const uint32_t any = UINT32_MAX;                       /* whichever bits a waker names */
    if (deadline == MTM_FOREVER) return syscall(SYS_futex, addr, op, expected, NULL, NULL, any);
    if (deadline < 0) deadline = 0; /* the kernel refuses to wait until a negative time */
#if defined(SYS_futex_time64) && __SIZEOF_LONG__ == 4
    struct {
        int64_t sec, nsec;
    } until64 = {deadline / ns_per_s, deadline % ns_per_s};
    long rc = syscall(SYS_futex_time64, addr, op, expected, &until64, NULL, any);
    if (rc == 0 || errno != ENOSYS) return rc;
#endif
    int64_t sec = deadline / ns_per_s;
    struct {
        long sec, nsec;
    } until = {sec > LONG_MAX ? LONG_MAX : (long)sec, (long)(deadline % ns_per_s)};
    return syscall(SYS_futex, addr, op, expected, &until, NULL, any);
}

bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    long rc = futex_wait(addr, expected, deadline);
    return !(rc == -1 && errno == ETIMEDOUT);
}

void mtm_plat_unpark_one(mtm_a32 *addr)
{
    syscall(SYS_futex, addr, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void mtm_plat_unpark_all(mtm_a32 *addr)
{
    syscall(SYS_futex, addr, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
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

unsigned mtm_plat_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
    if (errno != EINVAL) return 1;
    return 2; /* more CPUs than the fixed set has room for */
}

uint64_t mtm_plat_seed(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t seed = (uint64_t)ts.tv_sec * 1000003u ^ (uint64_t)ts.tv_nsec << 20;
    seed ^=
        (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)&seed; /* addresses are randomized */
    seed *= 0x9E3779B97F4A7C15u;
    return seed ^ seed >> 29;
}

/* Builds that choose their linker's flags ask it for this with -z nodelete; LuaRocks has no way
 * to. */
void mtm_plat_pin(void)
{
    static const char here = 0;
    Dl_info module;
    if (!dladdr(&here, &module) || !module.dli_fname) return;
    void *handle = dlopen(module.dli_fname, RTLD_LAZY | RTLD_NOLOAD); /* is never given back */
    (void)handle;
}

const char *mtm_plat_info(void)
{
    return "atomics:C11 threads:futex";
}

#if !defined(NDEBUG)
int mtm_plat_held_add(int n)
{
    static MTM_THREAD_LOCAL int held;
    return held += n;
}
#endif

#if defined(MTM_PAUSES)
void mtm_plat_pause(void)
{
    static MTM_THREAD_LOCAL uint32_t random;
    if (!random) random = (uint32_t)(uintptr_t)&random | 1;
    random = random * 1664525u + 1013904223u;
    uint32_t what = random >> 24;
    struct timespec moment = {0, 50000};
    if (what == 0) nanosleep(&moment, NULL); /* now and then, so that others run on for long */
    else if (what < 10) sched_yield();
    else if (what < 26)
        for (int i = 0; i < 500; ++i) mtm_plat_relax();
}
#endif

#else
typedef int mtm_plat_linux_is_not_used_here;
#endif
