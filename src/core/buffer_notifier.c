/* Connecting notifiers to a buffer, and disconnecting them. When they are called is in
 * buffer.c, how in notify.c. */
#include "core/bell.h"

#include "platform/hidden.h"

struct mtm_notifier *mtm_buffer_plug(struct mtm_buffer *buffer, enum mtm_event event,
                                     struct mtm_notifier *notifier)
{
    struct mtm_notifier *old = mtm_load_rlx(&buffer->notifier[event]);
    mtm_a32 *unusual =
        event == MTM_ADDED ? &buffer->queue.tail.unusual : &buffer->queue.head.unusual;
    MTM_STEP(plug);
    mtm_store_seq(&buffer->notifier[event], notifier); /* pairs with visit */
    if (old) {
        mtm_bearer_take_up(&old->bearer);
        mtm_store_rel(&old->gone, 1); /* pairs with call_foreign */
    }
    mtm_set_unusual(unusual, MTM_UNUSUAL_NOTIFIER, notifier != NULL);
    if (event == MTM_TAKEN)
        mtm_set_unusual(unusual, MTM_UNUSUAL_COUNT, notifier && notifier->threshold > 0);
    return old;
}

enum mtm_status mtm_buffer_connect(struct mtm_buffer *buffer, enum mtm_event event,
                                   struct mtm_notifier *notifier)
{
    if (mtm_object_is_inherited(&buffer->object)) return MTM_CLOSED;
    enum mtm_status status = mtm_notifier_prepare(notifier, &buffer->object);
    if (status != MTM_OK) return status;
    mtm_buffer_lock_both(buffer);
    if (mtm_object_is_closed(&buffer->object)) status = MTM_CLOSED;
    else if (mtm_load_rlx(&buffer->notifier[event])) status = MTM_HAS_NOTIFIER;
    else mtm_buffer_plug(buffer, event, notifier);
    mtm_buffer_unlock_both(buffer);
    if (status != MTM_OK) mtm_bearer_take_up(&notifier->bearer);
    return status;
}

void mtm_buffer_disconnect(struct mtm_buffer *buffer, enum mtm_event event,
                           const struct mtm_notifier *only, bool nonblock)
{
    struct mtm_notifier *notifier = NULL;
    if (mtm_object_is_inherited(&buffer->object)) return;
    if (!mtm_buffer_trylock_both(buffer, nonblock)) return;
    if (!only || mtm_load_rlx(&buffer->notifier[event]) == only)
        notifier = mtm_buffer_plug(buffer, event, NULL);
    mtm_buffer_unlock_both(buffer);
    mtm_bell_release(buffer, notifier, nonblock);
}
