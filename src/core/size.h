/* Arithmetic of sizes that can't wrap around: what is too much for a size_t becomes SIZE_MAX,
 * which no allocation, buffer or limit has room for, and stays it. Pure. */
#ifndef MTM_CORE_SIZE_H
#define MTM_CORE_SIZE_H

#include <stddef.h>
#include <stdint.h>

static inline size_t mtm_size_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static inline size_t mtm_size_mul(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

#endif
