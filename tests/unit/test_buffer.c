/* Tests of one buffer: making, adding, setting, clearing, counting, abort and close, by one
 * thread and by many. They own the buffers. */
#include "bell.h"

static void it_is_made_as_told(void **state)
{
    (void)state;
    char name[] = "a\0b";
    const struct mtm_buffer_options options = {
        .name = name, .name_len = 3, .size = 5000, .sized = true, .grow = 2};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_true(core_bytes >= 5000); /* an explicitly given size is allocated at once */
    name[0] = 'x';
    assert_int_equal(buffer->object.name->len, 3);
    assert_memory_equal(buffer->object.name->bytes, "a\0b", 3);
    assert_int_equal(buffer->object.kind, MTM_BUFFER);
    assert_null(buffer->object.owner);
    core_drop_buffer(buffer);
    buffer = core_buffer(NULL);
    assert_null(buffer->object.name);
    assert_true(core_bytes < 5000);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    core_drop_buffer(buffer);
}

/* Sizes that cannot be had, and memory that is not there. */
static void one_that_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    const uint32_t before = core_blocks;
    const struct mtm_buffer_options options[] = {
        {.size = SIZE_MAX, .sized = true, .grow = 2},
        {.size = SIZE_MAX, .grow = 0},
        {.name = "x", .name_len = SIZE_MAX, .grow = 2},
        {.name = "x", .name_len = SIZE_MAX - sizeof(struct mtm_buffer), .grow = 2},
    };
    for (size_t i = 0; i < 2 * sizeof options / sizeof *options; ++i) {
        struct mtm_buffer_options these = options[i / 2];
        struct mtm_buffer *buffer = NULL;
        if (i % 2) these.listener = listener;
        assert_int_equal(mtm_buffer_new(&these, &buffer), MTM_NOMEM);
        assert_null(buffer);
        assert_int_equal(core_blocks, before);
    }
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void *fill_table(size_t size)
{
    if (size >= 64 * 2 * sizeof(void *))
        mtm_abort_all(true); /* comes between joining and the id */
    return core_alloc(size);
}

