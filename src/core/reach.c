/* The search for what nobody reaches: from an object that lost its last root upwards, to what
 * holds it, step by step. It owns the search.
 *
 * An object is a suspect when all its references are edges. A trial climbs from it to all that
 * hold it, and to all that hold those: as soon as one of them has a root, or is in somebody's
 * hands, the suspect is reached. If all are in the set that was climbed to, and nothing has
 * happened to one of them meanwhile, then nobody has any of them, and nobody will: they are
 * gone for those who find, and each gives up what it holds, by which they are freed. */
#include "core/node.h"

#include "core/reference.h"

#include "platform/hidden.h"

enum {
    STEPS_AT_ONCE = 64,     /* while the lock is held */
    STEPS_PER_CALL = 16,    /* that each call adds; what is not needed is kept for later */
    STEPS_KEPT = 1000000,   /* at most */
    STEPS_IN_ADVANCE = 4096 /* that may be made before they have been added */
};

enum phase {
    IDLE,
    CLIMB, /* from the suspect upwards */
    MARK,  /* it is reached: `top`, and what was before it, is marked */
    CUT    /* nobody reaches the set: each of it gives up what it holds */
};

/* Guarded by the reach lock, as all here that names no other guard. */
static struct search {
    enum phase phase;
    uint64_t trial;
    uint64_t events;                     /* that made suspects */
    uint64_t began;                      /* how many there were when the trial began */
    uint64_t as_of;                      /* ... when what the trial has come to was reached */
    uint32_t disturbed;                  /* the same of the disturbances */
    struct mtm_node *of;                 /* the suspect; NULL: it has been freed */
    struct mtm_node *top;                /* the end of the path from it */
    struct mtm_node *set, **set_end;     /* what was climbed to */
    struct mtm_node *first, **first_end; /* the line of suspects */
    ptrdiff_t credit;                    /* steps */
    bool working;                        /* somebody is at it */
} search = {.first_end = &search.first};

static mtm_a32 has_work;     /* atomic, written under the lock */
static mtm_a32 disturbances; /* atomic */

/* ---- suspects; lock held ---- */

static void note_work(void)
{
    mtm_store_rlx(&has_work, search.first || search.phase != IDLE);
}

static void stand_in_line(struct mtm_node *node)
{
    if (node->link) return;
    node->next = NULL;
    node->link = search.first_end;
    *search.first_end = node;
    search.first_end = &node->next;
}

static void leave_line(struct mtm_node *node)
{
    if (!node->link) return;
    *node->link = node->next;
    if (node->next) node->next->link = node->link;
    else search.first_end = node->link;
    node->link = NULL;
}

void mtm_reach_suspect(struct mtm_node *node)
{
    if (node->gone) return;
    node->suspected = ++search.events;
    stand_in_line(node);
    note_work();
}

/* ---- the set; lock held ---- */

static bool in_set(const struct mtm_node *node)
{
    return search.phase != IDLE && node->trial == search.trial;
}

static void join_set(struct mtm_node *node, struct mtm_node *via)
{
    node->trial = search.trial;
    node->via = via;
    node->cursor = node->edges;
    node->owner_seen = false;
    node->set_next = NULL;
    node->set_link = search.set_end;
    *search.set_end = node;
    search.set_end = &node->set_next;
    search.top = node;
}

static void leave_set(struct mtm_node *node)
{
    *node->set_link = node->set_next;
    if (node->set_next) node->set_next->set_link = node->set_link;
    else search.set_end = node->set_link;
    node->trial = 0;
}

static void stop(void)
{
    search.phase = IDLE;
    search.set = search.top = search.of = NULL;
}

/* The suspect stays one. */
static void give_up(void)
{
    struct mtm_node *of = search.of;
    stop();
    if (of) stand_in_line(of);
}

void mtm_reach_touch(const struct mtm_node *node)
{
    if (search.phase == CLIMB && in_set(node)) give_up();
}

void mtm_reach_disturb(void)
{
    MTM_STEP(disturb);
    mtm_add_seq(&disturbances, 1); /* pairs with is_closed */
}

void mtm_reach_strike(struct mtm_node *node)
{
    leave_line(node);
    if (search.of == node) search.of = NULL;
    if (in_set(node)) {
        leave_set(node);
        if (search.phase == CLIMB) give_up();
        else if (search.phase == MARK) stop();
    }
    note_work();
}

bool mtm_reach_is_gone(const struct mtm_node *node)
{
    return node->gone || (search.phase == CUT && in_set(node));
}

bool mtm_reach_found(struct mtm_object *object)
{
    const struct mtm_node *node = mtm_node_of(object);
    if (!node) return true;
    if (mtm_reach_is_gone(node)) return false;
    mtm_reach_touch(node);
    return true;
}

/* ---- the search; lock held ---- */

