/* Buffers as notifiers, and other modules' objects as notifiers of buffers.
 * It owns the reference that a connection has to a foreign notifier. */
#include "capi/shim.h"
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_SET_CAPI
#define SENDER_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#include "capi/apis.h"

#include "platform/hidden.h"

static struct mtm_buffer *of_notifier(notify_notifier *notifier)
{
    return (struct mtm_buffer *)(void *)notifier;
}

static notify_notifier *to_notifier(lua_State *L, int index)
{
    return (notify_notifier *)(void *)mtc_to_buffer(L, index);
}

static void retain_notifier(notify_notifier *notifier)
{
    mtm_root_retain(&of_notifier(notifier)->object);
}

static void release_notifier(notify_notifier *notifier)
{
    mtm_root_release(&of_notifier(notifier)->object);
}

int mtc_put_code(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return 0;
        case MTM_CLOSED: return 1;
        case MTM_ABORTED: return 2;
        case MTM_BUSY: return 3;
        case MTM_FULL: return 4;
        case MTM_TOO_LARGE: return 5;
        case MTM_NOTIFIER_FAILED: return 999;
        default: return 6;
    }
}

void mtc_report(struct mtm_failure *failure,
                void (*handler)(void *data, const char *text, size_t len), void *data)
{
    size_t len;
    const char *text = mtm_failure_text(failure, &len);
    if (handler) handler(data, text, len);
    mtm_failure_free(failure);
}

static int notify(notify_notifier *notifier, notify_error_handler handler, void *data)
{
    struct mtm_message empty = {0};
    struct mtm_failure failure = {0};
    enum mtm_status status = mtm_buffer_add(of_notifier(notifier), &empty, false, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return mtc_put_code(status);
}

const struct notify_capi mtc_notify_capi = {
    .version_major = NOTIFY_CAPI_VERSION_MAJOR,
    .version_minor = NOTIFY_CAPI_VERSION_MINOR,
    .version_patch = NOTIFY_CAPI_VERSION_PATCH,
    .toNotifier = to_notifier,
    .retainNotifier = retain_notifier,
    .releaseNotifier = release_notifier,
    .notify = notify,
};

void mtc_install(lua_State *L)
{
    notify_set_capi(L, -1, &mtc_notify_capi);
    receiver_set_capi(L, -1, &mtc_receiver_capi);
    sender_set_capi(L, -1, &mtc_sender_capi);
}

/* ---- other modules' notifiers ---- */

static void foreign_release(const void *api, void *object)
{
    ((const notify_capi *)api)->releaseNotifier(object);
}

static int foreign_notify(const void *api, void *object, mtm_error_handler handler, void *data)
{
    return ((const notify_capi *)api)->notify(object, handler, data);
}

static const struct mtm_notifier_ops foreign_ops = {foreign_release, foreign_notify};

static struct mtm_notifier *connect_buffer(struct mtm_buffer *buffer, int64_t threshold)
{
    struct mtm_notifier *notifier = mtm_notifier_new_buffer(buffer, threshold);
    if (notifier) mtm_object_retain(&buffer->object);
    return notifier;
}

static struct mtm_notifier *connect_foreign(const notify_capi *api, notify_notifier *object,
                                            int64_t threshold)
{
    struct mtm_notifier *notifier =
        mtm_notifier_new_foreign(&foreign_ops, api, object, threshold);
    if (notifier) api->retainNotifier(object);
    return notifier;
}

struct mtm_notifier *mtc_to_notifier(lua_State *L, int index, int64_t threshold,
                                     enum mtm_status *status)
{
    struct mtm_notifier *notifier;
    const notify_capi *api = notify_get_capi(L, index, NULL);
    notify_notifier *object = api ? api->toNotifier(L, index) : NULL;
    *status = MTM_UNKNOWN;
    if (!object) return NULL;
    if (api == &mtc_notify_capi) notifier = connect_buffer(of_notifier(object), threshold);
    else notifier = connect_foreign(api, object, threshold);
    *status = notifier ? MTM_OK : MTM_NOMEM;
    return notifier;
}
