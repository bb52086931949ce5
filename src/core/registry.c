/* All objects that have references, under one lock, and the source of ids. The lock is the
 * innermost one, and is held for a few steps only: names are hashed before it is taken, tables
 * are made before and freed after it. */
#include "core/registry.h"

#include "core/index.h"
#include "core/life.h"
#include "core/lock.h"
#include "core/reach.h"

#include "platform/hidden.h"

static struct mtm_lock registry_lock = MTM_LOCK_INIT;
static struct mtm_index objects; /* guarded by registry_lock */
static struct mtm_object *all;   /* guarded by registry_lock */
static uint64_t first_id;        /* guarded by registry_lock; 0: not chosen yet */
static uint64_t next_id;         /* guarded by registry_lock */
static unsigned id_bits = 53;    /* guarded by registry_lock; ids are below 1 << id_bits */
static mtm_a32 aborted;          /* atomic; written under registry_lock */

void mtm_registry_lock(void)
{
    mtm_lock(&registry_lock);
}

struct mtm_table *mtm_registry_unlock(void)
{
    struct mtm_table *unused = mtm_index_take_unused(&objects);
    mtm_unlock(&registry_lock);
    return unused;
}

bool mtm_is_aborted_all(void)
{
    return mtm_load_acq(&aborted) != 0; /* pairs with the release in set_abort */
}

/* The tables and the objects in them stay where they are: they might be half changed. */
void mtm_registry_forget(void)
{
    registry_lock = (struct mtm_lock)MTM_LOCK_INIT;
    objects = (struct mtm_index){0};
    all = NULL;
    first_id = next_id = 0;
    mtm_store_rlx(&aborted, 0);
}

void mtm_registry_set_abort(bool flag)
{
    mtm_process_begin();
    mtm_lock(&registry_lock);
    mtm_store_rel(&aborted, flag); /* pairs with the acquire in is_aborted_all */
    mtm_unlock(&registry_lock);
}

/* Makes sure that there is room for one more; the lock is held before and after, but not all
 * the time. A table that can't be doubled for want of memory just becomes slower. */
static enum mtm_status make_room(void)
{
    size_t count = mtm_index_wants(&objects);
    while (count != 0) {
        mtm_unlock(&registry_lock);
        MTM_PAUSE();
        struct mtm_table *table = mtm_table_new(count);
        mtm_lock(&registry_lock);
        if (!table) return objects.now ? MTM_OK : MTM_NOMEM;
        mtm_index_give(&objects, table);
        count = mtm_index_wants(&objects);
    }
    return MTM_OK;
}

void mtm_registry_narrow_ids(unsigned bits)
{
    mtm_process_begin();
    mtm_lock(&registry_lock);
    if (first_id == 0 && bits < id_bits) id_bits = bits;
    mtm_unlock(&registry_lock);
}

/* Below 2^45 with 53 bits, which leaves 2^52 ids. */
static uint64_t least_id(void)
{
    return (uint64_t)1 << (id_bits >= 46 ? 44 : id_bits - 2);
}

/* Starts where stray small integers don't reach, in the lower half of what there is. */
static void start_ids(void)
{
    first_id = next_id = least_id() | (mtm_plat_seed() & (least_id() - 1));
}

static void link_into_all(struct mtm_object *object)
{
    object->all_next = all;
    object->all_link = &all;
    if (all) all->all_link = &object->all_next;
    all = object;
}

/* Others start below twice the least id, too, and hardly ever near ours: what is a little above
 * our ids is more likely somebody's mistake. */
enum mtm_origin mtm_registry_origin(uint64_t id)
{
    enum mtm_origin origin = MTM_NO_ID;
    mtm_lock(&registry_lock);
    if (first_id != 0 && id >= first_id && id < next_id + least_id() / 8) origin = MTM_OUR_ID;
    else if (id >= least_id() && id < 4 * least_id()) origin = MTM_ALIEN_ID;
    mtm_unlock(&registry_lock);
    return origin;
}

