/* Fuzz target: arbitrary bytes as a message, read by everything that reads messages (the wire
 * format, readers, the codec of Lua). All must find the same values; what they are encoded to
 * must be one and the same. */
#include "capi/shim.h"

#include <lualib.h>

#include "core/buffer.h"
#include "core/cargo.h"
#include "core/reference.h"
#include "core/reader.h"
#include "core/id_set.h"
#include "core/send.h"
#include "core/wire.h"
#include "core/writer.h"
#include "fuzz.h"
#include "lua/decode.h"
#include "lua/classes.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/state.h"

int luaopen_carray(lua_State *L);

enum { MAX_BYTES = 1 << 16 };

struct message {
    unsigned char *bytes; /* of its own, so that reading outside is noticed */
    size_t size, values;
    bool is_lua;  /* a Lua state could have sent it, and it has no tables */
    bool is_safe; /* whatever else is wrong with it, a Lua state must be able to read it */
};

static struct message message_copy(const void *bytes, size_t size)
{
    struct message message = {.bytes = malloc(size ? size : 1), .size = size};
    if (size > 0) memcpy(message.bytes, bytes, size);
    return message;
}

/* ---- values ---- */

static size_t natural_size(unsigned char type)
{
    static const unsigned char sizes[] = {0,
                                          1,
                                          1,
                                          sizeof(short),
                                          sizeof(short),
                                          sizeof(int),
                                          sizeof(int),
                                          sizeof(long),
                                          sizeof(long),
                                          sizeof(float),
                                          sizeof(double),
                                          sizeof(long long),
                                          sizeof(long long)};
    return type < sizeof sizes ? sizes[type] : 0;
}

/* Not so: arrays of types that no module has, and functions that can't be. */
static bool is_lua(const struct mtm_value *value)
{
    if (value->tag > MTM_TAG_ARRAY) return false;
    if (value->tag == MTM_TAG_FUNCTION) return value->pointer != 0;
    return value->tag != MTM_TAG_ARRAY ||
           value->array.elsize == natural_size(value->array.type);
}

/* Bytecode is trusted: it comes from a function of this process. */
static bool is_safe(const struct mtm_value *value)
{
    return value->tag != MTM_TAG_CODE && (value->tag > MTM_TAG_ARRAY || is_lua(value));
}

static size_t size_of(const struct mtm_value *value)
{
    switch (value->tag) {
        case MTM_TAG_NIL: return 1;
        case MTM_TAG_BOOLEAN: return 2;
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER: return mtm_wire_integer_size(value->integer);
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING: return mtm_wire_string_size(value->string.len);
        case MTM_TAG_ARRAY: return mtm_wire_array_size(value->array.elsize, value->array.count);
        case MTM_TAG_KEY: return 2 + value->string.len;
        case MTM_TAG_CODE: return MTM_WORD_VALUE + (size_t)value->code.len;
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY_AGAIN: return MTM_REFERENCE_VALUE;
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS: return 1;
        case MTM_TAG_OBJECT: return MTM_OBJECT_VALUE;
        default: return MTM_WORD_VALUE;
    }
}

static unsigned char *encode(unsigned char *to, const struct mtm_value *value)
{
    switch (value->tag) {
        case MTM_TAG_NIL: return mtm_wire_nil(to);
        case MTM_TAG_BOOLEAN: return mtm_wire_boolean(to, value->boolean);
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER: return mtm_wire_integer(to, value->integer);
        case MTM_TAG_NUMBER: return mtm_wire_number(to, value->number);
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            to = mtm_wire_string_header(to, value->string.len);
            memcpy(to, value->string.ptr, value->string.len);
            return to + value->string.len;
        case MTM_TAG_ARRAY: {
            size_t bytes = value->array.elsize * value->array.count;
            to = mtm_wire_array_header(to, value->array.type, value->array.elsize,
                                       value->array.count);
            memcpy(to, value->array.ptr, bytes);
            return to + bytes;
        }
        case MTM_TAG_KEY:
            to[0] = MTM_TAG_KEY;
            to[1] = (unsigned char)value->string.len;
            memcpy(to + 2, value->string.ptr, value->string.len);
            return to + 2 + value->string.len;
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
            return mtm_wire_pair(to, value->tag, value->table.array, value->table.pairs);
        case MTM_TAG_CODE:
            to = mtm_wire_pair(to, value->tag, value->code.upvalues, value->code.len);
            memcpy(to, value->code.ptr, value->code.len);
            return to + value->code.len;
        case MTM_TAG_UPVALUE:
            return mtm_wire_pair(to, value->tag, value->reference.back, value->reference.index);
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY_AGAIN:
            return mtm_wire_reference(to, value->tag, value->reference.back);
        case MTM_TAG_OBJECT:
            return mtm_wire_object(to, value->object.kind, value->object.id,
                                   value->object.shared);
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS: to[0] = (unsigned char)value->tag; return to + 1;
        default: return mtm_wire_pointer(to, value->tag, value->pointer);
    }
}

