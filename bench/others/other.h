/* What the programs share that measure other ways of passing messages: a thread, a clock, and
 * the output. Each prints lines "workload nanoseconds name". */
#ifndef BENCH_OTHER_H
#define BENCH_OTHER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before the first system header */
#endif

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ONE_THREAD = 1, STREAM = 2, ROUND_TRIP = 3 };

/* The 16 bytes that travel. */
struct message {
    uint64_t words[2];
};

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const char *const other_names[] = {
    [ONE_THREAD] = "add and take in one thread",
    [STREAM] = "stream between two threads",
    [ROUND_TRIP] = "ping-pong, round trip",
};

/* Prints what n messages took: run(n) does the work, with the other thread if there is one. */
static inline void other_measure(int workload, long n, void (*run)(long n),
                                 void *(*other)(void *))
{
    pthread_t thread;
    int64_t begin = now_ns();
    if (other && pthread_create(&thread, NULL, other, &n) != 0) exit(EXIT_FAILURE);
    run(n);
    if (other) pthread_join(thread, NULL);
    printf("%d %.1f %s\n", workload, (double)(now_ns() - begin) / (double)n,
           other_names[workload]);
}

/* The number of messages: the program's argument, by default enough for a good fraction of a
 * second. */
static inline long other_count(int argc, char **argv)
{
    return argc > 1 ? atol(argv[1]) : 500000;
}

#endif
