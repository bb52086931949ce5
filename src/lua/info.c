/* Objects as tables of what can be seen of them, one or all of the process. It owns nothing. */
#include "core/info.h"

#include "core/registry.h"
#include "lua/classes.h"
#include "lua/errors.h"
#include "lua/protect.h"

#include "platform/hidden.h"

static void set_number(lua_State *L, const char *key, uint64_t number)
{
    mtc_push_integer(L, (int64_t)number);
    lua_setfield(L, -2, key);
}

static void set_bound(lua_State *L, const char *key, size_t bound)
{
    if (bound != SIZE_MAX) set_number(L, key, bound);
}

static void set_id(lua_State *L, const char *key, uint64_t id)
{
    if (id != 0) set_number(L, key, id);
}

static void set_flag(lua_State *L, const char *key, bool flag)
{
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, key);
}

static void set_queue(lua_State *L, const struct mtm_info *info)
{
    const struct mtm_queue_numbers *numbers = &info->numbers;
    set_number(L, "added", numbers->added);
    set_number(L, "taken", numbers->taken);
    set_number(L, "replaced", numbers->replaced);
    set_number(L, "dropped", numbers->dropped);
    set_number(L, "senders", info->senders);
    set_bound(L, "limit", info->bounds.limit);
    set_bound(L, "maxbytes", info->bounds.maxbytes);
    set_id(L, "listener", info->listener);
    set_id(L, "topic", info->topic);
}

/* The table, once the object has been looked at; `identity` stays valid meanwhile. */
static void push_table(lua_State *L, enum mtm_kind kind, const struct mtl_identity *identity,
                       const struct mtm_info *info)
{
    lua_createtable(L, 0, 20);
    lua_pushstring(L, mtl_kind_name(kind));
    lua_setfield(L, -2, "kind");
    mtc_push_integer(L, (int64_t)identity->id);
    lua_setfield(L, -2, "id");
    if (identity->name) {
        lua_pushlstring(L, identity->name, identity->len);
        lua_setfield(L, -2, "name");
    }
    set_flag(L, "closed", info->closed);
    set_flag(L, "finished", info->finished);
    set_flag(L, "aborted", info->aborted);
    set_number(L, "references", info->references);
    if (kind == MTM_TOPIC) {
        set_number(L, "subscribers", info->members);
        return;
    }
    set_number(L, "messages", info->numbers.messages);
    set_number(L, "bytes", info->numbers.bytes);
    set_number(L, "receivers", info->receivers);
    set_number(L, "selects", info->selects);
    if (kind == MTM_LISTENER) set_number(L, "buffers", info->members);
    else set_queue(L, info);
}

struct showing {
    struct mtl_call call;
    enum mtm_kind kind;
    struct mtl_identity identity;
    struct mtm_info info;
};

static void show(lua_State *L, struct mtl_call *call)
{
    const struct showing *showing = (const struct showing *)call;
    push_table(L, showing->kind, &showing->identity, &showing->info);
}

/* Making the table may run finalizers, which may release the handle, and may fail. */
int mtl_push_info(lua_State *L, struct mtc_handle *handle)
{
    struct showing showing = {.call = {.run = show, .results = 1},
                              .kind = handle->object->kind,
                              .identity = mtl_identity_of(handle)};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    mtm_object_info(handle->object, &showing.info);
    mtl_pin(handle);
    bool ok = mtl_call_protected(L, handle->owned.state, &showing.call);
    mtl_unpin(handle);
    return ok ? 1 : lua_error(L);
}

/* The handle that leads the walk has the reference to the object whose turn it is, so that
 * nothing is left behind where making a table fails; that one is not counted. Objects that are
 * made meanwhile are not visited, so it ends. */
int mtl_objects(lua_State *L)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtm_object *object = NULL;
    struct mtm_info info;
    lua_settop(L, 0);
    lua_newtable(L);
    struct mtc_handle *guide = mtl_handle_push(L, state, MTM_BUFFER);
    for (int count = 0; (object = mtm_registry_next(object)) != NULL;) {
        mtl_handle_move(guide, object);
        const struct mtl_identity identity = mtl_identity_of(guide);
        mtm_object_info(object, &info);
        --info.references;
        push_table(L, object->kind, &identity, &info);
        lua_rawseti(L, 1, ++count);
    }
    mtl_handle_move(guide, NULL);
    lua_pop(L, 1);
    return 1;
}
