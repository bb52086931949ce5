/* The library's own file, opened once more and never closed. It owns nothing. */
#include "pin.h"

#include <dlfcn.h>

void mtn_pin(void)
{
    static const char here = 0;
    Dl_info info;
    if (dladdr(&here, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
}
