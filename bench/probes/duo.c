/* What two threads of plain C ask for passing something between them: the limits of everything
 * that passes messages. No Lua takes part but for starting it; each function returns seconds,
 * or times, of the whole exchange. */
#include "probe.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 64, RING = 1024, POLLS = 16, PATIENCE = 10000 };

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Another thread runs `there` while this one runs `here`. */
static void run_two(lua_State *L, void *(*there)(void *), void *(*here)(void *), void *shared)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, there, shared) != 0)
        luaL_error(L, "cannot start a thread");
    here(shared);
    pthread_join(thread, NULL);
}

/* ---- a word that goes to and fro ---- */

struct side {
    _Alignas(LINE) _Atomic uint32_t turn;
    _Atomic uint32_t asleep;
};

struct rally {
    struct side side[2];
    uint32_t count;
    int64_t spin; /* ns to look before sleeping */
};

static int spin(struct side *side, uint32_t turn, int64_t ns)
{
    int64_t end = probe_ns() + ns;
    do {
        for (int i = 0; i < POLLS; ++i) {
            if (atomic_load_explicit(&side->turn, memory_order_acquire) == turn) return 1;
            relax();
        }
    } while (probe_ns() < end);
    return 0;
}

static void await(struct side *side, uint32_t turn, int64_t ns)
{
    if (ns > 0 && spin(side, turn, ns)) return;
    for (;;) {
        atomic_store(&side->asleep, 1);
        if (atomic_load(&side->turn) == turn) break;
        futex_wait(&side->turn, turn - 1);
    }
    atomic_store_explicit(&side->asleep, 0, memory_order_relaxed);
}

static void pass(struct side *side, uint32_t turn)
{
    atomic_store(&side->turn, turn);
    if (atomic_load(&side->asleep)) futex_wake(&side->turn);
}

static void *rally_serve(void *shared)
{
    struct rally *rally = shared;
    for (uint32_t i = 1; i <= rally->count; ++i) {
        pass(&rally->side[1], i);
        await(&rally->side[0], i, rally->spin);
    }
    return NULL;
}

static void *rally_return(void *shared)
{
    struct rally *rally = shared;
    for (uint32_t i = 1; i <= rally->count; ++i) {
        await(&rally->side[1], i, rally->spin);
        pass(&rally->side[0], i);
    }
    return NULL;
}

/* pingpong(n, spin): seconds for n round trips; both look for `spin` seconds before they sleep.
 */
static int duo_pingpong(lua_State *L)
{
    struct rally rally = {.count = (uint32_t)luaL_checknumber(L, 1),
                          .spin = (int64_t)(luaL_checknumber(L, 2) * 1e9)};
    int64_t begin = probe_ns();
    run_two(L, rally_return, rally_serve, &rally);
    return probe_since(L, begin);
}

/* ---- a ring of 16-byte messages ---- */

struct entry {
    uint64_t words[2];
};

struct ring {
    _Alignas(LINE) _Atomic uint64_t written;
    uint64_t room_to; /* the producer may write up to here before it looks again */
    _Alignas(LINE) _Atomic uint64_t read;
    _Alignas(LINE) struct entry entries[RING];
    uint64_t count, sum;
};

/* Waits until the other side has moved on; sleeps for a moment where both share one CPU. */
static uint64_t await_other(_Atomic uint64_t *counter, uint64_t known)
{
    for (int i = 1;; ++i) {
        uint64_t now = atomic_load_explicit(counter, memory_order_acquire);
        if (now != known) return now;
        if (i % PATIENCE == 0) sched_yield();
        relax();
    }
}

static void *ring_produce(void *shared)
{
    struct ring *ring = shared;
    uint64_t read = 0;
    for (uint64_t i = 0; i < ring->count; ++i) {
        if (i - read == RING) read = await_other(&ring->read, read);
        ring->entries[i % RING] = (struct entry){{i, ~i}};
        atomic_store_explicit(&ring->written, i + 1, memory_order_release);
    }
    return NULL;
}

static void *ring_consume(void *shared)
{
    struct ring *ring = shared;
    uint64_t written = 0, sum = 0;
    for (uint64_t i = 0; i < ring->count; ++i) {
        if (i == written) written = await_other(&ring->written, written);
        sum += ring->entries[i % RING].words[0];
        atomic_store_explicit(&ring->read, i + 1, memory_order_release);
    }
    ring->sum = sum;
    return NULL;
}

/* ring(n): seconds for n messages from one thread to the other. */
static int duo_ring(lua_State *L)
{
    struct ring *ring = aligned_alloc(LINE, sizeof *ring);
    if (!ring) return luaL_error(L, "not enough memory");
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    ring->count = (uint64_t)luaL_checknumber(L, 1);
    int64_t begin = probe_ns();
    run_two(L, ring_consume, ring_produce, ring);
    probe_since(L, begin);
    free(ring);
    return 1;
}

/* ---- messages of any size, copied in and copied out ---- */

struct shelf {
    _Alignas(LINE) _Atomic uint64_t written;
    _Alignas(LINE) _Atomic uint64_t read;
    _Alignas(LINE) uint64_t count;
    size_t size, stride, places; /* bytes of a message and of its place; places in rotation */
    char *bytes; /* the places, then what one side copies from and the other to */
};

