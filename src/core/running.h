/* Which notifiers a thread is calling at this moment: one that is running is not called again
 * in the middle of that, but once more after it. An error that leaves a notifier by a jump must
 * not leave anything behind. */
#ifndef MTM_CORE_RUNNING_H
#define MTM_CORE_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

struct mtm_buffer;
struct mtm_notifier;

/* Which of a buffer's notifiers. */
enum mtm_event { MTM_ADDED, MTM_TAKEN, MTM_EVENTS };

/* A call that is under way; on the list of its thread, which owns it. */
struct mtm_running {
    struct mtm_running *outer;
    uint64_t serial; /* of the call, in this thread; never 0 */
    uintptr_t frame; /* where the call is on the stack, which grows downwards */
    const struct mtm_buffer *buffer;
    struct mtm_notifier *notifier; /* a reference */
    struct mtm_notifier *keeps; /* a reference: the connection that keeps the buffer, or NULL */
    struct mtm_notifier *owed;  /* to be called when this call has ended; a reference */
    enum mtm_event owed_event;
};

/* All of this: no lock held; what a thread calls concerns that thread alone. */

/* If this thread is just calling that notifier on behalf of the buffer, it owes one more call
 * of it: true. `here`, as in begin: the place on the stack of the function that makes the call.
 */
bool mtm_running_owes(const struct mtm_buffer *buffer, enum mtm_event event,
                      struct mtm_notifier *notifier, const void *here);

/* A call begins: its number, or 0 if there is no memory. Takes over the references to the
 * notifier and to what keeps the buffer (or NULL), unless it is 0. */
uint64_t mtm_running_begin(const struct mtm_buffer *buffer, struct mtm_notifier *notifier,
                           struct mtm_notifier *keeps, const void *here);

/* Whether the call still counts as running. */
bool mtm_running_is(uint64_t serial);

/* What is owed because of this call, with a reference, or NULL. */
struct mtm_notifier *mtm_running_take_owed(uint64_t serial, enum mtm_event *event);

/* The call has ended. */
void mtm_running_end(uint64_t serial, bool nonblock);

/* The latest call that this thread has begun and not ended (0: none), before something that may
 * be left by a jump; and after such a jump: the calls begun since have ended. */
uint64_t mtm_running_serial(void);
void mtm_running_unwind(uint64_t before);

#endif
