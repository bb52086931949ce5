/* Lists of references, one for each message that has any. It owns the memory of the lists; they
 * grow by pieces, so that an edge stays where it is. */
#include "core/cargo.h"

#include "core/alloc.h"
#include "core/reference.h"

#include "platform/hidden.h"

/* ---- room ---- */

static struct mtm_items *new_items(size_t cap)
{
    if (cap > SIZE_MAX / 2 / sizeof(struct mtm_item)) return NULL;
    struct mtm_items *items = mtm_alloc(sizeof *items + cap * sizeof *items->item);
    if (items) {
        items->next = NULL;
        items->cap = cap;
    }
    return items;
}

static struct mtm_cargo *new_cargo(void)
{
    struct mtm_cargo *cargo = mtm_alloc(sizeof *cargo);
    if (cargo) *cargo = (struct mtm_cargo){.count = 0};
    return cargo;
}

/* The place of the n-th, for which there is room. */
static struct mtm_item *place_of(struct mtm_cargo *cargo, size_t n)
{
    if (n < MTM_FIRST_ITEMS) return &cargo->first[n];
    n -= MTM_FIRST_ITEMS;
    struct mtm_items *items = cargo->more;
    for (; n >= items->cap; items = items->next) n -= items->cap;
    return &items->item[n];
}

/* Room for one more, which comes to be counted by the caller, or free_empty follows; NULL if
 * there is no memory. */
static struct mtm_item *make_room(struct mtm_cargo **cargo)
{
    if (!*cargo) *cargo = new_cargo();
    if (!*cargo) return NULL;
    struct mtm_items **link = &(*cargo)->more;
    size_t cap = MTM_FIRST_ITEMS, room = cap;
    for (; *link; link = &(*link)->next) room += cap = (*link)->cap;
    if ((*cargo)->count < room) return place_of(*cargo, (*cargo)->count);
    *link = new_items(2 * cap);
    return *link ? (*link)->item : NULL;
}

static void free_memory(struct mtm_cargo *cargo)
{
    struct mtm_items *items = cargo->more;
    while (items) {
        struct mtm_items *next = items->next;
        mtm_free(items);
        items = next;
    }
    mtm_free(cargo);
}

static void free_empty(struct mtm_cargo **cargo)
{
    if ((*cargo)->count > 0) return;
    free_memory(*cargo);
    *cargo = NULL;
}

/* ---- adding ---- */

enum mtm_status mtm_cargo_add(struct mtm_cargo **cargo, struct mtm_object *object)
{
    struct mtm_item *item = make_room(cargo);
    if (!item) return MTM_NOMEM;
    if (!mtm_object_is_inherited(object) && !mtm_object_try_retain(object)) {
        free_empty(cargo);
        return MTM_TOO_MANY;
    }
    *item = (struct mtm_item){.object = object};
    ++(*cargo)->count;
    return MTM_OK;
}

enum mtm_status mtm_cargo_add_foreign(struct mtm_cargo **cargo,
                                      const struct mtm_foreign_object *foreign)
{
    struct mtm_item *item = make_room(cargo);
    if (!item) return MTM_NOMEM;
    *item = (struct mtm_item){.foreign = *foreign};
    ++(*cargo)->count;
    foreign->ops->retain(foreign);
    return MTM_OK;
}

const struct mtm_item *mtm_cargo_at(const struct mtm_cargo *cargo, size_t n)
{
    if (!cargo || n >= cargo->count) return NULL;
    return place_of((struct mtm_cargo *)(uintptr_t)cargo, n);
}

static void give_back(struct mtm_item *item, bool linked)
{
    if (!item->object) item->foreign.ops->release(&item->foreign);
    else if (linked) mtm_edge_drop(&item->edge);
    else mtm_object_release(item->object);
}

enum mtm_status mtm_cargo_add_like(struct mtm_cargo **cargo, const struct mtm_item *item)
{
    if (item->object) return mtm_cargo_add(cargo, item->object);
    return mtm_cargo_add_foreign(cargo, &item->foreign);
}

void mtm_cargo_shrink(struct mtm_cargo **cargo, size_t count)
{
    struct mtm_cargo *shrinks = *cargo;
    if (!shrinks) return;
    while (shrinks->count > count) {
        --shrinks->count;
        give_back(place_of(shrinks, shrinks->count), shrinks->count < shrinks->linked);
        if (shrinks->linked > shrinks->count) shrinks->linked = shrinks->count;
    }
    free_empty(cargo);
}

enum mtm_status mtm_cargo_add_all(struct mtm_cargo **cargo, const struct mtm_cargo *from)
{
    const size_t before = *cargo ? (*cargo)->count : 0;
    enum mtm_status status = MTM_OK;
    for (size_t i = 0; from && i < from->count && status == MTM_OK; ++i) {
        status = mtm_cargo_add_like(cargo, mtm_cargo_at(from, i));
    }
    if (status != MTM_OK) mtm_cargo_shrink(cargo, before);
    return status;
}

/* ---- on its way ---- */

static enum mtm_status link(struct mtm_cargo *cargo, struct mtm_item *item, bool nonblock)
{
    if (!item->object) return MTM_OK;
    enum mtm_status status = mtm_reach_prepare(item->object, nonblock);
    if (status != MTM_OK) return status;
    const bool done = mtm_edge_link(&item->edge, item->object, &cargo->bearer, nonblock);
    return done ? MTM_OK : MTM_BUSY;
}

enum mtm_status mtm_cargo_prepare(struct mtm_cargo *cargo, struct mtm_object *holder,
                                  bool nonblock)
{
    enum mtm_status status = mtm_reach_prepare(holder, nonblock);
    while (status == MTM_OK && cargo->linked < cargo->count) {
        status = link(cargo, place_of(cargo, cargo->linked), nonblock);
        if (status == MTM_OK) ++cargo->linked;
    }
    return status;
}

static void drop_items(struct mtm_cargo *cargo, struct mtm_item *item, size_t cap, size_t *n)
{
    for (size_t i = 0; i < cap && *n < cargo->count; ++i, ++*n) {
        give_back(&item[i], *n < cargo->linked);
    }
}

static void drop_all(struct mtm_drop *drop)
{
    struct mtm_cargo *cargo =
        (struct mtm_cargo *)(void *)((char *)drop - offsetof(struct mtm_cargo, drop));
    size_t n = 0;
    drop_items(cargo, cargo->first, MTM_FIRST_ITEMS, &n);
    for (struct mtm_items *items = cargo->more; items; items = items->next) {
        drop_items(cargo, items->item, items->cap, &n);
    }
    free_memory(cargo);
}

/* The buffer in which it was may be gone before we come to the end of this. */
void mtm_cargo_drop(struct mtm_cargo *cargo)
{
    if (!cargo) return;
    mtm_bearer_take_up(&cargo->bearer);
    mtm_drop(&cargo->drop, drop_all, true);
}
