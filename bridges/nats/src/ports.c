/* Exports and imports as Lua sees them. It owns their userdata; what they do is in port.h. */
#include "binding.h"

#include <string.h>

#include "port.h"

void mtn_close_port(struct mtn_handle *p)
{
    struct mtn_port *port = p->port;
    p->port = NULL;
    p->of = NULL;
    if (port) mtn_port_free(port);
}

static void each_port(lua_State *L, struct mtn_connection *c, void (*f)(struct mtn_handle *))
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->kept);
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            struct mtn_handle *p = lua_touserdata(L, -2); /* its own buffer has a name as key */
            lua_pop(L, 1);
            if (p) f(p);
        }
    }
    lua_pop(L, 1);
}

static void stop(struct mtn_handle *p)
{
    if (p->port) mtn_port_stop(p->port);
}

void mtn_close_ports(lua_State *L, struct mtn_connection *c)
{
    each_port(L, c, stop);
    each_port(L, c, mtn_close_port);
}

struct ends {
    const receiver_capi_2_1 *receiving;
    const sender_capi_1_1 *sending;
    sender_object *from;
    receiver_object *to, *rejected;
};

static const receiver_capi_2_1 *receiving_of(lua_State *L, int index)
{
    int why = 0;
    const receiver_capi_2_1 *api = receiver_get_capi_2_1(L, index, &why);
    if (!api)
        luaL_argerror(L, index,
                      why == 1 ? "buffer of a newer mtmsg expected" : "buffer expected");
    return api;
}

/* The buffer at `buffer`, and that of the options; with references of their own. */
static void get_ends(lua_State *L, int buffer, int options, bool exports, struct ends *ends)
{
    int why = 0;
    ends->receiving = receiving_of(L, buffer);
    ends->sending = sender_get_capi_1_1(L, buffer, &why);
    ends->from = ends->sending && exports ? ends->sending->toSender(L, buffer) : NULL;
    ends->to = exports ? NULL : ends->receiving->toReceiver(L, buffer);
    if (!ends->sending || (!ends->from && !ends->to))
        luaL_argerror(L, buffer, "buffer expected");
    ends->rejected = NULL;
    if (!lua_isnoneornil(L, options)) {
        lua_getfield(L, options, "rejected");
        if (!lua_isnil(L, -1)) {
            const receiver_capi_2_1 *api = receiver_get_capi_2_1(L, -1, NULL);
            ends->rejected = api == ends->receiving ? api->toReceiver(L, -1) : NULL;
            if (!ends->rejected) luaL_error(L, "bad option 'rejected' (buffer expected)");
        }
    }
    if (ends->from) ends->sending->retainSender(ends->from);
    if (ends->to) ends->receiving->retainReceiver(ends->to);
    if (ends->rejected) ends->receiving->retainReceiver(ends->rejected);
}

/* The userdata is there before what it owns; the connection keeps what has started. */
static int start(lua_State *L, struct mtn_connection *c, const struct mtn_port_options *o,
                 int buffer, int options, bool exports)
{
    struct ends ends;
    char text[MTN_TEXT];
    struct mtn_handle *p = memset(lua_newuserdata(L, sizeof *p), 0, sizeof *p);
    const int at = lua_gettop(L);
    mtn_set_class(L, MTN_PORT);
    p->imports = !exports;
    get_ends(L, buffer, options, exports, &ends);
    p->port = mtn_port_new(c->conn, ends.receiving, ends.sending, o, ends.from, ends.to,
                           ends.rejected);
    if (!p->port) return luaL_error(L, "mtmsg.nats: out of memory");
    const char *why = mtn_port_start(p->port, text);
    if (why) {
        mtn_close_port(p);
        return luaL_error(L, "mtmsg.nats: %s '%s': %s", exports ? "export to" : "import from",
                          o->subject, why);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->kept);
    lua_pushvalue(L, at);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    p->of = c;
    lua_settop(L, at);
    return 1;
}

