/* The functions that compiled code calls, and the choice whether it does. Each of them takes
 * one lock (a listener's, and one of its buffer's), copies, and gives the lock back; it neither
 * sleeps nor notifies, calls no Lua, and frees nothing. Whatever is unusual it leaves undone,
 * for the C function of the same name to do. What has been taken is in what is returned, and
 * nowhere else: between a call and the next thing that compiled code does, finalizers may run.
 */
#include "ffi/ffi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "capi/handle.h"
#include "core/fast_path.h"
#include "core/listener.h"

#include "platform/hidden.h"

enum { VALUES = 4, KIND_BITS = 3 };

/* What a value is, in the numbers that the Lua text uses, too. */
enum kind { KIND_END, KIND_NUMBER, KIND_STRING, KIND_TRUE, KIND_FALSE, KIND_NIL };

enum { KINDS = 1 << (VALUES * KIND_BITS) };

/* Where a message lies that has been copied and is still in its buffer: one per state, laid out
 * as the Lua text says, which keeps it. Whatever runs in between, a finalizer for instance, may
 * look at another one: so a look is known by its serial number, which comes with what it
 * returns, and the values count only if the message can be taken with that number. */
struct scratch {
    double number[VALUES];
    const unsigned char *text[VALUES];
    uint32_t length[VALUES];
    uint32_t serial;  /* of the latest look */
    lua_State *hooks; /* a coroutine that is kept: the hooks are those of all */
    struct mtm_peeked peeked;
};

/* The compiled code has compared the metatable, which the debug library can give to anything.
 */
static inline bool may_be_used_as(const struct mtc_handle *handle, uintptr_t magic)
{
    return MTM_LIKELY(handle->owned.tag == mtc_tag(handle, magic) &&
                      mtc_handle_is_live(handle));
}

static inline bool may_be_used(const struct mtc_handle *handle)
{
    return may_be_used_as(handle, MTC_BUFFER_MAGIC);
}

static inline struct mtm_buffer *buffer_of(const struct mtc_handle *handle)
{
    return (struct mtm_buffer *)handle->object;
}

/* As mtc_number, for a number that Lua has in hand. */
static struct mtm_word to_word(double number)
{
    struct mtm_word word = {.tag = MTM_TAG_NUMBER};
    int64_t integer;
    if (mtc_double_is_integer(number, &integer)) {
        word.bits = (uint64_t)integer;
        word.tag = word.bits <= UINT8_MAX ? MTM_TAG_BYTE : MTM_TAG_INTEGER;
    } else {
        memcpy(&word.bits, &number, sizeof number);
    }
    return word;
}

static int add_number(struct mtc_handle *handle, double number)
{
    if (!may_be_used(handle)) return 0;
    return mtm_fast_add_word(buffer_of(handle), to_word(number));
}

/* What add_values was given: of each value, what a number and what a string of its place would
 * be. */
struct values {
    uint32_t kinds;
    double number[VALUES];
    const char *text[VALUES];
    uint32_t length[VALUES];
};

enum {
    MOST_TEXT = 248, /* the Lua text leaves messages with longer strings, in all, to others */
    MOST_HEADERS = VALUES * MTM_WORD_VALUE
};

static inline uint32_t kind_at(uint32_t kinds, int i)
{
    return kinds >> (i * KIND_BITS) & ((1u << KIND_BITS) - 1);
}

/* Returns the end; writes up to MTM_WORD_VALUE bytes more than the number takes. */
static inline unsigned char *put_number(unsigned char *to, double number)
{
    const struct mtm_word word = to_word(number);
    mtm_wire_put_word(to, word);
    return to + mtm_wire_word_size(word.tag);
}

static inline unsigned char *put_text(unsigned char *to, const char *text, uint32_t length)
{
    to = mtm_wire_string_header(to, length);
    mtm_copy_short(to, text, length);
    return to + length;
}

/* Returns the end. */
static inline unsigned char *put(unsigned char *to, const struct values *values)
{
    for (int i = 0; i < VALUES; ++i) {
        const uint32_t kind = kind_at(values->kinds, i);
        switch ((enum kind)kind) {
            case KIND_END: return to;
            case KIND_NIL: to = mtm_wire_nil(to); break;
            case KIND_TRUE:
            case KIND_FALSE: to = mtm_wire_boolean(to, kind == KIND_TRUE); break;
            case KIND_STRING: to = put_text(to, values->text[i], values->length[i]); break;
            case KIND_NUMBER: to = put_number(to, values->number[i]); break;
        }
    }
    return to;
}

static MTM_NOINLINE int add_long_text(struct mtc_handle *handle, const char *text,
                                      uint32_t length)
{
    unsigned char header[MTM_WORD_VALUE];
    struct mtm_message message;
    mtm_message_init(&message);
    mtm_message_add(&message, header,
                    (size_t)(mtm_wire_string_header(header, length) - header));
    mtm_message_add(&message, text, length);
    return mtm_fast_add_message(buffer_of(handle), &message);
}

