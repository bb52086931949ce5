/* Giving references back, and what happens when the last one goes.
 * What an object then frees is its own module's business. */
#ifndef MTM_CORE_REFERENCE_H
#define MTM_CORE_REFERENCE_H

#include "core/life.h"

/* Any thread that holds no lock. With the last reference the object is gone for the registry,
 * and is freed unless a listener has messages of it left to drain. What only edges keep alive,
 * in a circle, goes by reach.h, now or with a later call. Frees memory and may release
 * notifiers. References to inherited objects are not counted. */
void mtm_object_release(struct mtm_object *object);
void mtm_root_release(struct mtm_object *object);

/* The same of a root that its holder has counted; NULL: that is one of the process. */
void mtm_root_release_of(struct mtm_roots *own, struct mtm_object *object);

/* The object after `object` (NULL: the first) with a new plain reference, or NULL; the
 * reference to `object` is given back. Visits every object that is there during the whole
 * walk. Any thread that holds no lock. */
struct mtm_object *mtm_object_next(struct mtm_object *object);

#endif
