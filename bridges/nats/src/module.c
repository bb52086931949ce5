/* The module mtmsg.nats: connections and ports as Lua sees them. It checks arguments and owns
 * the userdata; all else is in the files that it calls. */
#include "binding.h"

#include <string.h>

#include "pin.h"
#include "port.h"

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* ---- connections ---- */

void mtn_set_class(lua_State *L, const char *name)
{
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
}

/* nats.connect{ url=, ... } -> connection */
static int nats_connect(lua_State *L)
{
    static const char *const names[] = {
        "url",     "name",       "user",           "password", "token",    "creds",
        "tls",     "ca",         "cert",           "key",      "hostname", "insecure",
        "timeout", "reconnects", "reconnect_wait", NULL};
    char error[MTN_TEXT];
    lua_settop(L, 1);
    mtn_check_names(L, 1, names);
    luaL_checkstack(L, 40, "options");
    struct mtn_options o = {.url = mtn_text_field(L, 1, "url"),
                            .name = mtn_text_field(L, 1, "name"),
                            .user = mtn_text_field(L, 1, "user"),
                            .password = mtn_text_field(L, 1, "password"),
                            .token = mtn_text_field(L, 1, "token"),
                            .creds = mtn_text_field(L, 1, "creds"),
                            .ca = mtn_text_field(L, 1, "ca"),
                            .cert = mtn_text_field(L, 1, "cert"),
                            .key = mtn_text_field(L, 1, "key"),
                            .hostname = mtn_text_field(L, 1, "hostname"),
                            .tls = mtn_flag_field(L, 1, "tls"),
                            .insecure = mtn_flag_field(L, 1, "insecure"),
                            .timeout = mtn_number_field(L, 1, "timeout", 5, 1e6),
                            .reconnect_wait = mtn_number_field(L, 1, "reconnect_wait", 1, 1e6)};
    const double reconnects = mtn_number_field(L, 1, "reconnects", 1e9, 1e9);
    o.reconnects = reconnects < 1e9 ? (int)reconnects : -1;
    struct mtn_connection *c = memset(lua_newuserdata(L, sizeof *c), 0, sizeof *c);
    c->kept = LUA_NOREF;
    mtn_set_class(L, MTN_CONNECTION);
    c->conn = mtn_conn_new(&o, error);
    if (!c->conn) return luaL_error(L, "mtmsg.nats: cannot connect: %s", error);
    lua_newtable(L); /* its ports: they end with it */
    c->kept = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}

struct mtn_connection *mtn_check_connection(lua_State *L)
{
    struct mtn_connection *c = luaL_checkudata(L, 1, MTN_CONNECTION);
    if (!c->conn) luaL_error(L, "mtmsg.nats: the connection is closed");
    return c;
}

/* All ports end, each with what it has in its hands; then the connection. */
static int connection_close(lua_State *L)
{
    struct mtn_connection *c = luaL_checkudata(L, 1, MTN_CONNECTION);
    struct mtn_conn *conn = c->conn;
    if (!conn) return 0;
    mtn_close_ports(L, c);
    c->conn = NULL;
    luaL_unref(L, LUA_REGISTRYINDEX, c->kept);
    c->kept = LUA_NOREF;
    mtn_conn_close(conn);
    mtn_conn_release(conn);
    nats_ReleaseThreadMemory(); /* this thread's: it may be another one's no more */
    return 0;
}

void mtn_set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, (lua_Number)value);
    lua_setfield(L, -2, name);
}

void mtn_set_count(lua_State *L, const char *name, unsigned long value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void mtn_set_text(lua_State *L, const char *name, const char *value)
{
    if (value && *value) lua_pushstring(L, value);
    else lua_pushnil(L);
    lua_setfield(L, -2, name);
}

static const char *status_name(natsConnStatus status)
{
    switch (status) {
        case NATS_CONN_STATUS_CONNECTED: return "connected";
        case NATS_CONN_STATUS_CONNECTING: return "connecting";
        case NATS_CONN_STATUS_RECONNECTING: return "reconnecting";
        case NATS_CONN_STATUS_CLOSED: return "closed";
        case NATS_CONN_STATUS_DISCONNECTED: return "disconnected";
        case NATS_CONN_STATUS_DRAINING_SUBS:
        case NATS_CONN_STATUS_DRAINING_PUBS: break;
    }
    return "draining";
}

/* connection:info() -> table */
static int connection_info(lua_State *L)
{
    struct mtn_connection *c = luaL_checkudata(L, 1, MTN_CONNECTION);
    char url[MTN_TEXT] = "", error[MTN_TEXT];
    lua_newtable(L);
    if (!c->conn) {
        mtn_set_text(L, "status", "closed");
        return 1;
    }
    natsConnection_GetConnectedUrl(c->conn->nc, url, sizeof url);
    pthread_mutex_lock(&c->conn->mutex);
    memcpy(error, c->conn->error, sizeof error);
    pthread_mutex_unlock(&c->conn->mutex);
    mtn_set_text(L, "status", status_name(natsConnection_Status(c->conn->nc)));
    mtn_set_text(L, "url", url);
    mtn_set_text(L, "error", error);
    mtn_set_count(L, "reconnects", mtn_conn_reconnects(c->conn));
    mtn_set_number(L, "max_payload", (double)natsConnection_GetMaxPayload(c->conn->nc));
    return 1;
}

/* ---- the module ---- */

static int connection_tostring(lua_State *L)
{
    struct mtn_connection *c = luaL_checkudata(L, 1, MTN_CONNECTION);
    lua_pushfstring(L, "mtmsg.nats.connection: %p (%s)", (void *)c,
                    c->conn ? status_name(natsConnection_Status(c->conn->nc)) : "closed");
    return 1;
}

static int port_tostring(lua_State *L)
{
    struct mtn_handle *p = luaL_checkudata(L, 1, MTN_PORT);
    lua_pushfstring(L, "mtmsg.nats.port: %p (%s %s)", (void *)p,
                    p->imports ? "import" : "export", p->port ? p->port->subject : "closed");
    return 1;
}

static void set_functions(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name; ++functions) {
        lua_pushcfunction(L, functions->func);
        lua_setfield(L, -2, functions->name);
    }
}

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods,
                      lua_CFunction tostring, lua_CFunction close, lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_newtable(L);
    set_functions(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__close");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

EXPORT int luaopen_mtmsg_nats(lua_State *L);

EXPORT int luaopen_mtmsg_nats(lua_State *L)
{
    static const luaL_Reg of_connection[] = {{"close", connection_close},
                                             {"info", connection_info},
                                             {"export", mtn_connection_export},
                                             {"import", mtn_connection_import},
                                             {"serve", mtn_connection_serve},
                                             {"replies", mtn_connection_replies},
                                             {"request", mtn_connection_request},
                                             {"newstream", mtn_connection_newstream},
                                             {NULL, NULL}};
    static const luaL_Reg of_port[] = {
        {"close", mtn_port_close}, {"info", mtn_port_info}, {NULL, NULL}};
    static const luaL_Reg module[] = {{"connect", nats_connect}, {NULL, NULL}};
    mtn_pin();
    new_class(L, MTN_CONNECTION, of_connection, connection_tostring, connection_close,
              connection_close);
    new_class(L, MTN_PORT, of_port, port_tostring, mtn_port_close, mtn_port_gc);
    lua_newtable(L);
    set_functions(L, module);
    return 1;
}
