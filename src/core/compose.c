/* Tables in a writer: counts are written in front when a table ends. It owns what is open, and
 * the numbers of what may be referred to; copies from other messages are made in copy_value.c.
 */
#include "core/compose.h"

#include <limits.h>

#include "core/fast_path.h"
#include "core/few.h"
#include "core/notify.h"
#include "core/publish.h"
#include "core/room.h"
#include "core/send.h"

#include "platform/hidden.h"

static void runs_init(struct mtm_compose_runs *runs)
{
    runs->run = runs->first;
    runs->cap = MTM_COMPOSE_RUNS;
}

enum mtm_status mtm_compose_init(struct mtm_composer *composer, size_t size, double grow)
{
    *composer =
        (struct mtm_composer){.levels = MTM_COMPOSE_LEVELS, .numbers = MTM_COMPOSE_NUMBERS};
    composer->level = composer->first_level;
    composer->number = composer->first_number;
    runs_init(&composer->copied_objects);
    runs_init(&composer->copied_keys);
    return mtm_writer_init(&composer->writer, size, true, grow);
}

void mtm_compose_fini(struct mtm_composer *composer)
{
    mtm_writer_fini(&composer->writer);
    mtm_few_free(composer->level, composer->first_level);
    mtm_few_free(composer->number, composer->first_number);
    mtm_few_free(composer->copied_objects.run, composer->copied_objects.first);
    mtm_few_free(composer->copied_keys.run, composer->copied_keys.first);
}

/* What belongs to the message that is gone. */
static void forget(struct mtm_composer *composer)
{
    composer->objects = composer->keys = 0;
    composer->depth = composer->numbered = 0;
    composer->source = NULL;
    composer->copied_objects.count = composer->copied_keys.count = 0;
}

void mtm_compose_clear(struct mtm_composer *composer)
{
    mtm_writer_clear(&composer->writer);
    forget(composer);
}

/* ---- where values stand ---- */

static struct mtm_compose_level *innermost(const struct mtm_composer *composer)
{
    return composer->depth > 0 ? &composer->level[composer->depth - 1] : NULL;
}

static bool in_key_place(const struct mtm_compose_level *level)
{
    return level && level->count >= level->sequence &&
           (level->count - level->sequence) % 2 == 0;
}

/* Both counts of a table fit into an int of whoever makes it. */
enum mtm_status mtm_compose_may(const struct mtm_composer *composer, size_t count, bool bad_key)
{
    const struct mtm_compose_level *level = innermost(composer);
    if (MTM_LIKELY(!level)) return MTM_OK;
    if (count > INT_MAX - level->count) return MTM_TOO_LARGE;
    return bad_key && in_key_place(level) ? MTM_MISPLACED : MTM_OK;
}

void mtm_compose_added(struct mtm_composer *composer, size_t count)
{
    struct mtm_compose_level *level = innermost(composer);
    if (MTM_UNLIKELY(level != NULL)) level->count += count;
}

void mtm_compose_added_string(struct mtm_composer *composer, size_t len)
{
    struct mtm_compose_level *level = innermost(composer);
    if (MTM_LIKELY(!level)) return;
    if (in_key_place(level) && mtm_wire_is_key(len)) ++composer->keys;
    ++level->count;
}

/* ---- tables ---- */

/* Room for one more of what has room in the composer itself, and elsewhere if it may grow. */
static enum mtm_status make_room(const struct mtm_composer *composer, void **at,
                                 const void *first, size_t count, size_t *cap, size_t elsize)
{
    if (count < *cap) return MTM_OK;
    if (composer->writer.fixed) return MTM_TOO_LARGE;
    void *more = mtm_few_grow(*at, first, cap, elsize);
    if (more) *at = more;
    return more ? MTM_OK : MTM_NOMEM;
}

static enum mtm_status make_level(struct mtm_composer *composer)
{
    void *level = composer->level;
    enum mtm_status status = make_room(composer, &level, composer->first_level, composer->depth,
                                       &composer->levels, sizeof *composer->level);
    composer->level = level;
    return status;
}

static enum mtm_status make_number(struct mtm_composer *composer)
{
    void *number = composer->number;
    enum mtm_status status =
        make_room(composer, &number, composer->first_number, composer->numbered,
                  &composer->numbers, sizeof *composer->number);
    composer->number = number;
    return status;
}

enum mtm_status mtm_compose_begin(struct mtm_composer *composer, size_t sequence,
                                  size_t *number)
{
    enum mtm_status status = mtm_compose_may(composer, 1, false);
    if (status == MTM_OK && composer->objects == INT_MAX) status = MTM_TOO_LARGE;
    if (status == MTM_OK) status = make_level(composer);
    if (status == MTM_OK && number) status = make_number(composer);
    if (status != MTM_OK) return status;
    unsigned char *room = mtm_writer_room(&composer->writer, MTM_WORD_VALUE, &status);
    if (!room) return status;
    mtm_wire_pair(room, number ? MTM_TAG_SHARED : MTM_TAG_TABLE, 0, 0);
    mtm_compose_added(composer, 1);
    ++composer->objects;
    if (number) {
        composer->number[composer->numbered++] = composer->objects;
        *number = composer->objects;
    }
    composer->level[composer->depth++] = (struct mtm_compose_level){
        .place = mtm_writer_size(&composer->writer) - MTM_WORD_VALUE, .sequence = sequence};
    return MTM_OK;
}

