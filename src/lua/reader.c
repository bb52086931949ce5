/* Class mtmsg.reader. While values are being made finalizers may run, and while it waits hooks,
 * which may use the same reader: it is marked as busy then, so that nobody frees the bytes that
 * are being read, or the memory that a message will be copied to. */
#include "core/reader.h"

#include "lua/args.h"
#include "lua/arrays.h"
#include "lua/classes.h"
#include "lua/decode.h"
#include "lua/errors.h"
#include "lua/options.h"
#include "lua/protect.h"
#include "lua/tostring.h"
#include "lua/receive.h"

#include "platform/hidden.h"

struct reader_asset {
    struct mtc_asset asset;
    struct mtm_reader reader;
    struct mtl_seen seen;
    bool busy;
};

static void fini_reader(struct mtc_state *state, struct mtc_asset *asset)
{
    (void)state;
    mtm_reader_fini(&((struct reader_asset *)asset)->reader);
}

int mtl_newreader(lua_State *L)
{
    static const struct mtl_asset_kind kind = {sizeof(struct reader_asset), fini_reader, false};
    static const struct mtl_class_info info = {MTC_READER, MTC_READER_MAGIC, &kind};
    struct mtl_options given = {.lease = false};
    if (lua_istable(L, 1))
        mtl_check_options(L, 1, MTL_OPTION_MEMORY | MTL_OPTION_LEASE, &given);
    else given.memory = mtl_check_memory(L, 1);
    const struct mtl_memory *memory = &given.memory;
    struct mtc_owned *owned =
        mtl_owned_new(L, lua_touserdata(L, lua_upvalueindex(1)), &info, 1);
    struct mtm_reader *reader = &((struct reader_asset *)owned->asset)->reader;
    enum mtm_status status = mtm_reader_init(reader, memory->size, memory->sized, memory->grow);
    if (status != MTM_OK) return mtl_raise_plain(L, status);
    if (given.lease) mtm_reader_lease(reader);
    return 1;
}

static struct reader_asset *check_reader(lua_State *L)
{
    struct mtc_owned *owned = mtc_to_owned(L, 1, sizeof(struct mtc_owned), MTC_READER_MAGIC);
    struct mtl_blame blame = {.what = "mtmsg.reader"};
    if (MTM_UNLIKELY(!owned)) mtl_raise_type(L, 1, blame.what);
    if (MTM_UNLIKELY(!owned->asset || owned->state->closed)) mtl_raise(L, MTM_CLOSED, &blame);
    struct reader_asset *r = (struct reader_asset *)owned->asset;
    if (MTM_UNLIKELY(r->busy))
        luaL_error(L, "mtmsg.reader: used while a call of it is running");
    return r;
}

/* The message has come to its end, or is gone. */
static void forget(lua_State *L, struct reader_asset *r)
{
    if (r->seen.objects + r->seen.keys == 0) return;
    r->seen = (struct mtl_seen){0};
    mtc_getuservalue(L, 1);
    for (int i = MTL_SEEN_OBJECTS; i <= MTL_SEEN_KEYS; ++i) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 1);
}

/* A receive by a reader, and what became of it. */
struct receipt {
    uint64_t id;        /* of the buffer that the message came from */
    size_t need, limit; /* of one that is too large */
    struct mtm_failure failure;
};

/* What the reader had is gone, whatever the outcome. A source that was released is a closed
 * one. An error that the notifier raises goes on from here; the message is in the reader. */
static enum mtm_status receive(lua_State *L, struct reader_asset *r, struct mtc_handle *handle,
                               struct mtm_wait *wait, struct receipt *receipt)
{
    struct mtm_delivery in;
    bool raised = false;
    struct mtl_hooked hooked;
    const bool nonblock = mtm_wait_never(wait);
    forget(L, r);
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) {
        mtm_reader_clear(&r->reader);
        return MTM_CLOSED;
    }
    mtl_heed_hooks(&hooked, wait, L, handle->owned.state);
    mtl_pin(handle);
    ++r->asset.users;
    receipt->limit = r->reader.initial;
    r->busy = true;
    enum mtm_status status =
        mtm_reader_take(&r->reader, handle->object, wait, &receipt->need, &in);
    r->busy = false;
    if (status == MTM_OK) {
        struct mtm_notifier *notifier = mtm_delivery_take_notifier(&in);
        receipt->id = in.from->object.id;
        if (MTM_UNLIKELY(notifier != NULL)) {
            status = mtl_notify(L, handle->owned.state, in.from, MTM_TAKEN, notifier, nonblock,
                                &receipt->failure, &raised);
        }
        mtm_reader_settle(&r->reader, &in, nonblock);
    } else if (mtm_in_vain(status)) {
        mtl_received_nothing(handle, status);
    }
    mtl_unpin(handle);
    mtl_asset_unuse(handle->owned.state, &r->asset);
    if (raised) lua_error(L);
    return status;
}

