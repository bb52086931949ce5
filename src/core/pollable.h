/* Descriptors for event loops, each of which is readable while receiving from a source would
 * not wait. They wait for good: whoever publishes tells them, beside waking a thread. What is
 * polled and how is the platform's business. docs/design.md proves the protocol. */
#ifndef MTM_CORE_POLLABLE_H
#define MTM_CORE_POLLABLE_H

#include "core/source.h"

struct mtm_pollable;

/* A descriptor of one who receives from the source, in one thread at a time: the owner. OK,
 * NOMEM, or TOO_MANY: the system gives none, and *why says why; static. The owner keeps the
 * source alive, and holds no lock, as for the others. */
enum mtm_status mtm_pollable_open(struct mtm_source *source, struct mtm_pollable **out,
                                  const char **why);

/* What to poll: readable if there is a message, or an end that a receive would report; after
 * the last message perhaps until the owner's next receive has found nothing. -1 in a forked
 * process. */
intptr_t mtm_pollable_descriptor(const struct mtm_pollable *pollable);

/* A receive of the owner has found nothing, EMPTY or BUSY: the descriptor will not be readable
 * any more, unless there is something after all. Two system calls at most; never blocks. */
void mtm_pollable_found_nothing(struct mtm_source *source, struct mtm_pollable *pollable,
                                enum mtm_status status);

/* No more use of it by the owner; the descriptor is closed, now or when those who are just
 * telling it are done. */
void mtm_pollable_close(struct mtm_source *source, struct mtm_pollable *pollable);

/* Something was published, and a seq_cst fence came after that: makes all descriptors of the
 * source readable that are not. Any thread that keeps the source alive; never blocks. */
void mtm_pollables_tell(struct mtm_source *source);

/* The source is freed: nobody else has it. */
void mtm_pollables_free(struct mtm_object *object);

#endif
