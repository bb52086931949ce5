/*
 * Owns the module "old_client": every function of the Notify, Receiver and Sender APIs,
 * callable from Lua with its raw arguments and return codes, through the declarations of
 * old_client.h. It decides nothing: what the codes should be is said by the tests in Lua.
 */
#include "support.h"

#include "old_arrays.h"
#include "old_client.h"

#include <limits.h>

#define WRITER "old_client.writer"
#define READER "old_client.reader"
#define HOLD "old_client.hold"

struct writer {
    const struct old_receiver *api;
    void *writer;
};

struct reader {
    const struct old_sender *api;
    void *reader;
};

/* A native reference; api is what the three structs have in common. */
struct hold {
    const struct old_notify *api;
    void *object;
};

struct failure {
    int calls;
    size_t len;
    char text[512];
};

static void take_text(void *data, const char *text, size_t len)
{
    struct failure *f = data;
    f->calls++;
    f->len = len < sizeof f->text ? len : sizeof f->text;
    memcpy(f->text, text, f->len);
}

/* code, text or nil, how often the handler was called */
static int push_outcome(lua_State *L, int code, const struct failure *f)
{
    lua_pushinteger(L, code);
    if (f->calls) {
        lua_pushlstring(L, f->text, f->len);
    } else {
        lua_pushnil(L);
    }
    lua_pushinteger(L, f->calls);
    return 3;
}

/* -------------------------------------------------------------------- finding an API */

static const void *find(lua_State *L, int index, const char *key, int major, int minor)
{
    const struct old_notify *api = NULL;
    if (luaL_getmetafield(L, index, key)) {
        const char *block = lua_touserdata(L, -1);
        if (block && strcmp(block + sizeof(void *), key) == 0) {
            memcpy(&api, block, sizeof(void *));
            while (api && (api->version[0] != major || api->version[1] < minor)) {
                api = api->next;
            }
        }
        lua_pop(L, 1);
    }
    if (!api) luaL_error(L, "object has no API %s %d.%d", key, major, minor);
    return api;
}

static const struct old_notify *notify_api(lua_State *L, int index)
{
    return find(L, index, "_capi_notify", 0, 0);
}

static const struct old_receiver *receiver_api(lua_State *L, int index)
{
    return find(L, index, "_capi_receiver", 2, 0);
}

static const struct old_sender *sender_api(lua_State *L, int index)
{
    return find(L, index, "_capi_sender", 1, 0);
}

/* The native object of a hold, or of a Lua object by its API. */
static void *object_at(lua_State *L, int index, const void *api)
{
    struct hold *h = support_test(L, index, HOLD);
    void *object = h ? h->object : ((const struct old_notify *)api)->to(L, index);
    luaL_argcheck(L, object != NULL, index, "not an object of this API");
    return object;
}

/* old.versions(object) -> notify, receiver, sender versions as "0.0.2" */
static int old_versions(lua_State *L)
{
    const int *versions[3] = {notify_api(L, 1)->version, receiver_api(L, 1)->version,
                              sender_api(L, 1)->version};
    for (int i = 0; i < 3; i++) {
        lua_pushfstring(L, "%d.%d.%d", versions[i][0], versions[i][1], versions[i][2]);
    }
    return 3;
}

/* old.accepts(provider, value) -> does to...(value) of the provider's three APIs give a
 * pointer?
 */
static int old_accepts(lua_State *L)
{
    lua_pushboolean(L, notify_api(L, 1)->to(L, 2) != NULL);
    lua_pushboolean(L, receiver_api(L, 1)->to(L, 2) != NULL);
    lua_pushboolean(L, sender_api(L, 1)->to(L, 2) != NULL);
    return 3;
}

/* old.notify(object [, "no handler"]) -> outcome */
static int old_notify(lua_State *L)
{
    const struct old_notify *api = notify_api(L, 1);
    struct failure f = {0};
    int code = api->notify(object_at(L, 1, api), lua_isnoneornil(L, 2) ? take_text : NULL, &f);
    return push_outcome(L, code, &f);
}

