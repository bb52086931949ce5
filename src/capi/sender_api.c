/* Buffers as senders of messages to native code: thin functions over core/reader.
 * It owns the readers that native code makes. */
#include "capi/shim.h"
#include "mtmsg/sender_capi.h"

#include "capi/apis.h"
#include "capi/reader.h"
#include "core/alloc.h"
#include "core/cargo.h"
#include "core/duration.h"
#include "core/notify.h"
#include "core/reference.h"

#include "platform/hidden.h"

static struct mtm_buffer *of_sender(sender_object *sender)
{
    return (struct mtm_buffer *)(void *)sender;
}

static sender_object *to_sender(lua_State *L, int index)
{
    return (sender_object *)(void *)mtc_to_buffer(L, index);
}

static void retain_sender(sender_object *sender)
{
    mtm_root_retain(&of_sender(sender)->object);
}

static void release_sender(sender_object *sender)
{
    mtm_root_release(&of_sender(sender)->object);
}

static void free_reader(sender_reader *r)
{
    if (!r) return;
    mtm_walk_fini(&r->walk);
    mtm_reader_fini(&r->reader);
    mtm_free(r);
}

static sender_reader *new_reader(size_t capacity, float grow)
{
    sender_reader *made = mtm_alloc(sizeof *made);
    if (!made) return NULL;
    enum mtm_status status = mtm_reader_init(&made->reader, capacity, true, (double)grow);
    mtm_reader_align(&made->reader);
    const enum mtm_status walks = mtm_walk_init(&made->walk, &made->reader);
    if (status == MTM_OK && walks == MTM_OK) return made;
    free_reader(made);
    return NULL;
}

static void clear_reader(sender_reader *r)
{
    mtm_reader_clear(&r->reader);
}

static void to_array(const struct mtm_value *value, struct sender_capi_array *out)
{
    out->type = (enum sender_array_type)value->array.type;
    out->elementSize = value->array.elsize;
    out->elementCount = value->array.count;
    out->data = value->array.ptr;
}

/* Through the integer type of the same size: a pointer to data can't be converted to one to
 * code. */
static lua_CFunction to_function(uint64_t address)
{
    return (lua_CFunction)(uintptr_t)address;
}

/* A value that version 1.0 knows; one of another kind is left to the caller: false. */
static bool to_value(const struct mtm_value *value, sender_capi_value_1_1 *out)
{
    switch (value->tag) {
        case MTM_TAG_NIL: out->type = SENDER_CAPI_TYPE_NIL; return true;
        case MTM_TAG_BOOLEAN:
            out->type = SENDER_CAPI_TYPE_BOOLEAN;
            out->boolVal = value->boolean;
            return true;
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
            out->type = SENDER_CAPI_TYPE_INTEGER;
            out->intVal = (lua_Integer)value->integer;
            return true;
        case MTM_TAG_NUMBER:
            out->type = SENDER_CAPI_TYPE_NUMBER;
            out->numVal = (lua_Number)value->number;
            return true;
        case MTM_TAG_POINTER:
            out->type = SENDER_CAPI_TYPE_LIGHTUSERDATA;
            out->ptrVal = (void *)(uintptr_t)value->pointer;
            return true;
        case MTM_TAG_FUNCTION:
            out->type = SENDER_CAPI_TYPE_CFUNCTION;
            out->funcVal = to_function(value->pointer);
            return true;
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            out->type = SENDER_CAPI_TYPE_STRING;
            out->strVal.ptr = (const char *)value->string.ptr;
            out->strVal.len = value->string.len;
            return true;
        case MTM_TAG_ARRAY:
            out->type = SENDER_CAPI_TYPE_ARRAY;
            to_array(value, &out->arrayVal);
            return true;
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE:
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_UPVALUE:
        case MTM_TAG_OBJECT:
        case MTM_TAG_END: break;
    }
    out->type = SENDER_CAPI_TYPE_NONE;
    return false;
}

static struct sender_capi_string to_string(const struct mtm_walk_string *text)
{
    return (struct sender_capi_string){(const char *)text->ptr, text->len};
}

static void to_table(const struct mtm_visit *visit, sender_capi_value_1_1 *out)
{
    out->type = SENDER_CAPI_TYPE_TABLE;
    out->tableVal.number = visit->number;
    out->tableVal.arrayCount = visit->value.table.array;
    out->tableVal.hashCount = visit->value.table.pairs;
    out->tableVal.shared = visit->tag == MTM_TAG_SHARED;
}

