/* Tests of looking at messages without taking them, and of blocks that several hold meanwhile.
 * They own buffers and readers. */
#include "peek.h"

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

/* A reader moves arrays, so it reads a copy while others look. */
static void a_reader_does_not_disturb_those_who_look(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL);
    struct mtm_reader reader;
    struct mtm_delivery in;
    add(buffer, 1, LARGE);
    assert_int_equal(look(buffer, &in), MTM_OK);
    start_aligned(&reader, false);
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
        CORE_TEST("a reader does not disturb those who look",
                  a_reader_does_not_disturb_those_who_look),
        CORE_TEST("many look while others take and put back",
                  many_look_while_others_take_and_put_back),
    };
    return UNIT_RUN(tests);
}
