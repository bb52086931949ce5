/* Writes values with all that is in them to a draft, one level after the other and never by
 * recursion. The draft owns the bytes; what is open lies on the Lua stack, two slots for a
 * level. */
#include "lua/encode_deep.h"

#include <limits.h>
#include <string.h>

#include "lua/arrays.h"
#include "lua/cdata.h"
#include "lua/classes.h"
#include "lua/encode.h"
#include "lua/objects.h"

#include "platform/hidden.h"

/* ---- values ---- */

static MTM_NOINLINE void meet_early_keys(struct mtl_deep *deep)
{
    struct mtl_draft *draft = deep->draft;
    for (uint32_t i = 0; i < draft->early; ++i) {
        bool known;
        struct mtl_met *met = mtl_deep_meet(deep, draft->early_key[i], &known);
        met->number = i;
        met->place = draft->early_place[i];
    }
    draft->early = 0;
}

/* While there is one table no key can come again: it is noted, and met only when there are
 * more. */
static inline bool put_early_key(struct mtl_deep *deep, const char *text)
{
    struct mtl_draft *draft = deep->draft;
    if (draft->objects > 1 || draft->keys >= MTL_EARLY_KEYS) {
        if (draft->early > 0) meet_early_keys(deep);
        return false;
    }
    draft->early_key[draft->keys] = text;
    draft->early_place[draft->keys] = draft->block ? mtl_draft_size(draft) : 0;
    draft->early = ++draft->keys;
    return true;
}

void mtl_deep_key(struct mtl_deep *deep, int index)
{
    struct mtl_draft *draft = deep->draft;
    size_t len;
    const char *text = lua_tolstring(deep->L, index, &len);
    if (mtm_wire_is_key(len) && !put_early_key(deep, text)) {
        struct mtl_met *met = mtl_draft_guess(draft, text);
        bool known = met != NULL;
        if (!met) met = mtl_deep_meet(deep, text, &known);
        mtl_draft_note(draft, met);
        if (known) {
            mtl_draft_bytes(draft)[met->place] = MTM_TAG_KEY;
            mtm_wire_reference(mtl_deep_room(deep, MTM_REFERENCE_VALUE), MTM_TAG_KEY_AGAIN,
                               draft->keys - met->number);
            return;
        }
        met->number = draft->keys++;
        met->place = draft->block ? mtl_draft_size(draft) : 0;
    }
    unsigned char *to = mtl_deep_room(deep, mtm_wire_string_size(len));
    memcpy(mtm_wire_string_header(to, len), text, len);
}

static inline void put_word(struct mtl_deep *deep, int index)
{
    struct mtm_word word = mtl_number_to_word(deep->L, index);
    mtm_wire_put_word(mtl_deep_room(deep, mtm_wire_word_size(word.tag)), word);
}

static inline void put_string(struct mtl_deep *deep, int index)
{
    size_t len;
    const char *text = lua_tolstring(deep->L, index, &len);
    unsigned char *to = mtl_deep_room(deep, mtm_wire_string_size(len));
    memcpy(mtm_wire_string_header(to, len), text, len);
}

/* The array's own memory: nothing that could run a finalizer may come in between. */
static bool put_array(struct mtl_deep *deep)
{
    struct mtl_array array;
    if (!mtl_array_get(deep->L, -1, &array)) return false;
    size_t bytes = array.elsize * array.count;
    unsigned char *to = mtl_deep_room(deep, mtm_wire_array_size(array.elsize, array.count));
    to = mtm_wire_array_header(to, array.type, array.elsize, array.count);
    if (bytes > 0) memcpy(to, array.elements, bytes);
    return true;
}

bool mtl_deep_put_reference(struct mtl_deep *deep, size_t *place)
{
    struct mtl_draft *draft = deep->draft;
    bool known;
    const void *what = lua_topointer(deep->L, -1);
    struct mtl_met *met = mtl_deep_meet(deep, what, &known);
    if (!known) {
        met->number = draft->objects++;
        if (MTM_UNLIKELY(deep->named) && mtl_deep_name(deep)) {
            met = mtl_deep_meet(deep, what, &known);
        }
        met->place = *place = draft->block ? mtl_draft_size(draft) : 0;
        return false;
    }
    unsigned char *tag = &mtl_draft_bytes(draft)[met->place];
    if (*tag == MTM_TAG_TABLE) *tag = MTM_TAG_SHARED;
    mtm_wire_reference(mtl_deep_room(deep, MTM_REFERENCE_VALUE), MTM_TAG_REFERENCE,
                       draft->objects - met->number);
    return true;
}

static bool goes_by_name(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    lua_pushvalue(L, -1);
    lua_rawget(L, deep->base - MTL_MODULES);
    bool found = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return found && mtl_deep_put_by_name(deep);
}

/* The table with the address that the globals had may be another one by now. */
static bool is_globals(struct mtl_deep *deep)
{
    mtc_push_globals(deep->L);
    bool is = lua_rawequal(deep->L, -1, -2) != 0;
    lua_pop(deep->L, 1);
    return is;
}

