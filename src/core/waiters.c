/* The event count: join, prepare, look, sleep, leave on one side, publish and wake on the
 * other. It owns the words of a struct mtm_waiters. */
#include "core/waiters.h"

#include "platform/hidden.h"

/* What has been under way for longer does not count. A wake-up takes some 50 us, where the
 * thread can run; a spinner polls for as long. */
enum { LATE = 200 }; /* ticks of 1024 ns */

#define SLEEPER ((size_t)1)
#define COMING ((size_t)1 << (sizeof(size_t) * 4))
#define WATCHED (COMING / 2)

static size_t sleepers_in(size_t state)
{
    return state & (WATCHED - 1);
}

/* The same with nobody on the way. */
static size_t all_stay(size_t state)
{
    return state & (COMING - 1);
}

static size_t coming_in(size_t state)
{
    return state / COMING;
}

static uint32_t ticks_now(void)
{
    return (uint32_t)(mtm_plat_now() >> 10);
}

static bool is_late(struct mtm_waiters *waiters, uint32_t now)
{
    return now - mtm_load_rlx(&waiters->since) > LATE;
}

/* Nobody is coming where nobody waits. */
static size_t without(size_t state, size_t part)
{
    if (part == SLEEPER && sleepers_in(state) == 1) return state & WATCHED;
    return state - part - (part == SLEEPER && coming_in(state) > 0 ? COMING : 0);
}

size_t mtm_waiters_count(const struct mtm_waiters *waiters)
{
    return sleepers_in(mtm_load_rlx(&waiters->state));
}

size_t mtm_waiters_coming(const struct mtm_waiters *waiters)
{
    return coming_in(mtm_load_rlx(&waiters->state));
}

void mtm_waiters_join(struct mtm_waiters *waiters)
{
    MTM_STEP(join);
    mtm_add_seq(&waiters->state, SLEEPER); /* pairs with mtm_waiters_any */
}

/* Takes one off those that are coming: whoever it was for, a look follows. */
static void answer(struct mtm_waiters *waiters)
{
    size_t state = mtm_load_seq(&waiters->state);
    while (coming_in(state) > 0) {
        MTM_STEP(answer);
        if (mtm_cas_seq(&waiters->state, &state, state - COMING)) return; /* pairs with wake */
    }
}

void mtm_waiters_leave(struct mtm_waiters *waiters)
{
    size_t state = mtm_load_seq(&waiters->state);
    do {
        MTM_STEP(leave);
    } while (!mtm_cas_seq(&waiters->state, &state, without(state, SLEEPER))); /* and answers */
}

/* The ticket is read before the wake-up is answered: a producer that counts on it no more
 * changes the sequence after our reading, one that did has published before our answer, so that
 * the look which follows sees it. */
uint32_t mtm_waiters_prepare(struct mtm_waiters *waiters)
{
    MTM_STEP(ticket);
    uint32_t ticket = mtm_load_seq(&waiters->seq);
    answer(waiters);
    return ticket;
}

bool mtm_waiters_sleep(struct mtm_waiters *waiters, uint32_t ticket, int64_t deadline)
{
    MTM_ASSERT_UNLOCKED();
    MTM_STEP(park);
    return mtm_plat_park(&waiters->seq, ticket, deadline);
}

bool mtm_waiters_stand_in(struct mtm_waiters *waiters, bool *counted)
{
    *counted = false;
    size_t state = mtm_load_seq(&waiters->state);
    if (sleepers_in(state) == 0) return true;
    uint32_t now = ticks_now();
    if (coming_in(state) > 0 && !is_late(waiters, now)) return false;
    MTM_STEP(stand_in);
    *counted = mtm_cas_seq(&waiters->state, &state, all_stay(state) + COMING);
    if (*counted) mtm_store_rlx(&waiters->since, now);
    return *counted;
}

void mtm_waiters_stand_down(struct mtm_waiters *waiters)
{
    answer(waiters);
}

/* Whether those who are coming will do. One of them may be a thread that cannot run now, or one
 * that is still on its way to rouse another: so a second one is called where there is a second
 * thing to come for, and a third where they are late. More would be a herd. The clock is dear,
 * but only those read it who put while somebody is on the way. */
static bool will_do(struct mtm_waiters *waiters, size_t state, size_t things, bool *late)
{
    const size_t coming = coming_in(state);
    *late = false;
    if (coming == 0) return false;
    if (coming == 1 && sleepers_in(state) > 1 && things > 1) return false;
    *late = is_late(waiters, ticks_now());
    return !*late;
}

/* The fence orders what was published before the look at who is coming; each of them answers,
 * seq_cst, and looks after that. Those who are late are counted no more. */
bool mtm_waiters_call(struct mtm_waiters *waiters, mtm_waiting waiting, const void *what)
{
    bool late;
    size_t state, next;
    mtm_fence_seq(); /* pairs with answer and leave */
    MTM_STEP(see_who_comes);
    state = mtm_load_rlx(&waiters->state);
    do {
        if (sleepers_in(state) == 0) return false;
        const size_t things = coming_in(state) > 0 ? waiting(what) : 1;
        if (will_do(waiters, state, things, &late)) return false;
        next = (late ? all_stay(state) : state) + COMING;
        MTM_STEP(call_one);
    } while (!mtm_cas_seq(&waiters->state, &state, next)); /* pairs with answer and leave */
    mtm_store_rlx(&waiters->since, ticks_now());
    MTM_STEP(change_seq);
    mtm_add_seq(&waiters->seq, 1);
    return true;
}

/* The fence orders it before the look that follows, against the same in call. */
void mtm_waiters_watch(struct mtm_waiters *waiters, bool watched)
{
    if (watched) mtm_or_acq_rel(&waiters->state, WATCHED);
    else mtm_and_acq_rel(&waiters->state, ~WATCHED);
    mtm_fence_seq();
}

bool mtm_waiters_are_watched(const struct mtm_waiters *waiters)
{
    return (mtm_load_rlx(&waiters->state) & WATCHED) != 0;
}

void mtm_waiters_wake_all(struct mtm_waiters *waiters)
{
    MTM_STEP(change_seq_for_all);
    mtm_add_seq(&waiters->seq, 1); /* pairs with prepare */
    MTM_STEP(rouse_all);
    mtm_plat_unpark_all(&waiters->seq);
}
