/* Making and hashing names, by SipHash-2-4 with a result of 128 bits. It owns the key. */
#include "core/name.h"

#include <string.h>

#include "core/alloc.h"
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

static inline void turn(struct sip *s)
{
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

static inline void absorb(struct sip *s, uint64_t word)
{
    s->d ^= word;
    turn(s);
    turn(s);
    s->a ^= word;
}

static inline uint64_t give(struct sip *s)
{
    turn(s);
    turn(s);
    turn(s);
    turn(s);
    return s->a ^ s->b ^ s->c ^ s->d;
}

/* Up to 7 bytes: each has its place in the word. */
static uint64_t rest_of(const char *bytes, size_t len)
{
    uint64_t rest = 0;
    uint32_t four;
    uint16_t two;
    unsigned shift = 0;
    if (len & 4) {
        memcpy(&four, bytes, 4);
        rest = four;
        shift = 32;
        bytes += 4;
    }
    if (len & 2) {
        memcpy(&two, bytes, 2);
        rest |= (uint64_t)two << shift;
        shift += 16;
        bytes += 2;
    }
    if (len & 1) rest |= (uint64_t)(unsigned char)*bytes << shift;
    return rest;
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
    absorb(&s, last | rest_of(bytes, len));
    s.c ^= 0xEE;
    hash.word[0] = give(&s);
    s.b ^= 0xDD;
    hash.word[1] = give(&s);
    return hash;
}

void *mtm_named_alloc(size_t size, const char *name, size_t len)
{
    const size_t before = name ? sizeof(struct mtm_name) : 0;
    char *block = mtm_alloc(mtm_size_add(before + size, name ? len : 0));
    return block ? block + before : NULL;
}

void mtm_named_init(struct mtm_object *object, size_t size, const char *name, size_t len)
{
    object->name = NULL;
    if (!name) return;
    struct mtm_name *made = (struct mtm_name *)(void *)object - 1;
    *made = (struct mtm_name){.len = len, .bytes = (char *)object + size};
    made->hash = mtm_name_hash((int)object->kind, name, len);
    if (len > 0) memcpy(made->bytes, name, len);
    object->name = made;
}

void mtm_named_free(struct mtm_object *object)
{
    mtm_free(object->name ? (void *)object->name : (void *)object);
}
