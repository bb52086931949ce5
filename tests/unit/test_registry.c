/* Tests of finding objects by id and by name, of the walk over all, and of memory that runs out
 * on the way. They own the objects. */
#include "core.h"

static struct mtm_object *named(enum mtm_kind kind, const char *name, size_t len)
{
    struct mtm_buffer_options options = {.name = name, .name_len = len, .grow = 2};
    struct mtm_listener *listener = NULL;
    struct mtm_buffer *buffer = NULL;
    if (kind == MTM_LISTENER) {
        assert_int_equal(mtm_listener_new(name, len, &listener), MTM_OK);
        return &listener->object;
    }
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return &buffer->object;
}

static void found_by_id(enum mtm_kind kind, struct mtm_object *object)
{
    struct mtm_object *found = NULL;
    assert_int_equal(mtm_registry_find_id(kind, object->id, &found), MTM_OK);
    assert_ptr_equal(found, object);
    mtm_root_release(found);
}

static void found_by_name(enum mtm_kind kind, struct mtm_object *object)
{
    struct mtm_object *found = NULL;
    assert_int_equal(
        mtm_registry_find_name(kind, object->name->bytes, object->name->len, &found), MTM_OK);
    assert_ptr_equal(found, object);
    mtm_root_release(found);
}

static enum mtm_status find_name(enum mtm_kind kind, const char *name, size_t len)
{
    struct mtm_object *found = NULL;
    enum mtm_status status = mtm_registry_find_name(kind, name, len, &found);
    if (status == MTM_OK) mtm_root_release(found);
    else assert_null(found);
    return status;
}

static enum mtm_status find_id(enum mtm_kind kind, uint64_t id)
{
    struct mtm_object *found = NULL;
    enum mtm_status status = mtm_registry_find_id(kind, id, &found);
    if (status == MTM_OK) mtm_root_release(found);
    else assert_null(found);
    return status;
}

/* Over both kinds; no stray small integer is one, and all fit into the integers of a double. */
static void ids_are_large_and_never_used_again(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int round = 0; round < 50; ++round) {
        struct mtm_object *objects[3];
        for (int i = 0; i < 3; ++i) {
            objects[i] = named(i % 2 ? MTM_LISTENER : MTM_BUFFER, NULL, 0);
            assert_true(objects[i]->id > last);
            assert_true(objects[i]->id > (uint64_t)1 << 44);
            assert_true(objects[i]->id < (uint64_t)1 << 53);
            last = objects[i]->id;
        }
        for (int i = 0; i < 3; ++i) mtm_root_release(objects[i]);
    }
}

static void an_id_finds_its_kind_alone(void **state)
{
    (void)state;
    assert_int_equal(find_id(MTM_BUFFER, 1), MTM_UNKNOWN); /* there is nothing at all */
    assert_int_equal(find_name(MTM_BUFFER, "x", 1), MTM_UNKNOWN);
    for (enum mtm_kind kind = MTM_BUFFER; kind <= MTM_LISTENER; ++kind) {
        struct mtm_object *object = named(kind, NULL, 0);
        const uint64_t id = object->id;
        found_by_id(kind, object);
        assert_int_equal(find_id(kind == MTM_BUFFER ? MTM_LISTENER : MTM_BUFFER, id),
                         MTM_UNKNOWN);
        const uint64_t others[] = {0,         1, id - 64, id + 64, id + ((uint64_t)1 << 40),
                                   UINT64_MAX};
        for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
            assert_int_equal(find_id(kind, others[i]), MTM_UNKNOWN);
        }
        mtm_root_release(object);
        assert_int_equal(find_id(kind, id), MTM_UNKNOWN);
    }
}

/* Any bytes; an empty name is a name, and no name is none. */
static void a_name_finds_exactly_its_object(void **state)
{
    (void)state;
    enum { LENGTHS = 41 };
    struct mtm_object *objects[2 * LENGTHS], *nameless = named(MTM_BUFFER, NULL, 0);
    char bytes[LENGTHS];
    for (size_t i = 0; i < LENGTHS; ++i) bytes[i] = (char)(i * 37);
    assert_int_equal(find_name(MTM_BUFFER, "", 0), MTM_UNKNOWN);
    for (size_t i = 0; i < 2 * LENGTHS; ++i) {
        objects[i] = named(i % 2 ? MTM_LISTENER : MTM_BUFFER, bytes, i / 2);
        assert_ptr_not_equal(objects[i]->name, bytes);
    }
    for (size_t i = 0; i < 2 * LENGTHS; ++i) {
        found_by_name(i % 2 ? MTM_LISTENER : MTM_BUFFER, objects[i]);
        for (size_t at = 0; at < i / 2; ++at) {
            bytes[at] ^= 1;
            assert_int_equal(find_name(MTM_BUFFER, bytes, i / 2), MTM_UNKNOWN);
            bytes[at] ^= 1;
        }
    }
    for (size_t i = 0; i < 2 * LENGTHS; ++i) mtm_root_release(objects[i]);
    mtm_root_release(nameless);
}

