/* How objects look as text. It owns no state, and knows nothing of errors, whose texts are made
 * of these pieces. */
#include "lua/tostring.h"

#include <stdio.h>

#include "lua/classes.h"
#include "lua/errors.h"
#include "lua/protect.h"

#include "platform/hidden.h"

/* Ids and sizes are wider than what lua_pushfstring can print in some Luas. */
void mtl_add_number(luaL_Buffer *text, uint64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    luaL_addlstring(text, digits + at, sizeof digits - at);
}

void mtl_add_quoted(luaL_Buffer *text, const char *name, size_t len)
{
    luaL_addchar(text, '"');
    for (; len > 0; ++name, --len) {
        if (*name == '\0') {
            luaL_addstring(text, "\\0");
        } else {
            if (*name == '"' || *name == '\\') luaL_addchar(text, '\\');
            luaL_addchar(text, *name);
        }
    }
    luaL_addchar(text, '"');
}

void mtl_add_identity(luaL_Buffer *text, const struct mtl_identity *identity)
{
    luaL_addchar(text, '(');
    if (identity->name) {
        luaL_addstring(text, "name=");
        mtl_add_quoted(text, identity->name, identity->len);
        luaL_addchar(text, ',');
    }
    luaL_addstring(text, "id=");
    mtl_add_number(text, identity->id);
    luaL_addchar(text, ')');
}

int mtl_push_byte_count(lua_State *L, const char *class, const void *owned, size_t bytes)
{
    char count[32];
    (void)snprintf(count, sizeof count, "%zu", bytes);
    lua_pushfstring(L, "%s: %p (bytes=%s)", class, owned, count);
    return 1;
}

const char *mtl_class_of_handle(const struct mtc_handle *handle)
{
    if (handle->owned.tag == mtc_tag(handle, MTC_BUFFER_MAGIC)) return "mtmsg.buffer";
    if (handle->owned.tag == mtc_tag(handle, MTC_TOPIC_MAGIC)) return "mtmsg.topic";
    return "mtmsg.listener";
}

const char *mtl_end_of(const struct mtc_handle *handle)
{
    if (!handle->object) return " released";
    return mtm_object_is_finished(handle->object) ? " finished" : "";
}

static void add_handle(luaL_Buffer *text, struct mtc_handle *handle)
{
    const struct mtl_identity identity = mtl_identity_of(handle);
    const void *address = handle->object ? (const void *)handle->object : handle;
    const char *end = mtl_end_of(handle);
    char bytes[40];
    (void)snprintf(bytes, sizeof bytes, ": %p ", address);
    luaL_addstring(text, mtl_class_of_handle(handle));
    luaL_addstring(text, bytes);
    mtl_add_identity(text, &identity);
    luaL_addstring(text, end);
}

struct telling {
    struct mtl_call call;
    struct mtc_handle *handle;
};

static void tell(lua_State *L, struct mtl_call *call)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    add_handle(&text, ((struct telling *)call)->handle);
    luaL_pushresult(&text);
}

/* Building the text may run finalizers, which may release the handle, and may fail. */
int mtl_handle_tostring(lua_State *L)
{
    struct mtc_handle *handle = mtl_to_any_handle(L, 1);
    if (!handle) return mtl_raise_type(L, 1, "mtmsg.buffer or mtmsg.listener");
    if (!handle->owned.asset || handle->owned.state->closed) {
        lua_pushfstring(L, "mtmsg object: %p (finalized)", lua_touserdata(L, 1));
        return 1;
    }
    struct telling telling = {{.run = tell, .results = 1}, handle};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    mtl_pin(handle);
    bool ok = mtl_call_protected(L, handle->owned.state, &telling.call);
    mtl_unpin(handle);
    return ok ? 1 : lua_error(L);
}
