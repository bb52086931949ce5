/* What messages come from: an object that one can wait for. A buffer is one, and so is a
 * listener; receive.c knows no more of them than what stands here. */
#ifndef MTM_CORE_SOURCE_H
#define MTM_CORE_SOURCE_H

#include "core/object.h"
#include "core/spin.h"
#include "core/wait.h"
#include "core/waiters.h"

struct mtm_choice;

/* The selects that wait for a source, in turn: they have joined its waiters, and each sleeps on
 * a word of its own. What is to be done is counted in `owed`, so that whoever finds the lock
 * held leaves it to the holder. */
struct mtm_choices {
    struct mtm_lock lock;
    mtm_a32 owed;                       /* atomic; of enum mtm_owed */
    _Atomic(struct mtm_choice *) first; /* atomic, written under lock: a ring; NULL: none */
};

/* The first member of a struct mtm_buffer and of a struct mtm_listener. */
struct mtm_source {
    struct mtm_object object;
    struct mtm_waiters waiters;
    struct mtm_choices choices;
};

struct mtm_delivery;

/* How a kind of source is looked at. object.class of a source points to the first member. */
struct mtm_source_ops {
    struct mtm_object_ops object;
    /* One attempt to take a message, without waiting for one (for locks as `wait` says), as
     * mtm_receive. No lock held. */
    enum mtm_status (*look)(struct mtm_source *source, struct mtm_wait *wait,
                            struct mtm_delivery *delivery);
    /* How many looks might find something now: at least as many as there are messages or ready
     * buffers; 1 or more if there is a state to be learnt. Lock-free. */
    size_t (*waiting)(const struct mtm_source *source);
    /* The caller joins the waiters, in such a way that whoever makes something ready either
     * sees it, or comes before its next look. False: a lock could not be had. */
    bool (*join)(struct mtm_source *source, struct mtm_wait *wait);
    /* Messages that all receivers have taken so far; may wrap, and lag behind. Lock-free. */
    uint32_t (*taken)(const struct mtm_source *source);
    /* What its receivers have learnt about polling: apart from what others read all the time */
    struct mtm_spin *(*spin)(struct mtm_source *source);
    /* A receive has found nothing: what is kept for more is given up. No lock held. warm:
     * whether there may be anything; lock-free, a hint. */
    void (*rest)(struct mtm_source *source, bool nonblock);
    bool (*warm)(const struct mtm_source *source);
    /* The lock under which whoever publishes looks for those who wait; of a source whose
     * publishers take none, its own. */
    struct mtm_lock *(*lock)(struct mtm_source *source);
    /* Whether somebody who has found something at once must look for others who wait: one who
     * looks may hide from them for a moment what there is. */
    bool passes_always;
};

static inline const struct mtm_source_ops *mtm_source_ops(const struct mtm_source *source)
{
    return (const struct mtm_source_ops *)source->object.class;
}

/* After something was published: wakes one of those who wait, if need be, and tells those who
 * poll. wake_one: the same, asking first whether anybody does. wake_all: because of a change of
 * state that all must see. Any thread that keeps the source alive; never blocks. */
void mtm_source_wake(struct mtm_source *source);
void mtm_source_wake_all(struct mtm_source *source);

static inline void mtm_source_wake_one(struct mtm_source *source)
{
    MTM_STEP(any);
    if (MTM_UNLIKELY(mtm_waiters_any(&source->waiters))) mtm_source_wake(source);
}

/* How many selects wait for it just now: they are among those who have joined its waiters.
 * Waits for the lock of the choices, which is held for a few steps. */
size_t mtm_source_selects(struct mtm_source *source);

/* Who has found something, or gives up: if anything may be left, it wakes another one. BUSY: it
 * could not see. */
void mtm_source_pass_baton(struct mtm_source *source, enum mtm_status status);

/* Every object that can be received from is one. */
static inline struct mtm_source *mtm_to_source(struct mtm_object *object)
{
    return (struct mtm_source *)object;
}

#endif
