/* Tests of forks in the middle of a call, by what it calls out to: the call returns in both
 * processes, and in the child it touches nothing that its threads left. */
#include "fork_unit.h"

#include "core/publish.h"
#include "core/select.h"

#if defined(_WIN32)

static void there_is_no_fork(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("this system has no fork", there_is_no_fork),
    };
    return UNIT_RUN(tests);
}

#else

static pid_t forked_inside;

static int fork_inside(const void *api, void *object, mtm_error_handler handler, void *data)
{
    (void)api;
    (void)object;
    (void)handler;
    (void)data;
    forked_inside = gated_fork();
    return MTM_NOTIFY_CLOSED;
}

static void release_nothing(const void *api, void *object)
{
    (void)api;
    if (forked_inside == 0) child_failed("a notifier of the parent was released", __LINE__);
    *(int *)object = 0;
}

static void a_notifier_may_fork(void **state)
{
    static const struct mtm_notifier_ops ops = {release_nothing, fork_inside};
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    int held = 1;
    forked_inside = -1;
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops, NULL, &held, 0);
    assert_int_equal(mtm_buffer_connect(buffer, MTM_ADDED, notifier), MTM_OK);
    enum mtm_status status = core_add(buffer, 1);
    if (forked_inside == 0) {
        alarm(CHILD_LIMIT_S);
        CHILD_NEEDS(status == MTM_OK);
        new_objects_work(buffer->object.id);
        old_buffer_is_closed(buffer);
        core_drop_buffer(buffer);
        _exit(0);
    }
    assert_true(forked_inside > 0 && ends_well(forked_inside));
    assert_int_equal(status, MTM_OK);
    assert_int_equal(held, 0);
    core_drop_buffer(buffer);
}

static struct mtm_buffer *full;

static int fork_and_make_room(const void *api, void *object, mtm_error_handler handler,
                              void *data)
{
    uint32_t number;
    fork_inside(api, object, handler, data);
    if (forked_inside > 0) core_next(&full->object, 0, &number);
    return 0;
}

static void release_later(const void *api, void *object)
{
    (void)api;
    (void)object;
}

/* While its message waits in line for another subscriber, which has room in the parent only. */
static void a_notifier_of_a_topic_may_fork(void **state)
{
    static const struct mtm_notifier_ops ops = {release_later, fork_and_make_room};
    (void)state;
    const struct mtm_buffer_options options = {
        .size = MTM_DEFAULT_SIZE, .grow = MTM_DEFAULT_GROW, .bounds.limit = 1};
    struct mtm_topic *topic;
    struct mtm_buffer *first;
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    struct mtm_targets targets;
    struct mtm_published published;
    unsigned char bytes[LARGE] = {0};
    struct mtm_message message = core_message(bytes, sizeof bytes);
    assert_int_equal(mtm_topic_new(NULL, 0, false, &topic), MTM_OK);
    assert_int_equal(mtm_topic_subscribe(topic, &options, &first), MTM_OK);
    assert_int_equal(mtm_topic_subscribe(topic, &options, &full), MTM_OK);
    assert_int_equal(core_add(full, 1), MTM_OK);
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops, NULL, &full, 0);
    assert_int_equal(mtm_buffer_connect(first, MTM_ADDED, notifier), MTM_OK);
    const uint32_t before = core_blocks;
    forked_inside = -1;
    assert_int_equal(mtm_topic_put_wait(topic, &message, &wait, &targets, &published), MTM_OK);
    if (forked_inside < 0) mtm_targets_notify(&targets, false, NULL);
    if (forked_inside == 0) {
        alarm(CHILD_LIMIT_S);
        CHILD_NEEDS(published.taken == 1 && published.refused == 0);
        CHILD_NEEDS(core_blocks == before + 2); /* in the other one, of all that was needed */
        new_objects_work(full->object.id);
        _exit(0);
    }
    assert_true(forked_inside > 0 && ends_well(forked_inside));
    assert_int_equal(published.taken, 2);
    core_drop_buffer(first);
    core_drop_buffer(full);
    mtm_root_release(&topic->object);
}

/* While its values are decoded a message is on its way: `end` is what becomes of it. */
static void fork_during_delivery(void (*end)(struct mtm_delivery *delivery))
{
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    struct mtm_delivery delivery;
    int held = 1;
    static const struct mtm_notifier_ops ops = {release_nothing, fork_inside};
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops, NULL, &held, 0);
    assert_int_equal(mtm_buffer_connect(buffer, MTM_TAKEN, notifier), MTM_OK);
    add_large(buffer);
    core_drop_buffer(buffer);
    assert_int_equal(core_take(&listener->object, &delivery), MTM_OK);
    pid_t child = forked_inside = gated_fork();
    if (child == 0) {
        alarm(CHILD_LIMIT_S);
        forked_inside = 0;
        end(&delivery);
        CHILD_NEEDS(forked_inside == 0);
        new_objects_work(buffer->object.id);
        old_listener_is_closed(listener);
        core_drop_listener(listener);
        _exit(0);
    }
    bool well = child > 0 && ends_well(child);
    mtm_delivery_put_back(&delivery);
    core_incoming_free(&delivery);
    core_drop_listener(listener);
    assert_int_equal(held, 0);
    assert_true(well);
}

static void put_back(struct mtm_delivery *delivery)
{
    mtm_delivery_put_back(delivery);
    CHILD_NEEDS(!delivery->notifier);
}

/* The notifier, which would fork once more, is not called. */
static void complete(struct mtm_delivery *delivery)
{
    struct mtm_failure failure = {0};
    CHILD_NEEDS(mtm_delivery_notify(delivery, false, &failure) == MTM_OK);
    mtm_delivery_done(delivery, false);
    core_incoming_free(delivery);
}

