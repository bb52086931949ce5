/* Tests of topics: everything reaches everybody in one order, large messages are stored once,
 * the latest waits for those who come later, and subscribers may end at any time. They own
 * topics and buffers. */
#include "topic_unit.h"

#include "core/cargo.h"
#include "core/fast_path.h"

static void everybody_gets_everything(void **state)
{
    (void)state;
    enum { SUBSCRIBERS = 40, MESSAGES = 50 }; /* more than a publisher has on its stack */
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *buffers[SUBSCRIBERS];
    assert_int_equal(publish(topic, 999, 0, 0), MTM_OK);
    for (uint32_t i = 0; i < SUBSCRIBERS; ++i) {
        buffers[i] = subscribe(topic, 0, NULL);
        assert_int_equal(publish(topic, i, i + 1, 0), MTM_OK);
    }
    assert_int_equal(mtm_topic_count(topic), SUBSCRIBERS);
    for (uint32_t n = 0; n < MESSAGES; ++n)
        assert_int_equal(publish(topic, 100 + n, SUBSCRIBERS, 0), MTM_OK);
    for (uint32_t i = 0; i < SUBSCRIBERS; ++i) {
        for (uint32_t n = i; n < SUBSCRIBERS; ++n) assert_gets(buffers[i], n);
        for (uint32_t n = 0; n < MESSAGES; ++n) assert_gets(buffers[i], 100 + n);
        assert_int_equal(mtm_buffer_count(buffers[i]), 0);
        core_drop_buffer(buffers[i]);
        assert_int_equal(mtm_topic_count(topic), SUBSCRIBERS - 1 - i);
    }
    drop(topic);
}

static void a_large_message_is_stored_once(void **state)
{
    (void)state;
    enum { SUBSCRIBERS = 100 };
    static unsigned char bytes[LARGE];
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *buffers[SUBSCRIBERS];
    struct mtm_published published;
    core_fill(bytes, 3, LARGE);
    struct mtm_message message = core_message(bytes, LARGE);
    for (int i = 0; i < SUBSCRIBERS; ++i) buffers[i] = subscribe(topic, 0, NULL);
    for (int i = 0; i < SUBSCRIBERS; ++i) /* their rings are there */
        assert_int_equal(core_add(buffers[i], 1), MTM_OK);
    const size_t before = core_bytes;
    assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, NULL), MTM_OK);
    assert_int_equal(published.taken, SUBSCRIBERS);
    assert_in_range(core_bytes - before, LARGE, LARGE + 100 + SUBSCRIBERS * 100);
    for (int i = 0; i < SUBSCRIBERS; ++i) {
        struct mtm_delivery in;
        assert_delivers(buffers[i], 1);
        assert_int_equal(core_take(&buffers[i]->object, &in), MTM_OK);
        assert_true(in.slot.block->size == LARGE);
        assert_memory_equal(mtm_block_data(in.slot.block), bytes, LARGE);
        mtm_queue_recycle(&buffers[i]->queue, in.slot.block);
        mtm_block_free(in.slot.carrier);
    }
    assert_in_range(core_bytes, 0, before); /* the last one has freed it */
    for (int i = 0; i < SUBSCRIBERS; ++i) core_drop_buffer(buffers[i]);
    drop(topic);
}

