/* Tests of the lock: exclusion, wake-ups, the calls that must not wait, and the debug counter.
 * They own the locks that they fight for. */
#include "unit.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

#include "core/lock.h"

enum { FIGHTERS = 4, ROUNDS = 40000, LONG_ROUNDS = 2000 };

/* What the fighters share; nothing but the lock keeps them apart. */
struct arena {
    struct mtm_lock lock;
    mtm_a32 fighters;
    mtm_a32 refused; /* trylock and deadlines that gave up */
    uint64_t count;  /* guarded by lock */
    uint64_t twin;   /* guarded by lock: differs from count while somebody is inside */
    mtm_a32 broken;
};

static void arena_visit(struct arena *arena, uint32_t length)
{
    if (arena->count != arena->twin) mtm_add_seq(&arena->broken, 1);
    arena->count += 1;
    for (uint32_t i = 0; i < length; ++i) mtm_plat_relax();
    arena->twin += 1;
}

static void *fight_briefly(void *opaque)
{
    struct arena *arena = opaque;
    for (int i = 0; i < ROUNDS; ++i) {
        mtm_lock(&arena->lock);
        arena_visit(arena, 0);
        mtm_unlock(&arena->lock);
    }
    return NULL;
}

/* Far longer inside than anybody spins, so that the others park. */
static void *fight_long(void *opaque)
{
    struct arena *arena = opaque;
    for (int i = 0; i < LONG_ROUNDS; ++i) {
        mtm_lock(&arena->lock);
        arena_visit(arena, 1000);
        if (i % 16 == 0) mtm_plat_yield();
        mtm_unlock(&arena->lock);
    }
    return NULL;
}

static bool arena_enter(struct arena *arena, uint32_t way)
{
    switch (way % 4) {
        case 0: return mtm_trylock(&arena->lock);
        case 1: return mtm_lock_until(&arena->lock, mtm_plat_now() + UNIT_MS / 50);
        case 2: return mtm_lock_until(&arena->lock, MTM_FOREVER);
        default: mtm_lock(&arena->lock); return true;
    }
}

static void *fight_in_every_way(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t way = mtm_add_seq(&arena->fighters, 1);
    for (uint32_t i = 0; i < ROUNDS; ++i) {
        if (!arena_enter(arena, way + i)) {
            mtm_add_rlx(&arena->refused, 1);
            continue;
        }
        arena_visit(arena, i % 64 == 0 ? 1000 : 0);
        mtm_unlock(&arena->lock);
    }
    return NULL;
}

static void fight(struct arena *arena, void *(*run)(void *), uint64_t visits)
{
    pthread_t threads[FIGHTERS];
    unit_start(threads, FIGHTERS, run, arena);
    unit_join(threads, FIGHTERS);
    assert_int_equal(arena->broken, 0);
    assert_int_equal(arena->count + arena->refused, visits);
    assert_int_equal(arena->twin, arena->count);
    assert_int_equal(arena->lock.word, 0);
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct arena arena = {.lock = MTM_LOCK_INIT};
    fight(&arena, fight_briefly, (uint64_t)FIGHTERS * ROUNDS);
    assert_int_equal(arena.refused, 0);
}

static void unlock_wakes_who_parks(void **state)
{
    (void)state;
    struct arena arena = {.lock = MTM_LOCK_INIT};
    fight(&arena, fight_long, (uint64_t)FIGHTERS * LONG_ROUNDS);
}

enum { HELD = 1, HELD_AND_PARKED = 2 };

static void *lock_once(void *opaque)
{
    struct arena *arena = opaque;
    mtm_lock(&arena->lock);
    arena_visit(arena, 0);
    mtm_unlock(&arena->lock);
    return NULL;
}

