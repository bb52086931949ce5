/* The word of each side of a queue that says whether anything about it is unusual. What sets a
 * bit, and what the bit means, is the business of whoever it belongs to. */
#ifndef MTM_CORE_UNUSUAL_H
#define MTM_CORE_UNUSUAL_H

#include <stdbool.h>

#include "platform/atomic.h"

/* Why the fast path must leave one side of a queue to the long way. What is unusual for a
 * reason of its own sets a bit of its own, so the fast path asks for one word only, whatever is
 * to come. */
enum mtm_unusual {
    MTM_UNUSUAL_STATE = 1,    /* a state flag of the object stops this side */
    MTM_UNUSUAL_NOTIFIER = 2, /* this side has a notifier */
    MTM_UNUSUAL_BOUND = 4,    /* tail: the size is fixed */
    MTM_UNUSUAL_COUNT = 4,    /* head: its notifier has a threshold, so takes count exactly */
    MTM_UNUSUAL_BACK = 8,     /* head: messages were put back */
    MTM_UNUSUAL_ROOM = 64,    /* head: somebody waits for room */
    MTM_UNUSUAL_OWNER = 32,   /* head: a listener must know what is taken */
    MTM_UNUSUAL_KNOCK = 128,  /* tail: knocks have come that no mark tells of */
    MTM_UNUSUAL_MUCH = 16 /* head: much is kept for later; who takes the last message trims */
};

/* Sets or clears a bit; any thread. Exact for those who hold the lock under which it is
 * written: a state flag's, a notifier's, COUNT and ROOM under both, a bound's never changes,
 * BACK under the head lock. MUCH is a hint: set and cleared by whoever gives a block back.
 * KNOCK is set by any thread, and cleared under the tail lock. */
static inline void mtm_set_unusual(mtm_a32 *unusual, enum mtm_unusual bit, bool flag)
{
    if (flag) mtm_or_acq_rel(unusual, (uint32_t)bit);
    else mtm_and_acq_rel(unusual, ~(uint32_t)bit);
}

#endif
