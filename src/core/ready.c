/* The ready queue of a listener: which of its buffers have messages, in the order in which they
 * are served. Producers reach it by a lock-free stack only; everything else is under the
 * listener's lock. */
#include "core/ready.h"

#include "core/bell.h"

#include "platform/hidden.h"

enum { STEPS_BACK = 64 }; /* over entries, at most, to the place where one belongs */

/* Places are numbered in the order in which buffers come to the end of the line. */
static size_t next_turn(struct mtm_listener *listener)
{
    return mtm_add_rlx(&listener->turns, 1) + 1;
}

/* ---- tail lock of the buffer held ---- */

void mtm_ready_push(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_store_rlx(&mtm_member_of(buffer)->turn, next_turn(listener));
    mtm_store_rlx(&mtm_member_of(buffer)->emptied, false);
    if (mtm_member_of(buffer)->ready)
        return; /* its entry is an old one, which goes to the end */
    mtm_member_of(buffer)->ready = true;
    struct mtm_buffer *top = mtm_load_seq(&listener->newly_ready);
    do {
        mtm_member_of(buffer)->newly_next = top;
        MTM_STEP(push_newly_ready);
    } while (!mtm_cas_seq(&listener->newly_ready, &top, buffer)); /* pairs with collect */
}

/* ---- no lock held ---- */

/* Who knocks has no lock, so this is apart from what the tail lock guards: one who is suspended
 * here hides no message that was put. */
void mtm_ready_knocked(struct mtm_buffer *buffer)
{
    struct mtm_listener *listener = (struct mtm_listener *)buffer->object.owner;
    struct mtm_bell *bell = mtm_bell_of(buffer);
    if (!listener) return;
    MTM_STEP(claim_the_bell);
    if (mtm_swap_seq(&bell->knocked, true)) return; /* pairs with collect_knocked */
    MTM_PAUSE();
    mtm_store_rlx(&mtm_member_of(buffer)->turn, next_turn(listener));
    struct mtm_buffer *top = mtm_load_seq(&listener->knocked);
    do {
        bell->next = top;
        MTM_STEP(push_knocked);
    } while (!mtm_cas_seq(&listener->knocked, &top, buffer)); /* pairs with collect_knocked */
}

/* ---- listener lock held ---- */

/* By what its neighbours say. */
static bool is_queued(const struct mtm_listener *listener, const struct mtm_buffer *buffer)
{
    return mtm_member_of(buffer)->ready_prev || listener->ready_first == buffer;
}

static void insert_between(struct mtm_listener *listener, struct mtm_buffer *buffer,
                           struct mtm_buffer *prev, struct mtm_buffer *next)
{
    mtm_member_of(buffer)->ready_prev = prev;
    mtm_member_of(buffer)->ready_next = next;
    *(prev ? &mtm_member_of(prev)->ready_next : &listener->ready_first) = buffer;
    *(next ? &mtm_member_of(next)->ready_prev : &listener->ready_last) = buffer;
    mtm_store_rel(&listener->nready, mtm_load_rlx(&listener->nready) + 1); /* nready */
}

/* Where its turn puts it, if it is not there yet: nearly always at the end. */
static void insert(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *prev = listener->ready_last, *next = NULL;
    if (MTM_UNLIKELY(is_queued(listener, buffer))) return;
    mtm_member_of(buffer)->place = mtm_load_rlx(&mtm_member_of(buffer)->turn);
    for (int i = 0; i < STEPS_BACK && prev; ++i) {
        if ((ptrdiff_t)(mtm_member_of(prev)->place - mtm_member_of(buffer)->place) <= 0) break;
        next = prev;
        prev = mtm_member_of(prev)->ready_prev;
    }
    MTM_STEP(insert);
    insert_between(listener, buffer, prev, next);
}

/* `ready` stays as it is: who unlinks must insert again, or the buffer leaves the queue. */
static void unlink_ready(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_buffer *prev = mtm_member_of(buffer)->ready_prev,
                      *next = mtm_member_of(buffer)->ready_next;
    *(prev ? &mtm_member_of(prev)->ready_next : &listener->ready_first) = next;
    *(next ? &mtm_member_of(next)->ready_prev : &listener->ready_last) = prev;
    mtm_member_of(buffer)->ready_prev = mtm_member_of(buffer)->ready_next = NULL;
    MTM_STEP(unlink);
    mtm_store_rel(&listener->nready, mtm_load_rlx(&listener->nready) - 1);
}

/* The claim is given up before the bell is looked at: who finds it still there has knocked
 * before that. */
