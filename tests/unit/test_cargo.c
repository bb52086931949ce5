/* Tests of messages that refer to objects: these live as long as the message, whatever becomes
 * of it. They own the objects. */
#include "cargo_unit.h"

#include "core/compose.h"
#include "core/node.h"
#include "core/reader.h"
#include "core/room.h"

static bool is_known(uint64_t id)
{
    struct mtm_object *found;
    if (mtm_registry_find_id(MTM_BUFFER, id, &found) != MTM_OK) return false;
    mtm_root_release(found);
    return true;
}

enum end { TAKE, CLEAR, CLOSE, REPLACE, DROP, BACK_AND_DROP, ENDS };

static void end_it(struct mtm_buffer *buffer, enum end end)
{
    struct mtm_object *got = NULL;
    switch (end) {
        case TAKE:
            assert_int_equal(cargo_take(&buffer->object, &got, false), MTM_OK);
            assert_non_null(got);
            mtm_root_release(got);
            break;
        case CLEAR: assert_int_equal(mtm_buffer_clear(buffer, false), MTM_OK); break;
        case CLOSE: mtm_buffer_close(buffer); break;
        case REPLACE: assert_int_equal(core_set(buffer, 1), MTM_OK); break;
        case BACK_AND_DROP:
            assert_int_equal(cargo_take(&buffer->object, &got, true), MTM_OK);
            break;
        case DROP:
        case ENDS: break;
    }
    core_drop_buffer(buffer);
}

/* A buffer in a message is found, works, and goes with the message. */
static void an_object_lives_as_long_as_its_message(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; ++end) {
        for (int grows = 0; grows < 2; ++grows) {
            const struct mtm_buffer_options options = {
                .size = 100, .sized = true, .grow = grows ? 2 : 0};
            struct mtm_buffer *buffer, *object = core_buffer(NULL);
            const uint64_t id = object->object.id;
            assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
            assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
            core_drop_buffer(object);
            assert_true(is_known(id));
            end_it(buffer, (enum end)end);
            assert_false(is_known(id));
            assert_int_equal(core_blocks, 0);
        }
    }
}

/* Records of objects and others in a ring of a fixed size, which ends anywhere; the memory for
 * objects is the sender's. */
static void a_fixed_buffer_keeps_to_its_size(void **state)
{
    (void)state;
    for (size_t size = 30; size < 100; ++size) {
        const struct mtm_buffer_options options = {.size = size, .sized = true, .grow = 0};
        struct mtm_buffer *buffer, *object = core_buffer(NULL);
        assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
        const uint32_t before = core_blocks;
        for (uint32_t i = 1; i <= 60; ++i) {
            struct mtm_object *got = NULL;
            const size_t room = size / (CARGO_BYTES + 1);
            assert_int_equal(core_add(buffer, i), MTM_OK);
            assert_delivers(buffer, i);
            for (size_t n = 0; n < room; ++n) {
                assert_int_equal(cargo_send(buffer, &object->object), MTM_OK);
            }
            assert_int_equal(cargo_send(buffer, &object->object), MTM_FULL);
            for (size_t n = 0; n < room; ++n) {
                assert_int_equal(cargo_take(&buffer->object, &got, n % 2 && i % 5 == 0),
                                 MTM_OK);
                if (!got) assert_int_equal(cargo_take(&buffer->object, &got, false), MTM_OK);
                assert_ptr_equal(got, &object->object);
                mtm_root_release(got);
            }
            assert_next(buffer, MTM_EMPTY);
        }
        assert_int_equal(core_blocks, before + 2); /* what finds their edges */
        core_drop_buffer(buffer);
        core_drop_buffer(object);
    }
}