/* Also where it is copied through a ring, because the size was given. */
static void the_latest_waits_for_those_who_come_later(void **state)
{
    (void)state;
    static unsigned char bytes[LARGE];
    struct mtm_topic *topic = topic_new(true);
    struct mtm_buffer *early = subscribe(topic, 0, NULL), *late;
    assert_int_equal(mtm_buffer_count(early), 0);
    for (uint32_t n = 1; n < 5; ++n) {
        assert_int_equal(publish(topic, n, n, 0), MTM_OK);
        late = subscribe(topic, 0, NULL);
        assert_gets(late, n);
        assert_int_equal(mtm_buffer_count(late), 0);
        assert_int_equal(publish(topic, 10 + n, n + 1, 0), MTM_OK);
        assert_gets(late, 10 + n);
        core_drop_buffer(late);
        late = subscribe(topic, 0, NULL); /* as many as there were rounds */
        assert_gets(late, 10 + n);
        mtm_object_retain(&late->object);
        mtm_root_release(&late->object);
    }
    core_fill(bytes, 8, LARGE);
    struct mtm_message message = core_message(bytes, LARGE);
    struct mtm_published published;
    assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, NULL), MTM_OK);
    const struct mtm_buffer_options sized = {.size = 2 * LARGE, .sized = true, .grow = 2};
    assert_int_equal(mtm_topic_subscribe(topic, &sized, &late), MTM_OK);
    struct mtm_delivery in = {.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(LARGE)};
    struct mtm_wait wait = {.timeout = 0};
    assert_int_equal(mtm_receive(&late->object, &wait, &in), MTM_OK);
    assert_memory_equal(mtm_block_data(in.slot.block), bytes, LARGE);
    core_incoming_free(&in);
    core_drop_buffer(late);
    assert_int_equal(mtm_topic_clear(topic, false), MTM_OK);
    late = subscribe(topic, 0, NULL);
    assert_int_equal(mtm_buffer_count(late), 0);
    core_drop_buffer(late);
    for (struct mtm_buffer *b = topic->first, *next; b; b = next) {
        next = mtm_subscriber_of(b)->next;
        if (b != early) mtm_object_release(&b->object);
    }
    core_drop_buffer(early);
    drop(topic);
}

static void who_is_full_holds_up_nobody(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *slow = subscribe(topic, 2, NULL), *quick = subscribe(topic, 0, NULL);
    const struct mtm_buffer_options tiny = {.size = 4};
    struct mtm_buffer *small = NULL;
    assert_int_equal(mtm_topic_subscribe(topic, &tiny, &small), MTM_OK);
    for (uint32_t n = 0; n < 5; ++n)
        assert_int_equal(publish(topic, n, n < 2 ? 2 : 1, n < 2 ? 1 : 2), MTM_OK);
    for (uint32_t n = 0; n < 5; ++n) assert_gets(quick, n);
    assert_gets(slow, 0);
    assert_int_equal(publish(topic, 5, 2, 1), MTM_OK);
    assert_gets(slow, 1);
    assert_gets(slow, 5);
    mtm_buffer_close(quick); /* it does not count any more */
    assert_int_equal(publish(topic, 6, 1, 1), MTM_OK);
    mtm_buffer_abort(slow, true);
    assert_int_equal(publish(topic, 7, 0, 1), MTM_OK);
    core_drop_buffer(slow);
    core_drop_buffer(quick);
    core_drop_buffer(small);
    drop(topic);
}

static void a_topic_is_found_closed_and_aborted(void **state)
{
    (void)state;
    struct mtm_topic *topic = NULL;
    struct mtm_object *found;
    const struct mtm_buffer_options options = {.size = 100, .grow = 2};
    struct mtm_buffer *refused;
    assert_int_equal(mtm_topic_new("news", 4, true, &topic), MTM_OK);
    struct mtm_buffer *buffer = subscribe(topic, 0, NULL);
    assert_int_equal(mtm_registry_find_name(MTM_TOPIC, "news", 4, &found), MTM_OK);
    assert_ptr_equal(found, &topic->object);
    mtm_root_release(found);
    assert_int_equal(mtm_registry_find_name(MTM_BUFFER, "news", 4, &found), MTM_UNKNOWN);
    assert_int_equal(mtm_registry_find_id(MTM_LISTENER, topic->object.id, &found), MTM_UNKNOWN);
    mtm_topic_abort(topic, true);
    assert_int_equal(publish(topic, 1, 0, 0), MTM_ABORTED);
    assert_int_equal(core_add(buffer, 1), MTM_ABORTED);
    assert_int_equal(mtm_topic_subscribe(topic, &options, &refused), MTM_ABORTED);
    mtm_topic_abort(topic, false);
    assert_int_equal(publish(topic, 2, 1, 0), MTM_OK);
    mtm_abort_all(true);
    assert_int_equal(publish(topic, 3, 0, 0), MTM_ABORTED);
    mtm_abort_all(false);
    assert_gets(buffer, 2);
    drop(topic); /* the subscriber keeps it */
    assert_int_equal(mtm_registry_find_name(MTM_TOPIC, "news", 4, &found), MTM_OK);
    struct mtm_topic *again;
    bool created;
    assert_int_equal(mtm_topic_find_or_new("news", 4, false, &again, &created), MTM_OK);
    assert_ptr_equal(again, topic);
    assert_false(created);
    drop(again);
    mtm_topic_close(topic);
    assert_int_equal(mtm_topic_find_or_new("news", 4, false, &again, &created), MTM_OK);
    assert_true(created && again != topic);
    drop(again);
    assert_int_equal(mtm_topic_clear(topic, false), MTM_CLOSED);
    assert_int_equal(publish(topic, 4, 0, 0), MTM_CLOSED);
    assert_int_equal(core_add(buffer, 1), MTM_CLOSED);
    assert_int_equal(mtm_topic_subscribe(topic, &options, &refused), MTM_CLOSED);
    mtm_root_release(found);
    core_drop_buffer(buffer);
    assert_int_equal(mtm_registry_find_name(MTM_TOPIC, "news", 4, &found), MTM_UNKNOWN);
}

