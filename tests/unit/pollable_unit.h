/* What the tests of descriptors share: whether one is readable, and a buffer's or a listener's
 * descriptor with the receives of its owner. It owns nothing. */
#ifndef MTM_TESTS_POLLABLE_UNIT_H
#define MTM_TESTS_POLLABLE_UNIT_H

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <poll.h>
#endif

#include "core.h"

#include "core/pollable.h"

/* Within so many ms; -1: for ever. */
#if defined(_WIN32)
static inline bool is_readable(intptr_t descriptor, int ms)
{
    WSAPOLLFD one = {.fd = (SOCKET)descriptor, .events = POLLRDNORM};
    return WSAPoll(&one, 1, ms) == 1 && (one.revents & POLLRDNORM) != 0;
}
#else
static inline bool is_readable(intptr_t descriptor, int ms)
{
    struct pollfd one = {.fd = (int)descriptor, .events = POLLIN};
    return poll(&one, 1, ms) == 1 && (one.revents & POLLIN) != 0;
}
#endif

/* Somebody who polls a source and receives from it. */
struct poller {
    struct mtm_source *source;
    struct mtm_pollable *pollable;
};

static inline struct poller poller_of(struct mtm_object *object)
{
    const char *why = "";
    struct poller poller = {.source = mtm_to_source(object)};
    assert_int_equal(mtm_pollable_open(poller.source, &poller.pollable, &why), MTM_OK);
    return poller;
}

static inline bool has_something(const struct poller *poller, int ms)
{
    return is_readable(mtm_pollable_descriptor(poller->pollable), ms);
}

/* One receive without waiting, as the binding does it. */
static inline enum mtm_status receive_by(const struct poller *poller, uint32_t *number)
{
    enum mtm_status status = core_next(&poller->source->object, 0, number);
    if (status == MTM_EMPTY || status == MTM_BUSY)
        mtm_pollable_found_nothing(poller->source, poller->pollable, status);
    return status;
}

static inline void poller_end(struct poller *poller)
{
    mtm_pollable_close(poller->source, poller->pollable);
}

#endif
