/* Tests of a receiver that begins to wait by polling, and takes a number by the fast path: it
 * misses no abort, and leaves nothing behind for others to sleep beside. They own the threads.
 */
#include "core.h"

#include <sched.h>

#include "core/fast_path.h"

enum { ROUNDS = 60 };

/* A buffer that has room for numbers straight ahead. */
static struct mtm_buffer *used_buffer(struct mtm_listener *listener)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_delivers(buffer, 1);
    return buffer;
}

/* Any thread. */
static bool add_number(struct mtm_buffer *buffer, unsigned char number)
{
    return mtm_fast_add_word(buffer, (struct mtm_word){.tag = MTM_TAG_BYTE, .bits = number});
}

/* As nextmsg without arguments does it when there is nothing at first. Who has been forgotten
 * waits for ever. */
struct poller {
    struct mtm_buffer *buffer;
    struct mtm_wait wait;
    pthread_t thread;
    enum mtm_status status;
    uint64_t number;
};

static uint64_t number_in(struct mtm_block *block)
{
    const unsigned char *bytes = mtm_block_data(block);
    return mtm_wire_word_size(bytes[0]) == block->size ? mtm_wire_get_word(bytes).bits : 0;
}

static void *poll_and_take(void *opaque)
{
    struct poller *poller = opaque;
    struct mtm_object *object = &poller->buffer->object;
    struct mtm_peeked peeked;
    struct mtm_delivery in;
    if (!core_incoming(&in)) return NULL;
    if (mtm_poll(object, &poller->wait) &&
        mtm_fast_peek(poller->buffer, &peeked, NULL) == MTM_FOUND_WORD) {
        mtm_pass_baton(object);
        poller->status = MTM_OK;
        poller->number = peeked.word.bits;
    } else {
        poller->status = mtm_receive(object, &poller->wait, &in);
        if (poller->status == MTM_OK) poller->number = number_in(in.slot.block);
        else in.slot.block = NULL;
    }
    core_incoming_free(&in);
    return NULL;
}

static struct poller poller_at(struct mtm_buffer *buffer)
{
    return (struct poller){
        .buffer = buffer, .wait = {.timeout = MTM_FOREVER}, .status = MTM_UNKNOWN};
}

static bool has_begun(struct mtm_buffer *buffer)
{
    return mtm_load_seq(&buffer->spin.busy) || mtm_waiters_any(&buffer->source.waiters);
}

/* Returns when it polls, or has done so. */
static void start(struct poller *poller, struct mtm_buffer *buffer)
{
    *poller = poller_at(buffer);
    unit_start(&poller->thread, 1, poll_and_take, poller);
    while (!has_begun(buffer)) mtm_plat_relax();
}

/* Returns when it waits in a way that only a wake-up ends. */
static void start_sleeper(struct poller *sleeper, struct mtm_buffer *buffer)
{
    start(sleeper, buffer);
    core_await_waiters(&buffer->source.waiters, 1);
    unit_linger(UNIT_MS / 2);
}

/* ---- abort ---- */

static void blink(struct mtm_listener *listener, struct mtm_buffer *buffer, int way)
{
    for (int flag = 1; flag >= 0; --flag) {
        if (way == 0) mtm_buffer_abort(buffer, flag);
        else if (way == 1) mtm_listener_abort(listener, flag);
        else mtm_abort_all(flag);
    }
}

/* The first polling at a buffer asks the system for its CPUs: here it is aborted then. */
static struct mtm_buffer *aborted_while_polled;

#if defined(__linux__)
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    memset(set, 0xFF, size);
    if (aborted_while_polled) blink(NULL, aborted_while_polled, 0);
    aborted_while_polled = NULL;
    return 0;
}
#endif

static void an_abort_during_the_polling_ends_the_wait(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = aborted_while_polled = used_buffer(NULL);
    struct poller poller = poller_at(buffer);
    poller.wait.timeout = 100 * UNIT_MS;
    poll_and_take(&poller);
    core_drop_buffer(buffer);
    if (aborted_while_polled) skip(); /* the platform asks in another way */
    assert_int_equal(poller.status, MTM_ABORTED);
}

static void so_does_one_from_another_thread(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    for (int round = 0; round < ROUNDS; ++round) {
        struct mtm_buffer *buffer = used_buffer(listener);
        struct poller poller;
        start(&poller, buffer);
        blink(listener, buffer, round % 3);
        unit_join(&poller.thread, 1);
        assert_int_equal(poller.status, MTM_ABORTED);
        core_drop_buffer(buffer);
    }
    core_drop_listener(listener);
}

