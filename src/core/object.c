/* The state flags of an object. It owns no state of its own. */
#include "core/object.h"

#include "platform/hidden.h"

void mtm_object_change(struct mtm_object *object, uint32_t set, uint32_t clear)
{
    uint32_t flags = (mtm_load_rlx(&object->flags) & ~clear) | set;
    MTM_STEP(change_flags);
    mtm_store_rel(&object->flags, flags); /* pairs with mtm_object_stopped */
    MTM_STEP(count_the_abort);
    if (set & (MTM_IS_ABORTED | MTM_IS_ABORTED_ALL)) mtm_add_rlx(&object->aborts, 1);
}

bool mtm_object_is_aborted(const struct mtm_object *object)
{
    return (mtm_load_acq(&object->flags) & (MTM_IS_ABORTED | MTM_IS_ABORTED_ALL)) != 0;
}
