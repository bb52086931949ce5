/* How long the registry's lock is held, of own work, by whoever holds it: measured, and
 * printed. Nothing here fails because a machine is slow. MTMSG_HOLDS=full takes the sizes that
 * matter: a million objects, names of 200 MB, thousands that wait; else they are small. It
 * compiles the registry with a lock that looks at the thread's own clock. What fails is a hold
 * of too many steps. */
#include "core.h"

#include <time.h>

static void timed_lock(struct mtm_lock *lock);
static void timed_unlock(struct mtm_lock *lock);
static struct mtm_name_hash watched_hash(int kind, const char *name, size_t len);

#define mtm_lock(l) timed_lock(l)
#define mtm_unlock(l) timed_unlock(l)
#define mtm_name_hash(kind, name, len) watched_hash(kind, name, len)
#include "../../src/core/registry.c"
#undef mtm_lock
#undef mtm_unlock
#undef mtm_name_hash

/* ns of processor time, guarded by the registry lock. A machine that is shared with others
 * interrupts now and then, and takes that time for ours: so there is the third longest, too. */
enum { WORST = 3, BUCKETS_AT_ONCE = 4 };
static int64_t worst[WORST], begun;
static size_t holds;
static const char *doing = "nothing";

/* What does not depend on the machine: how many buckets of a table were moved in one hold, and
 * whether a name was hashed in one. */
static struct mtm_table *old;
static size_t moved, most_moved;
static _Thread_local bool inside;
static mtm_a32 hashed_inside;

static int64_t own_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct mtm_name_hash watched_hash(int kind, const char *name, size_t len)
{
    if (inside) mtm_store_seq(&hashed_inside, 1);
    return mtm_name_hash(kind, name, len);
}

static void timed_lock(struct mtm_lock *lock)
{
    mtm_lock(lock);
    inside = true;
    old = objects.old;
    moved = objects.moved;
    begun = own_time();
}

static void timed_unlock(struct mtm_lock *lock)
{
    int64_t held = own_time() - begun;
    const size_t before = objects.old == old ? moved : 0;
    if (objects.old && objects.moved - before > most_moved) most_moved = objects.moved - before;
    ++holds;
    for (int i = 0; i < WORST; ++i) {
        if (held <= worst[i]) continue;
        int64_t less = worst[i];
        worst[i] = held;
        held = less;
    }
    inside = false;
    mtm_unlock(lock);
}

static bool full;

static void begin(const char *what)
{
    mtm_registry_lock();
    doing = what;
    holds = 0;
    memset(worst, 0, sizeof worst);
    mtm_table_free(mtm_registry_unlock());
}

static void report(void)
{
    mtm_registry_lock();
    printf("# %-47s %8zu holds, longest %7.1f us, third longest %6.1f us\n", doing, holds,
           (double)worst[0] / 1e3, (double)worst[WORST - 1] / 1e3);
    mtm_table_free(mtm_registry_unlock());
    assert_in_range(most_moved, 0, BUCKETS_AT_ONCE);
    assert_int_equal(mtm_load_seq(&hashed_inside), 0);
}

/* story: the lock under which all is found was held while the table was rebuilt */
static void many_objects(void **state)
{
    (void)state;
    const size_t count = full ? 1100000 : 3000;
    struct mtm_listener **l = calloc(count, sizeof *l);
    begin("making many objects, some of them with one name");
    for (size_t i = 0; i < count; ++i) {
        const char *name = i % 4 == 0 ? "one of many" : NULL;
        assert_int_equal(mtm_listener_new(name, name ? 11 : 0, &l[i]), MTM_OK);
    }
    report();
    begin("finding one of them");
    for (size_t i = 0; i < count; i += 7) {
        struct mtm_object *found;
        assert_int_equal(mtm_registry_find_id(MTM_LISTENER, l[i]->object.id, &found), MTM_OK);
        mtm_root_release(found);
        assert_int_equal(mtm_registry_find_name(MTM_LISTENER, "one of many", 11, &found),
                         MTM_AMBIGUOUS);
    }
    report();
    assert_int_equal(most_moved, BUCKETS_AT_ONCE); /* a table was moved */
    begin("releasing them");
    for (size_t i = 0; i < count; ++i) core_drop_listener(l[i]);
    report();
    free(l);
}

static void long_names(void **state)
{
    (void)state;
    const size_t len = full ? 200000000 : 100000;
    char *name = malloc(len);
    struct mtm_listener *listener;
    struct mtm_object *found;
    assert_non_null(name);
    memset(name, 'n', len);
    begin("making an object with a long name");
    assert_int_equal(mtm_listener_new(name, len, &listener), MTM_OK);
    report();
    begin("finding it");
    assert_int_equal(mtm_registry_find_name(MTM_LISTENER, name, len, &found), MTM_OK);
    mtm_root_release(found);
    report();
    begin("releasing it");
    core_drop_listener(listener);
    report();
    free(name);
}

static void *wait_for_none(void *listener)
{
    uint32_t number;
    core_next(listener, MTM_FOREVER, &number);
    return NULL;
}

static void many_who_wait(void **state)
{
    (void)state;
    enum { MOST = 30000 }; /* threads that a machine of this size bears */
    static pthread_t thread[MOST];
    const int count = full ? MOST : 20;
    int started = 0;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    while (started < count &&
           pthread_create(&thread[started], &small, wait_for_none, &listener->object) == 0) {
        ++started;
    }
    core_await_waiters(&listener->source.waiters, (size_t)started);
    begin("releasing the last buffer of those who wait");
    core_drop_buffer(buffer);
    unit_join(thread, (size_t)started);
    report();
    printf("# %d threads waited\n", started);
    core_drop_listener(listener);
    pthread_attr_destroy(&small);
}

/* The next thing that wants the lock waits for one hold at most, not for the listener's. */
static void a_release_waits_for_its_listener_without_it(void **state)
{
    (void)state;
    struct mtm_listener *listener = core_listener();
    struct mtm_buffer *buffer = core_buffer(listener);
    struct core_holder holder;
    pthread_t thread;
    core_hold(&holder, &listener->object.lock);
    unit_start(&thread, 1, core_drop_it, &buffer->object);
    core_await_parked(&listener->object.lock);
    core_drop_buffer(core_buffer(NULL)); /* would hang */
    core_let_go(&holder);
    unit_join(&thread, 1);
    core_drop_listener(listener);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CORE_TEST("many objects", many_objects),
        CORE_TEST("long names", long_names),
        CORE_TEST("many who wait", many_who_wait),
        CORE_TEST("a release waits for its listener without the registry",
                  a_release_waits_for_its_listener_without_it),
    };
    const char *size = getenv("MTMSG_HOLDS");
    full = size && strcmp(size, "full") == 0;
    return UNIT_RUN(tests);
}