/* Whatever runs out of memory: everybody has it, or nobody; or one who could not is told. */
static void running_out_of_memory_is_told(void **state)
{
    (void)state;
    enum { SUBSCRIBERS = 40 };
    static unsigned char bytes[LARGE];
    struct mtm_message message = core_message(bytes, LARGE);
    struct mtm_topic *topic = topic_new(true);
    struct mtm_buffer *buffers[SUBSCRIBERS];
    for (int i = 0; i < SUBSCRIBERS; ++i) buffers[i] = subscribe(topic, 0, NULL);
    for (uint32_t nth = 1; nth < 2 * SUBSCRIBERS + 5; ++nth) {
        struct mtm_published published;
        size_t got = 0;
        core_failure = nth;
        enum mtm_status status = mtm_topic_add(topic, &message, false, false, &published, NULL);
        core_failure = 0;
        for (int i = 0; i < SUBSCRIBERS; ++i) got += mtm_buffer_count(buffers[i]);
        if (status == MTM_OK) {
            assert_int_equal(published.taken + published.refused, SUBSCRIBERS);
            assert_int_equal(got, published.taken);
        } else {
            assert_int_equal(status, MTM_NOMEM);
            assert_int_equal(got, 0);
        }
        for (int i = 0; i < SUBSCRIBERS; ++i) mtm_buffer_clear(buffers[i], false);
    }
    core_drought = 1;
    struct mtm_topic *none = NULL;
    assert_int_equal(mtm_topic_new(NULL, 0, false, &none), MTM_NOMEM);
    core_drought = 0;
    for (int i = 0; i < SUBSCRIBERS; ++i) core_drop_buffer(buffers[i]);
    drop(topic);
}

/* A notifier of a subscriber that publishes itself, once, or fails. It is called after the
 * turn. */
struct echo {
    struct mtm_topic *topic;
    bool publishes, fails;
};

static int echo(const void *api, void *object, mtm_error_handler handler, void *data)
{
    struct echo *e = object;
    (void)api;
    if (e->publishes) {
        e->publishes = false;
        assert_int_equal(publish(e->topic, 77, 2, 0), MTM_OK);
    }
    if (e->fails) handler(data, "enough", 6);
    return e->fails ? 9 : 0;
}

static void nothing(const void *api, void *object)
{
    (void)api;
    (void)object;
}

