/* From a buffer to a subject: a thread takes what is there as leases, publishes it, and is done
 * with it when the server has it. What it could not send goes back when it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "port.h"

enum { SUBJECT = 256, WINDOW = 1024, WINDOW_BYTES = 1 << 20, ACK_MS = 5000, STEP_MS = 100 };

/* How a message of the window stands. */
enum { TAKEN, SENT, DONE, REJECTED };

static const char too_large[] = "the message is too large";

/* A message on its way. */
struct item {
    sender_reader *reader;    /* holds it by a lease */
    size_t subject, at, size; /* in the packer: where it goes, unless to the port's subject */
    atomic_int state;
};

struct export
{
    struct mtn_port *port;
    struct mtn_packer packer; /* the window's subjects and messages */
    receiver_writer *writer;  /* for what is rejected */
    struct item item[WINDOW];
    size_t count;   /* in the window */
    bool publishes; /* what is taken goes out at once; told once a window, as it costs */
    jsCtx *js;      /* with a stream; else NULL */
    char id[24];    /* of this export, for the ids of its messages */
    unsigned long reconnects; /* of the connection, before the window was published */
    unsigned long long first; /* the number of the window's first message; constant as long as
                               * an acknowledgement may come */
};

/* ---- rejecting ---- */

/* The reason, and then the values. */
static int reject_to(struct export *e, const char *why, struct item *item)
{
    const struct mtn_port *port = e->port;
    const receiver_capi_2_1 *to = port->receiving;
    to->clearWriter(e->writer);
    int code = to->addStringToWriter(e->writer, why, strlen(why));
    if (code != 0 || port->sending->rewindReader(item->reader) != 0) return -1;
    for (;;) {
        sender_capi_value_1_1 value;
        port->sending->nextValueFromReader(item->reader, &value);
        if (value.type == SENDER_CAPI_TYPE_NONE) break;
        code = to->addValueToWriter(e->writer, item->reader);
        if (code != 0) return code;
    }
    code = to->msgToReceiver(port->rejected, e->writer, 0, 0, NULL, NULL);
    return code == 999 ? 0 : code;
}

static void reject(struct export *e, const char *why, struct item *item)
{
    struct mtn_counts *counts = &e->port->counts;
    atomic_fetch_add(&counts->rejected, 1);
    if (!e->port->rejected || reject_to(e, why, item) != 0)
        atomic_fetch_add(&counts->dropped, 1);
    e->port->sending->clearReader(item->reader);
}

/* ---- what goes out ---- */

static const char request[] = "_INBOX.", delivery[] = "$JS.ACK.";

static bool begins(const char *text, size_t len, const char *prefix)
{
    const size_t most = strlen(prefix);
    return len > most && memcmp(text, prefix, most) == 0;
}

/* The first value is a token that an import gave: nothing else is a subject for a reply. */
static const char *take_token(struct export *e, struct item *item)
{
    static const char why[] = "it does not begin with a token";
    sender_capi_value_1_1 v;
    e->port->sending->nextValueFromReader(item->reader, &v);
    if (v.type != SENDER_CAPI_TYPE_STRING || v.strVal.len >= SUBJECT) return why;
    if (!begins(v.strVal.ptr, v.strVal.len, request) &&
        !begins(v.strVal.ptr, v.strVal.len, delivery))
        return why;
    for (size_t n = 0; n < v.strVal.len; ++n) {
        const char c = v.strVal.ptr[n];
        if (c <= ' ' || c > '~' || c == '*' || c == '>') return why;
    }
    const bool has_all = mtn_pack_bytes(&e->packer, v.strVal.ptr, v.strVal.len);
    item->subject = e->packer.at;
    return has_all && mtn_pack_bytes(&e->packer, "", 1) ? NULL : "out of memory";
}

static const char *pack(struct export *e, const struct item *item)
{
    return mtn_pack(&e->packer, e->port->sending, item->reader);
}

