/* What edge.c and reach.c share: the edges to one object, and its place in the search. Nobody
 * else looks into it. */
#ifndef MTM_CORE_NODE_H
#define MTM_CORE_NODE_H

#include "core/reach.h"

/* Guarded by the reach lock. */
struct mtm_node {
    struct mtm_object *object;
    struct mtm_edge *edges; /* to the object */
    size_t count;
    struct mtm_edge up; /* a buffer's reference to its listener; target NULL: not linked */
    /* of the search: */
    struct mtm_node *next, **link; /* in a list of candidates; link NULL: in none */
    uint32_t live;                 /* the pass in which it was reached */
    uint32_t trial;                /* the trial whose set it is in */
    bool doomed;
    struct mtm_node *via;                  /* from where it was climbed to */
    struct mtm_edge *cursor;               /* the next edge to be looked at */
    bool owner_seen;                       /* and the listener after the edges */
    struct mtm_node *set_next, **set_link; /* in the set */
};

extern MTM_HIDDEN struct mtm_lock mtm_reach_lock;

static inline struct mtm_node *mtm_node_of(const struct mtm_object *object)
{
    return mtm_load_acq(&object->node); /* pairs with install */
}

/* Lock held: all references to it are edges now, so the search has to ask who reaches it. */
void mtm_reach_suspect(struct mtm_node *node);

#endif