/* Lock held. Retains what was found; the root is counted by the caller. An object in the table
 * has a reference: the last one goes under this lock, and takes the object out of the table.
 * BUSY: once more, with the reach lock, since who has edges may have no root, and the search
 * must not overlook the one that it gets here. */
static inline enum mtm_status retain_found(struct mtm_object *found, bool reach_locked,
                                           struct mtm_object **out)
{
    if (mtm_is_aborted_all()) return MTM_ABORTED;
    if (!found || (reach_locked && !mtm_reach_found(found))) return MTM_UNKNOWN;
    enum mtm_status status = mtm_object_retain_found(found, reach_locked);
    if (status == MTM_OK) *out = found;
    return status;
}

/* Lock held. open: those that were closed don't count. */
static enum mtm_status find_named(const struct mtm_name_hash *hash, bool open,
                                  bool reach_locked, struct mtm_object **out)
{
    bool one = false;
    const struct mtm_name *first = mtm_index_by_name(&objects, hash, &one);
    if (first && open && first->retired) first = NULL;
    if (first && !one && !mtm_is_aborted_all()) return MTM_AMBIGUOUS;
    return retain_found(first ? mtm_named(first) : NULL, reach_locked, out);
}

/* Lock held; there is room. */
static enum mtm_status enter(struct mtm_object *object)
{
    if (mtm_is_aborted_all()) return MTM_ABORTED; /* perhaps while we made room */
    if (first_id == 0) start_ids();
    if (next_id >> id_bits != 0) return MTM_NOMEM; /* none is used twice */
    object->id = next_id++;
    mtm_index_add(&objects, object);
    link_into_all(object);
    mtm_root_count();
    return MTM_OK;
}

enum mtm_status mtm_registry_add(struct mtm_object *object)
{
    mtm_process_begin();
    mtm_lock(&registry_lock);
    enum mtm_status status = mtm_is_aborted_all() ? MTM_ABORTED : make_room();
    if (status == MTM_OK) status = enter(object);
    if (status != MTM_OK) mtm_index_give_up(&objects);
    mtm_table_free(mtm_registry_unlock());
    return status;
}

/* Lock held; there is room. Between the search and the entry the lock is not given back. */
static enum mtm_status find_or_enter(struct mtm_object *object, bool reach_locked,
                                     struct mtm_object **found)
{
    enum mtm_status status = find_named(&object->name->hash, true, reach_locked, found);
    return status == MTM_UNKNOWN ? enter(object) : status;
}

/* The same under the reach lock, unless the table has gone with the last object: BUSY. One that
 * is full does, as there may be no memory for a larger one, however often one asks. */
static enum mtm_status find_or_enter_again(struct mtm_object *object, struct mtm_object **found)
{
    mtm_reach_lock();
    mtm_lock(&registry_lock);
    enum mtm_status status = MTM_BUSY;
    if (objects.now) status = find_or_enter(object, true, found);
    mtm_unlock(&registry_lock);
    mtm_reach_unlock();
    return status;
}

enum mtm_status mtm_registry_find_or_add(struct mtm_object *object, struct mtm_object **found)
{
    enum mtm_status status;
    *found = NULL;
    mtm_process_begin();
    do {
        mtm_lock(&registry_lock);
        status = mtm_is_aborted_all() ? MTM_ABORTED : make_room();
        if (status == MTM_OK) status = find_or_enter(object, false, found);
        if (status != MTM_OK) mtm_index_give_up(&objects);
        mtm_table_free(mtm_registry_unlock());
        if (status == MTM_BUSY) status = find_or_enter_again(object, found);
    } while (status == MTM_BUSY);
    if (*found) mtm_root_count();
    return status;
}

void mtm_registry_retire(struct mtm_object *object)
{
    if (!object->name || mtm_object_is_inherited(object)) return;
    mtm_lock(&registry_lock);
    mtm_index_retire(&objects, object->name);
    mtm_unlock(&registry_lock);
}

