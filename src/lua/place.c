/* Where in a message the value is that can't travel, as text: thread at [3].workers["main"].
 * It owns nothing. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/state.h"

#include "platform/hidden.h"

enum { LONGEST = 160, LONGEST_KEY = 40 };

struct text {
    char bytes[LONGEST + 64];
    size_t len;
};

static void add(struct text *text, const char *bytes, size_t len)
{
    if (len > sizeof text->bytes - text->len) len = sizeof text->bytes - text->len;
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static void add_text(struct text *text, const char *bytes)
{
    add(text, bytes, strlen(bytes));
}

static bool is_identifier(const char *key, size_t len)
{
    if (len == 0 || len > LONGEST_KEY || isdigit((unsigned char)*key)) return false;
    for (size_t i = 0; i < len; ++i) {
        if (!isalnum((unsigned char)key[i]) && key[i] != '_') return false;
    }
    return true;
}

static void add_byte(struct text *text, unsigned char byte)
{
    char escaped[8];
    if (byte == '"' || byte == '\\') (void)snprintf(escaped, sizeof escaped, "\\%c", byte);
    else if (byte < ' ' || byte >= 127) (void)snprintf(escaped, sizeof escaped, "\\%03u", byte);
    else (void)snprintf(escaped, sizeof escaped, "%c", byte);
    add_text(text, escaped);
}

/* In its short form, unless it is the last one. */
static void add_string(struct text *text, const char *key, size_t len, bool last)
{
    if (!last && is_identifier(key, len)) {
        add_text(text, ".");
        add(text, key, len);
        return;
    }
    add_text(text, "[\"");
    for (size_t i = 0; i < len && i < LONGEST_KEY; ++i) add_byte(text, (unsigned char)key[i]);
    add_text(text, len > LONGEST_KEY ? "...\"]" : "\"]");
}

/* The key on top of the stack. */
static void add_key(lua_State *L, struct text *text, bool last)
{
    char number[48];
    size_t len;
    int64_t integer;
    double real;
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *key = lua_tolstring(L, -1, &len);
        add_string(text, key, len, last);
    } else if (lua_type(L, -1) != LUA_TNUMBER) {
        add_text(text, "[");
        if (!lua_isboolean(L, -1)) add_text(text, luaL_typename(L, -1));
        else add_text(text, lua_toboolean(L, -1) ? "true" : "false");
        add_text(text, "]");
    } else {
        if (mtc_number(L, -1, &integer, &real)) {
            (void)snprintf(number, sizeof number, "[%lld]", (long long)integer);
        } else {
            (void)snprintf(number, sizeof number, "[%.14g]", real);
        }
        add_text(text, number);
    }
}

static void add_level(struct mtl_deep *deep, size_t at, struct text *text)
{
    lua_State *L = deep->L;
    const struct mtl_level *level = &deep->draft->level[at];
    int top = lua_gettop(L);
    char number[32];
    const char *name = NULL;
    switch (level->stage) {
        case MTL_SEQUENCE:
        case MTL_REST:
            (void)snprintf(number, sizeof number, "[%zu]", level->array);
            add_text(text, number);
            break;
        case MTL_PAIRS:
        case MTL_VALUE:
            mtl_deep_push_key(deep, at);
            if (level->stage == MTL_VALUE) add_text(text, " (as key)");
            else add_key(L, text, at + 1 == deep->draft->depth);
            break;
        case MTL_UPVALUES:
            mtl_deep_push_table(deep, at);
            if (level->array > MTC_HAS_ENV) {
                name = lua_getupvalue(L, -1, (int)level->array - MTC_HAS_ENV);
            }
            add_text(text, name ? " upvalue " : " environment");
            if (name) add_text(text, *name ? name : "?");
            break;
    }
    lua_settop(L, top);
}

/* The first levels, and the last one. */
static void add_place(struct mtl_deep *deep, struct text *text)
{
    const size_t depth = deep->draft->depth;
    char number[32];
    (void)snprintf(number, sizeof number, "[%d]", deep->argument - 1);
    add_text(text, number);
    for (size_t level = 0; level < depth; ++level) {
        if (text->len > LONGEST / 2 && level + 1 < depth) {
            add_text(text, "...");
            level = depth - 1;
        }
        add_level(deep, level, text);
    }
}

/* The place is read from the draft, so that is given back after it; an error in between leaves
 * it in use, and the state takes another one. */
int mtl_deep_refuse(struct mtl_deep *deep)
{
    static const char not_supported[] = "parameter type not supported";
    lua_State *L = deep->L;
    struct text text = {.len = 0};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    if (deep->draft->depth == 0) {
        mtl_draft_give(deep->draft);
        return mtl_raise_fixed(L, deep->argument, not_supported);
    }
    const char *type = mtl_type_of(L, lua_gettop(L));
    int top = lua_gettop(L);
    add_place(deep, &text);
    mtl_draft_give(deep->draft);
    lua_settop(L, top);
    lua_pushlstring(L, text.bytes, text.len);
    return luaL_argerror(
        L, deep->argument,
        lua_pushfstring(L, "%s: %s at %s", not_supported, type, lua_tostring(L, -1)));
}
