/* The ready queue of a listener: which of its buffers have messages, and in what order they are
 * served. Taking from them is in listener_take.c.
 *
 * A buffer goes to the end of the line when it gets its first message, when one of its messages
 * was taken, by whomever, and when it is enabled again. It is ready (in the stack of newly
 * ready ones, or on the queue) as long as it has messages; what is left empty stays until
 * somebody looks at it. */
#ifndef MTM_CORE_READY_H
#define MTM_CORE_READY_H

#include "core/listener.h"

/* The tail lock of the buffer is held, and a message is about to be published: the buffer
 * enters unless it is there; before publishing, so that a message is never there without its
 * entry. */
void mtm_ready_push(struct mtm_listener *listener, struct mtm_buffer *buffer);

static inline void mtm_ready_before_publishing(struct mtm_buffer *buffer)
{
    struct mtm_object *owner = buffer->object.owner;
    if (MTM_LIKELY(!owner)) return;
    if (mtm_member_of(buffer)->ready && !mtm_load_rlx(&mtm_member_of(buffer)->emptied)) return;
    mtm_ready_push((struct mtm_listener *)owner, buffer);
}

/* After a knock (bell.h): the buffer enters with the next look. No lock needed, never blocks;
 * the caller has a reference. */
void mtm_ready_knocked(struct mtm_buffer *buffer);

/* After that, with no lock held: wakes one who waits for the listener, if there is one. */
static inline void mtm_ready_wake(struct mtm_buffer *buffer)
{
    struct mtm_object *owner = buffer->object.owner;
    if (MTM_UNLIKELY(owner != NULL)) mtm_source_wake_one(mtm_to_source(owner));
}

/* The lock of the listener is held, and for these two the buffer is on the queue. reorder:
 * false if it stands where it belongs; else it goes there, and *buffer is what stands in its
 * old place (NULL: nothing). to_end: one of its messages was taken, or could not be received.
 */
bool mtm_ready_reorder(struct mtm_listener *listener, struct mtm_buffer **buffer);
void mtm_ready_to_end(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* Lock of the listener held; the buffer is on the queue, and seems to be empty. It leaves the
 * queue (true), unless it has messages after all, or one is just being put. Never blocks. */
bool mtm_ready_retire(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* The same for one that is closed or aborted, or finished. */
void mtm_ready_drop(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* Lock of the listener held; the buffer leaves the queue. Waits for its tail lock. */
void mtm_ready_take_off(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* Takes over what producers have pushed, oldest first. Lock of the listener held. */
void mtm_ready_collect(struct mtm_listener *listener);

/* The buffer enters if it has messages, may be read, and is not there or has been emptied
 * since. Waits for its tail lock; the lock of the listener may be held. The caller wakes
 * afterwards. */
void mtm_ready_enter(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* Messages of the buffer were taken, or thrown away, by another way than the listener. No lock
 * held. */
void mtm_ready_passed_by(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* How many buffers are ready, at least; 1 if there are no buffers any more. Lock-free. */
size_t mtm_ready_count(const struct mtm_listener *listener);

#endif
