/* Topics, their turns, and the lists of their subscribers. It owns the topics' memory and the
 * latest message of each; subscribers have a reference to their topic, and unlink themselves
 * before they are freed. */
#include "core/topic.h"

#include "core/abort_all.h"
#include "core/cargo.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/send.h"

#include "platform/hidden.h"

static struct mtm_topic *to_topic(struct mtm_object *object)
{
    return (struct mtm_topic *)object;
}

/* ---- turns ---- */

/* Not counted among the locks that the thread holds. */
bool mtm_topic_take_turn(struct mtm_topic *topic, bool nonblock)
{
    if (!mtm_lock_side(&topic->turn, nonblock)) return false;
    MTM_HELD_ADD(-1);
    return true;
}

void mtm_topic_end_turn(struct mtm_topic *topic)
{
    MTM_HELD_ADD(1);
    mtm_unlock(&topic->turn);
}

/* ---- subscribers ---- */

/* Lock of the topic held. NULL: the first one of all. */
static struct mtm_buffer *after(const struct mtm_topic *topic, const struct mtm_buffer *buffer)
{
    return buffer ? mtm_subscriber_of(buffer)->next : topic->first;
}

/* The first one after `buffer` (NULL: of all) that has references, with one more; or NULL. A
 * buffer stays in the list until it is freed, so `buffer`, of which the caller has a reference,
 * is there. */
static struct mtm_buffer *next_alive(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_lock(&topic->object.lock);
    do buffer = after(topic, buffer);
    while (buffer && !mtm_object_retain_alive(&buffer->object));
    mtm_unlock(&topic->object.lock);
    return buffer;
}

static struct mtm_buffer *step(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    struct mtm_buffer *next = next_alive(topic, buffer);
    if (buffer) mtm_object_release(&buffer->object);
    return next;
}

/* Closing one may release another, as its notifier or what a message refers to: all that are
 * alive by then are kept until it is their turn. */
static void keep_all(struct mtm_topic *topic)
{
    mtm_lock(&topic->object.lock);
    struct mtm_buffer *buffer = NULL;
    while ((buffer = after(topic, buffer)) != NULL) {
        struct mtm_subscriber *subscriber = mtm_subscriber_of(buffer);
        if (!subscriber->closes) subscriber->closes = mtm_object_retain_alive(&buffer->object);
    }
    mtm_unlock(&topic->object.lock);
}

/* One that is kept, behind `buffer` (NULL: the first), which is let go. */
static struct mtm_buffer *next_kept(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    struct mtm_buffer *const last = buffer;
    mtm_lock(&topic->object.lock);
    do buffer = after(topic, buffer);
    while (buffer && !mtm_subscriber_of(buffer)->closes);
    if (buffer) mtm_subscriber_of(buffer)->closes = false;
    mtm_unlock(&topic->object.lock);
    if (last) mtm_object_release(&last->object);
    return buffer;
}

/* OK, or the state of the topic, which may have changed until now. */
static enum mtm_status link_subscriber(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_lock(&topic->object.lock);
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (status == MTM_OK) {
        mtm_reach_join(buffer, topic);
        mtm_subscriber_of(buffer)->prev = topic->last;
        mtm_subscriber_of(buffer)->next = NULL;
        *(topic->last ? &mtm_subscriber_of(topic->last)->next : &topic->first) = buffer;
        topic->last = buffer;
        MTM_STEP(join_topic);
        mtm_store_rlx(&topic->count, mtm_load_rlx(&topic->count) + 1);
    }
    mtm_unlock(&topic->object.lock);
    return status;
}

/* The latest message is there for all. */
enum mtm_status mtm_topic_put_copy(struct mtm_buffer *buffer, const struct mtm_message *message,
                                   const struct mtm_cargo *cargo, unsigned options,
                                   struct mtm_notifier **notifier)
{
    struct mtm_message own = *message;
    struct mtm_cargo *copy = NULL;
    *notifier = NULL;
    own.cargo = &copy;
    enum mtm_status status = mtm_cargo_add_all(&copy, cargo);
    if (status == MTM_OK) status = mtm_buffer_put(buffer, &own, options, notifier);
    mtm_cargo_drop(copy);
    return status;
}

void mtm_topic_leave(struct mtm_topic *topic, struct mtm_buffer *buffer)
{
    mtm_lock(&topic->object.lock);
    struct mtm_buffer *prev = mtm_subscriber_of(buffer)->prev,
                      *next = mtm_subscriber_of(buffer)->next;
    *(prev ? &mtm_subscriber_of(prev)->next : &topic->first) = next;
    *(next ? &mtm_subscriber_of(next)->prev : &topic->last) = prev;
    MTM_STEP(leave_topic);
    mtm_store_rlx(&topic->count, mtm_load_rlx(&topic->count) - 1);
    mtm_unlock(&topic->object.lock);
    mtm_topic_rest(topic); /* it may be that nobody is left who does */
}

/* ---- blocks for later ---- */

bool mtm_topic_recycle(struct mtm_topic *topic, struct mtm_block *block, bool drained)
{
    struct mtm_block *whole = mtm_block_free_but_whole(block);
    if (whole) mtm_pool_give(&topic->pool, &topic->unusual, whole, drained);
    return whole != NULL;
}

void mtm_topic_trim(struct mtm_topic *topic)
{
    mtm_pool_trim(&topic->pool, &topic->unusual);
}

