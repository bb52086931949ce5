/* Operations on one buffer: each takes its locks, works on the queue, gives the locks back, and
 * only then wakes, frees and notifies. It owns the buffers' memory. How messages are put is in
 * send.c. */
#include "core/buffer.h"

#include <string.h>

#include "core/abort_all.h"
#include "core/bell.h"
#include "core/life.h"
#include "core/bound.h"
#include "core/listener.h"
#include "core/pollable.h"
#include "core/reach.h"
#include "core/ready.h"
#include "core/receive.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/room.h"
#include "core/topic.h"

#include "platform/hidden.h"

/* ---- layout: what docs/design.md says of cache lines, where pointers have 64 bits ---- */

#define BEGIN(field) offsetof(struct mtm_buffer, field)
#define END(field) (BEGIN(field) + sizeof(((struct mtm_buffer *)0)->field))
#define APART(first, second) (BEGIN(second) >= END(first) + MTM_CACHE_LINE)
#define ASSERT_64(condition, text) _Static_assert(sizeof(void *) < 8 || (condition), text)

/* NOLINTNEXTLINE(bugprone-sizeof-expression): the size of the pointer is meant */
ASSERT_64(END(object.name) <= MTM_CACHE_LINE, "finding reads one line");
ASSERT_64(APART(object.life, object.owner) && BEGIN(object.owner) < BEGIN(object.flags),
          "holds don't disturb those who send");
ASSERT_64(APART(queue.shared.pool, queue.tail.lock) &&
              APART(queue.shared.knocks, queue.tail.lock),
          "producers don't disturb those who read what hardly changes");
ASSERT_64(END(queue.tail.floor) - BEGIN(queue.tail) <= MTM_CACHE_LINE, "a put writes one line");
ASSERT_64(APART(queue.tail.floor, queue.head.lock), "the two sides don't disturb each other");
ASSERT_64(END(queue.head.taken) - BEGIN(queue.head) <= MTM_CACHE_LINE, "a take writes one");
ASSERT_64(sizeof(struct mtm_buffer) + offsetof(struct mtm_member, ready) >=
              END(queue.head.taken) + MTM_CACHE_LINE,
          "consumers don't disturb those who ask whether a listener knows the buffer");

static struct mtm_buffer *to_buffer(struct mtm_object *object)
{
    return (struct mtm_buffer *)object;
}

static struct mtm_listener *listener_of(const struct mtm_buffer *buffer)
{
    return (struct mtm_listener *)buffer->object.owner;
}

/* ---- life ---- */

/* With messages, a listener's buffer goes on living until they are drained. Nobody can
 * re-enable it then, so from now on it is aborted only if its listener is. */
static bool orphan_buffer(struct mtm_object *object)
{
    struct mtm_buffer *buffer = to_buffer(object);
    struct mtm_listener *listener = listener_of(buffer);
    if (!listener) return true;
    if ((mtm_load_rlx(&object->life) & MTM_LIFE_COUNTS) != 0 ||
        mtm_buffer_has_messages(buffer)) {
        mtm_listener_adopt(listener, buffer); /* announced when it is freed */
        return false;
    }
    mtm_listener_leave(listener, buffer);
    return true;
}

static void free_buffer(struct mtm_object *object)
{
    struct mtm_buffer *buffer = to_buffer(object);
    struct mtm_listener *listener = listener_of(buffer);
    struct mtm_topic *topic = mtm_buffer_topic(buffer);
    if (listener) mtm_listener_announce(listener);
    if (topic) mtm_topic_leave(topic, buffer);
    for (int event = 0; event < MTM_EVENTS; ++event) {
        struct mtm_notifier *notifier = mtm_load_rlx(&buffer->notifier[event]);
        if (notifier) mtm_bearer_take_up(&notifier->bearer);
        mtm_notifier_release(notifier, false);
    }
    mtm_bell_fini(buffer);
    mtm_pollables_free(object);
    mtm_queue_fini(&buffer->queue);
    mtm_reach_forget(object);
    mtm_named_free(&buffer->object);
    if (topic) mtm_object_release(&topic->object);
}

/* Both locks held; and after that, without them. */
static void unplug_all(struct mtm_buffer *buffer, struct mtm_notifier **notifiers)
{
    for (int event = 0; event < MTM_EVENTS; ++event)
        notifiers[event] = mtm_buffer_plug(buffer, (enum mtm_event)event, NULL);
}

static void release_all(struct mtm_buffer *buffer, struct mtm_notifier *const *notifiers)
{
    for (int event = 0; event < MTM_EVENTS; ++event)
        mtm_bell_release(buffer, notifiers[event], false);
}

