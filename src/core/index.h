/* The hash tables by which the registry finds objects by id and by name. They grow step by
 * step, so that no call takes longer because there are many objects; the lock is the
 * registry's. */
#ifndef MTM_CORE_INDEX_H
#define MTM_CORE_INDEX_H

#include "core/name.h"
#include "core/object.h"

struct mtm_table; /* of buckets */

/* Start with {0}. All of it is guarded by the registry lock. */
struct mtm_index {
    struct mtm_table *now, *old; /* old, if not NULL, is being emptied into now */
    size_t moved;                /* buckets of old that are empty */
    size_t count;                /* objects */
    struct mtm_table *unused;    /* to be freed when the lock has been given back */
    /* Atomic, written under the lock: the address of the buckets of now, and how many there are
     * less one; for those who only want to be early. */
    mtm_asize place, mask;
};

/* Lock held: how many buckets the next table should have, or 0 if there is room for one more
 * object. */
size_t mtm_index_wants(const struct mtm_index *index);

/* No lock held: a table of so many buckets, a power of two, or NULL. NULL is fine to free. */
struct mtm_table *mtm_table_new(size_t count);
void mtm_table_free(struct mtm_table *table);

/* All with the lock held, in a time that does not depend on how many objects there are. give:
 * takes over a table, which may be one too many by now. add: there is a table. take_unused:
 * what the caller must free after it has given back the lock. */
void mtm_index_give(struct mtm_index *index, struct mtm_table *table);
void mtm_index_add(struct mtm_index *index, struct mtm_object *object);
void mtm_index_remove(struct mtm_index *index, struct mtm_object *object);
struct mtm_table *mtm_index_take_unused(struct mtm_index *index);

/* No lock held. What has this hash, or id, will be looked for in a moment: its bucket may be
 * fetched. Only a hint: the table may have gone, or be another one, by now. */
void mtm_index_expect(const struct mtm_index *index, uint64_t hash);

/* Lock held: without objects it keeps no tables. */
void mtm_index_give_up(struct mtm_index *index);

/* Lock held. The object of that name is being closed: it comes after all open ones of the name.
 * May be repeated, and come before the object is added. */
void mtm_index_retire(struct mtm_index *index, struct mtm_name *name);

/* Lock held. The object of that id, or NULL; the first of that name, an open one if there is
 * any, or NULL. *one: it is the only one, or the only open one. */
struct mtm_object *mtm_index_by_id(const struct mtm_index *index, uint64_t id);
const struct mtm_name *mtm_index_by_name(const struct mtm_index *index,
                                         const struct mtm_name_hash *hash, bool *one);

#endif
