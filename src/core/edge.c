/* References that are no roots: their lists, one for each object that they lead to. It owns the
 * nodes with these lists, and the lock. */
#include "core/alloc.h"
#include "core/node.h"
#include "core/reference.h"

#include "platform/hidden.h"

enum { STEPS_AT_ONCE = 64 }; /* while the lock is held */

struct mtm_lock mtm_reach_lock = MTM_LOCK_INIT;

static void link_edge(struct mtm_edge *edge, struct mtm_object *holder)
{
    struct mtm_object *target = edge->target;
    struct mtm_node *node = mtm_node_of(target);
    if (mtm_object_is_inherited(target)) return;
    mtm_store_rel(&edge->holder, holder);
    edge->next = node->edges;
    edge->link = &node->edges;
    if (edge->next) edge->next->link = &edge->next;
    node->edges = edge;
    ++node->count;
    size_t life = mtm_load_rlx(&target->life);
    const size_t flags = MTM_LIFE_EDGES | MTM_LIFE_TOUCHED;
    while (!mtm_cas_acq_rel(&target->life, &life, life | flags)) continue;
}

/* Gives back a reference to an object that has, or had, edges. True: it is the last one, and
 * still the caller's. */
static bool give_back(struct mtm_object *object, const struct mtm_node *node)
{
    size_t life = mtm_load_rlx(&object->life), next;
    do {
        if ((life & MTM_LIFE_REFS) == MTM_LIFE_REFS) return false; /* it lost count */
        next = node->count > 0 ? life : life & ~(MTM_LIFE_EDGES | MTM_LIFE_TOUCHED);
        if ((life & MTM_LIFE_REFS) != 1) --next;
        MTM_STEP(give_back);
    } while (!mtm_cas_acq_rel(&object->life, &life, next)); /* pairs: the last release */
    if ((life & MTM_LIFE_REFS) == 1) return true;
    if (node->count > 0 && (next & MTM_LIFE_REFS) == node->count) {
        mtm_reach_suspect((struct mtm_node *)node);
    }
    return false;
}

static void unlink_edge(struct mtm_edge *edge, struct mtm_node *node)
{
    if (node->cursor == edge) node->cursor = edge->next;
    *edge->link = edge->next;
    if (edge->next) edge->next->link = edge->link;
    edge->target = NULL;
    --node->count;
}

static struct mtm_node *new_node(struct mtm_object *object)
{
    struct mtm_node *node = mtm_alloc(sizeof *node);
    if (node) *node = (struct mtm_node){.object = object};
    return node;
}

/* The reference that a buffer has to its listener becomes an edge with the first one that the
 * buffer itself gets. */
static enum mtm_status install(struct mtm_object *object)
{
    struct mtm_node *node = new_node(object), *unused = NULL;
    if (!node) return MTM_NOMEM;
    mtm_lock(&mtm_reach_lock);
    if (mtm_node_of(object)) {
        unused = node;
    } else {
        mtm_store_rel(&object->node, node); /* pairs with node_of */
        node->up.target = object->owner;
        if (object->owner) {
            mtm_store_rlx(&object->carries, 1);
            link_edge(&node->up, object);
        }
    }
    mtm_unlock(&mtm_reach_lock);
    mtm_free(unused);
    return MTM_OK;
}

enum mtm_status mtm_reach_prepare(struct mtm_object *object)
{
    struct mtm_object *owner = object->owner;
    enum mtm_status status = MTM_OK;
    if (mtm_object_is_inherited(object)) return MTM_OK;
    if (MTM_LIKELY(mtm_node_of(object) != NULL)) return MTM_OK;
    if (owner && !mtm_node_of(owner)) status = install(owner);
    return status == MTM_OK ? install(object) : status;
}

bool mtm_edges_link(struct mtm_edge *const *edges, size_t count, bool nonblock)
{
    for (size_t i = 0; i < count;) {
        if (i > 0 || !nonblock) mtm_lock(&mtm_reach_lock);
        else if (!mtm_trylock(&mtm_reach_lock)) return false;
        for (int steps = 0; i < count && steps < STEPS_AT_ONCE; ++i, ++steps) {
            link_edge(edges[i], NULL);
        }
        mtm_unlock(&mtm_reach_lock);
    }
    return true;
}

/* First the holder, then the touch: who has looked at the edge before sees the touch later, or
 * looks at it again, and sees the holder. */
void mtm_edge_pass(struct mtm_edge *edge, struct mtm_object *holder)
{
    if (holder && !mtm_load_rlx(&holder->carries)) mtm_store_rlx(&holder->carries, 1);
    MTM_STEP(pass_edge);
    mtm_store_rel(&edge->holder, holder); /* pairs with the load in climb and check */
    mtm_object_touch(edge->target);
}

void mtm_edge_drop(struct mtm_edge *edge)
{
    struct mtm_object *target = edge->target;
    struct mtm_node *node = mtm_node_of(target);
    if (mtm_object_is_inherited(target)) return;
    mtm_lock(&mtm_reach_lock);
    unlink_edge(edge, node);
    bool last = give_back(target, node);
    mtm_unlock(&mtm_reach_lock);
    if (last) mtm_object_release(target);
    mtm_reach_work();
}

bool mtm_reach_release(struct mtm_object *object)
{
    mtm_lock(&mtm_reach_lock);
    bool has_edges = (mtm_load_rlx(&object->life) & MTM_LIFE_EDGES) != 0;
    if (has_edges)
        give_back(object, mtm_node_of(object)); /* not the last: the edges have one each */
    mtm_unlock(&mtm_reach_lock);
    if (has_edges) mtm_reach_work();
    return has_edges;
}

/* From now on the reference counts as a root, until it is given back. */
void mtm_reach_leave(struct mtm_object *object)
{
    struct mtm_node *node = mtm_node_of(object);
    struct mtm_object *owner = object->owner;
    if (!node || !owner || mtm_object_is_inherited(owner)) return;
    mtm_lock(&mtm_reach_lock);
    unlink_edge(&node->up, mtm_node_of(owner));
    if (mtm_node_of(owner)->count == 0) {
        size_t life = mtm_load_rlx(&owner->life);
        const size_t flags = MTM_LIFE_EDGES | MTM_LIFE_TOUCHED;
        while (!mtm_cas_acq_rel(&owner->life, &life, life & ~flags)) continue;
    }
    mtm_unlock(&mtm_reach_lock);
}
