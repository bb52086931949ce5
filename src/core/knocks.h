/* Knocks: messages without values of callers that must not wait and found the buffer busy. They
 * are counted, by one atomic addition, and are in no ring. Who knocks is in bell.h; how they
 * are taken in their order is the queue's business. */
#ifndef MTM_CORE_KNOCKS_H
#define MTM_CORE_KNOCKS_H

#include "platform/plat.h"

struct mtm_knocks {
    mtm_asize ever;  /* atomic: so many have come, by any thread */
    mtm_asize most;  /* atomic, written under both locks: later ones count for nothing */
    mtm_asize taken; /* atomic, written under head lock: so many were taken or thrown away */
    size_t marked;   /* guarded by tail lock: so many come before what is put from now on */
    size_t merged;   /* guarded by head lock: so many of `taken` were one with other messages */
};

#define MTM_KNOCKS_INIT                                                                        \
    {                                                                                          \
        .most = SIZE_MAX                                                                       \
    }

/* How many have come that count. */
static inline size_t mtm_knocks_come(const struct mtm_knocks *knocks)
{
    MTM_STEP(knocks_come);
    const size_t ever = mtm_load_seq(&knocks->ever); /* pairs with mtm_queue_knock */
    const size_t most = mtm_load_acq(&knocks->most);
    return ever < most ? ever : most;
}

#endif