enum mtm_status mtm_compose_end(struct mtm_composer *composer)
{
    const struct mtm_compose_level *level = innermost(composer);
    if (!level) return MTM_MISPLACED;
    const size_t sequence = level->count < level->sequence ? level->count : level->sequence;
    const size_t rest = level->count - sequence;
    if (rest % 2 != 0) return MTM_MISPLACED;
    unsigned char *tag = mtm_block_data(composer->writer.block) + level->place;
    mtm_wire_pair(tag, (enum mtm_tag) * tag, (uint32_t)sequence, (uint32_t)(rest / 2));
    --composer->depth;
    return MTM_OK;
}

enum mtm_status mtm_compose_object(struct mtm_composer *composer, struct mtm_object *object,
                                   size_t *number)
{
    enum mtm_status status = mtm_compose_may(composer, 1, false);
    if (status == MTM_OK && composer->objects == INT_MAX) status = MTM_TOO_LARGE;
    if (status == MTM_OK && number) status = make_number(composer);
    if (status == MTM_OK) status = mtm_writer_add_object(&composer->writer, object);
    if (status != MTM_OK) return status;
    mtm_compose_added(composer, 1);
    ++composer->objects;
    if (number) {
        unsigned char *end =
            mtm_block_data(composer->writer.block) + mtm_writer_size(&composer->writer);
        mtm_wire_share_object(end - MTM_OBJECT_VALUE);
        composer->number[composer->numbered++] = composer->objects;
        *number = composer->objects;
    }
    return MTM_OK;
}

static bool has_number(const struct mtm_composer *composer, size_t number)
{
    size_t low = 0, high = composer->numbered;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (composer->number[middle] < number) low = middle + 1;
        else high = middle;
    }
    return low < composer->numbered && composer->number[low] == number;
}

enum mtm_status mtm_compose_refer(struct mtm_composer *composer, size_t number)
{
    enum mtm_status status = mtm_compose_may(composer, 1, false);
    if (status == MTM_OK && !has_number(composer, number)) status = MTM_MISPLACED;
    if (status != MTM_OK) return status;
    unsigned char *room = mtm_writer_room(&composer->writer, MTM_REFERENCE_VALUE, &status);
    if (!room) return status;
    mtm_wire_reference(room, MTM_TAG_REFERENCE, composer->objects - (uint32_t)number + 1);
    mtm_compose_added(composer, 1);
    return MTM_OK;
}

/* ---- sending ---- */

/* The composer is empty before the notifier runs, which may use it. */
static enum mtm_status sent(struct mtm_composer *composer, struct mtm_buffer *buffer,
                            enum mtm_status status, struct mtm_notifier *notifier,
                            bool nonblock, struct mtm_failure *failure)
{
    if (status == MTM_OK) forget(composer);
    if (!nonblock) mtm_drop_handed_on();
    if (MTM_LIKELY(!notifier)) return status;
    return mtm_notify(buffer, MTM_ADDED, notifier, nonblock, failure);
}

/* The common case: there is room, and nobody to be notified. */
static bool send_at_once(struct mtm_composer *composer, struct mtm_buffer *buffer,
                         bool nonblock)
{
    struct mtm_message message;
    mtm_writer_message(&composer->writer, &message);
    if (!mtm_fast_add_message(buffer, &message)) return false;
    mtm_compose_clear(composer);
    if (!nonblock) mtm_drop_handed_on();
    return true;
}

enum mtm_status mtm_compose_send(struct mtm_composer *composer, struct mtm_buffer *buffer,
                                 bool replace, bool nonblock, struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    if (composer->depth > 0) return MTM_MISPLACED;
    if (!replace && send_at_once(composer, buffer, nonblock)) return MTM_OK;
    const unsigned options =
        (replace ? MTM_PUT_REPLACE : 0u) | (nonblock ? MTM_PUT_NONBLOCK : 0u);
    enum mtm_status status = mtm_writer_put(&composer->writer, buffer, options, &notifier);
    return sent(composer, buffer, status, notifier, nonblock, failure);
}

enum mtm_status mtm_compose_send_wait(struct mtm_composer *composer, struct mtm_buffer *buffer,
                                      struct mtm_wait *wait, struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    if (composer->depth > 0) return MTM_MISPLACED;
    const bool nonblock = mtm_wait_never(wait);
    if (send_at_once(composer, buffer, nonblock)) return MTM_OK;
    enum mtm_status status = mtm_writer_put_wait(&composer->writer, buffer, wait, &notifier);
    return sent(composer, buffer, status, notifier, nonblock, failure);
}

enum mtm_status mtm_compose_publish(struct mtm_composer *composer, struct mtm_topic *topic,
                                    bool replace, bool nonblock, struct mtm_failure *failure)
{
    struct mtm_targets targets;
    struct mtm_published published;
    if (composer->depth > 0) return MTM_MISPLACED;
    enum mtm_status status = mtm_writer_put_to_topic(&composer->writer, topic, replace,
                                                     nonblock, &targets, &published);
    if (status != MTM_OK) return status;
    forget(composer);
    return mtm_targets_notify(&targets, nonblock, failure);
}

enum mtm_status mtm_compose_publish_wait(struct mtm_composer *composer, struct mtm_topic *topic,
                                         struct mtm_wait *wait, struct mtm_failure *failure)
{
    struct mtm_targets targets;
    struct mtm_published published;
    if (composer->depth > 0) return MTM_MISPLACED;
    const bool nonblock = mtm_wait_never(wait);
    enum mtm_status status =
        mtm_writer_put_to_topic_wait(&composer->writer, topic, wait, &targets, &published);
    if (status != MTM_OK) return status;
    forget(composer);
    return mtm_targets_notify(&targets, nonblock, failure);
}
