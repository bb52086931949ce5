/* Values to bytes and back. The bytes never leave the process, so they are in the machine's own
 * order; what they take is what the documentation says that values account for. Every function
 * is pure. */
#ifndef MTM_CORE_WIRE_H
#define MTM_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/size.h"

/* The first byte of each value, and what follows it. The order counts, since ranges are
 * compared: BOOLEAN and BYTE have 1 byte, INTEGER and NUMBER 8 (the words: mtm_wire_word_size,
 * _put_word, _get_word); up to STRING nothing is needed but the value (decode_deep.c); up to
 * FUNCTION nothing has to be moved (walk.c); up to ARRAY nothing is in it, and nothing refers
 * to it (decode.c, tests/fuzz/wire.c). */
enum mtm_tag {
    MTM_TAG_NIL = 1,
    MTM_TAG_BOOLEAN,  /* 1 byte */
    MTM_TAG_BYTE,     /* 1 byte: an integer 0..255 */
    MTM_TAG_INTEGER,  /* 8 bytes */
    MTM_TAG_NUMBER,   /* 8 bytes */
    MTM_TAG_SHORT,    /* 1 byte length, string */
    MTM_TAG_STRING,   /* 8 bytes length, string */
    MTM_TAG_POINTER,  /* 8 bytes */
    MTM_TAG_FUNCTION, /* 8 bytes */
    MTM_TAG_ARRAY,    /* 1 byte element type, 1 byte element size, 8 bytes count, elements */
    MTM_TAG_TABLE,    /* 4 bytes n, 4 bytes m; then n values, and m times a key and its value */
    MTM_TAG_SHARED,   /* as TABLE; a REFERENCE to it follows in the message */
    MTM_TAG_CODE, /* 4 bytes n, 4 bytes length, bytecode of Lua; then n values: its upvalues */
    MTM_TAG_REFERENCE, /* 4 bytes: of the tables and CODEs so far the n-th from behind, from 1
                        */
    MTM_TAG_KEY,       /* a string like SHORT, as key; a KEY_AGAIN follows */
    MTM_TAG_KEY_AGAIN, /* 4 bytes: of the different keys so far the n-th from behind, from 1 */
    MTM_TAG_NAMED,   /* then a string (in the place of a key): a metatable's name; and its table
                      */
    MTM_TAG_MODULE,  /* then two strings, or a string and nil: a module, and a field of it */
    MTM_TAG_GLOBALS, /* the table of globals of whoever receives it */
    MTM_TAG_UPVALUE, /* 4 bytes as REFERENCE, 4 bytes index: the variable of that CODE */
    MTM_TAG_OBJECT,  /* 4 bytes kind, 4 bytes: 1 if a REFERENCE to it follows, else 0; 8 bytes
                        id: the next object of the cargo; REFERENCEs count it, too */
    MTM_TAG_END      /* not in messages: there is no more value */
};

enum {
    MTM_ARRAY_HEADER = 11,
    MTM_SHORT_MAX = 255,
    MTM_WORD_VALUE = 9,
    MTM_REFERENCE_VALUE = 5,
    MTM_OBJECT_VALUE = 17,
    MTM_FOREIGN = 255, /* in the place of an object's kind: it is another module's */
    MTM_KEY_MIN =
        4, /* bytes of a string that as key is written once; shorter ones always are */
    MTM_KEY_MAX = 40
};

/* A value as read. Pointers lead into the message. */
struct mtm_value {
    enum mtm_tag tag;
    union {
        bool boolean;
        int64_t integer; /* BYTE too */
        double number;
        uint64_t pointer; /* FUNCTION too */
        struct {
            const unsigned char *ptr;
            size_t len;
        } string;
        struct {
            unsigned char type, elsize;
            size_t count;
            const unsigned char *ptr; /* not aligned */
        } array;
        struct {
            uint32_t array, pairs;
        } table; /* SHARED too */
        struct {
            const unsigned char *ptr;
            uint32_t len, upvalues;
        } code;
        struct {
            uint32_t back, index; /* REFERENCE, KEY_AGAIN, UPVALUE */
        } reference;
        struct {
            uint64_t id;     /* 0: it has none */
            uint32_t kind;   /* enum mtm_kind, or MTM_FOREIGN */
            uint32_t shared; /* 1: a REFERENCE to it follows, else 0 */
        } object;
    };
};

