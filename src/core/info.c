/* Looking at buffers, listeners and topics. It owns nothing. */
#include "core/info.h"

#include "core/life.h"
#include "core/listener.h"
#include "core/room.h"
#include "core/topic.h"

#include "platform/hidden.h"

static struct mtm_queue_numbers numbers_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    struct mtm_queue_numbers numbers = mtm_queue_numbers(&buffer->queue);
    mtm_buffer_unlock_both(buffer);
    return numbers;
}

static void look_at_buffer(struct mtm_buffer *buffer, struct mtm_info *info)
{
    struct mtm_topic *topic = mtm_buffer_topic(buffer);
    info->numbers = numbers_of(buffer);
    info->bounds = (struct mtm_bounds){.limit = buffer->queue.shared.limit,
                                       .maxbytes = mtm_queue_most_bytes(&buffer->queue),
                                       .drop_oldest = buffer->queue.shared.drop_oldest};
    info->receivers = mtm_waiters_count(&buffer->source.waiters);
    info->selects = mtm_source_selects(&buffer->source);
    info->senders = mtm_room_waiting(buffer);
    if (buffer->object.owner) info->listener = buffer->object.owner->id;
    if (topic) info->topic = topic->object.id;
}

/* Not more buffers than there are: others may join all the time. Those that have been finished
 * and drained are there, too, though they do not count. */
static void look_at_listener(struct mtm_listener *listener, struct mtm_info *info)
{
    struct mtm_buffer *buffer = NULL;
    info->members = mtm_load_rlx(&listener->connected);
    info->receivers = mtm_waiters_count(&listener->source.waiters);
    info->selects = mtm_source_selects(&listener->source);
    for (size_t left = mtm_load_rlx(&listener->members); left > 0; --left) {
        mtm_listener_step(listener, &buffer, false);
        if (!buffer) return;
        struct mtm_queue_numbers numbers = numbers_of(buffer);
        info->numbers.messages += numbers.messages;
        info->numbers.bytes += numbers.bytes;
    }
    if (buffer) mtm_listener_let_go(listener, buffer, false);
}

void mtm_object_info(struct mtm_object *object, struct mtm_info *info)
{
    *info = (struct mtm_info){.bounds = {.limit = SIZE_MAX, .maxbytes = SIZE_MAX}};
    info->closed = mtm_object_is_closed(object);
    info->references = mtm_load_rlx(&object->life) & MTM_LIFE_REFS;
    if (mtm_object_is_inherited(object)) return;
    info->finished = mtm_object_is_finished(object);
    info->aborted = mtm_object_is_aborted(object);
    switch (object->kind) {
        case MTM_BUFFER: look_at_buffer((struct mtm_buffer *)object, info); break;
        case MTM_LISTENER: look_at_listener((struct mtm_listener *)object, info); break;
        case MTM_TOPIC: info->members = mtm_topic_count((struct mtm_topic *)object); break;
    }
}
