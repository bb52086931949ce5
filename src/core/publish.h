/* Publishing: putting one message into every buffer that has subscribed to a topic. Who the
 * subscribers are is in topic.h, how one message gets into one buffer in send.h. */
#ifndef MTM_CORE_PUBLISH_H
#define MTM_CORE_PUBLISH_H

#include "core/topic.h"
#include "core/writer.h"

/* Who gets a message, and what is to be called then. */
struct mtm_target {
    struct mtm_buffer *buffer;     /* a reference; NULL: given back already */
    struct mtm_notifier *notifier; /* with a reference, for mtm_notify; or NULL */
    bool busy;                     /* its locks could not be had at once */
    bool full;                     /* its room is waited for */
};

enum { MTM_FEW_TARGETS = 32 };

/* All who got one message. It belongs to the call that publishes, and stays where it is. */
struct mtm_targets {
    struct mtm_target few[MTM_FEW_TARGETS], *at;
    size_t count, rung;      /* those before have been asked for by mtm_targets_ring */
    struct mtm_lines *lines; /* in which the message still waits for room; NULL: nowhere */
};

/* What has become of a message; where it is waited for, once mtm_targets_ring has no more. */
struct mtm_published {
    size_t taken;   /* subscribers that have it */
    size_t refused; /* that were full or busy, for which it is too large, or memory was short */
    bool interrupted; /* the caller did not want to wait any longer */
};

/* Any thread that has a reference to the topic and holds no lock. They wait for who is
 * publishing, and for locks; with `nonblock` they don't, but return BUSY instead. */

/* Puts the message into every subscriber that is open (replace: in place of what is there); a
 * large one is stored once. It does not wait for room, and for who is suspended in one of their
 * buffers at most 10 ms, so a slow subscriber holds up nobody. OK: mtm_targets_ring as long as
 * it gives something, and at last mtm_targets_free, must follow. CLOSED (or finished), ABORTED,
 * NOMEM, BUSY: nobody has it. */
enum mtm_status mtm_topic_put(struct mtm_topic *topic, const struct mtm_message *message,
                              bool replace, bool nonblock, struct mtm_targets *targets,
                              struct mtm_published *published);

/* The short way, which mtm_topic_add tries, and who calls the others may try first: done, if
 * the topic keeps no message, has one subscriber, and nothing is in the way of this one, which
 * is short; false: nothing was done. Never waits. */
bool mtm_topic_add_to_only_one(struct mtm_topic *topic, const struct mtm_message *message,
                               bool nonblock, struct mtm_published *published);

/* As mtm_topic_put, but those that are full are waited for, as `wait` says, in line with all
 * others who wait for them; with the order of the topic. Those that had no room in time count
 * as refused. A subscriber that drops its oldest messages is never waited for. OK: the message
 * has been copied, and the waiting is done by mtm_targets_ring, to which `wait` and `published`
 * belong until that is over. */
enum mtm_status mtm_topic_put_wait(struct mtm_topic *topic, const struct mtm_message *message,
                                   struct mtm_wait *wait, struct mtm_targets *targets,
                                   struct mtm_published *published);

/* The next one whose notifier is to be called: by the caller, who takes it over. Those that
 * have the message come first, and those that are waited for when they have got it. NULL: none
 * is left, and nothing is waited for. */
struct mtm_target *mtm_targets_ring(struct mtm_targets *targets);

/* Gives back the references. Nothing else of it is needed any more. */
void mtm_targets_free(struct mtm_targets *targets);

/* Both: calls all notifiers. OK or NOTIFIER_FAILED: the first failure is told. */
enum mtm_status mtm_targets_notify(struct mtm_targets *targets, bool nonblock,
                                   struct mtm_failure *failure);

/* As put, and calls the notifiers. NOTIFIER_FAILED: of one subscriber, whose failure is told if
 * it is the first; all are called, and all have the message that are counted. */
enum mtm_status mtm_topic_add(struct mtm_topic *topic, const struct mtm_message *message,
                              bool replace, bool nonblock, struct mtm_published *published,
                              struct mtm_failure *failure);

/* As put of the writer's values: if OK the writer is empty. */
enum mtm_status mtm_writer_put_to_topic(struct mtm_writer *writer, struct mtm_topic *topic,
                                        bool replace, bool nonblock,
                                        struct mtm_targets *targets,
                                        struct mtm_published *published);
enum mtm_status mtm_writer_put_to_topic_wait(struct mtm_writer *writer, struct mtm_topic *topic,
                                             struct mtm_wait *wait, struct mtm_targets *targets,
                                             struct mtm_published *published);

#endif
