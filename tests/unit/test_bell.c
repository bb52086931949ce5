/* Tests of buffers that are notifiers of callers who must not wait: whoever has the buffer's
 * locks, no notification is lost, and each comes in its place. They own the buffers. */
/* story: a nonblocking add raised, and its notification was lost, because the buffer to be
 * notified was busy */
#include "bell.h"

#include "core/bell.h"
#include "core/bound.h"

/* Adds to `source`, whose notifier `bell` is, while others hold both locks of the bell. */
struct scene {
    struct mtm_buffer *source, *bell;
    enum mtm_status status;
};

static void *add_nonblock(void *opaque)
{
    struct scene *s = opaque;
    s->status = core_add_as(s->source, 1, true);
    return NULL;
}

static void notify_while_busy(struct scene *s, int times)
{
    struct core_holder holder = {0};
    core_hold(&holder, &s->bell->queue.tail.lock);
    for (int i = 0; i < times; ++i) {
        add_nonblock(s);
        assert_int_equal(s->status, MTM_OK);
    }
    core_let_go(&holder);
}

static struct mtm_buffer *bell_with(struct mtm_buffer_options options)
{
    struct mtm_buffer *buffer = NULL;
    if (options.size == 0) options.size = MTM_DEFAULT_SIZE;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static struct scene scene_with(struct mtm_buffer *bell)
{
    struct scene s = {.source = core_buffer(NULL), .bell = bell};
    buffer_connect(bell, s.source, MTM_ADDED, 0);
    return s;
}

static struct scene scene_at(struct mtm_listener *listener)
{
    return scene_with(core_buffer(listener));
}

static void end_scene(struct scene *s)
{
    core_drop_buffer(s->source);
    core_drop_buffer(s->bell);
}

/* Takes all messages: the numbers in them as letters, a to z, and "." for one without values.
 */
static const char *all_of(struct mtm_object *object)
{
    static char text[100];
    size_t len = 0;
    uint32_t number = 0;
    while (len < sizeof text - 1 && core_next(object, 0, &number) == MTM_OK) {
        text[len++] = (char)(number ? 'a' + (int)number - 1 : '.');
        number = 0;
    }
    text[len] = 0;
    return text;
}

static void a_busy_bell_has_rung_at_once(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL);
    struct core_holder tail = {0};
    core_hold(&tail, &s.bell->queue.tail.lock);
    for (size_t i = 1; i <= 3; ++i) {
        add_nonblock(&s);
        assert_int_equal(s.status, MTM_OK);
        assert_int_equal(mtm_buffer_count(s.bell), i);
    }
    assert_string_equal(all_of(&s.bell->object), "..."); /* needs the other lock alone */
    assert_int_equal(mtm_buffer_count(s.bell), 0);
    core_let_go(&tail);
    end_scene(&s);
}

static void a_listener_finds_a_busy_bell(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct scene s = scene_at(listener);
    struct core_holder tail = {0};
    for (int round = 0; round < 3; ++round) {
        core_hold(&tail, &s.bell->queue.tail.lock);
        add_nonblock(&s);
        add_nonblock(&s);
        assert_string_equal(all_of(&listener->object), "..");
        add_nonblock(&s);
        core_let_go(&tail);
        assert_int_equal(core_add(s.bell, 1), MTM_OK);
        assert_string_equal(all_of(&listener->object), ".a");
    }
    notify_while_busy(&s, 2);
    core_drop_buffer(s.source);
    core_drop_buffer(s.bell); /* left to drain */
    assert_string_equal(all_of(&listener->object), "..");
    assert_next(listener, MTM_NO_BUFFERS);
    core_drop_listener(listener);
}

static void *wait_for_one(void *opaque)
{
    struct scene *s = opaque;
    uint32_t number;
    s->status = core_next(&s->bell->object, MTM_FOREVER, &number);
    return NULL;
}

static void a_busy_bell_wakes_who_waits(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL), waiter = s;
    struct core_holder tail = {0};
    pthread_t thread;
    unit_start(&thread, 1, wait_for_one, &waiter);
    core_await_waiters(&s.bell->source.waiters, 1);
    core_hold(&tail, &s.bell->queue.tail.lock);
    add_nonblock(&s);
    unit_join(&thread, 1);
    assert_int_equal(waiter.status, MTM_OK);
    core_let_go(&tail);
    end_scene(&s);
}

