/* Receiving from a buffer or a listener: one loop for both, and what happens to a message after
 * it has been taken. How messages are found is in buffer.h and listener.h, what they contain in
 * wire.h. */
#ifndef MTM_CORE_RECEIVE_H
#define MTM_CORE_RECEIVE_H

#include "core/buffer.h"

/* A message on its way from the queue to a receiver. It belongs to one thread. */
struct mtm_delivery {
    struct mtm_slot slot;    /* carrier and limit are the receiver's, block is the message */
    struct mtm_buffer *from; /* where it was taken */
    bool more;               /* there was more, as far as the consumers' side knew */
    bool served;             /* somebody else's message was put in: see room.h */
    struct mtm_listener *through;  /* the listener by which, or NULL; then `from` is held */
    struct mtm_notifier *notifier; /* to be called, or NULL */
};

/* Takes the next message, waiting for it as `wait` says. The caller has a reference to the
 * object and holds no lock. OK: then call notify (or not: then back), and at last done or back.
 * EMPTY (nothing came in time), BUSY, CLOSED (or finished, and drained), ABORTED, NO_BUFFERS,
 * TOO_LARGE (the limit).
 * GROW: slot.need bytes are needed; get a larger carrier and call again with the same `wait`.
 * If not OK no message was taken. */
enum mtm_status mtm_receive(struct mtm_object *object, struct mtm_wait *wait,
                            struct mtm_delivery *delivery);

/* As mtm_receive from a buffer, but the message stays there: others may look at it, too, and
 * take it meanwhile. OK: slot.block is the carrier with a copy, or a block that others may be
 * reading; mtm_peek_done is for afterwards. Who has waited passes on what it was woken for. */
enum mtm_status mtm_peek(struct mtm_buffer *buffer, struct mtm_wait *wait,
                         struct mtm_delivery *delivery);
void mtm_peek_done(struct mtm_delivery *delivery);

/* Begins to wait as mtm_receive does, by polling for a moment, for a caller that can take a
 * message in a way of its own. True: it should try to. If it got one it calls mtm_pass_baton,
 * else mtm_receive with the same `wait`. Nothing may come between that could fail. */
bool mtm_poll(struct mtm_object *object, struct mtm_wait *wait);

/* Who has waited may have been woken, or may have stood in, for a message that it leaves
 * behind: if anything is left, this wakes another receiver. */
void mtm_pass_baton(struct mtm_object *object);

/* The notifier for the removal, with its reference, or NULL: whoever has it calls it. */
static inline struct mtm_notifier *mtm_delivery_take_notifier(struct mtm_delivery *delivery)
{
    struct mtm_notifier *notifier = delivery->notifier;
    delivery->notifier = NULL;
    return notifier;
}

/* Calls the notifier for the removal. OK or NOTIFIER_FAILED; done or back must follow. */
enum mtm_status mtm_delivery_notify(struct mtm_delivery *delivery, bool nonblock,
                                    struct mtm_failure *failure);

/* The message has been received; the receiver keeps slot.block. */
void mtm_delivery_done(struct mtm_delivery *delivery, bool nonblock);

/* The message goes back to its place in the order, first in line; never fails. The memory goes
 * with it: if it was the carrier's, slot.carrier is NULL afterwards. Calls no notifier. False:
 * the messages of its time have been thrown away since, and this one with them. */
bool mtm_delivery_put_back(struct mtm_delivery *delivery);

#endif
