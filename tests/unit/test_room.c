/* Tests of waiting for room: who waits is served in the order of arrival, by whoever makes
 * room, whether or not its thread runs; and every end of the waiting is told. They own the
 * senders. */
#include "bell.h"

#include "core/bound.h"
#include "core/room.h"

enum { LONG = 100 };

/* A thread that puts one message, and waits for room. */
struct sender {
    struct mtm_buffer *buffer;
    uint32_t number;
    size_t size; /* 0: four bytes, the number */
    int64_t timeout;
    enum mtm_status status;
    struct mtm_notifier *notifier;
    pthread_t thread;
};

static struct sender ready_to_send(struct mtm_buffer *buffer, uint32_t number, size_t size,
                                   int64_t timeout)
{
    return (struct sender){.buffer = buffer,
                           .number = number,
                           .size = size,
                           .timeout = timeout,
                           .status = MTM_EMPTY};
}

static void *send_it(void *opaque)
{
    struct sender *sender = opaque;
    unsigned char bytes[20000];
    struct mtm_wait wait = {.timeout = sender->timeout};
    if (sender->size == 0) memcpy(bytes, &sender->number, sizeof sender->number);
    else core_fill(bytes, sender->number, sender->size);
    struct mtm_message message =
        core_message(bytes, sender->size ? sender->size : sizeof sender->number);
    sender->status = mtm_buffer_put_wait(sender->buffer, &message, &wait, &sender->notifier);
    return NULL;
}

/* Until it is in line. */
static void send_later(struct sender *sender, struct mtm_buffer *buffer, uint32_t number,
                       size_t size, int64_t timeout)
{
    const size_t before = mtm_room_waiting(buffer);
    *sender = ready_to_send(buffer, number, size, timeout);
    unit_start(&sender->thread, 1, send_it, sender);
    while (mtm_room_waiting(buffer) == before) mtm_plat_yield();
    mtm_buffer_lock_both(buffer); /* it has given back the locks, which takes only try */
    mtm_buffer_unlock_both(buffer);
}

static enum mtm_status outcome(struct sender *sender)
{
    unit_join(&sender->thread, 1);
    return sender->status;
}

