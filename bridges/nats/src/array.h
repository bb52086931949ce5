/* The elements of arrays between machines: little-endian there, native here. */
#ifndef MTN_ARRAY_H
#define MTN_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

static inline bool mtn_is_little(void)
{
    const unsigned short one = 1;
    return *(const unsigned char *)&one == 1;
}

/* The bytes of one element in the other order. */
static inline void mtn_swap(unsigned char *to, const unsigned char *from, size_t size)
{
    for (size_t i = 0; i < size; ++i) to[i] = from[size - 1 - i];
}

/* Bytes of an element of that type (numbers as in the C APIs), or 0. */
size_t mtn_element_size(int type);

/* The type here for elements of so many bytes that are of that type elsewhere: long has 4 bytes
 * on some systems and 8 on others. 0: there is none. */
int mtn_type_here(int type, size_t size);

#endif