static void what_is_refused_stays_with_the_sender(void **state)
{
    (void)state;
    const struct mtm_buffer_options options = {.size = 40, .sized = true, .grow = 0};
    struct mtm_buffer *buffer, *object = core_buffer(NULL);
    struct mtm_object *many[10];
    for (int i = 0; i < 10; ++i) many[i] = &object->object;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(cargo_put(buffer, many, 10, false, false), MTM_TOO_LARGE);
    mtm_buffer_abort(buffer, true);
    assert_int_equal(cargo_send(buffer, &object->object), MTM_ABORTED);
    mtm_buffer_abort(buffer, false);
    for (uint32_t nth = 1; nth < 8; ++nth) {
        core_failure = nth;
        enum mtm_status status = cargo_send(buffer, &object->object);
        core_failure = 0;
        assert_int_equal(mtm_buffer_count(buffer), status == MTM_OK);
        mtm_buffer_clear(buffer, false);
        assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    }
    mtm_buffer_close(buffer);
    assert_int_equal(cargo_send(buffer, &object->object), MTM_CLOSED);
    assert_int_equal(object->object.life & MTM_LIFE_COUNTS, 1);
    core_drop_buffer(object);
    core_drop_buffer(buffer);
}

/* Calls that must not wait leave it to others to give back what they drop. */
static void a_call_that_must_not_wait_hands_on(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
    const uint64_t id = object->object.id;
    assert_int_equal(
        cargo_put(buffer, (struct mtm_object *[]){&object->object}, 1, false, true), MTM_OK);
    core_drop_buffer(object);
    assert_int_equal(mtm_buffer_clear(buffer, true), MTM_OK);
    assert_int_equal(object->object.life & MTM_LIFE_REFS, 1);
    core_drop_buffer(core_buffer(NULL));
    assert_false(is_known(id));
    core_drop_buffer(buffer);
}

/* ---- of other modules ---- */

static int foreign_refs;

static void foreign_retain(const struct mtm_foreign_object *foreign)
{
    foreign_refs += foreign->object == &foreign_refs;
}

static void foreign_release(const struct mtm_foreign_object *foreign)
{
    foreign_refs -= foreign->object == &foreign_refs;
}

static void objects_of_others_travel_too(void **state)
{
    (void)state;
    static const struct mtm_foreign_ops ops = {foreign_retain, foreign_release};
    const struct mtm_foreign_object foreign = {.ops = &ops, .object = &foreign_refs};
    static const unsigned char bytes[2 * CARGO_BYTES];
    for (int end = 0; end < ENDS; ++end) {
        struct mtm_buffer *buffer = core_buffer(NULL);
        struct mtm_message message = core_message(bytes, sizeof bytes);
        struct mtm_cargo *cargo = NULL;
        struct mtm_notifier *notifier;
        if (end == TAKE) assert_int_equal(mtm_cargo_add(&cargo, &buffer->object), MTM_OK);
        for (int i = 0; i < 2; ++i) {
            assert_int_equal(mtm_cargo_add_foreign(&cargo, &foreign), MTM_OK);
        }
        message.cargo = &cargo;
        assert_int_equal(mtm_buffer_put(buffer, &message, 0, &notifier), MTM_OK);
        assert_null(cargo);
        assert_int_equal(foreign_refs, 2);
        end_it(buffer, (enum end)end);
        assert_int_equal(foreign_refs, 0);
        assert_int_equal(core_blocks, 0);
    }
}

/* ---- lists that shrink ---- */

enum { MANY = 9, OURS = 6 };

/* Some of ours, and behind them some of others. */
static struct mtm_cargo *mixed(struct mtm_object *object)
{
    static const struct mtm_foreign_ops ops = {foreign_retain, foreign_release};
    const struct mtm_foreign_object foreign = {.ops = &ops, .object = &foreign_refs};
    struct mtm_cargo *cargo = NULL;
    for (int i = 0; i < OURS; ++i) assert_int_equal(mtm_cargo_add(&cargo, object), MTM_OK);
    for (int i = OURS; i < MANY; ++i)
        assert_int_equal(mtm_cargo_add_foreign(&cargo, &foreign), MTM_OK);
    return cargo;
}

static size_t refs_of(const struct mtm_buffer *buffer)
{
    return buffer->object.life & MTM_LIFE_REFS;
}

