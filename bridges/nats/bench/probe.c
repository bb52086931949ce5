/* What NATS's client alone does, for the bench of the bridge: messages of one subject through a
 * server, and round trips over two subjects. usage: probe URL COUNT SIZE ROUNDS. It prints
 * messages per second, and microseconds per round trip. */
#include <nats/nats.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long taken;
static natsConnection *one, *two;

static void must(natsStatus s)
{
    if (s == NATS_OK) return;
    fprintf(stderr, "probe: %s\n", natsStatus_GetText(s));
    exit(1);
}

static void count(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)nc, (void)sub, (void)closure;
    atomic_fetch_add(&taken, 1);
    natsMsg_Destroy(msg);
}

static void echo(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)nc, (void)sub, (void)closure;
    must(natsConnection_Publish(two, "back", natsMsg_GetData(msg), natsMsg_GetDataLength(msg)));
    must(natsConnection_Flush(two));
    natsMsg_Destroy(msg);
}

static double stream(long messages, const char *data, int size)
{
    natsSubscription *sub = NULL;
    must(natsConnection_Subscribe(&sub, two, "probe", count, NULL));
    must(natsSubscription_SetPendingLimits(sub, -1, -1));
    must(natsConnection_Flush(two));
    const double begin = (double)nats_NowInNanoSeconds();
    for (long n = 0; n < messages; ++n) must(natsConnection_Publish(one, "probe", data, size));
    must(natsConnection_Flush(one));
    while (atomic_load(&taken) < messages) nats_Sleep(0);
    const double seconds = ((double)nats_NowInNanoSeconds() - begin) / 1e9;
    natsSubscription_Destroy(sub);
    return (double)messages / seconds;
}

static double round_trip(long rounds, const char *data, int size)
{
    natsSubscription *there = NULL, *back = NULL;
    must(natsConnection_Subscribe(&there, two, "there", echo, NULL));
    must(natsConnection_SubscribeSync(&back, one, "back"));
    must(natsConnection_Flush(one));
    must(natsConnection_Flush(two));
    const double begin = (double)nats_NowInNanoSeconds();
    for (long n = 0; n < rounds; ++n) {
        natsMsg *msg = NULL;
        must(natsConnection_Publish(one, "there", data, size));
        must(natsConnection_Flush(one));
        must(natsSubscription_NextMsg(&msg, back, 10000));
        natsMsg_Destroy(msg);
    }
    const double micro = ((double)nats_NowInNanoSeconds() - begin) / 1e3;
    natsSubscription_Destroy(there);
    natsSubscription_Destroy(back);
    return micro / (double)rounds;
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    const int size = atoi(argv[3]);
    char *data = malloc((size_t)size + 1);
    memset(data, 'x', (size_t)size + 1);
    must(natsConnection_ConnectTo(&one, argv[1]));
    must(natsConnection_ConnectTo(&two, argv[1]));
    printf("%.0f\n", stream(atol(argv[2]), data, size));
    printf("%.1f\n", round_trip(atol(argv[4]), data, size));
    natsConnection_Destroy(one);
    natsConnection_Destroy(two);
    free(data);
    nats_Close();
    return 0;
}
