/* Reading values, checked against the end of the message at every step. It owns no state. */
#include "core/wire.h"

#include "platform/hidden.h"

static bool read_word(const unsigned char **at, const unsigned char *end, void *word)
{
    if (end - *at < 8) return false;
    memcpy(word, *at, 8);
    *at += 8;
    return true;
}

static bool read_byte(const unsigned char **at, const unsigned char *end, unsigned char *byte)
{
    if (*at == end) return false;
    *byte = *(*at)++;
    return true;
}

static bool read_bytes(const unsigned char **at, const unsigned char *end, uint64_t len,
                       const unsigned char **out)
{
    if (len > (uint64_t)(end - *at)) return false;
    *out = *at;
    *at += len;
    return true;
}

static bool read_string(const unsigned char **at, const unsigned char *end, uint64_t len,
                        struct mtm_value *out)
{
    out->string.len = (size_t)len;
    return read_bytes(at, end, len, &out->string.ptr);
}

static bool read_array(const unsigned char **at, const unsigned char *end,
                       struct mtm_value *out)
{
    unsigned char type, elsize;
    uint64_t count;
    if (!read_byte(at, end, &type) || !read_byte(at, end, &elsize)) return false;
    if (!read_word(at, end, &count)) return false;
    if (elsize == 0 || count > (uint64_t)(end - *at) / elsize) return false;
    out->array.type = type;
    out->array.elsize = elsize;
    out->array.count = (size_t)count;
    return read_bytes(at, end, count * elsize, &out->array.ptr);
}

static bool read_half(const unsigned char **at, const unsigned char *end, uint32_t *half)
{
    if (end - *at < 4) return false;
    memcpy(half, *at, 4);
    *at += 4;
    return true;
}

static bool read_code(const unsigned char **at, const unsigned char *end, struct mtm_value *out)
{
    if (!read_half(at, end, &out->code.upvalues) || !read_half(at, end, &out->code.len))
        return false;
    return read_bytes(at, end, out->code.len, &out->code.ptr) &&
           out->code.upvalues <= (uint64_t)(end - *at);
}

static bool read_object(const unsigned char **at, const unsigned char *end,
                        struct mtm_value *out)
{
    return read_half(at, end, &out->object.kind) && read_half(at, end, &out->object.shared) &&
           out->object.shared <= 1 && read_word(at, end, &out->object.id);
}

static bool read_value(const unsigned char **at, const unsigned char *end, enum mtm_tag tag,
                       struct mtm_value *out)
{
    unsigned char byte = 0;
    uint64_t len = 0;
    switch (tag) {
        case MTM_TAG_NIL: return true;
        case MTM_TAG_BOOLEAN:
            if (!read_byte(at, end, &byte)) return false;
            out->boolean = byte != 0;
            return true;
        case MTM_TAG_BYTE:
            if (!read_byte(at, end, &byte)) return false;
            out->integer = byte;
            return true;
        case MTM_TAG_INTEGER: return read_word(at, end, &out->integer);
        case MTM_TAG_NUMBER: return read_word(at, end, &out->number);
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION: return read_word(at, end, &out->pointer);
        case MTM_TAG_SHORT: return read_byte(at, end, &byte) && read_string(at, end, byte, out);
        case MTM_TAG_STRING: return read_word(at, end, &len) && read_string(at, end, len, out);
        case MTM_TAG_ARRAY: return read_array(at, end, out);
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED: return mtm_wire_read_table(at, end, out);
        case MTM_TAG_CODE: return read_code(at, end, out);
        case MTM_TAG_KEY: return read_byte(at, end, &byte) && read_string(at, end, byte, out);
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY_AGAIN: return read_half(at, end, &out->reference.back);
        case MTM_TAG_UPVALUE:
            return read_half(at, end, &out->reference.back) &&
                   read_half(at, end, &out->reference.index);
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE: return end - *at >= 2;
        case MTM_TAG_GLOBALS: return true;
        case MTM_TAG_OBJECT: return read_object(at, end, out);
        case MTM_TAG_END: break;
    }
    return false; /* a byte that is no tag */
}

enum mtm_tag mtm_wire_read(const unsigned char **at, const unsigned char *end,
                           struct mtm_value *out)
{
    const unsigned char *from = *at;
    unsigned char tag;
    out->tag = MTM_TAG_END;
    if (!read_byte(&from, end, &tag)) return MTM_TAG_END;
    if (!read_value(&from, end, (enum mtm_tag)tag, out)) return MTM_TAG_END;
    *at = from;
    return out->tag = (enum mtm_tag)tag;
}

uint64_t mtm_wire_parts(const struct mtm_value *value)
{
    switch (value->tag) {
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED: return value->table.array + (uint64_t)2 * value->table.pairs;
        case MTM_TAG_CODE: return value->code.upvalues;
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE: return 2;
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
        case MTM_TAG_NUMBER:
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY:
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_UPVALUE:
        case MTM_TAG_OBJECT:
        case MTM_TAG_END: break;
    }
    return 0;
}

bool mtm_wire_skip(const unsigned char **at, const unsigned char *end, size_t *objects)
{
    const unsigned char *from = *at;
    struct mtm_value value;
    uint64_t left = 1;
    size_t found = 0;
    while (left > 0) {
        if (mtm_wire_read(&from, end, &value) == MTM_TAG_END) return false;
        found += value.tag == MTM_TAG_OBJECT;
        left += mtm_wire_parts(&value);
        left -= 1;
        if (left > (uint64_t)(end - from)) return false;
    }
    *at = from;
    *objects += found;
    return true;
}
