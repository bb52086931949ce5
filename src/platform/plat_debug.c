/* What builds for tests have beside the rest, on every system: which locks a thread holds, the
 * numbers of threads, and pauses in the middle of everything. It owns a few words of each
 * thread. */
#include "platform/plat.h"

#include "platform/hidden.h"

#if !defined(NDEBUG)
int mtm_plat_held_add(int n)
{
    static MTM_THREAD_LOCAL int held;
    return held += n;
}

uint32_t mtm_plat_thread(void)
{
    static mtm_a32 threads;
    static MTM_THREAD_LOCAL uint32_t number;
    if (number == 0) number = mtm_add_seq(&threads, 1) + 1;
    return number;
}
#endif

#if defined(MTM_PAUSES)
static MTM_THREAD_LOCAL void (*pause_by)(void);

void mtm_plat_pause_by(void (*pause)(void))
{
    pause_by = pause;
}

void mtm_plat_pause(void)
{
    static MTM_THREAD_LOCAL uint32_t random;
    if (pause_by) {
        pause_by();
        return;
    }
    if (!random) random = (uint32_t)(uintptr_t)&random | 1;
    random = random * 1664525u + 1013904223u;
    uint32_t what = random >> 24;
    if (what == 0) mtm_plat_moment(); /* now and then, so that others run on for long */
    else if (what < 10) mtm_plat_yield();
    else if (what < 26)
        for (int i = 0; i < 500; ++i) mtm_plat_relax();
}
#endif

#if defined(NDEBUG) && !defined(MTM_PAUSES)
typedef int mtm_plat_debug_is_not_used_here;
#endif
