/* How long a call may wait: for locks, and for what it came for. What is waited for, and who
 * wakes those who wait, is in waiters.h and source.h. */
#ifndef MTM_CORE_WAIT_H
#define MTM_CORE_WAIT_H

#include "core/lock.h"
#include "core/status.h"

struct mtm_waiters;

struct mtm_wait {
    int64_t timeout;  /* ns; 0: never wait; MTM_FOREVER: no limit */
    int64_t deadline; /* computed from timeout when first needed; start with 0 */
    bool nonblock;    /* never wait for a lock, even if timeout > 0 */
    bool peek;        /* the message stays where it is: see mtm_peek */
    bool polled;      /* set when the caller has begun to wait by polling; start with false */
    uint32_t aborts;  /* of the object at that moment */
    /* Whether to go on: asked with no lock held when a sleep has ended, for whatever reason,
     * which may be a signal. No: the call ends with INTERRUPTED. NULL: yes. */
    bool (*go_on)(struct mtm_wait *wait);
    void *asked; /* for go_on */
};

/* Whether the call must not wait for another thread's critical section. */
static inline bool mtm_wait_never(const struct mtm_wait *wait)
{
    return wait->nonblock || wait->timeout == 0;
}

/* The absolute deadline. */
int64_t mtm_wait_deadline(struct mtm_wait *wait);

/* Whether the deadline has passed. */
bool mtm_wait_is_over(struct mtm_wait *wait);

/* For those who sleep: until when they may, without asking; and whether to go on. */
int64_t mtm_wait_nap(struct mtm_wait *wait);
static inline bool mtm_wait_goes_on(struct mtm_wait *wait)
{
    return !wait->go_on || wait->go_on(wait);
}

/* Takes the lock, waiting for it as `wait` says, asleep and never past the deadline; false if
 * it could not be had. */
bool mtm_wait_lock(struct mtm_wait *wait, struct mtm_lock *lock);

/* One attempt at what is waited for. EMPTY, FULL (not yet) and BUSY mean that another one may
 * succeed; every other outcome ends the waiting. BUSY: a lock was waited for in vain, or long
 * enough that one should try again. */
typedef enum mtm_status (*mtm_attempt)(void *what, struct mtm_wait *wait);

/* Whether it was an attempt in vain. */
static inline bool mtm_in_vain(enum mtm_status status)
{
    return status == MTM_EMPTY || status == MTM_FULL || status == MTM_BUSY;
}

/* Makes attempts until one is not in vain or the deadline has passed, and sleeps between them:
 * whoever changes what they depend on wakes the waiters. After the deadline there is one more.
 * INTERRUPTED: the caller does not go on.
 * The caller has joined the waiters, and leaves them afterwards. No lock held. */
enum mtm_status mtm_wait_until(struct mtm_waiters *waiters, struct mtm_wait *wait,
                               mtm_attempt attempt, void *what);

#endif
