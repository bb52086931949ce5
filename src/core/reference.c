/* The ends of references and of objects. It owns no state. */
#include "core/reference.h"

#include "core/drop.h"
#include "core/index.h"
#include "core/reach.h"
#include "core/registry.h"

#include "platform/hidden.h"

/* NOLINTBEGIN(misc-no-recursion): it goes one step up, to the listener of a buffer */
/* Under the registry lock nobody can find the object between our giving up the last reference
 * and its removal; under the owner's lock nobody can finish draining it and free it. The
 * registry's is given back first, so that nobody who finds waits for the listener. */
static bool release_last(struct mtm_object *object)
{
    struct mtm_object *owner = object->owner;
    bool last = false, dead = false;
    MTM_PAUSE();
    if (owner) mtm_lock(&owner->lock);
    mtm_registry_lock();
    size_t life = mtm_load_rlx(&object->life);
    do { /* it may have been found meanwhile, and have got edges */
        if (life & MTM_LIFE_EDGES) break;
        last = (life & MTM_LIFE_REFS) == 1;
        MTM_STEP(release_the_last);
    } while (!mtm_cas_acq_rel(&object->life, &life, life - 1)); /* pairs: other releases */
    const bool done = !(life & MTM_LIFE_EDGES);
    last = last && done;
    if (last) mtm_registry_remove(object);
    struct mtm_table *unused = mtm_registry_unlock();
    if (last) mtm_reach_leave(object);
    if (last) dead = object->class->orphan(object);
    if (owner) mtm_unlock(&owner->lock);
    mtm_table_free(unused);
    if (dead) object->class->free(object);
    if (last && owner) mtm_object_release(owner);
    return done;
}

static MTM_NOINLINE void release_slowly(struct mtm_object *object)
{
    do {
        const bool has_edges = (mtm_load_rlx(&object->life) & MTM_LIFE_EDGES) != 0;
        if (has_edges ? mtm_reach_release(object) : release_last(object)) return;
    } while (!mtm_object_release_early(object));
}

void mtm_object_release(struct mtm_object *object)
{
    MTM_ASSERT_UNLOCKED();
    if (mtm_object_is_inherited(object)) return;
    if (MTM_UNLIKELY(!mtm_object_release_early(object))) release_slowly(object);
}
/* NOLINTEND(misc-no-recursion) */

struct mtm_object *mtm_object_next(struct mtm_object *object)
{
    struct mtm_object *next = mtm_registry_next(object);
    MTM_PAUSE();
    if (object) mtm_object_release(object);
    return next;
}

void mtm_root_release_of(struct mtm_roots *own, struct mtm_object *object)
{
    if (mtm_object_is_inherited(object)) return;
    mtm_object_release(object);
    mtm_drop_handed_on();
    MTM_PAUSE();
    if (own) mtm_roots_remove(own);
    else mtm_root_uncount();
    mtm_reach_work(); /* without roots: for all that is left */
}

void mtm_root_release(struct mtm_object *object)
{
    mtm_root_release_of(NULL, object);
}
