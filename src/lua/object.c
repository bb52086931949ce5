/* What the classes mtmsg.buffer and mtmsg.listener have in common in Lua: handles, finding, and
 * simple methods. A handle owns one root reference to its object. */
#include "core/object.h"

#include <string.h>

#include "core/alloc.h"
#include "core/pollable.h"
#include "core/reference.h"
#include "core/registry.h"
#include "lua/classes.h"
#include "lua/errors.h"
#include "lua/objects.h"
#include "lua/protect.h"
#include "lua/receive.h"

#include "platform/hidden.h"

struct name {
    size_t len;
    char bytes[];
};

struct handle_asset {
    struct mtc_asset asset;
    struct mtm_object *object; /* with a root reference, or NULL */
    union {
        struct {                           /* with an object */
            int64_t timeout;               /* of a handle that is timed, ns */
            struct mtm_pollable *pollable; /* NULL: nobody has asked for it */
        };
        struct { /* what is still told after it has been given up */
            uint64_t id;
            struct name *name; /* owned; NULL: none, or no memory for it */
        };
    };
};

static struct handle_asset *asset_of(const struct mtc_handle *handle)
{
    return (struct handle_asset *)handle->owned.asset;
}

static void remember(struct handle_asset *own, const struct mtm_object *object)
{
    const struct mtm_name *name = object->name;
    own->id = object->id;
    own->name = name ? mtm_alloc(sizeof *own->name + name->len) : NULL;
    if (!own->name) return;
    own->name->len = name->len;
    memcpy(own->name->bytes, name->bytes, name->len);
}

static void give_up(struct mtc_state *state, struct handle_asset *own, bool remembered)
{
    struct mtm_object *object = own->object;
    if (!object) return;
    if (own->pollable) mtm_pollable_close(mtm_to_source(object), own->pollable);
    own->pollable = NULL;
    own->object = NULL;
    if (remembered) remember(own, object);
    mtm_root_release_of(&state->roots, object);
}

static void fini_handle(struct mtc_state *state, struct mtc_asset *asset)
{
    struct handle_asset *own = (struct handle_asset *)asset;
    if (own->object) give_up(state, own, false);
    else mtm_free(own->name);
    own->id = 0;
    own->name = NULL;
}

void mtl_unpin_last(struct mtc_handle *handle)
{
    struct mtc_state *state = handle->owned.state;
    if (state->closed) mtl_owned_fini(&handle->owned);
    else give_up(state, asset_of(handle), true);
}

int mtl_release(struct mtc_handle *handle)
{
    if (!mtc_handle_is_live(handle)) return 0;
    handle->timed = false;
    handle->object = NULL;
    if (handle->owned.asset->users == 0) mtl_unpin_last(handle);
    return 0;
}

struct mtc_handle *mtl_to_any_handle(lua_State *L, int index)
{
    struct mtc_handle *handle = mtc_to_handle(L, index, MTC_BUFFER_MAGIC);
    if (!handle) handle = mtc_to_handle(L, index, MTC_LISTENER_MAGIC);
    return handle ? handle : mtc_to_handle(L, index, MTC_TOPIC_MAGIC);
}

/* A call that is under way, of which the debug library, an error, or the end of the state in
 * Lua 5.1 knows nothing, needs what it has pinned: that goes with the state. */
int mtl_handle_gc(lua_State *L)
{
    struct mtc_handle *handle = mtl_to_any_handle(L, 1);
    if (!handle) return 0; /* the debug library can give it anything */
    handle->object = NULL;
    handle->timed = false;
    if (mtl_owned_is_there(&handle->owned) && handle->owned.asset->users == 0)
        mtl_owned_fini(&handle->owned);
    return 0;
}

/* A metamethod: whether both refer to one object. */
static int handle_eq(lua_State *L)
{
    const struct mtm_object *object[2] = {NULL, NULL};
    for (int i = 0; i < 2; ++i) {
        const struct mtc_handle *handle = mtl_to_any_handle(L, i + 1);
        if (handle) object[i] = handle->object;
    }
    lua_pushboolean(L, object[0] && object[0] == object[1]);
    return 1;
}

