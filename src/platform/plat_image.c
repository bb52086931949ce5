/* Pinning images: programs, shared libraries, DLLs. It owns a small memory of what is pinned
 * already, which is true until the process ends. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _NETBSD_SOURCE
#define __EXTENSIONS__

#include "platform/plat.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include "platform/hidden.h"

/* An image begins and ends with a page, and none is smaller. Where two pages share a place the
 * system is asked each time that they take turns. */
enum { PAGE_BITS = 12, PLACES = 256 };

static _Atomic uintptr_t pinned_page[PLACES];

/* False: the address is in no image. */
#if defined(_WIN32)
static bool keep_image(const void *address)
{
    HMODULE image;
    return GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN |
                                  GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                              address, &image) != 0;
}
#else
#if !defined(RTLD_NOLOAD)
#define RTLD_NOLOAD 0
#endif
#if !defined(RTLD_NODELETE)
#define RTLD_NODELETE 0
#endif

/* By one more handle, which is never given back. One that is not found by its name is the
 * program itself, which stays anyway. */
static bool keep_image(const void *address)
{
    Dl_info image;
    if (!dladdr(address, &image) || !image.dli_fname) return false;
    void *handle = dlopen(image.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    (void)handle;
    return true;
}
#endif

void mtm_plat_pin_image(const void *address)
{
    const uintptr_t page = (uintptr_t)address >> PAGE_BITS;
    _Atomic uintptr_t *place = &pinned_page[page % PLACES];
    if (MTM_LIKELY(mtm_load_rlx(place) == page)) return;
    MTM_ASSERT_UNLOCKED();
    if (keep_image(address)) mtm_store_rlx(place, page);
}
