/* Tests of topics with several threads: one order for all, subscribers that come, go, or are
 * suspended, and the end of a topic meanwhile. They own topics and buffers. */
#include "topic_unit.h"

#include "core/room.h"

/* ---- threads ---- */

enum { PUBLISHERS = 2, READERS = 2, EACH = 4000, FIRST = 1 };

struct crowd {
    struct mtm_topic *topic;
    mtm_a32 publishers, done, readers;
    struct mtm_buffer *buffer[READERS];
    uint32_t got[READERS][PUBLISHERS * EACH];
};

static void *publish_many(void *opaque)
{
    struct crowd *crowd = opaque;
    const uint32_t me = mtm_add_seq(&crowd->publishers, 1);
    for (uint32_t i = 0; i < EACH; ++i) {
        uint32_t number = me << 24 | (i + FIRST);
        struct mtm_message message = core_message(&number, sizeof number);
        struct mtm_published published;
        assert_int_equal(mtm_topic_add(crowd->topic, &message, false, false, &published, NULL),
                         MTM_OK);
        assert_true(published.taken >= READERS);
    }
    mtm_add_seq(&crowd->done, 1);
    return NULL;
}

static void *read_all(void *opaque)
{
    struct crowd *crowd = opaque;
    const uint32_t me = mtm_add_seq(&crowd->readers, 1);
    for (int i = 0; i < PUBLISHERS * EACH; ++i)
        assert_int_equal(core_next(&crowd->buffer[me]->object, MTM_FOREVER, &crowd->got[me][i]),
                         MTM_OK);
    return NULL;
}

static void *come_and_go(void *opaque)
{
    struct crowd *crowd = opaque;
    while (mtm_load_seq(&crowd->done) < PUBLISHERS) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *buffer = subscribe(crowd->topic, 3, NULL);
        struct mtm_buffer *served = subscribe(crowd->topic, 0, listener);
        uint32_t number;
        core_next(&buffer->object, 0, &number);
        core_next(&listener->object, 0, &number);
        core_drop_buffer(served);
        core_drop_listener(listener);
        mtm_buffer_close(buffer);
        core_drop_buffer(buffer);
    }
    return NULL;
}

static void all_readers_see_one_order(void **state)
{
    (void)state;
    static struct crowd crowd;
    pthread_t publishers[PUBLISHERS], readers[READERS], others;
    crowd = (struct crowd){.topic = topic_new(true)};
    for (int i = 0; i < READERS; ++i) crowd.buffer[i] = subscribe(crowd.topic, 0, NULL);
    unit_start(readers, READERS, read_all, &crowd);
    unit_start(publishers, PUBLISHERS, publish_many, &crowd);
    unit_start(&others, 1, come_and_go, &crowd);
    unit_join(publishers, PUBLISHERS);
    unit_join(readers, READERS);
    unit_join(&others, 1);
    uint32_t next[PUBLISHERS] = {FIRST, FIRST};
    for (int i = 0; i < PUBLISHERS * EACH; ++i) {
        const uint32_t number = crowd.got[0][i];
        assert_int_equal(number & 0xFFFFFF, next[number >> 24]++);
        assert_int_equal(number, crowd.got[1][i]);
    }
    for (int i = 0; i < READERS; ++i) core_drop_buffer(crowd.buffer[i]);
    assert_int_equal(mtm_topic_count(crowd.topic), 0);
    drop(crowd.topic);
}

/* ---- one subscriber, who gets company ---- */

enum { VISITS = 400, SEEN = 30 };

struct company {
    struct mtm_topic *topic;
    struct mtm_buffer *only;
    mtm_a32 publishers, done, given_up; /* as too busy: then nothing is compared */
    mtm_a32 visits;
    uint32_t got[PUBLISHERS * EACH];
    uint32_t count[VISITS], seen[VISITS][SEEN];
};

static void *publish_to_one_or_two(void *opaque)
{
    struct company *company = opaque;
    const uint32_t me = mtm_add_seq(&company->publishers, 1);
    while (mtm_load_seq(&company->visits) == 0) mtm_plat_yield();
    for (uint32_t i = 0; i < EACH; ++i) {
        uint32_t number = me << 24 | (i + FIRST);
        struct mtm_message message = core_message(&number, sizeof number);
        struct mtm_published published;
        assert_int_equal(
            mtm_topic_add(company->topic, &message, false, false, &published, NULL), MTM_OK);
        if (published.refused > 0) mtm_store_rel(&company->given_up, 1);
    }
    mtm_add_seq(&company->done, 1);
    return NULL;
}

