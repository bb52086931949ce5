/* The texts and numbers of the outcomes. It owns nothing else. */
#include "core/status.h"

#include <stddef.h>

#include "platform/plat.h"

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

int mtm_put_code(enum mtm_status status)
{
    switch (status) {
        case MTM_OK: return 0;
        case MTM_CLOSED: return 1;
        case MTM_ABORTED: return 2;
        case MTM_BUSY: return 3;
        case MTM_FULL: return 4;
        case MTM_TOO_LARGE: return 5;
        case MTM_NOTIFIER_FAILED: return 999;
        case MTM_NOMEM: return 6;
        case MTM_EMPTY:
        case MTM_NO_BUFFERS:
        case MTM_UNKNOWN:
        case MTM_AMBIGUOUS:
        case MTM_TOO_MANY:
        case MTM_HAS_NOTIFIER:
        case MTM_MISPLACED:
        case MTM_INTERRUPTED:
        case MTM_GROW: break;
    }
    MTM_ASSERT(false); /* no result of a put */
    return 6;
}