static void a_name_used_twice_is_ambiguous(void **state)
{
    (void)state;
    struct mtm_object *listener = named(MTM_LISTENER, "n", 1), *objects[3];
    for (int i = 0; i < 3; ++i) {
        objects[i] = named(MTM_BUFFER, "n", 1);
        assert_int_equal(find_name(MTM_BUFFER, "n", 1), i == 0 ? MTM_OK : MTM_AMBIGUOUS);
    }
    mtm_root_release(objects[1]);
    assert_int_equal(find_name(MTM_BUFFER, "n", 1), MTM_AMBIGUOUS);
    mtm_buffer_close((struct mtm_buffer *)objects[0]);
    found_by_name(MTM_BUFFER, objects[2]);
    mtm_root_release(objects[2]);
    found_by_name(MTM_BUFFER, objects[0]);
    found_by_name(MTM_LISTENER, listener);
    mtm_root_release(objects[0]);
    assert_int_equal(find_name(MTM_BUFFER, "n", 1), MTM_UNKNOWN);
    mtm_root_release(listener);
}

/* ---- many ---- */

enum { MANY = 3000 };

/* Every third goes, then the last ones, then the rest; after each step all others are found. */
static void many_come_and_go(bool table_grows)
{
    static struct mtm_object *objects[MANY];
    char name[16];
    for (int i = 0; i < MANY; ++i) {
        snprintf(name, sizeof name, "%d", i / 2);
        if (!table_grows && i > 0) core_failure = 2; /* the request after the object's */
        objects[i] = named(i % 2 ? MTM_LISTENER : MTM_BUFFER, name, strlen(name));
        core_failure = 0;
    }
    for (int step = 0; step < 3; ++step) {
        for (int i = 0; i < MANY; ++i) {
            bool goes = step == 0 ? i % 3 == 1 : step == 2 || i > MANY / 2;
            if (!goes || !objects[i]) continue;
            mtm_root_release(objects[i]);
            objects[i] = NULL;
        }
        for (int i = 0; i < MANY; ++i) {
            enum mtm_kind kind = i % 2 ? MTM_LISTENER : MTM_BUFFER;
            snprintf(name, sizeof name, "%d", i / 2);
            if (!objects[i]) {
                assert_int_equal(find_name(kind, name, strlen(name)), MTM_UNKNOWN);
                continue;
            }
            found_by_id(kind, objects[i]);
            found_by_name(kind, objects[i]);
        }
    }
}

/* So many that tables are doubled while they come, each with one of two names. */
static void many_share_a_name(void **state)
{
    (void)state;
    static struct mtm_object *objects[MANY];
    for (int i = 0; i < MANY; ++i) objects[i] = named(MTM_BUFFER, i % 2 ? "odd" : "even", 4);
    for (int i = 0; i < MANY - 2; ++i) {
        int at = i % 2 ? i : MANY - 3 - i % 2 - (i / 2) * 2; /* from both ends */
        if (at < 0 || !objects[at]) continue;
        mtm_root_release(objects[at]);
        objects[at] = NULL;
        if (i >= MANY / 3) continue;
        assert_int_equal(find_name(MTM_BUFFER, "odd", 4), MTM_AMBIGUOUS);
        assert_int_equal(find_name(MTM_BUFFER, "even", 4), MTM_AMBIGUOUS);
    }
    for (int i = 0; i < MANY - 2; ++i) {
        if (objects[i]) mtm_root_release(objects[i]);
    }
    found_by_name(MTM_BUFFER, objects[MANY - 2]);
    found_by_name(MTM_BUFFER, objects[MANY - 1]);
    for (int i = MANY - 2; i < MANY; ++i) mtm_root_release(objects[i]);
    assert_int_equal(find_name(MTM_BUFFER, "odd", 4), MTM_UNKNOWN);
}

