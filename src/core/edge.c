/* References that are no roots: their lists, one for each object that they lead to. It owns the
 * nodes with these lists, and the lock. */
#include "core/alloc.h"
#include "core/node.h"
#include "core/reference.h"
#include "core/topic.h"

#include "platform/hidden.h"

struct mtm_lock mtm_the_reach_lock = MTM_LOCK_INIT;

/* ---- nodes ---- */

/* Lock held. The reference is there already, and was a root. */
static void link_edge(struct mtm_edge *edge, struct mtm_object *target,
                      const struct mtm_bearer *bearer)
{
    struct mtm_node *node = mtm_node_of(target);
    edge->target = target;
    edge->bearer = bearer;
    edge->next = node->edges;
    edge->link = &node->edges;
    if (edge->next) edge->next->link = &edge->next;
    node->edges = edge;
    MTM_STEP(link_edge);
    if (node->count++ == 0) mtm_or_acq_rel(&target->life, MTM_LIFE_EDGES);
}

/* Lock held. The reference is a root again. */
static void unlink_edge(struct mtm_edge *edge)
{
    struct mtm_object *target = edge->target;
    struct mtm_node *node = mtm_node_of(target);
    if (node->cursor == edge) node->cursor = edge->next;
    *edge->link = edge->next;
    if (edge->next) edge->next->link = edge->link;
    edge->target = NULL;
    if (mtm_reach_is_gone(node)) mtm_or_acq_rel(&target->life, MTM_LIFE_GONE);
    MTM_STEP(unlink_edge);
    if (--node->count == 0) mtm_and_acq_rel(&target->life, ~MTM_LIFE_EDGES);
    mtm_reach_touch(node);
}

/* What the object itself holds: before this it was neither target nor holder, so whoever had it
 * had a root. Lock held. */
static void link_own(struct mtm_node *node)
{
    struct mtm_object *object = node->object;
    struct mtm_topic *topic =
        object->kind == MTM_BUFFER ? mtm_buffer_topic((struct mtm_buffer *)object) : NULL;
    mtm_store_rlx(&node->self.holder, object);
    if (object->owner) link_edge(&node->up, object->owner, &node->self);
    if (topic) link_edge(&node->joined, &topic->object, &node->self);
}

void mtm_reach_join(struct mtm_buffer *buffer, struct mtm_topic *topic)
{
    mtm_lock(&mtm_the_reach_lock);
    struct mtm_node *node = mtm_node_of(&buffer->object);
    mtm_store_rel(&mtm_subscriber_of(buffer)->topic, topic); /* pairs: mtm_buffer_topic */
    if (node) link_edge(&node->joined, &topic->object, &node->self);
    mtm_unlock(&mtm_the_reach_lock);
}

static bool lock(bool nonblock)
{
    if (nonblock) return mtm_trylock(&mtm_the_reach_lock);
    mtm_lock(&mtm_the_reach_lock);
    return true;
}

static enum mtm_status install(struct mtm_object *object, bool nonblock)
{
    struct mtm_node *node = mtm_alloc(sizeof *node);
    if (!node) return MTM_NOMEM;
    *node = (struct mtm_node){.object = object};
    if (!lock(nonblock)) {
        mtm_free(node);
        return MTM_BUSY;
    }
    if (!mtm_node_of(object)) {
        mtm_store_rel(&object->node, node); /* pairs with node_of */
        link_own(node);
        node = NULL;
    }
    mtm_unlock(&mtm_the_reach_lock);
    mtm_free(node);
    return MTM_OK;
}

enum mtm_status mtm_reach_prepare(struct mtm_object *object, bool nonblock)
{
    if (MTM_LIKELY(mtm_node_of(object) != NULL) || mtm_object_is_inherited(object))
        return MTM_OK;
    struct mtm_object *owner = object->owner;
    enum mtm_status status = MTM_OK;
    if (owner && !mtm_node_of(owner)) status = install(owner, nonblock);
    return status == MTM_OK ? install(object, nonblock) : status;
}

/* ---- edges ---- */

bool mtm_edge_link(struct mtm_edge *edge, struct mtm_object *target,
                   const struct mtm_bearer *bearer, bool nonblock)
{
    if (mtm_object_is_inherited(target)) return true;
    if (!lock(nonblock)) return false;
    link_edge(edge, target, bearer);
    mtm_unlock(&mtm_the_reach_lock);
    return true;
}

/* Gives back a reference that is not the last one: the edges that are left have one each. Lock
 * held. */
static void give_back(struct mtm_object *object, struct mtm_node *node)
{
    size_t life = mtm_load_rlx(&object->life);
    do {
        if ((life & MTM_LIFE_REFS) == MTM_LIFE_REFS) return; /* it lost count */
        MTM_STEP(give_back);
    } while (!mtm_cas_acq_rel(&object->life, &life, life - 1)); /* pairs: the last release */
    mtm_reach_touch(node);
    if ((life & MTM_LIFE_REFS) - 1 == node->count) mtm_reach_suspect(node);
}

void mtm_edge_drop(struct mtm_edge *edge)
{
    struct mtm_object *target = edge->target;
    if (!target || mtm_object_is_inherited(target)) return;
    struct mtm_node *node = mtm_node_of(target);
    mtm_lock(&mtm_the_reach_lock);
    unlink_edge(edge);
    const bool more = node->count > 0;
    if (more) give_back(target, node);
    mtm_unlock(&mtm_the_reach_lock);
    if (more) mtm_reach_work();
    else mtm_object_release(target);
}

bool mtm_reach_release(struct mtm_object *object)
{
    mtm_lock(&mtm_the_reach_lock);
    const bool has_edges = (mtm_load_rlx(&object->life) & MTM_LIFE_EDGES) != 0;
    if (has_edges) give_back(object, mtm_node_of(object));
    mtm_unlock(&mtm_the_reach_lock);
    if (has_edges) mtm_reach_work();
    return has_edges;
}

void mtm_reach_leave(struct mtm_object *object)
{
    struct mtm_node *node = mtm_node_of(object);
    if (!node || !node->up.target) return;
    mtm_lock(&mtm_the_reach_lock);
    unlink_edge(&node->up);
    mtm_unlock(&mtm_the_reach_lock);
}

/* Nobody looks at the object any more after this. */
void mtm_reach_forget(struct mtm_object *object)
{
    struct mtm_node *node = mtm_node_of(object);
    if (!node || mtm_object_is_inherited(object)) return;
    mtm_lock(&mtm_the_reach_lock);
    if (node->up.target) unlink_edge(&node->up);
    if (node->joined.target) unlink_edge(&node->joined);
    mtm_reach_strike(node);
    mtm_unlock(&mtm_the_reach_lock);
    mtm_free(node);
}

void mtm_reach_lock(void)
{
    mtm_lock(&mtm_the_reach_lock);
}

void mtm_reach_unlock(void)
{
    mtm_unlock(&mtm_the_reach_lock);
}

/* ---- bearers ---- */

/* Who has found it in hand does not ask again; who finds it held from now on sees that it has
 * been disturbed: in hand, something may have been made of it. */
void mtm_bearer_lay_down(struct mtm_bearer *bearer, struct mtm_object *holder)
{
    mtm_reach_disturb();
    MTM_STEP(lay_down);
    mtm_store_rel(&bearer->holder, holder); /* pairs with climb */
}

void mtm_bearer_take_up(struct mtm_bearer *bearer)
{
    MTM_STEP(take_up);
    mtm_store_rel(&bearer->holder, NULL); /* pairs with climb */
}
