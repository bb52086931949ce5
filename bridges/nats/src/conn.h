/* A connection to NATS: what the client library tells of it, and the counters of all that goes
 * through it. Exports and imports are in files of their own. */
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
    char error[MTN_TEXT]; /* guarded by the mutex: the latest one, or "" */
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

/* Notes what went wrong, for info(). Any thread. */
void mtn_conn_blame(struct mtn_conn *conn, const char *what, natsStatus status);

/* The text of a failure, with what the library knows of the latest one in this thread. */
void mtn_text_of(natsStatus status, char text[MTN_TEXT]);

#endif
