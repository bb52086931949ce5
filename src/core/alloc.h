/* The only place that asks the C library for memory, through a table that tests replace to make
 * requests fail. Who frees what is said where memory is handed over. */
#ifndef MTM_CORE_ALLOC_H
#define MTM_CORE_ALLOC_H

#include <stddef.h>

struct mtm_allocator {
    void *(*alloc)(size_t size);
    void *(*resize)(void *ptr, size_t size);
    void (*free)(void *ptr);
};

/* Use another allocator for everything that is allocated from now on; NULL: the C library's.
 * Only while nothing is allocated and no other thread runs, or if both free each other's
 * memory. */
void mtm_alloc_use(const struct mtm_allocator *allocator);

/* Any thread that holds no lock. size > 0; a sum or product is made by core/size.h, so that one
 * which is too much for a size_t fails here. NULL if there is no memory. Aligned for any type.
 */
void *mtm_alloc(size_t size);

/* As realloc: NULL leaves ptr as it was. */
void *mtm_resize(void *ptr, size_t size);

/* NULL is fine. */
void mtm_free(void *ptr);

/* The last size for which a request failed in this thread, for error texts. */
size_t mtm_alloc_failed_size(void);

#endif
