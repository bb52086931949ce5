/* Plain Lua values to messages. It knows Lua and the wire format, and nothing of buffers;
 * tables, functions, and what can't travel are the business of encode_deep.h. */
#ifndef MTL_ENCODE_H
#define MTL_ENCODE_H

#include "capi/shim.h"
#include "core/wire.h"
#include "core/block.h"
#include "platform/plat.h"

enum { MTL_SCRATCH = 4096 };

/* Values on their way into a message: into scratch memory on the C stack first; long strings
 * and arrays are referred to where they are. */
struct mtl_encoder {
    unsigned char *at, *end; /* the scratch memory that is left */
    unsigned char *part;     /* where the part that is being written begins */
    int last;                /* index of the last value */
    bool takes_objects;
    struct mtm_cargo *cargo; /* the objects among the values, or NULL */
    struct mtm_message message;
    unsigned char scratch[MTL_SCRATCH];
};

/* Encodes the values first..last of the stack to encoder->message, which refers to them: they
 * must stay where they are until it has been used. False if they don't fit, or are not plain:
 * use mtl_encode_deep. Raises nothing. */
bool mtl_encode(lua_State *L, int first, int last, struct mtl_encoder *encoder);

/* The same, and buffers, listeners and topics are plain, too, if they come once each.
 * Afterwards the caller drops encoder->cargo, which a put has set to NULL. */
bool mtl_encode_objects(lua_State *L, int first, int last, struct mtl_encoder *encoder);

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

#endif
