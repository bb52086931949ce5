/* Class mtmsg.topic: each method reads its arguments, calls the core, and returns or raises its
 * outcome. */
#include "core/topic.h"

#include "capi/apis.h"
#include "core/fast_path.h"
#include "core/listener.h"
#include "core/publish.h"
#include "lua/classes.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/options.h"
#include "lua/protect.h"
#include "lua/tostring.h"

#include "platform/hidden.h"

static struct mtm_topic *topic_of(const struct mtc_handle *handle)
{
    return (struct mtm_topic *)handle->object;
}

/* ---- making ---- */

int mtl_newtopic(lua_State *L)
{
    const unsigned fields = MTL_OPTION_NAME | MTL_OPTION_CREATE | MTL_OPTION_LAST;
    struct mtl_options given;
    struct mtm_topic *topic;
    bool created = true;
    mtl_check_name_or_options(L, fields, &given);
    if (lua_istable(L, 2)) return luaL_argerror(L, 2, "options are the only argument");
    struct mtc_state *state = lua_touserdata(L, lua_upvalueindex(1));
    struct mtc_handle *handle = mtl_handle_push(L, state, MTM_TOPIC);
    enum mtm_status status =
        given.create
            ? mtm_topic_find_or_new(given.name, given.name_len, given.last, &topic, &created)
            : mtm_topic_new(given.name, given.name_len, given.last, &topic);
    if (status != MTM_OK) return mtl_raise_not_made(L, status, MTM_TOPIC, &given);
    return mtl_push_made(L, handle, &topic->object, &given, created);
}

int mtm_topic_named(lua_State *L)
{
    return mtl_find(L, MTM_TOPIC);
}

/* The listener of the options, or NULL. It may have been released, by a finalizer, too. */
static struct mtc_handle *check_listener(lua_State *L, const struct mtl_options *given)
{
    const int index = given->listener_index;
    if (index == 0 || lua_isnil(L, index)) return NULL;
    return mtl_check_listener(L, index);
}

static int topic_subscribe(lua_State *L)
{
    struct mtc_handle *topic = mtl_check_topic(L, 1);
    struct mtm_buffer_options options = {.listener = NULL};
    struct mtl_options given = {.create = false};
    struct mtm_buffer *buffer;
    mtl_check_new_buffer(L, 2, MTL_OPTION_LISTENER, &given, &options);
    struct mtc_handle *handle = mtl_handle_push(L, topic->owned.state, MTM_BUFFER);
    struct mtc_handle *listener = check_listener(L, &given);
    if (listener) options.listener = (struct mtm_listener *)listener->object;
    if (!mtc_handle_is_live(topic))
        return mtl_raise_of(L, MTM_CLOSED, topic); /* by a finalizer */
    enum mtm_status status = mtm_topic_subscribe(topic_of(topic), &options, &buffer);
    if (status != MTM_OK) {
        bool mine = !listener || mtm_object_may_put(listener->object) == MTM_OK;
        return mtl_raise_of(L, status, mine ? topic : listener);
    }
    mtl_handle_set(handle, &buffer->object);
    return 1;
}

/* ---- publishing ---- */

enum publishing { TOPIC_ADD, TOPIC_SET, TOPIC_PUT };

/* What has come of a message, and of the notifiers that were called for it. */
struct outcome {
    enum mtm_status status; /* NOTIFIER_FAILED: a failure, or an error that was raised */
    bool raised;            /* it is on top of the stack */
    struct mtm_failure failure;
    struct mtm_published published;
};

/* A hook has ended the waiting, and its error is on top of the stack: that is what is told. */
static void be_interrupted(lua_State *L, struct outcome *outcome)
{
    if (outcome->raised) lua_remove(L, -2);
    else if (outcome->status == MTM_NOTIFIER_FAILED) mtm_failure_free(&outcome->failure);
    outcome->status = MTM_NOTIFIER_FAILED;
    outcome->raised = true;
}