static void collect_knocked(struct mtm_listener *listener)
{
    MTM_STEP(collect_knocked);
    struct mtm_buffer *stack = mtm_swap_seq(&listener->knocked, NULL); /* pairs with push */
    while (stack) {
        struct mtm_buffer *buffer = stack;
        struct mtm_bell *bell = mtm_bell_of(buffer);
        stack = bell->next;
        insert(listener, buffer);
        MTM_STEP(give_up_the_claim);
        mtm_store_seq(&bell->knocked, false); /* pairs with mtm_ready_knocked */
    }
}

static void collect_newly_ready(struct mtm_listener *listener)
{
    if (!mtm_load_seq(&listener->newly_ready)) return; /* pairs with push */
    MTM_STEP(collect_newly_ready);
    struct mtm_buffer *stack = mtm_swap_seq(&listener->newly_ready, NULL), *list = NULL;
    while (stack) { /* oldest first */
        struct mtm_buffer *next = mtm_member_of(stack)->newly_next;
        mtm_member_of(stack)->newly_next = list;
        list = stack;
        stack = next;
    }
    while (list) {
        struct mtm_buffer *next = mtm_member_of(list)->newly_next;
        insert(listener, list);
        list = next;
    }
}

void mtm_ready_collect(struct mtm_listener *listener)
{
    if (MTM_UNLIKELY(mtm_load_seq(&listener->knocked) != NULL)) collect_knocked(listener);
    collect_newly_ready(listener);
}

bool mtm_ready_reorder(struct mtm_listener *listener, struct mtm_buffer **at)
{
    struct mtm_buffer *buffer = *at, *prev = mtm_member_of(buffer)->ready_prev;
    if (mtm_load_rlx(&mtm_member_of(buffer)->turn) == mtm_member_of(buffer)->place)
        return false;
    unlink_ready(listener, buffer);
    insert(listener, buffer);
    *at = prev ? mtm_member_of(prev)->ready_next : listener->ready_first;
    return true;
}

void mtm_ready_to_end(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    const size_t turn = next_turn(listener);
    mtm_store_rlx(&mtm_member_of(buffer)->turn, turn);
    MTM_STEP(stay_in_the_ready_queue);
    if (listener->ready_last == buffer) {
        mtm_member_of(buffer)->place = turn;
        return;
    }
    unlink_ready(listener, buffer);
    insert(listener, buffer);
}

/* It leaves the queue, and the stack of newly ready ones if it is there. The other stack it may
 * have entered since its knocks were counted. Its tail lock is held, too. */
static void leave(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    collect_newly_ready(listener);
    if (is_queued(listener, buffer)) unlink_ready(listener, buffer);
    mtm_member_of(buffer)->ready = false;
}

bool mtm_ready_retire(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    struct mtm_lock *lock = &buffer->queue.tail.lock;
    MTM_STEP(tail_is_free);
    if (!mtm_lock_if_free(lock)) return false; /* a message is on its way into it */
    const bool empty = !mtm_buffer_has_messages(buffer);
    if (empty) leave(listener, buffer);
    mtm_unlock(lock);
    return empty;
}

void mtm_ready_drop(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    if (!mtm_lock_if_free(&buffer->queue.tail.lock)) return;
    if (mtm_object_may_take(&buffer->object) != MTM_OK || !mtm_buffer_has_messages(buffer))
        leave(listener, buffer);
    mtm_unlock(&buffer->queue.tail.lock);
}

void mtm_ready_take_off(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&buffer->queue.tail.lock);
    mtm_ready_collect(listener);
    leave(listener, buffer);
    mtm_unlock(&buffer->queue.tail.lock);
}

/* ---- any lock of the listener, or none ---- */

void mtm_ready_enter(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&buffer->queue.tail.lock);
    if ((!mtm_member_of(buffer)->ready || mtm_load_rlx(&mtm_member_of(buffer)->emptied)) &&
        mtm_buffer_has_messages(buffer) && mtm_object_may_take(&buffer->object) == MTM_OK) {
        mtm_ready_push(listener, buffer);
    }
    mtm_unlock(&buffer->queue.tail.lock);
}

void mtm_ready_passed_by(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_store_rlx(&mtm_member_of(buffer)->turn, next_turn(listener));
    if (!mtm_buffer_has_messages(buffer)) mtm_store_rlx(&mtm_member_of(buffer)->emptied, true);
}

size_t mtm_ready_count(const struct mtm_listener *listener)
{
    MTM_STEP(see_newly_ready);
    size_t fresh = mtm_load_seq(&listener->newly_ready) != NULL;
    MTM_STEP(see_knocked);
    if (MTM_UNLIKELY(mtm_load_seq(&listener->knocked) != NULL)) ++fresh;
    MTM_STEP(see_nready);
    const size_t ready = mtm_load_seq(&listener->nready);
    if (fresh + ready > 0) return fresh + ready;
    MTM_STEP(see_connected);
    return mtm_load_seq(&listener->connected) == 0;
}
