/* Bounded polling, adapted by history: whether it pays, and whether to let messages gather.
 * It owns a struct mtm_spin per object that is waited for, the cached number of CPUs, and the
 * switch for all. */
#include "core/spin.h"

#include <stdlib.h>
#include <string.h>

#include "platform/hidden.h"

enum {
    SPIN_NS = 50000, /* about what it costs to wake a thread on a blocked core */
    SKIP_MAX = 255,
    STEPS = 16,       /* looks between two readings of the clock */
    LINGER_NS = 4000, /* far less than a wake-up, and time for some fifty messages */
    BATCH_MIN = 8,    /* fewer messages in that time are no stream */
    TRIAL_MIN = 64,   /* waits between two trials whether it is one */
    TRIAL_MAX = 4096
};

/* ---- the switch */

enum { NOT_LOOKED_UP, POLLS, SLEEPS };

static mtm_a32 choice; /* atomic; nothing else depends on it */

void mtm_polling_look_up(void)
{
    uint32_t unknown = NOT_LOOKED_UP;
    if (mtm_load_rlx(&choice) != NOT_LOOKED_UP) return;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): once, when the first state requires the module */
    const char *wish = getenv("MTMSG_POLLING");
    const bool polls = !wish || strcmp(wish, "0") != 0;
    mtm_cas_acq_rel(&choice, &unknown, polls ? POLLS : SLEEPS); /* pairs with itself */
}

void mtm_polling_set(bool polls)
{
    mtm_store_rlx(&choice, polls ? POLLS : SLEEPS);
}

bool mtm_polling(void)
{
    return mtm_load_rlx(&choice) != SLEEPS;
}

/* ---- polling */

/* Asks the system now and then only: it costs a call. */
static bool one_cpu_only(struct mtm_spin *spin)
{
    static mtm_a32 cpus;
    uint32_t count = mtm_load_rlx(&cpus);
    if (spin->turns++ == 0 || count == 0) {
        count = mtm_plat_cpus();
        mtm_store_rlx(&cpus, count);
    }
    return count == 1;
}

static bool look_until(const struct mtm_spin_target *target, int64_t deadline)
{
    int64_t end = 0, now;
    do {
        for (int i = 0; i < STEPS; ++i) {
            if (target->look(target->what)) return true;
            mtm_plat_relax();
        }
        now = mtm_plat_now();
        if (end == 0) end = deadline - now > SPIN_NS ? now + SPIN_NS : deadline;
    } while (now < end);
    return false;
}

static void linger(int64_t deadline)
{
    int64_t now = mtm_plat_now(), end = now + LINGER_NS;
    if (end > deadline) end = deadline;
    while (now < end) {
        for (int i = 0; i < STEPS; ++i) mtm_plat_relax();
        now = mtm_plat_now();
    }
}

/* Judges the last lingering by what has been taken since: more than without, if it is a stream.
 */
static void judge(struct mtm_spin *spin, uint16_t batch)
{
    if (batch >= BATCH_MIN && spin->stream) return;
    spin->stream = batch >= BATCH_MIN && batch / 2 >= spin->batch;
    if (spin->stream) spin->trial = TRIAL_MIN / 2;
    else if (spin->trial < TRIAL_MAX) spin->trial = (uint16_t)(spin->trial * 2);
    spin->to_trial = spin->stream ? TRIAL_MAX : spin->trial;
}

/* Where messages come in a stream, a receiver that looks at once takes a cache line from the
 * producer for each of them: it is better to let some gather. Only trying shows if they do, and
 * now and then, whether they still do. */
static bool wants_to_linger(struct mtm_spin *spin, uint32_t taken)
{
    uint32_t since = taken - spin->taken;
    uint16_t batch = since < UINT16_MAX ? (uint16_t)since : UINT16_MAX;
    spin->taken = taken;
    if (spin->trial == 0) spin->trial = spin->to_trial = TRIAL_MIN / 2; /* the first time */
    else if (spin->lingered) judge(spin, batch);
    else spin->batch = batch;
    bool other_way = spin->to_trial == 0;
    spin->lingered = spin->stream != other_way;
    if (other_way) spin->stream = false;
    else --spin->to_trial;
    return spin->lingered;
}

static void learn(struct mtm_spin *spin, bool found)
{
    if (found) spin->vain = 0;
    else if (spin->vain < SKIP_MAX) spin->vain = (uint8_t)(spin->vain * 2 + 1);
    spin->skip = spin->vain;
}

static bool poll(struct mtm_spin *spin, struct mtm_waiters *waiters, int64_t deadline,
                 const struct mtm_spin_target *target)
{
    bool counted;
    if (spin->skip > 0) {
        --spin->skip;
        return false;
    }
    if (one_cpu_only(spin) || !mtm_waiters_stand_in(waiters, &counted)) return false;
    if (wants_to_linger(spin, target->taken)) linger(deadline);
    bool found = look_until(target, deadline);
    learn(spin, found);
    if (counted) mtm_waiters_stand_down(waiters);
    return found;
}

bool mtm_spin(struct mtm_spin *spin, struct mtm_waiters *waiters, int64_t deadline,
              const struct mtm_spin_target *target)
{
    MTM_ASSERT_UNLOCKED();
    if (MTM_UNLIKELY(!mtm_polling())) return false;
    MTM_STEP(begin_to_spin);
    if (mtm_swap_acq(&spin->busy, 1) != 0) return false; /* pairs with the store below */
    bool found = poll(spin, waiters, deadline, target);
    MTM_STEP(end_of_spinning);
    mtm_store_rel(&spin->busy, 0); /* pairs with the swap above */
    return found;
}
