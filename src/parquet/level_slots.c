/* Levels to slots, 64 at a time: each comparison of levels is a word of bits, and what belongs to one list is chosen
 * from the words by masks. */
#include <string.h>

#include "base/kernel.h"
#include "parquet/nested.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- words ---- */

/* Bit i says whether levels[i] >= least, for 64 of them; least is at least 1. */
static inline __attribute__((always_inline)) uint64_t levels_from(const uint8_t *levels, uint8_t least) {
  uint64_t word = 0;
#if defined(__SSE2__)
  const __m128i limit = _mm_set1_epi8((char)least);
  for (int i = 0; i < 4; i++) {
    __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(levels + 16 * i));
    __m128i from = _mm_cmpeq_epi8(_mm_max_epu8(some, limit), some);
    word |= (uint64_t)(unsigned)_mm_movemask_epi8(from) << (16 * i);
  }
#else
  for (int i = 0; i < 64; i++) word |= (uint64_t)(levels[i] >= least) << i;
#endif
  return word;
}

static inline __attribute__((always_inline)) uint64_t levels_of_zero(const uint8_t *levels) {
  return ~levels_from(levels, 1);
}

static inline uint64_t low_bits(size_t count) {
  return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
}

/* The bits of `word` at the places set in `mask`, moved together (Hacker's Delight, 7-4). */
static inline uint64_t compress(uint64_t word, uint64_t mask) {
  word &= mask;
  uint64_t zeros_below = ~mask << 1;
  for (int i = 0; i < 6; i++) {
    uint64_t parity = zeros_below;
    for (int shift = 1; shift < 64; shift *= 2) parity ^= parity << shift;
    uint64_t moving = parity & mask;
    mask = (mask ^ moving) | (moving >> (1 << i));
    uint64_t t = word & moving;
    word = (word ^ t) | (t >> (1 << i));
    zeros_below &= ~parity;
  }
  return word;
}

/* `count` bits (those above are 0) behind the first `at`; up to 9 bytes are written, all behind that cleared. */
static inline void append_bits(uint8_t *bits, int64_t at, uint64_t word) {
  uint8_t *p = bits + (at >> 3);
  int shift = (int)(at & 7);
  lam_store64(p, (*p & (((uint64_t)1 << shift) - 1)) | word << shift);
  p[8] = (uint8_t)(shift ? word >> (64 - shift) : 0);
}

/* ---- slots ---- */

static inline void append_offsets(int32_t *offsets, uint64_t slots, uint64_t entries, int64_t base) {
  for (; slots; slots &= slots - 1) {
    uint64_t below = (slots & -slots) - 1; /* entries of lists before */
    *offsets++ = (int32_t)(base + __builtin_popcountll(entries & below));
  }
}

/* One word of levels, those in `all`, at each node. */
static inline __attribute__((always_inline)) void append_word(struct lam_nested *nested, const uint8_t *definition,
                                                              const uint64_t *slots, struct lam_shared *leaf_validity,
                                                              uint64_t (*press)(uint64_t, uint64_t)) {
  for (int32_t n = 0; n < nested->count; n++) {
    struct lam_nested_node *node = &nested->nodes[n];
    uint64_t mask = slots[node->lists];
    int64_t at = nested->slots[node->lists];
    if (mask == 0) continue;
    if (node->definition) {
      uint64_t valid = levels_from(definition, (uint8_t)node->definition) & mask;
      int count = __builtin_popcountll(mask);
      uint64_t bits = mask == ~(uint64_t)0 ? valid : valid == mask ? low_bits((size_t)count) : press(valid, mask);
      append_bits(n + 1 < nested->count ? node->validity->data : leaf_validity->data, at, bits);
      node->nulls += count - __builtin_popcountll(valid);
    }
    if (node->list)
      append_offsets((int32_t *)(void *)node->offsets->data + at, mask, slots[node->lists + 1],
                     nested->slots[node->lists + 1]);
  }
  for (int k = 0; k <= nested->lists; k++) nested->slots[k] += __builtin_popcountll(slots[k]);
}

