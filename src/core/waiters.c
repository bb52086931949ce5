/* The event count: join, prepare, look, sleep, leave on one side, publish and wake on the
 * other. It owns the three words of a struct mtm_waiters. */
#include "core/waiters.h"

#include "platform/hidden.h"

void mtm_waiters_join(struct mtm_waiters *waiters)
{
    MTM_STEP(join);
    mtm_add_seq(&waiters->sleepers, 1); /* pairs with mtm_waiters_any */
}

void mtm_waiters_leave(struct mtm_waiters *waiters)
{
    MTM_STEP(leave);
    mtm_sub_seq(&waiters->sleepers, 1); /* a producer that misses this wakes once in vain */
    MTM_STEP(clear_mark_at_leaving);
    mtm_swap_seq(&waiters->pending, 0); /* pairs with the swap in wake */
}

/* The ticket is read before the mark is cleared: a producer that finds the mark cleared changes
 * the sequence after our reading, one that finds it set has published before our clearing, so
 * that the look which follows sees it. */
uint32_t mtm_waiters_prepare(struct mtm_waiters *waiters)
{
    MTM_STEP(ticket);
    uint32_t ticket = mtm_load_seq(&waiters->seq);
    MTM_STEP(clear_mark);
    mtm_swap_seq(&waiters->pending, 0); /* pairs with the swap in wake */
    return ticket;
}

bool mtm_waiters_sleep(struct mtm_waiters *waiters, uint32_t ticket, int64_t deadline)
{
    MTM_ASSERT_UNLOCKED();
    MTM_STEP(park);
    return mtm_plat_park(&waiters->seq, ticket, deadline);
}

bool mtm_waiters_stand_in(struct mtm_waiters *waiters, bool *marked)
{
    *marked = false;
    if (!mtm_waiters_any(waiters)) return true;
    MTM_STEP(mark_of_the_spinner);
    *marked = mtm_swap_seq(&waiters->pending, 1) == 0; /* pairs with wake */
    return *marked;
}

void mtm_waiters_stand_down(struct mtm_waiters *waiters)
{
    MTM_STEP(stand_down);
    mtm_swap_seq(&waiters->pending, 0); /* pairs with the swap in wake */
}

/* With many threads a wake-up is often on its way for long, so that is only looked at first: an
 * exchange would take the cache line from all who add and take. The fence orders what was
 * published before the look; the clearing of the mark, seq_cst, is followed by a look. */
void mtm_waiters_wake(struct mtm_waiters *waiters)
{
    mtm_fence_seq(); /* pairs with the swaps in prepare, leave and stand_down */
    MTM_STEP(see_the_mark);
    if (mtm_load_rlx(&waiters->pending) != 0) return;
    MTM_STEP(mark);
    if (mtm_swap_seq(&waiters->pending, 1) != 0) return; /* pairs with prepare and leave */
    MTM_STEP(change_seq);
    mtm_add_seq(&waiters->seq, 1);
    MTM_STEP(rouse_one);
    mtm_plat_unpark_one(&waiters->seq);
}

void mtm_waiters_wake_all(struct mtm_waiters *waiters)
{
    MTM_STEP(change_seq_for_all);
    mtm_add_seq(&waiters->seq, 1); /* pairs with prepare */
    MTM_STEP(rouse_all);
    mtm_plat_unpark_all(&waiters->seq);
}
