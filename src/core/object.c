/* References, state flags, the abortion of everything, and sleeping.
 * It owns the count of roots and the place where sleepers wait. */
#include "core/object.h"

#include "core/alloc.h"
#include "core/buffer.h"
#include "core/listener.h"
#include "core/registry.h"
#include "core/waiters.h"

#include "platform/hidden.h"

static mtm_asize roots;             /* atomic */
static struct mtm_waiters sleepers; /* those in mtm_sleep_until */
static mtm_a32 abortions;           /* atomic: how often everything was aborted */

/* ---- state ---- */

void mtm_object_change(struct mtm_object *object, uint32_t set, uint32_t clear)
{
    uint32_t flags = (mtm_load_rlx(&object->flags) & ~clear) | set;
    MTM_STEP(change_flags);
    mtm_store_rel(&object->flags, flags); /* pairs with mtm_object_stopped */
    MTM_STEP(count_the_abort);
    if (set & (MTM_IS_ABORTED | MTM_IS_ABORTED_ALL)) mtm_add_rlx(&object->aborts, 1);
}

/* Whoever comes last sees the latest state: it is read under the object's locks, and everybody
 * who changes it visits the object afterwards. */
void mtm_object_sync(struct mtm_object *object)
{
    if (mtm_is_aborted_all()) {
        mtm_object_change(object, MTM_IS_ABORTED_ALL, 0);
    } else {
        mtm_object_change(object, 0, MTM_IS_ABORTED | MTM_IS_ABORTED_ALL);
    }
}

bool mtm_object_is_aborted(const struct mtm_object *object)
{
    return (mtm_load_acq(&object->flags) & (MTM_IS_ABORTED | MTM_IS_ABORTED_ALL)) != 0;
}

/* ---- references ---- */

void mtm_object_retain(struct mtm_object *object)
{
    mtm_add_rlx(&object->life, 1);
}

/* NOLINTBEGIN(misc-no-recursion): it goes one step up, to the listener of a buffer */
/* Under the registry lock nobody can find the object between our giving up the last reference
 * and its removal; under the owner's lock nobody can finish draining it and free it. */
static void release_last(struct mtm_object *object)
{
    struct mtm_object *owner = object->owner;
    bool dead = false;
    void *unused = NULL;
    MTM_PAUSE();
    mtm_registry_lock();
    if (owner) mtm_lock(&owner->lock);
    MTM_STEP(release_the_last);
    size_t life = mtm_sub_acq_rel(&object->life, 1); /* pairs with the other releases */
    bool last = (life & MTM_LIFE_REFS) == 1;         /* it may have been found meanwhile */
    if (last) {
        unused = mtm_registry_remove(object);
        dead = object->class->orphan(object);
    }
    if (owner) mtm_unlock(&owner->lock);
    mtm_registry_unlock();
    mtm_free(unused);
    if (dead) object->class->free(object);
    if (last && owner) mtm_object_release(owner);
}

void mtm_object_release(struct mtm_object *object)
{
    MTM_ASSERT_UNLOCKED();
    size_t life = mtm_load_rlx(&object->life);
    while ((life & MTM_LIFE_REFS) != 1) {
        MTM_STEP(release);
        if (mtm_cas_acq_rel(&object->life, &life, life - 1)) return; /* pairs: release_last */
    }
    release_last(object);
}
/* NOLINTEND(misc-no-recursion) */

void mtm_root_count(void)
{
    mtm_add_rlx(&roots, 1);
}

bool mtm_no_roots(void)
{
    return mtm_load_acq(&roots) == 0;
}

void mtm_root_retain(struct mtm_object *object)
{
    mtm_root_count();
    mtm_object_retain(object);
}

/* Rings of buffers that are each other's notifiers keep each other alive. When no root is
 * left nobody can reach them any more. */
static void break_rings(void)
{
    struct mtm_object *object = NULL;
    while (mtm_no_roots() && (object = mtm_registry_next(object)) != NULL) {
        if (object->kind == MTM_BUFFER) {
            mtm_buffer_disconnect_unreachable((struct mtm_buffer *)object);
        } else {
            mtm_listener_disconnect_unreachable((struct mtm_listener *)object);
        }
    }
    if (object) mtm_object_release(object);
}

void mtm_root_release(struct mtm_object *object)
{
    mtm_object_release(object);
    MTM_PAUSE();
    if (mtm_sub_acq_rel(&roots, 1) == 1) break_rings(); /* pairs with itself */
}

/* ---- everything ---- */

void mtm_abort_all(bool flag)
{
    if (flag) mtm_add_seq(&abortions, 1);
    mtm_registry_set_abort(flag);
    if (flag) mtm_waiters_wake_all(&sleepers);
    MTM_PAUSE();
    struct mtm_object *object = NULL;
    while ((object = mtm_registry_next(object)) != NULL) object->class->sync_abort(object);
}

enum mtm_status mtm_sleep_until(int64_t deadline)
{
    uint32_t before = mtm_load_seq(&abortions);
    bool in_time = true;
    for (;;) {
        uint32_t ticket = mtm_load_seq(&sleepers.seq); /* pairs with wake_all */
        MTM_PAUSE();
        if (mtm_is_aborted_all() || mtm_load_seq(&abortions) != before) return MTM_ABORTED;
        if (!in_time) return MTM_OK;
        in_time = mtm_plat_park(&sleepers.seq, ticket, deadline);
    }
}
