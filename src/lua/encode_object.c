/* Writes objects to a draft: a buffer, listener or topic, or an object of another module, which
 * the draft's cargo keeps from then on. Which values are objects is known to objects.h. */
#include "core/wire.h"
#include "lua/encode_deep.h"
#include "lua/errors.h"
#include "lua/objects.h"

#include "platform/hidden.h"

static enum mtm_status add_object(struct mtl_deep *deep, const struct mtl_object *object)
{
    struct mtm_cargo **cargo = &deep->draft->cargo;
    if (object->ours) {
        mtm_wire_object(mtl_deep_room(deep, MTM_OBJECT_VALUE), (uint32_t)object->ours->kind,
                        object->ours->id, 0);
        return mtm_cargo_add(cargo, object->ours);
    }
    mtm_wire_object(mtl_deep_room(deep, MTM_OBJECT_VALUE), MTM_FOREIGN, 0, 0);
    return mtm_cargo_add_foreign(cargo, &object->foreign);
}

/* An error that leaves the draft must not leave the objects alive until the next message: the
 * state does not keep it meanwhile, so the collector finds it. */
static void disown_draft(struct mtl_deep *deep)
{
    lua_pushnil(deep->L);
    mtl_keep(deep->L, deep->state, MTL_DRAFT);
    deep->objects = true;
}

bool mtl_deep_put_object(struct mtl_deep *deep)
{
    struct mtl_draft *draft = deep->draft;
    struct mtl_object object;
    bool known;
    if (!mtl_to_object(deep->L, -1, &object)) return false;
    const void *what = object.ours ? (const void *)object.ours : object.foreign.object;
    struct mtl_met *met = mtl_deep_meet(deep, what, &known);
    if (known) {
        mtm_wire_share_object(&mtl_draft_bytes(draft)[met->place]);
        mtm_wire_reference(mtl_deep_room(deep, MTM_REFERENCE_VALUE), MTM_TAG_REFERENCE,
                           draft->objects - met->number);
        return true;
    }
    met->number = draft->objects++;
    met->place = draft->block ? mtl_draft_size(draft) : 0;
    if (!deep->objects) disown_draft(deep);
    enum mtm_status status = add_object(deep, &object);
    if (status != MTM_OK) {
        mtl_draft_give(draft);
        mtl_raise_plain(deep->L, status);
    }
    return true;
}
