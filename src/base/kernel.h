/* Kernels: hot loops over arrays, compiled for several instruction sets and chosen when the program
 * is loaded, so that one binary runs everywhere and is fast where it can be.
 *
 *   LAM_KERNEL static void sum_deltas(int64_t *values, size_t count);
 *
 * The mark belongs on the definition of a function that is called for a page or a batch, never for a
 * value: the call goes through a pointer and is not inlined. What it calls for each value is
 * `static inline` and compiled into each version. Results are bit for bit the same in all of them. It is static, since
 * gcc 12 exports what chooses among the versions of a function that is not, whatever its visibility. */
#ifndef LAM_BASE_KERNEL_H
#define LAM_BASE_KERNEL_H

/* x86-64-v3 is AVX2 with BMI and POPCNT. gcc only: clang 14 has other rules for it. Not under sanitizers, whose run
 * time is not set up yet when the choice is made. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__AVX2__)
#define LAM_KERNEL __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define LAM_KERNEL
#endif

#endif
