/* Tests of a process that is forked while its threads are at work: in the child, what existed
 * is closed and never waits, and new objects work. They own the threads that work meanwhile. */
#include "fork_unit.h"

#if defined(_WIN32)

static void there_is_no_fork(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("this system has no fork", there_is_no_fork),
    };
    return UNIT_RUN(tests);
}

#else

enum { WORKERS = 4, FORKS = 300 };

/* What the threads and the forking one share. */
struct scene {
    struct mtm_buffer *busy, *quiet;
    struct mtm_listener *listener;
    mtm_a32 workers, stop;
};

/* ---- the threads of the parent ---- */

static void come_and_go(struct scene *scene)
{
    struct mtm_buffer *buffer = named_buffer("member", scene->listener);
    uint32_t number;
    if (!buffer) return; /* everything is aborted */
    core_add(buffer, 1);
    core_drop_buffer(buffer); /* with its message it stays, until that is taken */
    for (int i = 0; i < 2; ++i) core_next(&scene->listener->object, 0, &number);
}

static void add_and_take(struct scene *scene)
{
    uint32_t number;
    add_large(scene->busy);
    core_add(scene->busy, 1);
    for (int i = 0; i < 3; ++i) core_next(&scene->busy->object, 0, &number);
    mtm_buffer_clear(scene->busy, false);
}

static void find_and_serve(struct scene *scene)
{
    struct mtm_object *found;
    uint32_t number;
    if (mtm_registry_find_name(MTM_BUFFER, "busy", 4, &found) == MTM_OK) {
        mtm_root_release(found);
    }
    core_next(&scene->listener->object, UNIT_MS / 10, &number);
}

static void wait_and_abort(struct scene *scene)
{
    uint32_t number;
    core_next(&scene->quiet->object, UNIT_MS / 10, &number);
    mtm_buffer_abort(scene->quiet, false);
}

static void *work(void *opaque)
{
    static void (*const works[])(struct scene *) = {come_and_go, add_and_take, find_and_serve,
                                                    wait_and_abort};
    struct scene *scene = opaque;
    uint32_t me = mtm_add_seq(&scene->workers, 1);
    while (!mtm_load_acq(&scene->stop)) works[me % 4](scene);
    return NULL;
}

/* ---- the child ---- */

static void old_objects_are_unknown(struct scene *scene)
{
    struct mtm_object *found;
    uint64_t id = scene->busy->object.id;
    CHILD_NEEDS(mtm_registry_find_id(MTM_BUFFER, id, &found) == MTM_UNKNOWN);
    CHILD_NEEDS(mtm_registry_find_name(MTM_BUFFER, "busy", 4, &found) == MTM_UNKNOWN);
}

/* Notifiers between the ages: an old one is closed, and an old buffer takes none. */
static void notifiers_work(struct scene *scene)
{
    struct mtm_buffer *buffer = named_buffer("new", NULL);
    CHILD_NEEDS(buffer != NULL);
    mtm_object_retain(&scene->quiet->object);
    struct mtm_notifier *old = mtm_notifier_new_buffer(scene->quiet, 0);
    CHILD_NEEDS(mtm_buffer_connect(buffer, MTM_ADDED, old) == MTM_OK);
    CHILD_NEEDS(core_add(buffer, 1) == MTM_OK && !mtm_load_rlx(&buffer->notifier[MTM_ADDED]));
    mtm_object_retain(&buffer->object);
    struct mtm_notifier *new = mtm_notifier_new_buffer(buffer, 0);
    CHILD_NEEDS(mtm_buffer_connect(scene->quiet, MTM_ADDED, new) == MTM_CLOSED);
    mtm_notifier_release(new, false);
    core_drop_buffer(buffer);
    CHILD_NEEDS(mtm_no_roots());
}

static void run_child(struct scene *scene)
{
    alarm(CHILD_LIMIT_S);
    old_objects_are_unknown(scene);
    new_objects_work(scene->busy->object.id);
    old_buffer_is_closed(scene->busy);
    old_buffer_is_closed(scene->quiet);
    old_listener_is_closed(scene->listener);
    notifiers_work(scene);
    mtm_root_retain(&scene->busy->object);
    for (int i = 0; i < 3; ++i) core_drop_buffer(scene->busy); /* even once too often */
    core_drop_buffer(scene->quiet);
    core_drop_listener(scene->listener);
    new_objects_work(scene->busy->object.id);
}

/* ---- the parent ---- */

/* A child; and sometimes the child of one, which inherits from both. */
static bool fork_one(struct scene *scene, bool twice)
{
    pid_t child = gated_fork();
    if (child != 0) return child > 0 && ends_well(child);
    if (twice) {
        struct mtm_buffer *between = named_buffer("between", NULL);
        CHILD_NEEDS(between != NULL);
        child = gated_fork();
        if (child != 0) _exit(child > 0 && ends_well(child) ? 0 : 1);
        old_buffer_is_closed(between);
    }
    run_child(scene);
    _exit(0);
}

static void children_begin_anew(void **state)
{
    (void)state;
    mtm_alloc_use(&gated);
    struct scene scene = {.listener = core_listener()};
    scene.busy = named_buffer("busy", NULL);
    scene.quiet = named_buffer("quiet", scene.listener);
    int failed = 0;
    pthread_t threads[WORKERS];
    unit_start(threads, WORKERS, work, &scene);
    unit_await(&scene.workers, WORKERS);
    for (int i = 0; i < FORKS; ++i) {
        if (i % 5 == 4) mtm_abort_all(true);
        failed += !fork_one(&scene, i % 8 == 7);
        if (i % 5 == 4) mtm_abort_all(false);
    }
    mtm_store_rel(&scene.stop, 1);
    unit_join(threads, WORKERS);
    core_drop_buffer(scene.busy);
    core_drop_buffer(scene.quiet);
    core_drop_listener(scene.listener);
    mtm_alloc_use(&core_allocator);
    assert_int_equal(failed, 0);
}

/* What a thread left locked when the process was forked is not locked in the child. */
static void a_lock_of_the_parent_is_free(void **state)
{
    (void)state;
    struct mtm_lock lock = MTM_LOCK_INIT;
    struct core_holder holder;
    core_drop_listener(core_listener()); /* the process has begun */
    core_hold(&holder, &lock);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_LIMIT_S);
        mtm_lock(&lock);
        CHILD_NEEDS(!mtm_trylock(&lock));
        mtm_unlock(&lock);
        CHILD_NEEDS(mtm_trylock(&lock));
        mtm_unlock(&lock);
        CHILD_NEEDS(mtm_lock_until(&lock, MTM_FOREVER));
        mtm_unlock(&lock);
        _exit(0);
    }
    bool well = child > 0 && ends_well(child);
    core_let_go(&holder);
    assert_true(well);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("a lock that the parent holds is free", a_lock_of_the_parent_is_free),
        CORE_TEST("children of a busy process begin anew", children_begin_anew),
    };
    return UNIT_RUN(tests);
}

#endif
