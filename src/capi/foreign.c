/* Other modules' objects as notifiers of buffers, and buffers as each other's. It owns the
 * reference that a connection has to a foreign notifier. */
#include "capi/shim.h"
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"

#include "capi/apis.h"

#include "platform/hidden.h"

typedef void (*any_function)(void);
typedef void (*release_function)(notify_notifier *notifier);
typedef int (*notify_function)(notify_notifier *notifier, notifier_error_handler handler,
                               void *data);

static void foreign_release(const void *code, void *object)
{
    ((release_function)((const struct mtm_foreign_code *)code)->release)(object);
}

static int foreign_notify(const void *code, void *object, mtm_error_handler handler, void *data)
{
    return ((notify_function)((const struct mtm_foreign_code *)code)->notify)(object, handler,
                                                                              data);
}

static const struct mtm_notifier_ops foreign_ops = {foreign_release, foreign_notify};

/* A connection may outlive the state that has loaded the notifier's module, and with it what
 * `api` points to. */
static struct mtm_foreign_code pinned_code(const notify_capi *api)
{
    mtm_plat_pin_image((const void *)(uintptr_t)api->notify);
    mtm_plat_pin_image((const void *)(uintptr_t)api->releaseNotifier);
    return (struct mtm_foreign_code){(any_function)api->releaseNotifier,
                                     (any_function)api->notify};
}

static struct mtm_notifier *connect_foreign(const notify_capi *api, notify_notifier *object,
                                            int64_t threshold)
{
    const struct mtm_foreign_code code = pinned_code(api);
    struct mtm_notifier *notifier =
        mtm_notifier_new_foreign(&foreign_ops, &code, object, threshold);
    if (notifier) api->retainNotifier(object);
    return notifier;
}

/* A topic would lead back to the buffer, if that has subscribed, and from there on without end:
 * the loop over chains of buffers does not see through it. */
static bool is_topic(const notify_capi *api, notify_notifier *object)
{
    return api == &mtc_notify_capi && ((struct mtm_object *)(void *)object)->kind == MTM_TOPIC;
}

struct mtm_notifier *mtc_to_notifier(lua_State *L, int index, int64_t threshold,
                                     enum mtm_status *status)
{
    struct mtm_notifier *notifier;
    const notify_capi *api = notify_get_capi(L, index, NULL);
    notify_notifier *object = api ? api->toNotifier(L, index) : NULL;
    *status = MTM_UNKNOWN;
    if (!object || is_topic(api, object)) return NULL;
    if (api == &mtc_notify_capi)
        notifier = mtm_notifier_new_buffer((struct mtm_buffer *)(void *)object, threshold);
    else notifier = connect_foreign(api, object, threshold);
    *status = notifier ? MTM_OK : MTM_NOMEM;
    return notifier;
}
