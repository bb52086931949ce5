/* The ready queue of a listener, its members, and what is done to all of them.
 * Producers reach it by a lock-free stack only; everything else is under the listener's lock.
 */
#include "core/listener.h"

#include "core/life.h"

#include "platform/hidden.h"

enum { LOOKS_AT_ONCE = 64 }; /* at ready buffers, under the lock */

static bool has_messages(const struct mtm_buffer *buffer)
{
    return mtm_queue_count_once(&buffer->queue) != 0;
}

static bool may_serve(const struct mtm_buffer *buffer)
{
    return mtm_object_may_take(&buffer->object) == MTM_OK;
}

/* ---- the ready queue; lock held ---- */

static void insert_between(struct mtm_listener *listener, struct mtm_buffer *buffer,
                           struct mtm_buffer *prev, struct mtm_buffer *next)
{
    buffer->ready_prev = prev;
    buffer->ready_next = next;
    *(prev ? &prev->ready_next : &listener->ready_first) = buffer;
    *(next ? &next->ready_prev : &listener->ready_last) = buffer;
    buffer->queued = true;
    mtm_store_rel(&listener->nready, mtm_load_rlx(&listener->nready) + 1); /* has_ready */
}

static void append(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    MTM_STEP(append);
    insert_between(listener, buffer, listener->ready_last, NULL);
}

/* `ready` is still 1: whoever unlinks must append again, or call unready. */
static void unlink_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *prev = buffer->ready_prev, *next = buffer->ready_next;
    *(prev ? &prev->ready_next : &listener->ready_first) = next;
    *(next ? &next->ready_prev : &listener->ready_last) = prev;
    buffer->queued = false;
    MTM_STEP(unlink);
    mtm_store_rel(&listener->nready, mtm_load_rlx(&listener->nready) - 1);
}

/* Undertake to enter the buffer; false if somebody else has done so. */
static bool claim(struct mtm_buffer *buffer)
{
    uint32_t idle = 0;
    MTM_STEP(claim);
    return mtm_load_seq(&buffer->ready) == 0 && mtm_cas_seq(&buffer->ready, &idle, 1);
}

/* The unlinked buffer is not on the queue any more. A producer that published before and saw it
 * there relies on us, so look again: either it sees 0, or we see its message (all four accesses
 * are seq_cst). */
static void unready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    MTM_STEP(unready);
    mtm_store_seq(&buffer->ready, 0); /* pairs with the load in claim */
    MTM_PAUSE();
    if (has_messages(buffer) && may_serve(buffer) && claim(buffer)) {
        append(listener, buffer);
    }
}

/* Takes over what producers have pushed, oldest first. */
static void collect_newly_ready(struct mtm_listener *listener)
{
    if (!mtm_load_seq(&listener->newly_ready)) return; /* pairs with the push in ready */
    MTM_STEP(collect_newly_ready);
    struct mtm_buffer *stack = mtm_swap_seq(&listener->newly_ready, NULL), *list = NULL;
    while (stack) {
        struct mtm_buffer *next = stack->newly_ready_next;
        stack->newly_ready_next = list;
        list = stack;
        stack = next;
    }
    for (; list; list = list->newly_ready_next) append(listener, list);
}

void mtm_listener_take_off(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    collect_newly_ready(listener);
    if (!buffer->queued) return;
    unlink_ready(listener, buffer);
    unready(listener, buffer);
}

void mtm_listener_enter(struct mtm_listener *listener, struct mtm_buffer *buffer,
                        enum mtm_place place)
{
    collect_newly_ready(listener);
    if (buffer->queued && place == MTM_MOVE_FIRST) {
        unlink_ready(listener, buffer);
        insert_between(listener, buffer, NULL, listener->ready_first);
        return;
    }
    if (!has_messages(buffer) || !may_serve(buffer)) return;
    if (!claim(buffer)) return;
    if (place == MTM_LAST) append(listener, buffer);
    else insert_between(listener, buffer, NULL, listener->ready_first);
}

bool mtm_listener_has_ready(const struct mtm_listener *listener)
{
    MTM_STEP(see_newly_ready);
    if (mtm_load_seq(&listener->newly_ready)) return true;
    MTM_STEP(see_nready);
    if (mtm_load_seq(&listener->nready)) return true;
    MTM_STEP(see_connected);
    return mtm_load_seq(&listener->connected) == 0;
}

static void push_newly_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *top = mtm_load_seq(&listener->newly_ready);
    do {
        buffer->newly_ready_next = top;
        MTM_STEP(push_newly_ready);
    } while (!mtm_cas_seq(&listener->newly_ready, &top,
                          buffer)); /* pairs with collect_newly_ready */
}

/* The producer has a reference, so the buffer can't leave meanwhile. */
void mtm_listener_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    if (!claim(buffer)) return;
    MTM_PAUSE();
    push_newly_ready(listener, buffer);
    MTM_PAUSE();
    mtm_waiters_wake_one(&listener->waiters);
}

/* ---- members ---- */

enum mtm_status mtm_listener_join(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&listener->object.lock);
    enum mtm_status status = mtm_object_may_put(&listener->object);
    if (status == MTM_OK) {
        buffer->object.owner = &listener->object;
        buffer->member_prev = listener->member_last;
        buffer->member_next = NULL;
        *(listener->member_last ? &listener->member_last->member_next
                                : &listener->member_first) = buffer;
        listener->member_last = buffer;
        mtm_store_rel(&listener->connected, mtm_load_rlx(&listener->connected) + 1);
    }
    mtm_unlock(&listener->object.lock);
    return status;
}

