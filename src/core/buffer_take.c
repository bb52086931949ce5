/* Taking from one buffer, and the buffer as a source that one can wait for. Putting, closing
 * and aborting are in buffer.c, waiting in receive.c; it owns no data. */
#include "core/buffer.h"
#include "core/cargo.h"
#include "core/ready.h"
#include "core/receive.h"
#include "core/topic.h"
#include "core/room.h"

#include "platform/hidden.h"

static void unlock_take(struct mtm_buffer *buffer, bool both)
{
    mtm_unlock(&buffer->queue.head.lock);
    if (MTM_UNLIKELY(both)) mtm_unlock(&buffer->queue.tail.lock);
}

/* The head lock, and before it the tail lock if the take must count exactly, which can change
 * until we have them. */
static bool lock_take(struct mtm_buffer *buffer, struct mtm_wait *wait, bool *both)
{
    const mtm_a32 *unusual = &buffer->queue.head.unusual;
    for (;;) {
        MTM_STEP(needs_both);
        *both = mtm_takes_need_both(mtm_load_rlx(unusual));
        MTM_PAUSE();
        if (MTM_UNLIKELY(*both) && !mtm_wait_lock(wait, &buffer->queue.tail.lock)) return false;
        if (!mtm_wait_lock(wait, &buffer->queue.head.lock)) {
            if (*both) mtm_unlock(&buffer->queue.tail.lock);
            return false;
        }
        MTM_STEP(still_needs_both);
        if (MTM_LIKELY(mtm_takes_need_both(mtm_load_rlx(unusual)) == *both)) return true;
        unlock_take(buffer, *both);
    }
}

enum mtm_status mtm_buffer_take(struct mtm_buffer *buffer, struct mtm_wait *wait,
                                struct mtm_delivery *delivery, struct mtm_trash *trash)
{
    bool both;
    if (!lock_take(buffer, wait, &both)) return MTM_BUSY;
    enum mtm_status status = mtm_object_may_take(&buffer->object);
    if (MTM_LIKELY(status == MTM_OK)) {
        if (MTM_UNLIKELY(wait->peek))
            status = mtm_queue_peek(&buffer->queue, &delivery->slot, trash);
        else status = mtm_queue_take(&buffer->queue, &delivery->slot, trash);
        if (status == MTM_EMPTY && mtm_object_is_finished(&buffer->object)) status = MTM_CLOSED;
    }
    if (status == MTM_OK) {
        struct mtm_cargo *cargo = delivery->slot.block->cargo;
        if (MTM_UNLIKELY(cargo != NULL) && !wait->peek) mtm_bearer_take_up(&cargo->bearer);
        delivery->from = buffer;
        delivery->more = wait->peek || mtm_queue_knows_more(&buffer->queue);
        delivery->notifier = wait->peek ? NULL : mtm_buffer_fired(buffer, MTM_TAKEN);
        delivery->served =
            MTM_UNLIKELY(mtm_room_is_wanted(buffer)) && !wait->peek && mtm_room_serve(buffer);
    }
    unlock_take(buffer, both);
    return status;
}

void mtm_buffer_await_locks(struct mtm_buffer *buffer, struct mtm_wait *wait)
{
    bool both;
    if (lock_take(buffer, wait, &both)) unlock_take(buffer, both);
}

/* What a copy has are references of the receiver's own. All that it takes to make edges of them
 * is there since the message was put for the first time. */
static void load_again(struct mtm_cargo *cargo, struct mtm_object *holder)
{
    enum mtm_status status = mtm_cargo_prepare(cargo, holder, false);
    MTM_ASSERT(status == MTM_OK);
    (void)status;
    mtm_bearer_lay_down(&cargo->bearer, holder);
}

bool mtm_buffer_put_back(struct mtm_buffer *buffer, struct mtm_block *block)
{
    if (mtm_object_is_inherited(&buffer->object)) return false;
    if (MTM_UNLIKELY(block->cargo != NULL)) load_again(block->cargo, &buffer->object);
    mtm_lock(&buffer->queue.head.lock);
    bool back = mtm_queue_put_back(&buffer->queue, block);
    mtm_unlock(&buffer->queue.head.lock);
    return back;
}

/* Who has given back a block to the topic is warm: it is asked, sooner or later, to see to it
 * that little is kept; when its last message is taken, if much is. */