/* Before and after they have become edges; and what was cut off can be added again. */
static void what_is_cut_off_a_list_is_given_back(void **state)
{
    (void)state;
    struct mtm_buffer *object = core_buffer(NULL), *holder = core_buffer(NULL);
    for (size_t left = 0; left <= MANY; ++left) {
        for (int linked = 0; linked < 2; ++linked) {
            struct mtm_cargo *cargo = mixed(&object->object);
            const size_t ours = left < OURS ? left : OURS;
            if (linked)
                assert_int_equal(mtm_cargo_prepare(cargo, &holder->object, false), MTM_OK);
            mtm_cargo_shrink(&cargo, left);
            assert_int_equal(refs_of(object), 1 + ours);
            assert_int_equal(foreign_refs, left - ours);
            if (left == 0) assert_null(cargo);
            else assert_int_equal(cargo->linked, linked ? left : 0);
            assert_int_equal(mtm_cargo_add(&cargo, &object->object), MTM_OK);
            assert_ptr_equal(mtm_cargo_at(cargo, left)->object, &object->object);
            assert_null(mtm_cargo_at(cargo, left + 1));
            mtm_cargo_drop(cargo);
            mtm_drop_handed_on();
            assert_int_equal(refs_of(object), 1);
            assert_int_equal(foreign_refs, 0);
        }
    }
    core_drop_buffer(holder);
    core_drop_buffer(object);
}

/* story: a writer that could not add an object kept an empty list of them; its next message,
 * too short for the address of a block, was written over others in a buffer of fixed size */
static void a_list_is_never_empty(void **state)
{
    (void)state;
    const struct mtm_buffer_options fixed = {.size = 8, .grow = 0};
    struct mtm_buffer *object = core_buffer(NULL), *buffer = NULL;
    struct mtm_notifier *notifier;
    struct mtm_writer writer;
    const size_t many = MTM_LIFE_MANY - refs_of(object);
    assert_int_equal(mtm_buffer_new(&fixed, &buffer), MTM_OK);
    assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
    mtm_add_rlx(&object->object.life, many);
    assert_int_equal(mtm_writer_add_object(&writer, &object->object), MTM_TOO_MANY);
    mtm_sub_acq_rel(&object->object.life, many);
    assert_null(writer.cargo);
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(mtm_writer_add_boolean(&writer, i), MTM_OK);
        assert_int_equal(mtm_writer_put(&writer, buffer, 0, &notifier), MTM_OK);
    }
    for (unsigned char i = 0; i < 2; ++i) {
        struct mtm_delivery in;
        assert_int_equal(core_take(&buffer->object, &in), MTM_OK);
        assert_int_equal(in.slot.block->size, 2);
        assert_int_equal(mtm_block_data(in.slot.block)[1], i);
        core_incoming_free(&in);
    }
    mtm_writer_fini(&writer);
    core_drop_buffer(buffer);
    core_drop_buffer(object);
}

/* For want of memory, or since an object has too many references. */
static void a_copy_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct mtm_buffer *object = core_buffer(NULL);
    struct mtm_block *block = mtm_block_new(MANY), *copy = NULL;
    const size_t before = refs_of(object) + OURS;
    block->size = MANY;
    memset(mtm_block_data(block), 1, MANY);
    block->cargo = mixed(&object->object);
    const uint32_t blocks = core_blocks;
    uint32_t nth = 0;
    for (; !copy; mtm_drop_handed_on()) {
        core_failure = ++nth;
        copy = mtm_block_copy(block);
        core_failure = 0;
        assert_int_equal(refs_of(object), before + (copy ? OURS : 0));
        assert_int_equal(foreign_refs, (MANY - OURS) * (copy ? 2 : 1));
        if (!copy) mtm_drop_handed_on();
        if (!copy) assert_int_equal(core_blocks, blocks);
    }
    assert_true(nth > 3); /* the block, the list, more of it */
    mtm_block_free(copy);
    mtm_drop_handed_on();
    mtm_store_rlx(&object->object.life,
                  mtm_load_rlx(&object->object.life) + MTM_LIFE_MANY - before - OURS / 2);
    assert_null(mtm_block_copy(block));
    mtm_drop_handed_on();
    assert_int_equal(refs_of(object), MTM_LIFE_MANY - OURS / 2);
    assert_int_equal(foreign_refs, MANY - OURS);
    mtm_store_rlx(&object->object.life,
                  mtm_load_rlx(&object->object.life) - (MTM_LIFE_MANY - before - OURS / 2));
    mtm_block_free(block);
    mtm_drop_handed_on();
    core_drop_buffer(object);
}

