/* Tests of notifiers that are no buffers: when they are called, and what their answers do. They
 * own the bells. */
#include "bell.h"

#include "core/compose.h"

static void adding_rings(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {0};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(bell.rings, 1);
    assert_int_equal(core_set(buffer, 2), MTM_OK);
    assert_int_equal(bell.rings, 2);
    assert_int_equal(core_add_as(buffer, 3, true), MTM_OK);
    assert_int_equal(bell.rings, 3);
    assert_delivers(buffer, 2);
    mtm_buffer_clear(buffer, false);
    mtm_buffer_abort(buffer, true);
    assert_int_equal(core_add(buffer, 4), MTM_ABORTED);
    mtm_buffer_abort(buffer, false);
    assert_int_equal(bell.rings, 3); /* none of these adds */
    core_drop_buffer(buffer);
    assert_int_equal(bell.released, 1);
}

static void taking_rings(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    struct mtm_delivery in;
    struct bell bell = {0};
    bell_connect(&bell, buffer, MTM_TAKEN, 0);
    for (uint32_t i = 1; i <= 4; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
    assert_int_equal(bell.rings, 0);
    assert_delivers(buffer, 1);
    assert_int_equal(bell.rings, 1);
    assert_delivers(listener, 2);
    assert_int_equal(bell.rings, 2);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    mtm_delivery_put_back(&in); /* it has not been taken for good */
    core_incoming_free(&in);
    mtm_buffer_clear(buffer, false);
    assert_int_equal(core_set(buffer, 5), MTM_OK);
    assert_next(listener, MTM_OK);
    assert_next(listener, MTM_EMPTY);
    assert_int_equal(bell.rings, 3);
    core_drop_buffer(buffer);
    core_drop_listener(listener);
    assert_int_equal(bell.released, 1);
}

/* ">": without a threshold, or with more messages than it, the new one included. */
static void a_threshold_is_exceeded(void **state)
{
    (void)state;
    for (int64_t threshold = -2; threshold < 6; ++threshold) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct bell bell = {0};
        uint32_t expected = 0;
        bell_connect(&bell, buffer, MTM_ADDED, threshold);
        for (uint32_t count = 1; count <= 8; ++count) {
            assert_int_equal(core_add(buffer, count), MTM_OK);
            if (threshold <= 0 || count > (uint64_t)threshold) ++expected;
            assert_int_equal(bell.rings, expected);
        }
        assert_int_equal(core_set(buffer, 1), MTM_OK);
        if (threshold <= 0) ++expected;
        assert_int_equal(bell.rings, expected);
        core_drop_buffer(buffer);
    }
}

/* "<": without a threshold, or with less messages than it, the taken one not counted. */
static void a_threshold_is_fallen_below(void **state)
{
    (void)state;
    for (int64_t threshold = -2; threshold < 6; ++threshold) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct bell bell = {0};
        uint32_t expected = 0;
        bell_connect(&bell, buffer, MTM_TAKEN, threshold);
        for (uint32_t i = 1; i <= 8; ++i) assert_int_equal(core_add(buffer, i), MTM_OK);
        for (uint32_t i = 1; i <= 8; ++i) {
            assert_delivers(buffer, i);
            if (threshold <= 0 || 8 - i < (uint64_t)threshold) ++expected;
            assert_int_equal(bell.rings, expected);
        }
        core_drop_buffer(buffer);
    }
}

