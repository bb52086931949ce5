/* Fuzz target: every function and method of the module, with arguments of every kind, from
 * finalizers, notifiers and coroutines too, and while memory runs out. What must come of it is
 * a result or an error that programs can tell; it does not know which. */
#include "capi/shim.h"

#include <lualib.h>

#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/notify_capi.h"

#include "fuzz.h"
#include "lua/classes.h"

int luaopen_carray(lua_State *L);
int luaopen_mtmsg(lua_State *L);

enum { POOL = 8, KINDS = 6, MAX_FUNCTIONS = 160, MAX_DEPTH = 3, MAX_CALLS = 300 };

/* A pool of values for each class, and one for everything else. */
static const char *const classes[KINDS] = {"mtmsg.buffer", "mtmsg.listener", "mtmsg.writer",
                                           "mtmsg.reader", "mtmsg.topic",    "others"};

struct function {
    char name[32];
    int kind;          /* the class that it is a method of; of the module: KINDS */
    const char *usual; /* usual arguments, each a letter for push_usual; or NULL */
};

static const struct function usual[] = {
    {"newbuffer", KINDS, "NSG"}, {"newlistener", KINDS, "N"}, {"buffer", KINDS, "I"},
    {"listener", KINDS, "I"},    {"newwriter", KINDS, "SG"},  {"newreader", KINDS, "SG"},
    {"abort", KINDS, "F"},       {"sleep", KINDS, "T"},       {"addmsg", 0, "VVV"},
    {"setmsg", 0, "VVV"},        {"nextmsg", 0, "TAA"},       {"notifier", 0, "nES"},
    {"nonblock", 0, "F"},        {"abort", 0, "F"},           {"newbuffer", 1, "NSG"},
    {"nextmsg", 1, "TAA"},       {"nonblock", 1, "F"},        {"abort", 1, "F"},
    {"add", 2, "VVV"},           {"addmsg", 2, "b"},          {"setmsg", 2, "b"},
    {"next", 3, "SAA"},          {"nextmsg", 3, "oT"},        {"newtopic", KINDS, "N"},
    {"topic", KINDS, "I"},       {"subscribe", 4, "NSG"},     {"addmsg", 4, "VVV"},
    {"setmsg", 4, "VVV"},        {"nonblock", 4, "F"},        {"abort", 4, "F"},
    {"getmsg", 0, "TAA"},        {"peekmsg", 0, "TAA"},       {"messages", 0, "T"},
    {"settimeout", 0, "T"},      {"will", 0, "VVV"},          {"getmsg", 1, "TAA"},
    {"messages", 1, "T"},        {"settimeout", 1, "T"},      {"getmsg", 3, "oT"},
};

static struct function functions[MAX_FUNCTIONS];
static int nfunctions;

static struct fuzz_input input;
static int depth, calls;
static int focus; /* for a while most calls are about the objects in this slot of the pools */

/* ---- Lua's memory ---- */

static size_t lua_blocks, lua_bytes;
static unsigned lua_fail_in;

static void *lua_memory(void *unused, void *ptr, size_t old, size_t size)
{
    (void)unused;
    if (!ptr) old = 0;
    if (size == 0) {
        lua_blocks -= ptr != NULL;
        lua_bytes -= old;
        free(ptr);
        return NULL;
    }
    if (size > old &&
        ((lua_fail_in > 0 && --lua_fail_in == 0) || size - old > FUZZ_MEMORY - lua_bytes))
        return NULL;
    void *moved = realloc(ptr, size);
    if (!moved) return NULL;
    lua_blocks += ptr == NULL;
    lua_bytes += size - old;
    return moved;
}

/* ---- what there is to call: registry["functions"][i], sorted, as inputs refer to them ---- */

static int compare(const void *a, const void *b)
{
    const struct function *f = a, *g = b;
    return f->kind != g->kind ? f->kind - g->kind : strcmp(f->name, g->name);
}

static void find_usual(struct function *f)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; ++i) {
        if (usual[i].kind == f->kind && strcmp(usual[i].name, f->name) == 0)
            f->usual = usual[i].usual;
    }
}

