/* Buffers as senders of messages to native code: thin functions over core/reader.
 * It owns the readers that native code makes. */
#include "capi/shim.h"
#include "mtmsg/sender_capi.h"

#include "capi/apis.h"
#include "core/alloc.h"
#include "core/duration.h"
#include "core/reference.h"
#include "core/reader.h"

#include "platform/hidden.h"

struct sender_reader {
    struct mtm_reader reader;
};

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

static sender_reader *new_reader(size_t capacity, float grow)
{
    sender_reader *made = mtm_alloc(sizeof *made);
    if (!made) return NULL;
    if (mtm_reader_init(&made->reader, capacity, true, (double)grow) == MTM_OK) {
        mtm_reader_align(&made->reader);
        return made;
    }
    mtm_free(made);
    return NULL;
}

static void free_reader(sender_reader *r)
{
    if (!r) return;
    mtm_reader_fini(&r->reader);
    mtm_free(r);
}

static void clear_reader(sender_reader *r)
{
    mtm_reader_clear(&r->reader);
}

static void to_array(const struct mtm_value *value, sender_capi_value *out)
{
    out->arrayVal.type = (enum sender_array_type)value->array.type;
    out->arrayVal.elementSize = value->array.elsize;
    out->arrayVal.elementCount = value->array.count;
    out->arrayVal.data = value->array.ptr;
}

/* Through the integer type of the same size: a pointer to data can't be converted to one to
 * code. */
static lua_CFunction to_function(uint64_t address)
{
    return (lua_CFunction)(uintptr_t)address;
}

static void next_value(sender_reader *r, sender_capi_value *out)
{
    struct mtm_value value;
    out->type = SENDER_CAPI_TYPE_NONE;
    switch (mtm_reader_next_aligned(&r->reader, &value)) {
        case MTM_TAG_NIL: out->type = SENDER_CAPI_TYPE_NIL; break;
        case MTM_TAG_BOOLEAN:
            out->type = SENDER_CAPI_TYPE_BOOLEAN;
            out->boolVal = value.boolean;
            break;
        case MTM_TAG_BYTE:
        case MTM_TAG_INTEGER:
            out->type = SENDER_CAPI_TYPE_INTEGER;
            out->intVal = (lua_Integer)value.integer;
            break;
        case MTM_TAG_NUMBER:
            out->type = SENDER_CAPI_TYPE_NUMBER;
            out->numVal = (lua_Number)value.number;
            break;
        case MTM_TAG_POINTER:
            out->type = SENDER_CAPI_TYPE_LIGHTUSERDATA;
            out->ptrVal = (void *)(uintptr_t)value.pointer;
            break;
        case MTM_TAG_FUNCTION:
            out->type = SENDER_CAPI_TYPE_CFUNCTION;
            out->funcVal = to_function(value.pointer);
            break;
        case MTM_TAG_SHORT:
        case MTM_TAG_STRING:
            out->type = SENDER_CAPI_TYPE_STRING;
            out->strVal.ptr = (const char *)value.string.ptr;
            out->strVal.len = value.string.len;
            break;
        case MTM_TAG_ARRAY:
            out->type = SENDER_CAPI_TYPE_ARRAY;
            to_array(&value, out);
            break;
        case MTM_TAG_TABLE:
        case MTM_TAG_SHARED:
        case MTM_TAG_CODE:
        case MTM_TAG_REFERENCE:
        case MTM_TAG_KEY:
        case MTM_TAG_KEY_AGAIN:
        case MTM_TAG_NAMED:
        case MTM_TAG_MODULE:
        case MTM_TAG_GLOBALS:
        case MTM_TAG_UPVALUE: /* unknown to this version: one nil for all of it */
            if (mtm_reader_skip(&r->reader, &value)) out->type = SENDER_CAPI_TYPE_NIL;
            break;
        case MTM_TAG_END: break;
    }
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
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no result of a receive */
    return 5;
}

/* A negative time is none to wait for, but for ever. */
static int64_t to_ns(double seconds)
{
    return seconds < 0 ? MTM_FOREVER : mtm_ns_of_seconds(seconds);
}

static int next_message(sender_object *sender, sender_reader *r, int nonblock, double timeout,
                        sender_error_handler handler, void *data)
{
    struct mtm_wait wait = {.timeout = nonblock ? 0 : to_ns(timeout),
                            .nonblock = nonblock != 0};
    struct mtm_failure failure = {0};
    size_t need;
    enum mtm_status status =
        mtm_reader_receive(&r->reader, &of_sender(sender)->object, &wait, &need, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return take_code(status);
}

const struct sender_capi mtc_sender_capi = {
    .version_major = SENDER_CAPI_VERSION_MAJOR,
    .version_minor = SENDER_CAPI_VERSION_MINOR,
    .version_patch = SENDER_CAPI_VERSION_PATCH,
    .toSender = to_sender,
    .retainSender = retain_sender,
    .releaseSender = release_sender,
    .newReader = new_reader,
    .freeReader = free_reader,
    .clearReader = clear_reader,
    .nextValueFromReader = next_value,
    .nextMessageFromSender = next_message,
};
