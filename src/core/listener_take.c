/* Taking from the buffers of a listener, and the listener as a source that one can wait for.
 * The order in which they are served is that of ready.c; it owns no data. */
#include "core/fast_path.h"
#include "core/life.h"
#include "core/ready.h"
#include "core/room.h"

#include "platform/hidden.h"

enum { LOOKS_AT_ONCE = 64 }; /* at ready buffers, under the lock */

/* One look at the listener, while its lock is held. */
struct look {
    struct mtm_listener *listener;
    struct mtm_delivery *delivery;
    struct mtm_trash trash;  /* of delivery->from */
    struct mtm_buffer *busy; /* the first one whose locks could not be had at once, or NULL */
    bool more;               /* the lock has been held long enough, but there are others */
};

/* Looks at one ready buffer. EMPTY: go on with the next one. Its entry may have gone. */
static enum mtm_status look_at(struct look *look, struct mtm_buffer *buffer)
{
    struct mtm_wait never = {.timeout = 0};
    if (!mtm_object_can_hold(&buffer->object)) return MTM_BUSY;
    enum mtm_status status = mtm_buffer_take(buffer, &never, look->delivery, &look->trash);
    look->delivery->from = buffer;
    switch (status) {
        case MTM_OK:
            mtm_store_rlx(&look->listener->taken, mtm_load_rlx(&look->listener->taken) + 1);
            if (look->delivery->more || !mtm_ready_retire(look->listener, buffer)) {
                mtm_ready_to_end(look->listener, buffer);
            }
            return status;
        case MTM_TOO_LARGE: mtm_ready_to_end(look->listener, buffer); return status;
        case MTM_BUSY:
        case MTM_INTERRUPTED:
        case MTM_GROW: return status;
        case MTM_EMPTY: mtm_ready_retire(look->listener, buffer); return MTM_EMPTY;
        case MTM_CLOSED:
        case MTM_ABORTED: mtm_ready_drop(look->listener, buffer); return MTM_EMPTY;
        case MTM_FULL:
        case MTM_NOMEM:
        case MTM_NO_BUFFERS:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_MISPLACED:
        case MTM_NOTIFIER_FAILED: break; /* no result of a take */
    }
    MTM_ASSERT(false);
    return status;
}

/* ---- a single word ---- */

/* What must be done without the lock. */
struct after {
    bool parted;
    struct mtm_buffer *cold, *left; /* held */
};

/* Whether it was left to drain, and nobody else is at work on it who frees it then. */
static bool is_left(const struct mtm_buffer *buffer)
{
    return MTM_UNLIKELY((mtm_load_rlx(&buffer->object.life) & MTM_LIFE_COUNTS) == 0);
}

/* One that was left, and may be drained by now, is held: to be let go, and freed. */
static struct mtm_buffer *hold_if_left(struct mtm_buffer *buffer)
{
    return is_left(buffer) && mtm_object_hold(&buffer->object) ? buffer : NULL;
}

/* Lock held, under which the last reference goes, too. The buffer whose turn it is has to stand
 * in its place. */
static bool take_word(struct mtm_listener *listener,
                      bool (*is_plain_word)(struct mtm_word word), enum mtm_taker taker,
                      struct mtm_word *word, uint64_t *id, struct after *after)
{
    struct mtm_buffer *buffer = listener->ready_first;
    bool more;
    if (!buffer || mtm_load_rlx(&mtm_member_of(buffer)->turn) != mtm_member_of(buffer)->place)
        return false;
    if (taker == MTM_TAKER_FREES_NOTHING &&
        (is_left(buffer) || mtm_listener_may_cool(listener, buffer)))
        return false;
    if (!mtm_fast_take_word(buffer, MTM_UNUSUAL_OWNER, is_plain_word, word, &more))
        return false;
    *id = buffer->object.id;
    mtm_store_rlx(&listener->taken, mtm_load_rlx(&listener->taken) + 1);
    if (more || !mtm_ready_retire(listener, buffer)) mtm_ready_to_end(listener, buffer);
    if (!more) {
        const bool may_cool = taker != MTM_TAKER_FREES_NOTHING;
        after->cold = mtm_listener_warm(listener, buffer, false, may_cool);
        after->left = hold_if_left(buffer);
    }
    after->parted = mtm_listener_part(listener, buffer);
    return true;
}

