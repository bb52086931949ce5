/* The members of a listener: joining and leaving, holds on those that somebody is at work on,
 * and walking over them. What messages they have is not its business. */
#include "core/life.h"
#include "core/ready.h"

#include "platform/hidden.h"

enum mtm_status mtm_listener_join(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&listener->object.lock);
    enum mtm_status status = mtm_object_may_put(&listener->object);
    if (status == MTM_OK) {
        buffer->object.owner = &listener->object;
        mtm_member_of(buffer)->member_prev = listener->member_last;
        mtm_member_of(buffer)->member_next = NULL;
        *(listener->member_last ? &mtm_member_of(listener->member_last)->member_next
                                : &listener->member_first) = buffer;
        listener->member_last = buffer;
        mtm_store_rlx(&listener->members, mtm_load_rlx(&listener->members) + 1);
        mtm_store_rel(&listener->connected, mtm_load_rlx(&listener->connected) + 1);
    }
    mtm_unlock(&listener->object.lock);
    return status;
}

static void count_off(struct mtm_listener *listener)
{
    size_t connected = mtm_load_rlx(&listener->connected) - 1;
    MTM_STEP(leave_the_listener);
    mtm_store_rel(&listener->connected, connected);
}

void mtm_listener_leave(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_ready_take_off(listener, buffer);
    mtm_listener_forget(listener, buffer);
    struct mtm_buffer *prev = mtm_member_of(buffer)->member_prev,
                      *next = mtm_member_of(buffer)->member_next;
    *(prev ? &mtm_member_of(prev)->member_next : &listener->member_first) = next;
    *(next ? &mtm_member_of(next)->member_prev : &listener->member_last) = prev;
    mtm_store_rlx(&listener->members, mtm_load_rlx(&listener->members) - 1);
    if (!mtm_member_of(buffer)->parted) count_off(listener);
}

bool mtm_listener_part(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    if (MTM_LIKELY(!mtm_object_is_finished(&buffer->object)) || mtm_member_of(buffer)->parted)
        return false;
    if (mtm_buffer_has_messages(buffer)) return false;
    mtm_member_of(buffer)->parted = true;
    count_off(listener);
    return true;
}

void mtm_listener_rejoin(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    if (MTM_LIKELY(!mtm_object_is_finished(&buffer->object))) return;
    mtm_lock(&listener->object.lock);
    if (mtm_member_of(buffer)->parted && mtm_buffer_has_messages(buffer)) {
        mtm_member_of(buffer)->parted = false;
        mtm_store_rel(&listener->connected, mtm_load_rlx(&listener->connected) + 1);
    }
    mtm_unlock(&listener->object.lock);
}

/* Who waits at the lock of the listener, or for what it finds, is not woken under it. */
void mtm_listener_announce(struct mtm_listener *listener)
{
    MTM_STEP(see_none_connected);
    if (mtm_load_seq(&listener->connected) == 0) {
        mtm_source_wake_all(&listener->source);
    }
}

/* Gives back a hold under the lock; true if the buffer has left and must be freed. */
static bool drop_hold(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    MTM_STEP(drop_hold);
    size_t life =
        mtm_sub_acq_rel(&buffer->object.life, MTM_LIFE_HOLD); /* pairs: all releases */
    if ((life & MTM_LIFE_COUNTS) != MTM_LIFE_HOLD || mtm_buffer_has_messages(buffer))
        return false;
    mtm_listener_leave(listener, buffer);
    return true;
}

static void push_deferred(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *top = mtm_load_seq(&listener->deferred);
    do {
        mtm_member_of(buffer)->deferred_next = top;
        MTM_STEP(push_deferred);
    } while (!mtm_cas_seq(&listener->deferred, &top, buffer)); /* pairs with collect_deferred */
}

/* The last hold goes under the lock alone: so nobody else can free the buffer while we still
 * look at it. */
void mtm_listener_let_go(struct mtm_listener *listener, struct mtm_buffer *buffer,
                         bool nonblock)
{
    if (mtm_object_is_inherited(&listener->object)) return;
    size_t life = mtm_load_acq(
        &buffer->object.life); /* pairs with drop_hold: it is done with deferred_next */
    while ((life & MTM_LIFE_COUNTS) != MTM_LIFE_HOLD) {
        MTM_STEP(let_go);
        if (mtm_cas_acq_rel(&buffer->object.life, &life, life - MTM_LIFE_HOLD)) return;
    }
    MTM_PAUSE();
    if (!nonblock) {
        mtm_lock(&listener->object.lock);
    } else if (!mtm_trylock(&listener->object.lock)) {
        push_deferred(listener, buffer); /* whoever looks next does it for us */
        mtm_source_wake_one(&listener->source);
        return;
    }
    bool dead = drop_hold(listener, buffer);
    mtm_unlock(&listener->object.lock);
    if (dead) buffer->object.class->free(&buffer->object);
}

/* Gives back the holds that others could not; returns what must be freed, linked by
 * deferred_next. Lock held. */
struct mtm_buffer *mtm_listener_collect_deferred(struct mtm_listener *listener)
{
    if (MTM_LIKELY(!mtm_load_seq(&listener->deferred))) return NULL; /* pairs with push */
    MTM_STEP(collect_deferred);
    struct mtm_buffer *stack = mtm_swap_seq(&listener->deferred, NULL), *dead = NULL;
    while (stack) {
        struct mtm_buffer *buffer = stack;
        stack = mtm_member_of(buffer)->deferred_next;
        if (!drop_hold(listener, buffer)) continue;
        mtm_member_of(buffer)->deferred_next = dead;
        dead = buffer;
    }
    return dead;
}

void mtm_listener_free_dead(struct mtm_buffer *dead)
{
    while (dead) {
        struct mtm_buffer *next = mtm_member_of(dead)->deferred_next;
        dead->object.class->free(&dead->object);
        dead = next;
    }
}

bool mtm_listener_step(struct mtm_listener *listener, struct mtm_buffer **buffer, bool nonblock)
{
    struct mtm_buffer *from = *buffer, *next = NULL;
    *buffer = NULL;
    if (mtm_object_is_inherited(&listener->object)) return true;
    bool locked = mtm_lock_side(&listener->object.lock, nonblock), held = false;
    while (locked) {
        next = from ? mtm_member_of(from)->member_next : listener->member_first;
        held = !next || mtm_object_hold(&next->object);
        mtm_unlock(&listener->object.lock);
        if (held || nonblock) break;
        mtm_plat_yield(); /* more threads are at work on it than can be counted */
        mtm_lock(&listener->object.lock);
    }
    if (!held) next = NULL;
    if (from) mtm_listener_let_go(listener, from, nonblock);
    *buffer = next;
    return held;
}
