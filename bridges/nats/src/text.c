/* UTF-8, checked in one pass. It owns nothing. */
#include "text.h"

#include <stdint.h>
#include <string.h>

/* How many bytes follow the first one of a character; 0: it is no such byte. */
static size_t rest_of(unsigned char first)
{
    if (first >= 0xC2 && first <= 0xDF) return 1;
    if (first >= 0xE0 && first <= 0xEF) return 2;
    return first >= 0xF0 && first <= 0xF4 ? 3 : 0;
}

static bool is_character(const unsigned char *at, size_t rest)
{
    if (at[0] == 0xE0 && at[1] < 0xA0) return false;
    if (at[0] == 0xED && at[1] > 0x9F) return false;
    if (at[0] == 0xF0 && at[1] < 0x90) return false;
    if (at[0] == 0xF4 && at[1] > 0x8F) return false;
    for (size_t i = 1; i <= rest; ++i) {
        if ((at[i] & 0xC0) != 0x80) return false;
    }
    return true;
}

/* Eight bytes of ASCII. */
static bool is_plain(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

bool mtn_is_text(const char *bytes, size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t i = 0;
    if (len >= 8 && is_plain(at + len - 8)) { /* most are, from one end to the other */
        while (i < len - 8 && is_plain(at + i)) i += 8;
        if (i >= len - 8) return true;
    }
    while (i < len) {
        if (len - i >= 8 && is_plain(at + i)) {
            i += 8;
            continue;
        }
        if (at[i] < 0x80) {
            ++i;
            continue;
        }
        const size_t rest = rest_of(at[i]);
        if (rest == 0 || rest >= len - i || !is_character(at + i, rest)) return false;
        i += 1 + rest;
    }
    return true;
}
