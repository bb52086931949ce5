/* A segment: a ring of bytes, one link of the chain in which a buffer stores its messages.
 * One thread writes and one reads at a time; the queue decides who, and how far each may go. */
#ifndef MTM_CORE_SEGMENT_H
#define MTM_CORE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include "core/copy.h"
#include "platform/atomic.h"

struct mtm_segment {
    _Atomic(struct mtm_segment *) next; /* set once by the writer, after `end` */
    size_t cap;                         /* bytes of the ring */
    size_t end; /* where in the stream of all bytes it ends; valid when next is set */
    bool keep;  /* the first ring of a sized queue: not freed before the queue is shut */
};

static inline unsigned char *mtm_segment_data(struct mtm_segment *segment)
{
    return (unsigned char *)(segment + 1);
}

/* An empty ring of cap bytes, or NULL. No lock may be held. */
struct mtm_segment *mtm_segment_new(size_t cap);

/* Copy len <= cap bytes into the ring at offset pos < cap (or out of it), around its end if
 * need be; returns the offset after them. */
static inline size_t mtm_segment_write(struct mtm_segment *segment, size_t pos,
                                       const void *from, size_t len)
{
    unsigned char *ring = mtm_segment_data(segment);
    size_t straight = segment->cap - pos;
    if (len < straight) {
        mtm_copy(ring + pos, from, len);
        return pos + len;
    }
    memcpy(ring + pos, from, straight);
    memcpy(ring, (const unsigned char *)from + straight, len - straight);
    return len - straight;
}

static inline size_t mtm_segment_read(struct mtm_segment *segment, size_t pos, void *to,
                                      size_t len)
{
    const unsigned char *ring = mtm_segment_data(segment);
    size_t straight = segment->cap - pos;
    if (len < straight) {
        mtm_copy(to, ring + pos, len);
        return pos + len;
    }
    memcpy(to, ring + pos, straight);
    memcpy((unsigned char *)to + straight, ring, len - straight);
    return len - straight;
}

#endif
