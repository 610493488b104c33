/* Bounds as files have them, as values and as facts. */
#include <inttypes.h>
#include <math.h>

#include "arrow/value_text.h"
#include "parquet/chunk.h"
#include "parquet/prune_state.h"

/* ---- one bound ---- */

/* Converting wraps where a value is not of the type that its column claims; such values are not in order. INT96 holds
 * a Julian day; these are the years 1 to 290,000, which fit 64 bits of microseconds. */
static bool converts_in_order(const struct lam_leaf *leaf, const struct lam_type *type, struct lam_bytes bound) {
  enum { FIRST_DAY = 1721426, LAST_DAY = 107000000 };
  if (leaf->conversion == LAM_INT96_TO_TIMESTAMP) {
    int32_t day = (int32_t)lam_load32(bound.data + 8);
    return day >= FIRST_DAY && day <= LAST_DAY && lam_load64(bound.data) < UINT64_C(86400000000000);
  }
  if (leaf->conversion != LAM_NARROW) return true;
  int bits = lam_type_bits(type);
  int32_t value = (int32_t)lam_load32(bound.data);
  if (type->id == LAM_TYPE_UINT8 || type->id == LAM_TYPE_UINT16) return value >= 0 && value < 1 << bits;
  return value >= -(1 << (bits - 1)) && value < 1 << (bits - 1);
}

static bool is_nan(const struct lam_scalar *scalar) {
  return lam_type_is_float(scalar->type.id) && isnan(scalar->value.d);
}

static bool bound_scalar(const struct lam_leaf *leaf, struct lam_bytes bound, struct lam_scalar *out) {
  uint8_t value[64] = {0};
  const struct lam_type *type = &leaf->type;
  *out = (struct lam_scalar){.type = *type};
  if (!bound.data || type->id == LAM_TYPE_NULL) return false;
  if (lam_type_is_binary(type->id) || type->id == LAM_TYPE_FIXED_BINARY) {
    out->bytes = bound; /* one of a fixed width may be truncated */
    return type->id != LAM_TYPE_FIXED_BINARY || bound.size <= (size_t)leaf->type_length;
  }
  if (leaf->physical == LAM_BOOLEAN) {
    if (bound.size != 1) return false;
    value[0] = bound.data[0] & 1;
  } else if (leaf->physical == LAM_BYTE_ARRAY) {
    const int32_t offsets[2] = {0, (int32_t)bound.size};
    if (leaf->conversion != LAM_BYTES_TO_DECIMAL || bound.size == 0 || bound.size > sizeof value ||
        lam_convert_bytes(leaf, bound.data, offsets, 1, value, NULL) != LAM_OK)
      return false;
  } else {
    if (bound.size != (size_t)leaf->width || lam_type_bits(type) > 256) return false;
    if (!converts_in_order(leaf, type, bound)) return false;
    if (lam_convert_fixed(leaf, bound.data, 1, value, NULL) != LAM_OK) return false;
  }
  lam_scalar_load(type, value, out);
  return true;
}

/* ---- the PLAIN form ---- */

static enum lam_status append_big_endian(const struct lam_scalar *value, size_t width, struct lam_buf *out, bool *exact,
                                         struct lam_error *error) {
  uint8_t sign = value->value.decimal[31] & 0x80 ? 0xff : 0;
  LAM_TRY(lam_buf_room(out, width, error));
  uint8_t *to = out->data + out->size;
  for (size_t i = 0; i < width; i++) to[width - 1 - i] = i < 32 ? value->value.decimal[i] : sign;
  for (size_t i = width; i < 32; i++) *exact &= value->value.decimal[i] == sign;
  if (width < 32) *exact &= ((to[0] ^ sign) & 0x80) == 0;
  if (*exact) out->size += width;
  return LAM_OK;
}

/* Whether a decimal is that many of its low bytes, sign-extended. */
static bool fits_low_bytes(const struct lam_scalar *value, size_t width) {
  uint8_t sign = value->value.decimal[width - 1] & 0x80 ? 0xff : 0;
  for (size_t i = width; i < sizeof value->value.decimal; i++)
    if (value->value.decimal[i] != sign) return false;
  return true;
}

