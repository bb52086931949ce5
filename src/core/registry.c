/* Two hash tables with chains through the objects themselves, under one lock, and the source of
 * ids. Tables are made with the first object, double as objects come, and go with the last one.
 */
#include "core/registry.h"

#include <string.h>

#include "core/alloc.h"
#include "core/life.h"
#include "core/lock.h"

#include "platform/hidden.h"

enum { FIRST_BUCKETS = 64 };

struct buckets {
    size_t count; /* a power of two */
    struct {
        struct mtm_object *by_id, *by_name;
    } at[];
};

static struct mtm_lock registry_lock = MTM_LOCK_INIT;
static struct buckets *table;  /* guarded by registry_lock */
static struct mtm_object *all; /* guarded by registry_lock */
static size_t object_count;    /* guarded by registry_lock */
static uint64_t last_id;       /* guarded by registry_lock */
static uint64_t hash_seed;     /* guarded by registry_lock; constant once set */
static mtm_a32 aborted;        /* atomic; written under registry_lock */

void mtm_registry_lock(void)
{
    mtm_lock(&registry_lock);
}

void mtm_registry_unlock(void)
{
    mtm_unlock(&registry_lock);
}

bool mtm_is_aborted_all(void)
{
    return mtm_load_acq(&aborted) != 0; /* pairs with the release in set_abort */
}

void mtm_registry_set_abort(bool flag)
{
    mtm_lock(&registry_lock);
    mtm_store_rel(&aborted, flag); /* pairs with the acquire in is_aborted_all */
    mtm_unlock(&registry_lock);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

/* Eight bytes a step; the seed differs from process to process, so names can't be chosen to
 * collide. */
static uint64_t hash_name(enum mtm_kind kind, const char *name, size_t len)
{
    uint64_t h = hash_seed ^ mix((uint64_t)len * 2 + (uint64_t)kind);
    for (; len >= 8; name += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, name, 8);
        h = mix(h ^ word) + 0x9E3779B97F4A7C15u;
    }
    uint64_t word = 0;
    if (len > 0) memcpy(&word, name, len);
    return mix(h ^ word);
}

static size_t id_bucket(const struct buckets *in, uint64_t id)
{
    return (size_t)id & (in->count - 1); /* ids are consecutive */
}

static size_t name_bucket(const struct buckets *in, uint64_t hash)
{
    return (size_t)hash & (in->count - 1);
}

static void link_into(struct buckets *in, struct mtm_object *object)
{
    struct mtm_object **head = &in->at[id_bucket(in, object->id)].by_id;
    object->id_next = *head;
    *head = object;
    if (!object->name) return;
    head = &in->at[name_bucket(in, object->name_hash)].by_name;
    object->name_next = *head;
    object->name_link = head;
    if (*head) (*head)->name_link = &object->name_next;
    *head = object;
}

static struct buckets *new_buckets(size_t count)
{
    if (count > SIZE_MAX / 2 / sizeof table->at[0]) return NULL;
    struct buckets *made = mtm_alloc(sizeof *made + count * sizeof made->at[0]);
    if (!made) return NULL;
    memset(made, 0, sizeof *made + count * sizeof made->at[0]);
    made->count = count;
    return made;
}

/* Exchanges the table for `larger`; returns the old one. Lock held. */
static struct buckets *swap_table(struct buckets *larger)
{
    struct buckets *old = table;
    table = larger;
    for (struct mtm_object *o = all; o; o = o->all_next) link_into(larger, o);
    return old;
}

/* Makes sure that there is room for one more; the lock is held before and after, but not all
 * the time. A table that can't be doubled for want of memory just becomes slower. */
static enum mtm_status make_room(void)
{
    for (;;) {
        size_t count = table ? table->count : 0;
        if (object_count < count) return MTM_OK;
        mtm_unlock(&registry_lock);
        MTM_PAUSE();
        struct buckets *larger = new_buckets(count ? count * 2 : FIRST_BUCKETS);
        mtm_lock(&registry_lock);
        if (!larger) return table ? MTM_OK : MTM_NOMEM;
        struct buckets *unused = larger;
        if (!table || table->count < larger->count) unused = swap_table(larger);
        mtm_unlock(&registry_lock);
        mtm_free(unused);
        mtm_lock(&registry_lock);
    }
}

