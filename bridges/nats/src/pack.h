/* Messages to MessagePack: the values of a reader as one array, one message behind the other in
 * memory that grows. It owns the bytes; it knows nothing of NATS. */
#ifndef MTN_PACK_H
#define MTN_PACK_H

#include "api.h"

#include <msgpack.h>
#include <stdbool.h>

/* Tables inside of one another; with the array around them as many as libmsgpack reads. */
enum { MTN_DEPTH = 31 };

/* A table that comes again: its bytes. */
struct mtn_range {
    size_t number, begin, end; /* end: 0 while it is open */
};

/* A table that has been begun. */
struct mtn_level {
    size_t sequence, next; /* values of the sequence, and how many have come */
    bool is_map;           /* so they need keys */
    size_t range;          /* its entry among the ranges, or (size_t)-1 */
};

struct mtn_packer {
    msgpack_sbuffer bytes;
    bool failed;  /* there was no memory for some of them */
    size_t limit; /* constant: most bytes of a message */
    struct mtn_range *range;
    size_t ranges, room;
    struct mtn_level level[MTN_DEPTH];
    size_t depth;
    size_t begin;    /* where the message that is packed begins */
    size_t at, size; /* of what was added last */
};

void mtn_packer_init(struct mtn_packer *packer, size_t limit);
void mtn_packer_fini(struct mtn_packer *packer);

/* Adds what the reader has: `at` and `size` tell where it is. NULL, or why the message can't
 * leave the process: then nothing is added. */
const char *mtn_pack(struct mtn_packer *packer, const sender_capi_1_1 *api,
                     sender_reader *reader);

/* Adds bytes as they are. False: out of memory. */
bool mtn_pack_bytes(struct mtn_packer *packer, const char *bytes, size_t size);

/* What was added, good until more is. */
static inline const char *mtn_packed(const struct mtn_packer *packer, size_t at)
{
    return packer->bytes.data + at;
}

/* Nothing is in it any more, nor does it keep much memory. */
void mtn_packer_clear(struct mtn_packer *packer);

#endif
