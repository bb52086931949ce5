/* The abortion of everything: each object, creating, finding and sleeping.
 * That of one object is its own module's; whether it is in force, the registry knows. */
#ifndef MTM_CORE_ABORT_ALL_H
#define MTM_CORE_ABORT_ALL_H

#include "core/object.h"

/* Abort (or re-enable) every object, creating, finding and sleeping. Any thread that holds no
 * lock. */
void mtm_abort_all(bool flag);

/* The object takes over whether everything is aborted. All locks of the object are held. */
void mtm_object_sync(struct mtm_object *object);

#endif