static void notifiers_may_publish(void **state)
{
    (void)state;
    static const struct mtm_notifier_ops ops = {nothing, echo};
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *first = subscribe(topic, 0, NULL), *second = subscribe(topic, 0, NULL);
    struct echo e = {topic, true, false};
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&ops, NULL, &e, 0);
    assert_int_equal(mtm_buffer_connect(first, MTM_ADDED, notifier), MTM_OK);
    assert_int_equal(publish(topic, 1, 2, 0), MTM_OK);
    e.fails = true;
    assert_int_equal(publish(topic, 2, 2, 0), MTM_NOTIFIER_FAILED);
    static const uint32_t expected[] = {1, 77, 2};
    for (int i = 0; i < 3; ++i) {
        assert_gets(first, expected[i]);
        assert_gets(second, expected[i]);
    }
    core_drop_buffer(first);
    core_drop_buffer(second);
    drop(topic);
}

/* Of a topic, and of its subscribers, while the last root goes: what only they themselves hold
 * ends. */
static void a_ring_of_subscribers_ends_with_the_last_root(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(true);
    struct mtm_buffer *first = subscribe(topic, 0, NULL), *second = subscribe(topic, 0, NULL);
    struct mtm_notifier *notifier = mtm_notifier_new_buffer(second, 0);
    assert_int_equal(mtm_buffer_connect(first, MTM_ADDED, notifier), MTM_OK);
    notifier = mtm_notifier_new_buffer(first, 0);
    assert_int_equal(mtm_buffer_connect(second, MTM_ADDED, notifier), MTM_OK);
    assert_int_equal(publish(topic, 1, 2, 0), MTM_OK);
    drop(topic);
    core_drop_buffer(first);
    core_drop_buffer(second); /* nothing is left: the test's end looks at that */
}

static void the_first_of_several_failures_is_told(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct bell bells[3] = {
        {.answer = 0}, {.answer = 3, .text = "one"}, {.answer = 4, .text = "two"}};
    struct mtm_buffer *buffers[3];
    struct mtm_published published;
    struct mtm_failure failure = {0};
    uint32_t number = 5;
    struct mtm_message message = core_message(&number, sizeof number);
    for (int i = 0; i < 3; ++i) {
        buffers[i] = subscribe(topic, 0, NULL);
        bell_connect(&bells[i], buffers[i], MTM_ADDED, 0);
    }
    assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, &failure),
                     MTM_NOTIFIER_FAILED);
    assert_int_equal(published.taken, 3);
    assert_text(&failure, "Error while calling notifier: one");
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(bells[i].rings, 1);
        assert_int_equal(mtm_buffer_count(buffers[i]), 1);
        core_drop_buffer(buffers[i]);
    }
    drop(topic);
}

/* Whichever request fails: there is no topic, or no subscriber, and nothing is left of it. */
static void a_topic_or_a_subscriber_is_made_or_not(void **state)
{
    (void)state;
    struct mtm_topic *topic = NULL;
    struct mtm_buffer *buffer = NULL;
    const struct mtm_buffer_options options = {
        .name = "s", .name_len = 1, .size = 100, .grow = 2};
    struct mtm_object *found;
    for (uint32_t nth = 1; !topic; ++nth) {
        core_failure = nth;
        enum mtm_status status = mtm_topic_new("t", 1, true, &topic);
        core_failure = 0;
        assert_int_equal(status, topic ? MTM_OK : MTM_NOMEM);
    }
    assert_int_equal(publish(topic, 1, 0, 0), MTM_OK);
    for (uint32_t nth = 1; !buffer; ++nth) {
        core_failure = nth;
        enum mtm_status status = mtm_topic_subscribe(topic, &options, &buffer);
        core_failure = 0;
        assert_int_equal(status, buffer ? MTM_OK : MTM_NOMEM);
        assert_int_equal(mtm_topic_count(topic), buffer ? 1 : 0);
        if (buffer) break;
        assert_int_equal(mtm_registry_find_name(MTM_BUFFER, "s", 1, &found), MTM_UNKNOWN);
    }
    assert_gets(buffer, 1); /* the latest */
    core_drop_buffer(buffer);
    drop(topic);
    mtm_abort_all(true);
    assert_int_equal(mtm_topic_new("t", 1, true, &topic), MTM_ABORTED);
    mtm_abort_all(false);
}