/* The functions in the table on top of the stack. */
static void add_functions(lua_State *L, int kind)
{
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_isfunction(L, -1) && nfunctions < MAX_FUNCTIONS) {
            struct function *f = &functions[nfunctions++];
            f->kind = kind;
            f->usual = NULL;
            snprintf(f->name, sizeof f->name, "%s", lua_tostring(L, -2));
            find_usual(f);
        }
        lua_pop(L, 1);
    }
}

static void push_table_of(lua_State *L, const struct function *f)
{
    if (f->kind == KINDS) {
        lua_getfield(L, LUA_REGISTRYINDEX, "module");
        return;
    }
    luaL_getmetatable(L, classes[f->kind]);
    if (f->name[0] == '_') return;
    lua_getfield(L, -1, "__index");
    lua_remove(L, -2);
}

static void collect_functions(lua_State *L)
{
    nfunctions = 0;
    lua_getfield(L, LUA_REGISTRYINDEX, "module");
    add_functions(L, KINDS);
    for (int kind = 0; kind < KINDS - 1; ++kind) {
        luaL_getmetatable(L, classes[kind]);
        add_functions(L, kind);
        lua_getfield(L, -1, "__index");
        FUZZ_CHECK(lua_istable(L, -1), "%s has no table of methods", classes[kind]);
        add_functions(L, kind);
    }
    qsort(functions, (size_t)nfunctions, sizeof *functions, compare);
    FUZZ_CHECK(nfunctions > 40, "functions are missing");
    lua_newtable(L);
    for (int i = 0; i < nfunctions; ++i) {
        push_table_of(L, &functions[i]);
        lua_getfield(L, -1, functions[i].name);
        FUZZ_CHECK(lua_isfunction(L, -1), "%s is lost", functions[i].name);
        lua_rawseti(L, -3, i + 1);
        lua_pop(L, 1);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, "functions");
    lua_settop(L, 0);
}

/* ---- pools: registry["pool"][kind * POOL + slot + 1] ---- */

static void pool_get(lua_State *L, int kind)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "pool");
    int slot = (int)fuzz_pick(&input, 2 * POOL);
    lua_rawgeti(L, -1, kind * POOL + (slot < POOL ? slot : focus) + 1);
    lua_remove(L, -2);
}