/* Reads values as long as there are any, and encodes them again. */
static struct message reencode(const struct message *from, size_t *consumed)
{
    const unsigned char *at = from->bytes, *end = from->bytes + from->size;
    struct message to = {.bytes = malloc(from->size + 1), .is_lua = true, .is_safe = true};
    struct mtm_value value;
    size_t objects = 0;
    for (uint64_t left = 0;; left += mtm_wire_parts(&value)) {
        const unsigned char *before = at, *behind = at;
        if (left == 0) {
            if (!mtm_wire_skip(&behind, end, &objects))
                break; /* only whole values, with what is in them */
            left = 1;
        }
        --left;
        enum mtm_tag tag = mtm_wire_read(&at, end, &value);
        FUZZ_CHECK(tag == value.tag, "the tag is told twice");
        if (tag == MTM_TAG_END) {
            FUZZ_CHECK(at == before, "moved though there is no value");
            break;
        }
        FUZZ_CHECK(at > before && at <= end, "moved to a strange place");
        unsigned char *place = to.bytes + to.size;
        size_t size = (size_t)(encode(place, &value) - place);
        FUZZ_CHECK(size == size_of(&value), "its size is not what is accounted for");
        FUZZ_CHECK(size <= (size_t)(at - before), "larger than what was read");
        to.size += size;
        to.is_lua = to.is_lua && is_lua(&value);
        to.is_safe = to.is_safe && is_safe(&value);
        ++to.values;
    }
    *consumed = (size_t)(at - from->bytes);
    return to;
}

static void check_same(const struct message *a, const void *bytes, size_t size,
                       const char *what)
{
    FUZZ_CHECK(a->size == size && memcmp(a->bytes, bytes, size) == 0, "%s differs", what);
}

/* ---- readers ---- */

/* The message goes through a buffer; arrays come out aligned. */
static void check_reader(const struct message *message, struct fuzz_input *in)
{
    struct mtm_buffer_options options = {.size = fuzz_byte(in), .grow = fuzz_pick(in, 3)};
    if (options.grow <= 0) options.size += message->size + 9;
    options.sized = fuzz_pick(in, 2) != 0;
    struct mtm_buffer *buffer;
    struct mtm_reader reader;
    struct mtm_failure failure = {0};
    struct mtm_wait wait = {.nonblock = true};
    size_t need;
    FUZZ_CHECK(mtm_buffer_new(&options, &buffer) == MTM_OK, "no buffer");
    struct mtm_message parts = {.size = message->size, .nparts = 2};
    parts.part[0] = (struct mtm_part){message->bytes, message->size / 3};
    parts.part[1] = (struct mtm_part){message->bytes + message->size / 3,
                                      message->size - message->size / 3};
    FUZZ_CHECK(mtm_buffer_add(buffer, &parts, true, &failure) == MTM_OK, "not added");
    FUZZ_CHECK(mtm_reader_init(&reader, fuzz_byte(in), true, 1.5) == MTM_OK, "no reader");
    mtm_reader_align(&reader);
    FUZZ_CHECK(mtm_reader_receive(&reader, &buffer->object, &wait, &need, &failure) == MTM_OK,
               "not received");
    struct message again = {.bytes = malloc(message->size + 1)};
    for (struct mtm_value value; mtm_reader_next_aligned(&reader, &value) != MTM_TAG_END;) {
        size_t elsize = value.tag == MTM_TAG_ARRAY ? value.array.elsize : 1;
        if (elsize <= 8 && (elsize & (elsize - 1)) == 0) {
            FUZZ_CHECK(value.tag != MTM_TAG_ARRAY || (uintptr_t)value.array.ptr % elsize == 0,
                       "an array is not aligned");
        }
        again.size =
            (size_t)(encode(again.bytes + again.size, &value) - (unsigned char *)again.bytes);
    }
    check_same(message, again.bytes, again.size, "what a reader gives");
    free(again.bytes);
    mtm_reader_fini(&reader);
    mtm_root_release(&buffer->object);
}

/* ---- Lua ---- */

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_carray);
    lua_setfield(L, -2, "carray");
    mtl_open_draft(L);
    mtl_open_buffer(L);
    lua_settop(L, 0);
    return L;
}

