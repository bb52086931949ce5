/* Tests of walks through messages and of copying values from one to another: all kinds of
 * values, bytes that are damaged in every way, and memory that runs out. They own the messages.
 */
#include "core.h"

#include "core/compose.h"
#include "core/duration.h"

static const struct mtm_wait at_once;

enum { MOST = 4096 };

/* A message with every tag that there is: returns its size. */
static size_t everything(unsigned char *bytes)
{
    static const unsigned char head[] = {MTM_TAG_NIL,
                                         MTM_TAG_BOOLEAN,
                                         1,
                                         MTM_TAG_BYTE,
                                         7,
                                         MTM_TAG_SHORT,
                                         3,
                                         'a',
                                         'b',
                                         'c',
                                         MTM_TAG_MODULE,
                                         MTM_TAG_SHORT,
                                         5,
                                         'm',
                                         't',
                                         'm',
                                         's',
                                         'g',
                                         MTM_TAG_NIL,
                                         MTM_TAG_MODULE,
                                         MTM_TAG_SHORT,
                                         4,
                                         'm',
                                         'a',
                                         't',
                                         'h',
                                         MTM_TAG_KEY,
                                         5,
                                         'f',
                                         'l',
                                         'o',
                                         'o',
                                         'r',
                                         MTM_TAG_GLOBALS};
    static const unsigned char tail[] = {MTM_TAG_NAMED, MTM_TAG_KEY, 4, 'n', 'a', 'm', 'e'};
    unsigned char *at = bytes;
    double number = 0.5;
    memcpy(at, head, sizeof head);
    at = mtm_wire_pair(at + sizeof head, MTM_TAG_SHARED, 3, 2); /* object 1 */
    at = mtm_wire_number(at, number);
    at = mtm_wire_reference(at, MTM_TAG_REFERENCE, 1); /* itself */
    at = mtm_wire_pair(at, MTM_TAG_TABLE, 0, 1);       /* object 2 */
    at = mtm_wire_reference(at, MTM_TAG_KEY_AGAIN, 1); /* floor */
    at = mtm_wire_integer(at, -9);
    memcpy(at, tail, sizeof tail); /* as a key of object 1: a table with a name, object 3 */
    at = mtm_wire_pair(at + sizeof tail, MTM_TAG_SHARED, 0, 0);
    at = mtm_wire_array_header(at, 10, 8, 2);
    memset(at, 5, 16);
    at = mtm_wire_reference(at + 16, MTM_TAG_KEY_AGAIN, 1); /* name */
    at = mtm_wire_pair(at, MTM_TAG_CODE, 3, 2);             /* object 4 */
    at[0] = at[1] = 27;
    at = mtm_wire_reference(at + 2, MTM_TAG_REFERENCE, 1); /* itself */
    at = mtm_wire_pair(at, MTM_TAG_CODE, 1, 0);            /* object 5 */
    at = mtm_wire_pair(at, MTM_TAG_UPVALUE, 2, 1);         /* of object 4 */
    at = mtm_wire_pair(at, MTM_TAG_TABLE, 0, 0);           /* object 6 */
    at = mtm_wire_pointer(at, MTM_TAG_POINTER, 1);
    at = mtm_wire_pointer(at, MTM_TAG_FUNCTION, 1);
    at = mtm_wire_reference(at, MTM_TAG_REFERENCE, 4); /* object 3 */
    at = mtm_wire_string_header(at, 300);
    memset(at, 's', 300);
    return (size_t)(at + 300 - bytes);
}

struct route {
    struct mtm_buffer *buffer;
    struct mtm_reader reader;
    struct mtm_walk walk;
    struct mtm_composer composer;
};

static void route_init(struct route *r, double grow)
{
    r->buffer = core_buffer(NULL);
    assert_int_equal(mtm_reader_init(&r->reader, MOST, true, grow), MTM_OK);
    mtm_reader_align(&r->reader);
    assert_int_equal(mtm_walk_init(&r->walk, &r->reader), MTM_OK);
    assert_int_equal(mtm_compose_init(&r->composer, MOST, grow), MTM_OK);
}

