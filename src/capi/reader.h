/* The readers of native code, as the API that reads and the one that passes values on see them.
 * Who makes them is in sender_api.c. */
#ifndef MTC_READER_H
#define MTC_READER_H

#include "core/walk.h"

struct sender_reader {
    struct mtm_reader reader;
    struct mtm_walk walk; /* of version 1.1 */
};

#endif
