#include <math.h>

#include "parquet/index_write.h"

enum {
  SMALLEST_SHARE = 16,    /* a filter that nobody asked for takes no more than a 16th of its chunk */
  MOST_DEFAULT = 4 << 20, /* nor more than these bytes */
  LEAST_DEFAULT = 4096,   /* rows, below which a row group is read as soon as its filter */
  STRINGS = 256,          /* at once */
};

bool lam_bloom_type_fits(const struct lam_schema_node *leaf) {
  return leaf->physical >= LAM_INT32 && leaf->physical <= LAM_FIXED_LEN_BYTE_ARRAY &&
         leaf->logical.kind != LAM_LOGICAL_UNKNOWN;
}

/* Whether people look for equal values of the type: floats are measured, not named. */
static bool is_looked_up(const struct lam_schema_node *leaf) {
  switch (lam_compare_of(leaf)) {
    case LAM_COMPARE_INT32:
    case LAM_COMPARE_UINT32:
    case LAM_COMPARE_INT64:
    case LAM_COMPARE_UINT64:
    case LAM_COMPARE_DECIMAL:
    case LAM_COMPARE_BYTES: return true;
    default: return false;
  }
}

void lam_bloom_builder_init(struct lam_bloom_builder *bloom, struct lam_mem *mem, const struct lam_schema_node *leaf,
                            enum lam_write_bloom when, double false_positives, int64_t most_rows) {
  bool always = when == LAM_BLOOM_ALWAYS;
  bool fits = lam_bloom_type_fits(leaf) && (always || (is_looked_up(leaf) && most_rows >= LEAST_DEFAULT));
  *bloom = (struct lam_bloom_builder){.when = fits ? when : LAM_BLOOM_NEVER,
                                      .false_positives = false_positives > 0 ? false_positives
                                                         : always            ? 0.01
                                                                             : 0.05,
                                      .most_distinct = (uint64_t)most_rows};
  lam_buf_init(&bloom->bits, mem);
}

void lam_bloom_builder_release(struct lam_bloom_builder *bloom) {
  lam_buf_release(&bloom->bits);
}

void lam_bloom_builder_clear(struct lam_bloom_builder *bloom) {
  bloom->on = false;
  bloom->bits.size = 0;
}

/* ---- values ---- */

/* A filter for so many values, or what the budget has room for; off where that is too little. */
static void begin(struct lam_bloom_builder *bloom, uint64_t distinct) {
  size_t size = lam_bloom_size(distinct, bloom->false_positives);
  if (bloom->when != LAM_BLOOM_ALWAYS && size > MOST_DEFAULT) return;
  uint64_t available = lam_mem_available(bloom->bits.mem);
  available -= lam_min_u64(available, bloom->reserve);
  if (available == 0 && bloom->when != LAM_BLOOM_ALWAYS) return;
  while (size > LAM_BLOOM_BLOCK && size > available / 8) size /= 2; /* others want some, too */
  if (lam_buf_reset(&bloom->bits, size, NULL) != LAM_OK) {
    bloom->when = LAM_BLOOM_NEVER;
    return;
  }
  memset(bloom->bits.data, 0, size);
  bloom->bits.size = size;
  bloom->on = true;
}

static void insert(struct lam_bloom_builder *bloom, const void *values, size_t width, size_t count) {
  if (width)
    lam_bloom_insert_fixed(bloom->bits.data, bloom->bits.size, values, width, count);
  else
    lam_bloom_insert_bytes(bloom->bits.data, bloom->bits.size, values, count);
}

static void insert_dictionary(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary) {
  struct lam_bytes values[STRINGS];
  if (dictionary->width) {
    insert(bloom, dictionary->values.data, dictionary->width, dictionary->count);
    return;
  }
  for (uint32_t i = 0; i < dictionary->count;) {
    size_t some = 0;
    for (; some < STRINGS && i < dictionary->count; i++, some++) {
      values[some] = lam_dictionary_plain(dictionary, i);
      values[some].data += 4, values[some].size -= 4; /* its length */
    }
    insert(bloom, values, 0, some);
  }
}

void lam_bloom_put_values(struct lam_bloom_builder *bloom, const void *values, size_t width, size_t count) {
  if (!bloom->on) begin(bloom, bloom->most_distinct);
  if (bloom->on) insert(bloom, values, width, count);
}

/* How many values there are to be drawn from, where `distinct` of `values` were new: distinct / values =
 * (1 - e^-x) / x with x = values / all, were all drawn with equal chances. */
static double expected_distinct(double values, double distinct) {
  double low = 0, high = 64;
  for (int i = 0; i < 40; i++) {
    double x = (low + high) / 2;
    if ((1 - exp(-x)) / x > distinct / values)
      low = x;
    else
      high = x;
  }
  return high > 0 ? values / high : HUGE_VAL;
}

/* Whether the filter of values like these, as far as they can be told, would be small enough against them in PLAIN,
 * the most that they may take. */
static bool may_pay(const struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary, uint64_t values) {
  if (dictionary->count == 0 || values == 0) return false;
  double rows = (double)bloom->most_distinct, all = expected_distinct((double)values, dictionary->count);
  double width = (double)dictionary->values.size / dictionary->count;
  double bits = -8 / log(1 - pow(bloom->false_positives, 1.0 / 8)); /* BloomFilter.md */
  return width * 8 * rows / SMALLEST_SHARE >= bits * (all < rows ? all : rows);
}

void lam_bloom_give_up(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary, uint64_t values) {
  if (bloom->when == LAM_BLOOM_NEVER || bloom->on) return;
  if (bloom->when == LAM_BLOOM_DEFAULT && !may_pay(bloom, dictionary, values)) return;
  begin(bloom, bloom->most_distinct);
  if (bloom->on) insert_dictionary(bloom, dictionary);
}

void lam_bloom_put_dictionary(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary) {
  if (bloom->on) insert_dictionary(bloom, dictionary);
}

/* ---- the end ---- */

void lam_bloom_finish(struct lam_bloom_builder *bloom, const struct lam_dictionary *dictionary, uint64_t bytes) {
  if (bloom->when == LAM_BLOOM_ALWAYS && !bloom->on && dictionary && dictionary->count > 0) {
    begin(bloom, dictionary->count);
    if (bloom->on) insert_dictionary(bloom, dictionary);
  }
  if (!bloom->on) return;
  uint64_t distinct = lam_bloom_distinct(bloom->bits.data, bloom->bits.size);
  size_t wanted = lam_bloom_size(distinct, bloom->false_positives);
  for (; bloom->bits.size > wanted; bloom->bits.size /= 2) lam_bloom_fold(bloom->bits.data, bloom->bits.size);
  bloom->on = false;
  if (bloom->when == LAM_BLOOM_DEFAULT && (bloom->bits.size > bytes / SMALLEST_SHARE || bloom->bits.size < wanted))
    bloom->bits.size = 0;
}

uint64_t lam_bloom_pending(const struct lam_bloom_builder *bloom, uint64_t values) {
  if (!bloom->on) return 0;
  return lam_min_u64(bloom->bits.size, lam_bloom_size(values, bloom->false_positives));
}
