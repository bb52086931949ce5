/* Letting go of what may free more: by a loop instead of recursion, and never in a call that
 * must not wait. What is let go of has a link for that in itself. */
#ifndef MTM_CORE_DROP_H
#define MTM_CORE_DROP_H

#include <stdbool.h>

/* Begins what is to be let go of; owned by whoever lets go, until run is called. */
struct mtm_drop {
    struct mtm_drop *next;
    void (*run)(struct mtm_drop *drop); /* no lock held; may drop others; frees the drop */
};

/* Calls drop->run: at once, or, if this thread is just in such a call, after that. So a chain
 * of any length goes without stack. With `nonblock` nothing is called: the drop is handed on to
 * whoever next drops something, or makes or releases an object, without nonblock. No lock held;
 * blocks as run does. */
void mtm_drop(struct mtm_drop *drop, void (*run)(struct mtm_drop *drop), bool nonblock);

/* Calls what others have handed on. As mtm_drop; costs one load if there is nothing. */
void mtm_drop_handed_on(void);

/* In a forked process: what the parent's calls handed on stays where it is. */
void mtm_drop_forget(void);

#endif
