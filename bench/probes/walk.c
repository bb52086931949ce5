/* What a value costs that is walked by lua_next and made anew by presized tables and raw sets,
 * in one state and without a message; what it costs if its keys and values are read as well, by
 * the calls that Lua has for it, and copied; and if each table and key is looked up among those
 * that have come already, too: the limits of what a message with tables can cost. It knows
 * nothing of the library. */
#include "probe.h"

#include <stdint.h>
#include <string.h>

/* A value as a list of steps by which it can be made. */
enum op { OP_TABLE, OP_FIELD, OP_NUMBER, OP_INTEGER, OP_STRING, OP_BOOLEAN, OP_SET, OP_SETI };

struct step {
    enum op op;
    int array, pairs;
    lua_Number number;
    lua_Integer integer;
    const char *text;
    size_t len;
};

enum { MAX_STEPS = 20000 };

static struct step steps[MAX_STEPS];
static int step_count;

static struct step *add(enum op op)
{
    struct step *step = &steps[step_count < MAX_STEPS - 1 ? step_count++ : step_count];
    memset(step, 0, sizeof *step);
    step->op = op;
    return step;
}

static void count(lua_State *L, int table, int *array, int *pairs)
{
    *array = 0;
    *pairs = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) ++*pairs;
    for (;; ++*array, --*pairs) {
        lua_rawgeti(L, table, *array + 1);
        int none = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (none) return;
    }
}

static void record(lua_State *L, int index);

static void record_table(lua_State *L, int table)
{
    struct step *step = add(OP_TABLE);
    int array;
    count(L, table, &step->array, &step->pairs);
    array = step->array;
    luaL_checkstack(L, 10, NULL);
    for (int i = 1; i <= array; ++i) {
        lua_rawgeti(L, table, i);
        record(L, lua_gettop(L));
        lua_pop(L, 1);
        add(OP_SETI)->array = i;
    }
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        step = add(OP_FIELD);
        step->text = lua_tolstring(L, -2, &step->len);
        record(L, lua_gettop(L));
        add(OP_SET);
    }
}

/* Strings stay alive with the value, which the caller keeps. */
static void record(lua_State *L, int index)
{
    struct step *step;
    switch (lua_type(L, index)) {
        case LUA_TTABLE: record_table(L, index); break;
        case LUA_TNUMBER:
            if (lua_tonumber(L, index) == (lua_Number)lua_tointeger(L, index)) {
                add(OP_INTEGER)->integer = lua_tointeger(L, index);
            } else {
                add(OP_NUMBER)->number = lua_tonumber(L, index);
            }
            break;
        case LUA_TSTRING:
            step = add(OP_STRING);
            step->text = lua_tolstring(L, index, &step->len);
            break;
        default: add(OP_BOOLEAN)->array = lua_toboolean(L, index); break;
    }
}

static void make(lua_State *L)
{
    for (int i = 0; i < step_count; ++i) {
        const struct step *step = &steps[i];
        switch (step->op) {
            case OP_TABLE: lua_createtable(L, step->array, step->pairs); break;
            case OP_FIELD:
            case OP_STRING: lua_pushlstring(L, step->text, step->len); break;
            case OP_NUMBER: lua_pushnumber(L, step->number); break;
            case OP_INTEGER: lua_pushinteger(L, step->integer); break;
            case OP_BOOLEAN: lua_pushboolean(L, step->array); break;
            case OP_SET: lua_rawset(L, -3); break;
            case OP_SETI: lua_rawseti(L, -2, step->array); break;
        }
    }
}

static void walk(lua_State *L, int table)
{
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -1) == LUA_TTABLE) walk(L, lua_gettop(L));
    }
}

/* Where what is read goes to; it begins again when it is full. */
static unsigned char bytes[1 << 16];
static size_t used;

static void copy(const void *from, size_t len)
{
    if (len > sizeof bytes - used) used = 0;
    if (len <= sizeof bytes) memcpy(bytes + used, from, len);
    used += len;
}

/* The address of what was read, if it is a string. */
static const void *read_value(lua_State *L, int index)
{
    lua_Number number;
    lua_Integer integer;
    size_t len;
    const char *text;
    int truth;
    switch (lua_type(L, index)) {
        case LUA_TNUMBER:
            number = lua_tonumber(L, index);
            integer = lua_tointeger(L, index);
            if (number == (lua_Number)integer) copy(&integer, sizeof integer);
            else copy(&number, sizeof number);
            break;
        case LUA_TSTRING:
            text = lua_tolstring(L, index, &len);
            copy(text, len);
            return text;
        default:
            truth = lua_toboolean(L, index);
            copy(&truth, 1);
            break;
    }
    return NULL;
}

static void read(lua_State *L, int table)
{
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        read_value(L, -2);
        if (lua_type(L, -1) == LUA_TTABLE) read(L, lua_gettop(L));
        else read_value(L, -1);
    }
}

/* The tables and keys of the value that is being read, of which there are at most half as many
 * as places. */
enum { PLACES = 1024 };

static struct noted {
    const void *what;
    size_t round;
} noted[PLACES];
static size_t current_round;

static void note(const void *what)
{
    size_t i = (size_t)((uintptr_t)what >> 4) * 0x9E3779B1u >> 7 & (PLACES - 1);
    while (noted[i].round == current_round && noted[i].what != what) i = (i + 1) % PLACES;
    noted[i].what = what;
    noted[i].round = current_round;
}

static void read_and_note_table(lua_State *L, int table)
{
    note(lua_topointer(L, table));
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const void *key = read_value(L, -2);
        if (key) note(key);
        if (lua_type(L, -1) == LUA_TTABLE) read_and_note_table(L, lua_gettop(L));
        else read_value(L, -1);
    }
}

static void read_and_note(lua_State *L, int table)
{
    ++current_round;
    read_and_note_table(L, table);
}

/* Goes through the value at index 2 by `go`, and makes it anew, as often as argument 1 says.
 * The caller takes the time. */
static int measure(lua_State *L, void (*go)(lua_State *L, int table))
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 200, NULL);
    step_count = 0;
    record(L, 2);
    for (lua_Integer i = 0; i < n; ++i) {
        go(L, 2);
        make(L);
        lua_settop(L, 2);
    }
    return 0;
}

/* walk.both(n, value) */
static int both(lua_State *L)
{
    return measure(L, walk);
}

/* walk.read(n, value): the same, and reads what is there. */
static int both_and_read(lua_State *L)
{
    return measure(L, read);
}

/* walk.note(n, value): the same, and notes tables and keys. */
static int all_of_it(lua_State *L)
{
    return measure(L, read_and_note);
}

PROBE_EXPORT int luaopen_walk(lua_State *L);

PROBE_EXPORT int luaopen_walk(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"both", both}, {"read", both_and_read}, {"note", all_of_it}, {NULL, NULL}};
    return probe_open(L, functions);
}
