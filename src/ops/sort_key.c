#include "ops/sort_key.h"

static bool has_order(enum lam_type_id id) {
  return id <= LAM_TYPE_FIXED_BINARY && id != LAM_TYPE_STRING_VIEW && id != LAM_TYPE_BINARY_VIEW;
}

enum lam_status lam_key_columns(const struct ArrowSchema *schema, const struct lam_sort_key *keys, int32_t count,
                                struct lam_key_column *out, struct lam_error *error) {
  for (int32_t k = 0; k < count; k++) {
    int64_t c = 0;
    while (c < schema->n_children && strcmp(schema->children[c]->name, keys[k].column) != 0) c++;
    if (c == schema->n_children)
      return lam_fail(error, LAM_NOT_FOUND, "there is no column \"%s\" to order by", keys[k].column);
    struct lam_type type;
    LAM_TRY(lam_type_parse(schema->children[c], &type, error));
    char name[96];
    if (!has_order(type.id))
      return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" of type %s has no order", keys[k].column,
                      lam_type_name(&type, name, sizeof name));
    out[k] = (struct lam_key_column){(int32_t)c, keys[k].descending, keys[k].nulls_first};
  }
  return LAM_OK;
}

/* Writes the `width` bytes of a little-endian number big-endian, the sign bit flipped by `sign`. */
static void put_number(uint8_t *to, const uint8_t *from, size_t width, uint8_t sign) {
  for (size_t i = 0; i < width; i++) to[i] = from[width - 1 - i];
  to[0] ^= sign;
}

/* Floats: positive ones get the sign bit set, negative ones are inverted; then they order as integers. */
static void put_float(uint8_t *to, const uint8_t *from, size_t width) {
  put_number(to, from, width, 0);
  uint64_t bits = 0;
  for (size_t i = 0; i < width; i++) bits = bits << 8 | to[i];
  unsigned mantissa = width == 2 ? 10 : width == 4 ? 23 : 52; /* bits, of IEEE 754 */
  uint64_t sign = width == 2 ? 1ull << 15 : width == 4 ? 1ull << 31 : 1ull << 63, magnitude = bits & (sign - 1);
  uint64_t infinity = (sign - 1) >> mantissa << mantissa;
  if (magnitude == 0) bits = 0;                  /* -0.0 */
  if (magnitude > infinity) bits = infinity + 1; /* any NaN, above infinity */
  bits = bits & sign ? ~bits : bits | sign;
  for (size_t i = width; i-- > 0; bits >>= 8) to[i] = (uint8_t)bits;
}

static enum lam_status put_bytes(struct lam_buf *out, struct lam_bytes value, struct lam_error *error) {
  LAM_TRY(lam_buf_room(out, 2 * value.size + 2, error));
  uint8_t *to = out->data + out->size;
  for (size_t i = 0; i < value.size; i++) {
    *to++ = value.data[i];
    if (value.data[i] == 0) *to++ = 0xff;
  }
  *to++ = 0;
  *to++ = 0;
  out->size = (size_t)(to - out->data);
  return LAM_OK;
}

static enum lam_status put_value(const struct lam_view *view, int64_t row, struct lam_buf *out,
                                 struct lam_error *error) {
  enum lam_type_id id = view->type.id;
  if (lam_type_is_binary(id)) return put_bytes(out, lam_view_bytes(view, row), error);
  size_t width = id == LAM_TYPE_BOOL ? 1 : (size_t)lam_type_bits(&view->type) / 8;
  const uint8_t *from = (const uint8_t *)view->data + (size_t)(view->offset + row) * width;
  LAM_TRY(lam_buf_room(out, width, error));
  uint8_t *to = out->data + out->size;
  out->size += width;
  if (id == LAM_TYPE_BOOL)
    *to = lam_bit_get(view->data, view->offset + row);
  else if (id == LAM_TYPE_FIXED_BINARY)
    memcpy(to, from, width);
  else if (lam_type_is_float(id))
    put_float(to, from, width);
  else
    put_number(to, from, width, id >= LAM_TYPE_UINT8 && id <= LAM_TYPE_UINT64 ? 0 : 0x80);
  return LAM_OK;
}

static enum lam_status put_column(const struct lam_view *view, int64_t row, const struct lam_key_column *key,
                                  struct lam_buf *out, struct lam_error *error) {
  bool valid = view->type.id != LAM_TYPE_NULL && lam_view_valid(view, row);
  uint8_t mark = valid ? 1 : key->nulls_first ? 0 : 2;
  LAM_TRY(lam_buf_append(out, &mark, 1, error));
  if (!valid) return LAM_OK;
  size_t begin = out->size;
  LAM_TRY(put_value(view, row, out, error));
  for (size_t i = begin; key->descending && i < out->size; i++) out->data[i] = (uint8_t)~out->data[i];
  return LAM_OK;
}

enum { MOST_KEYS = 64 };

enum lam_status lam_keys_encode(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                const struct lam_key_column *keys, int32_t count, struct lam_buf *bytes,
                                uint64_t *offsets, struct lam_error *error) {
  struct lam_view views[MOST_KEYS];
  if (count > MOST_KEYS) return lam_fail(error, LAM_UNSUPPORTED, "%d columns to order by; at most 64", count);
  for (int32_t k = 0; k < count; k++)
    LAM_TRY(lam_view_init(schema->children[keys[k].column], batch->children[keys[k].column], &views[k], error));
  for (int64_t row = 0; row < batch->length; row++) {
    offsets[row] = bytes->size;
    for (int32_t k = 0; k < count; k++) LAM_TRY(put_column(&views[k], row, &keys[k], bytes, error));
  }
  offsets[batch->length] = bytes->size;
  return LAM_OK;
}
