/* Class mtmsg.writer. Values are encoded before the writer is touched: finalizers that run
 * meanwhile may use the same writer. */
#include "core/writer.h"

#include "core/room.h"
#include "lua/classes.h"
#include "lua/encode.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/protect.h"
#include "lua/tostring.h"
#include "lua/transfer.h"

#include "platform/hidden.h"

struct writer_asset {
    struct mtc_asset asset;
    struct mtm_writer writer;
};

static void fini_writer(struct mtc_state *state, struct mtc_asset *asset)
{
    (void)state;
    mtm_writer_fini(&((struct writer_asset *)asset)->writer);
}

static struct mtm_writer *writer_of(const struct mtc_owned *owned)
{
    return &((struct writer_asset *)owned->asset)->writer;
}

static struct mtm_writer *writer_push(lua_State *L, struct mtc_state *state,
                                      const struct mtl_memory *memory)
{
    static const struct mtl_asset_kind kind = {sizeof(struct writer_asset), fini_writer, false};
    static const struct mtl_class_info info = {MTC_WRITER, MTC_WRITER_MAGIC, &kind};
    struct mtm_writer *writer = writer_of(mtl_owned_new(L, state, &info, 0));
    enum mtm_status status = mtm_writer_init(writer, memory->size, memory->sized, memory->grow);
    if (status != MTM_OK) mtl_raise_plain(L, status);
    return writer;
}

int mtl_newwriter(lua_State *L)
{
    struct mtl_memory memory = mtl_check_memory(L, 1);
    writer_push(L, lua_touserdata(L, lua_upvalueindex(1)), &memory);
    return 1;
}

static struct mtc_owned *check_writer(lua_State *L)
{
    struct mtc_owned *w = mtc_to_owned(L, 1, sizeof(struct mtc_owned), MTC_WRITER_MAGIC);
    struct mtl_blame blame = {.what = "mtmsg.writer"};
    if (MTM_UNLIKELY(!w)) mtl_raise_type(L, 1, blame.what);
    if (MTM_UNLIKELY(!w->asset || w->state->closed)) mtl_raise(L, MTM_CLOSED, &blame);
    return w;
}

/* They have been added, or none of them has. */
static void added(lua_State *L, const struct mtm_writer *writer, enum mtm_status status)
{
    if (MTM_LIKELY(status == MTM_OK)) return;
    struct mtl_blame blame = {
        .what = "mtmsg.writer", .size = writer->wanted, .limit = writer->initial};
    mtl_raise(L, status, &blame);
}

static void add_deep(lua_State *L, struct mtc_owned *w, int last)
{
    struct mtm_message values;
    struct mtl_deep deep;
    mtl_encode_deep(&deep, L, w->state, 2, last, &values);
    if (!mtl_owned_is_there(w))
        luaL_error(L, "mtmsg.writer: finalized while values were added");
    enum mtm_status status = mtm_writer_add_values(writer_of(w), &values);
    mtl_deep_done(&deep);
    added(L, writer_of(w), status);
}

static int writer_add(lua_State *L)
{
    struct mtc_owned *w = check_writer(L);
    struct mtl_encoder encoder;
    int last = lua_gettop(L);
    if (MTM_LIKELY(mtl_encode(L, 2, last, &encoder))) {
        added(L, writer_of(w), mtm_writer_add_values(writer_of(w), &encoder.message));
    } else {
        add_deep(L, w, last);
    }
    return 0;
}

static int put_wait(lua_State *L, struct mtm_writer *writer, struct mtc_handle *handle)
{
    struct mtm_failure failure = {0};
    struct mtm_notifier *notifier;
    struct mtm_wait wait = mtl_own_wait(handle);
    const bool nonblock = mtm_wait_never(&wait);
    const size_t size = mtm_writer_size(writer);
    bool raised = false;
    if (!mtc_handle_is_live(handle))
        return mtl_push_put_wait(L, handle, MTM_CLOSED, size, &failure);
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    enum mtm_status status = mtm_writer_put_wait(writer, buffer, &wait, &notifier);
    if (!nonblock) mtm_drop_handed_on();
    if (notifier) {
        mtl_pin(handle);
        status = mtl_notify(L, handle->owned.state, buffer, MTM_ADDED, notifier, nonblock,
                            &failure, &raised);
        mtl_unpin(handle);
    }
    if (raised) return lua_error(L);
    return mtl_push_put_wait(L, handle, status, size, &failure);
}

static int put(lua_State *L, bool replace)
{
    struct mtm_writer *writer = writer_of(check_writer(L));
    if (mtc_to_handle(L, 2, MTC_TOPIC_MAGIC)) {
        return mtl_publish_from(L, writer, mtl_check_topic(L, 2), replace);
    }
    struct mtc_handle *handle = mtl_check_buffer(L, 2);
    struct mtm_buffer *buffer = mtl_buffer_of(handle);
    const bool nonblock = handle->nonblock;
    struct mtm_failure failure = {0};
    struct mtm_notifier *notifier;
    bool raised = false;
    const size_t size = mtm_writer_size(writer);
    const unsigned options =
        (replace ? MTM_PUT_REPLACE : 0u) | (nonblock ? MTM_PUT_NONBLOCK : 0u);
    enum mtm_status status = mtm_writer_put(writer, buffer, options, &notifier);
    if (!nonblock) mtm_drop_handed_on();
    if (notifier) {
        mtl_pin(handle);
        status = mtl_notify(L, handle->owned.state, buffer, MTM_ADDED, notifier, nonblock,
                            &failure, &raised);
        mtl_unpin(handle);
    }
    if (raised) return lua_error(L);
    return mtl_push_put(L, handle, status, size, &failure);
}

static int writer_addmsg(lua_State *L)
{
    return put(L, false);
}

static int writer_setmsg(lua_State *L)
{
    return put(L, true);
}

static int writer_putmsg(lua_State *L)
{
    struct mtm_writer *writer = writer_of(check_writer(L));
    return put_wait(L, writer, mtl_check_any_buffer(L, 2));
}

static int writer_clear(lua_State *L)
{
    mtm_writer_clear(writer_of(check_writer(L)));
    return 0;
}

static int writer_tostring(lua_State *L)
{
    struct mtc_owned *w = mtc_to_owned(L, 1, sizeof(struct mtc_owned), MTC_WRITER_MAGIC);
    if (!w) return mtl_raise_type(L, 1, "mtmsg.writer");
    size_t bytes = w->asset && !w->state->closed ? mtm_writer_size(writer_of(w)) : 0;
    return mtl_push_byte_count(L, "mtmsg.writer", w, bytes);
}

static const luaL_Reg methods[] = {
    {"add", writer_add},       {"addmsg", writer_addmsg}, {"setmsg", writer_setmsg},
    {"putmsg", writer_putmsg}, {"clear", writer_clear},   {NULL, NULL},
};

void mtl_open_writer(lua_State *L)
{
    mtl_class_new(L, MTC_WRITER, methods, writer_tostring, mtl_owned_gc);
    lua_pop(L, 2);
}
