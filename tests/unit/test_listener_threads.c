/* Tests of a listener under many threads: nothing is lost or delivered twice, nobody sleeps
 * while there is something to take, and buffers may go at any time. They own what the threads
 * share. */
#include "core.h"

enum { PRODUCERS = 3, CONSUMERS = 4, MEMBERS = 3, EACH = 3000, TOTAL = PRODUCERS * EACH };

struct arena {
    struct mtm_listener *listener;
    struct mtm_buffer *b[MEMBERS];
    mtm_a32 producers, consumers; /* started so far */
    mtm_a32 added, taken;
    mtm_a32 ended; /* producers */
    mtm_a32 wrong; /* what should not have happened */
    mtm_a32 seen[TOTAL];
};

static struct arena *new_arena(void)
{
    struct arena *arena = calloc(1, sizeof *arena);
    assert_non_null(arena);
    arena->listener = core_listener();
    for (int i = 0; i < MEMBERS; ++i) arena->b[i] = core_buffer(arena->listener);
    return arena;
}

static void free_arena(struct arena *arena)
{
    for (int i = 0; i < MEMBERS; ++i) core_drop_buffer(arena->b[i]);
    core_drop_listener(arena->listener);
    free(arena);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* ---- streams ---- */

static void *produce(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t self = mtm_add_seq(&arena->producers, 1), seed = self;
    for (uint32_t i = 0; i < EACH; ++i) {
        struct mtm_buffer *buffer = arena->b[next_random(&seed) % MEMBERS];
        uint32_t number = self * EACH + i + 1;
        bool nonblock = next_random(&seed) % 4 == 0;
        enum mtm_status status;
        while ((status = core_add_as(buffer, number, nonblock)) == MTM_BUSY) mtm_plat_yield();
        if (status != MTM_OK) mtm_add_seq(&arena->wrong, 1);
        if (next_random(&seed) % 64 == 0) unit_linger(UNIT_MS / 20); /* lets them fall asleep */
    }
    return NULL;
}

/* Now and then the message goes back, and is not counted. */
static void receive(struct arena *arena, struct mtm_delivery *in, uint32_t *seed, bool nonblock)
{
    uint32_t number = core_number(in->slot.block);
    if (next_random(seed) % 8 == 0) {
        mtm_delivery_put_back(in);
        return;
    }
    mtm_delivery_done(in, nonblock);
    if (number == 0 || number > TOTAL || mtm_add_seq(&arena->seen[number - 1], 1) != 0) {
        mtm_add_seq(&arena->wrong, 1);
    }
    if (mtm_add_seq(&arena->taken, 1) + 1 == TOTAL) mtm_listener_close(arena->listener);
}

/* The first waits for ever; the others for a short time, not at all, and at a buffer. */
static void *consume(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t self = mtm_add_seq(&arena->consumers, 1), seed = 100 + self;
    struct mtm_object *object = &arena->listener->object;
    if (self == 3) object = &arena->b[0]->object;
    enum mtm_status status = MTM_OK;
    while (status != MTM_CLOSED) {
        struct mtm_wait wait = {.nonblock = self == 2};
        struct mtm_delivery in;
        if (self == 0) wait.timeout = MTM_FOREVER;
        if (self == 1 || self == 3) wait.timeout = next_random(&seed) % (UNIT_MS / 10);
        if (!core_incoming(&in)) break;
        status = mtm_receive(object, &wait, &in);
        if (status == MTM_OK) receive(arena, &in, &seed, wait.nonblock);
        else in.slot.block = NULL;
        core_incoming_free(&in);
        if (status == MTM_EMPTY || status == MTM_BUSY) mtm_plat_yield();
        else if (status != MTM_OK && status != MTM_CLOSED) mtm_add_seq(&arena->wrong, 1);
    }
    return NULL;
}

static void every_message_arrives_once(void **state)
{
    (void)state;
    struct arena *arena = new_arena();
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    unit_start(consumers, CONSUMERS, consume, arena);
    unit_start(producers, PRODUCERS, produce, arena);
    unit_join(producers, PRODUCERS);
    unit_join(consumers, CONSUMERS); /* the last message closes the listener */
    assert_int_equal(arena->wrong, 0);
    assert_int_equal(arena->taken, TOTAL);
    free_arena(arena);
}

/* All of them sleep for ever unless each message, or the close, wakes somebody. */
static void *consume_for_ever(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t number;
    enum mtm_status status;
    while ((status = core_next(&arena->listener->object, MTM_FOREVER, &number)) == MTM_OK) {
        if (mtm_add_seq(&arena->taken, 1) + 1 == TOTAL) mtm_listener_close(arena->listener);
    }
    if (status != MTM_CLOSED) mtm_add_seq(&arena->wrong, 1);
    return NULL;
}

static void nobody_sleeps_while_messages_are_there(void **state)
{
    (void)state;
    struct arena *arena = new_arena();
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    unit_start(consumers, CONSUMERS, consume_for_ever, arena);
    unit_start(producers, PRODUCERS, produce, arena);
    unit_join(producers, PRODUCERS);
    unit_join(consumers, CONSUMERS);
    assert_int_equal(arena->wrong, 0);
    free_arena(arena);
}

/* ---- two at a time ---- */

enum { PAIRS = 30000 };

/* The second of each pair comes at about the moment at which the buffer leaves the ready queue
 * for want of messages. */
static void *add_pairs(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = 3;
    for (uint32_t i = 0; i < PAIRS; ++i) {
        core_add(arena->b[0], 1);
        for (uint32_t n = next_random(&seed) % 64; n > 0; --n) mtm_plat_relax();
        core_add(arena->b[0], 2);
        for (uint32_t n = 0; mtm_load_acq(&arena->taken) != 2 * i + 2; ++n) {
            if (n > 100) mtm_plat_yield();
        }
    }
    mtm_listener_close(arena->listener);
    return NULL;
}

/* The first of a pair is taken by the listener, too, or directly: that leaves a stale entry. */
static void take_pairs(bool directly)
{
    struct arena *arena = new_arena();
    struct mtm_delivery in;
    struct mtm_wait wait = {.timeout = 0};
    enum mtm_status status = MTM_OK;
    pthread_t thread;
    assert_true(core_incoming(&in));
    unit_start(&thread, 1, add_pairs, arena);
    for (uint32_t idle = 0; status != MTM_CLOSED; ++idle) {
        struct mtm_object *object = &arena->listener->object;
        if (directly && arena->taken % 2 == 0) object = &arena->b[0]->object;
        status = mtm_receive(object, &wait, &in);
        if (status != MTM_OK && idle < 100) continue;
        if (status != MTM_OK) mtm_plat_yield();
        idle = 0;
        if (status != MTM_OK) continue;
        mtm_delivery_done(&in, false);
        mtm_add_seq(&arena->taken, 1);
    }
    unit_join(&thread, 1);
    assert_int_equal(arena->taken, 2 * PAIRS);
    mtm_block_free(in.slot.carrier);
    free_arena(arena);
}

static void no_entry_is_lost(void **state)
{
    (void)state;
    take_pairs(false);
    take_pairs(true);
}

/* ---- buffers come and go ---- */

enum { ROUNDS = 1200 };

static void *come_and_go(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = 7 + mtm_add_seq(&arena->producers, 1);
    for (uint32_t i = 0; i < ROUNDS; ++i) {
        const struct mtm_buffer_options options = {
            .size = MTM_DEFAULT_SIZE, .grow = MTM_DEFAULT_GROW, .listener = arena->listener};
        struct mtm_buffer *buffer;
        if (mtm_buffer_new(&options, &buffer) != MTM_OK) {
            mtm_add_seq(&arena->wrong, 1);
            continue;
        }
        for (uint32_t n = next_random(&seed) % 4; n > 0; --n) {
            if (core_add(buffer, n) == MTM_OK) mtm_add_seq(&arena->added, 1);
        }
        core_drop_buffer(buffer);
    }
    mtm_add_seq(&arena->ended, 1);
    return NULL;
}

static void *drain(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t self = mtm_add_seq(&arena->consumers, 1), seed = 50 + self;
    for (;;) {
        bool over = mtm_load_seq(&arena->ended) == PRODUCERS;
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        struct mtm_delivery in;
        if (self % 2) wait = (struct mtm_wait){.nonblock = true};
        if (!core_incoming(&in)) break;
        enum mtm_status status = mtm_receive(&arena->listener->object, &wait, &in);
        if (status == MTM_OK && next_random(&seed) % 4 == 0) {
            mtm_delivery_put_back(&in);
        } else if (status == MTM_OK) {
            mtm_add_seq(&arena->taken, 1);
            mtm_delivery_done(&in, wait.nonblock);
        } else {
            in.slot.block = NULL;
        }
        core_incoming_free(&in);
        if (status == MTM_NO_BUFFERS && over) break;
        if (status != MTM_OK) mtm_plat_yield();
    }
    return NULL;
}

/* Those who wait for ever end as soon as no buffer is left. */
static void buffers_come_and_go(void **state)
{
    (void)state;
    struct arena *arena = new_arena();
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < MEMBERS; ++i) core_drop_buffer(arena->b[i]);
    const uint32_t before = core_blocks;
    unit_start(producers, PRODUCERS, come_and_go, arena);
    unit_start(consumers, CONSUMERS, drain, arena);
    unit_join(producers, PRODUCERS);
    unit_join(consumers, CONSUMERS);
    assert_int_equal(arena->wrong, 0);
    assert_int_equal(arena->taken, arena->added);
    assert_next(arena->listener, MTM_NO_BUFFERS);
    assert_in_range(core_blocks, 0, before);
    core_drop_listener(arena->listener);
    free(arena);
}