static void route_fini(struct route *r)
{
    mtm_compose_fini(&r->composer);
    mtm_walk_fini(&r->walk);
    mtm_reader_fini(&r->reader);
    core_drop_buffer(r->buffer);
}

static void load(struct route *r, const unsigned char *bytes, size_t size)
{
    struct mtm_message message = core_message(bytes, size);
    struct mtm_failure failure = {0};
    struct mtm_wait wait = at_once;
    size_t need;
    assert_int_equal(mtm_buffer_add(r->buffer, &message, false, NULL), MTM_OK);
    assert_int_equal(mtm_reader_receive(&r->reader, &r->buffer->object, &wait, &need, &failure),
                     MTM_OK);
}

/* Passes on all values as far as that goes; the last status. */
static enum mtm_status pass_all(struct route *r)
{
    enum mtm_status status = MTM_OK;
    mtm_compose_clear(&r->composer);
    while (status == MTM_OK && mtm_walk_next(&r->walk)->tag != MTM_TAG_END)
        status = mtm_compose_copy(&r->composer, &r->walk);
    return status;
}

static void assert_composed(struct route *r, const unsigned char *bytes, size_t size)
{
    struct mtm_message message;
    mtm_writer_message(&r->composer.writer, &message);
    assert_int_equal(message.size, size);
    assert_memory_equal(message.part[0].ptr, bytes, size);
}

static void what_is_passed_on_whole_has_the_same_bytes(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    const size_t size = everything(bytes);
    struct route r;
    route_init(&r, 2);
    for (int round = 0; round < 3; ++round) {
        load(&r, bytes, size);
        assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
        assert_int_equal(pass_all(&r), MTM_OK);
        assert_composed(&r, bytes, size);
    }
    route_fini(&r);
}

static void walking_counts_what_is_in_functions(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    struct route r;
    uint32_t last = 0, ends = 0;
    route_init(&r, 2);
    load(&r, bytes, everything(bytes));
    for (;;) {
        const struct mtm_visit *visit = mtm_walk_next(&r.walk);
        if (visit->tag == MTM_TAG_END && !visit->ends_table) break;
        if (visit->tag == MTM_TAG_END) ++ends;
        if (visit->number > last) last = visit->number;
        assert_int_not_equal(visit->tag, MTM_TAG_UPVALUE);
    }
    assert_int_equal(ends, 3);
    assert_int_equal(last, 4); /* the others are inside of it */
    assert_int_equal(r.walk.objects, 6);
    route_fini(&r);
}

/* Whatever the bytes are, nothing outside of them is read, and both ways end. */
static void walk_and_pass(struct route *r, const unsigned char *bytes, size_t size)
{
    unsigned char *exact = malloc(size + 1); /* so that a checker sees what lies behind */
    memcpy(exact, bytes, size);
    load(r, exact, size);
    free(exact);
    assert_int_not_equal(mtm_walk_begin(&r->walk), MTM_NOMEM);
    (void)pass_all(r);
    mtm_reader_put_back(&r->reader);
    struct mtm_failure failure = {0};
    struct mtm_wait wait = at_once;
    size_t need, steps = 0;
    assert_int_equal(mtm_reader_receive(&r->reader, &r->buffer->object, &wait, &need, &failure),
                     MTM_OK);
    for (const struct mtm_visit *visit = mtm_walk_next(&r->walk);
         visit->tag != MTM_TAG_END || visit->ends_table; visit = mtm_walk_next(&r->walk)) {
        assert_true(++steps < 4 * size + 4);
    }
}

