/* From a subject to a buffer: what comes in is added, and waits for room. Without a stream the
 * client library's thread does it; with one a thread of its own fetches what there is room for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"
#include "unpack.h"

enum { FETCH_MS = 200, OLD = 32, OLD_BYTES = 1024 };

/* Subscribed to something, and what it needs to add a message. */
struct import {
    struct mtn_port *port;
    receiver_writer *writer;
    jsCtx *js;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool called;   /* guarded by the mutex: the library will tell when it is complete */
    bool complete; /* the same: the library will not call any more */
    natsMsg *old[OLD];
    int olds; /* messages that have been dealt with, and are still to be freed */
};

/* What has become of a message. */
enum fate { ADDED, REJECTED, REFUSED };

/* ---- one message ---- */

/* By which a stream is told that a message was dealt with: nothing to answer a question to. */
static bool is_delivery(const char *reply)
{
    return strncmp(reply, "$JS.", 4) == 0;
}

/* Whom to answer, or what to acknowledge, comes first. */
static int begin_message(struct import *i, natsMsg *msg)
{
    const receiver_capi_2_1 *api = i->port->receiving;
    const char *token = natsMsg_GetReply(msg);
    api->clearWriter(i->writer);
    if (i->port->mode == MTN_VALUES) return 0;
    if (token && !i->port->stream && is_delivery(token)) token = NULL;
    return token ? api->addStringToWriter(i->writer, token, strlen(token))
                 : api->addNilToWriter(i->writer);
}

/* What is no valid message goes where it was asked to, with the reason. */
static enum fate reject(struct import *i, natsMsg *msg, const char *why)
{
    struct mtn_port *port = i->port;
    const receiver_capi_2_1 *api = port->receiving;
    mtn_count(&port->counts.rejected, 1);
    api->clearWriter(i->writer);
    int code = port->rejected ? api->addStringToWriter(i->writer, why, strlen(why)) : -1;
    if (code == 0)
        code = api->addStringToWriter(i->writer, natsMsg_GetData(msg),
                                      (size_t)natsMsg_GetDataLength(msg));
    if (code == 0) code = api->msgToReceiver(port->rejected, i->writer, 0, 0, NULL, NULL);
    if (code != 0 && code != 999) mtn_count(&port->counts.dropped, 1);
    return REJECTED;
}

/* REFUSED: it is not dealt with, for want of memory or since all ends. */
static enum fate take(struct import *i, natsMsg *msg)
{
    struct mtn_port *port = i->port;
    const char *data = natsMsg_GetData(msg), *why = NULL;
    const size_t size = (size_t)natsMsg_GetDataLength(msg);
    if (size > port->most_bytes) return reject(i, msg, "it is too large");
    int code = begin_message(i, msg);
    if (code != 0) return REFUSED;
    if (port->raw || !mtn_is_packed(data, size))
        code = port->receiving->addStringToWriter(i->writer, data, size);
    else why = mtn_unpack(data, size, port->most_values, port->receiving, i->writer);
    if (why) return reject(i, msg, why);
    if (code == 0) code = mtn_port_put(port, port->to, i->writer);
    if (code == 5 || code == 6) return reject(i, msg, "it is too large for the buffer");
    if (code == 0) mtn_count(&port->counts.messages, 1);
    if (code == 1) atomic_store(&port->state, MTN_BUFFER_CLOSED);
    return code == 0 ? ADDED : REFUSED;
}

/* ---- without a stream ---- */

/* Nobody takes from its buffer any more: the others of its group get what would come here. */
static void give_up(struct import *i, natsSubscription *sub)
{
    int waiting = 0;
    int64_t dropped = 0; /* which it does not tell later */
    pthread_mutex_lock(&i->mutex);
    if (i->called) {
        natsSubscription_GetPending(sub, &waiting, NULL);
        natsSubscription_GetDropped(sub, &dropped);
        natsSubscription_Unsubscribe(sub);
    }
    pthread_mutex_unlock(&i->mutex);
    mtn_count(&i->port->counts.dropped, (unsigned long)(dropped + waiting));
}

static void free_old(struct import *i)
{
    while (i->olds > 0) natsMsg_Destroy(i->old[--i->olds]);
}

/* The library frees messages in a thread that it wakes whenever that has nothing to do, which
 * may be for each one: so small ones are given to it several at a time. */
static void done_with(struct import *i, natsMsg *msg)
{
    i->old[i->olds++] = msg;
    if (i->olds == OLD || natsMsg_GetDataLength(msg) > OLD_BYTES) free_old(i);
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    struct import *i = closure;
    (void)nc;
    if (mtn_port_stops(i->port) || take(i, msg) == REFUSED)
        mtn_count(&i->port->counts.dropped, 1);
    done_with(i, msg);
    if (atomic_load(&i->port->state) == MTN_BUFFER_CLOSED) give_up(i, sub);
}

static void on_complete(void *closure)
{
    struct import *i = closure;
    pthread_mutex_lock(&i->mutex);
    i->complete = true;
    pthread_cond_signal(&i->ended);
    pthread_mutex_unlock(&i->mutex);
}

