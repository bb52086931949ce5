/*
 * Owns the proof that each header can be used alone, by a client that looks up one API and
 * defines nothing else. It runs nothing.
 *
 * check.sh compiles it once per API with -DAPI_notify, -DAPI_receiver and so on.
 */
#ifdef __cplusplus
extern "C" {
#endif
#include <lua.h>

#include <lauxlib.h>
#ifdef __cplusplus
}
#endif

#if defined(API_notify)
#define NOTIFY_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/notify_capi.h"
#define LOOK_UP notify_get_capi
#elif defined(API_receiver)
#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/receiver_capi.h"
#define LOOK_UP receiver_get_capi
#elif defined(API_sender)
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/sender_capi.h"
#define LOOK_UP sender_get_capi
#elif defined(API_carray)
#define CARRAY_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/carray_capi.h"
#define LOOK_UP carray_get_capi
#elif defined(API_object)
#define OBJECT_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/object_capi.h"
#define LOOK_UP object_get_capi
#else
#error "which API?"
#endif

#ifdef __cplusplus
extern "C"
#endif
    int
    mtmsg_headers_look_up(lua_State *L);

int mtmsg_headers_look_up(lua_State *L)
{
    int why = 0;
    return LOOK_UP(L, -1, &why) ? 0 : why;
}
