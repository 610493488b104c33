#include "parquet/size_statistics.h"

#include "base/kernel.h"
#include "parquet/thrift.h"

/* ---- counting ---- */

/* Sums of bytes, which vectorise, of as many levels as a byte can count. */
LAM_KERNEL static void count_block(const uint8_t *levels, size_t count, int64_t *counts, uint32_t slots) {
  for (uint32_t level = 0; level < slots; level++) {
    uint8_t wanted = (uint8_t)level, found = 0;
    for (size_t i = 0; i < count; i++) found = (uint8_t)(found + (levels[i] == wanted));
    counts[level] += found;
  }
}

void lam_count_levels(const uint8_t *levels, size_t count, int64_t *counts, uint32_t slots) {
  enum { BLOCK = 224 }; /* seven vectors of 32 bytes; at most 255 */
  for (size_t some; count > 0; levels += some, count -= some) {
    some = count < BLOCK ? count : BLOCK;
    count_block(levels, some, counts, slots);
  }
}

/* ---- reading ---- */

static enum lam_status parse_histogram(struct lam_thrift *in, struct lam_thrift_field field, struct lam_arena *arena,
                                       struct lam_histogram *out) {
  LAM_TRY(lam_thrift_list(in, field, LAM_THRIFT_I64, 1, &out->count));
  LAM_TRY(lam_arena_array(arena, out->count, sizeof *out->counts, (void **)&out->counts, in->error));
  for (uint32_t i = 0; i < out->count; i++) {
    uint64_t value;
    LAM_TRY(lam_thrift_varint(in, &value));
    out->counts[i] = lam_unzigzag(value);
  }
  return LAM_OK;
}

enum lam_status lam_size_statistics_parse(struct lam_bytes bytes, struct lam_arena *arena,
                                          struct lam_size_statistics *out, struct lam_error *error) {
  struct lam_thrift reader = lam_thrift_of(bytes, "struct of size statistics", error), *in = &reader;
  struct lam_thrift_field field = {0};
  *out = (struct lam_size_statistics){.unencoded_bytes = -1};
  for (;;) {
    LAM_TRY(lam_thrift_next(in, &field));
    if (!field.type) return LAM_OK;
    switch (field.id) {
      case 1: LAM_TRY(lam_thrift_i64(in, field, &out->unencoded_bytes)); break;
      case 2: LAM_TRY(parse_histogram(in, field, arena, &out->repetition)); break;
      case 3: LAM_TRY(parse_histogram(in, field, arena, &out->definition)); break;
      default: LAM_TRY(lam_thrift_skip(in, field.type));
    }
  }
}

enum lam_status lam_histogram_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_histogram *out,
                                    struct lam_error *error) {
  struct lam_thrift in = lam_thrift_of(bytes, "histogram of levels", error);
  *out = (struct lam_histogram){.count = 0};
  return bytes.size ? parse_histogram(&in, (struct lam_thrift_field){.type = LAM_THRIFT_LIST}, arena, out) : LAM_OK;
}

/* ---- writing ---- */

static void put_histogram(struct lam_thrift_out *out, int16_t id, const struct lam_histogram *histogram) {
  if (histogram->count) lam_thrift_put_counts(out, id, histogram->counts, histogram->count);
}

enum lam_status lam_size_statistics_write(const struct lam_size_statistics *statistics, struct lam_buf *to,
                                          struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  if (statistics->unencoded_bytes >= 0) lam_thrift_put_i64(&out, 1, statistics->unencoded_bytes);
  put_histogram(&out, 2, &statistics->repetition);
  put_histogram(&out, 3, &statistics->definition);
  lam_thrift_end(&out, 0);
  return out.status;
}

enum lam_status lam_histogram_write(const struct lam_histogram *histogram, struct lam_buf *to,
                                    struct lam_error *error) {
  struct lam_thrift_out out = lam_thrift_to(to, error);
  put_histogram(&out, 0, histogram);
  return out.status;
}
