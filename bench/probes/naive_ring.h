/* The bytes of the naive queue: a growable ring of messages, and messages as tags with values.
 * It knows nothing of threads. */
#ifndef BENCH_NAIVE_RING_H
#define BENCH_NAIVE_RING_H

#include "probe.h"

#include <stdlib.h>
#include <string.h>

struct ring {
    char *bytes;
    size_t cap, head, tail;
    size_t end; /* of the messages before the wrap; 0 if nothing has wrapped */
    size_t count;
};

/* ---- the ring: a message is never split, it begins anew at the start where the end is too
 * near ---- */

static inline int ring_grow(struct ring *ring, size_t need)
{
    const size_t upper = (ring->end ? ring->end : ring->tail) - ring->head;
    const size_t lower = ring->end ? ring->tail : 0;
    size_t cap = ring->cap ? 2 * ring->cap : 1024;
    while (cap < upper + lower + need) cap *= 2;
    char *bytes = malloc(cap);
    if (!bytes) return 0;
    if (ring->count > 0) {
        memcpy(bytes, ring->bytes + ring->head, upper);
        memcpy(bytes + upper, ring->bytes, lower);
    }
    free(ring->bytes);
    *ring =
        (struct ring){.bytes = bytes, .cap = cap, .tail = upper + lower, .count = ring->count};
    return 1;
}

/* Where the next message of that size goes, or NULL. */
static inline char *ring_reserve(struct ring *ring, size_t need)
{
    if (ring->count == 0) ring->head = ring->tail = ring->end = 0;
    if (!ring->end) {
        if (ring->cap - ring->tail >= need) return ring->bytes + ring->tail;
        if (ring->head >= need) {
            ring->end = ring->tail;
            ring->tail = 0;
            return ring->bytes;
        }
    } else if (ring->head - ring->tail >= need) {
        return ring->bytes + ring->tail;
    }
    return ring_grow(ring, need) ? ring->bytes + ring->tail : NULL;
}

static inline void ring_drop(struct ring *ring, size_t size)
{
    --ring->count;
    ring->head += size;
    if (ring->end && ring->head == ring->end) ring->head = ring->end = 0;
}

/* ---- messages: a header, then tags with values ---- */

struct header {
    size_t size; /* bytes, with the header */
    int values;
};

enum tag { NIL, BOOLEAN, INTEGER, NUMBER, STRING };

static inline char *put(char *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static inline const char *get(const char *from, void *to, size_t size)
{
    memcpy(to, from, size);
    return from + size;
}

static inline size_t size_of(lua_State *L, int top)
{
    size_t size = sizeof(struct header);
    for (int i = 2; i <= top; ++i) {
        switch (lua_type(L, i)) {
            case LUA_TNIL: size += 1; break;
            case LUA_TBOOLEAN: size += 2; break;
            case LUA_TNUMBER: size += 9; break;
            case LUA_TSTRING: size += 1 + sizeof(size_t) + mtc_rawlen(L, i); break;
            default: luaL_argerror(L, i, "parameter type not supported");
        }
    }
    return size;
}

static inline char *encode_number(lua_State *L, int index, char *to)
{
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index)) {
        lua_Integer integer = lua_tointeger(L, index);
        *to++ = INTEGER;
        return put(to, &integer, sizeof integer);
    }
#endif
    lua_Number number = lua_tonumber(L, index);
    *to++ = NUMBER;
    return put(to, &number, sizeof number);
}

static inline char *encode(lua_State *L, int index, char *to)
{
    switch (lua_type(L, index)) {
        case LUA_TNIL: *to++ = NIL; return to;
        case LUA_TBOOLEAN:
            *to++ = BOOLEAN;
            *to++ = (char)lua_toboolean(L, index);
            return to;
        case LUA_TNUMBER: return encode_number(L, index, to);
        default: {
            size_t len;
            const char *text = lua_tolstring(L, index, &len);
            *to++ = STRING;
            return put(put(to, &len, sizeof len), text, len);
        }
    }
}

static inline const char *decode(lua_State *L, const char *from)
{
    lua_Integer integer;
    lua_Number number;
    size_t len;
    switch ((enum tag) * from++) {
        case NIL: lua_pushnil(L); return from;
        case BOOLEAN: lua_pushboolean(L, *from++); return from;
        case INTEGER:
            from = get(from, &integer, sizeof integer);
            lua_pushinteger(L, integer);
            return from;
        case NUMBER:
            from = get(from, &number, sizeof number);
            lua_pushnumber(L, number);
            return from;
        default:
            from = get(from, &len, sizeof len);
            lua_pushlstring(L, from, len);
            return from + len;
    }
}

#endif
