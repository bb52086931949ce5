/* Tests of the short way to add and to take: it does what the long way does, or nothing at all.
 * They own the buffers. */
#include "bell.h"

#include "core/shortcut.h"

static bool never(const unsigned char *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return false;
}

static bool always(const unsigned char *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return true;
}

/* The first message makes room, which takes the long way. */
static struct mtm_buffer *used_buffer(struct mtm_listener *listener)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_delivers(buffer, 1);
    return buffer;
}

static bool add(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    unsigned char bytes[MTM_SHORTCUT_MAX];
    core_fill(bytes, number, size);
    return mtm_shortcut_add(buffer, bytes, size);
}

static void add_long_way(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    unsigned char bytes[MTM_SHORTCUT_MAX];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
}

static void assert_peeked(const struct mtm_peeked *peeked, uint32_t number, size_t size)
{
    assert_int_equal(peeked->size, size);
    for (size_t i = 0; i < size; ++i) {
        assert_int_equal(peeked->bytes[i], core_byte(number, size, i));
    }
}

/* The message that the long way takes. */
static void take_long_way(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    struct mtm_wait wait = {.timeout = 0};
    struct mtm_incoming in = {.slot = {.limit = SIZE_MAX}};
    in.slot.carrier = mtm_block_new(MTM_SHORTCUT_MAX);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_OK);
    assert_true(core_is(in.slot.block, number, size));
    mtm_incoming_done(&in, false);
    core_incoming_free(&in);
}

/* Both ways in turn, with every size, over many rings; the count is right at every step. */
static void it_goes_with_the_long_way(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_peeked peeked;
    uint32_t in = 0, out = 0, short_adds = 0, short_takes = 0;
    for (uint32_t round = 0; round < 3000; ++round) {
        bool filling = round / 100 % 2 == 0, taken;
        for (uint32_t n = round % 4 + filling; n > 0; --n, ++in) {
            size_t size = in * 7 % (MTM_SHORTCUT_MAX + 1);
            if (in % 3 && add(buffer, in, size)) ++short_adds;
            else add_long_way(buffer, in, size);
        }
        for (uint32_t n = round % 3 + !filling; n > 0 && out < in; --n, ++out) {
            size_t size = out * 7 % (MTM_SHORTCUT_MAX + 1);
            bool found = mtm_shortcut_peek(buffer, &peeked, out % 2 ? always : never, &taken);
            if (found) assert_peeked(&peeked, out, size);
            if (found && out % 2) assert_true(taken);
            else assert_false(taken);
            if (found && (taken || (out % 4 && mtm_shortcut_take(buffer, &peeked))))
                ++short_takes;
            else take_long_way(buffer, out, size);
        }
        assert_int_equal(mtm_buffer_count(buffer), in - out);
    }
    assert_true(short_adds > in / 2);
    assert_true(short_takes > out / 3);
    core_drop_buffer(buffer);
}

/* Each of these buffers needs the long way. */
static void what_is_not_simple_is_refused(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    const struct mtm_buffer_options fixed = {.size = 100, .grow = 0};
    struct mtm_buffer *b[5];
    struct bell bell = {0};
    for (int i = 0; i < 5; ++i) b[i] = used_buffer(i == 0 ? listener : NULL);
    core_drop_buffer(b[1]);
    assert_int_equal(mtm_buffer_new(&fixed, &b[1]), MTM_OK);
    for (int i = 0; i < 5; ++i) add_long_way(b[i], 1, 5);
    mtm_buffer_close(b[2]);
    mtm_buffer_abort(b[3], true);
    bell_connect(&bell, b[4], MTM_ADDED, 0);
    for (int i = 0; i < 5; ++i) {
        size_t before = mtm_buffer_count(b[i]);
        assert_false(add(b[i], 2, 5));
        assert_int_equal(mtm_buffer_count(b[i]), before);
    }
    assert_int_equal(bell.rings, 0);
    for (int i = 0; i < 5; ++i) core_drop_buffer(b[i]);
    core_drop_listener(listener);
}

enum block { CLOSED, ABORTED, NOTIFIED, PUT_BACK, EMPTY, BLOCKS };

static void block_takes(struct mtm_buffer *buffer, enum block block, struct bell *bell)
{
    struct mtm_incoming in;
    if (block == CLOSED) mtm_buffer_close(buffer);
    if (block == ABORTED) mtm_buffer_abort(buffer, true);
    if (block == NOTIFIED) bell_connect(bell, buffer, MTM_TAKEN, 0);
    if (block == EMPTY) assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    if (block != PUT_BACK) return;
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    mtm_incoming_back(&in);
    core_incoming_free(&in);
}

