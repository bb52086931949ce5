/* Waiting for room in a buffer that has bounds: who waits stands in line, and whoever makes
 * room puts the message in on their behalf. What a put is made of is in send.h; bounds are in
 * bound.h. */
#ifndef MTM_CORE_ROOM_H
#define MTM_CORE_ROOM_H

#include "core/send.h"

/* One who waits, on its own stack; it stays until it has been told. */
struct mtm_place {
    struct mtm_place *next, *prev; /* guarded by both locks, as `status` and `notifier` are */
    struct mtm_put *put;
    enum mtm_status status; /* out */
    mtm_a32 told; /* atomic: 1: `status` and the put are final, and whoever waited may go */
};

/* The line in front of a buffer. Both locks are held where it is changed; one is enough to look
 * whether anybody is there. */
struct mtm_room {
    struct mtm_place *first, *last;
    mtm_asize waiting;    /* atomic, written under both locks: how many */
    struct mtm_spin spin; /* of those who poll before they stand in line */
};

/* Puts a message, waiting for room as `wait` says; in the order in which they came, for those
 * who sleep. As mtm_buffer_put, and FULL or BUSY: there was no room in time. Where the oldest
 * messages make room it does not wait. */
enum mtm_status mtm_buffer_put_wait(struct mtm_buffer *buffer,
                                    const struct mtm_message *message, struct mtm_wait *wait,
                                    struct mtm_notifier **notifier);

/* The same with a writer's values: once they are in, the writer is empty. */
enum mtm_status mtm_writer_put_wait(struct mtm_writer *writer, struct mtm_buffer *buffer,
                                    struct mtm_wait *wait, struct mtm_notifier **notifier);

/* The same in two steps, for who stands in several lines at once: enter makes one attempt, and
 * then takes a place in line (FULL); wait waits there as put->wait says, and gives the outcome.
 * The place begins as {.put = put}; put.wait may be changed in between. No lock held. */
enum mtm_status mtm_room_enter(struct mtm_put *put, struct mtm_place *place);
enum mtm_status mtm_room_wait(struct mtm_put *put, struct mtm_place *place);

/* How many threads wait in line. Any thread, never blocks. */
size_t mtm_room_waiting(const struct mtm_buffer *buffer);

/* ---- for those who change what is in a buffer, or its state ---- */

/* Whether anybody waits. One of the locks held. */
static inline bool mtm_room_is_wanted(const struct mtm_buffer *buffer)
{
    return buffer->room && buffer->room->first;
}

/* Both locks held, after room was made or a state flag was set: puts in the messages of those
 * who wait, in their order, as long as they fit, and tells them; all of them, if the state says
 * so. True: something was put in, and mtm_room_announce must follow when no lock is held. */
bool mtm_room_serve(struct mtm_buffer *buffer);
void mtm_room_announce(struct mtm_buffer *buffer);

#endif
