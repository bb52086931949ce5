/* Lua values to messages: one pass over the arguments. It does not own what long strings and
 * arrays refer to, which stays where it is in Lua. */
#include "lua/encode.h"

#include <string.h>

#include "core/cargo.h"
#include "core/copy.h"
#include "lua/arrays.h"
#include "lua/classes.h"

#include "platform/hidden.h"

enum {
    REFER_MIN = 1024
}; /* strings and arrays from this size on are not copied to the scratch memory */

/* Room for a value that can't be referred to; NULL if there is none. */
static inline unsigned char *room(struct mtl_encoder *e, size_t bytes)
{
    if (MTM_UNLIKELY(bytes > (size_t)(e->end - e->at))) return NULL;
    unsigned char *place = e->at;
    e->at += bytes;
    return place;
}

/* Ends the part that is being written. */
static void end_part(struct mtl_encoder *e)
{
    size_t len = (size_t)(e->at - e->part);
    if (len > 0) mtm_message_add(&e->message, e->part, len);
    e->part = e->at;
}

/* The header has been written; now the bytes, which stay where they are until the message has
 * been put. */
static bool refer(struct mtl_encoder *e, const void *ptr, size_t len)
{
    end_part(e);
    mtm_message_add(&e->message, ptr, len);
    return true;
}

/* A part to refer to needs up to two more entries, and what follows it a third one. */
static bool can_refer(const struct mtl_encoder *e, size_t len)
{
    return len >= REFER_MIN && e->message.nparts + 3 <= MTM_MAX_PARTS;
}

static bool encode_string(lua_State *L, int index, struct mtl_encoder *e)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    bool by_reference = can_refer(e, len);
    size_t size = mtm_wire_string_size(len);
    unsigned char *to = room(e, by_reference ? size - len : size);
    if (!to) return false;
    to = mtm_wire_string_header(to, len);
    if (by_reference) return refer(e, text, len);
    memcpy(to, text, len);
    return true;
}

static bool encode_number(lua_State *L, int index, struct mtl_encoder *e)
{
    struct mtm_word word = mtl_number_to_word(L, index);
    unsigned char *to = room(e, mtm_wire_word_size(word.tag));
    if (to) mtm_wire_put_word(to, word);
    return to != NULL;
}

/* A function that needs more than its address is left to encode_deep.c. */
static bool encode_function(lua_State *L, int index, struct mtl_encoder *e)
{
    if (e->cargo) return false;
    lua_CFunction function = lua_tocfunction(L, index);
    if (!function || mtc_has_context(L, index)) return false;
    mtm_plat_pin_image((const void *)(uintptr_t)function); /* it may outlive this state */
    unsigned char *to = room(e, MTM_WORD_VALUE);
    if (to) mtm_wire_pointer(to, MTM_TAG_FUNCTION, (uintptr_t)function);
    return to != NULL;
}

static bool encode_array(lua_State *L, int index, struct mtl_encoder *e)
{
    struct mtl_array array;
    if (e->cargo) return false;
    if (!mtl_array_get(L, index, &array)) return false;
    size_t bytes = mtm_size_mul(array.elsize, array.count);
    /* Only the last one: a finalizer that runs for a later value could resize it. */
    bool by_reference = index == e->last && can_refer(e, bytes);
    size_t size = mtm_wire_array_size(array.elsize, array.count);
    unsigned char *to = room(e, by_reference ? size - bytes : size);
    if (!to) return false;
    to = mtm_wire_array_header(to, array.type, array.elsize, array.count);
    if (by_reference) return refer(e, array.elements, bytes);
    if (bytes > 0) memcpy(to, array.elements, bytes);
    return true;
}

static bool is_there(const struct mtm_cargo *cargo, const struct mtm_object *object)
{
    for (size_t i = 0; cargo && i < cargo->count; ++i) {
        if (mtm_cargo_at(cargo, i)->object == object) return true;
    }
    return false;
}

