/* What can be seen of an object from outside, for people who look for where messages pile up.
 * It only looks: nothing is counted for it. */
#ifndef MTM_CORE_INFO_H
#define MTM_CORE_INFO_H

#include "core/bound.h"
#include "core/object.h"

struct mtm_info {
    /* A buffer's, or of all buffers of a listener together: only messages and bytes. A topic
     * has none. */
    struct mtm_queue_numbers numbers;
    struct mtm_bounds bounds;  /* a buffer's; SIZE_MAX: none; maxbytes includes a fixed size */
    size_t receivers, senders; /* threads that wait */
    size_t selects;            /* those of the receivers that wait for other sources, too */
    size_t members;            /* buffers of a listener, subscribers of a topic */
    size_t references;         /* of all kinds, the caller's included */
    uint64_t listener, topic;  /* ids of those that a buffer belongs to, or 0 */
    bool closed, finished, aborted;
};

/* The caller has a reference and holds no lock. Waits for locks, those of buffers, for a few
 * steps each. An inherited object has nothing but its state. */
void mtm_object_info(struct mtm_object *object, struct mtm_info *info);

#endif
