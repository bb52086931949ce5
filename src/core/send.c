/* Putting messages into a buffer: what is needed is allocated before the locks are taken, and
 * waking, freeing and notifying come after they have been given back. It owns no state. */
#include "core/send.h"

#include "core/bell.h"
#include "core/cargo.h"
#include "core/listener.h"

#include "platform/hidden.h"

/* What remains to be done for a put after the locks have been given back. */
struct aftermath {
    struct mtm_notifier *notifier; /* a reference, or NULL */
    bool wake;                     /* somebody waits for the buffer */
    bool told;                     /* somebody wants to be told that the lock was given back */
};

/* A put needs the head lock, too, to replace, or to count exactly for a threshold. */
static bool put_needs_head(const struct mtm_buffer *buffer, bool replace)
{
    const struct mtm_notifier *notifier = buffer->notifier[MTM_ADDED];
    return replace || (notifier && notifier->threshold > 0);
}

static enum mtm_status put_locked(struct mtm_buffer *buffer, const struct mtm_message *message,
                                  bool replace, struct mtm_put_memory *memory,
                                  struct mtm_trash *trash, struct aftermath *after)
{
    enum mtm_status status = mtm_object_may_put(&buffer->object);
    if (MTM_UNLIKELY(status != MTM_OK)) return status;
    if (MTM_UNLIKELY(replace)) {
        status = mtm_queue_replace(&buffer->queue, message, memory, trash);
    } else {
        status = mtm_queue_put(&buffer->queue, message, memory);
    }
    if (MTM_LIKELY(status == MTM_OK)) {
        after->notifier = mtm_buffer_fired(buffer, MTM_ADDED);
        MTM_STEP(any_after_a_put);
        after->wake = mtm_waiters_any(&buffer->source.waiters);
    }
    return status;
}

/* How a message is put. */
struct way {
    bool replace, nonblock;
    bool roughly; /* with nonblock, and the head lock not to be had: counts without it */
};

static enum mtm_status try_put(struct mtm_buffer *buffer, const struct mtm_message *message,
                               struct way way, struct mtm_put_memory *memory,
                               struct mtm_trash *trash, struct aftermath *after)
{
    struct mtm_lock *tail = &buffer->queue.tail.lock, *head = &buffer->queue.head.lock;
    if (!mtm_lock_side(tail, way.nonblock)) return MTM_BUSY;
    const bool need = put_needs_head(buffer, way.replace);
    const bool both = need && mtm_lock_side(head, way.nonblock);
    enum mtm_status status = MTM_BUSY;
    if (both || !need || way.roughly) {
        status = put_locked(buffer, message, way.replace, memory, trash, after);
        if (both) mtm_unlock(head);
    }
    after->told |= mtm_unlock(tail);
    return status;
}

/* What it returns in `after` is the notifier, and whether somebody must be told. */
static enum mtm_status put(struct mtm_buffer *buffer, const struct mtm_message *message,
                           struct way way, struct aftermath *after)
{
    struct mtm_put_memory memory = {0};
    struct mtm_trash trash = {0};
    struct mtm_cargo *const cargo = message->cargo ? *message->cargo : NULL;
    enum mtm_status status = mtm_object_may_put(&buffer->object);
    if (MTM_UNLIKELY(cargo != NULL) && !mtm_cargo_board(cargo, &buffer->object, way.nonblock)) {
        return MTM_BUSY;
    }
    if (MTM_LIKELY(status == MTM_OK))
        status = mtm_queue_prepare(&buffer->queue, message, &memory);
    while (status == MTM_OK) {
        status = try_put(buffer, message, way, &memory, &trash, after);
        MTM_PAUSE();
        if (MTM_LIKELY(status != MTM_GROW)) break;
        status = mtm_queue_get_memory(&buffer->queue, message, &memory);
    }
    if (status == MTM_OK && buffer->object.owner) {
        mtm_listener_ready((struct mtm_listener *)buffer->object.owner, buffer);
    }
    MTM_PAUSE();
    if (MTM_UNLIKELY(cargo != NULL)) {
        if (status == MTM_OK) *message->cargo = NULL;
        else mtm_cargo_unboard(cargo);
    }
    if (after->wake) mtm_waiters_wake(&buffer->source.waiters);
    mtm_queue_free_memory(&buffer->queue, &memory);
    if (MTM_UNLIKELY(way.replace)) {
        mtm_queue_empty_trash(&buffer->queue, &trash);
        if (!way.nonblock) mtm_drop_handed_on();
    }
    return status;
}

enum mtm_status mtm_buffer_put(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool replace, bool nonblock, struct mtm_notifier **notifier)
{
    const struct way way = {replace, nonblock, false};
    struct aftermath after = {0};
    enum mtm_status status = put(buffer, message, way, &after);
    *notifier = after.notifier;
    if (MTM_UNLIKELY(after.told)) mtm_bell_pay(buffer, nonblock);
    return status;
}

static enum mtm_status put_and_notify(struct mtm_buffer *buffer,
                                      const struct mtm_message *message, bool replace,
                                      bool nonblock, struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    enum mtm_status status = mtm_buffer_put(buffer, message, replace, nonblock, &notifier);
    if (MTM_LIKELY(!notifier)) return status;
    return mtm_notify(buffer, MTM_ADDED, notifier, nonblock, failure);
}

enum mtm_status mtm_buffer_add(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure)
{
    return put_and_notify(buffer, message, false, nonblock, failure);
}

enum mtm_status mtm_buffer_set(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure)
{
    return put_and_notify(buffer, message, true, nonblock, failure);
}

enum mtm_status mtm_buffer_add_empty(struct mtm_buffer *buffer, bool nonblock,
                                     struct mtm_notifier **next)
{
    const struct way way = {false, nonblock, true};
    struct aftermath after = {0};
    struct mtm_message empty;
    empty.size = empty.nparts = 0;
    empty.cargo = NULL;
    enum mtm_status status = put(buffer, &empty, way, &after);
    *next = after.notifier;
    return status;
}

enum mtm_status mtm_writer_put(struct mtm_writer *writer, struct mtm_buffer *buffer,
                               bool replace, bool nonblock, struct mtm_notifier **notifier)
{
    struct mtm_message message;
    mtm_writer_message(writer, &message);
    enum mtm_status status = mtm_buffer_put(buffer, &message, replace, nonblock, notifier);
    if (status == MTM_OK) mtm_writer_clear(writer);
    return status;
}

/* The writer is empty before the notifier runs, which may use it. */
enum mtm_status mtm_writer_send(struct mtm_writer *writer, struct mtm_buffer *buffer,
                                bool replace, bool nonblock, struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    enum mtm_status status = mtm_writer_put(writer, buffer, replace, nonblock, &notifier);
    if (MTM_LIKELY(!notifier)) return status;
    return mtm_notify(buffer, MTM_ADDED, notifier, nonblock, failure);
}
