/* A box that holds one message: methods which check their self as a buffer's do, read the same
 * arguments and push the same results, and do nothing else. No queue, no encoding, and a lock
 * only where the name says so: what remains is the price of calling C from Lua. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 32, NUMBERS = 5 };

struct box {
    uintptr_t tag;         /* the address, mixed */
    _Atomic uint32_t word; /* of a lock that nobody else wants */
    int64_t integer;
    double number;
    size_t len, cap;
    char text[TEXT_MAX];
    double numbers[NUMBERS];
    char *string, *copy; /* of cap bytes each */
    _Atomic uint32_t count;
};

static const char class_name[] = "bench.box";
static const uintptr_t magic = (uintptr_t)0x62656E6368626F78u;

static inline struct box *box_at(lua_State *L, int index)
{
    struct box *box = lua_touserdata(L, index);
    if (!box || mtc_rawlen(L, index) != sizeof *box || box->tag != ((uintptr_t)box ^ magic)) {
        luaL_argerror(L, index, "box expected");
    }
    return box;
}

static inline struct box *self(lua_State *L)
{
    return box_at(L, 1);
}

static inline void expect(lua_State *L, int index, int type)
{
    if (lua_type(L, index) != type) luaL_argerror(L, index, lua_typename(L, type));
}

static inline int64_t integer_at(lua_State *L, int index)
{
    int64_t integer = 0;
    double number;
    expect(L, index, LUA_TNUMBER);
    if (!mtc_number(L, index, &integer, &number)) luaL_argerror(L, index, "integer");
    return integer;
}

static int box_empty(lua_State *L)
{
    (void)L;
    return 0;
}

static int box_check(lua_State *L)
{
    self(L);
    return 0;
}

/* ---- one integer ---- */

