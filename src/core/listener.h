/* A listener: serves the buffers connected to it round robin, by a queue of those that have
 * messages. It owns buffers without outside references that have messages left to drain; others
 * it only knows. */
#ifndef MTM_CORE_LISTENER_H
#define MTM_CORE_LISTENER_H

#include "core/buffer.h"
#include "core/receive.h"
#include "core/wire.h"

enum { MTM_WARM = 8 }; /* drained buffers that need not give up memory yet */

struct mtm_listener {
    union {                       /* a listener is a source, and a source is an object */
        struct mtm_object object; /* its lock guards what is not atomic here */
        struct mtm_source source;
    };
    struct mtm_spin spin; /* of those who wait */
    mtm_a32 taken;        /* atomic, written under lock: messages, for spin */
    _Atomic(struct mtm_buffer *) newly_ready; /* atomic: stack of buffers that became ready */
    _Atomic(struct mtm_buffer *) knocked; /* atomic: stack of bells at which somebody knocked */
    _Atomic(struct mtm_buffer *)
        deferred;        /* atomic: stack of buffers whose hold could not be given back */
    mtm_asize turns;     /* atomic: numbers for the places in the ready queue */
    mtm_asize nready;    /* atomic, written under lock: length of the ready queue */
    mtm_asize connected; /* atomic, written under lock: buffers that are not parted */
    mtm_asize members;   /* atomic, written under lock: all of them */
    struct mtm_buffer *ready_first, *ready_last;
    struct mtm_buffer *member_first, *member_last;
    struct mtm_buffer *warm[MTM_WARM]; /* drained lately, and may keep memory for later */
    unsigned next_warm;                /* where the next one goes, modulo MTM_WARM */
    mtm_a32 any_warm;                  /* atomic, written under lock: 0: none of them */
};

/* Unless stated otherwise: any thread that has a reference and holds no lock. */

/* OK, NOMEM, ABORTED. *out has a root. name as in mtm_buffer_options. */
enum mtm_status mtm_listener_new(const char *name, size_t name_len, struct mtm_listener **out);

/* The open listener of that name (*created is false), or a new one; no two threads make two.
 * Also TOO_MANY, AMBIGUOUS (several open ones have the name). */
enum mtm_status mtm_listener_find_or_new(const char *name, size_t name_len,
                                         struct mtm_listener **out, bool *created);

/* How far one who takes a word may go. */
enum mtm_taker {
    MTM_TAKER_WAITS,        /* for locks, to free what was left to drain */
    MTM_TAKER_NONBLOCK,     /* waits for nobody */
    MTM_TAKER_FREES_NOTHING /* nor must anything be freed: it is left where that might be */
};

/* The common case of receiving: takes the first message if it is a single value, a byte or a
 * word, and is_plain_word (or NULL) says yes, of the buffer whose id is *id; nobody else is at
 * work there, and its removal need not be told. False: nothing has changed but the order of
 * what became ready. Never waits for a message. */
bool mtm_listener_take_word(struct mtm_listener *listener,
                            bool (*is_plain_word)(struct mtm_word word), enum mtm_taker taker,
                            struct mtm_word *word, uint64_t *id);

/* Throws away the messages of all buffers. OK, CLOSED, or BUSY (some of them were busy;
 * nonblock only). */
enum mtm_status mtm_listener_clear(struct mtm_listener *listener, bool nonblock);

/* Closes the listener and its buffers. */
void mtm_listener_close(struct mtm_listener *listener);

/* Finishes its buffers, and refuses new ones; when they have been drained, receives get CLOSED.
 */
void mtm_listener_finish(struct mtm_listener *listener);

/* Aborts (or re-enables) the listener and its buffers. */
void mtm_listener_abort(struct mtm_listener *listener, bool flag);

/* ---- for buffer.c, object.c and receive.c ---- */

/* The new buffer becomes a member. OK, CLOSED, ABORTED. */
enum mtm_status mtm_listener_join(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* A member that nobody can use any more leaves. Lock held. */
void mtm_listener_leave(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* A member that is finished and drained leaves, as far as those who receive are concerned: true
 * if it does now; then announce must follow. Lock held; exact, because whoever puts a message
 * back lets it rejoin after that (no lock held). */
bool mtm_listener_part(struct mtm_listener *listener, struct mtm_buffer *buffer);
void mtm_listener_rejoin(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* After a member has left: if it was the last one, those who wait learn that. No lock held. */
void mtm_listener_announce(struct mtm_listener *listener);

/* The buffer takes over the listener's own abortion, or that it is not aborted. Lock held.
 * True: announce must follow. */
bool mtm_listener_adopt(struct mtm_listener *listener, struct mtm_buffer *buffer);

/* Gives back the hold on a buffer; frees it if it was left to drain and is empty now. */
void mtm_listener_let_go(struct mtm_listener *listener, struct mtm_buffer *buffer,
                         bool nonblock);

/* Goes from *buffer (NULL: none yet) to the member after it, or NULL: that one is held, and the
 * hold on the first given back. False if the lock could not be had without waiting. No lock
 * held. */
bool mtm_listener_step(struct mtm_listener *listener, struct mtm_buffer **buffer,
                       bool nonblock);

/* ---- between members.c, listener_take.c and listener.c ---- */

/* Gives back the holds that others could not; returns what must be freed. Lock held. free_dead:
 * frees it. No lock held. */
struct mtm_buffer *mtm_listener_collect_deferred(struct mtm_listener *listener);
void mtm_listener_free_dead(struct mtm_buffer *dead);

/* A buffer has been drained: may keep what it has for later, or (soon) what will come back of
 * its last message, instead of the one that is returned, which is held, for mtm_listener_cool,
 * or, unless may_cool, not at all. Lock held. */
struct mtm_buffer *mtm_listener_warm(struct mtm_listener *listener, struct mtm_buffer *buffer,
                                     bool soon, bool may_cool);

/* Whether warm, not soon, may return one. Lock held. */
bool mtm_listener_may_cool(const struct mtm_listener *listener,
                           const struct mtm_buffer *buffer);

/* A member leaves. Lock held. */
void mtm_listener_forget(struct mtm_listener *listener, const struct mtm_buffer *buffer);

/* It gives up what it keeps, and is let go. No lock held. */
void mtm_listener_cool(struct mtm_listener *listener, struct mtm_buffer *buffer, bool nonblock);

/* The listener as a source: see source.h. */
enum mtm_status mtm_listener_look(struct mtm_source *source, struct mtm_wait *wait,
                                  struct mtm_delivery *delivery);
size_t mtm_listener_waiting(const struct mtm_source *source);
bool mtm_listener_join_waiters(struct mtm_source *source, struct mtm_wait *wait);
uint32_t mtm_listener_taken(const struct mtm_source *source);
struct mtm_spin *mtm_listener_spin(struct mtm_source *source);
void mtm_listener_rest(struct mtm_source *source, bool nonblock);
bool mtm_listener_is_warm(const struct mtm_source *source);
struct mtm_lock *mtm_listener_lock(struct mtm_source *source);

#endif
