/* A notifier that is no buffer: it counts its calls, answers as told, and may do something in
 * between. It owns its counters; who connects it owns the bell. */
#ifndef MTM_TESTS_BELL_H
#define MTM_TESTS_BELL_H

#include "core.h"

struct bell {
    int answer;
    const char *text;           /* for the error handler, or NULL */
    void (*act)(struct bell *); /* NULL: nothing; changes no bell but its own */
    void *arg;                  /* of act */
    mtm_a32 rings, released;
};

static inline void bell_release(const void *api, void *object)
{
    (void)api;
    mtm_add_seq(&((struct bell *)object)->released, 1);
}

/* A callback under a lock of ours could deadlock: it gives a code of its own. */
static inline int bell_ring(const void *api, void *object, mtm_error_handler handler,
                            void *data)
{
    struct bell *bell = object;
    (void)api;
    mtm_add_seq(&bell->rings, 1);
#if !defined(NDEBUG)
    if (mtm_plat_held_add(0) != 0) return 12345;
#endif
    if (bell->act) bell->act(bell);
    if (bell->text) handler(data, bell->text, strlen(bell->text));
    return bell->answer;
}

static const struct mtm_notifier_ops bell_ops = {bell_release, bell_ring};

static inline struct mtm_notifier *bell_connect(struct bell *bell, struct mtm_buffer *buffer,
                                                enum mtm_event event, int64_t threshold)
{
    struct mtm_notifier *notifier = mtm_notifier_new_foreign(&bell_ops, NULL, bell, threshold);
    assert_non_null(notifier);
    assert_int_equal(mtm_buffer_connect(buffer, event, notifier), MTM_OK);
    return notifier;
}

/* The buffer becomes a notifier, which is a reference to it. */
static inline void buffer_connect(struct mtm_buffer *notifying, struct mtm_buffer *buffer,
                                  enum mtm_event event, int64_t threshold)
{
    struct mtm_notifier *notifier = mtm_notifier_new_buffer(notifying, threshold);
    assert_non_null(notifier);
    assert_int_equal(mtm_buffer_connect(buffer, event, notifier), MTM_OK);
}

/* An add or a set whose failure is looked at. */
static inline enum mtm_status bell_add(struct mtm_buffer *buffer, struct mtm_failure *failure)
{
    struct mtm_message message = core_message("x", 1);
    return mtm_buffer_add(buffer, &message, false, failure);
}

#define assert_text(failure, expected)                                                         \
    do {                                                                                       \
        size_t len_;                                                                           \
        const char *text_ = mtm_failure_text((failure), &len_);                                \
        assert_string_equal(text_, (expected));                                                \
        assert_int_equal(len_, strlen(expected));                                              \
        mtm_failure_free(failure);                                                             \
    } while (0)

#endif
