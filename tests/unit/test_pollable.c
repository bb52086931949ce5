/* Tests of the descriptors of buffers and listeners: readable whenever a receive would find a
 * message or an end, at rest after one that found nothing, and never in place of a thread. They
 * own the threads. */
#include "pollable_unit.h"

/* On Windows each byte goes through a connection, which takes Wine a hundred times as long. */
#if defined(_WIN32)
enum { EACH = 1000 };
#else
enum { EACH = 20000 };
#endif
enum { PRODUCERS = 3, ROUNDS = 300 };

#define assert_ready(poller) assert_true(has_something((poller), 0))
#define assert_calm(poller) assert_false(has_something((poller), 0))

static void assert_found(const struct poller *poller, enum mtm_status expected)
{
    uint32_t number = 0;
    assert_int_equal(receive_by(poller, &number), expected);
}

/* ---- one step after the other ---- */

static void a_message_makes_it_readable(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct poller poller = poller_of(&buffer->object);
    for (int i = 0; i < 3; ++i) {
        assert_calm(&poller);
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(core_add(buffer, 2), MTM_OK);
        assert_ready(&poller);
        assert_found(&poller, MTM_OK);
        assert_ready(&poller);
        assert_found(&poller, MTM_OK);
        assert_found(&poller, MTM_EMPTY);
    }
    assert_int_equal(core_set(buffer, 3), MTM_OK);
    assert_ready(&poller);
    mtm_buffer_clear(buffer, false);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    poller_end(&poller);
    core_drop_buffer(buffer);
}

static void what_is_there_already_makes_it_readable(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    struct poller poller = poller_of(&buffer->object);
    assert_ready(&poller);
    poller_end(&poller);
    mtm_buffer_close(buffer);
    poller = poller_of(&buffer->object);
    assert_ready(&poller);
    poller_end(&poller);
    core_drop_buffer(buffer);
}

static void a_message_that_goes_back_makes_it_readable(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct poller poller = poller_of(&buffer->object);
    struct mtm_delivery in;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    mtm_delivery_put_back(&in);
    assert_ready(&poller);
    core_incoming_free(&in);
    poller_end(&poller);
    core_drop_buffer(buffer);
}

static void ends_make_it_readable_for_as_long_as_they_last(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct poller poller = poller_of(&buffer->object);
    mtm_buffer_abort(buffer, true);
    for (int i = 0; i < 2; ++i) {
        assert_ready(&poller);
        assert_found(&poller, MTM_ABORTED);
    }
    mtm_buffer_abort(buffer, false);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    mtm_abort_all(true);
    assert_ready(&poller);
    mtm_abort_all(false);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    mtm_buffer_close(buffer);
    for (int i = 0; i < 2; ++i) {
        assert_ready(&poller);
        assert_found(&poller, MTM_CLOSED);
    }
    poller_end(&poller);
    core_drop_buffer(buffer);
}

static void a_listener_has_one_for_all_its_buffers(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct poller poller = poller_of(&listener->object);
    assert_ready(&poller); /* that it has no buffers */
    assert_found(&poller, MTM_NO_BUFFERS);
    struct mtm_buffer *a = core_buffer(listener), *b = core_buffer(listener);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    assert_int_equal(core_add(a, 1), MTM_OK);
    assert_int_equal(core_add(b, 2), MTM_OK);
    assert_ready(&poller);
    assert_found(&poller, MTM_OK);
    assert_ready(&poller);
    assert_found(&poller, MTM_OK);
    assert_found(&poller, MTM_EMPTY);
    assert_calm(&poller);
    core_drop_buffer(a);
    assert_calm(&poller);
    core_drop_buffer(b);
    assert_ready(&poller);
    assert_found(&poller, MTM_NO_BUFFERS);
    mtm_listener_close(listener);
    assert_found(&poller, MTM_CLOSED);
    poller_end(&poller);
    core_drop_listener(listener);
}