/* Among messages of all kinds of records, and around the ends of rings. */
static void knocks_keep_their_place(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 64, 300, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        struct scene s = scene_with(bell_with((struct mtm_buffer_options){
            .size = sizes[i], .sized = sizes[i] != 0, .grow = MTM_DEFAULT_GROW}));
        static const unsigned char large[9000];
        struct mtm_message message = core_message(large, sizeof large);
        for (int round = 0; round < 40; ++round) {
            assert_int_equal(core_add(s.bell, 1), MTM_OK);
            notify_while_busy(&s, 2);
            assert_int_equal(core_add(s.bell, 2), MTM_OK);
            assert_int_equal(core_add(s.bell, 3), MTM_OK);
            notify_while_busy(&s, 1);
            assert_int_equal(mtm_buffer_count(s.bell), 6);
            if (round % 2) {
                struct mtm_failure failure = {0};
                assert_int_equal(mtm_buffer_add(s.bell, &message, false, &failure), MTM_OK);
                notify_while_busy(&s, 1);
            }
            mtm_lock(&s.bell->queue.tail.lock);
            assert_int_equal(mtm_queue_bytes(&s.bell->queue),
                             3 * core_record(4) + 3 + (round % 2 ? core_record(9000) + 1 : 0));
            mtm_unlock(&s.bell->queue.tail.lock);
            uint32_t number;
            if (round % 2) {
                assert_delivers(s.bell, 1);
                assert_int_equal(core_next(&s.bell->object, 0, &number), MTM_OK);
                assert_int_equal(core_next(&s.bell->object, 0, &number), MTM_OK);
                assert_delivers(s.bell, 2, 3);
                assert_int_equal(core_next(&s.bell->object, 0, &number), MTM_OK);
                assert_int_equal(core_next(&s.bell->object, 0, &number), MTM_OK);
                assert_string_equal(all_of(&s.bell->object), ".");
            } else {
                assert_string_equal(all_of(&s.bell->object), "a..bc.");
            }
        }
        end_scene(&s);
    }
}

/* What was taken goes back to where it was, whatever was taken first. */
static void knocks_go_back_to_their_place(void **state)
{
    (void)state;
    for (int order = 0; order < 2; ++order) {
        struct scene s = scene_at(NULL);
        struct mtm_delivery in[3];
        notify_while_busy(&s, 1);
        assert_int_equal(core_add(s.bell, 1), MTM_OK);
        notify_while_busy(&s, 1);
        for (int i = 0; i < 3; ++i)
            assert_int_equal(core_take(&s.bell->object, &in[i]), MTM_OK);
        assert_next(s.bell, MTM_EMPTY);
        for (int i = 0; i < 3; ++i) assert_true(mtm_delivery_put_back(&in[order ? i : 2 - i]));
        assert_int_equal(mtm_buffer_count(s.bell), 3);
        for (int i = 0; i < 3; ++i) core_incoming_free(&in[i]);
        assert_string_equal(all_of(&s.bell->object), ".a.");
        end_scene(&s);
    }
}

static void who_looks_sees_a_knock(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL);
    notify_while_busy(&s, 1);
    for (int i = 0; i < 2; ++i) {
        struct mtm_delivery in;
        struct mtm_wait wait = {.timeout = 0};
        assert_true(core_incoming(&in));
        assert_int_equal(mtm_peek(s.bell, &wait, &in), MTM_OK);
        assert_int_equal(in.slot.block->size, 0);
        mtm_peek_done(&in);
        core_incoming_free(&in);
        if (i == 0) assert_int_equal(core_add(s.bell, 1), MTM_OK);
    }
    assert_string_equal(all_of(&s.bell->object), ".a");
    end_scene(&s);
}

static void a_bell_that_is_full_by_its_limit_has_rung(void **state)
{
    (void)state;
    struct scene s = scene_with(bell_with(
        (struct mtm_buffer_options){.grow = MTM_DEFAULT_GROW, .bounds = {.limit = 2}}));
    for (int i = 0; i < 4; ++i) assert_int_equal(core_add_as(s.source, 1, true), MTM_OK);
    assert_int_equal(mtm_buffer_count(s.bell), 2);
    notify_while_busy(&s, 3);
    assert_string_equal(all_of(&s.bell->object), "..");
    notify_while_busy(&s, 3);
    assert_int_equal(mtm_buffer_count(s.bell), 2);
    assert_int_equal(core_add(s.bell, 1), MTM_FULL);
    for (int i = 0; i < 3; ++i) mtm_queue_knock(&s.bell->queue); /* as many at once may */
    assert_int_equal(mtm_buffer_count(s.bell), 2);
    assert_string_equal(all_of(&s.bell->object), "..");
    assert_int_equal(core_add(s.bell, 1), MTM_OK);
    for (int i = 0; i < 3; ++i) mtm_queue_knock(&s.bell->queue);
    assert_int_equal(mtm_buffer_count(s.bell), 2);
    assert_delivers(s.bell, 1);
    assert_int_equal(mtm_buffer_count(s.bell), 2); /* one of them was taken for a later one */
    assert_string_equal(all_of(&s.bell->object), "..");
    end_scene(&s);
}

