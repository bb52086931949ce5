/* Taking from the buffers of a listener, and the listener as a source that one can wait for.
 * The order in which they are served is that of ready.c; it owns no data. */
#include "core/life.h"
#include "core/bell.h"
#include "core/listener.h"

#include "platform/hidden.h"

enum { LOOKS_AT_ONCE = 64 }; /* at ready buffers, under the lock */

/* Looks at the ready buffers in their order, until one has a message. Those that another thread
 * is at work on are passed over if we must not wait. After some that were left there empty,
 * *more: the lock has been held long enough. Lock held. */
static enum mtm_status take_first(struct mtm_listener *listener, struct mtm_wait *wait,
                                  struct mtm_delivery *delivery, struct mtm_trash *trash,
                                  bool *more)
{
    struct mtm_wait for_lock = {.nonblock = mtm_wait_never(wait), .timeout = 0};
    if (!for_lock.nonblock) for_lock.timeout = MTM_FOREVER;
    struct mtm_buffer *busy = NULL;
    for (int looks = 0; looks < LOOKS_AT_ONCE; ++looks) {
        struct mtm_buffer *buffer = busy ? busy->ready_next : listener->ready_first;
        if (!buffer) return busy ? MTM_BUSY : MTM_EMPTY;
        if (!mtm_object_can_hold(&buffer->object)) {
            busy = buffer;
            continue;
        }
        enum mtm_status status = mtm_buffer_take(buffer, &for_lock, delivery, trash);
        delivery->from = buffer;
        if (MTM_UNLIKELY(delivery->told && status != MTM_OK)) {
            *more = true; /* after somebody has been told, who is in need of no lock */
            return MTM_BUSY;
        }
        switch (status) {
            case MTM_BUSY: busy = buffer; break;
            case MTM_OK: mtm_listener_requeue(listener, buffer, delivery->more); return status;
            case MTM_GROW:
            case MTM_TOO_LARGE: return status;
            case MTM_EMPTY:
            case MTM_CLOSED:
            case MTM_ABORTED: mtm_listener_take_off(listener, buffer); break;
            case MTM_FULL:
            case MTM_NOMEM:
            case MTM_NO_BUFFERS:
            case MTM_UNKNOWN:
            case MTM_AMBIGUOUS:
            case MTM_TOO_MANY:
            case MTM_HAS_NOTIFIER:
            case MTM_NOTIFIER_FAILED:
                MTM_ASSERT(false);
                return status; /* no result of a take */
        }
    }
    *more = busy == NULL;
    return MTM_BUSY;
}

static enum mtm_status take_locked(struct mtm_listener *listener, struct mtm_wait *wait,
                                   struct mtm_delivery *delivery, struct mtm_trash *trash,
                                   bool *more)
{
    enum mtm_status status = mtm_object_may_take(&listener->object);
    if (status != MTM_OK) return status;
    if (mtm_load_rlx(&listener->connected) == 0) return MTM_NO_BUFFERS;
    mtm_listener_collect(listener);
    return take_first(listener, wait, delivery, trash, more);
}

static enum mtm_status take_some(struct mtm_listener *listener, struct mtm_wait *wait,
                                 struct mtm_delivery *delivery, bool *more)
{
    struct mtm_trash trash = {0};
    delivery->told = false;
    if (!mtm_wait_lock(wait, &listener->object.lock)) return MTM_BUSY;
    struct mtm_buffer *dead = mtm_listener_collect_deferred(listener);
    enum mtm_status status = take_locked(listener, wait, delivery, &trash, more);
    bool held = status == MTM_OK || trash.segments || delivery->told;
    if (held) mtm_object_hold(&delivery->from->object);
    mtm_unlock(&listener->object.lock);
    MTM_PAUSE();
    delivery->through = listener;
    if (MTM_UNLIKELY(dead != NULL)) mtm_listener_free_dead(dead);
    if (MTM_UNLIKELY(trash.segments != NULL)) {
        mtm_queue_empty_trash(&delivery->from->queue, &trash);
    }
    if (MTM_UNLIKELY(delivery->told)) mtm_bell_pay(delivery->from, mtm_wait_never(wait));
    if (held && status != MTM_OK) {
        mtm_listener_let_go(listener, delivery->from, mtm_wait_never(wait));
    }
    return status;
}

enum mtm_status mtm_listener_look(struct mtm_source *source, struct mtm_wait *wait,
                                  struct mtm_delivery *delivery)
{
    bool more;
    enum mtm_status status;
    do {
        more = false;
        status = take_some((struct mtm_listener *)source, wait, delivery, &more);
    } while (more);
    if (status == MTM_OK && !delivery->more) mtm_queue_trim_if_drained(&delivery->from->queue);
    return status;
}

bool mtm_listener_is_ready(const struct mtm_source *source)
{
    MTM_STEP(see_flags);
    if (mtm_load_acq(&source->object.flags) != mtm_generation) return true;
    return mtm_listener_has_ready((const struct mtm_listener *)source);
}

/* Producers take no lock of the listener: the order of seq_cst operations sees to it that they
 * see us, or we what they push. */
bool mtm_listener_join_waiters(struct mtm_source *source, struct mtm_wait *wait)
{
    (void)wait;
    mtm_waiters_join(&source->waiters);
    MTM_PAUSE();
    return true;
}

uint32_t mtm_listener_taken(const struct mtm_source *source)
{
    return mtm_load_rlx(&((const struct mtm_listener *)source)->taken);
}

struct mtm_spin *mtm_listener_spin(struct mtm_source *source)
{
    return &((struct mtm_listener *)source)->spin;
}
