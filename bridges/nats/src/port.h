/* Where a buffer and a subject meet: an export takes from the buffer and publishes, an import
 * subscribes and adds to the buffer. What Lua sees of them is in module.c. */
#ifndef MTN_PORT_H
#define MTN_PORT_H

#include "api.h"
#include "conn.h"

/* What a message begins with: nothing but its values, or a token, by which a request is
 * answered or a stream's message acknowledged. Imports add it, the exports of replies take it.
 */
enum mtn_mode { MTN_VALUES, MTN_TOKEN };

/* What the program asks for; NULL or 0: not given. The texts are copied. */
struct mtn_port_options {
    const char *subject, *queue, *stream, *durable;
    bool raw; /* each message is one string, as it comes */
    enum mtn_mode mode;
    double ack_wait;     /* seconds that the stream waits for an acknowledgement */
    int batch;           /* messages that are fetched from a stream at a time */
    size_t most_bytes;   /* of a message in MessagePack */
    size_t most_values;  /* of a message that comes in */
    size_t most_pending; /* bytes that the client library keeps for a slow import */
};

/* What has been counted; read by any thread, written by the one that does the port's work. */
struct mtn_counts {
    atomic_ulong messages; /* published, or added to the buffer */
    atomic_ulong again;    /* published once more after a failure */
    atomic_ulong rejected; /* could not leave the process; were no valid MessagePack */
    atomic_ulong dropped; /* for want of a buffer for what is rejected, of room there, or by the
                           * client library since the import was too slow */
};

static inline void mtn_count(atomic_ulong *count, unsigned long more)
{
    const unsigned long before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + more, memory_order_relaxed);
}

enum mtn_state { MTN_RUNS, MTN_BUFFER_CLOSED, MTN_CONNECTION_CLOSED };

struct mtn_port {
    struct mtn_conn *conn; /* a reference */
    const receiver_capi_2_1 *receiving;
    const sender_capi_1_1 *sending;
    sender_object *from;       /* an export's buffer; a reference, as the others */
    receiver_object *to;       /* an import's */
    receiver_object *rejected; /* or NULL */
    char *subject;             /* an import's, or an export's of values; else "" */
    char *queue, *stream, *durable;
    bool raw;
    enum mtn_mode mode;
    double ack_wait;
    int batch;
    size_t most_bytes, most_values, most_pending;
    struct mtn_counts counts;
    atomic_int state;  /* enum mtn_state */
    atomic_bool stops; /* asked to */
    bool started;      /* there is something to be waited for */
    pthread_t thread;
    natsSubscription *sub; /* an import's */
    struct import *import; /* the same */
};

/* A port that does nothing yet; takes over the references to the objects, also when it fails
 * (NULL: out of memory). Exactly one of from and to is not NULL. */
struct mtn_port *mtn_port_new(struct mtn_conn *conn, const receiver_capi_2_1 *receiving,
                              const sender_capi_1_1 *sending, const struct mtn_port_options *o,
                              sender_object *from, receiver_object *to,
                              receiver_object *rejected);

/* Begins to work. NULL, or what went wrong. */
const char *mtn_port_start(struct mtn_port *port, char text[MTN_TEXT]);

/* Asks it to end, and does not wait. */
void mtn_port_stop(struct mtn_port *port);

/* Ends it, waits until it has ended, and frees it. What an export has taken and not sent goes
 * back to its buffer. */
void mtn_port_free(struct mtn_port *port);

/* ---- for its parts ---- */

const char *mtn_export_start(struct mtn_port *port, char text[MTN_TEXT]);
const char *mtn_import_start(struct mtn_port *port, char text[MTN_TEXT]);
void mtn_import_stop(struct mtn_port *port);

/* What the client library has dropped of an import. */
unsigned long mtn_import_dropped(const struct mtn_port *port);

/* Sleeps so long, or until it is asked to stop, which is looked for now and then. */
void mtn_port_pause(const struct mtn_port *port, double seconds);

static inline bool mtn_port_stops(const struct mtn_port *port)
{
    return atomic_load_explicit(&port->stops, memory_order_acquire) ||
           atomic_load_explicit(&port->conn->closed, memory_order_acquire);
}

/* Puts the writer's message, waiting for room for as long as the port is not asked to stop. 0,
 * or the code of msgToReceiver. */
int mtn_port_put(struct mtn_port *port, receiver_object *to, receiver_writer *writer);

#endif
