/* Sending to a buffer: one message that the caller has encoded, or what a writer has gathered.
 * How messages are stored is in queue.h; receiving is in receive.h and reader.h. */
#ifndef MTM_CORE_SEND_H
#define MTM_CORE_SEND_H

#include "core/buffer.h"
#include "core/writer.h"

/* Any thread that has a reference to the buffer and holds no lock; they wait for locks only,
 * and with `nonblock` return BUSY instead. */

/* OK, CLOSED, ABORTED, FULL, TOO_LARGE, NOMEM, BUSY, or NOTIFIER_FAILED: the message is in all
 * the same. Wakes a receiver, calls the notifier. Waits for locks only. */
enum mtm_status mtm_buffer_add(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure);

/* As add, in place of all messages that are there, in one step; never FULL. */
enum mtm_status mtm_buffer_set(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool nonblock, struct mtm_failure *failure);

/* Add or set without calling the notifier: it is returned with a reference (or NULL), for
 * mtm_notify. */
enum mtm_status mtm_buffer_put(struct mtm_buffer *buffer, const struct mtm_message *message,
                               bool replace, bool nonblock, struct mtm_notifier **notifier);

/* For mtm_bell_ring: one empty message. The buffer's own notifier is not called, but returned
 * with a reference (or NULL). Nobody is told that the lock was given back: the caller looks for
 * what is owed. With nonblock, and the buffer being received from, the notifier may also be
 * returned for a message more than there is. */
enum mtm_status mtm_buffer_add_empty(struct mtm_buffer *buffer, bool nonblock,
                                     struct mtm_notifier **next);

/* As mtm_buffer_put of the writer's values: once they are in, the writer is empty. */
enum mtm_status mtm_writer_put(struct mtm_writer *writer, struct mtm_buffer *buffer,
                               bool replace, bool nonblock, struct mtm_notifier **notifier);

/* As add (or set) of the writer's values. Once the message is in, the writer is empty; if it is
 * not, nothing has changed. */
enum mtm_status mtm_writer_send(struct mtm_writer *writer, struct mtm_buffer *buffer,
                                bool replace, bool nonblock, struct mtm_failure *failure);

#endif