static void *read_as_the_only_one(void *opaque)
{
    struct company *company = opaque;
    for (int i = 0; i < PUBLISHERS * EACH; ++i) {
        while (core_next(&company->only->object, 100 * UNIT_MS, &company->got[i]) != MTM_OK)
            if (mtm_load_acq(&company->given_up)) return NULL;
    }
    return NULL;
}

static void *visit(void *opaque)
{
    struct company *company = opaque;
    while (mtm_load_seq(&company->done) < PUBLISHERS &&
           mtm_load_seq(&company->visits) < VISITS) {
        struct mtm_buffer *buffer = subscribe(company->topic, 0, NULL);
        const uint32_t n = mtm_add_seq(&company->visits, 1);
        uint32_t *seen = company->seen[n];
        while (company->count[n] < SEEN &&
               core_next(&buffer->object, UNIT_MS, &seen[company->count[n]]) == MTM_OK)
            ++company->count[n];
        core_drop_buffer(buffer);
    }
    return NULL;
}

/* The first of what a visitor has seen, in what the only one has got, and all the rest after
 * it. */
static void assert_saw_a_part(const struct company *company, uint32_t visit)
{
    const uint32_t *seen = company->seen[visit];
    int at = 0;
    if (company->count[visit] == 0) return;
    while (company->got[at] != seen[0]) assert_true(++at < PUBLISHERS * EACH);
    for (uint32_t i = 0; i < company->count[visit]; ++i)
        assert_int_equal(company->got[at + (int)i], seen[i]);
}

static bool one_and_its_company(void)
{
    static struct company company;
    pthread_t publishers[PUBLISHERS], reader, visitor;
    company = (struct company){.topic = topic_new(false)};
    company.only = subscribe(company.topic, 0, NULL);
    unit_start(&reader, 1, read_as_the_only_one, &company);
    unit_start(publishers, PUBLISHERS, publish_to_one_or_two, &company);
    unit_start(&visitor, 1, visit, &company);
    unit_join(publishers, PUBLISHERS);
    unit_join(&reader, 1);
    unit_join(&visitor, 1);
    core_drop_buffer(company.only);
    drop(company.topic);
    if (mtm_load_acq(&company.given_up)) return false;
    uint32_t next[PUBLISHERS] = {FIRST, FIRST};
    for (int i = 0; i < PUBLISHERS * EACH; ++i) {
        const uint32_t number = company.got[i];
        assert_int_equal(number & 0xFFFFFF, next[number >> 24]++);
    }
    uint32_t all = 0;
    for (uint32_t n = 0; n < mtm_load_seq(&company.visits); ++n) {
        assert_saw_a_part(&company, n);
        all += company.count[n];
    }
    assert_true(all > 0);
    return true;
}

static void who_joins_the_only_subscriber_sees_its_order(void **state)
{
    (void)state;
    bool compared = false;
    for (int round = 0; round < 5 && !compared; ++round) compared = one_and_its_company();
    assert_true(compared);
}

static void a_nonblocking_publisher_does_not_wait_for_its_turn(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *buffer = subscribe(topic, 0, NULL);
    uint32_t number = 1;
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_published published;
    assert_int_equal(publish(topic, 6, 1, 0), MTM_OK); /* so that there is a ring */
    assert_gets(buffer, 6);
    mtm_lock(&topic->turn); /* as if another thread were publishing */
    enum mtm_status status = mtm_topic_add(topic, &message, false, true, &published, NULL);
    assert_int_equal(mtm_topic_clear(topic, true), MTM_BUSY);
    mtm_unlock(&topic->turn);
    assert_int_equal(status, MTM_BUSY);
    assert_int_equal(mtm_buffer_count(buffer), 0);
    assert_int_equal(mtm_topic_add(topic, &message, false, true, &published, NULL), MTM_OK);
    core_drop_buffer(buffer);
    drop(topic);
}

/* ---- who is suspended ---- */

/* Holds a lock of a subscriber, as a thread would that was suspended in the middle of an
 * operation. */
struct hold {
    struct mtm_lock *lock;
    mtm_a32 held, enough;
};