/* Whether it happens before the look, or between the look and the take. */
static void what_cannot_be_taken_stays(void **state)
{
    (void)state;
    for (enum block block = CLOSED; block < BLOCKS; ++block) {
        for (int between = 0; between < 2; ++between) {
            struct mtm_buffer *buffer = used_buffer(NULL);
            struct mtm_peeked peeked;
            struct bell bell = {0};
            bool taken;
            assert_int_equal(core_add(buffer, 1), MTM_OK);
            if (!between) block_takes(buffer, block, &bell);
            assert_int_equal(mtm_shortcut_peek(buffer, &peeked, never, &taken), between);
            if (between) block_takes(buffer, block, &bell);
            size_t before = mtm_buffer_count(buffer);
            if (between) assert_false(mtm_shortcut_take(buffer, &peeked));
            assert_false(mtm_shortcut_peek(buffer, &peeked, always, &taken));
            assert_false(taken);
            assert_int_equal(mtm_buffer_count(buffer), before);
            core_drop_buffer(buffer);
            assert_int_equal(bell.rings, 0);
        }
    }
}

/* Somebody took it, and the next one looks the same; or it was replaced by one that does. */
static void what_was_peeked_is_what_is_taken(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_peeked peeked;
    bool taken;
    for (int replaced = 0; replaced < 2; ++replaced) {
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_true(mtm_shortcut_peek(buffer, &peeked, never, &taken));
        if (replaced) assert_int_equal(core_set(buffer, 1), MTM_OK);
        else assert_delivers(buffer, 1);
        assert_false(mtm_shortcut_take(buffer, &peeked));
        assert_true(mtm_shortcut_peek(buffer, &peeked, never, &taken));
        assert_true(mtm_shortcut_take(buffer, &peeked));
        assert_false(mtm_shortcut_take(buffer, &peeked)); /* only once */
        assert_next(buffer, MTM_EMPTY);
    }
    core_drop_buffer(buffer);
}

struct visit {
    struct mtm_buffer *buffer;
    struct mtm_peeked peeked;
    bool added, found, taken, taken_later;
};

static void *visit(void *opaque)
{
    struct visit *visit = opaque;
    visit->added = mtm_shortcut_add(visit->buffer, (const unsigned char *)"x", 1);
    visit->taken_later = mtm_shortcut_take(visit->buffer, &visit->peeked);
    visit->found = mtm_shortcut_peek(visit->buffer, &visit->peeked, always, &visit->taken);
    return NULL;
}

static void a_busy_buffer_is_left_alone(void **state)
{
    (void)state;
    struct visit v = {.buffer = used_buffer(NULL)};
    bool taken;
    assert_int_equal(core_add(v.buffer, 1), MTM_OK);
    assert_true(mtm_shortcut_peek(v.buffer, &v.peeked, never, &taken));
    core_despite(&v.buffer->queue.head.lock, visit, &v);
    assert_true(v.added && !v.taken_later && !v.found && !v.taken);
    core_despite(&v.buffer->queue.tail.lock, visit, &v);
    assert_true(!v.added && v.taken_later && v.found && v.taken);
    assert_next(v.buffer, MTM_EMPTY);
    core_drop_buffer(v.buffer);
}

static void *wait_for_it(void *opaque)
{
    uint32_t number;
    return core_next(opaque, MTM_FOREVER, &number) == MTM_OK ? opaque : NULL;
}

static void it_wakes_who_waits(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    for (int i = 0; i < 20; ++i) {
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &buffer->object), 0);
        unit_await(&buffer->waiters.sleepers, 1);
        if (i % 2) unit_linger(UNIT_MS / 2);
        while (!add(buffer, 2, 4)) mtm_plat_yield();
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_non_null(result);
    }
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it goes with the long way", it_goes_with_the_long_way),
        CORE_TEST("what is not simple is refused", what_is_not_simple_is_refused),
        CORE_TEST("what cannot be taken stays", what_cannot_be_taken_stays),
        CORE_TEST("what was peeked is what is taken", what_was_peeked_is_what_is_taken),
        CORE_TEST("a busy buffer is left alone", a_busy_buffer_is_left_alone),
        CORE_TEST("it wakes who waits", it_wakes_who_waits),
    };
    return UNIT_RUN(tests);
}
