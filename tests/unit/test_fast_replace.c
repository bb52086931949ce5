/* Tests of the short way to replace: it does what the long way does, or nothing at all. They
 * own the buffers. */
#include "bell.h"

#include "core/bell.h"
#include "core/bound.h"
#include "core/fast_path.h"

/* The first message makes room, which takes the long way. */
static struct mtm_buffer *used_buffer(struct mtm_listener *listener)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_delivers(buffer, 1);
    return buffer;
}

static bool replace(struct mtm_buffer *buffer, uint32_t number)
{
    unsigned char bytes[sizeof number];
    memcpy(bytes, &number, sizeof number);
    return mtm_fast_replace(buffer, bytes, sizeof bytes);
}

static struct mtm_queue_numbers numbers_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    const struct mtm_queue_numbers numbers = mtm_queue_numbers(&buffer->queue);
    mtm_buffer_unlock_both(buffer);
    return numbers;
}

static void assert_same(struct mtm_buffer *first, struct mtm_buffer *second)
{
    const struct mtm_queue_numbers a = numbers_of(first), b = numbers_of(second);
    assert_int_equal(a.messages, b.messages);
    assert_int_equal(a.bytes, b.bytes);
    assert_int_equal(a.added, b.added);
    assert_int_equal(a.taken, b.taken);
    assert_int_equal(a.replaced, b.replaced);
    assert_int_equal(a.dropped, b.dropped);
    assert_int_equal(mtm_buffer_count(first), mtm_buffer_count(second));
    assert_int_equal(mtm_buffer_count(first), a.messages);
}

/* One buffer is replaced in by the short way where that does it, another one by the long way.
 */
static void it_counts_like_the_long_way(void **state)
{
    (void)state;
    struct mtm_buffer *b[2] = {core_buffer(NULL), core_buffer(NULL)};
    unsigned done = 0, refused = 0;
    for (uint32_t round = 1; round < 3000; ++round) {
        for (uint32_t n = round * 7 % 5; n > 0; --n) {
            for (int i = 0; i < 2; ++i) assert_int_equal(core_add(b[i], round), MTM_OK);
        }
        if (round % 3 == 0) {
            if (replace(b[0], round)) ++done;
            else assert_int_equal(++refused * core_set(b[0], round), MTM_OK);
            assert_int_equal(core_set(b[1], round), MTM_OK);
            assert_int_equal(mtm_buffer_count(b[0]), 1);
        }
        assert_same(b[0], b[1]);
        for (uint32_t n = round * 5 % 4; n > 0 && mtm_buffer_count(b[1]) > 0; --n) {
            uint32_t first = 0, second = 0;
            assert_int_equal(core_next(&b[0]->object, 0, &first), MTM_OK);
            assert_int_equal(core_next(&b[1]->object, 0, &second), MTM_OK);
            assert_int_equal(first, second);
        }
    }
    assert_true(done > 900);
    for (int i = 0; i < 2; ++i) core_drop_buffer(b[i]);
}

