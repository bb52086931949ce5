/*
 * Owns the declaration of the Receiver C API: an object that takes messages from native code,
 * built value by value in a writer. It does not cover taking messages out: see sender_capi.h.
 *
 * Include lua.h and lauxlib.h first (any Lua from 5.1 on, or LuaJIT). Works as any C and C++.
 * The layout is a binary contract between modules that are compiled apart: members are never
 * reordered, removed or changed in type.
 *
 * Clients define RECEIVER_CAPI_IMPLEMENT_GET_CAPI as 1 before including this header, providers
 * RECEIVER_CAPI_IMPLEMENT_SET_CAPI, to get the static functions at its end.
 *
 * "Any thread" below includes threads that have no Lua state.
 */
#ifndef RECEIVER_CAPI_H
#define RECEIVER_CAPI_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <limits.h>
#include <stddef.h>

/* Whether the compiler has the type long long; clients may define it themselves. */
#ifndef RECEIVER_CAPI_HAVE_LONG_LONG
#if defined(LLONG_MAX) || defined(__LONG_LONG_MAX__)
#define RECEIVER_CAPI_HAVE_LONG_LONG 1
#else
#define RECEIVER_CAPI_HAVE_LONG_LONG 0
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define RECEIVER_CAPI_ID_STRING "_capi_receiver"

#define RECEIVER_CAPI_VERSION_MAJOR 2
#define RECEIVER_CAPI_VERSION_MINOR 0
#define RECEIVER_CAPI_VERSION_PATCH 0

/* The newer version beside it, struct receiver_capi_2_1: tables, and values of any kind. */
#define RECEIVER_CAPI_2_1_VERSION_MINOR 1
#define RECEIVER_CAPI_2_1_VERSION_PATCH 0

/* Where messages go; opaque, reference counted, shared by threads. */
typedef struct receiver_object receiver_object;

/* A message under construction; opaque, used by one thread at a time. */
typedef struct receiver_writer receiver_writer;

typedef struct receiver_capi receiver_capi;
typedef struct receiver_capi_2_1 receiver_capi_2_1;

/* Holds a message that was taken: sender_capi.h. */
struct sender_reader;

/* Element types of arrays: the C types of the same names. */
enum receiver_array_type {
    RECEIVER_UCHAR = 1,
    RECEIVER_SCHAR = 2,
    RECEIVER_SHORT = 3,
    RECEIVER_USHORT = 4,
    RECEIVER_INT = 5,
    RECEIVER_UINT = 6,
    RECEIVER_LONG = 7,
    RECEIVER_ULONG = 8,
    RECEIVER_FLOAT = 9,
    RECEIVER_DOUBLE = 10,
    RECEIVER_LLONG = 11,
    RECEIVER_ULLONG = 12
};
typedef enum receiver_array_type receiver_array_type;

/*
 * Takes the text of a failure. Called in the thread of the failing call, before that call
 * returns, at most once per call. msg has msglen bytes, which may contain NULs, and is valid
 * only during the call. Must return normally: no longjmp, no Lua error, no C++ exception.
 */
typedef void (*receiver_error_handler)(void *ehdata, const char *msg, size_t msglen);

struct receiver_capi {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /*
     * The receiver at that stack index, or NULL if the value is none of this provider's.
     * Does not retain: the pointer is good as long as the Lua value lives, or until
     * releaseReceiver after a retainReceiver. Only in the thread that runs L; raises no error.
     */
    receiver_object *(*toReceiver)(lua_State *L, int index);

    /* Takes one more reference, of which the caller must hold one already (or the Lua value).
     * Any thread; never waits, never allocates. */
    void (*retainReceiver)(receiver_object *b);

    /* Gives back one reference; the last one may destroy the receiver and free its memory.
     * Any thread. */
    void (*releaseReceiver)(receiver_object *b);

    /*
     * A new, empty writer with memory for initialCapacity bytes of values, allocated now.
     * growFactor says what happens when that is used up: 0 the capacity is fixed, up to 1 it
     * grows by what is needed, above 1 it is multiplied. Returns NULL if out of memory.
     * Any thread. The caller owns the writer.
     */
    receiver_writer *(*newWriter)(size_t initialCapacity, float growFactor);

    /* Destroys a writer and the values in it. Any thread. */
    void (*freeWriter)(receiver_writer *w);

    /*
     * Hands all values of the writer over as one message, in the order in which they were
     * added; a writer without values makes an empty message. With clear not 0 the message takes
     * the place of everything that is queued. With nonblock not 0 the call waits for no other
     * thread. It never waits for room. Memory is allocated only if what is there does not do.
     *
     * A notifier that is connected to the receiver runs inside this call, in this thread.
     *
     * Returns
     *   0    done
     *   1    the receiver is closed, for good
     *   2    the receiver is aborted, until the abort is taken back
     *   3    nonblock was given, and another thread is at work on the receiver: try again
     *   4    the receiver has a fixed size and is too full: may fit later
     *   5    the message is larger than the receiver's fixed size: will never fit
     *   6    out of memory
     *   999  the message has been handed over, but the notifier failed; eh, unless it is NULL,
     *        has been called with the text and ehdata
     * On 0 and 999 the writer is empty and keeps its memory. On all others neither the writer
     * nor the receiver has changed.
     * Any thread.
     */
    int (*msgToReceiver)(receiver_object *b, receiver_writer *w, int clear, int nonblock,
                         receiver_error_handler eh, void *ehdata);

