/* Holds a received message while its values are read one after the other.
 * It belongs to one thread at a time; it receives by receive.h. */
#ifndef MTM_CORE_READER_H
#define MTM_CORE_READER_H

#include "core/receive.h"
#include "core/wire.h"

struct mtm_reader {
    struct mtm_block *own;         /* memory to which small messages are copied, or NULL */
    struct mtm_block *other;       /* a large message came in this block, or NULL */
    const unsigned char *at, *end; /* the values not read yet */
    size_t initial;                /* constant, as grow and fixed: bytes of memory at first */
    double grow;
    bool fixed;
};

/* Allocates at once if the size was given (or is fixed). OK or NOMEM; fini is allowed in both
 * cases. */
enum mtm_status mtm_reader_init(struct mtm_reader *reader, size_t size, bool sized,
                                double grow);
void mtm_reader_fini(struct mtm_reader *reader);

/* Forgets the values, and keeps the memory. */
void mtm_reader_clear(struct mtm_reader *reader);

/* The next message of the object, in place of what the reader had, which is gone whatever the
 * outcome. As mtm_receive, but never GROW: NOMEM; and after TOO_LARGE *need says how large the
 * message is. NOTIFIER_FAILED: the reader has the message. */
enum mtm_status mtm_reader_receive(struct mtm_reader *reader, struct mtm_object *object,
                                   struct mtm_wait *wait, size_t *need,
                                   struct mtm_failure *failure);

/* The same without calling the notifier: OK: mtm_delivery_take_notifier, and at last
 * mtm_delivery_done, must follow. */
enum mtm_status mtm_reader_take(struct mtm_reader *reader, struct mtm_object *object,
                                struct mtm_wait *wait, size_t *need, struct mtm_delivery *in);

/* Whether values are left. */
static inline bool mtm_reader_has_more(const struct mtm_reader *reader)
{
    return reader->at != reader->end;
}

/* The next value, or END. Pointers in it stay valid until the reader is cleared, freed, or
 * receives. */
static inline enum mtm_tag mtm_reader_next(struct mtm_reader *reader, struct mtm_value *out)
{
    return mtm_wire_read(&reader->at, reader->end, out);
}

/* As next; the elements of an array are aligned for their type. They are moved over their
 * header, which has been read: who uses this must not read the value a second time. */
enum mtm_tag mtm_reader_next_aligned(struct mtm_reader *reader, struct mtm_value *out);

#endif