static void *hold_lock(void *opaque)
{
    struct hold *hold = opaque;
    mtm_lock(hold->lock);
    mtm_store_seq(&hold->held, 1);
    while (!mtm_load_seq(&hold->enough)) mtm_plat_yield();
    mtm_unlock(hold->lock);
    return NULL;
}

static void who_is_suspended_holds_up_nobody(void **state)
{
    (void)state;
    for (int head = 0; head < 2; ++head) {
        struct mtm_topic *topic = topic_new(false);
        const struct mtm_buffer_options options = {
            .size = 1000, .grow = 2, .bounds = {.limit = 1, .drop_oldest = true}};
        struct mtm_buffer *stuck = NULL, *other;
        assert_int_equal(mtm_topic_subscribe(topic, &options, &stuck), MTM_OK);
        other = subscribe(topic, 0, NULL);
        struct mtm_queue *queue = &stuck->queue;
        struct hold hold = {.lock = head ? &queue->head.lock : &queue->tail.lock};
        pthread_t thread;
        unit_start(&thread, 1, hold_lock, &hold);
        while (!mtm_load_seq(&hold.held)) mtm_plat_yield();
        assert_int_equal(publish(topic, 1, 1, 1), MTM_OK); /* it has given up on that one */
        assert_gets(other, 1);
        uint32_t number = 2;
        struct mtm_message message = core_message(&number, sizeof number);
        struct mtm_published published;
        assert_int_equal(mtm_topic_add(topic, &message, false, true, &published, NULL), MTM_OK);
        assert_int_equal(published.taken, 1);
        assert_int_equal(published.refused, 1);
        mtm_store_seq(&hold.enough, 1);
        unit_join(&thread, 1);
        assert_int_equal(publish(topic, 3, 2, 0), MTM_OK);
        assert_gets(stuck, 3);
        core_drop_buffer(stuck);
        core_drop_buffer(other);
        drop(topic);
    }
}

/* One that is busy for a moment gets the message after the others. */
static void *hold_for_a_moment(void *opaque)
{
    struct hold *hold = opaque;
    while (!mtm_load_seq(&hold->enough)) {
        mtm_lock(hold->lock);
        mtm_store_seq(&hold->held, 1);
        for (int i = 0; i < 20; ++i) mtm_plat_yield();
        mtm_unlock(hold->lock);
        mtm_plat_yield();
    }
    return NULL;
}

static void who_is_busy_for_a_moment_gets_it_later(void **state)
{
    (void)state;
    enum { MESSAGES = 200 };
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *busy = subscribe(topic, 0, NULL), *other = subscribe(topic, 0, NULL);
    struct hold hold = {.lock = &busy->queue.tail.lock};
    pthread_t thread;
    size_t taken = 0;
    unit_start(&thread, 1, hold_for_a_moment, &hold);
    while (!mtm_load_seq(&hold.held)) mtm_plat_yield();
    for (uint32_t n = 0; n < MESSAGES; ++n) {
        struct mtm_message message = core_message(&n, sizeof n);
        struct mtm_published published;
        assert_int_equal(mtm_topic_add(topic, &message, false, false, &published, NULL),
                         MTM_OK);
        assert_int_equal(published.taken + published.refused, 2);
        taken += published.taken;
    }
    mtm_store_seq(&hold.enough, 1);
    unit_join(&thread, 1);
    assert_int_equal(mtm_buffer_count(other), MESSAGES);
    assert_int_equal(mtm_buffer_count(busy), taken - MESSAGES);
    core_drop_buffer(busy);
    core_drop_buffer(other);
    drop(topic);
}

/* ---- who was told of a message, and who still waits for it ---- */

struct answer {
    struct mtm_topic *topic;
    bool nonblock;
    mtm_a32 done;
    struct mtm_published published;
};

static void *publish_one(void *opaque)
{
    struct answer *answer = opaque;
    uint32_t number = 1;
    struct mtm_message message = core_message(&number, sizeof number);
    (void)mtm_topic_add(answer->topic, &message, false, answer->nonblock, &answer->published,
                        NULL);
    mtm_store_seq(&answer->done, 1);
    return NULL;
}

static void nap(void)
{
    mtm_a32 word = 0;
    (void)mtm_plat_park(&word, 0, mtm_plat_now() + UNIT_MS / 2);
}

/* Two subscribers, of which one is busy: so the other one gets the message first, leaves, and
 * answers. Whether the answer came first. */
