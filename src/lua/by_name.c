/* Modules and their functions, and the methods of our own classes, which every state has of its
 * own: they travel by name. It owns no state but a table in Lua's registry that leads from the
 * values of modules to names, made anew when it is out of date. */
#include <string.h>

#include "lua/decode_deep.h"
#include "lua/encode_deep.h"

#include "platform/hidden.h"

static bool is_nameable(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TFUNCTION || type == LUA_TUSERDATA || type == LUA_TTABLE ||
           type > LUA_TTHREAD;
}

/* Pushes package.loaded, or nil. */
static void push_loaded(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
}

/* Pushes the name of a field: {name of the module, key}, of which these are the indices. */
static void push_pair(lua_State *L, int module, int key)
{
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, module);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, key);
    lua_rawseti(L, -2, 2);
}

/* [loaded][names][module's name][module]: its functions, unless they have a name already.
 */
static void add_functions(lua_State *L, int names)
{
    int module = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, module)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1)) {
            lua_pushvalue(L, -1);
            lua_rawget(L, names);
            bool has_name = !lua_isnil(L, -1);
            lua_pop(L, 1);
            if (!has_name) {
                lua_pushvalue(L, -1);
                push_pair(L, module - 1, module + 1);
                lua_rawset(L, names);
            }
        }
        lua_pop(L, 1);
    }
}

/* Looks up the value at that index in the table on top, and pushes what it finds in its place.
 */
static void look_up(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* ---- methods: a class is a module that Lua does not know, with a name that none has ---- */

static void push_class(lua_State *L, enum mtc_class class)
{
    lua_pushlstring(L, "", 1); /* the zero behind it */
    lua_pushstring(L, mtl_class_name(class));
    lua_concat(L, 2);
}

/* [name] is on top. */
static bool is_class(lua_State *L, enum mtc_class class)
{
    size_t len;
    const char *name = lua_tolstring(L, -1, &len), *wanted = mtl_class_name(class);
    return len == 1 + strlen(wanted) && name[0] == '\0' &&
           memcmp(name + 1, wanted, len - 1) == 0;
}

static void push_methods(lua_State *L, enum mtc_class class)
{
    mtl_push_metatable(L, class);
    lua_getfield(L, -1, "__index");
    lua_remove(L, -2);
}

/* [name] is on top: pushes the methods of the class that has it; else false. */
static bool push_methods_of(lua_State *L)
{
    for (int class = 0; class < MTC_CLASSES; ++class) {
        if (!is_class(L, (enum mtc_class) class)) continue;
        push_methods(L, (enum mtc_class) class);
        return true;
    }
    return false;
}

/* [methods] is on top: pushes the key of the value at that index; or false. */
static bool push_key(lua_State *L, int index)
{
    const int methods = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, methods)) {
        if (lua_rawequal(L, -1, index) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pop(L, 1);
            return true;
        }
        lua_pop(L, 1);
    }
    return false;
}

/* Pushes the name of the method at that index, a pair, or nil. They are few, and seldom sent:
 * so they are looked through, and what a program has put in the place of one is found, too. */
static void push_method_name(lua_State *L, int index)
{
    const int top = lua_gettop(L);
    for (int class = 0; class < MTC_CLASSES; ++class) {
        push_methods(L, (enum mtc_class) class);
        if (lua_istable(L, -1) && push_key(L, index)) {
            push_class(L, (enum mtc_class) class);
            push_pair(L, top + 3, top + 2);
            lua_replace(L, top + 1);
            lua_settop(L, top + 1);
            return;
        }
        lua_settop(L, top);
    }
    lua_pushnil(L);
}

/* ---- modules ---- */

/* Of each module its own name, or those of its functions. */
static void add_all(lua_State *L, int loaded, int names, bool functions)
{
    lua_pushnil(L);
    while (lua_next(L, loaded)) {
        if (lua_type(L, -2) == LUA_TSTRING && is_nameable(L, -1)) {
            if (!functions) {
                lua_pushvalue(L, -1);
                lua_pushvalue(L, -3);
                lua_rawset(L, names);
            } else if (lua_istable(L, -1)) {
                add_functions(L, names);
            }
        }
        lua_pop(L, 1);
    }
}

/* Pushes the table of names, made anew. */
static void push_new_names(lua_State *L, struct mtc_state *state)
{
    lua_newtable(L);
    int names = lua_gettop(L);
    push_loaded(L);
    if (lua_istable(L, -1)) {
        add_all(L, names + 1, names, false);
        add_all(L, names + 1, names, true);
    }
    lua_settop(L, names);
    lua_pushvalue(L, names);
    mtl_keep(L, state, MTL_BY_NAME);
}

/* Pushes what package.loaded has for the name on top of the stack, in its place; and, if that
 * is a pair, the field. */
