/* Making of segments. It owns no state. */
#include "core/segment.h"

#include <stdint.h>

#include "core/alloc.h"
#include "core/size.h"

#include "platform/hidden.h"

struct mtm_segment *mtm_segment_new(size_t cap)
{
    struct mtm_segment *segment = mtm_alloc(mtm_size_add(sizeof *segment, cap));
    if (!segment) return NULL;
    *segment = (struct mtm_segment){.cap = cap};
    return segment;
}