/* Bytes that values take. Those of strings and arrays return SIZE_MAX if a size_t can't hold
 * it. */
static inline size_t mtm_wire_integer_size(int64_t value)
{
    return value >= 0 && value <= 255 ? 2 : MTM_WORD_VALUE;
}

static inline size_t mtm_wire_string_size(size_t len)
{
    return mtm_size_add(len <= MTM_SHORT_MAX ? 2 : MTM_WORD_VALUE, len);
}

static inline size_t mtm_wire_array_size(size_t elsize, size_t count)
{
    return mtm_size_add(MTM_ARRAY_HEADER, mtm_size_mul(elsize, count));
}

/* A value that is nothing but a byte or a word of 8 bytes. */
struct mtm_word {
    unsigned char tag; /* BOOLEAN, BYTE, INTEGER or NUMBER */
    uint64_t bits;
};

/* Bytes of such a value; 0 for other tags. */
static inline size_t mtm_wire_word_size(unsigned tag)
{
    if (tag - MTM_TAG_BOOLEAN <= MTM_TAG_BYTE - MTM_TAG_BOOLEAN) return 2;
    return tag - MTM_TAG_INTEGER <= MTM_TAG_NUMBER - MTM_TAG_INTEGER ? MTM_WORD_VALUE : 0;
}

/* Writes mtm_wire_word_size(word.tag) bytes. */
static inline void mtm_wire_put_word(unsigned char *to, struct mtm_word word)
{
    to[0] = word.tag;
    if (word.tag <= MTM_TAG_BYTE) to[1] = (unsigned char)word.bits;
    else memcpy(to + 1, &word.bits, sizeof word.bits);
}

/* size: mtm_wire_word_size(*from) */
static inline struct mtm_word mtm_wire_get_word_of(const unsigned char *from, size_t size)
{
    struct mtm_word word = {.tag = from[0], .bits = from[1]};
    if (size == MTM_WORD_VALUE) memcpy(&word.bits, from + 1, sizeof word.bits);
    return word;
}

static inline struct mtm_word mtm_wire_get_word(const unsigned char *from)
{
    return mtm_wire_get_word_of(from, mtm_wire_word_size(*from));
}

/* Each writes one value, or its beginning, and returns the place after it. There must be room.
 */
static inline unsigned char *mtm_wire_word(unsigned char *to, enum mtm_tag tag,
                                           const void *word)
{
    *to = (unsigned char)tag;
    memcpy(to + 1, word, 8);
    return to + MTM_WORD_VALUE;
}

static inline unsigned char *mtm_wire_nil(unsigned char *to)
{
    *to = MTM_TAG_NIL;
    return to + 1;
}

static inline unsigned char *mtm_wire_boolean(unsigned char *to, bool value)
{
    to[0] = MTM_TAG_BOOLEAN;
    to[1] = value;
    return to + 2;
}

static inline unsigned char *mtm_wire_integer(unsigned char *to, int64_t value)
{
    if (value < 0 || value > 255) return mtm_wire_word(to, MTM_TAG_INTEGER, &value);
    to[0] = MTM_TAG_BYTE;
    to[1] = (unsigned char)value;
    return to + 2;
}

static inline unsigned char *mtm_wire_number(unsigned char *to, double value)
{
    return mtm_wire_word(to, MTM_TAG_NUMBER, &value);
}

