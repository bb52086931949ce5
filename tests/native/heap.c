/*
 * Owns the module "heap": how much memory the process uses, and how much the machine has left.
 * It allocates nothing itself and judges nothing.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* heap.in_use() -> bytes that malloc has given out and not got back, or nil if it cannot tell
 */
static int heap_in_use(lua_State *L)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();
    if (info.uordblks + info.hblkhd == 0) return 0; /* a sanitizer's malloc */
    lua_pushnumber(L, (lua_Number)(info.uordblks + info.hblkhd));
    return 1;
#else
    (void)L;
    return 0;
#endif
}

/* heap.trim(): malloc returns to the system what it can */
static int heap_trim(lua_State *L)
{
    (void)L;
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
    return 0;
}

static long page_size(void)
{
#if defined(_WIN32)
    return 4096;
#else
    return sysconf(_SC_PAGESIZE);
#endif
}

/* heap.resident() -> bytes of the process that are in memory, or nil */
static int heap_resident(lua_State *L)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    int found = file && fscanf(file, "%*u %lu", &pages) == 1;
    if (file) fclose(file);
    if (!found) return 0;
    lua_pushnumber(L, (lua_Number)pages * (lua_Number)page_size());
    return 1;
}

/* heap.available() -> bytes that the machine can give without swapping, or nil */
static int heap_available(lua_State *L)
{
    char line[128];
    unsigned long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %lu", &kilobytes) == 1) break;
    }
    fclose(file);
    if (kilobytes == 0) return 0;
    lua_pushnumber(L, (lua_Number)kilobytes * 1024);
    return 1;
}

EXPORT int luaopen_heap(lua_State *L);

int luaopen_heap(lua_State *L)
{
    static const luaL_Reg module[] = {{"in_use", heap_in_use},
                                      {"trim", heap_trim},
                                      {"resident", heap_resident},
                                      {"available", heap_available},
                                      {NULL, NULL}};
    lua_newtable(L);
    support_functions(L, module);
    return 1;
}
