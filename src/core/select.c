/* The loop of those who wait for several sources. It owns no state: a select is on the stack of
 * its thread. */
#include "core/select.h"

#include "platform/hidden.h"

enum {
    LOOKS = 4,                  /* at once, where a source is busy */
    BRIEF_NS = 200 * 1000,      /* until a busy source is looked at again */
    WARM_NS = 50 * 1000 * 1000, /* as in receive.c */
};

void mtm_select_init(struct mtm_select *select)
{
    mtm_store_rlx(&select->signalled, 0);
    select->count = 0;
}

void mtm_select_add(struct mtm_select *select, struct mtm_object *object)
{
    for (size_t i = 0; i < select->count; ++i) {
        if (&select->choice[i].source->object == object) return;
    }
    MTM_ASSERT(select->count < MTM_SELECT_MAX);
    select->choice[select->count++] = (struct mtm_choice){
        .select = select,
        .source = mtm_to_source(object),
        .aborts = mtm_load_rlx(&object->aborts),
        .status = MTM_EMPTY,
    };
}

/* Closed for good, whatever the parent's threads have left there. A process may be forked in
 * the middle of a select, too, by who is asked whether it goes on. */
static bool is_inherited(const struct mtm_choice *choice)
{
    return mtm_object_is_inherited(&choice->source->object);
}

/* ---- looking ---- */

/* One run over all sources. */
struct round {
    struct mtm_select *select;
    struct mtm_delivery *delivery;
    bool hints; /* those that seem to be empty are passed over */
    size_t which;
};

static enum mtm_status look_at(struct round *round, struct mtm_choice *choice)
{
    struct mtm_source *source = choice->source;
    struct mtm_wait never = {.timeout = 0};
    if (is_inherited(choice)) return MTM_CLOSED;
    if (round->hints && mtm_source_ops(source)->waiting(source) == 0) return MTM_EMPTY;
    choice->looked = true;
    enum mtm_status status = mtm_source_ops(source)->look(source, &never, round->delivery);
    if (!mtm_in_vain(status)) return status;
    MTM_STEP(aborts_since);
    return mtm_load_rlx(&source->object.aborts) != choice->aborts ? MTM_ABORTED : status;
}

static bool has_ended(enum mtm_status status)
{
    return status == MTM_CLOSED || status == MTM_ABORTED || status == MTM_NO_BUFFERS;
}

/* Messages first; BUSY where one may be hidden; then whatever has ended. */
static enum mtm_status look_at_all(struct round *round)
{
    struct mtm_select *select = round->select;
    enum mtm_status ended = select->count == 0 ? MTM_NO_BUFFERS : MTM_EMPTY;
    bool busy = false;
    round->which = select->count;
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_choice *choice = &select->choice[i];
        enum mtm_status status = choice->status = look_at(round, choice);
        if (status == MTM_BUSY) {
            busy = true;
        } else if (status != MTM_EMPTY && !has_ended(status)) {
            round->which = i;
            return status;
        } else if (status != MTM_EMPTY && ended == MTM_EMPTY) {
            ended = status;
            round->which = i;
        }
    }
    if (!busy) return ended;
    round->which = select->count;
    return MTM_BUSY;
}

static enum mtm_status look_again(struct round *round)
{
    enum mtm_status status = look_at_all(round);
    for (int i = 1; i < LOOKS && status == MTM_BUSY; ++i) {
        mtm_plat_relax();
        status = look_at_all(round);
    }
    return status;
}

/* The last word where the time is up: what has ended is told though another one is busy. */
static enum mtm_status settle(struct round *round, enum mtm_status status)
{
    const struct mtm_select *select = round->select;
    for (size_t i = 0; status == MTM_BUSY && i < select->count; ++i) {
        if (!has_ended(select->choice[i].status)) continue;
        round->which = i;
        return select->choice[i].status;
    }
    return status;
}

/* ---- waiting ---- */

static bool worth_a_look(const void *what)
{
    const struct mtm_select *select = what;
    for (size_t i = 0; i < select->count; ++i) {
        const struct mtm_source *source = select->choice[i].source;
        if (is_inherited(&select->choice[i])) continue;
        if (mtm_source_ops(source)->waiting(source) != 0) return true;
    }
    return false;
}

/* Who polls has joined nowhere, so it owes nothing, and stands in for nobody. */
static bool poll(struct mtm_select *select, int64_t deadline)
{
    struct mtm_waiters nobody = {0};
    struct mtm_spin *spin = NULL;
    struct mtm_spin_target target = {worth_a_look, select, 0};
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_source *source = select->choice[i].source;
        if (is_inherited(&select->choice[i])) continue;
        if (!spin) spin = mtm_source_ops(source)->spin(source);
        target.taken += mtm_source_ops(source)->taken(source);
    }
    return spin && mtm_spin(spin, &nobody, deadline, &target);
}

