/*
 * The module "carray" of the tests: numeric arrays that offer the carray C API, for the
 * receiver and the sender of array messages to be tried against. It owns nothing of mtmsg, and
 * it is no general array package.
 */
#include <lauxlib.h>
#include <lua.h>

#include "carray_array.h"

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define CLASS "carray"
#define CAPI_KEY "_capi_carray"

/* ---- arrays as Lua values ---------------------------------------------------------------- */

static int absolute(lua_State *L, int index)
{
    return index < 0 && index > LUA_REGISTRYINDEX ? lua_gettop(L) + index + 1 : index;
}

/* The array at that index, or NULL; the element 1 of a table stands for the table. */
static carray *to_array(lua_State *L, int index)
{
    carray *found = NULL;
    int top = lua_gettop(L);
    index = absolute(L, index);
    if (lua_istable(L, index)) {
        lua_rawgeti(L, index, 1);
        index = top + 1;
    }
    if (lua_isuserdata(L, index) && lua_getmetatable(L, index)) {
        luaL_getmetatable(L, CLASS);
        if (lua_rawequal(L, -1, -2)) found = *(carray **)lua_touserdata(L, index);
    }
    lua_settop(L, top);
    return found;
}

static const carray *to_readable(lua_State *L, int index, struct info *info)
{
    carray *a = to_array(L, index);
    if (a && info) *info = a->info;
    return a;
}

static carray *to_writable(lua_State *L, int index, struct info *info)
{
    carray *a = to_array(L, index);
    if (!a || a->info.attr == ATTR_READONLY) return NULL;
    if (info) *info = a->info;
    return a;
}

static carray *push_array(lua_State *L, enum element_type type, enum attr attr)
{
    carray **box;
    luaL_checkstack(L, 3, NULL);
    box = lua_newuserdata(L, sizeof(carray *));
    *box = NULL;
    luaL_getmetatable(L, CLASS);
    lua_setmetatable(L, -2);
    *box = array_new(type, attr);
    return *box;
}

static carray *new_array(lua_State *L, enum element_type type, enum attr attr, size_t count,
                         void **data)
{
    carray *a;
    if (is_fault(RAISE_NEW)) luaL_error(L, "carray: raised on demand");
    if (is_fault(FAIL_NEW) || type < UCHAR || type > ULLONG) return NULL;
    lua_getfield(L, LUA_REGISTRYINDEX, CLASS ".hook");
    if (lua_isnil(L, -1)) lua_pop(L, 1);
    else lua_call(L, 0, 0);
    a = push_array(L, type, attr);
    if (!a || !array_reserve(a, count)) {
        lua_pop(L, 1);
        return NULL;
    }
    a->info.elementCount = count;
    if (data) *data = a->data;
    else if (count) memset(a->data, 0, count * a->info.elementSize);
    return a;
}

static carray *new_ref(lua_State *L, enum element_type type, enum attr attr, void *data,
                       size_t count, release_fn release_data)
{
    carray *a = type < UCHAR || type > ULLONG ? NULL : push_array(L, type, attr);
    if (a) {
        a->data = data;
        a->info.elementCount = a->info.elementCapacity = count;
        a->release = release_data;
    }
    return a;
}

#define FUNCTIONS                                                                              \
    new_array, new_ref, to_readable, to_writable, retain, release, get_writable, get_readable, \
        resize, insert, removing

static struct capi plain = {1, 0, 0, NULL, FUNCTIONS};
static struct capi newer = {1, 7, 3, NULL, FUNCTIONS};
static struct capi future = {2, 0, 0, NULL, FUNCTIONS};
static struct capi chained = {2, 0, 0, &newer, FUNCTIONS};

static void push_capi(lua_State *L, struct capi *api, const char *key)
{
    size_t len = strlen(key) + 1;
    char *block = lua_newuserdata(L, sizeof api + len);
    memcpy(block, &api, sizeof api);
    memcpy(block + sizeof api, key, len);
}

/* ---- the Lua interface ------------------------------------------------------------------- */

