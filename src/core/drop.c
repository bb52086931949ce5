/* A list per thread of what is still to be let go of, and a stack of what was handed on. It
 * owns both. */
#include "core/drop.h"

#include "platform/plat.h"

#include "platform/hidden.h"

static _Atomic(struct mtm_drop *)
    handed_on; /* atomic: pushed by exchange, emptied as a whole */

static void hand_on(struct mtm_drop *drop)
{
    struct mtm_drop *top = mtm_load_rlx(&handed_on);
    do {
        drop->next = top;
    } while (!mtm_cas_acq_rel(&handed_on, &top, drop)); /* pairs with the swap in handed_on */
}

/* Runs all on the list, and what they add to it. */
static void run_all(struct mtm_drop *drop)
{
    static MTM_THREAD_LOCAL struct mtm_drop *list;
    static MTM_THREAD_LOCAL bool running;
    MTM_ASSERT_UNLOCKED();
    while (drop) {
        struct mtm_drop *next = drop->next;
        drop->next = list;
        list = drop;
        drop = next;
    }
    if (running) return;
    running = true;
    while (list) {
        drop = list;
        list = drop->next;
        drop->run(drop);
    }
    running = false;
}

void mtm_drop_handed_on(void)
{
    while (MTM_UNLIKELY(mtm_load_rlx(&handed_on) != NULL)) {
        run_all(mtm_swap_acq_rel(&handed_on, NULL)); /* pairs with hand_on */
    }
}

void mtm_drop(struct mtm_drop *drop, void (*run)(struct mtm_drop *drop), bool nonblock)
{
    drop->run = run;
    drop->next = NULL;
    if (nonblock) {
        hand_on(drop);
        return;
    }
    run_all(drop);
    mtm_drop_handed_on();
}
