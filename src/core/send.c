/* Putting messages into a buffer: what is needed is allocated before the locks are taken, and
 * waking, freeing and notifying come after they have been given back. It owns no state. */
#include "core/send.h"

#include "core/alloc.h"
#include "core/bound.h"
#include "core/cargo.h"
#include "core/ready.h"
#include "core/room.h"

#include "platform/hidden.h"

/* A put needs the head lock, too, to replace, to drop what is oldest, to go past bounds, or to
 * count exactly for a threshold. */
static bool needs_head(const struct mtm_put *put)
{
    const struct mtm_buffer *buffer = put->buffer;
    const struct mtm_notifier *notifier = mtm_load_rlx(&buffer->notifier[MTM_ADDED]);
    return (put->options & (MTM_PUT_REPLACE | MTM_PUT_ANYWAY)) ||
           buffer->queue.shared.drop_oldest || (notifier && notifier->threshold > 0);
}

static enum mtm_status may_put(const struct mtm_put *put)
{
    const uint32_t ends = MTM_IS_CLOSED | MTM_IS_FINISHED;
    if (MTM_LIKELY(!(put->options & MTM_PUT_ANYWAY)))
        return mtm_object_may_put(&put->buffer->object);
    return mtm_object_stopped(&put->buffer->object, ends);
}

static enum mtm_status put_in(struct mtm_put *put)
{
    struct mtm_queue *queue = &put->buffer->queue;
    if (MTM_UNLIKELY(put->options & MTM_PUT_REPLACE))
        return mtm_queue_replace(queue, put->message, put->memory, &put->trash);
    if (MTM_UNLIKELY(put->options & MTM_PUT_ANYWAY))
        return mtm_queue_put_anyway(queue, put->message, put->memory);
    if (MTM_UNLIKELY(queue->shared.drop_oldest))
        return mtm_queue_put_over(queue, put->message, put->memory, &put->trash);
    return mtm_queue_put(queue, put->message, put->memory);
}

enum mtm_status mtm_put_in_line(struct mtm_put *put)
{
    struct mtm_buffer *buffer = put->buffer;
    enum mtm_status status = may_put(put);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    mtm_ready_before_publishing(buffer); /* an entry too many does no harm */
    status = put_in(put);
    if (MTM_LIKELY(status == MTM_OK)) {
        put->notifier = mtm_buffer_fired(buffer, MTM_ADDED);
        MTM_STEP(any_after_a_put);
        put->wake = mtm_waiters_any(&buffer->source.waiters);
    }
    return status;
}

enum mtm_status mtm_put_locked(struct mtm_put *put)
{
    const bool wanted = MTM_UNLIKELY(mtm_room_is_wanted(put->buffer));
    if (wanted && !(put->options & (MTM_PUT_REPLACE | MTM_PUT_ANYWAY))) {
        /* nobody comes before those who are in line */
        enum mtm_status status = may_put(put);
        return status == MTM_OK ? MTM_FULL : status;
    }
    enum mtm_status status = mtm_put_in_line(put);
    if (wanted && (put->options & MTM_PUT_REPLACE)) put->wake |= mtm_room_serve(put->buffer);
    return status;
}

static enum mtm_status try_once(struct mtm_put *put)
{
    struct mtm_lock *tail = &put->buffer->queue.tail.lock,
                    *head = &put->buffer->queue.head.lock;
    if (!mtm_wait_lock(put->wait, tail)) return MTM_BUSY;
    bool both = needs_head(put);
    enum mtm_status status = MTM_BUSY;
    if (!both || mtm_wait_lock(put->wait, head)) {
        status = mtm_put_locked(put);
        if (both) mtm_unlock(head);
    }
    mtm_unlock(tail);
    return status;
}

enum mtm_status mtm_put_try(struct mtm_put *put)
{
    for (;;) {
        enum mtm_status status = try_once(put);
        MTM_PAUSE();
        if (MTM_LIKELY(status != MTM_GROW)) return status;
        status = mtm_queue_get_memory(&put->buffer->queue, put->message, put->memory);
        if (status != MTM_OK) return status;
    }
}

/* Whoever takes the message must find its objects in the buffer, so they are laid down before
 * it is put. The caller has a reference to the buffer as long as it may not be there. */
static enum mtm_status load(struct mtm_put *put)
{
    struct mtm_object *holder = &put->buffer->object;
    if (MTM_LIKELY(!mtm_message_has_cargo(put->message))) return MTM_OK;
    struct mtm_cargo *cargo = *put->message->cargo;
    enum mtm_status status =
        mtm_cargo_prepare(cargo, holder, (put->options & MTM_PUT_NONBLOCK) != 0);
    if (status == MTM_OK) mtm_bearer_lay_down(&cargo->bearer, holder);
    return status;
}

static void loaded(const struct mtm_message *message, enum mtm_status status)
{
    if (MTM_LIKELY(!mtm_message_has_cargo(message))) return;
    if (status == MTM_OK) *message->cargo = NULL;
    else mtm_bearer_take_up(&(*message->cargo)->bearer);
}