/* Lock of the listener held, which it gives back. One that was aborted, and is enabled again,
 * goes to the end even if it is finished. */
static void follow_state(struct mtm_listener *listener, struct mtm_buffer *buffer, bool leaves)
{
    if (leaves) mtm_ready_take_off(listener, buffer);
    mtm_ready_enter(listener, buffer);
    bool last = mtm_listener_part(listener, buffer);
    mtm_unlock(&listener->object.lock);
    if (last) mtm_listener_announce(listener);
    mtm_source_wake_one(&listener->source);
}

static void sync_buffer(struct mtm_object *object)
{
    struct mtm_buffer *buffer = to_buffer(object);
    struct mtm_listener *listener = listener_of(buffer);
    if (listener) mtm_lock(&listener->object.lock);
    const bool alone = (mtm_load_rlx(&object->flags) & MTM_IS_ABORTED) != 0;
    mtm_buffer_change(buffer, 0, 0, true);
    if (listener) follow_state(listener, buffer, alone && !mtm_object_is_aborted(object));
}

static void cut_buffer(struct mtm_object *object)
{
    struct mtm_buffer *buffer = to_buffer(object);
    struct mtm_trash trash = {0};
    struct mtm_notifier *notifiers[MTM_EVENTS];
    mtm_buffer_lock_both(buffer);
    mtm_queue_clear(&buffer->queue, &trash);
    unplug_all(buffer, notifiers);
    mtm_buffer_unlock_both(buffer);
    mtm_queue_empty_trash(&buffer->queue, &trash);
    release_all(buffer, notifiers);
    mtm_drop_handed_on();
}

static const struct mtm_source_ops buffer_ops = {
    {orphan_buffer, free_buffer, sync_buffer, cut_buffer},
    mtm_buffer_look,
    mtm_buffer_waiting,
    mtm_buffer_join,
    mtm_buffer_taken,
    mtm_buffer_spin,
    mtm_buffer_rest,
    mtm_buffer_is_warm,
    mtm_buffer_lock,
    false,
};

static bool waits_for_room(const struct mtm_buffer_options *options)
{
    const struct mtm_bounds *bounds = &options->bounds;
    if (bounds->drop_oldest) return false;
    return options->grow <= 0 || bounds->limit > 0 || bounds->maxbytes > 0;
}

/* What it has behind itself begins with zeros. */
static struct mtm_buffer *alloc_buffer(const struct mtm_buffer_options *options)
{
    const size_t member = options->listener ? sizeof(struct mtm_member) : 0;
    const size_t subscriber = options->subscribes ? sizeof(struct mtm_subscriber) : 0;
    const size_t room = waits_for_room(options) ? sizeof(struct mtm_room) : 0;
    const size_t more = member + subscriber + room, size = sizeof(struct mtm_buffer) + more;
    struct mtm_buffer *buffer = mtm_named_alloc(size, options->name, options->name_len);
    if (!buffer) return NULL;
    *buffer = (struct mtm_buffer){.object = {.class = &buffer_ops.object,
                                             .kind = MTM_BUFFER,
                                             .life = 1,
                                             .flags = mtm_generation},
                                  .subscribes = options->subscribes};
    char *behind = (char *)(buffer + 1);
    if (more > 0) memset(behind, 0, more);
    if (room > 0) buffer->room = (struct mtm_room *)(void *)(behind + member + subscriber);
    mtm_named_init(&buffer->object, size, options->name, options->name_len);
    return buffer;
}

static enum mtm_status make_buffer(const struct mtm_buffer_options *options,
                                   struct mtm_buffer **out)
{
    struct mtm_buffer *buffer = alloc_buffer(options);
    if (!buffer) return MTM_NOMEM;
    enum mtm_status status = mtm_queue_init(&buffer->queue, options->size, options->sized,
                                            options->grow, options->listener != NULL);
    if (options->listener)
        mtm_set_unusual(&buffer->queue.head.unusual, MTM_UNUSUAL_OWNER, true);
    if (status != MTM_OK) {
        mtm_named_free(&buffer->object);
        return status;
    }
    mtm_queue_set_bounds(&buffer->queue, &options->bounds);
    *out = buffer;
    return MTM_OK;
}

/* A buffer that joined but could not be registered: whoever visits it for the listener at this
 * moment frees it. */
static void abandon(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&listener->object.lock);
    mtm_sub_acq_rel(&buffer->object.life, 1); /* pairs with mtm_listener_let_go */
    bool dead = orphan_buffer(&buffer->object);
    mtm_unlock(&listener->object.lock);
    if (dead) free_buffer(&buffer->object);
}

