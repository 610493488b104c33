#include "base/bytes.h"

#include <stdio.h>
#include <strings.h>

#include "base/kernel.h"

/* popcnt needs an instruction set above the baseline, without which it is a call. */
LAM_KERNEL static int64_t count_bits(const uint8_t *bits, int64_t offset, int64_t count) {
  int64_t total = 0;
  for (; count > 0 && (offset & 7); offset++, count--) total += lam_bit_get(bits, offset);
  const uint8_t *p = bits + (offset >> 3);
  for (; count >= 64; count -= 64, p += 8) total += __builtin_popcountll(lam_load64(p));
  for (int64_t i = 0; i < count; i++) total += lam_bit_get(p, i);
  return total;
}

int64_t lam_bits_count(const uint8_t *bits, int64_t offset, int64_t count) {
  return count_bits(bits, offset, count);
}

void lam_bits_fill(uint8_t *bits, int64_t offset, int64_t count, bool value) {
  for (; count > 0 && (offset & 7); offset++, count--) {
    if (value)
      lam_bit_set(bits, offset);
    else
      lam_bit_clear(bits, offset);
  }
  if (count <= 0) return;
  memset(bits + (offset >> 3), value ? 0xff : 0, (size_t)(count >> 3));
  for (int64_t i = offset + (count & ~(int64_t)7); i < offset + count; i++) {
    if (value)
      lam_bit_set(bits, i);
    else
      lam_bit_clear(bits, i);
  }
}

void lam_bits_copy(uint8_t *to, int64_t to_offset, const uint8_t *from, int64_t from_offset, int64_t count) {
  for (; count > 0 && (to_offset & 7); to_offset++, from_offset++, count--) {
    if (lam_bit_get(from, from_offset))
      lam_bit_set(to, to_offset);
    else
      lam_bit_clear(to, to_offset);
  }
  if (count <= 0) return;
  uint8_t *out = to + (to_offset >> 3);
  const uint8_t *in = from + (from_offset >> 3);
  int shift = (int)(from_offset & 7);
  int64_t whole = count >> 3;
  if (shift == 0) {
    memcpy(out, in, (size_t)whole);
  } else {
    /* A whole byte out takes bits of two bytes in; as shift > 0, it needs at least one bit of the second,
     * so that one is within the source. */
    for (int64_t i = 0; i < whole; i++) out[i] = (uint8_t)((in[i] >> shift) | (in[i + 1] << (8 - shift)));
  }
  for (int64_t i = whole * 8; i < count; i++) {
    if (lam_bit_get(from, from_offset + i))
      lam_bit_set(to, to_offset + i);
    else
      lam_bit_clear(to, to_offset + i);
  }
}

static const struct {
  const char *name;
  uint64_t bytes;
} size_units[] = {
    {"", 1},
    {"b", 1},
    {"k", 1000},
    {"kb", 1000},
    {"m", 1000000},
    {"mb", 1000000},
    {"g", 1000000000},
    {"gb", 1000000000},
    {"t", 1000000000000},
    {"tb", 1000000000000},
    {"kib", 1ull << 10},
    {"mib", 1ull << 20},
    {"gib", 1ull << 30},
    {"tib", 1ull << 40},
};

/* A number of digits with a decimal point as mantissa and count of decimals. Moves *text behind it. Whole
 * numbers and not strtod, so that every size is exact and no locale matters. */
static bool parse_decimal(const char **text, uint64_t *mantissa, int *decimals) {
  bool digits = false, point = false;
  *mantissa = 0, *decimals = 0;
  for (;; (*text)++) {
    char c = **text;
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits = true;
      if (point && *decimals == 9) continue; /* less than a byte of any unit that fits */
      if (__builtin_mul_overflow(*mantissa, 10u, mantissa)) return false;
      if (__builtin_add_overflow(*mantissa, (uint64_t)(c - '0'), mantissa)) return false;
      *decimals += point;
    } else {
      return digits;
    }
  }
}

enum lam_status lam_parse_size(const char *text, uint64_t *out, struct lam_error *error) {
  const char *p = text;
  uint64_t mantissa;
  int decimals;
  if (parse_decimal(&p, &mantissa, &decimals)) {
    while (*p == ' ') p++;
    for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++) {
      if (strcasecmp(p, size_units[i].name) != 0) continue;
      unsigned __int128 bytes = (unsigned __int128)mantissa * size_units[i].bytes;
      while (decimals-- > 0) bytes /= 10;
      if (bytes > INT64_MAX) break;
      *out = (uint64_t)bytes;
      return LAM_OK;
    }
  }
  return lam_fail(error, LAM_INVALID, "'%s' is not a size; expected a number with a unit, as 128MB or 1GiB", text);
}

const char *lam_format_size(uint64_t bytes, char *out, size_t room) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) {
    snprintf(out, room, "%u B", (unsigned)bytes);
    return out;
  }
  /* In tenths of the unit, rounded once, and not with %f: its point depends on the locale. */
  uint64_t tenth = 100;
  size_t unit = 1;
  uint64_t tenths = bytes / tenth + (bytes % tenth >= tenth / 2);
  while (tenths >= 10000) {
    tenth *= 1000, unit++;
    tenths = bytes / tenth + (bytes % tenth >= tenth / 2);
  }
  snprintf(out, room, "%llu.%llu %s", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
           units[unit]);
  return out;
}
