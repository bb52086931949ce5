/* The platform contract on Linux: futexes for parking, CLOCK_MONOTONIC for every deadline; the
 * rest is in plat_unix.c. It owns no state. */
#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)

#define _GNU_SOURCE
#include "platform/plat_unix.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/hidden.h"

/* The youngest 32-bit machines have only the call whose times have 64 bits. */
#if !defined(SYS_futex)
#define SYS_futex SYS_futex_time64
#endif
#if defined(SYS_futex_time64) && __SIZEOF_LONG__ == 4
#define MTM_HAS_FUTEX_TIME64
#endif

/* As in <linux/futex.h>, which does not come with every C library. */
enum { FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, FUTEX_PRIVATE_FLAG = 128 };

static const int64_t ns_per_s = 1000000000;

/* The kernel's layout of a time on 32-bit machines whose time_t has 64 bits differs from that
 * of the call with the old number, so each of both calls gets the type that it was made for. */
struct futex_time {
    long sec, nsec;
};

static bool is_refused(long rc)
{
    return rc == -1 && errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT;
}

static long futex_wait(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    const int op = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG; /* absolute, monotonic */
    const uint32_t any = UINT32_MAX;                       /* whichever bits a waker names */
    const bool forever = deadline == MTM_FOREVER;
    if (deadline < 0) deadline = 0; /* the kernel refuses to wait until a negative time */
    const int64_t sec = deadline / ns_per_s, nsec = deadline % ns_per_s;
#if defined(MTM_HAS_FUTEX_TIME64)
    const int64_t until64[] = {sec, nsec};
    long rc =
        syscall(SYS_futex_time64, addr, op, expected, forever ? NULL : until64, NULL, any);
    if (!is_refused(rc)) return rc;
#endif
    const struct futex_time until = {sec > LONG_MAX ? LONG_MAX : (long)sec, (long)nsec};
    return syscall(SYS_futex, addr, op, expected, forever ? NULL : &until, NULL, any);
}

/* Nobody sleeps on a futex where the kernel, or a filter of system calls, refuses futexes: then
 * each looks for itself, and nobody has to be woken. */
bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    long rc = futex_wait(addr, expected, deadline);
    if (MTM_UNLIKELY(is_refused(rc))) return mtm_plat_park_by_looking(addr, expected, deadline);
    return !(rc == -1 && errno == ETIMEDOUT);
}

/* A wait without a deadline is taken up again by the kernel where the handler was set so. */
int64_t mtm_plat_longest_nap(void)
{
    const int64_t day = 86400 * ns_per_s;
    return mtm_plat_handles_signals() ? ns_per_s : day;
}

static void futex_wake(mtm_a32 *addr, int count)
{
    const int op = FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
    long rc = syscall(SYS_futex, addr, op, count, NULL, NULL, 0);
#if defined(MTM_HAS_FUTEX_TIME64)
    if (rc == -1) rc = syscall(SYS_futex_time64, addr, op, count, NULL, NULL, 0);
#endif
    (void)rc;
}

void mtm_plat_unpark_one(mtm_a32 *addr)
{
    futex_wake(addr, 1);
}

void mtm_plat_unpark_all(mtm_a32 *addr)
{
    futex_wake(addr, INT_MAX);
}

/* The kernel keeps the sleepers by process. */
void mtm_plat_forget_sleepers(void) {}

unsigned mtm_plat_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
    if (errno != EINVAL) return 1;
    return 2; /* more CPUs than the fixed set has room for */
}

const char *mtm_plat_info(void)
{
    return "atomics:C11 threads:futex";
}

#else
typedef int mtm_plat_linux_is_not_used_here;
#endif
