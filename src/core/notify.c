/* Connections to notifiers, and the loop that calls them, one after the other.
 * It owns the connections, and for each thread the list of notifiers that it is calling at this
 * moment. */
#include "core/notify.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/buffer.h"
#include "core/id_set.h"
#include "core/reference.h"
#include "core/send.h"
#include "core/size.h"

#include "platform/hidden.h"

/* A notifier that this thread is calling now, on behalf of a buffer; on the stack of the call.
 */
struct running {
    const struct mtm_buffer *buffer;
    const void *object;
    struct running *outer;
};

static MTM_THREAD_LOCAL struct running *running;

/* ---- failures ---- */

void mtm_failure_free(struct mtm_failure *failure)
{
    mtm_free(failure->text);
    *failure = (struct mtm_failure){0};
}

const char *mtm_failure_text(const struct mtm_failure *failure, size_t *len)
{
    static const char no_text[] = "Error while calling notifier: out of memory";
    *len = failure->text ? failure->len : sizeof no_text - 1;
    return failure->text ? failure->text : no_text;
}

static void set_text(struct mtm_failure *failure, const char *prefix, const char *text,
                     size_t len)
{
    const size_t prefix_len = strlen(prefix);
    mtm_failure_free(failure);
    failure->text = mtm_alloc(mtm_size_add(mtm_size_add(prefix_len, 1), len));
    if (!failure->text) return;
    memcpy(failure->text, prefix, prefix_len);
    if (len > 0) memcpy(failure->text + prefix_len, text, len);
    failure->len = prefix_len + len;
    failure->text[failure->len] = '\0';
}

/* What the error handler collects during one call. */
struct report {
    struct mtm_failure *failure;
    bool given;
};

static void handle_error(void *data, const char *text, size_t len)
{
    struct report *report = data;
    report->given = true;
    set_text(report->failure, "Error while calling notifier: ", text ? text : "",
             text ? len : 0);
}

static void set_unknown(struct mtm_failure *failure, int rc)
{
    char number[24];
    int len = snprintf(number, sizeof number, "%d)", rc);
    set_text(failure, "Unknown error while calling notifier. (rc=", number, (size_t)len);
}

/* ---- connections ---- */

static struct mtm_notifier *new_notifier(const struct mtm_notifier *from)
{
    struct mtm_notifier *notifier = mtm_alloc(sizeof *notifier);
    if (notifier) {
        *notifier = *from;
        mtm_store_rlx(&notifier->refs, 1);
    }
    return notifier;
}

struct mtm_notifier *mtm_notifier_new_buffer(struct mtm_buffer *buffer, int64_t threshold)
{
    return new_notifier(&(struct mtm_notifier){.buffer = buffer, .threshold = threshold});
}

struct mtm_notifier *mtm_notifier_new_foreign(const struct mtm_notifier_ops *ops,
                                              const struct mtm_foreign_code *code, void *object,
                                              int64_t threshold)
{
    return new_notifier(
        &(struct mtm_notifier){.ops = ops,
                               .code = code ? *code : (struct mtm_foreign_code){0},
                               .object = object,
                               .threshold = threshold});
}

static void free_notifier(struct mtm_notifier *notifier)
{
    if (notifier->buffer) mtm_object_release(&notifier->buffer->object);
    else notifier->ops->release(&notifier->code, notifier->object);
    mtm_free(notifier);
}

/* Freeing a notifier may free a buffer, and that one's notifiers: a loop goes through all of
 * them, however many there are. */
void mtm_notifier_release(struct mtm_notifier *notifier)
{
    static MTM_THREAD_LOCAL struct mtm_notifier *doomed;
    static MTM_THREAD_LOCAL bool freeing;
    if (!notifier || mtm_sub_acq_rel(&notifier->refs, 1) != 1) return; /* pairs with itself */
    MTM_ASSERT_UNLOCKED();
    notifier->next_doomed = doomed;
    doomed = notifier;
    if (freeing) return;
    freeing = true;
    while (doomed) {
        notifier = doomed;
        doomed = notifier->next_doomed;
        free_notifier(notifier);
    }
    freeing = false;
}

