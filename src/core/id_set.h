/* A set of ids that grows, for a walk that must not come to the same place twice.
 * It belongs to one thread; the first few ids need no allocation. */
#ifndef MTM_CORE_ID_SET_H
#define MTM_CORE_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { MTM_ID_SET_FIRST = 32 }; /* a power of two */

struct mtm_id_set {
    size_t count, slots;
    uint64_t *slot; /* hash table; 0: free */
    uint64_t first[MTM_ID_SET_FIRST];
};

void mtm_id_set_init(struct mtm_id_set *set);
void mtm_id_set_fini(struct mtm_id_set *set);

/* id > 0; one that is in already is fine. OK or NOMEM. */
enum mtm_status mtm_id_set_add(struct mtm_id_set *set, uint64_t id);

bool mtm_id_set_has(const struct mtm_id_set *set, uint64_t id);

#endif
