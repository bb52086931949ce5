/*
 * Owns the module "images": objects that belong to no Lua state and travel by reference, by the
 * Object C API. It includes nothing of mtmsg but that header.
 */
#include "support.h"

#include <stdlib.h>

#define OBJECT_CAPI_IMPLEMENT_GET_CAPI 1
#define OBJECT_CAPI_IMPLEMENT_SET_CAPI 1
#include "mtmsg/object_capi.h"

static const char class_name[] = "images.image";

struct object_object {
    int refs; /* atomic */
    int pixels[16];
};

static int alive;  /* atomic: images that have not been destroyed */
static int refuse; /* the next push raises an error */

static void retain(object_object *image)
{
    __sync_fetch_and_add(&image->refs, 1);
}

static void release(object_object *image)
{
    if (__sync_sub_and_fetch(&image->refs, 1) != 0) return;
    free(image);
    __sync_fetch_and_sub(&alive, 1);
}

static object_object *to_image(lua_State *L, int index)
{
    object_object **block = (object_object **)support_test(L, index, class_name);
    return block ? *block : NULL;
}

/* The state may not have loaded the module yet. */
static void push(lua_State *L, object_object *image)
{
    object_object **block;
    if (refuse) {
        refuse = 0;
        luaL_error(L, "no image today");
    }
    lua_getglobal(L, "require");
    lua_pushliteral(L, "images");
    lua_call(L, 1, 0);
    block = (object_object **)support_new(L, class_name, sizeof *block);
    retain(image);
    *block = image;
}

static const object_capi api = {OBJECT_CAPI_VERSION_MAJOR,
                                OBJECT_CAPI_VERSION_MINOR,
                                OBJECT_CAPI_VERSION_PATCH,
                                NULL,
                                to_image,
                                retain,
                                release,
                                push};

static object_object *check_image(lua_State *L)
{
    object_object *image = to_image(L, 1);
    if (!image) luaL_argerror(L, 1, "image expected");
    return image;
}

/* image:at(i), image:set(i, value) */
static int image_at(lua_State *L)
{
    object_object *image = check_image(L);
    lua_pushinteger(L, image->pixels[luaL_checkinteger(L, 2) & 15]);
    return 1;
}

static int image_set(lua_State *L)
{
    object_object *image = check_image(L);
    image->pixels[luaL_checkinteger(L, 2) & 15] = (int)luaL_checkinteger(L, 3);
    return 0;
}

/* image:drop(): the userdata refers to nothing any more. Also the finalizer. */
static int image_drop(lua_State *L)
{
    object_object *image = to_image(L, 1);
    if (image) {
        *(object_object **)lua_touserdata(L, 1) = NULL;
        release(image);
    }
    return 0;
}

static int images_new(lua_State *L)
{
    object_object **block = (object_object **)support_new(L, class_name, sizeof *block);
    *block = (object_object *)calloc(1, sizeof **block);
    if (!*block) return luaL_error(L, "out of memory");
    (*block)->refs = 1;
    __sync_fetch_and_add(&alive, 1);
    return 1;
}

static int images_alive(lua_State *L)
{
    lua_pushinteger(L, __sync_fetch_and_add(&alive, 0));
    return 1;
}

static int images_refuse(lua_State *L)
{
    (void)L;
    refuse = 1;
    return 0;
}

/* images.same(a, b): whether two values of any provider are one object; images.copy(object):
 * another value for it, by its provider's API alone. */
static int images_same(lua_State *L)
{
    const object_capi *one = object_get_capi(L, 1, NULL), *two = object_get_capi(L, 2, NULL);
    lua_pushboolean(L, one && one == two && one->toObject(L, 1) == two->toObject(L, 2));
    return 1;
}

static int images_copy(lua_State *L)
{
    const object_capi *of = object_get_capi(L, 1, NULL);
    object_object *object = of ? of->toObject(L, 1) : NULL;
    if (!object) return luaL_argerror(L, 1, "object expected");
    of->retainObject(object);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    of->pushObject(L, object);
    of->releaseObject(object);
    return 1;
}

EXPORT int luaopen_images(lua_State *L);

int luaopen_images(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"at", image_at}, {"set", image_set}, {"drop", image_drop}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"new", images_new},       {"alive", images_alive},
                                         {"refuse", images_refuse}, {"same", images_same},
                                         {"copy", images_copy},     {NULL, NULL}};
    support_class(L, class_name, methods, image_drop);
    object_set_capi(L, -1, &api);
    lua_pop(L, 1);
    lua_newtable(L);
    support_functions(L, functions);
    return 1;
}