/* The form of a float: zeros and NaN have several. */
static enum lam_status append_float(double value, size_t width, struct lam_buf *out, bool *exact,
                                    struct lam_error *error) {
  float single = (float)value;
  uint16_t half = width == 2 ? lam_half_of_double(value) : 0;
  *exact = value != 0 && !isnan(value);
  if (!*exact) return LAM_OK;
  return lam_buf_append(out,
                        width == 8   ? (const void *)&value
                        : width == 4 ? (const void *)&single
                                     : &half,
                        width, error);
}

enum lam_status lam_scalar_plain(const struct lam_file_meta *meta, int32_t leaf, const struct lam_scalar *value,
                                 struct lam_buf *out, bool *exact, struct lam_error *error) {
  struct lam_leaf type;
  LAM_TRY(lam_leaf_of_node(meta, meta->leaves[leaf], &type, error));
  *exact = !value->is_null && lam_type_equal(&value->type, &type.type);
  if (!*exact) return LAM_OK;
  size_t width = (size_t)type.width;
  switch (type.conversion) {
    case LAM_AS_IS:
      if (lam_type_is_binary(type.type.id)) return lam_buf_append(out, value->bytes.data, value->bytes.size, error);
      if (type.type.id == LAM_TYPE_FIXED_BINARY) {
        *exact = value->bytes.size == width;
        return *exact ? lam_buf_append(out, value->bytes.data, width, error) : LAM_OK;
      }
      if (lam_type_is_float(type.type.id)) return append_float(value->value.d, width, out, exact, error);
      *exact = width == 4 || width == 8;
      return *exact ? lam_buf_append(out, &value->value, width, error) : LAM_OK;
    case LAM_INT_TO_DECIMAL:
      *exact = fits_low_bytes(value, width);
      return *exact ? lam_buf_append(out, value->value.decimal, width, error) : LAM_OK;
    case LAM_BYTES_TO_DECIMAL:
      *exact = type.physical == LAM_FIXED_LEN_BYTE_ARRAY; /* else leading bytes may be there or not */
      return *exact ? append_big_endian(value, width, out, exact, error) : LAM_OK;
    default: /* small integers may have been stored with any upper bytes; booleans are bits; INT96 is read only */
      *exact = false;
      return LAM_OK;
  }
}

/* ---- facts ---- */

bool lam_prune_to_node(const struct lam_prune_column *column, struct lam_scalar *bound) {
  bool exact;
  int direction;
  if (lam_type_equal(&bound->type, &column->node->type)) return true;
  return lam_scalar_cast(bound, &column->node->type, NULL, bound, &exact, &direction, NULL) == LAM_OK && exact;
}

/* The least bytes above all that begin with a maximum which was cut; some writers do not increment it. */
static enum lam_status raise_max(struct lam_arena *arena, struct lam_facts_column *facts, struct lam_error *error) {
  struct lam_bytes max = facts->max.bytes;
  uint8_t *copy;
  while (max.size > 0 && max.data[max.size - 1] == 0xff) max.size--;
  facts->has_max = max.size > 0;
  if (!facts->has_max) return LAM_OK;
  LAM_TRY(lam_arena_alloc(arena, max.size, (void **)&copy, error));
  memcpy(copy, max.data, max.size);
  copy[max.size - 1]++;
  facts->max.bytes = lam_bytes_of(copy, max.size);
  return LAM_OK;
}

/* Whether the counts leave no value but NaN, and no bound that is a number contradicts them. */
static bool has_only_nan(const struct lam_written_bounds *bounds, const struct lam_facts_column *facts) {
  int64_t nulls = bounds->nulls < 0 ? 0 : bounds->nulls;
  bool numbers = (bounds->min.data && !is_nan(&facts->min)) || (bounds->max.data && !is_nan(&facts->max));
  return bounds->nans > 0 && bounds->nans == bounds->rows - nulls && !numbers;
}

