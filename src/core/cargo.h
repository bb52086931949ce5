/* The references that a message owns: to objects that are among its values, ours and those of
 * other modules. The n-th value that is an object is the n-th of them. The message's sender
 * brings the memory; whatever becomes of the message, they are given back when nobody needs it
 * any more. */
#ifndef MTM_CORE_CARGO_H
#define MTM_CORE_CARGO_H

#include "core/drop.h"
#include "core/reach.h"
#include "core/status.h"

struct mtm_foreign_object;

/* How to deal with an object of another module. Any thread; called without a lock. */
struct mtm_foreign_ops {
    void (*retain)(const struct mtm_foreign_object *foreign);
    void (*release)(const struct mtm_foreign_object *foreign);
};

/* Functions of that module, of types that only ops, and who pushes it, know. */
struct mtm_foreign_object {
    const struct mtm_foreign_ops *ops;
    void (*retain)(void);
    void (*release)(void);
    void (*push)(void);
    void *object;
};

/* One reference. */
struct mtm_item {
    struct mtm_object *object; /* one of ours, or NULL */
    union {
        struct mtm_edge edge; /* if it is one of ours: its reference, once it is linked */
        struct mtm_foreign_object foreign; /* else */
    };
};

struct mtm_items {
    struct mtm_items *next; /* twice as many */
    size_t cap;
    struct mtm_item item[];
};

enum { MTM_FIRST_ITEMS = 2 };

/* It belongs to one thread at a time, and is never empty: where there are no references there
 * is no cargo. */
struct mtm_cargo {
    struct mtm_drop drop;     /* owned by whoever lets go of it */
    struct mtm_bearer bearer; /* of its edges */
    size_t count;
    size_t linked; /* the first ones are edges; the others are plain references */
    struct mtm_items *more;
    struct mtm_item first[MTM_FIRST_ITEMS];
};

/* Each adds a reference of its own, to an object to which the caller has one; *cargo may be
 * NULL. OK, or NOMEM, TOO_MANY: then nothing has changed. No lock held. */
enum mtm_status mtm_cargo_add(struct mtm_cargo **cargo, struct mtm_object *object);
enum mtm_status mtm_cargo_add_foreign(struct mtm_cargo **cargo,
                                      const struct mtm_foreign_object *foreign);

/* Adds what another message has, which the caller has in hand; as the other two. shrink: gives
 * back the last ones, down to so many, of a cargo or of none (NULL), which it is without any.
 */
enum mtm_status mtm_cargo_add_like(struct mtm_cargo **cargo, const struct mtm_item *item);
void mtm_cargo_shrink(struct mtm_cargo **cargo, size_t count);

/* Adds all that is in `from`, which the caller has in hand. As add: all or none. */
enum mtm_status mtm_cargo_add_all(struct mtm_cargo **cargo, const struct mtm_cargo *from);

/* The n-th, from 0, or NULL if there are not so many. Borrowed. */
const struct mtm_item *mtm_cargo_at(const struct mtm_cargo *cargo, size_t n);

/* Before a put: the message is about to go to this object, to which the caller has a reference
 * as long as it may be there. OK, NOMEM, or BUSY: with nonblock, while others are at work. Then
 * lay_down; and take_up if the put fails. No lock held. */
enum mtm_status mtm_cargo_prepare(struct mtm_cargo *cargo, struct mtm_object *holder,
                                  bool nonblock);

/* Gives all references back, and frees the cargo: hands it on, to be called under a lock, too;
 * mtm_drop_handed_on, when none is held, does it. NULL is fine. Never blocks. */
void mtm_cargo_drop(struct mtm_cargo *cargo);

#endif