/* From the first one on nothing may raise an error: what needs memory of Lua is left to
 * encode_deep.c. */
static bool encode_userdata(lua_State *L, int index, struct mtl_encoder *e)
{
    const struct mtc_handle *handle = mtl_to_any_handle(L, index);
    if (!handle) return encode_array(L, index, e);
    if (!e->takes_objects || !mtc_handle_is_live(handle)) return false;
    struct mtm_object *object = handle->object;
    if (is_there(e->cargo, object)) return false;
    unsigned char *to = room(e, MTM_OBJECT_VALUE);
    if (!to) return false;
    mtm_wire_object(to, (uint32_t)object->kind, object->id, 0);
    return mtm_cargo_add(&e->cargo, object) == MTM_OK;
}

static bool encode_value(lua_State *L, int index, struct mtl_encoder *e)
{
    unsigned char *to;
    switch (lua_type(L, index)) {
        case LUA_TNUMBER: return encode_number(L, index, e);
        case LUA_TSTRING: return encode_string(L, index, e);
        case LUA_TBOOLEAN:
            to = room(e, 2);
            if (to) mtm_wire_boolean(to, lua_toboolean(L, index) != 0);
            return to != NULL;
        case LUA_TNIL:
            to = room(e, 1);
            if (to) mtm_wire_nil(to);
            return to != NULL;
        case LUA_TLIGHTUSERDATA:
            to = room(e, MTM_WORD_VALUE);
            if (to) mtm_wire_pointer(to, MTM_TAG_POINTER, (uintptr_t)lua_touserdata(L, index));
            return to != NULL;
        case LUA_TFUNCTION: return encode_function(L, index, e);
        case LUA_TUSERDATA: return encode_userdata(L, index, e);
        default: return encode_array(L, index, e);
    }
}

int mtl_encode_short(lua_State *L, int first, int last, unsigned char *to, int cap)
{
    int size = 0;
    for (int index = first; index <= last; ++index) {
        size_t len;
        const char *text;
        struct mtm_word word;
        if (MTM_UNLIKELY(cap - size < MTM_WORD_VALUE)) return -1;
        switch (lua_type(L, index)) {
            case LUA_TNUMBER:
                word = mtl_number_to_word(L, index);
                mtm_wire_put_word(to + size, word);
                size += (int)mtm_wire_word_size(word.tag);
                break;
            case LUA_TNIL: to[size++] = MTM_TAG_NIL; break;
            case LUA_TBOOLEAN:
                to[size++] = MTM_TAG_BOOLEAN;
                to[size++] = lua_toboolean(L, index) != 0;
                break;
            case LUA_TSTRING:
                text = lua_tolstring(L, index, &len);
                if (len > (size_t)(cap - size - 2)) return -1;
                to[size++] = MTM_TAG_SHORT;
                to[size++] = (unsigned char)len;
                mtm_copy_short(to + size, text, len);
                size += (int)len;
                break;
            default: return -1;
        }
    }
    return size;
}

static bool encode(lua_State *L, int first, int last, struct mtl_encoder *e)
{
    e->at = e->part = e->scratch;
    e->end = e->scratch + sizeof e->scratch;
    e->last = last;
    e->cargo = NULL;
    mtm_message_init(&e->message);
    for (int index = first; index <= last; ++index) {
        if (MTM_UNLIKELY(!encode_value(L, index, e))) return false;
    }
    end_part(e);
    return true;
}

bool mtl_encode(lua_State *L, int first, int last, struct mtl_encoder *e)
{
    e->takes_objects = false;
    return encode(L, first, last, e);
}

bool mtl_encode_objects(lua_State *L, int first, int last, struct mtl_encoder *e)
{
    e->takes_objects = true;
    if (MTM_LIKELY(encode(L, first, last, e))) {
        if (MTM_UNLIKELY(e->cargo != NULL)) e->message.cargo = &e->cargo;
        return true;
    }
    mtm_cargo_drop(e->cargo);
    return false;
}
