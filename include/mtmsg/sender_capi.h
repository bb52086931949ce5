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

/* The newer version beside it, struct sender_capi_1_1: tables, and messages that go back. */
#define SENDER_CAPI_1_1_VERSION_MINOR 1
#define SENDER_CAPI_1_1_VERSION_PATCH 0

/* Where messages come from; opaque, reference counted, shared by threads. */
typedef struct sender_object sender_object;

/* Holds one message and a position in it; opaque, used by one thread at a time. */
typedef struct sender_reader sender_reader;

typedef struct sender_capi sender_capi;
typedef struct sender_capi_1_1 sender_capi_1_1;

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

/* More types of values, which version 1.1 knows. In 1.0 each of them, with all that is in it,
 * is one NIL. */
enum sender_capi_value_type_1_1 {
    SENDER_CAPI_TYPE_TABLE = 9,      /* tableVal; what is in it comes next, and then its END */
    SENDER_CAPI_TYPE_END = 10,       /* no member; the table that was begun last has ended */
    SENDER_CAPI_TYPE_REFERENCE = 11, /* numberVal; a table, function or object of before */
    SENDER_CAPI_TYPE_FUNCTION = 12,  /* numberVal; a function of Lua with its variables */
    SENDER_CAPI_TYPE_MODULE = 13,    /* moduleVal; a module, or a field of one, of whichever
                                      * state receives it */
    SENDER_CAPI_TYPE_OBJECT = 14     /* objectVal; a buffer, say, to which one may answer */
};

/*
 * arrayCount values come next, which are [1], [2] and so on, and then hashCount times a key and
 * its value; then comes the END. Any of them may be a table itself, a key, too. Both counts are
 * exact. A key is never NIL.
 *
 * The tables, functions and objects of a message are numbered from 1 in the order in which they
 * come; as those inside of a function count, too, one cannot count them oneself. With shared
 * not 0 one or more REFERENCEs to the number come later in the message, be it inside of the
 * table.
 */
struct sender_capi_table {
    size_t number;
    size_t arrayCount;
    size_t hashCount;
    int shared;
};

/* The name by which it is required, and that of the field, or NULL: it is the module itself.
 * "_G" without a field is the table of globals. */
struct sender_capi_module {
    struct sender_capi_string name;
    struct sender_capi_string field;
};

/* What an object is, and which types of the C APIs its address can be cast to. */
enum sender_object_kind {
    SENDER_OBJECT_BUFFER = 1,   /* receiver_object, sender_object, notify_notifier */
    SENDER_OBJECT_LISTENER = 2, /* none */
    SENDER_OBJECT_TOPIC = 3,    /* receiver_object, notify_notifier */
    SENDER_OBJECT_OTHER = 4     /* none; another module's, or one of a later version */
};

/*
 * An object with a number like a table's, and a kind of enum sender_object_kind. It lives at
 * least as long as the reader has the message; who uses it longer retains it by the API.
 */
struct sender_capi_object {
    size_t number;
    int kind;
    void *object;
};

/* One value of a message in version 1.1. Its pointers belong to the reader that it came from.
 */
struct sender_capi_value_1_1 {
    int type; /* enum sender_capi_value_type, or that of 1.1; later versions may know more */
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
        struct sender_capi_table tableVal;
        size_t numberVal;
        struct sender_capi_module moduleVal;
        struct sender_capi_object objectVal;
    };
};
typedef struct sender_capi_value_1_1 sender_capi_value_1_1;

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

/*
 * Version 1.1: the functions of 1.0, and more. Objects and readers are the same for both
 * versions; one message should be read by the functions of one of them.
 */
struct sender_capi_1_1 {
    int version_major;
    int version_minor;
    int version_patch;

    /* Another version of this API from the same provider, or NULL. */
    void *next_capi;

    /* As in 1.0. */
    sender_object *(*toSender)(lua_State *L, int index);
    void (*retainSender)(sender_object *b);
    void (*releaseSender)(sender_object *b);

