/* Whether bytes are text, in UTF-8. */
#ifndef MTN_TEXT_H
#define MTN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* No overlong forms, no surrogates, nothing above U+10FFFF. */
bool mtn_is_text(const char *bytes, size_t len);

#endif
