/* Connections of notifiers to buffers. When one fires is the buffer's business, calling it that
 * of notify.h. */
#ifndef MTM_CORE_NOTIFIER_H
#define MTM_CORE_NOTIFIER_H

#include "core/drop.h"
#include "core/failure.h"
#include "core/reach.h"
#include "core/running.h"
#include "platform/plat.h"

struct mtm_buffer;

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
    struct mtm_bearer bearer; /* of the reference to the buffer: */
    struct mtm_edge edge;
    mtm_a32 gone;           /* atomic: 1: it has been disconnected */
    mtm_a32 running;        /* atomic: 1: somebody has `run` */
    struct mtm_running run; /* for the first thread that is calling it */
    struct mtm_drop drop;   /* owned by who gave back the last reference */
};

/* A connection with one reference, or NULL: no memory, or too many references to the buffer.
 * It retains the buffer, to which the caller has a reference; it takes over the caller's
 * reference to the object, unless it returns NULL. No lock held. */
struct mtm_notifier *mtm_notifier_new_buffer(struct mtm_buffer *buffer, int64_t threshold);
struct mtm_notifier *mtm_notifier_new_foreign(const struct mtm_notifier_ops *ops,
                                              const struct mtm_foreign_code *code, void *object,
                                              int64_t threshold);

/* The one whose `drop` it is. */
static inline struct mtm_notifier *mtm_notifier_of_drop(struct mtm_drop *drop)
{
    void *begin = (char *)drop - offsetof(struct mtm_notifier, drop);
    return begin;
}

/* Before it is connected to `owner`, to which the caller has a reference: OK or NOMEM. Its own
 * buffer is held by that from now on. No lock held. */
enum mtm_status mtm_notifier_prepare(struct mtm_notifier *notifier, struct mtm_object *owner);

/* Any thread; never blocks. */
static inline void mtm_notifier_retain(struct mtm_notifier *notifier)
{
    mtm_add_rlx(&notifier->refs, 1);
}

/* Any thread that holds no lock: the last one releases buffer or object, or with `nonblock`
 * hands that on. NULL is fine. */
void mtm_notifier_release(struct mtm_notifier *notifier, bool nonblock);

#endif
