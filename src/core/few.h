/* Arrays whose first elements lie in the struct that has them, and that move to memory of their
 * own when there are more. What the elements are is the owner's business. */
#ifndef MTM_CORE_FEW_H
#define MTM_CORE_FEW_H

#include <string.h>

#include "core/alloc.h"
#include "core/size.h"

/* The elements with twice the room for the *cap that lie at `at`, or did so at `first` before
 * they have moved. NULL if there is no memory: nothing has changed. No lock may be held. */
static inline void *mtm_few_grow(void *at, const void *first, size_t *cap, size_t elsize)
{
    void *more = mtm_resize(at == first ? NULL : at, mtm_size_mul(2 * *cap, elsize));
    if (!more) return NULL;
    if (at == first) memcpy(more, first, *cap * elsize);
    *cap *= 2;
    return more;
}

static inline void mtm_few_free(void *at, const void *first)
{
    if (at != first) mtm_free(at);
}

#endif
