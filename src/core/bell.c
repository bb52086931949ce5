/* Knocking, and reading a buffer's notifier without its locks. It owns the bells' memory. */
#include "core/bell.h"

#include "core/alloc.h"
#include "core/bound.h"
#include "core/ready.h"
#include "core/room.h"

#include "platform/hidden.h"

bool mtm_bell_init(struct mtm_buffer *buffer)
{
    if (mtm_bell_of(buffer) || mtm_object_is_inherited(&buffer->object)) return true;
    struct mtm_bell *bell = mtm_alloc(sizeof *bell);
    if (!bell) return false;
    *bell = (struct mtm_bell){.knocks = MTM_KNOCKS_INIT};
    struct mtm_knocks *none = NULL;
    if (!mtm_cas_seq(&buffer->queue.shared.knocks, &none, &bell->knocks)) mtm_free(bell);
    return true;
}

void mtm_bell_fini(struct mtm_buffer *buffer)
{
    mtm_free(mtm_bell_of(buffer));
}

/* ---- the bell's own notifier ---- */

static void push(struct mtm_bell *bell, struct mtm_notifier *notifier)
{
    struct mtm_drop *link = &notifier->drop;
    struct mtm_notifier *top = mtm_load_seq(&bell->unplugged);
    do {
        link->next = top ? &top->drop : NULL;
        MTM_STEP(push_unplugged);
    } while (!mtm_cas_seq(&bell->unplugged, &top, notifier)); /* pairs: release_unplugged */
}

/* What is in the stack was disconnected before, so who visits from now on does not find it: it
 * may be released if nobody visits at a moment after it was taken from there. If somebody does,
 * it goes back, and the last one who leaves comes here. */
static void release_unplugged(struct mtm_bell *bell, bool nonblock)
{
    while (mtm_load_seq(&bell->visitors) == 0 && mtm_load_seq(&bell->unplugged)) {
        MTM_STEP(take_unplugged);
        struct mtm_notifier *list = mtm_swap_seq(&bell->unplugged, NULL); /* pairs with push */
        MTM_PAUSE();
        MTM_STEP(nobody_visits);
        const bool idle = mtm_load_seq(&bell->visitors) == 0;
        while (list) {
            struct mtm_notifier *notifier = list;
            struct mtm_drop *next = notifier->drop.next;
            list = next ? mtm_notifier_of_drop(next) : NULL;
            if (idle) mtm_notifier_release(notifier, nonblock);
            else push(bell, notifier);
        }
    }
}

void mtm_bell_release(struct mtm_buffer *buffer, struct mtm_notifier *unplugged, bool nonblock)
{
    struct mtm_bell *bell = mtm_bell_of(buffer);
    if (!unplugged || !bell) {
        mtm_notifier_release(unplugged, nonblock);
        return;
    }
    push(bell, unplugged);
    release_unplugged(bell, nonblock);
}

/* The notifier that fires for a knock, with a reference, or NULL. */
static struct mtm_notifier *visit(struct mtm_buffer *buffer)
{
    struct mtm_bell *bell = mtm_bell_of(buffer);
    MTM_STEP(visit);
    mtm_add_seq(&bell->visitors, 1); /* pairs with release_unplugged */
    MTM_STEP(read_the_notifier);
    struct mtm_notifier *notifier = mtm_load_seq(&buffer->notifier[MTM_ADDED]);
    MTM_PAUSE();
    if (notifier && notifier->threshold > 0 &&
        mtm_queue_count(&buffer->queue) <= (uint64_t)notifier->threshold)
        notifier = NULL;
    if (notifier) mtm_notifier_retain(notifier);
    MTM_STEP(end_the_visit);
    mtm_sub_seq(&bell->visitors, 1);
    release_unplugged(bell, true);
    return notifier;
}

/* ---- ringing ---- */

static void knock(struct mtm_buffer *bell)
{
    MTM_PAUSE();
    mtm_queue_knock(&bell->queue);
    MTM_PAUSE();
    mtm_ready_knocked(bell);
    mtm_ready_wake(bell);
    mtm_source_wake_one(&bell->source);
}

/* Where others wait for room nobody else gets any. */
static bool is_full_by_limit(const struct mtm_buffer *bell)
{
    if (bell->queue.shared.limit == SIZE_MAX) return false;
    return mtm_queue_is_at_limit(&bell->queue) || mtm_room_waiting(bell) > 0;
}

enum mtm_status mtm_bell_ring(struct mtm_buffer *bell, bool nonblock,
                              struct mtm_notifier **next)
{
    enum mtm_status status = mtm_buffer_add_empty(bell, nonblock, next);
    if (status != MTM_FULL && status != MTM_BUSY) return status;
    if (is_full_by_limit(bell)) return MTM_OK;
    if (status == MTM_FULL) return status;
    knock(bell);
    *next = visit(bell);
    return MTM_OK;
}
