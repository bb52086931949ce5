/* Notifications of a buffer that is a notifier, counted while it is busy. It owns no state. */
#include "core/bell.h"

#include "core/send.h"

#include "platform/hidden.h"

/* Whoever holds the lock sees the count when it gives that back, and pays; true: nobody does,
 * so it is up to us. */
static bool owe(struct mtm_buffer *bell, uint32_t count)
{
    MTM_STEP(owe);
    mtm_add_seq(&bell->owed, count); /* pairs with the swap in pay */
    MTM_PAUSE();
    if (!mtm_lock_or_tell(&bell->queue.tail.lock)) return false;
    mtm_unlock(&bell->queue.tail.lock);
    return true;
}

static uint32_t take_owed(struct mtm_buffer *bell)
{
    if (MTM_LIKELY(mtm_load_seq(&bell->owed) == 0)) return 0;
    MTM_STEP(pay);
    return mtm_swap_seq(&bell->owed, 0); /* pairs with owe */
}

static void notify_next(struct mtm_buffer *bell, struct mtm_notifier *next, bool nonblock)
{
    struct mtm_failure failure = {0};
    if (!next) return;
    mtm_notify(bell, MTM_ADDED, next, nonblock, &failure); /* whom to tell of a failure? */
    mtm_failure_free(&failure);
}

void mtm_bell_pay(struct mtm_buffer *bell, bool nonblock)
{
    uint32_t count;
    while ((count = take_owed(bell)) > 0) {
        for (; count > 0; --count) {
            struct mtm_notifier *next;
            if (mtm_buffer_add_empty(bell, nonblock, &next) == MTM_BUSY) break;
            notify_next(bell, next, nonblock);
        }
        if (count > 0 && !owe(bell, count)) return;
    }
}

enum mtm_status mtm_bell_ring(struct mtm_buffer *bell, bool nonblock,
                              struct mtm_notifier **next)
{
    enum mtm_status status = mtm_buffer_add_empty(bell, nonblock, next);
    if (status != MTM_BUSY) return status;
    *next = NULL;
    if (owe(bell, 1)) mtm_bell_pay(bell, nonblock);
    return MTM_OK;
}
