/* What edge.c and reach.c share: the edges to one object, and its place in the search. Nobody
 * else looks into it. */
#ifndef MTM_CORE_NODE_H
#define MTM_CORE_NODE_H

#include "core/reach.h"

/* All of it is guarded by the reach lock. */
struct mtm_node {
    struct mtm_object *object;  /* constant */
    struct mtm_edge *edges;     /* to the object */
    size_t count;               /* how many there are */
    struct mtm_bearer self;     /* the object holds these two itself: */
    struct mtm_edge up, joined; /* to its listener, to its topic */
    /* of the search: */
    struct mtm_node *next, **link; /* in the line of suspects; link NULL: not there */
    uint64_t suspected;            /* the latest event that made it one */
    uint64_t reached;              /* it was found to be reachable, after that event or later */
    uint64_t trial;                /* whose set it is in, while that is under way */
    bool gone;                     /* nobody reaches it: nobody finds it, and it is being cut */
    bool owner_seen;               /* after the edges it was climbed to the listener */
    struct mtm_edge *cursor;       /* the next edge to be looked at */
    struct mtm_node *via;          /* from where it was climbed to */
    struct mtm_node *set_next, **set_link; /* in the set */
};

extern MTM_HIDDEN struct mtm_lock mtm_the_reach_lock;

static inline struct mtm_node *mtm_node_of(const struct mtm_object *object)
{
    return mtm_load_acq(&object->node); /* pairs with install */
}

/* Whether nobody reaches it: nobody finds it any more. Lock held. */
bool mtm_reach_is_gone(const struct mtm_node *node);

/* All with the lock held. suspect: all references to it are edges now, so the search has to ask
 * who reaches it. touch: something has happened to it that a trial under way has not seen. */
void mtm_reach_suspect(struct mtm_node *node);
void mtm_reach_touch(const struct mtm_node *node);

/* It is about to be freed. */
void mtm_reach_strike(struct mtm_node *node);

#endif