static void push_element(lua_State *L, const carray *a, size_t i)
{
    const unsigned char *p = a->data + i * a->info.elementSize;
#define NUMBER(t) lua_pushnumber(L, (lua_Number) * (const t *)(const void *)p)
#if LUA_VERSION_NUM >= 503
#define INTEGER(t) lua_pushinteger(L, (lua_Integer) * (const t *)(const void *)p)
#else
#define INTEGER(t) NUMBER(t)
#endif
    switch (a->info.elementType) {
        case UCHAR: INTEGER(unsigned char); break;
        case SCHAR: INTEGER(signed char); break;
        case SHORT: INTEGER(short); break;
        case USHORT: INTEGER(unsigned short); break;
        case INT: INTEGER(int); break;
        case UINT: INTEGER(unsigned); break;
        case LONG: INTEGER(long); break;
        case ULONG: INTEGER(unsigned long); break;
        case FLOAT: NUMBER(float); break;
        case DOUBLE: NUMBER(double); break;
        case LLONG: INTEGER(long long); break;
        case ULLONG: INTEGER(unsigned long long); break;
    }
}

static long long check_integer(lua_State *L, int index)
{
#if LUA_VERSION_NUM >= 503
    return luaL_checkinteger(L, index);
#else
    return (long long)luaL_checknumber(L, index);
#endif
}

static void set_element(lua_State *L, int index, carray *a, size_t i)
{
    unsigned char *p = a->data + i * a->info.elementSize;
#define SET(t, v) (*(t *)(void *)p = (t)(v))
    if (a->info.elementType == FLOAT) SET(float, luaL_checknumber(L, index));
    else if (a->info.elementType == DOUBLE) SET(double, luaL_checknumber(L, index));
    else if (a->info.elementSize == sizeof(char)) SET(unsigned char, check_integer(L, index));
    else if (a->info.elementSize == sizeof(short)) SET(unsigned short, check_integer(L, index));
    else if (a->info.elementSize == sizeof(int)) SET(unsigned, check_integer(L, index));
    else SET(unsigned long long, check_integer(L, index));
}

static carray *self(lua_State *L)
{
    carray *a = to_array(L, 1);
    if (!a) luaL_argerror(L, 1, CLASS " expected");
    return a;
}

static size_t check_position(lua_State *L, const carray *a)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && (size_t)i <= a->info.elementCount, 2, "no such element");
    return (size_t)i - 1;
}

static int array_get(lua_State *L)
{
    carray *a = self(L);
    push_element(L, a, check_position(L, a));
    return 1;
}

static int array_set(lua_State *L)
{
    carray *a = self(L);
    set_element(L, 3, a, check_position(L, a));
    return 0;
}

static int array_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)self(L)->info.elementCount);
    return 1;
}

static int array_setlen(lua_State *L)
{
    carray *a = self(L);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 0, 2, "negative length");
    if (!resize(a, (size_t)n, 0) && n > 0) return luaL_error(L, "carray: cannot resize");
    return 0;
}

static int array_type(lua_State *L)
{
    lua_pushstring(L, types[self(L)->info.elementType].name);
    return 1;
}

static int array_values(lua_State *L)
{
    carray *a = self(L);
    size_t i, n = a->info.elementCount;
    luaL_checkstack(L, (int)n, "too many elements");
    for (i = 0; i < n; i++) push_element(L, a, i);
    return (int)n;
}

static int array_gc(lua_State *L)
{
    carray **box = lua_touserdata(L, 1);
    if (box && *box) release(*box);
    if (box) *box = NULL;
    return 0;
}

static enum element_type check_type(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    int t;
    for (t = UCHAR; t <= ULLONG; t++)
        if (strcmp(types[t].name, name) == 0) return (enum element_type)t;
    luaL_argerror(L, index, "no such element type");
    return UCHAR;
}

static size_t list_length(lua_State *L, int index)
{
    size_t n = 0;
    for (;; n++) {
        int end;
        lua_rawgeti(L, index, (int)n + 1);
        end = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (end) return n;
    }
}

/* carray.new(type, count | list [, "readonly"]) */
static int mod_new(lua_State *L)
{
    enum element_type type = check_type(L, 1);
    int is_list = lua_istable(L, 2), is_readonly = lua_toboolean(L, 3);
    lua_Integer count = is_list ? (lua_Integer)list_length(L, 2) : luaL_checkinteger(L, 2);
    carray *a;
    size_t i;
    luaL_argcheck(L, count >= 0, 2, "negative length");
    a = push_array(L, type, ATTR_DEFAULT);
    if (!a || (!resize(a, (size_t)count, 0) && count > 0))
        return luaL_error(L, "carray: out of memory");
    for (i = 0; is_list && i < (size_t)count; i++) {
        lua_rawgeti(L, 2, (int)i + 1);
        set_element(L, -1, a, i);
        lua_pop(L, 1);
    }
    a->info.attr = is_readonly ? ATTR_READONLY : ATTR_DEFAULT;
    return 1;
}

