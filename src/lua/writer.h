/* The writers that Lua programs make. Their memory and what they can do is core/writer.h. */
#ifndef MTL_WRITER_H
#define MTL_WRITER_H

#include "core/writer.h"
#include "lua/args.h"

/* Pushes a new writer. Raises out_of_memory. */
struct mtm_writer *mtl_writer_push(lua_State *L, struct mtc_state *state,
                                   const struct mtl_memory *memory);

/* A writer for more values than the scratch memory holds, with the values first..last of the
 * stack in it. It is pushed, so that Lua frees it if an error is raised; mtl_owned_fini does it
 * sooner. Raises what can't be encoded, and out_of_memory. */
struct mtm_writer *mtl_writer_push_encoded(lua_State *L, struct mtc_state *state, int first,
                                           int last);

#endif
