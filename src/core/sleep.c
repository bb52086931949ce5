/* The place where sleepers wait. It owns that, and the count of abortions. */
#include "core/sleep.h"

#include "core/registry.h"
#include "core/waiters.h"

#include "platform/hidden.h"

static struct mtm_waiters sleepers; /* those in mtm_sleep */
static mtm_a32 abortions;           /* atomic: how often everything was aborted */

void mtm_sleep_count_abort(void)
{
    mtm_add_seq(&abortions, 1);
}

void mtm_sleep_wake_all(void)
{
    mtm_waiters_wake_all(&sleepers);
}

enum mtm_status mtm_sleep(struct mtm_wait *wait)
{
    const int64_t deadline = mtm_wait_deadline(wait);
    uint32_t before = mtm_load_seq(&abortions);
    bool in_time = true;
    for (;;) {
        uint32_t ticket = mtm_load_seq(&sleepers.seq); /* pairs with wake_all */
        MTM_PAUSE();
        if (mtm_is_aborted_all() || mtm_load_seq(&abortions) != before) return MTM_ABORTED;
        if (!in_time) return MTM_OK;
        const int64_t until = mtm_wait_nap(wait);
        in_time = mtm_plat_park(&sleepers.seq, ticket, until) || until < deadline;
        if (!mtm_wait_goes_on(wait)) return MTM_INTERRUPTED;
    }
}