/* carray.fail(what, n): from now on the n-th newCarray returns NULL ("new") or raises
 * ("raise"), the n-th resizeCarray returns NULL ("resize"); carray.fail(): none does. */
static int mod_fail(lua_State *L)
{
    int i;
    if (lua_isnoneornil(L, 1))
        for (i = 0; i < N_FAULTS; i++) atomic_store(&faults[i], 0);
    else
        atomic_store(&faults[luaL_checkoption(L, 1, NULL, fault_names)],
                     (int)luaL_checkinteger(L, 2));
    return 0;
}

/* carray.hook(f): each newCarray calls f first; carray.hook(nil) ends that. */
static int mod_hook(lua_State *L)
{
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, CLASS ".hook");
    return 0;
}

/* carray.capi(kind): an API block, for the metatables of tables {array}. */
static int mod_capi(lua_State *L)
{
    static const char *const kinds[] = {"plain",    "newer", "future", "chained",
                                        "otherkey", "short", NULL};
    switch (luaL_checkoption(L, 1, NULL, kinds)) {
        case 0: push_capi(L, &plain, CAPI_KEY); break;
        case 1: push_capi(L, &newer, CAPI_KEY); break;
        case 2: push_capi(L, &future, CAPI_KEY); break;
        case 3: push_capi(L, &chained, CAPI_KEY); break;
        case 4: push_capi(L, &plain, "_capi_carroy"); break;
        default: memset(lua_newuserdata(L, 4), 0, 4); break;
    }
    return 1;
}

static int mod_live(lua_State *L)
{
    lua_pushinteger(L, atomic_load(&live));
    return 1;
}

/* carray.sizeof(type | "pointer" | "integer") */
static int mod_sizeof(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    size_t size;
    if (strcmp(name, "pointer") == 0) size = sizeof(void *);
    else if (strcmp(name, "integer") == 0) size = sizeof(lua_Integer);
    else size = types[check_type(L, 1)].size;
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

static int mod_pointer(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)luaL_checkinteger(L, 1));
    return 1;
}

static int mod_userdata(lua_State *L)
{
    int has_metatable = lua_istable(L, 1);
    lua_newuserdata(L, 64);
    if (has_metatable) {
        lua_pushvalue(L, 1);
        lua_setmetatable(L, -2);
    }
    return 1;
}

static int mod_twice(lua_State *L)
{
    lua_pushnumber(L, 2 * luaL_checknumber(L, 1));
    return 1;
}

static int mod_closure(lua_State *L)
{
    lua_pushnumber(L, 1);
    lua_pushcclosure(L, mod_twice, 1);
    return 1;
}

static const luaL_Reg methods[] = {{"get", array_get},   {"set", array_set},
                                   {"len", array_len},   {"setlen", array_setlen},
                                   {"type", array_type}, {"values", array_values},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"new", mod_new},
                                     {"fail", mod_fail},
                                     {"hook", mod_hook},
                                     {"capi", mod_capi},
                                     {"live", mod_live},
                                     {"sizeof", mod_sizeof},
                                     {"pointer", mod_pointer},
                                     {"userdata", mod_userdata},
                                     {"twice", mod_twice},
                                     {"closure", mod_closure},
                                     {NULL, NULL}};

static void set_functions(lua_State *L, const luaL_Reg *f)
{
    for (; f->name; f++) {
        lua_pushcfunction(L, f->func);
        lua_setfield(L, -2, f->name);
    }
}

static void make_class(lua_State *L)
{
    luaL_newmetatable(L, CLASS);
    lua_pushliteral(L, CLASS);
    lua_setfield(L, -2, "__name");
    lua_newtable(L);
    set_functions(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, array_len);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, array_gc);
    lua_setfield(L, -2, "__gc");
    push_capi(L, &plain, CAPI_KEY);
    lua_setfield(L, -2, CAPI_KEY);
    lua_pop(L, 1);
}

EXPORT int luaopen_carray(lua_State *L);
EXPORT int luaopen_carray(lua_State *L)
{
    make_class(L);
    lua_newtable(L);
    set_functions(L, functions);
    lua_newtable(L);
    push_capi(L, &plain, CAPI_KEY);
    lua_setfield(L, -2, CAPI_KEY);
    lua_setmetatable(L, -2);
    return 1;
}