/* Polling that was in vain, or was left out: the moment at which it began counts. */
static void an_abort_between_polling_and_sleeping_ends_the_wait(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = used_buffer(listener);
    for (int round = 0; round < 12; ++round) {
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        struct mtm_delivery in;
        assert_true(core_incoming(&in));
        assert_false(mtm_poll(&buffer->object, &wait));
        blink(listener, buffer, round % 3);
        assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_ABORTED);
        mtm_block_free(in.slot.carrier);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

static void an_abort_before_the_polling_does_not(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_wait wait = {.timeout = UNIT_MS};
    struct mtm_delivery in;
    assert_true(core_incoming(&in));
    blink(NULL, buffer, 0);
    mtm_poll(&buffer->object, &wait);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_EMPTY);
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

/* ---- the baton ---- */

static void assert_both(struct poller *one, struct poller *other)
{
    unit_join(&other->thread, 1);
    assert_int_equal(one->status, MTM_OK);
    assert_int_equal(other->status, MTM_OK);
    assert_int_equal(one->number + other->number, 1 + 2);
    assert_int_equal(one->number * other->number, 1 * 2);
}

/* Where the machine has kept us for long the sleeper is called all the same, and may have a
 * lock. */
static void add_among_others(struct mtm_buffer *buffer, unsigned char number)
{
    while (!add_number(buffer, number)) mtm_plat_yield();
}

/* The other one sleeps, and nobody wakes it but who polls: with the mark that it has set there
 * is no wake-up for what is added. */
static void who_polls_wakes_a_sleeper_for_the_rest(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; ++round) {
        struct mtm_buffer *buffer = used_buffer(NULL);
        struct poller sleeper, poller;
        start_sleeper(&sleeper, buffer);
        buffer->spin.skip = 0; /* the sleeper has polled in vain */
        poller = poller_at(buffer);
        unit_start(&poller.thread, 1, poll_and_take, &poller);
        while (mtm_waiters_coming(&buffer->source.waiters) == 0 &&
               mtm_waiters_count(&buffer->source.waiters) < 2) {
            mtm_plat_relax();
        }
        add_among_others(buffer, 1);
        add_among_others(buffer, 2);
        unit_join(&poller.thread, 1);
        assert_both(&poller, &sleeper);
        core_drop_buffer(buffer);
    }
}

/* The same in one thread, step by step, so that it is certain to happen. */
static void who_stood_in_wakes_a_sleeper_for_the_rest(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    for (int round = 0; round < 10; ++round) {
        struct poller sleeper, stand_in = poller_at(buffer);
        struct mtm_peeked peeked;
        bool counted = false;
        start_sleeper(&sleeper, buffer);
        assert_true(mtm_waiters_stand_in(&buffer->source.waiters, &counted) && counted);
        add_among_others(buffer, 1);
        add_among_others(buffer, 2);
        mtm_waiters_stand_down(&buffer->source.waiters);
        while (mtm_fast_peek(buffer, &peeked, NULL) != MTM_FOUND_WORD) mtm_plat_yield();
        mtm_pass_baton(&buffer->object);
        stand_in.number = peeked.word.bits, stand_in.status = MTM_OK;
        assert_both(&stand_in, &sleeper);
        buffer->spin.skip = buffer->spin.vain = 0;
    }
    core_drop_buffer(buffer);
}

/* ---- a message that is too large ---- */

static void add_large(struct mtm_buffer *buffer)
{
    unsigned char bytes[2 * CORE_ROOM] = {0};
    struct mtm_message message = core_message(bytes, sizeof bytes);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
}

/* It has polled, and cannot take what it found: then another one may. */
static void who_needs_a_larger_carrier_wakes_another(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_delivery in;
    struct poller sleeper;
    bool counted;
    assert_true(core_incoming(&in));
    assert_false(mtm_poll(&buffer->object, &wait));
    start_sleeper(&sleeper, buffer);
    const int64_t begin = mtm_plat_now();
    assert_true(mtm_waiters_stand_in(&buffer->source.waiters, &counted) && counted);
    add_large(buffer);
    add_among_others(buffer, 2);
    mtm_waiters_stand_down(&buffer->source.waiters);
    uint32_t before = mtm_load_seq(&buffer->source.waiters.seq);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_GROW);
    if (mtm_plat_now() - begin < 200 * 1000) /* else it may have been called before */
        assert_int_equal(mtm_load_seq(&buffer->source.waiters.seq), before + 1);
    unit_join(&sleeper.thread, 1);
    assert_int_equal(sleeper.status, MTM_GROW);
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

static void *add_when_somebody_sleeps(void *opaque)
{
    struct mtm_buffer *buffer = opaque;
    core_await_waiters(&buffer->source.waiters, 1);
    add_number(buffer, 7);
    return NULL;
}

static void take_large(struct mtm_buffer *buffer)
{
    struct mtm_wait wait = {.timeout = 0};
    struct mtm_delivery in = {.slot.limit = SIZE_MAX,
                              .slot.carrier = mtm_block_new(2 * CORE_ROOM)};
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_OK);
    mtm_delivery_done(&in, false);
    core_incoming_free(&in);
}

