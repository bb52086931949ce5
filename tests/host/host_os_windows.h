/* Owns what host_os.h promises, for Windows. It needs nothing but the system's own threads, so
 * that a test says nothing of a library of POSIX threads. */
#ifndef HOST_OS_WINDOWS_H
#define HOST_OS_WINDOWS_H

#define WIN32_LEAN_AND_MEAN
#include <process.h>
#include <stdint.h>
#include <winsock2.h>

#include <windows.h>

/* A jump back to here unwinds nothing: what is in between belongs to a Lua that is gone. */
#if defined(_MSC_VER)
#define os_setjmp(target) setjmp(target)
#else
#define os_setjmp(target) _setjmp((target), NULL)
#endif

typedef SRWLOCK os_mutex;
typedef CONDITION_VARIABLE os_cond;

struct os_thread {
    HANDLE id;
    void (*run)(void *);
    void *arg;
};

static inline unsigned __stdcall os_thread_entry(void *opaque)
{
    struct os_thread *thread = opaque;
    thread->run(thread->arg);
    return 0;
}

static inline int os_thread_start(struct os_thread *thread, void (*run)(void *), void *arg)
{
    thread->run = run;
    thread->arg = arg;
    thread->id = (HANDLE)_beginthreadex(NULL, 0, os_thread_entry, thread, 0, NULL);
    return thread->id != NULL;
}

static inline void os_thread_join(struct os_thread *thread)
{
    WaitForSingleObject(thread->id, INFINITE);
    CloseHandle(thread->id);
}

static inline void os_mutex_init(os_mutex *mutex)
{
    InitializeSRWLock(mutex);
}

static inline void os_mutex_lock(os_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

static inline void os_mutex_unlock(os_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

static inline void os_mutex_fini(os_mutex *mutex)
{
    (void)mutex;
}

static inline void os_cond_init(os_cond *cond)
{
    InitializeConditionVariable(cond);
}

static inline void os_cond_signal_all(os_cond *cond)
{
    WakeAllConditionVariable(cond);
}

static inline void os_cond_wait(os_cond *cond, os_mutex *mutex)
{
    SleepConditionVariableSRW(cond, mutex, INFINITE, 0);
}

static inline double os_now(void)
{
    LARGE_INTEGER count, per_s;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_s);
    return (double)count.QuadPart / (double)per_s.QuadPart;
}

static inline void os_cond_wait_until(os_cond *cond, os_mutex *mutex, double deadline)
{
    double ms = (deadline - os_now()) * 1e3;
    DWORD span = ms <= 0 ? 0 : ms >= 1e9 ? 1000000000 : (DWORD)ms + 1;
    SleepConditionVariableSRW(cond, mutex, span, 0);
}

static inline void os_cond_fini(os_cond *cond)
{
    (void)cond;
}

/* No process is told there. */
static inline int os_watch_begin(void (*report)(void))
{
    (void)report;
    return 1;
}

static inline void os_watch_end(void) {}

static inline int os_poll(intptr_t descriptor, int ms)
{
    WSAPOLLFD one = {.fd = (SOCKET)descriptor, .events = POLLRDNORM};
    return WSAPoll(&one, 1, ms) > 0;
}

static inline int os_cpus(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return (int)info.dwNumberOfProcessors;
}

#endif
