/* The texts of the outcomes. It owns nothing else. */
#include "core/status.h"

#include <stddef.h>

#include "platform/hidden.h"

const char *mtm_status_text(enum mtm_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        MTM_STATUS_MAP(X)
#undef X
    };
    return (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "unknown status";
}
