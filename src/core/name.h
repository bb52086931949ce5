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

/* It ends where its object begins: finding by name looks at the ends of both, and who has found
 * one need not wait for it to get at the other. */
struct mtm_name {
    size_t len; /* constant, as all that names no guard; any bytes, behind the object */
    char *bytes;
    /* guarded by the registry lock: */
    bool known;           /* it is in a ring */
    bool leads;           /* the first of its ring, which is in the bucket */
    bool retired;         /* of a closed object: behind all others of the ring */
    struct mtm_name *met; /* the previous, and the next, object of this very name: a ring */
    struct mtm_name *same;
    struct mtm_name *next; /* another name in the same bucket; of the first of its kind */
    struct mtm_name_hash hash;
};

/* Memory for an object of so many bytes that is to have such a name (NULL: none), or NULL if
 * there is none. No lock held; also of free. */
void *mtm_named_alloc(size_t size, const char *name, size_t len);

/* Makes the name of an object of which all else is made, its kind at least. No lock held: takes
 * long if the name is long. */
void mtm_named_init(struct mtm_object *object, size_t size, const char *name, size_t len);

void mtm_named_free(struct mtm_object *object);

/* The hash of a name that is looked for. As mtm_named_init. */
struct mtm_name_hash mtm_name_hash(int kind, const char *bytes, size_t len);

static inline bool mtm_name_equal(const struct mtm_name_hash *a, const struct mtm_name_hash *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

#endif
