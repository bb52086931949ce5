/* Notifiers: what is called when a message was added to, or taken from, a buffer. Calls are
 * made after every lock has been given back; which notifier is connected where, and when it
 * fires, is the buffer's business. */
#ifndef MTM_CORE_NOTIFY_H
#define MTM_CORE_NOTIFY_H

#include "core/status.h"
#include "platform/plat.h"

struct mtm_buffer;

/* Why a notifier failed: a text of the heap, owned by whoever passed the struct in, or NULL if
 * there was no memory for one. Start with {0}; free with mtm_failure_free. */
struct mtm_failure {
    char *text;
    size_t len;
};

void mtm_failure_free(struct mtm_failure *failure);

/* The text to show for a failure: its own one, or a fixed one if it has none. */
const char *mtm_failure_text(const struct mtm_failure *failure, size_t *len);

typedef void (*mtm_error_handler)(void *data, const char *text, size_t len);

enum { MTM_NOTIFY_CLOSED = 1 }; /* result of notify: drop me */

/* How to deal with a notifier that is not one of our buffers. */
struct mtm_notifier_ops {
    void (*release)(const void *code, void *object);
    int (*notify)(const void *code, void *object, mtm_error_handler handler, void *data);
};

/* Functions of other modules, for ops to call, of types that only those know. */
struct mtm_foreign_code {
    void (*release)(void);
    void (*notify)(void);
};

/* One connection of a notifier to a buffer; reference counted. */
struct mtm_notifier {
    mtm_a32 refs;              /* atomic */
    int64_t threshold;         /* constant, as the rest; <= 0: none */
    struct mtm_buffer *buffer; /* if it is one of ours (a reference), else NULL */
    const struct mtm_notifier_ops *ops;
    struct mtm_foreign_code code; /* what ops get: nothing of a state that may be gone */
    void *object;
    struct mtm_notifier *next_doomed; /* owned by who gave back the last reference */
};

/* A connection with one reference; takes over the caller's reference to the buffer or object,
 * unless it returns NULL (no memory). No lock held. */
struct mtm_notifier *mtm_notifier_new_buffer(struct mtm_buffer *buffer, int64_t threshold);
struct mtm_notifier *mtm_notifier_new_foreign(const struct mtm_notifier_ops *ops,
                                              const struct mtm_foreign_code *code, void *object,
                                              int64_t threshold);

/* Any thread; never blocks. */
static inline void mtm_notifier_retain(struct mtm_notifier *notifier)
{
    mtm_add_rlx(&notifier->refs, 1);
}

/* Any thread that holds no lock: the last one releases buffer or object. NULL is fine. */
void mtm_notifier_release(struct mtm_notifier *notifier);

/* Which of a buffer's notifiers. */
enum mtm_event { MTM_ADDED, MTM_TAKEN, MTM_EVENTS };

/* Calls the notifier of `buffer` for an event that has happened, and on through buffers that
 * are notifiers of buffers, by a loop; takes over the reference to `notifier` (NULL: nothing to
 * do). Disconnects those that are closed. OK, or NOTIFIER_FAILED with the failure filled in. No
 * lock held; blocks as long as foreign notifiers do. */
enum mtm_status mtm_notify(struct mtm_buffer *buffer, enum mtm_event event,
                           struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure);

#endif
