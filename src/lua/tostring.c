/* How objects look as text. It owns no state, and knows nothing of errors, whose texts are made
 * of these pieces. */
#include "lua/tostring.h"

#include <stdio.h>

#include "lua/errors.h"

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

void mtl_add_description(luaL_Buffer *text, const struct mtm_object *object)
{
    luaL_addchar(text, '(');
    if (object->name) {
        luaL_addstring(text, "name=");
        mtl_add_quoted(text, object->name->bytes, object->name->len);
        luaL_addchar(text, ',');
    }
    luaL_addstring(text, "id=");
    mtl_add_number(text, object->id);
    luaL_addchar(text, ')');
}

const char *mtl_class_of(const struct mtm_object *object)
{
    static const char *const names[] = {[MTM_BUFFER] = "mtmsg.buffer",
                                        [MTM_LISTENER] = "mtmsg.listener",
                                        [MTM_TOPIC] = "mtmsg.topic"};
    return names[object->kind];
}

int mtl_push_byte_count(lua_State *L, const char *class, const void *owned, size_t bytes)
{
    char count[32];
    (void)snprintf(count, sizeof count, "%zu", bytes);
    lua_pushfstring(L, "%s: %p (bytes=%s)", class, owned, count);
    return 1;
}

int mtl_handle_tostring(lua_State *L)
{
    struct mtc_handle *handle = mtc_to_handle(L, 1, MTC_BUFFER_MAGIC);
    if (!handle) handle = mtc_to_handle(L, 1, MTC_LISTENER_MAGIC);
    if (!handle) handle = mtc_to_handle(L, 1, MTC_TOPIC_MAGIC);
    if (!handle) return mtl_raise_type(L, 1, "mtmsg.buffer or mtmsg.listener");
    if (!mtc_handle_is_live(handle)) {
        lua_pushfstring(L, "mtmsg object: %p (finalized)", lua_touserdata(L, 1));
        return 1;
    }
    luaL_Buffer text;
    char address[40];
    (void)snprintf(address, sizeof address, ": %p ", (void *)handle->object);
    luaL_buffinit(L, &text);
    luaL_addstring(&text, mtl_class_of(handle->object));
    luaL_addstring(&text, address);
    mtl_add_description(&text, handle->object);
    if (mtm_object_is_finished(handle->object)) luaL_addstring(&text, " finished");
    luaL_pushresult(&text);
    return 1;
}
