/*
 * Owns the declaration of the Sender C API: an object from which native code takes messages,
 * and the reader that hands out their values. It does not cover putting messages in: see
 * receiver_capi.h.
 *
 * Include lua.h and lauxlib.h first (any Lua from 5.1 on, or LuaJIT). Works as any C
 * and C++ whose compiler knows anonymous unions. The layout is a binary contract between
 * modules that are compiled apart: members are never reordered, removed or changed in type.
 *
 * Clients define SENDER_CAPI_IMPLEMENT_GET_CAPI as 1 before including this header, providers
 * SENDER_CAPI_IMPLEMENT_SET_CAPI, to get the static functions at its end.
 *
 * "Any thread" below includes threads that have no Lua state.
 */
#ifndef SENDER_CAPI_H
#define SENDER_CAPI_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <limits.h>
#include <stddef.h>

/* Whether the compiler has the type long long; clients may define it themselves. */
#ifndef SENDER_CAPI_HAVE_LONG_LONG
#if defined(LLONG_MAX) || defined(__LONG_LONG_MAX__)
#define SENDER_CAPI_HAVE_LONG_LONG 1
#else
#define SENDER_CAPI_HAVE_LONG_LONG 0
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SENDER_CAPI_ID_STRING "_capi_sender"

#define SENDER_CAPI_VERSION_MAJOR 1
#define SENDER_CAPI_VERSION_MINOR 0
#define SENDER_CAPI_VERSION_PATCH 0

/* Where messages come from; opaque, reference counted, shared by threads. */
typedef struct sender_object sender_object;

/* Holds one message and a position in it; opaque, used by one thread at a time. */
typedef struct sender_reader sender_reader;

typedef struct sender_capi sender_capi;

/* Which member of the union of a sender_capi_value is set. */
enum sender_capi_value_type {
    SENDER_CAPI_TYPE_NONE = 0,          /* no value left */
    SENDER_CAPI_TYPE_NIL = 1,           /* no member */
    SENDER_CAPI_TYPE_BOOLEAN = 2,       /* boolVal */
    SENDER_CAPI_TYPE_INTEGER = 3,       /* intVal */
    SENDER_CAPI_TYPE_NUMBER = 4,        /* numVal */
    SENDER_CAPI_TYPE_LIGHTUSERDATA = 5, /* ptrVal */
    SENDER_CAPI_TYPE_CFUNCTION = 6,     /* funcVal */
    SENDER_CAPI_TYPE_STRING = 7,        /* strVal */
    SENDER_CAPI_TYPE_ARRAY = 8          /* arrayVal */
};
typedef enum sender_capi_value_type sender_capi_value_type;

/* Element types of arrays: the C types of the same names. */
enum sender_array_type {
    SENDER_UCHAR = 1,
    SENDER_SCHAR = 2,
    SENDER_SHORT = 3,
    SENDER_USHORT = 4,
    SENDER_INT = 5,
    SENDER_UINT = 6,
    SENDER_LONG = 7,
    SENDER_ULONG = 8,
    SENDER_FLOAT = 9,
    SENDER_DOUBLE = 10,
    SENDER_LLONG = 11,
    SENDER_ULLONG = 12
};
typedef enum sender_array_type sender_array_type;

/* len bytes, any bytes. Do not count on a NUL after them. */
struct sender_capi_string {
    const char *ptr;
    size_t len;
};

/* elementCount elements of elementSize bytes each, native byte order, aligned for the type. */
struct sender_capi_array {
    enum sender_array_type type;
    size_t elementSize;
    size_t elementCount;
    const void *data;
};

/* One value of a message. Its pointers belong to the reader that it came from. */
struct sender_capi_value {
    enum sender_capi_value_type type;
#if defined(__GNUC__)
    __extension__ /* no part of the language before C11 */
#endif
        union {
        int boolVal;
        lua_Integer intVal;
        lua_Number numVal;
        void *ptrVal;
        lua_CFunction funcVal;
        struct sender_capi_string strVal;
        struct sender_capi_array arrayVal;
    };
};
typedef struct sender_capi_value sender_capi_value;

/*
 * Takes the text of a failure. Called in the thread of the failing call, before that call
 * returns, at most once per call. msg has msglen bytes, which may contain NULs, and is valid
 * only during the call. Must return normally: no longjmp, no Lua error, no C++ exception.
 */
typedef void (*sender_error_handler)(void *ehdata, const char *msg, size_t msglen);

