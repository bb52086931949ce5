/* Buffers and topics as receivers of messages from native code: thin functions over
 * core/compose. It owns the writers that native code makes. */
#include "capi/shim.h"
#include "mtmsg/receiver_capi.h"

#include "capi/apis.h"
#include "capi/reader.h"
#include "core/alloc.h"
#include "core/compose.h"
#include "core/duration.h"
#include "core/publish.h"
#include "core/reference.h"

#include "platform/hidden.h"

struct receiver_writer {
    struct mtm_composer composer;
};

enum { IS_OPEN = 7 }; /* the code for a message in which a table has not been ended */

static struct mtm_object *of_receiver(receiver_object *receiver)
{
    return (struct mtm_object *)(void *)receiver;
}

static receiver_object *to_receiver(lua_State *L, int index)
{
    return (receiver_object *)(void *)mtc_to_taker(L, index);
}

static void retain_receiver(receiver_object *receiver)
{
    mtm_root_retain(of_receiver(receiver));
}

static void release_receiver(receiver_object *receiver)
{
    mtm_root_release(of_receiver(receiver));
}

static receiver_writer *new_writer(size_t capacity, float grow)
{
    receiver_writer *made = mtm_alloc(sizeof *made);
    if (!made) return NULL;
    if (mtm_compose_init(&made->composer, capacity, (double)grow) == MTM_OK) return made;
    mtm_free(made);
    return NULL;
}

static void free_writer(receiver_writer *w)
{
    if (!w) return;
    mtm_compose_fini(&w->composer);
    mtm_free(w);
}

static enum mtm_status send(struct mtm_composer *composer, struct mtm_object *object,
                            bool replace, bool nonblock, struct mtm_failure *failure)
{
    if (object->kind == MTM_BUFFER) {
        return mtm_compose_send(composer, (struct mtm_buffer *)object, replace, nonblock,
                                failure);
    }
    return mtm_compose_publish(composer, (struct mtm_topic *)object, replace, nonblock,
                               failure);
}

static int msg_to_receiver(receiver_object *receiver, receiver_writer *w, int clear,
                           int nonblock, receiver_error_handler handler, void *data)
{
    struct mtm_failure failure = {0};
    enum mtm_status status =
        send(&w->composer, of_receiver(receiver), clear != 0, nonblock != 0, &failure);
    if (status == MTM_MISPLACED) return IS_OPEN;
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return mtm_put_code(status);
}

/* A subscriber of a topic that has no room in time does without the message. */
static enum mtm_status put(struct mtm_composer *composer, struct mtm_object *object,
                           struct mtm_wait *wait, struct mtm_failure *failure)
{
    if (object->kind == MTM_BUFFER) {
        return mtm_compose_send_wait(composer, (struct mtm_buffer *)object, wait, failure);
    }
    return mtm_compose_publish_wait(composer, (struct mtm_topic *)object, wait, failure);
}

static int put_to_receiver(receiver_object *receiver, receiver_writer *w, double timeout,
                           receiver_error_handler handler, void *data)
{
    struct mtm_failure failure = {0};
    struct mtm_wait wait = {.timeout = mtc_timeout(timeout), .nonblock = timeout == 0};
    enum mtm_status status = put(&w->composer, of_receiver(receiver), &wait, &failure);
    if (status == MTM_MISPLACED) return IS_OPEN;
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return mtm_put_code(status);
}

static void finish_receiver(receiver_object *receiver)
{
    struct mtm_object *object = of_receiver(receiver);
    if (object->kind == MTM_BUFFER) mtm_buffer_finish((struct mtm_buffer *)object);
    else mtm_topic_finish((struct mtm_topic *)object);
}

static void clear_writer(receiver_writer *w)
{
    mtm_compose_clear(&w->composer);
}

/* ---- values ---- */

static int add_code(enum mtm_status status)
{
    if (MTM_LIKELY(status == MTM_OK)) return 0;
    return status == MTM_TOO_LARGE ? -1 : status == MTM_MISPLACED ? -3 : -2;
}

/* What has been added to the writer counts in the table that it is in. */
static int added(receiver_writer *w, enum mtm_status status, size_t count)
{
    if (MTM_LIKELY(status == MTM_OK)) mtm_compose_added(&w->composer, count);
    return add_code(status);
}

static int add_boolean(receiver_writer *w, int value)
{
    enum mtm_status status = mtm_compose_may(&w->composer, 1, false);
    if (status == MTM_OK) status = mtm_writer_add_boolean(&w->composer.writer, value != 0);
    return added(w, status, 1);
}

static int add_integer(receiver_writer *w, lua_Integer value)
{
    enum mtm_status status = mtm_compose_may(&w->composer, 1, false);
    if (status == MTM_OK) status = mtm_writer_add_integer(&w->composer.writer, value);
    return added(w, status, 1);
}

