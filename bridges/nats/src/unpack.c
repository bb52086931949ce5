/* Reads one array of values, and what is in it, value by value. What is open is kept in an
 * array of fixed size: deeper ones are refused. */
#include "unpack.h"

#include <stdint.h>
#include <string.h>

#include "array.h"
#include "pack.h"

struct level {
    uint64_t left; /* values, keys counted, too */
};

struct unpack {
    const unsigned char *at, *end;
    size_t values; /* that may still come */
    const receiver_capi_2_1 *api;
    receiver_writer *w;
    struct level *level; /* MTN_DEPTH of them; each is set when it is begun */
    size_t depth;
    const char *why;
};

static bool fail(struct unpack *u, const char *why)
{
    u->why = why;
    return false;
}

static bool added(struct unpack *u, int code)
{
    if (code == 0) return true;
    return fail(u, code == -3 ? "a key is nil or not a number" : "out of memory");
}

/* ---- bytes ---- */

static bool has(const struct unpack *u, uint64_t size)
{
    return size <= (uint64_t)(u->end - u->at);
}

/* The number in the next bytes, most significant first. */
static bool read(struct unpack *u, unsigned size, uint64_t *out)
{
    if (!has(u, size)) return fail(u, "it ends too soon");
    *out = 0;
    for (unsigned i = 0; i < size; ++i) *out = *out << 8 | *u->at++;
    return true;
}

/* Of 1, 2, 4 or 8 bytes: the power of 2 tells. */
static int64_t extend(uint64_t bits, unsigned power)
{
    static const uint64_t sign[] = {0x80, 0x8000, 0x80000000, 0x8000000000000000};
    return (int64_t)((bits ^ sign[power]) - sign[power]);
}

/* ---- values ---- */

static bool put_integer(struct unpack *u, int64_t value)
{
    if ((int64_t)(lua_Integer)value != value)
        return added(u, u->api->addNumberToWriter(u->w, (lua_Number)value));
    return added(u, u->api->addIntegerToWriter(u->w, (lua_Integer)value));
}

static bool put_unsigned(struct unpack *u, uint64_t value)
{
    if (value <= INT64_MAX) return put_integer(u, (int64_t)value);
    return added(u, u->api->addNumberToWriter(u->w, (lua_Number)value));
}

static bool put_float(struct unpack *u, unsigned size)
{
    uint64_t bits;
    if (!read(u, size, &bits)) return false;
    double value;
    if (size == 4) {
        const uint32_t half = (uint32_t)bits;
        float single;
        memcpy(&single, &half, sizeof single);
        value = single;
    } else {
        memcpy(&value, &bits, sizeof value);
    }
    return added(u, u->api->addNumberToWriter(u->w, (lua_Number)value));
}

static bool put_string(struct unpack *u, uint64_t size)
{
    if (!has(u, size)) return fail(u, "it ends too soon");
    const char *text = (const char *)u->at;
    u->at += size;
    return added(u, u->api->addStringToWriter(u->w, text, (size_t)size));
}