static void a_bell_of_fixed_size_counts_knocks(void **state)
{
    (void)state;
    struct scene s =
        scene_with(bell_with((struct mtm_buffer_options){.size = 21, .sized = true}));
    notify_while_busy(&s, 3);
    assert_int_equal(core_add(s.bell, 1), MTM_OK); /* 3 + 5 bytes, and 9 of a mark */
    assert_int_equal(core_add(s.bell, 2), MTM_FULL);
    assert_string_equal(all_of(&s.bell->object), "...a");
    for (int i = 0; i < 21; ++i) assert_int_equal(core_add_as(s.source, 1, true), MTM_OK);
    assert_int_equal(core_add_as(s.source, 1, true), MTM_NOTIFIER_FAILED); /* code 4 */
    assert_string_equal(all_of(&s.bell->object), ".....................");
    end_scene(&s);
}

static struct mtm_queue_numbers numbers_of(struct mtm_buffer *buffer)
{
    mtm_buffer_lock_both(buffer);
    struct mtm_queue_numbers numbers = mtm_queue_numbers(&buffer->queue);
    mtm_buffer_unlock_both(buffer);
    return numbers;
}

static void the_oldest_that_make_room_may_be_knocks(void **state)
{
    (void)state;
    struct scene s = scene_with(bell_with((struct mtm_buffer_options){
        .grow = MTM_DEFAULT_GROW, .bounds = {.limit = 3, .drop_oldest = true}}));
    notify_while_busy(&s, 2);
    for (uint32_t i = 1; i <= 2; ++i) assert_int_equal(core_add(s.bell, i), MTM_OK);
    assert_string_equal(all_of(&s.bell->object), ".ab");
    notify_while_busy(&s, 3);
    assert_int_equal(core_add(s.bell, 1), MTM_OK);
    assert_string_equal(all_of(&s.bell->object), "..a");
    const struct mtm_queue_numbers n = numbers_of(s.bell);
    assert_int_equal(n.added, n.taken + n.dropped + n.replaced);
    assert_int_equal(n.dropped, 2);
    end_scene(&s);
}

static void assert_numbers(struct mtm_buffer *bell, size_t messages, size_t taken,
                           size_t replaced, size_t thrown_away)
{
    const struct mtm_queue_numbers n = numbers_of(bell);
    assert_int_equal(n.messages, messages);
    assert_int_equal(mtm_buffer_count(bell), messages);
    assert_int_equal(n.taken, taken);
    assert_int_equal(n.replaced, replaced);
    assert_int_equal(n.added, messages + taken + replaced + thrown_away);
}

/* story: knocks that clear or setmsg threw away counted as taken by receivers */
static void knocks_that_are_thrown_away_are_not_taken(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL);
    notify_while_busy(&s, 3);
    assert_numbers(s.bell, 3, 0, 0, 0);
    assert_int_equal(mtm_buffer_clear(s.bell, false), MTM_OK);
    assert_numbers(s.bell, 0, 0, 0, 3);
    assert_int_equal(core_add(s.bell, 1), MTM_OK);
    notify_while_busy(&s, 2);
    assert_int_equal(core_set(s.bell, 2), MTM_OK);
    assert_numbers(s.bell, 1, 0, 3, 3);
    notify_while_busy(&s, 1);
    assert_string_equal(all_of(&s.bell->object), "b.");
    assert_numbers(s.bell, 0, 2, 3, 3);
    notify_while_busy(&s, 2);
    assert_int_equal(core_set(s.bell, 3), MTM_OK);
    assert_numbers(s.bell, 1, 2, 5, 3);
    end_scene(&s);
}

