/* Tests of buffers that are notifiers of callers who must not wait: no notification is lost,
 * whoever has the lock at that moment. They own the buffers. */
#include "bell.h"

#include "core/bell.h"

enum { RINGERS = 3, RINGS = 20000 };

/* What all share: everybody rings `second`, which rings `bell`, of a listener. */
struct scene {
    struct mtm_listener *listener;
    struct mtm_buffer *second, *bell;
    mtm_a32 failed, refused, ended, seen;
};

static void *ring(void *opaque)
{
    struct scene *s = opaque;
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
    struct scene *s = opaque;
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
    struct scene *s = opaque;
    struct bell idle = {0};
    while (mtm_load_seq(&s->ended) < RINGERS) {
        bell_connect(&idle, s->bell, MTM_TAKEN, 1); /* takes count exactly, under both locks */
        mtm_buffer_abort(s->second, false);
        mtm_buffer_disconnect(s->bell, MTM_TAKEN, NULL, false);
    }
    return NULL;
}

static void every_ring_arrives(void **state)
{
    (void)state;
    struct scene s = {.listener = core_listener()};
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
    assert_int_equal(s.bell->owed + s.second->owed, 0);
    core_drop_buffer(s.second);
    core_drop_buffer(s.bell);
    core_drop_listener(s.listener);
}

/* What a bell owes when it ends is dropped like its messages. */
static void what_a_closed_bell_owes_is_dropped(void **state)
{
    (void)state;
    struct mtm_buffer *bell = core_buffer(NULL);
    mtm_add_seq(&bell->owed, 5);
    mtm_buffer_close(bell);
    assert_int_equal(bell->owed, 0);
    assert_int_equal(mtm_buffer_count(bell), 0);
    core_drop_buffer(bell);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("every ring arrives", every_ring_arrives),
        CORE_TEST("what a closed bell owes is dropped", what_a_closed_bell_owes_is_dropped),
    };
    return UNIT_RUN(tests);
}
