/*
 * Owns the declaration of the Notify C API: an object that native code can poke from any
 * thread. It does not say what a poked object does; a buffer, for one, adds an empty message to
 * itself.
 *
 * Include lua.h and lauxlib.h first (any Lua from 5.1 on, or LuaJIT). Works as any C and C++.
 * The layout is a binary contract between modules that are compiled apart: members are never
 * reordered, removed or changed in type.
 *
 * Clients define NOTIFY_CAPI_IMPLEMENT_GET_CAPI as 1 before including this header, providers
 * NOTIFY_CAPI_IMPLEMENT_SET_CAPI, to get the static functions at its end.
 */
#ifndef NOTIFY_CAPI_H
#define NOTIFY_CAPI_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NOTIFY_CAPI_ID_STRING "_capi_notify"

#define NOTIFY_CAPI_VERSION_MAJOR 0
#define NOTIFY_CAPI_VERSION_MINOR 0
#define NOTIFY_CAPI_VERSION_PATCH 2

/* What can be notified; opaque, belongs to the provider. */
typedef struct notify_notifier notify_notifier;

typedef struct notify_capi notify_capi;

/*
 * Takes the text of a failure. Called in the thread of the failing call, before that call
 * returns, at most once per call. msg has msglen bytes, which may contain NULs, and is valid
 * only during the call. Must return normally: no longjmp, no Lua error, no C++ exception.
 */
typedef void (*notifier_error_handler)(void *ehdata, const char *msg, size_t msglen);

struct notify_capi {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /*
     * The notifier at that stack index, or NULL if the value is none of this provider's.
     * Does not retain: the pointer is good as long as the Lua value lives, or until
     * releaseNotifier after a retainNotifier. Only in the thread that runs L; raises no error.
     */
    notify_notifier *(*toNotifier)(lua_State *L, int index);

    /* Takes one more reference, of which the caller must hold one already (or the Lua value).
     * Any thread. */
    void (*retainNotifier)(notify_notifier *n);

    /* Gives back one reference; the last one may destroy the notifier, in this very thread.
     * Any thread. */
    void (*releaseNotifier)(notify_notifier *n);

    /*
     * Notifies. The caller holds a reference during the call. Any thread, several at once too;
     * an implementation returns soon and raises no Lua error into the caller.
     *
     * Returns 0 if done, 1 if the notifier is closed for good (the caller drops it and does not
     * notify it again), or another number for a failure of this time; then eh, unless it is
     * NULL, may have been called with a text and ehdata.
     *
     * For a buffer of mtmsg this is an empty message added with msgToReceiver, blocking mode;
     * the numbers are those of msgToReceiver in receiver_capi.h.
     */
    int (*notify)(notify_notifier *n, notifier_error_handler eh, void *ehdata);
};

#ifdef __cplusplus
}
#endif

#endif /* NOTIFY_CAPI_H */

#if defined(NOTIFY_CAPI_IMPLEMENT_GET_CAPI) && !defined(NOTIFY_CAPI_HAS_GET_CAPI)
#if (NOTIFY_CAPI_IMPLEMENT_GET_CAPI + 0) ||                                                    \
    (0 - NOTIFY_CAPI_IMPLEMENT_GET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define NOTIFY_CAPI_HAS_GET_CAPI

#include "capi_lookup.h"

/*
 * The Notify API of the value at index (anything with a metatable), or NULL. *errorReason, if
 * given, becomes 0, or 1: no compatible version, or 2: no such API. Only in the thread that
 * runs L; the stack stays as it was. The API stays valid as long as the object's metatable.
 */
MTMSG_CAPI_INLINE const notify_capi *notify_get_capi(lua_State *L, int index, int *errorReason)
{
    return (const notify_capi *)mtmsg_capi_find(L, index, NOTIFY_CAPI_ID_STRING,
                                                NOTIFY_CAPI_VERSION_MAJOR,
                                                NOTIFY_CAPI_VERSION_MINOR, errorReason);
}

#endif
#endif

#if defined(NOTIFY_CAPI_IMPLEMENT_SET_CAPI) && !defined(NOTIFY_CAPI_HAS_SET_CAPI)
#if (NOTIFY_CAPI_IMPLEMENT_SET_CAPI + 0) ||                                                    \
    (0 - NOTIFY_CAPI_IMPLEMENT_SET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define NOTIFY_CAPI_HAS_SET_CAPI

#include "capi_lookup.h"

/*
 * Puts the API into the metatable at index, for every object that has this metatable. *capi is
 * not copied and must outlive them. Returns 0; may raise a Lua memory error. Only in the thread
 * that runs L.
 */
MTMSG_CAPI_INLINE int notify_set_capi(lua_State *L, int index, const notify_capi *capi)
{
    mtmsg_capi_store(L, index, NOTIFY_CAPI_ID_STRING, capi);
    return 0;
}

#endif
#endif
