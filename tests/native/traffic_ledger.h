/*
 * Owns the ledger of the stress test: which messages of which stream were sent and received,
 * what their text must be, and the gate at which all threads of a round start. It sends and
 * receives nothing, and it is the same for all Lua states and native threads of the process.
 *
 * A message is: integer stream, integer number from 1 on, integer size, string of that size
 * that follows from these three, and number / 2.
 */
#ifndef TESTS_NATIVE_TRAFFIC_LEDGER_H
#define TESTS_NATIVE_TRAFFIC_LEDGER_H

#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { POOL = 1 << 20, LARGEST = 300 * 1024, SENT = 1, RECEIVED = 2, FAILED = 4 };

static struct {
    atomic_uchar *marks; /* of stream 1 number 1, 2, ..., then of stream 2, ... */
    size_t streams;      /* constant while a round runs, as numbers */
    size_t numbers;
    atomic_size_t sent, received, back, bytes;
    atomic_int stopped;
} ledger;

/* ---- texts ---- */

static char pool[POOL + LARGEST]; /* filled before the first round */

static void pool_fill(void)
{
    unsigned random = 1;
    for (size_t i = 0; i < sizeof pool; i++) {
        random = random * 1664525u + 1013904223u;
        pool[i] = (char)(random >> 24 | 1);
    }
}

/* The text of a message: so many bytes from here on. */
static const char *ledger_text(size_t stream, size_t number)
{
    return pool + (stream * 7919 + number * 104729) % POOL;
}

/* ---- marks ---- */

static int ledger_begin(size_t streams, size_t numbers)
{
    if (pool[0] == 0) pool_fill();
    free(ledger.marks);
    ledger.marks = calloc(streams * numbers, sizeof *ledger.marks);
    ledger.streams = streams;
    ledger.numbers = numbers;
    ledger.sent = ledger.received = ledger.back = ledger.bytes = 0;
    ledger.stopped = 0;
    return ledger.marks != NULL;
}

static atomic_uchar *ledger_mark(size_t stream, size_t number)
{
    if (stream - 1 >= ledger.streams || number - 1 >= ledger.numbers) return NULL;
    return &ledger.marks[(stream - 1) * ledger.numbers + number - 1];
}

/* failed: it was added, but the buffer's notifier has failed */
static void ledger_sent(size_t stream, size_t number, int failed)
{
    atomic_fetch_or(ledger_mark(stream, number),
                    (unsigned char)(failed ? SENT | FAILED : SENT));
    atomic_fetch_add(&ledger.sent, 1);
}

/* Notes a message as received; returns what is wrong with it, or NULL. */
static const char *ledger_received(size_t stream, size_t number, size_t size, const char *text,
                                   size_t len, double half)
{
    atomic_uchar *mark = ledger_mark(stream, number);
    if (!mark) return "a message that nobody sends was received";
    if (len != size || size > LARGEST || half != (double)number / 2 ||
        memcmp(text, ledger_text(stream, number), len) != 0) {
        return "a message is damaged";
    }
    if (atomic_fetch_or(mark, RECEIVED) & RECEIVED) return "a message was received twice";
    atomic_fetch_add(&ledger.received, 1);
    atomic_fetch_add(&ledger.bytes, len);
    return NULL;
}

struct ledger_sums {
    size_t sent, received, missing, phantom, failed;
};

static struct ledger_sums ledger_sum(size_t stream)
{
    struct ledger_sums sums = {0, 0, 0, 0, 0};
    for (size_t number = 1; number <= ledger.numbers; number++) {
        unsigned mark = atomic_load(ledger_mark(stream, number));
        sums.sent += (mark & SENT) != 0;
        sums.received += (mark & RECEIVED) != 0;
        sums.missing += (mark & (SENT | RECEIVED)) == SENT;
        sums.phantom += (mark & (SENT | RECEIVED)) == RECEIVED;
        sums.failed += (mark & FAILED) != 0;
    }
    return sums;
}

/* ---- the gate ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int arrived, open; /* guarded by mutex */
} start = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void start_arrive(void)
{
    pthread_mutex_lock(&start.mutex);
    start.arrived++;
    pthread_cond_broadcast(&start.changed);
    while (!start.open) pthread_cond_wait(&start.changed, &start.mutex);
    pthread_mutex_unlock(&start.mutex);
}

/* Opens as soon as so many have arrived; whether they have come in time. */
static int start_open(int expected, double seconds)
{
    struct timespec until = support_deadline(seconds);
    int rc = 0;
    pthread_mutex_lock(&start.mutex);
    while (start.arrived < expected && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&start.changed, &start.mutex, &until);
    start.open = 1;
    pthread_cond_broadcast(&start.changed);
    int complete = start.arrived >= expected;
    pthread_mutex_unlock(&start.mutex);
    return complete;
}

static void start_close(void)
{
    pthread_mutex_lock(&start.mutex);
    start.open = start.arrived = 0;
    pthread_mutex_unlock(&start.mutex);
}

#endif