/* The value at index goes to the pool where it belongs. */
static void pool_put(lua_State *L, int index)
{
    int kind = KINDS - 1;
    lua_pushvalue(L, index);
    if (lua_type(L, -1) == LUA_TUSERDATA && lua_getmetatable(L, -1)) {
        for (int i = 0; i < KINDS - 1; ++i) {
            luaL_getmetatable(L, classes[i]);
            if (lua_rawequal(L, -1, -2)) kind = i;
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, "pool");
    lua_insert(L, -2);
    lua_rawseti(L, -2, kind * POOL + (int)fuzz_pick(&input, POOL) + 1);
    lua_pop(L, 1);
}

/* ---- notifiers and finalizers, which call functions in the middle of others ---- */

static void call_something(lua_State *L);

static int step(lua_State *L)
{
    call_something(L);
    return 0;
}

/* A finalizer, a hook, a notifier. */
static int interfere(lua_State *L)
{
    if (depth >= MAX_DEPTH || fuzz_is_over(&input)) return 0;
    unsigned library = fuzz_fail_in, lua = lua_fail_in;
    fuzz_fail_in = lua_fail_in = 0;
    ++depth;
    if (lua_checkstack(L, LUA_MINSTACK)) {
        lua_pushcfunction(L, step);
        if (lua_pcall(L, 0, 0, 0) != 0) lua_pop(L, 1);
    }
    --depth;
    fuzz_fail_in = library;
    lua_fail_in = lua;
    return 0;
}

static int notifiers; /* references that buffers have */
static lua_State *notifier_state;

static notify_notifier *to_notifier(lua_State *L, int index)
{
    (void)L, (void)index;
    static char only;
    return fuzz_pick(&input, 8) ? (notify_notifier *)(void *)&only : NULL;
}

static void retain(notify_notifier *n)
{
    (void)n;
    ++notifiers;
}

static void release(notify_notifier *n)
{
    (void)n;
    FUZZ_CHECK(--notifiers >= 0, "a notifier is released too often");
}

static int notified(notify_notifier *n, notifier_error_handler handler, void *data)
{
    static const int codes[] = {0, 0, 0, 1, 5, -1, 999};
    (void)n;
    FUZZ_CHECK(notifiers > 0, "called without a reference");
    if (notifier_state) interfere(notifier_state);
    if (handler && fuzz_pick(&input, 8) == 7) handler(data, "te\0xt", 5);
    return codes[fuzz_pick(&input, sizeof codes / sizeof *codes)];
}

static const notify_capi notifier_api = {
    .version_major = NOTIFY_CAPI_VERSION_MAJOR,
    .version_minor = NOTIFY_CAPI_VERSION_MINOR,
    .toNotifier = to_notifier,
    .retainNotifier = retain,
    .releaseNotifier = release,
    .notify = notified,
};

/* ---- values ---- */

static void push_integer(lua_State *L)
{
    static const int64_t numbers[] = {
        0,         1,         -1,        2,         3,
        4,         7,         12,        18,        30,
        100,       254,       255,       256,       300,
        1024,      4096,      5000,      70000,     -256,
        INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_C(1) << 53};
    const unsigned count = sizeof numbers / sizeof *numbers;
    unsigned choice = fuzz_pick(&input, count + 2);
    mtc_push_integer(L, choice < count ? numbers[choice] : (int64_t)fuzz_word(&input));
}

static void push_float(lua_State *L)
{
    static const double numbers[] = {
        0.0,  -0.0, 0.5,    1.0,    1.5,   2.0,  1e-9,   1e-300, 0.01,  1e10,
        1e15, 1e18, 9.3e18, 1.8e19, 1e300, -0.5, -1e300, 3.0,    255.0, 9007199254740992.0};
    const unsigned count = sizeof numbers / sizeof *numbers;
    unsigned choice = fuzz_pick(&input, count + 5);
    double number = choice < count        ? numbers[choice]
                    : choice == count     ? (double)INFINITY
                    : choice == count + 1 ? -(double)INFINITY
                    : choice == count + 2 ? (double)NAN
                                          : fuzz_double(&input);
    lua_pushnumber(L, number);
}

static void push_string(lua_State *L)
{
    static const char *const texts[] = {"<",    ">", "",     "n1",  "n2",
                                        "\"\\", "7", "0x10", "nan", "1e1"};
    const unsigned count = sizeof texts / sizeof *texts;
    unsigned choice = fuzz_pick(&input, count + 4);
    if (choice < count) {
        lua_pushstring(L, texts[choice]);
        return;
    }
    char text[256];
    size_t len = fuzz_byte(&input);
    for (size_t i = 0; i < len; ++i) text[i] = i < 8 ? (char)fuzz_byte(&input) : (char)i;
    lua_pushlstring(L, text, len);
    if (choice < count + 2) return;
    luaL_Buffer longer;
    luaL_buffinit(L, &longer);
    for (unsigned i = choice == count + 2 ? 7 : 300; i > 0; --i)
        luaL_addlstring(&longer, text, len);
    luaL_pushresult(&longer);
    lua_remove(L, -2);
}

static int plain_function(lua_State *L)
{
    (void)L;
    return 0;
}

static void push_function(lua_State *L)
{
    switch (fuzz_pick(&input, 4)) {
        case 0: lua_pushcfunction(L, plain_function); break;
        case 1: lua_getglobal(L, "print"); break;
        case 2:
            lua_pushinteger(L, 1);
            lua_pushcclosure(L, plain_function, 1);
            break;
        default:
            if (luaL_loadstring(L, "return ...") != 0) lua_error(L);
            break;
    }
}

static void set_metafunction(lua_State *L, const char *name, lua_CFunction function)
{
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

/* Sets a new metatable for the value on top of the stack, of one kind or another. */
static void set_metatable(lua_State *L, bool is_array)
{
    lua_newtable(L);
    switch (is_array ? 4 : fuzz_pick(&input, 5)) {
        case 0:
        case 1: set_metafunction(L, "__gc", interfere); break;
        case 2: notify_set_capi(L, -1, &notifier_api); break;
        case 3: /* too short to be one */
            memset(lua_newuserdata(L, 4), 0, 4);
            lua_setfield(L, -2, fuzz_pick(&input, 2) ? "_capi_notify" : "_capi_carray");
            break;
        default:
            luaL_getmetatable(L, "carray");
            lua_getfield(L, -1, "_capi_carray");
            lua_setfield(L, -3, "_capi_carray");
            lua_pop(L, 1);
            break;
    }
    lua_setmetatable(L, -2);
}

static void push_userdata(lua_State *L)
{
    size_t sizes[] = {0, 1, sizeof(struct mtc_owned), sizeof(struct mtc_handle), 500};
    size_t size = sizes[fuzz_pick(&input, 5)];
    memset(lua_newuserdata(L, size), (int)fuzz_byte(&input), size);
    if (fuzz_pick(&input, 2)) set_metatable(L, false);
}

/* carray.new(type, count, readonly) */
static void push_array(lua_State *L)
{
    static const char *const types[] = {"uchar",  "schar", "short", "ushort", "int",  "uint",
                                        "double", "float", "llong", "ullong", "long", "ulong"};
    lua_getfield(L, LUA_REGISTRYINDEX, "fuzz.carray");
    lua_getfield(L, -1, "new");
    lua_pushstring(L, types[fuzz_pick(&input, 12)]);
    lua_pushinteger(L, fuzz_pick(&input, 8) == 7 ? 3000 : (lua_Integer)fuzz_pick(&input, 5));
    lua_pushboolean(L, fuzz_pick(&input, 8) == 7);
    lua_call(L, 3, 1);
    lua_remove(L, -2);
}

static void push_table(lua_State *L)
{
    bool is_array = fuzz_pick(&input, 4) == 0;
    lua_newtable(L);
    if (is_array) {
        push_array(L);
        lua_rawseti(L, -2, 1);
    }
    set_metatable(L, is_array);
}

/* The id of some object, or one near it. */
static void push_id(lua_State *L)
{
    pool_get(L, (int)fuzz_pick(&input, 2));
    struct mtc_handle *handle = mtc_to_handle(L, -1, MTC_BUFFER_MAGIC);
    if (!handle) handle = mtc_to_handle(L, -1, MTC_LISTENER_MAGIC);
    int64_t id = handle && handle->object ? (int64_t)handle->object->id : 0;
    lua_pop(L, 1);
    mtc_push_integer(L, id - (fuzz_pick(&input, 8) == 7));
}

static void push_value(lua_State *L)
{
    switch (fuzz_pick(&input, 20)) {
        case 0: lua_pushnil(L); break;
        case 1: lua_pushboolean(L, 1); break;
        case 2: lua_pushboolean(L, 0); break;
        case 3:
        case 4:
        case 5: push_integer(L); break;
        case 6: push_float(L); break;
        case 7:
        case 8: push_string(L); break;
        case 9: push_function(L); break;
        case 10: push_table(L); break;
        case 11: push_userdata(L); break;
        case 12:
        case 13: push_array(L); break;
        case 14: push_id(L); break;
        case 15: lua_pushlightuserdata(L, (void *)(uintptr_t)(fuzz_word(&input) >> 17)); break;
        case 16: lua_newthread(L); break;
        case 17: pool_get(L, 1); break;
        case 18: pool_get(L, KINDS - 1); break;
        default: pool_get(L, 0); break;
    }
}

static void push_notifier(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    notify_set_capi(L, -1, &notifier_api);
    lua_setmetatable(L, -2);
}

/* What functions take: names, sizes, growth factors, ids, flags, timeouts, values, arrays,
 * notifiers and their events, objects. */
static void push_usual(lua_State *L, char what)
{
    unsigned n;
    switch (what) {
        case 'N': lua_pushstring(L, fuzz_pick(&input, 2) ? "n1" : "n2"); break;
        case 'S': lua_pushinteger(L, (lua_Integer)fuzz_pick(&input, 65)); break;
        case 'G': lua_pushinteger(L, (lua_Integer)fuzz_pick(&input, 3)); break;
        case 'I':
            n = fuzz_pick(&input, 3);
            if (n == 0) lua_pushstring(L, "n1");
            else push_id(L);
            break;
        case 'F': lua_pushboolean(L, fuzz_pick(&input, 3) == 2); break;
        case 'T':
            n = fuzz_pick(&input, 4);
            if (n == 3) lua_pushnil(L);
            else lua_pushnumber(L, n * 0.5);
            break;
        case 'A': push_array(L); break;
        case 'n':
            n = fuzz_pick(&input, 3);
            if (n == 0) lua_pushnil(L);
            else if (n == 1) pool_get(L, 0);
            else push_notifier(L);
            break;
        case 'E': lua_pushstring(L, fuzz_pick(&input, 2) ? ">" : "<"); break;
        case 'b': pool_get(L, 0); break;
        case 'o': pool_get(L, (int)fuzz_pick(&input, 2)); break;
        default:
            n = fuzz_pick(&input, 6);
            if (n == 0) push_string(L);
            else if (n == 1) push_array(L);
            else if (n == 2) push_integer(L);
            else if (n == 3) lua_pushnil(L);
            else push_float(L);
            break;
    }
}

/* ---- calls ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* After "mtmsg.error.": one of the names, alone or with details. */
static bool is_known(lua_State *L, const char *name)
{
    size_t len = strcspn(name, ":");
    if (name[len] == ':' && name[len + 1] != ' ') return false;
    lua_getfield(L, LUA_REGISTRYINDEX, "module");
    lua_getfield(L, -1, "error");
    lua_pushlstring(L, name, len);
    lua_rawget(L, -2);
    const char *value = lua_tostring(L, -1);
    bool known = value && strncmp(value + strlen("mtmsg.error."), name, len) == 0;
    lua_pop(L, 3);
    return known;
}

static void check_error(lua_State *L, int rc, const char *name)
{
    static const char *const others[] = {"bad argument #",
                                         "calling '",
                                         "not enough memory",
                                         "stack overflow",
                                         "carray: ",
                                         "Error while calling notifier: ",
                                         "Unknown error while calling notifier. (rc=",
                                         "array received, but ",
                                         "mtmsg.reader: used while a call of it is running",
                                         "error in error handling",
                                         "mtmsg: "};
    FUZZ_CHECK(rc == LUA_ERRRUN || rc == LUA_ERRMEM || rc == LUA_ERRERR, "%s: rc %d", name, rc);
    FUZZ_CHECK(lua_type(L, -1) == LUA_TSTRING, "%s raises a %s", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    if (begins(text, "mtmsg.error.")) {
        FUZZ_CHECK(is_known(L, text + strlen("mtmsg.error.")), "%s: %s", name, text);
        return;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
        if (begins(text, others[i])) return;
    }
    FUZZ_CHECK(false, "%s: %s", name, text);
}

/* The function and its arguments are on top of the stack. */
static void call_protected(lua_State *L, int arguments, const char *name)
{
    int base = lua_gettop(L) - arguments - 1;
    unsigned failing = fuzz_pick(&input, 24);
    if (failing == 22) fuzz_fail_in = 1 + fuzz_pick(&input, 12);
    if (failing == 23) lua_fail_in = 1 + fuzz_pick(&input, 12);
    int rc = lua_pcall(L, arguments, LUA_MULTRET, 0);
    fuzz_fail_in = lua_fail_in = 0;
    fuzz_go_on();
    if (rc != 0) check_error(L, rc, name);
    else if (lua_gettop(L) > base) pool_put(L, base + 1);
    lua_settop(L, base);
}

static void call_something(lua_State *L)
{
    if (++calls > MAX_CALLS) return;
    luaL_checkstack(L, 400, "the target's own stack");
    int at = (int)fuzz_pick(&input, (unsigned)nfunctions), arguments = 0;
    const struct function *f = &functions[at];
    lua_getfield(L, LUA_REGISTRYINDEX, "functions");
    lua_rawgeti(L, -1, at + 1);
    lua_remove(L, -2);
    unsigned how = fuzz_byte(&input);
    if (f->kind < KINDS) {
        if (how % 16 != 15) pool_get(L, f->kind);
        else push_value(L);
        ++arguments;
        bool is_own = lua_type(L, -1) == LUA_TUSERDATA;
        if (strcmp(f->name, "__gc") == 0 && (how % 16 == 15 || !is_own || how < 252)) {
            lua_pop(L, 2); /* Lua calls it with its own userdata only */
            return;
        }
    }
    if (f->usual && how / 16 % 4 != 3) {
        size_t most = strlen(f->usual);
        unsigned count = fuzz_pick(&input, 4);
        for (size_t i = 0; i < most && i <= count; ++i, ++arguments) push_usual(L, f->usual[i]);
    } else {
        unsigned more = how >= 250 ? fuzz_byte(&input) : how % 4;
        for (unsigned i = 0; i < more; ++i, ++arguments) push_value(L);
    }
    if (how >= 128 && how < 144) { /* in a coroutine */
        lua_State *co = lua_newthread(L);
        lua_insert(L, -arguments - 2);
        luaL_checkstack(co, arguments + LUA_MINSTACK, NULL);
        lua_xmove(L, co, arguments + 1);
        call_protected(co, arguments, f->name);
        lua_pop(L, 1);
    } else {
        call_protected(L, arguments, f->name);
    }
}

static void do_something(lua_State *L)
{
    switch (fuzz_pick(&input, 16)) {
        case 0:
            lua_gc(L, LUA_GCCOLLECT, 0);
            focus = (int)fuzz_pick(&input, POOL);
            break;
        case 1:
            push_value(L);
            pool_put(L, -1);
            lua_pop(L, 1);
            break;
        case 2: /* carray.fail(what, n) or carray.hook(f) */
            lua_getfield(L, LUA_REGISTRYINDEX, "fuzz.carray");
            if (fuzz_pick(&input, 2)) {
                lua_getfield(L, -1, "hook");
                if (fuzz_pick(&input, 2)) lua_pushcfunction(L, interfere);
                else lua_pushnil(L);
                lua_call(L, 1, 0);
            } else {
                static const char *const faults[] = {"new", "raise", "resize"};
                lua_getfield(L, -1, "fail");
                lua_pushstring(L, faults[fuzz_pick(&input, 3)]);
                lua_pushinteger(L, (lua_Integer)fuzz_pick(&input, 4));
                lua_call(L, 2, 0);
            }
            lua_pop(L, 1);
            break;
        default: call_something(L); break;
    }
}

/* ---- one state ---- */

static void open_module(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, name);
}

static int set_up(lua_State *L)
{
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_carray);
    lua_setfield(L, -2, "carray");
    lua_settop(L, 0);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "carray");
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "fuzz.carray");
    open_module(L, "module", luaopen_mtmsg);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "pool");
    collect_functions(L);
    notifier_state = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "notifiers");
    return 0;
}

