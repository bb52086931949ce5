/* What the tests of forks share: what must hold in a child, and forks at moments at which no
 * thread is inside of malloc. It owns the gate in front of malloc; who works meanwhile is the
 * tests' business. */
#ifndef MTM_TESTS_FORK_UNIT_H
#define MTM_TESTS_FORK_UNIT_H

#include "core.h"

#include "core/fast_path.h"

#if !defined(_WIN32)

enum { CHILD_LIMIT_S = 30, LARGE = 10000 };

/* ---- memory ----
 *
 * The address sanitizer's malloc is not made for children of processes with threads: so at the
 * moment of a fork no thread is inside of it. */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static inline void *gated_alloc(size_t size)
{
    pthread_mutex_lock(&gate);
    void *block = core_alloc(size);
    pthread_mutex_unlock(&gate);
    return block;
}

static inline void *gated_resize(void *block, size_t size)
{
    pthread_mutex_lock(&gate);
    block = core_resize(block, size);
    pthread_mutex_unlock(&gate);
    return block;
}

static inline void gated_free(void *block)
{
    pthread_mutex_lock(&gate);
    core_free(block);
    pthread_mutex_unlock(&gate);
}

static inline pid_t gated_fork(void)
{
    fflush(NULL);
    pthread_mutex_lock(&gate);
    pid_t child = fork();
    pthread_mutex_unlock(&gate);
    return child;
}

static const struct mtm_allocator gated = {gated_alloc, gated_resize, gated_free};

/* ---- buffers ---- */

static inline struct mtm_buffer *named_buffer(const char *name, struct mtm_listener *listener)
{
    const struct mtm_buffer_options options = {.name = name,
                                               .name_len = strlen(name),
                                               .size = MTM_DEFAULT_SIZE,
                                               .grow = MTM_DEFAULT_GROW,
                                               .listener = listener};
    struct mtm_buffer *buffer = NULL;
    return mtm_buffer_new(&options, &buffer) == MTM_OK ? buffer : NULL;
}

static inline void add_large(struct mtm_buffer *buffer)
{
    static const unsigned char bytes[LARGE];
    struct mtm_failure failure = {0};
    struct mtm_message message = core_message(bytes, sizeof bytes);
    mtm_buffer_add(buffer, &message, false, &failure);
    mtm_failure_free(&failure);
}

/* ---- in the child ---- */

/* In a child; its exit code tells where it failed. */
#define CHILD_NEEDS(condition) ((condition) ? (void)0 : child_failed(#condition, __LINE__))

static inline void child_failed(const char *condition, int line)
{
    fprintf(stderr, "# in the child, line %d: %s\n", line, condition);
    _exit(1);
}

static inline enum mtm_status next(struct mtm_object *object, struct mtm_wait wait)
{
    uint32_t number;
    return core_next_as(object, wait, &number);
}

static inline void old_buffer_is_closed(struct mtm_buffer *old)
{
    struct mtm_peeked peeked;
    const unsigned char byte[] = {MTM_TAG_NIL};
    CHILD_NEEDS(!mtm_fast_add(old, byte, sizeof byte));
    CHILD_NEEDS(core_add(old, 1) == MTM_CLOSED);
    CHILD_NEEDS(core_add_as(old, 1, true) == MTM_CLOSED);
    CHILD_NEEDS(core_set(old, 1) == MTM_CLOSED);
    CHILD_NEEDS(mtm_fast_peek(old, &peeked, NULL) != MTM_FOUND_WORD);
    CHILD_NEEDS(next(&old->object, (struct mtm_wait){.timeout = MTM_FOREVER}) == MTM_CLOSED);
    CHILD_NEEDS(next(&old->object, (struct mtm_wait){.timeout = 0}) == MTM_CLOSED);
    CHILD_NEEDS(next(&old->object, (struct mtm_wait){.timeout = UNIT_MS, .nonblock = true}) ==
                MTM_CLOSED);
    CHILD_NEEDS(mtm_buffer_count(old) == 0);
    CHILD_NEEDS(mtm_buffer_clear(old, false) == MTM_CLOSED);
    CHILD_NEEDS(mtm_buffer_clear(old, true) == MTM_CLOSED);
    mtm_buffer_abort(old, true);
    mtm_buffer_abort(old, false);
    mtm_buffer_disconnect(old, MTM_ADDED, NULL, false);
    mtm_buffer_close(old);
    CHILD_NEEDS(core_add(old, 1) == MTM_CLOSED);
}

