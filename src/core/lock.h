/* A short mutual exclusion lock of one word: take it by compare-and-swap, spin briefly when it
 * is held, then park. What it guards is said at the fields that it guards; locks are not
 * recursive. */
#ifndef MTM_CORE_LOCK_H
#define MTM_CORE_LOCK_H

#include "core/process.h"

struct mtm_lock {
    /* 0 free; mtm_lock_held; or that + 1: held, and somebody may be parked. Any other was left
     * by a thread that was not forked with this process: then who waits for it has it. */
    mtm_a32 word;
};

#define MTM_LOCK_INIT                                                                          \
    {                                                                                          \
        0                                                                                      \
    }

void mtm_lock_slowly(struct mtm_lock *lock);      /* the slow half of mtm_lock */
void mtm_lock_wake(struct mtm_lock *lock);        /* the slow half of mtm_unlock */
bool mtm_lock_try_briefly(struct mtm_lock *lock); /* the slow half of mtm_trylock */

/* May block while another thread is in one of its short critical sections. */
static inline void mtm_lock(struct mtm_lock *lock)
{
    uint32_t free_word = 0;
    MTM_STEP(take_a_free_lock);
    if (MTM_UNLIKELY(
            !mtm_cas_acq(&lock->word, &free_word, mtm_lock_held))) { /* pairs with mtm_unlock */
        mtm_lock_slowly(lock);
    }
    MTM_HELD_ADD(1);
}

/* Never blocks and makes no system call: tries for a bounded number of steps (a few
 * microseconds at most). Returns whether the lock was taken. */
static inline bool mtm_trylock(struct mtm_lock *lock)
{
    uint32_t free_word = 0;
    MTM_STEP(take_a_free_lock);
    if (MTM_UNLIKELY(
            !mtm_cas_acq(&lock->word, &free_word, mtm_lock_held))) { /* pairs with mtm_unlock */
        if (!mtm_lock_try_briefly(lock)) return false;
    }
    MTM_HELD_ADD(1);
    return true;
}

/* Takes it if it is free at the first look. Never blocks. */
static inline bool mtm_lock_if_free(struct mtm_lock *lock)
{
    uint32_t free_word = 0;
    if (!mtm_cas_acq(&lock->word, &free_word, mtm_lock_held)) return false; /* pairs: unlock */
    MTM_HELD_ADD(1);
    return true;
}

/* Blocks until the lock is taken (true) or the deadline has passed (false). */
bool mtm_lock_until(struct mtm_lock *lock, int64_t deadline);

/* Not recursive; by the thread that took it. Wakes one parked thread if there may be one. */
static inline void mtm_unlock(struct mtm_lock *lock)
{
    MTM_STEP(unlock);
    const bool awaited = (mtm_swap_rel(&lock->word, 0) & 2) != 0;
    if (MTM_UNLIKELY(awaited)) mtm_lock_wake(lock);
    MTM_HELD_ADD(-1); /* who has parked depends on this thread until it is roused */
}

#endif
