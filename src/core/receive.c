/* The receive loop, and the ways that a taken message can go. It owns no state. */
#include "core/receive.h"

#include "core/listener.h"

#include "platform/hidden.h"

static bool is_buffer(const struct mtm_object *object)
{
    return object->kind == MTM_BUFFER;
}

static struct mtm_waiters *waiters_of(struct mtm_object *object)
{
    return is_buffer(object) ? &((struct mtm_buffer *)object)->waiters
                             : &((struct mtm_listener *)object)->waiters;
}

static inline enum mtm_status look_at_buffer(struct mtm_buffer *buffer, struct mtm_wait *wait,
                                             struct mtm_delivery *delivery)
{
    struct mtm_trash trash = {0};
    delivery->through = NULL;
    enum mtm_status status = mtm_buffer_take(buffer, wait, delivery, &trash);
    if (MTM_UNLIKELY(trash.segments != NULL)) mtm_queue_empty_trash(&buffer->queue, &trash);
    if (status == MTM_EMPTY || (status == MTM_OK && !delivery->more)) {
        mtm_queue_trim_if_drained(&buffer->queue);
    }
    return status;
}

/* The last message may be a small one, which gives back no block: then it is here that the
 * queue learns that it needs less memory. */
static inline enum mtm_status look(struct mtm_object *object, struct mtm_wait *wait,
                                   struct mtm_delivery *delivery)
{
    if (is_buffer(object)) return look_at_buffer((struct mtm_buffer *)object, wait, delivery);
    enum mtm_status status = mtm_listener_take((struct mtm_listener *)object, wait, delivery);
    if (status == MTM_OK && !delivery->more) mtm_queue_trim_if_drained(&delivery->from->queue);
    return status;
}

static struct mtm_spin *spin_of(struct mtm_object *object)
{
    return is_buffer(object) ? &((struct mtm_buffer *)object)->spin
                             : &((struct mtm_listener *)object)->spin;
}

static uint32_t taken_from(const struct mtm_object *object)
{
    if (!is_buffer(object)) return mtm_load_rlx(&((const struct mtm_listener *)object)->taken);
    return (uint32_t)mtm_load_rlx(&((const struct mtm_buffer *)object)->queue.head.taken);
}

/* Whether another look might find something: polled without a lock by spinners. */
static bool worth_a_look(const void *what)
{
    const struct mtm_object *object = what;
    MTM_STEP(see_flags);
    if (mtm_load_acq(&object->flags) != 0) return true;
    if (is_buffer(object)) {
        return mtm_queue_count_once(&((const struct mtm_buffer *)object)->queue) != 0;
    }
    return mtm_listener_has_ready((const struct mtm_listener *)object);
}

/* Producers to a buffer look for sleepers under the tail lock, so we join under it: either they
 * see us, or we see what they put. Producers to a listener take no lock of it; there the order
 * of seq_cst operations does the same. */
static bool join(struct mtm_object *object, struct mtm_wait *wait)
{
    MTM_PAUSE();
    if (!is_buffer(object)) {
        mtm_waiters_join(waiters_of(object));
        MTM_PAUSE();
        return true;
    }
    struct mtm_lock *lock = &((struct mtm_buffer *)object)->queue.tail.lock;
    if (!mtm_lock_as(lock, wait)) return false;
    mtm_waiters_join(waiters_of(object));
    mtm_unlock(lock);
    return true;
}

/* Who has looked at a listener may for a moment have hidden ready buffers from others, which
 * looked for them at that moment, without the lock, to pass the baton themselves. */
static void pass_baton(struct mtm_object *object, enum mtm_status status)
{
    struct mtm_waiters *waiters = waiters_of(object);
    MTM_STEP(any_for_the_baton);
    if (MTM_LIKELY(!mtm_waiters_any(waiters))) return;
    if (status == MTM_BUSY || worth_a_look(object)) mtm_waiters_wake(waiters);
}

void mtm_pass_baton(struct mtm_object *object)
{
    pass_baton(object, MTM_OK);
}

static bool found_nothing(enum mtm_status status)
{
    return status == MTM_EMPTY || status == MTM_BUSY;
}

/* Aborted and re-enabled since: too late for a look to show it. */
static bool was_aborted(const struct mtm_object *object, uint32_t aborts)
{
    return mtm_load_rlx(&object->aborts) != aborts;
}

