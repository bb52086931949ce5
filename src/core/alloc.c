/* Memory requests: one indirect call, so that tests can make the nth one fail. It owns the
 * table in use. */
#include "core/alloc.h"

#include <stdlib.h>

#include "platform/plat.h"

#include "platform/hidden.h"

static const struct mtm_allocator libc_allocator = {malloc, realloc, free};
static const struct mtm_allocator *current = &libc_allocator;
static MTM_THREAD_LOCAL size_t failed_size;

void mtm_alloc_use(const struct mtm_allocator *allocator)
{
    current = allocator ? allocator : &libc_allocator;
}

void *mtm_alloc(size_t size)
{
    MTM_ASSERT_UNLOCKED();
    void *ptr = current->alloc(size);
    if (!ptr) failed_size = size;
    return ptr;
}

void *mtm_resize(void *ptr, size_t size)
{
    MTM_ASSERT_UNLOCKED();
    void *moved = current->resize(ptr, size);
    if (!moved) failed_size = size;
    return moved;
}

void mtm_free(void *ptr)
{
    MTM_ASSERT_UNLOCKED();
    if (ptr) current->free(ptr);
}

size_t mtm_alloc_failed_size(void)
{
    return failed_size;
}