/* All are called, and waited for in between; the first failure, or error, is kept. */
static void ring_all(lua_State *L, struct mtc_handle *handle, struct mtm_targets *targets,
                     bool nonblock, struct outcome *outcome)
{
    struct mtm_target *to;
    bool interrupted = false;
    while ((to = mtm_targets_ring(targets)) != NULL) {
        struct mtm_failure own = {0};
        if (outcome->published.interrupted && !interrupted) be_interrupted(L, outcome);
        interrupted = outcome->published.interrupted;
        bool raised, first = outcome->status == MTM_OK;
        enum mtm_status status = mtl_notify(L, handle->owned.state, to->buffer, MTM_ADDED,
                                            to->notifier, nonblock, &own, &raised);
        if (!raised && status == MTM_OK) continue;
        outcome->status = MTM_NOTIFIER_FAILED;
        if (first) {
            outcome->raised = raised;
            outcome->failure = own;
        } else if (raised) {
            lua_pop(L, 1);
        } else {
            mtm_failure_free(&own);
        }
    }
    if (outcome->published.interrupted && !interrupted) be_interrupted(L, outcome);
    mtm_targets_free(targets);
}

static int push_counts(lua_State *L, const struct mtm_published *published)
{
    mtc_push_integer(L, (int64_t)published->taken);
    mtc_push_integer(L, (int64_t)published->refused);
    return 2;
}

/* Pushes how many have it, and how many have not; an end is an error, or with `tells` a reason.
 * In nonblocking mode another thread may have been publishing: then nobody has it. */
static int push_outcome(lua_State *L, struct mtc_handle *handle, bool tells,
                        struct outcome *outcome)
{
    struct mtm_published *published = &outcome->published;
    if (outcome->raised) return lua_error(L);
    if (outcome->status == MTM_NOTIFIER_FAILED) {
        return mtl_raise_failure(L, handle->owned.state, &outcome->failure);
    }
    if (outcome->status == MTM_BUSY) {
        published->refused = mtc_handle_is_live(handle) ? mtm_topic_count(topic_of(handle)) : 0;
        if (published->refused == 0) published->refused = 1;
    } else if (outcome->status != MTM_OK) {
        if (tells && mtl_is_told(outcome->status)) return mtl_push_reason(L, outcome->status);
        return mtl_raise_of(L, outcome->status, handle);
    }
    return push_counts(L, published);
}

/* What has encoded the message may have run finalizers, and these may have released the handle.
 * The notifiers, and hooks, may do so, too. */
static struct outcome publish(lua_State *L, struct mtc_handle *handle,
                              const struct mtm_message *message, enum publishing how)
{
    struct outcome outcome = {.status = MTM_CLOSED};
    struct mtm_topic *topic = topic_of(handle);
    struct mtm_wait wait = mtl_own_wait(handle);
    const bool nonblock = how == TOPIC_PUT ? mtm_wait_never(&wait) : handle->nonblock;
    struct mtm_targets targets;
    struct mtl_hooked hooked;
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) return outcome;
    if (how == TOPIC_PUT) {
        /* as a put into a buffer: only where all of the message is on our stack */
        if (message->nparts <= 1) mtl_heed_hooks(&hooked, &wait, L, handle->owned.state);
        outcome.status =
            mtm_topic_put_wait(topic, message, &wait, &targets, &outcome.published);
    } else {
        outcome.status = mtm_topic_put(topic, message, how == TOPIC_SET, nonblock, &targets,
                                       &outcome.published);
    }
    if (outcome.status == MTM_OK) ring_all(L, handle, &targets, nonblock, &outcome);
    if (!nonblock) mtm_drop_handed_on();
    return outcome;
}

/* Long strings, arrays, tables, functions. */
static MTM_NOINLINE struct outcome send_long(lua_State *L, struct mtc_handle *handle, int last,
                                             enum publishing how)
{
    struct mtl_encoder encoder;
    struct outcome outcome;
    if (MTM_LIKELY(mtl_encode(L, 2, last, &encoder))) {
        outcome = publish(L, handle, &encoder.message, how);
    } else {
        struct mtm_message message;
        struct mtl_deep deep;
        mtl_encode_deep(&deep, L, handle->owned.state, 2, last, &message);
        outcome = publish(L, handle, &message, how);
        mtl_deep_done(&deep);
    }
    return outcome;
}

static int send(lua_State *L, struct mtc_handle *handle, enum publishing how)
{
    const int last = lua_gettop(L);
    struct outcome outcome;
    unsigned char bytes[MTM_FAST_MAX];
    const int size = mtl_encode_short(L, 2, last, bytes, sizeof bytes);
    if (MTM_LIKELY(size >= 0)) {
        struct mtm_message message;
        mtm_message_init(&message);
        mtm_message_add(&message, bytes, (size_t)size);
        if (how != TOPIC_SET && mtc_handle_is_live(handle) &&
            mtm_topic_add_to_only_one(topic_of(handle), &message, handle->nonblock,
                                      &outcome.published))
            return push_counts(L, &outcome.published);
        outcome = publish(L, handle, &message, how);
    } else {
        outcome = send_long(L, handle, last, how);
    }
    return push_outcome(L, handle, how == TOPIC_PUT, &outcome);
}

