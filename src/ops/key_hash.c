#include "ops/key_hash.h"

#include "base/checksum.h"

/* The finaliser of splitmix64. */
static inline uint64_t mix(uint64_t hash, uint64_t value) {
  uint64_t z = (hash ^ value) + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* IEEE 754 of any width: one zero, one NaN. `mantissa` and `sign` tell its layout. */
static inline uint64_t one_float(uint64_t bits, unsigned mantissa, uint64_t sign) {
  uint64_t magnitude = bits & (sign - 1), infinity = (sign - 1) >> mantissa << mantissa;
  if (magnitude == 0) return 0;
  return magnitude > infinity ? infinity + 1 : bits;
}

#define HASH_FIXED(type, expression)                              \
  do {                                                            \
    const type *values = (const type *)view->data + view->offset; \
    for (int64_t i = 0; i < view->length; i++) {                  \
      uint64_t value = values[i];                                 \
      hashes[i] = mix(hashes[i], (expression));                   \
    }                                                             \
  } while (0)

static void hash_wide(const struct lam_view *view, size_t width, uint64_t *hashes) {
  const uint8_t *values = (const uint8_t *)view->data + (size_t)view->offset * width;
  for (int64_t i = 0; i < view->length; i++)
    hashes[i] = mix(hashes[i], lam_hash_fast(values + (size_t)i * width, width, 0));
}

static void hash_bytes(const struct lam_view *view, uint64_t *hashes) {
  for (int64_t i = 0; i < view->length; i++) {
    if (!lam_view_valid(view, i)) continue;
    struct lam_bytes value = lam_view_bytes(view, i);
    hashes[i] = mix(hashes[i], lam_hash_fast(value.data, value.size, 0));
  }
}

static void hash_column(const struct lam_view *view, uint64_t *hashes) {
  enum lam_type_id id = view->type.id;
  int bits = lam_type_bits(&view->type);
  if (id == LAM_TYPE_NULL) return;
  if (lam_type_is_binary(id))
    hash_bytes(view, hashes);
  else if (id == LAM_TYPE_BOOL)
    for (int64_t i = 0; i < view->length; i++) hashes[i] = mix(hashes[i], lam_bit_get(view->data, view->offset + i));
  else if (id == LAM_TYPE_FLOAT16)
    HASH_FIXED(uint16_t, one_float(value, 10, 1u << 15));
  else if (id == LAM_TYPE_FLOAT32)
    HASH_FIXED(uint32_t, one_float(value, 23, 1u << 31));
  else if (id == LAM_TYPE_FLOAT64)
    HASH_FIXED(uint64_t, one_float(value, 52, (uint64_t)1 << 63));
  else if (bits == 8 && id != LAM_TYPE_FIXED_BINARY)
    HASH_FIXED(uint8_t, value);
  else if (bits == 16 && id != LAM_TYPE_FIXED_BINARY)
    HASH_FIXED(uint16_t, value);
  else if (bits == 32 && id != LAM_TYPE_FIXED_BINARY)
    HASH_FIXED(uint32_t, value);
  else if (bits == 64 && id != LAM_TYPE_FIXED_BINARY)
    HASH_FIXED(uint64_t, value);
  else
    hash_wide(view, (size_t)bits / 8, hashes);
}

enum lam_status lam_keys_hash(const struct ArrowSchema *schema, const struct ArrowArray *batch, const int32_t *columns,
                              int32_t count, uint64_t *hashes, uint8_t *nulls, struct lam_error *error) {
  memset(hashes, 0, (size_t)batch->length * sizeof *hashes);
  memset(nulls, 0, (size_t)batch->length);
  for (int32_t k = 0; k < count; k++) {
    struct lam_view view;
    LAM_TRY(lam_view_init(schema->children[columns[k]], batch->children[columns[k]], &view, error));
    if (view.validity || view.type.id == LAM_TYPE_NULL)
      for (int64_t i = 0; i < view.length; i++) nulls[i] |= !lam_view_valid(&view, i);
    hash_column(&view, hashes);
  }
  return LAM_OK;
}
