/* How the tests of the queue put and take: with the locks, and the requests for memory in
 * between, as buffers do. It owns nothing. */
#ifndef MTM_TESTS_QUEUE_UNIT_H
#define MTM_TESTS_QUEUE_UNIT_H

#include "core.h"

enum { QUEUE_LARGEST = 20000 };

static inline void queue_lock(struct mtm_queue *queue)
{
    mtm_lock(&queue->tail.lock);
    mtm_lock(&queue->head.lock);
}

static inline void queue_unlock(struct mtm_queue *queue)
{
    mtm_unlock(&queue->head.lock);
    mtm_unlock(&queue->tail.lock);
}

static inline enum mtm_status queue_store(struct mtm_queue *queue, struct mtm_message *message,
                                          bool replace)
{
    struct mtm_put_memory memory = {0};
    struct mtm_trash trash = {0};
    enum mtm_status status = mtm_queue_prepare(queue, message, &memory);
    while (status == MTM_OK) {
        queue_lock(queue);
        status = replace ? mtm_queue_replace(queue, message, &memory, &trash)
                         : mtm_queue_put(queue, message, &memory);
        queue_unlock(queue);
        if (status != MTM_GROW) break;
        status = mtm_queue_get_memory(queue, message, &memory);
    }
    mtm_queue_free_memory(queue, &memory);
    mtm_queue_empty_trash(queue, &trash);
    return status;
}

static inline enum mtm_status queue_put(struct mtm_queue *queue, uint32_t number, size_t size)
{
    static unsigned char bytes[QUEUE_LARGEST];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    return queue_store(queue, &message, false);
}

static inline enum mtm_status queue_replace(struct mtm_queue *queue, uint32_t number,
                                            size_t size)
{
    static unsigned char bytes[QUEUE_LARGEST];
    core_fill(bytes, number, size);
    struct mtm_message message = core_message(bytes, size);
    return queue_store(queue, &message, true);
}

static inline void queue_clear(struct mtm_queue *queue)
{
    struct mtm_trash trash = {0};
    queue_lock(queue);
    mtm_queue_clear(queue, &trash);
    queue_unlock(queue);
    mtm_queue_empty_trash(queue, &trash);
}

static inline void queue_shut(struct mtm_queue *queue)
{
    struct mtm_trash trash = {0};
    queue_lock(queue);
    mtm_queue_shut(queue, &trash);
    queue_unlock(queue);
    mtm_queue_empty_trash(queue, &trash);
}

static inline enum mtm_status queue_look(struct mtm_queue *queue, struct mtm_slot *slot)
{
    struct mtm_trash trash = {0};
    mtm_lock(&queue->head.lock);
    enum mtm_status status = mtm_queue_take(queue, slot, &trash);
    mtm_unlock(&queue->head.lock);
    mtm_queue_empty_trash(queue, &trash);
    return status;
}

/* The first message in a block of the caller's, or NULL if there is none. Memory to copy it to
 * is brought only when the queue asks for it, and is just enough. */
static inline struct mtm_block *queue_take(struct mtm_queue *queue)
{
    struct mtm_slot slot = {.limit = SIZE_MAX};
    enum mtm_status status = queue_look(queue, &slot);
    if (status == MTM_GROW) {
        slot.carrier = mtm_block_new(slot.need);
        assert_non_null(slot.carrier);
        assert_int_equal(queue_look(queue, &slot), MTM_OK);
        return slot.block;
    }
    assert_int_equal(status, slot.block ? MTM_OK : MTM_EMPTY);
    return slot.block;
}

static inline bool queue_back(struct mtm_queue *queue, struct mtm_block *block)
{
    mtm_lock(&queue->head.lock);
    bool back = mtm_queue_put_back(queue, block);
    mtm_unlock(&queue->head.lock);
    return back;
}

static inline void queue_gives(struct mtm_queue *queue, uint32_t number, size_t size,
                               const char *file, int line)
{
    struct mtm_block *block = queue_take(queue);
    _assert_true(block != NULL, "there is a message", file, line);
    _assert_int_equal(block->size, size, file, line);
    _assert_true(core_is(block, number, size), "it is the one that comes next", file, line);
    mtm_block_free(block);
}

/* The first message is this one. */
#define assert_gives(queue, number, size) queue_gives(queue, number, size, __FILE__, __LINE__)

#define assert_drained(queue)                                                                  \
    do {                                                                                       \
        assert_null(queue_take(queue));                                                        \
        assert_int_equal(mtm_queue_count(queue), 0);                                           \
    } while (0)

#endif
