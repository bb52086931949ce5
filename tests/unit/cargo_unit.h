/* Messages that refer to objects, for the unit tests. It owns nothing. */
#ifndef MTM_TESTS_CARGO_UNIT_H
#define MTM_TESTS_CARGO_UNIT_H

#include "core.h"

#include "core/cargo.h"

enum { CARGO_BYTES = 17 }; /* what an object takes in a message, at least */

/* Any thread. A message of `count` objects, ours. */
static inline enum mtm_status cargo_put(struct mtm_buffer *buffer,
                                        struct mtm_object *const *objects, size_t count,
                                        bool replace, bool nonblock)
{
    static const unsigned char bytes[64 * CARGO_BYTES];
    struct mtm_cargo *cargo = NULL;
    struct mtm_message message = core_message(bytes, count * CARGO_BYTES);
    struct mtm_notifier *notifier = NULL;
    enum mtm_status status = MTM_OK;
    for (size_t i = 0; i < count && status == MTM_OK; ++i) {
        status = mtm_cargo_add(&cargo, objects[i]);
    }
    message.cargo = &cargo;
    if (status == MTM_OK) {
        const unsigned options =
            (replace ? MTM_PUT_REPLACE : 0u) | (nonblock ? MTM_PUT_NONBLOCK : 0u);
        status = mtm_buffer_put(buffer, &message, options, &notifier);
    }
    mtm_notifier_release(notifier, nonblock);
    mtm_cargo_drop(cargo);
    if (!nonblock) mtm_drop_handed_on();
    return status;
}

static inline enum mtm_status cargo_send(struct mtm_buffer *buffer, struct mtm_object *object)
{
    return cargo_put(buffer, &object, 1, false, false);
}

/* Any thread. Takes a message without waiting; *object: the first that it refers to, with a new
 * root, or NULL. */
static inline enum mtm_status cargo_take(struct mtm_object *from, struct mtm_object **object,
                                         bool put_back)
{
    struct mtm_delivery in;
    struct mtm_wait wait = {.timeout = 0};
    *object = NULL;
    if (!core_incoming(&in)) return MTM_NOMEM;
    enum mtm_status status = mtm_receive(from, &wait, &in);
    if (status != MTM_OK) {
        in.slot.block = NULL;
    } else if (put_back) {
        mtm_delivery_put_back(&in);
    } else {
        const struct mtm_item *item = mtm_cargo_at(in.slot.block->cargo, 0);
        if (item) mtm_root_retain(*object = item->object);
        mtm_notifier_release(in.notifier, false);
        if (in.slot.block->cargo) mtm_block_unload(in.slot.block);
        mtm_delivery_done(&in, false);
    }
    core_incoming_free(&in);
    mtm_drop_handed_on();
    return status;
}

#endif
