/* Owns the two sources of memory that can be made to fail: that of the core, and that of Lua
 * states. It counts what is asked for and what is not given back, for one thread. */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

#include <stdbool.h>
#include <stdlib.h>

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/alloc.h"

struct source {
    long requests; /* since it was armed; those that only shrink a block can't fail */
    long first;    /* number of the request that fails; 0: not armed */
    long last;     /* of the last one that fails */
    long failed;
    long blocks; /* not given back */
    size_t bytes;
};

static struct source of_core, of_lua;

static void source_arm(struct source *s, long first, long count)
{
    s->requests = s->failed = 0;
    s->first = first;
    s->last = first + count - 1;
}

static bool source_refuses(struct source *s)
{
    if (s->first == 0) return false;
    ++s->requests;
    if (s->requests < s->first || s->requests > s->last) return false;
    ++s->failed;
    return true;
}

/* ---- the core's ---- */

static void *core_alloc(size_t size)
{
    void *block = source_refuses(&of_core) ? NULL : malloc(size);
    of_core.blocks += block != NULL;
    return block;
}

static void *core_resize(void *old, size_t size)
{
    void *block = source_refuses(&of_core) ? NULL : realloc(old, size);
    of_core.blocks += block && !old;
    return block;
}

static void core_free(void *block)
{
    --of_core.blocks;
    free(block);
}

static const struct mtm_allocator core_source = {core_alloc, core_resize, core_free};

/* ---- Lua's ---- */

/* What is beneath the counting: a state may bring an allocator of its own. */
struct beneath {
    lua_Alloc alloc;
    void *data;
    size_t before; /* bytes that other states have */
};

static void *lua_ask(void *data, void *old, size_t old_size, size_t size)
{
    struct beneath *b = data;
    if (!old) old_size = 0; /* it is a type then */
    if (size > old_size && source_refuses(&of_lua)) return NULL;
    void *block = b->alloc(b->data, old, old_size, size);
    if (block || size == 0) {
        of_lua.blocks += (block != NULL) - (old != NULL);
        of_lua.bytes += size - old_size;
    }
    return block;
}

static void *plain_alloc(void *data, void *old, size_t old_size, size_t size)
{
    (void)data, (void)old_size;
    if (size > 0) return realloc(old, size);
    free(old);
    return NULL;
}

#if LUA_VERSION_NUM >= 505
#define STATE_NEW(alloc, data) lua_newstate(alloc, data, 1)
#else
#define STATE_NEW(alloc, data) lua_newstate(alloc, data)
#endif

/* A LuaJIT whose pointers have 32 bits insists on an allocator of its own, which then stays
 * beneath. NULL if there is no memory. */
static lua_State *memory_state_new(struct beneath *b)
{
    *b = (struct beneath){plain_alloc, NULL, of_lua.bytes};
    lua_State *L = STATE_NEW(lua_ask, b);
    if (L) return L;
    L = luaL_newstate();
    if (!L) return NULL;
    b->alloc = lua_getallocf(L, &b->data);
    lua_setallocf(L, lua_ask, b);
    return L;
}

/* LuaJIT itself loses a few bytes where memory fails, so those of its states don't count; and
 * an allocator of its own frees what it has as a whole, if the state finds it in its place. */
static void memory_state_close(lua_State *L, struct beneath *b)
{
    if (b->alloc != plain_alloc) lua_setallocf(L, b->alloc, b->data);
    lua_close(L);
#ifdef LUA_JITLIBNAME
    of_lua.bytes = b->before;
#endif
}

#endif