/* Starts where stray small integers don't reach, and below 2^45, which leaves 2^52 ids. */
static void start_ids(void)
{
    uint64_t seed = mtm_plat_seed();
    last_id = (seed & 0xFFFFFFFFFFFu) | 0x100000000000u;
    hash_seed = mix(seed);
}

enum mtm_status mtm_registry_add(struct mtm_object *object)
{
    struct buckets *unused = NULL;
    mtm_lock(&registry_lock);
    enum mtm_status status = mtm_is_aborted_all() ? MTM_ABORTED : make_room();
    if (status == MTM_OK && mtm_is_aborted_all()) status = MTM_ABORTED; /* while we made room */
    if (status == MTM_OK) {
        if (last_id == 0) start_ids();
        object->id = ++last_id;
        if (object->name) {
            object->name_hash = hash_name(object->kind, object->name, object->name_len);
        }
        link_into(table, object);
        object->all_next = all;
        object->all_link = &all;
        if (all) all->all_link = &object->all_next;
        all = object;
        ++object_count;
        mtm_root_count();
    } else if (object_count == 0) {
        unused = table;
        table = NULL;
    }
    mtm_unlock(&registry_lock);
    mtm_free(unused);
    return status;
}

void *mtm_registry_remove(struct mtm_object *object)
{
    struct mtm_object **link = &table->at[id_bucket(table, object->id)].by_id;
    while (*link != object) link = &(*link)->id_next;
    *link = object->id_next;
    if (object->name) {
        *object->name_link = object->name_next;
        if (object->name_next) object->name_next->name_link = object->name_link;
    }
    *object->all_link = object->all_next;
    if (object->all_next) object->all_next->all_link = object->all_link;
    if (--object_count > 0) return NULL;
    struct buckets *unused = table;
    table = NULL;
    return unused;
}

/* Retains what was found. An object in the table has a reference: the last one goes under this
 * lock, and takes the object out of the table. */
static enum mtm_status finish_find(struct mtm_object *found, struct mtm_object **out)
{
    if (mtm_is_aborted_all()) return MTM_ABORTED;
    if (!found) return MTM_UNKNOWN;
    MTM_STEP(find);
    mtm_root_retain(found);
    *out = found;
    return MTM_OK;
}

enum mtm_status mtm_registry_find_id(enum mtm_kind kind, uint64_t id, struct mtm_object **out)
{
    mtm_lock(&registry_lock);
    struct mtm_object *o = table ? table->at[id_bucket(table, id)].by_id : NULL;
    while (o && o->id != id) o = o->id_next;
    enum mtm_status status = finish_find(o && o->kind == kind ? o : NULL, out);
    mtm_unlock(&registry_lock);
    return status;
}

static struct mtm_object *named_from(struct mtm_object *o, enum mtm_kind kind, const char *name,
                                     size_t len, uint64_t hash)
{
    for (; o; o = o->name_next) {
        if (o->name_hash == hash && o->kind == kind && o->name_len == len &&
            memcmp(o->name, name, len) == 0) {
            return o;
        }
    }
    return NULL;
}

enum mtm_status mtm_registry_find_name(enum mtm_kind kind, const char *name, size_t len,
                                       struct mtm_object **out)
{
    struct mtm_object *first = NULL, *second = NULL;
    mtm_lock(&registry_lock);
    uint64_t hash = hash_name(kind, name, len);
    if (table) {
        first = named_from(table->at[name_bucket(table, hash)].by_name, kind, name, len, hash);
        if (first) second = named_from(first->name_next, kind, name, len, hash);
    }
    enum mtm_status status = MTM_AMBIGUOUS;
    if (!second || mtm_is_aborted_all()) status = finish_find(first, out);
    mtm_unlock(&registry_lock);
    return status;
}

struct mtm_object *mtm_registry_next(struct mtm_object *object)
{
    mtm_lock(&registry_lock);
    struct mtm_object *next = object ? object->all_next : all;
    if (next) mtm_object_retain(next);
    mtm_unlock(&registry_lock);
    return next;
}
