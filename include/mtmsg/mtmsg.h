/*
 * Owns the declaration of the function that opens the module, for programs that are linked with
 * it. Programs that use `require`, and modules that use the C APIs alone, don't need it.
 */
#ifndef MTMSG_MTMSG_H
#define MTMSG_MTMSG_H

#ifndef LUA_VERSION_NUM
#error "include lua.h before this header"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Pushes the module table. It is what package.preload.mtmsg should be, so that Lua code gets it
 * by `require "mtmsg"`. Every state of the process may have it, in any thread. */
int luaopen_mtmsg(lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