static int kind_of(const struct mtm_object *object)
{
    if (!object) return SENDER_OBJECT_OTHER;
    switch (object->kind) {
        case MTM_BUFFER: return SENDER_OBJECT_BUFFER;
        case MTM_LISTENER: return SENDER_OBJECT_LISTENER;
        case MTM_TOPIC: return SENDER_OBJECT_TOPIC;
    }
    return SENDER_OBJECT_OTHER;
}

/* Without its object the message is damaged: that is no value. */
static void to_object(const sender_reader *r, const struct mtm_visit *visit,
                      sender_capi_value_1_1 *out)
{
    const struct mtm_item *item = mtm_reader_item(&r->reader);
    if (!item) return;
    out->type = SENDER_CAPI_TYPE_OBJECT;
    out->objectVal.number = visit->number;
    out->objectVal.kind = kind_of(item->object);
    out->objectVal.object = item->object;
}

/* Version 1.1 */
static void next_value_or_table(sender_reader *r, sender_capi_value_1_1 *out)
{
    static const struct mtm_walk_string globals = {.ptr = (const unsigned char *)"_G",
                                                   .len = 2};
    const struct mtm_visit *visit = mtm_walk_next(&r->walk);
    out->type = SENDER_CAPI_TYPE_NONE;
    switch (visit->tag) {
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED: to_table(visit, out); break;
        case MTM_TAG_CODE:
            out->type = SENDER_CAPI_TYPE_FUNCTION;
            out->numberVal = visit->number;
            break;
        case MTM_TAG_REFERENCE:
            out->type = SENDER_CAPI_TYPE_REFERENCE;
            out->numberVal = visit->number;
            break;
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS:
            out->type = SENDER_CAPI_TYPE_MODULE;
            out->moduleVal.name =
                to_string(visit->tag == MTM_TAG_GLOBALS ? &globals : &visit->name);
            out->moduleVal.field = to_string(&visit->field);
            break;
        case MTM_TAG_OBJECT: to_object(r, visit, out); break;
        case MTM_TAG_END:
            if (visit->ends_table) out->type = SENDER_CAPI_TYPE_END;
            break;
        case MTM_TAG_NIL:
        case MTM_TAG_BOOLEAN:
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
        case MTM_TAG_NUMBER:
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
        case MTM_TAG_POINTER:
        case MTM_TAG_FUNCTION:
        case MTM_TAG_ARRAY:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED:
        case MTM_TAG_UPVALUE: (void)to_value(&visit->value, out); break;
    }
}

/* What version 1.0 does not know is one nil, with all that is in it. */
static void next_value(sender_reader *r, sender_capi_value *out)
{
    struct mtm_value value;
    sender_capi_value_1_1 known;
    mtm_reader_next_aligned(&r->reader, &value);
    if (to_value(&value, &known)) {
        memcpy(out, &known, sizeof *out); /* they begin alike */
        return;
    }
    const bool is_whole = value.tag != MTM_TAG_END && mtm_reader_skip(&r->reader, &value);
    out->type = is_whole ? SENDER_CAPI_TYPE_NIL : SENDER_CAPI_TYPE_NONE;
}

static int take_code(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return 0;
        case MTM_CLOSED: return 1;
        case MTM_ABORTED: return 2;
        case MTM_TOO_LARGE: return 4;
        case MTM_NOMEM: return 5;
        case MTM_NOTIFIER_FAILED: return 999;
        case MTM_EMPTY:
        case MTM_BUSY:
        case MTM_NO_BUFFERS: return 3;
        case MTM_FULL:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no result of a receive */
    return 5;
}

