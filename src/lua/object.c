/* What the classes mtmsg.buffer and mtmsg.listener have in common in Lua: blocks, finding, and
 * simple methods. A block owns one handle of its object. */
#include "core/object.h"

#include "core/registry.h"
#include "lua/classes.h"
#include "lua/errors.h"

#include "platform/hidden.h"

struct handle_record {
    struct mtm_record record;
    struct mtm_object *object; /* with a handle reference, or NULL */
};

static void fini_handle(struct mtm_record *record)
{
    struct mtm_object *object = ((struct handle_record *)record)->object;
    if (object) mtm_handle_release(object);
}

int mtm_handle_gc(lua_State *L)
{
    struct mtm_handle *handle = lua_touserdata(L, 1);
    if (handle && mtm_lua_rawlen(L, 1) == sizeof *handle) handle->object = NULL;
    return mtm_owned_gc(L);
}

void mtm_handle_set(struct mtm_handle *handle, struct mtm_object *object)
{
    ((struct handle_record *)handle->owned.record)->object = object;
    handle->object = object;
}

struct mtm_handle *mtm_handle_push(lua_State *L, struct mtm_state *state, enum mtm_kind kind)
{
    static const struct mtm_class_info info[] = {
        [MTM_BUFFER] = {"mtmsg.buffer", MTM_BUFFER_MAGIC, sizeof(struct mtm_handle),
                        sizeof(struct handle_record), fini_handle},
        [MTM_LISTENER] = {"mtmsg.listener", MTM_LISTENER_MAGIC, sizeof(struct mtm_handle),
                          sizeof(struct handle_record), fini_handle},
    };
    return mtm_owned_new(L, state, &info[kind]);
}
/* An id is an integral number; one that no id can be is just not found. */
static uint64_t check_id(lua_State *L, int index)
{
    int64_t id;
    if (mtm_to_integral(L, index, &id)) return id > 0 ? (uint64_t)id : 0;
    double number = (double)lua_tonumber(L, index);
    if (number - number != 0 || (number > -9e15 && number < 9e15)) {
        luaL_argerror(L, index, "integer id expected");
    }
    return 0;
}

static enum mtm_status find(lua_State *L, enum mtm_kind kind, struct mtm_object **out)
{
    size_t len;
    if (lua_type(L, 1) == LUA_TSTRING) {
        const char *name = lua_tolstring(L, 1, &len);
        return mtm_registry_find_name(kind, name, len, out);
    }
    if (lua_type(L, 1) != LUA_TNUMBER) mtm_raise_type(L, 1, "id or name");
    return mtm_registry_find_id(kind, check_id(L, 1), out);
}

int mtm_find(lua_State *L, enum mtm_kind kind)
{
    struct mtm_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtm_object *object;
    if (lua_isnone(L, 1)) mtm_raise_type(L, 1, "id or name");
    struct mtm_handle *handle = mtm_handle_push(L, state, kind);
    enum mtm_status status = find(L, kind, &object);
    if (status != MTM_OK) {
        return mtm_raise_not_found(L, status, kind == MTM_BUFFER ? "buffer" : "listener", 1);
    }
    mtm_handle_set(handle, object);
    return 1;
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
