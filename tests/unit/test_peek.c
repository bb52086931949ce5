/* Tests of looking at messages without taking them, of blocks that several hold meanwhile, and
 * of leases: messages that go back unless they are done. They own buffers and readers. */
#include "bell.h"

#include "core/reader.h"
#include "core/reference.h"
#include "core/writer.h"

enum { SMALL = 40, LARGE = 6000 };

static void add(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    static unsigned char bytes[LARGE];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    assert_int_equal(mtm_buffer_add(buffer, &message, false, NULL), MTM_OK);
}

static enum mtm_status look(struct mtm_buffer *buffer, struct mtm_delivery *in)
{
    struct mtm_wait wait = {.timeout = 0};
    *in = (struct mtm_delivery){.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(SMALL)};
    return mtm_peek(buffer, &wait, in);
}

static void look_no_more(struct mtm_delivery *in)
{
    mtm_peek_done(in);
    mtm_block_free(in->slot.carrier);
}

static void assert_sees(struct mtm_buffer *buffer, uint32_t number, size_t size)
{
    struct mtm_delivery in;
    assert_int_equal(look(buffer, &in), MTM_OK);
    assert_true(core_is(in.slot.block, number, size));
    look_no_more(&in);
}

static void take(struct mtm_buffer *buffer, struct mtm_delivery *in)
{
    struct mtm_wait wait = {.timeout = MTM_FOREVER};
    *in = (struct mtm_delivery){.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(SMALL)};
    assert_int_equal(mtm_receive(&buffer->object, &wait, in), MTM_OK);
}

static void who_looks_takes_nothing(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_delivery in;
    assert_int_equal(look(buffer, &in), MTM_EMPTY);
    mtm_block_free(in.slot.carrier);
    for (uint32_t n = 0; n < 300; ++n) add(buffer, n, n % 3 ? SMALL - n % 7 : LARGE);
    for (uint32_t n = 0; n < 300; ++n) {
        const size_t size = n % 3 ? SMALL - n % 7 : LARGE;
        assert_sees(buffer, n, size);
        assert_sees(buffer, n, size);
        assert_int_equal(mtm_buffer_count(buffer), 300 - n);
        take(buffer, &in);
        assert_true(core_is(in.slot.block, n, size));
        if (n % 2) { /* put back it is seen again, and always in a block of its own */
            mtm_delivery_put_back(&in);
            mtm_block_free(in.slot.carrier);
            assert_sees(buffer, n, size);
            take(buffer, &in);
        }
        core_incoming_free(&in);
    }
    mtm_buffer_abort(buffer, true);
    assert_int_equal(look(buffer, &in), MTM_ABORTED);
    mtm_block_free(in.slot.carrier);
    mtm_buffer_close(buffer);
    assert_int_equal(look(buffer, &in), MTM_CLOSED);
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

static void a_carrier_that_is_too_small_is_asked_for(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_delivery in;
    add(buffer, 1, SMALL + 1);
    assert_int_equal(look(buffer, &in), MTM_GROW);
    assert_int_equal(in.slot.need, SMALL + 1);
    mtm_block_free(in.slot.carrier);
    core_drop_buffer(buffer);
}

/* However the message goes meanwhile, what is being looked at stays. */
static void what_is_seen_outlives_its_message(void **state)
{
    (void)state;
    for (int way = 0; way < 5; ++way) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_delivery first, second, taken;
        add(buffer, 1, LARGE);
        assert_int_equal(look(buffer, &first), MTM_OK);
        assert_int_equal(look(buffer, &second), MTM_OK);
        assert_ptr_equal(first.slot.block, second.slot.block);
        look_no_more(&second);
        switch (way) {
            case 0:
                take(buffer, &taken);
                assert_true(mtm_block_is_shared(taken.slot.block));
                mtm_queue_recycle(&buffer->queue, taken.slot.block);
                mtm_block_free(taken.slot.carrier);
                break;
            case 1: mtm_buffer_clear(buffer, false); break;
            case 2: assert_int_equal(core_set(buffer, 5), MTM_OK); break;
            case 3: mtm_buffer_close(buffer); break;
            default:
                take(buffer, &taken);
                mtm_delivery_put_back(&taken);
                mtm_block_free(taken.slot.carrier);
                assert_sees(buffer, 1, LARGE);
                break;
        }
        for (uint32_t n = 0; n < 9; ++n) /* memory that was freed would be used again */
            if (way != 3) add(buffer, 50 + n, LARGE);
        assert_true(core_is(first.slot.block, 1, LARGE));
        look_no_more(&first);
        core_drop_buffer(buffer);
    }
}

