/* The ready queue of a listener: which of its buffers have messages, in the order in which they
 * are served. Producers reach it by a lock-free stack only; everything else is under the
 * listener's lock. */
#include "core/listener.h"

#include "platform/hidden.h"

static bool may_serve(const struct mtm_buffer *buffer)
{
    return mtm_object_may_take(&buffer->object) == MTM_OK;
}

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
    if (mtm_buffer_has_messages(buffer) && may_serve(buffer) && claim(buffer)) {
        append(listener, buffer);
    }
}

/* Takes over what producers have pushed, oldest first. */
void mtm_listener_collect(struct mtm_listener *listener)
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
    mtm_listener_collect(listener);
    if (!buffer->queued) return;
    unlink_ready(listener, buffer);
    unready(listener, buffer);
}

void mtm_listener_enter(struct mtm_listener *listener, struct mtm_buffer *buffer,
                        enum mtm_place place)
{
    mtm_listener_collect(listener);
    if (buffer->queued && place == MTM_MOVE_FIRST) {
        unlink_ready(listener, buffer);
        insert_between(listener, buffer, NULL, listener->ready_first);
        return;
    }
    if (!mtm_buffer_has_messages(buffer) || !may_serve(buffer)) return;
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
    mtm_waiters_wake_one(&listener->source.waiters);
}

/* After a take: to the end of the queue, or off it. One that is left empty by somebody else in
 * this moment may stay. */
void mtm_listener_requeue(struct mtm_listener *listener, struct mtm_buffer *buffer, bool more)
{
    mtm_store_rlx(&listener->taken, mtm_load_rlx(&listener->taken) + 1);
    MTM_STEP(stay_in_the_ready_queue);
    if (more && listener->ready_last == buffer) return;
    unlink_ready(listener, buffer);
    if (more || mtm_buffer_has_messages(buffer)) append(listener, buffer);
    else unready(listener, buffer);
}
