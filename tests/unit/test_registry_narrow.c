/* Tests of ids for a Lua that can hold no large ones. They are a program of their own, since
 * the width counts before the first object of a process. */
#include "core.h"

enum { BITS = 20 };

static struct mtm_buffer *buffer_new(enum mtm_status expected)
{
    struct mtm_buffer_options options = {.grow = 2};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), expected);
    return buffer;
}

static void ids_fit_into_narrow_numbers(void **state)
{
    (void)state;
    struct mtm_object *found = NULL;
    mtm_registry_narrow_ids(31);
    mtm_registry_narrow_ids(BITS);
    mtm_registry_narrow_ids(53); /* another state that could hold more changes nothing */
    struct mtm_buffer *buffer = buffer_new(MTM_OK);
    assert_in_range(buffer->object.id, 1 << (BITS - 2), (1 << (BITS - 1)) - 1);
    assert_int_equal(mtm_registry_find_id(MTM_BUFFER, buffer->object.id, &found), MTM_OK);
    assert_ptr_equal(found, &buffer->object);
    mtm_root_release(found);
    mtm_root_release(&buffer->object);
    mtm_registry_narrow_ids(BITS - 2); /* too late */
}

static void it_is_told_where_a_number_may_come_from(void **state)
{
    (void)state;
    struct mtm_buffer *buffer = buffer_new(MTM_OK);
    const uint64_t id = buffer->object.id;
    mtm_root_release(&buffer->object);
    assert_int_equal(mtm_registry_origin(id), MTM_OUR_ID);
    assert_int_equal(mtm_registry_origin(id + 1), MTM_OUR_ID);
    assert_int_equal(mtm_registry_origin(id + (1 << (BITS - 2))), MTM_ALIEN_ID);
    assert_int_equal(mtm_registry_origin(17), MTM_NO_ID);
    assert_int_equal(mtm_registry_origin((uint64_t)1 << 40), MTM_NO_ID);
}

/* None is given twice: rather no object. */
static void ids_end_where_their_bits_do(void **state)
{
    (void)state;
    uint64_t last = 0;
    while (last != (1 << BITS) - 1) {
        struct mtm_buffer *buffer = buffer_new(MTM_OK);
        assert_true(buffer->object.id > last);
        last = buffer->object.id;
        mtm_root_release(&buffer->object);
    }
    buffer_new(MTM_NOMEM);
    buffer_new(MTM_NOMEM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("ids fit into narrow numbers", ids_fit_into_narrow_numbers),
        CORE_TEST("it is told where a number may come from",
                  it_is_told_where_a_number_may_come_from),
        CORE_TEST("ids end where their bits do", ids_end_where_their_bits_do),
    };
    return UNIT_RUN(tests);
}