static void copy_elements(unsigned char *to, const unsigned char *from, size_t bytes,
                          size_t size)
{
    if (mtn_is_little()) {
        if (bytes > 0) memcpy(to, from, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += size) mtn_swap(to + i, from + i, size);
}

/* Of the bytes the first is the size of an element. */
static bool put_ext(struct unpack *u, uint64_t size)
{
    uint64_t type;
    if (!read(u, 1, &type)) return false;
    if (size == 0 || !has(u, size)) return fail(u, "it ends too soon");
    const unsigned char *from = u->at;
    const size_t element = *from++, bytes = (size_t)size - 1;
    u->at += size;
    const int here = type < 128 ? mtn_type_here((int)type, element) : 0;
    if (here == 0 || bytes % element != 0) return fail(u, "it has an ext of an unknown type");
    unsigned char *to =
        u->api->addArrayToWriter(u->w, (enum receiver_array_type)here, bytes / element);
    if (!to) return fail(u, "out of memory");
    copy_elements(to, from, bytes, element);
    return true;
}

/* Each value takes a byte or more: what is told to be more than that is a lie. */
static bool begin(struct unpack *u, uint64_t count, bool is_map)
{
    const uint64_t left = is_map ? 2 * count : count;
    if (u->depth == MTN_DEPTH) return fail(u, "it is nested too deep");
    if (!has(u, left)) return fail(u, "it ends too soon");
    u->level[u->depth++] = (struct level){left};
    return added(u, u->api->beginTableInWriter(u->w, is_map ? 0 : (size_t)count, NULL));
}

static bool read_and_begin(struct unpack *u, unsigned size, bool is_map)
{
    uint64_t count;
    return read(u, size, &count) && begin(u, count, is_map);
}

static bool read_and_put_string(struct unpack *u, unsigned size)
{
    uint64_t length;
    return read(u, size, &length) && put_string(u, length);
}

static bool read_and_put_ext(struct unpack *u, unsigned size)
{
    uint64_t length;
    return read(u, size, &length) && put_ext(u, length);
}

static bool put_number(struct unpack *u, unsigned char tag)
{
    uint64_t bits;
    const unsigned power = tag & 3;
    if (!read(u, 1u << power, &bits)) return false;
    return tag < 0xd0 ? put_unsigned(u, bits) : put_integer(u, extend(bits, power));
}

static bool put_value(struct unpack *u)
{
    if (u->values-- == 0) return fail(u, "it has too many values");
    if (!has(u, 1)) return fail(u, "it ends too soon");
    const unsigned char tag = *u->at++;
    if (tag < 0x80) return put_integer(u, tag);
    if (tag >= 0xe0) return put_integer(u, (int64_t)tag - 256);
    if (tag < 0x90) return begin(u, tag & 15u, true);
    if (tag < 0xa0) return begin(u, tag & 15u, false);
    if (tag < 0xc0) return put_string(u, tag & 31u);
    switch (tag) {
        case 0xc0: return added(u, u->api->addNilToWriter(u->w));
        case 0xc2:
        case 0xc3: return added(u, u->api->addBooleanToWriter(u->w, tag == 0xc3));
        case 0xc4:
        case 0xc5:
        case 0xc6: return read_and_put_string(u, 1u << (tag - 0xc4));
        case 0xc7:
        case 0xc8:
        case 0xc9: return read_and_put_ext(u, 1u << (tag - 0xc7));
        case 0xca: return put_float(u, 4);
        case 0xcb: return put_float(u, 8);
        case 0xd4:
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8: return put_ext(u, (uint64_t)1 << (tag - 0xd4));
        case 0xd9:
        case 0xda:
        case 0xdb: return read_and_put_string(u, 1u << (tag - 0xd9));
        case 0xdc:
        case 0xdd: return read_and_begin(u, tag == 0xdc ? 2 : 4, false);
        case 0xde:
        case 0xdf: return read_and_begin(u, tag == 0xde ? 2 : 4, true);
        default: break;
    }
    return tag >= 0xcc && tag <= 0xd3 ? put_number(u, tag) : fail(u, "it has an unknown tag");
}

/* Ends the tables of which all has come. */
static bool end_levels(struct unpack *u)
{
    while (u->depth > 0 && u->level[u->depth - 1].left == 0) {
        --u->depth;
        if (!added(u, u->api->endTableInWriter(u->w))) return false;
    }
    return true;
}

/* ---- the message ---- */

static bool is_array(unsigned char tag)
{
    return (tag >= 0x90 && tag < 0xa0) || tag == 0xdc || tag == 0xdd;
}

bool mtn_is_packed(const void *bytes, size_t size)
{
    return size > 0 && is_array(*(const unsigned char *)bytes);
}

static bool read_count(struct unpack *u, uint64_t *count)
{
    const unsigned char tag = *u->at++;
    if (tag < 0xa0) {
        *count = tag & 15u;
        return true;
    }
    return read(u, tag == 0xdc ? 2 : 4, count);
}

static bool put_all(struct unpack *u)
{
    uint64_t count;
    if (!read_count(u, &count)) return false;
    while (count > 0) {
        const size_t depth = u->depth;
        if (depth > 0) --u->level[depth - 1].left;
        if (!put_value(u) || !end_levels(u)) return false;
        if (u->depth == 0) --count;
    }
    return u->at == u->end || fail(u, "it goes on behind its end");
}

const char *mtn_unpack(const void *bytes, size_t size, size_t most_values,
                       const receiver_capi_2_1 *api, receiver_writer *writer)
{
    struct level level[MTN_DEPTH];
    struct unpack u = {.at = bytes,
                       .end = (const unsigned char *)bytes + size,
                       .values = most_values,
                       .api = api,
                       .w = writer,
                       .level = level};
    if (!mtn_is_packed(bytes, size)) return "it is no array";
    return put_all(&u) ? NULL : u.why;
}
