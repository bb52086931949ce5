/*
 * Owns the proof that the four public headers compile in the language that the compiler was
 * told and have the layout that other modules were compiled against. It runs nothing: a wrong
 * offset, number, string or function type does not compile.
 *
 * The file is C99, C11 and C++11; check.sh compiles it as each of them.
 */
#ifdef __cplusplus
extern "C" {
#endif
#include <lauxlib.h>
#include <lua.h>
#ifdef __cplusplus
}
#endif

/* Once for the declarations, once more for the functions: the order that a project may fall
 * into when one of its own headers includes these. */
#include "mtmsg/carray_capi.h"
#include "mtmsg/notify_capi.h"
#include "mtmsg/object_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#define CARRAY_CAPI_IMPLEMENT_GET_CAPI 1
#define CARRAY_CAPI_IMPLEMENT_SET_CAPI 1
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI 1
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI 1
#define OBJECT_CAPI_IMPLEMENT_GET_CAPI 1
#define OBJECT_CAPI_IMPLEMENT_SET_CAPI 1
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI 1
#define RECEIVER_CAPI_IMPLEMENT_SET_CAPI 1
#define SENDER_CAPI_IMPLEMENT_GET_CAPI 1
#define SENDER_CAPI_IMPLEMENT_SET_CAPI 1
#include "mtmsg/carray_capi.h"
#include "mtmsg/notify_capi.h"
#include "mtmsg/object_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

/* C99 has no static assertion; an array of negative size does the same in all the languages. */
#define CHECK(name, condition) typedef char check_##name[(condition) ? 1 : -1]

#define WORD sizeof(void *)
#define HEAD_SIZE ((3 * sizeof(int) + WORD - 1) / WORD * WORD)

