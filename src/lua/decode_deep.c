/* Builds tables and functions from the bytes of a message, one level after the other and never
 * by recursion. It owns nothing: all that it needs is on the Lua stack. */
#include "lua/decode_deep.h"

#include <limits.h>
#include <string.h>

#include "lua/decode_levels.h"
#include "lua/functions.h"
#include "lua/objects.h"

#include "platform/hidden.h"

int mtl_build_fail(struct mtl_build *build)
{
    return luaL_error(build->L, "the message is damaged");
}

static void read(struct mtl_build *build, struct mtm_value *value)
{
    if (mtm_wire_read(&build->at, build->end, value) == MTM_TAG_END) mtl_build_fail(build);
}

/* ---- what was there before ---- */

int mtl_build_table(struct mtl_build *build, int slot)
{
    int index = build->slots + slot;
    if (lua_isnil(build->L, index)) {
        lua_newtable(build->L);
        lua_replace(build->L, index);
    }
    return index;
}

static void remember(struct mtl_build *build, int slot, uint32_t number)
{
    int table = mtl_build_table(build, slot);
    lua_pushvalue(build->L, -1);
    lua_rawseti(build->L, table, (int)(number & INT_MAX));
}

static void recall(struct mtl_build *build, int slot, uint32_t count, uint32_t back)
{
    int table = build->slots + slot;
    if (back == 0 || back > count || lua_isnil(build->L, table)) mtl_build_fail(build);
    lua_rawgeti(build->L, table, (int)((count - back) & INT_MAX));
    if (lua_isnil(build->L, -1)) mtl_build_fail(build);
    if (slot == MTL_SEEN_KEYS) build->keys = table;
}

/* A string in the place of a key. */
static void push_key_string(struct mtl_build *build, const struct mtm_value *value)
{
    lua_pushlstring(build->L, (const char *)value->string.ptr, value->string.len);
    if (!mtm_wire_is_key(value->string.len)) return;
    if (value->tag == MTM_TAG_KEY) remember(build, MTL_SEEN_KEYS, build->seen.keys);
    ++build->seen.keys;
}

/* The same for a string in the place of a key that comes for the first time, or again. Of a
 * damaged message it may push nil, which no table takes for a key. */
static inline bool push_quick_key(struct mtl_build *build)
{
    const unsigned char *at = build->at;
    const size_t left = (size_t)(build->end - at);
    if (left < MTM_REFERENCE_VALUE) return false;
    if (at[0] == MTM_TAG_SHORT && left >= (size_t)2 + at[1]) {
        lua_pushlstring(build->L, (const char *)at + 2, at[1]);
        if (mtm_wire_is_key(at[1])) ++build->seen.keys;
        build->at = at + 2 + at[1];
        return true;
    }
    if (at[0] != MTM_TAG_KEY_AGAIN || build->keys == 0) return false;
    uint32_t back;
    memcpy(&back, at + 1, sizeof back);
    if (back == 0 || back > build->seen.keys) mtl_build_fail(build);
    lua_rawgeti(build->L, build->keys, (int)((build->seen.keys - back) & INT_MAX));
    build->at = at + MTM_REFERENCE_VALUE;
    return true;
}

void mtl_build_key(struct mtl_build *build)
{
    struct mtm_value value;
    read(build, &value);
    if (value.tag == MTM_TAG_KEY_AGAIN)
        recall(build, MTL_SEEN_KEYS, build->seen.keys, value.reference.back);
    else if (value.tag == MTM_TAG_SHORT || value.tag == MTM_TAG_STRING ||
             value.tag == MTM_TAG_KEY)
        push_key_string(build, &value);
    else mtl_build_fail(build);
}

/* ---- values ---- */

/* Pushes the table. */
static inline struct mtl_build_level open_table(struct mtl_build *build,
                                                const struct mtm_value *value)
{
    const struct mtl_build_level level = {.array = value->table.array,
                                          .pairs = value->table.pairs};
    if (level.array > INT_MAX || level.pairs > INT_MAX) mtl_build_fail(build);
    lua_createtable(build->L, (int)level.array, (int)level.pairs);
    return level;
}

/* Pushes the table or function. */
static struct mtl_build_level open_level(struct mtl_build *build, const struct mtm_value *value)
{
    struct mtl_build_level level;
    if (value->tag == MTM_TAG_CODE) {
        level = (struct mtl_build_level){.array = value->code.upvalues, .is_function = true};
        mtl_function_load(build->L, build->state, value);
        remember(build, MTL_SEEN_OBJECTS, build->seen.objects);
    } else {
        level = open_table(build, value);
        if (value->tag == MTM_TAG_SHARED) {
            remember(build, MTL_SEEN_OBJECTS, build->seen.objects);
        }
    }
    ++build->seen.objects;
    return level;
}