static void damaged_bytes_end_a_walk(void **state)
{
    (void)state;
    unsigned char bytes[MOST], damaged[MOST];
    const size_t size = everything(bytes);
    struct route r;
    route_init(&r, 2);
    for (size_t less = 0; less < size; ++less) walk_and_pass(&r, bytes, less);
    for (size_t i = 0; i < size - 290; ++i) {
        static const unsigned char others[] = {0, 1, 2, 3, 4, 9, 255};
        for (size_t n = 0; n < 7 + MTM_TAG_END; ++n) {
            memcpy(damaged, bytes, size);
            damaged[i] = n < 7 ? others[n] : (unsigned char)(n - 7);
            walk_and_pass(&r, damaged, size);
        }
    }
    route_fini(&r);
}

/* Of `count` tables inside of one another, each with a key that comes again. */
static size_t nest(unsigned char *bytes, size_t count)
{
    unsigned char *at = bytes;
    for (size_t i = 0; i < count; ++i) {
        at = mtm_wire_pair(at, MTM_TAG_TABLE, 1, 1);
    }
    *at++ = MTM_TAG_NIL;
    for (size_t i = 0; i < count; ++i) {
        unsigned char *tag = at;
        at = mtm_wire_string_header(at, 4);
        *tag = MTM_TAG_KEY;
        memcpy(at, &i, 4);
        at = mtm_wire_nil(at + 4);
    }
    return (size_t)(at - bytes);
}

static void memory_may_fail_anywhere_and_nothing_has_changed(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    const size_t size = nest(bytes, 100);
    struct route r;
    for (uint32_t n = 1;; ++n) {
        route_init(&r, 1);
        core_failure = 0;
        load(&r, bytes, size);
        core_failure = n;
        enum mtm_status status = mtm_walk_begin(&r.walk);
        if (status == MTM_OK) {
            assert_int_equal(mtm_walk_next(&r.walk)->tag, MTM_TAG_TABLE);
            status = mtm_compose_copy(&r.composer, &r.walk);
            if (status == MTM_NOMEM) {
                assert_int_equal(mtm_writer_size(&r.composer.writer), 0);
                assert_int_equal(mtm_compose_copy(&r.composer, &r.walk), MTM_OK);
            }
            assert_composed(&r, bytes, size);
        }
        bool is_over = core_failure > 0;
        core_failure = 0;
        assert_true(status == MTM_OK || status == MTM_NOMEM);
        route_fini(&r);
        if (is_over) break;
    }
}

/* A walk that begins by itself has no status to tell: it is at its end. */
static void a_walk_needs_memory_for_arrays_only_at_the_beginning(void **state)
{
    (void)state;
    enum { ARRAYS = 100, SIZE = MTM_ARRAY_HEADER + 8 };
    unsigned char bytes[ARRAYS * SIZE];
    const struct mtm_visit *visit;
    for (size_t i = 0; i < ARRAYS; ++i)
        memset(mtm_wire_array_header(bytes + i * SIZE, 1, 8, 1), (int)i, 8);
    for (int by_itself = 0; by_itself < 2; ++by_itself) {
        struct route r;
        route_init(&r, 2);
        load(&r, bytes, sizeof bytes);
        core_drought = 1;
        if (!by_itself) {
            assert_int_equal(mtm_walk_begin(&r.walk), MTM_NOMEM);
            core_drought = 0;
            assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
            core_drought = 1;
        }
        for (size_t i = 0; i < (by_itself ? 0 : ARRAYS); ++i) {
            visit = mtm_walk_next(&r.walk);
            assert_int_equal(visit->tag, MTM_TAG_ARRAY);
            assert_int_equal((uintptr_t)visit->value.array.ptr % 8, 0);
            assert_int_equal(visit->value.array.ptr[7], i);
        }
        visit = mtm_walk_next(&r.walk);
        assert_true(visit->tag == MTM_TAG_END && !visit->ends_table);
        core_drought = 0;
        route_fini(&r);
    }
}