static bool answer_comes_first(void)
{
    struct answer answer = {.topic = topic_new(false)};
    struct mtm_buffer *stays = subscribe(answer.topic, 0, NULL),
                      *leaves = subscribe(answer.topic, 0, NULL);
    struct hold hold = {.lock = &stays->queue.tail.lock};
    pthread_t holder, publisher;
    uint32_t got, first = 0;
    assert_int_equal(publish(answer.topic, 6, 2, 0), MTM_OK); /* so that there is a ring */
    assert_gets(stays, 6);
    assert_gets(leaves, 6);
    unit_start(&holder, 1, hold_lock, &hold);
    while (!mtm_load_seq(&hold.held)) mtm_plat_yield();
    unit_start(&publisher, 1, publish_one, &answer);
    assert_int_equal(core_next(&leaves->object, MTM_FOREVER, &got), MTM_OK);
    nap(); /* the publisher comes to that one */
    core_drop_buffer(leaves);
    mtm_store_seq(&hold.enough, 1);
    while (mtm_load_rlx(&hold.lock->word) != 0 && !mtm_load_seq(&answer.done)) mtm_plat_relax();
    uint32_t two = 2;
    struct mtm_message message = core_message(&two, sizeof two);
    struct mtm_published published;
    assert_int_equal(mtm_topic_add(answer.topic, &message, false, false, &published, NULL),
                     MTM_OK);
    unit_join(&holder, 1);
    unit_join(&publisher, 1);
    const bool has_both = mtm_buffer_count(stays) == 2;
    if (has_both) assert_int_equal(core_next(&stays->object, 0, &first), MTM_OK);
    core_drop_buffer(stays);
    drop(answer.topic);
    return has_both && first == 2;
}

/* story: a message to the only subscriber that was left came before one that was still being
 * published, of which the sender had learnt from a subscriber that had left. */
static void an_answer_does_not_come_before_its_question(void **state)
{
    (void)state;
    for (int round = 0; round < 100; ++round) assert_false(answer_comes_first());
}

/* story: where another publisher was suspended with the lock of the list, a nonblocking one
 * waited for it. */
static void a_nonblocking_publisher_does_not_wait_for_the_list(void **state)
{
    (void)state;
    struct answer answer = {.topic = topic_new(false), .nonblock = true};
    struct mtm_buffer *only = subscribe(answer.topic, 0, NULL);
    struct hold hold = {.lock = &answer.topic->object.lock};
    pthread_t holder, publisher;
    unit_start(&holder, 1, hold_lock, &hold);
    while (!mtm_load_seq(&hold.held)) mtm_plat_yield();
    unit_start(&publisher, 1, publish_one, &answer);
    for (int i = 0; i < 10000 && !mtm_load_seq(&answer.done); ++i) nap();
    const bool done = mtm_load_seq(&answer.done);
    mtm_store_seq(&hold.enough, 1);
    unit_join(&holder, 1);
    unit_join(&publisher, 1);
    assert_true(done);
    assert_int_equal(answer.published.taken, 0);
    core_drop_buffer(only);
    drop(answer.topic);
}

static void *take_one(void *only)
{
    uint32_t number = 0;
    assert_int_equal(core_next(only, MTM_FOREVER, &number), MTM_OK);
    return NULL;
}

/* Asleep already, or about to be. */
static void who_waits_in_the_only_subscriber_is_woken(void **state)
{
    (void)state;
    struct answer question = {.topic = topic_new(false)};
    struct mtm_buffer *only = subscribe(question.topic, 0, NULL);
    for (int i = 0; i < 20; ++i) {
        pthread_t reader;
        question.nonblock = i & 2;
        assert_int_equal(pthread_create(&reader, NULL, take_one, &only->object), 0);
        core_await_waiters(&only->source.waiters, 1);
        if (i % 2) unit_linger(UNIT_MS / 2);
        question.published.taken = 0;
        while (question.published.taken == 0) publish_one(&question); /* BUSY, if nonblock */
        unit_join(&reader, 1);
    }
    core_drop_buffer(only);
    drop(question.topic);
}

/* ---- who waits for room ---- */

enum {
    WAITERS = 3,
    WAITED = 200,
    PATIENCE_NS = 10 * 1000 * 1000 /* of a publisher with those whose locks are taken */
};

struct queue {
    struct mtm_topic *topic;
    mtm_a32 next; /* the number of the one who publishes next */
    mtm_a32 refused, ended;
    size_t taken;
};