enum mtm_status mtm_put_begin(struct mtm_put *put)
{
    enum mtm_status status = may_put(put);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    status = mtm_queue_prepare(&put->buffer->queue, put->message, put->memory);
    return status == MTM_OK ? load(put) : status;
}

void mtm_put_end(struct mtm_put *put, enum mtm_status status)
{
    struct mtm_buffer *buffer = put->buffer;
    loaded(put->message, status);
    if (status == MTM_OK && !put->served) mtm_ready_wake(buffer);
    MTM_PAUSE();
    if (put->wake) mtm_source_wake(&buffer->source);
    mtm_queue_free_memory(&buffer->queue, put->memory);
    if (MTM_UNLIKELY((put->options & MTM_PUT_REPLACE) || put->trash.segments ||
                     put->trash.back)) {
        mtm_queue_empty_trash(&buffer->queue, &put->trash);
    }
}

/* ---- without waiting ---- */

enum mtm_status mtm_buffer_put(struct mtm_buffer *buffer, const struct mtm_message *message,
                               unsigned options, struct mtm_notifier **notifier)
{
    struct mtm_put_memory memory = {0};
    struct mtm_wait wait = {.timeout = options & MTM_PUT_NONBLOCK ? 0 : MTM_FOREVER};
    struct mtm_put put = {buffer, message, options, &wait, &memory, .notifier = NULL};
    enum mtm_status status = mtm_put_begin(&put);
    if (MTM_UNLIKELY(options & MTM_PUT_ANYWAY) && status == MTM_OK)
        status = mtm_queue_reserve(&buffer->queue, message, &memory);
    if (MTM_LIKELY(status == MTM_OK)) status = mtm_put_try(&put);
    mtm_put_end(&put, status);
    *notifier = put.notifier;
    return status;
}

enum mtm_status mtm_buffer_reserve(struct mtm_buffer *buffer, const struct mtm_message *message,
                                   struct mtm_put_memory *memory)
{
    *memory = (struct mtm_put_memory){0};
    if (mtm_object_is_inherited(&buffer->object)) return MTM_CLOSED;
    enum mtm_status status = mtm_queue_prepare(&buffer->queue, message, memory);
    if (status == MTM_OK) status = mtm_queue_reserve(&buffer->queue, message, memory);
    if (status == MTM_OK && mtm_message_has_cargo(message))
        status = mtm_cargo_prepare(*message->cargo, &buffer->object, false);
    if (status != MTM_OK) mtm_buffer_unreserve(buffer, memory);
    return status;
}

void mtm_buffer_unreserve(struct mtm_buffer *buffer, struct mtm_put_memory *memory)
{
    if (mtm_object_is_inherited(&buffer->object)) {
        mtm_block_free(memory->block);
        mtm_free(memory->segment);
    } else {
        mtm_queue_free_memory(&buffer->queue, memory);
    }
    *memory = (struct mtm_put_memory){0};
}

enum mtm_status mtm_buffer_put_reserved(struct mtm_buffer *buffer,
                                        const struct mtm_message *message,
                                        struct mtm_put_memory *memory,
                                        struct mtm_notifier **notifier)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_put put = {buffer, message, MTM_PUT_ANYWAY, &wait, memory, .notifier = NULL};
    enum mtm_status status = mtm_object_is_inherited(&buffer->object) ? MTM_CLOSED : MTM_OK;
    if (status == MTM_OK) {
        status = load(&put); /* is prepared */
        if (status == MTM_OK) status = mtm_put_try(&put);
        mtm_put_end(&put, status);
    } else {
        mtm_buffer_unreserve(buffer, memory);
    }
    *memory = (struct mtm_put_memory){0};
    *notifier = put.notifier;
    return status;
}

enum mtm_status mtm_buffer_add(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    const unsigned options = nonblock ? MTM_PUT_NONBLOCK : 0;
    enum mtm_status status = mtm_buffer_put(buffer, message, options, &notifier);
    if (!nonblock) mtm_drop_handed_on();
    if (MTM_LIKELY(!notifier)) return status;
    return mtm_notify(buffer, MTM_ADDED, notifier, nonblock, failure);
}

enum mtm_status mtm_buffer_add_empty(struct mtm_buffer *buffer, bool nonblock,
                                     struct mtm_notifier **next)
{
    struct mtm_message empty;
    mtm_message_init(&empty);
    return mtm_buffer_put(buffer, &empty, nonblock ? MTM_PUT_NONBLOCK : 0, next);
}

enum mtm_status mtm_writer_put(struct mtm_writer *writer, struct mtm_buffer *buffer,
                               unsigned options, struct mtm_notifier **notifier)
{
    struct mtm_message message;
    mtm_writer_message(writer, &message);
    enum mtm_status status = mtm_buffer_put(buffer, &message, options, notifier);
    if (status == MTM_OK) mtm_writer_clear(writer);
    return status;
}