#define HEAD(api)                                                                              \
    CHECK(api##_major, offsetof(struct api, version_major) == 0);                              \
    CHECK(api##_minor, offsetof(struct api, version_minor) == sizeof(int));                    \
    CHECK(api##_patch, offsetof(struct api, version_patch) == 2 * sizeof(int));                \
    CHECK(api##_next, offsetof(struct api, next_capi) == HEAD_SIZE)

/* number counts the function pointers of the struct, from 1 */
#define FUNCTION(api, member, number)                                                          \
    CHECK(api##_##member, offsetof(struct api, member) == HEAD_SIZE + (number)*WORD)

#define END(api, functions)                                                                    \
    CHECK(api##_end, sizeof(struct api) == HEAD_SIZE + ((functions) + 1) * WORD)

#define VERSION(API, major, minor, patch)                                                      \
    CHECK(API##_version, API##_CAPI_VERSION_MAJOR == (major) &&                                \
                             API##_CAPI_VERSION_MINOR == (minor) &&                            \
                             API##_CAPI_VERSION_PATCH == (patch))

/* sizeof counts the NUL */
#define KEY(API, length) CHECK(API##_key, sizeof API##_CAPI_ID_STRING == (length) + 1)

#define ARRAY_TYPES(prefix)                                                                    \
    CHECK(prefix##_types_1,                                                                    \
          prefix##_UCHAR == 1 && prefix##_SCHAR == 2 && prefix##_SHORT == 3);                  \
    CHECK(prefix##_types_2, prefix##_USHORT == 4 && prefix##_INT == 5 && prefix##_UINT == 6);  \
    CHECK(prefix##_types_3, prefix##_LONG == 7 && prefix##_ULONG == 8 && prefix##_FLOAT == 9); \
    CHECK(prefix##_types_4,                                                                    \
          prefix##_DOUBLE == 10 && prefix##_LLONG == 11 && prefix##_ULLONG == 12)

VERSION(NOTIFY, 0, 0, 2);
KEY(NOTIFY, 12);
HEAD(notify_capi);
FUNCTION(notify_capi, toNotifier, 1);
FUNCTION(notify_capi, retainNotifier, 2);
FUNCTION(notify_capi, releaseNotifier, 3);
FUNCTION(notify_capi, notify, 4);
END(notify_capi, 4);

VERSION(OBJECT, 1, 0, 0);
KEY(OBJECT, 12);
HEAD(object_capi);
FUNCTION(object_capi, toObject, 1);
FUNCTION(object_capi, retainObject, 2);
FUNCTION(object_capi, releaseObject, 3);
FUNCTION(object_capi, pushObject, 4);
END(object_capi, 4);

VERSION(RECEIVER, 2, 0, 0);
KEY(RECEIVER, 14);
ARRAY_TYPES(RECEIVER);
HEAD(receiver_capi);
FUNCTION(receiver_capi, toReceiver, 1);
FUNCTION(receiver_capi, retainReceiver, 2);
FUNCTION(receiver_capi, releaseReceiver, 3);
FUNCTION(receiver_capi, newWriter, 4);
FUNCTION(receiver_capi, freeWriter, 5);
FUNCTION(receiver_capi, msgToReceiver, 6);
FUNCTION(receiver_capi, clearWriter, 7);
FUNCTION(receiver_capi, addBooleanToWriter, 8);
FUNCTION(receiver_capi, addIntegerToWriter, 9);
FUNCTION(receiver_capi, addNumberToWriter, 10);
FUNCTION(receiver_capi, addStringToWriter, 11);
FUNCTION(receiver_capi, addBytesToWriter, 12);
FUNCTION(receiver_capi, addArrayToWriter, 13);
END(receiver_capi, 13);

/* The newer version begins as the older one. */
CHECK(receiver_2_1_version,
      RECEIVER_CAPI_2_1_VERSION_MINOR == 1 && RECEIVER_CAPI_2_1_VERSION_PATCH == 0);
HEAD(receiver_capi_2_1);
FUNCTION(receiver_capi_2_1, toReceiver, 1);
FUNCTION(receiver_capi_2_1, retainReceiver, 2);
FUNCTION(receiver_capi_2_1, releaseReceiver, 3);
FUNCTION(receiver_capi_2_1, newWriter, 4);
FUNCTION(receiver_capi_2_1, freeWriter, 5);
FUNCTION(receiver_capi_2_1, msgToReceiver, 6);
FUNCTION(receiver_capi_2_1, clearWriter, 7);
FUNCTION(receiver_capi_2_1, addBooleanToWriter, 8);
FUNCTION(receiver_capi_2_1, addIntegerToWriter, 9);
FUNCTION(receiver_capi_2_1, addNumberToWriter, 10);
FUNCTION(receiver_capi_2_1, addStringToWriter, 11);
FUNCTION(receiver_capi_2_1, addBytesToWriter, 12);
FUNCTION(receiver_capi_2_1, addArrayToWriter, 13);
FUNCTION(receiver_capi_2_1, addNilToWriter, 14);
FUNCTION(receiver_capi_2_1, addPointerToWriter, 15);
FUNCTION(receiver_capi_2_1, addFunctionToWriter, 16);
FUNCTION(receiver_capi_2_1, beginTableInWriter, 17);
FUNCTION(receiver_capi_2_1, endTableInWriter, 18);
FUNCTION(receiver_capi_2_1, addReferenceToWriter, 19);
FUNCTION(receiver_capi_2_1, addValueToWriter, 20);
FUNCTION(receiver_capi_2_1, addObjectToWriter, 21);
FUNCTION(receiver_capi_2_1, putToReceiver, 22);
FUNCTION(receiver_capi_2_1, finishReceiver, 23);
END(receiver_capi_2_1, 23);

VERSION(SENDER, 1, 0, 0);
KEY(SENDER, 12);
ARRAY_TYPES(SENDER);
HEAD(sender_capi);
FUNCTION(sender_capi, toSender, 1);
FUNCTION(sender_capi, retainSender, 2);
FUNCTION(sender_capi, releaseSender, 3);
FUNCTION(sender_capi, newReader, 4);
FUNCTION(sender_capi, freeReader, 5);
FUNCTION(sender_capi, clearReader, 6);
FUNCTION(sender_capi, nextValueFromReader, 7);
FUNCTION(sender_capi, nextMessageFromSender, 8);
END(sender_capi, 8);

CHECK(sender_1_1_version,
      SENDER_CAPI_1_1_VERSION_MINOR == 1 && SENDER_CAPI_1_1_VERSION_PATCH == 0);
HEAD(sender_capi_1_1);
FUNCTION(sender_capi_1_1, toSender, 1);
FUNCTION(sender_capi_1_1, retainSender, 2);
FUNCTION(sender_capi_1_1, releaseSender, 3);
FUNCTION(sender_capi_1_1, newReader, 4);
FUNCTION(sender_capi_1_1, freeReader, 5);
FUNCTION(sender_capi_1_1, clearReader, 6);
FUNCTION(sender_capi_1_1, nextValueFromReader, 7);
FUNCTION(sender_capi_1_1, nextMessageFromSender, 8);
FUNCTION(sender_capi_1_1, leaseReader, 9);
FUNCTION(sender_capi_1_1, doneReader, 10);
FUNCTION(sender_capi_1_1, putBackReader, 11);
FUNCTION(sender_capi_1_1, rewindReader, 12);
FUNCTION(sender_capi_1_1, sourceOfReader, 13);
END(sender_capi_1_1, 13);

CHECK(value_types_1, SENDER_CAPI_TYPE_NONE == 0 && SENDER_CAPI_TYPE_NIL == 1);
CHECK(value_types_2, SENDER_CAPI_TYPE_BOOLEAN == 2 && SENDER_CAPI_TYPE_INTEGER == 3);
CHECK(value_types_3, SENDER_CAPI_TYPE_NUMBER == 4 && SENDER_CAPI_TYPE_LIGHTUSERDATA == 5);
CHECK(value_types_4, SENDER_CAPI_TYPE_CFUNCTION == 6 && SENDER_CAPI_TYPE_STRING == 7);
CHECK(value_types_5, SENDER_CAPI_TYPE_ARRAY == 8);
CHECK(value_types_6, SENDER_CAPI_TYPE_TABLE == 9 && SENDER_CAPI_TYPE_END == 10);
CHECK(value_types_7, SENDER_CAPI_TYPE_REFERENCE == 11 && SENDER_CAPI_TYPE_FUNCTION == 12);
CHECK(value_types_8, SENDER_CAPI_TYPE_MODULE == 13 && SENDER_CAPI_TYPE_OBJECT == 14);
CHECK(object_kinds, SENDER_OBJECT_BUFFER == 1 && SENDER_OBJECT_LISTENER == 2 &&
                        SENDER_OBJECT_TOPIC == 3 && SENDER_OBJECT_OTHER == 4);
CHECK(object_number, offsetof(struct sender_capi_object, number) == 0);
CHECK(object_kind, offsetof(struct sender_capi_object, kind) == WORD);
CHECK(object_object, offsetof(struct sender_capi_object, object) == 2 * WORD);

/* The value as a client declares it that nests its structs: the offsets in memory, in bytes. */
struct value_shape {
    int type;
    union {
        lua_Integer integer;
        lua_Number number;
        void *pointers[4];
    } u;
};
#define IN_UNION(member)                                                                       \
    CHECK(value_##member,                                                                      \
          offsetof(sender_capi_value, member) == offsetof(struct value_shape, u))
CHECK(value_type, offsetof(sender_capi_value, type) == 0);
CHECK(value_size, sizeof(sender_capi_value) == sizeof(struct value_shape));
IN_UNION(boolVal);
IN_UNION(intVal);
IN_UNION(numVal);
IN_UNION(ptrVal);
IN_UNION(funcVal);
IN_UNION(strVal);
IN_UNION(arrayVal);
/* That of 1.1 begins alike. */
CHECK(value_1_1_type, offsetof(sender_capi_value_1_1, type) == 0);
CHECK(value_1_1_size, sizeof(sender_capi_value_1_1) == sizeof(struct value_shape));
#define IN_UNION_1_1(member)                                                                   \
    CHECK(value_1_1_##member,                                                                  \
          offsetof(sender_capi_value_1_1, member) == offsetof(struct value_shape, u))
IN_UNION_1_1(boolVal);
IN_UNION_1_1(intVal);
IN_UNION_1_1(numVal);
IN_UNION_1_1(ptrVal);
IN_UNION_1_1(funcVal);
IN_UNION_1_1(strVal);
IN_UNION_1_1(arrayVal);
IN_UNION_1_1(tableVal);
IN_UNION_1_1(numberVal);
IN_UNION_1_1(moduleVal);
IN_UNION_1_1(objectVal);
CHECK(string_ptr, offsetof(struct sender_capi_string, ptr) == 0);
CHECK(string_len, offsetof(struct sender_capi_string, len) == WORD);
CHECK(array_type, offsetof(struct sender_capi_array, type) == 0);
CHECK(array_size, offsetof(struct sender_capi_array, elementSize) == WORD);
CHECK(array_count, offsetof(struct sender_capi_array, elementCount) == 2 * WORD);
CHECK(array_data, offsetof(struct sender_capi_array, data) == 3 * WORD);
CHECK(table_number, offsetof(struct sender_capi_table, number) == 0);
CHECK(table_sequence, offsetof(struct sender_capi_table, arrayCount) == WORD);
CHECK(table_pairs, offsetof(struct sender_capi_table, hashCount) == 2 * WORD);
CHECK(table_shared, offsetof(struct sender_capi_table, shared) == 3 * WORD);
CHECK(module_name, offsetof(struct sender_capi_module, name) == 0);
CHECK(module_field, offsetof(struct sender_capi_module, field) == 2 * WORD);

VERSION(CARRAY, 1, 0, 0);
KEY(CARRAY, 12);
ARRAY_TYPES(CARRAY);
CHECK(attributes, CARRAY_DEFAULT == 0 && CARRAY_READONLY == 1);
HEAD(carray_capi);
FUNCTION(carray_capi, newCarray, 1);
FUNCTION(carray_capi, newCarrayRef, 2);
FUNCTION(carray_capi, toReadableCarray, 3);
FUNCTION(carray_capi, toWritableCarray, 4);
FUNCTION(carray_capi, retainCarray, 5);
FUNCTION(carray_capi, releaseCarray, 6);
FUNCTION(carray_capi, getWritableElementPtr, 7);
FUNCTION(carray_capi, getReadableElementPtr, 8);
FUNCTION(carray_capi, resizeCarray, 9);
FUNCTION(carray_capi, insertElements, 10);
FUNCTION(carray_capi, removeElements, 11);
END(carray_capi, 11);
CHECK(info_type, offsetof(struct carray_info, elementType) == 0);
CHECK(info_attr, offsetof(struct carray_info, attr) == sizeof(int));
CHECK(info_size, offsetof(struct carray_info, elementSize) == HEAD_SIZE - WORD);
CHECK(info_count, offsetof(struct carray_info, elementCount) == HEAD_SIZE);
CHECK(info_capacity, offsetof(struct carray_info, elementCapacity) == HEAD_SIZE + WORD);

/* Each initializer has the type that the members must have, in their order: a wrong one is an
 * incompatible pointer. */
typedef void (*handler)(void *, const char *, size_t);

static notify_notifier *to_notifier(lua_State *L, int index)
{
    (void)index;
    return (notify_notifier *)L;
}
static void hold_notifier(notify_notifier *n)
{
    (void)n;
}
static int notify(notify_notifier *n, handler eh, void *ehdata)
{
    (void)n, (void)eh, (void)ehdata;
    return 0;
}
static const notify_capi a_notify = {
    0, 0, 2, NULL, to_notifier, hold_notifier, hold_notifier, notify};

static object_object *to_object(lua_State *L, int index)
{
    (void)index;
    return (object_object *)L;
}
static void hold_object(object_object *o)
{
    (void)o;
}
static void push_object(lua_State *L, object_object *o)
{
    (void)L, (void)o;
}
static const object_capi an_object = {1,         0,           0,           NULL,
                                      to_object, hold_object, hold_object, push_object};

static int use_receiver(const receiver_capi *api, lua_State *L)
{
    receiver_object *(*to)(lua_State *, int) = api->toReceiver;
    void (*retain)(receiver_object *) = api->retainReceiver;
    void (*release)(receiver_object *) = api->releaseReceiver;
    receiver_writer *(*make)(size_t, float) = api->newWriter;
    void (*unmake)(receiver_writer *) = api->freeWriter;
    int (*send)(receiver_object *, receiver_writer *, int, int, handler, void *) =
        api->msgToReceiver;
    void (*clear)(receiver_writer *) = api->clearWriter;
    int (*boolean)(receiver_writer *, int) = api->addBooleanToWriter;
    int (*integer)(receiver_writer *, lua_Integer) = api->addIntegerToWriter;
    int (*number)(receiver_writer *, lua_Number) = api->addNumberToWriter;
    int (*string)(receiver_writer *, const char *, size_t) = api->addStringToWriter;
    int (*bytes)(receiver_writer *, const unsigned char *, size_t) = api->addBytesToWriter;
    void *(*array)(receiver_writer *, enum receiver_array_type, size_t) = api->addArrayToWriter;
    return L && to && retain && release && make && unmake && send && clear && boolean &&
           integer && number && string && bytes && array;
}

static int use_receiver_2_1(const receiver_capi_2_1 *api)
{
    int (*send)(receiver_object *, receiver_writer *, int, int, handler, void *) =
        api->msgToReceiver;
    int (*nil)(receiver_writer *) = api->addNilToWriter;
    int (*pointer)(receiver_writer *, void *) = api->addPointerToWriter;
    int (*function)(receiver_writer *, lua_CFunction) = api->addFunctionToWriter;
    int (*begin)(receiver_writer *, size_t, size_t *) = api->beginTableInWriter;
    int (*end)(receiver_writer *) = api->endTableInWriter;
    int (*refer)(receiver_writer *, size_t) = api->addReferenceToWriter;
    int (*value)(receiver_writer *, struct sender_reader *) = api->addValueToWriter;
    int (*object)(receiver_writer *, receiver_object *, size_t *) = api->addObjectToWriter;
    int (*put)(receiver_object *, receiver_writer *, double, handler, void *) =
        api->putToReceiver;
    void (*finish)(receiver_object *) = api->finishReceiver;
    return send && nil && pointer && function && begin && end && refer && value && object &&
           put && finish;
}

static int use_sender_1_1(const sender_capi_1_1 *api)
{
    int (*next)(sender_object *, sender_reader *, int, double, handler, void *) =
        api->nextMessageFromSender;
    void (*value)(sender_reader *, sender_capi_value_1_1 *) = api->nextValueFromReader;
    void (*lease)(sender_reader *) = api->leaseReader;
    void (*done)(sender_reader *) = api->doneReader;
    int (*back)(sender_reader *) = api->putBackReader;
    int (*rewind)(sender_reader *) = api->rewindReader;
    double (*source)(sender_reader *) = api->sourceOfReader;
    return next && value && lease && done && back && rewind && source;
}

static int use_sender(const sender_capi *api, lua_State *L)
{
    sender_object *(*to)(lua_State *, int) = api->toSender;
    void (*retain)(sender_object *) = api->retainSender;
    void (*release)(sender_object *) = api->releaseSender;
    sender_reader *(*make)(size_t, float) = api->newReader;
    void (*unmake)(sender_reader *) = api->freeReader;
    void (*clear)(sender_reader *) = api->clearReader;
    void (*value)(sender_reader *, sender_capi_value *) = api->nextValueFromReader;
    int (*next)(sender_object *, sender_reader *, int, double, handler, void *) =
        api->nextMessageFromSender;
    return L && to && retain && release && make && unmake && clear && value && next;
}

static int use_carray(const carray_capi *api, lua_State *L)
{
    carray *(*make)(lua_State *, enum carray_type, enum carray_attr, size_t, void **) =
        api->newCarray;
    carray *(*refer)(lua_State *, enum carray_type, enum carray_attr, void *, size_t,
                     void (*)(void *, size_t)) = api->newCarrayRef;
    const carray *(*readable)(lua_State *, int, carray_info *) = api->toReadableCarray;
    carray *(*writable)(lua_State *, int, carray_info *) = api->toWritableCarray;
    void (*retain)(const carray *) = api->retainCarray;
    void (*release)(const carray *) = api->releaseCarray;
    void *(*write)(carray *, size_t, size_t) = api->getWritableElementPtr;
    const void *(*read)(const carray *, size_t, size_t) = api->getReadableElementPtr;
    void *(*resize)(carray *, size_t, int) = api->resizeCarray;
    void *(*insert)(carray *, size_t, size_t, int) = api->insertElements;
    void (*remove)(carray *, size_t, size_t, int) = api->removeElements;
    return L && make && refer && readable && writable && retain && release && write && read &&
           resize && insert && remove;
}

/* The union's members by name and type, and each pair of look-up functions, called. */
#ifdef __cplusplus
extern "C"
#endif
    int
    mtmsg_headers_use_everything(lua_State *L, sender_capi_value *v);

int mtmsg_headers_use_everything(lua_State *L, sender_capi_value *v)
{
    int why = 0;
    const notify_capi *n = notify_get_capi(L, 1, &why);
    const receiver_capi *r = receiver_get_capi(L, 1, &why);
    const sender_capi *s = sender_get_capi(L, 1, &why);
    const carray_capi *c = carray_get_capi(L, 1, NULL);
    const float *samples = (const float *)v->arrayVal.data;
    v->type = SENDER_CAPI_TYPE_BOOLEAN;
    v->boolVal = v->arrayVal.type == SENDER_FLOAT && samples[0] > 0;
    const receiver_capi_2_1 *r21 = receiver_get_capi_2_1(L, 1, &why);
    const sender_capi_1_1 *s11 = sender_get_capi_1_1(L, 1, &why);
    if (!r21 || !s11 || !use_receiver_2_1(r21) || !use_sender_1_1(s11)) {
        return why;
    }
    if (!n || !r || !s || !c || !use_receiver(r, L) || !use_sender(s, L) || !use_carray(c, L)) {
        return why;
    }
    return object_set_capi(L, 1, &an_object) + (object_get_capi(L, 1, NULL) == &an_object) +
           notify_set_capi(L, 1, &a_notify) + notify_set_capi(L, 1, n) +
           receiver_set_capi(L, 1, r) + sender_set_capi(L, 1, s) + carray_set_capi(L, 1, c);
}
