/* MessagePack to messages: bytes that anybody may have sent, checked at every step. It
 * allocates nothing but what the writer needs, and takes no stack for tables in tables. */
#ifndef MTN_UNPACK_H
#define MTN_UNPACK_H

#include "api.h"

#include <stdbool.h>

/* Whether the bytes begin as a message does: with an array. Others are no MessagePack of ours,
 * but whatever their sender meant. */
bool mtn_is_packed(const void *bytes, size_t size);

/* Adds the values to the writer, at most so many with those in tables. NULL, or why they can't
 * be: then some of them have been added. */
const char *mtn_unpack(const void *bytes, size_t size, size_t most_values,
                       const receiver_capi_2_1 *api, receiver_writer *writer);

#endif
