/* Buffers as receivers of messages from native code: thin functions over core/send and
 * core/writer. It owns the writers that native code makes. */
#include "capi/shim.h"
#include "mtmsg/receiver_capi.h"

#include "capi/apis.h"
#include "core/alloc.h"
#include "core/reference.h"
#include "core/send.h"

#include "platform/hidden.h"

struct receiver_writer {
    struct mtm_writer writer;
};

static struct mtm_buffer *of_receiver(receiver_object *receiver)
{
    return (struct mtm_buffer *)(void *)receiver;
}

static receiver_object *to_receiver(lua_State *L, int index)
{
    return (receiver_object *)(void *)mtc_to_buffer(L, index);
}

static void retain_receiver(receiver_object *receiver)
{
    mtm_root_retain(&of_receiver(receiver)->object);
}

static void release_receiver(receiver_object *receiver)
{
    mtm_root_release(&of_receiver(receiver)->object);
}

static receiver_writer *new_writer(size_t capacity, float grow)
{
    receiver_writer *made = mtm_alloc(sizeof *made);
    if (!made) return NULL;
    if (mtm_writer_init(&made->writer, capacity, true, (double)grow) == MTM_OK) return made;
    mtm_free(made);
    return NULL;
}

static void free_writer(receiver_writer *w)
{
    if (!w) return;
    mtm_writer_fini(&w->writer);
    mtm_free(w);
}

static int msg_to_receiver(receiver_object *receiver, receiver_writer *w, int clear,
                           int nonblock, receiver_error_handler handler, void *data)
{
    struct mtm_failure failure = {0};
    enum mtm_status status =
        mtm_writer_send(&w->writer, of_receiver(receiver), clear != 0, nonblock != 0, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return mtc_put_code(status);
}

static void clear_writer(receiver_writer *w)
{
    mtm_writer_clear(&w->writer);
}

static int add_code(enum mtm_status status)
{
    return status == MTM_OK ? 0 : status == MTM_TOO_LARGE ? -1 : -2;
}

static int add_boolean(receiver_writer *w, int value)
{
    return add_code(mtm_writer_add_boolean(&w->writer, value != 0));
}

static int add_integer(receiver_writer *w, lua_Integer value)
{
    return add_code(mtm_writer_add_integer(&w->writer, value));
}

static int add_number(receiver_writer *w, lua_Number value)
{
    return add_code(mtm_writer_add_number(&w->writer, (double)value));
}

static int add_string(receiver_writer *w, const char *text, size_t len)
{
    return add_code(mtm_writer_add_string(&w->writer, text, len));
}

static int add_bytes(receiver_writer *w, const unsigned char *bytes, size_t count)
{
    return add_code(mtm_writer_add_bytes(&w->writer, bytes, count));
}

static size_t element_size(enum receiver_array_type type)
{
    switch (type) {
        case RECEIVER_UCHAR:
        case RECEIVER_SCHAR: return sizeof(char);
        case RECEIVER_SHORT:
        case RECEIVER_USHORT: return sizeof(short);
        case RECEIVER_INT:
        case RECEIVER_UINT: return sizeof(int);
        case RECEIVER_LONG:
        case RECEIVER_ULONG: return sizeof(long);
        case RECEIVER_FLOAT: return sizeof(float);
        case RECEIVER_DOUBLE: return sizeof(double);
        case RECEIVER_LLONG:
        case RECEIVER_ULLONG: return sizeof(long long);
    }
    return 0; /* a number that is no type: the caller is foreign code */
}

static void *add_array(receiver_writer *w, enum receiver_array_type type, size_t count)
{
    enum mtm_status status;
    size_t size = element_size(type);
    if (size == 0) return NULL;
    return mtm_writer_array(&w->writer, (unsigned char)type, (unsigned char)size, count,
                            &status);
}

const struct receiver_capi mtc_receiver_capi = {
    .version_major = RECEIVER_CAPI_VERSION_MAJOR,
    .version_minor = RECEIVER_CAPI_VERSION_MINOR,
    .version_patch = RECEIVER_CAPI_VERSION_PATCH,
    .toReceiver = to_receiver,
    .retainReceiver = retain_receiver,
    .releaseReceiver = release_receiver,
    .newWriter = new_writer,
    .freeWriter = free_writer,
    .msgToReceiver = msg_to_receiver,
    .clearWriter = clear_writer,
    .addBooleanToWriter = add_boolean,
    .addIntegerToWriter = add_integer,
    .addNumberToWriter = add_number,
    .addStringToWriter = add_string,
    .addBytesToWriter = add_bytes,
    .addArrayToWriter = add_array,
};