static int topic_addmsg(lua_State *L)
{
    return send(L, mtl_check_topic(L, 1), TOPIC_ADD);
}

static int topic_setmsg(lua_State *L)
{
    return send(L, mtl_check_topic(L, 1), TOPIC_SET);
}

static int topic_putmsg(lua_State *L)
{
    return send(L, mtl_check_any_topic(L, 1), TOPIC_PUT);
}

/* Where another thread was publishing nobody has the message, and that is told by the counts:
 * so the writer is empty then, too. */
int mtl_publish_from(lua_State *L, struct mtm_writer *writer, struct mtc_handle *handle,
                     bool replace)
{
    struct outcome outcome = {.raised = false};
    const bool nonblock = handle->nonblock;
    struct mtm_targets targets;
    outcome.status = mtm_writer_put_to_topic(writer, topic_of(handle), replace, nonblock,
                                             &targets, &outcome.published);
    if (outcome.status == MTM_BUSY) mtm_writer_clear(writer);
    if (outcome.status == MTM_OK) ring_all(L, handle, &targets, nonblock, &outcome);
    if (!nonblock) mtm_drop_handed_on();
    return push_outcome(L, handle, false, &outcome);
}

/* ---- state ---- */

static int topic_clear(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_topic(L, 1);
    enum mtm_status status = mtm_topic_clear(topic_of(handle), handle->nonblock);
    if (status == MTM_CLOSED) return mtl_raise_of(L, status, handle);
    lua_pushboolean(L, status == MTM_OK);
    return 1;
}

static int topic_id(lua_State *L)
{
    return mtl_push_id(L, mtl_check_any_topic(L, 1));
}

static int topic_name(lua_State *L)
{
    return mtl_push_name(L, mtl_check_any_topic(L, 1));
}

static int topic_nonblock(lua_State *L)
{
    return mtl_set_nonblock(L, mtl_check_topic(L, 1));
}

static int topic_isnonblock(lua_State *L)
{
    return mtl_push_isnonblock(L, mtl_check_any_topic(L, 1));
}

static int topic_isabort(lua_State *L)
{
    return mtl_push_isabort(L, mtl_check_any_topic(L, 1));
}

static int topic_settimeout(lua_State *L)
{
    return mtl_set_timeout(L, mtl_check_any_topic(L, 1));
}

static int topic_release(lua_State *L)
{
    return mtl_release(mtl_check_any_topic(L, 1));
}

static int topic_info(lua_State *L)
{
    return mtl_push_info(L, mtl_check_topic(L, 1));
}

static int topic_close(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_topic(L, 1);
    if (handle->object) mtm_topic_close(topic_of(handle));
    return 0;
}

static int topic_finish(lua_State *L)
{
    mtm_topic_finish(topic_of(mtl_check_topic(L, 1)));
    return 0;
}

static int topic_abort(lua_State *L)
{
    const struct mtc_handle *handle = mtl_check_any_topic(L, 1);
    const bool flag = mtl_check_flag(L, 2);
    if (handle->object) mtm_topic_abort(topic_of(handle), flag);
    return 0;
}

static const luaL_Reg methods[] = {
    {"id", topic_id},
    {"name", topic_name},
    {"subscribe", topic_subscribe},
    {"addmsg", topic_addmsg},
    {"setmsg", topic_setmsg},
    {"putmsg", topic_putmsg},
    {"settimeout", topic_settimeout},
    {"release", topic_release},
    {"clear", topic_clear},
    {"nonblock", topic_nonblock},
    {"isnonblock", topic_isnonblock},
    {"isabort", topic_isabort},
    {"info", topic_info},
    {"close", topic_close},
    {"finish", topic_finish},
    {"abort", topic_abort},
    {NULL, NULL},
};

void mtl_open_topic(lua_State *L)
{
    mtl_class_new(L, MTC_TOPIC, methods, mtl_handle_tostring, mtl_handle_gc);
    mtl_handle_class(L);
    mtl_set_close(L, topic_release);
    lua_pop(L, 1);
    mtc_install_topic(L);
    lua_pop(L, 1);
}
