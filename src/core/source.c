/* Waking those who wait for a source: receivers, who sleep on its waiters, and selects, who
 * sleep on words of their own. It owns no data. */
#include "core/pollable.h"
#include "core/select.h"

#include "platform/hidden.h"

/* `owed`: how many selects are to be woken, or that all are. */
enum mtm_owed { OWED_ONE = 1, OWED_ALL = 1 << 30 };

static size_t waiting(const void *what)
{
    return mtm_source_ops(what)->waiting(what);
}

/* ---- lock of the choices held ---- */

static struct mtm_choice *first_choice(const struct mtm_source *source)
{
    return mtm_load_seq(&source->choices.first); /* pairs with itself: see mtm_choice_enter */
}

/* False: it is on its way already. After the swap it may be gone as soon as the lock is free.
 */
static bool signal_select(struct mtm_choice *choice)
{
    mtm_a32 *word = &choice->select->signalled;
    MTM_STEP(signal_select);
    if (mtm_swap_seq(word, 1) != 0) return false; /* pairs with mtm_select */
    MTM_STEP(rouse_select);
    mtm_plat_unpark_one(word);
    return true;
}

/* The first one in turn that is not on its way, if there is any; else one who receives. */
static void rouse_one(struct mtm_source *source)
{
    struct mtm_choice *first = first_choice(source), *choice = first;
    while (choice) {
        if (signal_select(choice)) {
            mtm_store_seq(&source->choices.first, choice->next);
            return;
        }
        choice = choice->next != first ? choice->next : NULL;
    }
    mtm_waiters_rouse(&source->waiters);
}

static void rouse_all(struct mtm_source *source)
{
    struct mtm_choice *first = first_choice(source), *choice = first;
    while (choice) {
        signal_select(choice);
        choice = choice->next != first ? choice->next : NULL;
    }
}

/* ---- no lock needed ---- */

/* Whoever gives the lock back looks once more after that, so nothing is left over. */
static void pay(struct mtm_source *source)
{
    struct mtm_choices *choices = &source->choices;
    for (;;) {
        mtm_fence_seq(); /* pairs with itself: one of two sees what is owed, or a free lock */
        MTM_STEP(see_owed);
        if (mtm_load_rlx(&choices->owed) == 0) return;
        MTM_STEP(choices_are_free);
        if (!mtm_lock_if_free(&choices->lock)) return;
        MTM_STEP(collect_owed);
        uint32_t owed = mtm_swap_seq(&choices->owed, 0);
        if (owed & OWED_ALL) rouse_all(source);
        for (owed &= ~(uint32_t)OWED_ALL; owed > 0; --owed) rouse_one(source);
        mtm_unlock(&choices->lock);
    }
}

static void rouse_somebody(struct mtm_source *source)
{
    MTM_STEP(any_choices);
    if (MTM_LIKELY(!mtm_load_seq(&source->choices.first))) {
        mtm_waiters_rouse(&source->waiters);
        return;
    }
    MTM_STEP(owe_one);
    mtm_add_seq(&source->choices.owed, OWED_ONE);
    pay(source);
}

void mtm_source_wake(struct mtm_source *source)
{
    if (mtm_waiters_call(&source->waiters, waiting, source)) rouse_somebody(source);
    if (mtm_waiters_are_watched(&source->waiters)) mtm_pollables_tell(source);
}

/* The fence is what mtm_waiters_call begins with. */
void mtm_source_wake_all(struct mtm_source *source)
{
    mtm_waiters_wake_all(&source->waiters);
    mtm_fence_seq(); /* pairs with that of mtm_pollable_found_nothing */
    MTM_STEP(any_choices_at_all);
    if (MTM_UNLIKELY(mtm_load_seq(&source->choices.first) != NULL)) {
        MTM_STEP(owe_all);
        mtm_or_acq_rel(&source->choices.owed, OWED_ALL); /* the fence in pay follows */
        pay(source);
    }
    if (mtm_waiters_are_watched(&source->waiters)) mtm_pollables_tell(source);
}

/* Who has looked may for a moment have hidden from others what is ready, while these looked for
 * it, without the lock, to pass the baton themselves. */
void mtm_source_pass_baton(struct mtm_source *source, enum mtm_status status)
{
    MTM_STEP(any_for_the_baton);
    if (MTM_LIKELY(!mtm_waiters_any(&source->waiters))) return;
    if (status == MTM_BUSY || mtm_source_ops(source)->waiting(source)) mtm_source_wake(source);
}

/* ---- entering and leaving ---- */

void mtm_choice_enter(struct mtm_choice *choice)
{
    struct mtm_choices *choices = &choice->source->choices;
    mtm_lock(&choices->lock);
    struct mtm_choice *first = first_choice(choice->source);
    choice->next = first ? first : choice;
    choice->prev = first ? first->prev : choice;
    choice->next->prev = choice->prev->next = choice;
    MTM_STEP(enter_choices);
    mtm_store_seq(&choices->first, first ? first : choice); /* pairs with the wakes */
    mtm_unlock(&choices->lock);
    pay(choice->source);
}

void mtm_choice_leave(struct mtm_choice *choice)
{
    struct mtm_choices *choices = &choice->source->choices;
    mtm_lock(&choices->lock);
    choice->next->prev = choice->prev;
    choice->prev->next = choice->next;
    MTM_STEP(leave_choices);
    if (first_choice(choice->source) == choice)
        mtm_store_seq(&choices->first, choice->next != choice ? choice->next : NULL);
    mtm_unlock(&choices->lock);
    pay(choice->source);
}

size_t mtm_source_selects(struct mtm_source *source)
{
    size_t count = 0;
    if (!first_choice(source)) return 0;
    mtm_lock(&source->choices.lock);
    struct mtm_choice *first = first_choice(source), *choice = first;
    for (; choice; ++count) choice = choice->next != first ? choice->next : NULL;
    mtm_unlock(&source->choices.lock);
    pay(source);
    return count;
}
