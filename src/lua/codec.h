/* Lua values to messages and back. It knows Lua and the wire format, and nothing of buffers.
 * Which values can travel is decided here. */
#ifndef MTL_CODEC_H
#define MTL_CODEC_H

#include "capi/shim.h"
#include "core/wire.h"
#include "core/writer.h"

enum { MTL_SCRATCH = 4096, MTL_FAST_VALUES = 16 };

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

/* The common case: pushes up to MTL_FAST_VALUES values that are no arrays. Their number, or -1
 * if it is not so; then some may have been pushed. Can raise memory errors. */
int mtl_decode_short(lua_State *L, const unsigned char *at, size_t size);

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

/* Pushes it; needs one place of the stack, and raises nothing. */
static inline void mtl_push_word(lua_State *L, struct mtm_word word)
{
    double number;
    if (word.tag == MTM_TAG_NUMBER) {
        memcpy(&number, &word.bits, sizeof number);
        lua_pushnumber(L, (lua_Number)number);
    } else if (word.tag == MTM_TAG_BOOLEAN) {
        lua_pushboolean(L, word.bits != 0);
    } else {
        mtc_push_integer(L, (int64_t)word.bits);
    }
}

/* Encodes them to a writer. OK, TOO_LARGE or NOMEM; if not OK, or if it raises, part of them
 * may have been written. */
enum mtm_status mtl_encode_to_writer(lua_State *L, int first, int last,
                                     struct mtm_writer *writer);

/* Bytes on their way back to Lua. */
struct mtl_decoder {
    const unsigned char *at, *end;
    size_t max; /* most values to read */
};

/* Pushes values as long as that can't raise an error and the stack has room without asking.
 * True if this was all: *pushed is their number. Otherwise nothing has been pushed and the
 * decoder has not moved. */
bool mtl_decode_fast(lua_State *L, struct mtl_decoder *decoder, int *pushed);

/* A Lua C function, for a protected call: arguments are the decoder (light userdata) and the
 * given carrays; returns the values. The decoder moves if it does not raise. */
int mtl_decode(lua_State *L);

#endif
