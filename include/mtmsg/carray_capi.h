/*
 * Owns the declaration of the carray C API: typed arrays of a Lua array package, by which
 * arrays get into messages and out of them. It does not contain arrays: mtmsg is a client of
 * this API, another module provides it.
 *
 * Include lua.h and lauxlib.h first (any Lua from 5.1 on, or LuaJIT). Works as any C and C++.
 * The layout is a binary contract between modules that are compiled apart: members are never
 * reordered, removed or changed in type.
 *
 * Clients define CARRAY_CAPI_IMPLEMENT_GET_CAPI as 1 before including this header, providers
 * CARRAY_CAPI_IMPLEMENT_SET_CAPI, to get the static functions at its end;
 * CARRAY_CAPI_IMPLEMENT_REQUIRE_CAPI adds a function that requires the module. A provider sets
 * the API for its arrays and for its module table, so that clients can make arrays without
 * having one.
 *
 * Arrays have no locks: two threads may read one array at the same time, but whoever writes,
 * resizes, inserts or removes must be the only user of it. Only retain and release are free.
 */
#ifndef CARRAY_CAPI_H
#define CARRAY_CAPI_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <limits.h>
#include <stddef.h>

/* Whether the compiler has the type long long; clients may define it themselves. */
#ifndef CARRAY_CAPI_HAVE_LONG_LONG
#if defined(LLONG_MAX) || defined(__LONG_LONG_MAX__)
#define CARRAY_CAPI_HAVE_LONG_LONG 1
#else
#define CARRAY_CAPI_HAVE_LONG_LONG 0
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CARRAY_CAPI_ID_STRING "_capi_carray"

#define CARRAY_CAPI_VERSION_MAJOR 1
#define CARRAY_CAPI_VERSION_MINOR 0
#define CARRAY_CAPI_VERSION_PATCH 0

/* An array; opaque, reference counted. */
typedef struct carray carray;

typedef struct carray_capi carray_capi;

/* Element types: the C types of the same names. */
enum carray_type {
    CARRAY_UCHAR = 1,
    CARRAY_SCHAR = 2,
    CARRAY_SHORT = 3,
    CARRAY_USHORT = 4,
    CARRAY_INT = 5,
    CARRAY_UINT = 6,
    CARRAY_LONG = 7,
    CARRAY_ULONG = 8,
    CARRAY_FLOAT = 9,
    CARRAY_DOUBLE = 10,
    CARRAY_LLONG = 11,
    CARRAY_ULLONG = 12
};
typedef enum carray_type carray_type;

enum carray_attr {
    CARRAY_DEFAULT = 0, /* can be read, written and resized */
    CARRAY_READONLY = 1 /* can be read only */
};
typedef enum carray_attr carray_attr;

/* What an array is at the moment of the question. */
struct carray_info {
    enum carray_type elementType;
    enum carray_attr attr;
    size_t elementSize;     /* bytes of one element */
    size_t elementCount;    /* elements in the array */
    size_t elementCapacity; /* elements for which it has memory */
};
typedef struct carray_info carray_info;

struct carray_capi {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /*
     * Makes an array of elementCount elements and pushes it on the stack. If data is not NULL,
     * *data becomes the address where the caller has to store the elements; if it is NULL, they
     * are zeros. Returns the array, which the pushed value keeps alive, or NULL.
     * Only in the thread that runs L; may raise a Lua memory error.
     */
    carray *(*newCarray)(lua_State *L, enum carray_type type, enum carray_attr attr,
                         size_t elementCount, void **data);

    /*
     * Makes an array over the caller's own memory and pushes it on the stack. When the array is
     * destroyed it calls release(dataRef, elementCount), if release is not NULL, in whatever
     * thread that happens. Only in the thread that runs L; may raise a Lua memory error.
     */
    carray *(*newCarrayRef)(lua_State *L, enum carray_type type, enum carray_attr attr,
                            void *dataRef, size_t elementCount,
                            void (*release)(void *dataRef, size_t elementCount));

    /*
     * The array at that stack index, or NULL if the value is none of this provider's; the
     * second function gives NULL for a read-only one too. *info, if given, is filled in.
     * Does not retain. Only in the thread that runs L; raises no error.
     */
    const carray *(*toReadableCarray)(lua_State *L, int index, carray_info *info);
    carray *(*toWritableCarray)(lua_State *L, int index, carray_info *info);

    /* Takes and gives back one reference; the last one destroys the array. Any thread. */
    void (*retainCarray)(const carray *a);
    void (*releaseCarray)(const carray *a);