/* false after the token of a delivery: it goes back to the stream at once. */
static const char *pack_reply(struct export *e, struct item *item)
{
    sender_capi_value_1_1 v;
    const char *why = take_token(e, item);
    if (why) return why;
    const char *subject = mtn_packed(&e->packer, item->subject);
    if (begins(subject, strlen(subject), request)) return pack(e, item);
    e->port->sending->nextValueFromReader(item->reader, &v);
    const bool is_no = v.type == SENDER_CAPI_TYPE_BOOLEAN && !v.boolVal;
    return mtn_pack_bytes(&e->packer, is_no ? "-NAK" : "+ACK", 4) ? NULL : "out of memory";
}

/* ---- sending ---- */

/* Runs in a thread of the library, for each message that it has not been made to forget. */
static void on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
    struct export *e = closure;
    const char *id = NULL;
    (void)js, (void)ack;
    if (error) {
        pthread_mutex_lock(&e->port->conn->mutex);
        (void)snprintf(e->port->conn->error, MTN_TEXT, "stream: %.200s",
                       error->ErrText ? error->ErrText : natsStatus_GetText(error->Err));
        pthread_mutex_unlock(&e->port->conn->mutex);
    } else if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) == NATS_OK && strlen(id) > 17) {
        const unsigned long long n = strtoull(id + 17, NULL, 16) - e->first;
        if (n < WINDOW) atomic_store(&e->item[n].state, DONE);
    }
    natsMsg_Destroy(msg);
}

/* False: some are to come after that time, or on_ack is still at work. */
static bool has_acks(struct export *e, int64_t milliseconds)
{
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = milliseconds;
    return js_PublishAsyncComplete(e->js, &options) != NATS_TIMEOUT;
}

/* No acknowledgement will be told any more: on_ack is not at work, and will not be. */
static void forget_acks(struct export *e)
{
    while (!has_acks(e, 1)) {
        natsMsgList pending = {0};
        if (js_PublishAsyncGetPendingList(&pending, e->js) == NATS_OK)
            natsMsgList_Destroy(&pending);
    }
}

/* What a connection that is gone was to bring will not come by the next one. */
static bool is_same_connection(const struct export *e)
{
    return mtn_conn_is_up(e->port->conn) &&
           atomic_load(&e->port->conn->reconnects) == e->reconnects;
}

static void wait_for_acks(struct export *e)
{
    for (int waited = 0; waited < ACK_MS && !mtn_port_stops(e->port); waited += STEP_MS) {
        if (has_acks(e, STEP_MS)) return;
        if (!is_same_connection(e)) break;
    }
    forget_acks(e);
}

static natsStatus publish_to_stream(struct export *e, size_t n)
{
    natsMsg *msg = NULL;
    jsPubOptions options;
    char id[48];
    (void)snprintf(id, sizeof id, "%s-%llx", e->id, e->first + n);
    jsPubOptions_Init(&options);
    options.MsgId = id;
    options.ExpectStream = e->port->stream;
    natsStatus s = natsMsg_Create(&msg, e->port->subject, NULL,
                                  mtn_packed(&e->packer, e->item[n].at), (int)e->item[n].size);
    if (s == NATS_OK) s = js_PublishMsgAsync(e->js, &msg, &options);
    natsMsg_Destroy(msg); /* NULL if the library has taken it */
    return s;
}

/* What no server takes would hold up all that comes behind it. */
static natsStatus publish(struct export *e, size_t n)
{
    struct item *item = &e->item[n];
    const char *const subject =
        e->port->mode == MTN_VALUES ? e->port->subject : mtn_packed(&e->packer, item->subject);
    /* before an acknowledgement can come, which a lock of the library is between */
    atomic_store_explicit(&item->state, SENT, memory_order_relaxed);
    natsStatus s =
        e->js ? publish_to_stream(e, n)
              : natsConnection_Publish(e->port->conn->nc, subject,
                                       mtn_packed(&e->packer, item->at), (int)item->size);
    if (s == NATS_OK) return s;
    atomic_store(&item->state, s == NATS_MAX_PAYLOAD ? REJECTED : TAKEN);
    if (s != NATS_MAX_PAYLOAD) return s;
    reject(e, too_large, item);
    return NATS_OK;
}

