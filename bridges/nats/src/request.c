/* Requests: a message out, and the answer back. It owns nothing; values go by a buffer that the
 * connection keeps. */
#include "binding.h"

#include "pack.h"
#include "unpack.h"

/* Pushes the connection's own buffer, by which values get to C and back. */
static void push_buffer(lua_State *L, struct mtn_connection *c)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->kept);
    lua_getfield(L, -1, "buffer");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_getglobal(L, "require");
        lua_pushliteral(L, "mtmsg");
        lua_call(L, 1, 1);
        lua_getfield(L, -1, "newbuffer");
        lua_call(L, 0, 1);
        lua_remove(L, -2);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "buffer");
    }
    lua_remove(L, -2);
}

/* The message of the buffer at that index as MessagePack: NULL and the reason, or the message.
 */
static natsMsg *packed(lua_State *L, int index, const char *subject, const char **why)
{
    const sender_capi_1_1 *api = sender_get_capi_1_1(L, index, NULL);
    sender_reader *reader = api ? api->newReader(64, 2) : NULL;
    struct mtn_packer packer;
    natsMsg *msg = NULL;
    *why = "out of memory";
    if (!reader) return NULL;
    mtn_packer_init(&packer, 64 << 20);
    if (api->nextMessageFromSender(api->toSender(L, index), reader, 0, 0, NULL, NULL) == 0)
        *why = mtn_pack(&packer, api, reader);
    if (!*why && natsMsg_Create(&msg, subject, NULL, mtn_packed(&packer, packer.at),
                                (int)packer.size) != NATS_OK)
        *why = "out of memory";
    mtn_packer_fini(&packer);
    api->freeReader(reader);
    return msg;
}

/* Puts the reply's values into the buffer: NULL or the reason. */
static const char *unpacked(lua_State *L, int index, natsMsg *reply)
{
    const receiver_capi_2_1 *api = receiver_get_capi_2_1(L, index, NULL);
    receiver_writer *writer = api ? api->newWriter(64, 2) : NULL;
    const char *data = natsMsg_GetData(reply), *why = NULL;
    const size_t size = (size_t)natsMsg_GetDataLength(reply);
    if (!writer) return "out of memory";
    if (mtn_is_packed(data, size)) why = mtn_unpack(data, size, 1000000, api, writer);
    else if (api->addStringToWriter(writer, data, size) != 0) why = "out of memory";
    if (!why && api->msgToReceiver(api->toReceiver(L, index), writer, 1, 0, NULL, NULL) != 0)
        why = "out of memory";
    api->freeWriter(writer);
    return why;
}

/* connection:request(subject, timeout, ...) -> true, values... | nil, reason */
int mtn_connection_request(lua_State *L)
{
    struct mtn_connection *c = mtn_check_connection(L);
    const char *subject = luaL_checkstring(L, 2), *why;
    const double timeout = luaL_checknumber(L, 3);
    const int top = lua_gettop(L);
    natsMsg *reply = NULL;
    luaL_argcheck(L, timeout > 0, 3, "positive number expected");
    luaL_checkstack(L, top + 10, "values");
    push_buffer(L, c);
    const int buffer = lua_gettop(L);
    lua_getfield(L, buffer, "setmsg");
    lua_pushvalue(L, buffer);
    for (int i = 4; i <= top; ++i) lua_pushvalue(L, i);
    lua_call(L, top - 3 + 1, 0);
    natsMsg *msg = packed(L, buffer, subject, &why);
    if (!msg) return luaL_error(L, "mtmsg.nats: the request can't leave the process: %s", why);
    natsStatus s = natsConnection_RequestMsg(
        &reply, c->conn->nc, msg, timeout < 1e6 ? (int64_t)(timeout * 1000) + 1 : 1000000000);
    natsMsg_Destroy(msg);
    if (s != NATS_OK) {
        lua_pushnil(L);
        lua_pushstring(L, s == NATS_TIMEOUT         ? "timeout"
                          : s == NATS_NO_RESPONDERS ? "no responders"
                                                    : natsStatus_GetText(s));
        return 2;
    }
    why = unpacked(L, buffer, reply);
    natsMsg_Destroy(reply);
    if (why) return luaL_error(L, "mtmsg.nats: the reply is damaged: %s", why);
    lua_settop(L, buffer);
    lua_pushboolean(L, 1);
    lua_getfield(L, buffer, "nextmsg");
    lua_pushvalue(L, buffer);
    lua_pushinteger(L, 0);
    lua_call(L, 2, LUA_MULTRET);
    return lua_gettop(L) - buffer;
}
