/* The loop over the messages of a source. It owns no state: the function that is called each
 * time has the source's decoder and the timeout as upvalues. */
#include "lua/args.h"
#include "lua/classes.h"
#include "lua/receive.h"

#include "platform/hidden.h"

static int next_of_messages(lua_State *L)
{
    struct mtc_handle *handle = mtl_check_any_source(L, 1);
    lua_settop(L, 1);
    if (MTM_UNLIKELY(!mtc_handle_is_live(handle))) return mtl_receive(L, handle, MTL_EACH);
    if (handle->object->kind == MTM_LISTENER) return mtl_each_of_listener(L, handle);
    return mtl_each_short(L, handle);
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