static int raise_receive(lua_State *L, struct mtc_handle *handle, enum mtm_status status,
                         struct receipt *receipt)
{
    struct mtl_blame blame = {
        .what = "mtmsg.reader", .size = receipt->need, .limit = receipt->limit};
    if (status == MTM_INTERRUPTED) return lua_error(L); /* the hook's */
    if (status == MTM_NOTIFIER_FAILED) {
        return mtl_raise_failure(L, handle->owned.state, &receipt->failure);
    }
    if (status == MTM_TOO_LARGE) return mtl_raise(L, status, &blame);
    return mtl_raise_of(L, status, handle);
}

static int reader_nextmsg(lua_State *L)
{
    struct reader_asset *r = check_reader(L);
    struct mtc_handle *handle = mtl_check_any_source(L, 2);
    struct mtm_wait wait = mtl_check_wait(L, 3, handle->nonblock, "timeout seconds expected");
    struct receipt receipt = {.need = 0};
    enum mtm_status status = receive(L, r, handle, &wait, &receipt);
    const bool in_vain = status == MTM_EMPTY || status == MTM_BUSY;
    if (status != MTM_OK && !in_vain) return raise_receive(L, handle, status, &receipt);
    lua_pushboolean(L, !in_vain);
    return 1;
}

static int reader_getmsg(lua_State *L)
{
    struct reader_asset *r = check_reader(L);
    struct mtc_handle *handle = mtl_check_any_source(L, 2);
    struct mtm_wait wait = mtl_check_own_wait(L, 3, handle, "timeout seconds expected");
    struct receipt receipt = {.need = 0};
    enum mtm_status status = receive(L, r, handle, &wait, &receipt);
    if (status == MTM_OK) {
        mtc_push_integer(L, (int64_t)receipt.id);
        return 1;
    }
    if (mtl_is_told(status)) return mtl_push_reason(L, status);
    return raise_receive(L, handle, status, &receipt);
}

/* [count][, carray]*: returns where the arrays begin. */
static int check_next(lua_State *L, size_t *count)
{
    static const char expected[] = "integer or carray expected";
    int64_t integer;
    *count = 1;
    if (lua_isnoneornil(L, 2)) return 3;
    if (lua_type(L, 2) != LUA_TNUMBER) {
        if (!mtl_array_is_writable(L, 2)) mtl_raise_fixed(L, 2, expected);
        return 2;
    }
    if (!mtl_to_integral(L, 2, &integer)) mtl_raise_fixed(L, 2, expected);
    *count = integer < 0 || (uint64_t)integer > SIZE_MAX ? SIZE_MAX : (size_t)integer;
    return 3;
}

/* What was seen of the message so far is kept beside the reader, where decode.c has put it: a
 * table with the first two slots of decode_deep.h. */