static void tables_that_are_built_may_lack_memory(void **state)
{
    (void)state;
    for (uint32_t n = 1;; ++n) {
        struct mtm_composer composer;
        assert_int_equal(mtm_compose_init(&composer, 10, 1), MTM_OK);
        core_failure = n;
        size_t number;
        for (int i = 0; i < 200; ++i) {
            enum mtm_status status = mtm_compose_begin(&composer, SIZE_MAX, &number);
            if (status == MTM_NOMEM) status = mtm_compose_begin(&composer, SIZE_MAX, &number);
            assert_int_equal(status, MTM_OK);
            assert_int_equal(number, i + 1);
        }
        bool is_over = core_failure > 0;
        core_failure = 0;
        for (int i = 0; i < 200; ++i) assert_int_equal(mtm_compose_end(&composer), MTM_OK);
        assert_int_equal(mtm_compose_end(&composer), MTM_MISPLACED);
        assert_int_equal(mtm_writer_size(&composer.writer), 200 * 9);
        mtm_compose_fini(&composer);
        if (is_over) break;
    }
}

enum { TABLES = 40 };

/* Every `stride`-th of many tables, each with a key of its own; then a table with all these
 * keys again, and references to the tables. */
static size_t tables(unsigned char *bytes, uint32_t stride)
{
    unsigned char *at = bytes;
    const uint32_t all = TABLES / stride, step = 2 / stride, some = TABLES / 2;
    for (uint32_t i = 0; i < TABLES; i += stride) {
        unsigned char *tag = mtm_wire_pair(at, MTM_TAG_SHARED, 0, 1);
        at = mtm_wire_string_header(tag, 4);
        *tag = MTM_TAG_KEY;
        memcpy(at, &i, 4);
        at = mtm_wire_nil(at + 4);
    }
    at = mtm_wire_pair(at, MTM_TAG_SHARED, 0, some);
    for (uint32_t i = 0; i < some; ++i) {
        at = mtm_wire_reference(at, MTM_TAG_KEY_AGAIN, all - i * step);
        at = mtm_wire_nil(at);
    }
    for (uint32_t i = 0; i < some; ++i)
        at = mtm_wire_reference(at, MTM_TAG_REFERENCE, all + 1 - i * step);
    return (size_t)(at - bytes);
}

static void leave_table(struct mtm_walk *walk)
{
    const struct mtm_visit *visit;
    do {
        visit = mtm_walk_next(walk);
    } while (!visit->ends_table);
}

/* Again where memory failed; the status of what failed otherwise. */
static enum mtm_status pass_every_second_table(struct route *r)
{
    enum mtm_status status = MTM_OK;
    for (uint32_t i = 0; status == MTM_OK; ++i) {
        const struct mtm_visit *visit = mtm_walk_next(&r->walk);
        const size_t size = mtm_writer_size(&r->composer.writer);
        if (visit->tag == MTM_TAG_END) return MTM_OK;
        if (i < TABLES && i % 2) {
            leave_table(&r->walk);
            continue;
        }
        status = mtm_compose_copy(&r->composer, &r->walk);
        if (status != MTM_OK) assert_int_equal(mtm_writer_size(&r->composer.writer), size);
        if (status == MTM_NOMEM) status = mtm_compose_copy(&r->composer, &r->walk);
    }
    return status;
}

/* What is noted of many copies takes memory, which may fail, and which a fixed one has not. */
static void what_is_passed_on_in_pieces_is_found_again(void **state)
{
    (void)state;
    unsigned char bytes[MOST], expected[MOST];
    const size_t size = tables(bytes, 1), left = tables(expected, 2);
    struct route r;
    bool is_over = false;
    for (uint32_t n = 1; !is_over; ++n) {
        route_init(&r, 1);
        load(&r, bytes, size);
        assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
        core_failure = n;
        assert_int_equal(pass_every_second_table(&r), MTM_OK);
        assert_composed(&r, expected, left);
        is_over = core_failure > 0;
        core_failure = 0;
        assert_true(is_over || n < 10);
        assert_true(!is_over || n > 2); /* of tables, of keys */
        route_fini(&r);
    }
    route_init(&r, 2);
    r.composer.writer.fixed = true;
    load(&r, bytes, size);
    assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
    assert_int_equal(pass_every_second_table(&r), MTM_TOO_LARGE);
    assert_int_equal(r.composer.objects, MTM_COMPOSE_RUNS);
    route_fini(&r);
}

