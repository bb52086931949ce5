/* A hash table with open addressing, at most half full. It owns its slots. */
#include "core/id_set.h"

#include <string.h>

#include "core/alloc.h"
#include "core/size.h"

#include "platform/hidden.h"

void mtm_id_set_init(struct mtm_id_set *set)
{
    set->count = 0;
    set->slots = 0; /* `first` is cleared when it is needed: most walks never do */
    set->slot = set->first;
}

void mtm_id_set_fini(struct mtm_id_set *set)
{
    if (set->slot != set->first) mtm_free(set->slot);
}

/* Where the id is, or should be. */
static size_t find(const uint64_t *slot, size_t slots, uint64_t id)
{
    size_t at = (size_t)(id * 0x9E3779B97F4A7C15u >> 20) & (slots - 1);
    while (slot[at] != 0 && slot[at] != id) at = (at + 1) & (slots - 1);
    return at;
}

static bool grow(struct mtm_id_set *set)
{
    size_t slots = set->slots * 2;
    uint64_t *slot = mtm_alloc(mtm_size_mul(slots, sizeof *slot));
    if (!slot) return false;
    memset(slot, 0, slots * sizeof *slot);
    for (size_t i = 0; i < set->slots; ++i) {
        if (set->slot[i] != 0) slot[find(slot, slots, set->slot[i])] = set->slot[i];
    }
    mtm_id_set_fini(set);
    set->slot = slot;
    set->slots = slots;
    return true;
}

enum mtm_status mtm_id_set_add(struct mtm_id_set *set, uint64_t id)
{
    if (set->slots == 0) {
        memset(set->first, 0, sizeof set->first);
        set->slots = MTM_ID_SET_FIRST;
    }
    if (set->count >= set->slots / 2 && !grow(set)) return MTM_NOMEM;
    size_t at = find(set->slot, set->slots, id);
    if (set->slot[at] == 0) {
        set->slot[at] = id;
        ++set->count;
    }
    return MTM_OK;
}

bool mtm_id_set_has(const struct mtm_id_set *set, uint64_t id)
{
    return set->slots > 0 && set->slot[find(set->slot, set->slots, id)] == id;
}
