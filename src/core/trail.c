/* A hash table with open addressing, at most half full. It owns its slots. */
#include "core/trail.h"

#include <string.h>

#include "core/alloc.h"

#include "platform/hidden.h"

void mtm_trail_init(struct mtm_trail *trail)
{
    trail->count = 0;
    trail->slots = 0; /* `first` is cleared when it is needed: most walks never do */
    trail->slot = trail->first;
}

void mtm_trail_fini(struct mtm_trail *trail)
{
    if (trail->slot != trail->first) mtm_free(trail->slot);
}

/* Where the id is, or should be. */
static size_t find(const uint64_t *slot, size_t slots, uint64_t id)
{
    size_t at = (size_t)(id * 0x9E3779B97F4A7C15u >> 20) & (slots - 1);
    while (slot[at] != 0 && slot[at] != id) at = (at + 1) & (slots - 1);
    return at;
}

static bool grow(struct mtm_trail *trail)
{
    size_t slots = trail->slots * 2;
    uint64_t *slot = slots <= SIZE_MAX / sizeof *slot ? mtm_alloc(slots * sizeof *slot) : NULL;
    if (!slot) return false;
    memset(slot, 0, slots * sizeof *slot);
    for (size_t i = 0; i < trail->slots; ++i) {
        if (trail->slot[i] != 0) slot[find(slot, slots, trail->slot[i])] = trail->slot[i];
    }
    mtm_trail_fini(trail);
    trail->slot = slot;
    trail->slots = slots;
    return true;
}

enum mtm_status mtm_trail_add(struct mtm_trail *trail, uint64_t id)
{
    if (trail->slots == 0) {
        memset(trail->first, 0, sizeof trail->first);
        trail->slots = MTM_TRAIL_FIRST;
    }
    if (trail->count >= trail->slots / 2 && !grow(trail)) return MTM_NOMEM;
    size_t at = find(trail->slot, trail->slots, id);
    if (trail->slot[at] == 0) {
        trail->slot[at] = id;
        ++trail->count;
    }
    return MTM_OK;
}

bool mtm_trail_has(const struct mtm_trail *trail, uint64_t id)
{
    return trail->slots > 0 && trail->slot[find(trail->slot, trail->slots, id)] == id;
}
