/* Waking those who wait for a source. It owns no data. */
#include "core/source.h"

#include "platform/hidden.h"

static size_t waiting(const void *what)
{
    return mtm_source_ops(what)->waiting(what);
}

void mtm_source_wake(struct mtm_source *source)
{
    mtm_waiters_wake(&source->waiters, waiting, source);
}
