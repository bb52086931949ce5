/* Values to MessagePack, table by table and never by recursion. A table that comes again is
 * written again, from its own bytes, as far as the limit allows. */
#include "pack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "text.h"

enum { SHORT = 32 };        /* a text of less bytes has a header of one */
enum { HEADER = 5 };        /* most bytes that tell how many values there are */
enum { KEPT = 256 * 1024 }; /* bytes of memory that serve again */

static const char too_large[] = "the message is too large";

void mtn_packer_init(struct mtn_packer *packer, size_t limit)
{
    *packer = (struct mtn_packer){.limit = limit};
    msgpack_sbuffer_init(&packer->bytes);
}

void mtn_packer_fini(struct mtn_packer *packer)
{
    msgpack_sbuffer_destroy(&packer->bytes);
    free(packer->range);
}

void mtn_packer_clear(struct mtn_packer *packer)
{
    msgpack_sbuffer_clear(&packer->bytes);
    if (packer->bytes.alloc > KEPT) {
        msgpack_sbuffer_destroy(&packer->bytes);
        msgpack_sbuffer_init(&packer->bytes);
    }
    if (packer->room > KEPT / sizeof *packer->range) {
        free(packer->range);
        packer->range = NULL;
        packer->room = 0;
    }
}

/* What libmsgpack's functions return is looked at here alone: they may ask for memory each time
 * that they write. */
static int write_bytes(void *packer, const char *bytes, size_t size)
{
    struct mtn_packer *p = packer;
    if (msgpack_sbuffer_write(&p->bytes, bytes, size) != 0) p->failed = true;
    return p->failed ? -1 : 0;
}

/* ---- tables ---- */

