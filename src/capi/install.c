/* The APIs in the metatable of buffers, and what their functions have in common. It owns
 * nothing: the tables are static. */
#include "capi/shim.h"
#define NOTIFY_CAPI_IMPLEMENT_SET_CAPI
#define RECEIVER_CAPI_IMPLEMENT_SET_CAPI
#define SENDER_CAPI_IMPLEMENT_SET_CAPI
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#include "capi/apis.h"
#include "core/duration.h"

#include "platform/hidden.h"

const char mtc_copy = 0;

int64_t mtc_timeout(double seconds)
{
    return seconds < 0 ? MTM_FOREVER : mtm_ns_of_seconds(seconds);
}

void mtc_report(struct mtm_failure *failure,
                void (*handler)(void *data, const char *text, size_t len), void *data)
{
    size_t len;
    const char *text = mtm_failure_text(failure, &len);
    if (handler) handler(data, text, len);
    mtm_failure_free(failure);
}

void mtc_install_topic(lua_State *L)
{
    notify_set_capi(L, -1, &mtc_notify_capi);
    receiver_set_capi(L, -1, &mtc_receiver_capi);
}

void mtc_install(lua_State *L)
{
    notify_set_capi(L, -1, &mtc_notify_capi);
    receiver_set_capi(L, -1, &mtc_receiver_capi);
    sender_set_capi(L, -1, &mtc_sender_capi);
}