/* What `via` leads to is reached, or was after that many events. */
static void is_reached(struct mtm_node *via, uint64_t as_of)
{
    search.top = via;
    search.as_of = as_of;
    search.phase = MARK;
}

/* One without references is left to its listener, or about to be freed. Who was found to be
 * reached since the suspect became one need not be asked again: what happens to it after that
 * makes a suspect of its own. */
static void visit(struct mtm_node *node, struct mtm_node *via)
{
    struct mtm_object *object = node->object;
    if (node->trial == search.trial) return;
    MTM_STEP(visit);
    size_t refs = mtm_load_acq(&object->life) & MTM_LIFE_REFS;
    if (refs > node->count || (refs == 0 && !object->owner)) is_reached(via, search.began);
    else if (node->reached >= search.of->suspected) is_reached(via, node->reached);
    else join_set(node, via);
}

/* The suspect is looked at in the same step: from then on it is in the set, and whatever
 * happens to it is noticed, or the trial does not need it any more. */
static void begin(struct mtm_node *node)
{
    search.phase = CLIMB;
    ++search.trial;
    search.began = search.events;
    search.disturbed = mtm_load_seq(&disturbances); /* pairs with disturb */
    search.of = node;
    search.set = search.top = NULL;
    search.set_end = &search.set;
    visit(node, NULL);
}

/* A holder has a node; its listener has one, too, if it is left to that. */
static void climb_edge(struct mtm_edge *edge, struct mtm_node *top)
{
    MTM_STEP(look_at_edge);
    struct mtm_object *holder = mtm_load_acq(&edge->bearer->holder); /* pairs: lay_down */
    if (holder) visit(mtm_node_of(holder), top);
    else is_reached(top, search.began);
}

static void is_closed(void)
{
    MTM_STEP(is_closed);
    if (mtm_load_seq(&disturbances) == search.disturbed) search.phase = CUT; /* pairs */
    else give_up();
}

static void climb(void)
{
    struct mtm_node *top = search.top;
    struct mtm_edge *edge;
    if (!top) {
        is_closed();
    } else if ((edge = top->cursor) != NULL) {
        top->cursor = edge->next;
        climb_edge(edge, top);
    } else if (!top->owner_seen) {
        top->owner_seen = true;
        if (top->object->owner) visit(mtm_node_of(top->object->owner), top);
    } else {
        search.top = top->via;
    }
}

static void mark(void)
{
    struct mtm_node *top = search.top;
    if (top) {
        top->reached = search.as_of;
        search.top = top->via;
    } else {
        stop();
    }
}

/* The next of the set, with a reference that keeps it while it is cut; NULL: there was none, or
 * it is its listener's, or being freed. */
static struct mtm_object *next_to_cut(void)
{
    struct mtm_node *node = search.set;
    if (!node) {
        stop();
        return NULL;
    }
    leave_set(node);
    leave_line(node);
    node->gone = true;
    return mtm_object_retain_alive(node->object) ? node->object : NULL;
}

/* Returns what is to be cut. False: there is nothing to do. */
static bool step(struct mtm_object **object)
{
    struct mtm_node *node = search.first;
    switch (search.phase) {
        case IDLE:
            if (!node) return false;
            leave_line(node);
            begin(node);
            break;
        case CLIMB: climb(); break;
        case MARK: mark(); break;
        case CUT: *object = next_to_cut(); break;
    }
    return true;
}

/* What was found is cut whatever it costs: it was made by as many operations. */
static bool may_go_on(bool all)
{
    return all || search.phase == CUT || search.credit > -STEPS_IN_ADVANCE;
}

static bool some_steps(bool all, struct mtm_object **object)
{
    bool more = true;
    *object = NULL;
    for (int i = 0; i < STEPS_AT_ONCE && !*object && more; ++i) {
        more = may_go_on(all) && step(object);
        if (more && search.credit > -STEPS_IN_ADVANCE) --search.credit;
    }
    note_work();
    return more;
}

void mtm_reach_work(void)
{
    struct mtm_object *object;
    bool more;
    if (MTM_LIKELY(!mtm_load_rlx(&has_work))) return;
    mtm_lock(&mtm_the_reach_lock);
    if (search.credit < STEPS_KEPT) search.credit += STEPS_PER_CALL;
    const bool ours = !search.working;
    search.working = true;
    while (ours && ((more = some_steps(mtm_no_roots(), &object)), more)) {
        mtm_unlock(&mtm_the_reach_lock);
        MTM_PAUSE();
        if (object) {
            object->class->cut(object);
            mtm_object_release(object);
        }
        mtm_lock(&mtm_the_reach_lock);
    }
    if (ours) search.working = false;
    mtm_unlock(&mtm_the_reach_lock);
}

void mtm_reach_forget_all(void)
{
    mtm_the_reach_lock = (struct mtm_lock)MTM_LOCK_INIT;
    search = (struct search){.first_end = &search.first};
    mtm_store_rlx(&has_work, 0);
}