/* What had been taken before comes back too late, and what was looked at is not taken. */
static void what_was_there_is_outdated(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_delivery in;
    struct mtm_peeked peeked;
    for (uint32_t i = 1; i < 4; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
    assert_true(replace(buffer, 4));
    assert_false(mtm_fast_take(buffer, &peeked));
    assert_false(mtm_delivery_put_back(&in));
    core_incoming_free(&in);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    assert_delivers(buffer, 4);
    assert_int_equal(core_take(&buffer->object, &in), MTM_EMPTY);
    core_incoming_free(&in);
    core_drop_buffer(buffer);
}

/* A message that is taken after it can come back, as it is of the new epoch. */
static void the_new_one_may_come_back(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_delivery in;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_true(replace(buffer, 2));
    assert_int_equal(core_add(buffer, 3), MTM_OK);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_true(mtm_delivery_put_back(&in));
    core_incoming_free(&in);
    assert_false(replace(buffer, 4)); /* what was put back is thrown away by the long way */
    assert_delivers(buffer, 2, 3);
    core_drop_buffer(buffer);
}

enum why { CLOSED, FINISHED, ABORTED, ADDED, TAKEN, RINGS, BLOCK, FRESH, WHYS };

static void make_unusual(struct mtm_buffer *buffer, enum why why, struct bell *bell)
{
    static const unsigned char bytes[MTM_COPIED_MAX + 1];
    const struct mtm_message large = core_message(bytes, sizeof bytes);
    switch (why) {
        case CLOSED: mtm_buffer_close(buffer); break;
        case FINISHED: mtm_buffer_finish(buffer); break;
        case ABORTED: mtm_buffer_abort(buffer, true); break;
        case ADDED: bell_connect(bell, buffer, MTM_ADDED, 0); break;
        case TAKEN: bell_connect(bell, buffer, MTM_TAKEN, 0); break;
        case BLOCK:
            assert_int_equal(mtm_buffer_add(buffer, &large, false, NULL), MTM_OK);
            break;
        case RINGS:
            for (int i = 0; i < 1000; ++i) assert_int_equal(core_add(buffer, 9), MTM_OK);
            break;
        case FRESH: assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK); break;
        case WHYS: break;
    }
}

static void what_is_not_simple_is_refused(void **state)
{
    (void)state;
    for (enum why why = CLOSED; why < WHYS; ++why) {
        struct mtm_buffer *buffer = used_buffer(NULL);
        struct bell bell = {0};
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        make_unusual(buffer, why, &bell);
        const struct mtm_queue_numbers before = numbers_of(buffer);
        const uint64_t epoch = buffer->queue.head.epoch;
        const uint32_t rings = bell.rings;
        assert_false(replace(buffer, 2));
        assert_int_equal(numbers_of(buffer).messages, before.messages);
        assert_int_equal(numbers_of(buffer).replaced, before.replaced);
        assert_true(buffer->queue.head.epoch == epoch && bell.rings == rings);
        core_drop_buffer(buffer);
    }
}

/* Bounds, and a size that has no room for it. */
static void bounded_buffers_are_refused(void **state)
{
    (void)state;
    const struct mtm_buffer_options options[] = {
        {.size = 1000, .sized = true},
        {.size = 1000, .grow = 2, .bounds = {.limit = 3}},
        {.size = 1000, .grow = 2, .bounds = {.maxbytes = 300}},
        {.size = 1000, .grow = 2, .bounds = {.limit = 1, .drop_oldest = true}},
        {.size = 5, .sized = true, .grow = 2},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
        struct mtm_buffer *buffer = NULL;
        assert_int_equal(mtm_buffer_new(&options[i], &buffer), MTM_OK);
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_false(replace(buffer, 2));
        assert_delivers(buffer, 1);
        core_drop_buffer(buffer);
    }
}

/* A buffer at which others may knock. */
static void a_bell_is_refused(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL), *notifying = core_buffer(NULL);
    buffer_connect(buffer, notifying, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_false(replace(buffer, 2));
    mtm_queue_knock(&buffer->queue);
    assert_false(replace(buffer, 2));
    assert_int_equal(mtm_buffer_count(buffer), 2);
    core_drop_buffer(notifying);
    core_drop_buffer(buffer);
}

static void *is_refused(void *buffer)
{
    assert_false(replace(buffer, 2));
    return NULL;
}

static void a_busy_buffer_is_left_alone(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    core_despite(&buffer->queue.head.lock, is_refused, buffer);
    core_despite(&buffer->queue.tail.lock, is_refused, buffer);
    assert_true(replace(buffer, 3));
    assert_delivers(buffer, 3);
    core_drop_buffer(buffer);
}

static void *wait_for_it(void *opaque)
{
    uint32_t number;
    return core_next(opaque, MTM_FOREVER, &number) == MTM_OK ? opaque : NULL;
}

static void await_it(struct mtm_source *source, struct mtm_buffer *buffer)
{
    for (uint32_t i = 0; i < 20; ++i) {
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_create(&thread, NULL, wait_for_it, source), 0);
        core_await_waiters(&source->waiters, 1);
        if (i % 2) unit_linger(UNIT_MS / 2);
        while (!replace(buffer, i + 1)) mtm_plat_yield();
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_non_null(result);
    }
}