/* The new buffer is made known, unless find says that *found, an open one of its name, will do.
 */
static enum mtm_status make_known(struct mtm_buffer *buffer, struct mtm_listener *listener,
                                  bool find, struct mtm_object **found)
{
    enum mtm_status status = listener ? mtm_listener_join(listener, buffer) : MTM_OK;
    *found = NULL;
    if (status != MTM_OK) {
        free_buffer(&buffer->object);
        return status;
    }
    if (find) status = mtm_registry_find_or_add(&buffer->object, found);
    else status = mtm_registry_add(&buffer->object);
    if (status != MTM_OK || *found) {
        if (listener) abandon(listener, buffer);
        else free_buffer(&buffer->object);
    } else if (listener) {
        mtm_object_retain(&listener->object);
    }
    return status;
}

enum mtm_status mtm_buffer_new(const struct mtm_buffer_options *options,
                               struct mtm_buffer **out)
{
    struct mtm_buffer *buffer;
    struct mtm_object *found;
    enum mtm_status status = make_buffer(options, &buffer);
    if (status == MTM_OK) status = make_known(buffer, options->listener, false, &found);
    if (status == MTM_OK) *out = buffer;
    return status;
}

/* What was found is of no use to a listener that is not its own. */
static enum mtm_status accept(struct mtm_object *found, const struct mtm_listener *listener,
                              struct mtm_buffer **out)
{
    if (listener && found->owner != &listener->object) {
        mtm_root_release(found);
        return MTM_AMBIGUOUS;
    }
    *out = to_buffer(found);
    return MTM_OK;
}

enum mtm_status mtm_buffer_find_or_new(const struct mtm_buffer_options *options,
                                       struct mtm_buffer **out, bool *created)
{
    struct mtm_buffer *buffer;
    struct mtm_object *found;
    enum mtm_status status =
        mtm_registry_find_open(MTM_BUFFER, options->name, options->name_len, &found);
    *created = false;
    if (status == MTM_UNKNOWN) {
        status = make_buffer(options, &buffer);
        if (status == MTM_OK) status = make_known(buffer, options->listener, true, &found);
        *created = status == MTM_OK && !found;
    }
    if (*created) *out = buffer;
    if (status != MTM_OK || *created) return status;
    return accept(found, options->listener, out);
}

/* ---- events ---- */

struct mtm_notifier *mtm_buffer_fired(struct mtm_buffer *buffer, enum mtm_event event)
{
    struct mtm_notifier *notifier = mtm_load_rlx(&buffer->notifier[event]);
    if (MTM_LIKELY(!notifier)) return NULL;
    if (notifier->threshold > 0) {
        uint64_t count = mtm_queue_count_once(&buffer->queue); /* exact: both locks are held */
        uint64_t threshold = (uint64_t)notifier->threshold;
        if (event == MTM_ADDED ? count <= threshold : count >= threshold) return NULL;
    }
    mtm_notifier_retain(notifier);
    return notifier;
}

/* ---- both sides ---- */

size_t mtm_buffer_count(const struct mtm_buffer *buffer)
{
    if (mtm_object_is_inherited(&buffer->object)) return 0;
    return mtm_queue_count(&buffer->queue);
}

void mtm_buffer_lock_both(struct mtm_buffer *buffer)
{
    mtm_lock(&buffer->queue.tail.lock);
    mtm_lock(&buffer->queue.head.lock);
}

bool mtm_buffer_trylock_both(struct mtm_buffer *buffer, bool nonblock)
{
    if (!mtm_lock_side(&buffer->queue.tail.lock, nonblock)) return false;
    if (mtm_lock_side(&buffer->queue.head.lock, nonblock)) return true;
    mtm_unlock(&buffer->queue.tail.lock);
    return false;
}

void mtm_buffer_unlock_both(struct mtm_buffer *buffer)
{
    mtm_unlock(&buffer->queue.head.lock);
    mtm_unlock(&buffer->queue.tail.lock);
}

/* A finished buffer that may be drained leaves its listener with the next look there, which
 * finds it by its entry in the ready queue. Both locks held. True: wake one who looks. */
static bool announce_end(struct mtm_buffer *buffer)
{
    struct mtm_listener *listener = listener_of(buffer);
    if (!listener || !mtm_object_is_finished(&buffer->object)) return false;
    if (mtm_member_of(buffer)->ready) return true;
    mtm_ready_push(listener, buffer);
    if (!mtm_buffer_has_messages(buffer)) mtm_ready_passed_by(listener, buffer);
    return true;
}

