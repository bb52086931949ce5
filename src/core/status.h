/* Every outcome of a core function and its text, in one table, and the numbers of a put's.
 * How an outcome looks to Lua is decided in that layer. */
#ifndef MTM_CORE_STATUS_H
#define MTM_CORE_STATUS_H

/*  name              text */
#define MTM_STATUS_MAP(X)                                                                      \
    X(OK, "done")                                                                              \
    X(EMPTY, "no message")                                                                     \
    X(BUSY, "another thread is inside an operation")                                           \
    X(FULL, "no room now in a buffer of fixed size")                                           \
    X(TOO_LARGE, "message larger than the fixed size")                                         \
    X(CLOSED, "object closed")                                                                 \
    X(ABORTED, "operation aborted")                                                            \
    X(NOMEM, "out of memory")                                                                  \
    X(NO_BUFFERS, "no buffer connected to the listener")                                       \
    X(UNKNOWN, "no such object")                                                               \
    X(AMBIGUOUS, "more than one object of that name")                                          \
    X(TOO_MANY, "too many references to one object")                                           \
    X(HAS_NOTIFIER, "a notifier is connected already")                                         \
    X(NOTIFIER_FAILED, "the notifier failed")                                                  \
    X(MISPLACED, "no such value may stand there")                                              \
    X(INTERRUPTED, "the caller did not want to wait any longer")                               \
    X(GROW, "the memory given is too small; how much is needed was told")

enum mtm_status {
#define X(name, text) MTM_##name,
    MTM_STATUS_MAP(X)
#undef X
};

/* English text of an outcome, static. */
const char *mtm_status_text(enum mtm_status status);

/* The number by which native code knows the outcome of a put: the result of a notifier, and of
 * the receiver and notify C APIs (include/mtmsg). */
int mtm_put_code(enum mtm_status status);

#endif
