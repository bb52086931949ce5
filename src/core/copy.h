/* Copying of short messages. The C library's memcpy copies a short block by two accesses that
 * overlap; the next reader of these bytes then has to wait until both stores have left the
 * store buffer, which costs as much as everything else here. */
#ifndef MTM_CORE_COPY_H
#define MTM_CORE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MTM_COPY_SHORT = 256 };

/* As memcpy, for short blocks. */
static inline void mtm_copy_short(void *to, const void *from, size_t len)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    for (; len >= 8; t += 8, f += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, f, 8);
        memcpy(t, &word, 8);
    }
    if (len & 4) {
        uint32_t half;
        memcpy(&half, f, 4);
        memcpy(t, &half, 4);
        t += 4, f += 4;
    }
    if (len & 2) {
        uint16_t pair;
        memcpy(&pair, f, 2);
        memcpy(t, &pair, 2);
        t += 2, f += 2;
    }
    if (len & 1) *t = *f;
}

/* As memcpy, for blocks that are mostly short. */
static inline void mtm_copy(void *to, const void *from, size_t len)
{
    if (len < MTM_COPY_SHORT) mtm_copy_short(to, from, len);
    else memcpy(to, from, len);
}

#endif
