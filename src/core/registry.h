/* Finds live objects by id and by name, in one hash table each, for the whole process.
 * It does not keep objects alive: an object is in here exactly as long as it has outside
 * references. */
#ifndef MTM_CORE_REGISTRY_H
#define MTM_CORE_REGISTRY_H

#include "core/life.h"

/* All functions: any thread that holds no lock. They may block while others find, create or
 * release, which takes few steps. */

/* Give a new object (life 1, not shared yet) its id and make it known; its reference becomes a
 * root. `name` must stay valid as long as the object. OK, ABORTED (everything is aborted) or
 * NOMEM; if not OK nothing has changed. */
enum mtm_status mtm_registry_add(struct mtm_object *object);

/* The same for an object with a name; but where an open one of its kind and name is known, that
 * is *found, with a new root reference, and the new one is not made known. Else *found is NULL.
 * Also TOO_MANY (references to what was found) and AMBIGUOUS. */
enum mtm_status mtm_registry_find_or_add(struct mtm_object *object, struct mtm_object **found);

/* The open object of that kind and name, with a new root reference (*created is false), or the
 * one that `make` makes of name and options (NULL: no memory); as find_or_add. What was made in
 * vain is freed. */
typedef struct mtm_object *(*mtm_make)(const char *name, size_t len, const void *options);
enum mtm_status mtm_registry_find_or_make(enum mtm_kind kind, const char *name, size_t len,
                                          mtm_make make, const void *options,
                                          struct mtm_object **out, bool *created);

/* Before the object is closed: from now on its name leads to it only where there is no open one
 * of that name. So whoever sees it closed finds another, or none. The caller has a reference,
 * or keeps the object from being freed otherwise. May be repeated. */
void mtm_registry_retire(struct mtm_object *object);

/* A new root reference to the object of that kind. OK, UNKNOWN, ABORTED, TOO_MANY (references
 * to it), or AMBIGUOUS (by name: several open ones have it, or several closed ones). find_open:
 * closed ones are unknown. */
enum mtm_status mtm_registry_find_id(enum mtm_kind kind, uint64_t id, struct mtm_object **out);
enum mtm_status mtm_registry_find_name(enum mtm_kind kind, const char *name, size_t len,
                                       struct mtm_object **out);
enum mtm_status mtm_registry_find_open(enum mtm_kind kind, const char *name, size_t len,
                                       struct mtm_object **out);

/* Finding in two steps, for who has something to do in between: seek says what is looked for,
 * which may come into the cache meanwhile; find is as find_id and find_name, but the root is
 * one of `own`. */
struct mtm_sought {
    enum mtm_kind kind;
    bool named;
    uint64_t id;
    struct mtm_name_hash hash;
};
void mtm_registry_seek_id(enum mtm_kind kind, uint64_t id, struct mtm_sought *sought);
void mtm_registry_seek_name(enum mtm_kind kind, const char *name, size_t len,
                            struct mtm_sought *sought);
enum mtm_status mtm_registry_find(const struct mtm_sought *sought, struct mtm_roots *own,
                                  struct mtm_object **out);

/* Ids must fit into so many bits (at least 20), since a Lua of this process can hold no more:
 * counts before the first object is made. Otherwise they fit into 53. */
void mtm_registry_narrow_ids(unsigned bits);

/* Where a number may come from: it is no id of any process; an id of ours or a little above
 * them, whether its object is there or not; or one that another process has given, or another
 * copy of the library. A guess, for texts. */
enum mtm_origin { MTM_NO_ID, MTM_OUR_ID, MTM_ALIEN_ID };
enum mtm_origin mtm_registry_origin(uint64_t id);

/* The object after `object` (NULL: the first), to which the caller has a reference, with a new
 * plain reference; or NULL. */
struct mtm_object *mtm_registry_next(struct mtm_object *object);

/* For mtm_object_release alone. No other lock is taken while this one is held. unlock returns
 * tables to be freed when no lock is held any more. remove: the lock is held. */
void mtm_registry_lock(void);
struct mtm_table *mtm_registry_unlock(void);
void mtm_registry_remove(struct mtm_object *object);

/* The flag of mtm_abort_all; written under the registry lock. */
void mtm_registry_set_abort(bool flag);

/* Whether mtm_abort_all(true) is in force. Any thread, never blocks. */
bool mtm_is_aborted_all(void);

/* For mtm_process_begin: no object is known, nothing is aborted, ids start elsewhere. */
void mtm_registry_forget(void);

#endif
