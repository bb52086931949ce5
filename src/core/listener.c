/* The ready queue of a listener, its members, and what is done to all of them.
 * Producers reach it by a lock-free stack only; everything else is under the listener's lock.
 */
#include "core/listener.h"

#include "platform/hidden.h"

enum { LOOKS_AT_ONCE = 64 }; /* at ready buffers, under the lock */

static bool has_messages(const struct mtm_buffer *buffer)
{
    return mtm_queue_peek(&buffer->queue) != 0;
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
    insert_between(listener, buffer, listener->ready_last, NULL); /* model: append */
}

/* `ready` is still 1: whoever unlinks must append again, or call unready. */
static void unlink_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *prev = buffer->ready_prev, *next = buffer->ready_next;
    *(prev ? &prev->ready_next : &listener->ready_first) = next;
    *(next ? &next->ready_prev : &listener->ready_last) = prev;
    buffer->queued = false;
    mtm_store_rel(&listener->nready, mtm_load_rlx(&listener->nready) - 1); /* model: unlink */
}

/* Undertake to enter the buffer; false if somebody else has done so. */
static bool claim(struct mtm_buffer *buffer)
{
    uint32_t idle = 0;
    /* model: claim */
    return mtm_load_seq(&buffer->ready) == 0 && mtm_cas_seq(&buffer->ready, &idle, 1);
}

/* The unlinked buffer is not on the queue any more. A producer that published before and saw it
 * there relies on us, so look again: either it sees 0, or we see its message (all four accesses
 * are seq_cst). */
static void unready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    MTM_PAUSE();
    mtm_store_seq(&buffer->ready, 0); /* pairs with the load in claim; model: unready */
    MTM_PAUSE();
    if (has_messages(buffer) && mtm_object_state(&buffer->object) == MTM_OK && claim(buffer)) {
        append(listener, buffer);
    }
}

/* Takes over what producers have pushed, oldest first. */
static void collect_incoming(struct mtm_listener *listener)
{
    if (!mtm_load_seq(&listener->incoming)) return; /* pairs with the push in ready */
    MTM_PAUSE();
    /* model: collect incoming */
    struct mtm_buffer *stack = mtm_swap_seq(&listener->incoming, NULL), *list = NULL;
    while (stack) {
        struct mtm_buffer *next = stack->incoming_next;
        stack->incoming_next = list;
        list = stack;
        stack = next;
    }
    for (; list; list = list->incoming_next) append(listener, list);
}

void mtm_listener_take_off(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    collect_incoming(listener);
    if (!buffer->queued) return;
    unlink_ready(listener, buffer);
    unready(listener, buffer);
}

void mtm_listener_enter(struct mtm_listener *listener, struct mtm_buffer *buffer,
                        enum mtm_place place)
{
    collect_incoming(listener);
    if (buffer->queued && place == MTM_MOVE_FIRST) {
        unlink_ready(listener, buffer);
        insert_between(listener, buffer, NULL, listener->ready_first);
        return;
    }
    if (!has_messages(buffer) || mtm_object_state(&buffer->object) != MTM_OK) return;
    if (!claim(buffer)) return;
    if (place == MTM_LAST) append(listener, buffer);
    else insert_between(listener, buffer, NULL, listener->ready_first);
}

bool mtm_listener_has_ready(const struct mtm_listener *listener)
{
    /* model: peek incoming, model: peek nready */
    return mtm_load_seq(&listener->incoming) || mtm_load_seq(&listener->nready) ||
           mtm_load_seq(&listener->connected) == 0; /* model: peek connected */
}

static void push_incoming(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *top = mtm_load_seq(&listener->incoming);
    do {
        buffer->incoming_next = top;
        MTM_PAUSE();
        /* model: push incoming */
    } while (!mtm_cas_seq(&listener->incoming, &top, buffer)); /* pairs with collect_incoming */
}

