/* The event count: join, prepare, look, sleep, leave on one side, publish and wake on the
 * other. It owns the four words of a struct mtm_waiters and the cached number of CPUs. */
#include "core/waiters.h"

enum {
    SPIN_MAX_NS = 50000, /* about what it costs to wake a thread on a blocked core */
    SPIN_MIN_NS = 1000,  /* less than this is not worth the trouble */
    SPIN_STEPS = 16,     /* looks between two readings of the clock */
    CPUS_REFRESH = 256   /* spins between two questions for the affinity */
};

int64_t mtm_wait_deadline(struct mtm_wait *wait)
{
    if (wait->deadline == 0) {
        int64_t now = mtm_plat_now();
        wait->deadline = wait->timeout > MTM_FOREVER - now ? MTM_FOREVER : now + wait->timeout;
    }
    return wait->deadline;
}

void mtm_waiters_init(struct mtm_waiters *waiters)
{
    mtm_store_rlx(&waiters->budget, SPIN_MAX_NS);
}

void mtm_waiters_join(struct mtm_waiters *waiters)
{
    mtm_add_seq(&waiters->sleepers, 1); /* pairs with mtm_waiters_any */
}

void mtm_waiters_leave(struct mtm_waiters *waiters)
{
    mtm_sub_seq(&waiters->sleepers, 1); /* a producer that misses this wakes once in vain */
    mtm_swap_seq(&waiters->pending, 0); /* pairs with the swap in wake */
}

/* The ticket is read before the mark is cleared: a producer that finds the mark cleared changes
 * the sequence after our reading, one that finds it set has published before our clearing, so
 * that the look which follows sees it. */
uint32_t mtm_waiters_prepare(struct mtm_waiters *waiters)
{
    uint32_t ticket = mtm_load_seq(&waiters->seq);
    MTM_PAUSE();
    mtm_swap_seq(&waiters->pending, 0); /* pairs with the swap in wake */
    return ticket;
}

bool mtm_waiters_sleep(struct mtm_waiters *waiters, uint32_t ticket, int64_t deadline)
{
    MTM_ASSERT_UNLOCKED();
    MTM_PAUSE();
    int64_t begin = mtm_plat_now();
    bool in_time = mtm_plat_park(&waiters->seq, ticket, deadline);
    if (in_time && mtm_plat_now() - begin < SPIN_MAX_NS) {
        mtm_store_rlx(&waiters->budget, SPIN_MAX_NS); /* spinning would have been cheaper */
    }
    return in_time;
}

void mtm_waiters_wake(struct mtm_waiters *waiters)
{
    if (mtm_swap_seq(&waiters->pending, 1) != 0) return; /* pairs with prepare and leave */
    MTM_PAUSE();
    mtm_add_seq(&waiters->seq, 1);
    mtm_plat_unpark_one(&waiters->seq);
}

void mtm_waiters_wake_all(struct mtm_waiters *waiters)
{
    mtm_add_seq(&waiters->seq, 1); /* pairs with prepare */
    mtm_plat_unpark_all(&waiters->seq);
}

/* Asks the system now and then only: it costs a call. */
static bool one_cpu_only(void)
{
    static mtm_a32 spins, cpus;
    if (mtm_add_rlx(&spins, 1) % CPUS_REFRESH == 0) mtm_store_rlx(&cpus, mtm_plat_cpus());
    return mtm_load_rlx(&cpus) == 1;
}

static bool look_until(bool (*look)(const void *what), const void *what, int64_t end)
{
    do {
        for (int i = 0; i < SPIN_STEPS; ++i) {
            if (look(what)) return true;
            mtm_plat_relax();
        }
    } while (mtm_plat_now() < end);
    return false;
}

void mtm_waiters_spin(struct mtm_waiters *waiters, int64_t deadline,
                      bool (*look)(const void *what), const void *what)
{
    MTM_ASSERT_UNLOCKED();
    uint32_t budget = mtm_load_rlx(&waiters->budget);
    if (budget < SPIN_MIN_NS || one_cpu_only()) return;
    if (mtm_swap_acq(&waiters->spinning, 1) != 0) return; /* pairs with the store below */
    /* While the mark is ours, producers make no system call: we are the one that is being
     * woken. */
    if (mtm_swap_seq(&waiters->pending, 1) == 0) { /* pairs with wake; cleared by prepare */
        int64_t end = mtm_plat_now() + budget;
        bool paid = look_until(look, what, end < deadline ? end : deadline);
        mtm_store_rlx(&waiters->budget, paid ? SPIN_MAX_NS : budget / 2);
    }
    mtm_store_rel(&waiters->spinning, 0); /* pairs with the swap above */
}
