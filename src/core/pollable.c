/* The descriptors of a source: a list that grows only, and whose entries are used again, so
 * that whoever tells them takes no lock and frees nothing. It owns the entries until the source
 * is freed; a descriptor belongs to its owner and to those who are just telling it. */
#include "core/pollable.h"

#include "core/alloc.h"

#include "platform/hidden.h"

/* `word` counts, in steps of CALM, how often the owner has found nothing. TOLD: the descriptor
 * is readable, and has been set since the latest of these: nobody needs to set it. */
enum { TOLD = 1, CALM = 2 };

/* `users` is 0 in an entry that has no descriptor; CLAIMED while it gets one or loses it. */
#define CLAIMED UINT32_MAX

struct mtm_pollable {
    mtm_a32 word;              /* atomic; see above */
    mtm_a32 users;             /* atomic; the owner, and those who are telling it */
    bool open;                 /* guarded by the source's lock: it has an owner */
    struct mtm_signal signal;  /* of those whom `users` counts, or of who has claimed it */
    struct mtm_pollable *next; /* constant once it is in the list */
};

/* ---- telling ---- */

static bool enter(struct mtm_pollable *pollable)
{
    uint32_t users = mtm_load_acq(&pollable->users); /* pairs with open */
    do {
        if (users == 0 || users == CLAIMED) return false;
        MTM_STEP(enter_pollable);
    } while (!mtm_cas_acq_rel(&pollable->users, &users, users + 1)); /* pairs with leave */
    return true;
}

/* The last one closes the descriptor. */
static void leave(struct mtm_pollable *pollable)
{
    uint32_t users = mtm_load_acq(&pollable->users);
    do {
        MTM_STEP(leave_pollable);
    } while (!mtm_cas_acq_rel(&pollable->users, &users, users == 1 ? CLAIMED : users - 1));
    if (users != 1) return;
    mtm_plat_signal_close(&pollable->signal);
    mtm_store_rel(&pollable->users, 0); /* pairs with claim */
}

/* First the descriptor is set, and then that is noted, unless the owner has found nothing
 * meanwhile, and may have unset it. So who is suspended in between holds up nobody: others set
 * it, too. */
static void tell(struct mtm_pollable *pollable)
{
    MTM_STEP(see_if_told);
    uint32_t word = mtm_load_seq(&pollable->word); /* pairs with mtm_pollable_found_nothing */
    if ((word & TOLD) || !enter(pollable)) return;
    MTM_STEP(set_descriptor);
    const bool set = mtm_plat_signal_set(&pollable->signal);
    MTM_STEP(note_told);
    if (set) mtm_cas_seq(&pollable->word, &word, word | TOLD); /* else the next one sets it */
    leave(pollable);
}

void mtm_pollables_tell(struct mtm_source *source)
{
    struct mtm_pollable *pollable = mtm_load_acq(&source->object.pollables); /* pairs: push */
    for (; pollable; pollable = pollable->next) tell(pollable);
}

/* ---- the owner ---- */

static bool is_worth_a_receive(const struct mtm_source *source)
{
    return mtm_source_ops(source)->waiting(source) > 0;
}

/* First unset, then noted: what is published before the note, and finds the descriptor told, is
 * seen by the look after it. The fence pairs with the one between publishing and telling. */
static void calm(struct mtm_source *source, struct mtm_pollable *pollable)
{
    MTM_STEP(unset_descriptor);
    mtm_plat_signal_unset(&pollable->signal);
    MTM_PAUSE();
    uint32_t word = mtm_load_rlx(&pollable->word);
    do {
        MTM_STEP(note_calm);
    } while (!mtm_cas_seq(&pollable->word, &word, (word & ~(uint32_t)TOLD) + CALM));
    mtm_fence_seq();
    if (is_worth_a_receive(source)) tell(pollable);
}

/* Where a lock was in the way the owner comes again, unless there is nothing to come for. */
void mtm_pollable_found_nothing(struct mtm_source *source, struct mtm_pollable *pollable,
                                enum mtm_status status)
{
    if (mtm_object_is_inherited(&source->object)) return;
    if (status == MTM_EMPTY || !is_worth_a_receive(source)) calm(source, pollable);
}

static struct mtm_pollable *claim(struct mtm_source *source)
{
    struct mtm_pollable *pollable = mtm_load_acq(&source->object.pollables);
    for (; pollable; pollable = pollable->next) {
        uint32_t none = 0;
        if (mtm_cas_acq(&pollable->users, &none, CLAIMED)) break; /* pairs with leave */
    }
    return pollable;
}

static struct mtm_pollable *push_new(struct mtm_source *source)
{
    struct mtm_pollable *pollable = mtm_alloc(sizeof *pollable);
    if (!pollable) return NULL;
    *pollable = (struct mtm_pollable){.users = CLAIMED};
    pollable->next = mtm_load_acq(&source->object.pollables);
    while (!mtm_cas_acq_rel(&source->object.pollables, &pollable->next, pollable)) continue;
    return pollable;
}

/* Whoever publishes must know of us while anybody has a descriptor. */
static void set_open(struct mtm_source *source, struct mtm_pollable *pollable, bool open)
{
    struct mtm_lock *lock = mtm_source_ops(source)->lock(source);
    bool any = open;
    mtm_lock(lock);
    pollable->open = open;
    struct mtm_pollable *other = mtm_load_acq(&source->object.pollables);
    for (; other && !any; other = other->next) any = other->open;
    mtm_waiters_watch(&source->waiters, any);
    mtm_unlock(lock);
}

enum mtm_status mtm_pollable_open(struct mtm_source *source, struct mtm_pollable **out,
                                  const char **why)
{
    MTM_ASSERT_UNLOCKED();
    if (mtm_object_is_inherited(&source->object)) return MTM_CLOSED;
    struct mtm_pollable *pollable = claim(source);
    if (!pollable) pollable = push_new(source);
    if (!pollable) return MTM_NOMEM;
    if (!mtm_plat_signal_open(&pollable->signal, why)) {
        mtm_store_rel(&pollable->users, 0); /* pairs with claim */
        return MTM_TOO_MANY;
    }
    mtm_store_rel(&pollable->users, 1); /* pairs with enter */
    set_open(source, pollable, true);
    calm(source, pollable);
    *out = pollable;
    return MTM_OK;
}

intptr_t mtm_pollable_descriptor(const struct mtm_pollable *pollable)
{
    return mtm_plat_signal_descriptor(&pollable->signal);
}

void mtm_pollable_close(struct mtm_source *source, struct mtm_pollable *pollable)
{
    if (mtm_object_is_inherited(&source->object)) return;
    set_open(source, pollable, false);
    leave(pollable);
}

void mtm_pollables_free(struct mtm_object *object)
{
    struct mtm_pollable *pollable = mtm_load_acq(&object->pollables);
    while (pollable) {
        struct mtm_pollable *next = pollable->next;
        mtm_free(pollable);
        pollable = next;
    }
}
