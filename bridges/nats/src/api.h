/* The C APIs of mtmsg that the bridge uses, and no more of it. */
#ifndef MTN_API_H
#define MTN_API_H

#include <lua.h>

#include <lauxlib.h>

#define RECEIVER_CAPI_IMPLEMENT_GET_CAPI
#define SENDER_CAPI_IMPLEMENT_GET_CAPI
#include "mtmsg/receiver_capi.h"
#include "mtmsg/sender_capi.h"

#endif
