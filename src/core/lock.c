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

void mtm_lock_slowly(struct mtm_lock *lock)
{
    for (int pause = PAUSE_MIN, i = 0; i < SPINS_BEFORE_PARK; i += pause) {
        for (int k = 0; k < pause; ++k) mtm_plat_relax();
        uint32_t word = mtm_load_rlx(&lock->word);
        MTM_STEP(take_a_free_lock);
        if (word == 0 && mtm_cas_acq(&lock->word, &word, 1)) return;
        if (pause < PAUSE_MAX) pause *= 2;
    }
    /* From here on take it with 2: others may be parked, so our unlock must wake one. */
    MTM_STEP(take_a_lock_that_others_wait_for);
    while (mtm_swap_acq(&lock->word, 2) != 0) { /* pairs with mtm_unlock */
        MTM_STEP(park_for_a_lock);
        mtm_plat_park(&lock->word, 2, MTM_FOREVER);
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
        MTM_STEP(take_a_free_lock);
        if (word == 0 && mtm_cas_acq(&lock->word, &word, 1)) return true;
        mtm_plat_relax();
    }
    return false;
}

bool mtm_lock_until(struct mtm_lock *lock, int64_t deadline)
{
    bool in_time = true;
    if (mtm_trylock(lock)) return true;
    MTM_STEP(take_a_lock_that_others_wait_for);
    while (mtm_swap_acq(&lock->word, 2) != 0) { /* pairs with mtm_unlock */
        if (!in_time) return false; /* the 2 that we leave costs one wake-up in vain */
        MTM_STEP(park_for_a_lock);
        in_time = mtm_plat_park(&lock->word, 2, deadline) && mtm_plat_now() < deadline;
    }
    MTM_HELD_ADD(1);
    return true;
}
