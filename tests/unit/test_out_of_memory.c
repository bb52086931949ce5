/* Tests of memory that runs out anywhere: the nth request fails, for every n, in every function
 * that makes one; then nothing has changed and nothing is left. They own the scene. */
#include "bell.h"

#include "core/reader.h"
#include "core/writer.h"

enum { LARGE = 9000 };

/* What the functions are tried on: a listener with a buffer that has messages of all kinds, and
 * no room for more. */
struct scene {
    struct mtm_listener *listener;
    struct mtm_buffer *buffer;
    size_t count;
};

static const unsigned char bytes[LARGE];

static enum mtm_status put(struct mtm_buffer *buffer, size_t size, bool replace)
{
    struct mtm_message message = core_message(bytes, size);
    struct mtm_failure failure = {0};
    enum mtm_status status = replace ? core_set_message(buffer, &message, false, &failure)
                                     : mtm_buffer_add(buffer, &message, false, &failure);
    mtm_failure_free(&failure);
    return status;
}

static void scene_begin(struct scene *s)
{
    static const size_t sizes[] = {1, 300, 2000, LARGE};
    const struct mtm_buffer_options options = {
        .name = "b", .name_len = 1, .size = 64, .sized = true, .grow = 1};
    struct mtm_buffer_options with_listener = options;
    s->listener = core_listener();
    with_listener.listener = s->listener;
    assert_int_equal(mtm_buffer_new(&with_listener, &s->buffer), MTM_OK);
    for (s->count = 0; s->count < 4; ++s->count) {
        assert_int_equal(put(s->buffer, sizes[s->count], false), MTM_OK);
    }
    const struct mtm_tail *tail = &s->buffer->queue.tail;
    for (; tail->written - tail->floor + 10 < tail->segment->cap; ++s->count) {
        assert_int_equal(put(s->buffer, 1, false), MTM_OK);
    }
}

/* The scene is as it was, and works. */
static void scene_end(struct scene *s, size_t count)
{
    assert_int_equal(mtm_buffer_count(s->buffer), count);
    assert_int_equal(put(s->buffer, 1, false), MTM_OK);
    assert_int_equal(s->listener->connected, 1);
    core_drop_buffer(s->buffer);
    core_drop_listener(s->listener);
    assert_int_equal(core_blocks, 0);
}

/* ---- functions that may fail; each leaves the count as it must be then ---- */

static enum mtm_status make_buffer(struct scene *s)
{
    struct mtm_buffer_options options = {
        .name = "n", .name_len = 1, .size = 100, .sized = true, .grow = 2};
    struct mtm_buffer *buffer = NULL;
    options.listener = s->listener;
    enum mtm_status status = mtm_buffer_new(&options, &buffer);
    assert_int_equal(buffer != NULL, status == MTM_OK);
    if (buffer) core_drop_buffer(buffer);
    return status;
}

static enum mtm_status make_listener(struct scene *s)
{
    struct mtm_listener *listener = NULL;
    (void)s;
    enum mtm_status status = mtm_listener_new("n", 1, &listener);
    assert_int_equal(listener != NULL, status == MTM_OK);
    if (listener) core_drop_listener(listener);
    return status;
}

static enum mtm_status add_small(struct scene *s)
{
    enum mtm_status status = put(s->buffer, 200, false);
    s->count += status == MTM_OK;
    return status;
}

static enum mtm_status add_large(struct scene *s)
{
    enum mtm_status status = put(s->buffer, LARGE, false);
    s->count += status == MTM_OK;
    return status;
}

static enum mtm_status set_small(struct scene *s)
{
    enum mtm_status status = put(s->buffer, 3000, true);
    if (status == MTM_OK) s->count = 1;
    return status;
}

static enum mtm_status set_large(struct scene *s)
{
    enum mtm_status status = put(s->buffer, LARGE, true);
    if (status == MTM_OK) s->count = 1;
    return status;
}

/* All messages, one after the other, by a reader whose memory is too small for each of them. */
static enum mtm_status read_all(struct scene *s)
{
    enum mtm_status status = MTM_OK;
    while (status == MTM_OK && s->count > 0) {
        struct mtm_reader reader;
        struct mtm_failure failure = {0};
        struct mtm_wait wait = {.timeout = 0};
        size_t need;
        status = mtm_reader_init(&reader, 0, true, 2);
        if (status == MTM_OK) {
            status = mtm_reader_receive(&reader, &s->listener->object, &wait, &need, &failure);
        }
        mtm_reader_fini(&reader);
        if (status == MTM_OK) --s->count;
    }
    return status;
}

static enum mtm_status write_much(struct scene *s)
{
    struct mtm_writer writer;
    struct mtm_message message;
    (void)s;
    enum mtm_status status = mtm_writer_init(&writer, 10, true, 1);
    size_t size = 0;
    for (int i = 0; i < 4 && status == MTM_OK; ++i) {
        void *room = i % 2 ? mtm_writer_array(&writer, 1, 8, 10, &status)
                           : mtm_writer_room(&writer, 20, &status);
        assert_int_equal(room != NULL, status == MTM_OK);
        if (room) memset(room, 1, i % 2 ? 80 : 20);
        if (room) size += i % 2 ? 91 : 20;
    }
    mtm_writer_message(&writer, &message);
    assert_int_equal(message.size, size);
    mtm_writer_fini(&writer);
    return status;
}

