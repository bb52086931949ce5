/* The count of roots. It owns that. */
#include "core/life.h"

#include "platform/hidden.h"

static mtm_asize roots; /* atomic */

void mtm_root_count(void)
{
    mtm_add_rlx(&roots, 1);
}

bool mtm_root_uncount(void)
{
    return mtm_sub_acq_rel(&roots, 1) == 1; /* pairs with itself */
}

bool mtm_no_roots(void)
{
    return mtm_load_acq(&roots) == 0;
}

void mtm_root_retain(struct mtm_object *object)
{
    mtm_root_count();
    mtm_object_retain(object);
}