/* It has joined its listener already. */
static void one_that_is_refused_at_last_leaves_its_listener(void **state)
{
    (void)state;
    static const struct mtm_allocator aborting = {fill_table, core_resize, core_free};
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *b[80], *refused = NULL;
    const struct mtm_buffer_options options = {.size = 10, .grow = 2, .listener = listener};
    int count = 0;
    mtm_alloc_use(&aborting);
    while (mtm_buffer_new(&options, &refused) == MTM_OK) b[count++] = refused;
    mtm_alloc_use(&core_allocator);
    assert_true(mtm_is_aborted_all());
    assert_int_equal(listener->connected, count);
    mtm_abort_all(false);
    for (int i = 0; i < count; ++i) core_drop_buffer(b[i]);
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void set_replaces_all(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    assert_int_equal(core_set(buffer, 1), MTM_OK);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    for (uint32_t i = 2; i < 100; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    assert_int_equal(core_set(buffer, 100), MTM_OK);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    assert_int_equal(core_add(buffer, 101), MTM_OK);
    assert_delivers(buffer, 100, 101);
    assert_next(buffer, MTM_EMPTY);
    core_drop_buffer(buffer);
}

/* What it says of each state is the same for adding, setting and taking. */
static void aborted_or_closed_it_refuses(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    for (int again = 0; again < 2; ++again) {
        mtm_buffer_abort(buffer, true);
        assert_int_equal(core_add(buffer, 2), MTM_ABORTED);
        assert_int_equal(core_set(buffer, 2), MTM_ABORTED);
        assert_next(buffer, MTM_ABORTED);
        assert_int_equal(mtm_buffer_count(buffer), 1);
    }
    mtm_buffer_abort(buffer, false);
    assert_delivers(buffer, 1);
    assert_int_equal(core_add(buffer, 3), MTM_OK);
    mtm_buffer_abort(buffer, true);
    assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK); /* works on an aborted one */
    assert_int_equal(mtm_buffer_count(buffer), 0);
    for (int again = 0; again < 2; ++again) {
        mtm_buffer_close(buffer);
        assert_int_equal(core_add(buffer, 2), MTM_CLOSED);
        assert_int_equal(core_set(buffer, 2), MTM_CLOSED);
        assert_int_equal(mtm_buffer_clear(buffer, again), MTM_CLOSED);
        assert_next(buffer, MTM_CLOSED);
    }
    core_drop_buffer(buffer);
}

static void closing_frees_the_messages(void **state)
{
    (void)state;
    static unsigned char bytes[9000];
    struct mtm_message message = core_message(bytes, sizeof bytes);
    for (int sized = 0; sized < 2; ++sized) {
        const struct mtm_buffer_options options = {.size = 20000, .sized = sized, .grow = 2};
        struct mtm_buffer *buffer, *other = core_buffer(NULL);
        const uint32_t before = core_blocks;
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
        for (uint32_t i = 0; i < 50; ++i) {
            assert_int_equal(core_add(buffer, i), MTM_OK);
            assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
        }
        mtm_buffer_close(buffer);
        assert_int_equal(mtm_buffer_count(buffer), 0);
        assert_int_equal(core_blocks, before + 1);
        core_drop_buffer(buffer);
        core_drop_buffer(other);
    }
}

/* ---- counting, meanwhile ---- */

struct counted {
    struct mtm_buffer *buffer;
    mtm_a32 over;
    size_t least, most; /* of what was counted */
    uint32_t looks;
};

static void *count(void *opaque)
{
    struct counted *c = opaque;
    while (!mtm_load_seq(&c->over) || c->looks < 1000) {
        size_t now = mtm_buffer_count(c->buffer);
        if (now < c->least) c->least = now;
        if (now > c->most) c->most = now;
        ++c->looks;
    }
    return NULL;
}

enum play { REPLACING, REPLACING_TWO, RETURNING, CLEARING, PLAYS };

static void play(struct mtm_buffer *buffer, enum play play)
{
    struct mtm_delivery in;
    switch (play) {
        case REPLACING: assert_int_equal(core_set(buffer, 1), MTM_OK); break;
        case REPLACING_TWO:
            assert_int_equal(core_add(buffer, 1), MTM_OK);
            assert_int_equal(core_set(buffer, 1), MTM_OK);
            break;
        case RETURNING:
            assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
            mtm_delivery_put_back(&in);
            core_incoming_free(&in);
            break;
        default:
            for (int i = 0; i < 3; ++i) assert_int_equal(core_add(buffer, 1), MTM_OK);
            assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
    }
}

/* Never a number that it did not have at some moment. */
static void the_count_was_true_once(void **state)
{
    (void)state;
    static const size_t least[PLAYS] = {1, 1, 0, 0}, most[PLAYS] = {1, 2, 1, 4};
    for (enum play which = REPLACING; which < PLAYS; ++which) {
        struct counted c = {.buffer = core_buffer(NULL), .least = SIZE_MAX};
        pthread_t thread;
        assert_int_equal(core_add(c.buffer, 1), MTM_OK);
        unit_start(&thread, 1, count, &c);
        for (int i = 0; i < 20000; ++i) play(c.buffer, which);
        mtm_store_seq(&c.over, 1);
        unit_join(&thread, 1);
        assert_true(c.least >= least[which]);
        assert_true(c.most <= most[which]);
        core_drop_buffer(c.buffer);
    }
}

/* ---- thresholds, meanwhile ---- */

enum { PAIRS = 5000 };

static void *add_pairs(void *opaque)
{
    for (int i = 0; i < PAIRS; ++i) {
        if (core_add(opaque, 1) != MTM_OK) return NULL;
    }
    return opaque;
}

/* An add calls the one unless the buffer was empty; a take the other if the buffer is empty
 * then. It becomes empty as often as it ceases to be. */
static void thresholds_count_exactly(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell above = {0}, below = {0};
    pthread_t threads[2];
    uint32_t number, taken = 0;
    bell_connect(&above, buffer, MTM_ADDED, 1);
    bell_connect(&below, buffer, MTM_TAKEN, 1);
    unit_start(threads, 2, add_pairs, buffer);
    while (taken < 2 * PAIRS) {
        enum mtm_status status = core_next(&buffer->object, 0, &number);
        if (status == MTM_OK) ++taken;
        else mtm_plat_yield();
    }
    unit_join(threads, 2);
    assert_int_equal(below.rings, 2 * PAIRS - above.rings);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    core_drop_buffer(buffer);
}

struct making {
    struct mtm_listener *listener;
    enum mtm_status status;
};

static void *make_one(void *opaque)
{
    struct making *making = opaque;
    const struct mtm_buffer_options options = {
        .size = 100, .grow = 2, .listener = making->listener};
    struct mtm_buffer *buffer = NULL;
    making->status = mtm_buffer_new(&options, &buffer);
    return NULL;
}

/* It has joined and is refused by the registry; meanwhile somebody walks over the members. */
static void one_that_is_refused_while_visited_goes_with_the_visit(void **state)
{
    (void)state;
    struct making making = {core_listener(), MTM_OK};
    struct mtm_buffer *visited = NULL;
    const uint32_t before = core_blocks;
    pthread_t thread;
    mtm_registry_set_abort(true);
    mtm_registry_lock();
    unit_start(&thread, 1, make_one, &making);
    while (mtm_load_acq(&making.listener->connected) == 0) mtm_plat_yield();
    assert_true(mtm_listener_step(making.listener, &visited, false));
    assert_non_null(visited);
    mtm_registry_unlock();
    unit_join(&thread, 1);
    mtm_registry_set_abort(false);
    assert_int_equal(making.status, MTM_ABORTED);
    assert_true(core_blocks > before);
    assert_true(mtm_listener_step(making.listener, &visited, false));
    assert_null(visited);
    assert_int_equal(core_blocks, before);
    assert_next(making.listener, MTM_NO_BUFFERS);
    core_drop_listener(making.listener);
}

static void *take_one(void *opaque)
{
    struct mtm_buffer *buffer = opaque;
    uint32_t number = 0;
    bool taken = core_next(&buffer->object, MTM_FOREVER, &number) == MTM_OK && number == 1;
    return taken ? buffer : NULL;
}

/* A take that waits for the one lock finds that it needs both by now. */
static void a_take_that_has_to_count_starts_anew(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_lock *head = &buffer->queue.head.lock;
    void *result = NULL;
    pthread_t thread;
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    mtm_buffer_lock_both(buffer);
    unit_start(&thread, 1, take_one, buffer);
    core_await_parked(head);
    mtm_set_unusual(&buffer->queue.head.unusual, MTM_UNUSUAL_COUNT, true); /* as by plugging */
    mtm_buffer_unlock_both(buffer);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, buffer);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    core_drop_buffer(buffer);
}

