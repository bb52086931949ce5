/* What buffers, listeners and topics have in common: identity and state.
 * How long it lives is in life.h and reference.h; finding it is the registry's job; what it
 * does, its own module's. */
#ifndef MTM_CORE_OBJECT_H
#define MTM_CORE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/lock.h"
#include "core/name.h"
#include "core/status.h"

enum mtm_kind { MTM_BUFFER, MTM_LISTENER, MTM_TOPIC };

/* State flags, all below MTM_GENERATION. Written under all of the object's locks, so that
 * holding one of them is enough to read. */
enum {
    MTM_IS_CLOSED = 1,
    MTM_IS_ABORTED = 2,     /* by its own abort, or its listener's */
    MTM_IS_ABORTED_ALL = 4, /* by mtm_abort_all */
    MTM_IS_FINISHED = 8,    /* no more messages; takes go on until it is drained */

    /* What the flags mean for each direction: any of these stops it. */
    MTM_STOPS_PUTS = MTM_IS_CLOSED | MTM_IS_ABORTED | MTM_IS_ABORTED_ALL | MTM_IS_FINISHED,
    MTM_STOPS_TAKES = MTM_IS_CLOSED | MTM_IS_ABORTED | MTM_IS_ABORTED_ALL
};

struct mtm_object;
struct mtm_pollable;
struct mtm_node;

/* What the kinds do in their own ways. */
struct mtm_object_ops {
    /* The last outside reference is gone; the owner's lock is held. True: free it. */
    bool (*orphan)(struct mtm_object *object);
    /* No lock held, nobody else has the object. */
    void (*free)(struct mtm_object *object);
    /* Take over the state of mtm_abort_all. No lock held. */
    void (*sync_abort)(struct mtm_object *object);
    /* Nobody reaches it: give up all references to other objects, those of a listener's members
     * included. No lock held. */
    void (*cut)(struct mtm_object *object);
};

struct mtm_object {
    /* What finding it needs is on one cache line, apart from what sending needs, since holds
     * write `life`. */
    mtm_asize life; /* atomic; the last reference goes under the registry lock */
    uint64_t id;    /* 0 < id < 2^53; constant, as all that names no guard */
    enum mtm_kind kind;
    struct mtm_lock lock;       /* a listener's; a buffer has those of its queue instead */
    struct mtm_object *id_next; /* guarded by the registry lock */
    struct mtm_name *name;      /* NULL if it has none */
    struct mtm_object *all_next, **all_link;  /* guarded by the registry lock */
    _Atomic(struct mtm_pollable *) pollables; /* atomic; of a source: see pollable.h */
    _Atomic(struct mtm_node *) node; /* atomic; set once, under the reach lock: of its edges */
    const struct mtm_object_ops *class;
    struct mtm_object *owner; /* a buffer's listener, or NULL */
    mtm_a32 flags;            /* atomic; see above; in a new object it is mtm_generation */
    mtm_a32 aborts; /* atomic; how often it was aborted: for those who wait meanwhile */
};

/* The object of a name. */
static inline struct mtm_object *mtm_named(const struct mtm_name *name)
{
    return (struct mtm_object *)(uintptr_t)(name + 1);
}

/* CLOSED, ABORTED or OK, in this order of importance, as far as these flags say it. Exact if
 * the caller holds one of the object's locks. */
static inline enum mtm_status mtm_object_stopped(const struct mtm_object *object,
                                                 uint32_t stops)
{
    /* pairs with mtm_object_change */
    uint32_t flags = (mtm_load_acq(&object->flags) ^ mtm_generation) & (stops | MTM_INHERITED);
    if (MTM_LIKELY(flags == 0)) return MTM_OK;
    if (flags & (MTM_IS_CLOSED | MTM_INHERITED)) return MTM_CLOSED;
    return flags & (MTM_IS_ABORTED | MTM_IS_ABORTED_ALL) ? MTM_ABORTED : MTM_CLOSED;
}

/* Whether messages may be put into it, and taken from it. */
static inline enum mtm_status mtm_object_may_put(const struct mtm_object *object)
{
    return mtm_object_stopped(object, MTM_STOPS_PUTS);
}

static inline enum mtm_status mtm_object_may_take(const struct mtm_object *object)
{
    return mtm_object_stopped(object, MTM_STOPS_TAKES);
}

/* Whether it is closed: that ends everything but looking at it. */
static inline bool mtm_object_is_closed(const struct mtm_object *object)
{
    const uint32_t ends = MTM_IS_CLOSED | MTM_INHERITED;
    return ((mtm_load_acq(&object->flags) ^ mtm_generation) & ends) != 0;
}

/* Whether it gets no more messages. Exact if the caller holds one of the object's locks. */
static inline bool mtm_object_is_finished(const struct mtm_object *object)
{
    return (mtm_load_acq(&object->flags) & MTM_IS_FINISHED) != 0; /* pairs: mtm_object_change */
}

/* Whether it was made before this process was forked. Such an object is closed, its locks and
 * lists may be as another thread left them in mid-action, and it is never freed. What works on
 * an object without asking for its state first asks for this. */
static inline bool mtm_object_is_inherited(const struct mtm_object *object)
{
    if (MTM_LIKELY(mtm_generation == 0)) return false; /* without a look at the object */
    const uint32_t flags = mtm_load_rlx(&object->flags) ^ mtm_generation;
    return (flags & MTM_INHERITED) != 0;
}

/* Sets and clears flags. All locks of the object are held. */
void mtm_object_change(struct mtm_object *object, uint32_t set, uint32_t clear);

/* Whether the object was aborted and not re-enabled since. Any thread, never blocks. */
bool mtm_object_is_aborted(const struct mtm_object *object);

#endif
