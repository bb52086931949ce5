/* How memory that was given an initial size and a growth factor grows. Pure. */
#ifndef MTM_CORE_GROWTH_H
#define MTM_CORE_GROWTH_H

#include <stddef.h>
#include <stdint.h>

/* The next capacity after cap that holds need > cap bytes: cap times grow, or just what is
 * needed. */
static inline size_t mtm_grown(size_t cap, double grow, size_t need)
{
    double grown = grow > 1 ? (double)cap * grow : 0;
    size_t next = grown < (double)(SIZE_MAX / 4) ? (size_t)grown : need;
    return next > need ? next : need;
}

#endif
