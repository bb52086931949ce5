/* What the machine asks for the single steps of which passing a message is made, in one thread;
 * and what the system says of this process: processor time, context switches, heap. Each
 * step(n, ...) returns the seconds that n of it took. */
#include "probe.h"

#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static long check_count(lua_State *L)
{
    return (long)luaL_checknumber(L, 1);
}

/* The compiler must take it for used. */
static inline void keep(void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* ---- steps ---- */

/* A lock of one word, taken by compare-and-swap and given back by an exchange. */
static int step_lock(lua_State *L)
{
    long n = check_count(L);
    _Atomic uint32_t word = 0;
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i) {
        uint32_t unlocked = 0;
        atomic_compare_exchange_strong_explicit(&word, &unlocked, 1, memory_order_acquire,
                                                memory_order_relaxed);
        atomic_exchange_explicit(&word, 0, memory_order_release);
    }
    return probe_since(L, begin);
}

static int step_clock(lua_State *L)
{
    long n = check_count(L);
    int64_t begin = probe_ns(), last = 0;
    for (long i = 0; i < n; ++i) last = probe_ns();
    keep(&last);
    return probe_since(L, begin);
}

/* memory(n, size): copies a block that is in the cache, as far as it fits. */
static int step_memcpy(lua_State *L)
{
    long n = check_count(L);
    size_t size = (size_t)luaL_checknumber(L, 2);
    char *from = malloc(size), *to = malloc(size);
    if (!from || !to) {
        free(from);
        free(to);
        return luaL_error(L, "not enough memory");
    }
    memset(from, 1, size);
    memset(to, 2, size);
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i) {
        memcpy(to, from, size);
        keep(to);
    }
    probe_since(L, begin);
    free(from);
    free(to);
    return 1;
}

/* shelf(n, size, places): in one thread, copies into so many places in turn, then out of all of
 * them, and so on; the places stay. */
static int step_shelf(lua_State *L)
{
    const long n = check_count(L);
    const size_t size = (size_t)luaL_checknumber(L, 2);
    const long places = (long)luaL_checknumber(L, 3);
    char *bytes = malloc((size_t)(places + 2) * size);
    if (!bytes) return luaL_error(L, "not enough memory");
    memset(bytes, 1, (size_t)(places + 2) * size);
    char *from = bytes + (size_t)places * size, *to = from + size;
    long done = 0;
    const int64_t begin = probe_ns();
    for (; done < n; done += places) {
        for (long i = 0; i < places; ++i) memcpy(bytes + (size_t)i * size, from, size);
        for (long i = 0; i < places; ++i) {
            memcpy(to, bytes + (size_t)i * size, size);
            keep(to);
        }
    }
    const double seconds = (double)(probe_ns() - begin) * 1e-9;
    free(bytes);
    lua_pushnumber(L, (lua_Number)(seconds * (double)n / (double)done));
    return 1;
}

static int step_malloc(lua_State *L)
{
    long n = check_count(L);
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i) {
        void *p = malloc(100);
        keep(p);
        free(p);
    }
    return probe_since(L, begin);
}

/* push(n, size): makes a Lua string from bytes and drops it; the collector is part of the
 * price. Always the same bytes, as in the workloads: LuaJIT compares them with the string that
 * it has. */
static int step_push(lua_State *L)
{
    long n = check_count(L);
    size_t size = (size_t)luaL_checknumber(L, 2);
    char *bytes = lua_newuserdata(L, size);
    memset(bytes, 'x', size);
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i) {
        lua_pushlstring(L, bytes, size);
        lua_pop(L, 1);
    }
    return probe_since(L, begin);
}

/* A system call that finds nobody asleep. */
static int step_wake(lua_State *L)
{
    long n = check_count(L);
    uint32_t word = 0;
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return probe_since(L, begin);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Links the places in one circle of random order. */
static void link_randomly(void **places, size_t count, size_t step)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; ++i) places[i * step] = &places[i * step];
    for (size_t i = count - 1; i > 0; --i) {
        size_t other = next_random(&state) % i;
        void *place = places[i * step];
        places[i * step] = places[other * step];
        places[other * step] = place;
    }
}

/* access(n, count, size): from one of `count` objects of `size` bytes to a random other, whose
 * place only the first tells. */
static int step_access(lua_State *L)
{
    long n = check_count(L);
    size_t count = (size_t)luaL_checknumber(L, 2);
    size_t size = (size_t)luaL_checknumber(L, 3);
    void **places = malloc(count * size);
    if (!places) return luaL_error(L, "not enough memory");
    link_randomly(places, count, size / sizeof *places);
    void **at = places;
    int64_t begin = probe_ns();
    for (long i = 0; i < n; ++i) at = *at;
    keep(at);
    probe_since(L, begin);
    free(places);
    return 1;
}

/* ---- the process ---- */

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* usage(): processor seconds and context switches of all threads so far. */
static int process_usage(lua_State *L)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    lua_pushnumber(L, (lua_Number)(seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)));
    lua_pushnumber(L, (lua_Number)(usage.ru_nvcsw + usage.ru_nivcsw));
    return 2;
}

/* cpu(): processor seconds of this thread so far; what the scheduler takes away does not count.
 */
static int thread_cpu(lua_State *L)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    lua_pushnumber(L, (lua_Number)time.tv_sec + (lua_Number)time.tv_nsec * 1e-9);
    return 1;
}

/* heap(): bytes that malloc has given out and not got back. */
static int process_heap(lua_State *L)
{
    struct mallinfo2 info = mallinfo2();
    lua_pushnumber(L, (lua_Number)(info.uordblks + info.hblkhd));
    return 1;
}

/* sleep_until(t): t is a time of the monotonic clock, in seconds. */
static int sleep_until(lua_State *L)
{
    double at = (double)luaL_checknumber(L, 1);
    struct timespec time = {.tv_sec = (time_t)at};
    time.tv_nsec = (long)((at - (double)time.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
    return 0;
}

/* The first processor that this process may use, for the calling thread alone. */
static void pin_to_first(void)
{
    cpu_set_t allowed, one;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed)) ++cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* burn(): keeps one processor busy until the standard input is at its end, as it is when the
 * process that holds the other end is gone. */
static int process_burn(lua_State *L)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    (void)L;
    pin_to_first();
    do {
        for (int64_t end = probe_ns() + 10000000; probe_ns() < end;) {
        }
    } while (poll(&input, 1, 0) == 0 || read(STDIN_FILENO, &byte, 1) > 0);
    return 0;
}

static const luaL_Reg functions[] = {
    {"lock", step_lock},     {"clock", step_clock},  {"memcpy", step_memcpy},
    {"malloc", step_malloc}, {"push", step_push},    {"wake", step_wake},
    {"access", step_access}, {"shelf", step_shelf},  {"usage", process_usage},
    {"cpu", thread_cpu},     {"heap", process_heap}, {"sleep_until", sleep_until},
    {"burn", process_burn},  {NULL, NULL},
};

PROBE_EXPORT int luaopen_limits(lua_State *L);
PROBE_EXPORT int luaopen_limits(lua_State *L)
{
    return probe_open(L, functions);
}