/* ---- waiting ---- */

static void *look_and_wait(void *opaque)
{
    struct mtm_buffer *buffer = opaque;
    struct mtm_wait wait = {.timeout = (int64_t)10 * 1000 * 1000 * 1000};
    struct mtm_delivery in = {.slot.limit = SIZE_MAX, .slot.carrier = mtm_block_new(SMALL)};
    assert_int_equal(mtm_peek(buffer, &wait, &in), MTM_OK);
    assert_true(core_is(in.slot.block, 3, SMALL));
    look_no_more(&in);
    return NULL;
}

/* One message, one wake-up by its producer: whoever it reaches passes it on. */
static void all_who_look_are_woken(void **state)
{
    (void)state;
    enum { LOOKERS = 6 };
    struct mtm_buffer *buffer = core_buffer(NULL);
    pthread_t threads[LOOKERS];
    for (int i = 0; i < LOOKERS; ++i) unit_start(&threads[i], 1, look_and_wait, buffer);
    core_await_waiters(&buffer->source.waiters, LOOKERS);
    add(buffer, 3, SMALL);
    unit_join(threads, LOOKERS);
    assert_int_equal(mtm_buffer_count(buffer), 1);
    core_drop_buffer(buffer);
}

/* ---- leases ---- */

static enum mtm_status read_one(struct mtm_reader *reader, struct mtm_object *source)
{
    struct mtm_failure failure = {0};
    struct mtm_wait wait = {.timeout = 0};
    size_t need;
    return mtm_reader_receive(reader, source, &wait, &need, &failure);
}

static void start(struct mtm_reader *reader, bool lease)
{
    assert_int_equal(mtm_reader_init(reader, 20, false, 2), MTM_OK);
    if (lease) mtm_reader_lease(reader);
}

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
            assert_false(mtm_reader_has_more(&reader));
            assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY);
            assert_sees(buffer, 0, SMALL);
        }
        for (uint32_t n = 0; n < 2; ++n)
            assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_CLOSED); /* its time is over */
        add(buffer, 9, SMALL);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        mtm_reader_done(&reader);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_EMPTY);
        add(buffer, 9, SMALL);
        assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
        core_drop_buffer(buffer);
        assert_int_equal(mtm_reader_put_back(&reader), lease ? MTM_OK : MTM_UNKNOWN);
        mtm_reader_fini(&reader);
    }
}

/* Arrays that were aligned for reading come out as they went in. */
static void moved_arrays_are_moved_back(void **state)
{
    (void)state;
    for (size_t count = 1; count <= MTM_READER_MOVES + 1; ++count) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_writer writer;
        struct mtm_reader reader;
        struct mtm_value value;
        enum mtm_status status;
        assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
        for (size_t i = 0; i < count; ++i) {
            assert_int_equal(mtm_writer_add_boolean(&writer, true), MTM_OK);
            uint64_t *elements = mtm_writer_array(&writer, 9, 8, 3 + i, &status);
            for (size_t k = 0; k < 3 + i; ++k) elements[k] = i * 100 + k;
        }
        assert_int_equal(mtm_writer_send(&writer, buffer, false, false, NULL), MTM_OK);
        mtm_writer_fini(&writer);
        for (int round = 0; round < 2; ++round) {
            size_t moved = 0;
            start(&reader, true);
            assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
            for (size_t i = 0; i < count; ++i) {
                assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_BOOLEAN);
                const unsigned char *at = reader.at;
                assert_int_equal(mtm_reader_next_aligned(&reader, &value), MTM_TAG_ARRAY);
                assert_int_equal(value.array.count, 3 + i);
                moved += value.array.ptr != at + MTM_ARRAY_HEADER;
                for (uint64_t k = 0; k < 3 + i; ++k)
                    assert_true(((const uint64_t *)(const void *)value.array.ptr)[k] ==
                                i * 100 + k);
            }
            status = mtm_reader_put_back(&reader);
            assert_int_equal(status, moved > MTM_READER_MOVES ? MTM_NOMEM : MTM_OK);
            mtm_reader_done(&reader);
            mtm_reader_fini(&reader);
            if (status != MTM_OK) break;
        }
        core_drop_buffer(buffer);
    }
}