/* The buffer of a listener is a source of its own: both are told. */
static void a_buffer_and_its_listener_are_told(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    struct poller all = poller_of(&listener->object), one = poller_of(&buffer->object);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_ready(&all);
    assert_ready(&one);
    assert_found(&one, MTM_OK);
    assert_found(&one, MTM_EMPTY);
    assert_calm(&one);
    assert_found(&all, MTM_EMPTY); /* an entry is left of it, which a receive takes off */
    assert_calm(&all);
    poller_end(&one);
    poller_end(&all);
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

static void each_reference_has_its_own(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct poller a = poller_of(&buffer->object), b = poller_of(&buffer->object);
    assert_true(mtm_pollable_descriptor(a.pollable) != mtm_pollable_descriptor(b.pollable));
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_ready(&a);
    assert_ready(&b);
    assert_found(&a, MTM_OK);
    assert_found(&a, MTM_EMPTY);
    assert_calm(&a);
    assert_ready(&b); /* until its owner has looked */
    poller_end(&a);
    assert_found(&b, MTM_EMPTY);
    assert_calm(&b);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_ready(&b);
    poller_end(&b);
    core_drop_buffer(buffer);
}

/* Nobody else learns that there were any. */
static void closed_ones_are_used_again(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    uint32_t blocks = 0;
    for (int i = 0; i < 3; ++i) {
        struct poller a = poller_of(&buffer->object), b = poller_of(&buffer->object);
        assert_true(mtm_waiters_any(&buffer->source.waiters));
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_ready(&b);
        poller_end(&a);
        assert_true(mtm_waiters_any(&buffer->source.waiters));
        assert_delivers(buffer, 1);
        poller_end(&b);
        assert_false(mtm_waiters_any(&buffer->source.waiters));
        if (i == 0) blocks = core_blocks;
    }
    assert_int_equal(core_blocks, blocks);
    core_drop_buffer(buffer);
}

/* What is busy is looked at again, unless there is nothing in it. */
static void a_busy_source_stays_readable_only_with_messages(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct poller poller = poller_of(&buffer->object);
    struct core_holder holder;
    core_hold(&holder, &buffer->queue.head.lock);
    mtm_pollables_tell(&buffer->source);
    assert_ready(&poller);
    assert_found(&poller, MTM_BUSY);
    assert_calm(&poller);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_found(&poller, MTM_BUSY);
    assert_ready(&poller);
    core_let_go(&holder);
    assert_found(&poller, MTM_OK);
    poller_end(&poller);
    core_drop_buffer(buffer);
}

static void without_memory_or_descriptors_nothing_is_half_made(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_pollable *pollable = NULL;
    const char *why = "";
    mtm_store_seq(&core_drought, 1);
    assert_int_equal(mtm_pollable_open(&buffer->source, &pollable, &why), MTM_NOMEM);
    mtm_store_seq(&core_drought, 0);
    assert_null(pollable);
    assert_false(mtm_waiters_any(&buffer->source.waiters));
    core_drop_buffer(buffer);
}

/* ---- threads ---- */

struct crowd {
    struct mtm_buffer *buffer;
    mtm_a32 received, waits_left;
};

static void *wait_for_one(void *opaque)
{
    struct crowd *crowd = opaque;
    uint32_t number;
    if (core_next(&crowd->buffer->object, MTM_FOREVER, &number) == MTM_OK)
        mtm_add_seq(&crowd->received, 1);
    return NULL;
}

/* A thread that sleeps gets its wake-up, whatever the descriptor says, and the other way
 * round. */
static void it_stands_in_for_no_thread(void **state)
{
    (void)state;
    struct crowd crowd = {.buffer = core_buffer(NULL)};
    struct poller poller = poller_of(&crowd.buffer->object);
    pthread_t thread;
    for (int i = 0; i < ROUNDS; ++i) {
        unit_start(&thread, 1, wait_for_one, &crowd);
        if (i % 2) core_await_waiters(&crowd.buffer->source.waiters, 1);
        assert_int_equal(core_add(crowd.buffer, 1), MTM_OK);
        assert_ready(&poller);
        unit_join(&thread, 1);
        if (i % 3 == 0) assert_found(&poller, MTM_EMPTY);
    }
    assert_int_equal(crowd.received, ROUNDS);
    poller_end(&poller);
    core_drop_buffer(crowd.buffer);
}

struct stream {
    struct mtm_listener *listener;
    struct mtm_buffer *buffer;
    mtm_a32 sent, begun;
};

/* Now in a stream, now one message after the other has been taken. */
static void *produce(void *opaque)
{
    struct stream *stream = opaque;
    struct mtm_buffer *buffer = stream->buffer;
    if (stream->listener) buffer = core_buffer(stream->listener);
    mtm_add_seq(&stream->begun, 1);
    for (uint32_t i = 0; i < EACH; ++i) {
        if (i % 64 < 8)
            while (mtm_buffer_count(buffer) > 0) mtm_plat_yield();
        if (core_add(buffer, i + 1) == MTM_OK) mtm_add_seq(&stream->sent, 1);
    }
    if (stream->listener) core_drop_buffer(buffer);
    return NULL;
}

/* Takes all there is, and returns how much that was. */
static uint32_t drain(struct poller *poller)
{
    uint32_t number, count = 0;
    while (receive_by(poller, &number) == MTM_OK) ++count;
    return count;
}

/* One that sleeps over a message hangs. One that is told without a message looks in vain: that
 * may be once for each message, where another was taken along with it. */
static void poll_all(struct mtm_object *object, struct stream *stream)
{
    struct poller poller = poller_of(object);
    pthread_t threads[PRODUCERS];
    uint32_t taken = 0, vain = 0;
    unit_start(threads, PRODUCERS, produce, stream);
    unit_await(&stream->begun, PRODUCERS);
    while (taken < PRODUCERS * EACH) {
        assert_true(has_something(&poller, -1));
        const uint32_t now = drain(&poller);
        taken += now;
        vain += now == 0;
    }
    unit_join(threads, PRODUCERS);
    assert_int_equal(taken, stream->sent);
    assert_true(vain <= taken + 1);
    print_message("# %u messages, %u looks in vain\n", (unsigned)taken, (unsigned)vain);
    drain(&poller);
    if (!stream->listener) assert_calm(&poller);
    poller_end(&poller);
}

static void a_poller_of_a_buffer_gets_everything(void **state)
{
    (void)state;
    struct stream stream = {.buffer = core_buffer(NULL)};
    poll_all(&stream.buffer->object, &stream);
    core_drop_buffer(stream.buffer);
}

static void a_poller_of_a_listener_gets_everything(void **state)
{
    (void)state;
    struct stream stream = {.listener = core_listener()};
    struct mtm_buffer *keeper = core_buffer(stream.listener); /* so that it never has none */
    poll_all(&stream.listener->object, &stream);
    core_drop_buffer(keeper);
    core_drop_listener(stream.listener);
}

/* Opening and closing in other threads, while producers tell: nobody writes to a descriptor
 * that is closed. */
static void *come_and_go(void *opaque)
{
    struct stream *stream = opaque;
    uint32_t number;
    for (int i = 0; i < ROUNDS; ++i) {
        struct poller poller = poller_of(&stream->buffer->object);
        if (i % 2) receive_by(&poller, &number);
        poller_end(&poller);
    }
    return NULL;
}

static void pollers_come_and_go_while_others_send(void **state)
{
    (void)state;
    struct stream stream = {.buffer = core_buffer(NULL)};
    pthread_t threads[PRODUCERS];
    unit_start(threads, PRODUCERS, come_and_go, &stream);
    for (int i = 0; i < EACH; ++i) {
        assert_int_equal(core_add(stream.buffer, 1), MTM_OK);
        if (i % 100 == 0) mtm_buffer_clear(stream.buffer, false);
    }
    unit_join(threads, PRODUCERS);
    assert_false(mtm_waiters_any(&stream.buffer->source.waiters));
    core_drop_buffer(stream.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a message makes it readable", a_message_makes_it_readable),
        CORE_TEST("so does what is there already", what_is_there_already_makes_it_readable),
        CORE_TEST("so does a message that goes back",
                  a_message_that_goes_back_makes_it_readable),
        CORE_TEST("ends make it readable for as long as they last",
                  ends_make_it_readable_for_as_long_as_they_last),
        CORE_TEST("a listener has one for all its buffers",
                  a_listener_has_one_for_all_its_buffers),
        CORE_TEST("a buffer and its listener are both told",
                  a_buffer_and_its_listener_are_told),
        CORE_TEST("each reference has its own", each_reference_has_its_own),
        CORE_TEST("closed ones are used again, and leave nothing behind",
                  closed_ones_are_used_again),
        CORE_TEST("a busy source stays readable only with messages",
                  a_busy_source_stays_readable_only_with_messages),
        CORE_TEST("without memory nothing is half-made",
                  without_memory_or_descriptors_nothing_is_half_made),
        CORE_TEST("it stands in for no thread, and no thread for it",
                  it_stands_in_for_no_thread),
        CORE_TEST("a poller of a buffer gets everything, and does not spin",
                  a_poller_of_a_buffer_gets_everything),
        CORE_TEST("a poller of a listener does, too", a_poller_of_a_listener_gets_everything),
        CORE_TEST("pollers come and go while others send",
                  pollers_come_and_go_while_others_send),
    };
    return UNIT_RUN(tests);
}