void mtm_topic_rest(struct mtm_topic *topic)
{
    mtm_pool_rest(&topic->pool, &topic->unusual, false);
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
    if (latest->size > MTM_STORED_ONCE) message.stored = latest;
    enum mtm_status status = mtm_topic_put_copy(buffer, &message, topic->cargo, 0, &notifier);
    if (topic->cargo) mtm_reach_disturb();
    return status == MTM_NOMEM ? status : MTM_OK; /* a new buffer has no notifier */
}

/* The list is joined last: whoever closes, finishes or aborts the topic meanwhile either finds
 * the new one there, or has changed the state before. */
enum mtm_status mtm_topic_subscribe(struct mtm_topic *topic,
                                    const struct mtm_buffer_options *options,
                                    struct mtm_buffer **out)
{
    struct mtm_buffer *buffer;
    enum mtm_status status = mtm_object_may_put(&topic->object);
    struct mtm_buffer_options given = *options;
    given.subscribes = true;
    if (status == MTM_OK) status = mtm_buffer_new(&given, &buffer);
    if (status != MTM_OK) return status;
    mtm_object_retain(&topic->object); /* for the buffer, once it has joined */
    mtm_topic_take_turn(topic, false);
    status = put_latest(topic, buffer);
    MTM_PAUSE();
    if (status == MTM_OK) status = link_subscriber(topic, buffer);
    mtm_topic_end_turn(topic);
    if (status == MTM_OK) {
        *out = buffer;
        return status;
    }
    mtm_object_release(&topic->object);
    mtm_root_release(&buffer->object);
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
    mtm_cargo_drop(topic->cargo);
    mtm_block_free(topic->latest);
    mtm_pool_rest(&topic->pool, &topic->unusual, true);
    mtm_reach_forget(object);
    mtm_named_free(&topic->object);
}

/* The subscribers are in the registry, and follow for themselves. */
static void sync_topic(struct mtm_object *object)
{
    mtm_lock(&object->lock);
    mtm_object_sync(object);
    mtm_unlock(&object->lock);
}

static void cut_topic(struct mtm_object *object)
{
    (void)mtm_topic_clear(to_topic(object), false);
}

static const struct mtm_object_ops topic_ops = {orphan_topic, free_topic, sync_topic,
                                                cut_topic};

static struct mtm_object *make_topic(const char *name, size_t name_len,
                                     const void *keeps_latest)
{
    struct mtm_topic *topic = mtm_named_alloc(sizeof *topic, name, name_len);
    if (!topic) return NULL;
    *topic = (struct mtm_topic){
        .object = {.class = &topic_ops, .kind = MTM_TOPIC, .life = 1, .flags = mtm_generation},
        .keeps_latest = *(const bool *)keeps_latest};
    mtm_named_init(&topic->object, sizeof *topic, name, name_len);
    if (mtm_reach_prepare(&topic->object, false) == MTM_OK) return &topic->object;
    mtm_named_free(&topic->object);
    return NULL;
}

enum mtm_status mtm_topic_new(const char *name, size_t name_len, bool keeps_latest,
                              struct mtm_topic **out)
{
    struct mtm_object *topic = make_topic(name, name_len, &keeps_latest);
    if (!topic) return MTM_NOMEM;
    enum mtm_status status = mtm_registry_add(topic);
    if (status == MTM_OK) *out = to_topic(topic);
    else free_topic(topic);
    return status;
}

enum mtm_status mtm_topic_find_or_new(const char *name, size_t name_len, bool keeps_latest,
                                      struct mtm_topic **out, bool *created)
{
    struct mtm_object *found;
    enum mtm_status status = mtm_registry_find_or_make(MTM_TOPIC, name, name_len, make_topic,
                                                       &keeps_latest, &found, created);
    if (status == MTM_OK) *out = to_topic(found);
    return status;
}

static void forget_latest(struct mtm_topic *topic)
{
    struct mtm_block *old = topic->latest;
    struct mtm_cargo *cargo = topic->cargo;
    topic->latest = NULL;
    topic->cargo = NULL;
    mtm_topic_end_turn(topic);
    mtm_cargo_drop(cargo);
    mtm_block_free(old);
    mtm_pool_rest(&topic->pool, &topic->unusual, true);
}

enum mtm_status mtm_topic_clear(struct mtm_topic *topic, bool nonblock)
{
    if (mtm_object_is_closed(&topic->object)) return MTM_CLOSED;
    if (!mtm_topic_take_turn(topic, nonblock)) return MTM_BUSY;
    forget_latest(topic);
    if (!nonblock) mtm_drop_handed_on();
    return MTM_OK;
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
    keep_all(topic);
    while ((buffer = next_kept(topic, buffer)) != NULL) mtm_buffer_close(buffer);
    mtm_topic_take_turn(topic, false);
    forget_latest(topic);
    mtm_drop_handed_on();
}

/* Once the topic refuses messages, and nobody is publishing, no message can reach some of the
 * subscribers only. */
void mtm_topic_finish(struct mtm_topic *topic)
{
    struct mtm_buffer *buffer = NULL;
    if (mtm_object_is_inherited(&topic->object)) return;
    mtm_topic_take_turn(topic, false);
    change(topic, MTM_IS_FINISHED, 0);
    mtm_topic_end_turn(topic);
    while ((buffer = step(topic, buffer)) != NULL) mtm_buffer_finish(buffer);
}

void mtm_topic_abort(struct mtm_topic *topic, bool flag)
{
    struct mtm_buffer *buffer = NULL;
    if (mtm_object_is_inherited(&topic->object)) return;
    change(topic, flag ? MTM_IS_ABORTED : 0, flag ? 0 : MTM_IS_ABORTED);
    while ((buffer = step(topic, buffer)) != NULL) mtm_buffer_abort(buffer, flag);
}
