/* Connections by the client library, which reconnects by itself. It owns the library's object
 * and gives it back with the last reference. */
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IO_BYTES = 64 * 1024 }; /* that are read and written at a time: a window of an export */
enum { ANSWER_MS = 5000 };

void mtn_text_of(natsStatus status, char text[MTN_TEXT])
{
    natsStatus latest = NATS_OK;
    const char *details = nats_GetLastError(&latest);
    if (details && *details && latest == status)
        (void)snprintf(text, MTN_TEXT, "%s: %s", natsStatus_GetText(status), details);
    else (void)snprintf(text, MTN_TEXT, "%s", natsStatus_GetText(status));
}

void mtn_conn_blame(struct mtn_conn *conn, const char *what, natsStatus status)
{
    char text[MTN_TEXT];
    mtn_text_of(status, text);
    pthread_mutex_lock(&conn->mutex);
    (void)snprintf(conn->error, MTN_TEXT, "%.60s: %.190s", what, text);
    pthread_mutex_unlock(&conn->mutex);
}

/* ---- what the library tells ---- */

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status,
                     void *closure)
{
    (void)nc, (void)sub;
    mtn_conn_blame(closure, "connection", status);
}

static void on_closed(natsConnection *nc, void *closure)
{
    struct mtn_conn *conn = closure;
    const char *text = NULL;
    if (natsConnection_GetLastError(nc, &text) != NATS_OK && text && *text) {
        pthread_mutex_lock(&conn->mutex);
        (void)snprintf(conn->error, MTN_TEXT, "%s", text);
        pthread_mutex_unlock(&conn->mutex);
    }
    atomic_store(&conn->closed, true);
    mtn_conn_release(conn); /* the library's own reference */
}

/* ---- options ---- */

static natsStatus set_login(natsOptions *to, const struct mtn_options *o)
{
    natsStatus s = NATS_OK;
    if (o->user) s = natsOptions_SetUserInfo(to, o->user, o->password ? o->password : "");
    if (s == NATS_OK && o->token) s = natsOptions_SetToken(to, o->token);
    if (s == NATS_OK && o->creds)
        s = natsOptions_SetUserCredentialsFromFiles(to, o->creds, NULL);
    return s;
}

static natsStatus set_tls(natsOptions *to, const struct mtn_options *o)
{
    if (!o->tls) return NATS_OK;
    natsStatus s = natsOptions_SetSecure(to, true);
    if (s == NATS_OK && o->ca) s = natsOptions_LoadCATrustedCertificates(to, o->ca);
    if (s == NATS_OK && o->cert) s = natsOptions_LoadCertificatesChain(to, o->cert, o->key);
    if (s == NATS_OK && o->hostname) s = natsOptions_SetExpectedHostname(to, o->hostname);
    if (s == NATS_OK && o->insecure) s = natsOptions_SkipServerVerification(to, true);
    return s;
}

static natsStatus set_times(natsOptions *to, const struct mtn_options *o)
{
    natsStatus s = natsOptions_SetMaxReconnect(to, o->reconnects);
    if (s == NATS_OK && o->timeout > 0)
        s = natsOptions_SetTimeout(to, (int64_t)(o->timeout * 1000));
    if (s == NATS_OK && o->reconnect_wait > 0)
        s = natsOptions_SetReconnectWait(to, (int64_t)(o->reconnect_wait * 1000));
    return s;
}

static natsStatus set_handlers(natsOptions *to, struct mtn_conn *conn)
{
    natsStatus s = natsOptions_SetErrorHandler(to, on_error, conn);
    if (s == NATS_OK) s = natsOptions_SetClosedCB(to, on_closed, conn);
    return s;
}

static natsStatus set_all(natsOptions *to, const struct mtn_options *o, struct mtn_conn *conn)
{
    natsStatus s = natsOptions_SetURL(to, o->url ? o->url : NATS_DEFAULT_URL);
    if (s == NATS_OK && o->name) s = natsOptions_SetName(to, o->name);
    if (s == NATS_OK) s = set_login(to, o);
    if (s == NATS_OK) s = set_tls(to, o);
    if (s == NATS_OK) s = set_times(to, o);
    if (s == NATS_OK) s = set_handlers(to, conn);
    if (s == NATS_OK) s = natsOptions_SetIOBufSize(to, IO_BYTES);
    return s;
}

/* ---- life ---- */

