/* The platform contract on Windows 8 and later: WaitOnAddress for parking, the performance
 * counter for every deadline. It owns no state but the debug counter of held locks. */
#if defined(_WIN32)

#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0602
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#endif
#define WIN32_LEAN_AND_MEAN
#include "platform/plat.h"

#include <windows.h>

#include "platform/hidden.h"

#if defined(_MSC_VER)
#pragma comment(lib, "synchronization.lib")
#endif

static const int64_t ns_per_s = 1000000000;
static const int64_t ns_per_ms = 1000000;
static const int64_t longest_sleep_ms = (int64_t)24 * 3600 * 1000; /* a DWORD holds 49 days */

int64_t mtm_plat_now(void)
{
    LARGE_INTEGER count, per_s;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_s);
    int64_t sec = count.QuadPart / per_s.QuadPart;
    int64_t rest = count.QuadPart % per_s.QuadPart; /* apart, as the product would overflow */
    return sec * ns_per_s + rest * ns_per_s / per_s.QuadPart;
}

/* In units of 100 ns since 1970. */
static int64_t wall_ticks(void)
{
    const int64_t from_1601_to_1970 = 116444736000000000;
    FILETIME time;
    GetSystemTimePreciseAsFileTime(&time);
    int64_t since_1601 = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
    return since_1601 - from_1601_to_1970;
}

double mtm_plat_wall(void)
{
    return (double)wall_ticks() * 1e-7;
}

/* Rounded up, so that a sleep of that length does not end before the deadline. */
static DWORD ms_until(int64_t deadline)
{
    int64_t now = mtm_plat_now();
    if (deadline <= now) return 0;
    int64_t ms = (deadline - now - 1) / ns_per_ms + 1;
    return (DWORD)(ms < longest_sleep_ms ? ms : longest_sleep_ms);
}

bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    DWORD ms = deadline == MTM_FOREVER ? INFINITE : ms_until(deadline);
    if (WaitOnAddress(addr, &expected, sizeof expected, ms)) return true;
    if (GetLastError() != ERROR_TIMEOUT) Sleep(ms > 0 ? 1 : 0); /* refused: look now and then */
    /* Time ran out, but perhaps only that of a sleep shortened or ended early by the system. */
    return deadline == MTM_FOREVER || mtm_plat_now() < deadline;
}

int64_t mtm_plat_longest_nap(void)
{
    return MTM_FOREVER;
}

void mtm_plat_unpark_one(mtm_a32 *addr)
{
    WakeByAddressSingle((void *)addr);
}

void mtm_plat_unpark_all(mtm_a32 *addr)
{
    WakeByAddressAll((void *)addr);
}

void mtm_plat_relax(void)
{
    YieldProcessor();
}

void mtm_plat_yield(void)
{
    SwitchToThread();
}

unsigned mtm_plat_cpus(void)
{
    GROUP_AFFINITY mine; /* Windows runs a thread within one group of up to 64 CPUs */
    unsigned count = 0;
    if (!GetThreadGroupAffinity(GetCurrentThread(), &mine)) return 1;
    for (; mine.Mask != 0; mine.Mask &= mine.Mask - 1) ++count;
    return count;
}

uint64_t mtm_plat_seed(void)
{
    LARGE_INTEGER count;
    QueryPerformanceCounter(&count);
    uint64_t seed = (uint64_t)wall_ticks() ^ (uint64_t)count.QuadPart << 20;
    seed ^= (uint64_t)GetCurrentProcessId() << 40 ^ (uint64_t)(uintptr_t)&seed;
    seed *= 0x9E3779B97F4A7C15u;
    return seed ^ seed >> 29;
}

/* There is no fork. */
bool mtm_plat_on_fork(void (*child)(void))
{
    (void)child;
    return true;
}

const char *mtm_plat_info(void)
{
    return "atomics:C11 threads:windows";
}

#if defined(MTM_PAUSES)
void mtm_plat_moment(void)
{
    Sleep(1);
}
#endif

#else
typedef int mtm_plat_windows_is_not_used_here;
#endif
