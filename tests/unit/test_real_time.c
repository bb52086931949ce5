/* Tests of real-time threads that share a processor with the one that they would have to wait
 * for: a call that must not wait never lets that one run, one that may wait sleeps meanwhile
 * and keeps to its time, and none spins until the other one, which cannot run, gives back a
 * lock. They own the threads. */
#include "topic_unit.h"

#include "core/room.h"
#include "core/select.h"

#if !defined(__linux__)

static void there_are_no_such_threads(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT_TEST("this system has no SCHED_FIFO", there_are_no_such_threads),
    };
    return UNIT_RUN(tests);
}

#else

#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

enum {
    HIGH = 20, /* priorities; whoever holds the lock has none */
    MIDDLE = 10,
    MOST_ROUNDS = 30,
    TIMEOUT_NS = 10 * 1000 * 1000,
    SPENT_NS = 300 * 1000 * 1000 /* of processor time: the system lets no thread have it all for
                                    a second, so who spins spends more than that */
};

struct scene {
    struct mtm_listener *listener;
    struct mtm_topic *topic;
    struct mtm_buffer *buffer, *member, *subscriber;
    struct mtm_lock *lock;                       /* that the slow thread has */
    enum mtm_status (*act)(struct scene *scene); /* what the quick one does */
    int64_t timeout;
    bool nonblock, hogged;
    sem_t quick, hog, end;
    mtm_a32 went_on, done; /* the slow one, after it has let the others run; the quick one */
    mtm_a32 refused;       /* real time */
    bool late, waited;     /* the slow one went on before the call; ... in it */
    bool slept;            /* the quick one did in it: it was not the system that stepped in */
    int64_t spent;
    enum mtm_status status;
};

/* ---- calls ---- */

static struct mtm_wait wait_of(const struct scene *scene)
{
    return (struct mtm_wait){.timeout = scene->timeout, .nonblock = scene->nonblock};
}

static enum mtm_status add(struct scene *scene)
{
    return core_add_as(scene->buffer, 1, scene->nonblock);
}

static enum mtm_status add_to_member(struct scene *scene)
{
    return core_add_as(scene->member, 1, scene->nonblock);
}

static enum mtm_status put(struct scene *scene)
{
    uint32_t number = 1;
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_wait wait = wait_of(scene);
    struct mtm_notifier *notifier;
    return mtm_buffer_put_wait(scene->buffer, &message, &wait, &notifier);
}

static enum mtm_status receive(struct scene *scene)
{
    uint32_t number;
    return core_next_as(&scene->buffer->object, wait_of(scene), &number);
}

static enum mtm_status receive_from_listener(struct scene *scene)
{
    uint32_t number;
    return core_next_as(&scene->listener->object, wait_of(scene), &number);
}

static enum mtm_status choose(struct scene *scene)
{
    struct mtm_select select;
    struct mtm_wait wait = wait_of(scene);
    struct mtm_delivery in;
    size_t which;
    if (!core_incoming(&in)) return MTM_NOMEM;
    mtm_select_init(&select);
    mtm_select_add(&select, &scene->buffer->object);
    mtm_select_add(&select, &scene->listener->object);
    enum mtm_status status = mtm_select_receive(&select, &wait, &in, &which);
    if (status == MTM_OK) mtm_delivery_done(&in, false);
    else in.slot.block = NULL;
    core_incoming_free(&in);
    return status;
}

static enum mtm_status clear(struct scene *scene)
{
    return mtm_buffer_clear(scene->buffer, scene->nonblock);
}

static enum mtm_status publish_one(struct scene *scene)
{
    uint32_t number = 1;
    struct mtm_message message = core_message(&number, sizeof number);
    struct mtm_published published;
    return mtm_topic_add(scene->topic, &message, false, scene->nonblock, &published, NULL);
}

static const struct call {
    enum mtm_status (*act)(struct scene *scene);
    bool has_time; /* it may be given some */
} calls[] = {{add, false},    {add_to_member, false}, {put, true},
             {receive, true}, {clear, false},         {receive_from_listener, true},
             {choose, true},  {publish_one, false}};

enum { CALLS = sizeof calls / sizeof *calls };

/* ---- threads, all on one processor ---- */

static bool become(int priority)
{
    const struct sched_param param = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
}

static int64_t time_spent(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000 * UNIT_MS + now.tv_nsec;
}

static long times_slept(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw; /* it gave up the processor by itself */
}

static void *be_slow(void *opaque)
{
    struct scene *scene = opaque;
    mtm_lock(scene->lock);
    sem_post(&scene->quick); /* it runs at once, in place of this one */
    mtm_store_seq(&scene->went_on, 1);
    mtm_unlock(scene->lock);
    return NULL;
}

#if defined(MTM_PAUSES) /* which are sleeps */
static void no_pause(void) {}
#endif

static void *be_quick(void *opaque)
{
    struct scene *scene = opaque;
#if defined(MTM_PAUSES)
    mtm_plat_pause_by(no_pause);
#endif
    if (!become(HIGH)) mtm_store_seq(&scene->refused, 1);
    sem_post(&scene->end); /* ready */
    sem_wait(&scene->quick);
    if (scene->hogged) sem_post(&scene->hog);
    scene->late = mtm_load_seq(&scene->went_on) != 0;
    const int64_t before = time_spent();
    const long sleeps = times_slept();
    scene->status = scene->act(scene);
    scene->slept = times_slept() != sleeps;
    scene->spent = time_spent() - before;
    scene->waited = mtm_load_seq(&scene->went_on) != 0;
    mtm_store_seq(&scene->done, 1);
    return NULL;
}

