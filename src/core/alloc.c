/* Memory requests: one indirect call, so that tests can make the nth one fail. It owns the
 * table in use. */
#include "core/alloc.h"

#include <stdbool.h>
#include <stdint.h>
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

/* No object can be larger, and a size that was too much for a size_t is SIZE_MAX. */
static bool is_possible(size_t size)
{
    return size <= PTRDIFF_MAX;
}

void *mtm_alloc(size_t size)
{
    MTM_ASSERT_UNLOCKED();
    void *ptr = is_possible(size) ? current->alloc(size) : NULL;
    if (!ptr) failed_size = size;
    return ptr;
}

void *mtm_resize(void *ptr, size_t size)
{
    MTM_ASSERT_UNLOCKED();
    void *moved = is_possible(size) ? current->resize(ptr, size) : NULL;
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