static void miss_a_large_one(struct mtm_buffer *buffer, struct mtm_wait *wait,
                             struct mtm_delivery *in)
{
    assert_true(core_incoming(in));
    assert_false(mtm_poll(&buffer->object, wait));
    add_large(buffer);
    assert_int_equal(mtm_receive(&buffer->object, wait, in), MTM_GROW);
    take_large(buffer);
}

/* Another one took it meanwhile: the same call waits on, does not poll a second time, and still
 * notices an abort. */
static void who_comes_back_with_a_larger_carrier_waits_on(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_delivery in;
    pthread_t thread;
    miss_a_large_one(buffer, &wait, &in);
    const uint8_t skip = buffer->spin.skip;
    unit_start(&thread, 1, add_when_somebody_sleeps, buffer);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_OK);
    assert_int_equal(number_in(in.slot.block), 7);
    assert_int_equal(buffer->spin.skip, skip);
    unit_join(&thread, 1);
    blink(NULL, buffer, 0);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_ABORTED);
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

/* ---- many threads ---- */

enum { TAKERS = 4, MAKERS = 2, QUOTA = 3, BURSTS = 400, BURST = TAKERS * QUOTA };

struct crowd {
    struct mtm_buffer *buffer;
    mtm_a32 makers, got, wrong;
    mtm_asize sum;
};

static void take_quota(struct crowd *crowd)
{
    for (int i = 0; i < QUOTA; ++i) {
        struct poller poller = poller_at(crowd->buffer);
        poll_and_take(&poller);
        if (poller.status != MTM_OK) mtm_add_seq(&crowd->wrong, 1);
        mtm_add_seq(&crowd->sum, (size_t)poller.number);
        mtm_add_seq(&crowd->got, 1);
    }
}

static void *take_of_each_burst(void *opaque)
{
    struct crowd *crowd = opaque;
    for (uint32_t burst = 1; burst <= BURSTS; ++burst) {
        take_quota(crowd);
        unit_await(&crowd->got, burst * BURST);
    }
    return NULL;
}

/* Every third one the long way. */
static void add_either_way(struct crowd *crowd, unsigned number)
{
    unsigned char bytes[MTM_WORD_VALUE] = {MTM_TAG_BYTE, (unsigned char)number};
    struct mtm_message message = core_message(bytes, 2);
    if (number % 3 && add_number(crowd->buffer, bytes[1])) return;
    mtm_buffer_add(crowd->buffer, &message, false, NULL); /* what fails is missed */
}

static void *make_bursts(void *opaque)
{
    struct crowd *crowd = opaque;
    const uint32_t me = mtm_add_seq(&crowd->makers, 1);
    for (uint32_t burst = 0; burst < BURSTS; ++burst) {
        unit_await(&crowd->got, burst * BURST);
        unit_linger(burst % 8 * (UNIT_MS / 60)); /* some poll, some sleep */
        for (unsigned i = me; i < BURST; i += MAKERS) add_either_way(crowd, i + 1);
    }
    return NULL;
}

/* Each takes so many of a burst and no more, so one that is forgotten is missed. */
static void everybody_gets_a_share_of_every_burst(void **state)
{
    (void)state;
    struct crowd crowd = {.buffer = used_buffer(NULL)};
    pthread_t makers[MAKERS], takers[TAKERS];
    unit_start(takers, TAKERS, take_of_each_burst, &crowd);
    unit_start(makers, MAKERS, make_bursts, &crowd);
    unit_join(makers, MAKERS);
    unit_join(takers, TAKERS);
    assert_int_equal(crowd.wrong, 0);
    assert_int_equal(crowd.sum, BURSTS * BURST * (BURST + 1) / 2);
    assert_int_equal(mtm_buffer_count(crowd.buffer), 0);
    core_drop_buffer(crowd.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("an abort during the polling ends the wait",
                  an_abort_during_the_polling_ends_the_wait),
        CORE_TEST("so does one from another thread", so_does_one_from_another_thread),
        CORE_TEST("so does one between polling and sleeping",
                  an_abort_between_polling_and_sleeping_ends_the_wait),
        CORE_TEST("one before the polling does not", an_abort_before_the_polling_does_not),
        CORE_TEST("who polls wakes a sleeper for the rest",
                  who_polls_wakes_a_sleeper_for_the_rest),
        CORE_TEST("who stood in wakes a sleeper for the rest",
                  who_stood_in_wakes_a_sleeper_for_the_rest),
        CORE_TEST("who needs a larger carrier wakes another",
                  who_needs_a_larger_carrier_wakes_another),
        CORE_TEST("who comes back with a larger carrier waits on",
                  who_comes_back_with_a_larger_carrier_waits_on),
        CORE_TEST("everybody gets a share of every burst",
                  everybody_gets_a_share_of_every_burst),
    };
    return UNIT_RUN(tests);
}
