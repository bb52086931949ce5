/* The client of the carray C API. It owns nothing: arrays belong to Lua.
 * Elements are copied bytewise, since those in a message are not aligned. */
#include "capi/shim.h"
#define CARRAY_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/carray_capi.h"

#include <string.h>

#include "lua/arrays.h"
#include "lua/errors.h"

#include "platform/hidden.h"

bool mtl_array_get(lua_State *L, int index, struct mtl_array *out)
{
    carray_info info;
    const carray_capi *api = carray_get_capi(L, index, NULL);
    const carray *array = api ? api->toReadableCarray(L, index, &info) : NULL;
    if (!array || info.elementSize == 0 || info.elementSize > 255) return false;
    out->type = (unsigned char)info.elementType;
    out->elsize = (unsigned char)info.elementSize;
    out->count = info.elementCount;
    out->elements = NULL;
    if (info.elementCount == 0) return true;
    out->elements = api->getReadableElementPtr(array, 0, info.elementCount);
    return out->elements != NULL;
}

static carray *to_writable(lua_State *L, int index, const carray_capi **api, carray_info *info)
{
    *api = carray_get_capi(L, index, NULL);
    return *api ? (*api)->toWritableCarray(L, index, info) : NULL;
}

bool mtl_array_is_writable(lua_State *L, int index)
{
    const carray_capi *api;
    carray_info info;
    return to_writable(L, index, &api, &info) != NULL;
}

void mtl_array_check(lua_State *L, int first, int last)
{
    for (int index = first; index <= last; ++index) {
        if (!lua_isnil(L, index) && !mtl_array_is_writable(L, index)) {
            mtl_raise_fixed(L, index, "carray expected");
        }
    }
}

static bool matches(const carray_info *info, const struct mtm_value *value)
{
    return (int)info->elementType == value->array.type &&
           info->elementSize == value->array.elsize;
}

static bool fill(const carray_capi *api, carray *array, const struct mtm_value *value)
{
    size_t count = value->array.count;
    void *elements = api->resizeCarray(array, count, 0);
    if (count == 0) return true;
    if (!elements) return false;
    memcpy(elements, value->array.ptr, count * value->array.elsize);
    return true;
}

static void push_new(lua_State *L, const struct mtm_value *value)
{
    void *elements = NULL;
    size_t count = value->array.count;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "carray");
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc == LUA_ERRMEM) lua_error(L); /* the module may be there */
    if (rc != 0) {
        luaL_error(L, "array received, but the module 'carray' is not available: %s",
                   lua_tostring(L, -1));
    }
    int reason;
    const carray_capi *api = carray_get_capi(L, -1, &reason);
    if (!api) {
        luaL_error(L, "array received, but the module 'carray' has %s",
                   reason == 1 ? "no compatible version of its C API" : "no C API");
    }
    lua_pop(L, 1);
    if (!api->newCarray(L, (carray_type)value->array.type, CARRAY_DEFAULT, count, &elements)) {
        luaL_error(L, "mtmsg.error.out_of_memory: no memory for an array of the message");
    }
    if (count > 0) memcpy(elements, value->array.ptr, count * value->array.elsize);
}

void mtl_array_push(lua_State *L, const struct mtm_value *value, struct mtl_given *given)
{
    while (given->next <= given->last) {
        int index = given->next++;
        const carray_capi *api;
        carray_info info;
        carray *array = to_writable(L, index, &api, &info);
        if (!array) continue;
        if (matches(&info, value)) {
            if (!fill(api, array, value)) {
                luaL_error(L, "mtmsg.error.out_of_memory: cannot resize the given carray");
            }
            lua_pushvalue(L, index);
            return;
        }
        api->resizeCarray(array, 0, 0);
    }
    push_new(L, value);
}

void mtl_array_reset_rest(lua_State *L, struct mtl_given *given)
{
    for (; given->next <= given->last; ++given->next) {
        const carray_capi *api;
        carray_info info;
        carray *array = to_writable(L, given->next, &api, &info);
        if (array) api->resizeCarray(array, 0, 0);
    }
}