static void push_seen(lua_State *L, const struct reader_asset *r)
{
    bool seen = r->seen.objects + r->seen.keys > 0;
    for (int i = MTL_SEEN_OBJECTS; i <= MTL_SEEN_KEYS; ++i) {
        lua_pushnil(L);
        if (!seen) continue;
        mtc_getuservalue(L, 1);
        lua_rawgeti(L, -1, i);
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
}

/* Takes it from the top of the stack; needs no memory. */
static void keep_seen(lua_State *L)
{
    if (lua_isnil(L, -1)) lua_pop(L, 1);
    else mtc_setuservalue(L, 1);
}

/* In a protected call, with everything that can run finalizers done before the bytes are looked
 * at. */
static int read_protected(lua_State *L, struct reader_asset *r, size_t count, int first_array,
                          int top)
{
    struct mtc_state *state = ((struct mtc_owned *)lua_touserdata(L, 1))->state;
    mtl_array_check(L, first_array, top);
    luaL_checkstack(L, top + LUA_MINSTACK, "too many carrays");
    lua_pushvalue(L, lua_upvalueindex(1));
    push_seen(L, r);
    for (int i = first_array; i <= top; ++i) lua_pushvalue(L, i);
    struct mtl_decoder decoder = {.at = r->reader.at,
                                  .end = r->reader.end,
                                  .cargo = mtm_reader_cargo(&r->reader),
                                  .max = count,
                                  .keep = true,
                                  .seen = r->seen};
    r->busy = true;
    ++r->asset.users;
    int rc = mtl_decode_protected(L, state, &decoder, lua_gettop(L) - top - 1);
    if (rc == 0) keep_seen(L);
    const int pushed = lua_gettop(L) - top;
    r->busy = false;
    if (rc == 0) {
        r->reader.at = decoder.at;
        r->seen = decoder.seen;
        if (decoder.at == decoder.end) forget(L, r);
    }
    mtl_asset_unuse(state, &r->asset);
    if (rc != 0) lua_error(L);
    return pushed;
}

/* Upvalue 1 is mtl_decode. */
static int reader_next(lua_State *L)
{
    struct reader_asset *r = check_reader(L);
    size_t count;
    int top = lua_gettop(L), pushed, first_array = check_next(L, &count);
    struct mtl_decoder decoder = {.at = r->reader.at, .end = r->reader.end, .max = count};
    if (MTM_UNLIKELY(top >= first_array) || !mtl_decode_fast(L, &decoder, &pushed)) {
        return read_protected(L, r, count, first_array, top);
    }
    r->reader.at = decoder.at;
    return pushed;
}

static int reader_clear(lua_State *L)
{
    struct reader_asset *r = check_reader(L);
    mtm_reader_clear(&r->reader);
    forget(L, r);
    return 0;
}

static int reader_done(lua_State *L)
{
    mtm_reader_done(&check_reader(L)->reader);
    return 0;
}

/* Where the buffer cannot be found, the message is still here. */
static int reader_putback(lua_State *L)
{
    struct reader_asset *r = check_reader(L);
    enum mtm_status status = mtm_reader_put_back(&r->reader);
    if (r->reader.from_id == 0) forget(L, r);
    if (status == MTM_OK || status == MTM_EMPTY) {
        lua_pushboolean(L, status == MTM_OK);
        return 1;
    }
    if (status == MTM_NOMEM || status == MTM_TOO_MANY) return mtl_raise_plain(L, status);
    lua_pushnil(L);
    if (status == MTM_ABORTED) lua_pushliteral(L, MTL_ERROR(operation_aborted));
    else lua_pushliteral(L, MTL_ERROR(object_closed));
    return 2;
}

static int reader_tostring(lua_State *L)
{
    struct mtc_owned *r = mtc_to_owned(L, 1, sizeof(struct mtc_owned), MTC_READER_MAGIC);
    if (!r) return mtl_raise_type(L, 1, "mtmsg.reader");
    size_t bytes = 0;
    if (r->asset && !r->state->closed) {
        const struct mtm_reader *reader = &((struct reader_asset *)r->asset)->reader;
        bytes = (size_t)(reader->end - reader->at);
    }
    return mtl_push_byte_count(L, "mtmsg.reader", r, bytes);
}

static const luaL_Reg methods[] = {
    {"nextmsg", reader_nextmsg}, {"getmsg", reader_getmsg},   {"clear", reader_clear},
    {"done", reader_done},       {"putback", reader_putback}, {NULL, NULL},
};

void mtl_open_reader(lua_State *L)
{
    mtl_class_new(L, MTC_READER, methods, reader_tostring, mtl_owned_gc);
    mtl_state_push(L);
    lua_pushcclosure(L, mtl_decode, 1);
    lua_pushcclosure(L, reader_next, 1);
    lua_setfield(L, -2, "next");
    lua_pop(L, 2);
}
