/* Tests of the short way to add and to take: it does what the long way does, or nothing at all.
 * They own the buffers. */
#include "bell.h"

#include "core/fast_path.h"

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
    unsigned char bytes[MTM_FAST_MAX];
    core_fill(bytes, number, size);
    return mtm_fast_add(buffer, bytes, size);
}

static void add_long_way(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    unsigned char bytes[MTM_FAST_MAX];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
}

static void assert_bytes(const unsigned char *bytes, uint32_t number, size_t size)
{
    for (size_t i = 0; i < size; ++i) {
        assert_int_equal(bytes[i], core_byte(number, size, i));
    }
}

/* Whether the message with these bytes was taken the short way. Bytes that look like a word are
 * taken at once. */
static bool take(struct mtm_buffer *buffer, uint32_t number, size_t size, bool take_bytes)
{
    struct mtm_peeked peeked;
    unsigned char bytes[MTM_WORD_VALUE];
    switch (mtm_fast_peek(buffer, &peeked, NULL)) {
        case MTM_FOUND_WORD:
            mtm_wire_put_word(bytes, peeked.word);
            assert_int_equal(mtm_wire_word_size(peeked.word.tag), size);
            assert_bytes(bytes, number, size);
            return true;
        case MTM_FOUND_BYTES:
            assert_int_equal(peeked.size, size);
            assert_bytes(peeked.bytes, number, size);
            return take_bytes && mtm_fast_take(buffer, &peeked);
        default: return false;
    }
}

/* The message that the long way takes. */
static void take_long_way(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    struct mtm_wait wait = {.timeout = 0};
    struct mtm_delivery in = {.slot = {.limit = SIZE_MAX}};
    in.slot.carrier = mtm_block_new(MTM_FAST_MAX);
    assert_int_equal(mtm_receive(&buffer->object, &wait, &in), MTM_OK);
    assert_true(core_is(in.slot.block, number, size));
    mtm_delivery_done(&in, false);
    core_incoming_free(&in);
}

/* Both ways in turn, with every size, over many rings; the count is right at every step. */
static void it_goes_with_the_long_way(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    uint32_t in = 0, out = 0, short_adds = 0, short_takes = 0;
    for (uint32_t round = 0; round < 3000; ++round) {
        bool filling = round / 100 % 2 == 0;
        for (uint32_t n = round % 4 + filling; n > 0; --n, ++in) {
            size_t size = in * 7 % (MTM_FAST_MAX + 1);
            if (in % 3 && add(buffer, in, size)) ++short_adds;
            else add_long_way(buffer, in, size);
        }
        for (uint32_t n = round % 3 + !filling; n > 0 && out < in; --n, ++out) {
            size_t size = out * 7 % (MTM_FAST_MAX + 1);
            if (take(buffer, out, size, out % 4)) ++short_takes;
            else take_long_way(buffer, out, size);
        }
        assert_int_equal(mtm_buffer_count(buffer), in - out);
    }
    assert_true(short_adds > in / 2);
    assert_true(short_takes > out / 3);
    core_drop_buffer(buffer);
}

static struct mtm_word word_of(unsigned number)
{
    static const uint64_t words[] = {0, 1, 255, 256, UINT64_MAX, 0x8000000000000000u};
    struct mtm_word word = {.tag = (unsigned char)(MTM_TAG_BOOLEAN + number % 4)};
    word.bits = words[number % 6];
    if (mtm_wire_word_size(word.tag) == 2) word.bits &= 255;
    return word;
}

/* Up to the end of many rings, and between other messages. */
static void words_go_in_and_come_out(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_peeked peeked;
    unsigned taken = 0;
    for (unsigned round = 0; round < 3000; ++round) {
        struct mtm_word word = word_of(round);
        if (!mtm_fast_add_word(buffer, word)) {
            add_long_way(buffer, round, 9);
            take_long_way(buffer, round, 9);
            continue;
        }
        assert_int_equal(mtm_buffer_count(buffer), 1);
        if (mtm_fast_peek(buffer, &peeked, NULL) == MTM_FOUND_WORD) {
            assert_int_equal(peeked.word.tag, word.tag);
            assert_true(peeked.word.bits == word.bits);
            ++taken;
        } else {
            assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK); /* at a ring's end */
        }
        assert_int_equal(mtm_buffer_count(buffer), 0);
    }
    assert_true(taken > 2000);
    core_drop_buffer(buffer);
}