/* Encodes what is on the stack in every way that there is. */
static int encode_all(lua_State *L)
{
    const struct message *message = lua_touserdata(L, 1);
    struct mtl_encoder encoder;
    struct mtl_deep deep;
    struct mtm_message parts;
    int last = lua_gettop(L);
    unsigned char *bytes = malloc(message->size + 1), small[254];
    if (mtl_encode(L, 2, last, &encoder)) {
        FUZZ_CHECK(encoder.message.size == message->size, "the encoder's size differs");
        mtm_message_copy(&encoder.message, bytes);
        check_same(message, bytes, message->size, "what Lua sends");
    }
    struct mtc_state *state = mtl_state_push(L);
    mtl_encode_deep(&deep, L, state, 2, last, &parts);
    FUZZ_CHECK(parts.size == message->size, "the draft's size differs");
    mtm_message_copy(&parts, bytes);
    check_same(message, bytes, message->size, "what a draft has");
    mtl_deep_done(&deep);
    lua_settop(L, last);
    int size = mtl_encode_short(L, 2, last, small, sizeof small);
    if (size >= 0) check_same(message, small, (size_t)size, "the short encoding");
    free(bytes);
    return 0;
}

/* The values are on the stack above `base`. */
static void check_encoding(lua_State *L, int base, const struct message *message)
{
    FUZZ_CHECK((size_t)(lua_gettop(L) - base) == message->values, "another number of values");
    luaL_checkstack(L, 40, NULL);
    lua_pushcfunction(L, encode_all);
    lua_insert(L, base + 1);
    lua_pushlightuserdata(L, (void *)(uintptr_t)message);
    lua_insert(L, base + 2);
    int rc = lua_pcall(L, lua_gettop(L) - base - 1, 0, 0);
    FUZZ_CHECK(rc == 0, "%s", lua_tostring(L, -1));
    lua_settop(L, base);
}

/* The message is one value that is a byte or a word. */
static void check_word(lua_State *L, const struct message *message)
{
    struct mtm_word word = mtm_wire_get_word(message->bytes);
    unsigned char bytes[MTM_WORD_VALUE];
    mtm_wire_put_word(bytes, word);
    check_same(message, bytes, message->size, "what a word becomes");
    mtl_push_word(L, word);
    if (lua_type(L, 1) == LUA_TNUMBER) {
        struct mtm_word again = mtl_number_to_word(L, 1);
        FUZZ_CHECK(again.tag == word.tag && again.bits == word.bits, "another word");
    }
    check_encoding(L, 0, message);
}

/* Frees what the state keeps for the next message, so that leaks are noticed. */
static void drop_draft(lua_State *L)
{
    lua_settop(L, 0);
    const struct mtc_state *state = mtl_state_push(L);
    mtl_push_kept(L, state, MTL_DRAFT);
    if (lua_touserdata(L, -1)) mtl_owned_fini(lua_touserdata(L, -1));
    lua_settop(L, 0);
}