/* The producer has a reference, so the buffer can't leave meanwhile. */
void mtm_listener_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    if (!claim(buffer)) return;
    MTM_PAUSE();
    push_incoming(listener, buffer);
    MTM_PAUSE();
    mtm_waiters_wake_one(&listener->waiters);
}

/* ---- members ---- */

static void hold(struct mtm_buffer *buffer)
{
    mtm_add_rlx(&buffer->object.life, MTM_LIFE_HOLD); /* model: hold */
}

enum mtm_status mtm_listener_join(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&listener->object.lock);
    enum mtm_status status = mtm_object_state(&listener->object);
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
    mtm_store_rel(&listener->connected, connected); /* model: leave the listener */
    if (connected == 0) mtm_waiters_wake_all(&listener->waiters); /* no_buffers */
}

/* Gives back a hold under the lock; true if the buffer has left and must be freed. */
static bool drop_hold(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    size_t life =
        /* model: drop hold */
        mtm_sub_acq_rel(&buffer->object.life, MTM_LIFE_HOLD); /* pairs: all releases */
    if (life != MTM_LIFE_HOLD || has_messages(buffer)) return false;
    mtm_listener_leave(listener, buffer);
    return true;
}

static void push_late(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *top = mtm_load_seq(&listener->late);
    do {
        buffer->late_next = top;
        MTM_PAUSE();
        /* model: push late */
    } while (!mtm_cas_seq(&listener->late, &top, buffer)); /* pairs with collect_late */
}

/* The last hold goes under the lock alone: so nobody else can free the buffer while we still
 * look at it. */
void mtm_listener_let_go(struct mtm_listener *listener, struct mtm_buffer *buffer,
                         bool nonblock)
{
    size_t life = mtm_load_acq(
        &buffer->object.life); /* pairs with drop_hold: it is done with late_next */
    while (life != MTM_LIFE_HOLD) {
        /* model: let go */
        if (mtm_cas_acq_rel(&buffer->object.life, &life, life - MTM_LIFE_HOLD)) return;
    }
    MTM_PAUSE();
    if (!nonblock) {
        mtm_lock(&listener->object.lock);
    } else if (!mtm_trylock(&listener->object.lock)) {
        push_late(listener, buffer); /* whoever looks next does it for us */
        mtm_waiters_wake_one(&listener->waiters);
        return;
    }
    bool dead = drop_hold(listener, buffer);
    mtm_unlock(&listener->object.lock);
    if (dead) buffer->object.class->free(&buffer->object);
}

/* Gives back the holds that others could not; returns what must be freed, linked by late_next.
 * Lock held. */
static struct mtm_buffer *collect_late(struct mtm_listener *listener)
{
    if (MTM_LIKELY(!mtm_load_seq(&listener->late))) return NULL; /* pairs with push */
    /* model: collect late */
    struct mtm_buffer *stack = mtm_swap_seq(&listener->late, NULL), *dead = NULL;
    while (stack) {
        struct mtm_buffer *buffer = stack;
        stack = buffer->late_next;
        if (!drop_hold(listener, buffer)) continue;
        buffer->late_next = dead;
        dead = buffer;
    }
    return dead;
}

static void free_dead(struct mtm_buffer *dead)
{
    while (dead) {
        struct mtm_buffer *next = dead->late_next;
        dead->object.class->free(&dead->object);
        dead = next;
    }
}

bool mtm_listener_step(struct mtm_listener *listener, struct mtm_buffer **buffer, bool nonblock)
{
    struct mtm_buffer *from = *buffer, *next = NULL;
    struct mtm_wait wait = {.timeout = nonblock ? 0 : MTM_FOREVER};
    bool locked = mtm_lock_as(&listener->object.lock, &wait);
    if (locked) {
        next = from ? from->member_next : listener->member_first;
        if (next) hold(next);
        mtm_unlock(&listener->object.lock);
    }
    if (from) mtm_listener_let_go(listener, from, nonblock);
    *buffer = next;
    return locked;
}

