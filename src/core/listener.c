/* Making, closing, aborting and clearing a listener: what is done to all of its buffers, one
 * after the other. It owns the listeners' memory; members.c, ready.c and listener_take.c know
 * its buffers, those that have messages, and how to take these. */
#include "core/listener.h"

#include <string.h>

#include "core/abort_all.h"
#include "core/pollable.h"
#include "core/reach.h"
#include "core/ready.h"
#include "core/registry.h"

#include "platform/hidden.h"

static struct mtm_listener *to_listener(struct mtm_object *object)
{
    return (struct mtm_listener *)object;
}

static struct mtm_buffer *next_member(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_listener_step(listener, &buffer, false);
    return buffer;
}

/* A listener whose last reference is gone has only members without references: they go with it.
 */
static bool orphan_listener(struct mtm_object *object)
{
    (void)object;
    return true;
}

static void free_listener(struct mtm_object *object)
{
    struct mtm_listener *listener = to_listener(object);
    struct mtm_buffer *buffer = listener->member_first;
    mtm_pollables_free(object);
    while (buffer) {
        struct mtm_buffer *next = mtm_member_of(buffer)->member_next;
        buffer->object.class->free(&buffer->object);
        buffer = next;
    }
    mtm_reach_forget(object);
    mtm_named_free(object);
}

static void change(struct mtm_listener *listener, uint32_t set, uint32_t clear, bool sync)
{
    mtm_lock(&listener->object.lock);
    mtm_object_change(&listener->object, set, clear);
    if (sync) mtm_object_sync(&listener->object);
    mtm_unlock(&listener->object.lock);
    mtm_source_wake_all(&listener->source);
}

/* Members without references are not in the registry, so they are reached from here. */
static void sync_listener(struct mtm_object *object)
{
    struct mtm_listener *listener = to_listener(object);
    struct mtm_buffer *buffer = NULL;
    change(listener, 0, 0, true);
    while ((buffer = next_member(listener, buffer)) != NULL) {
        buffer->object.class->sync_abort(&buffer->object);
    }
}

static void cut_listener(struct mtm_object *object)
{
    struct mtm_listener *listener = to_listener(object);
    struct mtm_buffer *buffer = NULL;
    while ((buffer = next_member(listener, buffer)) != NULL) {
        buffer->object.class->cut(&buffer->object);
    }
}

static const struct mtm_source_ops listener_ops = {
    {orphan_listener, free_listener, sync_listener, cut_listener},
    mtm_listener_look,
    mtm_listener_waiting,
    mtm_listener_join_waiters,
    mtm_listener_taken,
    mtm_listener_spin,
    mtm_listener_rest,
    mtm_listener_is_warm,
    mtm_listener_lock,
    true,
};

static struct mtm_object *make_listener(const char *name, size_t name_len, const void *options)
{
    struct mtm_listener *listener = mtm_named_alloc(sizeof *listener, name, name_len);
    (void)options; /* there are none */
    if (!listener) return NULL;
    *listener = (struct mtm_listener){.object = {.class = &listener_ops.object,
                                                 .kind = MTM_LISTENER,
                                                 .life = 1,
                                                 .flags = mtm_generation}};
    mtm_named_init(&listener->object, sizeof *listener, name, name_len);
    return &listener->object;
}

enum mtm_status mtm_listener_new(const char *name, size_t name_len, struct mtm_listener **out)
{
    struct mtm_object *listener = make_listener(name, name_len, NULL);
    if (!listener) return MTM_NOMEM;
    enum mtm_status status = mtm_registry_add(listener);
    if (status == MTM_OK) *out = to_listener(listener);
    else free_listener(listener);
    return status;
}

enum mtm_status mtm_listener_find_or_new(const char *name, size_t name_len,
                                         struct mtm_listener **out, bool *created)
{
    struct mtm_object *found;
    enum mtm_status status = mtm_registry_find_or_make(MTM_LISTENER, name, name_len,
                                                       make_listener, NULL, &found, created);
    if (status == MTM_OK) *out = to_listener(found);
    return status;
}

enum mtm_status mtm_listener_clear(struct mtm_listener *listener, bool nonblock)
{
    enum mtm_status status = MTM_OK;
    if (mtm_object_is_closed(&listener->object)) return MTM_CLOSED;
    struct mtm_buffer *buffer = NULL;
    /* Not more than there are: others may join all the time. */
    for (size_t left = mtm_load_rlx(&listener->members); left > 0; --left) {
        if (!mtm_listener_step(listener, &buffer, nonblock)) return MTM_BUSY;
        if (!buffer) return status;
        if (mtm_buffer_clear(buffer, nonblock) == MTM_BUSY) status = MTM_BUSY;
    }
    if (buffer) mtm_listener_let_go(listener, buffer, nonblock);
    return status;
}

void mtm_listener_close(struct mtm_listener *listener)
{
    mtm_registry_retire(&listener->object);
    change(listener, MTM_IS_CLOSED, 0, false);
    struct mtm_buffer *buffer = NULL;
    while ((buffer = next_member(listener, buffer)) != NULL) mtm_buffer_close(buffer);
}

void mtm_listener_finish(struct mtm_listener *listener)
{
    if (mtm_object_is_inherited(&listener->object)) return;
    change(listener, MTM_IS_FINISHED, 0, false);
    struct mtm_buffer *buffer = NULL;
    while ((buffer = next_member(listener, buffer)) != NULL) mtm_buffer_finish(buffer);
}

/* It keeps its place in the ready queue if nothing changes; else it leaves it, or comes to its
 * end. */
bool mtm_listener_adopt(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    const uint32_t own = MTM_IS_ABORTED;
    uint32_t set = mtm_load_rlx(&listener->object.flags) & own;
    const bool was_aborted = mtm_object_is_aborted(&buffer->object);
    mtm_buffer_change(buffer, set, own & ~set, false);
    if (set || was_aborted) mtm_ready_take_off(listener, buffer);
    if (!set) mtm_ready_enter(listener, buffer);
    mtm_source_wake_one(&listener->source);
    return mtm_listener_part(listener, buffer);
}

static void follow(struct mtm_listener *listener, struct mtm_buffer *buffer)
{
    mtm_lock(&listener->object.lock);
    bool last = mtm_listener_adopt(listener, buffer);
    mtm_unlock(&listener->object.lock);
    if (last) mtm_listener_announce(listener);
}

void mtm_listener_abort(struct mtm_listener *listener, bool flag)
{
    change(listener, flag ? MTM_IS_ABORTED : 0, flag ? 0 : MTM_IS_ABORTED, false);
    struct mtm_buffer *buffer = NULL;
    while ((buffer = next_member(listener, buffer)) != NULL) follow(listener, buffer);
}
