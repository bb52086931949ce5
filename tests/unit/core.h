/* What the unit tests of the core share: memory that is counted and runs out on demand,
 * numbered messages, and ways to send and to receive them. It owns the counters and nothing
 * else. */
#ifndef MTM_TESTS_CORE_H
#define MTM_TESTS_CORE_H

#include "unit.h"

#include <stdlib.h>

#include "core/abort_all.h"
#include "core/alloc.h"
#include "core/listener.h"
#include "core/ready.h"
#include "core/receive.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/send.h"
#include "core/sleep.h"

/* ---- memory ---- */

static mtm_a32 core_blocks;   /* allocated and not freed */
static mtm_asize core_bytes;  /* ... and how much they are */
static mtm_a32 core_requests; /* made so far */
static mtm_a32 core_failure;  /* the request that brings this to 0 fails */
static mtm_a32 core_lasting;  /* 1: ... and all after it, too */
static mtm_a32 core_drought;  /* while not 0 every request fails */

enum { CORE_PREFIX = 16 }; /* in front of each block: its size */

static inline bool core_fails_now(void)
{
    mtm_add_seq(&core_requests, 1);
    if (mtm_load_seq(&core_drought)) return true;
    uint32_t left = mtm_load_seq(&core_failure);
    while (left != 0) {
        if (!mtm_cas_seq(&core_failure, &left, left - 1)) continue;
        if (left == 1) mtm_store_seq(&core_drought, mtm_load_seq(&core_lasting));
        return left == 1;
    }
    return false;
}

static inline void *core_alloc(size_t size)
{
    if (core_fails_now() || size > SIZE_MAX / 4) return NULL;
    size_t *prefix = malloc(CORE_PREFIX + size);
    if (!prefix) return NULL;
    *prefix = size;
    memset((char *)prefix + CORE_PREFIX, 0xA5, size);
    mtm_add_seq(&core_blocks, 1);
    mtm_add_seq(&core_bytes, size);
    return (char *)prefix + CORE_PREFIX;
}

static inline size_t *core_prefix(void *ptr)
{
    return (size_t *)(void *)((char *)ptr - CORE_PREFIX);
}

static inline void core_free(void *ptr)
{
    mtm_sub_acq_rel(&core_blocks, 1);
    mtm_sub_acq_rel(&core_bytes, *core_prefix(ptr));
    memset(ptr, 0x5A, *core_prefix(ptr)); /* whoever still uses it shall notice */
    free(core_prefix(ptr));
}

/* Always moves, so that nobody gets away with an old address. */
static inline void *core_resize(void *ptr, size_t size)
{
    void *moved = core_alloc(size);
    if (!moved || !ptr) return moved;
    size_t old = *core_prefix(ptr);
    memcpy(moved, ptr, old < size ? old : size);
    core_free(ptr);
    return moved;
}

static const struct mtm_allocator core_allocator = {core_alloc, core_resize, core_free};

static inline int core_begin(void **state)
{
    core_blocks = core_requests = core_failure = core_lasting = core_drought = 0;
    core_bytes = 0;
    (void)state;
    mtm_alloc_use(&core_allocator);
    return 0;
}

/* A test that leaves memory, handles or an abortion behind has failed. */
static inline int core_end(void **state)
{
    (void)state;
    mtm_alloc_use(NULL);
    if (core_blocks) print_error("%u blocks are left\n", (unsigned)core_blocks);
    if (!mtm_no_roots()) print_error("handles are left\n");
    bool clean = !core_blocks && mtm_no_roots() && !mtm_is_aborted_all();
    return !clean;
}

#define CORE_TEST(text, run)                                                                   \
    {                                                                                          \
        text, run, core_begin, core_end, NULL                                                  \
    }

/* ---- messages ---- */

/* Bytes that tell which message it is, and which byte of it. */
static inline unsigned char core_byte(uint32_t number, size_t size, size_t at)
{
    return (unsigned char)(number * 37 + size + at * 11 + (at >> 8) * 5);
}

static inline void core_fill(unsigned char *to, uint32_t number, size_t size)
{
    for (size_t at = 0; at < size; ++at) to[at] = core_byte(number, size, at);
}

