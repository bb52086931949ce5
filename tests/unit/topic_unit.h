/* What the tests of topics share: topics, subscribers, and messages that are numbers. It owns
 * nothing. */
#ifndef MTM_TESTS_TOPIC_UNIT_H
#define MTM_TESTS_TOPIC_UNIT_H

#include "bell.h"

#include "core/publish.h"
#include "core/reference.h"
#include "core/registry.h"

enum { LARGE = 60000 };

static inline struct mtm_topic *topic_new(bool keeps_latest)
{
    struct mtm_topic *topic = NULL;
    assert_int_equal(mtm_topic_new(NULL, 0, keeps_latest, &topic), MTM_OK);
    return topic;
}

static inline void drop(struct mtm_topic *topic)
{
    mtm_root_release(&topic->object);
}

static inline struct mtm_buffer *subscribe(struct mtm_topic *topic, size_t limit,
                                           struct mtm_listener *listener)
{
    const struct mtm_buffer_options options = {.size = MTM_DEFAULT_SIZE,
                                               .grow = MTM_DEFAULT_GROW,
                                               .bounds.limit = limit,
                                               .listener = listener};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_topic_subscribe(topic, &options, &buffer), MTM_OK);
    return buffer;
}

static inline enum mtm_status publish(struct mtm_topic *topic, uint32_t number, size_t taken,
                                      size_t refused)
{
    ++number; /* 0 would end a list of expected ones */
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_published published;
    struct mtm_failure failure = {0};
    enum mtm_status status = mtm_topic_add(topic, &message, false, false, &published, &failure);
    mtm_failure_free(&failure);
    if (status == MTM_OK || status == MTM_NOTIFIER_FAILED) {
        assert_int_equal(published.taken, taken);
        assert_int_equal(published.refused, refused);
    }
    return status;
}

#define assert_gets(buffer, number) assert_delivers(buffer, (number) + 1)

#endif