static void recycle_for_topic(struct mtm_buffer *buffer, struct mtm_topic *topic,
                              struct mtm_block *block)
{
    struct mtm_queue *queue = &buffer->queue;
    if (!mtm_topic_recycle(topic, block, mtm_queue_count_once(queue) == 0)) return;
    if (!mtm_queue_is_warm(queue)) mtm_store_rlx(&queue->shared.warm, 1);
    if (mtm_topic_keeps_much(topic))
        mtm_set_unusual(&queue->head.unusual, MTM_UNUSUAL_MUCH, true);
}

/* The queue tells its own pool, and takes back the bit unless it keeps much itself. */
void mtm_buffer_trim(struct mtm_buffer *buffer)
{
    struct mtm_topic *topic = mtm_buffer_topic(buffer);
    if (topic && mtm_queue_count_once(&buffer->queue) == 0) mtm_topic_trim(topic);
    mtm_queue_trim(&buffer->queue);
}

void mtm_buffer_recycle(struct mtm_buffer *buffer, struct mtm_block *block)
{
    struct mtm_topic *topic = mtm_buffer_topic(buffer);
    if (mtm_object_is_inherited(&buffer->object)) mtm_block_free(block);
    else if (topic && block->whole) recycle_for_topic(buffer, topic, block);
    else mtm_queue_recycle(&buffer->queue, block);
}

/* The last message may be a small one, which gives back no block: then it is here that the
 * queue learns that it needs less memory. */
enum mtm_status mtm_buffer_look(struct mtm_source *source, struct mtm_wait *wait,
                                struct mtm_delivery *delivery)
{
    struct mtm_buffer *buffer = (struct mtm_buffer *)source;
    struct mtm_trash trash = {0};
    delivery->through = NULL;
    enum mtm_status status = mtm_buffer_take(buffer, wait, delivery, &trash);
    if (status == MTM_OK && MTM_UNLIKELY(delivery->served)) mtm_room_announce(buffer);
    if (status == MTM_OK && buffer->object.owner && !wait->peek) {
        mtm_ready_passed_by((struct mtm_listener *)buffer->object.owner, buffer);
        if (mtm_object_is_finished(&buffer->object)) mtm_ready_wake(buffer); /* it may part */
    }
    if (status == MTM_EMPTY || (status == MTM_OK && !delivery->more)) {
        mtm_buffer_trim_if_drained(buffer);
    }
    if (MTM_UNLIKELY(trash.segments != NULL)) mtm_queue_empty_trash(&buffer->queue, &trash);
    return status;
}

size_t mtm_buffer_waiting(const struct mtm_source *source)
{
    MTM_STEP(see_flags);
    const uint32_t flags = mtm_load_acq(&source->object.flags) ^ mtm_generation;
    if (MTM_UNLIKELY(flags & ~(uint32_t)MTM_IS_FINISHED)) return 1;
    size_t count = mtm_queue_count_once(&((const struct mtm_buffer *)source)->queue);
    return count == 0 && MTM_UNLIKELY(flags) ? 1 : count; /* that it is finished */
}

/* Producers look for sleepers under the tail lock, so one joins under it: either they see us,
 * or we see what they put. */
bool mtm_buffer_join(struct mtm_source *source, struct mtm_wait *wait)
{
    struct mtm_lock *lock = &((struct mtm_buffer *)source)->queue.tail.lock;
    if (!mtm_wait_lock(wait, lock)) return false;
    mtm_waiters_join(&source->waiters);
    mtm_unlock(lock);
    return true;
}

uint32_t mtm_buffer_taken(const struct mtm_source *source)
{
    return (uint32_t)mtm_load_rlx(&((const struct mtm_buffer *)source)->queue.head.taken);
}

struct mtm_spin *mtm_buffer_spin(struct mtm_source *source)
{
    return &((struct mtm_buffer *)source)->spin;
}

bool mtm_buffer_is_warm(const struct mtm_source *source)
{
    return mtm_queue_is_warm(&((const struct mtm_buffer *)source)->queue);
}

void mtm_buffer_rest(struct mtm_source *source, bool nonblock)
{
    struct mtm_buffer *buffer = (struct mtm_buffer *)source;
    struct mtm_topic *topic = mtm_buffer_topic(buffer);
    (void)nonblock; /* it never waits */
    if (mtm_queue_is_warm(&buffer->queue)) mtm_queue_rest(&buffer->queue);
    if (topic) mtm_topic_rest(topic);
}

struct mtm_lock *mtm_buffer_lock(struct mtm_source *source)
{
    return &((struct mtm_buffer *)source)->queue.tail.lock;
}
