/* Tests of how buffers join and leave a listener: buffers whose last reference has gone,
 * and messages under way from them. They own the listeners. */
#include "core.h"

static struct mtm_buffer *with(struct mtm_listener *listener, uint32_t first, uint32_t last)
{
    struct mtm_buffer *buffer = core_buffer(listener);
    for (uint32_t i = first; i <= last; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    return buffer;
}

static void without_buffers_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    uint32_t number;
    assert_int_equal(core_next(&listener->object, MTM_FOREVER, &number), MTM_NO_BUFFERS);
    struct mtm_buffer *first = core_buffer(listener), *second = core_buffer(listener);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(second);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(first);
    assert_int_equal(core_next(&listener->object, MTM_FOREVER, &number), MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void an_unreferenced_buffer_is_drained(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *gone = with(listener, 1, 3), *other = with(listener, 11, 12);
    struct mtm_object *found;
    const uint64_t id = gone->object.id;
    core_drop_buffer(gone);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_UNKNOWN);
    assert_delivers(listener, 1, 11, 2, 12, 3);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(other);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

/* It leaves with its last message, and its memory with it. */
static void a_drained_buffer_is_freed_at_once(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    uint32_t before = core_blocks;
    struct mtm_buffer *gone = with(listener, 1, 1), *empty = core_buffer(listener);
    assert_true(core_blocks > before);
    core_drop_buffer(empty);
    core_drop_buffer(gone);
    assert_delivers(listener, 1);
    assert_int_equal(core_blocks, before);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

/* Its entry in the ready queue is of no use any more. */
static void an_emptied_buffer_leaves_with_its_entry(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *kept = core_buffer(listener);
    for (int i = 0; i < 3; ++i) {
        struct mtm_buffer *cleared = with(listener, 1, 2), *taken = with(listener, 3, 3);
        if (i > 0) assert_int_equal(core_add(kept, 9), MTM_OK);
        assert_int_equal(mtm_buffer_clear(cleared, false), MTM_OK);
        assert_delivers(taken, 3);
        core_drop_buffer(cleared);
        core_drop_buffer(taken);
        if (i > 0) assert_delivers(listener, 9);
        assert_next(listener, MTM_EMPTY);
        assert_false(mtm_ready_count(listener));
    }
    core_drop_buffer(kept);
    core_drop_listener(listener);
}

/* Until the receiver has finished, the message may come back. */
static void a_message_under_way_counts_as_left(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_delivery in;
    core_drop_buffer(with(listener, 1, 1));
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(core_take(&listener->object, &in), MTM_OK);
        assert_next(listener, MTM_EMPTY);
        mtm_delivery_put_back(&in);
        core_incoming_free(&in);
    }
    assert_int_equal(core_take(&listener->object, &in), MTM_OK);
    assert_int_equal(core_number(in.slot.block), 1);
    mtm_delivery_done(&in, false);
    core_incoming_free(&in);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void several_messages_may_be_under_way(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_delivery in[3];
    core_drop_buffer(with(listener, 1, 3));
    for (int i = 0; i < 3; ++i) assert_int_equal(core_take(&listener->object, &in[i]), MTM_OK);
    mtm_delivery_done(&in[1], false);
    core_incoming_free(&in[1]);
    mtm_delivery_put_back(&in[2]);
    assert_delivers(listener, 3);
    assert_next(listener, MTM_EMPTY);
    mtm_delivery_put_back(&in[0]);
    assert_delivers(listener, 1);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

/* The reference goes while its only message is under way. */
static void a_buffer_released_meanwhile_leaves_afterwards(void **state)
{
    (void)state;
    for (int back = 0; back < 2; ++back) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = with(listener, 1, 1);
        struct mtm_delivery in;
        assert_int_equal(core_take(&listener->object, &in), MTM_OK);
        core_drop_buffer(buffer);
        assert_next(listener, MTM_EMPTY);
        if (back) {
            mtm_delivery_put_back(&in);
            assert_delivers(listener, 1);
        } else {
            mtm_delivery_done(&in, false);
            core_incoming_free(&in);
        }
        assert_next(listener, MTM_NO_BUFFERS);
        core_drop_listener(listener);
    }
}

static void clearing_and_closing_reach_unreferenced_buffers(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    uint32_t before = core_blocks;
    core_drop_buffer(with(listener, 1, 3));
    core_drop_buffer(with(listener, 4, 6));
    assert_int_equal(mtm_listener_clear(listener, false), MTM_OK);
    assert_next(listener, MTM_NO_BUFFERS);
    assert_int_equal(core_blocks, before);
    core_drop_buffer(with(listener, 1, 3));
    core_drop_buffer(with(listener, 4, 6));
    mtm_listener_close(listener);
    assert_int_equal(core_blocks, before);
    core_drop_listener(listener);
}

enum { LARGE = 5000, MOST = 100 };

static struct mtm_listener *joined_when_freeing;
static uint32_t joined;

static void add_large(struct mtm_listener *listener)
{
    static const unsigned char bytes[LARGE];
    struct mtm_message message = core_message(bytes, sizeof bytes);
    struct mtm_buffer *buffer = core_buffer(listener);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
    core_drop_buffer(buffer);
}

static void free_and_join(void *ptr)
{
    struct mtm_listener *listener = joined_when_freeing;
    if (listener && *core_prefix(ptr) >= LARGE && joined < MOST) {
        ++joined;
        add_large(listener);
    }
    core_free(ptr);
}

/* Each message that is thrown away brings a new buffer with a message, as other threads might.
 */
static void a_walk_over_the_buffers_ends(void **state)
{
    (void)state;
    static const struct mtm_allocator joining = {core_alloc, core_resize, free_and_join};
    struct mtm_listener *listener = core_listener();
    mtm_alloc_use(&joining);
    for (int i = 0; i < 3; ++i) add_large(listener);
    joined_when_freeing = listener;
    assert_int_equal(mtm_listener_clear(listener, false), MTM_OK);
    joined_when_freeing = NULL;
    mtm_alloc_use(&core_allocator);
    assert_int_equal(joined, 3);
    core_drop_listener(listener);
}

/* Nobody could re-enable it any more. */
static void unreferenced_buffers_follow_the_listener(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = with(listener, 1, 3);
    mtm_buffer_abort(buffer, true);
    assert_next(listener, MTM_EMPTY);
    core_drop_buffer(buffer);
    assert_delivers(listener, 1);
    mtm_listener_abort(listener, true);
    assert_next(listener, MTM_ABORTED);
    mtm_listener_abort(listener, false);
    assert_delivers(listener, 2);
    mtm_abort_all(true);
    assert_next(listener, MTM_ABORTED);
    mtm_abort_all(false);
    assert_delivers(listener, 3);
    assert_next(listener, MTM_NO_BUFFERS);
    buffer = with(listener, 4, 4);
    mtm_abort_all(true);
    core_drop_buffer(buffer);
    mtm_abort_all(false);
    assert_delivers(listener, 4);
    core_drop_listener(listener);
}

static void what_is_left_goes_with_the_listener(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    for (int i = 0; i < 5; ++i) core_drop_buffer(with(listener, 1, 5));
    core_drop_listener(listener);
    assert_int_equal(core_blocks, 0);
}

static void a_buffer_keeps_its_listener(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = with(listener, 1, 2);
    const uint64_t id = listener->object.id;
    struct mtm_object *found = NULL;
    core_drop_listener(listener);
    assert_int_equal(mtm_registry_find_id(MTM_LISTENER, id, &found), MTM_OK);
    assert_ptr_equal(found, listener);
    assert_delivers(listener, 1);
    core_drop_listener(listener);
    core_drop_buffer(buffer); /* with a message */
    assert_int_equal(mtm_registry_find_id(MTM_LISTENER, id, &found), MTM_UNKNOWN);
    assert_int_equal(core_blocks, 0);
}

struct waiter {
    struct mtm_listener *listener;
    mtm_a32 refused; /* for want of buffers */
};

static void *wait_for_ever(void *opaque)
{
    struct waiter *waiter = opaque;
    uint32_t number;
    if (core_next(&waiter->listener->object, MTM_FOREVER, &number) == MTM_NO_BUFFERS) {
        mtm_add_seq(&waiter->refused, 1);
    }
    return NULL;
}

static void the_last_buffer_wakes_who_waits(void **state)
{
    (void)state;
    struct waiter waiter = {.listener = core_listener()};
    struct mtm_buffer *buffer = core_buffer(waiter.listener);
    pthread_t threads[3];
    unit_start(threads, 3, wait_for_ever, &waiter);
    core_await_waiters(&waiter.listener->source.waiters, 3);
    unit_linger(2 * UNIT_MS);
    core_drop_buffer(buffer);
    unit_join(threads, 3);
    assert_int_equal(waiter.refused, 3);
    core_drop_listener(waiter.listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("without buffers there is nothing to wait for",
                  without_buffers_there_is_nothing_to_wait_for),
        CORE_TEST("an unreferenced buffer is drained", an_unreferenced_buffer_is_drained),
        CORE_TEST("a drained buffer is freed at once", a_drained_buffer_is_freed_at_once),
        CORE_TEST("an emptied buffer leaves with its entry",
                  an_emptied_buffer_leaves_with_its_entry),
        CORE_TEST("a message under way counts as left", a_message_under_way_counts_as_left),
        CORE_TEST("several messages may be under way", several_messages_may_be_under_way),
        CORE_TEST("a buffer released meanwhile leaves afterwards",
                  a_buffer_released_meanwhile_leaves_afterwards),
        CORE_TEST("clear and close reach unreferenced buffers",
                  clearing_and_closing_reach_unreferenced_buffers),
        CORE_TEST("a walk over the buffers ends though others join",
                  a_walk_over_the_buffers_ends),
        CORE_TEST("unreferenced buffers follow the listener",
                  unreferenced_buffers_follow_the_listener),
        CORE_TEST("what is left goes with the listener", what_is_left_goes_with_the_listener),
        CORE_TEST("a buffer keeps its listener", a_buffer_keeps_its_listener),
        CORE_TEST("the last buffer wakes who waits", the_last_buffer_wakes_who_waits),
    };
    return UNIT_RUN(tests);
}