static bool is_usual(const struct mtm_listener *listener)
{
    return mtm_load_rlx(&listener->object.flags) == mtm_generation;
}

bool mtm_listener_take_word(struct mtm_listener *listener,
                            bool (*is_plain_word)(struct mtm_word word), enum mtm_taker taker,
                            struct mtm_word *word, uint64_t *id)
{
    const bool nonblock = taker != MTM_TAKER_WAITS;
    struct after after = {.cold = NULL};
    bool done = false;
    if (!is_usual(listener) || !mtm_lock_if_free(&listener->object.lock)) return false;
    if (is_usual(listener) && !mtm_load_seq(&listener->deferred)) { /* pairs with push */
        mtm_ready_collect(listener);
        done = take_word(listener, is_plain_word, taker, word, id, &after);
    }
    mtm_unlock(&listener->object.lock);
    if (!done) return false;
    MTM_PAUSE();
    MTM_ASSERT(taker != MTM_TAKER_FREES_NOTHING || (!after.cold && !after.left));
    if (MTM_UNLIKELY(after.parted)) mtm_listener_announce(listener);
    if (MTM_UNLIKELY(after.cold != NULL)) mtm_listener_cool(listener, after.cold, nonblock);
    if (MTM_UNLIKELY(after.left != NULL)) mtm_listener_let_go(listener, after.left, nonblock);
    mtm_source_pass_baton(&listener->source, MTM_OK);
    return true;
}

/* ---- any message ---- */

/* Looks at the ready buffers in their order, until one has a message. Those that another thread
 * is at work on are passed over. */
static enum mtm_status take_first(struct look *look)
{
    struct mtm_buffer *buffer = look->listener->ready_first;
    for (int looks = 0; looks < LOOKS_AT_ONCE && buffer; ++looks) {
        if (mtm_ready_reorder(look->listener, &buffer)) continue;
        struct mtm_buffer *next = mtm_member_of(buffer)->ready_next;
        enum mtm_status status = look_at(look, buffer);
        mtm_listener_part(look->listener, buffer);
        if (status == MTM_BUSY && !look->busy) look->busy = buffer;
        if (status != MTM_BUSY && status != MTM_EMPTY) return status;
        buffer = next;
    }
    look->more = buffer != NULL && !look->busy;
    return look->busy || look->more ? MTM_BUSY : MTM_EMPTY;
}

/* EMPTY, or that there is nothing more to come. */
static enum mtm_status nothing(const struct mtm_listener *listener)
{
    if (MTM_LIKELY(mtm_load_rlx(&listener->connected) != 0)) return MTM_EMPTY;
    return mtm_object_is_finished(&listener->object) ? MTM_CLOSED : MTM_NO_BUFFERS;
}

static enum mtm_status take_locked(struct look *look)
{
    enum mtm_status status = mtm_object_may_take(&look->listener->object);
    if (status == MTM_OK) status = nothing(look->listener);
    if (status != MTM_EMPTY) return status;
    mtm_ready_collect(look->listener);
    status = take_first(look);
    return status == MTM_EMPTY ? nothing(look->listener) : status;
}

/* Waits, as `wait` says, until the locks of the buffer that was passed over are free. */
static void wait_for_busy(struct look *look, struct mtm_wait *wait)
{
    mtm_buffer_await_locks(look->busy, wait);
    mtm_listener_let_go(look->listener, look->busy, mtm_wait_never(wait));
}

