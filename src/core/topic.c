/* Publishing to subscribers in turns, and the list of them. It owns the topics' memory and the
 * latest message of each; subscribers have a reference to their topic, and unlink themselves
 * before they are freed. */
#include "core/topic.h"

#include "core/abort_all.h"
#include "core/alloc.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/send.h"

#include "platform/hidden.h"

enum { STORED = 4096 }; /* more bytes than these are stored once for all */

static struct mtm_topic *to_topic(struct mtm_object *object)
{
    return (struct mtm_topic *)object;
}

/* ---- turns ---- */

/* Not counted among the locks that the thread holds. */
static bool take_turn(struct mtm_topic *topic, bool nonblock)
{
    if (!mtm_lock_side(&topic->turn, nonblock)) return false;
    MTM_HELD_ADD(-1);
    return true;
}

static void end_turn(struct mtm_topic *topic)
{
    MTM_HELD_ADD(1);
    mtm_unlock(&topic->turn);
}

/* ---- subscribers ---- */

/* The first one after `buffer` (NULL: of all) that has references, with one more; or NULL. A
 * buffer stays in the list until it is freed, so `buffer`, of which the caller has a reference,
 * is there. */
static struct mtm_buffer *next_alive(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_lock(&topic->object.lock);
    buffer = buffer ? buffer->topic_next : topic->first;
    while (buffer && !mtm_object_retain_alive(&buffer->object)) buffer = buffer->topic_next;
    mtm_unlock(&topic->object.lock);
    return buffer;
}

static struct mtm_buffer *step(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    struct mtm_buffer *next = next_alive(topic, buffer);
    if (buffer) mtm_object_release(&buffer->object);
    return next;
}

static void link_subscriber(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_object_retain(&topic->object);
    mtm_lock(&topic->object.lock);
    buffer->topic = topic;
    buffer->topic_prev = topic->last;
    buffer->topic_next = NULL;
    *(topic->last ? &topic->last->topic_next : &topic->first) = buffer;
    topic->last = buffer;
    mtm_store_rlx(&topic->count, mtm_load_rlx(&topic->count) + 1);
    mtm_unlock(&topic->object.lock);
}

void mtm_topic_leave(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_lock(&topic->object.lock);
    struct mtm_buffer *prev = buffer->topic_prev, *next = buffer->topic_next;
    *(prev ? &prev->topic_next : &topic->first) = next;
    *(next ? &next->topic_prev : &topic->last) = prev;
    MTM_STEP(leave_topic);
    mtm_store_rlx(&topic->count, mtm_load_rlx(&topic->count) - 1);
    mtm_unlock(&topic->object.lock);
}

/* ---- publishing ---- */

/* Who gets a message, and what is to be called then. */
struct target {
    struct mtm_buffer *buffer; /* a reference */
    struct mtm_notifier *notifier;
};

enum { FEW = 32 };

struct targets {
    struct target few[FEW], *at;
    size_t count;
};

/* All subscribers of now; only those who have the turn make them more. OK or NOMEM. */
static enum mtm_status collect(struct mtm_topic *topic, struct targets *targets)
{
    const size_t most = mtm_topic_count(topic);
    targets->count = 0;
    targets->at = targets->few;
    if (most > FEW) targets->at = mtm_alloc(mtm_size_mul(most, sizeof *targets->at));
    if (!targets->at) return MTM_NOMEM;
    mtm_lock(&topic->object.lock);
    for (struct mtm_buffer *buffer = topic->first; buffer; buffer = buffer->topic_next) {
        if (!mtm_object_retain_alive(&buffer->object)) continue;
        targets->at[targets->count++] = (struct target){buffer, NULL};
    }
    mtm_unlock(&topic->object.lock);
    return MTM_OK;
}

static void put(struct targets *targets, const struct mtm_message *message, bool nonblock,
                struct mtm_published *published)
{
    for (size_t i = 0; i < targets->count; ++i) {
        struct target *to = &targets->at[i];
        enum mtm_status status =
            mtm_buffer_put(to->buffer, message, false, nonblock, &to->notifier);
        if (status == MTM_OK) ++published->taken;
        else if (status != MTM_CLOSED && status != MTM_ABORTED) ++published->refused;
    }
}

/* After the turn: a notifier may publish, and so may what is freed with a buffer. The first
 * failure is told. */
static enum mtm_status finish(struct targets *targets, bool nonblock,
                              struct mtm_failure *failure)
{
    enum mtm_status result = MTM_OK;
    for (size_t i = 0; i < targets->count; ++i) {
        struct target *to = &targets->at[i];
        struct mtm_failure own = {0};
        if (to->notifier &&
            mtm_notify(to->buffer, MTM_ADDED, to->notifier, nonblock, &own) != MTM_OK) {
            if (result == MTM_OK) *failure = own;
            else mtm_failure_free(&own);
            result = MTM_NOTIFIER_FAILED;
        }
        mtm_object_release(&to->buffer->object);
    }
    if (targets->at != targets->few) mtm_free(targets->at);
    return result;
}

/* With the turn. *old: what was the latest message before, for mtm_block_free. */
static enum mtm_status publish(struct mtm_topic *topic, const struct mtm_message *message,
                               struct mtm_block *stored, bool nonblock, struct targets *targets,
                               struct mtm_published *published, struct mtm_block **old)
{
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (status == MTM_OK) status = collect(topic, targets);
    if (status != MTM_OK) return status;
    put(targets, message, nonblock, published);
    if (topic->keeps_latest) {
        mtm_block_retain(stored);
        *old = topic->latest;
        topic->latest = stored;
    }
    return MTM_OK;
}