static int add_text(struct mtc_handle *handle, const char *text, uint32_t length)
{
    const size_t size = mtm_wire_string_size(length);
    if (!may_be_used(handle)) return 0;
    if (size > MTM_FAST_MAX) return add_long_text(handle, text, length);
    unsigned char *to = mtm_fast_begin(buffer_of(handle), 1 + size);
    if (MTM_UNLIKELY(!to)) {
        unsigned char bytes[MTM_FAST_MAX];
        memcpy(mtm_wire_string_header(bytes, length), text, length);
        return mtm_fast_add_around(buffer_of(handle), bytes, size);
    }
    *to = (unsigned char)size;
    mtm_copy_short(mtm_wire_string_header(to + 1, length), text, length);
    mtm_fast_end(buffer_of(handle), 1 + size);
    return 1;
}

static MTM_NOINLINE int add_values_around(struct mtc_handle *handle,
                                          const struct values *values)
{
    unsigned char bytes[MOST_TEXT + MOST_HEADERS];
    const size_t size = (size_t)(put(bytes, values) - bytes);
    return size <= MTM_FAST_MAX && mtm_fast_add_around(buffer_of(handle), bytes, size);
}

/* Up to four values: of what kind they are, from the low bits of `kinds` on, and of each what a
 * number and what a string of that place would be; of other kinds the string is empty. They are
 * written straight into the ring. */
static int add_values(struct mtc_handle *handle, uint32_t kinds, double n1, double n2,
                      double n3, double n4, const char *t1, uint32_t len1, const char *t2,
                      uint32_t len2, const char *t3, uint32_t len3, const char *t4,
                      uint32_t len4)
{
    const struct values values = {
        kinds, {n1, n2, n3, n4}, {t1, t2, t3, t4}, {len1, len2, len3, len4}};
    const size_t most = MOST_HEADERS + (size_t)len1 + len2 + len3 + len4;
    if (!may_be_used(handle)) return 0;
    unsigned char *to =
        most <= MTM_FAST_MAX ? mtm_fast_begin(buffer_of(handle), 1 + most) : NULL;
    if (MTM_UNLIKELY(!to)) return add_values_around(handle, &values);
    const size_t size = (size_t)(put(to + 1, &values) - to - 1);
    *to = (unsigned char)size;
    mtm_fast_end(buffer_of(handle), 1 + size);
    return 1;
}

/* A word has one of four tags; the other two are integers. No two ways to write that a number
 * is none may reach LuaJIT, which has other values in their place. */
static uint32_t word_to_kind(struct mtm_word word, double *number)
{
    if (word.tag == MTM_TAG_BOOLEAN) return word.bits ? KIND_TRUE : KIND_FALSE;
    if (word.tag == MTM_TAG_NUMBER) memcpy(number, &word.bits, sizeof *number);
    else *number = (double)(int64_t)word.bits;
    if (*number != *number) *number = NAN;
    return KIND_NUMBER;
}

/* A string goes to that place of the scratch memory; returns its end, or NULL: it is none. */
static inline const unsigned char *spread_text(struct scratch *s, unsigned place,
                                               const unsigned char *at)
{
    uint64_t length = at[1];
    if (at[0] == MTM_TAG_SHORT) {
        s->text[place] = at + 2;
    } else if (at[0] == MTM_TAG_STRING) {
        memcpy(&length, at + 1, sizeof length);
        s->text[place] = at + MTM_WORD_VALUE;
    } else {
        return NULL;
    }
    s->length[place] = (uint32_t)length;
    return s->text[place] + length;
}

/* Spreads the values of the message in the scratch memory; 0 if there are other ones, too many,
 * or none. The bytes were written by an encoder. */
static uint32_t spread(struct scratch *s)
{
    const unsigned char *at = s->peeked.bytes, *end = at + s->peeked.size;
    uint32_t kinds = 0, kind;
    for (unsigned place = 0; at < end; ++place) {
        const size_t size = mtm_wire_word_size(*at);
        if (place == VALUES) return 0;
        if (size > 0) {
            const struct mtm_word word = mtm_wire_get_word_of(at, size);
            if (word.tag == MTM_TAG_INTEGER && mtc_is_wide((int64_t)word.bits)) return 0;
            kind = word_to_kind(word, &s->number[place]);
            at += size;
        } else if (*at == MTM_TAG_NIL) {
            kind = KIND_NIL;
            ++at;
        } else {
            kind = KIND_STRING;
            at = spread_text(s, place, at);
            if (!at) return 0;
        }
        kinds |= kind << (place * KIND_BITS);
    }
    return kinds;
}

/* What is a number and equals itself. */
static bool is_number(struct mtm_word word)
{
    double number;
    if (word.tag != MTM_TAG_NUMBER)
        return word.tag != MTM_TAG_BOOLEAN && mtc_is_plain_word(word);
    memcpy(&number, &word.bits, sizeof number);
    return number == number;
}

/* A hook may raise an error, or receive, wherever compiled code would have to go on. */
static inline bool is_hooked(const struct scratch *s)
{
    return MTM_UNLIKELY(lua_gethookmask(s->hooks) != 0);
}

static inline double to_number(struct mtm_word word)
{
    double number = 0;
    word_to_kind(word, &number);
    return number;
}

