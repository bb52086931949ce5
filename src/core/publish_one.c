/* One message to the only subscriber of a topic: the short way of publish.c. It owns no state.
 */
#include "core/fast_path.h"
#include "core/publish.h"
#include "core/reference.h"

#include "platform/hidden.h"

/* The only subscriber, if it is one without a listener and in the middle of its life; or NULL.
 * Lock of the topic held. */
static struct mtm_buffer *only_subscriber(const struct mtm_topic *topic)
{
    struct mtm_buffer *only = topic->first;
    if (!only || only != topic->last || only->object.owner) return NULL;
    const size_t life = mtm_load_rlx(&only->object.life);
    return (life & MTM_LIFE_REFS) && !(life & (MTM_LIFE_EDGES | MTM_LIFE_GONE)) ? only : NULL;
}

static bool is_short(const struct mtm_message *message)
{
    return message->nparts == 1 && message->size - 1 < MTM_FAST_MAX &&
           !mtm_message_has_cargo(message);
}

/* Who puts into the only subscriber, and keeps nothing for those to come, has no order to see
 * to: it needs no turn, and no reference, as under the lock of the topic nobody joins, and what
 * leaves is not freed. Only a message that is being published has to come first: there may have
 * been others that have it already, and who has learnt of it from them. */
bool mtm_topic_add_to_only_one(struct mtm_topic *topic, const struct mtm_message *message,
                               bool nonblock, struct mtm_published *published)
{
    bool done = false, wake = false;
    if (topic->keeps_latest || mtm_topic_count(topic) != 1 || !is_short(message)) return false;
    MTM_STEP(lock_the_list);
    if (!mtm_lock_if_free(&topic->object.lock)) return false;
    struct mtm_buffer *only = only_subscriber(topic);
    MTM_STEP(nobody_has_the_turn);
    const bool free_turn = mtm_load_acq(&topic->turn.word) == 0; /* pairs with the unlock */
    if (MTM_LIKELY(only && free_turn) && mtm_object_may_put(&topic->object) == MTM_OK) {
        done = mtm_fast_add_silently(only, message->part[0].ptr, message->size, &wake);
        wake = wake && mtm_object_retain_alive(&only->object); /* else nobody waits there */
    }
    mtm_unlock(&topic->object.lock);
    MTM_PAUSE();
    if (MTM_UNLIKELY(wake)) {
        mtm_source_wake(&only->source);
        mtm_object_release(&only->object);
        if (!nonblock) mtm_drop_handed_on();
    }
    if (done) *published = (struct mtm_published){.taken = 1};
    return done;
}
