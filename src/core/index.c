/* Two chains per bucket, through the objects and through their names. It owns the tables.
 *
 * A table that is full is replaced by one of twice the size. From then on each new object moves
 * a few buckets from the old one, so that it is empty long before the new one is full; a bucket
 * of the old table that has not been moved is still where its objects are. All objects of one
 * name are a ring, of which the first one is in the bucket: so a bucket has few names, however
 * many objects share one. In the ring those that were closed come last, so the first two tell
 * whether exactly one is open. */
#include "core/index.h"

#include <string.h>

#include "core/alloc.h"

#include "platform/hidden.h"

enum { FIRST_BUCKETS = 64, MOVES = 4 };

struct bucket {
    struct mtm_object *by_id;
    struct mtm_name *by_name;
};

struct mtm_table {
    struct mtm_table *next; /* of those to be freed */
    size_t count;           /* a power of two */
    struct bucket at[];
};

struct mtm_table *mtm_table_new(size_t count)
{
    if (count > (SIZE_MAX - sizeof(struct mtm_table)) / sizeof(struct bucket)) return NULL;
    const size_t size = sizeof(struct mtm_table) + count * sizeof(struct bucket);
    struct mtm_table *made = mtm_alloc(size);
    if (!made) return NULL;
    memset(made, 0, size);
    made->count = count;
    return made;
}

void mtm_table_free(struct mtm_table *table)
{
    while (table) {
        struct mtm_table *next = table->next;
        mtm_free(table);
        table = next;
    }
}

static void throw_away(struct mtm_index *index, struct mtm_table *table)
{
    table->next = index->unused;
    index->unused = table;
}

struct mtm_table *mtm_index_take_unused(struct mtm_index *index)
{
    struct mtm_table *unused = index->unused;
    index->unused = NULL;
    return unused;
}

/* Where what has this hash is, or is to be. Ids are their own hash: they are consecutive. */
static struct bucket *bucket_of(const struct mtm_index *index, uint64_t hash)
{
    if (index->old) {
        size_t at = (size_t)hash & (index->old->count - 1);
        if (at >= index->moved) return &index->old->at[at];
    }
    return &index->now->at[(size_t)hash & (index->now->count - 1)];
}

static void push_id(struct bucket *bucket, struct mtm_object *object)
{
    object->id_next = bucket->by_id;
    bucket->by_id = object;
}

static void push_name(struct bucket *bucket, struct mtm_name *name)
{
    name->next = bucket->by_name;
    bucket->by_name = name;
}

/* Nothing is read there: an address that is none does no harm. */
void mtm_index_expect(const struct mtm_index *index, uint64_t hash)
{
    const size_t at = (size_t)hash & mtm_load_rlx(&index->mask);
    const uintptr_t address = mtm_load_rlx(&index->place) + at * sizeof(struct bucket);
    MTM_WILL_READ(address);
    (void)address;
}

static void tell_place(struct mtm_index *index)
{
    mtm_store_rlx(&index->place, index->now ? (uintptr_t)index->now->at : 0);
    mtm_store_rlx(&index->mask, index->now ? index->now->count - 1 : 0);
}

/* ---- growing ---- */

size_t mtm_index_wants(const struct mtm_index *index)
{
    if (!index->now) return FIRST_BUCKETS;
    if (index->old || index->count < index->now->count) return 0;
    return index->now->count <= SIZE_MAX / 2 ? index->now->count * 2 : 0;
}

void mtm_index_give(struct mtm_index *index, struct mtm_table *table)
{
    if (!table) return;
    if (mtm_index_wants(index) != table->count) {
        throw_away(index, table);
        return;
    }
    index->old = index->now;
    index->now = table;
    index->moved = 0;
    tell_place(index);
}

static void move_bucket(struct mtm_index *index)
{
    struct bucket *from = &index->old->at[index->moved++];
    while (from->by_id) {
        struct mtm_object *object = from->by_id;
        from->by_id = object->id_next;
        push_id(bucket_of(index, object->id), object);
    }
    while (from->by_name) {
        struct mtm_name *name = from->by_name;
        from->by_name = name->next;
        push_name(bucket_of(index, name->hash.word[0]), name);
    }
}

