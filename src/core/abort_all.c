/* A walk over all objects, after the flag has been set for those that come later. It owns no
 * state. */
#include "core/abort_all.h"

#include "core/reference.h"
#include "core/registry.h"
#include "core/sleep.h"

#include "platform/hidden.h"

/* Whoever comes last sees the latest state: it is read under the object's locks, and everybody
 * who changes it visits the object afterwards. */
void mtm_object_sync(struct mtm_object *object)
{
    if (mtm_is_aborted_all()) {
        mtm_object_change(object, MTM_IS_ABORTED_ALL, 0);
    } else {
        mtm_object_change(object, 0, MTM_IS_ABORTED | MTM_IS_ABORTED_ALL);
    }
}

void mtm_abort_all(bool flag)
{
    if (flag) mtm_sleep_count_abort();
    mtm_registry_set_abort(flag);
    if (flag) mtm_sleep_wake_all();
    MTM_PAUSE();
    struct mtm_object *object = NULL;
    while ((object = mtm_object_next(object)) != NULL) object->class->sync_abort(object);
}
