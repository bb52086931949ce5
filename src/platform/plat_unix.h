/* What the files of the platform layer for Unix systems need of each other; nothing outside of
 * src/platform includes it. plat_unix.c has it, unless a line says otherwise.
 *
 * Of plat.h plat_unix.c has all but these, which the file of a system gives (plat_linux.c; for
 * every other Unix plat_pthread.c): mtm_plat_park, _longest_nap, _unpark_one, _unpark_all,
 * _cpus, _info, and mtm_plat_forget_sleepers of below. plat_signal.c has the descriptors,
 * plat_image.c mtm_plat_pin_image, and plat_debug.c what only tests need. */
#ifndef MTM_PLATFORM_PLAT_UNIX_H
#define MTM_PLATFORM_PLAT_UNIX_H

#include "platform/plat.h"

/* As mtm_plat_park, for where the system refuses to put a thread to sleep until it is woken:
 * sleeps some milliseconds at a time and looks at the word in between, so it needs no unpark.
 * That each unpark follows a change of the word is all that it relies on. */
bool mtm_plat_park_by_looking(const mtm_a32 *addr, uint32_t expected, int64_t deadline);

/* Whether the process handles SIGINT, as an interpreter does that can be interrupted. */
bool mtm_plat_handles_signals(void);

/* In a process that was just forked: nobody is parked, and nobody holds what parking needs. In
 * plat_linux.c and plat_pthread.c. */
void mtm_plat_forget_sleepers(void);

#endif