/* Joins where it has not yet; false: not everywhere, because a lock is held. */
static bool join_all(struct mtm_select *select)
{
    bool all = true;
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_choice *choice = &select->choice[i];
        struct mtm_wait never = {.timeout = 0};
        if (choice->joined || is_inherited(choice)) continue;
        choice->joined = mtm_source_ops(choice->source)->join(choice->source, &never);
        if (choice->joined) mtm_choice_enter(choice);
        else all = false;
    }
    return all;
}

/* From here on whatever is published signals; what was published before is seen by the looks
 * that follow. */
static void prepare(struct mtm_select *select)
{
    MTM_STEP(unsignal);
    mtm_store_seq(&select->signalled, 0); /* pairs with signal_select */
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_choice *choice = &select->choice[i];
        if (choice->joined) mtm_waiters_prepare(&choice->source->waiters);
    }
}

static void leave_all(struct mtm_select *select)
{
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_choice *choice = &select->choice[i];
        if (!choice->joined || is_inherited(choice)) continue;
        mtm_choice_leave(choice);
        mtm_waiters_leave(&choice->source->waiters);
    }
}

static void rest_all(struct mtm_select *select)
{
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_source *source = select->choice[i].source;
        if (is_inherited(&select->choice[i])) continue;
        if (mtm_source_ops(source)->warm(source)) mtm_source_ops(source)->rest(source, true);
    }
}

static bool is_warm(const struct mtm_select *select)
{
    for (size_t i = 0; i < select->count; ++i) {
        const struct mtm_source *source = select->choice[i].source;
        if (is_inherited(&select->choice[i])) continue;
        if (mtm_source_ops(source)->warm(source)) return true;
    }
    return false;
}

/* False: the deadline has passed. Who could not join, or look, everywhere looks again soon, and
 * so does once who has something to give up. */
static bool sleep_until(struct mtm_select *select, int64_t deadline, bool brief, bool *warm)
{
    const int64_t now = brief || *warm ? mtm_plat_now() : 0;
    int64_t until = deadline;
    if (*warm && now + WARM_NS < until) until = now + WARM_NS;
    if (brief && now + BRIEF_NS < until) until = now + BRIEF_NS;
    MTM_ASSERT_UNLOCKED();
    MTM_STEP(park_select);
    if (mtm_plat_park(&select->signalled, 0, until) || until == deadline)
        return mtm_plat_now() < deadline;
    if (*warm && !brief) {
        rest_all(select);
        *warm = false;
    }
    return true;
}

static enum mtm_status wait_for_one(struct round *round, struct mtm_wait *wait)
{
    struct mtm_select *select = round->select;
    const int64_t deadline = mtm_wait_deadline(wait);
    enum mtm_status status;
    bool in_time = true, warm = is_warm(select);
    if (poll(select, deadline)) {
        status = look_at_all(round);
        if (!mtm_in_vain(status)) return status;
    }
    round->hints = false;
    for (;;) {
        const bool all = join_all(select);
        prepare(select);
        status = look_again(round);
        if (!mtm_in_vain(status) || !in_time) break;
        const int64_t nap = mtm_wait_nap(wait);
        in_time = sleep_until(select, nap, !all || status == MTM_BUSY, &warm) || nap < deadline;
        if (!mtm_wait_goes_on(wait)) {
            status = MTM_INTERRUPTED;
            break;
        }
    }
    leave_all(select);
    return status;
}

/* Whatever it was woken for, and has left behind, is for others. */
static void pass_batons(struct mtm_select *select)
{
    for (size_t i = 0; i < select->count; ++i) {
        struct mtm_choice *choice = &select->choice[i];
        struct mtm_source *source = choice->source;
        const bool passes = choice->looked && mtm_source_ops(source)->passes_always;
        if ((choice->joined || passes) && !is_inherited(choice))
            mtm_source_pass_baton(source, choice->status);
        choice->joined = choice->looked = false;
    }
}

enum mtm_status mtm_select_receive(struct mtm_select *select, struct mtm_wait *wait,
                                   struct mtm_delivery *delivery, size_t *which)
{
    struct round round = {.select = select, .delivery = delivery, .hints = true};
    enum mtm_status status = look_at_all(&round);
    if (MTM_UNLIKELY(mtm_in_vain(status))) {
        if (wait->timeout != 0) status = wait_for_one(&round, wait);
        else if (select->count > 0) {
            round.hints = false;
            status = look_again(&round);
        }
        status = settle(&round, status);
    }
    pass_batons(select);
    if (MTM_UNLIKELY(status == MTM_EMPTY)) rest_all(select);
    *which = round.which;
    return status;
}