static bool put_table(struct mtl_deep *deep)
{
    size_t place;
    if (MTM_UNLIKELY(lua_topointer(deep->L, -1) == deep->state->globals) && is_globals(deep)) {
        *mtl_deep_room(deep, 1) = MTM_TAG_GLOBALS;
        lua_pop(deep->L, 1);
        return false;
    }
    if (MTM_UNLIKELY(deep->by_name) && goes_by_name(deep)) return false;
    if (mtl_deep_put_reference(deep, &place)) {
        lua_pop(deep->L, 1);
        return false;
    }
    mtm_wire_pair(mtl_deep_room(deep, MTM_WORD_VALUE), MTM_TAG_TABLE, 0, 0);
    mtl_deep_descend(deep, MTL_SEQUENCE, place);
    return true;
}

/* A C function with upvalues, or an environment of its own, is nothing without them, and one
 * without an address can't be called from another state: unless it goes by name. */
static bool put_c_function(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    int top = lua_gettop(L);
    lua_CFunction function = lua_tocfunction(L, -1);
    bool plain = function && !mtc_has_context(L, top);
    lua_settop(L, top);
    if (!plain) return false;
    mtm_plat_pin_image((const void *)(uintptr_t)function); /* it may outlive this state */
    mtm_wire_pointer(mtl_deep_room(deep, MTM_WORD_VALUE), MTM_TAG_FUNCTION,
                     (uintptr_t)function);
    return true;
}

/* An integer of LuaJIT. As a key of a table it is not found by its value: so it is refused
 * there.
 */
static bool put_cdata(struct mtl_deep *deep)
{
    const struct mtl_draft *draft = deep->draft;
    int64_t integer;
    if (draft->depth > 0 && draft->level[draft->depth - 1].stage == MTL_VALUE) return false;
    if (!mtl_to_int64(deep->L, deep->state, &integer)) return false;
    mtm_wire_integer(mtl_deep_room(deep, mtm_wire_integer_size(integer)), integer);
    return true;
}

/* An array may offer the Object C API, too. */
static bool put_userdata(struct mtl_deep *deep)
{
    if (MTC_MAY_BE_LUAJIT && lua_type(deep->L, -1) == MTL_TCDATA) return put_cdata(deep);
    if (mtl_to_any_handle(deep->L, -1)) return mtl_deep_put_object(deep);
    return put_array(deep) || mtl_deep_put_object(deep);
}

/* What can only go by name. Where it is in a module, all of that goes by name, and all is
 * written once more. */
static bool put_other(struct mtl_deep *deep)
{
    deep->again = mtl_deep_mark_module(deep);
    if (!deep->again && !mtl_deep_put_by_name(deep)) mtl_deep_refuse(deep);
    return deep->again;
}

static MTM_NOINLINE bool put_less_common(struct mtl_deep *deep, int type)
{
    lua_State *L = deep->L;
    switch (type) {
        case LUA_TBOOLEAN:
            mtm_wire_boolean(mtl_deep_room(deep, 2), lua_toboolean(L, -1) != 0);
            break;
        case LUA_TNIL: mtm_wire_nil(mtl_deep_room(deep, 1)); break;
        case LUA_TLIGHTUSERDATA:
            mtm_wire_pointer(mtl_deep_room(deep, MTM_WORD_VALUE), MTM_TAG_POINTER,
                             (uintptr_t)lua_touserdata(L, -1));
            break;
        case LUA_TTABLE:
            if (luaL_getmetafield(L, -1, "_capi_carray")) { /* arrays may be tables */
                lua_pop(L, 1);
                if (!put_array(deep)) return put_other(deep);
                break;
            }
            return put_table(deep);
        case LUA_TFUNCTION:
            if (lua_iscfunction(L, -1)) {
                if (!put_c_function(deep)) return put_other(deep);
                break;
            }
            if (MTC_MAY_BE_LUAJIT && mtl_deep_put_compiled(deep)) return false;
            return mtl_deep_put_function(deep);
        default:
            if (!put_userdata(deep)) return put_other(deep);
            break;
    }
    lua_pop(L, 1);
    return false;
}

static MTM_ALWAYS_INLINE bool put(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    const int type = lua_type(L, -1);
    if (type == LUA_TNUMBER) put_word(deep, -1);
    else if (type == LUA_TSTRING) put_string(deep, -1);
    else return put_less_common(deep, type);
    lua_pop(L, 1);
    return false;
}

/* ---- tables ---- */