void mtl_handle_class(lua_State *L)
{
    lua_pushvalue(L, -2);
    lua_pushcfunction(L, handle_eq);
    lua_setfield(L, -2, "__eq");
    mtl_install_objects(L);
    lua_pop(L, 1);
}

static void set(struct mtc_handle *handle, struct mtm_object *object)
{
    asset_of(handle)->object = object;
    handle->object = object;
}

void mtl_handle_set(struct mtc_handle *handle, struct mtm_object *object)
{
    if (!mtm_object_is_inherited(object)) mtm_roots_adopt(&handle->owned.state->roots);
    set(handle, object);
}

void mtl_handle_move(struct mtc_handle *handle, struct mtm_object *object)
{
    struct mtm_roots *roots = &handle->owned.state->roots;
    struct mtm_object *old = handle->object;
    if (object) mtm_roots_add(roots);
    set(handle, object);
    if (old) mtm_root_release_of(roots, old);
}

static const struct mtl_asset_kind handle_asset = {sizeof(struct handle_asset), fini_handle,
                                                   true};
static const struct mtl_class_info classes[] = {
    [MTM_BUFFER] = {MTC_BUFFER, MTC_BUFFER_MAGIC, &handle_asset},
    [MTM_LISTENER] = {MTC_LISTENER, MTC_LISTENER_MAGIC, &handle_asset},
    [MTM_TOPIC] = {MTC_TOPIC, MTC_TOPIC_MAGIC, &handle_asset},
};

static struct mtc_handle *push_block(lua_State *L)
{
    struct mtc_handle *handle = mtc_newuserdata(L, sizeof *handle, 0);
    *handle = (struct mtc_handle){.object = NULL};
    return handle;
}

struct mtc_handle *mtl_handle_push(lua_State *L, struct mtc_state *state, enum mtm_kind kind)
{
    struct mtc_handle *handle = push_block(L);
    mtl_push_kept(L, state, (int)classes[kind].class);
    mtl_owned_complete(L, state, &classes[kind], &handle->owned);
    return handle;
}

/* An id is an integral number; one that no id can be is just not found. */
static uint64_t check_id(lua_State *L, int index)
{
    int64_t id;
    if (mtl_to_integral(L, index, &id)) return id > 0 ? (uint64_t)id : 0;
    double number = (double)lua_tonumber(L, index);
    if (number - number != 0 || (number > -9e15 && number < 9e15)) {
        luaL_argerror(L, index, "integer id expected");
    }
    return 0;
}

const char *mtl_kind_name(enum mtm_kind kind)
{
    static const char *const names[] = {
        [MTM_BUFFER] = "buffer", [MTM_LISTENER] = "listener", [MTM_TOPIC] = "topic"};
    return names[kind];
}

static void seek(lua_State *L, enum mtm_kind kind, struct mtm_sought *sought)
{
    const int type = lua_type(L, 1);
    if (type == LUA_TNUMBER) {
        mtm_registry_seek_id(kind, check_id(L, 1), sought);
    } else if (type == LUA_TSTRING) {
        size_t len;
        const char *name = lua_tolstring(L, 1, &len);
        mtm_registry_seek_name(kind, name, len, sought);
    } else {
        mtl_raise_type(L, 1, "id or name");
    }
}

