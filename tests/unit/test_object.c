/* Tests of what buffers and listeners have in common: state, references, and the abortion of
 * everything, sleeping included. They own the objects. */
#include "core.h"

/* Neither direction is stopped, or both are for this reason. */
static void assert_may(const struct mtm_object *object, enum mtm_status status)
{
    assert_int_equal(mtm_object_may_put(object), status);
    assert_int_equal(mtm_object_may_take(object), status);
    assert_true(mtm_object_is_closed(object) == (status == MTM_CLOSED));
}

static void closed_counts_more_than_aborted(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_object *object = &buffer->object;
    assert_may(object, MTM_OK);
    mtm_buffer_abort(buffer, true);
    assert_may(object, MTM_ABORTED);
    assert_true(mtm_object_is_aborted(object));
    mtm_buffer_close(buffer);
    assert_may(object, MTM_CLOSED);
    assert_true(mtm_object_is_aborted(object));
    mtm_buffer_abort(buffer, false);
    assert_may(object, MTM_CLOSED); /* for good */
    assert_false(mtm_object_is_aborted(object));
    mtm_abort_all(true);
    assert_true(mtm_object_is_aborted(object));
    assert_may(object, MTM_CLOSED);
    mtm_abort_all(false);
    core_drop_buffer(buffer);
}

/* Plain references keep it alive, and handles are counted besides. */
static void the_last_reference_frees(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    const uint64_t id = buffer->object.id;
    struct mtm_object *found = NULL;
    mtm_object_retain(&buffer->object);
    mtm_root_retain(&buffer->object);
    mtm_root_release(&buffer->object);
    assert_false(mtm_no_roots());
    mtm_root_release(&buffer->object);
    assert_true(mtm_no_roots());
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_OK);
    mtm_root_release(found);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_OK);
    mtm_object_release(&buffer->object);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    mtm_root_release(found);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_UNKNOWN);
}

static void *drop_it(void *object)
{
    mtm_root_release(object);
    return NULL;
}

/* Somebody finds it while its last reference is on its way out. */
static void what_is_found_meanwhile_stays(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    const uint64_t id = buffer->object.id;
    struct mtm_object *found = NULL;
    pthread_t thread;
    mtm_registry_lock();
    unit_start(&thread, 1, drop_it, &buffer->object);
    unit_linger(5 * UNIT_MS); /* it sees that it is the last one, and waits for the lock */
    mtm_object_retain(&buffer->object);
    mtm_root_count();
    mtm_registry_unlock();
    unit_join(&thread, 1);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_OK);
    assert_int_equal(core_add(buffer, 1), MTM_OK);
    core_drop_buffer(buffer);
    mtm_root_release(found);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_UNKNOWN);
}

/* ---- everything ---- */

static void abortion_of_all_reaches_all(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *b[4] = {core_buffer(NULL), core_buffer(listener), core_buffer(listener),
                               core_buffer(NULL)};
    assert_int_equal(core_add(b[0], 1), MTM_OK);
    assert_int_equal(core_add(b[1], 2), MTM_OK);
    for (int i = 2; i < 4; ++i) mtm_buffer_abort(b[i], true);
    assert_false(mtm_is_aborted_all());
    for (int again = 0; again < 2; ++again) {
        mtm_abort_all(true);
        assert_true(mtm_is_aborted_all());
        for (int i = 0; i < 4; ++i) assert_int_equal(core_add(b[i], 5), MTM_ABORTED);
        assert_next(listener, MTM_ABORTED);
        mtm_buffer_abort(b[0], false); /* not while everything is */
        mtm_listener_abort(listener, false);
        assert_next(b[0], MTM_ABORTED);
        assert_next(listener, MTM_ABORTED);
        struct mtm_buffer_options options = {.size = 10, .grow = 2};
        struct mtm_buffer *buffer = NULL;
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_ABORTED);
        options.listener = listener;
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_ABORTED);
        assert_null(buffer);
    }
    mtm_abort_all(false);
    assert_false(mtm_is_aborted_all());
    assert_delivers(b[0], 1);
    assert_delivers(listener, 2);
    assert_int_equal(core_add(b[2], 3), MTM_OK); /* re-enables what was aborted before, too */
    assert_delivers(listener, 3);
    assert_int_equal(core_add(b[3], 4), MTM_OK);
    for (int i = 0; i < 4; ++i) core_drop_buffer(b[i]);
    core_drop_listener(listener);
}

enum { FLIPS = 200, KEPT = 8 };

static mtm_a32 over;

static void *flip(void *opaque)
{
    (void)opaque;
    for (int i = 0; i < FLIPS; ++i) mtm_abort_all(i % 2 == 0);
    mtm_add_seq(&over, 1);
    return NULL;
}

struct keeper {
    struct mtm_buffer *buffer[KEPT];
    struct mtm_listener *listener;
};

