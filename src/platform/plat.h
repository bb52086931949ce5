/* The contract between the library and the operating system and compiler. plat_windows.c
 * implements it, or plat_unix.c with one of plat_linux.c and plat_pthread.c. Nothing outside
 * src/platform knows which platform it runs on. */
#ifndef MTM_PLATFORM_PLAT_H
#define MTM_PLATFORM_PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/atomic.h"

/* Times are nanoseconds of a monotonic clock; a deadline is an absolute one. */
#define MTM_FOREVER INT64_MAX

/* Monotonic time in ns; never steps, >= 0. Any thread, never blocks. */
int64_t mtm_plat_now(void);

/* Wall-clock time in seconds since 1970-01-01 UTC, with at least microseconds. Any thread. */
double mtm_plat_wall(void);

/* Sleep while *addr == expected, until an unpark on addr or the deadline (MTM_FOREVER: none).
 * The comparison and the falling asleep are one step with respect to unpark. May return early
 * for no reason: callers loop on their predicate. Returns false if the deadline has passed.
 * Blocks; no lock of the library may be held, except that a lock parks on its own word. */
bool mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline);

/* How long, in ns, a thread may park that wants to notice what a signal handler has done: where
 * a signal ends park it returns early if it has a deadline, and this is for the moment before
 * it sleeps; elsewhere this is all. MTM_FOREVER: it notices nothing. Any thread. */
int64_t mtm_plat_longest_nap(void);

/* Wake one, or all, of the threads parked on addr. Never blocks for long; addr may belong to
 * memory that has just been freed (nothing is read or written there). Any thread. */
void mtm_plat_unpark_one(mtm_a32 *addr);
void mtm_plat_unpark_all(mtm_a32 *addr);

/* One step of a busy wait: tells the CPU that this is one. */
void mtm_plat_relax(void);

/* Offer the CPU to other threads; returns at once if there are none. */
void mtm_plat_yield(void);

/* Number of CPUs on which this thread may run now, >= 1 (its affinity, not the machine's
 * cores). Costs a system call. */
unsigned mtm_plat_cpus(void);

/* A number that differs from process to process. */
uint64_t mtm_plat_seed(void);

/* Keep the program or library that contains this address, if any does, in memory until the
 * process ends: for code that may be called when whoever handed over its address is gone. Any
 * thread that holds no lock. Cheap where the same page was asked for before; else it takes the
 * lock of the system's loader, so a call that must not wait must not come here. */
void mtm_plat_pin_image(const void *address);

/* From now on a process that is forked calls `child` before anything else of the library runs
 * in it. Any thread that holds no lock; may be repeated, and then is called as often. False:
 * the system has no memory for that. */
bool mtm_plat_on_fork(void (*child)(void));

/* A descriptor for whoever polls: it is readable as long as it is set. */
struct mtm_signal {
    intptr_t reading, writing; /* descriptors (on Windows sockets), perhaps the same one */
    struct mtm_signal *next, **link; /* of those that are open in this process */
};

/* Opens it, not set; it stays where it is until it is closed. False: *why says why not; static.
 * Programs that are executed don't inherit it, and in a forked process it is closed before
 * anything else of the library runs there. Any thread that holds no lock, as for close. */
bool mtm_plat_signal_open(struct mtm_signal *signal, const char **why);

/* What is polled: not to be read, written or closed by anybody else. -1: it was closed. */
intptr_t mtm_plat_signal_descriptor(const struct mtm_signal *signal);

/* One system call each, where the system lets several threads do it at once, else few more; any
 * thread, at once with each other, as long as it is open; they never block. What was set before
 * unset begins is unset after it; what is set meanwhile may be. set: false: the system refused
 * it. */
bool mtm_plat_signal_set(struct mtm_signal *signal);
void mtm_plat_signal_unset(struct mtm_signal *signal);

/* Nobody else uses it any more. */
void mtm_plat_signal_close(struct mtm_signal *signal);

/* Which atomics and which thread primitives were compiled in, e.g. "atomics:C11 threads:futex".
 * Static. */
const char *mtm_plat_info(void);