static void many_are_found(void **state)
{
    (void)state;
    many_come_and_go(true);
}

static void a_table_that_cannot_grow_becomes_slower(void **state)
{
    (void)state;
    many_come_and_go(false);
}

static void a_refused_object_leaves_nothing(void **state)
{
    (void)state;
    struct mtm_listener *listener = NULL;
    for (uint32_t nth = 1; nth <= 2; ++nth) {
        core_failure = nth; /* the object, the table */
        assert_int_equal(mtm_listener_new("x", 1, &listener), MTM_NOMEM);
        assert_null(listener);
        assert_int_equal(core_blocks, 0);
    }
    assert_int_equal(find_name(MTM_LISTENER, "x", 1), MTM_UNKNOWN);
    mtm_abort_all(true);
    assert_int_equal(mtm_listener_new("x", 1, &listener), MTM_ABORTED);
    assert_int_equal(core_blocks, 0);
    mtm_abort_all(false);
    assert_int_equal(mtm_listener_new("x", SIZE_MAX, &listener), MTM_NOMEM);
    assert_int_equal(core_blocks, 0);
    struct mtm_object *object = named(MTM_BUFFER, "x", 1);
    found_by_name(MTM_BUFFER, object);
    mtm_root_release(object);
}

static void *abort_and_alloc(size_t size)
{
    static int request;
    if (++request == 2) mtm_abort_all(true); /* the table of the first object */
    return core_alloc(size);
}

static void a_table_made_in_vain_is_freed(void **state)
{
    (void)state;
    static const struct mtm_allocator aborting = {abort_and_alloc, core_resize, core_free};
    struct mtm_listener *listener = NULL;
    mtm_alloc_use(&aborting);
    assert_int_equal(mtm_listener_new(NULL, 0, &listener), MTM_ABORTED);
    assert_true(mtm_is_aborted_all());
    assert_int_equal(core_blocks, 0);
    mtm_abort_all(false);
    mtm_alloc_use(&core_allocator);
}

static void nothing_is_found_while_everything_is_aborted(void **state)
{
    (void)state;
    struct mtm_object *objects[2] = {named(MTM_BUFFER, "x", 1), named(MTM_BUFFER, "x", 1)};
    mtm_abort_all(true);
    assert_int_equal(find_id(MTM_BUFFER, objects[0]->id), MTM_ABORTED);
    assert_int_equal(find_id(MTM_BUFFER, 1), MTM_ABORTED);
    assert_int_equal(find_name(MTM_BUFFER, "x", 1), MTM_ABORTED);
    assert_int_equal(find_name(MTM_BUFFER, "y", 1), MTM_ABORTED);
    mtm_abort_all(false);
    found_by_id(MTM_BUFFER, objects[0]);
    assert_int_equal(find_name(MTM_BUFFER, "x", 1), MTM_AMBIGUOUS);
    for (int i = 0; i < 2; ++i) mtm_root_release(objects[i]);
}

/* ---- the walk ---- */

/* Objects before and after the place of the walk come and go. */
static void a_walk_meets_all_that_stay(void **state)
{
    (void)state;
    enum { STAY = 20 };
    struct mtm_object *stay[STAY], *go[STAY], *object = NULL;
    int met[STAY] = {0}, steps = 0;
    for (int i = 0; i < STAY; ++i) {
        stay[i] = named(MTM_BUFFER, NULL, 0);
        go[i] = named(MTM_LISTENER, NULL, 0);
    }
    while ((object = mtm_object_next(object)) != NULL) {
        for (int i = 0; i < STAY; ++i) met[i] += object == stay[i];
        int at = steps++ % STAY;
        if (go[at] && go[at] != object) {
            mtm_root_release(go[at]);
            go[at] = NULL;
        } else if (!go[at] && steps < 3 * STAY) {
            go[at] = named(MTM_LISTENER, NULL, 0);
        }
    }
    for (int i = 0; i < STAY; ++i) {
        assert_int_equal(met[i], 1);
        mtm_root_release(stay[i]);
        if (go[i]) mtm_root_release(go[i]);
    }
    assert_null(mtm_object_next(NULL));
}

/* ---- with other threads ---- */

struct race {
    _Atomic(uint64_t) id;
    mtm_a32 over, found, wrong;
};

