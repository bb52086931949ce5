/* Why a notifier failed: the text that it gave, or another one. Whom it is told, the callers
 * decide. */
#ifndef MTM_CORE_FAILURE_H
#define MTM_CORE_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

/* Why a notifier failed: a text of the heap, owned by whoever passed the struct in, or NULL if
 * there was no memory for one. Start with {0}; free with mtm_failure_free. */
struct mtm_failure {
    char *text;
    size_t len;
};

void mtm_failure_free(struct mtm_failure *failure);

/* The text to show for a failure: its own one, or a fixed one if it has none. */
const char *mtm_failure_text(const struct mtm_failure *failure, size_t *len);

typedef void (*mtm_error_handler)(void *data, const char *text, size_t len);

/* What an error handler collects during one call: `handle` is one, and takes this as data. */
struct mtm_report {
    struct mtm_failure *failure;
    bool given;
};

void mtm_report_handle(void *report, const char *text, size_t len);

/* The notifier failed with this code, and gave no text. */
void mtm_failure_set_unknown(struct mtm_failure *failure, int rc);

#endif