/* -------------------------------------------------------------------- holding references */

/* old.hold(object, "notify"|"receiver"|"sender") -> hold */
static int old_hold(lua_State *L)
{
    const char *kind = luaL_checkstring(L, 2);
    const void *api = *kind == 'n'   ? (const void *)notify_api(L, 1)
                      : *kind == 'r' ? (const void *)receiver_api(L, 1)
                                     : (const void *)sender_api(L, 1);
    void *object = object_at(L, 1, api);
    struct hold *h = support_new(L, HOLD, sizeof *h);
    h->api = api;
    h->object = object;
    h->api->retain(object);
    return 1;
}

static int hold_release(lua_State *L)
{
    struct hold *h = luaL_checkudata(L, 1, HOLD);
    if (h->object) h->api->release(h->object);
    h->object = NULL;
    return 0;
}

/* hold:notify() -> outcome; only for a hold of "notify" */
static int hold_notify(lua_State *L)
{
    struct hold *h = luaL_checkudata(L, 1, HOLD);
    struct failure f = {0};
    return push_outcome(L, h->api->notify(h->object, take_text, &f), &f);
}

/* -------------------------------------------------------------------- writer */

/* old.writer(object, capacity, grow) -> writer | nil */
static int old_writer(lua_State *L)
{
    const struct old_receiver *api = receiver_api(L, 1);
    size_t capacity = (size_t)luaL_optnumber(L, 2, 1024);
    float grow = (float)luaL_optnumber(L, 3, 2);
    struct writer *w = support_new(L, WRITER, sizeof *w);
    w->api = api;
    w->writer = api->new_writer(capacity, grow);
    if (!w->writer) lua_pushnil(L);
    return 1;
}

static struct writer *check_writer(lua_State *L)
{
    struct writer *w = luaL_checkudata(L, 1, WRITER);
    luaL_argcheck(L, w->writer != NULL, 1, "writer is freed");
    return w;
}

static int writer_free(lua_State *L)
{
    struct writer *w = luaL_checkudata(L, 1, WRITER);
    if (w->writer) w->api->free_writer(w->writer);
    w->writer = NULL;
    return 0;
}

static int writer_clear(lua_State *L)
{
    struct writer *w = check_writer(L);
    w->api->clear(w->writer);
    return 0;
}

/* writer:send(object|hold, clear, nonblock [, "no handler"]) -> outcome */
static int writer_send(lua_State *L)
{
    struct writer *w = check_writer(L);
    struct failure f = {0};
    void *object = object_at(L, 2, w->api);
    int code = w->api->send(object, w->writer, lua_toboolean(L, 3), lua_toboolean(L, 4),
                            lua_isnoneornil(L, 5) ? take_text : NULL, &f);
    return push_outcome(L, code, &f);
}

static int writer_boolean(lua_State *L)
{
    struct writer *w = check_writer(L);
    int value = lua_isnumber(L, 2) ? (int)lua_tonumber(L, 2) : lua_toboolean(L, 2);
    lua_pushinteger(L, w->api->add_boolean(w->writer, value));
    return 1;
}

static int writer_integer(lua_State *L)
{
    struct writer *w = check_writer(L);
    lua_pushinteger(
        L, w->api->add_integer(w->writer, luaL_checkinteger(L, 2) + luaL_optinteger(L, 3, 0)));
    return 1;
}

static int writer_number(lua_State *L)
{
    struct writer *w = check_writer(L);
    lua_pushinteger(L, w->api->add_number(w->writer, luaL_checknumber(L, 2)));
    return 1;
}

static int writer_string(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t len;
    const char *s = luaL_checklstring(L, 2, &len);
    lua_pushinteger(L, w->api->add_string(w->writer, s, len));
    return 1;
}

static int writer_bytes(lua_State *L)
{
    struct writer *w = check_writer(L);
    size_t len;
    const char *s = luaL_checklstring(L, 2, &len);
    lua_pushinteger(L, w->api->add_bytes(w->writer, (const unsigned char *)s, len));
    return 1;
}

