/* From a buffer to a subject: a thread takes what is there as leases, publishes it, and is done
 * with it when the server has it. What it could not send goes back when it ends.
 *
 * There are two windows, so that the next one is filled and published while the server is asked
 * for the one before. Nothing is done before the server has said so, by the connection by which
 * it was published; else all that is in both goes out again, the older one first. An answer
 * that is under way is waited for before anything is given back. So what was taken arrives at
 * least once or goes back, and the order is that of the buffer. With a stream there is a single
 * window, as its acknowledgements say what has arrived. They come by one context of the library
 * for all exports of a connection, which outlives them, and each finds its export by the id
 * that the message has: so they may come late, and when the export has ended.
 *
 * A lease that is done ends when its reader receives again, or when the buffer is found empty:
 * so readers that are in use need not give up and get back what keeps the buffer alive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flush.h"
#include "pack.h"
#include "port.h"

enum { SUBJECT = 256, WINDOW = 2048, WINDOW_BYTES = 1 << 20, ACK_MS = 5000, STEP_MS = 100 };
enum { ID = 16 }; /* hexadecimal digits */

/* How a message of a window stands. LOST: it was published, and may not have arrived. */
enum { TAKEN, SENT, LOST, DONE, REJECTED };

static const char too_large[] = "the message is too large";

/* A message on its way. */
struct item {
    sender_reader *reader;    /* holds it by a lease */
    size_t at, subject, size; /* in the packer; the subject unless it is that of the port */
    atomic_int state;
};

struct window {
    struct mtn_packer packer; /* subjects and messages */
    struct item item[WINDOW];
    size_t count; /* in use */
    size_t held;  /* readers behind these, up to this one, may have messages that are done */
};

struct export
{
    struct mtn_port *port;
    receiver_writer *writer; /* for what is rejected */
    struct window window[2];
    struct window *now, *before; /* which is filled; and the older one, or nothing is in it */
    struct mtn_flush flush;
    bool asked;      /* whether the server has the older one */
    bool publishes;  /* what is taken goes out at once; told once a window, as it costs */
    bool streams;    /* constant: to a stream */
    bool awaits;     /* told the connection that it has messages on their way to it */
    char id[ID + 1]; /* constant: its messages' ids begin with it */
    unsigned long reconnects; /* of the connection by which messages have been sent */
    unsigned long long first; /* the number of the window's first message; written under
                               * `awaiting`, as where it begins is what an acknowledgement of
                               * an earlier one is told by */
    size_t missing; /* acknowledgements that it waits for: under `awaiting`, as what follows */
    pthread_cond_t acked; /* none is missing */
    struct export *next;  /* of those that live */
};

/* Exports to streams that live. */
static pthread_mutex_t awaiting = PTHREAD_MUTEX_INITIALIZER;
static struct export *first_awaiting;

/* By the export's thread. on_ack, the only other one that writes it, may come late: then what
 * it says is overwritten, and the message goes out again, which the stream notices by its id.
 */
static void set_state(struct item *item, int state)
{
    atomic_store_explicit(&item->state, state, memory_order_relaxed);
}

static int state_of(const struct item *item)
{
    return atomic_load_explicit(&item->state, memory_order_acquire);
}

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
    mtn_count(&counts->rejected, 1);
    if (!e->port->rejected || reject_to(e, why, item) != 0) mtn_count(&counts->dropped, 1);
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
    struct mtn_packer *packer = &e->now->packer;
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
    const bool has_all = mtn_pack_bytes(packer, v.strVal.ptr, v.strVal.len);
    item->subject = packer->at;
    return has_all && mtn_pack_bytes(packer, "", 1) ? NULL : "out of memory";
}

static const char *pack(struct export *e, const struct item *item)
{
    return mtn_pack(&e->now->packer, e->port->sending, item->reader);
}

/* false after the token of a delivery: it goes back to the stream at once. */
static const char *pack_reply(struct export *e, struct item *item)
{
    sender_capi_value_1_1 v;
    const char *why = take_token(e, item);
    if (why) return why;
    const char *subject = mtn_packed(&e->now->packer, item->subject);
    if (begins(subject, strlen(subject), request)) return pack(e, item);
    e->port->sending->nextValueFromReader(item->reader, &v);
    const bool is_no = v.type == SENDER_CAPI_TYPE_BOOLEAN && !v.boolVal;
    return mtn_pack_bytes(&e->now->packer, is_no ? "-NAK" : "+ACK", 4) ? NULL : "out of memory";
}

/* ---- sending ---- */

/* Under `awaiting`. */
static struct export *find_awaiting(const char *id)
{
    struct export *e = first_awaiting;
    while (e && memcmp(e->id, id, ID) != 0) e = e->next;
    return e;
}

