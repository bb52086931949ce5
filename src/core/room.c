/* The line of those who wait for room in a buffer. It owns nothing: places are on the stacks of
 * those who wait, and the line is in the buffer. */
#include "core/room.h"

#include "core/bound.h"
#include "core/ready.h"

#include "platform/hidden.h"

/* ---- both locks held ---- */

/* As long as somebody waits, takes leave the fast path, and need both locks. */
static void set_wanted(struct mtm_buffer *buffer, bool flag)
{
    MTM_STEP(room_is_wanted);
    mtm_set_unusual(&buffer->queue.head.unusual, MTM_UNUSUAL_ROOM, flag);
}

static void enter(struct mtm_buffer *buffer, struct mtm_place *place)
{
    struct mtm_room *room = buffer->room;
    place->next = NULL;
    place->prev = room->last;
    *(room->last ? &room->last->next : &room->first) = place;
    room->last = place;
    MTM_STEP(enter_the_line);
    mtm_store_rlx(&room->waiting, mtm_load_rlx(&room->waiting) + 1);
    if (!place->prev) set_wanted(buffer, true);
}

static void leave(struct mtm_buffer *buffer, struct mtm_place *place)
{
    struct mtm_room *room = buffer->room;
    *(place->prev ? &place->prev->next : &room->first) = place->next;
    *(place->next ? &place->next->prev : &room->last) = place->prev;
    MTM_STEP(leave_the_line);
    mtm_store_rlx(&room->waiting, mtm_load_rlx(&room->waiting) - 1);
    if (!room->first) set_wanted(buffer, false);
}

/* After the store the place may be gone; the platform does not read it. */
static void tell(struct mtm_place *place, enum mtm_status status)
{
    mtm_a32 *told = &place->told;
    place->status = status;
    MTM_STEP(tell);
    mtm_store_seq(told, 1); /* pairs with mtm_room_wait */
    MTM_STEP(rouse_for_room);
    mtm_plat_unpark_one(told);
}

bool mtm_room_serve(struct mtm_buffer *buffer)
{
    struct mtm_place *place;
    bool some = false;
    if (!buffer->room) return false;
    while ((place = buffer->room->first) != NULL) {
        enum mtm_status status = mtm_put_in_line(place->put);
        if (status == MTM_FULL) break;
        MTM_ASSERT(status != MTM_GROW);
        leave(buffer, place);
        some = some || status == MTM_OK;
        place->put->served = true;
        place->put->wake = false;
        tell(place, status);
    }
    return some;
}

/* ---- no lock held ---- */

void mtm_room_announce(struct mtm_buffer *buffer)
{
    mtm_ready_wake(buffer);
    mtm_source_wake_one(&buffer->source);
}

size_t mtm_room_waiting(const struct mtm_buffer *buffer)
{
    return buffer->room ? mtm_load_rlx(&buffer->room->waiting) : 0;
}

/* What makes it worth to try again. */
struct hope {
    struct mtm_buffer *buffer;
    size_t taken; /* before */
};

static bool may_have_room(const void *what)
{
    const struct hope *hope = what;
    const struct mtm_buffer *buffer = hope->buffer;
    return mtm_load_rlx(&buffer->queue.head.taken) != hope->taken ||
           mtm_load_rlx(&buffer->object.flags) != mtm_generation;
}

/* Who polls is not in line yet: it owes nothing, is owed nothing, and stands in for nobody. */
static bool poll(struct mtm_put *put, size_t taken)
{
    struct mtm_buffer *buffer = put->buffer;
    struct mtm_waiters nobody = {0};
    const struct hope hope = {buffer, taken};
    const struct mtm_spin_target target = {may_have_room, &hope,
                                           (uint32_t)mtm_load_rlx(&buffer->queue.tail.added)};
    if (mtm_room_waiting(buffer) > 0) return false;
    return mtm_spin(&buffer->room->spin, &nobody, mtm_wait_deadline(put->wait), &target);
}

static bool lock_both(struct mtm_buffer *buffer, struct mtm_wait *wait)
{
    if (!mtm_wait_lock(wait, &buffer->queue.tail.lock)) return false;
    if (mtm_wait_lock(wait, &buffer->queue.head.lock)) return true;
    mtm_unlock(&buffer->queue.tail.lock);
    return false;
}