static int box_put1(lua_State *L)
{
    struct box *box = self(L);
    box->integer = integer_at(L, 2);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get1(lua_State *L)
{
    mtc_push_integer(L, self(L)->integer);
    return 1;
}

/* One of several boxes: the last, and what is in it. */
static int box_choose(lua_State *L)
{
    const int top = lua_gettop(L);
    struct box *box = self(L);
    for (int i = 2; i <= top; ++i) box = box_at(L, i);
    lua_pushvalue(L, top);
    mtc_push_integer(L, box->integer);
    return 2;
}

/* ---- an integer, a short string, a float ---- */

static int box_put3(lua_State *L)
{
    struct box *box = self(L);
    const char *text;
    box->integer = integer_at(L, 2);
    expect(L, 3, LUA_TSTRING);
    text = lua_tolstring(L, 3, &box->len);
    if (box->len > TEXT_MAX) luaL_argerror(L, 3, "too long");
    memcpy(box->text, text, box->len);
    expect(L, 4, LUA_TNUMBER);
    box->number = (double)lua_tonumber(L, 4);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get3(lua_State *L)
{
    struct box *box = self(L);
    mtc_push_integer(L, box->integer);
    lua_pushlstring(L, box->text, box->len);
    lua_pushnumber(L, (lua_Number)box->number);
    return 3;
}

/* ---- the same, with a lock taken and given back in each call ---- */

static inline void lock(struct box *box)
{
    uint32_t unlocked = 0;
    while (!atomic_compare_exchange_strong_explicit(&box->word, &unlocked, 1,
                                                    memory_order_acquire, memory_order_relaxed))
        unlocked = 0;
}

static inline void unlock(struct box *box)
{
    atomic_exchange_explicit(&box->word, 0, memory_order_release);
}

static int box_put1_locked(lua_State *L)
{
    struct box *box = self(L);
    int64_t integer = integer_at(L, 2);
    lock(box);
    box->integer = integer;
    unlock(box);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get1_locked(lua_State *L)
{
    struct box *box = self(L);
    lock(box);
    int64_t integer = box->integer;
    unlock(box);
    mtc_push_integer(L, integer);
    return 1;
}

static int box_put3_locked(lua_State *L)
{
    struct box *box = self(L);
    size_t len;
    int64_t integer = integer_at(L, 2);
    expect(L, 3, LUA_TSTRING);
    const char *text = lua_tolstring(L, 3, &len);
    if (len > TEXT_MAX) luaL_argerror(L, 3, "too long");
    expect(L, 4, LUA_TNUMBER);
    const double number = (double)lua_tonumber(L, 4);
    lock(box);
    box->integer = integer;
    box->len = len;
    memcpy(box->text, text, len);
    box->number = number;
    unlock(box);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get3_locked(lua_State *L)
{
    struct box *box = self(L);
    char text[TEXT_MAX];
    lock(box);
    const int64_t integer = box->integer;
    const double number = box->number;
    const size_t len = box->len;
    memcpy(text, box->text, len);
    unlock(box);
    mtc_push_integer(L, integer);
    lua_pushlstring(L, text, len);
    lua_pushnumber(L, (lua_Number)number);
    return 3;
}

/* ---- a string of any length ---- */

static void reserve(lua_State *L, struct box *box, size_t len)
{
    if (len <= box->cap) return;
    free(box->string);
    free(box->copy);
    box->string = malloc(len);
    box->copy = malloc(len);
    box->cap = box->string && box->copy ? len : 0;
    if (box->cap == 0) luaL_error(L, "not enough memory");
}

static int box_put_string(lua_State *L)
{
    struct box *box = self(L);
    const char *text;
    expect(L, 2, LUA_TSTRING);
    text = lua_tolstring(L, 2, &box->len);
    reserve(L, box, box->len);
    memcpy(box->string, text, box->len);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get_string(lua_State *L)
{
    struct box *box = self(L);
    lua_pushlstring(L, box->string, box->len);
    return 1;
}

/* The same under a lock, and out of it again before it is pushed: that may fail. */
static int box_put_string_locked(lua_State *L)
{
    struct box *box = self(L);
    size_t len;
    expect(L, 2, LUA_TSTRING);
    const char *text = lua_tolstring(L, 2, &len);
    reserve(L, box, len);
    lock(box);
    memcpy(box->string, text, len);
    box->len = len;
    unlock(box);
    lua_pushboolean(L, 1);
    return 1;
}

static int box_get_string_locked(lua_State *L)
{
    struct box *box = self(L);
    lock(box);
    const size_t len = box->len;
    memcpy(box->copy, box->string, len);
    unlock(box);
    lua_pushlstring(L, box->copy, len);
    return 1;
}

/* ---- up to five numbers, as a writer takes them and a reader gives them ---- */

static int box_write(lua_State *L)
{
    struct box *box = self(L);
    int last = lua_gettop(L);
    for (int i = 2; i <= last && i < 2 + NUMBERS; ++i) {
        expect(L, i, LUA_TNUMBER);
        box->numbers[i - 2] = (double)lua_tonumber(L, i);
    }
    return 0;
}

static int box_read(lua_State *L)
{
    struct box *box = self(L);
    int count = lua_isnoneornil(L, 2) ? 1 : (int)lua_tointeger(L, 2);
    for (int i = 0; i < count && i < NUMBERS; ++i)
        lua_pushnumber(L, (lua_Number)box->numbers[i]);
    return count;
}

/* ---- what a reference in a message costs, whoever writes it ---- */

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* Memory that says what is referred to, and is linked and unlinked under a lock; a count that
 * goes up and down; and a protected call, since what is referred to needs an object of Lua at
 * the other end. */
static int box_refer(lua_State *L)
{
    enum { ITEM = 64 };
    struct box *box = self(L);
    char *volatile item = malloc(ITEM);
    for (int i = 0; i < 2; ++i) {
        lock(box);
        box->copy = item;
        unlock(box);
        atomic_fetch_add_explicit(&box->count, 1, memory_order_acq_rel);
    }
    box->copy = NULL;
    free(item);
    lua_pushcfunction(L, nothing);
    lua_pcall(L, 0, 0, 0);
    return 0;
}

/* ---- the class ---- */

static int box_gc(lua_State *L)
{
    struct box *box = self(L);
    free(box->string);
    free(box->copy);
    return 0;
}

static int box_new(lua_State *L)
{
    struct box *box = lua_newuserdata(L, sizeof *box);
    memset(box, 0, sizeof *box);
    box->tag = (uintptr_t)box ^ magic;
    luaL_getmetatable(L, class_name);
    lua_setmetatable(L, -2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"empty", box_empty},
    {"check", box_check},
    {"put1", box_put1},
    {"get1", box_get1},
    {"choose", box_choose},
    {"put3", box_put3},
    {"get3", box_get3},
    {"put1_locked", box_put1_locked},
    {"get1_locked", box_get1_locked},
    {"put3_locked", box_put3_locked},
    {"get3_locked", box_get3_locked},
    {"put_string", box_put_string},
    {"get_string", box_get_string},
    {"put_string_locked", box_put_string_locked},
    {"get_string_locked", box_get_string_locked},
    {"write", box_write},
    {"read", box_read},
    {"refer", box_refer},
    {NULL, NULL},
};

/* require "box" returns a function that makes one. */
PROBE_EXPORT int luaopen_box(lua_State *L);
PROBE_EXPORT int luaopen_box(lua_State *L)
{
    luaL_newmetatable(L, class_name);
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
    probe_open(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, box_new);
    return 1;
}