static int next_message(sender_object *sender, sender_reader *r, int nonblock, double timeout,
                        sender_error_handler handler, void *data)
{
    struct mtm_wait wait = {.timeout = nonblock ? 0 : mtc_timeout(timeout),
                            .nonblock = nonblock != 0};
    struct mtm_failure failure = {0};
    size_t need;
    enum mtm_status status =
        mtm_reader_receive(&r->reader, &of_sender(sender)->object, &wait, &need, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return take_code(status);
}

/* Version 1.1. As mtm_reader_receive, and all that is needed to read the message is there. */
static enum mtm_status receive(sender_reader *r, struct mtm_object *object,
                               struct mtm_wait *wait, struct mtm_failure *failure)
{
    struct mtm_delivery in;
    size_t need;
    const bool nonblock = mtm_wait_never(wait);
    enum mtm_status status = mtm_reader_take(&r->reader, object, wait, &need, &in);
    if (status != MTM_OK) return status;
    status = mtm_walk_begin(&r->walk);
    if (status != MTM_OK) {
        mtm_reader_untake(&r->reader, &in);
        return status;
    }
    status = mtm_delivery_notify(&in, nonblock, failure);
    mtm_reader_settle(&r->reader, &in, nonblock);
    return status;
}

static int next_message_with_tables(sender_object *sender, sender_reader *r, int nonblock,
                                    double timeout, sender_error_handler handler, void *data)
{
    struct mtm_wait wait = {.timeout = nonblock ? 0 : mtc_timeout(timeout),
                            .nonblock = nonblock != 0};
    struct mtm_failure failure = {0};
    enum mtm_status status = receive(r, &of_sender(sender)->object, &wait, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return take_code(status);
}

static void lease_reader(sender_reader *r)
{
    mtm_reader_lease(&r->reader);
}

static void done_reader(sender_reader *r)
{
    mtm_reader_done(&r->reader);
}

/* EMPTY of a reader that has a message: that has been thrown away meanwhile. */
static int back_code(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return 0;
        case MTM_EMPTY:
        case MTM_CLOSED: return 1;
        case MTM_ABORTED: return 2;
        case MTM_UNKNOWN: return 4;
        case MTM_NOMEM:
        case MTM_TOO_MANY: return 5;
        case MTM_BUSY:
        case MTM_FULL:
        case MTM_TOO_LARGE:
        case MTM_NO_BUFFERS:
        case MTM_AMBIGUOUS:
        case MTM_HAS_NOTIFIER:
        case MTM_NOTIFIER_FAILED:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* nothing that comes of giving back */
    return 5;
}

static int put_back_reader(sender_reader *r)
{
    return r->reader.from_id == 0 ? 3 : back_code(mtm_reader_put_back(&r->reader));
}

/* The walk knows already what it needs of the message, unless it began behind values that were
 * read by version 1.0. */
static int rewind_reader(sender_reader *r)
{
    const bool is_known = r->walk.message == r->reader.message && r->walk.whole;
    enum mtm_status status = mtm_reader_rewind(&r->reader);
    if (status != MTM_OK) return status == MTM_EMPTY ? 3 : 5;
    if (is_known) mtm_walk_again(&r->walk);
    else if (mtm_walk_begin(&r->walk) != MTM_OK) return 5;
    return 0;
}

static double source_of_reader(sender_reader *r)
{
    return (double)r->reader.from_id;
}

/* What both versions begin with. */
#define OBJECTS_AND_READERS                                                                    \
    .toSender = to_sender, .retainSender = retain_sender, .releaseSender = release_sender,     \
    .newReader = new_reader, .freeReader = free_reader, .clearReader = clear_reader

const struct sender_capi_1_1 mtc_sender_capi_1_1 = {
    .version_major = SENDER_CAPI_VERSION_MAJOR,
    .version_minor = SENDER_CAPI_1_1_VERSION_MINOR,
    .version_patch = SENDER_CAPI_1_1_VERSION_PATCH,
    OBJECTS_AND_READERS,
    .nextValueFromReader = next_value_or_table,
    .nextMessageFromSender = next_message_with_tables,
    .leaseReader = lease_reader,
    .doneReader = done_reader,
    .putBackReader = put_back_reader,
    .rewindReader = rewind_reader,
    .sourceOfReader = source_of_reader,
};

/* The one that is found first, by those who know no other. */
const struct sender_capi mtc_sender_capi = {
    .version_major = SENDER_CAPI_VERSION_MAJOR,
    .version_minor = SENDER_CAPI_VERSION_MINOR,
    .version_patch = SENDER_CAPI_VERSION_PATCH,
    .next_capi = (void *)&mtc_sender_capi_1_1,
    OBJECTS_AND_READERS,
    .nextValueFromReader = next_value,
    .nextMessageFromSender = next_message,
};
