/* A queue and a plain list do the same at random, and must agree at every step. The list knows
 * what a queue should do, and nothing of how. */
#include "queue_unit.h"

enum { STEPS = 6000, MOST = 400, FLIGHTS = 6 };

struct entry {
    uint32_t number;
    size_t size;
};

/* A message that was taken and may come back. */
struct flight {
    struct entry entry;
    struct mtm_block *block;
    bool outdated;
};

struct model {
    struct mtm_queue queue;
    bool fixed;
    size_t size; /* of the queue, if fixed */
    struct entry line[MOST + FLIGHTS];
    size_t count;
    struct flight flight[FLIGHTS];
    size_t flights;
    uint32_t last; /* numbers are given in order, so they tell the place of a message */
    uint32_t random;
};

static uint32_t pick(struct model *model, uint32_t below)
{
    model->random = model->random * 1664525u + 1013904223u;
    return (model->random >> 8) % below;
}

static size_t any_size(struct model *model)
{
    switch (pick(model, 12)) {
        case 0: return 4090 + pick(model, 12);
        case 1: return pick(model, 15000);
        case 2:
        case 3: return 250 + pick(model, 10);
        default: return pick(model, 60);
    }
}

static size_t bytes_in_line(const struct model *model)
{
    size_t bytes = 0;
    for (size_t i = 0; i < model->count; ++i) bytes += core_record(model->line[i].size);
    return bytes;
}

static void insert(struct model *model, struct entry entry)
{
    size_t at = model->count;
    while (at > 0 && model->line[at - 1].number > entry.number) --at;
    memmove(&model->line[at + 1], &model->line[at], (model->count++ - at) * sizeof entry);
    model->line[at] = entry;
}

static void remove_first(struct model *model)
{
    memmove(&model->line[0], &model->line[1], --model->count * sizeof model->line[0]);
}

static void forget_all(struct model *model)
{
    model->count = 0;
    for (size_t i = 0; i < model->flights; ++i) model->flight[i].outdated = true;
}

static void do_put(struct model *model, bool replace)
{
    struct entry entry = {++model->last, any_size(model)};
    enum mtm_status expected = MTM_OK;
    if (model->fixed && core_record(entry.size) > model->size) expected = MTM_TOO_LARGE;
    else if (model->fixed && !replace &&
             bytes_in_line(model) + core_record(entry.size) > model->size)
        expected = MTM_FULL;
    core_failure = pick(model, 4) == 0 ? 1 + pick(model, 2) : 0;
    enum mtm_status status = replace ? queue_replace(&model->queue, entry.number, entry.size)
                                     : queue_put(&model->queue, entry.number, entry.size);
    core_failure = 0;
    if (status == MTM_NOMEM && !model->fixed) return;
    assert_int_equal(status, expected);
    if (status != MTM_OK) return;
    if (replace) forget_all(model);
    insert(model, entry);
}

static void do_take(struct model *model)
{
    struct mtm_block *block = queue_take(&model->queue);
    if (model->count == 0) {
        assert_null(block);
        return;
    }
    assert_non_null(block);
    struct entry entry = model->line[0];
    assert_true(core_is(block, entry.number, entry.size));
    remove_first(model);
    if (model->flights < FLIGHTS && pick(model, 3) == 0) {
        model->flight[model->flights++] = (struct flight){entry, block, false};
    } else if (pick(model, 2)) {
        mtm_queue_recycle(&model->queue, block);
    } else {
        mtm_block_free(block);
    }
}

static void do_put_back(struct model *model)
{
    if (model->flights == 0) return;
    size_t at = pick(model, (uint32_t)model->flights);
    struct flight flight = model->flight[at];
    model->flight[at] = model->flight[--model->flights];
    assert_int_equal(queue_back(&model->queue, flight.block), !flight.outdated);
    if (flight.outdated) mtm_block_free(flight.block);
    else insert(model, flight.entry);
}

static void do_something(struct model *model)
{
    uint32_t what = pick(model, 100);
    bool filling = model->last / 100 % 2;
    if (what < (filling ? 60u : 35u)) {
        if (model->count < MOST) do_put(model, false);
    } else if (what < 85) {
        do_take(model);
    } else if (what < 96) {
        do_put_back(model);
    } else if (what < 98) {
        do_put(model, true);
    } else if (what == 98) {
        queue_clear(&model->queue);
        forget_all(model);
    } else {
        mtm_queue_drop_caches(&model->queue);
    }
    assert_int_equal(mtm_queue_count(&model->queue), model->count);
    assert_int_equal(mtm_queue_count_once(&model->queue), model->count);
}

static void agree(size_t size, bool sized, double grow, uint32_t seed)
{
    static struct model model;
    model = (struct model){.fixed = grow <= 0, .size = size, .random = seed};
    assert_int_equal(mtm_queue_init(&model.queue, size, sized, grow, seed % 2), MTM_OK);
    for (int i = 0; i < STEPS; ++i) do_something(&model);
    while (model.count > 0) do_take(&model);
    assert_drained(&model.queue);
    for (size_t i = 0; i < model.flights; ++i) mtm_block_free(model.flight[i].block);
    mtm_queue_fini(&model.queue);
    assert_int_equal(core_blocks, 0);
}

static void growing_queues_agree(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 4; ++seed) agree(1024, false, 2, seed);
    agree(0, false, 0.5, 99);
}

static void sized_queues_agree(void **state)
{
    (void)state;
    agree(1, true, 1, 5);
    agree(77, true, 1.5, 6);
    agree(5000, true, 2, 7);
    agree(60000, true, 3, 8);
}

static void fixed_queues_agree(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 30, 300, 5000, 40000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        agree(sizes[i], i % 2, 0, (uint32_t)i + 9);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("growing queues do what a list does", growing_queues_agree),
        CORE_TEST("sized queues do what a list does", sized_queues_agree),
        CORE_TEST("fixed queues do what a list does", fixed_queues_agree),
    };
    return UNIT_RUN(tests);
}