static void a_listener_gets_what_came_the_short_way(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = used_buffer(listener);
    for (uint32_t i = 0; i < 20; ++i) {
        struct mtm_delivery in;
        assert_true(add(buffer, i, 5));
        assert_int_equal(core_take(&listener->object, &in), MTM_OK);
        assert_ptr_equal(in.from, buffer);
        assert_true(core_is(in.slot.block, i, 5));
        mtm_delivery_done(&in, false);
        core_incoming_free(&in);
    }
    core_drop_buffer(buffer);
    core_drop_listener(listener);
}

/* Each of these buffers needs the long way. */
static void what_is_not_simple_is_refused(void **state)
{
    (void)state;
    const struct mtm_buffer_options fixed = {.size = 100, .grow = 0};
    struct mtm_buffer *b[4];
    struct bell bell = {0};
    assert_int_equal(mtm_buffer_new(&fixed, &b[0]), MTM_OK);
    for (int i = 1; i < 4; ++i) b[i] = used_buffer(NULL);
    for (int i = 0; i < 4; ++i) add_long_way(b[i], 1, 5);
    mtm_buffer_close(b[1]);
    mtm_buffer_abort(b[2], true);
    bell_connect(&bell, b[3], MTM_ADDED, 0);
    for (int i = 0; i < 4; ++i) {
        size_t before = mtm_buffer_count(b[i]);
        assert_false(add(b[i], 2, 5));
        assert_false(mtm_fast_add_word(b[i], word_of(0)));
        assert_int_equal(mtm_buffer_count(b[i]), before);
    }
    assert_int_equal(bell.rings, 0);
    for (int i = 0; i < 4; ++i) core_drop_buffer(b[i]);
}

enum block { CLOSED, ABORTED, NOTIFIED, PUT_BACK, EMPTY, BLOCKS };

static void block_takes(struct mtm_buffer *buffer, enum block block, struct bell *bell)
{
    struct mtm_delivery in;
    if (block == CLOSED) mtm_buffer_close(buffer);
    if (block == ABORTED) mtm_buffer_abort(buffer, true);
    if (block == NOTIFIED) bell_connect(bell, buffer, MTM_TAKEN, 0);
    if (block == EMPTY) assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    if (block != PUT_BACK) return;
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    mtm_delivery_put_back(&in);
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
            assert_int_equal(core_add(buffer, 1), MTM_OK);
            if (!between) block_takes(buffer, block, &bell);
            const enum mtm_found blocked =
                block == CLOSED || block == EMPTY ? MTM_FOUND_EMPTY : MTM_FOUND_NOTHING;
            assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL),
                             between ? MTM_FOUND_BYTES : blocked);
            if (between) block_takes(buffer, block, &bell);
            size_t before = mtm_buffer_count(buffer);
            if (between) assert_false(mtm_fast_take(buffer, &peeked));
            assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), blocked);
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
    for (int replaced = 0; replaced < 2; ++replaced) {
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(core_add(buffer, 1), MTM_OK);
        assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
        if (replaced) assert_int_equal(core_set(buffer, 1), MTM_OK);
        else assert_delivers(buffer, 1);
        assert_false(mtm_fast_take(buffer, &peeked));
        assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
        assert_true(mtm_fast_take(buffer, &peeked));
        assert_false(mtm_fast_take(buffer, &peeked)); /* only once */
        assert_next(buffer, MTM_EMPTY);
    }
    core_drop_buffer(buffer);
}

struct visit {
    struct mtm_buffer *buffer;
    struct mtm_peeked peeked;
    bool added, found, taken_later;
};

static void *visit(void *opaque)
{
    struct visit *visit = opaque;
    visit->added = mtm_fast_add(visit->buffer, (const unsigned char *)"x", 1);
    visit->taken_later = mtm_fast_take(visit->buffer, &visit->peeked);
    visit->found = mtm_fast_peek(visit->buffer, &visit->peeked, NULL) != MTM_FOUND_NOTHING;
    return NULL;
}

