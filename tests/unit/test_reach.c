/* Tests of the search for what nobody reaches: circles of every shape go, and nothing else.
 * They own the roots. */
#include "cargo_unit.h"
#include "bell.h"

#include "core/node.h"

#include <stdlib.h>

static bool is_known(enum mtm_kind kind, uint64_t id)
{
    struct mtm_object *found;
    if (mtm_registry_find_id(kind, id, &found) != MTM_OK) return false;
    mtm_root_release(found);
    return true;
}

/* Later operations, if it needs any: each adds some steps. */
static void go_on(int times)
{
    struct mtm_buffer *buffer = core_buffer(NULL);
    while (times-- > 0) core_drop_buffer(core_buffer(NULL));
    core_drop_buffer(buffer);
}

/* ---- the end of a suspect ---- */

enum { CHAIN = 2000, SUSPECTS = 64 };

static bool is_on_trial(const struct mtm_object *object)
{
    const struct mtm_node *node = mtm_node_of(object);
    return !node->link && node->reached < node->suspected;
}

/* Long searches use up all steps, so that what follows stops after each 16. Then there are
 * suspects that somebody reaches; each n-th takes a step more. Returns how many were freed
 * while they were on trial. */
static int free_suspects(int n)
{
    struct mtm_buffer *b[CHAIN], *holder[SUSPECTS];
    struct mtm_object *suspect[SUSPECTS];
    int freed = 0;
    for (int i = 0; i < CHAIN; ++i) {
        b[i] = core_buffer(NULL);
        if (i > 0) assert_int_equal(cargo_send(b[i], &b[i - 1]->object), MTM_OK);
    }
    for (int i = 0; i < SUSPECTS; ++i) {
        suspect[i] = &core_buffer(NULL)->object;
        holder[i] = core_buffer(NULL);
        assert_int_equal(cargo_send(holder[i], suspect[i]), MTM_OK);
        if (i % n == 0)
            assert_int_equal(cargo_send((struct mtm_buffer *)suspect[i], suspect[i]), MTM_OK);
    }
    for (int i = CHAIN - 2; i >= 0; --i) core_drop_buffer(b[i]);
    for (int i = 0; i < SUSPECTS; ++i) mtm_root_release(suspect[i]);
    for (int i = 0; i < SUSPECTS; ++i) {
        while (mtm_node_of(suspect[i])->link) mtm_reach_work();
        freed += is_on_trial(suspect[i]);
        if (is_on_trial(suspect[i])) mtm_buffer_clear(holder[i], false);
    }
    for (int i = 0; i < SUSPECTS; ++i) core_drop_buffer(holder[i]);
    core_drop_buffer(b[CHAIN - 1]);
    go_on(SUSPECTS);
    assert_int_equal(core_blocks, 0);
    return freed;
}

/* story: a search whose steps were used up when it had just begun went on with its suspect,
 * which had been freed meanwhile. */
static void a_suspect_may_be_freed_at_any_step(void **state)
{
    (void)state;
    int freed = 0;
    for (int n = 2; n < 10; ++n) freed += free_suspects(n);
    assert_in_range(freed, 10, 10 * SUSPECTS);
}

/* ---- circles ---- */

static void a_buffer_in_itself_goes(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL);
    const uint32_t before = core_blocks;
    struct mtm_buffer *buffer = core_buffer(NULL);
    assert_int_equal(cargo_send(buffer, &buffer->object), MTM_OK);
    assert_int_equal(cargo_send(buffer, &other->object), MTM_OK);
    core_drop_buffer(buffer);
    go_on(1);
    assert_int_equal(core_blocks, before + 1); /* other has a node now */
    assert_int_equal(other->object.life & MTM_LIFE_REFS, 1);
    core_drop_buffer(other);
}

/* Of `count` buffers each is in the queue of the one before it, and the first in the last's;
 * with `listeners` through listeners; roots go in some order. */
static void make_and_drop_ring(uint32_t count, int order, bool listeners, bool notifiers)
{
    struct mtm_buffer **b = calloc(count, sizeof *b);
    for (uint32_t i = 0; i < count; ++i) {
        struct mtm_listener *l = listeners && i % 2 ? core_listener() : NULL;
        b[i] = core_buffer(l);
        if (l) core_drop_listener(l);
    }
    for (uint32_t i = 0; i < count; ++i) {
        struct mtm_buffer *to = b[(i + 1) % count];
        if (notifiers && i % 3 == 1) buffer_connect(to, b[i], MTM_TAKEN, 0);
        else if (listeners && to->object.owner && i % 4 == 0) {
            assert_int_equal(cargo_send(b[i], to->object.owner), MTM_OK);
            assert_int_equal(cargo_send(b[i], &to->object), MTM_OK);
        } else assert_int_equal(cargo_send(b[i], &to->object), MTM_OK);
    }
    for (uint32_t i = 0; i < count; ++i) {
        uint32_t at = order == 0 ? i : order == 1 ? count - 1 - i : i * 7 % count;
        core_drop_buffer(b[at]);
    }
    free(b);
}

