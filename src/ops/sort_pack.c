#include "ops/sort_pack.h"

enum { BLOCK = 512 }; /* rows whose codes are made at a time */

static bool is_packed(enum lam_type_id id) {
  return (id >= LAM_TYPE_BOOL && id <= LAM_TYPE_UINT64) || id == LAM_TYPE_FLOAT32 || id == LAM_TYPE_FLOAT64 ||
         (id >= LAM_TYPE_DATE32 && id <= LAM_TYPE_DURATION);
}

bool lam_key_pack_init(struct lam_key_pack *pack, const struct ArrowSchema *schema, const struct lam_key_column *keys,
                       int32_t count, struct lam_pack_column *columns) {
  *pack = (struct lam_key_pack){columns, count};
  for (int32_t k = 0; k < count; k++) {
    struct lam_type type;
    if (lam_type_parse(schema->children[keys[k].column], &type, NULL) != LAM_OK || !is_packed(type.id)) return false;
    columns[k] = (struct lam_pack_column){.key = keys[k], .least = UINT64_MAX};
  }
  return true;
}

/* Floats as in put_float of sort_key.c: -0.0 is 0.0, every NaN is the same one above infinity. */
static uint64_t code_of_float(uint64_t bits, uint64_t sign, uint64_t infinity) {
  uint64_t magnitude = bits & (sign - 1);
  if (magnitude == 0) bits = 0;
  if (magnitude > infinity) bits = infinity + 1;
  return bits & sign ? ~bits & (sign | (sign - 1)) : bits | sign;
}

#define SIGN64 (UINT64_C(1) << 63)
#define CODES(type, expression)                                         \
  do {                                                                  \
    const type *from = (const type *)view->data + view->offset + first; \
    for (int64_t i = 0; i < count; i++) {                               \
      type v = from[i];                                                 \
      to[i] = (expression);                                             \
    }                                                                   \
  } while (0)

/* Codes of rows that order as their values; of NULL rows anything. */
static void codes_of(const struct lam_view *view, int64_t first, int64_t count, uint64_t *to) {
  bool is_unsigned = view->type.id >= LAM_TYPE_UINT8 && view->type.id <= LAM_TYPE_UINT64;
  if (view->type.id == LAM_TYPE_BOOL) {
    for (int64_t i = 0; i < count; i++) to[i] = lam_bit_get(view->data, view->offset + first + i);
  } else if (view->type.id == LAM_TYPE_FLOAT32) {
    CODES(uint32_t, code_of_float(v, 1ull << 31, 0x7f800000));
  } else if (view->type.id == LAM_TYPE_FLOAT64) {
    CODES(uint64_t, code_of_float(v, SIGN64, 0x7ff0000000000000));
  } else {
    switch (lam_type_bits(&view->type)) {
      case 8: CODES(int8_t, is_unsigned ? (uint8_t)v : (uint64_t)(int64_t)v ^ SIGN64); break;
      case 16: CODES(int16_t, is_unsigned ? (uint16_t)v : (uint64_t)(int64_t)v ^ SIGN64); break;
      case 32: CODES(int32_t, is_unsigned ? (uint32_t)v : (uint64_t)(int64_t)v ^ SIGN64); break;
      default: CODES(int64_t, is_unsigned ? (uint64_t)v : (uint64_t)v ^ SIGN64); break;
    }
  }
}

static void see_column(struct lam_pack_column *column, const struct lam_view *view) {
  uint64_t codes[BLOCK], least = column->least, most = column->most;
  for (int64_t first = 0; first < view->length; first += BLOCK) {
    int64_t count = lam_min_i64(BLOCK, view->length - first);
    codes_of(view, first, count, codes);
    for (int64_t i = 0; i < count; i++) {
      if (view->validity && !lam_view_valid(view, first + i)) {
        column->nulls = true;
        continue;
      }
      least = lam_min_u64(least, codes[i]);
      most = lam_max_u64(most, codes[i]);
    }
  }
  column->least = least;
  column->most = most;
}

static unsigned bits_for(uint64_t value) {
  return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

enum lam_status lam_key_pack_see(struct lam_key_pack *pack, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, bool *fits, struct lam_error *error) {
  unsigned bits = 0;
  for (int32_t k = 0; k < pack->count; k++) {
    struct lam_pack_column *column = &pack->columns[k];
    struct lam_view view;
    LAM_TRY(lam_view_init(schema->children[column->key.column], batch->children[column->key.column], &view, error));
    see_column(column, &view);
    uint64_t range = column->most < column->least ? 0 : column->most - column->least;
    /* A NULL takes one value more, which a range of all 2^64 does not have. */
    column->bits = column->nulls && range == UINT64_MAX ? 65 : bits_for(range + column->nulls);
    bits += column->bits;
  }
  *fits = bits <= 64;
  return LAM_OK;
}

static void encode_column(const struct lam_pack_column *column, const struct lam_view *view, uint64_t *out) {
  uint64_t codes[BLOCK], least = column->least, most = column->most;
  uint64_t before = column->nulls && column->key.nulls_first, null = before ? 0 : most - least + 1;
  if (most < least) null = !before; /* only NULLs */
  for (int64_t first = 0; first < view->length; first += BLOCK) {
    int64_t count = lam_min_i64(BLOCK, view->length - first);
    codes_of(view, first, count, codes);
    for (int64_t i = 0; i < count; i++)
      codes[i] = before + (column->key.descending ? most - codes[i] : codes[i] - least);
    for (int64_t i = 0; view->validity && i < count; i++)
      if (!lam_view_valid(view, first + i)) codes[i] = null;
    for (int64_t i = 0; i < count; i++)
      out[first + i] = column->bits < 64 ? out[first + i] << column->bits | codes[i] : codes[i];
  }
}

enum lam_status lam_key_pack_encode(const struct lam_key_pack *pack, const struct ArrowSchema *schema,
                                    const struct ArrowArray *batch, uint64_t *out, struct lam_error *error) {
  for (int64_t row = 0; row < batch->length; row++) out[row] = 0;
  for (int32_t k = 0; k < pack->count; k++) {
    const struct lam_pack_column *column = &pack->columns[k];
    struct lam_view view;
    LAM_TRY(lam_view_init(schema->children[column->key.column], batch->children[column->key.column], &view, error));
    encode_column(column, &view, out);
  }
  return LAM_OK;
}