/* Creates again what was refused, until the flipping ends. */
static void *keep_making(void *opaque)
{
    struct keeper *keeper = opaque;
    for (uint32_t i = 0; mtm_load_seq(&over) < 2; ++i) {
        struct mtm_buffer_options options = {.size = 10, .grow = 2};
        struct mtm_buffer **buffer = &keeper->buffer[i % KEPT];
        if (i % 3) options.listener = keeper->listener;
        if (*buffer) {
            if (!(*buffer)->object.owner) core_add(*buffer, 1);
            core_drop_buffer(*buffer);
            *buffer = NULL;
        }
        if (mtm_buffer_new(&options, buffer) != MTM_OK) *buffer = NULL;
        mtm_plat_yield();
    }
    return NULL;
}

/* Two threads flip at once; the last word is that of the thread that asks afterwards. */
static void the_last_word_counts(void **state)
{
    (void)state;
    for (int flag = 0; flag < 2; ++flag) {
        struct keeper keepers[2] = {{.listener = core_listener()},
                                    {.listener = core_listener()}};
        pthread_t flippers[2], makers[2];
        over = 0;
        for (int i = 0; i < 2; ++i) unit_start(&makers[i], 1, keep_making, &keepers[i]);
        unit_start(flippers, 2, flip, NULL);
        unit_join(flippers, 2);
        unit_join(makers, 2);
        mtm_abort_all(flag);
        for (int i = 0; i < 2; ++i) {
            assert_int_equal(mtm_object_is_aborted(&keepers[i].listener->object), flag);
            for (int n = 0; n < KEPT; ++n) {
                struct mtm_buffer *buffer = keepers[i].buffer[n];
                if (!buffer) continue;
                assert_int_equal(mtm_object_is_aborted(&buffer->object), flag);
                core_drop_buffer(buffer);
            }
            core_drop_listener(keepers[i].listener);
        }
        mtm_abort_all(false);
    }
}

static enum mtm_status sleep_until(int64_t deadline)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER, .deadline = deadline ? deadline : 1};
    return mtm_sleep(&wait);
}

/* ---- sleeping ---- */

static void a_sleep_lasts_until_its_deadline(void **state)
{
    (void)state;
    const int64_t times[] = {-1000 * UNIT_MS, 0, UNIT_MS, 20 * UNIT_MS};
    for (size_t i = 0; i < sizeof times / sizeof *times; ++i) {
        int64_t deadline = mtm_plat_now() + times[i];
        assert_int_equal(sleep_until(deadline), MTM_OK);
        assert_true(mtm_plat_now() >= deadline);
    }
    mtm_abort_all(true);
    assert_int_equal(sleep_until(MTM_FOREVER), MTM_ABORTED);
    assert_int_equal(sleep_until(0), MTM_ABORTED);
    mtm_abort_all(false);
    assert_int_equal(sleep_until(0), MTM_OK);
}

struct sleeper {
    mtm_a32 ready, aborted;
};

static void *sleep_for_ever(void *opaque)
{
    struct sleeper *sleeper = opaque;
    mtm_add_seq(&sleeper->ready, 1);
    if (sleep_until(MTM_FOREVER) == MTM_ABORTED) mtm_add_seq(&sleeper->aborted, 1);
    return NULL;
}

enum { SLEEPS = 10 };

/* Even if it is taken back at once. Who begins to sleep only after that has to be aborted anew,
 * and such slow ones are few. */
static void abortion_ends_every_sleep(void **state)
{
    (void)state;
    int abortions = 0;
    for (int round = 0; round < SLEEPS; ++round) {
        struct sleeper sleeper = {.ready = 0};
        pthread_t threads[3];
        unit_start(threads, 3, sleep_for_ever, &sleeper);
        unit_await(&sleeper.ready, 3);
        unit_linger(5 * UNIT_MS);
        for (int patience = 2000; mtm_load_seq(&sleeper.aborted) < 3; patience *= 2) {
            mtm_abort_all(true);
            mtm_abort_all(false);
            ++abortions;
            for (int i = 0; i < patience && mtm_load_seq(&sleeper.aborted) < 3; ++i) {
                unit_linger(UNIT_MS / 2);
            }
        }
        unit_join(threads, 3);
    }
    assert_in_range(abortions, SLEEPS, 3 * SLEEPS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("closed counts more than aborted", closed_counts_more_than_aborted),
        CORE_TEST("the last reference frees", the_last_reference_frees),
        CORE_TEST("what is found meanwhile stays", what_is_found_meanwhile_stays),
        CORE_TEST("abortion of all reaches all", abortion_of_all_reaches_all),
        CORE_TEST("the last word counts", the_last_word_counts),
        CORE_TEST("a sleep lasts until its deadline", a_sleep_lasts_until_its_deadline),
        CORE_TEST("abortion ends every sleep", abortion_ends_every_sleep),
    };
    return UNIT_RUN(tests);
}
