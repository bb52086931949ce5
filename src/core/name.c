/* Making and hashing names, by SipHash-2-4 with a result of 128 bits. It owns the key. */
#include "core/name.h"

#include <string.h>

#include "core/lock.h"
#include "core/object.h"
#include "core/size.h"

#include "platform/hidden.h"

static uint64_t key[2];    /* guarded by key_lock; constant once set */
static mtm_a32 key_is_set; /* atomic, written under key_lock */
static struct mtm_lock key_lock = MTM_LOCK_INIT;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

static void need_key(void)
{
    if (MTM_LIKELY(mtm_load_acq(&key_is_set))) return; /* pairs with the store below */
    uint64_t seed = mtm_plat_seed();
    mtm_process_begin();
    mtm_lock(&key_lock);
    if (!mtm_load_rlx(&key_is_set)) {
        key[0] = mix(seed);
        key[1] = mix(seed + 0x9E3779B97F4A7C15u);
        mtm_store_rel(&key_is_set, 1);
    }
    mtm_unlock(&key_lock);
}

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(struct sip *s, int count)
{
    while (count-- > 0) {
        s->a += s->b;
        s->c += s->d;
        s->b = rotate(s->b, 13) ^ s->a;
        s->d = rotate(s->d, 16) ^ s->c;
        s->a = rotate(s->a, 32);
        s->c += s->b;
        s->a += s->d;
        s->b = rotate(s->b, 17) ^ s->c;
        s->d = rotate(s->d, 21) ^ s->a;
        s->c = rotate(s->c, 32);
    }
}

static void absorb(struct sip *s, uint64_t word)
{
    s->d ^= word;
    rounds(s, 2);
    s->a ^= word;
}

struct mtm_name_hash mtm_name_hash(int kind, const char *bytes, size_t len)
{
    struct mtm_name_hash hash;
    need_key();
    struct sip s = {key[0] ^ 0x736F6D6570736575u, key[1] ^ 0x646F72616E646F6Du ^ 0xEE,
                    key[0] ^ 0x6C7967656E657261u, key[1] ^ 0x7465646279746573u};
    uint64_t word, last = ((uint64_t)len << 2 | (uint64_t)kind) << 56;
    for (; len >= 8; bytes += 8, len -= 8) {
        memcpy(&word, bytes, 8);
        absorb(&s, word);
    }
    while (len-- > 0) last |= (uint64_t)(unsigned char)bytes[len] << 8 * len;
    absorb(&s, last);
    s.c ^= 0xEE;
    rounds(&s, 4);
    hash.word[0] = s.a ^ s.b ^ s.c ^ s.d;
    s.b ^= 0xDD;
    rounds(&s, 4);
    hash.word[1] = s.a ^ s.b ^ s.c ^ s.d;
    return hash;
}

size_t mtm_name_room(size_t size, const char *name, size_t len)
{
    if (!name) return size;
    return mtm_size_add(size + sizeof(struct mtm_name), len);
}

void mtm_name_init(struct mtm_object *object, void *place, const char *bytes, size_t len)
{
    object->name = NULL;
    if (!bytes) return;
    struct mtm_name *name = place;
    *name = (struct mtm_name){.object = object, .len = len};
    name->hash = mtm_name_hash((int)object->kind, bytes, len);
    if (len > 0) memcpy(name->bytes, bytes, len);
    object->name = name;
}