/* story: where knocks go beyond the limit info had more messages than msgcnt */
static void knocks_beyond_the_limit_are_one_with_what_is_there(void **state)
{
    (void)state;
    struct scene s = scene_with(bell_with(
        (struct mtm_buffer_options){.grow = MTM_DEFAULT_GROW, .bounds = {.limit = 2}}));
    for (int i = 0; i < 5; ++i) mtm_queue_knock(&s.bell->queue);
    assert_numbers(s.bell, 2, 0, 0, 0);
    assert_int_equal(numbers_of(s.bell).bytes, 2);
    assert_string_equal(all_of(&s.bell->object), "..");
    assert_numbers(s.bell, 0, 2, 0, 0);
    for (int i = 0; i < 5; ++i) mtm_queue_knock(&s.bell->queue);
    assert_int_equal(mtm_buffer_clear(s.bell, false), MTM_OK);
    assert_numbers(s.bell, 0, 2, 0, 2);
    assert_int_equal(core_add(s.bell, 1), MTM_OK);
    for (int i = 0; i < 5; ++i) mtm_queue_knock(&s.bell->queue);
    assert_int_equal(core_set(s.bell, 1), MTM_OK);
    assert_numbers(s.bell, 1, 2, 2, 2);
    end_scene(&s);
}

/* What goes past the bounds of a full ring has no record that could be marked. */
static void what_is_put_anyway_comes_after_knocks(void **state)
{
    (void)state;
    struct scene s =
        scene_with(bell_with((struct mtm_buffer_options){.size = 11, .sized = true}));
    const uint32_t number = 3;
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_notifier *notifier;
    for (uint32_t i = 1; i <= 2; ++i) assert_int_equal(core_add(s.bell, i), MTM_OK);
    notify_while_busy(&s, 1);
    assert_int_equal(mtm_buffer_put(s.bell, &message, MTM_PUT_ANYWAY, &notifier), MTM_OK);
    assert_int_equal(mtm_buffer_count(s.bell), 4);
    assert_delivers(s.bell, 1, 2);
    struct mtm_delivery in;
    assert_int_equal(core_take(&s.bell->object, &in), MTM_OK);
    assert_int_equal(in.slot.block->size, 0);
    assert_true(mtm_delivery_put_back(&in)); /* stands before it again */
    core_incoming_free(&in);
    assert_string_equal(all_of(&s.bell->object), ".c");
    end_scene(&s);
}

static void what_throws_messages_away_does_so_with_knocks(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL);
    notify_while_busy(&s, 2);
    assert_int_equal(mtm_buffer_clear(s.bell, false), MTM_OK);
    assert_int_equal(mtm_buffer_count(s.bell), 0);
    assert_int_equal(core_add(s.bell, 1), MTM_OK);
    notify_while_busy(&s, 2);
    assert_int_equal(core_set(s.bell, 2), MTM_OK);
    assert_string_equal(all_of(&s.bell->object), "b");
    notify_while_busy(&s, 2);
    assert_int_equal(core_set(s.bell, 3), MTM_OK);
    assert_string_equal(all_of(&s.bell->object), "c");
    notify_while_busy(&s, 2);
    mtm_buffer_abort(s.bell, true);
    assert_next(s.bell, MTM_ABORTED);
    mtm_buffer_abort(s.bell, false);
    assert_string_equal(all_of(&s.bell->object), "..");
    notify_while_busy(&s, 2);
    mtm_buffer_finish(s.bell);
    mtm_queue_knock(&s.bell->queue); /* by one who came before that, and is late */
    assert_string_equal(all_of(&s.bell->object), "..");
    assert_next(s.bell, MTM_CLOSED);
    mtm_buffer_close(s.bell);
    mtm_queue_knock(&s.bell->queue);
    assert_int_equal(mtm_buffer_count(s.bell), 0);
    end_scene(&s);
}

/* The chain goes on through a busy bell, whatever it is busy with. */
static void a_busy_bell_has_its_own_notifier_called(void **state)
{
    (void)state;
    struct scene s = scene_at(NULL);
    struct bell last = {0}, above = {0};
    struct core_holder tail = {0}, head = {0};
    bell_connect(&last, s.bell, MTM_ADDED, 0);
    core_hold(&tail, &s.bell->queue.tail.lock);
    core_hold(&head, &s.bell->queue.head.lock);
    add_nonblock(&s);
    add_nonblock(&s);
    assert_int_equal(last.rings, 2);
    core_let_go(&head);
    core_let_go(&tail);
    mtm_buffer_disconnect(s.bell, MTM_ADDED, NULL, false);
    assert_int_equal(last.released, 1);
    bell_connect(&above, s.bell, MTM_ADDED, 3);
    notify_while_busy(&s, 1);
    assert_int_equal(above.rings, 0);
    notify_while_busy(&s, 1);
    assert_int_equal(above.rings, 1);
    end_scene(&s);
}

/* ---- all at once ---- */

enum { RINGERS = 3, RINGS = 20000 };

/* What all share: everybody rings `second`, which rings `bell`, of a listener. */
struct crowd {
    struct mtm_listener *listener;
    struct mtm_buffer *second, *bell;
    mtm_a32 failed, refused, ended, seen;
};