/* -------------------------------------------------------------------- arrays */

/* old.array_sizes() -> the sizes of the twelve types as this compiler sees them */
static int old_array_sizes(lua_State *L)
{
#define SIZE(number, ctype) sizeof(ctype),
    static const size_t sizes[] = {OLD_ARRAY_TYPES(SIZE)};
    for (int i = 0; i < 12; i++) lua_pushinteger(L, (lua_Integer)sizes[i]);
    return 12;
}

/* writer:array(type, {numbers}) -> true if aligned, false if not | nil: NULL
 * writer:array(type, count) adds so many elements, all zero */
static int writer_array(lua_State *L)
{
    struct writer *w = check_writer(L);
    int type = (int)luaL_checkinteger(L, 2);
    int listed = lua_istable(L, 3);
#if LUA_VERSION_NUM < 502
    size_t count = listed ? lua_objlen(L, 3) : (size_t)luaL_checknumber(L, 3);
#else
    size_t count = listed ? (size_t)lua_rawlen(L, 3) : (size_t)luaL_checknumber(L, 3);
#endif
    void *data = w->api->add_array(w->writer, type, count);
    if (!data) return 0;
    for (size_t i = 0; i < count; i++) {
        lua_Number value = 0;
        if (listed) {
            lua_rawgeti(L, 3, (int)i + 1);
            value = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        old_store(type, data, i, value);
    }
    lua_pushboolean(L, old_is_aligned(type, data));
    return 1;
}

/* -------------------------------------------------------------------- reader */

/* old.reader(object, capacity, grow) -> reader | nil */
static int old_reader(lua_State *L)
{
    const struct old_sender *api = sender_api(L, 1);
    size_t capacity = (size_t)luaL_optnumber(L, 2, 1024);
    float grow = (float)luaL_optnumber(L, 3, 2);
    struct reader *r = support_new(L, READER, sizeof *r);
    r->api = api;
    r->reader = api->new_reader(capacity, grow);
    if (!r->reader) lua_pushnil(L);
    return 1;
}

static struct reader *check_reader(lua_State *L)
{
    struct reader *r = luaL_checkudata(L, 1, READER);
    luaL_argcheck(L, r->reader != NULL, 1, "reader is freed");
    return r;
}

static int reader_free(lua_State *L)
{
    struct reader *r = luaL_checkudata(L, 1, READER);
    if (r->reader) r->api->free_reader(r->reader);
    r->reader = NULL;
    return 0;
}

static int reader_clear(lua_State *L)
{
    struct reader *r = check_reader(L);
    r->api->clear(r->reader);
    return 0;
}

/* reader:receive(object|hold, nonblock, timeout [, "no handler"]) -> outcome */
static int reader_receive(lua_State *L)
{
    struct reader *r = check_reader(L);
    struct failure f = {0};
    void *object = object_at(L, 2, r->api);
    int code = r->api->receive(object, r->reader, lua_toboolean(L, 3), luaL_optnumber(L, 4, 0),
                               lua_isnoneornil(L, 5) ? take_text : NULL, &f);
    return push_outcome(L, code, &f);
}

static void push_array(lua_State *L, const struct old_value *v)
{
    lua_newtable(L);
    for (size_t i = 0; i < v->is.array.count; i++) {
        lua_pushnumber(L, old_load(v->is.array.type, v->is.array.data, i));
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_pushinteger(L, v->is.array.type);
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, (lua_Integer)v->is.array.size);
    lua_setfield(L, -2, "size");
    lua_pushboolean(L, old_is_aligned(v->is.array.type, v->is.array.data));
    lua_setfield(L, -2, "aligned");
}

/* Pushes the Lua equivalent of the value: an array as a list with type, size and aligned. */
static void push_bare(lua_State *L, const struct old_value *v)
{
    switch (v->type) {
        case 2: lua_pushboolean(L, v->is.boolean); break;
        case 3: lua_pushinteger(L, v->is.integer); break;
        case 4: lua_pushnumber(L, v->is.number); break;
        case 5: lua_pushlightuserdata(L, v->is.pointer); break;
        case 6: lua_pushcfunction(L, v->is.function); break;
        case 7: lua_pushlstring(L, v->is.string.ptr, v->is.string.len); break;
        case 8: push_array(L, v); break;
        default: lua_pushnil(L); break;
    }
}

/* Pushes {kind = name, value = ...}. */
static void push_value(lua_State *L, const struct old_value *v)
{
    static const char *const names[] = {"none",      "nil",    "boolean",
                                        "integer",   "number", "lightuserdata",
                                        "cfunction", "string", "array"};
    if (v->type < 0 || v->type > 8) luaL_error(L, "value of unknown type %d", v->type);
    lua_newtable(L);
    lua_pushstring(L, names[v->type]);
    lua_setfield(L, -2, "kind");
    push_bare(L, v);
    lua_setfield(L, -2, "value");
}

/* reader:next() -> {kind, value} */
static int reader_next(lua_State *L)
{
    struct reader *r = check_reader(L);
    struct old_value v;
    memset(&v, 0x5a, sizeof v);
    r->api->next_value(r->reader, &v);
    push_value(L, &v);
    return 1;
}

/* reader:all() -> list of {kind, value}; all are taken before the first is looked into, so that
 * pointers which do not live as long as promised are found out. At most 512 values. */
static int reader_all(lua_State *L)
{
    struct reader *r = check_reader(L);
    struct old_value values[512];
    int count = 0;
    for (r->api->next_value(r->reader, &values[0]); values[count].type != 0;
         r->api->next_value(r->reader, &values[count])) {
        if (++count == 512) return luaL_error(L, "too many values");
    }
    lua_newtable(L);
    for (int i = 0; i < count; i++) {
        push_value(L, &values[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* -------------------------------------------------------------------- module */

/* old.pointer(), old.cfunction(): values of these kinds that can be compared */
static int old_pointer(lua_State *L)
{
    static char here;
    lua_pushlightuserdata(L, &here);
    return 1;
}

static void set_bits(lua_State *L, const char *field, size_t bytes)
{
    lua_pushinteger(L, (lua_Integer)(CHAR_BIT * bytes));
    lua_setfield(L, -2, field);
}

EXPORT int luaopen_old_client(lua_State *L);

int luaopen_old_client(lua_State *L)
{
    static const luaL_Reg writer[] = {{"free", writer_free},       {"clear", writer_clear},
                                      {"send", writer_send},       {"boolean", writer_boolean},
                                      {"integer", writer_integer}, {"number", writer_number},
                                      {"string", writer_string},   {"bytes", writer_bytes},
                                      {"array", writer_array},     {NULL, NULL}};
    static const luaL_Reg reader[] = {{"free", reader_free},       {"clear", reader_clear},
                                      {"next", reader_next},       {"all", reader_all},
                                      {"receive", reader_receive}, {NULL, NULL}};
    static const luaL_Reg hold[] = {
        {"release", hold_release}, {"notify", hold_notify}, {NULL, NULL}};
    static const luaL_Reg module[] = {{"versions", old_versions},
                                      {"accepts", old_accepts},
                                      {"notify", old_notify},
                                      {"hold", old_hold},
                                      {"writer", old_writer},
                                      {"reader", old_reader},
                                      {"array_sizes", old_array_sizes},
                                      {"pointer", old_pointer},
                                      {NULL, NULL}};
    support_class(L, WRITER, writer, writer_free);
    support_class(L, READER, reader, reader_free);
    support_class(L, HOLD, hold, hold_release);
    lua_newtable(L);
    support_functions(L, module);
    set_bits(L, "size_bits", sizeof(size_t)); /* what the platform can say and hold */
    set_bits(L, "integer_bits", sizeof(lua_Integer));
    return 1;
}
