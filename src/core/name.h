/* The name of an object: its bytes, its hash of 128 bits, and its place among the names that
 * the registry knows. Names are made and hashed before any lock is taken. */
#ifndef MTM_CORE_NAME_H
#define MTM_CORE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mtm_object;

/* Of kind and bytes, by a key that differs from process to process: nobody can choose names
 * that collide, and two names with the same hash are the same name. So names are never compared
 * byte by byte, which could take long, under a lock. */
struct mtm_name_hash {
    uint64_t word[2];
};

struct mtm_name {
    struct mtm_name_hash hash; /* constant, as all that names no guard */
    struct mtm_object *object;
    /* guarded by the registry lock: */
    struct mtm_name *next;       /* another name in the same bucket; of the first of its kind */
    struct mtm_name *same, *met; /* the next, and the previous, object of this very name: a ring
                                  */
    bool known;                  /* it is in a ring */
    bool leads;                  /* the first of its ring, which is in the bucket */
    bool retired;                /* of a closed object: behind all others of the ring */
    size_t len;                  /* any bytes */
    char bytes[];
};

/* What an object with such a name (NULL: none) needs behind itself, or SIZE_MAX if a size_t
 * can't hold it together with `size`, which is the object's own and comes on top. */
size_t mtm_name_room(size_t size, const char *name, size_t len);

/* Makes the name of an object at its place; `bytes` may be NULL: then the object has none. The
 * kind is the one that the object has. No lock held: takes long if the name is long. */
void mtm_name_init(struct mtm_object *object, void *place, const char *bytes, size_t len);

/* The hash of a name that is looked for. As init. */
struct mtm_name_hash mtm_name_hash(int kind, const char *bytes, size_t len);

static inline bool mtm_name_equal(const struct mtm_name_hash *a, const struct mtm_name_hash *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

#endif