enum mtm_status mtm_topic_add(struct mtm_topic *topic, const struct mtm_message *message,
                              bool nonblock, struct mtm_published *published,
                              struct mtm_failure *failure)
{
    struct mtm_message copy = *message;
    struct mtm_block *stored = NULL, *old = NULL;
    struct targets targets;
    *published = (struct mtm_published){0};
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (status != MTM_OK) return status;
    if (message->size > STORED || topic->keeps_latest) {
        stored = mtm_message_to_block(message, NULL);
        if (!stored) return MTM_NOMEM;
        if (message->size > STORED) copy.stored = stored;
    }
    status = MTM_BUSY;
    if (take_turn(topic, nonblock)) {
        status = publish(topic, &copy, stored, nonblock, &targets, published, &old);
        end_turn(topic);
    }
    if (status == MTM_OK) status = finish(&targets, nonblock, failure);
    mtm_block_free(old);
    mtm_block_free(stored);
    return status;
}

/* ---- subscribing ---- */

/* The latest message goes in front of all later ones. One for which there is no room is not for
 * this subscriber. */
static enum mtm_status put_latest(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    struct mtm_message message;
    struct mtm_notifier *notifier;
    struct mtm_block *latest = topic->latest;
    if (!latest) return MTM_OK;
    mtm_message_init(&message);
    mtm_message_add(&message, mtm_block_data(latest), latest->size);
    if (latest->size > STORED) message.stored = latest;
    enum mtm_status status = mtm_buffer_put(buffer, &message, false, false, &notifier);
    return status == MTM_NOMEM ? status : MTM_OK; /* a new buffer has no notifier */
}

enum mtm_status mtm_topic_subscribe(struct mtm_topic *topic,
                                    const struct mtm_buffer_options *options,
                                    struct mtm_buffer **out)
{
    struct mtm_buffer *buffer;
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (status == MTM_OK) status = mtm_buffer_new(options, &buffer);
    if (status != MTM_OK) return status;
    take_turn(topic, false);
    status = mtm_object_may_put(&topic->object); /* it may have been closed since */
    if (status == MTM_OK) status = put_latest(topic, buffer);
    if (status == MTM_OK) link_subscriber(topic, buffer);
    end_turn(topic);
    if (status == MTM_OK) *out = buffer;
    else mtm_root_release(&buffer->object);
    return status;
}

/* ---- the topic ---- */

/* Its subscribers have references to it, so there are none. */
static bool orphan_topic(struct mtm_object *object)
{
    (void)object;
    return true;
}

static void free_topic(struct mtm_object *object)
{
    struct mtm_topic *topic = to_topic(object);
    mtm_block_free(topic->latest);
    mtm_free(topic);
}

/* The subscribers are in the registry, and follow for themselves. */
static void sync_topic(struct mtm_object *object)
{
    mtm_lock(&object->lock);
    mtm_object_sync(object);
    mtm_unlock(&object->lock);
}

static void let_loose_topic(struct mtm_object *object)
{
    (void)object;
}

static const struct mtm_object_ops topic_ops = {orphan_topic, free_topic, sync_topic,
                                                let_loose_topic};

enum mtm_status mtm_topic_new(const char *name, size_t name_len, bool keeps_latest,
                              struct mtm_topic **out)
{
    size_t room = mtm_name_room(sizeof(struct mtm_topic), name, name_len);
    struct mtm_topic *topic = mtm_alloc(room);
    if (!topic) return MTM_NOMEM;
    *topic = (struct mtm_topic){
        .object = {.class = &topic_ops, .kind = MTM_TOPIC, .life = 1, .flags = mtm_generation},
        .keeps_latest = keeps_latest};
    mtm_name_init(&topic->object, topic + 1, name, name_len);
    enum mtm_status status = mtm_registry_add(&topic->object);
    if (status == MTM_OK) *out = topic;
    else mtm_free(topic);
    return status;
}

void mtm_topic_clear(struct mtm_topic *topic)
{
    if (mtm_object_is_inherited(&topic->object)) return;
    take_turn(topic, false);
    struct mtm_block *old = topic->latest;
    topic->latest = NULL;
    end_turn(topic);
    mtm_block_free(old);
}

static void change(struct mtm_topic *topic, uint32_t set, uint32_t clear)
{
    mtm_lock(&topic->object.lock);
    mtm_object_change(&topic->object, set, clear);
    mtm_unlock(&topic->object.lock);
}

void mtm_topic_close(struct mtm_topic *topic)
{
    struct mtm_buffer *buffer = NULL;
    if (mtm_object_is_inherited(&topic->object)) return;
    mtm_registry_retire(&topic->object);
    change(topic, MTM_IS_CLOSED, 0);
    while ((buffer = step(topic, buffer)) != NULL) mtm_buffer_close(buffer);
    mtm_topic_clear(topic);
}

void mtm_topic_abort(struct mtm_topic *topic, bool flag)
{
    struct mtm_buffer *buffer = NULL;
    if (mtm_object_is_inherited(&topic->object)) return;
    change(topic, flag ? MTM_IS_ABORTED : 0, flag ? 0 : MTM_IS_ABORTED);
    while ((buffer = step(topic, buffer)) != NULL) mtm_buffer_abort(buffer, flag);
}