/* ---- while others are at work, and ahead of time ---- */

static void who_must_not_wait_is_told_that_others_are_at_work(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
    struct mtm_object *objects[] = {&object->object};
    for (int prepared = 0; prepared < 3; ++prepared) {
        struct core_holder holder;
        if (prepared > 0) assert_int_equal(mtm_reach_prepare(&buffer->object, false), MTM_OK);
        if (prepared > 1) assert_int_equal(mtm_reach_prepare(&object->object, false), MTM_OK);
        const uint32_t before = core_blocks;
        core_hold(&holder, &mtm_the_reach_lock);
        assert_int_equal(cargo_put(buffer, objects, 1, false, true), MTM_BUSY);
        core_let_go(&holder);
        mtm_drop_handed_on();
        assert_int_equal(mtm_buffer_count(buffer), 0);
        assert_int_equal(refs_of(object), 1);
        assert_int_equal(core_blocks, before);
    }
    assert_int_equal(cargo_put(buffer, objects, 1, false, true), MTM_OK);
    core_drop_buffer(buffer);
    core_drop_buffer(object);
}

/* story: a put with timeout 0 waited for whoever searched for what nobody reaches */
static void a_put_without_time_does_not_wait_for_others_either(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
    for (int busy = 1; busy >= 0; --busy) {
        struct core_holder holder;
        struct mtm_writer writer;
        struct mtm_notifier *notifier;
        struct mtm_wait wait = {.timeout = 0};
        assert_int_equal(mtm_writer_init(&writer, 0, false, 2), MTM_OK);
        assert_int_equal(mtm_writer_add_object(&writer, &object->object), MTM_OK);
        if (busy) core_hold(&holder, &mtm_the_reach_lock);
        assert_int_equal(mtm_writer_put_wait(&writer, buffer, &wait, &notifier),
                         busy ? MTM_BUSY : MTM_OK);
        if (busy) core_let_go(&holder);
        assert_null(notifier);
        assert_int_equal(mtm_writer_size(&writer), busy ? CARGO_BYTES : 0);
        mtm_writer_fini(&writer);
        assert_int_equal(mtm_buffer_count(buffer), busy ? 0 : 1);
        assert_int_equal(refs_of(object), busy ? 1 : 2);
    }
    core_drop_buffer(buffer);
    core_drop_buffer(object);
}

/* story: objects of messages that native code replaced piled up */
static void what_a_composers_message_replaces_is_gone(void **state)
{
    (void)state;
    struct mtm_buffer_options options = {.size = 100, .grow = 2, .bounds = {1, 0, true}};
    struct mtm_buffer *buffer = NULL, *object = core_buffer(NULL);
    struct mtm_composer composer;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    assert_int_equal(mtm_compose_init(&composer, 100, 2), MTM_OK);
    for (int i = 0; i < 6; ++i) {
        struct mtm_wait wait = {.timeout = MTM_FOREVER};
        assert_int_equal(mtm_compose_object(&composer, &object->object, NULL), MTM_OK);
        assert_int_equal(i < 3 ? mtm_compose_send(&composer, buffer, i == 1, false, NULL)
                               : mtm_compose_send_wait(&composer, buffer, &wait, NULL),
                         MTM_OK);
        assert_int_equal(refs_of(object), 2); /* ours, and that of the last message */
    }
    mtm_compose_fini(&composer);
    core_drop_buffer(buffer);
    core_drop_buffer(object);
}