static struct mtm_buffer *bounded(struct mtm_listener *listener, size_t limit, size_t maxbytes,
                                  bool drop_oldest)
{
    const struct mtm_buffer_options options = {.size = MTM_DEFAULT_SIZE,
                                               .grow = MTM_DEFAULT_GROW,
                                               .bounds = {limit, maxbytes, drop_oldest},
                                               .listener = listener};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static struct mtm_buffer *fixed(size_t size)
{
    const struct mtm_buffer_options options = {.size = size, .sized = true, .grow = 0};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static void assert_nobody_waits(struct mtm_buffer *buffer)
{
    assert_int_equal(mtm_room_waiting(buffer), 0);
    assert_int_equal(buffer->queue.head.unusual & MTM_UNUSUAL_ROOM, 0);
    assert_false(mtm_takes_need_both(mtm_load_rlx(&buffer->queue.head.unusual)));
}

static void with_room_nobody_waits(void **state)
{
    (void)state;
    struct mtm_buffer *buffers[] = {core_buffer(NULL), bounded(NULL, 3, 0, false), fixed(30)};
    for (int i = 0; i < 3; ++i) {
        struct sender sender = ready_to_send(buffers[i], 7, 0, MTM_FOREVER);
        send_it(&sender);
        assert_int_equal(sender.status, MTM_OK);
        assert_delivers(buffers[i], 7);
        core_drop_buffer(buffers[i]);
    }
}

/* The message is there when the take has returned, whether or not the sender has run since. */
static void whoever_takes_puts_the_message_in(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffers[] = {bounded(NULL, 2, 0, false), bounded(listener, 2, 0, false),
                                    fixed(10)};
    for (int i = 0; i < 3; ++i) {
        struct mtm_buffer *buffer = buffers[i];
        struct mtm_object *from = i == 1 ? &listener->object : &buffer->object;
        struct sender sender[3];
        uint32_t number = 0;
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(core_add(buffer, 2), MTM_OK);
        for (uint32_t n = 0; n < 3; ++n) send_later(&sender[n], buffer, 3 + n, 0, MTM_FOREVER);
        for (uint32_t n = 1; n <= 5; ++n) {
            assert_int_equal(core_next(from, 0, &number), MTM_OK);
            assert_int_equal(number, n);
            assert_int_equal(mtm_buffer_count(buffer), n <= 3 ? 2 : 5 - n);
            assert_int_equal(mtm_room_waiting(buffer), n <= 3 ? 3 - n : 0);
        }
        for (int n = 0; n < 3; ++n) assert_int_equal(outcome(&sender[n]), MTM_OK);
        assert_nobody_waits(buffer);
        core_drop_buffer(buffer);
    }
    core_drop_listener(listener);
}

static void nobody_is_overtaken(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = fixed(LONG);
    struct sender large, small;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    send_later(&large, buffer, 2, LONG - 1, MTM_FOREVER);
    assert_int_equal(core_add(buffer, 9), MTM_FULL); /* it would fit */
    send_later(&small, buffer, 3, 0, MTM_FOREVER);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    assert_delivers(buffer, 1);
    assert_int_equal(outcome(&large), MTM_OK);
    assert_int_equal(core_add(buffer, 9), MTM_FULL);
    uint32_t number = 1;
    assert_int_equal(core_next(&buffer->object, 0, &number), MTM_GROW); /* it has 99 bytes */
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    assert_int_equal(outcome(&small), MTM_OK);
    assert_delivers(buffer, 3);
    assert_nobody_waits(buffer);
    core_drop_buffer(buffer);
}

/* setmsg takes no place in line, and makes room for those who have one. */
static void replacing_does_not_wait_and_makes_room(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 3, 0, false);
    struct sender sender[3];
    for (uint32_t n = 1; n <= 3; ++n) assert_int_equal(core_add(buffer, n), MTM_OK);
    for (uint32_t n = 0; n < 3; ++n) send_later(&sender[n], buffer, 4 + n, 0, MTM_FOREVER);
    assert_int_equal(core_set(buffer, 9), MTM_OK);
    assert_int_equal(outcome(&sender[0]), MTM_OK);
    assert_int_equal(outcome(&sender[1]), MTM_OK);
    assert_int_equal(mtm_room_waiting(buffer), 1);
    assert_delivers(buffer, 9, 4, 5, 6);
    assert_int_equal(outcome(&sender[2]), MTM_OK);
    core_drop_buffer(buffer);
}

static void whose_time_is_up_makes_way_for_the_next(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = fixed(LONG);
    struct sender large, small;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    send_later(&large, buffer, 2, LONG - 1, 50 * UNIT_MS);
    send_later(&small, buffer, 3, 0, MTM_FOREVER);
    assert_int_equal(outcome(&large), MTM_FULL);
    assert_int_equal(outcome(&small), MTM_OK);
    assert_nobody_waits(buffer);
    assert_delivers(buffer, 1, 3);
    core_drop_buffer(buffer);
}

static void without_time_it_is_full(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 1, 0, false);
    struct sender sender = ready_to_send(buffer, 2, 0, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    send_it(&sender);
    assert_int_equal(sender.status, MTM_FULL);
    sender.timeout = UNIT_MS;
    send_it(&sender);
    assert_int_equal(sender.status, MTM_FULL);
    sender.size = 20000; /* what it had for it is given back */
    send_it(&sender);
    assert_int_equal(sender.status, MTM_FULL);
    assert_nobody_waits(buffer);
    assert_delivers(buffer, 1);
    core_drop_buffer(buffer);
}

static void one_too_large_does_not_wait(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 0, 50, false);
    struct sender sender = ready_to_send(buffer, 2, 50, MTM_FOREVER);
    send_it(&sender);
    assert_int_equal(sender.status, MTM_TOO_LARGE);
    core_drop_buffer(buffer);
}