static void check_lua(const struct message *message)
{
    static lua_State *L;
    if (!L) L = new_state();
    struct mtl_decoder decoder = {
        .at = message->bytes, .end = message->bytes + message->size, .max = SIZE_MAX};
    int count;
    lua_settop(L, 0);
    struct mtc_state *state = mtl_state_push(L);
    lua_pushcclosure(L, mtl_decode, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    int rc = mtl_decode_protected(L, state, &decoder, 2);
    FUZZ_CHECK(rc == 0, "%s", lua_tostring(L, -1));
    FUZZ_CHECK(decoder.at == decoder.end, "not everything was decoded");
    check_encoding(L, 0, message);
    decoder.at = message->bytes;
    if (mtl_decode_fast(L, &decoder, &count)) {
        FUZZ_CHECK(count == lua_gettop(L), "another number of values than told");
        check_encoding(L, 0, message);
    }
    lua_settop(L, 0);
    if (message->size <= 254) {
        count = mtl_decode_short(L, message->bytes, message->size);
        if (count >= 0) check_encoding(L, 0, message);
        lua_settop(L, 0);
    }
    if (message->size > 0 && mtm_wire_word_size(message->bytes[0]) == message->size) {
        check_word(L, message);
    }
    drop_draft(L);
}

/* What is on the stack is sent and received once more. */
static int send_again(lua_State *L)
{
    struct mtl_deep deep;
    struct mtm_message parts;
    int last = lua_gettop(L);
    luaL_checkstack(L, last + 10, NULL);
    struct mtc_state *state = mtl_state_push(L);
    mtl_encode_deep(&deep, L, state, 1, last, &parts);
    struct message again = {.bytes = lua_newuserdata(L, parts.size + 1), .size = parts.size};
    mtm_message_copy(&parts, again.bytes);
    struct mtm_cargo *cargo = parts.cargo ? *parts.cargo : NULL;
    if (parts.cargo) *parts.cargo = NULL; /* as a put does */
    mtl_deep_done(&deep);
    const unsigned char *at = again.bytes, *end = again.bytes + again.size;
    size_t objects = 0;
    int count = 0;
    while (mtm_wire_skip(&at, end, &objects)) ++count;
    FUZZ_CHECK(at == end && count == last, "what was sent is not whole");
    FUZZ_CHECK(objects == (cargo ? cargo->count : 0), "another number of objects");
    struct mtl_decoder decoder = {
        .at = again.bytes, .end = end, .cargo = cargo, .max = SIZE_MAX};
    lua_pushvalue(L, last + 1);
    lua_pushcclosure(L, mtl_decode, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    int top = lua_gettop(L) - 3, rc = mtl_decode_protected(L, state, &decoder, 2);
    FUZZ_CHECK(rc == 0, "what was sent can't be received: %s", lua_tostring(L, -1));
    FUZZ_CHECK(lua_gettop(L) - top == last, "another number of values");
    mtm_cargo_drop(cargo);
    mtm_drop_handed_on();
    return 0;
}

/* Two objects for a message that may have some, whatever its bytes say. */
static struct mtm_cargo *two_objects(const struct message *message)
{
    struct mtm_cargo *cargo = NULL;
    const struct mtm_buffer_options options = {.size = 64, .grow = 2};
    if (message->size == 0 || !memchr(message->bytes, MTM_TAG_OBJECT, message->size))
        return NULL;
    for (int i = 0; i < 2; ++i) {
        struct mtm_buffer *buffer;
        FUZZ_CHECK(mtm_buffer_new(&options, &buffer) == MTM_OK, "no buffer");
        FUZZ_CHECK(mtm_cargo_add(&cargo, &buffer->object) == MTM_OK, "no cargo");
        mtm_root_release(&buffer->object);
    }
    return cargo;
}

/* With tables in it, which may be damaged: an error is fine. */
static void check_deep(const struct message *message)
{
    static lua_State *L;
    if (!L) L = new_state();
    struct mtm_cargo *cargo = two_objects(message);
    struct mtl_decoder decoder = {.at = message->bytes,
                                  .end = message->bytes + message->size,
                                  .cargo = cargo,
                                  .max = SIZE_MAX};
    lua_settop(L, 0);
    struct mtc_state *state = mtl_state_push(L);
    lua_pushcclosure(L, mtl_decode, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    if (mtl_decode_protected(L, state, &decoder, 2) == 0 && lua_gettop(L) < 1000) {
        luaL_checkstack(L, 10, NULL);
        lua_pushcfunction(L, send_again);
        lua_insert(L, 1);
        int rc = lua_pcall(L, lua_gettop(L) - 1, 0, 0);
        FUZZ_CHECK(rc == 0, "what was received can't be sent: %s", lua_tostring(L, -1));
    }
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0); /* a damaged message may have left a draft behind */
    drop_draft(L);
    lua_gc(L, LUA_GCCOLLECT, 0);
    mtm_cargo_drop(cargo);
    mtm_drop_handed_on();
}

/* ---- the set of ids ---- */

static bool contains(const uint64_t *ids, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; ++i) {
        if (ids[i] == id) return true;
    }
    return false;
}

static void check_trail(struct fuzz_input *in)
{
    struct mtm_id_set trail;
    uint64_t ids[128];
    size_t count = 0;
    mtm_id_set_init(&trail);
    while (count < 128 && !fuzz_is_over(in)) {
        uint64_t id = fuzz_byte(in);
        if (id > 200) id = fuzz_word(in);
        if (id == 0) id = 1;
        FUZZ_CHECK(mtm_id_set_has(&trail, id) == contains(ids, count, id), "a wrong answer");
        if (fuzz_pick(in, 4) == 0) continue;
        FUZZ_CHECK(mtm_id_set_add(&trail, id) == MTM_OK, "no room");
        ids[count++] = id;
        FUZZ_CHECK(mtm_id_set_has(&trail, id), "it was just added");
    }
    mtm_id_set_fini(&trail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in;
    size_t consumed;
    if (size > MAX_BYTES) return 0;
    fuzz_begin(&in, data, size);
    struct message raw = message_copy(data, size);
    struct message message = reencode(&raw, &consumed);
    struct message exact = message_copy(message.bytes, message.size);
    exact.values = message.values;
    struct message again = reencode(&exact, &consumed);
    FUZZ_CHECK(consumed == exact.size && again.values == exact.values, "values are lost");
    check_same(&exact, again.bytes, again.size, "the second encoding");
    check_reader(&exact, &in);
    if (message.is_lua) check_lua(&exact);
    else if (message.is_safe) check_deep(&exact);
    check_trail(&in);
    free(raw.bytes);
    free(message.bytes);
    free(exact.bytes);
    free(again.bytes);
    fuzz_end();
    return 0;
}