/* ---- taking ---- */

/* After a take: to the end of the queue, or off it. One that is left empty by somebody else in
 * this moment may stay. */
static void requeue(struct mtm_listener *listener, struct mtm_buffer *buffer, bool more)
{
    mtm_store_rlx(&listener->taken, mtm_load_rlx(&listener->taken) + 1);
    if (more && listener->ready_last == buffer) return; /* model: stay in the ready queue */
    unlink_ready(listener, buffer);
    if (more || has_messages(buffer)) append(listener, buffer);
    else unready(listener, buffer);
}

/* Looks at the ready buffers in their order, until one has a message. Those that another thread
 * is at work on are passed over if we must not wait. After some that were left there empty,
 * *more: the lock has been held long enough. Lock held. */
static enum mtm_status take_first(struct mtm_listener *listener, struct mtm_wait *wait,
                                  struct mtm_incoming *incoming, struct mtm_trash *trash,
                                  bool *more)
{
    struct mtm_wait for_lock = {.nonblock = mtm_wait_never(wait), .timeout = 0};
    if (!for_lock.nonblock) for_lock.timeout = MTM_FOREVER;
    struct mtm_buffer *busy = NULL;
    for (int looks = 0; looks < LOOKS_AT_ONCE; ++looks) {
        struct mtm_buffer *buffer = busy ? busy->ready_next : listener->ready_first;
        if (!buffer) return busy ? MTM_BUSY : MTM_EMPTY;
        enum mtm_status status = mtm_buffer_take(buffer, &for_lock, incoming, trash);
        incoming->from = buffer;
        switch (status) {
            case MTM_BUSY: busy = buffer; break;
            case MTM_OK: requeue(listener, buffer, incoming->more); return status;
            case MTM_GROW:
            case MTM_TOO_LARGE: return status;
            default:
                mtm_listener_take_off(listener, buffer);
                break; /* empty, closed, aborted */
        }
    }
    *more = busy == NULL;
    return MTM_BUSY;
}

static enum mtm_status take_locked(struct mtm_listener *listener, struct mtm_wait *wait,
                                   struct mtm_incoming *incoming, struct mtm_trash *trash,
                                   bool *more)
{
    enum mtm_status status = mtm_object_state(&listener->object);
    if (status != MTM_OK) return status;
    if (mtm_load_rlx(&listener->connected) == 0) return MTM_NO_BUFFERS;
    collect_incoming(listener);
    return take_first(listener, wait, incoming, trash, more);
}

static enum mtm_status take_some(struct mtm_listener *listener, struct mtm_wait *wait,
                                 struct mtm_incoming *incoming, bool *more)
{
    struct mtm_trash trash = {0};
    if (!mtm_lock_as(&listener->object.lock, wait)) return MTM_BUSY;
    struct mtm_buffer *dead = collect_late(listener);
    enum mtm_status status = take_locked(listener, wait, incoming, &trash, more);
    bool held = status == MTM_OK || trash.segments;
    if (held) hold(incoming->from);
    mtm_unlock(&listener->object.lock);
    MTM_PAUSE();
    incoming->through = listener;
    if (MTM_UNLIKELY(dead != NULL)) free_dead(dead);
    if (MTM_UNLIKELY(trash.segments != NULL)) {
        mtm_queue_empty_trash(&incoming->from->queue, &trash);
    }
    if (held && status != MTM_OK) {
        mtm_listener_let_go(listener, incoming->from, mtm_wait_never(wait));
    }
    return status;
}

enum mtm_status mtm_listener_take(struct mtm_listener *listener, struct mtm_wait *wait,
                                  struct mtm_incoming *incoming)
{
    for (;;) {
        bool more = false;
        enum mtm_status status = take_some(listener, wait, incoming, &more);
        if (!more) return status;
    }
}
