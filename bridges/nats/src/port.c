/* The life of ports. It owns their references; what they do is in export.c and import.c. */
#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static bool has_copies(const struct mtn_port *port, const struct mtn_port_options *o)
{
    return port->subject && (port->queue || !o->queue) && (port->stream || !o->stream) &&
           (port->durable || !o->durable);
}

static void release_all(const receiver_capi_2_1 *receiving, const sender_capi_1_1 *sending,
                        sender_object *from, receiver_object *to, receiver_object *rejected)
{
    if (from) sending->releaseSender(from);
    if (to) receiving->releaseReceiver(to);
    if (rejected) receiving->releaseReceiver(rejected);
}

static void free_memory(struct mtn_port *port)
{
    free(port->subject);
    free(port->queue);
    free(port->stream);
    free(port->durable);
    free(port);
}

struct mtn_port *mtn_port_new(struct mtn_conn *conn, const receiver_capi_2_1 *receiving,
                              const sender_capi_1_1 *sending, const struct mtn_port_options *o,
                              sender_object *from, receiver_object *to,
                              receiver_object *rejected)
{
    struct mtn_port *port = calloc(1, sizeof *port);
    if (port) {
        port->subject = copy(o->subject);
        port->queue = copy(o->queue);
        port->stream = copy(o->stream);
        port->durable = copy(o->durable);
    }
    if (!port || !has_copies(port, o)) {
        if (port) free_memory(port);
        release_all(receiving, sending, from, to, rejected);
        return NULL;
    }
    port->conn = conn;
    port->receiving = receiving;
    port->sending = sending;
    port->from = from;
    port->to = to;
    port->rejected = rejected;
    port->raw = o->raw;
    port->mode = o->mode;
    port->ack_wait = o->ack_wait;
    port->batch = o->batch;
    port->most_bytes = o->most_bytes;
    port->most_values = o->most_values;
    port->most_pending = o->most_pending;
    mtn_conn_retain(conn);
    return port;
}

const char *mtn_port_start(struct mtn_port *port, char text[MTN_TEXT])
{
    return port->from ? mtn_export_start(port, text) : mtn_import_start(port, text);
}

void mtn_port_stop(struct mtn_port *port)
{
    atomic_store_explicit(&port->stops, true, memory_order_release);
}

void mtn_port_free(struct mtn_port *port)
{
    mtn_port_stop(port);
    if (port->to) mtn_import_stop(port);
    if (port->started) pthread_join(port->thread, NULL);
    release_all(port->receiving, port->sending, port->from, port->to, port->rejected);
    mtn_conn_release(port->conn);
    free_memory(port);
}

void mtn_port_pause(const struct mtn_port *port, double seconds)
{
    const double step = 0.05;
    while (seconds > 0 && !mtn_port_stops(port)) {
        const double now = seconds < step ? seconds : step;
        struct timespec time = {.tv_nsec = (long)(now * 1e9)};
        nanosleep(&time, NULL);
        seconds -= now;
    }
}

int mtn_port_put(struct mtn_port *port, receiver_object *to, receiver_writer *writer)
{
    for (;;) {
        int code = port->receiving->putToReceiver(to, writer, 0.1, NULL, NULL);
        if (code == 999) return 0; /* it is in; what the notifier says is not our business */
        if ((code != 4 && code != 2) || mtn_port_stops(port)) return code;
        if (code == 2) mtn_port_pause(port, 0.1); /* aborted, for now */
    }
}
