/* Tests of names that several objects have, open and closed ones, and of finding or creating in
 * one step. They own the objects. */
/* story: finding or creating never returned while there was no memory for a larger table, and
 * somebody had just put the buffer into a message */
#include "cargo_unit.h"

static struct mtm_buffer *open_named(const char *name)
{
    struct mtm_buffer_options options = {.name = name, .name_len = strlen(name), .grow = 2};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static enum mtm_status find(const char *name, bool open, struct mtm_object *expected)
{
    struct mtm_object *found = NULL;
    enum mtm_status status =
        open ? mtm_registry_find_open(MTM_BUFFER, name, strlen(name), &found)
             : mtm_registry_find_name(MTM_BUFFER, name, strlen(name), &found);
    if (status == MTM_OK) {
        assert_ptr_equal(found, expected);
        mtm_root_release(found);
    }
    return status;
}

static enum mtm_status find_or_new(const char *name, struct mtm_listener *listener,
                                   struct mtm_buffer **out, bool *created)
{
    struct mtm_buffer_options options = {
        .name = name, .name_len = strlen(name), .grow = 2, .listener = listener};
    *out = NULL;
    return mtm_buffer_find_or_new(&options, out, created);
}

/* ---- open and closed ---- */

enum { SHARING = 7, STEPS = 20000 };

struct sharing {
    struct mtm_buffer *at[SHARING];
    bool closed[SHARING];
};

/* What a look at all of them would find. */
static enum mtm_status expected(const struct sharing *s, bool open, struct mtm_object **out)
{
    size_t opened = 0, closed = 0;
    for (int i = 0; i < SHARING; ++i) {
        if (!s->at[i]) continue;
        ++*(s->closed[i] ? &closed : &opened);
        if (!s->closed[i] || opened == 0) *out = &s->at[i]->object;
    }
    if (opened == 1) return MTM_OK;
    if (opened > 1) return MTM_AMBIGUOUS;
    if (open || closed == 0) return MTM_UNKNOWN;
    return closed == 1 ? MTM_OK : MTM_AMBIGUOUS;
}

static void step(struct sharing *s, unsigned dice)
{
    const unsigned at = dice % SHARING;
    if (!s->at[at]) {
        s->at[at] = open_named("shared");
        s->closed[at] = false;
    } else if (dice / SHARING % 2) {
        mtm_buffer_close(s->at[at]);
        s->closed[at] = true;
    } else {
        mtm_root_release(&s->at[at]->object);
        s->at[at] = NULL;
    }
}

/* Others come and go beside them, so that tables are replaced on the way. */
static void a_name_leads_to_what_is_open(void **state)
{
    (void)state;
    struct sharing s = {{NULL}, {false}};
    struct mtm_buffer *others[300] = {NULL};
    unsigned seed = 1;
    for (unsigned i = 0; i < STEPS; ++i) {
        struct mtm_object *object = NULL;
        seed = seed * 1103515245u + 12345u;
        step(&s, seed >> 8);
        if (i < 300) others[i] = open_named("other");
        enum mtm_status status = expected(&s, false, &object);
        assert_int_equal(find("shared", false, object), status);
        status = expected(&s, true, &object);
        assert_int_equal(find("shared", true, object), status);
    }
    for (int i = 0; i < SHARING; ++i) {
        if (s.at[i]) mtm_root_release(&s.at[i]->object);
    }
    assert_int_equal(find("shared", false, NULL), MTM_UNKNOWN);
    for (int i = 0; i < 300; ++i) mtm_root_release(&others[i]->object);
}

/* ---- finding or creating ---- */

static void what_is_open_is_found(void **state)
{
    (void)state;
    struct mtm_buffer *first, *second, *third;
    bool created;
    assert_int_equal(find_or_new("x", NULL, &first, &created), MTM_OK);
    assert_true(created);
    assert_int_equal(find_or_new("x", NULL, &second, &created), MTM_OK);
    assert_false(created);
    assert_ptr_equal(first, second);
    mtm_buffer_close(first);
    assert_int_equal(find_or_new("x", NULL, &third, &created), MTM_OK);
    assert_true(created);
    assert_ptr_not_equal(first, third);
    struct mtm_buffer *fourth = open_named("x");
    assert_int_equal(find_or_new("x", NULL, &second, &created), MTM_AMBIGUOUS);
    mtm_root_release(&first->object);
    mtm_root_release(&first->object);
    mtm_root_release(&third->object);
    mtm_root_release(&fourth->object);
}

static void a_listener_gets_its_own(void **state)
{
    (void)state;
    struct mtm_listener *mine = core_listener(), *other = core_listener();
    struct mtm_buffer *buffer, *again;
    bool created;
    assert_int_equal(find_or_new("x", mine, &buffer, &created), MTM_OK);
    assert_true(created);
    assert_int_equal(find_or_new("x", mine, &again, &created), MTM_OK);
    assert_ptr_equal(buffer, again);
    assert_int_equal(find_or_new("x", other, &again, &created), MTM_AMBIGUOUS);
    assert_null(again);
    mtm_root_release(&buffer->object);
    mtm_root_release(&buffer->object);
    mtm_listener_close(other);
    assert_int_equal(find_or_new("x", other, &again, &created), MTM_CLOSED);
    mtm_root_release(&mine->object);
    mtm_root_release(&other->object);
}

static void a_listener_is_found_or_made(void **state)
{
    (void)state;
    struct mtm_listener *first, *second;
    bool created;
    assert_int_equal(mtm_listener_find_or_new("x", 1, &first, &created), MTM_OK);
    assert_true(created);
    assert_int_equal(mtm_listener_find_or_new("x", 1, &second, &created), MTM_OK);
    assert_false(created);
    assert_ptr_equal(first, second);
    mtm_root_release(&second->object);
    mtm_root_release(&first->object);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    struct mtm_listener *listener = NULL;
    struct mtm_buffer *buffer;
    bool created;
    for (uint32_t nth = 1; nth <= 2; ++nth) { /* the object, the table */
        core_failure = nth;
        assert_int_equal(find_or_new("x", NULL, &buffer, &created), MTM_NOMEM);
        assert_null(buffer);
        core_failure = nth;
        assert_int_equal(mtm_listener_find_or_new("x", 1, &listener, &created), MTM_NOMEM);
        assert_null(listener);
        assert_int_equal(core_blocks, 0);
    }
    mtm_abort_all(true);
    assert_int_equal(find_or_new("x", NULL, &buffer, &created), MTM_ABORTED);
    mtm_abort_all(false);
    assert_int_equal(core_blocks, 0);
}

/* ---- meanwhile ---- */

static struct mtm_buffer *rival;
static bool rival_may_come;
static struct mtm_listener *closing;

/* Between the search and the entry somebody else comes first. */
static void *alloc_while_a_rival_comes(size_t size)
{
    void *block = core_alloc(size);
    if (rival_may_come && size >= sizeof(struct mtm_buffer)) {
        rival_may_come = false;
        rival = open_named("x");
    }
    return block;
}

/* Between joining the listener and the entry, for which a table is made, the listener is
 * closed. */
static void *alloc_while_it_closes(size_t size)
{
    if (size > 2 * sizeof(struct mtm_buffer)) mtm_listener_close(closing);
    return core_alloc(size);
}

static void who_comes_second_gets_what_the_first_made(void **state)
{
    (void)state;
    struct mtm_buffer *buffer;
    struct mtm_listener *listener = core_listener();
    bool created;
    static const struct mtm_allocator with_rival = {alloc_while_a_rival_comes, core_resize,
                                                    core_free};
    rival_may_come = true;
    mtm_alloc_use(&with_rival);
    assert_int_equal(find_or_new("x", NULL, &buffer, &created), MTM_OK);
    assert_false(created);
    assert_ptr_equal(buffer, rival);
    mtm_root_release(&buffer->object);
    mtm_root_release(&rival->object);
    rival_may_come = true;
    assert_int_equal(find_or_new("x", listener, &buffer, &created), MTM_AMBIGUOUS);
    assert_int_equal(mtm_load_rlx(&listener->connected), 0);
    mtm_alloc_use(&core_allocator);
    mtm_root_release(&rival->object);
    mtm_root_release(&listener->object);
}

enum { FIRST_TABLE = 64 }; /* objects for which the first table has room */

static void what_was_closed_before_it_is_known_is_not_open(void **state)
{
    (void)state;
    static const struct mtm_allocator with_closing = {alloc_while_it_closes, core_resize,
                                                      core_free};
    struct mtm_buffer *fillers[FIRST_TABLE], *closed = NULL, *open;
    struct mtm_buffer_options options = {.name = "x", .name_len = 1, .grow = 2};
    bool created;
    options.listener = closing = core_listener();
    for (int i = 1; i < FIRST_TABLE; ++i) fillers[i] = open_named("filler");
    mtm_alloc_use(&with_closing);
    assert_int_equal(mtm_buffer_new(&options, &closed), MTM_OK);
    mtm_alloc_use(&core_allocator);
    assert_true(mtm_object_is_closed(&closed->object));
    assert_int_equal(find("x", true, NULL), MTM_UNKNOWN);
    assert_int_equal(find("x", false, &closed->object), MTM_OK);
    assert_int_equal(find_or_new("x", NULL, &open, &created), MTM_OK);
    assert_true(created);
    mtm_buffer_close(closed); /* again */
    assert_int_equal(find("x", false, &open->object), MTM_OK);
    mtm_root_release(&closed->object);
    mtm_root_release(&open->object);
    for (int i = 1; i < FIRST_TABLE; ++i) mtm_root_release(&fillers[i]->object);
    mtm_root_release(&closing->object);
}

/* ---- meanwhile, and messages refer to it ---- */

static bool rival_is_gone, memory_ends;

/* Who comes first puts itself into its own queue: the search for what nobody reaches may be
 * asking about it. */
static void *alloc_while_one_comes_with_edges(size_t size)
{
    void *block = core_alloc(size);
    if (!rival_may_come || size < sizeof(struct mtm_buffer)) return block;
    rival_may_come = false;
    rival = open_named("x");
    cargo_send(rival, &rival->object);
    if (rival_is_gone) mtm_or_acq_rel(&rival->object.life, MTM_LIFE_GONE);
    core_drought = memory_ends;
    return block;
}

static struct mtm_buffer *find_or_new_with_rival(bool *created)
{
    static const struct mtm_allocator with_rival = {alloc_while_one_comes_with_edges,
                                                    core_resize, core_free};
    struct mtm_buffer *buffer = NULL;
    rival_may_come = true;
    mtm_alloc_use(&with_rival);
    assert_int_equal(find_or_new("x", NULL, &buffer, created), MTM_OK);
    core_drought = 0;
    mtm_alloc_use(&core_allocator);
    assert_false(rival_may_come);
    return buffer;
}

static void what_is_in_a_message_is_found(void **state)
{
    (void)state;
    bool created;
    memory_ends = rival_is_gone = false;
    struct mtm_buffer *buffer = find_or_new_with_rival(&created);
    assert_false(created);
    assert_ptr_equal(buffer, rival);
    mtm_root_release(&buffer->object);
    mtm_root_release(&rival->object);
}

static void what_nobody_reaches_any_more_is_not(void **state)
{
    (void)state;
    bool created;
    memory_ends = false;
    rival_is_gone = true;
    struct mtm_buffer *buffer = find_or_new_with_rival(&created);
    assert_true(created);
    mtm_and_acq_rel(&rival->object.life, ~MTM_LIFE_GONE);
    mtm_root_release(&rival->object);
    mtm_root_release(&buffer->object);
}

/* The table is full, and stays as it is. */
static void without_memory_for_a_larger_table_it_is_the_same(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; ++gone) {
        struct mtm_buffer *fillers[FIRST_TABLE];
        bool created;
        for (int i = 1; i < FIRST_TABLE; ++i) fillers[i] = open_named("filler");
        memory_ends = true;
        rival_is_gone = gone;
        struct mtm_buffer *buffer = find_or_new_with_rival(&created);
        assert_int_equal(created, gone);
        assert_true(gone || buffer == rival);
        mtm_and_acq_rel(&rival->object.life, ~MTM_LIFE_GONE);
        mtm_root_release(&buffer->object);
        mtm_root_release(&rival->object);
        for (int i = 1; i < FIRST_TABLE; ++i) mtm_root_release(&fillers[i]->object);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a name leads to what is open", a_name_leads_to_what_is_open),
        CORE_TEST("what is open is found", what_is_open_is_found),
        CORE_TEST("a listener gets its own", a_listener_gets_its_own),
        CORE_TEST("a listener is found or made", a_listener_is_found_or_made),
        CORE_TEST("a failure leaves nothing", a_failure_leaves_nothing),
        CORE_TEST("who comes second gets what the first made",
                  who_comes_second_gets_what_the_first_made),
        CORE_TEST("what was closed before it is known is not open",
                  what_was_closed_before_it_is_known_is_not_open),
        CORE_TEST("what is in a message is found", what_is_in_a_message_is_found),
        CORE_TEST("what nobody reaches any more is not", what_nobody_reaches_any_more_is_not),
        CORE_TEST("without memory for a larger table it is the same",
                  without_memory_for_a_larger_table_it_is_the_same),
    };
    return UNIT_RUN(tests);
}