static natsStatus subscribe(struct import *i)
{
    struct mtn_port *port = i->port;
    pthread_mutex_lock(&i->mutex);
    natsStatus s =
        port->queue ? natsConnection_QueueSubscribe(&port->sub, port->conn->nc, port->subject,
                                                    port->queue, on_message, i)
                    : natsConnection_Subscribe(&port->sub, port->conn->nc, port->subject,
                                               on_message, i);
    if (s == NATS_OK) s = natsSubscription_SetOnCompleteCB(port->sub, on_complete, i);
    i->called = s == NATS_OK;
    pthread_mutex_unlock(&i->mutex);
    if (s == NATS_OK) /* more than fits into an int is no limit */
        s = natsSubscription_SetPendingLimits(
            port->sub, -1, port->most_pending >= 0x7fffffff ? -1 : (int)port->most_pending);
    if (s == NATS_OK) s = natsConnection_FlushTimeout(port->conn->nc, 5000); /* it counts now */
    return s;
}

/* ---- with a stream ---- */

static void take_all(struct import *i, natsMsgList *list)
{
    for (int n = 0; n < list->Count; ++n) {
        natsMsg *msg = list->Msgs[n];
        const enum fate fate = mtn_port_stops(i->port) ? REFUSED : take(i, msg);
        if (fate == REFUSED) natsMsg_Nak(msg, NULL);
        else if (fate == REJECTED || i->port->mode == MTN_VALUES) natsMsg_Ack(msg, NULL);
    }
    natsMsgList_Destroy(list);
}

static void *run(void *data)
{
    struct import *i = data;
    struct mtn_port *port = i->port;
    while (!mtn_port_stops(port) && atomic_load(&port->state) == MTN_RUNS) {
        natsMsgList list = {0};
        jsErrCode code = 0;
        natsStatus s = natsSubscription_Fetch(&list, port->sub, port->batch, FETCH_MS, &code);
        if (s == NATS_OK) take_all(i, &list);
        else if (s != NATS_TIMEOUT) {
            mtn_conn_blame(port->conn, "import", s);
            mtn_port_pause(port, 0.1);
        }
    }
    nats_ReleaseThreadMemory();
    return NULL;
}

/* Members of a group share a durable consumer; an import alone has one of its own if it has a
 * name for it, or one that the server forgets: NULL. */
static const char *durable_of(const struct mtn_port *port)
{
    if (!port->stream) return NULL;
    return port->durable ? port->durable : port->queue;
}

static natsStatus pull(struct import *i)
{
    struct mtn_port *port = i->port;
    jsSubOptions options;
    jsErrCode code = 0;
    natsStatus s = natsConnection_JetStream(&i->js, port->conn->nc, NULL);
    if (s == NATS_OK) s = jsSubOptions_Init(&options);
    options.Stream = port->stream;
    options.ManualAck = true;
    if (port->ack_wait > 0) options.Config.AckWait = (int64_t)(port->ack_wait * 1e9);
    if (s == NATS_OK)
        s = js_PullSubscribe(&port->sub, i->js, port->subject, durable_of(port), NULL, &options,
                             &code);
    if (s == NATS_OK && durable_of(port)) {
        /* Unsubscribing takes away a consumer that the library has made for a subscription, and
         * a durable one is to stay. So that is made for one that asks for no message, and gets
         * none while it is destroyed. */
        natsSubscription_Destroy(port->sub);
        port->sub = NULL;
        s = js_PullSubscribe(&port->sub, i->js, port->subject, durable_of(port), NULL, &options,
                             &code);
    }
    if (s == NATS_OK && pthread_create(&port->thread, NULL, run, i) != 0) s = NATS_SYS_ERROR;
    if (s == NATS_OK) port->started = true;
    return s;
}

/* ---- life ---- */

static void import_free(struct import *i)
{
    jsCtx_Destroy(i->js);
    free_old(i);
    if (i->writer) i->port->receiving->freeWriter(i->writer);
    pthread_cond_destroy(&i->ended);
    pthread_mutex_destroy(&i->mutex);
    free(i);
}

const char *mtn_import_start(struct mtn_port *port, char text[MTN_TEXT])
{
    struct import *i = calloc(1, sizeof *i);
    if (!i) return "out of memory";
    i->port = port;
    port->import = i;
    pthread_mutex_init(&i->mutex, NULL);
    pthread_cond_init(&i->ended, NULL);
    i->writer = port->receiving->newWriter(64, 2);
    natsStatus s = !i->writer ? NATS_NO_MEMORY : port->stream ? pull(i) : subscribe(i);
    if (s == NATS_OK) return NULL;
    mtn_text_of(s, text);
    return text;
}

unsigned long mtn_import_dropped(const struct mtn_port *port)
{
    int64_t dropped = 0;
    if (!port->sub || natsSubscription_GetDropped(port->sub, &dropped) != NATS_OK) return 0;
    return (unsigned long)dropped;
}

void mtn_import_stop(struct mtn_port *port)
{
    struct import *i = port->import;
    if (!i) return;
    if (port->started) {
        pthread_join(port->thread, NULL);
        port->started = false;
    }
    if (port->sub) natsSubscription_Unsubscribe(port->sub);
    pthread_mutex_lock(&i->mutex);
    while (i->called && !i->complete) pthread_cond_wait(&i->ended, &i->mutex);
    pthread_mutex_unlock(&i->mutex);
    mtn_conn_destroy(port->conn, port->sub);
    port->sub = NULL;
    import_free(i);
    port->import = NULL;
}
