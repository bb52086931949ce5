/* A connection to NATS: what the client library tells of it, and what its exports and imports
 * share, which are in files of their own.
 *
 * The library's thread that reads looks up the subscription of a message and uses it without a
 * reference (natsConn_processMsg, libnats 3.4). So no subscription is destroyed, nor a context
 * that has one, before that thread is past all that may be meant for it: the server has
 * answered after it has been unsubscribed, or the connection has been closed. */
#ifndef MTN_CONN_H
#define MTN_CONN_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { MTN_TEXT = 256 };

/* What the program asks for; NULL or 0: not given. */
struct mtn_options {
    const char *url, *name, *user, *password, *token, *creds;
    const char *ca, *cert, *key, *hostname;
    bool tls, insecure;
    double timeout;        /* seconds to connect in */
    int reconnects;        /* attempts for each server; negative: for ever */
    double reconnect_wait; /* seconds */
};

struct mtn_conn {
    natsConnection *nc; /* constant until the last reference is gone */
    atomic_int references;
    atomic_bool closed; /* for good */
    pthread_mutex_t mutex;
    char error[MTN_TEXT];    /* guarded by the mutex, as what follows: the latest one, or "" */
    natsSubscription **left; /* to be destroyed with the connection */
    size_t left_count;
    pthread_mutex_t publishing; /* guards what follows */
    jsCtx *js;                  /* of all exports to streams; made by the first one */
    int publishers;             /* exports that have messages on their way by it */
};

/* A connection with one reference; or NULL, and the text. Waits for the server. */
struct mtn_conn *mtn_conn_new(const struct mtn_options *options, char error[MTN_TEXT]);

void mtn_conn_retain(struct mtn_conn *conn);
void mtn_conn_release(struct mtn_conn *conn);

/* Ends it for everybody; its references stay good. */
void mtn_conn_close(struct mtn_conn *conn);

bool mtn_conn_is_up(struct mtn_conn *conn);

/* How often it was lost and came back. What was sent since has arrived by one connection if
 * this is the same after the server has answered. */
unsigned long mtn_conn_reconnects(struct mtn_conn *conn);

/* Destroys a subscription that has been unsubscribed; NULL: nothing. Waits for the server, some
 * seconds at most: without an answer it is kept until the connection has ended. */
void mtn_conn_destroy(struct mtn_conn *conn, natsSubscription *sub);

/* The context of its exports to streams, which lives as long as the last reference. on_ack is
 * told of the acknowledgements of all of them. */
natsStatus mtn_conn_streams(struct mtn_conn *conn, jsPubAckHandler on_ack);

/* An export is going to publish by it; and waits for no acknowledgement any more. When none of
 * them does the library forgets what it still waits for, which was on its way when the
 * connection was lost, or was given up: a window of an export each time, at most. While one or
 * the other always waits, that stays in the library's table. */
void mtn_conn_begin_publishing(struct mtn_conn *conn);
void mtn_conn_end_publishing(struct mtn_conn *conn);

/* Notes what went wrong, for info(). Any thread. */
void mtn_conn_blame(struct mtn_conn *conn, const char *what, natsStatus status);

/* The text of a failure, with what the library knows of the latest one in this thread. */
void mtn_text_of(natsStatus status, char text[MTN_TEXT]);

#endif
