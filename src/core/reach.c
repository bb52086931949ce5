/* The search for what nobody reaches: from an object that lost its last root upwards, to
 * whoever holds it, step by step. It owns the search.
 *
 * An object is a candidate when all its references are edges. The search climbs from it to all
 * who hold it, and to all who hold those: as soon as one of them has a root, the candidate is
 * reached, and what leads to it is not asked again in this pass. If there is none, then each of
 * them is looked at a second time, and doomed, if nothing has happened to it since the first;
 * when all are, one exchange decides that they are gone for those who find; and each gives up
 * what it holds, by which they are freed one by one. docs/design.md has the proof. */
#include "core/node.h"

#include "core/alloc.h"
#include "core/reference.h"
#include "core/registry.h"

#include "platform/hidden.h"

enum {
    STEPS_AT_ONCE = 64,     /* while the lock is held */
    STEPS_PER_CALL = 16,    /* that each call adds; what is not needed is kept for later */
    STEPS_IN_ADVANCE = 1000 /* that may be made before they have been added */
};

enum phase {
    IDLE,
    CLIMB,  /* from the candidate upwards */
    LIVE,   /* it is reached: `top` and those before it are marked */
    CHECK,  /* nobody reaches the set: a second look */
    CLEAN,  /* something has happened meanwhile: nobody is doomed after all */
    EXECUTE /* each of the set gives up what it holds */
};

/* Guarded by the reach lock, as all here that names no other guard: */
static struct search {
    enum phase phase;
    uint32_t pass, trial;
    struct mtm_node *from, *top, *at; /* the candidate; the end of the path; in the set */
    struct mtm_node *set, **set_end;
    size_t doomed; /* objects that are, and have not been freed yet */
    struct mtm_node *now, *later, **later_end; /* candidates of this pass, and of the next */
    ptrdiff_t credit;                          /* steps */
    bool working;                              /* somebody is */
} search = {.later_end = &search.later};

static mtm_a32 has_work; /* atomic, written under the lock */

enum { UNDECIDED, RESCUED, GONE };
static mtm_a32 verdict; /* atomic: about those that are doomed */

/* ---- candidates; lock held ---- */

static void note_work(void)
{
    mtm_store_rlx(&has_work, search.now || search.later || search.phase != IDLE);
}

void mtm_reach_suspect(struct mtm_node *node)
{
    if (node->link) return;
    node->next = NULL;
    node->link = search.later_end;
    *search.later_end = node;
    search.later_end = &node->next;
    note_work();
}

static void remove_candidate(struct mtm_node *node)
{
    if (!node->link) return;
    *node->link = node->next;
    if (node->next) node->next->link = node->link;
    else if (search.later_end == &node->next) search.later_end = node->link;
    node->link = NULL;
}

static struct mtm_node *take_candidate(void)
{
    if (!search.now) {
        search.now = search.later;
        if (search.now) search.now->link = &search.now;
        search.later = NULL;
        search.later_end = &search.later;
        ++search.pass;
    }
    struct mtm_node *node = search.now;
    if (node) remove_candidate(node);
    return node;
}

/* ---- the search; lock held ---- */

static bool in_set(const struct mtm_node *node)
{
    return node->trial == search.trial && search.phase != IDLE;
}

static void leave_set(struct mtm_node *node)
{
    if (search.at == node) search.at = node->set_next;
    *node->set_link = node->set_next;
    if (node->set_next) node->set_next->set_link = node->set_link;
    else search.set_end = node->set_link;
    node->trial = 0;
}

static void stop(void)
{
    search.phase = IDLE;
    search.set = search.top = search.at = search.from = NULL;
    search.set_end = &search.set;
}

/* What `via` leads to has a root. */
static void is_reached(struct mtm_node *via)
{
    search.top = via;
    search.phase = LIVE;
}

/* The first look: unless it has a root, the node joins the set, and what happens to it from now
 * on will be seen by the second one. */