static void begin_awaiting(struct export *e)
{
    pthread_mutex_lock(&awaiting);
    e->next = first_awaiting;
    first_awaiting = e;
    pthread_mutex_unlock(&awaiting);
}

static void end_awaiting(const struct export *e)
{
    pthread_mutex_lock(&awaiting);
    struct export **link = &first_awaiting;
    while (*link && *link != e) link = &(*link)->next;
    if (*link) *link = e->next;
    pthread_mutex_unlock(&awaiting);
}

/* Under `awaiting`. Whether the stream has it; what belongs to an earlier window has been dealt
 * with. */
static void take_ack(struct export *e, unsigned long long number, bool has_it)
{
    const unsigned long long n = number - e->first;
    if (n >= WINDOW) return;
    atomic_int *state = &e->now->item[n].state;
    int was = SENT;
    if (has_it) was = atomic_exchange(state, DONE);
    else if (!atomic_compare_exchange_strong(state, &was, LOST)) return;
    if (was == SENT && e->missing > 0 && --e->missing == 0) pthread_cond_signal(&e->acked);
}

static void note_refusal(struct mtn_conn *conn, const jsPubAckErr *error)
{
    pthread_mutex_lock(&conn->mutex);
    (void)snprintf(conn->error, MTN_TEXT, "stream: %.200s",
                   error->ErrText ? error->ErrText : natsStatus_GetText(error->Err));
    pthread_mutex_unlock(&conn->mutex);
}

/* Runs in a thread of the library. */
static void on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
    const char *id = NULL;
    (void)js, (void)ack, (void)closure;
    if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) == NATS_OK && strlen(id) > ID + 1) {
        pthread_mutex_lock(&awaiting);
        struct export *e = find_awaiting(id);
        if (e && error) note_refusal(e->port->conn, error);
        if (e) take_ack(e, strtoull(id + ID + 1, NULL, 16), !error);
        pthread_mutex_unlock(&awaiting);
    }
    natsMsg_Destroy(msg);
}

/* What a connection that is gone was to bring will not come by the next one. */
static bool is_same_connection(const struct export *e)
{
    return mtn_conn_is_up(e->port->conn) && mtn_conn_reconnects(e->port->conn) == e->reconnects;
}

static size_t count_sent(const struct window *w)
{
    size_t sent = 0;
    for (size_t n = 0; n < w->count; ++n) sent += state_of(&w->item[n]) == SENT;
    return sent;
}

/* Under `awaiting`, which it leaves meanwhile: some time, or until none is missing. */
static void wait_a_step(struct export *e)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STEP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        ++until.tv_sec;
    }
    (void)pthread_cond_timedwait(&e->acked, &awaiting, &until);
}

/* Until all are there, but not after the connection is lost or the port is asked to stop. */
static void wait_for_acks(struct export *e)
{
    bool goes_on = true;
    pthread_mutex_lock(&awaiting);
    e->missing = count_sent(e->now);
    for (int waited = 0; e->missing > 0 && goes_on && waited < ACK_MS; waited += STEP_MS) {
        wait_a_step(e);
        pthread_mutex_unlock(&awaiting);
        goes_on = is_same_connection(e) && !mtn_port_stops(e->port);
        pthread_mutex_lock(&awaiting);
    }
    e->missing = 0;
    pthread_mutex_unlock(&awaiting);
}

static void begin_publishing(struct export *e)
{
    if (!e->awaits) mtn_conn_begin_publishing(e->port->conn);
    e->awaits = true;
}

static void end_publishing(struct export *e)
{
    if (e->awaits) mtn_conn_end_publishing(e->port->conn);
    e->awaits = false;
}

static natsStatus publish_to_stream(struct export *e, const struct window *w, size_t n)
{
    natsMsg *msg = NULL;
    jsPubOptions options;
    char id[48];
    (void)snprintf(id, sizeof id, "%s-%llx", e->id, e->first + n);
    jsPubOptions_Init(&options);
    options.MsgId = id;
    options.ExpectStream = e->port->stream;
    natsStatus s = natsMsg_Create(&msg, e->port->subject, NULL,
                                  mtn_packed(&w->packer, w->item[n].at), (int)w->item[n].size);
    begin_publishing(e);
    if (s == NATS_OK) s = js_PublishMsgAsync(e->port->conn->js, &msg, &options);
    natsMsg_Destroy(msg); /* NULL if the library has taken it */
    return s;
}