static void a_fixed_reader_or_writer_has_room_for_so_much(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    struct route r;
    route_init(&r, 0);
    load(&r, bytes, nest(bytes, 32));
    assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
    assert_int_equal(pass_all(&r), MTM_OK);
    load(&r, bytes, nest(bytes, 33));
    assert_int_equal(mtm_walk_begin(&r.walk), MTM_TOO_LARGE);
    route_fini(&r);
}

/* Arrays on top and in a table: memory for all of them, and that once. */
static size_t arrays(unsigned char *bytes)
{
    enum { ARRAYS = 60 };
    unsigned char *at = bytes;
    for (int i = 0; i < 2 * ARRAYS; ++i) {
        if (i == ARRAYS) at = mtm_wire_pair(at, MTM_TAG_TABLE, ARRAYS, 0);
        at = mtm_wire_array_header(at, 10, 8, 2);
        memset(at, i, 16);
        at += 16;
    }
    return (size_t)(at - bytes);
}

static void the_arrays_of_a_lease_are_counted_once(void **state)
{
    (void)state;
    unsigned char bytes[MOST];
    struct route r;
    struct mtm_delivery in;
    struct mtm_wait wait = at_once;
    size_t need;
    route_init(&r, 2);
    mtm_reader_lease(&r.reader);
    struct mtm_message message = core_message(bytes, arrays(bytes));
    assert_int_equal(mtm_buffer_add(r.buffer, &message, false, NULL), MTM_OK);
    const uint32_t before = core_requests;
    assert_int_equal(mtm_reader_take(&r.reader, &r.buffer->object, &wait, &need, &in), MTM_OK);
    assert_int_equal(mtm_walk_begin(&r.walk), MTM_OK);
    assert_int_equal(core_requests - before, 1);
    mtm_reader_settle(&r.reader, &in, true);
    core_drought = 1;
    while (mtm_walk_next(&r.walk)->tag != MTM_TAG_END || r.walk.visit.ends_table) continue;
    assert_true(r.reader.nmoves > 100);
    assert_int_equal(mtm_reader_put_back(&r.reader), MTM_OK);
    core_drought = 0;
    struct mtm_block *block =
        core_take(&r.buffer->object, &in) == MTM_OK ? in.slot.block : NULL;
    assert_non_null(block);
    assert_memory_equal(mtm_block_data(block), bytes, message.size);
    core_incoming_free(&in);
    route_fini(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("what is passed on whole has the same bytes",
                  what_is_passed_on_whole_has_the_same_bytes),
        CORE_TEST("walking counts what is in functions", walking_counts_what_is_in_functions),
        CORE_TEST("damaged bytes end a walk", damaged_bytes_end_a_walk),
        CORE_TEST("memory may fail anywhere and nothing has changed",
                  memory_may_fail_anywhere_and_nothing_has_changed),
        CORE_TEST("a walk needs memory for arrays only at the beginning",
                  a_walk_needs_memory_for_arrays_only_at_the_beginning),
        CORE_TEST("tables that are built may lack memory",
                  tables_that_are_built_may_lack_memory),
        CORE_TEST("what is passed on in pieces is found again",
                  what_is_passed_on_in_pieces_is_found_again),
        CORE_TEST("a fixed reader or writer has room for so much",
                  a_fixed_reader_or_writer_has_room_for_so_much),
        CORE_TEST("the arrays of a lease are counted once",
                  the_arrays_of_a_lease_are_counted_once),
    };
    return UNIT_RUN(tests);
}
