/* Tests of leases: messages that go back unless they are done, and readers that give back. They
 * own buffers and readers. */
#include "peek.h"

#include "core/abort_all.h"
#include "core/life.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/writer.h"

static void a_lease_goes_back_unless_it_is_done(void **state)
{
    (void)state;
    for (int i = 0; i < 8; ++i) {
        const size_t size = i % 2 ? SMALL : LARGE;
        struct mtm_listener *listener = i & 2 ? core_listener() : NULL;
        struct mtm_buffer *buffer = core_buffer(listener);
        struct mtm_object *source = listener ? &listener->object : &buffer->object;
        struct mtm_reader reader;
        start(&reader, true);
        for (uint32_t n = 0; n < 3; ++n) add(buffer, n, size);
        assert_int_equal(read_one(&reader, source), MTM_OK);
        assert_int_equal(mtm_buffer_count(buffer), 2);
        if (i & 4) mtm_reader_done(&reader);
        mtm_reader_fini(&reader);
        const uint32_t first = i & 4 ? 1 : 0;
        assert_int_equal(mtm_buffer_count(buffer), 3 - first);
        for (uint32_t n = first; n < 3; ++n) {
            assert_sees(buffer, n, size);
            start(&reader, true);
            assert_int_equal(read_one(&reader, source), MTM_OK);
            assert_int_equal(read_one(&reader, source), n < 2 ? MTM_OK : MTM_EMPTY);
            mtm_reader_fini(&reader); /* the first one is done, the second one goes back */
        }
        assert_int_equal(mtm_buffer_count(buffer), 0);
        core_drop_buffer(buffer);
        if (listener) core_drop_listener(listener);
    }
}

/* Everybody else has given it up: the lease keeps it, and for a listener it is left to drain.
 */
static void a_lease_keeps_what_it_came_from(void **state)
{
    (void)state;
    struct mtm_reader reader;
    uint32_t number = 0;
    struct mtm_buffer *buffer = core_buffer(NULL);
    add(buffer, 1, SMALL);
    start(&reader, true);
    assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
    core_drop_buffer(buffer);
    mtm_reader_fini(&reader);

    struct mtm_listener *listener = core_listener();
    buffer = core_buffer(listener);
    assert_int_equal(core_add(buffer, 7), MTM_OK);
    core_drop_buffer(buffer); /* an orphan */
    start(&reader, true);
    assert_int_equal(read_one(&reader, &listener->object), MTM_OK);
    assert_int_equal(core_next(&listener->object, 0, &number), MTM_EMPTY); /* not no_buffers */
    mtm_reader_fini(&reader);
    assert_int_equal(core_next(&listener->object, 0, &number), MTM_OK);
    assert_int_equal(number, 7);
    assert_int_equal(core_next(&listener->object, 0, &number), MTM_NO_BUFFERS);

    buffer = core_buffer(listener);
    assert_int_equal(core_add(buffer, 8), MTM_OK);
    start(&reader, true);
    assert_int_equal(read_one(&reader, &listener->object), MTM_OK);
    core_drop_buffer(buffer);
    core_drop_listener(listener); /* the lease keeps the listener, too */
    mtm_reader_fini(&reader);
}

static void every_reader_gives_back(void **state)
{
    (void)state;
    for (int lease = 0; lease < 2; ++lease) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_reader reader;
        start(&reader, lease);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY);
        for (uint32_t n = 0; n < 3; ++n) add(buffer, n, n == 1 ? LARGE : SMALL);
        for (int round = 0; round < 3; ++round) {
            assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
            assert_int_equal(mtm_reader_put_back(&reader), MTM_OK);
            assert_true(reader.at == reader.end);
            assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY);
            assert_sees(buffer, 0, SMALL);
        }
        for (uint32_t n = 0; n < 2; ++n)
            assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY); /* its time is over */
        add(buffer, 9, SMALL);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        mtm_reader_done(&reader);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY);
        add(buffer, 9, SMALL);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        core_drop_buffer(buffer);
        assert_int_equal(mtm_reader_put_back(&reader), lease ? MTM_OK : MTM_UNKNOWN);
        mtm_reader_fini(&reader);

        buffer = core_buffer(NULL);
        start(&reader, lease);
        add(buffer, 9, SMALL);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        mtm_abort_all(true); /* a lease needs to look for nothing */
        assert_int_equal(mtm_reader_put_back(&reader), lease ? MTM_OK : MTM_ABORTED);
        mtm_abort_all(false);
        assert_int_equal(mtm_reader_put_back(&reader), lease ? MTM_EMPTY : MTM_OK);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        mtm_buffer_close(buffer);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_CLOSED);
        core_drop_buffer(buffer);
        mtm_reader_fini(&reader);
    }
}