/* The table that comes next will have the metatable of that name, if there is one. */
static bool open_named(struct mtl_build *build, struct mtl_build_level *level)
{
    lua_State *L = build->L;
    struct mtm_value value;
    mtl_build_key(build);
    mtl_push_named(L, build->state);
    read(build, &value);
    if (value.tag != MTM_TAG_TABLE && value.tag != MTM_TAG_SHARED) mtl_build_fail(build);
    *level = open_level(build, &value);
    if (lua_istable(L, -2)) {
        int list = mtl_build_table(build, MTL_SEEN_NAMED), count = (int)mtc_rawlen(L, list);
        lua_pushvalue(L, -1);
        lua_rawseti(L, list, count + 1);
        lua_pushvalue(L, -2);
        lua_rawseti(L, list, count + 2);
    }
    lua_remove(L, -2);
    return true;
}

/* The next of the message's objects. Until what is pushed has a reference of its own the
 * message keeps it. */
static void push_object(struct mtl_build *build, const struct mtm_value *value)
{
    const struct mtm_item *item = mtm_cargo_at(build->cargo, build->seen.items++);
    if (!item) {
        mtl_build_fail(build);
        return; /* never */
    }
    mtl_push_object(build->L, build->state, item);
    if (value->object.shared) remember(build, MTL_SEEN_OBJECTS, build->seen.objects);
    ++build->seen.objects;
}

/* Pushes the value; true, and *level, if there is more in it. */
static bool push(struct mtl_build *build, const struct mtm_value *value,
                 struct mtl_build_level *level)
{
    switch (value->tag) {
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE: *level = open_level(build, value); return true;
        case MTM_TAG_NAMED: return open_named(build, level);
        case MTM_TAG_REFERENCE:
            recall(build, MTL_SEEN_OBJECTS, build->seen.objects, value->reference.back);
            return false;
        case MTM_TAG_MODULE: mtl_build_by_name(build); return false;
        case MTM_TAG_GLOBALS: mtc_push_globals(build->L); return false;
        case MTM_TAG_OBJECT: push_object(build, value); return false;
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
        case MTM_TAG_NUMBER:
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY: mtl_push_value(build, value); return false;
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_UPVALUE:
        case MTM_TAG_END: break;
    }
    mtl_build_fail(build);
    return false;
}

/* Pushes the value that comes next if it is of the common kinds, and moves behind it: false if
 * it is not, or if it may end too soon. */
static inline bool push_quick(struct mtl_build *build)
{
    const unsigned char *at = build->at;
    const size_t left = (size_t)(build->end - at);
    int64_t integer;
    double number;
    if (left < MTM_WORD_VALUE) return false;
    switch ((enum mtm_tag)at[0]) {
        case MTM_TAG_BOOLEAN:
            lua_pushboolean(build->L, at[1]);
            build->at = at + 2;
            return true;
        case MTM_TAG_BYTE:
            lua_pushinteger(build->L, at[1]);
            build->at = at + 2;
            return true;
        case MTM_TAG_INTEGER:
            memcpy(&integer, at + 1, sizeof integer);
            if (mtc_is_wide(integer)) return false;
            mtc_push_integer(build->L, integer);
            build->at = at + MTM_WORD_VALUE;
            return true;
        case MTM_TAG_NUMBER:
            memcpy(&number, at + 1, sizeof number);
            lua_pushnumber(build->L, (lua_Number)number);
            build->at = at + MTM_WORD_VALUE;
            return true;
        case MTM_TAG_SHORT:
            if (left < (size_t)2 + at[1]) return false;
            lua_pushlstring(build->L, (const char *)at + 2, at[1]);
            build->at = at + 2 + at[1];
            return true;
        case MTM_TAG_NIL:
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
        case MTM_TAG_END:
        default: return false;
    }
}

/* The same of a table that comes only once, and has no name: begins it. */
static inline bool push_quick_table(struct mtl_build *build, struct mtl_build_level *level)
{
    const unsigned char *at = build->at;
    struct mtm_value value;
    if (at == build->end || *at++ != MTM_TAG_TABLE) return false;
    if (!mtm_wire_read_table(&at, build->end, &value)) return false;
    build->at = at;
    *level = open_table(build, &value);
    ++build->seen.objects;
    return true;
}

/* Puts the value on top into the sequence, or into the variable; keeps it there if it is
 * `kept`. */
static void set_next(struct mtl_build *build, int table, struct mtl_build_level *level,
                     bool kept)
{
    uint32_t n = ++level->next;
    if (kept) lua_pushvalue(build->L, -1);
    if (level->is_function) mtl_function_set(build->L, table, n);
    else lua_rawseti(build->L, table, (int)n);
}

/* A variable of a function that has come already. */
static void join(struct mtl_build *build, int function, struct mtl_build_level *level,
                 const struct mtm_value *value)
{
    recall(build, MTL_SEEN_OBJECTS, build->seen.objects, value->reference.back);
    if (!level->is_function ||
        !mtl_function_join(build->L, function, ++level->next, lua_gettop(build->L),
                           value->reference.index)) {
        mtl_build_fail(build);
    }
    lua_pop(build->L, 1);
}