/* Objects to begin with. */
static int populate(lua_State *L)
{
    static const char code[] =
        "local m = ...\n"
        "local l1, l2, pool = m.newlistener('n1'), m.newlistener(), {}\n"
        "for i = 1, 8 do\n"
        "  pool[i] = i < 5 and l1:newbuffer() or i == 5 and l2:newbuffer(30, 0)\n"
        "    or m.newbuffer('n' .. i % 3, i * 40, i % 3)\n"
        "  pool[8 + i] = i < 5 and l1 or i < 7 and l2 or m.newlistener('n2')\n"
        "  pool[16 + i] = m.newwriter(i * 20, i % 3)\n"
        "  pool[24 + i] = i % 2 == 0 and m.newreader(i * 20, i % 3)\n"
        "    or m.newreader{lease = true, size = i * 20, grow = i % 3}\n"
        "  pool[32 + i] = m.newtopic{name = 't' .. i % 3, last = i % 2 == 0}\n"
        "  if i > 6 then pool[i] = pool[32 + i - 6]:subscribe('s', i * 40, i % 3) end\n"
        "end\n"
        "return pool\n";
    if (luaL_loadstring(L, code) != 0) return lua_error(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "module");
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "pool");
    return 0;
}

static int run_input(lua_State *L)
{
    while (!fuzz_is_over(&input) && calls < MAX_CALLS) {
        lua_settop(L, 0);
        do_something(L);
    }
    return 0;
}

