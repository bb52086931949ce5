/* One message to all subscribers, in a turn. It owns no state: who gets a message is collected
 * by the call that publishes it. */
#include "core/publish.h"

#include "core/alloc.h"
#include "core/cargo.h"
#include "core/fast_path.h"
#include "core/reference.h"
#include "core/room.h"
#include "core/send.h"

#include "platform/hidden.h"

enum {
    PATIENCE_NS = 10 * 1000 * 1000, /* with all who are busy */
    AHEAD = 3 /* subscribers: their memory has come when it is their turn */
};

/* ---- targets ---- */

void mtm_targets_free(struct mtm_targets *targets)
{
    for (size_t i = 0; i < targets->count; ++i) {
        struct mtm_buffer *buffer = targets->at[i].buffer;
        if (buffer) mtm_object_release(&buffer->object);
    }
    if (targets->at != targets->few) mtm_free(targets->at);
}

/* All subscribers of now; only those who have the turn make them more. OK, NOMEM or BUSY. */
static enum mtm_status collect(struct mtm_topic *topic, bool nonblock,
                               struct mtm_targets *targets)
{
    const size_t most = mtm_topic_count(topic);
    targets->count = targets->rung = 0;
    targets->lines = NULL;
    targets->at = targets->few;
    if (most > MTM_FEW_TARGETS)
        targets->at = mtm_alloc(mtm_size_mul(most, sizeof *targets->at));
    if (!targets->at) return MTM_NOMEM;
    if (!mtm_lock_side(&topic->object.lock, nonblock)) {
        mtm_targets_free(targets);
        return MTM_BUSY;
    }
    for (struct mtm_buffer *b = topic->first; b; b = mtm_subscriber_of(b)->next) {
        if (!mtm_object_retain_alive(&b->object)) continue;
        targets->at[targets->count++] = (struct mtm_target){.buffer = b};
    }
    mtm_unlock(&topic->object.lock);
    return MTM_OK;
}

/* ---- with the turn ---- */

/* One without objects; false: it must be put in another way. */
static inline bool put_fast(struct mtm_buffer *buffer, const struct mtm_message *message)
{
    if (message->stored) return mtm_fast_add_stored(buffer, message->stored);
    if (message->nparts == 1 && message->size - 1 < MTM_FAST_MAX)
        return mtm_fast_add(buffer, message->part[0].ptr, message->size);
    return mtm_fast_add_message(buffer, message);
}

static enum mtm_status put_one(struct mtm_target *to, const struct mtm_message *message,
                               bool replace)
{
    if (!replace && !mtm_message_has_cargo(message) && put_fast(to->buffer, message))
        return MTM_OK;
    const unsigned options = MTM_PUT_NONBLOCK | (replace ? MTM_PUT_REPLACE : 0u);
    if (mtm_message_has_cargo(message))
        return mtm_topic_put_copy(to->buffer, message, *message->cargo, options, &to->notifier);
    return mtm_buffer_put(to->buffer, message, options, &to->notifier);
}

static void count(struct mtm_published *published, enum mtm_status status)
{
    if (status == MTM_OK) ++published->taken;
    else if (status != MTM_CLOSED && status != MTM_ABORTED) ++published->refused;
}

/* Until the locks of the buffer are free, as `wait` says. */
static void await_locks(struct mtm_buffer *buffer, struct mtm_wait *wait)
{
    struct mtm_queue *queue = &buffer->queue;
    if (mtm_wait_lock(wait, &queue->tail.lock)) mtm_unlock(&queue->tail.lock);
    if (mtm_wait_lock(wait, &queue->head.lock)) mtm_unlock(&queue->head.lock);
}

static bool is_waited_for(const struct mtm_target *to, enum mtm_status status, bool waits)
{
    return MTM_UNLIKELY(status == MTM_FULL) && waits && to->buffer->room;
}

/* Those who were busy when it was their turn, after all others have the message. */
static void put_late(struct mtm_targets *targets, const struct mtm_message *message,
                     bool replace, bool waits, struct mtm_published *published)
{
    struct mtm_wait wait = {.timeout = PATIENCE_NS};
    for (size_t i = 0; i < targets->count; ++i) {
        struct mtm_target *to = &targets->at[i];
        enum mtm_status status = MTM_BUSY;
        if (!to->busy) continue;
        do {
            await_locks(to->buffer, &wait);
            status = put_one(to, message, replace);
        } while (status == MTM_BUSY && !mtm_wait_is_over(&wait));
        to->full = is_waited_for(to, status, waits);
        if (!to->full) count(published, status);
    }
}