static void conn_free(struct mtn_conn *conn)
{
    pthread_mutex_destroy(&conn->publishing);
    pthread_mutex_destroy(&conn->mutex);
    free(conn->left);
    free(conn);
}

struct mtn_conn *mtn_conn_new(const struct mtn_options *options, char error[MTN_TEXT])
{
    natsOptions *to = NULL;
    struct mtn_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        (void)snprintf(error, MTN_TEXT, "out of memory");
        return NULL;
    }
    atomic_init(&conn->references, 2); /* the caller's, and the library's until it is closed */
    pthread_mutex_init(&conn->mutex, NULL);
    pthread_mutex_init(&conn->publishing, NULL);
    natsStatus s = natsOptions_Create(&to);
    if (s == NATS_OK) s = set_all(to, options, conn);
    if (s == NATS_OK) s = natsConnection_Connect(&conn->nc, to);
    if (s != NATS_OK) mtn_text_of(s, error);
    natsOptions_Destroy(to);
    if (s == NATS_OK) return conn;
    conn_free(conn);
    return NULL;
}

void mtn_conn_retain(struct mtn_conn *conn)
{
    atomic_fetch_add(&conn->references, 1);
}

void mtn_conn_release(struct mtn_conn *conn)
{
    if (atomic_fetch_sub(&conn->references, 1) != 1) return;
    /* it is closed, as the library's reference is gone: the library waits for the thread that
     * reads before it tells so */
    while (conn->left_count > 0) natsSubscription_Destroy(conn->left[--conn->left_count]);
    jsCtx_Destroy(conn->js);
    natsConnection_Destroy(conn->nc);
    conn_free(conn);
}

void mtn_conn_close(struct mtn_conn *conn)
{
    natsConnection_Close(conn->nc);
}

bool mtn_conn_is_up(struct mtn_conn *conn)
{
    return natsConnection_Status(conn->nc) == NATS_CONN_STATUS_CONNECTED;
}

/* The library's own count: a callback may come later than what the new connection brings. */
unsigned long mtn_conn_reconnects(struct mtn_conn *conn)
{
    natsStatistics *all = NULL;
    uint64_t count = 0;
    if (natsStatistics_Create(&all) == NATS_OK &&
        natsConnection_GetStats(conn->nc, all) == NATS_OK)
        (void)natsStatistics_GetCounts(all, NULL, NULL, NULL, NULL, &count);
    natsStatistics_Destroy(all);
    return (unsigned long)count;
}

/* ---- what exports and imports share ---- */

/* Without memory it leaks, which is better than a crash. */
static void keep(struct mtn_conn *conn, natsSubscription *sub)
{
    pthread_mutex_lock(&conn->mutex);
    const size_t size = (conn->left_count + 1) * sizeof(natsSubscription *);
    natsSubscription **left = realloc(conn->left, size);
    if (left) {
        conn->left = left;
        left[conn->left_count++] = sub;
    }
    pthread_mutex_unlock(&conn->mutex);
}

void mtn_conn_destroy(struct mtn_conn *conn, natsSubscription *sub)
{
    if (!sub) return;
    if (mtn_conn_is_up(conn) && natsConnection_FlushTimeout(conn->nc, ANSWER_MS) == NATS_OK)
        natsSubscription_Destroy(sub);
    else keep(conn, sub);
}

natsStatus mtn_conn_streams(struct mtn_conn *conn, jsPubAckHandler on_ack)
{
    jsOptions options;
    natsStatus s = jsOptions_Init(&options);
    /* each export has a window on its way at most, and none waits for another */
    options.PublishAsync.MaxPending = INT64_MAX;
    options.PublishAsync.AckHandler = on_ack;
    pthread_mutex_lock(&conn->publishing);
    if (s == NATS_OK && !conn->js) s = natsConnection_JetStream(&conn->js, conn->nc, &options);
    pthread_mutex_unlock(&conn->publishing);
    return s;
}

void mtn_conn_begin_publishing(struct mtn_conn *conn)
{
    pthread_mutex_lock(&conn->publishing);
    ++conn->publishers;
    pthread_mutex_unlock(&conn->publishing);
}

void mtn_conn_end_publishing(struct mtn_conn *conn)
{
    natsMsgList pending = {0};
    pthread_mutex_lock(&conn->publishing);
    if (--conn->publishers == 0 && js_PublishAsyncGetPendingList(&pending, conn->js) == NATS_OK)
        natsMsgList_Destroy(&pending);
    pthread_mutex_unlock(&conn->publishing);
}