static enum mtm_status connect_both(struct scene *s)
{
    struct bell bell = {0};
    enum mtm_status status = MTM_OK;
    struct mtm_notifier *one = mtm_notifier_new_foreign(&bell_ops, NULL, &bell, 0);
    assert_int_equal(bell.released, 0);
    struct mtm_notifier *two = mtm_notifier_new_buffer(s->buffer, 0);
    if (!one || !two) status = MTM_NOMEM;
    mtm_notifier_release(one, false);
    mtm_notifier_release(two, false);
    assert_int_equal(bell.released, one != NULL);
    return status;
}

/* A long chain of buffers; the message is in, whatever becomes of the chain. */
static enum mtm_status walk(struct scene *s)
{
    struct mtm_buffer *b[40], *last = s->buffer;
    uint32_t nth = core_failure;
    core_failure = 0;
    for (int i = 0; i < 40; ++i) {
        b[i] = core_buffer(NULL);
        buffer_connect(b[i], last, MTM_ADDED, 0);
        last = b[i];
    }
    core_failure = nth;
    enum mtm_status status = put(s->buffer, 1, false);
    uint32_t left = core_failure;
    core_failure = core_drought = 0;
    s->count += status == MTM_OK || status == MTM_NOTIFIER_FAILED;
    for (int i = 0; i < 40; ++i) core_drop_buffer(b[i]);
    core_failure = left;
    return status == MTM_NOTIFIER_FAILED ? MTM_NOMEM : status;
}

static enum mtm_status (*const fallible[])(struct scene *s) = {
    make_buffer, make_listener, add_small,  add_large,    set_small,
    set_large,   read_all,      write_much, connect_both, walk};

/* Returns whether so many requests were made; *failed says whether it failed for want of them.
 */
static bool try_function(enum mtm_status (*function)(struct scene *s), uint32_t nth,
                         bool *failed)
{
    struct scene s;
    scene_begin(&s);
    core_failure = nth;
    enum mtm_status status = function(&s);
    bool reached = core_failure == 0;
    core_failure = core_drought = 0;
    if (!reached) assert_int_equal(status, MTM_OK);
    else if (status != MTM_OK) assert_int_equal(status, MTM_NOMEM);
    *failed = status != MTM_OK;
    scene_end(&s, s.count);
    return reached;
}

/* Alone, or with all after it. */
static void the_nth_request_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fallible / sizeof *fallible; ++i) {
        bool ever_failed = false, failed;
        for (uint32_t lasting = 0; lasting < 2; ++lasting) {
            core_lasting = lasting;
            for (uint32_t nth = 1; try_function(fallible[i], nth, &failed); ++nth) {
                if (lasting) assert_true(failed);
                ever_failed = ever_failed || failed;
            }
        }
        assert_true(ever_failed); /* else the function is of no use here */
    }
}

/* ---- functions that need no memory ---- */

static void close_it(struct scene *s)
{
    mtm_buffer_close(s->buffer);
    mtm_listener_close(s->listener);
}

static void clear_it(struct scene *s)
{
    assert_int_equal(mtm_buffer_clear(s->buffer, false), MTM_OK);
    assert_int_equal(mtm_listener_clear(s->listener, false), MTM_OK);
}

static void abort_it(struct scene *s)
{
    mtm_buffer_abort(s->buffer, true);
    mtm_listener_abort(s->listener, true);
    mtm_abort_all(true);
    mtm_abort_all(false);
}

static void find_it(struct scene *s)
{
    struct mtm_object *found;
    assert_int_equal(mtm_registry_find_name(MTM_BUFFER, "b", 1, &found), MTM_OK);
    mtm_root_release(found);
    assert_int_equal(mtm_registry_find_id(MTM_LISTENER, s->listener->object.id, &found),
                     MTM_OK);
    mtm_root_release(found);
}

/* Taken with memory that was there before, and put back. */
static void put_back(struct scene *s)
{
    struct mtm_delivery in;
    core_drought = 0;
    assert_true(core_incoming(&in));
    uint32_t before = core_requests;
    core_drought = 1;
    struct mtm_wait wait = {.timeout = 0};
    assert_int_equal(mtm_receive(&s->listener->object, &wait, &in), MTM_OK);
    mtm_delivery_put_back(&in);
    core_incoming_free(&in);
    assert_int_equal(core_requests, before);
    core_requests = before - 1; /* ours does not count */
}

static void drain_orphan(struct scene *s)
{
    struct mtm_delivery in;
    core_drought = 0;
    uint32_t before = core_requests;
    assert_int_equal(core_take(&s->listener->object, &in), MTM_OK);
    core_requests = before;
    core_drought = 1;
    core_drop_buffer(s->buffer);
    mtm_delivery_done(&in, true);
    assert_int_equal(mtm_listener_clear(s->listener, true), MTM_OK);
    core_incoming_free(&in);
}

static void nothing_else_needs_memory(void **state)
{
    (void)state;
    static void (*const infallible[])(struct scene * s) = {close_it, clear_it, abort_it,
                                                           find_it,  put_back, drain_orphan};
    for (size_t i = 0; i < sizeof infallible / sizeof *infallible; ++i) {
        struct scene s;
        scene_begin(&s);
        uint32_t before = core_requests;
        core_drought = 1;
        infallible[i](&s);
        assert_int_equal(core_requests, before);
        if (infallible[i] != drain_orphan) core_drop_buffer(s.buffer);
        core_drop_listener(s.listener);
        core_drought = 0;
        assert_int_equal(core_requests, before);
        assert_int_equal(core_blocks, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("the nth request fails, for every n", the_nth_request_fails),
        CORE_TEST("nothing else needs memory", nothing_else_needs_memory),
    };
    return UNIT_RUN(tests);
}