static enum mtm_status put_wait(struct mtm_topic *topic, uint32_t number, int64_t timeout,
                                struct mtm_published *published)
{
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_wait wait = {.timeout = timeout};
    struct mtm_targets targets;
    enum mtm_status status = mtm_topic_put_wait(topic, &message, &wait, &targets, published);
    if (status == MTM_OK) assert_int_equal(mtm_targets_notify(&targets, false, NULL), MTM_OK);
    return status;
}

static void *wait_for_room(void *opaque)
{
    struct queue *queue = opaque;
    for (int i = 0; i < WAITED; ++i) {
        struct mtm_published published;
        const uint32_t number = mtm_add_seq(&queue->next, 1) + 1;
        const int64_t begin = mtm_plat_now();
        assert_int_equal(put_wait(queue->topic, number, MTM_FOREVER, &published), MTM_OK);
        if (published.refused == 0) continue;
        assert_true(mtm_plat_now() - begin >= PATIENCE_NS);
        mtm_store_seq(&queue->refused, 1);
    }
    mtm_add_seq(&queue->ended, 1);
    return NULL;
}

/* False: one of the subscribers was given up as too busy. That happens only where the system
 * lets a thread wait for a processor for longer than a publisher has patience. */
static bool next_of(struct mtm_buffer *subscriber, struct queue *queue, uint32_t *number)
{
    enum mtm_status status = MTM_EMPTY;
    while (mtm_in_vain(status) && !mtm_load_seq(&queue->refused))
        status = core_next(&subscriber->object, 100 * UNIT_MS, number);
    if (mtm_in_vain(status)) return false;
    assert_int_equal(status, MTM_OK);
    return true;
}

static void drain_until_they_end(struct queue *queue, struct mtm_buffer **of, size_t count)
{
    uint32_t number;
    while (mtm_load_seq(&queue->ended) < WAITERS) {
        for (size_t i = 0; i < count; ++i)
            while (core_next(&of[i]->object, 0, &number) == MTM_OK) continue;
        mtm_plat_yield();
    }
}

/* Several wait for a slow subscriber, in one order, which is that of the others. False: it says
 * nothing, as above. */
static bool keep_the_order(void)
{
    struct queue queue = {.topic = topic_new(false)};
    struct mtm_buffer *of[] = {subscribe(queue.topic, 1, NULL), subscribe(queue.topic, 0, NULL),
                               subscribe(queue.topic, 2, NULL)};
    enum { SLOW, QUICK, TWO, COUNT };
    pthread_t threads[WAITERS];
    bool all = true, same = true;
    unit_start(threads, WAITERS, wait_for_room, &queue);
    for (int i = 0; i < WAITERS * WAITED && all && same; ++i) {
        uint32_t numbers[COUNT];
        if (i % 7 == 0) mtm_plat_yield();
        for (size_t k = 0; k < COUNT && all; ++k) all = next_of(of[k], &queue, &numbers[k]);
        same = !all || (numbers[QUICK] == numbers[SLOW] && numbers[TWO] == numbers[SLOW]);
    }
    drain_until_they_end(&queue, of, COUNT);
    unit_join(threads, WAITERS);
    for (size_t k = 0; k < COUNT; ++k) core_drop_buffer(of[k]);
    drop(queue.topic);
    assert_true(same || queue.refused);
    return !queue.refused;
}

static void who_waits_for_room_keeps_the_order(void **state)
{
    (void)state;
    bool kept = false;
    for (int round = 0; round < 5 && !kept; ++round) kept = keep_the_order();
    assert_true(kept);
}

static void *wait_once(void *opaque)
{
    struct queue *queue = opaque;
    struct mtm_published published;
    assert_int_equal(put_wait(queue->topic, 9, MTM_FOREVER, &published), MTM_OK);
    assert_int_equal(published.refused, 0);
    queue->taken = published.taken;
    return NULL;
}