enum lam_status lam_facts_of_bounds(const struct lam_file_meta *meta, const struct lam_prune_column *column,
                                    const struct lam_written_bounds *bounds, struct lam_arena *arena,
                                    struct lam_facts_column *out, struct lam_error *error) {
  (void)meta;
  bool is_float = lam_type_is_float(column->type.type.id);
  bool wraps = column->type.conversion == LAM_NARROW || column->type.conversion == LAM_INT96_TO_TIMESTAMP;
  *out = (struct lam_facts_column){.nulls = bounds->nulls, .may_be_nan = is_float && bounds->nans != 0};
  bool min = bound_scalar(&column->type, bounds->min, &out->min);
  bool max = bound_scalar(&column->type, bounds->max, &out->max);
  out->only_nan = is_float && has_only_nan(bounds, out);
  /* One that is nonsense, or NaN, makes the other doubtful; where values can wrap, both must be in range. */
  if ((bounds->min.data && (!min || is_nan(&out->min))) || (bounds->max.data && (!max || is_nan(&out->max))))
    return LAM_OK;
  if (wraps && !(min && max)) return LAM_OK;
  if (min && max && lam_scalar_compare(&out->min, &out->max) > 0) return LAM_OK;
  out->has_min = min && lam_prune_to_node(column, &out->min);
  out->has_max = max && lam_prune_to_node(column, &out->max);
  out->min_exact = bounds->min_exact;
  out->max_exact = bounds->max_exact;
  if (out->has_max && !out->max_exact && column->type.physical == LAM_BYTE_ARRAY &&
      lam_type_is_binary(column->type.type.id))
    return raise_max(arena, out, error);
  return LAM_OK;
}

static struct lam_written_bounds written_of(const struct lam_prune_column *column,
                                            const struct lam_statistics *statistics) {
  struct lam_written_bounds out = {.nulls = statistics->null_count,
                                   .nans = statistics->nan_count,
                                   .min_exact = statistics->min_exact,
                                   .max_exact = statistics->max_exact};
  if (column->trusted && (statistics->min.data || statistics->max.data)) {
    out.min = statistics->min;
    out.max = statistics->max;
  } else if (column->trusted_old) {
    out.min = statistics->old_min;
    out.max = statistics->old_max;
    out.min_exact = out.max_exact = true;
  }
  return out;
}

enum lam_status lam_facts_of_chunk(struct lam_prune *prune, struct lam_prune_column *column,
                                   struct lam_facts_column *out, struct lam_error *error) {
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  if (column->kind == LAM_PRUNE_UNKNOWN) return LAM_OK;
  if (column->kind == LAM_PRUNE_CONSTANT) {
    const struct lam_scalar *constant = column->constant;
    bool value = !constant->is_null && !is_nan(constant);
    *out = (struct lam_facts_column){.nulls = constant->is_null ? prune->rows : 0,
                                     .has_min = value,
                                     .has_max = value,
                                     .min = *constant,
                                     .max = *constant,
                                     .min_exact = true,
                                     .max_exact = true,
                                     .may_be_nan = !constant->is_null && !value,
                                     .only_nan = !constant->is_null && !value};
    return LAM_OK;
  }
  if (!column->known) {
    const struct lam_chunk_meta *chunk = &prune->meta->row_groups[prune->group].chunks[column->leaf];
    struct lam_statistics statistics = lam_chunk_statistics(chunk);
    struct lam_written_bounds written = written_of(column, &statistics);
    if (chunk->values != prune->rows) return LAM_OK; /* damaged; reading it says so */
    written.rows = prune->rows;
    if (written.nulls > chunk->values || written.nulls < 0) written.nulls = -1;
    LAM_TRY(lam_facts_of_bounds(prune->meta, column, &written, &prune->group_arena, &column->facts, error));
    if (column->type.type.id == LAM_TYPE_NULL) column->facts.nulls = prune->rows;
    column->known = true;
  }
  *out = column->facts;
  return LAM_OK;
}
