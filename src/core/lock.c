/* The slow paths of the lock: bounded spinning, parking and waking. It owns no data of its own.
 */
#include "core/lock.h"

#include "platform/hidden.h"

enum {
    SPINS_BEFORE_PARK = 100, /* a critical section is some 20 ns long, a park costs thousands */
    PAUSE_MIN = 4,           /* between two looks, and longer each time: a look takes */
    PAUSE_MAX = 32,          /* the cache line away from who holds the lock */
    TRIES = 40
};

static bool is_held(uint32_t word)
{
    return word != 0 && (word & ~(uint32_t)3) == mtm_generation;
}

void mtm_lock_slowly(struct mtm_lock *lock)
{
    const uint32_t and_awaited = mtm_lock_held + 1;
    for (int pause = PAUSE_MIN, i = 0; i < SPINS_BEFORE_PARK; i += pause) {
        for (int k = 0; k < pause; ++k) mtm_plat_relax();
        uint32_t word = mtm_load_rlx(&lock->word);
        if (word == 0) {
            MTM_STEP(take_a_free_lock);
            if (mtm_cas_acq(&lock->word, &word, mtm_lock_held)) return;
        }
        if (pause < PAUSE_MAX) pause *= 2;
    }
    /* From here on take it as awaited: others may be parked, so our unlock must wake one. */
    MTM_STEP(take_a_lock_that_others_wait_for);
    while (is_held(mtm_swap_acq(&lock->word, and_awaited))) { /* pairs with mtm_unlock */
        MTM_STEP(park_for_a_lock);
        mtm_plat_park(&lock->word, and_awaited, MTM_FOREVER);
    }
}

void mtm_lock_wake(struct mtm_lock *lock)
{
    MTM_STEP(rouse_for_a_lock);
    mtm_plat_unpark_one(&lock->word);
}

bool mtm_lock_try_briefly(struct mtm_lock *lock)
{
    for (int i = 0; i < TRIES; ++i) {
        uint32_t word = mtm_load_rlx(&lock->word);
        if (word == 0) {
            MTM_STEP(take_a_free_lock);
            if (mtm_cas_acq(&lock->word, &word, mtm_lock_held)) return true;
        }
        mtm_plat_relax();
    }
    return false;
}

bool mtm_lock_until(struct mtm_lock *lock, int64_t deadline)
{
    const uint32_t and_awaited = mtm_lock_held + 1;
    bool in_time = true;
    if (mtm_trylock(lock)) return true;
    MTM_STEP(take_a_lock_that_others_wait_for);
    while (is_held(mtm_swap_acq(&lock->word, and_awaited))) { /* pairs with mtm_unlock */
        if (!in_time) return false; /* what we leave costs one wake-up in vain */
        MTM_STEP(park_for_a_lock);
        in_time =
            mtm_plat_park(&lock->word, and_awaited, deadline) && mtm_plat_now() < deadline;
    }
    MTM_HELD_ADD(1);
    return true;
}