/* ---- filling the window ---- */

/* Packs and publishes what the reader of the next item has; what can't be packed is rejected.
 */
static void add(struct export *e)
{
    struct item *item = &e->item[e->count];
    const char *why = e->port->mode == MTN_TOKEN ? pack_reply(e, item) : pack(e, item);
    if (why) {
        reject(e, why, item);
        return;
    }
    item->at = e->packer.at;
    item->size = e->packer.size;
    if (e->publishes) (void)publish(e, e->count); /* if it fails: all are looked at */
    else atomic_store(&item->state, TAKEN);
    ++e->count;
}

/* Readers are made when they are needed for the first time. */
static sender_reader *next_reader(struct export *e)
{
    struct item *item = &e->item[e->count];
    if (!item->reader) {
        item->reader = e->port->sending->newReader(64, 2);
        if (item->reader) e->port->sending->leaseReader(item->reader);
    }
    return item->reader;
}

/* The code of the first receive that gave nothing, or 0: the window is full. */
static int fill(struct export *e)
{
    const struct mtn_port *port = e->port;
    double timeout = 0.1;
    mtn_packer_clear(&e->packer);
    e->reconnects = atomic_load(&port->conn->reconnects);
    while (e->count < WINDOW && e->packer.bytes.size < WINDOW_BYTES) {
        sender_reader *reader = next_reader(e);
        if (!reader) return e->count > 0 ? 0 : 5;
        int code =
            port->sending->nextMessageFromSender(port->from, reader, 0, timeout, NULL, NULL);
        if (code != 0 && code != 999) return code;
        if (timeout > 0) e->publishes = mtn_conn_is_up(port->conn);
        timeout = 0;
        add(e);
    }
    return 0;
}

/* ---- the window ---- */

/* All that has not been published, or did not arrive. */
static natsStatus publish_all(struct export *e, bool again)
{
    natsStatus s = NATS_OK;
    if (again) e->reconnects = atomic_load(&e->port->conn->reconnects);
    for (size_t n = 0; n < e->count && s == NATS_OK; ++n) {
        if (atomic_load_explicit(&e->item[n].state, memory_order_relaxed) != TAKEN) continue;
        s = publish(e, n);
        if (again && s == NATS_OK) atomic_fetch_add(&e->port->counts.again, 1);
    }
    return s;
}

/* What was published has arrived if a question to the server is answered after it. */
static natsStatus confirm(struct export *e)
{
    natsStatus s = NATS_OK;
    if (e->js) wait_for_acks(e);
    else s = natsConnection_FlushTimeout(e->port->conn->nc, ACK_MS);
    const int now = s == NATS_OK && !e->js ? DONE : TAKEN;
    for (size_t n = 0; n < e->count; ++n) {
        int sent = SENT;
        atomic_compare_exchange_strong(&e->item[n].state, &sent, now);
    }
    return s;
}

/* The server has all of them, so their buffer is done with them; else false. */
static bool finish(struct export *e)
{
    size_t sent = 0;
    for (size_t n = 0; n < e->count; ++n) {
        const int state = atomic_load(&e->item[n].state);
        if (state != DONE && state != REJECTED) return false;
        if (state == DONE) ++sent;
    }
    for (size_t n = 0; n < e->count; ++n) e->port->sending->clearReader(e->item[n].reader);
    atomic_fetch_add(&e->port->counts.messages, sent);
    e->first += e->count;
    e->count = 0;
    return true;
}

/* Until the server has all of the window, or the port is asked to stop. */
static void send_window(struct export *e)
{
    bool again = false;
    while (e->count > 0 && !mtn_port_stops(e->port)) {
        natsStatus s = mtn_conn_is_up(e->port->conn) ? publish_all(e, again)
                                                     : NATS_CONNECTION_DISCONNECTED;
        natsStatus t = s == NATS_CONNECTION_DISCONNECTED ? s : confirm(e);
        if (s == NATS_OK) s = t;
        if (finish(e)) return;
        if (s != NATS_OK && s != NATS_CONNECTION_DISCONNECTED)
            mtn_conn_blame(e->port->conn, "export", s);
        again = s != NATS_CONNECTION_DISCONNECTED;
        mtn_port_pause(e->port, 0.05);
    }
}