static void one_notifier_for_each_event(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell first = {0}, second = {0}, third = {0};
    struct mtm_notifier *one = bell_connect(&first, buffer, MTM_ADDED, 0);
    bell_connect(&second, buffer, MTM_TAKEN, 0);
    struct mtm_notifier *refused = mtm_notifier_new_foreign(&bell_ops, NULL, &third, 0);
    assert_int_equal(mtm_buffer_connect(buffer, MTM_ADDED, refused), MTM_HAS_NOTIFIER);
    assert_int_equal(mtm_buffer_connect(buffer, MTM_TAKEN, refused), MTM_HAS_NOTIFIER);
    assert_int_equal(third.released, 0); /* it is still ours */
    mtm_buffer_disconnect(buffer, MTM_ADDED, refused, false);
    assert_int_equal(first.released, 0); /* that is another one */
    mtm_buffer_disconnect(buffer, MTM_ADDED, one, false);
    assert_int_equal(first.released, 1);
    mtm_buffer_disconnect(buffer, MTM_ADDED, NULL, false); /* none is there */
    assert_int_equal(mtm_buffer_connect(buffer, MTM_ADDED, refused), MTM_OK);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    assert_int_equal(first.rings + second.rings, 0);
    assert_int_equal(third.rings, 1);
    mtm_buffer_disconnect(buffer, MTM_TAKEN, NULL, false);
    assert_int_equal(second.released, 1);
    mtm_buffer_close(buffer);
    assert_int_equal(third.released, 1);
    refused = mtm_notifier_new_foreign(&bell_ops, NULL, &first, 0);
    assert_int_equal(mtm_buffer_connect(buffer, MTM_ADDED, refused), MTM_CLOSED);
    mtm_notifier_release(refused, false);
    assert_int_equal(first.released, 2);
    core_drop_buffer(buffer);
}

/* ---- answers ---- */

static void a_closed_notifier_is_dropped(void **state)
{
    (void)state;
    for (int said = 0; said < 2; ++said) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_failure failure = {0};
        struct bell bell = {.answer = MTM_NOTIFY_CLOSED, .text = said ? "closed" : NULL};
        bell_connect(&bell, buffer, MTM_ADDED, 0);
        assert_int_equal(bell_add(buffer, &failure), MTM_OK);
        assert_null(failure.text);
        assert_int_equal(bell.released, 1);
        assert_int_equal(bell_add(buffer, &failure), MTM_OK);
        assert_int_equal(bell.rings, 1);
        assert_int_equal(mtm_buffer_count(buffer), 2);
        core_drop_buffer(buffer);
    }
}

static void a_failure_is_told(void **state)
{
    (void)state;
    static const struct {
        int answer;
        const char *text, *expected;
    } cases[] = {
        {2, "no bells", "Error while calling notifier: no bells"},
        {2, "", "Error while calling notifier: "},
        {2, NULL, "Unknown error while calling notifier. (rc=2)"},
        {-2147483647 - 1, NULL, "Unknown error while calling notifier. (rc=-2147483648)"},
        {2147483647, NULL, "Unknown error while calling notifier. (rc=2147483647)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_failure failure = {0};
        struct bell bell = {.answer = cases[i].answer, .text = cases[i].text};
        bell_connect(&bell, buffer, MTM_ADDED, 0);
        assert_int_equal(bell_add(buffer, &failure), MTM_NOTIFIER_FAILED);
        assert_text(&failure, cases[i].expected);
        assert_int_equal(mtm_buffer_count(buffer), 1); /* it is in all the same */
        assert_int_equal(bell_add(buffer, &failure), MTM_NOTIFIER_FAILED);
        mtm_failure_free(&failure);
        assert_int_equal(bell.rings, 2); /* and still connected */
        core_drop_buffer(buffer);
    }
}

static void a_failing_removal_is_told(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_failure failure = {0};
    struct mtm_delivery in;
    struct bell bell = {.answer = 7, .text = "stop"};
    bell_connect(&bell, buffer, MTM_TAKEN, 0);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
        assert_int_equal(mtm_delivery_notify(&in, false, &failure), MTM_NOTIFIER_FAILED);
        assert_text(&failure, "Error while calling notifier: stop");
        assert_int_equal(mtm_delivery_notify(&in, false, &failure), MTM_OK); /* done already */
        if (i == 0) mtm_delivery_put_back(&in);
        else mtm_delivery_done(&in, false);
        core_incoming_free(&in);
        assert_int_equal(mtm_buffer_count(buffer), i == 0);
    }
    assert_int_equal(bell.rings, 2);
    core_drop_buffer(buffer);
}