void mtm_listener_leave(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_listener_take_off(listener, buffer);
    struct mtm_buffer *prev = buffer->member_prev, *next = buffer->member_next;
    *(prev ? &prev->member_next : &listener->member_first) = next;
    *(next ? &next->member_prev : &listener->member_last) = prev;
    size_t connected = mtm_load_rlx(&listener->connected) - 1;
    MTM_STEP(leave_the_listener);
    mtm_store_rel(&listener->connected, connected);
}

/* Who waits at the lock of the listener, or for what it finds, is not woken under it. */
void mtm_listener_announce(struct mtm_listener *listener)
{
    MTM_STEP(see_none_connected);
    if (mtm_load_seq(&listener->connected) == 0) mtm_waiters_wake_all(&listener->waiters);
}

/* Gives back a hold under the lock; true if the buffer has left and must be freed. */
static bool drop_hold(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    MTM_STEP(drop_hold);
    size_t life =
        mtm_sub_acq_rel(&buffer->object.life, MTM_LIFE_HOLD); /* pairs: all releases */
    if ((life & MTM_LIFE_COUNTS) != MTM_LIFE_HOLD || has_messages(buffer)) return false;
    mtm_listener_leave(listener, buffer);
    return true;
}

static void push_deferred(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *top = mtm_load_seq(&listener->deferred);
    do {
        buffer->deferred_next = top;
        MTM_STEP(push_deferred);
    } while (!mtm_cas_seq(&listener->deferred, &top, buffer)); /* pairs with collect_deferred */
}

/* The last hold goes under the lock alone: so nobody else can free the buffer while we still
 * look at it. */
void mtm_listener_let_go(struct mtm_listener *listener, struct mtm_buffer *buffer,
                         bool nonblock)
{
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
        mtm_waiters_wake_one(&listener->waiters);
        return;
    }
    bool dead = drop_hold(listener, buffer);
    mtm_unlock(&listener->object.lock);
    if (dead) buffer->object.class->free(&buffer->object);
}

/* Gives back the holds that others could not; returns what must be freed, linked by
 * deferred_next. Lock held. */
static struct mtm_buffer *collect_deferred(struct mtm_listener *listener)
{
    if (MTM_LIKELY(!mtm_load_seq(&listener->deferred))) return NULL; /* pairs with push */
    MTM_STEP(collect_deferred);
    struct mtm_buffer *stack = mtm_swap_seq(&listener->deferred, NULL), *dead = NULL;
    while (stack) {
        struct mtm_buffer *buffer = stack;
        stack = buffer->deferred_next;
        if (!drop_hold(listener, buffer)) continue;
        buffer->deferred_next = dead;
        dead = buffer;
    }
    return dead;
}

static void free_dead(struct mtm_buffer *dead)
{
    while (dead) {
        struct mtm_buffer *next = dead->deferred_next;
        dead->object.class->free(&dead->object);
        dead = next;
    }
}

bool mtm_listener_step(struct mtm_listener *listener, struct mtm_buffer **buffer, bool nonblock)
{
    struct mtm_buffer *from = *buffer, *next = NULL;
    struct mtm_wait wait = {.timeout = nonblock ? 0 : MTM_FOREVER};
    bool locked = mtm_lock_as(&listener->object.lock, &wait), held = false;
    while (locked) {
        next = from ? from->member_next : listener->member_first;
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

/* ---- taking ---- */

/* After a take: to the end of the queue, or off it. One that is left empty by somebody else in
 * this moment may stay. */
static void requeue(struct mtm_listener *listener, struct mtm_buffer *buffer, bool more)
{
    mtm_store_rlx(&listener->taken, mtm_load_rlx(&listener->taken) + 1);
    MTM_STEP(stay_in_the_ready_queue);
    if (more && listener->ready_last == buffer) return;
    unlink_ready(listener, buffer);
    if (more || has_messages(buffer)) append(listener, buffer);
    else unready(listener, buffer);
}

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
        switch (status) {
            case MTM_BUSY: busy = buffer; break;
            case MTM_OK: requeue(listener, buffer, delivery->more); return status;
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
    collect_newly_ready(listener);
    return take_first(listener, wait, delivery, trash, more);
}

static enum mtm_status take_some(struct mtm_listener *listener, struct mtm_wait *wait,
                                 struct mtm_delivery *delivery, bool *more)
{
    struct mtm_trash trash = {0};
    if (!mtm_lock_as(&listener->object.lock, wait)) return MTM_BUSY;
    struct mtm_buffer *dead = collect_deferred(listener);
    enum mtm_status status = take_locked(listener, wait, delivery, &trash, more);
    bool held = status == MTM_OK || trash.segments;
    if (held) mtm_object_hold(&delivery->from->object);
    mtm_unlock(&listener->object.lock);
    MTM_PAUSE();
    delivery->through = listener;
    if (MTM_UNLIKELY(dead != NULL)) free_dead(dead);
    if (MTM_UNLIKELY(trash.segments != NULL)) {
        mtm_queue_empty_trash(&delivery->from->queue, &trash);
    }
    if (held && status != MTM_OK) {
        mtm_listener_let_go(listener, delivery->from, mtm_wait_never(wait));
    }
    return status;
}

enum mtm_status mtm_listener_take(struct mtm_listener *listener, struct mtm_wait *wait,
                                  struct mtm_delivery *delivery)
{
    for (;;) {
        bool more = false;
        enum mtm_status status = take_some(listener, wait, delivery, &more);
        if (!more) return status;
    }
}
