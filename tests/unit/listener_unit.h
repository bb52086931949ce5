/* A listener with some buffers, for the tests of the order in which it serves them. It owns
 * nothing but what it makes. */
#ifndef MTM_TESTS_LISTENER_UNIT_H
#define MTM_TESTS_LISTENER_UNIT_H

#include "core.h"

enum { MEMBERS = 4 };

struct setup {
    struct mtm_listener *listener;
    struct mtm_buffer *b[MEMBERS];
};

static inline void setup(struct setup *s)
{
    s->listener = core_listener();
    for (int i = 0; i < MEMBERS; ++i) s->b[i] = core_buffer(s->listener);
}

static inline void teardown(struct setup *s)
{
    for (int i = 0; i < MEMBERS; ++i) core_drop_buffer(s->b[i]);
    core_drop_listener(s->listener);
}

/* Adds each number to the buffer that its tens name: 12 goes to b[1]. */
static inline void add_all(struct setup *s, const uint32_t *numbers)
{
    for (; *numbers; ++numbers) {
        assert_int_equal(core_add(s->b[*numbers / 10], *numbers), MTM_OK);
    }
}

#define ADD(s, ...) add_all((s), (const uint32_t[]){__VA_ARGS__, 0})

#endif