/* A message of so many arrays, each behind a boolean. */
static void add_arrays(struct mtm_buffer *buffer, size_t count)
{
    struct mtm_writer writer;
    struct mtm_notifier *notifier;
    enum mtm_status status;
    assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
    for (size_t i = 0; i < count; ++i) {
        assert_int_equal(mtm_writer_add_boolean(&writer, true), MTM_OK);
        uint64_t *elements = mtm_writer_array(&writer, 9, 8, 3 + i, &status);
        for (size_t k = 0; k < 3 + i; ++k) elements[k] = i * 100 + k;
    }
    assert_int_equal(mtm_writer_put(&writer, buffer, 0, &notifier), MTM_OK);
    mtm_writer_fini(&writer);
}

/* How many of them had to be moved. */
static size_t read_arrays(struct mtm_reader *reader, size_t count)
{
    struct mtm_value value;
    size_t moved = 0;
    for (size_t i = 0; i < count; ++i) {
        assert_int_equal(mtm_reader_next_aligned(reader, &value), MTM_TAG_BOOLEAN);
        const unsigned char *at = reader->at;
        assert_int_equal(mtm_reader_next_aligned(reader, &value), MTM_TAG_ARRAY);
        assert_int_equal(value.array.count, 3 + i);
        moved += value.array.ptr != at + MTM_ARRAY_HEADER;
        for (uint64_t k = 0; k < 3 + i; ++k)
            assert_true(((const uint64_t *)(const void *)value.array.ptr)[k] == i * 100 + k);
    }
    return moved;
}

/* Arrays that were aligned for reading come out as they went in: of a lease always, of another
 * reader as long as it can remember what was moved. */
static void moved_arrays_are_moved_back(void **state)
{
    (void)state;
    enum { MOST = 40 };
    size_t most_moved = 0;
    for (size_t count = 1; count < MOST; ++count) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_reader reader;
        add_arrays(buffer, count);
        for (int round = 0; round < 3; ++round) {
            start_aligned(&reader, true);
            assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
            most_moved = read_arrays(&reader, count);
            if (round == 0) assert_int_equal(mtm_reader_put_back(&reader), MTM_OK);
            mtm_reader_fini(&reader);
            assert_int_equal(mtm_buffer_count(buffer), 1);
        }
        start_aligned(&reader, false);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        const size_t moved = read_arrays(&reader, count);
        assert_int_equal(mtm_reader_put_back(&reader),
                         moved > MTM_READER_MOVES ? MTM_NOMEM : MTM_OK);
        mtm_reader_fini(&reader);
        core_drop_buffer(buffer);
    }
    assert_true(most_moved > MTM_READER_MOVES);
}