/* Whatever has happened: what is not closed still works. */
static int check_usable(lua_State *L)
{
    static const char code[] =
        "local m, pool = ...\n"
        "m.abort(false)\n"
        "local function try(b)\n"
        "  b:abort(false) b:nonblock(false) b:clear()\n"
        "  b:notifier(nil, '<') b:notifier(nil, '>')\n"
        "  local ok, added = pcall(b.addmsg, b, 'x')\n"
        "  if not ok then assert(added:find('message_size', 1, true), added) return end\n"
        "  assert(added == true, 'an empty buffer has no room')\n"
        "  assert(b:msgcnt() == 1, 'another number of messages')\n"
        "  assert(b:nextmsg(0) == 'x', 'another message')\n"
        "  assert(b:msgcnt() == 0)\n"
        "end\n"
        "local r = m.newreader()\n"
        "for i = 1, 8 do\n"
        "  local b = pool[i]\n"
        "  if b and (not pcall(b.clear, b) or b:info().finished) then b = nil end\n"
        "  if b then try(b) end\n"
        "end\n"
        "local l = m.newlistener()\n"
        "local b = l:newbuffer()\n"
        "b:addmsg(1, 'a')\n"
        "assert(r:nextmsg(l, 0) and r:next(2) == 1)\n"
        "try(b)\n";
    if (luaL_loadstring(L, code) != 0) return lua_error(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "module");
    lua_getfield(L, LUA_REGISTRYINDEX, "pool");
    lua_call(L, 2, 0);
    return 0;
}

