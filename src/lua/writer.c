/* Class mtmsg.writer. Values are encoded before the writer is touched: finalizers that run
 * meanwhile may use the same writer. */
#include "lua/writer.h"

#include "lua/classes.h"
#include "lua/codec.h"
#include "lua/errors.h"
#include "lua/transfer.h"

#include "platform/hidden.h"

struct writer_record {
    struct mtm_record record;
    struct mtm_writer writer;
};

static void fini_writer(struct mtm_record *record)
{
    mtm_writer_fini(&((struct writer_record *)record)->writer);
}

static struct mtm_writer *writer_of(const struct mtm_owned *owned)
{
    return &((struct writer_record *)owned->record)->writer;
}

struct mtm_writer *mtm_writer_push(lua_State *L, struct mtm_state *state,
                                   const struct mtm_memory *memory)
{
    static const struct mtm_class_info info = {"mtmsg.writer", MTM_WRITER_MAGIC,
                                               sizeof(struct mtm_owned),
                                               sizeof(struct writer_record), fini_writer};
    struct mtm_writer *writer = writer_of(mtm_owned_new(L, state, &info));
    enum mtm_status status = mtm_writer_init(writer, memory->size, memory->sized, memory->grow);
    if (status != MTM_OK) mtm_raise_for(L, status, NULL);
    return writer;
}

struct mtm_writer *mtm_writer_push_encoded(lua_State *L, struct mtm_state *state, int first,
                                           int last)
{
    struct mtm_memory memory = {(size_t)2 * MTM_SCRATCH, false, MTM_DEFAULT_GROW};
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    struct mtm_writer *writer = mtm_writer_push(L, state, &memory);
    enum mtm_status status = mtm_encode_to_writer(L, first, last, writer);
    if (status != MTM_OK) mtm_raise_for(L, status, NULL);
    return writer;
}

int mtm_newwriter(lua_State *L)
{
    struct mtm_memory memory = mtm_check_memory(L, 1);
    mtm_writer_push(L, lua_touserdata(L, lua_upvalueindex(1)), &memory);
    return 1;
}

static struct mtm_owned *check_writer(lua_State *L)
{
    struct mtm_owned *w = mtm_to_owned(L, 1, sizeof(struct mtm_owned), MTM_WRITER_MAGIC);
    struct mtm_blame blame = {.what = "mtmsg.writer"};
    if (MTM_UNLIKELY(!w)) mtm_raise_type(L, 1, blame.what);
    if (MTM_UNLIKELY(!w->record || w->state->closed)) mtm_raise(L, MTM_CLOSED, &blame);
    return w;
}

/* All of the values or none. */
static void append(lua_State *L, struct mtm_writer *writer, const struct mtm_message *values)
{
    enum mtm_status status;
    if (values->size == 0) return;
    unsigned char *room = mtm_writer_room(writer, values->size, &status);
    if (MTM_LIKELY(room != NULL)) {
        mtm_message_copy(values, room);
        return;
    }
    struct mtm_blame blame = {
        .what = "mtmsg.writer", .size = writer->wanted, .limit = writer->initial};
    mtm_raise(L, status, &blame);
}

static void add_many(lua_State *L, struct mtm_owned *w, int last)
{
    struct mtm_message values;
    mtm_writer_message(mtm_writer_push_encoded(L, w->state, 2, last), &values);
    struct mtm_owned *many = lua_touserdata(L, -1);
    append(L, writer_of(w), &values);
    mtm_owned_fini(many);
}

static int writer_add(lua_State *L)
{
    struct mtm_owned *w = check_writer(L);
    struct mtm_encoder encoder;
    int last = lua_gettop(L);
    if (MTM_LIKELY(mtm_encode(L, 2, last, &encoder))) {
        append(L, writer_of(w), &encoder.message);
    } else {
        add_many(L, w, last);
    }
    return 0;
}

/* The writer is empty before the notifier runs, which may use it. */
static int put(lua_State *L, bool replace)
{
    struct mtm_writer *writer = writer_of(check_writer(L));
    struct mtm_handle *handle = mtm_check_buffer(L, 2);
    struct mtm_buffer *buffer = mtm_buffer_of(handle);
    struct mtm_failure failure = {0};
    struct mtm_message message;
    struct mtm_notifier *notifier;
    mtm_writer_message(writer, &message);
    enum mtm_status status =
        mtm_buffer_put(buffer, &message, replace, handle->nonblock, &notifier);
    if (status == MTM_OK) mtm_writer_clear(writer);
    if (notifier) status = mtm_notify(buffer, MTM_ADDED, notifier, handle->nonblock, &failure);
    return mtm_push_put(L, handle, status, message.size, &failure);
}

static int writer_addmsg(lua_State *L)
{
    return put(L, false);
}

static int writer_setmsg(lua_State *L)
{
    return put(L, true);
}

static int writer_clear(lua_State *L)
{
    mtm_writer_clear(writer_of(check_writer(L)));
    return 0;
}

static int writer_tostring(lua_State *L)
{
    struct mtm_owned *w = mtm_to_owned(L, 1, sizeof(struct mtm_owned), MTM_WRITER_MAGIC);
    if (!w) return mtm_raise_type(L, 1, "mtmsg.writer");
    size_t bytes = w->record && !w->state->closed ? mtm_writer_size(writer_of(w)) : 0;
    return mtm_push_pieces(L, "mtmsg.writer", w, bytes);
}

static const luaL_Reg methods[] = {
    {"add", writer_add},
    {"addmsg", writer_addmsg},
    {"setmsg", writer_setmsg},
    {"clear", writer_clear},
    {NULL, NULL},
};

void mtm_open_writer(lua_State *L)
{
    mtm_class_new(L, "mtmsg.writer", methods, writer_tostring, mtm_owned_gc);
    lua_pop(L, 2);
}