    /* Drops the values of the writer and keeps its memory. Never allocates. */
    void (*clearWriter)(receiver_writer *w);

    /*
     * The add functions append one value, addBytesToWriter one for each byte. They return 0,
     * -1 if the value exceeds the fixed capacity of the writer, or -2 if out of memory; unless
     * they return 0 they have changed nothing. They never wait, and allocate only to grow.
     * What ptr or bytes point to is copied.
     */
    int (*addBooleanToWriter)(receiver_writer *w, int boolVal);
    int (*addIntegerToWriter)(receiver_writer *w, lua_Integer intVal);
    int (*addNumberToWriter)(receiver_writer *w, lua_Number numVal);
    int (*addStringToWriter)(receiver_writer *w, const char *ptr, size_t len);

    /* Each byte becomes an integer value from 0 to 255. All of them are added, or none. */
    int (*addBytesToWriter)(receiver_writer *w, const unsigned char *bytes, size_t len);

    /*
     * Appends an array and returns where the caller has to store its elements, all of them, in
     * native byte order. The pointer is aligned for the element type and valid until the next
     * call with this writer. For no elements it is not NULL and must not be written through.
     * Returns NULL if the fixed capacity is exceeded, memory is short or the type unknown.
     */
    void *(*addArrayToWriter)(receiver_writer *w, enum receiver_array_type type,
                              size_t elementCount);
};

/*
 * Version 2.1: the functions of 2.0, and more. Objects and writers are the same for both
 * versions.
 */
struct receiver_capi_2_1 {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /* As in 2.0. */
    receiver_object *(*toReceiver)(lua_State *L, int index);
    void (*retainReceiver)(receiver_object *b);
    void (*releaseReceiver)(receiver_object *b);

    /*
     * As in 2.0. A writer whose growFactor is 0 has room for 32 tables inside of one another
     * and for 32 tables with a number, beside its capacity; more are refused with -1.
     */
    receiver_writer *(*newWriter)(size_t initialCapacity, float growFactor);

    /* As in 2.0. */
    void (*freeWriter)(receiver_writer *w);

    /* As in 2.0, and one more code:
     *   7    a table has been begun in the writer and not ended: nothing has changed */
    int (*msgToReceiver)(receiver_object *b, receiver_writer *w, int clear, int nonblock,
                         receiver_error_handler eh, void *ehdata);

    /* As in 2.0. Tables that have been begun are gone, too. */
    void (*clearWriter)(receiver_writer *w);

    /*
     * As in 2.0, and inside of a table that has been begun. All functions that add return one
     * more code: -3 if no such value may stand there, which each of them tells; addNumber: not
     * a number, in the place of a key. addArray returns NULL for it.
     */
    int (*addBooleanToWriter)(receiver_writer *w, int boolVal);
    int (*addIntegerToWriter)(receiver_writer *w, lua_Integer intVal);
    int (*addNumberToWriter)(receiver_writer *w, lua_Number numVal);
    int (*addStringToWriter)(receiver_writer *w, const char *ptr, size_t len);
    int (*addBytesToWriter)(receiver_writer *w, const unsigned char *bytes, size_t len);
    void *(*addArrayToWriter)(receiver_writer *w, enum receiver_array_type type,
                              size_t elementCount);

    /* nil; -3 in the place of a key. */
    int (*addNilToWriter)(receiver_writer *w);

    /* A light userdata. What it points to is the caller's business; so is that LuaJIT takes
     * addresses of up to 47 bits alone. */
    int (*addPointerToWriter)(receiver_writer *w, void *ptr);

    /* A C function, for any state that receives it to call. That its library stays in memory
     * is the caller's business. */
    int (*addFunctionToWriter)(receiver_writer *w, lua_CFunction function);

    /*
     * Begins a table: what is added next is in it, until its end. The first arrayCount values
     * are [1], [2] and so on, the later ones are keys and their values in turn. If fewer than
     * arrayCount values come these are all, so (size_t)-1 is for a list of unknown length. Any
     * value but nil and not-a-number may be a key, tables, too; of a key that comes twice the
     * last value counts.
     *
     * number, if it is not NULL, gets the number by which addReferenceToWriter can add the same
     * table once more, later in the message or in the table itself; valid until the message is
     * handed over or cleared.
     *
     * The table accounts for 9 bytes and what is in it.
     */
    int (*beginTableInWriter)(receiver_writer *w, size_t arrayCount, size_t *number);

    /* Ends the table that was begun last; -3 if there is none, or a key lacks its value. Never
     * allocates. */
    int (*endTableInWriter)(receiver_writer *w);

    /* The table or object of that number once more: whoever receives the message gets one in
     * both places. -3 if none of the message was given it. Accounts for 5 bytes. */
    int (*addReferenceToWriter)(receiver_writer *w, size_t number);

