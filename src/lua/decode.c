/* Messages to Lua values: one pass over the bytes. It owns nothing; arrays are the business of
 * arrays.c. */
#include "lua/decode.h"

#include <string.h>

#include "lua/arrays.h"
#include "lua/cdata.h"
#include "lua/classes.h"
#include "lua/decode_deep.h"

#include "platform/hidden.h"

static lua_CFunction to_function(uint64_t address)
{
    return (lua_CFunction)(uintptr_t)address;
}

/* Pushes what needs no memory of Lua; false if the value is not of that kind. */
static inline bool push_plain(lua_State *L, const struct mtm_value *value)
{
    switch (value->tag) {
        case MTM_TAG_NIL: lua_pushnil(L); return true;
        case MTM_TAG_BOOLEAN: lua_pushboolean(L, value->boolean); return true;
        case MTM_TAG_INTEGER:
            if (mtc_is_wide(value->integer)) return false;
            mtc_push_integer(L, value->integer);
            return true;
        case MTM_TAG_BYTE: mtc_push_integer(L, value->integer); return true;
        case MTM_TAG_NUMBER: lua_pushnumber(L, (lua_Number)value->number); return true;
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY:
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE:
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_UPVALUE:
        case MTM_TAG_OBJECT:
        case MTM_TAG_END: break;
    }
    return false;
}

bool mtl_decode_fast(lua_State *L, struct mtl_decoder *decoder, int *pushed)
{
    const unsigned char *at = decoder->at, *const end = decoder->end;
    int count = 0;
    for (; (size_t)count < decoder->max && at != end; ++count) {
        const size_t size = *at == MTM_TAG_NIL ? 1 : mtm_wire_word_size(*at);
        if (size == 0 || size > (size_t)(end - at) || count == MTL_FAST_VALUES) break;
        if (size == 1) {
            lua_pushnil(L);
        } else {
            const struct mtm_word word = mtm_wire_get_word_of(at, size);
            if (word.tag == MTM_TAG_INTEGER && mtc_is_wide((int64_t)word.bits)) break;
            mtl_push_word(L, word);
        }
        at += size;
    }
    if ((size_t)count < decoder->max && at != end) {
        lua_pop(L, count);
        return false;
    }
    decoder->at = at;
    *pushed = count;
    return true;
}

/* One of our objects that comes for the first time, and only once: of the others' only pushing
 * tells what they are. */
static bool push_unset(lua_State *L, struct mtc_state *state, const unsigned char *at)
{
    uint32_t kind, shared;
    memcpy(&kind, at + 1, 4);
    memcpy(&shared, at + 5, 4);
    if (kind == MTM_FOREIGN || shared) return false;
    mtl_handle_push(L, state, (enum mtm_kind)kind);
    return true;
}

/* The bytes were written by mtl_encode_short or its like; what is not among these values ends
 * the loop. state: NULL if there are no objects. */
static MTM_ALWAYS_INLINE int decode_values(lua_State *L, struct mtc_state *state,
                                           const unsigned char *at, size_t size)
{
    const unsigned char *end = at + size;
    int count = 0;
    for (; at < end; ++count) {
        int64_t integer;
        double number;
        if (MTM_UNLIKELY(count == MTL_FAST_VALUES)) return -1;
        switch ((enum mtm_tag)at[0]) {
            case MTM_TAG_NIL:
                lua_pushnil(L);
                at += 1;
                break;
            case MTM_TAG_BOOLEAN:
                lua_pushboolean(L, at[1]);
                at += 2;
                break;
            case MTM_TAG_BYTE:
                lua_pushinteger(L, at[1]);
                at += 2;
                break;
            case MTM_TAG_INTEGER:
                memcpy(&integer, at + 1, 8);
                if (mtc_is_wide(integer)) return -1;
                mtc_push_integer(L, integer);
                at += MTM_WORD_VALUE;
                break;
            case MTM_TAG_NUMBER:
                memcpy(&number, at + 1, 8);
                lua_pushnumber(L, (lua_Number)number);
                at += MTM_WORD_VALUE;
                break;
            case MTM_TAG_SHORT:
                lua_pushlstring(L, (const char *)at + 2, at[1]);
                at += 2 + at[1];
                break;
            case MTM_TAG_STRING:
                memcpy(&integer, at + 1, 8);
                lua_pushlstring(L, (const char *)at + MTM_WORD_VALUE, (size_t)integer);
                at += MTM_WORD_VALUE + (size_t)integer;
                break;
            case MTM_TAG_OBJECT:
                if (!state || count > MTL_FAST_VALUES / 2 || !push_unset(L, state, at))
                    return -1;
                at += MTM_OBJECT_VALUE;
                break;
            case MTM_TAG_POINTER:
            case MTM_TAG_FUNCTION:
            case MTM_TAG_ARRAY:
            case MTM_TAG_TABLE:
            case MTM_TAG_SHARED:
            case MTM_TAG_CODE:
            case MTM_TAG_REFERENCE:
            case MTM_TAG_KEY:
            case MTM_TAG_KEY_AGAIN:
            case MTM_TAG_NAMED:
            case MTM_TAG_MODULE:
            case MTM_TAG_GLOBALS:
            case MTM_TAG_UPVALUE:
            case MTM_TAG_END:
            default: return -1;
        }
    }
    return count;
}