/* The rest of the sequence, up to a value with more in it. */
static void run_sequence(struct mtl_build *build, struct mtl_build_levels *levels)
{
    lua_State *L = build->L;
    struct mtl_build_level *level = &levels->level[levels->depth - 1], inner;
    const int table = mtl_levels_slot(levels, levels->depth - 1);
    struct mtm_value value;
    while (level->next < level->array) {
        if (MTM_LIKELY(!level->is_function) && push_quick(build)) {
            lua_rawseti(L, table, (int)++level->next);
            continue;
        }
        if (push_quick_table(build, &inner)) {
            set_next(build, table, level, true);
            mtl_levels_begin(build, levels, inner);
            return;
        }
        read(build, &value);
        if (MTM_LIKELY(value.tag <= MTM_TAG_STRING)) {
            mtl_push_value(build, &value);
            set_next(build, table, level, false);
        } else if (value.tag == MTM_TAG_UPVALUE) {
            join(build, table, level, &value);
        } else if (push(build, &value, &inner)) {
            set_next(build, table, level, true);
            mtl_levels_begin(build, levels, inner);
            return;
        } else {
            set_next(build, table, level, false);
        }
    }
}

/* Pushes the key of the next pair. False: there is more in it, and its level has begun. */
static bool push_key(struct mtl_build *build, struct mtl_build_levels *levels,
                     struct mtl_build_level *level)
{
    lua_State *L = build->L;
    struct mtl_build_level inner;
    struct mtm_value value;
    const unsigned char tag = build->at < build->end ? *build->at : MTM_TAG_END;
    if (level->key_is_there) {
        lua_rawgeti(L, build->slots + MTL_SEEN_SPILL, (int)(2 * levels->depth + 1));
        level->key_is_there = false;
        return true;
    }
    if (tag == MTM_TAG_SHORT || tag == MTM_TAG_KEY || tag == MTM_TAG_KEY_AGAIN ||
        tag == MTM_TAG_STRING) {
        mtl_build_key(build);
        return true;
    }
    read(build, &value);
    if (value.tag == MTM_TAG_INTEGER) { /* always a number: it is to be found by its value */
        mtc_push_integer(L, value.integer);
        return true;
    }
    if (!push(build, &value, &inner)) return true;
    lua_pushvalue(L, -1);
    lua_rawseti(L, mtl_build_table(build, MTL_SEEN_SPILL), (int)(2 * levels->depth + 1));
    level->key_is_there = true;
    mtl_levels_begin(build, levels, inner);
    return false;
}

/* The rest of the pairs, up to a key or value with more in it. */
static void run_pairs(struct mtl_build *build, struct mtl_build_levels *levels)
{
    lua_State *L = build->L;
    struct mtl_build_level *level = &levels->level[levels->depth - 1], inner;
    const int table = mtl_levels_slot(levels, levels->depth - 1);
    struct mtm_value value;
    while (level->pairs > 0) {
        if (MTM_UNLIKELY(level->key_is_there) || !push_quick_key(build)) {
            if (!push_key(build, levels, level)) return;
        }
        --level->pairs;
        if (MTM_LIKELY(push_quick(build))) {
            lua_rawset(L, table);
            continue;
        }
        bool deeper = push_quick_table(build, &inner);
        if (!deeper) {
            read(build, &value);
            deeper = push(build, &value, &inner);
        }
        if (deeper) {
            lua_pushvalue(L, -1);
            lua_insert(L, -3);
            lua_rawset(L, table);
            mtl_levels_begin(build, levels, inner);
            return;
        }
        lua_rawset(L, table);
    }
}

void mtl_build_value(struct mtl_build *build, const struct mtm_value *value)
{
    struct mtl_build_levels levels; /* not to be cleared: it is large */
    struct mtl_build_level level;
    mtl_levels_init(&levels, build->L);
    if (!push(build, value, &level)) return;
    mtl_levels_begin(build, &levels, level);
    while (levels.depth > 0) {
        const struct mtl_build_level *innermost = &levels.level[levels.depth - 1];
        if (innermost->next < innermost->array) run_sequence(build, &levels);
        else if (innermost->pairs > 0) run_pairs(build, &levels);
        else mtl_levels_end(build, &levels);
    }
}

void mtl_build_end(struct mtl_build *build)
{
    lua_State *L = build->L;
    const int list = build->slots + MTL_SEEN_NAMED;
    if (MTM_LIKELY(lua_isnil(L, list))) return;
    int count = (int)mtc_rawlen(L, list);
    for (int i = 1; i < count; i += 2) {
        lua_rawgeti(L, list, i);
        lua_rawgeti(L, list, i + 1);
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    lua_replace(L, list);
}
