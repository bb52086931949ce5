/* How many references an object has, and how many roots the process has: making references.
 * Giving them back, which may end a life, is in reference.h. */
#ifndef MTM_CORE_LIFE_H
#define MTM_CORE_LIFE_H

#include "core/object.h"

/* `life` counts outside references (Lua, native, notifiers, a listener's referenced buffers) in
 * its lower part, and in its upper part how many are at work on a buffer on behalf of its
 * listener. */
#define MTM_LIFE_HOLD                                                                          \
    ((size_t)1 << (sizeof(size_t) * 11 / 2)) /* 44 bits; 22 where size_t has 32 */
#define MTM_LIFE_REFS (MTM_LIFE_HOLD - 1)

/* One more plain reference. Any thread that has a reference; never blocks. */
static inline void mtm_object_retain(struct mtm_object *object)
{
    mtm_add_rlx(&object->life, 1);
}

/* A root is a reference that a program holds: Lua's, or native code's; it counts as a plain
 * reference, too. retain: as mtm_object_retain. count: the reference is there already. uncount:
 * it has been given back; true if no root is left. */
void mtm_root_retain(struct mtm_object *object);
void mtm_root_count(void);
bool mtm_root_uncount(void);

/* Whether no root is left in the process. */
bool mtm_no_roots(void);

#endif