static void *shelf_produce(void *shared)
{
    struct shelf *shelf = shared;
    const char *from = shelf->bytes + shelf->places * shelf->stride;
    uint64_t read = 0;
    for (uint64_t i = 0; i < shelf->count; ++i) {
        if (i - read == shelf->places) read = await_other(&shelf->read, read);
        memcpy(shelf->bytes + i % shelf->places * shelf->stride, from, shelf->size);
        atomic_store_explicit(&shelf->written, i + 1, memory_order_release);
    }
    return NULL;
}

static void *shelf_consume(void *shared)
{
    struct shelf *shelf = shared;
    char *to = shelf->bytes + (shelf->places + 1) * shelf->stride;
    uint64_t written = 0;
    for (uint64_t i = 0; i < shelf->count; ++i) {
        if (i == written) written = await_other(&shelf->written, written);
        memcpy(to, shelf->bytes + i % shelf->places * shelf->stride, shelf->size);
        __asm__ volatile("" : : "r"(to) : "memory"); /* the compiler must take it for used */
        atomic_store_explicit(&shelf->read, i + 1, memory_order_release);
    }
    return NULL;
}

/* copies(n, size, places): seconds for n messages of that many bytes, at most `places` of them
 * under way. */
static int duo_copies(lua_State *L)
{
    struct shelf shelf = {.count = (uint64_t)luaL_checknumber(L, 1),
                          .size = (size_t)luaL_checknumber(L, 2),
                          .places = (size_t)luaL_checknumber(L, 3)};
    shelf.stride = (shelf.size + 7) / 8 * 8;
    const size_t total = ((shelf.places + 2) * shelf.stride + LINE - 1) / LINE * LINE;
    shelf.bytes = aligned_alloc(LINE, total);
    if (!shelf.bytes) return luaL_error(L, "not enough memory");
    memset(shelf.bytes, 'x', total); /* the pages are there before the clock runs */
    int64_t begin = probe_ns();
    run_two(L, shelf_consume, shelf_produce, &shelf);
    probe_since(L, begin);
    free(shelf.bytes);
    return 1;
}

/* ---- as many producers as consumers ---- */

enum { CROWD_MAX = 64 };

struct crowd {
    _Alignas(LINE) pthread_mutex_t putting;
    _Atomic uint64_t written;
    _Alignas(LINE) pthread_mutex_t taking;
    _Atomic uint64_t read;
    _Alignas(LINE) struct entry entries[RING];
    uint64_t each; /* messages of each thread */
};

/* One message, if there is room for it, or if there is one. */
static int crowd_put(struct crowd *crowd, uint64_t i)
{
    pthread_mutex_lock(&crowd->putting);
    uint64_t at = atomic_load_explicit(&crowd->written, memory_order_relaxed);
    int room = at - atomic_load_explicit(&crowd->read, memory_order_acquire) < RING;
    if (room) {
        crowd->entries[at % RING] = (struct entry){{i, ~i}};
        atomic_store_explicit(&crowd->written, at + 1, memory_order_release);
    }
    pthread_mutex_unlock(&crowd->putting);
    return room;
}

static int crowd_take(struct crowd *crowd, uint64_t *sum)
{
    pthread_mutex_lock(&crowd->taking);
    uint64_t at = atomic_load_explicit(&crowd->read, memory_order_relaxed);
    int more = at != atomic_load_explicit(&crowd->written, memory_order_acquire);
    if (more) {
        *sum += crowd->entries[at % RING].words[0];
        atomic_store_explicit(&crowd->read, at + 1, memory_order_release);
    }
    pthread_mutex_unlock(&crowd->taking);
    return more;
}

static void *crowd_produce(void *shared)
{
    struct crowd *crowd = shared;
    for (uint64_t i = 0; i < crowd->each; ++i) {
        while (!crowd_put(crowd, i)) sched_yield();
    }
    return NULL;
}

static void *crowd_consume(void *shared)
{
    struct crowd *crowd = shared;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < crowd->each; ++i) {
        while (!crowd_take(crowd, &sum)) sched_yield();
    }
    return NULL;
}

/* crowd(n, pairs): seconds for n messages from so many producers to as many consumers. */
static int duo_crowd(lua_State *L)
{
    int pairs = (int)luaL_checknumber(L, 2), started = 0;
    pthread_t threads[2 * CROWD_MAX];
    luaL_argcheck(L, pairs > 0 && pairs <= CROWD_MAX, 2, "1 to 64 pairs expected");
    struct crowd *crowd = aligned_alloc(LINE, sizeof *crowd);
    if (!crowd) return luaL_error(L, "not enough memory");
    pthread_mutex_init(&crowd->putting, NULL);
    pthread_mutex_init(&crowd->taking, NULL);
    atomic_init(&crowd->written, 0);
    atomic_init(&crowd->read, 0);
    crowd->each = (uint64_t)luaL_checknumber(L, 1) / (uint64_t)pairs;
    int64_t begin = probe_ns();
    while (started < 2 * pairs &&
           pthread_create(&threads[started], NULL, started % 2 ? crowd_consume : crowd_produce,
                          crowd) == 0)
        ++started;
    if (started < 2 * pairs) abort(); /* those that have started would wait for ever */
    while (started > 0) pthread_join(threads[--started], NULL);
    probe_since(L, begin);
    free(crowd);
    return 1;
}

static const luaL_Reg functions[] = {
    {"pingpong", duo_pingpong}, {"ring", duo_ring}, {"copies", duo_copies},
    {"crowd", duo_crowd},       {NULL, NULL},
};

PROBE_EXPORT int luaopen_duo(lua_State *L);
PROBE_EXPORT int luaopen_duo(lua_State *L)
{
    return probe_open(L, functions);
}