/* Takes the first message if it is a number, and returns that; else NAN. */
static double take_number(struct mtc_handle *handle, const struct scratch *s)
{
    struct mtm_word word;
    bool more;
    if (!may_be_used(handle) || handle->owned.state->contended > 0 || is_hooked(s)) return NAN;
    if (!mtm_fast_take_word(buffer_of(handle), 0, is_number, &word, &more)) return NAN;
    return to_number(word);
}

/* The same of a listener. */
static double take_number_through(struct mtc_handle *handle, const struct scratch *s)
{
    struct mtm_word word;
    uint64_t id;
    if (!may_be_used_as(handle, MTC_LISTENER_MAGIC) || is_hooked(s)) return NAN;
    if (!mtm_listener_take_word((struct mtm_listener *)handle->object, is_number,
                                MTM_TAKER_FREES_NOTHING, &word, &id))
        return NAN;
    return to_number(word);
}

/* The address of the first of these buffers that seems to have a message; that of an earlier
 * one, if it is not 0, comes before. 0: none has; less: one can't be used. */
static double first_with(double earlier, const struct mtc_handle *h1,
                         const struct mtc_handle *h2, const struct mtc_handle *h3,
                         const struct mtc_handle *h4, const struct mtc_handle *h5,
                         const struct mtc_handle *h6, const struct mtc_handle *h7,
                         const struct mtc_handle *h8)
{
    const struct mtc_handle *const all[] = {h1, h2, h3, h4, h5, h6, h7, h8};
    double first = earlier;
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
        const struct mtc_handle *handle = all[i];
        if (!handle) continue;
        if (!may_be_used(handle)) return -1;
        if (first == 0 && mtm_buffer_may_have_one(buffer_of(handle)))
            first = (double)(uintptr_t)handle;
    }
    return first;
}

/* 0: it has none any more. */
static double id_of(const struct mtc_handle *handle)
{
    return may_be_used(handle) ? (double)handle->object->id : 0;
}

static bool none(struct mtm_word word)
{
    (void)word;
    return false;
}

/* Copies the first message to the scratch memory. Returns the kinds of its values, and above
 * these the serial number of the look; or 0: do it otherwise. */
static double look(struct mtc_handle *handle, struct scratch *s)
{
    if (!may_be_used(handle) || handle->owned.state->contended > 0 || is_hooked(s)) return 0;
    if (!mtm_buffer_has_messages(buffer_of(handle))) return 0; /* it is going to wait */
    ++s->serial;
    if (mtm_fast_peek(buffer_of(handle), &s->peeked, none) != MTM_FOUND_BYTES) return 0;
    const uint32_t kinds = spread(s);
    return kinds ? (double)s->serial * KINDS + kinds : 0;
}

/* Takes the message of the look with this serial number, if that is the latest one. */
static int take(struct mtc_handle *handle, const struct scratch *s, uint32_t serial)
{
    if (!may_be_used(handle) || s->serial != serial || is_hooked(s)) return 0;
    return mtm_fast_take(buffer_of(handle), &s->peeked);
}

/* In the order of the parameters of the Lua text. */
typedef void (*any_function)(void);
static any_function const functions[] = {
    (any_function)add_number,  (any_function)add_text,
    (any_function)add_values,  (any_function)look,
    (any_function)take,        (any_function)id_of,
    (any_function)take_number, (any_function)take_number_through,
    (any_function)first_with};

static const char methods[] =
#include "ffi/methods.inc"
    ;

/* Its coroutine goes with it. */
static void push_scratch(lua_State *L)
{
    struct scratch *s = lua_newuserdata(L, sizeof *s);
    memset(s, 0, sizeof *s);
    lua_newtable(L);
    s->hooks = lua_newthread(L);
    lua_rawseti(L, -2, 1);
    mtc_setuservalue(L, -2);
}

/* Protected; the module is the argument. Returns whether the functions were replaced. Addresses
 * are passed as numbers, since not every LuaJIT can make a light userdata of every address. */
static int replace(lua_State *L)
{
    const int count = (int)(sizeof functions / sizeof *functions);
    if (luaL_loadbuffer(L, methods, sizeof methods - 1, "=mtmsg") != 0) lua_error(L);
    lua_pushvalue(L, 1);
    luaL_getmetatable(L, "mtmsg.buffer");
    luaL_getmetatable(L, "mtmsg.listener");
    push_scratch(L);
    for (int i = 0; i < count; ++i) lua_pushnumber(L, (lua_Number)(uintptr_t)functions[i]);
    lua_call(L, 4 + count, 1);
    return 1;
}

static bool is_wished(void)
{
    const char *wish = getenv("MTMSG_FFI");
    return !wish || strcmp(wish, "0") != 0;
}

bool mtf_replace(lua_State *L)
{
    bool done = false;
    if (!MTC_MAY_BE_LUAJIT || !is_wished()) return false;
    lua_pushcfunction(L, replace);
    lua_pushvalue(L, -2);
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc == LUA_ERRMEM) lua_error(L);
    if (rc == 0) done = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return done;
}
