/* Texts of failures, in memory of their own. It owns no state. */
#include "core/failure.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"

#include "platform/hidden.h"

void mtm_failure_free(struct mtm_failure *failure)
{
    mtm_free(failure->text);
    *failure = (struct mtm_failure){0};
}

const char *mtm_failure_text(const struct mtm_failure *failure, size_t *len)
{
    static const char no_text[] = "Error while calling notifier: out of memory";
    *len = failure->text ? failure->len : sizeof no_text - 1;
    return failure->text ? failure->text : no_text;
}

static void set_text(struct mtm_failure *failure, const char *prefix, const char *text,
                     size_t len)
{
    const size_t prefix_len = strlen(prefix);
    mtm_failure_free(failure);
    if (len > SIZE_MAX - prefix_len) return;
    failure->text = mtm_alloc(prefix_len + len + 1);
    if (!failure->text) return;
    memcpy(failure->text, prefix, prefix_len);
    if (len > 0) memcpy(failure->text + prefix_len, text, len);
    failure->len = prefix_len + len;
    failure->text[failure->len] = '\0';
}

void mtm_report_handle(void *data, const char *text, size_t len)
{
    struct mtm_report *report = data;
    report->given = true;
    set_text(report->failure, "Error while calling notifier: ", text ? text : "",
             text ? len : 0);
}

void mtm_failure_set_unknown(struct mtm_failure *failure, int rc)
{
    char number[24];
    int len = snprintf(number, sizeof number, "%d)", rc);
    set_text(failure, "Unknown error while calling notifier. (rc=", number, (size_t)len);
}