/* What no server takes would hold up all that comes behind it. */
static natsStatus publish(struct export *e, struct window *w, size_t n)
{
    struct item *item = &w->item[n];
    const int state = state_of(item);
    const char *const subject =
        e->port->mode == MTN_VALUES ? e->port->subject : mtn_packed(&w->packer, item->subject);
    /* before an acknowledgement can come, which a lock of the library is between */
    set_state(item, SENT);
    natsStatus s =
        e->streams ? publish_to_stream(e, w, n)
                   : natsConnection_Publish(e->port->conn->nc, subject,
                                            mtn_packed(&w->packer, item->at), (int)item->size);
    if (s == NATS_OK) return s;
    set_state(item, s == NATS_MAX_PAYLOAD ? REJECTED : state);
    if (s != NATS_MAX_PAYLOAD) return s;
    reject(e, too_large, item);
    return NATS_OK;
}

/* ---- filling a window ---- */

/* Packs and publishes what the reader of the next item has; what can't be packed is rejected.
 */
static void add(struct export *e)
{
    struct window *w = e->now;
    struct item *item = &w->item[w->count];
    const char *why = e->port->mode == MTN_TOKEN ? pack_reply(e, item) : pack(e, item);
    if (why) {
        reject(e, why, item);
        return;
    }
    item->at = w->packer.at;
    item->size = w->packer.size;
    set_state(item, TAKEN);
    if (e->publishes) e->publishes = publish(e, w, w->count) == NATS_OK;
    ++w->count;
}

/* Readers are made when they are needed for the first time. */
static sender_reader *next_reader(struct export *e)
{
    struct item *item = &e->now->item[e->now->count];
    if (!item->reader) {
        item->reader = e->port->sending->newReader(64, 2);
        if (item->reader) e->port->sending->leaseReader(item->reader);
    }
    return item->reader;
}

/* What the readers behind the windows have is done. */
static void let_go(struct export *e)
{
    for (struct window *w = e->window; w < e->window + 2; ++w) {
        for (; w->held > w->count; --w->held)
            e->port->sending->clearReader(w->item[w->held - 1].reader);
    }
}

/* Not by another connection than what is under way: that may have to come first. */
static bool may_publish(struct export *e)
{
    const unsigned long reconnects = mtn_conn_reconnects(e->port->conn);
    if (e->before->count == 0) e->reconnects = reconnects;
    return reconnects == e->reconnects && mtn_conn_is_up(e->port->conn);
}

/* The code of the first receive that gave nothing, or 0: the window is full. */
static int fill(struct export *e)
{
    const struct mtn_port *port = e->port;
    struct window *w = e->now;
    double timeout = e->before->count > 0 ? 0 : 0.1;
    mtn_packer_clear(&w->packer);
    for (bool is_first = true; w->count < WINDOW && w->packer.bytes.size < WINDOW_BYTES;
         is_first = false) {
        sender_reader *reader = next_reader(e);
        if (!reader) return w->count > 0 ? 0 : 5;
        int code =
            port->sending->nextMessageFromSender(port->from, reader, 0, timeout, NULL, NULL);
        if (code != 0 && code != 999) {
            let_go(e);
            return code;
        }
        if (is_first) e->publishes = may_publish(e);
        timeout = 0;
        add(e);
    }
    return 0;
}

/* ---- the windows ---- */

/* What has been sent is there, or nobody knows. */
static void settle(struct window *w, bool arrived)
{
    for (size_t n = 0; n < w->count; ++n) {
        if (state_of(&w->item[n]) == SENT) set_state(&w->item[n], arrived ? DONE : LOST);
    }
}

/* The server has all of them, so their buffer is done with them; else false. */
static bool finish(struct export *e, struct window *w)
{
    size_t sent = 0;
    for (size_t n = 0; n < w->count; ++n) {
        const int state = state_of(&w->item[n]);
        if (state != DONE && state != REJECTED) return false;
        if (state == DONE) ++sent;
    }
    if (w->held < w->count) w->held = w->count;
    mtn_count(&e->port->counts.messages, sent);
    pthread_mutex_lock(&awaiting);
    e->first += w->count;
    pthread_mutex_unlock(&awaiting);
    w->count = 0;
    return true;
}

/* All of a window that has not been published, or may not have arrived. */
static natsStatus publish_all(struct export *e, struct window *w)
{
    natsStatus s = NATS_OK;
    for (size_t n = 0; n < w->count && s == NATS_OK; ++n) {
        const int state = state_of(&w->item[n]);
        if (state != TAKEN && state != LOST) continue;
        s = publish(e, w, n);
        if (state == LOST && s == NATS_OK) mtn_count(&e->port->counts.again, 1);
    }
    return s;
}

/* By one connection: what went out by another is lost if it had not arrived by then. */
static natsStatus publish_both(struct export *e)
{
    const unsigned long reconnects = mtn_conn_reconnects(e->port->conn);
    if (!mtn_conn_is_up(e->port->conn)) return NATS_CONNECTION_DISCONNECTED;
    if (reconnects != e->reconnects) {
        settle(e->before, false);
        settle(e->now, false);
    }
    e->reconnects = reconnects;
    natsStatus s = publish_all(e, e->before);
    return s == NATS_OK ? publish_all(e, e->now) : s;
}

