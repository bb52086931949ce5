/* Makes streams, for programs that don't leave that to others. */
#ifndef MTN_STREAM_H
#define MTN_STREAM_H

#include "conn.h"

struct mtn_stream_options {
    const char *name;
    const char *const *subjects;
    int subject_count;
    int64_t most_messages, most_bytes, most_age_ns; /* 0: no limit */
    bool in_memory;                                 /* and not in a file */
    bool is_queue;  /* a message that was acknowledged is gone */
    bool drops_old; /* when it is full; else what comes is refused, and its export waits */
};

/* NULL: there is one of that name with these options now; or the text of what went wrong. */
const char *mtn_stream_add(struct mtn_conn *conn, const struct mtn_stream_options *options,
                           char text[MTN_TEXT]);

#endif
