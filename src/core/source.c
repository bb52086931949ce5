/* Waking those who wait for a source. It owns no data. */
#include "core/pollable.h"

#include "platform/hidden.h"

static size_t waiting(const void *what)
{
    return mtm_source_ops(what)->waiting(what);
}

void mtm_source_wake(struct mtm_source *source)
{
    mtm_waiters_wake(&source->waiters, waiting, source);
    if (mtm_waiters_are_watched(&source->waiters)) mtm_pollables_tell(source);
}

/* The fence is what mtm_waiters_wake begins with. */
void mtm_source_wake_all(struct mtm_source *source)
{
    mtm_waiters_wake_all(&source->waiters);
    mtm_fence_seq(); /* pairs with that of mtm_pollable_found_nothing */
    if (mtm_waiters_are_watched(&source->waiters)) mtm_pollables_tell(source);
}