/* What a lease may need to go back is there before it begins. */
static void a_lease_of_many_arrays_needs_its_memory_at_once(void **state)
{
    (void)state;
    enum { ARRAYS = 30 };
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    add_arrays(buffer, ARRAYS);
    start_aligned(&reader, true);
    for (uint32_t nth = 1;; ++nth) {
        core_failure = nth;
        enum mtm_status status = read_one(&reader, &buffer->object);
        core_failure = 0;
        if (status == MTM_OK) break;
        assert_int_equal(status, MTM_NOMEM);
        assert_int_equal(mtm_buffer_count(buffer), 1);
    }
    core_drought = 1;
    assert_true(read_arrays(&reader, ARRAYS) > MTM_READER_MOVES);
    mtm_reader_fini(&reader);
    core_drought = 0;
    start_aligned(&reader, false);
    assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
    read_arrays(&reader, ARRAYS);
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

/* A reader that knows no tables passes over them. */
static void a_lease_counts_no_arrays_in_tables(void **state)
{
    (void)state;
    enum { INNER = 2 * MTM_READER_MOVES };
    unsigned char bytes[16 + INNER * (MTM_ARRAY_HEADER + 8)] = {0};
    unsigned char *to = mtm_wire_pair(bytes, MTM_TAG_TABLE, INNER, 0);
    for (int i = 0; i < INNER; ++i) to = mtm_wire_array_header(to, 9, 8, 1) + 8;
    struct mtm_message message = core_message(bytes, (size_t)(to - bytes));
    struct mtm_failure failure = {0};
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    assert_int_equal(mtm_buffer_add(buffer, &message, false, &failure), MTM_OK);
    start_aligned(&reader, true);
    assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
    assert_int_equal(reader.most_moves, MTM_READER_MOVES);
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

/* A lease is a reference that a program has: while there is one, connections stay. */
static void a_lease_is_a_root(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_object *found;
    struct mtm_reader reader;
    struct bell bell = {0};
    const uint64_t id = buffer->object.id;
    for (uint32_t n = 0; n < 3; ++n) add(buffer, n, SMALL);
    bell_connect(&bell, buffer, MTM_ADDED, 0);
    start(&reader, true);
    for (uint32_t n = 0; n < 2; ++n)
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
    core_drop_buffer(buffer);
    assert_false(mtm_no_roots());
    assert_int_equal(bell.released, 0);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, id, &found), MTM_OK);
    assert_int_equal(mtm_reader_put_back(&reader), MTM_OK);
    assert_int_equal(mtm_buffer_count((struct mtm_buffer *)found), 2);
    assert_int_equal(bell.released, 0);
    mtm_root_release(found);
    assert_int_equal(bell.released, 1);
    assert_true(mtm_no_roots());
    mtm_reader_fini(&reader);
}

/* The notifier of the removal may use the reader; what it leaves there is a lease. */
struct use {
    struct mtm_reader reader;
    struct mtm_buffer *other;
};

static void use_reader(struct bell *bell)
{
    struct use *use = bell->arg;
    bell->act = NULL;
    assert_int_equal(read_one(&use->reader, &use->other->object), MTM_OK);
}

static void a_notifier_may_use_the_reader(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct use use = {.other = core_buffer(NULL)};
    struct bell bell = {.act = use_reader, .arg = &use};
    for (uint32_t n = 0; n < 3; ++n) add(buffer, n, SMALL);
    add(use.other, 7, SMALL);
    bell_connect(&bell, buffer, MTM_TAKEN, 0);
    start(&use.reader, true);
    assert_int_equal(read_one(&use.reader, &buffer->object), MTM_OK); /* and another one */
    assert_int_equal(mtm_buffer_count(buffer), 2);
    assert_int_equal(mtm_buffer_count(use.other), 0);
    mtm_reader_fini(&use.reader);
    assert_int_equal(mtm_buffer_count(buffer), 2); /* that one was done */
    assert_sees(use.other, 7, SMALL);
    core_drop_buffer(buffer);
    core_drop_buffer(use.other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a lease goes back unless it is done", a_lease_goes_back_unless_it_is_done),
        CORE_TEST("a lease keeps what it came from", a_lease_keeps_what_it_came_from),
        CORE_TEST("every reader gives back", every_reader_gives_back),
        CORE_TEST("moved arrays are moved back", moved_arrays_are_moved_back),
        CORE_TEST("a lease counts no arrays in tables", a_lease_counts_no_arrays_in_tables),
        CORE_TEST("a lease of many arrays needs its memory at once",
                  a_lease_of_many_arrays_needs_its_memory_at_once),
        CORE_TEST("a lease is a root", a_lease_is_a_root),
        CORE_TEST("a notifier may use the reader", a_notifier_may_use_the_reader),
    };
    return UNIT_RUN(tests);
}
