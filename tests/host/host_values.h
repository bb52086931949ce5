/* Owns the copies of simple Lua values that travel from one Lua state to another. It knows
 * nothing of threads: a list of values belongs to one of them at a time. */
#ifndef HOST_VALUES_H
#define HOST_VALUES_H

#include <stdlib.h>
#include <string.h>

#include <lua.h>

#include <lauxlib.h>

enum host_kind { HOST_NIL, HOST_BOOLEAN, HOST_INTEGER, HOST_NUMBER, HOST_STRING };

struct host_value {
    enum host_kind kind;
    union {
        int boolean;
        lua_Integer integer;
        lua_Number number;
        struct {
            char *bytes;
            size_t length;
        } string;
    } as;
};

struct host_values {
    size_t count;
    struct host_value *items;
};

static inline void host_values_free(struct host_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (values->items[i].kind == HOST_STRING) {
            free(values->items[i].as.string.bytes);
        }
    }
    free(values->items);
    values->items = NULL;
    values->count = 0;
}

/* Returns 0 if there is no memory. */
static inline int host_value_set_string(struct host_value *value, const char *bytes,
                                        size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    value->kind = HOST_STRING;
    value->as.string.bytes = copy;
    value->as.string.length = length;
    return 1;
}

static inline void host_value_set_number(lua_State *L, int index, struct host_value *value)
{
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index)) {
        value->kind = HOST_INTEGER;
        value->as.integer = lua_tointeger(L, index);
        return;
    }
#endif
    value->kind = HOST_NUMBER;
    value->as.number = lua_tonumber(L, index);
}

static inline int host_value_set(lua_State *L, int index, struct host_value *value)
{
    size_t length;
    const char *bytes;
    switch (lua_type(L, index)) {
        case LUA_TNIL: value->kind = HOST_NIL; return 1;
        case LUA_TBOOLEAN:
            value->kind = HOST_BOOLEAN;
            value->as.boolean = lua_toboolean(L, index);
            return 1;
        case LUA_TNUMBER: host_value_set_number(L, index, value); return 1;
        case LUA_TSTRING:
            bytes = lua_tolstring(L, index, &length);
            return host_value_set_string(value, bytes, length) ||
                   luaL_error(L, "not enough memory");
        default: return 0;
    }
}

/* Copies the stack from index first to the top into values, which is empty before and belongs
 * to the caller also when this raises. Returns 0, or the index of one that cannot travel. */
static inline int host_values_read(lua_State *L, int first, struct host_values *values)
{
    int top = lua_gettop(L);
    size_t count = top >= first ? (size_t)(top - first) + 1 : 0;
    values->items = calloc(count + 1, sizeof(struct host_value));
    if (values->items == NULL) {
        return luaL_error(L, "not enough memory");
    }
    values->count = count;
    for (int index = first; index <= top; index++) {
        if (!host_value_set(L, index, &values->items[index - first])) {
            return index;
        }
    }
    return 0;
}

/* Returns the number of values pushed. */
static inline int host_values_push(lua_State *L, const struct host_values *values)
{
    luaL_checkstack(L, (int)values->count + 1, "too many values");
    for (size_t i = 0; i < values->count; i++) {
        const struct host_value *value = &values->items[i];
        switch (value->kind) {
            case HOST_NIL: lua_pushnil(L); break;
            case HOST_BOOLEAN: lua_pushboolean(L, value->as.boolean); break;
            case HOST_INTEGER: lua_pushinteger(L, value->as.integer); break;
            case HOST_NUMBER: lua_pushnumber(L, value->as.number); break;
            case HOST_STRING:
                lua_pushlstring(L, value->as.string.bytes, value->as.string.length);
                break;
        }
    }
    return (int)values->count;
}

#endif