static inline void old_listener_is_closed(struct mtm_listener *old)
{
    CHILD_NEEDS(next(&old->object, (struct mtm_wait){.timeout = MTM_FOREVER}) == MTM_CLOSED);
    CHILD_NEEDS(next(&old->object, (struct mtm_wait){.timeout = 0}) == MTM_CLOSED);
    CHILD_NEEDS(mtm_listener_clear(old, false) == MTM_CLOSED);
    CHILD_NEEDS(!named_buffer("member", old));
    mtm_listener_abort(old, true);
    mtm_listener_abort(old, false);
    mtm_listener_close(old);
}

static inline void *answer(void *opaque)
{
    struct mtm_buffer **pair = opaque;
    uint32_t number = 0;
    core_next(&pair[0]->object, MTM_FOREVER, &number);
    core_add(pair[1], number + 1);
    return NULL;
}

/* The thread sanitizer lets no process that was forked from threads have threads of its own. */
static inline void new_threads_work(struct mtm_buffer *question, struct mtm_buffer *reply)
{
#if !defined(MTM_TSAN)
    struct mtm_buffer *pair[] = {question, reply};
    uint32_t number = 0;
    pthread_t thread;
    CHILD_NEEDS(pthread_create(&thread, NULL, answer, pair) == 0);
    CHILD_NEEDS(core_add(question, 17) == MTM_OK);
    CHILD_NEEDS(core_next(&reply->object, MTM_FOREVER, &number) == MTM_OK && number == 18);
    CHILD_NEEDS(pthread_join(thread, NULL) == 0);
#else
    (void)question;
    (void)reply;
    (void)answer;
#endif
}

static inline void new_objects_work(uint64_t old_id)
{
    struct mtm_listener *listener;
    struct mtm_object *found;
    uint32_t number = 0;
    CHILD_NEEDS(!mtm_is_aborted_all());
    CHILD_NEEDS(mtm_listener_new(NULL, 0, &listener) == MTM_OK);
    struct mtm_buffer *buffer = named_buffer("busy", NULL);
    struct mtm_buffer *member = named_buffer("member", listener);
    CHILD_NEEDS(buffer && member);
    CHILD_NEEDS(buffer->object.id != old_id);
    CHILD_NEEDS(mtm_registry_find_name(MTM_BUFFER, "busy", 4, &found) == MTM_OK);
    CHILD_NEEDS(found == &buffer->object);
    mtm_root_release(found);
    CHILD_NEEDS(core_add(member, 5) == MTM_OK);
    CHILD_NEEDS(core_next(&listener->object, MTM_FOREVER, &number) == MTM_OK && number == 5);
    struct mtm_wait brief = {.timeout = UNIT_MS};
    CHILD_NEEDS(mtm_sleep(&brief) == MTM_OK);
    new_threads_work(buffer, member);
    mtm_abort_all(true);
    CHILD_NEEDS(core_add(buffer, 1) == MTM_ABORTED);
    mtm_abort_all(false);
    core_drop_buffer(buffer);
    core_drop_buffer(member);
    core_drop_listener(listener);
    CHILD_NEEDS(mtm_no_roots());
}

/* ---- in the parent ---- */

static inline bool ends_well(pid_t child)
{
    int status = 0;
    pid_t ended = waitpid(child, &status, 0);
    if (ended == child && WIFSIGNALED(status)) {
        print_error("the child ended by signal %d\n", WTERMSIG(status));
    }
    return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif

#endif
