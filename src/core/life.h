/* How many references an object has, and how many roots the process has: making references.
 * Giving them back, which may end a life, is in reference.h. */
#ifndef MTM_CORE_LIFE_H
#define MTM_CORE_LIFE_H

#include "core/object.h"

/* `life` is one word of two counts: in its lower part outside references (Lua, native,
 * notifiers, a listener's referenced buffers), in its upper part holds: how many threads are at
 * work on a buffer on behalf of its listener. Where size_t has 64 bits, 40 and 21 bits; where
 * it has 32, 18 and 11. */
#define MTM_LIFE_BITS ((int)(sizeof(size_t) >= 8 ? 40 : 18))
#define MTM_LIFE_ONE_REF ((size_t)1)
#define MTM_LIFE_REFS (((size_t)1 << MTM_LIFE_BITS) - 1)
#define MTM_LIFE_EDGES                                                                         \
    ((size_t)1 << MTM_LIFE_BITS) /* some of the references are edges: see reach.h */
#define MTM_LIFE_GONE                                                                          \
    ((size_t)2 << MTM_LIFE_BITS) /* nobody reaches it, and its last edge has gone */
#define MTM_LIFE_HOLD ((size_t)1 << (MTM_LIFE_BITS + 3))
#define MTM_LIFE_COUNTS (MTM_LIFE_REFS | ~(MTM_LIFE_HOLD - 1))
#define MTM_LIFE_HOLDS (~(MTM_LIFE_HOLD - 1))

/* References from here on are refused to those who can be told so; the rest is for those who
 * can't. An object that has had MTM_LIFE_REFS at once is never freed any more. */
#define MTM_LIFE_MANY (MTM_LIFE_REFS - MTM_LIFE_REFS / 16)

/* One more plain reference. Any thread that has a reference; never blocks. false: there are too
 * many. */
bool mtm_object_try_retain(struct mtm_object *object);
void mtm_object_retain(struct mtm_object *object);

/* One more plain reference, if there is any. The caller has none, but the object can't be freed
 * at this moment. */
bool mtm_object_retain_alive(struct mtm_object *object);

/* Gives back a reference, unless it is the last one or the object has edges: true. Any thread.
 */
static inline bool mtm_object_release_early(struct mtm_object *object)
{
    size_t life = mtm_load_rlx(&object->life);
    while ((life & MTM_LIFE_REFS) != 1 && !(life & MTM_LIFE_EDGES)) {
        if ((life & MTM_LIFE_REFS) == MTM_LIFE_REFS) return true; /* it lost count */
        MTM_STEP(release);
        if (mtm_cas_acq_rel(&object->life, &life, life - 1)) return true; /* pairs: the last */
    }
    return false;
}

/* One more plain reference to what was found in the registry, under its lock: OK, TOO_MANY or
 * UNKNOWN (it is gone); or BUSY: the object has edges, and the reach lock is not held. */
static inline enum mtm_status mtm_object_retain_found(struct mtm_object *object,
                                                      bool reach_locked)
{
    size_t life = mtm_load_rlx(&object->life);
    do {
        if ((life & MTM_LIFE_EDGES) && !reach_locked) return MTM_BUSY;
        if (life & MTM_LIFE_GONE) return MTM_UNKNOWN;
        if ((life & MTM_LIFE_REFS) >= MTM_LIFE_MANY) return MTM_TOO_MANY;
        MTM_STEP(find);
    } while (!mtm_cas_rlx(&object->life, &life, life + MTM_LIFE_ONE_REF));
    return MTM_OK;
}

/* Holds are made under the owner's lock. can: whether one more can be counted, under that lock.
 * hold: if it can, makes one. */
static inline bool mtm_object_can_hold(const struct mtm_object *object)
{
    return (mtm_load_rlx(&object->life) & MTM_LIFE_HOLDS) != MTM_LIFE_HOLDS;
}
bool mtm_object_hold(struct mtm_object *object);

/* A root is a reference that a program holds: Lua's, or native code's; it counts as a plain
 * reference, too. retain: as mtm_object_retain. count: the reference is there already. uncount:
 * it has been given back. */
void mtm_root_retain(struct mtm_object *object);
void mtm_root_count(void);
void mtm_root_uncount(void);

/* Who has many roots, and makes and gives them up in one thread at a time, counts them by
 * itself: while there are any, they are one root of the process. Start with {0}. */
struct mtm_roots {
    size_t count;
    uint32_t generation; /* of the process in which they were counted */
};

/* One more, which is counted nowhere yet; and one that is counted as one of the process. In a
 * forked process those of before have gone. */
static inline void mtm_roots_add(struct mtm_roots *own)
{
    if (MTM_UNLIKELY(own->generation != mtm_generation))
        *own = (struct mtm_roots){.generation = mtm_generation};
    if (own->count++ == 0) mtm_root_count();
}
static inline void mtm_roots_adopt(struct mtm_roots *own)
{
    mtm_roots_add(own);
    mtm_root_uncount();
}

/* One has been given back. */
static inline void mtm_roots_remove(struct mtm_roots *own)
{
    if (--own->count == 0) mtm_root_uncount();
}

/* Whether no root is left in the process. */
bool mtm_no_roots(void);

/* For mtm_process_begin. */
void mtm_roots_forget(void);

#endif