static void where_the_oldest_make_room_nobody_waits(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 2, 0, true);
    for (uint32_t n = 1; n <= 5; ++n) {
        struct sender sender = ready_to_send(buffer, n, 0, MTM_FOREVER);
        send_it(&sender);
        assert_int_equal(sender.status, MTM_OK);
    }
    assert_delivers(buffer, 4, 5);
    core_drop_buffer(buffer);
}

/* What goes back may exceed the bound; then one take makes no room yet. */
static void what_goes_back_comes_before_those_who_wait(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 1, 0, false);
    struct mtm_delivery in;
    struct sender sender;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    assert_true(mtm_delivery_put_back(&in));
    core_incoming_free(&in);
    send_later(&sender, buffer, 3, 0, MTM_FOREVER);
    assert_delivers(buffer, 1);
    assert_int_equal(mtm_room_waiting(buffer), 1);
    assert_delivers(buffer, 2);
    assert_int_equal(outcome(&sender), MTM_OK);
    assert_delivers(buffer, 3);
    core_drop_buffer(buffer);
}

static void who_only_looks_makes_no_room(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 1, 0, false);
    struct mtm_delivery in;
    struct mtm_wait wait = {.timeout = 0};
    struct sender sender;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    send_later(&sender, buffer, 2, 0, MTM_FOREVER);
    assert_true(core_incoming(&in));
    assert_int_equal(mtm_peek(buffer, &wait, &in), MTM_OK);
    mtm_peek_done(&in);
    core_incoming_free(&in);
    assert_int_equal(mtm_room_waiting(buffer), 1);
    assert_delivers(buffer, 1, 2);
    assert_int_equal(outcome(&sender), MTM_OK);
    core_drop_buffer(buffer);
}

static void every_end_is_told(void **state)
{
    (void)state;
    static const enum mtm_status expected[] = {MTM_CLOSED, MTM_CLOSED, MTM_ABORTED,
                                               MTM_ABORTED};
    for (int i = 0; i < 4; ++i) {
        struct mtm_buffer *buffer = bounded(NULL, 1, 0, false);
        struct sender sender[3];
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        for (uint32_t n = 0; n < 3; ++n)
            send_later(&sender[n], buffer, 2 + n, n == 1 ? 20000 : 0, MTM_FOREVER);
        if (i == 0) mtm_buffer_close(buffer);
        if (i == 1) mtm_buffer_finish(buffer);
        if (i >= 2) mtm_buffer_abort(buffer, true);
        if (i == 3) mtm_buffer_abort(buffer, false); /* they may not have run since */
        assert_nobody_waits(buffer);
        for (int n = 0; n < 3; ++n) assert_int_equal(outcome(&sender[n]), expected[i]);
        if (i == 1 || i == 3) assert_delivers(buffer, 1);
        core_drop_buffer(buffer);
    }
}

/* The notifier is that of the sender, who calls it; the count is that of its message. */
static void the_notifier_is_left_to_who_sent(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 2, 0, false);
    struct bell bell = {0};
    struct sender sender[2];
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    bell_connect(&bell, buffer, MTM_ADDED, 1);
    for (uint32_t n = 0; n < 2; ++n) send_later(&sender[n], buffer, 3 + n, 0, MTM_FOREVER);
    assert_delivers(buffer, 1);
    assert_int_equal(outcome(&sender[0]), MTM_OK);
    assert_non_null(sender[0].notifier);
    mtm_notifier_release(sender[0].notifier, false);
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    assert_int_equal(outcome(&sender[1]), MTM_OK);
    assert_null(sender[1].notifier);
    assert_int_equal(bell.rings, 0);
    core_drop_buffer(buffer);
}

static void *receive_one(void *opaque)
{
    struct mtm_object *object = opaque;
    uint32_t number = 0;
    return core_next(object, MTM_FOREVER, &number) == MTM_OK && number == 2 ? opaque : NULL;
}

