/* Sleeping without waiting for anything but the abortion of everything.
 * Waiting for messages is in receive.h. */
#ifndef MTM_CORE_SLEEP_H
#define MTM_CORE_SLEEP_H

#include "core/wait.h"

/* Sleep until the deadline; OK, or ABORTED at once when mtm_abort_all is, or comes, in force;
 * or INTERRUPTED. Any thread that holds no lock. */
enum mtm_status mtm_sleep(struct mtm_wait *wait);

/* For mtm_abort_all: before it sets the flag, and after that. */
void mtm_sleep_count_abort(void);
void mtm_sleep_wake_all(void);

#endif