static void move_some(struct mtm_index *index)
{
    for (int i = 0; i < MOVES && index->old; ++i) {
        move_bucket(index);
        if (index->moved < index->old->count) continue;
        throw_away(index, index->old);
        index->old = NULL;
    }
}

/* ---- adding and removing ---- */

static struct mtm_name *named_in(const struct bucket *bucket, const struct mtm_name_hash *hash)
{
    struct mtm_name *name = bucket->by_name;
    while (name && !mtm_name_equal(&name->hash, hash)) name = name->next;
    return name;
}

/* The ring goes on without it, or with it in front of `next`. */
static void unlink_name(struct mtm_name *name)
{
    name->met->same = name->same;
    name->same->met = name->met;
}

static void link_name(struct mtm_name *name, struct mtm_name *next)
{
    name->same = next;
    name->met = next->met;
    name->met->same = next->met = name;
}

/* In place of the first of the ring, which may be about to leave. */
static void lead(struct bucket *bucket, struct mtm_name *first, struct mtm_name *name)
{
    struct mtm_name **link = &bucket->by_name;
    while (*link != first) link = &(*link)->next;
    *link = name;
    name->next = first->next;
    first->leads = false;
    name->leads = true;
}

/* The second of a name comes after the first, so that this one keeps its place in the bucket,
 * unless only the second is open. The last of the ring is the one before the first. */
static void add_name(struct bucket *bucket, struct mtm_name *name)
{
    struct mtm_name *first = named_in(bucket, &name->hash);
    name->known = true;
    name->leads = !first;
    if (!first) {
        name->same = name->met = name;
        push_name(bucket, name);
    } else if (first->retired || name->retired) {
        link_name(name, first);
        if (!name->retired) lead(bucket, first, name);
    } else {
        link_name(name, first->same);
    }
}

static void remove_name(struct bucket *bucket, struct mtm_name *name)
{
    name->known = false;
    if (name->same != name) {
        if (name->leads) lead(bucket, name, name->same);
        unlink_name(name);
        return;
    }
    struct mtm_name **link = &bucket->by_name;
    while (*link != name) link = &(*link)->next;
    *link = name->next;
}

void mtm_index_retire(struct mtm_index *index, struct mtm_name *name)
{
    if (name->retired) return;
    name->retired = true;
    if (!name->known || name->same == name) return;
    struct bucket *bucket = bucket_of(index, name->hash.word[0]);
    if (name->leads) {
        lead(bucket, name, name->same);
    } else {
        unlink_name(name);
        link_name(name, named_in(bucket, &name->hash));
    }
}

void mtm_index_add(struct mtm_index *index, struct mtm_object *object)
{
    move_some(index);
    push_id(bucket_of(index, object->id), object);
    if (object->name) {
        add_name(bucket_of(index, object->name->hash.word[0]), object->name);
    }
    ++index->count;
}

void mtm_index_remove(struct mtm_index *index, struct mtm_object *object)
{
    struct mtm_object **link = &bucket_of(index, object->id)->by_id;
    while (*link != object) link = &(*link)->id_next;
    *link = object->id_next;
    if (object->name) {
        remove_name(bucket_of(index, object->name->hash.word[0]), object->name);
    }
    --index->count;
    mtm_index_give_up(index);
}

void mtm_index_give_up(struct mtm_index *index)
{
    if (index->count > 0) return;
    if (index->now) throw_away(index, index->now);
    if (index->old) throw_away(index, index->old);
    index->now = index->old = NULL;
    tell_place(index);
}

/* ---- finding ---- */

struct mtm_object *mtm_index_by_id(const struct mtm_index *index, uint64_t id)
{
    if (!index->now) return NULL;
    struct mtm_object *object = bucket_of(index, id)->by_id;
    while (object && object->id != id) object = object->id_next;
    return object;
}

const struct mtm_name *mtm_index_by_name(const struct mtm_index *index,
                                         const struct mtm_name_hash *hash, bool *one)
{
    const struct mtm_name *first =
        index->now ? named_in(bucket_of(index, hash->word[0]), hash) : NULL;
    if (first) *one = first->same == first || (!first->retired && first->same->retired);
    return first;
}