static void rings_go(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL);
    const uint32_t before = core_blocks;
    for (uint32_t count = 1; count < 40; ++count) {
        for (int way = 0; way < 12; ++way) {
            if (way % 3 == 2 && count % 7 == 0) continue;
            make_and_drop_ring(count, way % 3, way / 3 % 2, way / 6 % 2);
            go_on(100);
            assert_int_equal(core_blocks, before);
        }
    }
    core_drop_buffer(other);
}

static void what_somebody_reaches_stays(void **state)
{
    (void)state;
    struct mtm_buffer *root = core_buffer(NULL), *b[5];
    struct mtm_object *got;
    for (int i = 0; i < 5; ++i) b[i] = core_buffer(NULL);
    for (int i = 0; i < 5; ++i) {
        assert_int_equal(cargo_send(b[i], &b[(i + 1) % 5]->object), MTM_OK);
        assert_int_equal(core_add(b[i], (uint32_t)i + 1), MTM_OK);
    }
    assert_int_equal(cargo_send(root, &b[2]->object), MTM_OK);
    const uint64_t id = b[4]->object.id;
    for (int i = 0; i < 5; ++i) core_drop_buffer(b[i]);
    go_on(10);
    assert_true(is_known(MTM_BUFFER, id));
    assert_int_equal(cargo_take(&root->object, &got, false), MTM_OK);
    assert_ptr_equal(got, &b[2]->object);
    go_on(10);
    assert_true(is_known(MTM_BUFFER, id));
    for (int i = 2; i < 7; ++i) {
        struct mtm_object *next;
        assert_int_equal(cargo_take(got, &next, false), MTM_OK);
        assert_int_equal(mtm_buffer_count((struct mtm_buffer *)got), 1);
        assert_delivers((struct mtm_buffer *)got, (uint32_t)i % 5 + 1);
        mtm_root_release(got);
        got = next;
    }
    mtm_root_release(got);
    go_on(10);
    assert_false(is_known(MTM_BUFFER, id));
    core_drop_buffer(root);
}

/* Who has a listener can receive what its buffers have, those without references as well. */
static void a_listener_reaches_its_buffers(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; ++kept) {
        struct mtm_listener *listener = core_listener();
        struct mtm_buffer *member = core_buffer(listener), *in_it = core_buffer(NULL);
        struct mtm_object *got;
        const uint64_t id = in_it->object.id;
        assert_int_equal(cargo_send(member, &in_it->object), MTM_OK);
        assert_int_equal(cargo_send(in_it, &listener->object), MTM_OK);
        assert_int_equal(cargo_send(in_it, &in_it->object), MTM_OK);
        if (kept) assert_int_equal(cargo_send(in_it, &member->object), MTM_OK);
        core_drop_buffer(member);
        core_drop_buffer(in_it);
        go_on(5);
        assert_true(is_known(MTM_BUFFER, id));
        assert_int_equal(cargo_take(&listener->object, &got, true), MTM_OK);
        core_drop_listener(listener);
        go_on(5);
        assert_false(is_known(MTM_BUFFER, id));
        assert_int_equal(core_blocks, 0);
    }
}

static void a_reader_is_a_root(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *in_it = core_buffer(NULL);
    struct mtm_delivery in;
    assert_int_equal(cargo_send(buffer, &in_it->object), MTM_OK);
    assert_int_equal(cargo_send(in_it, &in_it->object), MTM_OK);
    const uint64_t id = in_it->object.id;
    core_drop_buffer(in_it);
    assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
    core_drop_buffer(buffer);
    go_on(10);
    assert_true(is_known(MTM_BUFFER, id));
    core_incoming_free(&in);
    go_on(10);
    assert_false(is_known(MTM_BUFFER, id));
}

/* Its last edge has gone, it is about to be freed, and its messages have been dropped. */
static void what_is_gone_is_not_found(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {
        .name = "gone", .name_len = 4, .size = 64, .grow = 2};
    struct mtm_buffer *buffer, *again;
    struct mtm_object *found;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    mtm_or_acq_rel(&buffer->object.life, MTM_LIFE_GONE);
    assert_false(is_known(MTM_BUFFER, buffer->object.id));
    assert_int_equal(mtm_registry_find_name(MTM_BUFFER, "gone", 4, &found), MTM_UNKNOWN);
    assert_int_equal(mtm_buffer_new(&options, &again), MTM_OK);
    core_drop_buffer(buffer);
    assert_int_equal(mtm_registry_find_name(MTM_BUFFER, "gone", 4, &found), MTM_OK);
    assert_ptr_equal(found, &again->object);
    mtm_root_release(found);
    core_drop_buffer(again);
}

enum { SLOW = 400 };

/* Drops roots so that each search is long, until steps must be waited for: from then on a
 * search lasts for many operations. If somewhere in the process objects come into a message
 * meanwhile, it cannot know of which they were made, and begins again. */
