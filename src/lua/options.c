/* Reading a table of options, field by field. It owns nothing. */
#include "lua/options.h"

#include <string.h>

#include "lua/classes.h"
#include "lua/errors.h"

#include "platform/hidden.h"

/* Each function reads the value on top of the stack; NULL, or what is wrong with it. It may
 * leave values there. */
typedef const char *(*read_field)(lua_State *L, struct mtl_options *options);

static const char *expected(lua_State *L, const char *what)
{
    const char *actual = mtl_type_of(L, lua_gettop(L));
    return lua_pushfstring(L, "%s expected, got %s", what, actual);
}

static const char *read_flag(lua_State *L, bool *flag)
{
    if (!lua_isboolean(L, -1)) return expected(L, "boolean");
    *flag = lua_toboolean(L, -1) != 0;
    return NULL;
}

/* From 1 on: 0 is what no bound is for the core. */
static const char *read_bound(lua_State *L, size_t *bound)
{
    int64_t integer;
    if (lua_type(L, -1) != LUA_TNUMBER) return expected(L, "integer");
    if (!mtl_to_integral(L, -1, &integer)) return "integer expected";
    if (integer < 1) return "must be at least 1";
    if (integer > PTRDIFF_MAX) integer = PTRDIFF_MAX; /* more cannot be there */
    *bound = (size_t)integer;
    return NULL;
}

/* Keeps the value on top of the stack where it is meant to stay. */
static void keep(lua_State *L, int index)
{
    lua_pushvalue(L, -1);
    lua_replace(L, index);
}

static const char *read_name(lua_State *L, struct mtl_options *options)
{
    if (lua_type(L, -1) != LUA_TSTRING) return expected(L, "string");
    options->name = lua_tolstring(L, -1, &options->name_len);
    keep(L, options->name_index);
    return NULL;
}

static const char *read_size(lua_State *L, struct mtl_options *options)
{
    if (lua_type(L, -1) != LUA_TNUMBER) return expected(L, "number");
    options->memory.sized = true;
    return mtl_read_size(L, -1, &options->memory.size);
}

static const char *read_grow(lua_State *L, struct mtl_options *options)
{
    if (lua_type(L, -1) != LUA_TNUMBER) return expected(L, "number");
    return mtl_read_grow(L, -1, &options->memory.grow);
}

static const char *read_limit(lua_State *L, struct mtl_options *options)
{
    return read_bound(L, &options->bounds.limit);
}

static const char *read_maxbytes(lua_State *L, struct mtl_options *options)
{
    return read_bound(L, &options->bounds.maxbytes);
}

static const char *read_overflow(lua_State *L, struct mtl_options *options)
{
    const char *what = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    options->bounds.drop_oldest = strcmp(what, "oldest") == 0;
    if (options->bounds.drop_oldest || strcmp(what, "refuse") == 0) return NULL;
    if (lua_type(L, -1) != LUA_TSTRING) return expected(L, "\"refuse\" or \"oldest\"");
    return lua_pushfstring(L, "\"refuse\" or \"oldest\" expected, got \"%s\"", what);
}

static const char *read_create(lua_State *L, struct mtl_options *options)
{
    return read_flag(L, &options->create);
}

static const char *read_last(lua_State *L, struct mtl_options *options)
{
    return read_flag(L, &options->last);
}

static const char *read_lease(lua_State *L, struct mtl_options *options)
{
    return read_flag(L, &options->lease);
}

static const char *read_listener(lua_State *L, struct mtl_options *options)
{
    if (!mtc_to_handle(L, -1, MTC_LISTENER_MAGIC)) return expected(L, "mtmsg.listener");
    keep(L, options->listener_index);
    return NULL;
}

static const struct field {
    const char *key;
    unsigned of;
    read_field read;
} known[] = {
    {"name", MTL_OPTION_NAME, read_name},
    {"size", MTL_OPTION_MEMORY, read_size},
    {"grow", MTL_OPTION_MEMORY, read_grow},
    {"limit", MTL_OPTION_BOUNDS, read_limit},
    {"maxbytes", MTL_OPTION_BOUNDS, read_maxbytes},
    {"overflow", MTL_OPTION_BOUNDS, read_overflow},
    {"create", MTL_OPTION_CREATE, read_create},
    {"last", MTL_OPTION_LAST, read_last},
    {"lease", MTL_OPTION_LEASE, read_lease},
    {"listener", MTL_OPTION_LISTENER, read_listener},
};

