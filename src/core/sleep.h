/* Sleeping without waiting for anything but the abortion of everything.
 * Waiting for messages is in receive.h. */
#ifndef MTM_CORE_SLEEP_H
#define MTM_CORE_SLEEP_H

#include <stdint.h>

#include "core/status.h"

/* Sleep until the deadline; OK, or ABORTED at once when mtm_abort_all is, or comes, in force.
 * Any thread that holds no lock. */
enum mtm_status mtm_sleep_until(int64_t deadline);

/* For mtm_abort_all: before it sets the flag, and after that. */
void mtm_sleep_count_abort(void);
void mtm_sleep_wake_all(void);

#endif