/* Those that have arrived are done; the others go back, each to its old place. */
static void give_back(struct export *e)
{
    for (size_t n = 0; n < e->count; ++n) {
        const int state = atomic_load(&e->item[n].state);
        if (state == DONE) atomic_fetch_add(&e->port->counts.messages, 1);
        if (state == DONE || state == REJECTED)
            e->port->sending->clearReader(e->item[n].reader);
        else e->port->sending->putBackReader(e->item[n].reader);
    }
    e->count = 0;
}

/* ---- life ---- */

static void export_free(struct export *e)
{
    jsCtx_Destroy(e->js);
    for (size_t n = 0; n < WINDOW; ++n) {
        if (e->item[n].reader) e->port->sending->freeReader(e->item[n].reader);
    }
    if (e->writer) e->port->receiving->freeWriter(e->writer);
    mtn_packer_fini(&e->packer);
    free(e);
}

static void *run(void *data)
{
    struct export *e = data;
    struct mtn_port *port = e->port;
    while (!mtn_port_stops(port)) {
        int code = fill(e);
        if (e->count > 0) send_window(e);
        if (code == 1 && e->count == 0) {
            atomic_store(&port->state, MTN_BUFFER_CLOSED);
            break;
        }
        if (code == 2 || code == 5) mtn_port_pause(port, 0.1);
    }
    if (e->js) forget_acks(e);
    give_back(e);
    if (atomic_load(&port->conn->closed) && !atomic_load(&port->stops))
        atomic_store(&port->state, MTN_CONNECTION_CLOSED);
    export_free(e);
    nats_ReleaseThreadMemory();
    return NULL;
}

static bool make_readers(struct export *e)
{
    const struct mtn_port *port = e->port;
    e->writer = port->receiving->newWriter(64, 2);
    return e->writer && next_reader(e);
}

static natsStatus use_stream(struct export *e)
{
    jsOptions options;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    if (!e->port->stream) return NATS_OK;
    natsStatus s = jsOptions_Init(&options);
    options.PublishAsync.MaxPending = (int64_t)2 * WINDOW;
    options.PublishAsync.AckHandler = on_ack;
    options.PublishAsync.AckHandlerClosure = e;
    if (s == NATS_OK) s = natsConnection_JetStream(&e->js, e->port->conn->nc, &options);
    if (s == NATS_OK) s = js_GetStreamInfo(&info, e->js, e->port->stream, NULL, &code);
    jsStreamInfo_Destroy(info);
    return s;
}

/* Ids are told apart from those of all other exports by 64 bits of chance. */
static void choose_id(struct export *e)
{
    unsigned long long bits = (unsigned long long)nats_NowInNanoSeconds() * 0x9E3779B97F4A7C15u;
    FILE *chance = fopen("/dev/urandom", "rb");
    if (chance) {
        unsigned long long more = 0;
        if (fread(&more, sizeof more, 1, chance) == 1) bits ^= more;
        (void)fclose(chance);
    }
    (void)snprintf(e->id, sizeof e->id, "%016llx", bits);
}

const char *mtn_export_start(struct mtn_port *port, char text[MTN_TEXT])
{
    struct export *e = calloc(1, sizeof *e);
    if (!e) return "out of memory";
    e->port = port;
    mtn_packer_init(&e->packer, port->most_bytes);
    choose_id(e);
    natsStatus s = make_readers(e) ? use_stream(e) : NATS_NO_MEMORY;
    if (s == NATS_OK && pthread_create(&port->thread, NULL, run, e) == 0) {
        port->started = true;
        return NULL;
    }
    if (s == NATS_OK) (void)snprintf(text, MTN_TEXT, "no thread can be made");
    else if (s == NATS_NO_RESPONDERS)
        (void)snprintf(text, MTN_TEXT, "the server has no streams");
    else mtn_text_of(s, text);
    export_free(e);
    return text;
}