/* Then nothing can fail when the time has come. */
static void room_for_objects_can_be_reserved(void **state)
{
    (void)state;
    static const unsigned char bytes[MANY * CARGO_BYTES];
    for (int sent = 0; sent < 2; ++sent) {
        struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
        struct mtm_message message = core_message(bytes, sizeof bytes);
        struct mtm_cargo *cargo = mixed(&object->object);
        struct mtm_put_memory memory;
        struct mtm_notifier *notifier;
        struct mtm_object *got;
        uint32_t nth = 0;
        enum mtm_status status = MTM_NOMEM;
        message.cargo = &cargo;
        while (status != MTM_OK) {
            core_failure = ++nth;
            status = mtm_buffer_reserve(buffer, &message, &memory);
            const bool failed = core_failure == 0;
            core_failure = 0;
            assert_int_equal(status, failed ? MTM_NOMEM : MTM_OK);
            assert_int_equal(refs_of(object), 1 + OURS);
        }
        assert_true(nth > 2); /* what finds the edges to both */
        core_drought = 1;
        if (sent) {
            status = mtm_buffer_put_reserved(buffer, &message, &memory, &notifier);
            assert_int_equal(status, MTM_OK);
            assert_null(cargo);
        } else {
            mtm_buffer_unreserve(buffer, &memory);
        }
        core_drought = 0;
        assert_int_equal(cargo_take(&buffer->object, &got, false), sent ? MTM_OK : MTM_EMPTY);
        if (got) mtm_root_release(got);
        mtm_cargo_drop(cargo);
        mtm_drop_handed_on();
        assert_int_equal(refs_of(object), 1);
        assert_int_equal(foreign_refs, 0);
        core_drop_buffer(buffer);
        core_drop_buffer(object);
    }
}

/* story: a message that was copied for its reader, since another one was looking at it, kept
 * its objects for ever when it went back */
static void a_copy_that_goes_back_keeps_nobody(void **state)
{
    (void)state;
    for (int lease = 0; lease < 2; ++lease) {
        struct mtm_buffer *buffer = core_buffer(NULL), *object = core_buffer(NULL);
        struct mtm_buffer *both[] = {buffer, object};
        struct mtm_object *objects[] = {&buffer->object, &object->object};
        const uint64_t ids[] = {buffer->object.id, object->object.id};
        struct mtm_delivery in = {.slot.limit = SIZE_MAX};
        struct mtm_wait wait = {.timeout = 0};
        struct mtm_failure failure = {0};
        struct mtm_reader reader;
        size_t need;
        assert_int_equal(cargo_put(buffer, objects, 2, false, false), MTM_OK);
        assert_int_equal(mtm_reader_init(&reader, 0, false, 2), MTM_OK);
        mtm_reader_align(&reader);
        if (lease) mtm_reader_lease(&reader);
        assert_int_equal(mtm_peek(buffer, &wait, &in), MTM_OK);
        assert_int_equal(mtm_reader_receive(&reader, &buffer->object, &wait, &need, &failure),
                         MTM_OK);
        assert_true(reader.other != in.slot.block);
        mtm_peek_done(&in);
        assert_int_equal(mtm_reader_put_back(&reader), MTM_OK);
        mtm_reader_fini(&reader);
        for (int i = 0; i < 2; ++i) core_drop_buffer(both[i]); /* the message keeps both */
        for (int i = 0; i < 2; ++i) assert_false(is_known(ids[i]));
        assert_int_equal(core_blocks, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("an object lives as long as its message",
                  an_object_lives_as_long_as_its_message),
        CORE_TEST("a fixed buffer keeps to its size", a_fixed_buffer_keeps_to_its_size),
        CORE_TEST("what is refused stays with the sender",
                  what_is_refused_stays_with_the_sender),
        CORE_TEST("a call that must not wait hands on", a_call_that_must_not_wait_hands_on),
        CORE_TEST("objects of others travel, too", objects_of_others_travel_too),
        CORE_TEST("what is cut off a list is given back", what_is_cut_off_a_list_is_given_back),
        CORE_TEST("a list is never empty", a_list_is_never_empty),
        CORE_TEST("a copy that fails leaves nothing", a_copy_that_fails_leaves_nothing),
        CORE_TEST("who must not wait is told that others are at work",
                  who_must_not_wait_is_told_that_others_are_at_work),
        CORE_TEST("a put without time does not wait for others either",
                  a_put_without_time_does_not_wait_for_others_either),
        CORE_TEST("what a composer's message replaces is gone",
                  what_a_composers_message_replaces_is_gone),
        CORE_TEST("room for objects can be reserved", room_for_objects_can_be_reserved),
        CORE_TEST("a copy that goes back keeps nobody", a_copy_that_goes_back_keeps_nobody),
    };
    return UNIT_RUN(tests);
}