static inline bool core_is(struct mtm_block *block, uint32_t number, size_t size)
{
    const unsigned char *data = mtm_block_data(block);
    if (block->size != size || block->cap < size) return false;
    for (size_t at = 0; at < size; ++at) {
        if (data[at] != core_byte(number, size, at)) return false;
    }
    return true;
}

/* The message borrows the bytes. */
static inline struct mtm_message core_message(const void *bytes, size_t size)
{
    return (struct mtm_message){.size = size, .nparts = 1, .part = {{bytes, size}}};
}

/* What messages account for in a buffer. */
static inline size_t core_record(size_t size)
{
    return size + (size < 255 ? 1 : 9);
}

/* ---- buffers ---- */

static inline struct mtm_buffer *core_buffer(struct mtm_listener *listener)
{
    const struct mtm_buffer_options options = {
        .size = MTM_DEFAULT_SIZE, .grow = MTM_DEFAULT_GROW, .listener = listener};
    struct mtm_buffer *buffer = NULL;
    assert_int_equal(mtm_buffer_new(&options, &buffer), MTM_OK);
    return buffer;
}

static inline struct mtm_listener *core_listener(void)
{
    struct mtm_listener *listener = NULL;
    assert_int_equal(mtm_listener_new(NULL, 0, &listener), MTM_OK);
    return listener;
}

static inline void core_drop_buffer(struct mtm_buffer *buffer)
{
    mtm_root_release(&buffer->object);
}

static inline void core_drop_listener(struct mtm_listener *listener)
{
    mtm_root_release(&listener->object);
}

static inline void *core_drop_it(void *object)
{
    mtm_root_release(object);
    return NULL;
}

/* Any thread. A message of four bytes, the number. */
static inline enum mtm_status core_add_as(struct mtm_buffer *buffer, uint32_t number,
                                          bool nonblock)
{
    struct mtm_failure failure = {0};
    struct mtm_message message = core_message(&number, sizeof number);
    enum mtm_status status = mtm_buffer_add(buffer, &message, nonblock, &failure);
    mtm_failure_free(&failure);
    return status;
}

static inline enum mtm_status core_add(struct mtm_buffer *buffer, uint32_t number)
{
    return core_add_as(buffer, number, false);
}

/* As mtm_buffer_add, in place of all messages that are there. */
static inline enum mtm_status core_set_message(struct mtm_buffer *buffer,
                                               const struct mtm_message *message, bool nonblock,
                                               struct mtm_failure *failure)
{
    struct mtm_notifier *notifier;
    const unsigned options = MTM_PUT_REPLACE | (nonblock ? MTM_PUT_NONBLOCK : 0u);
    enum mtm_status status = mtm_buffer_put(buffer, message, options, &notifier);
    if (!nonblock) mtm_drop_handed_on();
    if (!notifier) return status;
    return mtm_notify(buffer, MTM_ADDED, notifier, nonblock, failure);
}

static inline enum mtm_status core_set(struct mtm_buffer *buffer, uint32_t number)
{
    struct mtm_failure failure = {0};
    struct mtm_message message = core_message(&number, sizeof number);
    enum mtm_status status = core_set_message(buffer, &message, false, &failure);
    mtm_failure_free(&failure);
    return status;
}

enum { CORE_ROOM = 64 };

/* A message on its way to a receiver, with a carrier for small ones. */
static inline bool core_incoming(struct mtm_delivery *in)
{
    *in = (struct mtm_delivery){0};
    in->slot.limit = SIZE_MAX;
    in->slot.carrier = mtm_block_new(CORE_ROOM);
    return in->slot.carrier != NULL;
}

static inline void core_incoming_free(struct mtm_delivery *in)
{
    if (in->slot.block != in->slot.carrier) mtm_block_free(in->slot.block);
    mtm_block_free(in->slot.carrier);
}

/* Takes the next message without waiting; core_incoming_free is for afterwards. */
static inline enum mtm_status core_take(struct mtm_object *object, struct mtm_delivery *in)
{
    struct mtm_wait wait = {.timeout = 0};
    assert_true(core_incoming(in));
    return mtm_receive(object, &wait, in);
}

/* The number in a message, or 0 if it is empty. */
static inline uint32_t core_number(struct mtm_block *block)
{
    uint32_t number = 0;
    if (block->size == sizeof number) memcpy(&number, mtm_block_data(block), sizeof number);
    return number;
}

