/* Calling notifiers, one after the other. It owns no state. */
#include "core/notify.h"

#include "core/bell.h"
#include "core/id_set.h"

#include "platform/hidden.h"

/* ---- one that is not ours ---- */

/* Once, for `buffer`, whose notifier it is or was. */
static enum mtm_status call_once(struct mtm_buffer *buffer, enum mtm_event event,
                                 const struct mtm_notifier *notifier, uint64_t serial,
                                 bool nonblock, struct mtm_failure *failure)
{
    struct mtm_report report = {failure, false};
    MTM_PAUSE();
    MTM_ASSERT_UNLOCKED();
    int rc =
        notifier->ops->notify(&notifier->code, notifier->object, mtm_report_handle, &report);
    if (rc != 0 && rc != MTM_NOTIFY_CLOSED) {
        if (!report.given) mtm_failure_set_unknown(failure, rc);
        return MTM_NOTIFIER_FAILED;
    }
    mtm_failure_free(failure);
    if (rc == MTM_NOTIFY_CLOSED && mtm_running_is(serial)) {
        mtm_buffer_disconnect(buffer, event, notifier, nonblock);
    }
    return MTM_OK;
}

/* What it adds to the buffer, or takes from it, it is called for when it has returned, if it is
 * still connected then: never in the middle of a call, and in a loop. One that does so each
 * time goes on for ever. Takes over the references to `notifier`, and to what keeps `buffer`.
 */
static enum mtm_status call_foreign(struct mtm_buffer *buffer, enum mtm_event event,
                                    struct mtm_notifier *notifier, struct mtm_notifier *keeps,
                                    bool nonblock, struct mtm_failure *failure)
{
    uint64_t serial = 0;
    const bool owes = mtm_running_owes(buffer, event, notifier, &serial);
    if (!owes) serial = mtm_running_begin(buffer, notifier, keeps, &serial);
    if (serial == 0) {
        mtm_notifier_release(notifier, nonblock);
        mtm_notifier_release(keeps, nonblock);
        return owes ? MTM_OK : MTM_NOTIFIER_FAILED;
    }
    enum mtm_status status = call_once(buffer, event, notifier, serial, nonblock, failure);
    struct mtm_notifier *owed;
    while (status == MTM_OK && (owed = mtm_running_take_owed(serial, &event)) != NULL) {
        if (!mtm_load_acq(&owed->gone)) { /* pairs with unplug */
            status = call_once(buffer, event, owed, serial, nonblock, failure);
        }
        mtm_notifier_release(owed, nonblock);
    }
    mtm_running_end(serial, nonblock);
    return status;
}

/* ---- one that is a buffer ---- */

/* An empty message for it. *next: its own notifier, if that fires. */
static enum mtm_status add_to(struct mtm_buffer *buffer, enum mtm_event event,
                              const struct mtm_notifier *notifier, bool nonblock,
                              struct mtm_notifier **next, struct mtm_failure *failure)
{
    MTM_PAUSE();
    int rc = mtm_put_code(mtm_bell_ring(notifier->buffer, nonblock, next));
    if (rc == MTM_NOTIFY_CLOSED) mtm_buffer_disconnect(buffer, event, notifier, nonblock);
    if (rc == 0 || rc == MTM_NOTIFY_CLOSED) return MTM_OK;
    mtm_failure_set_unknown(failure, rc);
    return MTM_NOTIFIER_FAILED;
}

/* Whether the notifier leads back to a buffer that was met; notes `buffer` as met. */
static enum mtm_status look_back(struct mtm_id_set *set, const struct mtm_buffer *buffer,
                                 const struct mtm_notifier *notifier, bool *met)
{
    *met = false;
    if (!notifier->buffer) return MTM_OK;
    enum mtm_status status = mtm_id_set_add(set, buffer->object.id);
    *met = mtm_id_set_has(set, notifier->buffer->object.id);
    return status;
}

/* A notifier that is a buffer may have a notifier, and so on: the loop follows them until it
 * ends, or would come to a buffer for the second time, or comes to one that is not ours.
 * `previous` keeps `buffer` alive. */
enum mtm_status mtm_notify(struct mtm_buffer *buffer, enum mtm_event event,
                           struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure)
{
    struct mtm_id_set set;
    struct mtm_notifier *previous = NULL;
    enum mtm_status status = MTM_OK;
    mtm_id_set_init(&set);
    while (notifier && notifier->buffer && status == MTM_OK &&
           !mtm_object_is_inherited(&buffer->object)) {
        struct mtm_notifier *next = NULL;
        bool met;
        if (look_back(&set, buffer, notifier, &met) != MTM_OK) status = MTM_NOTIFIER_FAILED;
        else if (!met) status = add_to(buffer, event, notifier, nonblock, &next, failure);
        mtm_notifier_release(previous, nonblock);
        previous = notifier;
        buffer = notifier->buffer;
        event = MTM_ADDED;
        notifier = next;
    }
    mtm_id_set_fini(&set);
    if (notifier && status == MTM_OK && !mtm_object_is_inherited(&buffer->object)) {
        return call_foreign(buffer, event, notifier, previous, nonblock, failure);
    }
    mtm_notifier_release(notifier, nonblock);
    mtm_notifier_release(previous, nonblock);
    return status;
}
