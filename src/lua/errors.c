/* Outcomes as Lua errors. It owns no state; a failure's text is kept in the Lua state until it
 * is a Lua string. */
#include "lua/errors.h"

#include "core/alloc.h"
#include "core/registry.h"
#include "lua/args.h"
#include "lua/classes.h"
#include "lua/protect.h"
#include "lua/state.h"
#include "lua/tostring.h"

#include "platform/hidden.h"

static void add_blamed(luaL_Buffer *text, const struct mtl_blame *blame)
{
    luaL_addstring(text, blame->what);
    if (blame->which) mtl_add_identity(text, blame->which);
    if (blame->end) luaL_addstring(text, blame->end);
}

static void add_size(luaL_Buffer *text, const struct mtl_blame *blame)
{
    luaL_addstring(text, "message size ");
    mtl_add_number(text, blame->size);
    luaL_addstring(text, " exceeds limit of ");
    mtl_add_number(text, blame->limit);
    luaL_addstring(text, " bytes for ");
    add_blamed(text, blame);
}

static const char *error_name(enum mtm_status status)
{
    switch (status) {
        case MTM_CLOSED: return MTL_ERROR(object_closed);
        case MTM_ABORTED: return MTL_ERROR(operation_aborted);
        case MTM_TOO_LARGE: return MTL_ERROR(message_size);
        case MTM_NO_BUFFERS: return MTL_ERROR(no_buffers);
        case MTM_HAS_NOTIFIER: return MTL_ERROR(has_notifier);
        case MTM_UNKNOWN: return MTL_ERROR(unknown_object);
        case MTM_AMBIGUOUS: return MTL_ERROR(ambiguous_name);
        case MTM_TOO_MANY:
        case MTM_NOMEM: return MTL_ERROR(out_of_memory);
        case MTM_EMPTY:
        case MTM_BUSY:
        case MTM_FULL: return MTL_ERROR(timeout);
        case MTM_OK:
        case MTM_NOTIFIER_FAILED:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no error */
    return mtm_status_text(status);
}

static void push_error(lua_State *L, enum mtm_status status, const struct mtl_blame *blame)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, error_name(status));
    if (status == MTM_TOO_LARGE) {
        luaL_addstring(&text, ": ");
        add_size(&text, blame);
    } else if (status == MTM_NOMEM) {
        luaL_addstring(&text, ": failed to allocate ");
        mtl_add_number(&text, mtm_alloc_failed_size());
        luaL_addstring(&text, " bytes");
    } else if (status == MTM_TOO_MANY) {
        luaL_addstring(&text, ": too many references to one object");
    } else if (status == MTM_CLOSED || status == MTM_NO_BUFFERS) {
        luaL_addstring(&text, ": ");
        add_blamed(&text, blame);
    }
    luaL_pushresult(&text);
}

int mtl_raise(lua_State *L, enum mtm_status status, const struct mtl_blame *blame)
{
    push_error(L, status, blame);
    return lua_error(L);
}

struct blaming {
    struct mtl_call call;
    enum mtm_status status;
    const struct mtl_blame *blame;
};

static void blame_about(lua_State *L, struct mtl_call *call)
{
    const struct blaming *blaming = (const struct blaming *)call;
    push_error(L, blaming->status, blaming->blame);
}

/* Building the text may run finalizers, which may release the handle, and may fail. */
int mtl_raise_about(lua_State *L, enum mtm_status status, struct mtc_handle *handle,
                    const struct mtl_blame *blame)
{
    struct mtl_blame about = *blame;
    about.what = mtl_class_of_handle(handle);
    if (!mtl_owned_is_there(&handle->owned)) return mtl_raise(L, status, &about);
    const struct mtl_identity identity = mtl_identity_of(handle);
    struct blaming blaming = {{.run = blame_about, .results = 1}, status, &about};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    about.which = &identity;
    about.end = status == MTM_CLOSED ? mtl_end_of(handle) : NULL;
    mtl_pin(handle);
    mtl_call_protected(L, handle->owned.state, &blaming.call); /* the text, or another error */
    mtl_unpin(handle);
    return lua_error(L);
}