static void a_finished_topic_ends_when_it_is_drained(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(true);
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *plain = subscribe(topic, 0, NULL),
                      *served = subscribe(topic, 0, listener);
    struct mtm_buffer *refused = NULL;
    const struct mtm_buffer_options options = {.size = 100, .grow = 2};
    uint32_t number;
    assert_int_equal(publish(topic, 1, 2, 0), MTM_OK);
    mtm_topic_finish(topic);
    assert_int_equal(publish(topic, 2, 0, 0), MTM_CLOSED);
    assert_int_equal(mtm_topic_subscribe(topic, &options, &refused), MTM_CLOSED);
    assert_int_equal(core_add(plain, 2), MTM_CLOSED);
    assert_gets(plain, 1);
    assert_int_equal(core_next(&plain->object, 0, &number), MTM_CLOSED);
    assert_int_equal(core_next(&listener->object, 0, &number), MTM_OK);
    assert_int_equal(core_next(&listener->object, 0, &number), MTM_NO_BUFFERS);
    mtm_topic_finish(topic);
    core_drop_buffer(plain);
    core_drop_buffer(served);
    core_drop_listener(listener);
    drop(topic);
}

/* The message that waits is large, and has an object, of which there must be a reference for
 * whoever subscribes. */
static enum mtm_status publish_with(struct mtm_topic *topic, struct mtm_object *object)
{
    static const unsigned char bytes[LARGE];
    struct mtm_message message = core_message(bytes, sizeof bytes);
    struct mtm_cargo *cargo = NULL;
    struct mtm_published published;
    assert_int_equal(mtm_cargo_add(&cargo, object), MTM_OK);
    message.cargo = &cargo;
    enum mtm_status status = mtm_topic_add(topic, &message, false, false, &published, NULL);
    mtm_cargo_drop(cargo);
    mtm_drop_handed_on();
    return status;
}

static void whoever_cannot_get_the_latest_does_not_subscribe(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 100, .grow = 2};
    struct mtm_topic *topic = topic_new(true);
    struct mtm_buffer *object = core_buffer(NULL), *buffer = NULL;
    uint32_t nth = 0;
    assert_int_equal(publish_with(topic, &object->object), MTM_OK);
    const size_t refs = object->object.life & MTM_LIFE_REFS;
    while (!buffer) {
        core_failure = ++nth;
        enum mtm_status status = mtm_topic_subscribe(topic, &options, &buffer);
        core_failure = 0;
        mtm_drop_handed_on();
        assert_int_equal(status, buffer ? MTM_OK : MTM_NOMEM);
        assert_int_equal(mtm_topic_count(topic), buffer ? 1 : 0);
        assert_int_equal(object->object.life & MTM_LIFE_REFS, refs + (buffer ? 1 : 0));
    }
    assert_true(nth > 3);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    core_drop_buffer(buffer);
    assert_int_equal(object->object.life & MTM_LIFE_REFS, refs);
    drop(topic);
    core_drop_buffer(object);
}

/* story: the objects of the latest message of a topic lived on after it had been closed */
static void what_the_latest_refers_to_goes_when_the_topic_is_closed(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(true);
    struct mtm_buffer *object = core_buffer(NULL);
    assert_int_equal(publish_with(topic, &object->object), MTM_OK);
    assert_int_equal(object->object.life & MTM_LIFE_REFS, 2);
    mtm_topic_close(topic);
    assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    drop(topic);
    core_drop_buffer(object);
}

/* The latest message of a topic is the topic. */
static void a_topic_in_itself_goes(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL);
    const uint32_t before = core_blocks;
    struct mtm_topic *topic = topic_new(true);
    const uint64_t id = topic->object.id;
    struct mtm_object *found;
    assert_int_equal(publish_with(topic, &topic->object), MTM_OK);
    drop(topic);
    core_drop_buffer(core_buffer(NULL)); /* later operations look for it, if that must be */
    assert_int_equal(mtm_registry_find_id(MTM_TOPIC, id, &found), MTM_UNKNOWN);
    assert_int_equal(core_blocks, before);
    core_drop_buffer(other);
}