/* What is found is alive, and can be used until it is given back. */
static void *find_it(void *opaque)
{
    struct race *race = opaque;
    for (uint32_t i = 0; !mtm_load_seq(&race->over); ++i) {
        struct mtm_object *object = NULL;
        uint64_t id = mtm_load_seq(&race->id);
        enum mtm_status status = i % 2 ? mtm_registry_find_id(MTM_BUFFER, id, &object)
                                       : mtm_registry_find_name(MTM_BUFFER, "race", 4, &object);
        if (status == MTM_OK) {
            mtm_add_seq(&race->found, 1);
            if (core_add((struct mtm_buffer *)object, 1) != MTM_OK)
                mtm_add_seq(&race->wrong, 1);
            mtm_root_release(object);
        } else if (status != MTM_UNKNOWN && status != MTM_AMBIGUOUS) {
            mtm_add_seq(&race->wrong, 1);
        }
        if (i % 64 == 0) mtm_plat_yield();
    }
    return NULL;
}

static void *make_and_drop(void *opaque)
{
    struct race *race = opaque;
    const struct mtm_buffer_options options = {
        .name = "race", .name_len = 4, .size = MTM_DEFAULT_SIZE, .grow = 2};
    for (int i = 0; i < 4000; ++i) {
        struct mtm_buffer *buffer;
        if (mtm_buffer_new(&options, &buffer) != MTM_OK) {
            mtm_add_seq(&race->wrong, 1);
            continue;
        }
        mtm_store_seq(&race->id, buffer->object.id);
        if (i % 16 == 0) mtm_plat_yield();
        core_drop_buffer(buffer);
    }
    return NULL;
}

static void finding_races_with_the_last_release(void **state)
{
    (void)state;
    struct race race = {.over = 0};
    pthread_t finders[2], makers[2];
    unit_start(finders, 2, find_it, &race);
    unit_start(makers, 2, make_and_drop, &race);
    unit_join(makers, 2);
    mtm_store_seq(&race.over, 1);
    unit_join(finders, 2);
    assert_int_equal(race.wrong, 0);
    assert_null(mtm_object_next(NULL));
}

enum { FIRST_TABLE = 64 }; /* objects for which the first table has room */

static struct mtm_object *second_maker; /* what the other one made */
static bool racing;

/* While a larger table is being allocated, somebody else makes an object and finds the table
 * too small, too. */
static void *alloc_in_a_race(size_t size)
{
    if (racing && size > FIRST_TABLE * sizeof(void *)) {
        racing = false;
        second_maker = named(MTM_BUFFER, NULL, 0);
    }
    return core_alloc(size);
}

static void a_table_doubled_twice_at_once_is_freed(void **state)
{
    (void)state;
    static const struct mtm_allocator allocator = {alloc_in_a_race, core_resize, core_free};
    struct mtm_object *objects[FIRST_TABLE + 1];
    mtm_alloc_use(&allocator);
    for (int i = 0; i <= FIRST_TABLE; ++i) {
        racing = i == FIRST_TABLE;
        objects[i] = named(MTM_BUFFER, NULL, 0);
    }
    assert_false(racing);
    found_by_id(MTM_BUFFER, second_maker);
    mtm_root_release(second_maker);
    for (int i = 0; i <= FIRST_TABLE; ++i) {
        found_by_id(MTM_BUFFER, objects[i]);
        mtm_root_release(objects[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("ids are large and never used again", ids_are_large_and_never_used_again),
        CORE_TEST("an id finds its kind alone", an_id_finds_its_kind_alone),
        CORE_TEST("a name finds exactly its object", a_name_finds_exactly_its_object),
        CORE_TEST("a name used twice is ambiguous", a_name_used_twice_is_ambiguous),
        CORE_TEST("many are found", many_are_found),
        CORE_TEST("many share a name", many_share_a_name),
        CORE_TEST("a table that cannot grow becomes slower",
                  a_table_that_cannot_grow_becomes_slower),
        CORE_TEST("a refused object leaves nothing", a_refused_object_leaves_nothing),
        CORE_TEST("a table made in vain is freed", a_table_made_in_vain_is_freed),
        CORE_TEST("nothing is found while everything is aborted",
                  nothing_is_found_while_everything_is_aborted),
        CORE_TEST("a walk meets all that stay", a_walk_meets_all_that_stay),
        CORE_TEST("finding races with the last release", finding_races_with_the_last_release),
        CORE_TEST("a table that is doubled twice at once is freed",
                  a_table_doubled_twice_at_once_is_freed),
    };
    return UNIT_RUN(tests);
}
