/* Deadlines, locks with a deadline, and the loop of everybody who waits. It owns no data. */
#include "core/wait.h"

#include "core/waiters.h"

#include "platform/hidden.h"

int64_t mtm_wait_deadline(struct mtm_wait *wait)
{
    if (wait->deadline == 0) {
        int64_t now = mtm_plat_now();
        wait->deadline = wait->timeout > MTM_FOREVER - now ? MTM_FOREVER : now + wait->timeout;
    }
    return wait->deadline;
}

int64_t mtm_wait_nap(struct mtm_wait *wait)
{
    const int64_t deadline = mtm_wait_deadline(wait);
    if (!wait->go_on) return deadline;
    const int64_t now = mtm_plat_now(), longest = mtm_plat_longest_nap();
    return longest < deadline - now ? now + longest : deadline;
}

bool mtm_wait_is_over(struct mtm_wait *wait)
{
    return wait->timeout != MTM_FOREVER && mtm_plat_now() >= mtm_wait_deadline(wait);
}

bool mtm_wait_lock(struct mtm_wait *wait, struct mtm_lock *lock)
{
    if (wait->timeout == MTM_FOREVER && !wait->nonblock) {
        mtm_lock(lock);
        return true;
    }
    if (mtm_trylock(lock)) return true;
    return wait->timeout > 0 && mtm_lock_until(lock, mtm_wait_deadline(wait));
}

enum mtm_status mtm_wait_until(struct mtm_waiters *waiters, struct mtm_wait *wait,
                               mtm_attempt attempt, void *what)
{
    const int64_t deadline = mtm_wait_deadline(wait);
    bool in_time = true;
    for (;;) {
        uint32_t ticket = mtm_waiters_prepare(waiters);
        enum mtm_status status = attempt(what, wait);
        if (!mtm_in_vain(status) || !in_time) return status;
        if (status == MTM_BUSY)
            in_time = mtm_plat_now() < deadline; /* it has waited for a lock */
        else {
            const int64_t until = mtm_wait_nap(wait);
            in_time = mtm_waiters_sleep(waiters, ticket, until) || until < deadline;
            if (!mtm_wait_goes_on(wait)) return MTM_INTERRUPTED;
        }
    }
}