static void a_topic_is_found_or_made_or_not(void **state)
{
    (void)state;
    struct mtm_topic *topic = NULL;
    bool created;
    for (uint32_t nth = 1; !topic; ++nth) {
        core_failure = nth;
        enum mtm_status status = mtm_topic_find_or_new("t", 1, true, &topic, &created);
        core_failure = 0;
        assert_int_equal(status, topic ? MTM_OK : MTM_NOMEM);
        assert_int_equal(core_blocks != 0, topic != NULL);
    }
    assert_true(created);
    drop(topic);
}

static void a_message_may_replace_what_is_there(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *full = subscribe(topic, 1, NULL), *other = subscribe(topic, 0, NULL);
    struct mtm_published published;
    uint32_t number = 9;
    struct mtm_message message = core_message(&number, sizeof number);
    for (uint32_t n = 0; n < 3; ++n) publish(topic, n, n ? 1 : 2, n ? 1 : 0);
    assert_int_equal(mtm_topic_add(topic, &message, true, false, &published, NULL), MTM_OK);
    assert_int_equal(published.taken, 2);
    assert_int_equal(mtm_buffer_count(other), 1);
    assert_delivers(full, 9);
    assert_delivers(other, 9);
    core_drop_buffer(full);
    core_drop_buffer(other);
    drop(topic);
}

/* ---- what is kept for later ---- */

/* So many messages of that size to so many, who take them all. */
static void burst(struct mtm_topic *topic, struct mtm_object *const *sources, size_t count,
                  size_t size, int messages)
{
    static unsigned char bytes[LARGE];
    struct mtm_message message = core_message(bytes, size);
    struct mtm_published published;
    for (int n = 0; n < messages; ++n) {
        assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, NULL),
                         MTM_OK);
        assert_int_equal(published.taken, mtm_topic_count(topic));
    }
    for (size_t i = 0; i < count; ++i) {
        for (int n = 0; n < messages; ++n) {
            struct mtm_delivery in;
            assert_int_equal(core_take(sources[i], &in), MTM_OK);
            mtm_buffer_recycle(in.from, in.slot.block);
            mtm_delivery_done(&in, false);
            mtm_block_free(in.slot.carrier);
        }
    }
}

/* story: blocks that refer to a kept one lie in its memory, and were not counted: a topic of
 * thousands kept some hundred MB */
static void what_a_topic_keeps_is_weighed_with_all_that_refers_to_it(void **state)
{
    (void)state;
    enum { SUBSCRIBERS = 500, MESSAGES = 30 };
    struct mtm_topic *topic = topic_new(false);
    struct mtm_object *sources[SUBSCRIBERS];
    for (int i = 0; i < SUBSCRIBERS; ++i) sources[i] = &subscribe(topic, 0, NULL)->object;
    burst(topic, sources, SUBSCRIBERS, 5000, 1); /* their rings are there */
    assert_int_equal(mtm_topic_clear(topic, false), MTM_OK);
    assert_int_equal(mtm_pools_charged(), 0);
    const size_t before = core_bytes;
    burst(topic, sources, SUBSCRIBERS, 5000, MESSAGES);
    const size_t kept = core_bytes - before;
    assert_true(kept > 0);
    assert_in_range(kept, 0, mtm_pools_charged());
    const uint32_t requests = core_requests;
    burst(topic, sources, SUBSCRIBERS, 5000, 5);
    assert_in_range(core_requests - requests, 0, 5 + 5 * SUBSCRIBERS); /* core_take's own */
    for (int i = 0; i < SUBSCRIBERS; ++i) mtm_root_release(sources[i]);
    drop(topic);
    assert_int_equal(mtm_pools_charged(), 0);
}

static void give_all(struct mtm_topic **topics, struct mtm_object **sources, size_t count)
{
    for (size_t i = 0; i < count; ++i) burst(topics[i], &sources[i], 1, LARGE, 60);
}

/* story: what large messages of topics left behind stayed where the subscribers were served by
 * a listener, or slept */
