/* What the buffers of a listener keep for later. They are drained through the listener, one
 * after the other, and perhaps nobody asks one of them for a message again: so a few that were
 * drained last stay warm, and each of the others gives up what it keeps when it leaves them. It
 * owns no data; a buffer is held while it is given a rest. */
#include "core/life.h"
#include "core/listener.h"

#include "platform/hidden.h"

/* Lock held, as for the next four. */
static bool stays_warm(const struct mtm_listener *listener, const struct mtm_buffer *buffer)
{
    for (int i = 0; i < MTM_WARM; ++i) {
        if (listener->warm[i] == buffer) return true;
    }
    return false;
}

bool mtm_listener_may_cool(const struct mtm_listener *listener, const struct mtm_buffer *buffer)
{
    if (MTM_LIKELY(!mtm_queue_is_warm(&buffer->queue))) return false;
    return listener->warm[listener->next_warm % MTM_WARM] && !stays_warm(listener, buffer);
}

struct mtm_buffer *mtm_listener_warm(struct mtm_listener *listener, struct mtm_buffer *buffer,
                                     bool soon, bool may_cool)
{
    if (MTM_LIKELY(!soon && !mtm_queue_is_warm(&buffer->queue))) return NULL;
    if (stays_warm(listener, buffer)) return NULL;
    struct mtm_buffer **place = &listener->warm[listener->next_warm % MTM_WARM];
    struct mtm_buffer *cold = *place;
    if (cold && !may_cool)
        return NULL; /* it has become warm just now: its next take comes here */
    ++listener->next_warm;
    *place = buffer;
    mtm_store_rlx(&listener->any_warm, 1);
    return cold && mtm_object_hold(&cold->object) ? cold : NULL;
}

void mtm_listener_forget(struct mtm_listener *listener, const struct mtm_buffer *buffer)
{
    for (int i = 0; i < MTM_WARM; ++i) {
        if (listener->warm[i] == buffer) listener->warm[i] = NULL;
    }
}

static struct mtm_buffer *any_warm(struct mtm_listener *listener)
{
    for (int i = 0; i < MTM_WARM; ++i) {
        struct mtm_buffer *buffer = listener->warm[i];
        if (!buffer) continue;
        listener->warm[i] = NULL;
        if (mtm_object_hold(&buffer->object)) return buffer;
    }
    mtm_store_rlx(&listener->any_warm, 0);
    return NULL;
}

bool mtm_listener_is_warm(const struct mtm_source *source)
{
    return mtm_load_rlx(&((const struct mtm_listener *)source)->any_warm) != 0;
}

/* No lock held; the buffer is held, and let go. */
void mtm_listener_cool(struct mtm_listener *listener, struct mtm_buffer *buffer, bool nonblock)
{
    mtm_buffer_rest(&buffer->source, nonblock);
    mtm_listener_let_go(listener, buffer, nonblock);
}

/* A bounded number of times: others may drain buffers all the time. */
void mtm_listener_rest(struct mtm_source *source, bool nonblock)
{
    struct mtm_listener *listener = (struct mtm_listener *)source;
    for (int i = 0; i <= MTM_WARM; ++i) {
        if (!mtm_trylock(&listener->object.lock)) return;
        struct mtm_buffer *buffer = any_warm(listener);
        mtm_unlock(&listener->object.lock);
        if (!buffer) return;
        mtm_listener_cool(listener, buffer, nonblock);
    }
}
