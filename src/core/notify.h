/* Calling notifiers when a message was added to, or taken from, a buffer, after every lock has
 * been given back. Which notifier is connected where, and when it fires, is the buffer's
 * business. */
#ifndef MTM_CORE_NOTIFY_H
#define MTM_CORE_NOTIFY_H

#include "core/notifier.h"
#include "core/status.h"

/* Calls the notifier of `buffer` for an event that has happened, and on through buffers that
 * are notifiers of buffers, by a loop; takes over the reference to `notifier` (NULL: nothing to
 * do). Disconnects those that are closed. OK, or NOTIFIER_FAILED with the failure filled in. No
 * lock held; blocks as long as foreign notifiers do. */
enum mtm_status mtm_notify(struct mtm_buffer *buffer, enum mtm_event event,
                           struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure);

#endif