/* Tables come in the order of their numbers. */
static const struct mtn_range *find(const struct mtn_packer *p, size_t number)
{
    size_t low = 0, high = p->ranges;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (p->range[middle].number == number) return &p->range[middle];
        if (p->range[middle].number < number) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static const char *note(struct mtn_packer *p, struct mtn_level *level, size_t number)
{
    if (p->ranges == p->room) {
        const size_t room = p->room ? 2 * p->room : 16;
        struct mtn_range *range = realloc(p->range, room * sizeof *range);
        if (!range) return "out of memory";
        p->range = range;
        p->room = room;
    }
    level->range = p->ranges;
    p->range[p->ranges++] = (struct mtn_range){.number = number, .begin = p->bytes.size};
    return NULL;
}

static const char *begin(struct mtn_packer *p, msgpack_packer *to,
                         const struct sender_capi_table *table)
{
    if (p->depth == MTN_DEPTH) return "tables are nested too deep";
    struct mtn_level *level = &p->level[p->depth];
    *level = (struct mtn_level){
        .sequence = table->arrayCount, .is_map = table->hashCount > 0, .range = (size_t)-1};
    const char *why = table->shared ? note(p, level, table->number) : NULL;
    if (why) return why;
    ++p->depth;
    if (level->is_map) msgpack_pack_map(to, table->arrayCount + table->hashCount);
    else msgpack_pack_array(to, table->arrayCount);
    return NULL;
}

static void end(struct mtn_packer *p)
{
    const struct mtn_level *level = &p->level[--p->depth];
    if (level->range != (size_t)-1) p->range[level->range].end = p->bytes.size;
}

static const char *again(struct mtn_packer *p, size_t number)
{
    const struct mtn_range *range = find(p, number);
    if (!range) return "a table of a function's";
    if (range->end == 0) return "a table contains itself";
    const size_t size = range->end - range->begin;
    if (size > p->limit || p->bytes.size - p->begin > p->limit - size) return too_large;
    char *copy = malloc(size); /* the bytes may move while they are written */
    if (!copy) return "out of memory";
    memcpy(copy, p->bytes.data + range->begin, size);
    (void)write_bytes(p, copy, size);
    free(copy);
    return NULL;
}

/* ---- values ---- */

/* Most texts are short, and there is room for them. */
static void put_string(struct mtn_packer *p, msgpack_packer *to,
                       const struct sender_capi_string *text)
{
    msgpack_sbuffer *bytes = &p->bytes;
    const size_t len = text->len;
    if (len < SHORT && bytes->alloc - bytes->size >= SHORT && mtn_is_text(text->ptr, len)) {
        char *at = bytes->data + bytes->size;
        *at = (char)(0xa0 | len);
        memcpy(at + 1, text->ptr, len);
        bytes->size += 1 + len;
    } else if (mtn_is_text(text->ptr, text->len))
        msgpack_pack_str_with_body(to, text->ptr, text->len);
    else msgpack_pack_bin_with_body(to, text->ptr, text->len);
}

static const char *put_array(struct mtn_packer *p, msgpack_packer *to,
                             const struct sender_capi_array *array)
{
    if (array->elementCount > p->limit / array->elementSize) return too_large;
    const size_t size = array->elementSize * array->elementCount;
    const unsigned char element_size = (unsigned char)array->elementSize;
    msgpack_pack_ext(to, size + 1, (int8_t)array->type);
    msgpack_pack_ext_body(to, &element_size, 1);
    const unsigned char *at = array->data;
    if (mtn_is_little()) {
        msgpack_pack_ext_body(to, at, size);
        return NULL;
    }
    for (size_t i = 0; i < size; i += element_size) {
        unsigned char element[8];
        mtn_swap(element, at + i, element_size);
        msgpack_pack_ext_body(to, element, element_size);
    }
    return NULL;
}

static const char *put(struct mtn_packer *p, msgpack_packer *to, const sender_capi_value_1_1 *v)
{
    switch (v->type) {
        case SENDER_CAPI_TYPE_NIL: msgpack_pack_nil(to); return NULL;
        case SENDER_CAPI_TYPE_BOOLEAN:
            if (v->boolVal) msgpack_pack_true(to);
            else msgpack_pack_false(to);
            return NULL;
        case SENDER_CAPI_TYPE_INTEGER: msgpack_pack_int64(to, v->intVal); return NULL;
        case SENDER_CAPI_TYPE_NUMBER: msgpack_pack_double(to, (double)v->numVal); return NULL;
        case SENDER_CAPI_TYPE_STRING:
            if (v->strVal.len > p->limit) return too_large;
            put_string(p, to, &v->strVal);
            return NULL;
        case SENDER_CAPI_TYPE_ARRAY: return put_array(p, to, &v->arrayVal);
        case SENDER_CAPI_TYPE_TABLE: return begin(p, to, &v->tableVal);
        case SENDER_CAPI_TYPE_REFERENCE: return again(p, v->numberVal);
        case SENDER_CAPI_TYPE_LIGHTUSERDATA: return "a light userdata";
        case SENDER_CAPI_TYPE_CFUNCTION:
        case SENDER_CAPI_TYPE_FUNCTION: return "a function";
        case SENDER_CAPI_TYPE_MODULE: return "a module";
        default: return "an object";
    }
}

/* In a table that is written as a map the values of its sequence need their keys. */
static void put_index(struct mtn_packer *p, msgpack_packer *to)
{
    if (p->depth == 0) return;
    struct mtn_level *level = &p->level[p->depth - 1];
    if (level->next >= level->sequence) return;
    ++level->next;
    if (level->is_map) msgpack_pack_uint64(to, level->next);
}

/* The count goes in front, in as few bytes as it takes. */
static void put_header(struct mtn_packer *p, uint32_t count)
{
    unsigned char *const end = (unsigned char *)p->bytes.data + p->begin + HEADER, *first = end;
    if (count < 16) {
        *--first = (unsigned char)(0x90 | count);
    } else {
        const int bytes = count < 65536 ? 2 : 4;
        for (int i = 0; i < bytes; ++i) *--first = (unsigned char)(count >> 8 * i);
        *--first = bytes == 2 ? 0xdc : 0xdd;
    }
    p->at = p->begin + HEADER - (size_t)(end - first);
    p->size = p->bytes.size - p->at;
}

static const char *put_all(struct mtn_packer *packer, const sender_capi_1_1 *api,
                           sender_reader *reader)
{
    msgpack_packer to;
    uint32_t count = 0;
    msgpack_packer_init(&to, packer, write_bytes);
    (void)write_bytes(packer, "\0\0\0\0", HEADER);
    for (;;) {
        sender_capi_value_1_1 value;
        api->nextValueFromReader(reader, &value);
        if (value.type == SENDER_CAPI_TYPE_NONE) break;
        if (value.type == SENDER_CAPI_TYPE_END) {
            end(packer);
            continue;
        }
        if (packer->depth == 0) ++count;
        put_index(packer, &to);
        const char *why = put(packer, &to, &value);
        if (why) return why;
        if (packer->failed) return "out of memory";
        if (packer->bytes.size - packer->begin > packer->limit) return too_large;
    }
    if (packer->failed) return "out of memory";
    put_header(packer, count);
    return NULL;
}

const char *mtn_pack(struct mtn_packer *packer, const sender_capi_1_1 *api,
                     sender_reader *reader)
{
    packer->ranges = packer->depth = 0;
    packer->begin = packer->bytes.size;
    packer->failed = false;
    const char *why = put_all(packer, api, reader);
    if (why) packer->bytes.size = packer->begin;
    return why;
}

bool mtn_pack_bytes(struct mtn_packer *packer, const char *bytes, size_t size)
{
    packer->at = packer->bytes.size;
    packer->size = size;
    return msgpack_sbuffer_write(&packer->bytes, bytes, size) == 0;
}