/* A reference that is not the last one goes while the buffer is at hand: that frees nothing. */
static void done_with(struct mtm_target *to)
{
    if (!to->notifier && mtm_object_release_early(&to->buffer->object)) to->buffer = NULL;
}

static void put_all(struct mtm_targets *targets, const struct mtm_message *message,
                    bool replace, bool nonblock, bool waits, struct mtm_published *published)
{
    bool late = false;
    for (size_t i = 0; i < targets->count; ++i) {
        struct mtm_target *to = &targets->at[i];
        enum mtm_status status = put_one(to, message, replace);
        to->busy = MTM_UNLIKELY(status == MTM_BUSY) && !nonblock;
        to->full = is_waited_for(to, status, waits);
        if (i + AHEAD < targets->count)
            MTM_WILL_WRITE(&targets->at[i + AHEAD].buffer->queue.tail.lock);
        if (to->busy) {
            late = true;
        } else if (!to->full) {
            count(published, status);
            done_with(to);
        }
    }
    if (MTM_UNLIKELY(late)) put_late(targets, message, replace, waits, published);
}

/* ---- waiting for room ---- */

/* A put into a subscriber that is full. */
struct late {
    struct mtm_target *to;
    struct mtm_put put;
    struct mtm_put_memory memory;
    struct mtm_place place;
    struct mtm_message message; /* with objects of its own: */
    struct mtm_cargo *cargo;
    enum mtm_status status; /* FULL: in line */
};

/* All of one message. */
struct mtm_lines {
    struct mtm_wait *wait;
    struct mtm_published *published;
    struct mtm_block *bytes; /* of the message: what it was made of may be gone */
    size_t count, ended;
    struct late late[];
};

static size_t count_full(const struct mtm_targets *targets)
{
    size_t count = 0;
    for (size_t i = 0; i < targets->count; ++i) count += targets->at[i].full;
    return count;
}

static enum mtm_status enter_line(struct late *late, const struct mtm_message *message,
                                  struct mtm_block *bytes, struct mtm_wait *wait)
{
    enum mtm_status status = MTM_OK;
    mtm_message_init(&late->message);
    mtm_message_add(&late->message, mtm_block_data(bytes), bytes->size);
    late->message.stored = message->stored;
    late->message.cargo = &late->cargo;
    late->put = (struct mtm_put){.buffer = late->to->buffer,
                                 .message = &late->message,
                                 .wait = wait,
                                 .memory = &late->memory};
    late->place.put = &late->put;
    if (mtm_message_has_cargo(message))
        status = mtm_cargo_add_all(&late->cargo, *message->cargo);
    if (status == MTM_OK) status = mtm_put_begin(&late->put);
    return status == MTM_OK ? mtm_room_enter(&late->put, &late->place) : status;
}

static void end_late(struct late *late, struct mtm_published *published)
{
    struct mtm_buffer *buffer = late->to->buffer;
    if (mtm_object_is_inherited(&buffer->object)) mtm_buffer_unreserve(buffer, &late->memory);
    mtm_put_end(&late->put, late->status);
    mtm_cargo_drop(late->cargo); /* of one that is not in */
    late->to->notifier = late->put.notifier;
    count(published, late->status);
}

static void free_lines(struct mtm_lines *lines)
{
    if (lines) mtm_block_free(lines->bytes);
    mtm_free(lines);
}

/* NULL: there is no memory. */
static struct mtm_lines *new_lines(const struct mtm_message *message, size_t count)
{
    struct mtm_lines *lines =
        mtm_alloc(mtm_size_add(sizeof *lines, mtm_size_mul(count, sizeof *lines->late)));
    if (!lines) return NULL;
    *lines = (struct mtm_lines){.bytes = message->stored};
    if (message->stored) mtm_block_retain(message->stored);
    else lines->bytes = mtm_message_to_block(message, NULL);
    if (lines->bytes) return lines;
    free_lines(lines);
    return NULL;
}