/* Else it would burn its CPU until it gets the lock. */
static void a_waiter_asks_to_be_woken(void **state)
{
    (void)state;
    struct arena arena = {.lock = MTM_LOCK_INIT};
    pthread_t threads[FIGHTERS];
    mtm_lock(&arena.lock);
    unit_start(threads, FIGHTERS, lock_once, &arena);
    unit_await(&arena.lock.word, HELD_AND_PARKED);
    unit_linger(UNIT_MS);
    mtm_unlock(&arena.lock);
    unit_join(threads, FIGHTERS);
    assert_int_equal(arena.count, FIGHTERS);
    assert_int_equal(arena.lock.word, 0);
}

static void all_ways_exclude_each_other(void **state)
{
    (void)state;
    struct arena arena = {.lock = MTM_LOCK_INIT};
    fight(&arena, fight_in_every_way, (uint64_t)FIGHTERS * ROUNDS);
}

static void a_free_lock_is_taken(void **state)
{
    (void)state;
    struct mtm_lock lock = MTM_LOCK_INIT;
    for (int i = 0; i < 3; ++i) {
        mtm_lock(&lock);
        assert_false(mtm_trylock(&lock));
        mtm_unlock(&lock);
        assert_true(mtm_trylock(&lock));
        mtm_unlock(&lock);
        assert_true(mtm_lock_until(&lock, 0)); /* a deadline is for waiting only */
        mtm_unlock(&lock);
    }
    assert_int_equal(lock.word, 0);
}

enum { TRIALS = 20000 };

struct trial {
    struct mtm_lock lock;
    mtm_a32 taken;
    long slept; /* written by the thread, read after it */
    int64_t span;
};

/* How often this thread gave up its CPU to wait for something. */
static long sleeps_so_far(void)
{
#if defined(RUSAGE_THREAD)
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) return usage.ru_nvcsw;
#endif
    return 0;
}

static void *try_in_vain(void *opaque)
{
    struct trial *trial = opaque;
    trial->slept = sleeps_so_far();
    for (int i = 0; i < TRIALS; ++i) {
        if (!mtm_trylock(&trial->lock)) continue;
        mtm_add_seq(&trial->taken, 1);
        mtm_unlock(&trial->lock);
    }
    trial->slept = sleeps_so_far() - trial->slept;
    return NULL;
}

/* The lock is given back only after the other thread has ended: one that waited never would. */
static void trylock_does_not_wait(void **state)
{
    (void)state;
    struct trial trial = {.lock = MTM_LOCK_INIT};
    pthread_t thread;
    mtm_lock(&trial.lock);
    unit_start(&thread, 1, try_in_vain, &trial);
    unit_join(&thread, 1);
    uint32_t word = mtm_load_acq(&trial.lock.word);
    mtm_unlock(&trial.lock);
    assert_int_equal(trial.taken, 0);
    assert_int_equal(word, HELD); /* nobody asked to be woken */
    assert_in_range(trial.slept, 0, TRIALS / 100);
}

static void *wait_in_vain(void *opaque)
{
    struct trial *trial = opaque;
    const int64_t spans[] = {-1000 * UNIT_MS, 0, UNIT_MS, 20 * UNIT_MS};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; ++i) {
        int64_t start = mtm_plat_now();
        if (mtm_lock_until(&trial->lock, start + spans[i])) mtm_add_seq(&trial->taken, 1);
        if (mtm_plat_now() < start + spans[i]) mtm_add_seq(&trial->taken, 100);
    }
    return NULL;
}

static void lock_until_gives_up_at_its_deadline(void **state)
{
    (void)state;
    struct trial trial = {.lock = MTM_LOCK_INIT};
    pthread_t thread;
    mtm_lock(&trial.lock);
    unit_start(&thread, 1, wait_in_vain, &trial);
    unit_join(&thread, 1);
    mtm_unlock(&trial.lock);
    assert_int_equal(trial.taken, 0);
}