/* The rest of a table, as lua_next gives it: [table][key][value] are on top. */
static inline bool put_pair(struct mtl_deep *deep, struct mtl_level *level)
{
    lua_State *L = deep->L;
    struct mtm_word word;
    switch (lua_type(L, -2)) {
        case LUA_TSTRING: mtl_deep_key(deep, -2); break;
        case LUA_TNUMBER:
            word = mtl_number_to_word(L, -2);
            if (word.tag != MTM_TAG_NUMBER && word.bits - 1 < level->array) {
                lua_pop(L, 1); /* it has been written */
                return false;
            }
            mtm_wire_put_word(mtl_deep_room(deep, mtm_wire_word_size(word.tag)), word);
            break;
        default:
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            ++level->pairs;
            level->stage = MTL_VALUE;
            return put(deep);
    }
    ++level->pairs;
    return put(deep);
}

/* The value of the key on top. */
static void push_value(lua_State *L, int table)
{
    lua_pushvalue(L, table + 1);
    lua_rawget(L, table);
}

/* A key has come that does not continue the sequence: but the next one may be anywhere in the
 * table. */
static bool leave_sequence(struct mtl_deep *deep, struct mtl_level *level, int table)
{
    lua_State *L = deep->L;
    lua_rawgeti(L, table, (int)(level->array + 1));
    if (MTM_LIKELY(lua_isnil(L, -1))) {
        lua_pop(L, 1);
        level->stage = MTL_PAIRS;
        return put_pair(deep, level);
    }
    lua_pop(L, 2);
    level->stage = MTL_REST;
    return false;
}

static bool put_rest(struct mtl_deep *deep, struct mtl_level *level, int table)
{
    lua_State *L = deep->L;
    lua_rawgeti(L, table, (int)(level->array + 1));
    if (!lua_isnil(L, -1)) {
        ++level->array;
        return put(deep);
    }
    lua_pop(L, 1);
    push_value(L, table);
    level->stage = MTL_PAIRS;
    return put_pair(deep, level);
}

static void end_table(struct mtl_deep *deep, struct mtl_level *level)
{
    unsigned char *tag = mtl_draft_bytes(deep->draft) + level->place;
    if (level->array > INT_MAX || level->pairs > INT_MAX) {
        mtl_draft_give(deep->draft);
        luaL_error(deep->L, "table too large for a message");
    }
    mtm_wire_pair(tag, (enum mtm_tag) * tag, (uint32_t)level->array, (uint32_t)level->pairs);
    mtl_deep_ascend(deep);
}

/* Goes on in the innermost level until it ends, or another one begins in it. */
static void run_level(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    struct mtl_level *level = &deep->draft->level[deep->draft->depth - 1];
    const int table = mtl_deep_slot(deep, deep->draft->depth - 1);
    for (bool deeper = false; !deeper;) {
        switch (level->stage) {
            case MTL_SEQUENCE:
                if (!lua_next(L, table)) {
                    end_table(deep, level);
                    return;
                }
                if (MTM_UNLIKELY(!mtc_is_index(L, -2, level->array + 1))) {
                    deeper = leave_sequence(deep, level, table);
                    break;
                }
                ++level->array;
                deeper = put(deep);
                break;
            case MTL_REST: deeper = put_rest(deep, level, table); break;
            case MTL_PAIRS:
                if (!lua_next(L, table)) {
                    end_table(deep, level);
                    return;
                }
                deeper = put_pair(deep, level);
                break;
            case MTL_VALUE:
                push_value(L, table);
                level->stage = MTL_PAIRS;
                deeper = put(deep);
                break;
            case MTL_UPVALUES:
                if (!mtl_deep_next_upvalue(deep, level)) {
                    lua_pop(L, 1);
                    mtl_deep_ascend(deep);
                    return;
                }
                deeper = put(deep);
                break;
        }
    }
}

/* ---- the message ---- */

static void put_argument(struct mtl_deep *deep, int index)
{
    deep->argument = index;
    lua_pushvalue(deep->L, index);
    if (!put(deep)) return;
    while (deep->draft->depth > 0 && !deep->again) run_level(deep);
}

static void put_all(struct mtl_deep *deep, int first, int last)
{
    do {
        deep->again = false;
        for (int index = first; index <= last && !deep->again; ++index) {
            put_argument(deep, index);
        }
        if (deep->again) {
            lua_settop(deep->L, deep->base - 1);
            mtl_draft_clear(deep->draft);
        }
    } while (deep->again);
}

void mtl_encode_deep(struct mtl_deep *deep, lua_State *L, struct mtc_state *state, int first,
                     int last, struct mtm_message *message)
{
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    struct mtl_draft *draft = mtl_draft_take(L, state);
    *deep = (struct mtl_deep){.L = L, .state = state, .draft = draft, .named = state->names};
    if (MTM_UNLIKELY(!state->globals)) {
        mtc_push_globals(L);
        state->globals = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    deep->base = lua_gettop(L) + MTL_DEEP_SLOTS + 1;
    lua_settop(L, deep->base - 1);
    put_all(deep, first, last);
    const size_t size = draft->block ? mtl_draft_size(draft) : 0;
    mtm_message_init(message);
    if (draft->cargo) message->cargo = &draft->cargo;
    if (size > 0) mtm_message_add(message, mtl_draft_bytes(draft), size);
}
