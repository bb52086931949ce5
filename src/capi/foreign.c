/* Other modules' objects as notifiers of buffers, and buffers as each other's. It owns the
 * reference that a connection has to a foreign notifier. */
#include "capi/shim.h"
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"

#include "capi/apis.h"

#include "platform/hidden.h"

static void foreign_release(const void *api, void *object)
{
    ((const notify_capi *)api)->releaseNotifier(object);
}

static int foreign_notify(const void *api, void *object, mtm_error_handler handler, void *data)
{
    return ((const notify_capi *)api)->notify(object, handler, data);
}

static const struct mtm_notifier_ops foreign_ops = {foreign_release, foreign_notify};

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
    if (api == &mtc_notify_capi)
        notifier = mtm_notifier_new_buffer((struct mtm_buffer *)(void *)object, threshold);
    else notifier = connect_foreign(api, object, threshold);
    *status = notifier ? MTM_OK : MTM_NOMEM;
    return notifier;
}