static void *wait_with_patience(void *opaque)
{
    struct trial *trial = opaque;
    mtm_add_seq(&trial->taken, 1);
    if (!mtm_lock_until(&trial->lock, MTM_FOREVER)) return NULL;
    mtm_unlock(&trial->lock);
    mtm_add_seq(&trial->taken, 1);
    return NULL;
}

static void lock_until_takes_what_is_given_back(void **state)
{
    (void)state;
    struct trial trial = {.lock = MTM_LOCK_INIT};
    pthread_t thread;
    mtm_lock(&trial.lock);
    unit_start(&thread, 1, wait_with_patience, &trial);
    unit_await(&trial.taken, 1);
    unit_linger(5 * UNIT_MS);
    assert_int_equal(mtm_load_acq(&trial.taken), 1);
    mtm_unlock(&trial.lock);
    unit_join(&thread, 1);
    assert_int_equal(trial.taken, 2);
}

#if !defined(NDEBUG)
#define ONLY_IN_DEBUG ""
static void *held_here(void *opaque)
{
    int *held = opaque;
    *held = mtm_plat_held_add(0);
    return NULL;
}

static void held_locks_are_counted(void **state)
{
    (void)state;
    struct mtm_lock first = MTM_LOCK_INIT, second = MTM_LOCK_INIT;
    pthread_t thread;
    int elsewhere = -1;
    assert_int_equal(mtm_plat_held_add(0), 0);
    mtm_lock(&first);
    assert_int_equal(mtm_plat_held_add(0), 1);
    assert_true(mtm_trylock(&second));
    assert_int_equal(mtm_plat_held_add(0), 2);
    assert_false(mtm_trylock(&second));
    assert_false(mtm_lock_until(&second, 0));
    assert_int_equal(mtm_plat_held_add(0), 2);
    unit_start(&thread, 1, held_here, &elsewhere);
    unit_join(&thread, 1);
    assert_int_equal(elsewhere, 0);
    mtm_unlock(&second);
    mtm_unlock(&first);
    assert_true(mtm_lock_until(&first, 0));
    assert_int_equal(mtm_plat_held_add(0), 1);
    mtm_unlock(&first);
    assert_int_equal(mtm_plat_held_add(0), 0);
}
#else
#define ONLY_IN_DEBUG " # SKIP in a release build"
static void held_locks_are_counted(void **state)
{
    (void)state;
}
#endif

static void assert_under_lock(void *opaque)
{
    mtm_lock(opaque);
    MTM_ASSERT_UNLOCKED();
}

static void assert_after_unlock(void *opaque)
{
    mtm_lock(opaque);
    mtm_unlock(opaque);
    MTM_ASSERT_UNLOCKED();
}

static void a_held_lock_fails_the_assertion(void **state)
{
    (void)state;
    UNIT_NEEDS_CHILDREN();
    struct mtm_lock lock = MTM_LOCK_INIT;
    assert_int_equal(unit_aborts(assert_under_lock, &lock), UNIT_DEBUG);
    assert_false(unit_aborts(assert_after_unlock, &lock));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("a free lock is taken in every way", a_free_lock_is_taken),
        UNIT_TEST("one thread at a time is inside", one_at_a_time),
        UNIT_TEST("unlock wakes those who park", unlock_wakes_who_parks),
        UNIT_TEST("a waiter asks to be woken", a_waiter_asks_to_be_woken),
        UNIT_TEST("all ways to lock exclude each other", all_ways_exclude_each_other),
        UNIT_TEST("trylock never waits for the holder", trylock_does_not_wait),
        UNIT_TEST("lock_until gives up at its deadline", lock_until_gives_up_at_its_deadline),
        UNIT_TEST("lock_until takes what is given back", lock_until_takes_what_is_given_back),
        UNIT_TEST("held locks are counted per thread" ONLY_IN_DEBUG, held_locks_are_counted),
        UNIT_TEST("only a debug build stops at a held lock", a_held_lock_fails_the_assertion),
    };
    return UNIT_RUN(tests);
}
