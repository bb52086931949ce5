/* Messages back to Lua values. It knows Lua and the wire format, and nothing of buffers or of
 * where the bytes come from. */
#ifndef MTL_DECODE_H
#define MTL_DECODE_H

#include "capi/handle.h"
#include "core/wire.h"
#include "lua/decode_deep.h"
#include "platform/plat.h"

enum { MTL_FAST_VALUES = 16 };

/* The common case: pushes up to MTL_FAST_VALUES values that are no arrays. Their number, or -1
 * if it is not so; then some may have been pushed. Can raise memory errors. */
int mtl_decode_short(lua_State *L, const unsigned char *at, size_t size);

/* The same where some are our objects, each for the first and only time: for these it pushes
 * handles, which mtl_set_objects sets. */
int mtl_decode_laden(lua_State *L, struct mtc_state *state, const unsigned char *at,
                     size_t size);

/* Pushes a word that mtc_is_plain_word; needs one place of the stack, and raises nothing. */
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

/* Any message of `size` bytes whose values need no given carrays; at most so many that the
 * stack can have room for them. Pushes some values, and above them those of the message, and
 * returns the number of the latter. Raises all that decoding can raise. */
int mtl_decode_direct(lua_State *L, struct mtc_state *state, const unsigned char *at,
                      size_t size);

/* Bytes on their way back to Lua. */
struct mtl_decoder {
    const unsigned char *at, *end;
    const struct mtm_cargo *cargo; /* the message's objects, or NULL */
    size_t max;                    /* most values to read */
    bool keep;                     /* return what was seen, too */
    struct mtl_seen seen;
};

/* Pushes values as long as that can't raise an error and the stack has room without asking.
 * True if this was all: *pushed is their number. Otherwise nothing has been pushed and the
 * decoder has not moved. */
bool mtl_decode_fast(lua_State *L, struct mtl_decoder *decoder, int *pushed);

/* Pushes mtl_decode (upvalue 1 of the running function), what was seen of the message so far,
 * nothing, and the values first..last, which are carrays or nil. */
void mtl_decode_prepare(lua_State *L, int first, int last);

/* What prepare has pushed is on top, so many arguments: calls the function in protected mode,
 * with the result of lua_pcall. It returns the values, then, if decoder->keep, the two that say
 * what was seen; and moves the decoder, unless it raises. */
int mtl_decode_protected(lua_State *L, struct mtc_state *state, struct mtl_decoder *decoder,
                         int arguments);

/* A Lua C function whose upvalue 1 is the state. */
int mtl_decode(lua_State *L);

#endif
