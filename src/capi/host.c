/* What programs use that are linked with the library: buffers by id and by name, without a Lua
 * state. It owns nothing; whoever finds a buffer gets a root of it. */
#include "capi/shim.h"
#include "mtmsg/notify_capi.h"
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#include "capi/apis.h"
#include "core/registry.h"
#include "core/spin.h"

#include "platform/hidden.h"
/* behind that, since the shared module does not show them */
#include "mtmsg/mtmsg.h"

const notify_capi *mtmsg_notify_capi(void)
{
    return &mtc_notify_capi;
}

const receiver_capi_2_1 *mtmsg_receiver_capi(void)
{
    return &mtc_receiver_capi_2_1;
}

const sender_capi_1_1 *mtmsg_sender_capi(void)
{
    return &mtc_sender_capi_1_1;
}

void mtmsg_set_polling(int polls)
{
    mtm_polling_set(polls != 0);
}

/* ---- looking up ---- */

static enum mtmsg_why why_not(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return MTMSG_FOUND;
        case MTM_ABORTED: return MTMSG_ABORTED;
        case MTM_AMBIGUOUS: return MTMSG_AMBIGUOUS;
        case MTM_TOO_MANY: return MTMSG_TOO_MANY;
        case MTM_UNKNOWN: return MTMSG_UNKNOWN;
        case MTM_EMPTY:
        case MTM_BUSY:
        case MTM_FULL:
        case MTM_TOO_LARGE:
        case MTM_CLOSED:
        case MTM_NOMEM:
        case MTM_NO_BUFFERS:
        case MTM_HAS_NOTIFIER:
        case MTM_NOTIFIER_FAILED:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no result of a look-up */
    return MTMSG_UNKNOWN;
}

static void *found(enum mtm_status status, struct mtm_object *object, enum mtmsg_why *why)
{
    if (why) *why = why_not(status);
    return status == MTM_OK ? object : NULL;
}

/* Buffers, and where they do, too, topics. */
static void *by_id(double id, bool topics, enum mtmsg_why *why)
{
    struct mtm_object *object = NULL;
    const bool is_id = id >= 1 && id < 9007199254740992.0 && (double)(uint64_t)id == id;
    enum mtm_status status = MTM_UNKNOWN;
    if (is_id) status = mtm_registry_find_id(MTM_BUFFER, (uint64_t)id, &object);
    if (is_id && topics && status == MTM_UNKNOWN)
        status = mtm_registry_find_id(MTM_TOPIC, (uint64_t)id, &object);
    return found(status, object, why);
}

static void *by_name(const char *name, size_t len, bool topics, enum mtmsg_why *why)
{
    struct mtm_object *object = NULL;
    enum mtm_status status = mtm_registry_find_name(MTM_BUFFER, name, len, &object);
    if (topics && status == MTM_UNKNOWN)
        status = mtm_registry_find_name(MTM_TOPIC, name, len, &object);
    return found(status, object, why);
}

receiver_object *mtmsg_receiver_by_id(double id, enum mtmsg_why *why)
{
    return by_id(id, true, why);
}

receiver_object *mtmsg_receiver_by_name(const char *name, size_t len, enum mtmsg_why *why)
{
    return by_name(name, len, true, why);
}

sender_object *mtmsg_sender_by_id(double id, enum mtmsg_why *why)
{
    return by_id(id, false, why);
}

sender_object *mtmsg_sender_by_name(const char *name, size_t len, enum mtmsg_why *why)
{
    return by_name(name, len, false, why);
}

notify_notifier *mtmsg_notifier_by_id(double id, enum mtmsg_why *why)
{
    return by_id(id, true, why);
}

notify_notifier *mtmsg_notifier_by_name(const char *name, size_t len, enum mtmsg_why *why)
{
    return by_name(name, len, true, why);
}