static const char *call(lua_State *L, lua_CFunction function)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, function);
    return lua_pcall(L, 0, 0, 0) == 0 ? NULL : lua_tostring(L, -1);
}

static void run_state(lua_State *L)
{
    const char *error = call(L, set_up);
    FUZZ_CHECK(!error, "%s", error);
    error = call(L, populate);
    FUZZ_CHECK(!error, "%s", error);
    call(L, run_input); /* the target itself may run out of memory */
    lua_gc(L, LUA_GCCOLLECT, 0);
    const uint8_t *end = input.end;
    input.end = input.at; /* nothing interferes any more */
    lua_getfield(L, LUA_REGISTRYINDEX, "fuzz.carray");
    lua_getfield(L, -1, "fail");
    lua_call(L, 0, 0);
    error = call(L, check_usable);
    FUZZ_CHECK(!error, "%s", error);
    input.end = end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_begin(&input, data, size);
    depth = calls = focus = 0;
    lua_fail_in = 0;
#if LUA_VERSION_NUM >= 505
    lua_State *L = lua_newstate(lua_memory, NULL, 1);
#else
    lua_State *L = lua_newstate(lua_memory, NULL);
#endif
    run_state(L);
    notifier_state = NULL;
    lua_close(L);
    FUZZ_CHECK(lua_blocks == 0 && lua_bytes == 0, "Lua has left %zu bytes", lua_bytes);
    FUZZ_CHECK(notifiers == 0, "%d references to notifiers are left", notifiers);
    fuzz_end();
    return 0;
}
