/* Tests of buffers that are notifiers of buffers: what they get, rings and very long chains of
 * them, and how they are freed. They own the buffers. */
#include "bell.h"

#include <limits.h>

static struct mtm_buffer *small_buffer(struct mtm_listener *listener)
{
    const struct mtm_buffer_options options = {
        .size = 16, .sized = true, .grow = 1, .listener = listener};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static void a_buffer_gets_an_empty_message(void **state)
{
    (void)state;
    struct mtm_buffer *first = core_buffer(NULL), *second = core_buffer(NULL);
    struct mtm_delivery in;
    buffer_connect(second, first, MTM_ADDED, 0);
    assert_int_equal(core_add(first, 1), MTM_OK);
    assert_int_equal(core_take(&second->object, &in), MTM_OK);
    assert_int_equal(in.slot.block->size, 0);
    mtm_delivery_done(&in, false);
    core_incoming_free(&in);
    assert_next(second, MTM_EMPTY);
    core_drop_buffer(first);
    core_drop_buffer(second);
}

/* Each has a threshold of its own. */
static void a_chain_goes_on_as_far_as_it_fires(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *b[4];
    for (int i = 0; i < 4; ++i) b[i] = core_buffer(i % 2 ? listener : NULL);
    buffer_connect(b[1], b[0], MTM_TAKEN, 0);
    buffer_connect(b[2], b[1], MTM_ADDED, 2);
    buffer_connect(b[3], b[2], MTM_ADDED, 0);
    for (uint32_t i = 1; i <= 5; ++i) {
        assert_int_equal(core_add(b[0], i), MTM_OK);
        assert_delivers(b[0], i);
        assert_int_equal(mtm_buffer_count(b[1]), i);
        assert_int_equal(mtm_buffer_count(b[2]), i > 2 ? i - 2 : 0);
        assert_int_equal(mtm_buffer_count(b[3]), i > 2 ? i - 2 : 0);
    }
    for (int i = 0; i < 4; ++i) core_drop_buffer(b[i]);
    core_drop_listener(listener);
}

/* A chain that begins with a removal goes on with additions. */
static void the_end_of_a_chain_is_dropped_where_it_was(void **state)
{
    (void)state;
    struct mtm_buffer *first = core_buffer(NULL), *second = core_buffer(NULL);
    struct bell closed = {.answer = MTM_NOTIFY_CLOSED}, idle = {0};
    buffer_connect(second, first, MTM_TAKEN, 0);
    bell_connect(&closed, second, MTM_ADDED, 0);
    bell_connect(&idle, second, MTM_TAKEN, 0);
    assert_int_equal(core_add(first, 1), MTM_OK);
    assert_delivers(first, 1); /* without waiting, and so without freeing */
    assert_int_equal(closed.released, 0);
    mtm_drop_handed_on();
    assert_int_equal(closed.released, 1);
    assert_int_equal(idle.released, 0);
    core_drop_buffer(first);
    core_drop_buffer(second);
}

enum trouble { CLOSED, ABORTED, FULL, TOO_LARGE, NO_MEMORY, TROUBLES };

static void make_trouble(struct mtm_buffer *buffer, enum trouble trouble)
{
    if (trouble == CLOSED) mtm_buffer_close(buffer);
    if (trouble == ABORTED) mtm_buffer_abort(buffer, true);
    if (trouble == FULL) assert_int_equal(core_add(buffer, 1), MTM_OK);
    if (trouble == NO_MEMORY) core_drought = 1; /* not even for the text */
}

/* Of the second buffer; the text gives the code that its native functions give, too. */
static void trouble_is_told(void **state)
{
    (void)state;
    static const char *const texts[TROUBLES] = {
        [ABORTED] = "Unknown error while calling notifier. (rc=2)",
        [FULL] = "Unknown error while calling notifier. (rc=4)",
        [TOO_LARGE] = "Unknown error while calling notifier. (rc=5)",
        [NO_MEMORY] = "Error while calling notifier: out of memory",
    };
    for (enum trouble trouble = CLOSED; trouble < TROUBLES; ++trouble) {
        const struct mtm_buffer_options options = {.size = trouble == FULL ? 5 : 0,
                                                   .grow = trouble == NO_MEMORY};
        struct mtm_buffer *first = small_buffer(NULL), *second;
        struct mtm_failure failure = {0};
        assert_int_equal(mtm_buffer_new(&options, &second), MTM_OK);
        buffer_connect(second, first, MTM_ADDED, 0);
        make_trouble(second, trouble);
        enum mtm_status expected = trouble == CLOSED ? MTM_OK : MTM_NOTIFIER_FAILED;
        assert_int_equal(bell_add(first, &failure), expected);
        core_drought = 0;
        if (trouble == CLOSED) {
            assert_null(
                mtm_load_rlx(&first->notifier[MTM_ADDED])); /* a closed one is dropped */
        } else {
            assert_text(&failure, texts[trouble]);
            assert_non_null(mtm_load_rlx(&first->notifier[MTM_ADDED]));
        }
        assert_int_equal(mtm_buffer_count(first), 1);
        core_drop_buffer(first);
        core_drop_buffer(second);
    }
}

struct add {
    struct mtm_buffer *buffer;
    struct mtm_failure failure;
    enum mtm_status status;
};

static void *add_nonblock(void *opaque)
{
    struct add *add = opaque;
    struct mtm_message message = core_message("x", 1);
    add->status = mtm_buffer_add(add->buffer, &message, true, &add->failure);
    return NULL;
}

static void a_busy_buffer_makes_nobody_wait(void **state)
{
    (void)state;
    struct add add = {.buffer = core_buffer(NULL)};
    struct mtm_buffer *second = core_buffer(NULL);
    buffer_connect(second, add.buffer, MTM_ADDED, 0);
    core_despite(&second->queue.tail.lock, add_nonblock, &add);
    assert_int_equal(add.status, MTM_OK);
    assert_int_equal(mtm_buffer_count(second), 1);
    assert_null(add.failure.text);
    core_drop_buffer(add.buffer);
    core_drop_buffer(second);
}

/* The end of the chain fails, or is closed: that is the business of the one before it. */
static void the_end_of_a_chain_answers(void **state)
{
    (void)state;
    for (int answer = 0; answer < 3; ++answer) {
        struct mtm_buffer *b[3];
        struct mtm_failure failure = {0};
        struct bell bell = {.answer = answer, .text = answer ? "ding" : NULL}, idle = {0};
        for (int i = 0; i < 3; ++i) b[i] = core_buffer(NULL);
        for (int i = 0; i < 2; ++i) buffer_connect(b[i + 1], b[i], MTM_ADDED, 0);
        bell_connect(&bell, b[2], MTM_ADDED, 0);
        bell_connect(&idle, b[2], MTM_TAKEN, 0);
        assert_int_equal(bell_add(b[0], &failure), answer == 2 ? MTM_NOTIFIER_FAILED : MTM_OK);
        if (answer == 2) assert_text(&failure, "Error while calling notifier: ding");
        for (int i = 0; i < 3; ++i) {
            assert_int_equal(mtm_buffer_count(b[i]), 1);
            bool connected = mtm_load_rlx(&b[i]->notifier[MTM_ADDED]) != NULL;
            assert_int_equal(connected, i < 2 || answer != MTM_NOTIFY_CLOSED);
        }
        assert_int_equal(idle.released, 0);
        for (int i = 0; i < 3; ++i) core_drop_buffer(b[i]);
        assert_int_equal(bell.released, 1);
    }
}

/* ---- rings ---- */

/* `tail` buffers lead to a ring of `length`. It ends at the first buffer met twice. */
static void go_round(uint32_t tail, uint32_t length, enum mtm_event event)
{
    const uint32_t count = tail + length;
    struct mtm_buffer **b = calloc(count, sizeof *b);
    for (uint32_t i = 0; i < count; ++i) b[i] = small_buffer(NULL);
    if (event == MTM_TAKEN) assert_int_equal(core_add(b[0], 5), MTM_OK);
    for (uint32_t i = 0; i < count; ++i) {
        buffer_connect(b[i + 1 < count ? i + 1 : tail], b[i], MTM_ADDED, 0);
    }
    if (event == MTM_TAKEN) {
        mtm_buffer_disconnect(b[0], MTM_ADDED, NULL, false);
        buffer_connect(b[1 % count], b[0], MTM_TAKEN, 0);
        assert_delivers(b[0], 5);
    } else {
        assert_int_equal(core_add(b[0], 1), MTM_OK);
    }
    for (uint32_t i = 0; i < count; ++i) {
        size_t expected = i > 0 || event == MTM_ADDED; /* nobody notifies the first one */
        assert_int_equal(mtm_buffer_count(b[i]), expected);
    }
    for (uint32_t i = 0; i < count; ++i) core_drop_buffer(b[i]);
    free(b);
}

static void a_ring_ends_where_it_closes(void **state)
{
    (void)state;
    for (uint32_t length = 1; length <= 40; ++length) {
        for (uint32_t tail = 0; tail < 3; ++tail) {
            go_round(tail, length, MTM_ADDED);
            if (tail + length > 1) go_round(tail, length, MTM_TAKEN);
        }
    }
    go_round(0, 1000, MTM_ADDED);
    go_round(777, 400, MTM_ADDED);
}

/* Where the way back is to the one that began. */
static void two_buffers_notify_each_other(void **state)
{
    (void)state;
    struct mtm_buffer *first = core_buffer(NULL), *second = core_buffer(NULL);
    buffer_connect(second, first, MTM_ADDED, 0);
    buffer_connect(first, second, MTM_ADDED, 0);
    buffer_connect(second, second, MTM_TAKEN, 0);
    assert_int_equal(core_add(first, 1), MTM_OK);
    assert_int_equal(mtm_buffer_count(first), 1);
    assert_int_equal(mtm_buffer_count(second), 1);
    assert_next(second, MTM_OK); /* is its own notifier: nothing */
    assert_next(second, MTM_EMPTY);
    assert_int_equal(core_add(second, 1), MTM_OK);
    assert_int_equal(mtm_buffer_count(first), 2);
    core_drop_buffer(first);
    core_drop_buffer(second);
}

static void a_long_walk_needs_memory(void **state)
{
    (void)state;
    struct mtm_buffer *b[100];
    struct mtm_failure failure = {0};
    for (int i = 0; i < 100; ++i) b[i] = small_buffer(NULL);
    for (int i = 0; i < 99; ++i) buffer_connect(b[i + 1], b[i], MTM_ADDED, 0);
    core_drought = 1;
    assert_int_equal(bell_add(b[0], &failure), MTM_NOTIFIER_FAILED);
    core_drought = 0;
    assert_text(&failure, "Error while calling notifier: out of memory");
    assert_int_equal(mtm_buffer_count(b[0]), 1);
    for (int i = 0; i < 100; ++i) core_drop_buffer(b[i]);
}

/* ---- very long chains ---- */

enum { LINKS = 100000, STACK = 256 * 1024 };

/* Each is known by the one before it alone. */
static void *walk_and_free(void *opaque)
{
    const bool with_listeners = opaque != NULL;
    struct mtm_buffer *first = NULL, *last = NULL;
    for (int i = 0; i < LINKS; ++i) {
        struct mtm_listener *listener = with_listeners && i % 8 == 0 ? core_listener() : NULL;
        struct mtm_buffer *buffer = small_buffer(listener);
        if (listener) core_drop_listener(listener);
        if (last) buffer_connect(buffer, last, MTM_ADDED, 0);
        if (last && last != first) core_drop_buffer(last);
        if (!first) first = buffer;
        last = buffer;
    }
    enum mtm_status status = core_add(first, 1);
    bool arrived = mtm_buffer_count(last) == 1;
    if (with_listeners) mtm_buffer_clear(last, false);
    core_drop_buffer(last);
    core_drop_buffer(first);
    return status == MTM_OK && arrived && core_blocks == 0 ? &core_blocks : NULL;
}

/* With a stack that would not do for recursion. */
static void a_hundred_thousand_buffers(void **state)
{
    (void)state;
    for (int with_listeners = 0; with_listeners < 2; ++with_listeners) {
        pthread_attr_t attributes;
        pthread_t thread;
        void *result = NULL;
        assert_int_equal(pthread_attr_init(&attributes), 0);
        assert_int_equal(pthread_attr_setstacksize(&attributes, STACK), 0);
        assert_int_equal(pthread_create(&thread, &attributes, walk_and_free,
                                        with_listeners ? &core_blocks : NULL),
                         0);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, &core_blocks);
        pthread_attr_destroy(&attributes);
    }
}