static void it_wakes_who_waits(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = used_buffer(NULL), *member = used_buffer(listener);
    await_it(&buffer->source, buffer);
    await_it(&member->source, member);
    await_it(&listener->source, member);
    core_drop_buffer(buffer);
    core_drop_buffer(member);
    core_drop_listener(listener);
}

/* Two listeners are served alike, one of which has buffers that are replaced in by the long
 * way: an empty buffer goes to the end of the line, one with messages keeps its place. */
static void the_order_is_that_of_the_long_way(void **state)
{
    (void)state;
    enum { MEMBERS = 4 };
    struct mtm_listener *listener[2] = {core_listener(), core_listener()};
    struct mtm_buffer *b[2][MEMBERS];
    for (int i = 0; i < MEMBERS; ++i) {
        for (int l = 0; l < 2; ++l) b[l][i] = used_buffer(listener[l]);
    }
    for (uint32_t round = 1; round < 500; ++round) {
        const uint32_t at = round * 7 % MEMBERS, also = round / 3 % MEMBERS;
        if (!replace(b[0][at], round)) assert_int_equal(core_set(b[0][at], round), MTM_OK);
        assert_int_equal(core_set(b[1][at], round), MTM_OK);
        for (int l = 0; l < 2; ++l) {
            if (round % 5 == 0) assert_int_equal(core_add(b[l][also], 1000 + round), MTM_OK);
            if (round % 7 == 0) mtm_buffer_clear(b[l][also], false);
        }
        if (round % 3 == 0) continue;
        uint32_t first = 0, second = 0;
        const enum mtm_status status = core_next(&listener[0]->object, 0, &first);
        assert_int_equal(core_next(&listener[1]->object, 0, &second), status);
        assert_int_equal(first, second);
    }
    for (int l = 0; l < 2; ++l) {
        for (int i = 0; i < MEMBERS; ++i) core_drop_buffer(b[l][i]);
        core_drop_listener(listener[l]);
    }
}

/* All sizes, each of them whole. */
static void the_bytes_are_those_of_the_message(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    for (uint32_t size = 0; size <= MTM_FAST_MAX; ++size) {
        unsigned char bytes[MTM_FAST_MAX];
        struct mtm_wait wait = {.timeout = 0};
        struct mtm_delivery in = {.slot = {.limit = SIZE_MAX}};
        core_fill(bytes, size, size);
        if (size % 3 == 0) assert_int_equal(core_add(buffer, size), MTM_OK);
        if (!mtm_fast_replace(buffer, bytes, size)) { /* the ring of a queue that was full */
            const struct mtm_message message = core_message(bytes, size);
            assert_int_equal(core_set_message(buffer, &message, false, NULL), MTM_OK);
        }
        in.slot.carrier = mtm_block_new(MTM_FAST_MAX);
        assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_OK);
        assert_true(core_is(in.slot.block, size, size));
        mtm_delivery_done(&in, false);
        core_incoming_free(&in);
        assert_next(buffer, MTM_EMPTY);
    }
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it counts like the long way", it_counts_like_the_long_way),
        CORE_TEST("what was there is outdated", what_was_there_is_outdated),
        CORE_TEST("the new one may come back", the_new_one_may_come_back),
        CORE_TEST("what is not simple is refused", what_is_not_simple_is_refused),
        CORE_TEST("bounded buffers are refused", bounded_buffers_are_refused),
        CORE_TEST("a bell is refused", a_bell_is_refused),
        CORE_TEST("a busy buffer is left alone", a_busy_buffer_is_left_alone),
        CORE_TEST("it wakes who waits", it_wakes_who_waits),
        CORE_TEST("the order is that of the long way", the_order_is_that_of_the_long_way),
        CORE_TEST("the bytes are those of the message", the_bytes_are_those_of_the_message),
    };
    return UNIT_RUN(tests);
}
