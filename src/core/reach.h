/* Which objects can still be reached. References that are no roots (an object in a message, a
 * connected notifier, a buffer's reference to its listener or topic) are edges, which tell what
 * holds them; what only edges keep alive, in whatever circle, is found, and gives up what it
 * holds. docs/design.md argues that nothing else does. */
#ifndef MTM_CORE_REACH_H
#define MTM_CORE_REACH_H

#include "core/life.h"

/* What holds one edge or more: an object, or whoever has them in hand just now, a thread for
 * instance that sends or has received a message. In hand counts as a root. */
struct mtm_bearer {
    _Atomic(struct mtm_object *) holder; /* atomic: NULL: they are in hand */
};

/* A reference to `target` that is no root. */
struct mtm_edge {
    struct mtm_object *target; /* NULL: not linked */
    const struct mtm_bearer *bearer;
    struct mtm_edge *next, **link; /* guarded by the reach lock: in the target's list */
};

/* Before the first edge to an object, or held by one: what that needs. OK, NOMEM, or BUSY: with
 * nonblock, while others are at work. The caller has a reference and holds no lock. */
enum mtm_status mtm_reach_prepare(struct mtm_object *object, bool nonblock);

/* The edge takes over a reference of the caller's to `target`, which is prepared; it is in
 * hand. With nonblock, and others at work, nothing happens: false. No lock held. */
bool mtm_edge_link(struct mtm_edge *edge, struct mtm_object *target,
                   const struct mtm_bearer *bearer, bool nonblock);

/* Unlinks the edge and gives back its reference: may free the target. Nothing, if it is not
 * linked. No lock held; blocks. */
void mtm_edge_drop(struct mtm_edge *edge);

/* What is in hand comes to be held by an object that is prepared, and to which the caller has a
 * reference; and back. Any thread; never blocks. */
void mtm_bearer_lay_down(struct mtm_bearer *bearer, struct mtm_object *holder);
void mtm_bearer_take_up(struct mtm_bearer *bearer);

/* After references have been made of edges that stayed where they are; to what holds them the
 * caller still has a reference. Any thread; never blocks. */
void mtm_reach_disturb(void);

/* Looks for what nobody reaches, for a number of steps that each call adds to; for all that
 * there is if no root is left. Costs one load if there is nothing to do. No lock held; may free
 * objects. */
void mtm_reach_work(void);

struct mtm_buffer;
struct mtm_topic;

/* The buffer subscribes to the topic, which is prepared, and has got a reference to it. No lock
 * held. */
void mtm_reach_join(struct mtm_buffer *buffer, struct mtm_topic *topic);

/* ---- for reference.c and registry.c ---- */

/* Gives back a reference to an object that has edges, which is not the last one; false, and
 * nothing is done: it has none any more. No lock held. */
bool mtm_reach_release(struct mtm_object *object);

/* The last reference to the object is gone: its own to its listener is no edge any more. The
 * listener's lock may be held. */
void mtm_reach_leave(struct mtm_object *object);

/* The object is about to be freed. It holds nothing any more but its reference to a topic,
 * which becomes the caller's. No lock held. */
void mtm_reach_forget(struct mtm_object *object);

/* Objects that have edges are found under the reach lock, which comes before the registry's.
 * found: a reference will be made of it; false: it counts as gone. Lock held. */
void mtm_reach_lock(void);
void mtm_reach_unlock(void);
bool mtm_reach_found(struct mtm_object *object);

/* In a forked process: the parent's objects are not looked at any more. */
void mtm_reach_forget_all(void);

#endif
