/* The C APIs that buffers implement, ready to be stored in their metatable.
 * What each function does is documented in include/mtmsg. */
#ifndef MTC_APIS_H
#define MTC_APIS_H

#include "capi/handle.h"

/* Stores all three in the table on top of the stack. May raise a memory error. */
void mtc_install(lua_State *L);

/* Those that topics implement: Notify and Receiver. */
void mtc_install_topic(lua_State *L);

/* The notifier at that index as a connection of its own, or NULL with the status: UNKNOWN (not
 * a notifier) or NOMEM. May raise errors of the object's own API. */
struct mtm_notifier *mtc_to_notifier(lua_State *L, int index, int64_t threshold,
                                     enum mtm_status *status);

/* Seconds to a time to wait: negative ones are for ever. */
int64_t mtc_timeout(double seconds);

/* The texts of failures go to a handler of the C APIs. */
void mtc_report(struct mtm_failure *failure,
                void (*handler)(void *data, const char *text, size_t len), void *data);

extern const struct notify_capi mtc_notify_capi;
extern const struct receiver_capi mtc_receiver_capi;
extern const struct receiver_capi_2_1 mtc_receiver_capi_2_1;
extern const struct sender_capi mtc_sender_capi;
extern const struct sender_capi_1_1 mtc_sender_capi_1_1;

#endif