static void push_found(lua_State *L)
{
    int name = lua_gettop(L);
    push_loaded(L);
    if (!lua_istable(L, -1)) {
        lua_pushnil(L);
    } else if (lua_istable(L, name)) {
        lua_rawgeti(L, name, 1);
        lua_rawget(L, name + 1);
        if (lua_istable(L, -1)) {
            lua_rawgeti(L, name, 2);
            lua_rawget(L, -2);
        }
    } else {
        lua_pushvalue(L, name);
        lua_rawget(L, name + 1);
    }
    lua_replace(L, name);
    lua_settop(L, name);
}

/* Pushes the name that the table of names has for the value at that index, if it still leads
 * there; or nil. */
static void push_known_name(lua_State *L, const struct mtc_state *state, int index)
{
    const int top = lua_gettop(L);
    mtl_push_kept(L, state, MTL_BY_NAME);
    if (lua_isnil(L, -1)) return;
    look_up(L, index);
    if (lua_isnil(L, -1)) return;
    lua_pushvalue(L, -1);
    push_found(L);
    const bool still = lua_rawequal(L, -1, index) != 0;
    lua_settop(L, top + 1);
    if (still) return;
    lua_pushnil(L);
    lua_replace(L, top + 1);
}

/* Pushes the name of the value at that index: a string, a pair, or nil. */
static void push_name(lua_State *L, struct mtc_state *state, int index)
{
    push_known_name(L, state, index);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
    push_method_name(L, index);
    if (!lua_isnil(L, -1)) return;
    push_new_names(L, state);
    lua_pop(L, 2);
    push_known_name(L, state, index);
}

static void write_name(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    int name = lua_gettop(L);
    *mtl_deep_room(deep, 1) = MTM_TAG_MODULE;
    if (lua_istable(L, name)) {
        lua_rawgeti(L, name, 1);
        mtl_deep_key(deep, -1);
        lua_rawgeti(L, name, 2);
        mtl_deep_key(deep, -1);
        lua_pop(L, 2);
    } else {
        mtl_deep_key(deep, name);
        mtm_wire_nil(mtl_deep_room(deep, 1));
    }
}

/* [value][name, or nil] are on top: writes the name, and pops both; or the nil. */
static bool put_name(struct mtl_deep *deep)
{
    bool found = !lua_isnil(deep->L, -1);
    if (found) write_name(deep);
    lua_pop(deep->L, found ? 2 : 1);
    return found;
}

/* What is compiled has been read under a name of its own. */
bool mtl_deep_put_compiled(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    lua_Debug about;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &about);
    return strcmp(about.source, "=mtmsg") == 0 && mtl_deep_put_by_name(deep);
}

bool mtl_deep_put_by_name(struct mtl_deep *deep)
{
    if (!is_nameable(deep->L, -1)) return false;
    luaL_checkstack(deep->L, LUA_MINSTACK, "too many values");
    push_name(deep->L, deep->state, lua_gettop(deep->L));
    return put_name(deep);
}

bool mtl_deep_mark_module(struct mtl_deep *deep)
{
    lua_State *L = deep->L;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    for (size_t level = deep->draft->depth; level-- > 0;) {
        mtl_deep_push_table(deep, level);
        push_name(L, deep->state, lua_gettop(L));
        if (lua_type(L, -1) == LUA_TSTRING) {
            int modules = deep->base - MTL_MODULES;
            if (!deep->by_name) {
                lua_newtable(L);
                lua_replace(L, modules);
                deep->by_name = true;
            }
            lua_pop(L, 1);
            lua_pushboolean(L, 1);
            lua_rawset(L, modules);
            return true;
        }
        lua_pop(L, 2);
    }
    return false;
}

/* [module's name] is on top: pushes what package.loaded has for it, or else what `require`
 * gives. */
static void push_module(lua_State *L)
{
    int name = lua_gettop(L);
    push_loaded(L);
    if (lua_istable(L, -1)) look_up(L, name);
    if (!lua_isnil(L, -1)) return;
    lua_settop(L, name);
    lua_getglobal(L, "require");
    lua_pushvalue(L, name);
    lua_call(L, 1, 1);
}

void mtl_build_by_name(struct mtl_build *build)
{
    lua_State *L = build->L;
    mtl_build_key(build);
    int name = lua_gettop(L);
    if (!push_methods_of(L)) push_module(L);
    if (build->at < build->end && *build->at == MTM_TAG_NIL) {
        ++build->at;
    } else {
        mtl_build_key(build);
        int field = lua_gettop(L);
        if (!lua_istable(L, name + 1)) lua_pushnil(L);
        else lua_pushvalue(L, field), lua_rawget(L, name + 1);
        if (lua_isnil(L, -1)) {
            const char *module = lua_tostring(L, name);
            luaL_error(L, "value received by name, but the module '%s' has no '%s' here",
                       module[0] != '\0' ? module : module + 1, lua_tostring(L, field));
        }
    }
    lua_replace(L, name);
    lua_settop(L, name);
}
