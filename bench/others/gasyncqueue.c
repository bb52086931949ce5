/* GLib's GAsyncQueue. It carries pointers, so each message is a piece of memory of its own. */
#include "other.h"

#include <glib.h>

static GAsyncQueue *there, *back;

static void push(GAsyncQueue *queue, uint64_t value)
{
    struct message *message = g_malloc(sizeof *message);
    message->words[0] = message->words[1] = value;
    g_async_queue_push(queue, message);
}

static void pop(GAsyncQueue *queue)
{
    g_free(g_async_queue_pop(queue));
}

static void push_and_pop(long n)
{
    for (long i = 0; i < n; ++i) {
        push(there, (uint64_t)i);
        pop(there);
    }
}

static void push_all(long n)
{
    for (long i = 0; i < n; ++i) push(there, (uint64_t)i);
}

static void *pop_all(void *n)
{
    for (long i = 0; i < *(long *)n; ++i) pop(there);
    return NULL;
}

static void send_and_wait(long n)
{
    for (long i = 0; i < n; ++i) {
        push(there, (uint64_t)i);
        pop(back);
    }
}

static void *answer(void *n)
{
    for (long i = 0; i < *(long *)n; ++i) {
        pop(there);
        push(back, (uint64_t)i);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long n = other_count(argc, argv);
    there = g_async_queue_new();
    back = g_async_queue_new();
    other_measure(ONE_THREAD, n, push_and_pop, NULL);
    other_measure(STREAM, n, push_all, pop_all);
    other_measure(ROUND_TRIP, n / 50 + 1, send_and_wait, answer);
    g_async_queue_unref(there);
    g_async_queue_unref(back);
    return 0;
}
