/* Streams as Lua asks for them. It checks options, and owns nothing. */
#include "binding.h"

#include <math.h>
#include <string.h>

#include "stream.h"

enum { SUBJECTS = 64 };

/* connection:newstream{ name=, subjects={...}, ... } */
int mtn_connection_newstream(lua_State *L)
{
    static const char *const names[] = {"name",    "subjects", "maxmsgs", "maxbytes", "maxage",
                                        "storage", "queue",    "discard", NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    const char *subjects[SUBJECTS];
    char text[MTN_TEXT];
    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    mtn_check_names(L, 2, names);
    luaL_checkstack(L, SUBJECTS + 40, "options");
    struct mtn_stream_options o = {
        .name = mtn_text_field(L, 2, "name"),
        .subjects = subjects,
        .most_messages = (int64_t)fmin(mtn_number_field(L, 2, "maxmsgs", 0), 9e15),
        .most_bytes = (int64_t)fmin(mtn_number_field(L, 2, "maxbytes", 0), 9e15),
        .most_age_ns = (int64_t)(fmin(mtn_number_field(L, 2, "maxage", 0), 9e9) * 1e9),
        .is_queue = mtn_flag_field(L, 2, "queue")};
    const char *storage = mtn_text_field(L, 2, "storage"),
               *discard = mtn_text_field(L, 2, "discard");
    if (!o.name) return luaL_error(L, "bad option 'name' (string expected, got nil)");
    if (storage && strcmp(storage, "file") != 0 && strcmp(storage, "memory") != 0)
        return luaL_error(L, "bad option 'storage' ('file' or 'memory' expected)");
    if (discard && strcmp(discard, "new") != 0 && strcmp(discard, "old") != 0)
        return luaL_error(L, "bad option 'discard' ('new' or 'old' expected)");
    o.in_memory = storage && *storage == 'm';
    o.drops_old = discard && *discard == 'o';
    lua_getfield(L, 2, "subjects");
    const int list = lua_gettop(L);
    if (!lua_istable(L, list)) return luaL_error(L, "bad option 'subjects' (table expected)");
    for (; o.subject_count < SUBJECTS; ++o.subject_count) {
        lua_rawgeti(L, list, o.subject_count + 1);
        if (lua_type(L, -1) != LUA_TSTRING) break;
        subjects[o.subject_count] = lua_tostring(L, -1);
    }
    const char *why = mtn_stream_add(c->conn, &o, text);
    if (why) return luaL_error(L, "mtmsg.nats: stream '%s': %s", o.name, why);
    return 0;
}
