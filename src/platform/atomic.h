/* Short names for the C11 atomic operations that the library uses, one per memory order that it
 * needs. It owns no data; which operation pairs with which is written where it is used. */
#ifndef MTM_PLATFORM_ATOMIC_H
#define MTM_PLATFORM_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint32_t mtm_a32; /* the only type that a thread can park on */
typedef atomic_size_t mtm_asize;

#define mtm_load_rlx(p) atomic_load_explicit((p), memory_order_relaxed)
#define mtm_load_acq(p) atomic_load_explicit((p), memory_order_acquire)
#define mtm_load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)

#define mtm_store_rlx(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define mtm_store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define mtm_store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

/* Each returns the old value. */
#define mtm_swap_acq(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define mtm_swap_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_release)
#define mtm_swap_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define mtm_swap_seq(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define mtm_add_rlx(p, n) atomic_fetch_add_explicit((p), (n), memory_order_relaxed)
#define mtm_add_seq(p, n) atomic_fetch_add_explicit((p), (n), memory_order_seq_cst)
#define mtm_sub_seq(p, n) atomic_fetch_sub_explicit((p), (n), memory_order_seq_cst)
#define mtm_sub_acq_rel(p, n) atomic_fetch_sub_explicit((p), (n), memory_order_acq_rel)
#define mtm_or_acq_rel(p, n) atomic_fetch_or_explicit((p), (n), memory_order_acq_rel)
#define mtm_and_acq_rel(p, n) atomic_fetch_and_explicit((p), (n), memory_order_acq_rel)

/* True if *p was *old and is now v; else *old is what was there. */
#define mtm_cas_acq(p, old, v)                                                                 \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_acquire,             \
                                            memory_order_relaxed)
#define mtm_cas_acq_rel(p, old, v)                                                             \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_acq_rel,             \
                                            memory_order_acquire)
#define mtm_cas_rlx(p, old, v)                                                                 \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_relaxed,             \
                                            memory_order_relaxed)
#define mtm_cas_seq(p, old, v)                                                                 \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_seq_cst,             \
                                            memory_order_seq_cst)

/* ThreadSanitizer does not know fences: to it, and on the processor that runs it, an operation
 * on a word of one's own does the same. */
#if defined(__SANITIZE_THREAD__)
#define MTM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MTM_TSAN 1
#endif
#endif
#if defined(MTM_TSAN)
static inline void mtm_fence_seq(void)
{
    mtm_a32 own = 0;
    mtm_add_seq(&own, 1);
}
#else
#define mtm_fence_seq() atomic_thread_fence(memory_order_seq_cst)
#endif

#if defined(MTM_HELGRIND)
#include "platform/atomic_helgrind.h"
#endif

#endif