void mtm_registry_remove(struct mtm_object *object)
{
    mtm_index_remove(&objects, object);
    *object->all_link = object->all_next;
    if (object->all_next) object->all_next->all_link = object->all_link;
}

/* ---- finding ---- */

void mtm_registry_seek_id(enum mtm_kind kind, uint64_t id, struct mtm_sought *sought)
{
    *sought = (struct mtm_sought){.kind = kind, .id = id};
    mtm_index_expect(&objects, id);
}

void mtm_registry_seek_name(enum mtm_kind kind, const char *name, size_t len,
                            struct mtm_sought *sought)
{
    *sought = (struct mtm_sought){.kind = kind, .named = true};
    sought->hash = mtm_name_hash((int)kind, name, len);
    mtm_index_expect(&objects, sought->hash.word[0]);
}

static enum mtm_status look_up(const struct mtm_sought *sought, bool open, bool reach_locked,
                               struct mtm_object **out)
{
    enum mtm_status status;
    mtm_lock(&registry_lock);
    if (sought->named) {
        status = find_named(&sought->hash, open, reach_locked, out);
    } else {
        struct mtm_object *o = mtm_index_by_id(&objects, sought->id);
        status = retain_found(o && o->kind == sought->kind ? o : NULL, reach_locked, out);
    }
    mtm_unlock(&registry_lock);
    return status;
}

static enum mtm_status find(const struct mtm_sought *sought, bool open, struct mtm_object **out)
{
    mtm_process_begin();
    enum mtm_status status = look_up(sought, open, false, out);
    if (MTM_LIKELY(status != MTM_BUSY)) return status;
    mtm_reach_lock();
    status = look_up(sought, open, true, out);
    mtm_reach_unlock();
    return status;
}

enum mtm_status mtm_registry_find(const struct mtm_sought *sought, struct mtm_roots *own,
                                  struct mtm_object **out)
{
    enum mtm_status status = find(sought, false, out);
    if (status == MTM_OK) mtm_roots_add(own);
    return status;
}

static enum mtm_status find_root(const struct mtm_sought *sought, bool open,
                                 struct mtm_object **out)
{
    enum mtm_status status = find(sought, open, out);
    if (status == MTM_OK) mtm_root_count();
    return status;
}

enum mtm_status mtm_registry_find_id(enum mtm_kind kind, uint64_t id, struct mtm_object **out)
{
    struct mtm_sought sought;
    mtm_registry_seek_id(kind, id, &sought);
    return find_root(&sought, false, out);
}

enum mtm_status mtm_registry_find_name(enum mtm_kind kind, const char *name, size_t len,
                                       struct mtm_object **out)
{
    struct mtm_sought sought;
    mtm_registry_seek_name(kind, name, len, &sought);
    return find_root(&sought, false, out);
}

enum mtm_status mtm_registry_find_open(enum mtm_kind kind, const char *name, size_t len,
                                       struct mtm_object **out)
{
    struct mtm_sought sought;
    mtm_registry_seek_name(kind, name, len, &sought);
    return find_root(&sought, true, out);
}

enum mtm_status mtm_registry_find_or_make(enum mtm_kind kind, const char *name, size_t len,
                                          mtm_make make, const void *options,
                                          struct mtm_object **out, bool *created)
{
    enum mtm_status status = mtm_registry_find_open(kind, name, len, out);
    *created = false;
    if (status != MTM_UNKNOWN) return status;
    struct mtm_object *made = make(name, len, options), *found;
    if (!made) return MTM_NOMEM;
    status = mtm_registry_find_or_add(made, &found);
    *created = status == MTM_OK && !found;
    if (status == MTM_OK) *out = found ? found : made;
    if (!*created) made->class->free(made);
    return status;
}

struct mtm_object *mtm_registry_next(struct mtm_object *object)
{
    if (object && mtm_object_is_inherited(object)) return NULL; /* forked during the walk */
    mtm_lock(&registry_lock);
    struct mtm_object *next = object ? object->all_next : all;
    if (next) mtm_object_retain(next);
    mtm_unlock(&registry_lock);
    return next;
}
