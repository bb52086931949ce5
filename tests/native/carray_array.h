/*
 * The arrays of the test module carray, and the carray C API as structs. It knows no Lua
 * values: those are in carray.c, the only file that includes this one. The API's structs are
 * declared here once more and not taken from the project's header: a second declaration keeps
 * the layout honest.
 */
#ifndef CARRAY_ARRAY_H
#define CARRAY_ARRAY_H

#include <lua.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- the binary interface ---------------------------------------------------------------- */

enum element_type {
    UCHAR = 1,
    SCHAR,
    SHORT,
    USHORT,
    INT,
    UINT,
    LONG,
    ULONG,
    FLOAT,
    DOUBLE,
    LLONG,
    ULLONG
};
enum attr { ATTR_DEFAULT = 0, ATTR_READONLY = 1 };

struct info {
    enum element_type elementType;
    enum attr attr;
    size_t elementSize;
    size_t elementCount;
    size_t elementCapacity;
};

typedef struct carray carray;
typedef void (*release_fn)(void *dataRef, size_t elementCount);

struct capi {
    int version_major, version_minor, version_patch;
    void *next_capi;
    carray *(*newCarray)(lua_State *, enum element_type, enum attr, size_t, void **);
    carray *(*newCarrayRef)(lua_State *, enum element_type, enum attr, void *, size_t,
                            release_fn);
    const carray *(*toReadableCarray)(lua_State *, int, struct info *);
    carray *(*toWritableCarray)(lua_State *, int, struct info *);
    void (*retainCarray)(const carray *);
    void (*releaseCarray)(const carray *);
    void *(*getWritableElementPtr)(carray *, size_t, size_t);
    const void *(*getReadableElementPtr)(const carray *, size_t, size_t);
    void *(*resizeCarray)(carray *, size_t, int);
    void *(*insertElements)(carray *, size_t, size_t, int);
    void (*removeElements)(carray *, size_t, size_t, int);
};

/* ---- arrays ------------------------------------------------------------------------------ */

struct carray {
    atomic_size_t refs;
    struct info info;
    unsigned char *data; /* NULL where the capacity is 0 */
    release_fn release;  /* NULL where data is our own */
};

static const struct {
    const char *name;
    size_t size;
} types[] = {{"", 0},
             {"uchar", sizeof(char)},
             {"schar", sizeof(char)},
             {"short", sizeof(short)},
             {"ushort", sizeof(short)},
             {"int", sizeof(int)},
             {"uint", sizeof(int)},
             {"long", sizeof(long)},
             {"ulong", sizeof(long)},
             {"float", sizeof(float)},
             {"double", sizeof(double)},
             {"llong", sizeof(long long)},
             {"ullong", sizeof(long long)}};

enum fault { FAIL_NEW, RAISE_NEW, FAIL_RESIZE, N_FAULTS };
static const char *const fault_names[] = {"new", "raise", "resize", NULL};
static atomic_int faults[N_FAULTS]; /* the how manieth call from now fails; 0: none */
static atomic_int live;             /* arrays that exist in the process */

static int is_fault(enum fault f)
{
    int n = atomic_load(&faults[f]);
    while (n > 0 && !atomic_compare_exchange_weak(&faults[f], &n, n - 1)) {
    }
    return n == 1;
}

static carray *array_new(enum element_type type, enum attr attr)
{
    carray *a = calloc(1, sizeof *a);
    if (a) {
        atomic_init(&a->refs, 1);
        a->info.elementType = type;
        a->info.attr = attr;
        a->info.elementSize = types[type].size;
        atomic_fetch_add(&live, 1);
    }
    return a;
}

static int array_reserve(carray *a, size_t count)
{
    size_t size = a->info.elementSize;
    if (count > a->info.elementCapacity) {
        unsigned char *data = count <= SIZE_MAX / size ? realloc(a->data, count * size) : NULL;
        if (!data) return 0;
        a->data = data;
        a->info.elementCapacity = count;
    }
    return 1;
}

static void retain(const carray *a)
{
    atomic_fetch_add_explicit(&((carray *)(uintptr_t)a)->refs, 1, memory_order_relaxed);
}

static void release(const carray *array)
{
    carray *a = (carray *)(uintptr_t)array; /* the count is not part of what const protects */
    if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1) return;
    if (a->release) a->release(a->data, a->info.elementCount);
    else free(a->data);
    free(a);
    atomic_fetch_sub(&live, 1);
}

static void *element_ptr(const carray *a, size_t offset, size_t count)
{
    size_t n = a->info.elementCount;
    if (offset > n || count > n - offset || !a->data) return NULL;
    return a->data + offset * a->info.elementSize;
}

static void *get_writable(carray *a, size_t offset, size_t count)
{
    return a->info.attr == ATTR_READONLY ? NULL : element_ptr(a, offset, count);
}

static const void *get_readable(const carray *a, size_t offset, size_t count)
{
    return element_ptr(a, offset, count);
}

static void *resize(carray *a, size_t count, int reserve)
{
    size_t old = a->info.elementCount;
    (void)reserve;
    if (a->info.attr == ATTR_READONLY || a->release || is_fault(FAIL_RESIZE) ||
        !array_reserve(a, count))
        return NULL;
    if (count > old)
        memset(a->data + old * a->info.elementSize, 0, (count - old) * a->info.elementSize);
    a->info.elementCount = count;
    return count ? a->data : NULL;
}

static void *insert(carray *a, size_t offset, size_t count, int reserve)
{
    size_t old = a->info.elementCount, size = a->info.elementSize;
    if (offset > old || count > SIZE_MAX - old || !resize(a, old + count, reserve)) return NULL;
    memmove(a->data + (offset + count) * size, a->data + offset * size, (old - offset) * size);
    return a->data + offset * size;
}

static void removing(carray *a, size_t offset, size_t count, int reserve)
{
    size_t old = a->info.elementCount, size = a->info.elementSize;
    (void)reserve;
    if (a->info.attr == ATTR_READONLY || a->release || offset > old || count > old - offset ||
        !count)
        return;
    memmove(a->data + offset * size, a->data + (offset + count) * size,
            (old - offset - count) * size);
    a->info.elementCount = old - count;
}

#endif
