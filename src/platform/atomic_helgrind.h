/* For the build that runs under valgrind's helgrind, which knows the synchronization of
 * pthreads and not that of atomics: each operation of atomic.h again, with what it orders told
 * to the tool. It changes nothing that the operations do. */
#ifndef MTM_PLATFORM_ATOMIC_HELGRIND_H
#define MTM_PLATFORM_ATOMIC_HELGRIND_H

#if __has_include(<valgrind/helgrind.h>)

#include <stddef.h>
#include <valgrind/helgrind.h>

/* An atomic word may be accessed by all at once: that is no race. */
static inline void mtm_hg_is_atomic(const volatile void *word, size_t size)
{
    VALGRIND_HG_DISABLE_CHECKING(word, size);
}

static inline void mtm_hg_release(const volatile void *word)
{
    ANNOTATE_HAPPENS_BEFORE(word);
}

static inline void mtm_hg_acquire(const volatile void *word)
{
    ANNOTATE_HAPPENS_AFTER(word);
}

#define MTM_HG_RELAXED(p, op) (mtm_hg_is_atomic((p), sizeof *(p)), (op))
#define MTM_HG_RELEASE(p, op) (mtm_hg_is_atomic((p), sizeof *(p)), mtm_hg_release(p), (op))
#define MTM_HG_ACQUIRE(p, op)                                                                  \
    __extension__({                                                                            \
        mtm_hg_is_atomic((p), sizeof *(p));                                                    \
        __typeof__(op) mtm_hg_result = (op);                                                   \
        mtm_hg_acquire(p);                                                                     \
        mtm_hg_result;                                                                         \
    })
#define MTM_HG_BOTH(p, op) (mtm_hg_release(p), MTM_HG_ACQUIRE((p), (op)))

#define MTM_HG_CAS(p, old, v, order, failure)                                                  \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_##order,             \
                                            memory_order_##failure)

#undef mtm_load_rlx
#undef mtm_load_acq
#undef mtm_load_seq
#define mtm_load_rlx(p) MTM_HG_RELAXED((p), atomic_load_explicit((p), memory_order_relaxed))
#define mtm_load_acq(p) MTM_HG_ACQUIRE((p), atomic_load_explicit((p), memory_order_acquire))
#define mtm_load_seq(p) MTM_HG_ACQUIRE((p), atomic_load_explicit((p), memory_order_seq_cst))

#undef mtm_store_rlx
#undef mtm_store_rel
#undef mtm_store_seq
#define mtm_store_rlx(p, v)                                                                    \
    MTM_HG_RELAXED((p), atomic_store_explicit((p), (v), memory_order_relaxed))
#define mtm_store_rel(p, v)                                                                    \
    MTM_HG_RELEASE((p), atomic_store_explicit((p), (v), memory_order_release))
#define mtm_store_seq(p, v)                                                                    \
    MTM_HG_RELEASE((p), atomic_store_explicit((p), (v), memory_order_seq_cst))

#undef mtm_swap_acq
#undef mtm_swap_rel
#undef mtm_swap_acq_rel
#undef mtm_swap_seq
#define mtm_swap_acq(p, v)                                                                     \
    MTM_HG_ACQUIRE((p), atomic_exchange_explicit((p), (v), memory_order_acquire))
#define mtm_swap_rel(p, v)                                                                     \
    MTM_HG_RELEASE((p), atomic_exchange_explicit((p), (v), memory_order_release))
#define mtm_swap_acq_rel(p, v)                                                                 \
    MTM_HG_BOTH((p), atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define mtm_swap_seq(p, v)                                                                     \
    MTM_HG_BOTH((p), atomic_exchange_explicit((p), (v), memory_order_seq_cst))

#undef mtm_add_rlx
#undef mtm_add_seq
#undef mtm_sub_seq
#undef mtm_sub_acq_rel
#undef mtm_or_acq_rel
#undef mtm_and_acq_rel
#define mtm_add_rlx(p, n)                                                                      \
    MTM_HG_RELAXED((p), atomic_fetch_add_explicit((p), (n), memory_order_relaxed))
#define mtm_add_seq(p, n)                                                                      \
    MTM_HG_BOTH((p), atomic_fetch_add_explicit((p), (n), memory_order_seq_cst))
#define mtm_sub_seq(p, n)                                                                      \
    MTM_HG_BOTH((p), atomic_fetch_sub_explicit((p), (n), memory_order_seq_cst))
#define mtm_sub_acq_rel(p, n)                                                                  \
    MTM_HG_BOTH((p), atomic_fetch_sub_explicit((p), (n), memory_order_acq_rel))
#define mtm_or_acq_rel(p, n)                                                                   \
    MTM_HG_BOTH((p), atomic_fetch_or_explicit((p), (n), memory_order_acq_rel))
#define mtm_and_acq_rel(p, n)                                                                  \
    MTM_HG_BOTH((p), atomic_fetch_and_explicit((p), (n), memory_order_acq_rel))

#undef mtm_cas_acq
#undef mtm_cas_acq_rel
#undef mtm_cas_rlx
#undef mtm_cas_seq
#define mtm_cas_acq(p, old, v)                                                                 \
    MTM_HG_ACQUIRE((p), MTM_HG_CAS((p), (old), (v), acquire, relaxed))
#define mtm_cas_acq_rel(p, old, v)                                                             \
    MTM_HG_BOTH((p), MTM_HG_CAS((p), (old), (v), acq_rel, acquire))
#define mtm_cas_rlx(p, old, v)                                                                 \
    MTM_HG_RELAXED((p), MTM_HG_CAS((p), (old), (v), relaxed, relaxed))
#define mtm_cas_seq(p, old, v) MTM_HG_BOTH((p), MTM_HG_CAS((p), (old), (v), seq_cst, seq_cst))

#endif

#endif