#if defined(_MSC_VER)
#define MTM_THREAD_LOCAL __declspec(thread)
#define MTM_NOINLINE __declspec(noinline)
#define MTM_ALWAYS_INLINE __forceinline
#define MTM_LIKELY(x) (x)
#else
#if defined(__GLIBC__) && defined(__PIC__)
/* In the few bytes that every thread has from its start: the first use in a thread must not
 * allocate. */
#define MTM_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define MTM_THREAD_LOCAL _Thread_local
#endif
#define MTM_NOINLINE __attribute__((noinline))
#define MTM_ALWAYS_INLINE inline __attribute__((always_inline))
#define MTM_LIKELY(x) __builtin_expect(!!(x), 1)
#endif
#define MTM_UNLIKELY(x) (!MTM_LIKELY(!(x)))

/* For variables that several sources share: reached without a detour. */
#if defined(__GNUC__) && !defined(_WIN32) && !defined(__CYGWIN__)
#define MTM_HIDDEN __attribute__((visibility("hidden")))
#else
#define MTM_HIDDEN
#endif

/* Apart far enough that two threads which write one each don't disturb each other. */
#define MTM_CACHE_LINE 64

/* A hint that this thread will soon write at p, where another thread has read or written last.
 * p need not be valid. */
#if defined(__x86_64__) && defined(__GNUC__)
#define MTM_WILL_WRITE(p) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#elif defined(__GNUC__)
#define MTM_WILL_WRITE(p) __builtin_prefetch((p), 1)
#else
#define MTM_WILL_WRITE(p) ((void)0)
#endif

/* A hint that this thread will soon read at that address. It need not be valid. */
#if defined(__GNUC__)
#define MTM_WILL_READ(address) __builtin_prefetch((const void *)(uintptr_t)(address))
#else
#define MTM_WILL_READ(address) ((void)0)
#endif

/* Held-lock counter of the debug builds: how many locks of the library this thread holds.
 * Asserted to be zero wherever foreign code may run, memory is allocated or a thread sleeps. */
#if defined(NDEBUG)
#define MTM_HELD_ADD(n) ((void)0)
#define MTM_ASSERT_UNLOCKED() ((void)0)
#define MTM_ASSERT(condition) ((void)0)
#define MTM_ASSERTS 0
#else
#include <assert.h>
int mtm_plat_held_add(int n);   /* returns the new count */
#define MTM_HELD_ADD(n) ((void)mtm_plat_held_add(n))
#define MTM_ASSERT_UNLOCKED() assert(mtm_plat_held_add(0) == 0)
#define MTM_ASSERT(condition) assert(condition)
#define MTM_ASSERTS 1
#endif

/* What belongs to one thread at a time has a word that says who is at work on it: debug builds
 * stop at a second thread. The same one may begin again before it has ended; begin returns what
 * end gets. */
#if defined(NDEBUG)
#define MTM_USE_BEGIN(user) ((void)(user), (uint32_t)0)
#define MTM_USE_END(user, begun) ((void)(user), (void)(begun))
#else
uint32_t mtm_plat_thread(void); /* a number of this thread, > 0 */
static inline uint32_t mtm_use_begin(mtm_a32 *user)
{
    const uint32_t me = mtm_plat_thread();
    uint32_t who = 0;
    if (mtm_cas_acq_rel(user, &who, me)) return me; /* pairs with MTM_USE_END */
    assert(who == me && "two threads use one reader or writer at once");
    return 0;
}
#define MTM_USE_BEGIN(user) mtm_use_begin(user)
#define MTM_USE_END(user, begun) ((begun) ? mtm_store_rel((user), 0) : (void)0)
#endif

/* Windows where the design knows a race could be: a stress build pauses there at random.
 * MTM_STEP(name) marks, in front of it, the operation that a statement of that name stands for
 * in tests/model. */
#if defined(MTM_PAUSES)
void mtm_plat_pause(void);
void mtm_plat_pause_by(void (*pause)(void)); /* what this thread does instead; NULL: as ever */
void mtm_plat_moment(void);                  /* sleeps for some 50 us, or as short as it can */
#define MTM_PAUSE() mtm_plat_pause()
#else
#define MTM_PAUSE() ((void)0)
#endif
#define MTM_STEP(name) MTM_PAUSE()

#endif
