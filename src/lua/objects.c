/* The Object C API, from both sides: our objects for other modules, and those of other modules
 * in our messages. It owns no state; the code of other modules that a message may come to need
 * stays in memory. */
#include "lua/objects.h"

#define OBJECT_CAPI_IMPLEMENT_GET_CAPI
#define OBJECT_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/object_capi.h"

#include "core/reference.h"
#include "lua/classes.h"
#include "lua/state.h"

#include "platform/hidden.h"

/* ---- ours ---- */

static struct mtm_object *of_object(object_object *object)
{
    return (struct mtm_object *)(void *)object;
}

static object_object *to_object(lua_State *L, int index)
{
    const struct mtc_handle *handle = mtl_to_any_handle(L, index);
    if (!handle || !mtc_handle_is_live(handle)) return NULL;
    return (object_object *)(void *)handle->object;
}

static void retain_object(object_object *object)
{
    mtm_root_retain(of_object(object));
}

static void release_object(object_object *object)
{
    mtm_root_release(of_object(object));
}

static void push_ours(lua_State *L, struct mtc_state *state, struct mtm_object *object)
{
    struct mtc_handle *handle = mtl_handle_push(L, state, object->kind);
    mtm_root_retain(object);
    mtl_handle_set(handle, object);
}

/* The state may not know us yet. */
static void push_object(lua_State *L, object_object *object)
{
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    struct mtc_state *state = mtl_state_push(L);
    if (!mtl_is_open(L)) {
        lua_getglobal(L, "require");
        lua_pushliteral(L, "mtmsg");
        lua_call(L, 1, 0);
    }
    push_ours(L, state, of_object(object));
    lua_remove(L, -2);
}

static const object_capi our_api = {
    .version_major = OBJECT_CAPI_VERSION_MAJOR,
    .version_minor = OBJECT_CAPI_VERSION_MINOR,
    .version_patch = OBJECT_CAPI_VERSION_PATCH,
    .toObject = to_object,
    .retainObject = retain_object,
    .releaseObject = release_object,
    .pushObject = push_object,
};

void mtl_install_objects(lua_State *L)
{
    object_set_capi(L, -1, &our_api);
}

/* ---- of other modules ---- */

typedef void (*any_function)(void);
typedef void (*count_function)(object_object *object);
typedef void (*push_function)(lua_State *L, object_object *object);

static void foreign_retain(const struct mtm_foreign_object *foreign)
{
    ((count_function)foreign->retain)(foreign->object);
}

static void foreign_release(const struct mtm_foreign_object *foreign)
{
    ((count_function)foreign->release)(foreign->object);
}

static const struct mtm_foreign_ops foreign_ops = {foreign_retain, foreign_release};

/* A message may outlive the state that has loaded the object's module, and with it what `api`
 * points to. */
static bool to_foreign(lua_State *L, int index, struct mtm_foreign_object *foreign)
{
    if (lua_type(L, index) != LUA_TUSERDATA) return false;
    const object_capi *api = object_get_capi(L, index, NULL);
    object_object *object = api ? api->toObject(L, index) : NULL;
    if (!object) return false;
    mtm_plat_pin_image((const void *)(uintptr_t)api->retainObject);
    mtm_plat_pin_image((const void *)(uintptr_t)api->releaseObject);
    mtm_plat_pin_image((const void *)(uintptr_t)api->pushObject);
    *foreign = (struct mtm_foreign_object){.ops = &foreign_ops,
                                           .retain = (any_function)api->retainObject,
                                           .release = (any_function)api->releaseObject,
                                           .push = (any_function)api->pushObject,
                                           .object = object};
    return true;
}

static void push_foreign(lua_State *L, const struct mtm_foreign_object *foreign)
{
    const int top = lua_gettop(L);
    ((push_function)foreign->push)(L, foreign->object);
    if (lua_gettop(L) != top + 1) luaL_error(L, "pushObject pushed no object");
}

/* ---- both ---- */

bool mtl_to_object(lua_State *L, int index, struct mtl_object *object)
{
    const struct mtc_handle *handle = mtl_to_any_handle(L, index);
    *object = (struct mtl_object){.ours = NULL};
    if (!handle) return to_foreign(L, index, &object->foreign);
    object->ours = mtc_handle_is_live(handle) ? handle->object : NULL;
    return object->ours != NULL;
}

void mtl_push_object(lua_State *L, struct mtc_state *state, const struct mtm_item *item)
{
    if (item->object) push_ours(L, state, item->object);
    else push_foreign(L, &item->foreign);
}

/* A finalizer may have ended it by the debug library, or put another one in its place. */
static bool is_unset(const struct mtc_handle *handle)
{
    return mtl_owned_is_there(&handle->owned) && mtl_identity_of(handle).id == 0;
}

void mtl_set_objects(lua_State *L, int first, int count, const struct mtm_cargo *cargo)
{
    size_t n = 0;
    for (int i = first; i < first + count; ++i) {
        if (lua_type(L, i) != LUA_TUSERDATA) continue;
        struct mtm_object *object = mtm_cargo_at(cargo, n++)->object;
        struct mtc_handle *handle = mtl_to_any_handle(L, i);
        if (!handle || !is_unset(handle)) continue;
        mtm_root_retain(object);
        mtl_handle_set(handle, object);
    }
}
