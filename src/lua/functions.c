/* Functions of Lua to bytecode and back. It owns nothing: the bytes belong to the message. */
#include "lua/functions.h"

#include <limits.h>
#include <string.h>

#include "lua/classes.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"

#include "platform/hidden.h"
/* behind that, since the shared module does not show what it declares */
#include "mtmsg/mtmsg.h"

/* ---- encoding ---- */

static int write_dump(lua_State *L, const void *bytes, size_t size, void *data)
{
    struct mtl_deep *deep = data;
    (void)L;
    if (size == 0) return 0;
    if (size > (size_t)(deep->draft->end - deep->draft->at) &&
        !mtl_draft_grow(deep->draft, size)) {
        deep->failed = true;
        return 1;
    }
    memcpy(deep->draft->at, bytes, size);
    deep->draft->at += size;
    return 0;
}

static uint32_t count_upvalues(lua_State *L)
{
    uint32_t count = 0;
    while (lua_getupvalue(L, -1, (int)count + 1)) {
        lua_pop(L, 1);
        ++count;
    }
    return count;
}

bool mtl_deep_put_function(struct mtl_deep *deep)
{
    size_t place;
    struct mtl_draft *draft = deep->draft;
    if (mtl_deep_put_reference(deep, &place)) {
        lua_pop(deep->L, 1);
        return false;
    }
    (void)mtl_deep_room(deep, MTM_WORD_VALUE);
    size_t begin = mtl_draft_size(draft);
    deep->failed = false;
    int rc = mtc_dump(deep->L, write_dump, deep);
    size_t len = mtl_draft_size(draft) - begin;
    if (rc != 0 || len > INT_MAX) {
        mtl_draft_give(draft);
        if (deep->failed) mtl_raise_plain(deep->L, MTM_NOMEM);
        /* LuaJIT dumps to memory of its own first */
        luaL_error(deep->L, rc != 0 ? "not enough memory" : "function too large for a message");
    }
    uint32_t count = count_upvalues(deep->L) + MTC_HAS_ENV;
    mtm_wire_pair(mtl_draft_bytes(draft) + place, MTM_TAG_CODE, count, (uint32_t)len);
    mtl_deep_descend(deep, MTL_UPVALUES, place)->pairs = count;
    return true;
}

/* True: another function of the message has the variable, too, and that has been written. */
static bool put_shared(struct mtl_deep *deep, int function, size_t n)
{
    bool known;
    const void *id = mtc_upvalue_id(deep->L, function, (int)n);
    if (!id) return false;
    struct mtl_met *met = mtl_deep_meet(deep, id, &known);
    bool function_known;
    if (known) {
        mtm_wire_pair(mtl_deep_room(deep, MTM_WORD_VALUE), MTM_TAG_UPVALUE,
                      deep->draft->objects - met->number, (uint32_t)met->place);
        return true;
    }
    uint32_t number =
        mtl_deep_meet(deep, lua_topointer(deep->L, function), &function_known)->number;
    met = mtl_deep_meet(deep, id, &known);
    met->number = number;
    met->place = n;
    return false;
}

bool mtl_deep_next_upvalue(struct mtl_deep *deep, struct mtl_level *level)
{
    lua_State *L = deep->L;
    const int function = mtl_deep_slot(deep, deep->draft->depth - 1);
    while (level->array < level->pairs) {
        size_t n = ++level->array;
        if (MTC_HAS_ENV && n == 1) {
            mtc_getfenv(L, function);
            return true;
        }
        if (put_shared(deep, function, n - MTC_HAS_ENV)) continue;
        (void)lua_getupvalue(L, function, (int)n - MTC_HAS_ENV);
        return true;
    }
    return false;
}

/* ---- decoding ---- */

void mtl_function_load(lua_State *L, const struct mtc_state *state,
                       const struct mtm_value *value)
{
    if (state->no_functions) {
        luaL_error(L, "function received, but this Lua state refuses functions");
    }
    int rc = mtc_load(L, (const char *)value->code.ptr, value->code.len, "=?");
    if (rc == 0) return;
    if (rc == LUA_ERRMEM) lua_error(L);
    luaL_error(L, "function received, but this Lua cannot load it: %s", lua_tostring(L, -1));
}

void mtl_function_set(lua_State *L, int function, uint32_t n)
{
    if (MTC_HAS_ENV && n == 1) mtc_setfenv(L, function);
    else if (!lua_setupvalue(L, function, (int)n - MTC_HAS_ENV)) lua_pop(L, 1);
}

bool mtl_function_join(lua_State *L, int function, uint32_t n, int other, uint32_t m)
{
    if (lua_type(L, other) != LUA_TFUNCTION || lua_iscfunction(L, other)) return false;
    if (!mtc_upvalue_id(L, other, (int)m) || !mtc_upvalue_id(L, function, (int)n)) return false;
    mtc_upvalue_join(L, function, (int)n, other, (int)m);
    return true;
}

int mtl_functions(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushboolean(L, !state->no_functions);
    if (lua_isnone(L, 1)) return 1;
    bool flag = mtl_check_flag(L, 1);
    if (flag && state->never_functions)
        luaL_error(L, "this Lua state refuses functions for good");
    state->no_functions = !flag;
    return 1;
}

void mtmsg_refuse_functions(lua_State *L)
{
    struct mtc_state *state = mtl_state_push(L);
    state->no_functions = state->never_functions = true;
    lua_pop(L, 1);
}