/* A text without a failure means nothing, and is not left behind. */
static void success_tells_nothing(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_failure failure = {0};
    struct bell bell = {.text = "just talking"};
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(bell_add(buffer, &failure), MTM_OK);
    assert_null(failure.text);
    core_drop_buffer(buffer);
}

static void run_dry(struct bell *bell)
{
    (void)bell;
    core_drought = 1;
}

static void a_failure_without_memory_is_told(void **state)
{
    (void)state;
    for (int said = 0; said < 2; ++said) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_failure failure = {0};
        struct bell bell = {.answer = 2, .text = said ? "x" : NULL, .act = run_dry};
        bell_connect(&bell, buffer, MTM_ADDED, 0);
        assert_int_equal(bell_add(buffer, &failure), MTM_NOTIFIER_FAILED);
        core_drought = 0;
        assert_text(&failure, "Error while calling notifier: out of memory");
        core_drop_buffer(buffer);
    }
}

static int say_nothing(const void *api, void *object, mtm_error_handler handler, void *data)
{
    (void)api;
    (void)object;
    handler(data, NULL, 17);
    return 2;
}

static int say_too_much(const void *api, void *object, mtm_error_handler handler, void *data)
{
    (void)api;
    (void)object;
    handler(data, "x", SIZE_MAX);
    return 2;
}

/* No text at all, and one that no memory can hold. */
static void a_handler_takes_whatever_it_is_given(void **state)
{
    (void)state;
    static const struct mtm_notifier_ops ops[] = {{bell_release, say_nothing},
                                                  {bell_release, say_too_much}};
    static const char *const expected[] = {"Error while calling notifier: ",
                                           "Error while calling notifier: out of memory"};
    for (int i = 0; i < 2; ++i) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_failure failure = {0};
        struct bell bell = {0};
        struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops[i], NULL, &bell, 0);
        assert_int_equal(mtm_buffer_connect(buffer, MTM_ADDED, notifier), MTM_OK);
        assert_int_equal(bell_add(buffer, &failure), MTM_NOTIFIER_FAILED);
        assert_text(&failure, expected[i]);
        core_drop_buffer(buffer);
    }
}

/* Whichever way the message went in: by a writer it is empty by then. */
static void a_writer_calls_it_too(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct bell bell = {0};
    struct mtm_failure failure = {0};
    struct mtm_composer composer;
    struct mtm_writer *writer = &composer.writer;
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    assert_int_equal(mtm_compose_init(&composer, 0, 1), MTM_OK);
    for (uint32_t i = 1; i <= 4; ++i) {
        assert_int_equal(mtm_writer_add_integer(writer, 1000), MTM_OK);
        bell.answer = i > 2 ? 7 : 0;
        assert_int_equal(mtm_compose_send(&composer, buffer, i == 2, i == 4, &failure),
                         i > 2 ? MTM_NOTIFIER_FAILED : MTM_OK);
        assert_int_equal(bell.rings, i);
        assert_int_equal(mtm_writer_size(writer), 0);
        mtm_failure_free(&failure);
    }
    assert_int_equal(mtm_buffer_count(buffer), 3);
    mtm_compose_fini(&composer);
    core_drop_buffer(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("adding calls it", adding_rings),
        CORE_TEST("taking calls it", taking_rings),
        CORE_TEST("a writer calls it, too", a_writer_calls_it_too),
        CORE_TEST("a threshold is exceeded", a_threshold_is_exceeded),
        CORE_TEST("a threshold is fallen below", a_threshold_is_fallen_below),
        CORE_TEST("there is one notifier for each event", one_notifier_for_each_event),
        CORE_TEST("a closed notifier is dropped", a_closed_notifier_is_dropped),
        CORE_TEST("a failure is told", a_failure_is_told),
        CORE_TEST("a failing removal is told", a_failing_removal_is_told),
        CORE_TEST("success tells nothing", success_tells_nothing),
        CORE_TEST("a failure without memory is told", a_failure_without_memory_is_told),
        CORE_TEST("a handler takes whatever it is given", a_handler_takes_whatever_it_is_given),
    };
    return UNIT_RUN(tests);
}
