/* What the parts of the binding share: the userdata, and how options are read. */
#ifndef MTN_BINDING_H
#define MTN_BINDING_H

#include "api.h"
#include "conn.h"

struct mtn_port;

#define MTN_CONNECTION "mtmsg.nats.connection"
#define MTN_PORT "mtmsg.nats.port"

struct mtn_connection {
    struct mtn_conn *conn; /* NULL: closed */
    int kept; /* a reference in the registry: a table with its ports, and a buffer of its own */
};

struct mtn_handle {
    struct mtn_port *port;     /* NULL: closed */
    struct mtn_connection *of; /* which keeps this, or NULL: closed */
    bool imports;
};

/* NATS's client counts bytes as int. */
enum { MTN_MOST_SIZE = 0x7fffffff };

/* The field of the options at `index` (none: nothing is given); it stays on the stack. Each
 * raises an error for a value of another kind; numbers above the most that makes sense are
 * that. */
const char *mtn_text_field(lua_State *L, int index, const char *name);
double mtn_number_field(lua_State *L, int index, const char *name, double otherwise,
                        double most);
size_t mtn_size_field(lua_State *L, int index, const char *name, double otherwise);
bool mtn_flag_field(lua_State *L, int index, const char *name);

/* The value at the top, which is one of that option. */
const char *mtn_text(lua_State *L, const char *name);

/* Of a table or string, without metamethods. */
size_t mtn_length(lua_State *L, int index);

/* Raises an error for a field that has none of these names. */
void mtn_check_names(lua_State *L, int index, const char *const *names);

/* The connection at index 1, which is open. */
struct mtn_connection *mtn_check_connection(lua_State *L);

/* Waits until it has ended. */
void mtn_close_port(struct mtn_handle *p);

/* The same for all of the connection, which end at the same time. */
void mtn_close_ports(lua_State *L, struct mtn_connection *c);

void mtn_set_class(lua_State *L, const char *name);
void mtn_set_number(lua_State *L, const char *name, double value);
void mtn_set_count(lua_State *L, const char *name, unsigned long value);
void mtn_set_text(lua_State *L, const char *name, const char *value);

/* Methods. */
int mtn_connection_export(lua_State *L);
int mtn_connection_import(lua_State *L);
int mtn_connection_serve(lua_State *L);
int mtn_connection_replies(lua_State *L);
int mtn_connection_newstream(lua_State *L);
int mtn_connection_request(lua_State *L);
int mtn_port_close(lua_State *L);
int mtn_port_gc(lua_State *L);
int mtn_port_info(lua_State *L);

#endif
