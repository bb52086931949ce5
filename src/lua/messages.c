/* The loop over the messages of a source. It owns no state: the function that is called each
 * time has the source's decoder and the timeout as upvalues. */
#include "lua/args.h"
#include "lua/receive.h"

#include "platform/hidden.h"

static int next_of_messages(lua_State *L)
{
    return mtl_receive(L, mtl_check_any_source(L, 1), MTL_EACH);
}

int mtl_push_messages(lua_State *L)
{
    if (!lua_isnoneornil(L, 2)) mtl_check_timeout(L, 2, "timeout seconds expected");
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 2);
    lua_pushcclosure(L, next_of_messages, 2);
    lua_insert(L, 1);
    return 2;
}
