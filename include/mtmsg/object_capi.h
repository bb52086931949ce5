/*
 * Owns the declaration of the Object C API: objects that travel by reference in messages of
 * mtmsg, an image or a set of samples for instance. It does not say what an object is good for.
 *
 * Include lua.h and lauxlib.h first (any Lua from 5.1 on, or LuaJIT). Works as any C and C++.
 * The layout is a binary contract between modules that are compiled apart: members are never
 * reordered, removed or changed in type.
 *
 * Clients define OBJECT_CAPI_IMPLEMENT_GET_CAPI as 1 before including this header, providers
 * OBJECT_CAPI_IMPLEMENT_SET_CAPI, to get the static functions at its end.
 */
#ifndef OBJECT_CAPI_H
#define OBJECT_CAPI_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OBJECT_CAPI_ID_STRING "_capi_object"

#define OBJECT_CAPI_VERSION_MAJOR 1
#define OBJECT_CAPI_VERSION_MINOR 0
#define OBJECT_CAPI_VERSION_PATCH 0

/* What travels; opaque, belongs to the provider, and to no Lua state. */
typedef struct object_object object_object;

typedef struct object_capi object_capi;

struct object_capi {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /*
     * The object of the full userdata at that stack index, or NULL if the value is none of this
     * provider's, or refers to nothing any more. Does not retain: the pointer is good as long
     * as the Lua value lives, or until releaseObject after a retainObject. One object has one
     * address, whatever userdata refer to it: by that a receiver gets one userdata for an
     * object that is in one call twice. Only in the thread that runs L; raises no error.
     */
    object_object *(*toObject)(lua_State *L, int index);

    /* Takes one more reference, of which the caller must hold one already (or the Lua value).
     * Any thread, several at once too; never waits, never fails. */
    void (*retainObject)(object_object *o);

    /*
     * Gives back one reference; the last one destroys the object, in this very thread, which
     * may run any Lua state or none. Any thread, several at once too; raises no Lua error, and
     * runs no Lua code. mtmsg holds no lock while it calls this, and never calls it in a call
     * that must not wait.
     */
    void (*releaseObject)(object_object *o);

    /*
     * Pushes a full userdata of L that refers to the object, with a reference of its own: a new
     * one, or one that is there already. The caller holds a reference during the call. L may be
     * a state in which the provider has not been loaded yet: then this loads it (by `require`),
     * or makes what it needs. The metatable has this API, so that what was received can be sent
     * on. Only in the thread that runs L. May raise a Lua error: then nothing is received, and
     * the message stays where it was.
     */
    void (*pushObject)(lua_State *L, object_object *o);
};

#ifdef __cplusplus
}
#endif

#endif /* OBJECT_CAPI_H */

#if defined(OBJECT_CAPI_IMPLEMENT_GET_CAPI) && !defined(OBJECT_CAPI_HAS_GET_CAPI)
#if (OBJECT_CAPI_IMPLEMENT_GET_CAPI + 0) ||                                                    \
    (0 - OBJECT_CAPI_IMPLEMENT_GET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define OBJECT_CAPI_HAS_GET_CAPI

#include "capi_lookup.h"

/*
 * The Object API of the value at index (anything with a metatable), or NULL. *errorReason, if
 * given, becomes 0, or 1: no compatible version, or 2: no such API. Only in the thread that
 * runs L; the stack stays as it was. The API stays valid as long as the object's metatable.
 */
MTMSG_CAPI_INLINE const object_capi *object_get_capi(lua_State *L, int index, int *errorReason)
{
    return (const object_capi *)mtmsg_capi_find(L, index, OBJECT_CAPI_ID_STRING,
                                                OBJECT_CAPI_VERSION_MAJOR,
                                                OBJECT_CAPI_VERSION_MINOR, errorReason);
}

#endif
#endif

#if defined(OBJECT_CAPI_IMPLEMENT_SET_CAPI) && !defined(OBJECT_CAPI_HAS_SET_CAPI)
#if (OBJECT_CAPI_IMPLEMENT_SET_CAPI + 0) ||                                                    \
    (0 - OBJECT_CAPI_IMPLEMENT_SET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define OBJECT_CAPI_HAS_SET_CAPI

#include "capi_lookup.h"

/*
 * Puts the API into the metatable at index, for every object that has this metatable. *capi is
 * not copied and must outlive them. Returns 0; may raise a Lua memory error. Only in the thread
 * that runs L.
 */
MTMSG_CAPI_INLINE int object_set_capi(lua_State *L, int index, const object_capi *capi)
{
    mtmsg_capi_store(L, index, OBJECT_CAPI_ID_STRING, capi);
    return 0;
}

#endif
#endif
