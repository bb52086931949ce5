/* A thread that sleeps, asks the server, and tells what it has heard. */
#include "flush.h"

void mtn_flush_init(struct mtn_flush *flush, natsConnection *nc, int64_t timeout)
{
    *flush = (struct mtn_flush){.nc = nc, .timeout = timeout};
    pthread_mutex_init(&flush->mutex, NULL);
    pthread_cond_init(&flush->changed, NULL);
}

static void set(struct mtn_flush *flush, bool *what)
{
    pthread_mutex_lock(&flush->mutex);
    *what = true;
    pthread_cond_broadcast(&flush->changed);
    pthread_mutex_unlock(&flush->mutex);
}

void mtn_flush_fini(struct mtn_flush *flush)
{
    if (flush->started) {
        set(flush, &flush->ends);
        pthread_join(flush->thread, NULL);
    }
    pthread_cond_destroy(&flush->changed);
    pthread_mutex_destroy(&flush->mutex);
}

static void *run(void *data)
{
    struct mtn_flush *flush = data;
    pthread_mutex_lock(&flush->mutex);
    while (!flush->ends) {
        if (!flush->asked) {
            pthread_cond_wait(&flush->changed, &flush->mutex);
            continue;
        }
        pthread_mutex_unlock(&flush->mutex);
        const natsStatus answer = natsConnection_FlushTimeout(flush->nc, flush->timeout);
        pthread_mutex_lock(&flush->mutex);
        flush->answer = answer;
        flush->asked = false;
        pthread_cond_broadcast(&flush->changed);
    }
    pthread_mutex_unlock(&flush->mutex);
    nats_ReleaseThreadMemory();
    return NULL;
}

bool mtn_flush_begin(struct mtn_flush *flush)
{
    if (!flush->started) flush->started = pthread_create(&flush->thread, NULL, run, flush) == 0;
    if (flush->started) set(flush, &flush->asked);
    return flush->started;
}

natsStatus mtn_flush_end(struct mtn_flush *flush)
{
    pthread_mutex_lock(&flush->mutex);
    while (flush->asked) pthread_cond_wait(&flush->changed, &flush->mutex);
    const natsStatus answer = flush->answer;
    pthread_mutex_unlock(&flush->mutex);
    return answer;
}
