/* The platform contract on Linux: futexes for parking, CLOCK_MONOTONIC for every deadline; the
 * rest is in plat_unix.c. It owns no state. */
#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)

#define _GNU_SOURCE
#include "platform/plat.h"

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

/* As in <linux/futex.h>, which does not come with every C library. */
enum { FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, FUTEX_PRIVATE_FLAG = 128 };

static const int64_t ns_per_s = 1000000000;

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