/* tag: POINTER or FUNCTION */
static inline unsigned char *mtm_wire_pointer(unsigned char *to, enum mtm_tag tag,
                                              uint64_t value)
{
    return mtm_wire_word(to, tag, &value);
}

/* Without the bytes of the string: 2 or 9 bytes. */
static inline unsigned char *mtm_wire_string_header(unsigned char *to, size_t len)
{
    uint64_t word = len;
    if (len > MTM_SHORT_MAX) return mtm_wire_word(to, MTM_TAG_STRING, &word);
    to[0] = MTM_TAG_SHORT;
    to[1] = (unsigned char)len;
    return to + 2;
}

/* Without the elements: 11 bytes. */
static inline unsigned char *mtm_wire_array_header(unsigned char *to, unsigned char type,
                                                   unsigned char elsize, size_t count)
{
    uint64_t word = count;
    to[0] = MTM_TAG_ARRAY;
    to[1] = type;
    to[2] = elsize;
    memcpy(to + 3, &word, 8);
    return to + MTM_ARRAY_HEADER;
}

/* tag: TABLE, SHARED or CODE; 9 bytes, without the bytecode. */
static inline unsigned char *mtm_wire_pair(unsigned char *to, enum mtm_tag tag, uint32_t first,
                                           uint32_t second)
{
    *to = (unsigned char)tag;
    memcpy(to + 1, &first, 4);
    memcpy(to + 5, &second, 4);
    return to + MTM_WORD_VALUE;
}

/* tag: REFERENCE or KEY_AGAIN */
static inline unsigned char *mtm_wire_reference(unsigned char *to, enum mtm_tag tag,
                                                uint32_t back)
{
    *to = (unsigned char)tag;
    memcpy(to + 1, &back, 4);
    return to + MTM_REFERENCE_VALUE;
}

/* 17 bytes, more than the address of a block takes in a ring. */
static inline unsigned char *mtm_wire_object(unsigned char *to, uint32_t kind, uint64_t id,
                                             uint32_t shared)
{
    to[0] = MTM_TAG_OBJECT;
    memcpy(to + 1, &kind, 4);
    memcpy(to + 5, &shared, 4);
    memcpy(to + 9, &id, 8);
    return to + MTM_OBJECT_VALUE;
}

/* The same at `at`, where one has been written. */
static inline void mtm_wire_share_object(unsigned char *at)
{
    const uint32_t shared = 1;
    memcpy(at + 5, &shared, 4);
}

/* Whether a string of that length is numbered when it is a key. */
static inline bool mtm_wire_is_key(size_t len)
{
    return len - MTM_KEY_MIN <= MTM_KEY_MAX - MTM_KEY_MIN;
}

/* How many values follow that belong to this one. */
uint64_t mtm_wire_parts(const struct mtm_value *value);

/* Moves *at behind all of the value that is there, with what belongs to it, and adds to
 * *objects the OBJECTs in it. False, and nothing is changed, where the bytes are no whole
 * value. Takes no stack, however deep tables are nested. */
bool mtm_wire_skip(const unsigned char **at, const unsigned char *end, size_t *objects);

/* Reads the value at *at, and moves *at behind it: in front of the values that belong to it, if
 * it has such. At `end`, or where the bytes are not a value: END, and *at stays. Never reads
 * outside. There are never more parts than bytes left. */
enum mtm_tag mtm_wire_read(const unsigned char **at, const unsigned char *end,
                           struct mtm_value *out);

/* The same of a table's array and pairs, which come after the tag; false: they are none, and
 * *at may have moved. */
static inline bool mtm_wire_read_table(const unsigned char **at, const unsigned char *end,
                                       struct mtm_value *out)
{
    if (end - *at < 8) return false;
    memcpy(&out->table.array, *at, 4);
    memcpy(&out->table.pairs, *at + 4, 4);
    *at += 8;
    return out->table.array + (uint64_t)2 * out->table.pairs <= (uint64_t)(end - *at);
}

#endif