/* What was published has arrived if a question to the server is answered after it. */
static natsStatus confirm(struct export *e)
{
    natsStatus s = NATS_OK;
    if (e->streams) wait_for_acks(e);
    else s = natsConnection_FlushTimeout(e->port->conn->nc, ACK_MS);
    end_publishing(e);
    const bool arrived = s == NATS_OK && !e->streams && is_same_connection(e);
    settle(e->before, arrived);
    settle(e->now, arrived);
    return s;
}

/* Until the server has both windows, or the port is asked to stop. */
static void send_both(struct export *e)
{
    while (e->before->count + e->now->count > 0 && !mtn_port_stops(e->port)) {
        natsStatus s = publish_both(e);
        if (s != NATS_CONNECTION_DISCONNECTED) {
            const natsStatus t = confirm(e);
            if (s == NATS_OK) s = t;
        }
        if (finish(e, e->before) && finish(e, e->now)) return;
        if (s != NATS_OK && s != NATS_CONNECTION_DISCONNECTED)
            mtn_conn_blame(e->port->conn, "export", s);
        mtn_port_pause(e->port, 0.05);
    }
}

/* Waits for the answer. False: the server may not have the older window. */
static bool is_answered(struct export *e)
{
    if (!e->asked) return true;
    e->asked = false;
    const bool arrived = mtn_flush_end(&e->flush) == NATS_OK && is_same_connection(e);
    settle(e->before, arrived);
    if (!arrived) settle(e->now, false);
    return finish(e, e->before);
}

/* The window is filled. If there is more it becomes the older one, and the server is asked. */
static void turn(struct export *e, bool more)
{
    struct window *const w = e->now;
    if (is_answered(e) && more && e->publishes && !e->streams && e->before->count == 0)
        e->asked = mtn_flush_begin(&e->flush);
    if (!e->asked) {
        send_both(e);
        return;
    }
    e->now = e->before;
    e->before = w;
}

/* Those that have arrived are done; the others go back, each to its old place. */
static void give_back(struct export *e, struct window *w)
{
    for (size_t n = 0; n < w->count; ++n) {
        const int state = state_of(&w->item[n]);
        if (state == DONE) mtn_count(&e->port->counts.messages, 1);
        if (state == DONE || state == REJECTED)
            e->port->sending->clearReader(w->item[n].reader);
        else e->port->sending->putBackReader(w->item[n].reader);
    }
    w->count = 0;
}

/* ---- life ---- */

static void window_fini(struct export *e, struct window *w)
{
    for (size_t n = 0; n < WINDOW; ++n) {
        if (w->item[n].reader) e->port->sending->freeReader(w->item[n].reader);
    }
    mtn_packer_fini(&w->packer);
}

static void export_free(struct export *e)
{
    end_awaiting(e);
    mtn_flush_fini(&e->flush);
    pthread_cond_destroy(&e->acked);
    window_fini(e, e->before);
    window_fini(e, e->now);
    if (e->writer) e->port->receiving->freeWriter(e->writer);
    free(e);
}

static void *run(void *data)
{
    struct export *e = data;
    struct mtn_port *port = e->port;
    while (!mtn_port_stops(port)) {
        int code = fill(e);
        turn(e, code == 0);
        if (code == 1 && e->before->count + e->now->count == 0) {
            atomic_store(&port->state, MTN_BUFFER_CLOSED);
            break;
        }
        if (code == 2 || code == 5) mtn_port_pause(port, 0.1);
    }
    (void)is_answered(e);
    end_publishing(e);
    let_go(e);
    give_back(e, e->before);
    give_back(e, e->now);
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
    struct mtn_conn *conn = e->port->conn;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    if (!e->streams) return NATS_OK;
    natsStatus s = mtn_conn_streams(conn, on_ack);
    if (s == NATS_OK) s = js_GetStreamInfo(&info, conn->js, e->port->stream, NULL, &code);
    jsStreamInfo_Destroy(info);
    begin_awaiting(e);
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

static void init_acked(struct export *e)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&e->acked, &attributes);
    pthread_condattr_destroy(&attributes);
}

const char *mtn_export_start(struct mtn_port *port, char text[MTN_TEXT])
{
    struct export *e = calloc(1, sizeof *e);
    if (!e) return "out of memory";
    e->port = port;
    e->now = &e->window[0];
    e->before = &e->window[1];
    mtn_packer_init(&e->now->packer, port->most_bytes);
    mtn_packer_init(&e->before->packer, port->most_bytes);
    mtn_flush_init(&e->flush, port->conn->nc, ACK_MS);
    e->streams = port->stream != NULL;
    choose_id(e);
    init_acked(e);
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