/* ---- calling ---- */

static bool is_running(const struct mtm_buffer *buffer, const void *object)
{
    for (const struct running *r = running; r; r = r->outer) {
        if (r->buffer == buffer && r->object == object) return true;
    }
    return false;
}

static int call_foreign(const struct mtm_buffer *buffer, const struct mtm_notifier *notifier,
                        struct report *report)
{
    struct running self = {buffer, notifier->object, running};
    running = &self;
    MTM_ASSERT_UNLOCKED();
    int rc = notifier->ops->notify(&notifier->code, notifier->object, handle_error, report);
    running = self.outer;
    return rc;
}

/* The codes that a buffer's native functions give. */
static int code_of(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return 0;
        case MTM_CLOSED: return MTM_NOTIFY_CLOSED;
        case MTM_ABORTED: return 2;
        case MTM_BUSY: return 3;
        case MTM_FULL: return 4;
        case MTM_TOO_LARGE: return 5;
        case MTM_NOMEM: return 6;
        case MTM_EMPTY:
        case MTM_NO_BUFFERS:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_NOTIFIER_FAILED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no result of a put */
    return 6;
}

/* One call. *next: the notifier of the buffer that was the notifier, or NULL. */
static int call(const struct mtm_buffer *buffer, const struct mtm_notifier *notifier,
                bool nonblock, struct report *report, struct mtm_notifier **next)
{
    *next = NULL;
    if (notifier->buffer)
        return code_of(mtm_buffer_add_empty(notifier->buffer, nonblock, next));
    if (is_running(buffer, notifier->object)) return 0;
    return call_foreign(buffer, notifier, report);
}

/* Calls `notifier`, which `buffer` had for the event. *next: what to call then, or NULL. */
static enum mtm_status notify_step(struct mtm_buffer *buffer, enum mtm_event event,
                                   const struct mtm_notifier *notifier, bool nonblock,
                                   struct mtm_notifier **next, struct mtm_failure *failure)
{
    struct report report = {failure, false};
    MTM_PAUSE();
    int rc = call(buffer, notifier, nonblock, &report, next);
    if (rc != 0 && rc != MTM_NOTIFY_CLOSED) {
        if (!report.given) set_unknown(failure, rc);
        return MTM_NOTIFIER_FAILED;
    }
    mtm_failure_free(failure);
    if (rc == MTM_NOTIFY_CLOSED) mtm_buffer_disconnect(buffer, event, notifier, nonblock);
    return MTM_OK;
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

/* A notifier that is a buffer may have a notifier, and so on: the loop follows this set until
 * it ends, or would come to a buffer for the second time. `previous` keeps `buffer` alive. */
enum mtm_status mtm_notify(struct mtm_buffer *buffer, enum mtm_event event,
                           struct mtm_notifier *notifier, bool nonblock,
                           struct mtm_failure *failure)
{
    struct mtm_id_set set;
    struct mtm_notifier *previous = NULL;
    enum mtm_status status = MTM_OK;
    mtm_id_set_init(&set);
    while (notifier && status == MTM_OK && !mtm_object_is_inherited(&buffer->object)) {
        struct mtm_notifier *next = NULL;
        bool met;
        if (look_back(&set, buffer, notifier, &met) != MTM_OK) status = MTM_NOTIFIER_FAILED;
        else if (!met) status = notify_step(buffer, event, notifier, nonblock, &next, failure);
        mtm_notifier_release(previous);
        previous = notifier;
        buffer = notifier->buffer;
        event = MTM_ADDED;
        notifier = next;
    }
    mtm_notifier_release(notifier);
    mtm_notifier_release(previous);
    mtm_id_set_fini(&set);
    return status;
}
