/* Waiting for several sources at once. What a source is, and how those who wait for one are
 * woken, is in source.h; what becomes of the message, in receive.h. */
#ifndef MTM_CORE_SELECT_H
#define MTM_CORE_SELECT_H

#include "core/receive.h"

enum { MTM_SELECT_MAX = 64 };

struct mtm_select;

/* A select at one of its sources. */
struct mtm_choice {
    struct mtm_choice *next, *prev; /* guarded by the lock of the source's choices */
    struct mtm_select *select;
    struct mtm_source *source;
    uint32_t aborts;        /* of the source, when the select began */
    enum mtm_status status; /* of the latest look */
    bool joined; /* it has joined the waiters of the source, and is among its choices */
    bool looked;
};

/* One select, on the stack of its thread. */
struct mtm_select {
    mtm_a32 signalled; /* atomic; 1: on its way to look again; what it sleeps on */
    size_t count;
    struct mtm_choice choice[MTM_SELECT_MAX];
};

/* Begins a select without sources. add: one more, of which the caller keeps a reference until
 * the select has ended; the same one twice counts once. At most MTM_SELECT_MAX. */
void mtm_select_init(struct mtm_select *select);
void mtm_select_add(struct mtm_select *select, struct mtm_object *object);

/* Takes the next message of the first source that has one, in the order in which they were
 * added, waiting as `wait` says; its `nonblock` is ignored. *which: the index of the source, in
 * that order, of which the outcome tells, or `count`. OK, GROW, TOO_LARGE: as mtm_receive. No
 * source has a message, and one has ended: CLOSED, ABORTED, NO_BUFFERS; this one, and not in
 * order, also if there are no sources. EMPTY: nothing came in time. BUSY: the same, and a
 * source could not be looked at. */
enum mtm_status mtm_select_receive(struct mtm_select *select, struct mtm_wait *wait,
                                   struct mtm_delivery *delivery, size_t *which);

/* ---- between select.c and source.c; no lock held ---- */

void mtm_choice_enter(struct mtm_choice *choice);
void mtm_choice_leave(struct mtm_choice *choice);

#endif
