/* The receive loop, and the ways that a taken message can go. It owns no state. */
#include "core/receive.h"

#include "core/cargo.h"

#include "core/ready.h"

#include "platform/hidden.h"

void mtm_pass_baton(struct mtm_object *object)
{
    mtm_source_pass_baton(mtm_to_source(object), MTM_OK);
}

/* Aborted and re-enabled since: too late for a look to show it. */
static bool was_aborted(const struct mtm_source *source, uint32_t aborts)
{
    return mtm_load_rlx(&source->object.aborts) != aborts;
}

/* What one who has joined tries for. */
struct awaited {
    struct mtm_source *source;
    struct mtm_delivery *delivery;
};

static enum mtm_status look_again(void *what, struct mtm_wait *wait)
{
    const struct awaited *awaited = what;
    struct mtm_source *source = awaited->source;
    enum mtm_status status = mtm_source_ops(source)->look(source, wait, awaited->delivery);
    if (!mtm_in_vain(status)) return status;
    MTM_STEP(aborts_since);
    return was_aborted(source, wait->aborts) ? MTM_ABORTED : status;
}

static bool worth_a_look(const void *what)
{
    return mtm_source_ops(what)->waiting(what) != 0;
}

static bool poll(struct mtm_source *source, struct mtm_wait *wait)
{
    const struct mtm_source_ops *ops = mtm_source_ops(source);
    const struct mtm_spin_target target = {worth_a_look, source, ops->taken(source)};
    const int64_t deadline =
        wait->timeout == MTM_FOREVER ? MTM_FOREVER : mtm_wait_deadline(wait);
    wait->polled = true;
    MTM_STEP(aborts_before);
    wait->aborts = mtm_load_rlx(&source->object.aborts);
    return mtm_spin(ops->spin(source), &source->waiters, deadline, &target);
}

bool mtm_poll(struct mtm_object *object, struct mtm_wait *wait)
{
    return poll(mtm_to_source(object), wait);
}

enum { WARM_NS = 50 * 1000 * 1000 }; /* a stream that pauses for less keeps its memory */

/* Who has slept for a while gives up what is kept for more, and sleeps on. */
static enum mtm_status sleep_for_one(struct mtm_source *source, struct mtm_wait *wait,
                                     struct awaited *awaited)
{
    const struct mtm_source_ops *ops = mtm_source_ops(source);
    if (MTM_UNLIKELY(ops->warm(source))) {
        struct mtm_wait brief = *wait;
        brief.deadline = mtm_plat_now() + WARM_NS;
        if (brief.deadline < mtm_wait_deadline(wait)) {
            enum mtm_status status =
                mtm_wait_until(&source->waiters, &brief, look_again, awaited);
            if (!mtm_in_vain(status)) return status;
            ops->rest(source, mtm_wait_never(wait));
        }
    }
    return mtm_wait_until(&source->waiters, wait, look_again, awaited);
}

static enum mtm_status wait_for_one(struct mtm_source *source, struct mtm_wait *wait,
                                    struct mtm_delivery *delivery)
{
    const struct mtm_source_ops *ops = mtm_source_ops(source);
    struct awaited awaited = {source, delivery};
    enum mtm_status status;
    if (!wait->polled && poll(source, wait)) {
        status = ops->look(source, wait, delivery);
        if (!mtm_in_vain(status)) return status;
    }
    MTM_PAUSE();
    if (!ops->join(source, wait)) return ops->look(source, wait, delivery); /* time is up */
    status = sleep_for_one(source, wait, &awaited);
    mtm_waiters_leave(&source->waiters);
    return status;
}

enum mtm_status mtm_receive(struct mtm_object *object, struct mtm_wait *wait,
                            struct mtm_delivery *delivery)
{
    struct mtm_source *source = mtm_to_source(object);
    const struct mtm_source_ops *ops = mtm_source_ops(source);
    if (mtm_object_is_inherited(object)) return MTM_CLOSED;
    enum mtm_status status = ops->look(source, wait, delivery);
    if (MTM_UNLIKELY(mtm_in_vain(status)) && wait->timeout != 0) {
        status = wait_for_one(source, wait, delivery);
    }
    if (MTM_UNLIKELY(wait->polled) || ops->passes_always) mtm_source_pass_baton(source, status);
    if (MTM_UNLIKELY(status == MTM_EMPTY || status == MTM_CLOSED))
        ops->rest(source, mtm_wait_never(wait));
    return status;
}

enum mtm_status mtm_peek(struct mtm_buffer *buffer, struct mtm_wait *wait,
                         struct mtm_delivery *delivery)
{
    wait->peek = true;
    return mtm_receive(&buffer->object, wait, delivery);
}

void mtm_peek_done(struct mtm_delivery *delivery)
{
    struct mtm_slot *slot = &delivery->slot;
    if (MTM_UNLIKELY(slot->block->cargo != NULL)) mtm_reach_disturb();
    if (slot->block != slot->carrier) mtm_buffer_recycle(delivery->from, slot->block);
    slot->block = NULL;
}

enum mtm_status mtm_delivery_notify(struct mtm_delivery *delivery, bool nonblock,
                                    struct mtm_failure *failure)
{
    struct mtm_notifier *notifier = mtm_delivery_take_notifier(delivery);
    if (MTM_LIKELY(!notifier)) return MTM_OK;
    return mtm_notify(delivery->from, MTM_TAKEN, notifier, nonblock, failure);
}

void mtm_delivery_done(struct mtm_delivery *delivery, bool nonblock)
{
    if (MTM_UNLIKELY(delivery->through != NULL)) {
        mtm_listener_let_go(delivery->through, delivery->from, nonblock);
    }
    if (!nonblock) mtm_drop_handed_on();
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
        mtm_buffer_recycle(buffer, slot->block);
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
        mtm_listener_rejoin(listener, buffer);
        mtm_ready_enter(listener, buffer);
        mtm_source_wake_one(&listener->source);
    }
    MTM_STEP(any_after_putting_back);
    mtm_source_wake_one(&buffer->source);
}

bool mtm_delivery_put_back(struct mtm_delivery *delivery)
{
    const bool back = put_back(delivery);
    if (back) announce_back(delivery);
    mtm_notifier_release(delivery->notifier, false);
    delivery->notifier = NULL;
    mtm_delivery_done(delivery, false);
    return back;
}
