/*
 * Owns access to the elements of arrays by the number of their type, as old clients know it.
 * It does not know where the arrays come from.
 */
#ifndef TESTS_NATIVE_OLD_ARRAYS_H
#define TESTS_NATIVE_OLD_ARRAYS_H

#include <lua.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

/* X(number, C type) in the order of the numbers */
#define OLD_ARRAY_TYPES(X)                                                                     \
    X(1, unsigned char)                                                                        \
    X(2, signed char)                                                                          \
    X(3, short)                                                                                \
    X(4, unsigned short)                                                                       \
    X(5, int)                                                                                  \
    X(6, unsigned int)                                                                         \
    X(7, long)                                                                                 \
    X(8, unsigned long)                                                                        \
    X(9, float)                                                                                \
    X(10, double)                                                                              \
    X(11, long long)                                                                           \
    X(12, unsigned long long)

static inline int old_is_aligned(int type, const void *data)
{
#define OLD_ALIGNMENT(number, ctype) [number] = alignof(ctype),
    static const size_t alignment[] = {1, OLD_ARRAY_TYPES(OLD_ALIGNMENT)};
    return (uintptr_t)data % alignment[type] == 0;
}

static inline void old_store(int type, void *data, size_t i, lua_Number value)
{
    switch (type) {
#define OLD_STORE(number, ctype)                                                               \
    case number: ((ctype *)data)[i] = (ctype)value; break;
        OLD_ARRAY_TYPES(OLD_STORE)
    }
}

static inline lua_Number old_load(int type, const void *data, size_t i)
{
    switch (type) {
#define OLD_LOAD(number, ctype)                                                                \
    case number: return (lua_Number)((const ctype *)data)[i];
        OLD_ARRAY_TYPES(OLD_LOAD)
    }
    return 0;
}

#endif
