/* The references that a message owns: to objects that are among its values, ours and those of
 * other modules. The message's sender brings the memory; whatever becomes of the message, they
 * are given back when nobody needs it any more. */
#ifndef MTM_CORE_CARGO_H
#define MTM_CORE_CARGO_H

#include "core/drop.h"
#include "core/reach.h"

/* How to deal with an object of another module. Any thread; retain and release are called
 * without a lock. */
struct mtm_foreign_ops {
    void (*retain)(const void *api, void *object);
    void (*release)(const void *api, void *object);
};

/* One reference. */
struct mtm_item {
    struct mtm_edge edge;              /* if it is one of ours: object is its target, too */
    struct mtm_object *object;         /* one of ours, or NULL */
    const struct mtm_foreign_ops *ops; /* else: */
    const void *api;
    void *foreign;
};

struct mtm_cargo {
    struct mtm_drop drop; /* owned by whoever lets go of it */
    size_t count, cap;
    bool sealed; /* its edges are linked: no more can be added */
    struct mtm_item item[];
};

/* Each adds a reference of its own, to an object to which the caller has one, and says at which
 * place; *cargo may be NULL, and may move. OK, NOMEM, TOO_MANY. No lock held. */
enum mtm_status mtm_cargo_add(struct mtm_cargo **cargo, struct mtm_object *object,
                              size_t *place);
enum mtm_status mtm_cargo_add_foreign(struct mtm_cargo **cargo,
                                      const struct mtm_foreign_ops *ops, const void *api,
                                      void *object, size_t *place);

/* What is at that place, or NULL if there is no such place. Borrowed. */
const struct mtm_item *mtm_cargo_at(const struct mtm_cargo *cargo, size_t place);

/* The message goes into a buffer, to which the caller has a reference: from now on that holds
 * the objects. With nonblock, and others at work, nothing happens: false. No lock held. */
bool mtm_cargo_board(struct mtm_cargo *cargo, struct mtm_object *holder, bool nonblock);

/* It has been taken out, or was not put: the caller holds them again. Never blocks. */
void mtm_cargo_unboard(struct mtm_cargo *cargo);

/* Gives all references back, and frees the cargo: hands it on, to be called under a lock, too;
 * mtm_drop_handed_on, when none is held, does it. NULL is fine. Never blocks. */
void mtm_cargo_drop(struct mtm_cargo *cargo);

#endif