/* The caller has joined the waiters. */
static enum mtm_status look_until_found(struct mtm_object *object, struct mtm_wait *wait,
                                        struct mtm_delivery *delivery)
{
    struct mtm_waiters *waiters = waiters_of(object);
    const int64_t deadline = mtm_wait_deadline(wait);
    bool in_time = true;
    for (;;) {
        uint32_t ticket = mtm_waiters_prepare(waiters);
        enum mtm_status status = look(object, wait, delivery);
        if (!found_nothing(status)) return status;
        MTM_STEP(aborts_since);
        if (was_aborted(object, wait->aborts)) return MTM_ABORTED;
        if (!in_time) return status;
        if (status == MTM_BUSY) {
            mtm_plat_yield();
            in_time = mtm_plat_now() < deadline;
        } else {
            in_time = mtm_waiters_sleep(waiters, ticket, deadline);
        }
    }
}

bool mtm_poll(struct mtm_object *object, struct mtm_wait *wait)
{
    const struct mtm_spin_target target = {worth_a_look, object, taken_from(object)};
    const int64_t deadline =
        wait->timeout == MTM_FOREVER ? MTM_FOREVER : mtm_wait_deadline(wait);
    wait->polled = true;
    MTM_STEP(aborts_before);
    wait->aborts = mtm_load_rlx(&object->aborts);
    return mtm_spin(spin_of(object), waiters_of(object), deadline, &target);
}

static enum mtm_status wait_for_one(struct mtm_object *object, struct mtm_wait *wait,
                                    struct mtm_delivery *delivery)
{
    enum mtm_status status;
    if (!wait->polled && mtm_poll(object, wait)) {
        status = look(object, wait, delivery);
        if (!found_nothing(status)) return status;
    }
    if (!join(object, wait)) return look(object, wait, delivery); /* the time is up */
    status = look_until_found(object, wait, delivery);
    mtm_waiters_leave(waiters_of(object));
    return status;
}

enum mtm_status mtm_receive(struct mtm_object *object, struct mtm_wait *wait,
                            struct mtm_delivery *delivery)
{
    enum mtm_status status = look(object, wait, delivery);
    if (MTM_UNLIKELY(found_nothing(status)) && wait->timeout != 0) {
        status = wait_for_one(object, wait, delivery);
    }
    if (MTM_UNLIKELY(wait->polled) || !is_buffer(object)) pass_baton(object, status);
    return status;
}

enum mtm_status mtm_delivery_notify(struct mtm_delivery *delivery, bool nonblock,
                                    struct mtm_failure *failure)
{
    struct mtm_notifier *notifier = delivery->notifier;
    if (MTM_LIKELY(!notifier)) return MTM_OK;
    delivery->notifier = NULL;
    return mtm_notify(delivery->from, MTM_TAKEN, notifier, nonblock, failure);
}

void mtm_delivery_done(struct mtm_delivery *delivery, bool nonblock)
{
    if (MTM_UNLIKELY(delivery->through != NULL)) {
        mtm_listener_let_go(delivery->through, delivery->from, nonblock);
    }
}

/* False if the message is outdated, and has been thrown away. */
static bool put_back(struct mtm_delivery *delivery)
{
    struct mtm_buffer *buffer = delivery->from;
    struct mtm_slot *slot = &delivery->slot;
    bool back = mtm_buffer_put_back(buffer, slot->block);
    if (back) {
        if (slot->block == slot->carrier) slot->carrier = NULL;
    } else if (slot->block != slot->carrier) {
        mtm_queue_recycle(&buffer->queue, slot->block);
    }
    slot->block = NULL;
    return back;
}

static void announce_back(struct mtm_delivery *delivery)
{
    struct mtm_buffer *buffer = delivery->from;
    struct mtm_listener *listener = (struct mtm_listener *)buffer->object.owner;
    MTM_PAUSE();
    if (listener) {
        mtm_lock(&listener->object.lock);
        mtm_listener_enter(listener, buffer, delivery->through ? MTM_MOVE_FIRST : MTM_FIRST);
        mtm_unlock(&listener->object.lock);
        mtm_waiters_wake_one(&listener->waiters);
    }
    MTM_STEP(any_after_putting_back);
    mtm_waiters_wake_one(&buffer->waiters);
}

void mtm_delivery_put_back(struct mtm_delivery *delivery)
{
    if (put_back(delivery)) announce_back(delivery);
    mtm_notifier_release(delivery->notifier);
    delivery->notifier = NULL;
    mtm_delivery_done(delivery, false);
}
