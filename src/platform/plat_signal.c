/* Descriptors that are readable while they are set, on every Unix: an eventfd on Linux,
 * elsewhere a pipe. It owns the list of those that are open, which a forked process closes; who
 * sets them is not its business. */
#if !defined(_WIN32)

#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _NETBSD_SOURCE
#define __EXTENSIONS__

#include "platform/plat.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#if defined(__linux__) && !defined(MTM_PLATFORM_PTHREAD)
#include <sys/eventfd.h>
#define MTM_HAS_EVENTFD
#endif

#include "platform/hidden.h"

/* Held while a descriptor is made or closed, and while the process forks: so the child knows
 * each one that it has inherited. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mtm_signal *first; /* guarded by mutex, as the next */
static bool watches_forks;

static void close_both(struct mtm_signal *signal)
{
    if (signal->writing != signal->reading) close((int)signal->writing);
    close((int)signal->reading);
    signal->reading = signal->writing = -1;
}

/* ---- forks ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
    for (struct mtm_signal *signal = first; signal; signal = signal->next) close_both(signal);
    first = NULL;
    pthread_mutex_unlock(&mutex);
}

/* Mutex held. */
static bool watch_forks(void)
{
    if (!watches_forks) watches_forks = pthread_atfork(before_fork, after_fork, in_child) == 0;
    return watches_forks;
}

/* ---- making ---- */

#if defined(MTM_HAS_EVENTFD)
static bool make(struct mtm_signal *signal)
{
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    signal->reading = signal->writing = fd;
    return fd != -1;
}
#else
static bool configure(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) != -1 && fcntl(fd, F_SETFL, O_NONBLOCK) != -1;
}

static bool make(struct mtm_signal *signal)
{
    int fds[2];
    if (pipe(fds) != 0) return false;
    signal->reading = fds[0];
    signal->writing = fds[1];
    if (configure(fds[0]) && configure(fds[1])) return true;
    const int error = errno;
    close_both(signal);
    errno = error;
    return false;
}
#endif

static const char *text_of(int error)
{
    switch (error) {
        case EMFILE: return "too many open files in this process";
        case ENFILE: return "too many open files in the system";
        case ENOSYS:
        case EPERM: return "the system does not allow it";
        default: return "the system has no memory for it";
    }
}

/* Mutex held. */
static bool enlist(struct mtm_signal *signal)
{
    if (!watch_forks()) {
        errno = ENOMEM;
        return false;
    }
    if (!make(signal)) return false;
    signal->next = first;
    signal->link = &first;
    if (first) first->link = &signal->next;
    first = signal;
    return true;
}

bool mtm_plat_signal_open(struct mtm_signal *signal, const char **why)
{
    pthread_mutex_lock(&mutex);
    const bool made = enlist(signal);
    const int error = errno;
    pthread_mutex_unlock(&mutex);
    if (!made) *why = text_of(error);
    return made;
}

void mtm_plat_signal_close(struct mtm_signal *signal)
{
    pthread_mutex_lock(&mutex);
    *signal->link = signal->next;
    if (signal->next) signal->next->link = signal->link;
    close_both(signal);
    pthread_mutex_unlock(&mutex);
}

intptr_t mtm_plat_signal_descriptor(const struct mtm_signal *signal)
{
    return signal->reading;
}

/* ---- using; a full pipe, or counter, is readable, and an empty one need not be read ---- */

#if defined(MTM_HAS_EVENTFD)
static const uint64_t one = 1;
#else
static const char one = 1;
#endif

bool mtm_plat_signal_set(struct mtm_signal *signal)
{
    const int error = errno;
    ssize_t done;
    do {
        done = write((int)signal->writing, &one, sizeof one);
    } while (done == -1 && errno == EINTR);
    const bool set = done != -1 || errno == EAGAIN;
    errno = error;
    return set;
}

void mtm_plat_signal_unset(struct mtm_signal *signal)
{
    uint64_t bytes[8]; /* an eventfd gives 8 of them, a pipe as many as there are */
    const int error = errno;
    ssize_t done;
    do {
        done = read((int)signal->reading, bytes, sizeof bytes);
    } while (done == (ssize_t)sizeof bytes || (done == -1 && errno == EINTR));
    errno = error;
}

#else
typedef int mtm_plat_signal_is_not_used_here;
#endif
