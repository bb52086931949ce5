/*
 * Owns the declarations for programs that mtmsg is linked into: opening the module, and using
 * buffers without a Lua state. Programs that use `require`, and modules that use the C APIs
 * alone, don't need it: the shared module shows luaopen_mtmsg and nothing else.
 */
#ifndef MTMSG_MTMSG_H
#define MTMSG_MTMSG_H

#ifndef LUA_VERSION_NUM
#error "include lua.h before this header"
#endif

#include "notify_capi.h"
#include "receiver_capi.h"
#include "sender_capi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pushes the module table. It is what package.preload.mtmsg should be, so that Lua code gets it
 * by `require "mtmsg"`. Every state of the process may have it, in any thread. */
int luaopen_mtmsg(lua_State *L);

/* From now on the state refuses Lua functions in messages, for good: mtmsg.functions(true)
 * raises an error. To be called before any script runs. Only in the thread that runs L; may
 * raise a Lua memory error; the stack stays as it was. */
void mtmsg_refuse_functions(lua_State *L);

/* Whether threads that wait look for a message for up to 50 us before they sleep: not 0, as it
 * is unless the environment has MTMSG_POLLING=0, for short delays; 0 for less processor time.
 * For the whole process, from the next wait on. It is the program's choice, so there is no call
 * for Lua. Any thread; it neither waits nor fails. */
void mtmsg_set_polling(int polls);

/* The APIs of buffers, which they have in Lua states, too. The newer versions; good for the
 * life of the process. Any thread. */
const notify_capi *mtmsg_notify_capi(void);
const receiver_capi_2_1 *mtmsg_receiver_capi(void);
const sender_capi_1_1 *mtmsg_sender_capi(void);

/* Why a look-up gave NULL. */
enum mtmsg_why {
    MTMSG_FOUND = 0,
    MTMSG_UNKNOWN = 1,   /* none has that id or name */
    MTMSG_ABORTED = 2,   /* everything is aborted, by mtmsg.abort() */
    MTMSG_AMBIGUOUS = 3, /* several have that name */
    MTMSG_TOO_MANY = 4   /* it has too many references */
};

/*
 * The buffer (or topic, but for a sender; of one name the buffer) of that id (an integer from 1
 * to 2^53, as Lua tells it) or that name, of len bytes, with one more reference, which the
 * caller gives back by the API: releaseReceiver, releaseSender or releaseNotifier. NULL, and
 * the reason in *why, if there is none; why may be NULL. Closed buffers are found, too. Any
 * thread, with or without a Lua state; they wait for a lock of a few steps at most.
 */
receiver_object *mtmsg_receiver_by_id(double id, enum mtmsg_why *why);
receiver_object *mtmsg_receiver_by_name(const char *name, size_t len, enum mtmsg_why *why);
sender_object *mtmsg_sender_by_id(double id, enum mtmsg_why *why);
sender_object *mtmsg_sender_by_name(const char *name, size_t len, enum mtmsg_why *why);
notify_notifier *mtmsg_notifier_by_id(double id, enum mtmsg_why *why);
notify_notifier *mtmsg_notifier_by_name(const char *name, size_t len, enum mtmsg_why *why);

#ifdef __cplusplus
}
#endif

#endif