/* Any thread. The whole of a receive, with the call of the notifier; the status of the first
 * step that was not OK. */
static inline enum mtm_status core_next_as(struct mtm_object *object, struct mtm_wait wait,
                                           uint32_t *number)
{
    struct mtm_delivery in;
    struct mtm_failure failure = {0};
    if (!core_incoming(&in)) return MTM_NOMEM;
    enum mtm_status status = mtm_receive(object, &wait, &in);
    if (status == MTM_OK) {
        const bool nonblock = mtm_wait_never(&wait);
        *number = core_number(in.slot.block);
        status = mtm_delivery_notify(&in, nonblock, &failure);
        mtm_delivery_done(&in, nonblock);
        mtm_failure_free(&failure);
    } else {
        in.slot.block = NULL;
    }
    core_incoming_free(&in);
    return status;
}

static inline enum mtm_status core_next(struct mtm_object *object, int64_t timeout,
                                        uint32_t *number)
{
    return core_next_as(object, (struct mtm_wait){.timeout = timeout}, number);
}

static inline void core_delivers(struct mtm_object *object, const uint32_t *numbers,
                                 const char *file, int line)
{
    for (; *numbers; ++numbers) {
        uint32_t number = 0;
        enum mtm_status status = core_next(object, 0, &number);
        _assert_int_equal(status, MTM_OK, file, line);
        _assert_int_equal(number, *numbers, file, line);
    }
}

/* The next messages of the object are these numbers, in this order. */
#define assert_delivers(what, ...)                                                             \
    core_delivers(&(what)->object, (const uint32_t[]){__VA_ARGS__, 0}, __FILE__, __LINE__)

/* A look at the object without waiting gives this status. */
#define assert_next(what, expected)                                                            \
    do {                                                                                       \
        uint32_t ignored_;                                                                     \
        assert_int_equal(core_next(&(what)->object, 0, &ignored_), (expected));                \
    } while (0)

/* ---- other threads ---- */

static inline void core_elsewhere(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    unit_start(&thread, 1, run, arg);
    unit_join(&thread, 1);
}

/* A thread that holds a lock until it is told to give it back, so that the test itself holds
 * none. */
struct core_holder {
    struct mtm_lock *lock;
    mtm_a32 stage; /* 1: held; 2: to be given back */
    pthread_t thread;
};

static inline void *core_hold_it(void *opaque)
{
    struct core_holder *holder = opaque;
    mtm_lock(holder->lock);
    mtm_store_seq(&holder->stage, 1);
    unit_await(&holder->stage, 2);
    mtm_unlock(holder->lock);
    return NULL;
}

static inline void core_hold(struct core_holder *holder, struct mtm_lock *lock)
{
    holder->lock = lock;
    holder->stage = 0;
    unit_start(&holder->thread, 1, core_hold_it, holder);
    unit_await(&holder->stage, 1);
}

static inline void core_let_go(struct core_holder *holder)
{
    mtm_store_seq(&holder->stage, 2);
    unit_join(&holder->thread, 1);
}

/* Until somebody is parked at the lock. */
static inline void core_await_parked(struct mtm_lock *lock)
{
    unit_await(&lock->word, 2);
}

/* Runs run(arg) in another thread while this one holds the lock until that has ended: what
 * waits for the lock never ends. */
static inline void core_despite(struct mtm_lock *lock, void *(*run)(void *), void *arg)
{
    mtm_lock(lock);
    core_elsewhere(run, arg);
    mtm_unlock(lock);
}

/* Waits until so many wait. */
static inline void core_await_waiters(const struct mtm_waiters *waiters, size_t count)
{
    while (mtm_waiters_count(waiters) < count) mtm_plat_yield();
    (void)mtm_load_acq(&waiters->state); /* sees what they have done before they joined */
}

static inline void core_wake(struct mtm_waiters *waiters, mtm_waiting waiting)
{
    if (mtm_waiters_call(waiters, waiting, NULL)) mtm_waiters_rouse(waiters);
}

static inline size_t core_one_waits(const void *what)
{
    (void)what;
    return 1;
}

/* Wakes one, as for a single message. */
static inline void core_wake_one(struct mtm_waiters *waiters)
{
    if (mtm_waiters_any(waiters)) core_wake(waiters, core_one_waits);
}

#endif
