/* Who waits for something to come into a source, and who must be woken: an event count. What is
 * waited for, and under which locks one looks, is the caller's business. docs/design.md proves
 * the protocol. */
#ifndef MTM_CORE_WAITERS_H
#define MTM_CORE_WAITERS_H

#include "platform/plat.h"

struct mtm_waiters {
    mtm_a32 seq;   /* atomic; what sleepers park on; every wake-up changes it */
    mtm_a32 since; /* atomic; when the latest wake-up was sent, or a spinner began; in ticks */
    /* Atomic. Lower half: threads between join and leave, and in its highest bit whether others
     * must be told, too. Upper half: how many of these threads are on their way to look again,
     * because of a wake-up; a spinner that stands in counts as well. 0 if nobody waits. */
    mtm_asize state;
};

/* The waiting side, in this order: join; then again and again prepare, look, and if nothing is
 * there sleep; at last leave, and if something is left there, wake_one for it (the baton).
 *
 * join: publishes that somebody waits. It must be ordered against producers: either both are
 * under one lock, or both sides use the seq_cst operations of here. prepare: returns the ticket
 * for sleep; whatever is published after it ends that sleep. sleep: until woken or the
 * deadline; false if the deadline has passed. No lock held. leave: after it the caller must
 * look once more and pass the baton. */
void mtm_waiters_join(struct mtm_waiters *waiters);
uint32_t mtm_waiters_prepare(struct mtm_waiters *waiters);
bool mtm_waiters_sleep(struct mtm_waiters *waiters, uint32_t ticket, int64_t deadline);
void mtm_waiters_leave(struct mtm_waiters *waiters);

/* A thread that is about to look again and again without joining may stand in for those who
 * wait, as if it had been woken for one message. False: a wake-up is on its way already. With
 * *counted it must stand down, then look, and if something is left there wake_one for it. */
bool mtm_waiters_stand_in(struct mtm_waiters *waiters, bool *counted);
void mtm_waiters_stand_down(struct mtm_waiters *waiters);

/* How many looks might find something now, as far as can be told without a lock. */
typedef size_t (*mtm_waiting)(const void *what);

/* The producing side, after something was published: true: one thread must be woken, as some
 * sleep, and there is more to come for than wake-ups under way. One that has been under way for
 * long, as if its thread could not run, does not count. Then the caller calls rouse, or rouses
 * one who sleeps elsewhere and has joined these waiters, too. */
bool mtm_waiters_call(struct mtm_waiters *waiters, mtm_waiting waiting, const void *what);

static inline void mtm_waiters_rouse(struct mtm_waiters *waiters)
{
    MTM_STEP(rouse_one);
    mtm_plat_unpark_one(&waiters->seq);
}

static inline bool mtm_waiters_any(struct mtm_waiters *waiters)
{
    return mtm_load_seq(&waiters->state) != 0; /* pairs with join */
}

/* Whether whoever publishes tells others, who are no sleeping threads, as well: these get no
 * wake-up of a thread's, and no thread gets theirs. Who sets it looks afterwards; the order of
 * that and of publishing must be as for join. One thread at a time. */
void mtm_waiters_watch(struct mtm_waiters *waiters, bool watched);
bool mtm_waiters_are_watched(const struct mtm_waiters *waiters);

/* Wakes all, because of a change of state (close, abort) that each of them must see. */
void mtm_waiters_wake_all(struct mtm_waiters *waiters);

/* How many wait, and how many of these are coming. Any thread, never blocks. */
size_t mtm_waiters_count(const struct mtm_waiters *waiters);
size_t mtm_waiters_coming(const struct mtm_waiters *waiters);

#endif
