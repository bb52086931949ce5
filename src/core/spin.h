/* Whether a receiver that finds nothing polls for a moment before it sleeps, and how: what the
 * waits before this one have taught. Sleeping and waking are the business of waiters.h. */
#ifndef MTM_CORE_SPIN_H
#define MTM_CORE_SPIN_H

#include <stddef.h>

#include "core/waiters.h"

/* Whether anybody in the process polls at all. It is so unless the environment has
 * MTMSG_POLLING=0 when that is looked up first, or it has been set. Any thread. */
void mtm_polling_look_up(void);
void mtm_polling_set(bool polls);
bool mtm_polling(void);

struct mtm_spin {
    mtm_a32 busy;      /* atomic; 1: a thread spins. It alone uses the fields that follow. */
    uint32_t taken;    /* messages taken before the last spin */
    uint16_t batch;    /* how many were taken after one without lingering */
    uint16_t trial;    /* waits between two trials to linger, */
    uint16_t to_trial; /* and how many are left */
    uint8_t vain;      /* waits to skip after a spin in vain, */
    uint8_t skip;      /* and how many are left */
    uint8_t turns;     /* until the number of CPUs is asked for again */
    bool stream;       /* messages come in a stream: linger before looking */
    bool lingered;     /* the last time */
};

/* Where a receiver polls, without a lock. */
struct mtm_spin_target {
    bool (*look)(const void *what); /* whether there is something to try for */
    const void *what;
    uint32_t taken; /* messages that all receivers have taken so far; may wrap */
};

/* Looks again and again for as long as a wake-up may cost (50 us, and not past the deadline).
 * True: there was something; the caller tries to take it, and afterwards sees to it that what
 * is left wakes those who wait. One thread spins at a time; none where it may use one CPU only,
 * while a wake-up is on its way to another one, where spinning has lately been in vain, or
 * where nobody polls. The caller has not joined the waiters. No lock held. */
bool mtm_spin(struct mtm_spin *spin, struct mtm_waiters *waiters, int64_t deadline,
              const struct mtm_spin_target *target);

#endif
