/* Class mtmsg.writer. Each method first removes what a call that raised an error has left
 * behind. */
#include "lua/writer.h"

#include "lua/classes.h"
#include "lua/codec.h"
#include "lua/errors.h"
#include "lua/transfer.h"

static void fini_writer(struct mtm_owned *owned)
{
    mtm_writer_fini(&((struct mtm_lua_writer *)owned)->writer);
}

struct mtm_lua_writer *mtm_writer_push(lua_State *L, struct mtm_state *state,
                                       const struct mtm_memory *memory)
{
    struct mtm_lua_writer *w =
        mtm_owned_new(L, state, sizeof *w, MTM_WRITER_MAGIC, "mtmsg.writer", fini_writer);
    enum mtm_status status =
        mtm_writer_init(&w->writer, memory->size, memory->sized, memory->grow);
    if (status != MTM_OK) mtm_raise_for(L, status, NULL);
    return w;
}

int mtm_newwriter(lua_State *L)
{
    struct mtm_memory memory = mtm_check_memory(L, 1);
    mtm_writer_push(L, lua_touserdata(L, lua_upvalueindex(1)), &memory);
    return 1;
}

static struct mtm_lua_writer *check_writer(lua_State *L)
{
    struct mtm_lua_writer *w =
        mtm_to_owned(L, 1, sizeof(struct mtm_lua_writer), MTM_WRITER_MAGIC);
    if (MTM_UNLIKELY(!w)) mtm_raise_type(L, 1, "mtmsg.writer");
    if (MTM_UNLIKELY(mtm_writer_size(&w->writer) != w->committed)) {
        mtm_writer_cut(&w->writer, w->committed);
    }
    return w;
}

static int raise_add(lua_State *L, struct mtm_lua_writer *w, enum mtm_status status)
{
    struct mtm_blame blame = {
        .what = "mtmsg.writer", .size = w->writer.wanted, .limit = w->writer.initial};
    return mtm_raise(L, status, &blame);
}

static int writer_add(lua_State *L)
{
    struct mtm_lua_writer *w = check_writer(L);
    enum mtm_status status = mtm_encode_to_writer(L, 2, lua_gettop(L), &w->writer);
    if (status != MTM_OK) return raise_add(L, w, status);
    w->committed = mtm_writer_size(&w->writer);
    return 0;
}

static int put(lua_State *L, bool replace)
{
    struct mtm_lua_writer *w = check_writer(L);
    struct mtm_handle *handle = mtm_check_buffer(L, 2);
    struct mtm_failure failure = {0};
    struct mtm_message message;
    mtm_writer_message(&w->writer, &message);
    enum mtm_status status =
        replace ? mtm_buffer_set(mtm_buffer_of(handle), &message, handle->nonblock, &failure)
                : mtm_buffer_add(mtm_buffer_of(handle), &message, handle->nonblock, &failure);
    if (status == MTM_OK || status == MTM_NOTIFIER_FAILED) {
        mtm_writer_clear(&w->writer);
        w->committed = 0;
    }
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
    struct mtm_lua_writer *w = check_writer(L);
    mtm_writer_clear(&w->writer);
    w->committed = 0;
    return 0;
}

static int writer_tostring(lua_State *L)
{
    struct mtm_lua_writer *w = check_writer(L);
    lua_pushfstring(L, "mtmsg.writer: %p", (void *)w);
    return 1;
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
    mtm_class_new(L, "mtmsg.writer", methods, writer_tostring);
    lua_pop(L, 2);
}