/* A last attempt under both locks, which is exact; then a place in line, with all the memory
 * that others may need to put the message in. FULL: it is in line. */
enum mtm_status mtm_room_enter(struct mtm_put *put, struct mtm_place *place)
{
    struct mtm_queue *queue = &put->buffer->queue;
    for (;;) {
        if (!lock_both(put->buffer, put->wait)) return MTM_BUSY;
        enum mtm_status status = mtm_put_locked(put);
        if (status == MTM_FULL && !mtm_queue_has_memory(queue, put->message, put->memory))
            status = MTM_GROW;
        if (status == MTM_FULL) enter(put->buffer, place);
        mtm_buffer_unlock_both(put->buffer);
        MTM_PAUSE();
        if (status != MTM_GROW) return status;
        status = mtm_queue_get_memory(queue, put->message, put->memory);
        if (status != MTM_OK) return status;
    }
}

/* The time is up, or the caller does not go on. Who gives up its place may have stood in the
 * way of others. */
static enum mtm_status give_up(struct mtm_put *put, struct mtm_place *place,
                               enum mtm_status status)
{
    struct mtm_buffer *buffer = put->buffer;
    bool some = false;
    mtm_buffer_lock_both(buffer);
    const bool told = mtm_load_rlx(&place->told) != 0;
    if (!told) {
        leave(buffer, place);
        some = mtm_room_serve(buffer);
    }
    mtm_buffer_unlock_both(buffer);
    if (some) mtm_room_announce(buffer);
    return told ? place->status : status;
}

enum mtm_status mtm_room_wait(struct mtm_put *put, struct mtm_place *place)
{
    const int64_t deadline = mtm_wait_deadline(put->wait);
    for (;;) {
        if (mtm_object_is_inherited(&put->buffer->object))
            return MTM_CLOSED; /* forked in line */
        MTM_STEP(been_told);
        if (mtm_load_seq(&place->told)) return place->status; /* pairs with tell */
        const int64_t until = mtm_wait_nap(put->wait);
        MTM_STEP(park_for_room);
        if (!mtm_plat_park(&place->told, 0, until) && until == deadline)
            return give_up(put, place, MTM_FULL);
        if (!mtm_load_seq(&place->told) && !mtm_wait_goes_on(put->wait))
            return give_up(put, place, MTM_INTERRUPTED);
    }
}

static enum mtm_status wait_in_line(struct mtm_put *put)
{
    struct mtm_place place = {.put = put};
    enum mtm_status status = mtm_room_enter(put, &place);
    return status == MTM_FULL ? mtm_room_wait(put, &place) : status;
}

static enum mtm_status put_in_time(struct mtm_put *put)
{
    const size_t taken = mtm_load_rlx(&put->buffer->queue.head.taken);
    enum mtm_status status = mtm_put_try(put);
    if (MTM_LIKELY(!mtm_in_vain(status)) || put->wait->timeout == 0) return status;
    if (!put->buffer->room) return status;
    if (poll(put, taken)) {
        status = mtm_put_try(put);
        if (!mtm_in_vain(status)) return status;
    }
    return wait_in_line(put);
}

enum mtm_status mtm_buffer_put_wait(struct mtm_buffer *buffer,
                                    const struct mtm_message *message, struct mtm_wait *wait,
                                    struct mtm_notifier **notifier)
{
    struct mtm_put_memory memory = {0};
    const unsigned options = mtm_wait_never(wait) ? MTM_PUT_NONBLOCK : 0u;
    struct mtm_put put = {buffer, message, options, wait, &memory, .notifier = NULL};
    enum mtm_status status = mtm_put_begin(&put);
    if (MTM_LIKELY(status == MTM_OK)) status = put_in_time(&put);
    mtm_put_end(&put, status);
    *notifier = put.notifier;
    return status;
}

enum mtm_status mtm_writer_put_wait(struct mtm_writer *writer, struct mtm_buffer *buffer,
                                    struct mtm_wait *wait, struct mtm_notifier **notifier)
{
    struct mtm_message message;
    mtm_writer_message(writer, &message);
    enum mtm_status status = mtm_buffer_put_wait(buffer, &message, wait, notifier);
    if (status == MTM_OK) mtm_writer_clear(writer);
    return status;
}
