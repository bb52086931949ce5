/* Lists of references, one for each message that has any. It owns no state. */
#include "core/cargo.h"

#include "core/alloc.h"
#include "core/growth.h"
#include "core/reference.h"

#include "platform/hidden.h"

enum { FIRST_ITEMS = 2, LINKED_AT_ONCE = 64 };

/* Room for one more, or NULL. */
static struct mtm_item *make_room(struct mtm_cargo **cargo)
{
    struct mtm_cargo *old = *cargo;
    const size_t most = (SIZE_MAX - sizeof *old) / sizeof(struct mtm_item);
    if (!old || old->count == old->cap) {
        size_t cap = old ? mtm_grown(old->cap, 2, old->cap + 1) : FIRST_ITEMS;
        struct mtm_cargo *larger = NULL;
        if (cap <= most) larger = mtm_resize(old, sizeof *old + cap * sizeof(struct mtm_item));
        if (!larger) return NULL;
        if (!old) *larger = (struct mtm_cargo){0};
        larger->cap = cap;
        *cargo = larger;
    }
    return &(*cargo)->item[(*cargo)->count];
}

enum mtm_status mtm_cargo_add(struct mtm_cargo **cargo, struct mtm_object *object,
                              size_t *place)
{
    enum mtm_status status = mtm_reach_prepare(object);
    struct mtm_item *item = status == MTM_OK ? make_room(cargo) : NULL;
    if (!item) return MTM_NOMEM;
    if (!mtm_object_try_retain(object)) return MTM_TOO_MANY;
    *item = (struct mtm_item){.object = object};
    *place = (*cargo)->count++;
    return MTM_OK;
}

enum mtm_status mtm_cargo_add_foreign(struct mtm_cargo **cargo,
                                      const struct mtm_foreign_ops *ops, const void *api,
                                      void *object, size_t *place)
{
    struct mtm_item *item = make_room(cargo);
    if (!item) return MTM_NOMEM;
    *item = (struct mtm_item){.ops = ops, .api = api, .foreign = object};
    *place = (*cargo)->count++;
    ops->retain(api, object);
    return MTM_OK;
}

const struct mtm_item *mtm_cargo_at(const struct mtm_cargo *cargo, size_t place)
{
    return cargo && place < cargo->count ? &cargo->item[place] : NULL;
}

/* The references become edges. */
static bool seal(struct mtm_cargo *cargo, bool nonblock)
{
    struct mtm_edge *edges[LINKED_AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i <= cargo->count; ++i) {
        if (count == LINKED_AT_ONCE || (i == cargo->count && count > 0)) {
            if (!mtm_edges_link(edges, count, nonblock)) return false;
            count = 0;
            nonblock = false; /* what was begun is finished */
        }
        if (i == cargo->count || !cargo->item[i].object) continue;
        cargo->item[i].edge.target = cargo->item[i].object;
        edges[count++] = &cargo->item[i].edge;
    }
    cargo->sealed = true;
    return true;
}

static void pass(struct mtm_cargo *cargo, struct mtm_object *holder)
{
    for (size_t i = 0; i < cargo->count; ++i) {
        if (cargo->item[i].object) mtm_edge_pass(&cargo->item[i].edge, holder);
    }
}

bool mtm_cargo_board(struct mtm_cargo *cargo, struct mtm_object *holder, bool nonblock)
{
    if (!cargo->sealed && !seal(cargo, nonblock)) return false;
    pass(cargo, holder);
    return true;
}

void mtm_cargo_unboard(struct mtm_cargo *cargo)
{
    if (cargo->sealed) pass(cargo, NULL);
}

static void give_back(struct mtm_item *item, bool sealed)
{
    if (!item->object) item->ops->release(item->api, item->foreign);
    else if (sealed) mtm_edge_drop(&item->edge);
    else mtm_object_release(item->object);
}

static void drop_all(struct mtm_drop *drop)
{
    struct mtm_cargo *cargo =
        (struct mtm_cargo *)(void *)((char *)drop - offsetof(struct mtm_cargo, drop));
    for (size_t i = 0; i < cargo->count; ++i) give_back(&cargo->item[i], cargo->sealed);
    mtm_free(cargo);
}

/* The buffer in which it was may be gone before we come to the end of this. */
void mtm_cargo_drop(struct mtm_cargo *cargo)
{
    if (!cargo) return;
    mtm_cargo_unboard(cargo);
    mtm_drop(&cargo->drop, drop_all, true);
}