struct sender_capi {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /*
     * The sender at that stack index, or NULL if the value is none of this provider's.
     * Does not retain: the pointer is good as long as the Lua value lives, or until
     * releaseSender after a retainSender. Only in the thread that runs L; raises no error.
     */
    sender_object *(*toSender)(lua_State *L, int index);

    /* Takes one more reference, of which the caller must hold one already (or the Lua value).
     * Any thread; never waits, never allocates. */
    void (*retainSender)(sender_object *b);

    /* Gives back one reference; the last one may destroy the sender and free its memory.
     * Any thread. */
    void (*releaseSender)(sender_object *b);

    /*
     * A new, empty reader with memory for initialCapacity bytes of values, allocated now.
     * growFactor says what happens with a message that needs more: 0 it cannot be read, up to 1
     * the capacity grows by what is needed, above 1 it is multiplied. Returns NULL if out of
     * memory. Any thread. The caller owns the reader.
     */
    sender_reader *(*newReader)(size_t initialCapacity, float growFactor);

    /* Destroys a reader and the message in it. Any thread. */
    void (*freeReader)(sender_reader *r);

    /* Drops what is left of the message and keeps the memory. Never allocates. */
    void (*clearReader)(sender_reader *r);

    /*
     * Takes the next value of the message into *out; its type is SENDER_CAPI_TYPE_NONE when
     * there is none left. Pointers in the value are valid until the reader is cleared, freed or
     * given to nextMessageFromSender; taking further values leaves them valid. Never waits,
     * never allocates.
     */
    void (*nextValueFromReader)(sender_reader *r, sender_capi_value *out);

    /*
     * Takes the next message into the reader; what the reader held before is dropped, whatever
     * comes of it. timeout is in seconds: below 0 waits without limit, 0 does not wait. With
     * nonblock not 0 the timeout is ignored and the call waits for no other thread; nor does it
     * with timeout 0. Memory is allocated only if what is there does not do.
     *
     * A notifier that is connected to the removing side runs inside this call, in this thread.
     *
     * Returns
     *   0    a message is in the reader
     *   1    the sender is closed, for good
     *   2    the sender is aborted, until the abort is taken back
     *   3    there is no message; or, if the call may not wait, another thread is at work on
     *        the sender
     *   4    the next message is larger than the fixed size of the reader
     *   5    out of memory
     *   999  a message is in the reader, but the notifier failed; eh, unless it is NULL, has
     *        been called with the text and ehdata
     * On all but 0 and 999 the reader is empty and no message has been removed.
     * Any thread.
     */
    int (*nextMessageFromSender)(sender_object *b, sender_reader *r, int nonblock,
                                 double timeout, sender_error_handler eh, void *ehdata);
};

#ifdef __cplusplus
}
#endif

#endif /* SENDER_CAPI_H */

#if defined(SENDER_CAPI_IMPLEMENT_GET_CAPI) && !defined(SENDER_CAPI_HAS_GET_CAPI)
#if (SENDER_CAPI_IMPLEMENT_GET_CAPI + 0) ||                                                    \
    (0 - SENDER_CAPI_IMPLEMENT_GET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define SENDER_CAPI_HAS_GET_CAPI

#include "capi_lookup.h"

/*
 * The Sender API of the value at index (anything with a metatable), or NULL. *errorReason, if
 * given, becomes 0, or 1: no compatible version, or 2: no such API. Only in the thread that
 * runs L; the stack stays as it was. The API stays valid as long as the object's metatable.
 */
MTMSG_CAPI_INLINE const sender_capi *sender_get_capi(lua_State *L, int index, int *errorReason)
{
    return (const sender_capi *)mtmsg_capi_find(L, index, SENDER_CAPI_ID_STRING,
                                                SENDER_CAPI_VERSION_MAJOR,
                                                SENDER_CAPI_VERSION_MINOR, errorReason);
}

#endif
#endif

#if defined(SENDER_CAPI_IMPLEMENT_SET_CAPI) && !defined(SENDER_CAPI_HAS_SET_CAPI)
#if (SENDER_CAPI_IMPLEMENT_SET_CAPI + 0) ||                                                    \
    (0 - SENDER_CAPI_IMPLEMENT_SET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define SENDER_CAPI_HAS_SET_CAPI

#include "capi_lookup.h"

/*
 * Puts the API into the metatable at index, for every object that has this metatable. *capi is
 * not copied and must outlive them. Returns 0; may raise a Lua memory error. Only in the thread
 * that runs L.
 */
MTMSG_CAPI_INLINE int sender_set_capi(lua_State *L, int index, const sender_capi *capi)
{
    mtmsg_capi_store(L, index, SENDER_CAPI_ID_STRING, capi);
    return 0;
}

#endif
#endif
