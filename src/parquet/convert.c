/* Physical values to values of the Arrow type, where they are not the same bits. */
#include <inttypes.h>

#include "base/kernel.h"
#include "parquet/chunk.h"

__extension__ typedef __int128 i128;
enum { EPOCH_JULIAN_DAY = 2440588 }; /* 1970-01-01 */

/* ---- integers ---- */

static void narrow(const uint8_t *from, size_t count, size_t width, uint8_t *to) {
  if (width == 1)
    for (size_t i = 0; i < count; i++) to[i] = from[4 * i];
  else
    for (size_t i = 0; i < count; i++) lam_store16(to + 2 * i, lam_load16(from + 4 * i));
}

/* Sign-extends integers to decimals of 16 or 32 bytes. */
static void widen(const uint8_t *from, size_t from_width, size_t count, size_t width, uint8_t *to) {
  for (size_t i = 0; i < count; i++, to += width) {
    int64_t value = from_width == 4 ? (int32_t)lam_load32(from + 4 * i) : (int64_t)lam_load64(from + 8 * i);
    lam_store64(to, (uint64_t)value);
    for (size_t at = 8; at < width; at += 8) lam_store64(to + at, (uint64_t)(value >> 63));
  }
}

/* ---- big-endian decimals ---- */

/* One number of `size` bytes, most significant first, to `width` bytes of two's complement, least significant first.
 * False where it does not fit. */
static bool decimal_from_bytes(const uint8_t *from, size_t size, size_t width, uint8_t *to) {
  uint8_t sign = size > 0 && from[0] >= 0x80 ? 0xff : 0;
  for (; size > width; from++, size--)
    if (*from != sign) return false;
  if (size == width && size > 0 && (from[0] >= 0x80 ? 0xff : 0) != sign) return false;
  for (size_t i = 0; i < size; i++) to[i] = from[size - 1 - i];
  memset(to + size, sign, width - size);
  return true;
}

/* The same for a whole column of 9 to 16 bytes each into 16: two words, the upper one shifted with its sign. */
LAM_KERNEL static void decimals_of_16(const uint8_t *from, size_t size, size_t count, uint8_t *to) {
  for (size_t i = 0; i < count; i++, from += size, to += 16) {
    uint64_t high = __builtin_bswap64(lam_load64(from)), low = __builtin_bswap64(lam_load64(from + size - 8));
    lam_store64(to, low);
    lam_store64(to + 8, (uint64_t)((int64_t)high >> (8 * (16 - size))));
  }
}
/* And of 1 to 8 bytes. */
LAM_KERNEL static void decimals_of_8(const uint8_t *from, size_t size, size_t count, uint8_t *to) {
  for (size_t i = 0; i < count; i++, from += size, to += 16) {
    uint64_t value = 0;
    for (size_t k = 0; k < size; k++) value = value << 8 | from[k];
    int64_t extended = (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
    lam_store64(to, (uint64_t)extended);
    lam_store64(to + 8, (uint64_t)(extended >> 63));
  }
}

static enum lam_status does_not_fit(const struct lam_leaf *leaf, size_t index, size_t size, struct lam_error *error) {
  char name[96];
  return lam_fail(error, LAM_CORRUPT, "value %zu is a decimal of %zu bytes, which does not fit %s", index, size,
                  lam_type_name(&leaf->type, name, sizeof name));
}

static enum lam_status decimals(const struct lam_leaf *leaf, const uint8_t *from, size_t count, size_t width,
                                uint8_t *to, struct lam_error *error) {
  size_t size = (size_t)leaf->width;
  if (width == 16 && size > 8 && size <= 16) {
    decimals_of_16(from, size, count, to);
    return LAM_OK;
  }
  if (width == 16 && size > 0 && size <= 8) {
    decimals_of_8(from, size, count, to);
    return LAM_OK;
  }
  for (size_t i = 0; i < count; i++)
    if (!decimal_from_bytes(from + i * size, size, width, to + i * width)) return does_not_fit(leaf, i, size, error);
  return LAM_OK;
}

enum lam_status lam_convert_bytes(const struct lam_leaf *leaf, const uint8_t *data, const int32_t *offsets,
                                  size_t count, uint8_t *to, struct lam_error *error) {
  size_t width = (size_t)lam_type_bits(&leaf->type) / 8;
  for (size_t i = 0; i < count; i++) {
    size_t size = (size_t)(offsets[i + 1] - offsets[i]);
    if (!decimal_from_bytes(data ? data + offsets[i] : NULL, size, width, to + i * width))
      return does_not_fit(leaf, i, size, error);
  }
  return LAM_OK;
}

/* ---- INT96 ---- */

static const int64_t units_per_second[] = {
    [LAM_UNIT_SECOND] = 1, [LAM_UNIT_MILLI] = 1000, [LAM_UNIT_MICRO] = 1000000, [LAM_UNIT_NANO] = 1000000000};

/* Nanoseconds of the day in 8 bytes, then the Julian day in 4. Spark counts days from a sum that wraps for dates near
 * the end of its range (the year 290000) and wraps back when it reads, so microseconds wrap here too; nanoseconds are
 * what others give the same bytes, and must fit. */
static enum lam_status timestamps(const struct lam_leaf *leaf, const uint8_t *from, size_t count, uint8_t *to,
                                  struct lam_error *error) {
  int64_t units = units_per_second[leaf->type.unit], nanoseconds_per_unit = 1000000000 / units;
  for (size_t i = 0; i < count; i++, from += 12, to += 8) {
    int64_t of_day = (int64_t)lam_load64(from) / nanoseconds_per_unit;
    int64_t days = (int64_t)(int32_t)lam_load32(from + 8) - EPOCH_JULIAN_DAY;
    i128 value = (i128)days * (86400 * units) + of_day; /* the first day of the range begins before it */
    if (value != (int64_t)value && leaf->type.unit == LAM_UNIT_NANO) {
      char name[96];
      return lam_fail(error, LAM_CORRUPT,
                      "value %zu is an INT96 of Julian day %" PRId64 ", which is beyond the range of %s", i,
                      days + EPOCH_JULIAN_DAY, lam_type_name(&leaf->type, name, sizeof name));
    }
    lam_store64(to, (uint64_t)value);
  }
  return LAM_OK;
}

enum lam_status lam_convert_fixed(const struct lam_leaf *leaf, const uint8_t *from, size_t count, uint8_t *to,
                                  struct lam_error *error) {
  size_t width = (size_t)lam_type_bits(&leaf->type) / 8;
  switch (leaf->conversion) {
    case LAM_NARROW: narrow(from, count, width, to); return LAM_OK;
    case LAM_INT_TO_DECIMAL: widen(from, (size_t)leaf->width, count, width, to); return LAM_OK;
    case LAM_BYTES_TO_DECIMAL: return decimals(leaf, from, count, width, to, error);
    case LAM_INT96_TO_TIMESTAMP: return timestamps(leaf, from, count, to, error);
    default: lam_copy(to, from, count * width); return LAM_OK;
  }
}