    /*
     * The value that nextValueFromReader (version 1.1) of the same provider has given last, of
     * whatever type, with all that is in it; the reader goes on behind it. So a TABLE is passed
     * on whole, and its END is not seen. May be called several times, for several writers.
     *
     * Tables and functions that occur several times among the values that are passed on from
     * one message to one writer stay one. -3 if there is no such value, if it is an END, or if
     * it refers to a table or function that was not passed on before; and for nil and
     * not-a-number in the place of a key.
     */
    int (*addValueToWriter)(receiver_writer *w, struct sender_reader *r);

    /*
     * A buffer or a topic, of the same provider: whoever receives the message gets a reference
     * of its own; until then the message keeps it alive. number as for tables. Accounts for 17
     * bytes. Takes a reference: -2 also if there are too many.
     */
    int (*addObjectToWriter)(receiver_writer *w, receiver_object *b, size_t *number);

    /*
     * Hands the writer's values over as msgToReceiver does, behind what is queued, and waits
     * for room if the receiver has a bound and is full: so many seconds, below 0 without limit,
     * with 0 for no other thread at all. Who waits is served in the order of coming; where the
     * receiver drops its oldest messages nobody waits. All subscribers of a topic are waited
     * for; the code is 0 also where some had no room in time.
     *
     * Returns
     *   0    done
     *   1    the receiver is closed, or finished, for good; also while the call waited
     *   2    the receiver is aborted, until the abort is taken back; also while the call waited
     *   3    the timeout is 0, and another thread is at work on the receiver: try again
     *   4    there was no room in time
     *   5    the message is larger than the receiver's bound: will never fit
     *   6    out of memory
     *   7    a table has been begun in the writer and not ended
     *   999  the message has been handed over, but the notifier failed; eh, unless it is NULL,
     *        has been called with the text and ehdata
     * On 0 and 999 the writer is empty and keeps its memory. On all others neither the writer
     * nor the receiver has changed.
     * Any thread.
     */
    int (*putToReceiver)(receiver_object *b, receiver_writer *w, double timeout,
                         receiver_error_handler eh, void *ehdata);

    /* No more messages: what is sent from now on gets code 1, and so do those who wait for
     * room. What is queued can be taken; then those who take see a closed sender. For good.
     * Waits for locks of the receiver, briefly. Any thread. */
    void (*finishReceiver)(receiver_object *b);
};

#ifdef __cplusplus
}
#endif

#endif /* RECEIVER_CAPI_H */

#if defined(RECEIVER_CAPI_IMPLEMENT_GET_CAPI) && !defined(RECEIVER_CAPI_HAS_GET_CAPI)
#if (RECEIVER_CAPI_IMPLEMENT_GET_CAPI + 0) ||                                                  \
    (0 - RECEIVER_CAPI_IMPLEMENT_GET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define RECEIVER_CAPI_HAS_GET_CAPI

#include "capi_lookup.h"

/*
 * The Receiver API of the value at index (anything with a metatable), or NULL. *errorReason, if
 * given, becomes 0, or 1: no compatible version, or 2: no such API. Only in the thread that
 * runs L; the stack stays as it was. The API stays valid as long as the object's metatable.
 */
MTMSG_CAPI_INLINE const receiver_capi *receiver_get_capi(lua_State *L, int index,
                                                         int *errorReason)
{
    return (const receiver_capi *)mtmsg_capi_find(L, index, RECEIVER_CAPI_ID_STRING,
                                                  RECEIVER_CAPI_VERSION_MAJOR,
                                                  RECEIVER_CAPI_VERSION_MINOR, errorReason);
}

/* The same for version 2.1: reason 1 is also that the provider has 2.0 alone. */
MTMSG_CAPI_INLINE const receiver_capi_2_1 *receiver_get_capi_2_1(lua_State *L, int index,
                                                                 int *errorReason)
{
    return (const receiver_capi_2_1 *)mtmsg_capi_find(
        L, index, RECEIVER_CAPI_ID_STRING, RECEIVER_CAPI_VERSION_MAJOR,
        RECEIVER_CAPI_2_1_VERSION_MINOR, errorReason);
}

#endif
#endif

#if defined(RECEIVER_CAPI_IMPLEMENT_SET_CAPI) && !defined(RECEIVER_CAPI_HAS_SET_CAPI)
#if (RECEIVER_CAPI_IMPLEMENT_SET_CAPI + 0) ||                                                  \
    (0 - RECEIVER_CAPI_IMPLEMENT_SET_CAPI - 1) == 1 /* defined as nothing: yes; as 0: no */
#define RECEIVER_CAPI_HAS_SET_CAPI

#include "capi_lookup.h"

/*
 * Puts the API into the metatable at index, for every object that has this metatable. *capi is
 * not copied and must outlive them. Returns 0; may raise a Lua memory error. Only in the thread
 * that runs L.
 */
MTMSG_CAPI_INLINE int receiver_set_capi(lua_State *L, int index, const receiver_capi *capi)
{
    mtmsg_capi_store(L, index, RECEIVER_CAPI_ID_STRING, capi);
    return 0;
}

#endif
#endif