static enum mtm_status take_some(struct look *look, struct mtm_wait *wait)
{
    struct mtm_listener *listener = look->listener;
    struct mtm_delivery *delivery = look->delivery;
    if (!mtm_wait_lock(wait, &listener->object.lock)) return MTM_BUSY;
    struct mtm_buffer *dead = mtm_listener_collect_deferred(listener);
    const size_t connected = mtm_load_rlx(&listener->connected);
    enum mtm_status status = take_locked(look);
    const bool parted = mtm_load_rlx(&listener->connected) != connected;
    bool held = status == MTM_OK || look->trash.segments;
    struct mtm_buffer *cold = NULL;
    if (held) mtm_object_hold(&delivery->from->object);
    if (status == MTM_OK && !delivery->more) {
        const bool soon = delivery->slot.block != delivery->slot.carrier;
        cold = mtm_listener_warm(listener, delivery->from, soon, true);
    }
    if (status != MTM_BUSY || wait->timeout == 0) look->busy = NULL;
    if (look->busy && !mtm_object_hold(&look->busy->object)) look->busy = NULL;
    mtm_unlock(&listener->object.lock);
    MTM_PAUSE();
    delivery->through = listener;
    if (status == MTM_OK && MTM_UNLIKELY(delivery->served)) mtm_room_announce(delivery->from);
    if (MTM_UNLIKELY(parted)) mtm_listener_announce(listener);
    if (MTM_UNLIKELY(dead != NULL)) mtm_listener_free_dead(dead);
    if (MTM_UNLIKELY(cold != NULL)) mtm_listener_cool(listener, cold, mtm_wait_never(wait));
    if (status == MTM_OK && !delivery->more) mtm_buffer_trim_if_drained(delivery->from);
    if (MTM_UNLIKELY(look->trash.segments != NULL)) {
        mtm_queue_empty_trash(&delivery->from->queue, &look->trash);
    }
    if (held && status != MTM_OK) {
        mtm_listener_let_go(listener, delivery->from, mtm_wait_never(wait));
    }
    return status;
}

/* Where all that may have a message are busy, one of them is waited for without the lock of the
 * listener, so that a thread that is suspended in a buffer holds up nobody else. */
enum mtm_status mtm_listener_look(struct mtm_source *source, struct mtm_wait *wait,
                                  struct mtm_delivery *delivery)
{
    for (;;) {
        struct look look = {.listener = (struct mtm_listener *)source, .delivery = delivery};
        enum mtm_status status = take_some(&look, wait);
        if (look.busy) wait_for_busy(&look, wait);
        else if (!look.more) return status;
        if (look.busy && mtm_wait_is_over(wait)) return status;
    }
}

size_t mtm_listener_waiting(const struct mtm_source *source)
{
    MTM_STEP(see_flags);
    const uint32_t flags = mtm_load_acq(&source->object.flags) ^ mtm_generation;
    if (MTM_UNLIKELY(flags & ~(uint32_t)MTM_IS_FINISHED)) return 1;
    const struct mtm_listener *listener = (const struct mtm_listener *)source;
    const size_t ready = mtm_ready_count(listener);
    return ready > 0 ? ready : mtm_load_seq(&listener->deferred) != NULL; /* pairs with push */
}

/* Producers take no lock of the listener: the order of seq_cst operations sees to it that they
 * see us, or we what they push. */
bool mtm_listener_join_waiters(struct mtm_source *source, struct mtm_wait *wait)
{
    (void)wait;
    mtm_waiters_join(&source->waiters);
    MTM_PAUSE();
    return true;
}

uint32_t mtm_listener_taken(const struct mtm_source *source)
{
    return mtm_load_rlx(&((const struct mtm_listener *)source)->taken);
}

struct mtm_spin *mtm_listener_spin(struct mtm_source *source)
{
    return &((struct mtm_listener *)source)->spin;
}

struct mtm_lock *mtm_listener_lock(struct mtm_source *source)
{
    return &source->object.lock;
}