static int add_number(receiver_writer *w, lua_Number value)
{
    const double number = (double)value;
    enum mtm_status status = mtm_compose_may(&w->composer, 1, number != number);
    if (status == MTM_OK) status = mtm_writer_add_number(&w->composer.writer, number);
    return added(w, status, 1);
}

static int add_string(receiver_writer *w, const char *text, size_t len)
{
    enum mtm_status status = mtm_compose_may(&w->composer, 1, false);
    if (status == MTM_OK) status = mtm_writer_add_string(&w->composer.writer, text, len);
    if (status == MTM_OK) mtm_compose_added_string(&w->composer, len);
    return add_code(status);
}

static int add_bytes(receiver_writer *w, const unsigned char *bytes, size_t count)
{
    enum mtm_status status = mtm_compose_may(&w->composer, count, false);
    if (status == MTM_OK) status = mtm_writer_add_bytes(&w->composer.writer, bytes, count);
    return added(w, status, count);
}

static int add_nil(receiver_writer *w)
{
    enum mtm_status status = mtm_compose_may(&w->composer, 1, true);
    if (status == MTM_OK) status = mtm_writer_add_nil(&w->composer.writer);
    return added(w, status, 1);
}

static int add_word(receiver_writer *w, enum mtm_tag tag, uintptr_t word)
{
    enum mtm_status status = mtm_compose_may(&w->composer, 1, false);
    if (status == MTM_OK) status = mtm_writer_add_pointer(&w->composer.writer, tag, word);
    return added(w, status, 1);
}

static int add_pointer(receiver_writer *w, void *pointer)
{
    return add_word(w, MTM_TAG_POINTER, (uintptr_t)pointer);
}

static int add_function(receiver_writer *w, lua_CFunction function)
{
    return add_word(w, MTM_TAG_FUNCTION, (uintptr_t)function);
}

static int begin_table(receiver_writer *w, size_t count, size_t *number)
{
    return add_code(mtm_compose_begin(&w->composer, count, number));
}

static int end_table(receiver_writer *w)
{
    return add_code(mtm_compose_end(&w->composer));
}

static int add_reference(receiver_writer *w, size_t number)
{
    return add_code(mtm_compose_refer(&w->composer, number));
}

static int add_object(receiver_writer *w, receiver_object *object, size_t *number)
{
    return add_code(mtm_compose_object(&w->composer, of_receiver(object), number));
}

static int add_value(receiver_writer *w, struct sender_reader *r)
{
    return add_code(mtm_compose_copy(&w->composer, &r->walk));
}

/* ---- arrays ---- */

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
    enum mtm_status status = mtm_compose_may(&w->composer, 1, false);
    size_t size = element_size(type);
    if (size == 0 || status != MTM_OK) return NULL;
    void *elements = mtm_writer_array(&w->composer.writer, (unsigned char)type,
                                      (unsigned char)size, count, &status);
    if (elements) mtm_compose_added(&w->composer, 1);
    return elements;
}

/* What both versions begin with. */
#define FUNCTIONS_OF_2_0                                                                       \
    .toReceiver = to_receiver, .retainReceiver = retain_receiver,                              \
    .releaseReceiver = release_receiver, .newWriter = new_writer, .freeWriter = free_writer,   \
    .msgToReceiver = msg_to_receiver, .clearWriter = clear_writer,                             \
    .addBooleanToWriter = add_boolean, .addIntegerToWriter = add_integer,                      \
    .addNumberToWriter = add_number, .addStringToWriter = add_string,                          \
    .addBytesToWriter = add_bytes, .addArrayToWriter = add_array

const struct receiver_capi_2_1 mtc_receiver_capi_2_1 = {
    .version_major = RECEIVER_CAPI_VERSION_MAJOR,
    .version_minor = RECEIVER_CAPI_2_1_VERSION_MINOR,
    .version_patch = RECEIVER_CAPI_2_1_VERSION_PATCH,
    FUNCTIONS_OF_2_0,
    .addNilToWriter = add_nil,
    .addPointerToWriter = add_pointer,
    .addFunctionToWriter = add_function,
    .beginTableInWriter = begin_table,
    .endTableInWriter = end_table,
    .addReferenceToWriter = add_reference,
    .addValueToWriter = add_value,
    .addObjectToWriter = add_object,
    .putToReceiver = put_to_receiver,
    .finishReceiver = finish_receiver,
};

/* The one that is found first, by those who know no other. */
const struct receiver_capi mtc_receiver_capi = {
    .version_major = RECEIVER_CAPI_VERSION_MAJOR,
    .version_minor = RECEIVER_CAPI_VERSION_MINOR,
    .version_patch = RECEIVER_CAPI_VERSION_PATCH,
    .next_capi = (void *)&mtc_receiver_capi_2_1,
    FUNCTIONS_OF_2_0,
};
