/* A list per thread of the calls that it is in. It owns the list; an entry is in the connection
 * that is called, or, if another thread is calling that, in memory of its own: not on the
 * stack, from which a jump may take it away. */
#include "core/running.h"

#include "core/alloc.h"
#include "core/notifier.h"

#include "platform/hidden.h"

static MTM_THREAD_LOCAL struct mtm_running *latest;
static MTM_THREAD_LOCAL uint64_t last_serial;

static struct mtm_running *new_entry(struct mtm_notifier *notifier)
{
    uint32_t idle = 0;
    if (mtm_cas_acq(&notifier->running, &idle, 1)) return &notifier->run; /* pairs: give_back */
    return mtm_alloc(sizeof(struct mtm_running));
}

static void free_entry(struct mtm_running *entry, bool nonblock)
{
    struct mtm_notifier *notifier = entry->notifier, *owed = entry->owed, *keeps = entry->keeps;
    if (entry == &notifier->run) mtm_store_rel(&notifier->running, 0); /* pairs: new_entry */
    else mtm_free(entry);
    mtm_notifier_release(owed, nonblock);
    mtm_notifier_release(notifier, nonblock);
    mtm_notifier_release(keeps, nonblock);
}

static void pop(bool nonblock)
{
    struct mtm_running *entry = latest;
    latest = entry->outer;
    free_entry(entry, nonblock);
}

/* A call whose place on the stack is not above us has been left by a jump. One that was deeper
 * than we are now is found out only when somebody is less deep; Lua's callers need not wait for
 * that, since they unwind. */
static void forget_left(const void *here)
{
    while (latest && latest->frame <= (uintptr_t)here) pop(false);
}

static struct mtm_running *find(uint64_t serial)
{
    struct mtm_running *entry = latest;
    while (entry && entry->serial != serial) entry = entry->outer;
    return entry;
}

bool mtm_running_is(uint64_t serial)
{
    return find(serial) != NULL;
}

bool mtm_running_owes(const struct mtm_buffer *buffer, enum mtm_event event,
                      struct mtm_notifier *notifier, const void *here)
{
    struct mtm_running *entry;
    if (MTM_LIKELY(!latest)) return false;
    forget_left(here);
    for (entry = latest; entry; entry = entry->outer) {
        if (entry->buffer == buffer && entry->notifier->object == notifier->object) break;
    }
    if (!entry) return false;
    struct mtm_notifier *before = entry->owed;
    mtm_notifier_retain(notifier);
    entry->owed = notifier;
    entry->owed_event = event;
    mtm_notifier_release(before, false);
    return true;
}

uint64_t mtm_running_begin(const struct mtm_buffer *buffer, struct mtm_notifier *notifier,
                           struct mtm_notifier *keeps, const void *here)
{
    struct mtm_running *entry = new_entry(notifier);
    if (!entry) return 0;
    *entry = (struct mtm_running){.outer = latest,
                                  .serial = ++last_serial,
                                  .frame = (uintptr_t)here,
                                  .buffer = buffer,
                                  .notifier = notifier,
                                  .keeps = keeps};
    latest = entry;
    return entry->serial;
}

struct mtm_notifier *mtm_running_take_owed(uint64_t serial, enum mtm_event *event)
{
    struct mtm_running *entry = find(serial);
    if (!entry || !entry->owed) return NULL;
    struct mtm_notifier *owed = entry->owed;
    entry->owed = NULL;
    *event = entry->owed_event;
    return owed;
}

/* Those begun later have been left by a jump. */
void mtm_running_end(uint64_t serial, bool nonblock)
{
    if (!find(serial)) return;
    while (latest->serial != serial) pop(nonblock);
    pop(nonblock);
}

uint64_t mtm_running_serial(void)
{
    return latest ? latest->serial : 0;
}

void mtm_running_unwind(uint64_t before)
{
    while (latest && latest->serial > before) pop(false);
}
