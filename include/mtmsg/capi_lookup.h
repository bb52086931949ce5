/*
 * Owns how a C API is stored in a metatable and how it is found there, once for all the APIs.
 * It does not know what any of them can do; clients call the typed functions X_get_capi and
 * X_set_capi of the header of an API, which are built on these two.
 */
#ifndef MTMSG_CAPI_LOOKUP_H
#define MTMSG_CAPI_LOOKUP_H

#ifndef LUA_VERSION_NUM
#error "include lua.h and lauxlib.h before this header"
#endif

#include <stddef.h>
#include <string.h>

/* C of before 1999 has no inline; most of its compilers know it by another name. */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
#define MTMSG_CAPI_INLINE static inline
#elif defined(__GNUC__) || defined(_MSC_VER)
#define MTMSG_CAPI_INLINE static __inline
#else
#define MTMSG_CAPI_INLINE static
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every API struct begins with these members. */
struct mtmsg_capi_head {
    int version_major;
    int version_minor;
    int version_patch;
    void *next_capi;
};

/* The length of the block of a full userdata; Lua 5.1 and LuaJIT have another name for it. */
MTMSG_CAPI_INLINE size_t mtmsg_capi_block_size(lua_State *L, int index)
{
#if LUA_VERSION_NUM < 502
    return lua_objlen(L, index);
#else
    return (size_t)lua_rawlen(L, index);
#endif
}

/* The first API of the chain that a client made for version major.minor can use, or NULL. */
MTMSG_CAPI_INLINE const void *mtmsg_capi_choose(const void *capi, int major, int minor)
{
    while (capi) {
        struct mtmsg_capi_head head;
        memcpy(&head, capi, sizeof head); /* the object is of another struct type */
        if (head.version_major == major && head.version_minor >= minor) {
            break;
        }
        capi = head.next_capi;
    }
    return capi;
}

/*
 * Looks for the API with that key in the metatable of the value at index. The value may be of
 * any type; a table or userdata with a metatable is the usual one. Returns the API, or NULL
 * with the reason in *errorReason: 1 there is one, but of no compatible version; 2 there is
 * none. On success *errorReason becomes 0. errorReason may be NULL. Only in the thread that
 * runs L. Uses two stack slots and leaves the stack as it was.
 */
MTMSG_CAPI_INLINE const void *mtmsg_capi_find(lua_State *L, int index, const char *key,
                                              int major, int minor, int *errorReason)
{
    const void *capi = NULL;
    int reason = 2;
    if (luaL_getmetafield(L, index, key)) {
        const char *block = (const char *)lua_touserdata(L, -1);
        size_t keySize = strlen(key) + 1;
        if (block && mtmsg_capi_block_size(L, -1) >= sizeof(void *) + keySize &&
            memcmp(block + sizeof(void *), key, keySize) == 0) {
            memcpy(&capi, block, sizeof(void *));
            capi = mtmsg_capi_choose(capi, major, minor);
            reason = capi ? 0 : 1;
        }
        lua_pop(L, 1); /* the metatable keeps the block */
    }
    if (errorReason) {
        *errorReason = reason;
    }
    return capi;
}

/*
 * Stores the API under that key in the table at index, which is meant to be a metatable. The
 * struct is referenced, not copied: it and its code must live as long as any object that has
 * the metatable, so it is static as a rule.
 * Only in the thread that runs L. May raise a Lua memory error. Uses two stack slots.
 */
MTMSG_CAPI_INLINE void mtmsg_capi_store(lua_State *L, int index, const char *key,
                                        const void *capi)
{
    size_t keySize = strlen(key) + 1;
    char *block;
    lua_pushstring(L, key);
    block = (char *)lua_newuserdata(L, sizeof(void *) + keySize);
    memcpy(block, &capi, sizeof(void *));
    memcpy(block + sizeof(void *), key, keySize);
    lua_rawset(L, (index < 0 && index > LUA_REGISTRYINDEX) ? index - 2 : index);
}

#ifdef __cplusplus
}
#endif

#endif