static void visit(struct mtm_node *node, struct mtm_node *via)
{
    struct mtm_object *object = node->object;
    if (node->trial == search.trial) return;
    size_t life = mtm_load_acq(&object->life);
    do {
        size_t refs = life & MTM_LIFE_REFS;
        if (node->live == search.pass || refs > node->count || (refs == 0 && !object->owner)) {
            node->live = search.pass;
            is_reached(via);
            return;
        }
        MTM_STEP(first_look);
    } while (!mtm_cas_acq_rel(&object->life, &life, life & ~MTM_LIFE_TOUCHED));
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

/* A holder without a node has no edges: its references are roots. One without references is
 * left to its listener, or about to be freed. */
static void climb_to(struct mtm_object *holder, struct mtm_node *via)
{
    struct mtm_node *node = mtm_node_of(holder);
    if (!node && (mtm_load_acq(&holder->life) & MTM_LIFE_REFS) == 0 && holder->owner) {
        node = mtm_node_of(holder->owner);
    }
    if (node) visit(node, via);
    else is_reached(via);
}

static void climb(void)
{
    struct mtm_node *top = search.top;
    struct mtm_edge *edge;
    if (!top) {
        search.at = search.set;
        search.phase = CHECK;
    } else if ((edge = top->cursor) != NULL) {
        top->cursor = edge->next;
        MTM_STEP(look_at_edge);
        struct mtm_object *holder = mtm_load_acq(&edge->holder); /* pairs with pass */
        if (holder) climb_to(holder, top);
        else is_reached(top);
    } else if (!top->owner_seen) {
        top->owner_seen = true;
        if (top->object->owner) climb_to(top->object->owner, top);
    } else {
        top->cursor = top->edges; /* for the second look */
        search.top = top->via;
    }
}

static void mark_reached(void)
{
    struct mtm_node *top = search.top;
    if (top) {
        top->live = search.pass;
        search.top = top->via;
    } else {
        stop();
    }
}

/* The second look, edge by edge, and then at the references. */
static void check(void)
{
    struct mtm_node *node = search.at;
    if (!node) {
        uint32_t undecided = UNDECIDED;
        MTM_STEP(commit);
        bool gone = mtm_cas_seq(&verdict, &undecided, GONE); /* pairs with rescue */
        search.phase = gone ? EXECUTE : CLEAN;
        return;
    }
    struct mtm_edge *edge = node->cursor;
    if (edge) {
        node->cursor = edge->next;
        MTM_STEP(look_at_edge_again);
        if (!mtm_load_acq(&edge->holder)) search.phase = CLEAN;
        return;
    }
    size_t life = mtm_load_acq(&node->object->life);
    do {
        if ((life & MTM_LIFE_REFS) != node->count || (life & MTM_LIFE_TOUCHED)) {
            search.phase = CLEAN;
            return;
        }
        MTM_STEP(second_look);
    } while (!mtm_cas_acq_rel(&node->object->life, &life, life | MTM_LIFE_DOOMED));
    node->doomed = true;
    ++search.doomed;
    search.at = node->set_next;
}

static void clean(void)
{
    struct mtm_node *node = search.set;
    if (!node) {
        struct mtm_node *from = search.from;
        mtm_registry_await(); /* who has rescued one has its reference now */
        mtm_store_seq(&verdict, UNDECIDED);
        stop();
        if (from) mtm_reach_suspect(from);
        return;
    }
    leave_set(node);
    if (!node->doomed) return;
    size_t life = mtm_load_rlx(&node->object->life);
    while (!mtm_cas_acq_rel(&node->object->life, &life, life & ~MTM_LIFE_DOOMED)) continue;
    node->doomed = false;
    --search.doomed;
}

/* The next of the set, with a reference to keep it while it is cut; NULL: it needs none. */
static struct mtm_object *execute(void)
{
    struct mtm_node *node = search.set;
    struct mtm_object *object = node->object;
    leave_set(node);
    size_t life = mtm_load_rlx(&object->life);
    do {
        if ((life & MTM_LIFE_REFS) == 0) return NULL; /* its listener's, or being freed */
    } while (!mtm_cas_acq_rel(&object->life, &life, life + 1));
    return object;
}

static bool execution_is_over(void)
{
    if (search.phase != EXECUTE || search.set || search.doomed > 0) return false;
    mtm_store_seq(&verdict, UNDECIDED);
    stop();
    return true;
}

static void begin(struct mtm_node *node)
{
    if (node->doomed) return;
    ++search.trial;
    if (search.trial == 0) search.trial = 1;
    stop();
    search.phase = CLIMB;
    search.from = node;
    visit(node, NULL);
}

/* Returns what is to be cut. *idle: there is nothing to do at this moment. */
static struct mtm_object *step(bool *idle)
{
    struct mtm_node *node;
    switch (search.phase) {
        case IDLE:
            node = take_candidate();
            if (node) begin(node);
            else *idle = true;
            break;
        case CLIMB: climb(); break;
        case LIVE: mark_reached(); break;
        case CHECK: check(); break;
        case CLEAN: clean(); break;
        case EXECUTE:
            if (search.set) return execute();
            *idle = !execution_is_over(); /* until all are freed */
            break;
    }
    return NULL;
}

/* As many steps as may be made at once. */
static struct mtm_object *some_steps(bool all, bool *idle)
{
    struct mtm_object *object = NULL;
    for (int i = 0; i < STEPS_AT_ONCE && !object && !*idle; ++i) {
        if (search.credit <= -STEPS_IN_ADVANCE && !all) break;
        object = step(idle);
        if (!*idle && !all) --search.credit;
    }
    note_work();
    return object;
}

void mtm_reach_work(void)
{
    bool idle = false;
    if (MTM_LIKELY(!mtm_load_rlx(&has_work))) return;
    mtm_lock(&mtm_reach_lock);
    search.credit += STEPS_PER_CALL;
    if (search.working) idle = true;
    else search.working = true;
    const bool ours = !idle;
    bool all;
    while (!idle && ((all = mtm_no_roots()) || search.credit > -STEPS_IN_ADVANCE)) {
        struct mtm_object *object = some_steps(all, &idle);
        mtm_unlock(&mtm_reach_lock);
        MTM_PAUSE();
        if (object) {
            object->class->cut(object);
            mtm_object_release(object);
        }
        mtm_lock(&mtm_reach_lock);
    }
    if (ours) search.working = false;
    mtm_unlock(&mtm_reach_lock);
}

/* ---- ends ---- */

void mtm_reach_forget_all(void)
{
    mtm_reach_lock = (struct mtm_lock)MTM_LOCK_INIT;
    search = (struct search){.later_end = &search.later};
    mtm_store_rlx(&has_work, 0);
    mtm_store_rlx(&verdict, UNDECIDED);
}

void mtm_reach_forget(struct mtm_object *object)
{
    struct mtm_node *node = mtm_node_of(object);
    if (mtm_object_is_inherited(object)) return;
    if (!node && !mtm_load_rlx(&object->carries)) return;
    mtm_lock(&mtm_reach_lock); /* nobody looks at it any more after this */
    if (node) {
        remove_candidate(node);
        if (node->doomed) --search.doomed;
        if (search.from == node) search.from = NULL;
        if (in_set(node)) {
            leave_set(node);
            if (search.phase == LIVE) stop();
            else if (search.phase != EXECUTE) search.phase = CLEAN;
        }
        execution_is_over();
        note_work();
    }
    mtm_unlock(&mtm_reach_lock);
    mtm_free(node);
}

bool mtm_reach_rescue(void)
{
    uint32_t was = UNDECIDED;
    MTM_STEP(rescue);
    return mtm_cas_seq(&verdict, &was, RESCUED) || was == RESCUED; /* pairs with check */
}
