/* Tests of the table of outcomes: complete, distinct, and safe to ask for anything.
 * They own nothing. */
#include "unit.h"

#include "core/status.h"

static const struct {
    const char *name;
    enum mtm_status status;
    const char *text;
} all[] = {
#define X(name, text) {#name, MTM_##name, text},
    MTM_STATUS_MAP(X)
#undef X
};

enum { COUNT = sizeof all / sizeof *all };

static void success_is_zero(void **state)
{
    (void)state;
    assert_int_equal(MTM_OK, 0);
}

static void numbers_follow_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; ++i) assert_int_equal(all[i].status, i);
}

static void each_outcome_has_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; ++i) {
        const char *text = mtm_status_text(all[i].status);
        assert_string_equal(text, all[i].text);
        assert_ptr_equal(text, mtm_status_text(all[i].status));
        assert_true(strlen(text) > 0);
        assert_string_not_equal(text, mtm_status_text((enum mtm_status)COUNT));
    }
}

static void no_two_outcomes_read_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; ++i) {
        for (size_t k = 0; k < i; ++k) assert_string_not_equal(all[i].text, all[k].text);
    }
}

static void other_numbers_have_a_text_too(void **state)
{
    (void)state;
    const int others[] = {COUNT, COUNT + 1, 999, INT32_MAX, -1, INT32_MIN};
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
        assert_string_equal(mtm_status_text((enum mtm_status)others[i]), "unknown status");
    }
}

/* As the headers of the C APIs say. */
static void outcomes_of_a_put_have_their_codes(void **state)
{
    (void)state;
    assert_int_equal(mtm_put_code(MTM_OK), 0);
    assert_int_equal(mtm_put_code(MTM_CLOSED), 1);
    assert_int_equal(mtm_put_code(MTM_ABORTED), 2);
    assert_int_equal(mtm_put_code(MTM_BUSY), 3);
    assert_int_equal(mtm_put_code(MTM_FULL), 4);
    assert_int_equal(mtm_put_code(MTM_TOO_LARGE), 5);
    assert_int_equal(mtm_put_code(MTM_NOMEM), 6);
    assert_int_equal(mtm_put_code(MTM_NOTIFIER_FAILED), 999);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("success is zero", success_is_zero),
        UNIT_TEST("numbers follow the table", numbers_follow_the_table),
        UNIT_TEST("each outcome has its text", each_outcome_has_its_text),
        UNIT_TEST("no two outcomes read alike", no_two_outcomes_read_alike),
        UNIT_TEST("other numbers have a text too", other_numbers_have_a_text_too),
        UNIT_TEST("outcomes of a put have their codes", outcomes_of_a_put_have_their_codes),
    };
    return UNIT_RUN(tests);
}