static void who_waits_is_told_of_time_and_of_the_end(void **state)
{
    (void)state;
    struct mtm_topic *topic = topic_new(false);
    struct mtm_buffer *full = subscribe(topic, 1, NULL), *other = subscribe(topic, 0, NULL);
    struct mtm_published published;
    assert_int_equal(put_wait(topic, 1, MTM_FOREVER, &published), MTM_OK);
    assert_int_equal(published.taken, 2);
    assert_int_equal(put_wait(topic, 2, 0, &published), MTM_OK);
    assert_int_equal(published.refused, 1);
    assert_int_equal(put_wait(topic, 3, 2000000, &published), MTM_OK);
    assert_int_equal(published.taken, 1);
    assert_int_equal(published.refused, 1);
    core_drought = 1; /* no memory to wait with */
    assert_int_equal(put_wait(topic, 4, MTM_FOREVER, &published), MTM_OK);
    core_drought = 0;
    assert_int_equal(published.taken + published.refused, 2);
    assert_int_equal(published.refused >= 1, 1);
    for (uint32_t nth = 1; nth < 6; ++nth) {
        core_failure = nth;
        assert_int_equal(put_wait(topic, 4, UNIT_MS, &published), MTM_OK);
        core_failure = 0;
        assert_int_equal(published.taken + published.refused, 2);
    }

    struct queue queue = {.topic = topic};
    pthread_t thread;
    unit_start(&thread, 1, wait_once, &queue);
    while (mtm_room_waiting(full) == 0) mtm_plat_yield();
    mtm_topic_close(topic);
    unit_join(&thread, 1);
    assert_int_equal(queue.taken, 1); /* by the other one */
    assert_int_equal(put_wait(topic, 5, MTM_FOREVER, &published), MTM_CLOSED);
    core_drop_buffer(full);
    core_drop_buffer(other);
    drop(topic);
}

/* ---- who has the message, while others are waited for ---- */

struct scene {
    struct queue queue;
    struct mtm_buffer *made_room;
    mtm_a32 may_take, taken;
};

static void *put_to_all(void *opaque)
{
    struct scene *scene = opaque;
    struct mtm_published published;
    assert_int_equal(put_wait(scene->queue.topic, 9, MTM_FOREVER, &published), MTM_OK);
    scene->queue.taken = published.taken;
    return NULL;
}

/* Makes room when it is told to, and then waits for the next message. */
static void *take_two(void *opaque)
{
    struct scene *scene = opaque;
    uint32_t number;
    unit_await(&scene->may_take, 1);
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(core_next(&scene->made_room->object, MTM_FOREVER, &number), MTM_OK);
        mtm_add_seq(&scene->taken, 1);
    }
    return NULL;
}

/* story: a subscriber that was full as the others got the message, and had room when its line
 * was to be entered, got it; but its receiver slept on until the others had room, too. Since
 * one is busy, there is time in between: where that is too short the message finds its place in
 * the line, as ever. */
static void who_gets_it_late_is_woken_before_others_are_waited_for(void **state)
{
    (void)state;
    for (int round = 0; round < 5; ++round) {
        struct scene scene = {.queue.topic = topic_new(false)};
        struct mtm_topic *topic = scene.queue.topic;
        struct mtm_buffer *full = subscribe(topic, 1, NULL), *late = subscribe(topic, 1, NULL),
                          *busy = subscribe(topic, 0, NULL), *last = subscribe(topic, 0, NULL);
        struct core_holder holder;
        pthread_t threads[2];
        assert_int_equal(publish(topic, 1, 4, 0), MTM_OK);
        scene.made_room = late;
        core_hold(&holder, &busy->queue.tail.lock);
        unit_start(&threads[0], 1, take_two, &scene);
        unit_start(&threads[1], 1, put_to_all, &scene);
        while (mtm_buffer_count(last) < 2) mtm_plat_yield();
        mtm_store_seq(&scene.may_take, 1);
        unit_await(&scene.taken, 2); /* while it waits for the one that is full */
        core_let_go(&holder);
        assert_gets(full, 1);
        unit_join(threads, 2);
        assert_int_equal(scene.queue.taken, 3);
        core_drop_buffer(late);
        core_drop_buffer(busy);
        core_drop_buffer(full);
        core_drop_buffer(last);
        drop(topic);
    }
}

static void make_room(struct bell *bell)
{
    uint32_t number;
    assert_int_equal(core_next(bell->arg, 0, &number), MTM_OK);
}

/* story: notifiers of those that had the message were not called while others were waited for.
 * This one makes the room. What the message was made of may be written over by then. */
