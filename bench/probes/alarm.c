/* What waking a thread that sleeps costs in plain C: how late it is, and how much processor
 * time that takes. A futex and nothing else; the library does the same work in workload 9. */
#include "probe.h"

#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct alarm {
    _Alignas(64) _Atomic uint32_t seq;
    _Atomic int64_t sent;
    uint32_t count;
    int64_t interval;
    int64_t *late; /* of each wake-up, ns; or NULL */
    int64_t cpu;   /* ns of the thread that sleeps */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int64_t thread_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *alarm_sleep(void *shared)
{
    struct alarm *alarm = shared;
    const int64_t begin = thread_cpu();
    for (uint32_t i = 0; i < alarm->count; ++i) {
        while (atomic_load(&alarm->seq) == i) futex_wait(&alarm->seq, i);
        if (alarm->late) alarm->late[i] = probe_ns() - atomic_load(&alarm->sent);
    }
    alarm->cpu = thread_cpu() - begin;
    return NULL;
}

static void alarm_ring(struct alarm *alarm)
{
    int64_t at = probe_ns();
    for (uint32_t i = 0; i < alarm->count; ++i) {
        at += alarm->interval;
        struct timespec time = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        atomic_store(&alarm->sent, probe_ns());
        atomic_store(&alarm->seq, i + 1);
        futex_wake(&alarm->seq);
    }
}

static void spin_until(int64_t at)
{
    while (probe_ns() < at) {
    }
}

/* Rings exactly in time, which costs all of a processor; returns how many ns of that the
 * ringing itself took. */
static int64_t alarm_ring_in_time(struct alarm *alarm)
{
    int64_t at = probe_ns(), spent = 0;
    for (uint32_t i = 0; i < alarm->count; ++i) {
        at += alarm->interval;
        spin_until(at);
        const int64_t begin = probe_ns();
        atomic_store(&alarm->seq, i + 1);
        futex_wake(&alarm->seq);
        spent += probe_ns() - begin;
    }
    return spent;
}

static struct alarm new_alarm(lua_State *L)
{
    return (struct alarm){.count = (uint32_t)luaL_checknumber(L, 1),
                          .interval = (int64_t)(luaL_checknumber(L, 2) * 1e9)};
}

static pthread_t start(lua_State *L, struct alarm *alarm)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, alarm_sleep, alarm) != 0)
        luaL_error(L, "cannot start a thread");
    return thread;
}

/* wakeups(n, interval): wakes a thread every `interval` seconds; a table of how many seconds
 * each wake-up took. */
static int alarm_wakeups(lua_State *L)
{
    struct alarm alarm = new_alarm(L);
    alarm.late = lua_newuserdata(L, alarm.count * sizeof *alarm.late);
    pthread_t thread = start(L, &alarm);
    alarm_ring(&alarm);
    pthread_join(thread, NULL);
    lua_createtable(L, (int)alarm.count, 0);
    for (uint32_t i = 0; i < alarm.count; ++i) {
        lua_pushnumber(L, (lua_Number)alarm.late[i] * 1e-9);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* cost(n, interval): the same, exactly in time; processor seconds of the thread that sleeps,
 * and seconds that the waking takes. */
static int alarm_cost(lua_State *L)
{
    struct alarm alarm = new_alarm(L);
    pthread_t thread = start(L, &alarm);
    const int64_t spent = alarm_ring_in_time(&alarm);
    pthread_join(thread, NULL);
    lua_pushnumber(L, (lua_Number)alarm.cpu * 1e-9);
    lua_pushnumber(L, (lua_Number)spent * 1e-9);
    return 2;
}

/* spin_until(t): keeps the processor until t, a time of the monotonic clock in seconds: what
 * sleeps is late by more than a message takes. */
static int alarm_spin_until(lua_State *L)
{
    spin_until((int64_t)(luaL_checknumber(L, 1) * 1e9));
    return 0;
}

static const luaL_Reg functions[] = {
    {"wakeups", alarm_wakeups},
    {"cost", alarm_cost},
    {"spin_until", alarm_spin_until},
    {NULL, NULL},
};

PROBE_EXPORT int luaopen_alarm(lua_State *L);
PROBE_EXPORT int luaopen_alarm(lua_State *L)
{
    return probe_open(L, functions);
}
