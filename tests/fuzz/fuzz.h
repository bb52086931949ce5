/* What the fuzz targets share: choices read from the input, a clock that leaps over every wait,
 * and memory that is counted and runs out on demand. It knows nothing of what is tested. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/abort_all.h"
#include "core/reference.h"
#include "core/registry.h"
#include "core/sleep.h"
#include "platform/plat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition, ...)                                                             \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition);            \
            fprintf(stderr, __VA_ARGS__);                                                      \
            fputc('\n', stderr);                                                               \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

/* ---- choices: an input that is used up gives zeros ---- */

struct fuzz_input {
    const uint8_t *at, *end;
};

static inline unsigned fuzz_byte(struct fuzz_input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static inline bool fuzz_is_over(const struct fuzz_input *in)
{
    return in->at == in->end;
}

/* 0 .. n - 1 */
static inline unsigned fuzz_pick(struct fuzz_input *in, unsigned n)
{
    unsigned choice = fuzz_byte(in);
    if (n > 256) choice = choice << 8 | fuzz_byte(in);
    return choice % n;
}

static inline uint64_t fuzz_word(struct fuzz_input *in)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8 | fuzz_byte(in);
    return word;
}

static inline double fuzz_double(struct fuzz_input *in)
{
    uint64_t word = fuzz_word(in);
    double number;
    memcpy(&number, &word, sizeof number);
    return number;
}

/* ---- time: nobody sleeps ---- */

#define FUZZ_EPOCH INT64_C(1000000000)
#define FUZZ_FAR INT64_C(1000000000000000000)

static int64_t fuzz_clock = FUZZ_EPOCH;
static bool fuzz_gave_up; /* a wait without an end was ended by aborting everything */

int64_t __wrap_mtm_plat_now(void);
bool __wrap_mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline);
int64_t __wrap_mtm_plat_longest_nap(void);

/* There are no signals. */
int64_t __wrap_mtm_plat_longest_nap(void)
{
    return MTM_FOREVER;
}

int64_t __wrap_mtm_plat_now(void)
{
    return fuzz_clock += 1000;
}

/* There is one thread only, so what it waits for will never come. */
bool __wrap_mtm_plat_park(mtm_a32 *addr, uint32_t expected, int64_t deadline)
{
    if (mtm_load_acq(addr) != expected) return true;
    if (deadline >= FUZZ_FAR) {
        FUZZ_CHECK(!fuzz_gave_up, "a wait goes on though everything is aborted");
        fuzz_gave_up = true;
        mtm_abort_all(true);
        return true;
    }
    if (fuzz_clock < deadline) fuzz_clock = deadline;
    return false;
}

/* After each call of the library. */
static inline void fuzz_go_on(void)
{
    if (fuzz_gave_up) mtm_abort_all(false);
    fuzz_gave_up = false;
}

/* ---- memory ---- */

enum { FUZZ_MEMORY = 16 << 20, FUZZ_REQUEST = 1 << 20 };

static size_t fuzz_blocks, fuzz_bytes; /* in use by the library */
static unsigned fuzz_fail_in;          /* this request from now on fails; 0: none */
static unsigned fuzz_failed;           /* requests that failed */

static inline bool fuzz_refuses(size_t size)
{
    bool refused = size > FUZZ_REQUEST || fuzz_bytes + size > FUZZ_MEMORY ||
                   (fuzz_fail_in > 0 && --fuzz_fail_in == 0);
    fuzz_failed += refused;
    return refused;
}

static void *fuzz_count(void *ptr)
{
    if (ptr) ++fuzz_blocks;
    fuzz_bytes += malloc_usable_size(ptr);
    return ptr;
}

static void fuzz_uncount(void *ptr)
{
    if (ptr) --fuzz_blocks;
    fuzz_bytes -= malloc_usable_size(ptr);
}

static void *fuzz_alloc(size_t size)
{
    return fuzz_refuses(size) ? NULL : fuzz_count(malloc(size));
}

static void *fuzz_resize(void *ptr, size_t size)
{
    if (fuzz_refuses(size)) return NULL;
    fuzz_uncount(ptr);
    return fuzz_count(realloc(ptr, size));
}

static void fuzz_free(void *ptr)
{
    fuzz_uncount(ptr);
    free(ptr);
}

/* At the beginning of each input. */
static inline void fuzz_begin(struct fuzz_input *in, const uint8_t *data, size_t size)
{
    static const struct mtm_allocator allocator = {fuzz_alloc, fuzz_resize, fuzz_free};
    *in = (struct fuzz_input){data, data + size};
    mtm_alloc_use(&allocator);
    fuzz_clock = FUZZ_EPOCH;
    fuzz_fail_in = 0;
    fuzz_go_on();
}

/* At the end, when everything has been given back. */
static inline void fuzz_end(void)
{
    mtm_abort_all(false);
    FUZZ_CHECK(fuzz_blocks == 0, "%zu blocks are left", fuzz_blocks);
}

#endif