static void notifiers_are_called_before_others_are_waited_for(void **state)
{
    (void)state;
    static unsigned char bytes[LARGE], expected[LARGE];
    for (size_t size = 4; size <= LARGE; size += LARGE - 4) {
        struct mtm_topic *topic = topic_new(false);
        const struct mtm_buffer_options sized = {
            .size = 2 * LARGE, .sized = true, .grow = 2, .bounds.limit = 1};
        struct mtm_buffer *full = NULL, *other = subscribe(topic, 0, NULL);
        assert_int_equal(mtm_topic_subscribe(topic, &sized, &full), MTM_OK);
        struct bell bell = {.act = make_room, .arg = full}, late = {.answer = 0};
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        struct mtm_targets targets;
        struct mtm_published published;
        struct mtm_delivery in = {.slot.limit = SIZE_MAX};
        assert_int_equal(publish(topic, 1, 2, 0), MTM_OK);
        bell_connect(&bell, other, MTM_ADDED, 0);
        bell_connect(&late, full, MTM_ADDED, 0);
        core_fill(bytes, 5, size);
        core_fill(expected, 5, size);
        struct mtm_message message = core_message(bytes, size);
        assert_int_equal(mtm_topic_put_wait(topic, &message, &wait, &targets, &published),
                         MTM_OK);
        memset(bytes, 0, size);
        assert_int_equal(mtm_targets_notify(&targets, false, NULL), MTM_OK);
        assert_int_equal(published.taken, 2);
        assert_int_equal(bell.rings, 1);
        assert_int_equal(late.rings, 1);
        in.slot.carrier = mtm_block_new(LARGE);
        wait = (struct mtm_wait){.timeout = 0};
        assert_int_equal(mtm_receive(&full->object, &wait, &in), MTM_OK);
        assert_int_equal(in.slot.block->size, size);
        assert_memory_equal(mtm_block_data(in.slot.block), expected, size);
        core_incoming_free(&in);
        core_drop_buffer(full);
        core_drop_buffer(other);
        drop(topic);
    }
}

/* ---- the end ---- */

struct end {
    struct mtm_topic *topic;
    struct mtm_buffer *made; /* or NULL */
};

static void *subscribe_once(void *opaque)
{
    struct end *end = opaque;
    const struct mtm_buffer_options options = {.size = 100, .grow = 2};
    if (mtm_topic_subscribe(end->topic, &options, &end->made) != MTM_OK) end->made = NULL;
    return NULL;
}

static void whoever_subscribes_at_the_end_is_refused_or_ended(void **state)
{
    (void)state;
    for (int round = 0; round < 600; ++round) {
        struct end end = {.topic = topic_new(round % 2 != 0)};
        pthread_t thread;
        publish(end.topic, 1, 0, 0);
        unit_start(&thread, 1, subscribe_once, &end);
        if (round % 3) mtm_plat_yield();
        if (round % 5 == 0) mtm_topic_finish(end.topic);
        else if (round % 5 == 1) mtm_topic_abort(end.topic, true);
        else mtm_topic_close(end.topic);
        unit_join(&thread, 1);
        if (end.made) {
            assert_int_not_equal(mtm_object_may_put(&end.made->object), MTM_OK);
            core_drop_buffer(end.made);
        }
        drop(end.topic);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("all readers see one order", all_readers_see_one_order),
        CORE_TEST("an answer does not come before its question",
                  an_answer_does_not_come_before_its_question),
        CORE_TEST("a nonblocking publisher does not wait for the list",
                  a_nonblocking_publisher_does_not_wait_for_the_list),
        CORE_TEST("who waits in the only subscriber is woken",
                  who_waits_in_the_only_subscriber_is_woken),
        CORE_TEST("who joins the only subscriber sees its order",
                  who_joins_the_only_subscriber_sees_its_order),
        CORE_TEST("a nonblocking publisher does not wait for its turn",
                  a_nonblocking_publisher_does_not_wait_for_its_turn),
        CORE_TEST("who is suspended holds up nobody", who_is_suspended_holds_up_nobody),
        CORE_TEST("who is busy for a moment gets it later",
                  who_is_busy_for_a_moment_gets_it_later),
        CORE_TEST("who waits for room keeps the order", who_waits_for_room_keeps_the_order),
        CORE_TEST("who waits is told of time and of the end",
                  who_waits_is_told_of_time_and_of_the_end),
        CORE_TEST("who gets it late is woken before others are waited for",
                  who_gets_it_late_is_woken_before_others_are_waited_for),
        CORE_TEST("notifiers are called before others are waited for",
                  notifiers_are_called_before_others_are_waited_for),
        CORE_TEST("whoever subscribes at the end is refused or ended",
                  whoever_subscribes_at_the_end_is_refused_or_ended),
    };
    return UNIT_RUN(tests);
}