int mtl_decode_short(lua_State *L, const unsigned char *at, size_t size)
{
    return decode_values(L, NULL, at, size);
}

int mtl_decode_laden(lua_State *L, struct mtc_state *state, const unsigned char *at,
                     size_t size)
{
    return decode_values(L, state, at, size);
}

void mtl_push_value(struct mtl_build *build, const struct mtm_value *value)
{
    lua_State *L = build->L;
    if (push_plain(L, value)) return;
    switch (value->tag) {
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            lua_pushlstring(L, (const char *)value->string.ptr, value->string.len);
            break;
        case MTM_TAG_FUNCTION: lua_pushcfunction(L, to_function(value->pointer)); break;
        case MTM_TAG_POINTER: /* LuaJIT may allocate for it */
            lua_pushlightuserdata(L, (void *)(uintptr_t)value->pointer);
            break;
        case MTM_TAG_ARRAY: mtl_array_push(L, value, build->given); break;
        case MTM_TAG_INTEGER: mtl_push_wide(L, build->state, value->integer); break;
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_NUMBER: break; /* have been dealt with */
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE:
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_UPVALUE:
        case MTM_TAG_OBJECT:
        case MTM_TAG_END: MTM_ASSERT(false); lua_pushnil(L); /* those are built */
    }
}

static bool is_deep(unsigned tag)
{
    return tag > MTM_TAG_ARRAY;
}

/* Reads up to decoder->max values; the stack has the slots of decode_deep.h above the
 * arguments. */
static int build(struct mtl_build *build, struct mtl_decoder *decoder)
{
    lua_State *L = build->L;
    struct mtm_value value;
    size_t count = 0;
    while (count < decoder->max) {
        if (mtm_wire_read(&build->at, build->end, &value) == MTM_TAG_END) {
            if (build->at != build->end) mtl_build_fail(build);
            break;
        }
        if (count % MTL_FAST_VALUES == 0) {
            luaL_checkstack(L, MTL_FAST_VALUES + LUA_MINSTACK,
                            "too many values in the message");
        }
        if (MTM_UNLIKELY(is_deep(value.tag))) mtl_build_value(build, &value);
        else mtl_push_value(build, &value);
        ++count;
    }
    mtl_build_end(build);
    return (int)count;
}

/* What a reader keeps until its next call: a table of both, or nil. */
static void push_seen(struct mtl_build *build)
{
    lua_State *L = build->L;
    if (build->seen.objects + build->seen.keys == 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 2, 0);
    for (int i = MTL_SEEN_OBJECTS; i <= MTL_SEEN_KEYS; ++i) {
        lua_pushvalue(L, build->slots + i);
        lua_rawseti(L, -2, i);
    }
}

/* Arguments: what has been seen before of the message (two values of decode_deep.h, or nil),
 * and the given carrays. The decoder is not an argument: a pointer to the C stack is no light
 * userdata for LuaJIT where addresses have more than 47 bits. Whoever calls the function
 * without one gets nothing. */
int mtl_decode(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtl_decoder *decoder = state->decoding;
    if (!decoder) return 0;
    state->decoding = NULL;
    const int top = lua_gettop(L);
    struct mtl_given given = {.next = 3, .last = top};
    struct mtl_build all = {.L = L,
                            .state = state,
                            .given = &given,
                            .at = decoder->at,
                            .end = decoder->end,
                            .cargo = decoder->cargo,
                            .seen = decoder->seen,
                            .slots = top};
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_settop(L, top + MTL_SEEN_SLOTS);
    int count = build(&all, decoder);
    mtl_array_reset_rest(L, &given);
    if (decoder->keep) {
        push_seen(&all);
        ++count;
    }
    decoder->at = all.at;
    decoder->seen = all.seen;
    return count;
}

int mtl_decode_direct(lua_State *L, struct mtc_state *state, const unsigned char *at,
                      size_t size)
{
    const int top = lua_gettop(L);
    struct mtl_given given = {.next = 1, .last = 0};
    struct mtl_decoder decoder = {.at = at, .end = at + size, .max = SIZE_MAX};
    struct mtl_build all = {.L = L,
                            .state = state,
                            .given = &given,
                            .at = decoder.at,
                            .end = decoder.end,
                            .slots = top};
    lua_settop(L, top + MTL_SEEN_SLOTS);
    return build(&all, &decoder);
}

void mtl_decode_prepare(lua_State *L, int first, int last)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushnil(L);
    lua_pushnil(L);
    for (int i = first; i <= last; ++i) lua_pushvalue(L, i);
}

int mtl_decode_protected(lua_State *L, struct mtc_state *state, struct mtl_decoder *decoder,
                         int arguments)
{
    struct mtl_decoder *outer = state->decoding; /* a hook may come in between */
    state->decoding = decoder;
    int rc = lua_pcall(L, arguments, LUA_MULTRET, 0);
    state->decoding = outer;
    return rc;
}
