/* Streams as Lua asks for them. It checks options, and owns nothing. */
#include "binding.h"

#include <string.h>

#include "stream.h"

/* The list of texts stays on the stack for them. */
static void read_subjects(lua_State *L, struct mtn_stream_options *o)
{
    lua_getfield(L, 2, "subjects");
    const int list = lua_gettop(L);
    if (!lua_istable(L, list)) luaL_error(L, "bad option 'subjects' (table expected)");
    const size_t count = mtn_length(L, list);
    if (count == 0 || count > 1000000)
        luaL_error(L, "bad option 'subjects' (list of strings expected)");
    const char **subjects = lua_newuserdata(L, count * sizeof *subjects);
    for (o->subjects = subjects; (size_t)o->subject_count < count; ++o->subject_count) {
        lua_rawgeti(L, list, o->subject_count + 1);
        subjects[o->subject_count] = mtn_text(L, "subjects");
        lua_pop(L, 1); /* the list has it */
    }
}

/* connection:newstream{ name=, subjects={...}, ... } */
int mtn_connection_newstream(lua_State *L)
{
    static const char *const names[] = {"name",    "subjects", "maxmsgs", "maxbytes", "maxage",
                                        "storage", "queue",    "discard", NULL};
    struct mtn_connection *c = mtn_check_connection(L);
    char text[MTN_TEXT];
    lua_settop(L, 2);
    luaL_checktype(L, 2, LUA_TTABLE);
    mtn_check_names(L, 2, names);
    luaL_checkstack(L, 40, "options");
    struct mtn_stream_options o = {
        .name = mtn_text_field(L, 2, "name"),
        .most_messages = (int64_t)mtn_number_field(L, 2, "maxmsgs", 0, 9e15),
        .most_bytes = (int64_t)mtn_number_field(L, 2, "maxbytes", 0, 9e15),
        .most_age_ns = (int64_t)(mtn_number_field(L, 2, "maxage", 0, 9e9) * 1e9),
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
    read_subjects(L, &o);
    const char *why = mtn_stream_add(c->conn, &o, text);
    if (why) return luaL_error(L, "mtmsg.nats: stream '%s': %s", o.name, why);
    return 0;
}
