/* A set of ids that grows, for a walk that must not come to the same place twice.
 * It belongs to one thread; the first few ids need no allocation. */
#ifndef MTM_CORE_TRAIL_H
#define MTM_CORE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { MTM_TRAIL_FIRST = 32 }; /* a power of two */

struct mtm_trail {
    size_t count, slots;
    uint64_t *slot; /* hash table; 0: free */
    uint64_t first[MTM_TRAIL_FIRST];
};

void mtm_trail_init(struct mtm_trail *trail);
void mtm_trail_fini(struct mtm_trail *trail);

/* id > 0; one that is in already is fine. OK or NOMEM. */
enum mtm_status mtm_trail_add(struct mtm_trail *trail, uint64_t id);

bool mtm_trail_has(const struct mtm_trail *trail, uint64_t id);

#endif