    /*
     * As in 1.0. A reader whose growFactor is 0 takes no message in which tables and functions
     * are nested deeper than 32 levels or in which more than 32 different keys come more than
     * once, and puts messages back, unless they are leases, only if at most 8 of their arrays
     * had to be moved: all that needs memory beside its capacity.
     */
    sender_reader *(*newReader)(size_t initialCapacity, float growFactor);

    /* As in 1.0. A message that is held by a lease goes back, see leaseReader; that waits for
     * a lock of the sender, briefly. */
    void (*freeReader)(sender_reader *r);

    /* As in 1.0. A lease is done. */
    void (*clearReader)(sender_reader *r);

    /*
     * As in 1.0, and goes into tables: after a value of type TABLE come those that are in it,
     * and an END. What is inside of a FUNCTION is passed over. However deep tables are nested,
     * no stack is taken for it.
     */
    void (*nextValueFromReader)(sender_reader *r, sender_capi_value_1_1 *out);

    /*
     * As in 1.0. Code 4 also means that the reader's growFactor is 0 and the message needs more
     * than is said at newReader.
     */
    int (*nextMessageFromSender)(sender_object *b, sender_reader *r, int nonblock,
                                 double timeout, sender_error_handler eh, void *ehdata);

    /*
     * Before the first message is taken: each one that the reader takes is a lease. It stays
     * the sender's until doneReader, clearReader or nextMessageFromSender, and goes back to its
     * place, first in line, with freeReader. The sender is kept alive meanwhile. Never waits or
     * allocates.
     */
    void (*leaseReader)(sender_reader *r);

    /*
     * The message has been dealt with: it cannot go back any more. Its values can still be
     * read. Does nothing if there is no message. Never allocates; may free.
     */
    void (*doneReader)(sender_reader *r);

    /*
     * Gives the message back to the buffer from which it came, whole, to its place in the order
     * there: first in line. With or without a lease, once, whatever was read of it. Whoever
     * waits there is woken; no notifier is called. A buffer of fixed size may exceed it by that
     * until it fits again. Waits for a lock of the buffer, briefly. Does not
     * allocate; but the memory goes back, too, and the next message needs it anew, also where
     * the growFactor is 0.
     *
     * Returns
     *   0    it is back, and the reader is empty
     *   1    the buffer is closed, or was cleared or set since: the message is dropped, and the
     *        reader is empty
     *   2    everything is aborted, by mtmsg.abort(): the reader still has it
     *   3    the reader has no message, or is done with it
     *   4    the buffer's last reference is gone, and it was no lease: the reader still has it
     *   5    it was no lease, and the reader's growFactor is 0 and more than 8 arrays were read
     *        that had to be moved, or the buffer has too many references: the reader has it
     * Any thread.
     */
    int (*putBackReader)(sender_reader *r);

    /*
     * Begins again with the first value of the message. What was taken before stays valid, but
     * for the elements of arrays. Never waits, never allocates. Returns 0; 3 if the reader has
     * no message, or was cleared; 5 as putBackReader, and nothing has changed.
     */
    int (*rewindReader)(sender_reader *r);

    /*
     * The id of the buffer that the message came from: an integer from 1 to 2^53, as Lua knows
     * it; or 0 if there is no message, or it is done or back. Never waits.
     */
    double (*sourceOfReader)(sender_reader *r);
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

/* The same for version 1.1: reason 1 is also that the provider has 1.0 alone. */
MTMSG_CAPI_INLINE const sender_capi_1_1 *sender_get_capi_1_1(lua_State *L, int index,
                                                             int *errorReason)
{
    return (const sender_capi_1_1 *)mtmsg_capi_find(L, index, SENDER_CAPI_ID_STRING,
                                                    SENDER_CAPI_VERSION_MAJOR,
                                                    SENDER_CAPI_1_1_VERSION_MINOR, errorReason);
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
