/* Which objects can still be reached. References that are no roots (an object in a message, a
 * connected notifier, a buffer's reference to its listener) are edges, which say who holds
 * them; what only edges keep alive, in whatever circle, is found, and gives up what it holds.
 * How docs/design.md proves that nothing else is touched. */
#ifndef MTM_CORE_REACH_H
#define MTM_CORE_REACH_H

#include "core/life.h"

/* A reference to `target` that is no root. */
struct mtm_edge {
    struct mtm_object *target; /* constant while linked */
    _Atomic(struct mtm_object *)
        holder;                    /* atomic: the buffer that holds it; NULL: a root does */
    struct mtm_edge *next, **link; /* guarded by the reach lock: in the target's list */
};

/* Before the first edge to an object: what that needs. OK or NOMEM. The caller has a reference
 * and holds no lock. */
enum mtm_status mtm_reach_prepare(struct mtm_object *object);

/* The edges take over references of the caller's, who counts as their holder; targets are
 * prepared. No lock held. With nonblock, and others at work, nothing happens: false. */
bool mtm_edges_link(struct mtm_edge *const *edges, size_t count, bool nonblock);

/* A linked edge passes to a buffer, to which the caller has a reference, or (NULL) back to the
 * caller. Any thread; never blocks. */
void mtm_edge_pass(struct mtm_edge *edge, struct mtm_object *holder);

/* Unlinks the edge and gives back its reference. No lock held; may free the target. */
void mtm_edge_drop(struct mtm_edge *edge);

/* For reference.c. release: gives back a reference to an object that has edges; false: it has
 * none any more. forget: the object is about to be freed, and holds no edge. No lock held.
 * leave: the last reference to it is gone, and its reference to its listener is no edge any
 * more; the listener's lock may be held. */
bool mtm_reach_release(struct mtm_object *object);
void mtm_reach_forget(struct mtm_object *object);
void mtm_reach_leave(struct mtm_object *object);

/* Looks for what nobody reaches, for a number of steps that each call of these functions adds
 * to; all that there is if no root is left. Costs one load if there is nothing to do. No lock
 * held; may free objects. */
void mtm_reach_work(void);

/* In a forked process: the parent's objects are not looked at any more. */
void mtm_reach_forget_all(void);

/* The registry found an object that is doomed: true if that saves it, and all that were doomed
 * with it; false: too late, it counts as gone. Registry lock held. */
bool mtm_reach_rescue(void);

#endif