/* In the turn: who is in line keeps all later messages from coming before this one, so the
 * order of the topic is that of the lines, too. For one that has room by now nothing is left to
 * be done after that, however long the others are waited for. */
static void enter_lines(struct mtm_targets *targets, const struct mtm_message *message,
                        struct mtm_wait *wait, struct mtm_published *published)
{
    struct mtm_wait brief = {.timeout = PATIENCE_NS};
    const size_t count = count_full(targets);
    if (MTM_LIKELY(count == 0)) return;
    struct mtm_lines *lines = targets->lines = new_lines(message, count);
    if (!lines) {
        published->refused += count;
        return;
    }
    lines->wait = wait;
    lines->published = published;
    for (size_t i = 0; i < targets->count; ++i) {
        struct late *late = &lines->late[lines->count];
        if (!targets->at[i].full) continue;
        *late = (struct late){.to = &targets->at[i]};
        late->status = enter_line(late, message, lines->bytes, &brief);
        late->put.wait = wait;
        if (late->status == MTM_FULL) ++lines->count;
        else end_late(late, published);
    }
    (void)mtm_wait_deadline(wait); /* the time that notifiers take counts */
}

/* After the turn: the others go on meanwhile. */
static struct mtm_target *wait_in_line(struct mtm_lines *lines)
{
    struct late *late = &lines->late[lines->ended++];
    late->status = mtm_room_wait(&late->put, &late->place);
    if (late->status == MTM_INTERRUPTED) {
        lines->published->interrupted = true;
        lines->wait->go_on = NULL; /* the others have had their time, too */
        lines->wait->deadline = 1;
    }
    end_late(late, lines->published);
    return late->to;
}

/* One after the other; last those that have waited. */
static struct mtm_target *next_target(struct mtm_targets *targets)
{
    struct mtm_lines *lines = targets->lines;
    if (targets->rung < targets->count) return &targets->at[targets->rung++];
    if (lines && lines->ended < lines->count) return wait_in_line(lines);
    free_lines(lines);
    targets->lines = NULL;
    return NULL;
}

/* Nobody waits for room before the notifiers of those who have the message have been called. */
struct mtm_target *mtm_targets_ring(struct mtm_targets *targets)
{
    struct mtm_target *target;
    do {
        target = next_target(targets);
    } while (target && !target->notifier);
    return target;
}

/* The message is the latest one from now on; *stored, and *message->cargo, are what was that
 * before. */
static void keep_latest(struct mtm_topic *topic, const struct mtm_message *message,
                        struct mtm_block **stored)
{
    struct mtm_block *block = topic->latest;
    struct mtm_cargo *cargo = topic->cargo;
    topic->latest = *stored;
    topic->cargo = mtm_message_has_cargo(message) ? *message->cargo : NULL;
    if (topic->cargo) mtm_bearer_lay_down(&topic->cargo->bearer, &topic->object);
    *stored = block;
    if (topic->cargo) *message->cargo = cargo;
    else mtm_cargo_drop(cargo);
}

/* wait: for room, or NULL. *stored: is exchanged for the latest message, if that is kept. */
static enum mtm_status publish(struct mtm_topic *topic, const struct mtm_message *message,
                               struct mtm_block **stored, bool replace, bool nonblock,
                               struct mtm_wait *wait, struct mtm_targets *targets,
                               struct mtm_published *published)
{
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (status == MTM_OK) status = collect(topic, nonblock, targets);
    if (status != MTM_OK) return status;
    put_all(targets, message, replace, nonblock, wait != NULL, published);
    if (wait) enter_lines(targets, message, wait, published);
    if (topic->keeps_latest) keep_latest(topic, message, stored);
    return MTM_OK;
}

/* With room for the blocks of all subscribers, as far as they are known. */
static struct mtm_block *store(struct mtm_topic *topic, const struct mtm_message *message)
{
    const size_t count = mtm_topic_count(topic),
                 inner = count < MTM_MOST_INNER ? count : MTM_MOST_INNER;
    struct mtm_block *block = NULL;
    if (message->size > MTM_STORED_ONCE) {
        block = mtm_pool_take_with(&topic->pool, &topic->unusual, message->size, inner);
        if (!block) block = mtm_block_new_with(message->size, inner);
        if (!block) return NULL;
    }
    return mtm_message_to_block(message, block);
}

