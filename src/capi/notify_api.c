/* Buffers and topics as notifiers that native code calls: thin functions over the core. It owns
 * nothing; other modules' notifiers are in foreign.c. */
#include "capi/shim.h"
#include "mtmsg/notify_capi.h"

#include "capi/apis.h"
#include "core/publish.h"
#include "core/reference.h"
#include "core/send.h"

#include "platform/hidden.h"

static struct mtm_object *of_notifier(notify_notifier *notifier)
{
    return (struct mtm_object *)(void *)notifier;
}

static notify_notifier *to_notifier(lua_State *L, int index)
{
    return (notify_notifier *)(void *)mtc_to_taker(L, index);
}

static void retain_notifier(notify_notifier *notifier)
{
    mtm_root_retain(of_notifier(notifier));
}

static void release_notifier(notify_notifier *notifier)
{
    mtm_root_release(of_notifier(notifier));
}

static enum mtm_status add(struct mtm_object *object, const struct mtm_message *message,
                           struct mtm_failure *failure)
{
    struct mtm_published published;
    if (object->kind == MTM_BUFFER) {
        return mtm_buffer_add((struct mtm_buffer *)object, message, false, failure);
    }
    return mtm_topic_add((struct mtm_topic *)object, message, false, false, &published,
                         failure);
}

static int notify(notify_notifier *notifier, notifier_error_handler handler, void *data)
{
    struct mtm_message empty = {0};
    struct mtm_failure failure = {0};
    struct mtm_object *object = of_notifier(notifier);
    enum mtm_status status = add(object, &empty, &failure);
    if (status == MTM_NOTIFIER_FAILED) mtc_report(&failure, handler, data);
    return mtm_put_code(status);
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
