/* A buffer as a notifier: each notification is an empty message. A caller that must not wait,
 * and finds the buffer busy, leaves the notification to whoever has its lock. */
#ifndef MTM_CORE_BELL_H
#define MTM_CORE_BELL_H

#include "core/buffer.h"

/* One notification. As mtm_buffer_put of an empty message: OK, CLOSED, ABORTED, FULL,
 * TOO_LARGE, NOMEM; *next: the buffer's own notifier, if that fires, with a reference, or NULL.
 * Never BUSY: then the buffer owes it to itself, and it counts as done. */
enum mtm_status mtm_bell_ring(struct mtm_buffer *bell, bool nonblock,
                              struct mtm_notifier **next);

/* What the buffer owes becomes messages, for which its notifier is called. One that is refused
 * now, as the buffer is closed, aborted or full, is dropped, as it would have been in the
 * first place. Whoever has given back the tail lock and was told so calls this, without a lock.
 */
void mtm_bell_pay(struct mtm_buffer *bell, bool nonblock);

#endif