static void subscribers_give_memory_back_through_a_listener(void **state)
{
    (void)state;
    enum { TOPICS = 40 };
    struct mtm_listener *listener = core_listener();
    struct mtm_topic *topics[TOPICS];
    struct mtm_buffer *buffers[TOPICS];
    struct mtm_object *sources[TOPICS];
    for (int i = 0; i < TOPICS; ++i) {
        topics[i] = topic_new(false);
        buffers[i] = subscribe(topics[i], 0, listener);
        sources[i] = &listener->object;
    }
    const size_t before = core_bytes;
    give_all(topics, sources, TOPICS);
    assert_in_range(core_bytes - before, 0,
                    (TOPICS + 1) * (MTM_POOL_DRAINED + LARGE)); /* not what was under way */
    assert_next(listener, MTM_EMPTY);
    assert_in_range(core_bytes - before, 0, MTM_POOLS_FEW + TOPICS * 1100);
    for (int i = 0; i < TOPICS; ++i) {
        core_drop_buffer(buffers[i]);
        drop(topics[i]);
    }
    core_drop_listener(listener);
}

/* story: where the last message of a burst is a short one nobody learnt of its end */
static void a_small_message_may_be_the_last_of_a_burst(void **state)
{
    (void)state;
    for (int through = 0; through < 2; ++through) {
        struct mtm_listener *listener = through ? core_listener() : NULL;
        struct mtm_topic *topic = topic_new(false);
        struct mtm_buffer *buffer = subscribe(topic, 0, listener);
        struct mtm_object *source = listener ? &listener->object : &buffer->object;
        static unsigned char bytes[LARGE];
        struct mtm_message message = core_message(bytes, LARGE);
        struct mtm_published published;
        const size_t before = core_bytes;
        for (int i = 0; i < 40; ++i) {
            assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, NULL),
                             MTM_OK);
        }
        assert_int_equal(publish(topic, 1, 1, 0), MTM_OK);
        for (int i = 0; i < 41; ++i) {
            struct mtm_delivery in;
            assert_int_equal(core_take(source, &in), MTM_OK);
            if (in.slot.block != in.slot.carrier) mtm_buffer_recycle(in.from, in.slot.block);
            mtm_delivery_done(&in, false);
            mtm_block_free(in.slot.carrier);
        }
        assert_in_range(core_bytes - before, 0, MTM_POOL_DRAINED + 3000);
        core_drop_buffer(buffer);
        drop(topic);
        if (listener) core_drop_listener(listener);
    }
}

/* story: after a burst of large messages all takes went the long way for good */
static void a_drained_subscriber_is_on_the_fast_path_again(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *buffer = subscribe(topic, 0, NULL);
    struct mtm_object *source = &buffer->object;
    struct mtm_peeked peeked;
    burst(topic, &source, 1, LARGE, 40);
    assert_next(buffer, MTM_EMPTY);
    assert_int_equal(buffer->queue.head.unusual, mtm_generation);
    assert_int_equal(publish(topic, 1, 1, 0), MTM_OK);
    assert_int_equal(mtm_fast_peek(buffer, &peeked, NULL), MTM_FOUND_BYTES);
    assert_gets(buffer, 1);
    core_drop_buffer(buffer);
    drop(topic);
}

static void *sleep_for_a_message(void *opaque)
{
    uint32_t number = 0;
    assert_int_equal(core_next(opaque, MTM_FOREVER, &number), MTM_OK);
    assert_int_equal(number, 7);
    return NULL;
}

