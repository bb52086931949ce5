/* A buffer as a notifier: each notification is a message without values. A caller that must not
 * wait, and finds the buffer busy, knocks: it waits for nobody, and nothing is left for others
 * to do. */
#ifndef MTM_CORE_BELL_H
#define MTM_CORE_BELL_H

#include "core/buffer.h"
#include "core/knocks.h"

/* What a buffer has that is, or was, a notifier. */
struct mtm_bell {
    struct mtm_knocks knocks; /* queue.shared.knocks points here */
    mtm_a32 visitors; /* atomic: threads that are reading the buffer's own notifier unlocked */
    /* Atomic stack: disconnected while there were visitors, to be released by the last one. */
    _Atomic(struct mtm_notifier *) unplugged;
    _Atomic(bool) knocked;   /* atomic: it is in the listener's stack of those, or on its way */
    struct mtm_buffer *next; /* there; owned by who turned `knocked` to true */
};

/* Gives the buffer what a bell needs, if it has none yet; false: no memory. No lock held. */
bool mtm_bell_init(struct mtm_buffer *buffer);

/* Nobody else has the buffer. */
void mtm_bell_fini(struct mtm_buffer *buffer);

/* The buffer's, or NULL. */
static inline struct mtm_bell *mtm_bell_of(const struct mtm_buffer *buffer)
{
    return (struct mtm_bell *)mtm_load_seq(&buffer->queue.shared.knocks); /* pairs: init */
}

/* One notification: OK, CLOSED, ABORTED, FULL, TOO_LARGE, NOMEM, as mtm_buffer_put of a message
 * without values, but a bell that is full by its limit counts as rung, and it is never BUSY.
 * *next: the bell's own notifier, if that fires, with a reference, or NULL. The caller has a
 * reference to the bell, and holds no lock. */
enum mtm_status mtm_bell_ring(struct mtm_buffer *bell, bool nonblock,
                              struct mtm_notifier **next);

/* In place of mtm_notifier_release of what mtm_buffer_plug has returned (NULL is fine), whose
 * memory a visitor may be about to use. No lock held. */
void mtm_bell_release(struct mtm_buffer *buffer, struct mtm_notifier *unplugged, bool nonblock);

#endif