static void *be_a_hog(void *opaque)
{
    struct scene *scene = opaque;
    become(MIDDLE);
    sem_wait(&scene->hog);
    while (!mtm_load_seq(&scene->done)) mtm_plat_relax();
    return NULL;
}

static bool share_one_processor(cpu_set_t *before)
{
    cpu_set_t one;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof *before, before) != 0) return false;
    while (!CPU_ISSET(cpu, before)) ++cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0; /* inherited by the threads */
}

static void run(struct scene *scene)
{
    pthread_t quick, slow, hog;
    cpu_set_t before;
    scene->went_on = scene->done = 0;
    sem_init(&scene->quick, 0, 0);
    sem_init(&scene->hog, 0, 0);
    sem_init(&scene->end, 0, 0);
    if (!share_one_processor(&before)) scene->refused = 1;
    unit_start(&quick, 1, be_quick, scene);
    if (scene->hogged) unit_start(&hog, 1, be_a_hog, scene);
    sem_wait(&scene->end);
    unit_start(&slow, 1, be_slow, scene);
    unit_join(&slow, 1);
    unit_join(&quick, 1);
    if (scene->hogged) unit_join(&hog, 1);
    sched_setaffinity(0, sizeof before, &before);
    sem_destroy(&scene->quick);
    sem_destroy(&scene->hog);
    sem_destroy(&scene->end);
}

/* ---- scenes ---- */

enum { LOCKS = 6 };

static struct mtm_lock *lock_of(struct scene *scene, int which)
{
    struct mtm_lock *locks[LOCKS] = {
        &scene->buffer->queue.tail.lock, &scene->buffer->queue.head.lock,
        &scene->member->queue.tail.lock, &scene->member->queue.head.lock,
        &scene->listener->object.lock,   &scene->subscriber->queue.tail.lock};
    return locks[which];
}

static void set_up(struct scene *scene)
{
    *scene = (struct scene){.listener = core_listener(), .topic = topic_new(false)};
    scene->buffer = core_buffer(NULL);
    scene->member = core_buffer(scene->listener);
    scene->subscriber = subscribe(scene->topic, 0, NULL);
    core_add(scene->buffer, 1);
    core_add(scene->member, 1);
}

static void tear_down(struct scene *scene)
{
    core_drop_buffer(scene->buffer);
    core_drop_buffer(scene->member);
    core_drop_buffer(scene->subscriber);
    core_drop_listener(scene->listener);
    drop(scene->topic);
}

/* One round; false: it says nothing, as the slow thread went on before. */
static bool try_once(const struct call *call, int lock, int64_t timeout, bool nonblock,
                     bool hogged, struct scene *scene)
{
    set_up(scene);
    scene->act = call->act;
    scene->timeout = timeout;
    scene->nonblock = nonblock;
    scene->hogged = hogged;
    scene->lock = lock_of(scene, lock);
    run(scene);
    tear_down(scene);
    if (mtm_load_seq(&scene->refused)) skip(); /* real-time threads are for root */
    return !scene->late;
}

static void who_must_not_wait_lets_nobody_run(void **state)
{
    (void)state;
    struct scene scene;
    int said = 0, busy = 0;
    for (int i = 0; i < CALLS * LOCKS; ++i) {
        const bool said_something =
            try_once(&calls[i / LOCKS], i % LOCKS, 0, true, i % 2 == 0, &scene);
        assert_in_range(scene.spent, 0, SPENT_NS);
        if (!said_something) continue;
        assert_false(scene.waited && scene.slept);
        ++said;
        busy += scene.status == MTM_BUSY;
    }
    if (said == 0) skip(); /* the threads run in turns of their own, as in Valgrind */
    assert_true(busy > 0);
}

/* The hog, which is more urgent than who has the lock, runs until the call has returned; so
 * that one gets to run only if the system steps in: for some 50 ms of each second, where others
 * want the processor, too. The next round comes later then, and all together take longer. */
static void who_has_some_time_keeps_to_it(void **state)
{
    (void)state;
    struct scene scene;
    for (int i = 0; i < CALLS * LOCKS; ++i) {
        if (!calls[i / LOCKS].has_time) continue;
        int said = 0;
        bool kept = false;
        for (int round = 0; round < MOST_ROUNDS && !kept; ++round) {
            if (try_once(&calls[i / LOCKS], i % LOCKS, TIMEOUT_NS, false, true, &scene)) {
                ++said;
                kept = !scene.waited;
            }
            if (!kept) unit_linger(30 * UNIT_MS);
        }
        if (said == 0) skip(); /* as above */
        assert_true(kept);
    }
}

static void who_waits_does_not_keep_the_other_one_from_running(void **state)
{
    (void)state;
    struct scene scene;
    for (int i = 0; i < CALLS * LOCKS; ++i) {
        const int64_t timeouts[] = {MTM_FOREVER, 3600 * 1000 * UNIT_MS};
        for (int k = 0; k < 2; ++k) {
            try_once(&calls[i / LOCKS], i % LOCKS, timeouts[k], false, false, &scene);
            assert_int_equal(scene.status, MTM_OK);
            assert_in_range(scene.spent, 0, SPENT_NS);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("who must not wait lets nobody run", who_must_not_wait_lets_nobody_run),
        CORE_TEST("who has some time keeps to it", who_has_some_time_keeps_to_it),
        CORE_TEST("who waits does not keep the other one from running",
                  who_waits_does_not_keep_the_other_one_from_running),
    };
    return UNIT_RUN(tests);
}
#endif