static inline __attribute__((always_inline)) bool append(struct lam_nested *nested, const uint8_t *repetition,
                                                         const uint8_t *definition, size_t count,
                                                         struct lam_shared *leaf_validity,
                                                         uint64_t (*press)(uint64_t, uint64_t)) {
  uint64_t slots[LAM_MOST_LISTS + 1], bad = 0;
  uint8_t before[LAM_MOST_LISTS + 1] = {0}; /* whether the level before has an entry of list k */
  for (size_t i = 0; i < count; i += 64) {
    uint64_t all = low_bits(count - i);
    uint64_t begun = nested->lists ? levels_of_zero(repetition + i) & all : all; /* repetition level <= k */
    slots[0] = begun;
    for (int k = 1; k <= nested->lists; k++) {
      uint64_t up_to = k == nested->lists ? all : ~levels_from(repetition + i, (uint8_t)(k + 1)) & all;
      uint64_t entries = levels_from(definition + i, nested->entry[k]) & all;
      /* What goes on with list k has an entry of it, as what is before it has. */
      bad |= (up_to & ~begun) & ~(entries & (entries << 1 | before[k]));
      before[k] = (uint8_t)(entries >> 63);
      slots[k] = up_to & entries;
      begun = up_to;
    }
    append_word(nested, definition + i, slots, leaf_validity, press);
  }
  return bad == 0;
}

LAM_KERNEL static bool append_portable(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition,
                                       size_t count, struct lam_shared *leaf_validity) {
  return append(nested, repetition, definition, count, leaf_validity, compress);
}

bool lam_levels_to_slots_portable(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition,
                                  size_t count, struct lam_shared *leaf_validity) {
  return append_portable(nested, repetition, definition, count, leaf_validity);
}

#if defined(__x86_64__)
__attribute__((target("bmi,bmi2,popcnt"))) static uint64_t press_bits(uint64_t word, uint64_t mask) {
  return _pext_u64(word, mask);
}
__attribute__((target("avx2,bmi,bmi2,popcnt"))) static bool append_bmi2(struct lam_nested *nested,
                                                                        const uint8_t *repetition,
                                                                        const uint8_t *definition, size_t count,
                                                                        struct lam_shared *leaf_validity) {
  return append(nested, repetition, definition, count, leaf_validity, press_bits);
}
#endif

bool lam_levels_to_slots(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition, size_t count,
                         struct lam_shared *leaf_validity) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx2"))
    return append_bmi2(nested, repetition, definition, count, leaf_validity);
#endif
  return append_portable(nested, repetition, definition, count, leaf_validity);
}

/* ---- searches ---- */

LAM_KERNEL static size_t find_row(const uint8_t *levels, size_t count, size_t rows, size_t *found, size_t *last) {
  size_t seen = 0;
  for (size_t i = 0; i < count; i += 64) {
    uint64_t zeros = levels_of_zero(levels + i) & low_bits(count - i);
    size_t more = (size_t)__builtin_popcountll(zeros);
    if (seen + more <= rows) {
      if (zeros) *last = i + 63 - (size_t)__builtin_clzll(zeros);
      seen += more;
      continue;
    }
    for (; seen < rows; seen++, zeros &= zeros - 1) *last = i + (size_t)__builtin_ctzll(zeros);
    *found = rows;
    return i + (size_t)__builtin_ctzll(zeros);
  }
  *found = seen;
  return count;
}

size_t lam_levels_find_row(const uint8_t *levels, size_t count, size_t rows, size_t *found, size_t *last) {
  *last = 0;
  return find_row(levels, count, rows, found, last);
}

LAM_KERNEL static size_t count_equal(const uint8_t *levels, size_t count, uint8_t level) {
  size_t equal = 0;
  for (size_t i = 0; i < count; i++) equal += levels[i] == level;
  return equal;
}

size_t lam_levels_count_equal(const uint8_t *levels, size_t count, uint8_t level) {
  return count_equal(levels, count, level);
}