static void a_delivery_may_be_forked(void **state)
{
    (void)state;
    fork_during_delivery(put_back);
    fork_during_delivery(complete);
}

/* What was kept for the time when it is needed is given back in both processes. */
static void a_reservation_may_be_forked(void **state)
{
    static const unsigned char bytes[LARGE];
    (void)state;
    for (int sent = 0; sent < 2; ++sent) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_message message = core_message(bytes, sizeof bytes);
        struct mtm_put_memory memory;
        struct mtm_notifier *notifier = NULL;
        const uint32_t before = core_blocks;
        assert_int_equal(mtm_buffer_reserve(buffer, &message, &memory), MTM_OK);
        assert_true(core_blocks > before);
        pid_t child = gated_fork();
        if (child == 0) {
            alarm(CHILD_LIMIT_S);
            if (!sent) mtm_buffer_unreserve(buffer, &memory);
            else
                CHILD_NEEDS(mtm_buffer_put_reserved(buffer, &message, &memory, &notifier) ==
                            MTM_CLOSED);
            CHILD_NEEDS(core_blocks == before && !notifier);
            CHILD_NEEDS(mtm_buffer_reserve(buffer, &message, &memory) == MTM_CLOSED);
            new_objects_work(buffer->object.id);
            _exit(0);
        }
        bool well = child > 0 && ends_well(child);
        mtm_buffer_unreserve(buffer, &memory);
        core_drop_buffer(buffer);
        assert_true(well);
    }
}

/* In the child: what the parent's threads had on their stacks is not there any more. */
static void forget_stacks(struct mtm_source *source)
{
    mtm_store_seq(&source->choices.first, (struct mtm_choice *)(uintptr_t)16);
    mtm_store_seq(&source->choices.owed, 1);
}

static enum mtm_status select_of(struct mtm_object *first, struct mtm_object *second,
                                 struct mtm_wait *wait, size_t *which)
{
    struct mtm_select select;
    struct mtm_delivery in;
    if (!core_incoming(&in)) return MTM_NOMEM;
    mtm_select_init(&select);
    mtm_select_add(&select, first);
    mtm_select_add(&select, second);
    enum mtm_status status = mtm_select_receive(&select, wait, &in, which);
    mtm_block_free(in.slot.carrier);
    return status;
}

/* story: a select in a forked process entered the line of an inherited buffer, behind threads
 * of the parent. It waits, since the other one is busy. */
static void a_select_looks_at_nothing_inherited(void **state)
{
    (void)state;
    struct mtm_buffer *old = core_buffer(NULL);
    pid_t child = gated_fork();
    if (child == 0) {
        alarm(CHILD_LIMIT_S);
        struct mtm_wait wait = {.timeout = UNIT_MS};
        size_t which = 9;
        struct mtm_buffer *busy = core_buffer(NULL);
        forget_stacks(&old->source);
        mtm_store_seq(&busy->queue.head.lock.word, mtm_lock_held); /* as if by a thread */
        CHILD_NEEDS(select_of(&old->object, &busy->object, &wait, &which) == MTM_CLOSED);
        CHILD_NEEDS(which == 0);
        _exit(0);
    }
    assert_true(child > 0 && ends_well(child));
    core_drop_buffer(old);
}

static struct mtm_buffer *selected_from;
static mtm_a32 has_added, may_end;

/* The other thread is done then: what it has read the child may write. */
static bool fork_and_go_on(struct mtm_wait *wait)
{
    wait->go_on = NULL;
    while (!mtm_load_acq(&has_added)) mtm_plat_yield();
    forked_inside = gated_fork();
    if (forked_inside == 0) forget_stacks(&selected_from->source);
    return true;
}

static void *add_to_who_sleeps(void *buffer)
{
    core_await_waiters(&((struct mtm_buffer *)buffer)->source.waiters, 1);
    unit_linger(10 * UNIT_MS); /* it may be asleep by then */
    core_add(buffer, 1);
    mtm_store_rel(&has_added, 1);
    while (!mtm_load_acq(&may_end)) mtm_plat_yield(); /* the child has lost no ended thread */
    return NULL;
}

static void a_select_may_fork(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL);
    selected_from = core_buffer(NULL);
    for (forked_inside = -1; forked_inside < 0;) { /* until it had to sleep */
        struct mtm_wait wait = {.timeout = MTM_FOREVER, .go_on = fork_and_go_on};
        size_t which = 9;
        pthread_t thread;
        mtm_store_rlx(&has_added, 0);
        mtm_store_rlx(&may_end, 0);
        unit_start(&thread, 1, add_to_who_sleeps, selected_from);
        enum mtm_status status =
            select_of(&other->object, &selected_from->object, &wait, &which);
        if (forked_inside == 0) {
            alarm(CHILD_LIMIT_S);
            CHILD_NEEDS(status == MTM_CLOSED && which == 0);
            new_objects_work(other->object.id);
            _exit(0);
        }
        mtm_store_rel(&may_end, 1);
        unit_join(&thread, 1);
        assert_int_equal(status, MTM_OK);
        assert_int_equal(which, 1);
    }
    assert_true(ends_well(forked_inside));
    core_drop_buffer(selected_from);
    core_drop_buffer(other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a notifier may fork", a_notifier_may_fork),
        CORE_TEST("so may one of a topic", a_notifier_of_a_topic_may_fork),
        CORE_TEST("so may what runs while a message is decoded", a_delivery_may_be_forked),
        CORE_TEST("so may who has reserved memory", a_reservation_may_be_forked),
        CORE_TEST("and who is asked whether a select goes on", a_select_may_fork),
        CORE_TEST("a select looks at nothing inherited", a_select_looks_at_nothing_inherited),
    };
    return UNIT_RUN(tests);
}

#endif