/* ---- rings without handles ---- */

static void rings_are_freed_with_their_last_handle(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL);
    uint32_t before = core_blocks;
    go_round(0, 1, MTM_ADDED);
    go_round(2, 5, MTM_ADDED);
    assert_int_equal(core_blocks, before);
    core_drop_buffer(other);
    assert_int_equal(core_blocks, 0);
}

/* A buffer that nobody can find any more has messages left, and a notifier that keeps its
 * listener. */
static void rings_through_unreferenced_buffers_are_freed(void **state)
{
    (void)state;
    for (int event = 0; event < MTM_EVENTS; ++event) {
        struct mtm_listener *listener[2] = {core_listener(), core_listener()};
        struct mtm_buffer *drained[2], *kept[2];
        for (int i = 0; i < 2; ++i) {
            drained[i] = core_buffer(listener[i]);
            kept[i] = core_buffer(listener[1 - i]);
            assert_int_equal(core_add(drained[i], 1), MTM_OK);
        }
        for (int i = 0; i < 2; ++i)
            buffer_connect(kept[i], drained[i], (enum mtm_event)event, 0);
        for (int i = 0; i < 2; ++i) core_drop_buffer(drained[i]);
        for (int i = 0; i < 2; ++i) core_drop_buffer(kept[i]);
        for (int i = 0; i < 2; ++i) core_drop_listener(listener[i]);
        assert_int_equal(core_blocks, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a buffer gets an empty message", a_buffer_gets_an_empty_message),
        CORE_TEST("a chain goes on as far as it fires", a_chain_goes_on_as_far_as_it_fires),
        CORE_TEST("trouble of a buffer is told", trouble_is_told),
        CORE_TEST("a busy buffer makes nobody wait", a_busy_buffer_makes_nobody_wait),
        CORE_TEST("the end of a chain answers", the_end_of_a_chain_answers),
        CORE_TEST("the end of a chain is dropped where it was",
                  the_end_of_a_chain_is_dropped_where_it_was),
        CORE_TEST("a ring ends where it closes", a_ring_ends_where_it_closes),
        CORE_TEST("two buffers notify each other", two_buffers_notify_each_other),
        CORE_TEST("a long walk needs memory", a_long_walk_needs_memory),
        CORE_TEST("a hundred thousand buffers in a chain", a_hundred_thousand_buffers),
        CORE_TEST("rings are freed with their last handle",
                  rings_are_freed_with_their_last_handle),
        CORE_TEST("rings through unreferenced buffers are freed",
                  rings_through_unreferenced_buffers_are_freed),
    };
    return UNIT_RUN(tests);
}
