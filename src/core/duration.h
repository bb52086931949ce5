/* Seconds, as programs give them, to nanoseconds, as the core counts them. Pure. */
#ifndef MTM_CORE_DURATION_H
#define MTM_CORE_DURATION_H

#include "platform/plat.h"

/* At least 1 ns if it is more than none; none for a negative time or NaN; MTM_FOREVER for what
 * is past the range of the clock. */
static inline int64_t mtm_ns_of_seconds(double seconds)
{
    const double ns = seconds * 1e9;
    if (!(seconds > 0)) return 0;
    if (ns >= 9.2e18) return MTM_FOREVER;
    return ns < 1 ? 1 : (int64_t)ns;
}

#endif
