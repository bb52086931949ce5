/*
 * Owns the module "counted": functions of C through which a Lua function is called, so that
 * callgrind can count the instructions of that call alone. It counts nothing itself.
 */
#include "support.h"

static volatile int latest; /* makes the functions differ, lest the compiler merges them */

/* counted.f(function): calls it, as the function count_f. What comes after the call keeps it
 * from becoming a jump. */
#define COUNT(number, name)                                                                    \
    static __attribute__((noinline)) void count_##name(lua_State *L)                           \
    {                                                                                          \
        lua_call(L, 0, 0);                                                                     \
        latest = number;                                                                       \
    }                                                                                          \
    static int counted_##name(lua_State *L)                                                    \
    {                                                                                          \
        lua_settop(L, 1);                                                                      \
        count_##name(L);                                                                       \
        return 0;                                                                              \
    }

COUNT(1, few_names)
COUNT(2, many_names)
COUNT(3, few_ids)
COUNT(4, many_ids)
COUNT(5, few_members)
COUNT(6, many_members)

EXPORT int luaopen_counted(lua_State *L);

int luaopen_counted(lua_State *L)
{
    static const luaL_Reg module[] = {{"few_names", counted_few_names},
                                      {"many_names", counted_many_names},
                                      {"few_ids", counted_few_ids},
                                      {"many_ids", counted_many_ids},
                                      {"few_members", counted_few_members},
                                      {"many_members", counted_many_members},
                                      {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