/* Another pool has so much that nothing may be kept at rest. */
static void a_subscriber_that_sleeps_gives_memory_back(void **state)
{
    (void)state;
    for (int through = 0; through < 2; ++through) {
        struct mtm_listener *listener = through ? core_listener() : NULL;
        struct mtm_topic *topic = topic_new(false), *other = topic_new(false);
        struct mtm_buffer *buffer = subscribe(topic, 0, listener);
        struct mtm_buffer *others = subscribe(other, 0, NULL);
        struct mtm_object *source = listener ? &listener->object : &buffer->object,
                          *far = &others->object;
        pthread_t thread;
        for (int i = 0; i < 3; ++i) burst(other, &far, 1, LARGE, 90);
        assert_true(mtm_pools_charged() > MTM_POOLS_FEW);
        const size_t before = core_bytes;
        burst(topic, &source, 1, LARGE, 8);
        assert_true(core_bytes - before > 4 * LARGE);
        unit_start(&thread, 1, sleep_for_a_message, source);
        while (core_bytes - before > 2 * MTM_RING_KEPT)
            mtm_plat_yield(); /* the test's time limit bounds it */
        assert_int_equal(core_add(buffer, 7), MTM_OK);
        unit_join(&thread, 1);
        core_drop_buffer(buffer);
        core_drop_buffer(others);
        drop(topic);
        drop(other);
        if (listener) core_drop_listener(listener);
    }
}

/* story: nobody was left who would have given it a rest */
static void a_topic_without_subscribers_keeps_little(void **state)
{
    (void)state;
    enum { TOPICS = 20 };
    struct mtm_topic *topics[TOPICS];
    for (int i = 0; i < TOPICS; ++i) topics[i] = topic_new(false);
    const size_t before = core_bytes;
    for (int i = 0; i < TOPICS; ++i) {
        struct mtm_object *source = &subscribe(topics[i], 0, NULL)->object;
        burst(topics[i], &source, 1, LARGE, 60);
        mtm_root_release(source);
    }
    assert_in_range(core_bytes - before, 0, MTM_POOLS_FEW + MTM_POOL_DRAINED + TOPICS * 200);
    for (int i = 0; i < TOPICS; ++i) drop(topics[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("everybody gets everything", everybody_gets_everything),
        CORE_TEST("a large message is stored once", a_large_message_is_stored_once),
        CORE_TEST("the latest waits for those who come later",
                  the_latest_waits_for_those_who_come_later),
        CORE_TEST("who is full holds up nobody", who_is_full_holds_up_nobody),
        CORE_TEST("a topic is found, closed and aborted", a_topic_is_found_closed_and_aborted),
        CORE_TEST("running out of memory is told", running_out_of_memory_is_told),
        CORE_TEST("notifiers may publish", notifiers_may_publish),
        CORE_TEST("a ring of subscribers ends with the last root",
                  a_ring_of_subscribers_ends_with_the_last_root),
        CORE_TEST("the first of several failures is told",
                  the_first_of_several_failures_is_told),
        CORE_TEST("a topic or a subscriber is made or not",
                  a_topic_or_a_subscriber_is_made_or_not),
        CORE_TEST("a finished topic ends when it is drained",
                  a_finished_topic_ends_when_it_is_drained),
        CORE_TEST("whoever cannot get the latest does not subscribe",
                  whoever_cannot_get_the_latest_does_not_subscribe),
        CORE_TEST("what the latest refers to goes when the topic is closed",
                  what_the_latest_refers_to_goes_when_the_topic_is_closed),
        CORE_TEST("a topic in itself goes", a_topic_in_itself_goes),
        CORE_TEST("a topic is found, or made, or not", a_topic_is_found_or_made_or_not),
        CORE_TEST("a message may replace what is there", a_message_may_replace_what_is_there),
        CORE_TEST("what a topic keeps is weighed with all that refers to it",
                  what_a_topic_keeps_is_weighed_with_all_that_refers_to_it),
        CORE_TEST("subscribers give memory back through a listener",
                  subscribers_give_memory_back_through_a_listener),
        CORE_TEST("a small message may be the last of a burst",
                  a_small_message_may_be_the_last_of_a_burst),
        CORE_TEST("a drained subscriber is on the fast path again",
                  a_drained_subscriber_is_on_the_fast_path_again),
        CORE_TEST("a subscriber that sleeps gives memory back",
                  a_subscriber_that_sleeps_gives_memory_back),
        CORE_TEST("a topic without subscribers keeps little",
                  a_topic_without_subscribers_keeps_little),
    };
    return UNIT_RUN(tests);
}