static void *add_one(void *opaque)
{
    return core_add(opaque, 1) == MTM_ABORTED ? opaque : NULL;
}

static void an_add_that_waits_for_the_lock_sees_the_abort(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    void *result = NULL;
    pthread_t thread;
    mtm_buffer_lock_both(buffer);
    unit_start(&thread, 1, add_one, buffer);
    core_await_parked(&buffer->queue.tail.lock);
    mtm_object_change(&buffer->object, MTM_IS_ABORTED, 0);
    mtm_buffer_unlock_both(buffer);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, buffer);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("it is made as told", it_is_made_as_told),
        CORE_TEST("one that cannot be made leaves nothing",
                  one_that_cannot_be_made_leaves_nothing),
        CORE_TEST("one that is refused at last leaves its listener",
                  one_that_is_refused_at_last_leaves_its_listener),
        CORE_TEST("set replaces all", set_replaces_all),
        CORE_TEST("aborted or closed it refuses", aborted_or_closed_it_refuses),
        CORE_TEST("closing frees the messages", closing_frees_the_messages),
        CORE_TEST("the count was true once", the_count_was_true_once),
        CORE_TEST("thresholds count exactly", thresholds_count_exactly),
        CORE_TEST("one that is refused while it is visited goes with the visit",
                  one_that_is_refused_while_visited_goes_with_the_visit),
        CORE_TEST("a take that has to count starts anew", a_take_that_has_to_count_starts_anew),
        CORE_TEST("an add that waits for the lock sees the abort",
                  an_add_that_waits_for_the_lock_sees_the_abort),
    };
    return UNIT_RUN(tests);
}