static enum mtm_status put_to_all(struct mtm_topic *topic, const struct mtm_message *message,
                                  bool replace, bool nonblock, struct mtm_wait *wait,
                                  struct mtm_targets *targets, struct mtm_published *published)
{
    struct mtm_message copy = *message;
    struct mtm_block *stored = NULL;
    *published = (struct mtm_published){0};
    enum mtm_status status = mtm_object_may_put(&topic->object);
    if (topic->keeps_latest && status == MTM_OK && mtm_message_has_cargo(message))
        status = mtm_cargo_prepare(*message->cargo, &topic->object, nonblock);
    if (status != MTM_OK) return status;
    if (message->size > MTM_STORED_ONCE || topic->keeps_latest) {
        stored = store(topic, message);
        if (!stored) return MTM_NOMEM;
        if (message->size > MTM_STORED_ONCE) copy.stored = stored;
    }
    status = MTM_BUSY;
    if (mtm_topic_take_turn(topic, nonblock)) {
        status = publish(topic, &copy, &stored, replace, nonblock, wait, targets, published);
        mtm_topic_end_turn(topic);
    }
    mtm_block_free(stored);
    if (status == MTM_OK && mtm_message_has_cargo(message)) {
        mtm_cargo_drop(*message->cargo);
        *message->cargo = NULL;
    }
    return status;
}

enum mtm_status mtm_topic_put(struct mtm_topic *topic, const struct mtm_message *message,
                              bool replace, bool nonblock, struct mtm_targets *targets,
                              struct mtm_published *published)
{
    return put_to_all(topic, message, replace, nonblock, NULL, targets, published);
}

enum mtm_status mtm_topic_put_wait(struct mtm_topic *topic, const struct mtm_message *message,
                                   struct mtm_wait *wait, struct mtm_targets *targets,
                                   struct mtm_published *published)
{
    const bool never = mtm_wait_never(wait);
    return put_to_all(topic, message, false, never, never ? NULL : wait, targets, published);
}

/* After the turn: a notifier may publish, and so may what is freed with a buffer. */
enum mtm_status mtm_targets_notify(struct mtm_targets *targets, bool nonblock,
                                   struct mtm_failure *failure)
{
    enum mtm_status result = MTM_OK;
    struct mtm_target *to;
    while ((to = mtm_targets_ring(targets)) != NULL) {
        struct mtm_failure own = {0};
        if (mtm_notify(to->buffer, MTM_ADDED, to->notifier, nonblock, &own) == MTM_OK) continue;
        if (result == MTM_OK) *failure = own;
        else mtm_failure_free(&own);
        result = MTM_NOTIFIER_FAILED;
    }
    mtm_targets_free(targets);
    if (!nonblock) mtm_drop_handed_on();
    return result;
}

enum mtm_status mtm_topic_add(struct mtm_topic *topic, const struct mtm_message *message,
                              bool replace, bool nonblock, struct mtm_published *published,
                              struct mtm_failure *failure)
{
    struct mtm_targets targets;
    if (!replace && mtm_topic_add_to_only_one(topic, message, nonblock, published))
        return MTM_OK;
    enum mtm_status status =
        mtm_topic_put(topic, message, replace, nonblock, &targets, published);
    return status == MTM_OK ? mtm_targets_notify(&targets, nonblock, failure) : status;
}

enum mtm_status mtm_writer_put_to_topic(struct mtm_writer *writer, struct mtm_topic *topic,
                                        bool replace, bool nonblock,
                                        struct mtm_targets *targets,
                                        struct mtm_published *published)
{
    struct mtm_message message;
    mtm_writer_message(writer, &message);
    enum mtm_status status =
        mtm_topic_put(topic, &message, replace, nonblock, targets, published);
    if (status == MTM_OK) mtm_writer_clear(writer);
    return status;
}

enum mtm_status mtm_writer_put_to_topic_wait(struct mtm_writer *writer, struct mtm_topic *topic,
                                             struct mtm_wait *wait, struct mtm_targets *targets,
                                             struct mtm_published *published)
{
    struct mtm_message message;
    mtm_writer_message(writer, &message);
    enum mtm_status status = mtm_topic_put_wait(topic, &message, wait, targets, published);
    if (status == MTM_OK) mtm_writer_clear(writer);
    return status;
}
