/* Whether the server has all that was published, asked for in a thread of its own: who
 * publishes goes on meanwhile. */
#ifndef MTN_FLUSH_H
#define MTN_FLUSH_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>

struct mtn_flush {
    natsConnection *nc; /* constant, as the milliseconds that an answer may take */
    int64_t timeout;
    bool started; /* the thread, when it is needed for the first time */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool asked, ends; /* guarded by the mutex, as what follows */
    natsStatus answer;
};

void mtn_flush_init(struct mtn_flush *flush, natsConnection *nc, int64_t timeout);

/* Waits for an answer that is under way. */
void mtn_flush_fini(struct mtn_flush *flush);

/* Asks for what has been published so far. One question at a time: end must follow. False:
 * nothing has been asked, since there is no thread. */
bool mtn_flush_begin(struct mtn_flush *flush);

/* Waits for the answer: OK, and the server has it; unless the connection was lost since, and
 * came back. */
natsStatus mtn_flush_end(struct mtn_flush *flush);

#endif
