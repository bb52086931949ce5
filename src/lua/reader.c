/* Class mtmsg.reader. While values are being made, finalizers may run and use the same reader:
 * it is marked as busy then, so that nobody frees the bytes that are being read. */
#include "core/reader.h"

#include "lua/args.h"
#include "lua/arrays.h"
#include "lua/classes.h"
#include "lua/codec.h"
#include "lua/errors.h"

#include "platform/hidden.h"

struct reader_record {
    struct mtm_record record;
    struct mtm_reader reader;
    bool busy;
};

static void fini_reader(struct mtm_record *record)
{
    mtm_reader_fini(&((struct reader_record *)record)->reader);
}

int mtm_newreader(lua_State *L)
{
    static const struct mtm_class_info info = {"mtmsg.reader", MTM_READER_MAGIC,
                                               sizeof(struct mtm_owned),
                                               sizeof(struct reader_record), fini_reader};
    struct mtm_memory memory = mtm_check_memory(L, 1);
    struct mtm_owned *owned = mtm_owned_new(L, lua_touserdata(L, lua_upvalueindex(1)), &info);
    struct mtm_reader *reader = &((struct reader_record *)owned->record)->reader;
    enum mtm_status status = mtm_reader_init(reader, memory.size, memory.sized, memory.grow);
    if (status != MTM_OK) return mtm_raise_for(L, status, NULL);
    return 1;
}

static struct reader_record *check_reader(lua_State *L)
{
    struct mtm_owned *owned = mtm_to_owned(L, 1, sizeof(struct mtm_owned), MTM_READER_MAGIC);
    struct mtm_blame blame = {.what = "mtmsg.reader"};
    if (MTM_UNLIKELY(!owned)) mtm_raise_type(L, 1, blame.what);
    if (MTM_UNLIKELY(!owned->record || owned->state->closed)) mtm_raise(L, MTM_CLOSED, &blame);
    struct reader_record *r = (struct reader_record *)owned->record;
    if (MTM_UNLIKELY(r->busy)) luaL_error(L, "mtmsg.reader: used while its next() is running");
    return r;
}

static int reader_nextmsg(lua_State *L)
{
    struct reader_record *r = check_reader(L);
    struct mtm_handle *handle = mtm_check_source(L, 2);
    struct mtm_wait wait = mtm_check_wait(L, 3, handle->nonblock, "timeout seconds expected");
    struct mtm_failure failure = {0};
    struct mtm_blame blame = {.object = handle->object};
    enum mtm_status status =
        mtm_reader_receive(&r->reader, handle->object, &wait, &blame.size, &failure);
    switch (status) {
        case MTM_OK: lua_pushboolean(L, 1); return 1;
        case MTM_EMPTY:
        case MTM_BUSY: lua_pushboolean(L, 0); return 1;
        case MTM_NOTIFIER_FAILED: return mtm_raise_failure(L, handle->owned.state, &failure);
        case MTM_TOO_LARGE:
            blame.object = NULL;
            blame.what = "mtmsg.reader";
            blame.limit = r->reader.initial;
            return mtm_raise(L, status, &blame);
        default: return mtm_raise(L, status, &blame);
    }
}

/* [count][, carray]*: returns where the arrays begin. */
static int check_next(lua_State *L, size_t *count)
{
    static const char expected[] = "integer or carray expected";
    int64_t integer;
    *count = 1;
    if (lua_isnoneornil(L, 2)) return 3;
    if (!lua_isnumber(L, 2)) {
        if (!mtm_array_is_writable(L, 2)) mtm_raise_fixed(L, 2, expected);
        return 2;
    }
    if (!mtm_to_integral(L, 2, &integer)) mtm_raise_fixed(L, 2, expected);
    *count = integer < 0 || (uint64_t)integer > SIZE_MAX ? SIZE_MAX : (size_t)integer;
    return 3;
}

/* In a protected call, with everything that can run finalizers done before the bytes are looked
 * at. */
static int read_protected(lua_State *L, struct reader_record *r, size_t count, int first_array,
                          int top)
{
    struct mtm_decoder decoder;
    mtm_array_check(L, first_array, top);
    luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushlightuserdata(L, &decoder);
    for (int i = first_array; i <= top; ++i) lua_pushvalue(L, i);
    decoder = (struct mtm_decoder){r->reader.at, r->reader.end, count};
    r->busy = true;
    int rc = lua_pcall(L, lua_gettop(L) - top - 1, LUA_MULTRET, 0);
    r->busy = false;
    if (rc != 0) lua_error(L);
    r->reader.at = decoder.at;
    return lua_gettop(L) - top;
}

/* Upvalue 1 is mtm_decode. */
static int reader_next(lua_State *L)
{
    struct reader_record *r = check_reader(L);
    size_t count;
    int top = lua_gettop(L), pushed, first_array = check_next(L, &count);
    struct mtm_decoder decoder = {r->reader.at, r->reader.end, count};
    if (MTM_UNLIKELY(top >= first_array) || !mtm_decode_fast(L, &decoder, &pushed)) {
        return read_protected(L, r, count, first_array, top);
    }
    r->reader.at = decoder.at;
    return pushed;
}

static int reader_clear(lua_State *L)
{
    mtm_reader_clear(&check_reader(L)->reader);
    return 0;
}

static int reader_tostring(lua_State *L)
{
    struct mtm_owned *r = mtm_to_owned(L, 1, sizeof(struct mtm_owned), MTM_READER_MAGIC);
    if (!r) return mtm_raise_type(L, 1, "mtmsg.reader");
    size_t bytes = 0;
    if (r->record && !r->state->closed) {
        const struct mtm_reader *reader = &((struct reader_record *)r->record)->reader;
        bytes = (size_t)(reader->end - reader->at);
    }
    return mtm_push_pieces(L, "mtmsg.reader", r, bytes);
}

static const luaL_Reg methods[] = {
    {"nextmsg", reader_nextmsg},
    {"clear", reader_clear},
    {NULL, NULL},
};

void mtm_open_reader(lua_State *L)
{
    mtm_class_new(L, "mtmsg.reader", methods, reader_tostring, mtm_owned_gc);
    lua_pushcfunction(L, mtm_decode);
    lua_pushcclosure(L, reader_next, 1);
    lua_setfield(L, -2, "next");
    lua_pop(L, 2);
}