int mtl_raise_of(lua_State *L, enum mtm_status status, struct mtc_handle *handle)
{
    struct mtl_blame blame = {.size = 0};
    return mtl_raise_about(L, status, handle, &blame);
}

bool mtl_is_told(enum mtm_status status)
{
    switch (status) {
        case MTM_EMPTY:
        case MTM_BUSY:
        case MTM_FULL:
        case MTM_CLOSED:
        case MTM_ABORTED:
        case MTM_NO_BUFFERS: return true;
        case MTM_OK:
        case MTM_TOO_LARGE:
        case MTM_NOMEM:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_NOTIFIER_FAILED:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    return false;
}

int mtl_push_reason(lua_State *L, enum mtm_status status)
{
    lua_pushnil(L);
    lua_pushstring(L, error_name(status));
    return 2;
}

int mtl_raise_plain(lua_State *L, enum mtm_status status)
{
    const struct mtl_blame blame = {.what = "mtmsg"};
    return mtl_raise(L, status, &blame);
}

/* A text on its way into a Lua error. */
struct failure_record {
    struct mtc_asset asset;
    struct mtm_failure failure;
};

static void fini_failure(struct mtc_state *state, struct mtc_asset *asset)
{
    (void)state;
    mtm_failure_free(&((struct failure_record *)asset)->failure);
}

/* The push can run finalizers, and can fail for want of memory: so the text is in an asset of
 * its own, which the state frees in the end if we can't. */
int mtl_raise_failure(lua_State *L, struct mtc_state *state, struct mtm_failure *failure)
{
    static const struct mtl_asset_kind kind = {sizeof(struct failure_record), fini_failure,
                                               false};
    static const struct mtm_failure none = {0};
    size_t len;
    struct failure_record *kept = mtl_asset_new(state, &kind);
    if (kept) {
        kept->failure = *failure;
        kept->asset.users = 1;
    } else mtm_failure_free(failure);
    const char *text = mtm_failure_text(kept ? &kept->failure : &none, &len);
    lua_pushlstring(L, text, len);
    if (kept) mtl_asset_free(state, &kept->asset);
    return lua_error(L);
}

/* Says so where the number cannot have been an id of this copy of the module. */
static void add_id(luaL_Buffer *text, uint64_t id)
{
    mtl_add_number(text, id);
    if (mtm_registry_origin(id) != MTM_ALIEN_ID) return;
    luaL_addstring(text, " (of another copy of the module, or of another process)");
}

int mtl_raise_not_found(lua_State *L, enum mtm_status status, const char *kind, int index)
{
    luaL_Buffer text;
    size_t len;
    if (status != MTM_UNKNOWN && status != MTM_AMBIGUOUS) return mtl_raise_plain(L, status);
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, error_name(status));
    luaL_addstring(&text, ": ");
    luaL_addstring(&text, kind);
    if (name) {
        luaL_addstring(&text, " name ");
        mtl_add_quoted(&text, name, len);
    } else {
        luaL_addstring(&text, " id ");
        lua_pushvalue(L, index);
        lua_Number id = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (id >= 0 && id < 18446744073709551616.0) add_id(&text, (uint64_t)id);
        else luaL_addstring(&text, id < 0 ? "below 0" : "out of range");
    }
    luaL_pushresult(&text);
    return lua_error(L);
}

const char *mtl_type_of(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TLIGHTUSERDATA) return "light userdata";
    if (luaL_getmetafield(L, index, "__name") && lua_type(L, -1) == LUA_TSTRING) {
        const char *name = lua_tostring(L, -1);
        if (!mtl_is_of_another_copy(L, index)) return name;
        return lua_pushfstring(L, "%s of another copy of the module", name);
    }
    return luaL_typename(L, index);
}

int mtl_raise_type(lua_State *L, int index, const char *expected)
{
    const char *actual = mtl_type_of(L, index);
    return luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", expected, actual));
}

int mtl_raise_fixed(lua_State *L, int index, const char *text)
{
    const char *actual = mtl_type_of(L, index);
    return luaL_argerror(L, index, lua_pushfstring(L, "%s) (got %s", text, actual));
}