/* A reader moves arrays, so it reads a copy while others look. */
static void a_reader_does_not_disturb_those_who_look(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    struct mtm_delivery in;
    add(buffer, 1, LARGE);
    assert_int_equal(look(buffer, &in), MTM_OK);
    start(&reader, false);
    core_drought = 1;
    assert_int_equal(read_one(&reader, &buffer->object), MTM_NOMEM);
    core_drought = 0;
    assert_int_equal(mtm_buffer_count(buffer), 1);
    assert_int_equal(read_one(&reader, &buffer->object), MTM_OK);
    memset(mtm_block_data(reader.other), 0, LARGE);
    assert_true(core_is(in.slot.block, 1, LARGE));
    look_no_more(&in);
    mtm_reader_fini(&reader);
    core_drop_buffer(buffer);
}

/* ---- threads ---- */

enum { ROUNDS = 3000 };

struct crowd {
    struct mtm_buffer *buffer;
    mtm_a32 done;
};

static void *look_all_the_time(void *opaque)
{
    struct crowd *crowd = opaque;
    while (!mtm_load_seq(&crowd->done)) {
        struct mtm_delivery in;
        if (look(crowd->buffer, &in) == MTM_OK) {
            const uint32_t number = mtm_block_data(in.slot.block)[0];
            bool same = in.slot.block->size == LARGE;
            for (size_t i = 0; i < LARGE; i += 97)
                same = same && mtm_block_data(in.slot.block)[i] == number;
            assert_true(same);
            look_no_more(&in);
        } else {
            mtm_block_free(in.slot.carrier);
        }
    }
    return NULL;
}

static void many_look_while_others_take_and_put_back(void **state)
{
    (void)state;
    static unsigned char bytes[LARGE];
    struct crowd crowd = {.buffer = core_buffer(NULL)};
    pthread_t threads[2];
    unit_start(threads, 2, look_all_the_time, &crowd);
    for (uint32_t n = 0; n < ROUNDS; ++n) {
        struct mtm_delivery in;
        memset(bytes, (int)(n & 255), sizeof bytes);
        struct mtm_message message = core_message(bytes, sizeof bytes);
        assert_int_equal(mtm_buffer_add(crowd.buffer, &message, false, NULL), MTM_OK);
        if (n % 3 == 0) mtm_plat_yield();
        take(crowd.buffer, &in);
        if (n % 5 == 0) {
            mtm_delivery_put_back(&in);
            mtm_block_free(in.slot.carrier);
            take(crowd.buffer, &in);
        }
        assert_int_equal(mtm_block_data(in.slot.block)[LARGE - 1], n & 255);
        mtm_queue_recycle(&crowd.buffer->queue, in.slot.block);
        mtm_block_free(in.slot.carrier);
    }
    mtm_store_seq(&crowd.done, 1);
    unit_join(threads, 2);
    core_drop_buffer(crowd.buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("who looks takes nothing", who_looks_takes_nothing),
        CORE_TEST("a carrier that is too small is asked for",
                  a_carrier_that_is_too_small_is_asked_for),
        CORE_TEST("what is seen outlives its message", what_is_seen_outlives_its_message),
        CORE_TEST("all who look are woken", all_who_look_are_woken),
        CORE_TEST("a lease goes back unless it is done", a_lease_goes_back_unless_it_is_done),
        CORE_TEST("a lease keeps what it came from", a_lease_keeps_what_it_came_from),
        CORE_TEST("every reader gives back", every_reader_gives_back),
        CORE_TEST("moved arrays are moved back", moved_arrays_are_moved_back),
        CORE_TEST("a reader does not disturb those who look",
                  a_reader_does_not_disturb_those_who_look),
        CORE_TEST("many look while others take and put back",
                  many_look_while_others_take_and_put_back),
    };
    return UNIT_RUN(tests);
}