    /*
     * Where the elements offset to offset + count - 1 are, or NULL if they are not all inside
     * the array. The pointer is valid until the array is resized or destroyed.
     */
    void *(*getWritableElementPtr)(carray *a, size_t offset, size_t count);
    const void *(*getReadableElementPtr)(const carray *a, size_t offset, size_t count);

    /*
     * Makes the array newCount elements long; new elements have no defined value. On growth
     * reservePercent more than that is allocated. Returns the first element; NULL on failure,
     * or if newCount is 0.
     */
    void *(*resizeCarray)(carray *a, size_t newCount, int reservePercent);

    /* Makes room for count elements before the one at offset and returns where they are; NULL
     * on failure. */
    void *(*insertElements)(carray *a, size_t offset, size_t count, int reservePercent);

    /* Removes count elements from offset on. */
    void (*removeElements)(carray *a, size_t offset, size_t count, int reservePercent);
};

#ifdef __cplusplus
}
#endif

#endif /* CARRAY_CAPI_H */

#if defined(CARRAY_CAPI_IMPLEMENT_REQUIRE_CAPI) && !defined(CARRAY_CAPI_WANTS_REQUIRE_CAPI)
#if (CARRAY_CAPI_IMPLEMENT_REQUIRE_CAPI + 0) ||                                                \
    (0 - CARRAY_CAPI_IMPLEMENT_REQUIRE_CAPI - 1) == 1
#define CARRAY_CAPI_WANTS_REQUIRE_CAPI /* and with it carray_get_capi */
#undef CARRAY_CAPI_IMPLEMENT_GET_CAPI
#define CARRAY_CAPI_IMPLEMENT_GET_CAPI 1
#endif
#endif

#if defined(CARRAY_CAPI_IMPLEMENT_GET_CAPI) && !defined(CARRAY_CAPI_HAS_GET_CAPI)
#if (CARRAY_CAPI_IMPLEMENT_GET_CAPI + 0) ||                                                    \
    (0 - CARRAY_CAPI_IMPLEMENT_GET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define CARRAY_CAPI_HAS_GET_CAPI

#include "capi_lookup.h"

/*
 * The carray API of the value at index (an array, or the module table of the provider), or
 * NULL. *errorReason, if given, becomes 0, or 1: no compatible version, or 2: no such API. Only
 * in the thread that runs L; the stack stays as it was. The API stays valid as long as the
 * metatable.
 */
MTMSG_CAPI_INLINE const carray_capi *carray_get_capi(lua_State *L, int index, int *errorReason)
{
    return (const carray_capi *)mtmsg_capi_find(L, index, CARRAY_CAPI_ID_STRING,
                                                CARRAY_CAPI_VERSION_MAJOR,
                                                CARRAY_CAPI_VERSION_MINOR, errorReason);
}

#endif
#endif

#if defined(CARRAY_CAPI_WANTS_REQUIRE_CAPI) && !defined(CARRAY_CAPI_HAS_REQUIRE_CAPI)
#define CARRAY_CAPI_HAS_REQUIRE_CAPI

/*
 * Requires the module carray and returns its API, which stays valid as long as the state.
 * Raises a Lua error if there is no such module, or none with a version of the API that does.
 * Only in the thread that runs L; the stack stays as it was.
 */
MTMSG_CAPI_INLINE const carray_capi *carray_require_capi(lua_State *L)
{
    int reason = 0;
    const carray_capi *capi;
    luaL_checkstack(L, 4, "carray");
    lua_getglobal(L, "require");
    lua_pushstring(L, "carray");
    lua_call(L, 1, 1);
    capi = carray_get_capi(L, -1, &reason);
    if (!capi) {
        luaL_error(L, "the module 'carray' has %s",
                   reason == 1 ? "no compatible version of its C API" : "no C API");
    }
    lua_pop(L, 1); /* package.loaded keeps it */
    return capi;
}

#endif

#if defined(CARRAY_CAPI_IMPLEMENT_SET_CAPI) && !defined(CARRAY_CAPI_HAS_SET_CAPI)
#if (CARRAY_CAPI_IMPLEMENT_SET_CAPI + 0) ||                                                    \
    (0 - CARRAY_CAPI_IMPLEMENT_SET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define CARRAY_CAPI_HAS_SET_CAPI

#include "capi_lookup.h"

/*
 * Puts the API into the metatable at index, for every object that has this metatable. *capi is
 * not copied and must outlive them. Returns 0; may raise a Lua memory error. Only in the thread
 * that runs L.
 */
MTMSG_CAPI_INLINE int carray_set_capi(lua_State *L, int index, const carray_capi *capi)
{
    mtmsg_capi_store(L, index, CARRAY_CAPI_ID_STRING, capi);
    return 0;
}

#endif
#endif
