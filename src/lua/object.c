/* What the classes mtmsg.buffer and mtmsg.listener have in common in Lua: blocks, finding, and
 * simple methods. A block owns one handle of its object. */
#include "core/object.h"

#include "core/registry.h"
#include "lua/classes.h"
#include "lua/errors.h"

static void fini_handle(struct mtm_owned *owned)
{
    struct mtm_handle *handle = (struct mtm_handle *)owned;
    struct mtm_object *object = handle->object;
    handle->object = NULL;
    if (object) mtm_handle_release(object);
}

struct mtm_handle *mtm_handle_push(lua_State *L, struct mtm_state *state, enum mtm_kind kind)
{
    if (kind == MTM_BUFFER) {
        return mtm_owned_new(L, state, sizeof(struct mtm_handle), MTM_BUFFER_MAGIC,
                             "mtmsg.buffer", fini_handle);
    }
    return mtm_owned_new(L, state, sizeof(struct mtm_handle), MTM_LISTENER_MAGIC,
                         "mtmsg.listener", fini_handle);
}

static enum mtm_status find(lua_State *L, enum mtm_kind kind, struct mtm_object **out)
{
    int64_t id;
    size_t len;
    if (lua_type(L, 1) == LUA_TSTRING) {
        const char *name = lua_tolstring(L, 1, &len);
        return mtm_registry_find_name(kind, name, len, out);
    }
    if (lua_type(L, 1) != LUA_TNUMBER) mtm_raise_type(L, 1, "id or name");
    if (!mtm_to_integral(L, 1, &id)) {
        double number = (double)lua_tonumber(L, 1);
        if (number - number != 0 || number > -1e18) luaL_argerror(L, 1, "integer id expected");
    }
    return mtm_registry_find_id(kind, id > 0 ? (uint64_t)id : 0, out);
}

int mtm_find(lua_State *L, enum mtm_kind kind)
{
    struct mtm_state *state = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checkany(L, 1);
    struct mtm_handle *handle = mtm_handle_push(L, state, kind);
    enum mtm_status status = find(L, kind, &handle->object);
    if (status == MTM_OK) return 1;
    return mtm_raise_not_found(L, status, kind == MTM_BUFFER ? "buffer" : "listener", 1);
}

int mtm_push_id(lua_State *L, const struct mtm_handle *handle)
{
    mtm_lua_push_integer(L, (int64_t)handle->object->id);
    return 1;
}

int mtm_push_name(lua_State *L, const struct mtm_handle *handle)
{
    const struct mtm_object *object = handle->object;
    if (object->name) lua_pushlstring(L, object->name, object->name_len);
    else lua_pushnil(L);
    return 1;
}

int mtm_set_nonblock(lua_State *L, struct mtm_handle *handle)
{
    bool flag = mtm_check_flag(L, 2);
    enum mtm_status status = mtm_object_state(handle->object);
    if (status != MTM_OK) return mtm_raise_for(L, status, handle->object);
    handle->nonblock = flag;
    return 0;
}

int mtm_push_isnonblock(lua_State *L, const struct mtm_handle *handle)
{
    lua_pushboolean(L, handle->nonblock);
    return 1;
}

int mtm_push_isabort(lua_State *L, const struct mtm_handle *handle)
{
    lua_pushboolean(L, mtm_object_is_aborted(handle->object));
    return 1;
}