static void a_busy_buffer_is_left_alone(void **state)
{
    (void)state;
    struct visit v = {.buffer = used_buffer(NULL)};
    assert_int_equal(core_add(v.buffer, 1), MTM_OK);
    assert_true(mtm_fast_add_word(v.buffer, word_of(0)));
    assert_int_equal(mtm_fast_peek(v.buffer, &v.peeked, NULL), MTM_FOUND_BYTES);
    core_despite(&v.buffer->queue.head.lock, visit, &v);
    assert_true(v.added && !v.taken_later && !v.found);
    assert_int_equal(mtm_buffer_count(v.buffer), 3);
    core_despite(&v.buffer->queue.tail.lock, visit, &v);
    assert_true(!v.added && v.taken_later && v.found); /* and the word, too, has been taken */
    assert_int_equal(mtm_buffer_count(v.buffer), 1);
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
        core_await_waiters(&buffer->source.waiters, 1);
        if (i % 2) unit_linger(UNIT_MS / 2);
        while (!add(buffer, 2, 4)) mtm_plat_yield();
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_non_null(result);
    }
    core_drop_buffer(buffer);
}

/* The bytes at the ring's end are free, those at its beginning too; but not enough together. */
static void a_full_ring_takes_no_more(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 256, .sized = true, .grow = 2};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    add_long_way(buffer, 1, 99);
    add_long_way(buffer, 2, 99);
    take_long_way(buffer, 1, 99);
    add_long_way(buffer, 3, 99); /* around the end */
    assert_false(add(buffer, 4, 99));
    assert_true(add(buffer, 4, 30));
    take_long_way(buffer, 2, 99);
    take_long_way(buffer, 3, 99);
    take_long_way(buffer, 4, 30);
    core_drop_buffer(buffer);
}

/* Around the end of the ring several times, in one part and in two. */
static void long_messages_are_copied_before_they_are_taken(void **state)
{
    (void)state;
    static const size_t sizes[] = {255, 300, 1000, 4095, MTM_COPIED_MAX};
    static unsigned char bytes[MTM_COPIED_MAX];
    const struct mtm_buffer_options options = {.size = 10000, .sized = true, .grow = 2};
    struct mtm_buffer *buffer = NULL;
    struct mtm_peeked peeked;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    for (uint32_t i = 0; i < 50; ++i) {
        const size_t size = sizes[i % 5], first = i % 3 == 0 ? 0 : size / 3;
        struct mtm_message message;
        core_fill(bytes, i, size);
        mtm_message_init(&message);
        mtm_message_add(&message, bytes, first);
        mtm_message_add(&message, bytes + first, size - first);
        assert_true(mtm_fast_add_message(buffer, &message));
        assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
        assert_int_equal(peeked.size, size);
        assert_bytes(peeked.bytes, i, size);
        assert_int_equal(mtm_buffer_count(buffer), 1);
        assert_true(mtm_fast_take(buffer, &peeked));
        assert_int_equal(mtm_buffer_count(buffer), 0);
    }
    core_drop_buffer(buffer);
}

static void larger_messages_are_left_to_the_long_way(void **state)
{
    (void)state;
    static unsigned char bytes[MTM_COPIED_MAX + 1];
    for (int sized = 0; sized <= 1; ++sized) { /* in a block, and in the ring */
        const struct mtm_buffer_options options = {.size = 10000, .sized = sized, .grow = 2};
        struct mtm_buffer *buffer = NULL;
        struct mtm_message message = core_message(bytes, sizeof bytes);
        struct mtm_peeked peeked;
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
        assert_false(mtm_fast_add_message(buffer, &message));
        assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
        assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_NOTHING);
        assert_int_equal(mtm_buffer_count(buffer), 1);
        core_drop_buffer(buffer);
    }
}