/* One that comes while the take is not done yet, too. */
static void a_message_that_was_let_in_is_there_for_others(void **state)
{
    (void)state;
    for (int i = 0; i < 2; ++i) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = bounded(listener, 1, 0, false);
        struct mtm_delivery in;
        struct sender sender;
        pthread_t thread;
        void *told = NULL;
        struct mtm_object *from = i ? &listener->object : &buffer->object;
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        send_later(&sender, buffer, 2, 0, MTM_FOREVER);
        assert_int_equal(core_take(from, &in), MTM_OK);
        assert_int_equal(outcome(&sender), MTM_OK);
        unit_start(&thread, 1, receive_one, from);
        pthread_join(thread, &told);
        assert_non_null(told);
        mtm_delivery_done(&in, false);
        core_incoming_free(&in);
        core_drop_buffer(buffer);
        core_drop_listener(listener);
    }
}

static void deadlines_hold_while_a_lock_is_held(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = bounded(NULL, 1, 0, false);
    struct sender sender = ready_to_send(buffer, 2, 0, 20 * UNIT_MS);
    struct core_holder holder;
    for (int i = 0; i < 2; ++i) {
        core_hold(&holder, i ? &buffer->queue.head.lock : &buffer->queue.tail.lock);
        if (i) assert_int_equal(mtm_load_rlx(&buffer->queue.tail.added), 0);
        core_elsewhere(send_it, &sender); /* with the head lock alone it gets through */
        assert_int_equal(sender.status, i ? MTM_OK : MTM_BUSY);
        core_let_go(&holder);
    }
    core_hold(&holder, &buffer->queue.head.lock); /* it is full, which may not be so */
    core_elsewhere(send_it, &sender);
    assert_int_equal(sender.status, MTM_BUSY);
    assert_int_equal(core_add_as(buffer, 3, true), MTM_FULL); /* the other lock is free */
    core_let_go(&holder);
    assert_nobody_waits(buffer);
    assert_delivers(buffer, 2);
    core_drop_buffer(buffer);
}

/* ---- at the same time ---- */

enum { SENDERS = 4, RECEIVERS = 2, EACH = 2000 };

struct arena {
    struct mtm_buffer *buffer;
    mtm_a32 begun, sent, received, given_up, wrong, stop;
    mtm_a32 last[SENDERS]; /* the latest message of each that has been seen */
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void *send_many(void *opaque)
{
    struct arena *arena = opaque;
    const uint32_t self = mtm_add_seq(&arena->begun, 1);
    uint32_t seed = self;
    for (uint32_t i = 1; i <= EACH;) {
        const bool brief = next_random(&seed) % 4 == 0;
        struct sender sender =
            ready_to_send(arena->buffer, self * (EACH + 1) + i, 0, MTM_FOREVER);
        if (brief) sender.timeout = next_random(&seed) % (UNIT_MS / 5);
        send_it(&sender);
        if (sender.status == MTM_OK) ++i;
        else if (brief && (sender.status == MTM_FULL || sender.status == MTM_BUSY))
            mtm_add_seq(&arena->given_up, 1);
        else mtm_add_seq(&arena->wrong, 1);
    }
    return NULL;
}

/* Now and then the message goes back, so the bound is exceeded. */
static void *receive_many(void *opaque)
{
    struct arena *arena = opaque;
    uint32_t seed = 99;
    while (mtm_load_seq(&arena->received) < SENDERS * EACH) {
        struct mtm_wait wait = {.timeout = UNIT_MS};
        struct mtm_delivery in;
        if (!core_incoming(&in)) break;
        enum mtm_status status = mtm_receive(&arena->buffer->object, &wait, &in);
        if (status == MTM_OK && next_random(&seed) % 8 == 0) {
            mtm_delivery_put_back(&in);
        } else if (status == MTM_OK) {
            mtm_add_seq(&arena->received, 1);
            mtm_delivery_done(&in, false);
        } else {
            in.slot.block = NULL;
        }
        core_incoming_free(&in);
    }
    return NULL;
}

static void every_sender_gets_its_turn(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; ++kind) {
        struct arena arena = {.buffer = kind == 2 ? fixed(12)
                                                  : bounded(NULL, kind ? 16 : 1, 0, false)};
        pthread_t senders[SENDERS], receivers[RECEIVERS];
        unit_start(receivers, RECEIVERS, receive_many, &arena);
        unit_start(senders, SENDERS, send_many, &arena);
        unit_join(senders, SENDERS);
        unit_join(receivers, RECEIVERS);
        assert_int_equal(arena.wrong, 0);
        assert_int_equal(arena.received, SENDERS * EACH);
        assert_int_equal(mtm_buffer_count(arena.buffer), 0);
        assert_nobody_waits(arena.buffer);
        core_drop_buffer(arena.buffer);
    }
}

