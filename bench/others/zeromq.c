/* ZeroMQ, a pair of sockets inside the process. */
#include "other.h"

#include <zmq.h>

static void *context, *near_end, *far_end;

static void send_one(void *socket)
{
    struct message message = {{1, 2}};
    if (zmq_send(socket, &message, sizeof message, 0) < 0) exit(EXIT_FAILURE);
}

static void receive_one(void *socket)
{
    struct message message;
    if (zmq_recv(socket, &message, sizeof message, 0) < 0) exit(EXIT_FAILURE);
}

static void send_and_receive(long n)
{
    for (long i = 0; i < n; ++i) {
        send_one(near_end);
        receive_one(far_end);
    }
}

static void send_all(long n)
{
    for (long i = 0; i < n; ++i) send_one(near_end);
}

static void *receive_all(void *n)
{
    for (long i = 0; i < *(long *)n; ++i) receive_one(far_end);
    return NULL;
}

static void send_and_wait(long n)
{
    for (long i = 0; i < n; ++i) {
        send_one(near_end);
        receive_one(near_end);
    }
}

static void *answer(void *n)
{
    for (long i = 0; i < *(long *)n; ++i) {
        receive_one(far_end);
        send_one(far_end);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long n = other_count(argc, argv);
    context = zmq_ctx_new();
    near_end = zmq_socket(context, ZMQ_PAIR);
    far_end = zmq_socket(context, ZMQ_PAIR);
    if (zmq_bind(far_end, "inproc://bench") != 0 ||
        zmq_connect(near_end, "inproc://bench") != 0) {
        fprintf(stderr, "zeromq: cannot connect\n");
        return EXIT_FAILURE;
    }
    other_measure(ONE_THREAD, n, send_and_receive, NULL);
    other_measure(STREAM, n, send_all, receive_all);
    other_measure(ROUND_TRIP, n / 50 + 1, send_and_wait, answer);
    zmq_close(near_end);
    zmq_close(far_end);
    zmq_ctx_term(context);
    return 0;
}
