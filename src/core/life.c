/* The counts of references and holds in one word, which never wraps around. It owns the count
 * of roots. */
#include "core/life.h"

#include "platform/hidden.h"

static mtm_asize roots; /* atomic */

static bool retain_below(struct mtm_object *object, size_t limit)
{
    size_t life = mtm_load_rlx(&object->life);
    do {
        if ((life & MTM_LIFE_REFS) >= limit) return false;
    } while (!mtm_cas_rlx(&object->life, &life, life + MTM_LIFE_ONE_REF));
    return true;
}

bool mtm_object_try_retain(struct mtm_object *object)
{
    return retain_below(object, MTM_LIFE_MANY);
}

void mtm_object_retain(struct mtm_object *object)
{
    retain_below(object, MTM_LIFE_REFS); /* where it fails the object is immortal */
}

bool mtm_object_retain_alive(struct mtm_object *object)
{
    size_t life = mtm_load_rlx(&object->life);
    do {
        if ((life & MTM_LIFE_REFS) == 0) return false;
        if ((life & MTM_LIFE_REFS) == MTM_LIFE_REFS) return true; /* it lost count */
        MTM_STEP(retain_alive);
    } while (!mtm_cas_rlx(&object->life, &life, life + MTM_LIFE_ONE_REF));
    return true;
}

bool mtm_object_hold(struct mtm_object *object)
{
    if (!mtm_object_can_hold(object)) return false;
    MTM_STEP(hold);
    mtm_add_rlx(&object->life, MTM_LIFE_HOLD); /* holds are only made under this lock */
    return true;
}

void mtm_root_count(void)
{
    mtm_add_rlx(&roots, 1);
}

void mtm_root_uncount(void)
{
    mtm_sub_acq_rel(&roots, 1); /* pairs with the acquire in no_roots */
}

bool mtm_no_roots(void)
{
    return mtm_load_acq(&roots) == 0;
}

void mtm_roots_forget(void)
{
    mtm_store_rlx(&roots, 0);
}

void mtm_root_retain(struct mtm_object *object)
{
    if (mtm_object_is_inherited(object)) return;
    mtm_root_count();
    mtm_object_retain(object);
}
