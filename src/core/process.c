/* The number of this process in its line of forks, and what a forked one does first.
 * docs/design.md tells why that is enough. */
#include "core/process.h"

#include "core/life.h"
#include "core/pool.h"
#include "core/reach.h"
#include "core/registry.h"

#include "platform/hidden.h"

uint32_t mtm_generation;
uint32_t mtm_lock_held = 1;

/* In the child, before its only thread returns from fork. What other threads of the parent were
 * at may be half done; none of it is looked at. */
static void start_anew(void)
{
    mtm_generation += MTM_GENERATION;
    mtm_lock_held = mtm_generation + 1;
    mtm_registry_forget();
    mtm_reach_forget_all();
    mtm_roots_forget();
    mtm_pools_forget();
}

/* Asking the system twice does no harm, so threads need not wait for each other, which might be
 * gone after a fork. */
void mtm_process_begin(void)
{
    static mtm_a32 begun;
    if (MTM_LIKELY(mtm_load_acq(&begun) != 0)) return;
    MTM_ASSERT_UNLOCKED();
    if (mtm_plat_on_fork(start_anew)) mtm_store_rel(&begun, 1);
}
