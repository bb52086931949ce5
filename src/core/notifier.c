/* Making and freeing connections. It owns no state. */
#include "core/notifier.h"

#include "core/alloc.h"
#include "core/bell.h"
#include "core/life.h"
#include "core/reference.h"

#include "platform/hidden.h"

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
    if (!mtm_object_try_retain(&buffer->object)) return NULL;
    struct mtm_notifier *notifier = NULL;
    if (mtm_bell_init(buffer))
        notifier =
            new_notifier(&(struct mtm_notifier){.buffer = buffer, .threshold = threshold});
    if (!notifier) mtm_object_release(&buffer->object);
    return notifier;
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

enum mtm_status mtm_notifier_prepare(struct mtm_notifier *notifier, struct mtm_object *owner)
{
    if (!notifier->buffer) return MTM_OK;
    struct mtm_object *target = &notifier->buffer->object;
    enum mtm_status status = mtm_reach_prepare(owner, false);
    if (status == MTM_OK) status = mtm_reach_prepare(target, false);
    if (status != MTM_OK) return status;
    if (!notifier->edge.target)
        mtm_edge_link(&notifier->edge, target, &notifier->bearer, false);
    mtm_bearer_lay_down(&notifier->bearer, owner);
    return status;
}

static void free_notifier(struct mtm_drop *drop)
{
    struct mtm_notifier *notifier = mtm_notifier_of_drop(drop);
    if (notifier->edge.target) mtm_edge_drop(&notifier->edge);
    else if (notifier->buffer) mtm_object_release(&notifier->buffer->object);
    else notifier->ops->release(&notifier->code, notifier->object);
    mtm_free(notifier);
}

/* Freeing a notifier may free a buffer, and that one's notifiers, however many there are. */
void mtm_notifier_release(struct mtm_notifier *notifier, bool nonblock)
{
    if (!notifier || mtm_sub_acq_rel(&notifier->refs, 1) != 1) return; /* pairs with itself */
    MTM_ASSERT_UNLOCKED();
    mtm_drop(&notifier->drop, free_notifier, nonblock);
}