/* connection:export(buffer, subject [, options]) -> port */
int mtn_connection_export(lua_State *L)
{
    static const char *const names[] = {"stream", "rejected", "maxbytes", NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    lua_settop(L, 4);
    const char *subject = luaL_checkstring(L, 3);
    mtn_check_names(L, 4, names);
    luaL_checkstack(L, 40, "options");
    const struct mtn_port_options o = {.subject = subject,
                                       .stream = mtn_text_field(L, 4, "stream"),
                                       .most_bytes = mtn_size_field(L, 4, "maxbytes", 8 << 20)};
    return start(L, c, &o, 2, 4, true);
}

/* connection:replies(buffer [, options]) -> port */
int mtn_connection_replies(lua_State *L)
{
    static const char *const names[] = {"rejected", "maxbytes", NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    lua_settop(L, 3);
    mtn_check_names(L, 3, names);
    luaL_checkstack(L, 40, "options");
    const struct mtn_port_options o = {.subject = "",
                                       .mode = MTN_TOKEN,
                                       .most_bytes = mtn_size_field(L, 3, "maxbytes", 8 << 20)};
    return start(L, c, &o, 2, 3, true);
}

/* What imports and services have in common. */
static struct mtn_port_options incoming(lua_State *L, const char *subject)
{
    return (struct mtn_port_options){.subject = subject,
                                     .queue = mtn_text_field(L, 4, "queue"),
                                     .raw = mtn_flag_field(L, 4, "raw"),
                                     .most_bytes = mtn_size_field(L, 4, "maxbytes", 8 << 20),
                                     .most_values = mtn_size_field(L, 4, "maxvalues", 1e6),
                                     .most_pending = mtn_size_field(L, 4, "pending", 64 << 20)};
}

/* connection:serve(subject, buffer [, options]) -> port */
int mtn_connection_serve(lua_State *L)
{
    static const char *const names[] = {"queue",     "raw",     "rejected", "maxbytes",
                                        "maxvalues", "pending", NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    lua_settop(L, 4);
    const char *subject = luaL_checkstring(L, 2);
    mtn_check_names(L, 4, names);
    luaL_checkstack(L, 40, "options");
    struct mtn_port_options o = incoming(L, subject);
    o.mode = MTN_TOKEN;
    return start(L, c, &o, 3, 4, false);
}

/* What only streams have. */
static void check_stream(lua_State *L, struct mtn_port_options *o)
{
    static const char *const names[] = {"durable", "ack", "ackwait", "batch", NULL};
    const char *ack = mtn_text_field(L, 4, "ack");
    for (const char *const *name = names; *name && !o->stream && !lua_isnil(L, 4); ++name) {
        lua_getfield(L, 4, *name);
        if (!lua_isnil(L, -1)) luaL_error(L, "bad option '%s' (there is no stream)", *name);
    }
    if (ack && strcmp(ack, "auto") != 0 && strcmp(ack, "explicit") != 0)
        luaL_error(L, "bad option 'ack' ('auto' or 'explicit' expected)");
    if (ack && *ack == 'e') o->mode = MTN_TOKEN;
    o->durable = mtn_text_field(L, 4, "durable");
    o->ack_wait = mtn_number_field(L, 4, "ackwait", 0, 1e6);
    o->batch = (int)mtn_number_field(L, 4, "batch", o->mode == MTN_TOKEN ? 4 : 64, 1e6);
    if (o->batch < 1 || o->batch > 1000)
        luaL_error(L, "bad option 'batch' (a number from 1 to 1000 expected)");
}

/* connection:import(subject, buffer [, options]) -> port */
int mtn_connection_import(lua_State *L)
{
    static const char *const names[] = {"queue", "stream",   "durable",   "rejected",
                                        "raw",   "maxbytes", "maxvalues", "pending",
                                        "ack",   "ackwait",  "batch",     NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    lua_settop(L, 4);
    const char *subject = luaL_checkstring(L, 2);
    mtn_check_names(L, 4, names);
    luaL_checkstack(L, 40, "options");
    struct mtn_port_options o = incoming(L, subject);
    o.stream = mtn_text_field(L, 4, "stream");
    check_stream(L, &o);
    return start(L, c, &o, 3, 4, false);
}

/* The connection keeps it no more. */
int mtn_port_close(lua_State *L)
{
    struct mtn_handle *p = luaL_checkudata(L, 1, MTN_PORT);
    struct mtn_connection *c = p->of;
    mtn_close_port(p);
    if (!c || !c->conn) return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->kept);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    lua_rawset(L, -3);
    return 0;
}

/* A port that is collected goes with its connection, which keeps it, or with the state: so do
 * the others. */
int mtn_port_gc(lua_State *L)
{
    struct mtn_handle *p = luaL_checkudata(L, 1, MTN_PORT);
    if (p->of && p->of->conn) each_port(L, p->of, stop);
    return mtn_port_close(L);
}

static const char *state_name(const struct mtn_port *port)
{
    switch ((enum mtn_state)atomic_load(&port->state)) {
        case MTN_RUNS: break;
        case MTN_BUFFER_CLOSED: return "buffer closed";
        case MTN_CONNECTION_CLOSED: return "connection closed";
    }
    return atomic_load(&port->conn->closed) ? "connection closed" : "running";
}

/* port:info() -> table */
int mtn_port_info(lua_State *L)
{
    struct mtn_handle *p = luaL_checkudata(L, 1, MTN_PORT);
    const struct mtn_port *port = p->port;
    lua_newtable(L);
    mtn_set_text(L, "kind", p->imports ? "import" : "export");
    mtn_set_text(L, "status", port ? state_name(port) : "closed");
    if (!port) return 1;
    mtn_set_text(L, "subject", port->subject);
    mtn_set_text(L, "queue", port->queue);
    mtn_set_text(L, "stream", port->stream);
    mtn_set_count(L, "messages", atomic_load(&port->counts.messages));
    mtn_set_count(L, "again", atomic_load(&port->counts.again));
    mtn_set_count(L, "rejected", atomic_load(&port->counts.rejected));
    mtn_set_count(L, "dropped", atomic_load(&port->counts.dropped) + mtn_import_dropped(port));
    return 1;
}