/* The upvalues are the state and the metatable of the class. */
int mtl_find(lua_State *L, enum mtm_kind kind)
{
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtm_object *object;
    struct mtm_sought sought;
    seek(L, kind, &sought);
    struct mtc_handle *handle = push_block(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    mtl_owned_complete(L, state, &classes[kind], &handle->owned);
    enum mtm_status status = mtm_registry_find(&sought, &state->roots, &object);
    if (MTM_UNLIKELY(status != MTM_OK))
        return mtl_raise_not_found(L, status, mtl_kind_name(kind), 1);
    set(handle, object);
    return 1;
}

struct mtl_identity mtl_identity_of(const struct mtc_handle *handle)
{
    const struct handle_asset *own = asset_of(handle);
    const struct mtm_object *object = own->object;
    if (!object) {
        const struct name *name = own->name;
        return (struct mtl_identity){own->id, name ? name->bytes : NULL, name ? name->len : 0};
    }
    if (!object->name) return (struct mtl_identity){object->id, NULL, 0};
    return (struct mtl_identity){object->id, object->name->bytes, object->name->len};
}

int mtl_push_id(lua_State *L, const struct mtc_handle *handle)
{
    mtc_push_integer(L, (int64_t)mtl_identity_of(handle).id);
    return 1;
}

struct naming {
    struct mtl_call call;
    struct mtl_identity identity;
};

static void push_name(lua_State *L, struct mtl_call *call)
{
    const struct mtl_identity *identity = &((const struct naming *)call)->identity;
    lua_pushlstring(L, identity->name, identity->len);
}

/* Making the string may run finalizers, which may release the handle, and may fail. */
int mtl_push_name(lua_State *L, struct mtc_handle *handle)
{
    struct naming naming = {{.run = push_name, .results = 1}, mtl_identity_of(handle)};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    if (!naming.identity.name) {
        lua_pushnil(L);
        return 1;
    }
    mtl_pin(handle);
    bool ok = mtl_call_protected(L, handle->owned.state, &naming.call);
    mtl_unpin(handle);
    return ok ? 1 : lua_error(L);
}

int mtl_set_nonblock(lua_State *L, struct mtc_handle *handle)
{
    bool flag = mtl_check_flag(L, 2);
    enum mtm_status status = mtm_object_may_take(handle->object);
    if (status != MTM_OK) return mtl_raise_of(L, status, handle);
    handle->nonblock = flag;
    return 0;
}

int mtl_push_isnonblock(lua_State *L, const struct mtc_handle *handle)
{
    lua_pushboolean(L, handle->nonblock);
    return 1;
}

int64_t mtl_timeout_of(const struct mtc_handle *handle)
{
    return asset_of(handle)->timeout;
}

int mtl_set_timeout(lua_State *L, struct mtc_handle *handle)
{
    const bool timed = !lua_isnoneornil(L, 2);
    const int64_t timeout = timed ? mtl_check_timeout(L, 2, "timeout seconds expected") : 0;
    if (!handle->object) return 0; /* nothing waits */
    handle->timed = timed;
    if (timed) asset_of(handle)->timeout = timeout;
    return 0;
}

int mtl_push_isabort(lua_State *L, const struct mtc_handle *handle)
{
    lua_pushboolean(L, mtc_handle_is_live(handle) && mtm_object_is_aborted(handle->object));
    return 1;
}

/* ---- descriptors ---- */

static int raise_pollfd(lua_State *L, enum mtm_status status, struct mtc_handle *handle,
                        const char *why)
{
    if (status != MTM_TOO_MANY) return mtl_raise_of(L, status, handle);
    return luaL_error(L, "failed to open a descriptor: %s", why);
}

int mtl_push_pollfd(lua_State *L, struct mtc_handle *handle)
{
    struct handle_asset *own = asset_of(handle);
    const char *why = "";
    if (mtm_object_is_inherited(own->object)) return mtl_raise_of(L, MTM_CLOSED, handle);
    if (!own->pollable) {
        enum mtm_status status =
            mtm_pollable_open(mtm_to_source(own->object), &own->pollable, &why);
        if (status != MTM_OK) return raise_pollfd(L, status, handle, why);
    }
    mtc_push_integer(L, (int64_t)mtm_pollable_descriptor(own->pollable));
    return 1;
}

void mtl_received_nothing(const struct mtc_handle *handle, enum mtm_status status)
{
    const struct handle_asset *own = asset_of(handle);
    if (MTM_LIKELY(!own->object || !own->pollable)) return;
    mtm_pollable_found_nothing(mtm_to_source(own->object), own->pollable, status);
}