static void *ring(void *opaque)
{
    struct crowd *s = opaque;
    struct mtm_buffer *own = core_buffer(NULL);
    buffer_connect(s->second, own, MTM_ADDED, 0);
    for (uint32_t i = 1; i <= RINGS; ++i) {
        enum mtm_status status = core_add_as(own, i, true);
        if (status == MTM_NOTIFIER_FAILED) mtm_add_seq(&s->failed, 1);
        if (status == MTM_BUSY) mtm_add_seq(&s->refused, 1);
        if (i % 64 == 0) mtm_buffer_clear(own, true);
    }
    core_drop_buffer(own);
    mtm_add_seq(&s->ended, 1);
    return NULL;
}

/* Takes from both, by different ways, which hold the locks. */
static void *take(void *opaque)
{
    struct crowd *s = opaque;
    uint32_t number, seen = 0;
    for (uint32_t i = 0; mtm_load_seq(&s->ended) < RINGERS; ++i) {
        struct mtm_object *from = i % 2 ? &s->listener->object : &s->bell->object;
        if (core_next(from, i % 3 ? 0 : UNIT_MS, &number) == MTM_OK) ++seen;
        core_next(&s->second->object, 0, &number);
    }
    mtm_add_seq(&s->seen, seen);
    return NULL;
}

static void *disturb(void *opaque)
{
    struct crowd *s = opaque;
    struct bell idle = {0};
    while (mtm_load_seq(&s->ended) < RINGERS) {
        bell_connect(&idle, s->bell, MTM_TAKEN, 1); /* takes count exactly, under both locks */
        bell_connect(&idle, s->bell, MTM_ADDED, 0);
        mtm_buffer_abort(s->second, false);
        mtm_buffer_disconnect(s->bell, MTM_TAKEN, NULL, false);
        mtm_buffer_disconnect(s->bell, MTM_ADDED, NULL, false);
    }
    return NULL;
}

static void every_ring_arrives(void **state)
{
    (void)state;
    struct crowd s = {.listener = core_listener()};
    pthread_t ringers[RINGERS], takers[2], disturber;
    s.bell = core_buffer(s.listener);
    s.second = core_buffer(NULL);
    buffer_connect(s.bell, s.second, MTM_ADDED, 0);
    unit_start(takers, 2, take, &s);
    unit_start(&disturber, 1, disturb, &s);
    unit_start(ringers, RINGERS, ring, &s);
    unit_join(ringers, RINGERS);
    unit_join(takers, 2);
    unit_join(&disturber, 1);
    assert_int_equal(s.failed, 0);
    assert_int_equal(s.seen + mtm_buffer_count(s.bell) + s.refused, RINGERS * RINGS);
    while (s.seen + s.refused < RINGERS * RINGS) { /* the listener knows of all that is left */
        uint32_t number;
        assert_int_equal(core_next(&s.listener->object, 0, &number), MTM_OK);
        ++s.seen;
    }
    core_drop_buffer(s.second);
    core_drop_buffer(s.bell);
    core_drop_listener(s.listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a busy bell has rung at once", a_busy_bell_has_rung_at_once),
        CORE_TEST("a listener finds a busy bell", a_listener_finds_a_busy_bell),
        CORE_TEST("a busy bell wakes who waits", a_busy_bell_wakes_who_waits),
        CORE_TEST("knocks keep their place", knocks_keep_their_place),
        CORE_TEST("knocks go back to their place", knocks_go_back_to_their_place),
        CORE_TEST("who looks sees a knock", who_looks_sees_a_knock),
        CORE_TEST("a bell that is full by its limit has rung",
                  a_bell_that_is_full_by_its_limit_has_rung),
        CORE_TEST("a bell of fixed size counts knocks", a_bell_of_fixed_size_counts_knocks),
        CORE_TEST("knocks that are thrown away are not taken",
                  knocks_that_are_thrown_away_are_not_taken),
        CORE_TEST("knocks beyond the limit are one with what is there",
                  knocks_beyond_the_limit_are_one_with_what_is_there),
        CORE_TEST("the oldest that make room may be knocks",
                  the_oldest_that_make_room_may_be_knocks),
        CORE_TEST("what is put anyway comes after knocks",
                  what_is_put_anyway_comes_after_knocks),
        CORE_TEST("what throws messages away does so with knocks",
                  what_throws_messages_away_does_so_with_knocks),
        CORE_TEST("a busy bell has its own notifier called",
                  a_busy_bell_has_its_own_notifier_called),
        CORE_TEST("every ring arrives", every_ring_arrives),
    };
    return UNIT_RUN(tests);
}
