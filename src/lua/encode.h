/* Lua values to messages. Which values can travel is decided here; it knows Lua and the wire
 * format, and nothing of buffers. */
#ifndef MTL_ENCODE_H
#define MTL_ENCODE_H

#include "capi/shim.h"
#include "core/wire.h"
#include "core/writer.h"

enum { MTL_SCRATCH = 4096 };

/* Values on their way into a message: into scratch memory on the C stack first; long strings
 * and arrays are referred to where they are. What does not fit goes to a writer. */
struct mtl_encoder {
    unsigned char *at, *end;   /* the scratch memory that is left */
    unsigned char *part;       /* where the part that is being written begins */
    struct mtm_writer *writer; /* if not NULL, everything goes there instead */
    int last;                  /* index of the last value */
    enum mtm_status status;    /* why a writer had no room */
    struct mtm_message message;
    unsigned char scratch[MTL_SCRATCH];
};

/* Encodes the values first..last of the stack to encoder->message, which refers to them: they
 * must stay where they are until it has been used. False if they don't fit: use a writer.
 * Raises "bad argument" for what can't travel. */
bool mtl_encode(lua_State *L, int first, int last, struct mtl_encoder *encoder);

/* The common case: numbers, booleans, nil and short strings, to at most `cap` bytes at `to`.
 * Their size, or -1 if it is not so. Raises nothing. */
int mtl_encode_short(lua_State *L, int first, int last, unsigned char *to, int cap);

/* The number at this index. */
static inline struct mtm_word mtl_number_to_word(lua_State *L, int index)
{
    int64_t integer;
    double number;
    struct mtm_word word = {.tag = MTM_TAG_INTEGER};
    if (MTM_LIKELY(mtc_number(L, index, &integer, &number))) {
        word.bits = (uint64_t)integer;
        if (word.bits <= UINT8_MAX) word.tag = MTM_TAG_BYTE;
        return word;
    }
    word.tag = MTM_TAG_NUMBER;
    memcpy(&word.bits, &number, sizeof number);
    return word;
}

/* Encodes them to a writer. OK, TOO_LARGE or NOMEM; if not OK, or if it raises, part of them
 * may have been written. */
enum mtm_status mtl_encode_to_writer(lua_State *L, int first, int last,
                                     struct mtm_writer *writer);

#endif
