/* The writers and readers that Lua programs make. Their memory and what they can is
 * core/writer.h and core/reader.h. */
#ifndef MTM_LUA_WRITER_H
#define MTM_LUA_WRITER_H

#include "core/writer.h"
#include "lua/args.h"

struct mtm_lua_writer {
    struct mtm_owned owned;
    struct mtm_writer writer;
    size_t committed; /* bytes up to the last complete call; an error may leave more behind */
};

/* Pushes a new writer. Raises out_of_memory. */
struct mtm_lua_writer *mtm_writer_push(lua_State *L, struct mtm_state *state,
                                       const struct mtm_memory *memory);

#endif