/* ---- everything at once ---- */

static void *interfere(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = 99;
    for (int i = 0; i < 2500; ++i) {
        struct mtm_buffer *buffer = arena->b[next_random(&seed) % MEMBERS];
        switch (next_random(&seed) % 6) {
            case 0: mtm_listener_abort(arena->listener, true); break;
            case 1: mtm_buffer_abort(buffer, true); break;
            case 2: mtm_listener_clear(arena->listener, i % 2); break;
            case 3: mtm_buffer_abort(buffer, false); break;
            default: mtm_listener_abort(arena->listener, false);
        }
        if (i % 16 == 0) mtm_plat_yield();
    }
    mtm_listener_abort(arena->listener, false);
    mtm_add_seq(&arena->ended, 1);
    return NULL;
}

static void *add_to_any(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = mtm_add_seq(&arena->producers, 1);
    while (mtm_load_seq(&arena->ended) == 0) {
        struct mtm_buffer *buffer = arena->b[next_random(&seed) % MEMBERS];
        enum mtm_status status = core_add(buffer, 1);
        if (status != MTM_OK && status != MTM_ABORTED) mtm_add_seq(&arena->wrong, 1);
        if (next_random(&seed) % 32 == 0) mtm_plat_yield();
    }
    return NULL;
}

static void *take_from_any(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = mtm_add_seq(&arena->consumers, 1);
    enum mtm_status status = MTM_OK;
    while (status != MTM_CLOSED) {
        uint32_t number;
        struct mtm_object *object = &arena->listener->object;
        if (next_random(&seed) % 8 == 0)
            object = &arena->b[next_random(&seed) % MEMBERS]->object;
        int64_t timeout = next_random(&seed) % 3 ? next_random(&seed) % UNIT_MS : 0;
        status = core_next(object, timeout, &number);
    }
    return NULL;
}