/* The field whose key is at that index, or NULL. */
static const struct field *field_of(lua_State *L, int key, unsigned fields)
{
    size_t len;
    if (lua_type(L, key) != LUA_TSTRING) return NULL; /* lua_tolstring would change it */
    const char *name = lua_tolstring(L, key, &len);
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        if ((known[i].of & fields) && strcmp(known[i].key, name) == 0 &&
            strlen(known[i].key) == len) {
            return &known[i];
        }
    }
    return NULL;
}

/* Whoever writes a colon where a dot belongs gives us the module. */
static void refuse_module(lua_State *L, int index)
{
    lua_pushliteral(L, "newbuffer");
    lua_rawget(L, index);
    if (lua_isfunction(L, -1))
        luaL_argerror(L, index, "the module's functions are called with a dot");
    lua_pop(L, 1);
}

/* Pushes their keys, in the order of the table above. */
static const char *push_keys(lua_State *L, unsigned fields)
{
    lua_pushliteral(L, "");
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        if (!(known[i].of & fields)) continue;
        const char *comma = mtc_rawlen(L, -1) > 0 ? ", " : "";
        lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), comma, known[i].key);
        lua_replace(L, -2);
    }
    return lua_tostring(L, -1);
}

static void refuse_key(lua_State *L, int index, int key, unsigned fields)
{
    refuse_module(L, index);
    lua_pushvalue(L, key);
    const char *name = lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER
                           ? lua_tostring(L, -1)
                           : luaL_typename(L, -1);
    const char *keys = push_keys(L, fields);
    luaL_argerror(L, index,
                  lua_pushfstring(L, "unknown field '%s'; known are: %s", name, keys));
}

/* What holds of several fields together; without a bound nothing would give way. */
static const char *wrong_together(const struct mtl_options *options)
{
    const struct mtm_bounds *bounds = &options->bounds;
    if (options->create && !options->name) return "field 'create': needs field 'name'";
    if (bounds->drop_oldest && !bounds->limit && !bounds->maxbytes && options->memory.grow > 0)
        return "field 'overflow': needs field 'limit', 'maxbytes' or a fixed size (grow = 0)";
    return NULL;
}

void mtl_check_options(lua_State *L, int index, unsigned fields, struct mtl_options *options)
{
    *options =
        (struct mtl_options){.memory = {.size = MTM_DEFAULT_SIZE, .grow = MTM_DEFAULT_GROW}};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    lua_pushnil(L);
    options->name_index = lua_gettop(L);
    lua_pushnil(L);
    options->listener_index = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const int key = options->listener_index + 1;
        const struct field *field = field_of(L, key, fields);
        if (!field) refuse_key(L, index, key, fields);
        const char *wrong = field->read(L, options);
        if (wrong) {
            luaL_argerror(L, index, lua_pushfstring(L, "field '%s': %s", field->key, wrong));
        }
        lua_settop(L, key);
    }
    const char *wrong = wrong_together(options);
    if (wrong) luaL_argerror(L, index, wrong);
}

void mtl_buffer_options(const struct mtl_options *options, struct mtm_buffer_options *buffer)
{
    buffer->name = options->name;
    buffer->name_len = options->name_len;
    buffer->size = options->memory.size;
    buffer->sized = options->memory.sized;
    buffer->grow = options->memory.grow;
    buffer->bounds = options->bounds;
}

void mtl_check_name_or_options(lua_State *L, unsigned fields, struct mtl_options *options)
{
    *options = (struct mtl_options){.create = false};
    if (lua_istable(L, 1)) mtl_check_options(L, 1, fields, options);
    else if (!lua_isnoneornil(L, 1))
        options->name = luaL_checklstring(L, 1, &options->name_len);
}

int mtl_raise_not_made(lua_State *L, enum mtm_status status, enum mtm_kind kind,
                       const struct mtl_options *options)
{
    if (status != MTM_AMBIGUOUS) return mtl_raise_plain(L, status);
    return mtl_raise_not_found(L, status, mtl_kind_name(kind), options->name_index);
}

int mtl_push_made(lua_State *L, struct mtc_handle *handle, struct mtm_object *object,
                  const struct mtl_options *options, bool created)
{
    mtl_handle_set(handle, object);
    if (!options->create) return 1;
    lua_pushboolean(L, created);
    return 2;
}