/* Somebody clears, replaces, aborts and enables: every sender returns, and the numbers agree.
 */
static void *disturb(void *opaque)
{
    struct arena *arena = opaque;
    for (uint32_t i = 0; !mtm_load_seq(&arena->stop); ++i) {
        if (i % 3 == 0) mtm_buffer_clear(arena->buffer, false);
        if (i % 3 == 1 && core_set(arena->buffer, 1) == MTM_OK) mtm_add_seq(&arena->sent, 1);
        if (i % 3 == 2) {
            mtm_buffer_abort(arena->buffer, true);
            mtm_buffer_abort(arena->buffer, false);
        }
        unit_linger(UNIT_MS / 50);
    }
    return NULL;
}

static void *send_whatever_comes(void *opaque)
{
    struct arena *arena = opaque;
    for (uint32_t i = 0; i < EACH; ++i) {
        struct sender sender = ready_to_send(arena->buffer, i, i % 50 ? 0 : 5000, MTM_FOREVER);
        send_it(&sender);
        if (sender.status == MTM_OK) mtm_add_seq(&arena->sent, 1);
        else if (sender.status != MTM_ABORTED) mtm_add_seq(&arena->wrong, 1);
    }
    return NULL;
}

static void clearing_replacing_and_aborting_leave_nobody_behind(void **state)
{
    (void)state;
    struct arena arena = {.buffer = bounded(NULL, 2, 0, false)};
    pthread_t senders[SENDERS], disturber;
    unit_start(&disturber, 1, disturb, &arena);
    unit_start(senders, SENDERS, send_whatever_comes, &arena);
    unit_join(senders, SENDERS);
    mtm_store_seq(&arena.stop, 1);
    unit_join(&disturber, 1);
    assert_int_equal(arena.wrong, 0);
    assert_nobody_waits(arena.buffer);
    mtm_buffer_lock_both(arena.buffer);
    struct mtm_queue_numbers numbers = mtm_queue_numbers(&arena.buffer->queue);
    mtm_buffer_unlock_both(arena.buffer);
    assert_int_equal(numbers.added, arena.sent);
    assert_int_equal(numbers.taken, 0);
    core_drop_buffer(arena.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("with room nobody waits", with_room_nobody_waits),
        CORE_TEST("whoever takes puts the message in", whoever_takes_puts_the_message_in),
        CORE_TEST("nobody is overtaken", nobody_is_overtaken),
        CORE_TEST("replacing does not wait, and makes room",
                  replacing_does_not_wait_and_makes_room),
        CORE_TEST("whose time is up makes way for the next",
                  whose_time_is_up_makes_way_for_the_next),
        CORE_TEST("without time it is full", without_time_it_is_full),
        CORE_TEST("one too large does not wait", one_too_large_does_not_wait),
        CORE_TEST("where the oldest make room nobody waits",
                  where_the_oldest_make_room_nobody_waits),
        CORE_TEST("what goes back comes before those who wait",
                  what_goes_back_comes_before_those_who_wait),
        CORE_TEST("who only looks makes no room", who_only_looks_makes_no_room),
        CORE_TEST("every end is told", every_end_is_told),
        CORE_TEST("the notifier is left to who sent", the_notifier_is_left_to_who_sent),
        CORE_TEST("a message that was let in is there for others",
                  a_message_that_was_let_in_is_there_for_others),
        CORE_TEST("deadlines hold while a lock is held", deadlines_hold_while_a_lock_is_held),
        CORE_TEST("every sender gets its turn", every_sender_gets_its_turn),
        CORE_TEST("clearing, replacing and aborting leave nobody behind",
                  clearing_replacing_and_aborting_leave_nobody_behind),
    };
    return UNIT_RUN(tests);
}