/* Afterwards all that is left is delivered, and then the listener is at rest. */
static void it_survives_interference(void **state)
{
    (void)state;
    struct arena *arena = new_arena();
    pthread_t others[2], producers[PRODUCERS], consumers[CONSUMERS];
    unit_start(consumers, CONSUMERS, take_from_any, arena);
    unit_start(producers, 2, add_to_any, arena);
    unit_start(others, 1, interfere, arena);
    unit_join(others, 1);
    unit_join(producers, 2);
    unit_await(&arena->ended, 1);
    for (int i = 0; i < MEMBERS; ++i) {
        while (mtm_buffer_count(arena->b[i]) > 0) mtm_plat_yield(); /* they are still there */
    }
    mtm_listener_close(arena->listener);
    unit_join(consumers, CONSUMERS);
    assert_int_equal(arena->wrong, 0);
    free_arena(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("every message arrives once", every_message_arrives_once),
        CORE_TEST("nobody sleeps while messages are there",
                  nobody_sleeps_while_messages_are_there),
        CORE_TEST("no entry is lost when a buffer runs empty", no_entry_is_lost),
        CORE_TEST("buffers come and go", buffers_come_and_go),
        CORE_TEST("it survives interference", it_survives_interference),
    };
    return UNIT_RUN(tests);
}
