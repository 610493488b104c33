/* A byte says how many bytes of each value are kept: 0, 1, 2, 4 or 8 of its difference from the least value, which is
 * in the 8 bytes behind; or 16, values as they are. */
#include "ops/spill_pack.h"

#include "base/kernel.h"

enum { HEAD = 9 };

/* `width` is a constant where these are inlined. */
static inline int64_t value_at(const uint8_t *values, size_t width, size_t i) {
  if (width == 2) return (int16_t)lam_load16(values + 2 * i);
  return width == 4 ? (int64_t)(int32_t)lam_load32(values + 4 * i) : (int64_t)lam_load64(values + width * i);
}
static inline void put_value(uint8_t *values, size_t width, size_t i, uint64_t value) {
  if (width == 2) {
    lam_store16(values + 2 * i, (uint16_t)value);
    return;
  }
  if (width == 4) {
    lam_store32(values + 4 * i, (uint32_t)value);
    return;
  }
  lam_store64(values + width * i, value);
  if (width == 16) lam_store64(values + 16 * i + 8, (uint64_t)((int64_t)value >> 63));
}
static inline uint64_t kept_at(const uint8_t *packed, size_t kept, size_t i) {
  switch (kept) {
    case 1: return packed[i];
    case 2: return lam_load16(packed + 2 * i);
    case 4: return lam_load32(packed + 4 * i);
    case 8: return lam_load64(packed + 8 * i);
    default: return 0;
  }
}
static inline void put_kept(uint8_t *packed, size_t kept, size_t i, uint64_t value) {
  switch (kept) {
    case 1: packed[i] = (uint8_t)value; break;
    case 2: lam_store16(packed + 2 * i, (uint16_t)value); break;
    case 4: lam_store32(packed + 4 * i, (uint32_t)value); break;
    case 8: lam_store64(packed + 8 * i, value); break;
    default: break;
  }
}

/* Calls `loop` with both widths as constants. */
#define FOR_WIDTH(loop, width, kept, ...)        \
  switch (width) {                               \
    case 2: loop(__VA_ARGS__, 2, kept); break;   \
    case 4: loop(__VA_ARGS__, 4, kept); break;   \
    case 8: loop(__VA_ARGS__, 8, kept); break;   \
    default: loop(__VA_ARGS__, 16, kept); break; \
  }
#define FOR_WIDTHS(loop, width, kept, ...)                 \
  switch (kept) {                                          \
    case 0: FOR_WIDTH(loop, width, 0, __VA_ARGS__) break;  \
    case 1: FOR_WIDTH(loop, width, 1, __VA_ARGS__) break;  \
    case 2: FOR_WIDTH(loop, width, 2, __VA_ARGS__) break;  \
    case 4: FOR_WIDTH(loop, width, 4, __VA_ARGS__) break;  \
    default: FOR_WIDTH(loop, width, 8, __VA_ARGS__) break; \
  }

struct extent {
  int64_t least, most;
  bool wide; /* some value of 16 bytes needs more than 8 */
};

static inline __attribute__((always_inline)) void measure_loop(const uint8_t *values, size_t count, struct extent *out,
                                                               size_t width, size_t kept) {
  int64_t least = INT64_MAX, most = INT64_MIN;
  uint64_t differ = 0;
  (void)kept;
  for (size_t i = 0; i < count; i++) {
    int64_t value = value_at(values, width, i);
    least = value < least ? value : least;
    most = value > most ? value : most;
    if (width == 16) differ |= lam_load64(values + 16 * i + 8) ^ (uint64_t)(value >> 63);
  }
  *out = (struct extent){least, most, differ != 0};
}

static inline __attribute__((always_inline)) void pack_loop(const uint8_t *values, size_t count, uint64_t least,
                                                            uint8_t *packed, size_t width, size_t kept) {
  for (size_t i = 0; i < count; i++) put_kept(packed, kept, i, (uint64_t)value_at(values, width, i) - least);
}

static inline __attribute__((always_inline)) void unpack_loop(const uint8_t *packed, size_t count, uint64_t least,
                                                              uint8_t *values, size_t width, size_t kept) {
  for (size_t i = 0; i < count; i++) put_value(values, width, i, kept_at(packed, kept, i) + least);
}

LAM_KERNEL static void measure(const uint8_t *values, size_t width, size_t count,
                               struct extent *out){FOR_WIDTH(measure_loop, width, 0, values, count, out)} LAM_KERNEL
    static void pack_values(const uint8_t *values, size_t width, size_t count, uint64_t least, size_t kept,
                            uint8_t *packed){
        FOR_WIDTHS(pack_loop, width, kept, values, count, least, packed)} LAM_KERNEL
    static void unpack_values(const uint8_t *packed, size_t width, size_t count, uint64_t least, size_t kept,
                              uint8_t *values) {
  FOR_WIDTHS(unpack_loop, width, kept, packed, count, least, values)
}

enum lam_status lam_spill_pack(const uint8_t *values, size_t width, size_t count, struct lam_buf *out,
                               struct lam_error *error) {
  struct extent extent = {.least = 0};
  if (count) measure(values, width, count, &extent);
  uint64_t range = (uint64_t)extent.most - (uint64_t)extent.least;
  size_t kept = range == 0 ? 0 : range <= UINT8_MAX ? 1 : range <= UINT16_MAX ? 2 : range <= UINT32_MAX ? 4 : 8;
  if (extent.wide) kept = 16;
  LAM_TRY(lam_buf_room(out, HEAD + count * kept, error));
  uint8_t *to = out->data + out->size;
  to[0] = (uint8_t)kept;
  lam_store64(to + 1, (uint64_t)extent.least);
  if (kept == 16)
    lam_copy(to + HEAD, values, 16 * count);
  else
    pack_values(values, width, count, (uint64_t)extent.least, kept, to + HEAD);
  out->size += HEAD + count * kept;
  return LAM_OK;
}

const uint8_t *lam_spill_unpack(const uint8_t *packed, size_t width, size_t count, uint8_t *values) {
  size_t kept = packed[0];
  if (kept == 16)
    lam_copy(values, packed + HEAD, 16 * count);
  else
    unpack_values(packed + HEAD, width, count, lam_load64(packed + 1), kept, values);
  return packed + HEAD + kept * count;
}