enum mtm_status mtm_buffer_clear(struct mtm_buffer *buffer, bool nonblock)
{
    struct mtm_trash trash = {0};
    if (mtm_object_is_inherited(&buffer->object)) return MTM_CLOSED;
    if (!mtm_buffer_trylock_both(buffer, nonblock)) return MTM_BUSY;
    const bool closed = mtm_object_is_closed(&buffer->object);
    if (!closed) mtm_queue_clear(&buffer->queue, &trash);
    const bool parts = announce_end(buffer), served = mtm_room_serve(buffer);
    mtm_buffer_unlock_both(buffer);
    if (served) mtm_room_announce(buffer);
    if (buffer->object.owner) mtm_ready_passed_by(listener_of(buffer), buffer);
    if (parts) mtm_ready_wake(buffer);
    mtm_queue_empty_trash(&buffer->queue, &trash);
    mtm_queue_drop_spares(&buffer->queue);
    if (!nonblock) mtm_drop_handed_on();
    return closed ? MTM_CLOSED : MTM_OK;
}

/* After a change of flags, both locks held: the fast path, and those who wait for room. */
static void tell_of_state(struct mtm_buffer *buffer)
{
    const uint32_t flags = mtm_load_rlx(&buffer->object.flags);
    mtm_set_unusual(&buffer->queue.tail.unusual, MTM_UNUSUAL_STATE, flags & MTM_STOPS_PUTS);
    mtm_set_unusual(&buffer->queue.head.unusual, MTM_UNUSUAL_STATE, flags & MTM_STOPS_TAKES);
    mtm_room_serve(buffer); /* whoever is told is told to go */
}

void mtm_buffer_change(struct mtm_buffer *buffer, uint32_t set, uint32_t clear, bool sync)
{
    mtm_buffer_lock_both(buffer);
    mtm_object_change(&buffer->object, set, clear);
    if (sync) mtm_object_sync(&buffer->object);
    tell_of_state(buffer);
    mtm_buffer_unlock_both(buffer);
    MTM_PAUSE();
    mtm_source_wake_all(&buffer->source);
}

void mtm_buffer_close(struct mtm_buffer *buffer)
{
    struct mtm_listener *listener = listener_of(buffer);
    struct mtm_trash trash = {0};
    struct mtm_notifier *notifiers[MTM_EVENTS];
    if (mtm_object_is_inherited(&buffer->object)) return;
    mtm_registry_retire(&buffer->object);
    if (listener) mtm_lock(&listener->object.lock);
    mtm_buffer_lock_both(buffer);
    mtm_object_change(&buffer->object, MTM_IS_CLOSED, 0);
    tell_of_state(buffer);
    mtm_queue_stop_knocks(&buffer->queue);
    mtm_queue_shut(&buffer->queue, &trash);
    unplug_all(buffer, notifiers);
    mtm_buffer_unlock_both(buffer);
    if (listener) {
        mtm_ready_take_off(listener, buffer);
        bool last = mtm_listener_part(listener, buffer);
        mtm_unlock(&listener->object.lock);
        if (last) mtm_listener_announce(listener);
    }
    MTM_PAUSE();
    mtm_source_wake_all(&buffer->source);
    mtm_queue_empty_trash(&buffer->queue, &trash);
    mtm_queue_drop_caches(&buffer->queue);
    release_all(buffer, notifiers);
    mtm_drop_handed_on();
}

void mtm_buffer_finish(struct mtm_buffer *buffer)
{
    if (mtm_object_is_inherited(&buffer->object)) return;
    mtm_buffer_lock_both(buffer);
    mtm_object_change(&buffer->object, MTM_IS_FINISHED, 0);
    tell_of_state(buffer);
    mtm_queue_stop_knocks(&buffer->queue);
    announce_end(buffer);
    mtm_buffer_unlock_both(buffer);
    MTM_PAUSE();
    mtm_source_wake_all(&buffer->source);
    mtm_ready_wake(buffer);
}

/* Only a buffer that was aborted changes its place in the ready queue. */
void mtm_buffer_abort(struct mtm_buffer *buffer, bool flag)
{
    struct mtm_listener *listener = listener_of(buffer);
    if (mtm_object_is_inherited(&buffer->object)) return;
    if (listener) mtm_lock(&listener->object.lock);
    bool was_aborted = mtm_object_is_aborted(&buffer->object);
    mtm_buffer_change(buffer, flag ? MTM_IS_ABORTED : 0, flag ? 0 : MTM_IS_ABORTED, false);
    if (listener) follow_state(listener, buffer, flag || was_aborted);
}
