/* Which process this is in a line of forks, so that what its parent left here in mid-action is
 * told from its own. It knows nothing of objects; what they make of it is in object.h. */
#ifndef MTM_CORE_PROCESS_H
#define MTM_CORE_PROCESS_H

#include "platform/plat.h"

/* A process has the number of its parent + MTM_GENERATION; the first one has 0. It stands in
 * the upper part of an object's flags, of a lock's word, and of others whose lower parts are
 * smaller. */
enum { MTM_GENERATION = 256 };

/* Where a number's difference to mtm_generation has one of these bits, it is that of another
 * process. */
#define MTM_INHERITED (~(uint32_t)(MTM_GENERATION - 1))

/* Both are written only while a forked process has no other thread yet. */
extern MTM_HIDDEN uint32_t mtm_generation;
extern MTM_HIDDEN uint32_t mtm_lock_held; /* the word of a lock that is held: generation + 1 */

/* From the first call on a forked process starts anew: its generation is a new one, and of what
 * is shared by all objects nothing is left. Any thread that holds no lock; cheap. */
void mtm_process_begin(void);

#endif