/* The first message is put back between the look at the second one and the take. */
static void what_was_put_back_goes_first(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_delivery in;
    struct mtm_peeked peeked;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(core_add(buffer, 2), MTM_OK);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
    mtm_delivery_put_back(&in);
    core_incoming_free(&in);
    assert_false(mtm_fast_take(buffer, &peeked));
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_NOTHING);
    assert_delivers(buffer, 1, 2);
    core_drop_buffer(buffer);
}

/* The new message has the number of the old one, and looks the same. */
static void the_only_message_may_be_replaced(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_peeked peeked;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
    assert_int_equal(core_set(buffer, 1), MTM_OK);
    assert_false(mtm_fast_take(buffer, &peeked));
    assert_delivers(buffer, 1);
    assert_next(buffer, MTM_EMPTY);
    core_drop_buffer(buffer);
}

static bool is_tiny(struct mtm_word word)
{
    return word.bits < 100;
}

static bool is_small(struct mtm_word word)
{
    return word.bits < 1000;
}

/* Whatever else there is stays, and is not even copied. */
static void only_a_word_is_taken_at_once(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    const struct mtm_word small = {MTM_TAG_BYTE, 7}, large = {MTM_TAG_BYTE, 255};
    struct mtm_word word;
    bool more;
    assert_true(mtm_fast_add_word(buffer, small));
    assert_true(mtm_fast_add_word(buffer, large));
    assert_true(add(buffer, 1, 15));
    assert_true(mtm_fast_take_word(buffer, 0, is_tiny, &word, &more));
    assert_int_equal(word.bits, 7);
    assert_true(more);
    assert_false(mtm_fast_take_word(buffer, 0, is_tiny, &word, &more));
    assert_true(mtm_fast_take_word(buffer, 0, NULL, &word, &more));
    assert_int_equal(word.bits, 255);
    assert_false(mtm_fast_take_word(buffer, 0, NULL, &word, &more));
    assert_int_equal(mtm_buffer_count(buffer), 1);
    core_drop_buffer(buffer);
}

/* A word that is not plain stays, and has only been copied. */
static void what_is_no_plain_word_stays(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = used_buffer(NULL);
    struct mtm_peeked peeked;
    const struct mtm_word small = {MTM_TAG_INTEGER, 999}, large = {MTM_TAG_INTEGER, 1000};
    assert_true(mtm_fast_add_word(buffer, small));
    assert_true(mtm_fast_add_word(buffer, large));
    assert_int_equal(mtm_fast_peek(buffer, &peeked, is_small), MTM_FOUND_WORD);
    assert_int_equal(peeked.word.bits, 999);
    assert_int_equal(mtm_fast_peek(buffer, &peeked, is_small), MTM_FOUND_BYTES);
    assert_int_equal(peeked.size, MTM_WORD_VALUE);
    assert_int_equal(mtm_wire_get_word(peeked.bytes).bits, 1000);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    assert_true(mtm_fast_take(buffer, &peeked));
    assert_next(buffer, MTM_EMPTY);
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it goes with the long way", it_goes_with_the_long_way),
        CORE_TEST("words go in and come out", words_go_in_and_come_out),
        CORE_TEST("a listener gets what came the short way",
                  a_listener_gets_what_came_the_short_way),
        CORE_TEST("what is not simple is refused", what_is_not_simple_is_refused),
        CORE_TEST("what cannot be taken stays", what_cannot_be_taken_stays),
        CORE_TEST("what was peeked is what is taken", what_was_peeked_is_what_is_taken),
        CORE_TEST("only a word is taken at once", only_a_word_is_taken_at_once),
        CORE_TEST("what is no plain word stays", what_is_no_plain_word_stays),
        CORE_TEST("a busy buffer is left alone", a_busy_buffer_is_left_alone),
        CORE_TEST("it wakes who waits", it_wakes_who_waits),
        CORE_TEST("a full ring takes no more", a_full_ring_takes_no_more),
        CORE_TEST("long messages are copied before they are taken",
                  long_messages_are_copied_before_they_are_taken),
        CORE_TEST("larger messages are left to the long way",
                  larger_messages_are_left_to_the_long_way),
        CORE_TEST("what was put back goes first", what_was_put_back_goes_first),
        CORE_TEST("the only message may be replaced", the_only_message_may_be_replaced),
    };
    return UNIT_RUN(tests);
}