static void a_search_that_was_disturbed_begins_again(void **state)
{
    (void)state;
    struct mtm_buffer *other = core_buffer(NULL), *b[SLOW];
    const uint32_t before = core_blocks;
    for (int i = 0; i < SLOW; ++i) b[i] = core_buffer(NULL);
    for (int i = 0; i < SLOW; ++i)
        assert_int_equal(cargo_send(b[i], &b[(i + 1) % SLOW]->object), MTM_OK);
    for (int i = 1; i <= SLOW; ++i) core_drop_buffer(b[i % SLOW]);
    const uint32_t blocks = core_blocks;
    for (int i = 0; i < 20 * SLOW; ++i) {
        mtm_reach_disturb();
        mtm_reach_work();
    }
    assert_int_equal(core_blocks, blocks);
    go_on(20 * SLOW);
    assert_int_equal(core_blocks, before);
    core_drop_buffer(other);
}

/* ---- long ones ---- */

enum { LINKS = 100000 };

/* In the worst order: the searches from each climb along the whole of it. */
static void a_long_chain_is_no_work(void **state)
{
    (void)state;
    for (int order = 0; order < 4; ++order) {
        const int count = UNIT_DEBUG ? LINKS / 2 : LINKS;
        struct mtm_buffer **b = calloc((size_t)count, sizeof *b);
        for (int i = 0; i < count; ++i) {
            const struct mtm_buffer_options options = {.size = 64, .grow = 2};
            assert_int_equal(mtm_buffer_new(&options, &b[i]), MTM_OK);
            if (i > 0) assert_int_equal(cargo_send(b[i], &b[i - 1]->object), MTM_OK);
        }
        if (order == 3) assert_int_equal(cargo_send(b[0], &b[count - 1]->object), MTM_OK);
        for (int i = 0; i < count; ++i) {
            core_drop_buffer(b[order == 1 ? i : count - 1 - (i + 1) % count]);
        }
        assert_int_equal(core_blocks, 0);
        free(b);
    }
}

/* ---- with other threads ---- */

enum { THREADS = 3, PLACES = 4, ROUNDS = 30000 };

struct bazaar {
    uint64_t id[PLACES];
    mtm_a32 done;
};

/* Objects go into each other's queues, handles come and go, all found by their ids; at the end
 * nothing may be left. */
static void *trade(void *opaque)
{
    struct bazaar *s = opaque;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; ++i) {
        struct mtm_object *a, *b, *got = NULL;
        seed = seed * 1103515245u + 12345u;
        const unsigned dice = seed >> 16;
        struct mtm_buffer *fresh = core_buffer(NULL);
        const uint64_t id = s->id[dice % PLACES];
        if (mtm_registry_find_id(MTM_BUFFER, id, &a) != MTM_OK) {
            core_drop_buffer(fresh);
            continue;
        }
        const uint64_t other = s->id[dice / 4 % PLACES];
        if (mtm_registry_find_id(MTM_BUFFER, other, &b) != MTM_OK) b = NULL;
        cargo_send(fresh, a);
        if (b) cargo_send((struct mtm_buffer *)a, b);
        cargo_send((struct mtm_buffer *)a, &fresh->object);
        if (dice % 3) cargo_take(a, &got, dice % 5 == 0);
        if (got) mtm_root_release(got);
        if (dice % 64 == 0) mtm_buffer_clear((struct mtm_buffer *)a, false);
        core_drop_buffer(fresh);
        if (b) mtm_root_release(b);
        mtm_root_release(a);
    }
    return NULL;
}

static void nothing_is_left_of_a_bazaar(void **state)
{
    (void)state;
    struct bazaar s = {.done = 0};
    struct mtm_buffer *b[PLACES];
    struct mtm_listener *listener = core_listener();
    pthread_t threads[THREADS];
    for (int i = 0; i < PLACES; ++i) {
        b[i] = core_buffer(i % 2 ? listener : NULL);
        s.id[i] = b[i]->object.id;
    }
    core_drop_listener(listener);
    unit_start(threads, THREADS, trade, &s);
    for (int i = 0; i < PLACES; ++i) {
        unit_linger(20 * UNIT_MS);
        core_drop_buffer(b[i]); /* from now on it lives by the others, or not at all */
    }
    unit_join(threads, THREADS);
    go_on(1000);
    assert_true(mtm_no_roots());
    assert_int_equal(core_blocks, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a suspect may be freed at any step", a_suspect_may_be_freed_at_any_step),
        CORE_TEST("a buffer in itself goes", a_buffer_in_itself_goes),
        CORE_TEST("rings go", rings_go),
        CORE_TEST("what somebody reaches stays", what_somebody_reaches_stays),
        CORE_TEST("a listener reaches its buffers", a_listener_reaches_its_buffers),
        CORE_TEST("a reader is a root", a_reader_is_a_root),
        CORE_TEST("what is gone is not found", what_is_gone_is_not_found),
        CORE_TEST("a search that was disturbed begins again",
                  a_search_that_was_disturbed_begins_again),
        CORE_TEST("a long chain is no work", a_long_chain_is_no_work),
        CORE_TEST("nothing is left of a bazaar", nothing_is_left_of_a_bazaar),
    };
    return UNIT_RUN(tests);
}
