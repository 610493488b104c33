#include "expr/scalar.h"

#include <assert.h>
#include <math.h>

#include "arrow/calendar.h"
#include "arrow/value_text.h"

/* How a type's values are held. */
enum holding { HELD_NOT, HELD_SIGNED, HELD_UNSIGNED, HELD_DOUBLE, HELD_DECIMAL, HELD_BYTES };

static enum holding holding_of(enum lam_type_id id) {
  switch (id) {
    case LAM_TYPE_BOOL:
    case LAM_TYPE_INT8:
    case LAM_TYPE_INT16:
    case LAM_TYPE_INT32:
    case LAM_TYPE_INT64:
    case LAM_TYPE_DATE32:
    case LAM_TYPE_DATE64:
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64:
    case LAM_TYPE_TIMESTAMP:
    case LAM_TYPE_DURATION: return HELD_SIGNED;
    case LAM_TYPE_UINT8:
    case LAM_TYPE_UINT16:
    case LAM_TYPE_UINT32:
    case LAM_TYPE_UINT64: return HELD_UNSIGNED;
    case LAM_TYPE_FLOAT16:
    case LAM_TYPE_FLOAT32:
    case LAM_TYPE_FLOAT64: return HELD_DOUBLE;
    case LAM_TYPE_DECIMAL128:
    case LAM_TYPE_DECIMAL256: return HELD_DECIMAL;
    case LAM_TYPE_STRING:
    case LAM_TYPE_LARGE_STRING:
    case LAM_TYPE_BINARY:
    case LAM_TYPE_LARGE_BINARY:
    case LAM_TYPE_STRING_VIEW:
    case LAM_TYPE_BINARY_VIEW:
    case LAM_TYPE_FIXED_BINARY: return HELD_BYTES;
    default: return HELD_NOT;
  }
}

static bool is_text(enum lam_type_id id) {
  return id == LAM_TYPE_STRING || id == LAM_TYPE_LARGE_STRING || id == LAM_TYPE_STRING_VIEW;
}

/* ---- comparing ---- */

static int compare_doubles(double a, double b) {
  if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
  return (a > b) - (a < b);
}

static int compare_decimals(const uint8_t *a, const uint8_t *b) {
  for (int limb = 3; limb >= 0; limb--) {
    uint64_t flip = limb == 3 ? (uint64_t)1 << 63 : 0; /* the sign, so that all limbs compare as unsigned */
    uint64_t x = lam_load64(a + 8 * limb) ^ flip, y = lam_load64(b + 8 * limb) ^ flip;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

static int compare_bytes(struct lam_bytes a, struct lam_bytes b) {
  size_t size = a.size < b.size ? a.size : b.size;
  int order = size ? memcmp(a.data, b.data, size) : 0;
  if (order) return order < 0 ? -1 : 1;
  return (a.size > b.size) - (a.size < b.size);
}

int lam_scalar_compare(const struct lam_scalar *a, const struct lam_scalar *b) {
  assert(!a->is_null && !b->is_null && holding_of(a->type.id) == holding_of(b->type.id));
  switch (holding_of(a->type.id)) {
    case HELD_SIGNED: return (a->value.i > b->value.i) - (a->value.i < b->value.i);
    case HELD_UNSIGNED: return (a->value.u > b->value.u) - (a->value.u < b->value.u);
    case HELD_DOUBLE: return compare_doubles(a->value.d, b->value.d);
    case HELD_DECIMAL: return compare_decimals(a->value.decimal, b->value.decimal);
    case HELD_BYTES: return compare_bytes(a->bytes, b->bytes);
    case HELD_NOT: break;
  }
  return 0;
}

/* ---- exact numbers ---- */

__extension__ typedef unsigned __int128 u128;

/* A sign and a magnitude, lowest limb first. 1,024 bits hold all that is made here: a decimal of 256 bits times
 * 10^152 (505 bits), or beside a double of another scale. */
enum { LIMBS = 16 };
struct wide {
  bool negative;
  uint64_t limbs[LIMBS];
};

static bool wide_is_zero(const struct wide *w) {
  uint64_t all = 0;
  for (int i = 0; i < LIMBS; i++) all |= w->limbs[i];
  return all == 0;
}

static int compare_magnitudes(const struct wide *a, const struct wide *b) {
  for (int i = LIMBS - 1; i >= 0; i--)
    if (a->limbs[i] != b->limbs[i]) return a->limbs[i] < b->limbs[i] ? -1 : 1;
  return 0;
}

static uint64_t power_of_ten(int exponent) { /* up to 19 */
  uint64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

static void wide_multiply(struct wide *w, int exponent) {
  for (; exponent > 0; exponent -= 19) {
    uint64_t factor = power_of_ten(exponent < 19 ? exponent : 19), carry = 0;
    for (int i = 0; i < LIMBS; i++) {
      u128 product = (u128)w->limbs[i] * factor + carry;
      w->limbs[i] = (uint64_t)product;
      carry = (uint64_t)(product >> 64);
    }
    assert(carry == 0);
  }
}

/* Towards zero; true where something was lost. */
static bool wide_divide(struct wide *w, int exponent) {
  bool lost = false;
  for (; exponent > 0; exponent -= 19) {
    uint64_t divisor = power_of_ten(exponent < 19 ? exponent : 19), rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
      u128 part = (u128)rest << 64 | w->limbs[i];
      w->limbs[i] = (uint64_t)(part / divisor);
      rest = (uint64_t)(part % divisor);
    }
    lost |= rest != 0;
  }
  return lost;
}

/* Times 10^exponent. */
static bool wide_scale(struct wide *w, int exponent) {
  wide_multiply(w, exponent);
  return wide_divide(w, -exponent);
}

static void shift_left(struct wide *w, int bits) {
  int limbs = bits / 64, rest = bits % 64;
  for (int i = LIMBS - 1; i >= 0; i--) {
    uint64_t high = i >= limbs ? w->limbs[i - limbs] : 0, low = i > limbs ? w->limbs[i - limbs - 1] : 0;
    w->limbs[i] = rest ? high << rest | low >> (64 - rest) : high;
  }
}

static bool shift_right(struct wide *w, int bits) {
  int limbs = bits / 64, rest = bits % 64;
  uint64_t lost = 0;
  for (int i = 0; i < limbs && i < LIMBS; i++) lost |= w->limbs[i];
  if (limbs < LIMBS && rest) lost |= w->limbs[limbs] << (64 - rest);
  for (int i = 0; i < LIMBS; i++) {
    uint64_t low = i + limbs < LIMBS ? w->limbs[i + limbs] : 0;
    uint64_t high = i + limbs + 1 < LIMBS ? w->limbs[i + limbs + 1] : 0;
    w->limbs[i] = rest ? low >> rest | high << (64 - rest) : low;
  }
  return lost != 0;
}

static struct wide wide_of_decimal(const uint8_t *decimal) {
  struct wide w = {.negative = decimal[31] >> 7};
  uint64_t carry = 1;
  for (int i = 0; i < 4; i++) {
    w.limbs[i] = lam_load64(decimal + 8 * i);
    if (!w.negative) continue;
    w.limbs[i] = ~w.limbs[i] + carry;
    carry = carry && w.limbs[i] == 0;
  }
  return w;
}

static void decimal_of_wide(const struct wide *w, uint8_t *decimal) {
  uint64_t carry = 1;
  for (int i = 0; i < 4; i++) {
    uint64_t limb = w->negative ? ~w->limbs[i] + carry : w->limbs[i];
    carry = carry && limb == 0;
    lam_store64(decimal + 8 * i, limb);
  }
}

/* The digits of a number that is held as an integer; its value is that times 10^-scale. */
static struct wide wide_of(const struct lam_scalar *scalar) {
  switch (holding_of(scalar->type.id)) {
    case HELD_DECIMAL: return wide_of_decimal(scalar->value.decimal);
    case HELD_UNSIGNED: return (struct wide){.limbs = {scalar->value.u}};
    default: {
      int64_t value = scalar->value.i;
      return (struct wide){.negative = value < 0, .limbs = {value < 0 ? 0 - (uint64_t)value : (uint64_t)value}};
    }
  }
}

static int32_t scale_of(const struct lam_type *type) {
  return holding_of(type->id) == HELD_DECIMAL ? type->scale : 0;
}

/* Puts a number that was cut towards zero (`lost`) where it fits, else the end of the range. `most` is the largest
 * magnitude on its side. Says where the result lies. */
static int put_within(struct wide *w, const struct wide *most, bool lost) {
  if (compare_magnitudes(w, most) > 0) {
    memcpy(w->limbs, most->limbs, sizeof w->limbs);
    lost = true;
  }
  if (!lost) return 0;
  return w->negative ? 1 : -1;
}

/* The largest magnitude of a type's positive or negative values. */
static struct wide most_of(const struct lam_type *type, bool negative) {
  struct wide most = {.negative = negative};
  enum holding holding = holding_of(type->id);
  if (holding == HELD_DECIMAL) {
    most.limbs[0] = 1;
    wide_multiply(&most, type->precision);
    for (int i = 0; most.limbs[i]-- == 0; i++) continue; /* less 1 */
    return most;
  }
  int bits = lam_type_bits(type);
  if (type->id == LAM_TYPE_BOOL || holding == HELD_UNSIGNED)
    most.limbs[0] = negative ? 0 : bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
  else
    most.limbs[0] = ((uint64_t)1 << (bits - 1)) - !negative;
  return most;
}

static int put_wide(struct wide *w, bool lost, struct lam_scalar *out) {
  struct wide most = most_of(&out->type, w->negative);
  int direction = put_within(w, &most, lost);
  switch (holding_of(out->type.id)) {
    case HELD_DECIMAL: decimal_of_wide(w, out->value.decimal); break;
    case HELD_UNSIGNED: out->value.u = w->limbs[0]; break;
    default: out->value.i = (int64_t)(w->negative ? 0 - w->limbs[0] : w->limbs[0]); break;
  }
  return direction;
}

/* ---- floats ---- */

/* |value| = mantissa * 2^exponent, for a finite value that is not 0. */
static uint64_t split_double(double value, int *exponent) {
  double fraction = frexp(fabs(value), exponent);
  *exponent -= 53;
  return (uint64_t)ldexp(fraction, 53);
}

static double round_to(double value, enum lam_type_id id) {
  if (id == LAM_TYPE_FLOAT32) return (double)(float)value;
  if (id == LAM_TYPE_FLOAT16) return (double)lam_half_to_float(lam_half_of_double(value));
  return value;
}

/* -1, 0, 1 of a rounded number and the exact one, which it is near: so the shifts are small. */
static int compare_rounded(double rounded, struct wide exact, int32_t scale) {
  if (wide_is_zero(&exact)) return compare_doubles(rounded, 0);
  int sign = exact.negative ? -1 : 1;
  if (isinf(rounded)) return sign;
  if (rounded == 0) return -sign;
  int exponent;
  struct wide w = {.limbs = {split_double(rounded, &exponent)}};
  wide_multiply(&w, scale);
  wide_multiply(&exact, -scale);
  shift_left(&w, exponent > 0 ? exponent : 0);
  shift_left(&exact, exponent < 0 ? -exponent : 0);
  return sign * compare_magnitudes(&w, &exact);
}

static int number_to_double(const struct lam_scalar *from, struct lam_scalar *out) {
  double value;
  switch (holding_of(from->type.id)) {
    case HELD_DOUBLE:
      out->value.d = round_to(from->value.d, out->type.id);
      return compare_doubles(out->value.d, from->value.d);
    case HELD_SIGNED: value = (double)from->value.i; break;
    case HELD_UNSIGNED: value = (double)from->value.u; break;
    default: { /* the text, because reading texts rounds correctly */
      char text[LAM_VALUE_TEXT_ROOM];
      size_t size = lam_value_format(&from->type, from->value.decimal, text);
      const char *wrong = lam_double_scan(lam_bytes_of(text, size), &value);
      assert(!wrong);
      (void)wrong;
    }
  }
  out->value.d = round_to(value, out->type.id);
  return compare_rounded(out->value.d, wide_of(from), scale_of(&from->type));
}

static int double_to_number(double value, struct lam_scalar *out) {
  enum { LARGEST = 512 }; /* bits: more than 76 digits and 76 zeros behind them */
  int32_t scale = scale_of(&out->type);
  struct wide w = {.negative = value < 0};
  bool lost = false;
  if (isnan(value) || fabs(value) >= ldexp(1, LARGEST)) {
    memset(w.limbs, 0xff, sizeof w.limbs); /* beyond all; NaN is above */
  } else if (value != 0) {
    int exponent;
    w.limbs[0] = split_double(value, &exponent);
    wide_multiply(&w, scale);
    if (exponent > 0)
      shift_left(&w, exponent);
    else
      lost = shift_right(&w, -exponent);
    lost |= wide_divide(&w, -scale);
  }
  return put_wide(&w, lost, out);
}

static int cast_number(const struct lam_scalar *from, struct lam_scalar *out) {
  if (holding_of(out->type.id) == HELD_DOUBLE) return number_to_double(from, out);
  if (holding_of(from->type.id) == HELD_DOUBLE) return double_to_number(from->value.d, out);
  struct wide w = wide_of(from);
  bool lost = wide_scale(&w, scale_of(&out->type) - scale_of(&from->type));
  return put_wide(&w, lost, out);
}

/* ---- dates and times ---- */

/* Values of a type in a day or a second; dates and timestamps count from one epoch. */
static int64_t per_day(const struct lam_type *type) {
  static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
  if (type->id == LAM_TYPE_DATE32) return 1;
  return LAM_SECONDS_OF_DAY * (type->id == LAM_TYPE_DATE64 ? 1000 : per_second[type->unit]);
}

/* Down to the coarser unit. */
static int cast_time(const struct lam_scalar *from, struct lam_scalar *out) {
  int64_t from_rate = per_day(&from->type), to_rate = per_day(&out->type), value = from->value.i;
  int64_t least = lam_type_bits(&out->type) == 32 ? INT32_MIN : INT64_MIN;
  int64_t most = lam_type_bits(&out->type) == 32 ? INT32_MAX : INT64_MAX;
  int direction = 0;
  if (to_rate >= from_rate) {
    if (__builtin_mul_overflow(value, to_rate / from_rate, &out->value.i)) {
      out->value.i = value < 0 ? least : most;
      direction = value < 0 ? 1 : -1;
    }
  } else {
    out->value.i = lam_floor_div(value, from_rate / to_rate);
    direction = lam_floor_mod(value, from_rate / to_rate) ? -1 : 0;
  }
  if (out->value.i >= least && out->value.i <= most) return direction;
  out->value.i = out->value.i < 0 ? least : most;
  return value < 0 ? 1 : -1;
}

/* What goes with what: dates and timestamps, times of day, durations, numbers. */
enum family { FAMILY_NONE, FAMILY_NUMBER, FAMILY_INSTANT, FAMILY_TIME, FAMILY_DURATION, FAMILY_BYTES };
static enum family family_of(enum lam_type_id id) {
  switch (id) {
    case LAM_TYPE_DATE32:
    case LAM_TYPE_DATE64:
    case LAM_TYPE_TIMESTAMP: return FAMILY_INSTANT;
    case LAM_TYPE_TIME32:
    case LAM_TYPE_TIME64: return FAMILY_TIME;
    case LAM_TYPE_DURATION: return FAMILY_DURATION;
    default: break;
  }
  enum holding holding = holding_of(id);
  if (holding == HELD_NOT) return FAMILY_NONE;
  return holding == HELD_BYTES ? FAMILY_BYTES : FAMILY_NUMBER;
}

/* ---- bytes and texts ---- */

/* Cut or filled with zeros to a width. */
static enum lam_status cast_bytes(const struct lam_scalar *from, struct lam_arena *arena, struct lam_scalar *out,
                                  int *direction, struct lam_error *error) {
  size_t width = (size_t)out->type.byte_width;
  out->bytes = from->bytes;
  if (out->type.id != LAM_TYPE_FIXED_BINARY || from->bytes.size == width) return LAM_OK;
  *direction = from->bytes.size > width ? -1 : 1;
  out->bytes.size = width;
  if (from->bytes.size > width) return LAM_OK;
  uint8_t *bytes;
  LAM_TRY(lam_arena_array(arena, width, 1, (void **)&bytes, error));
  lam_copy(bytes, from->bytes.data, from->bytes.size);
  out->bytes.data = bytes;
  return LAM_OK;
}

/* The value as it is in an Arrow buffer; a boolean in one byte. 32 bytes of room. */
static void store_fixed(const struct lam_scalar *scalar, uint8_t *to) {
  switch (scalar->type.id) {
    case LAM_TYPE_FLOAT16: lam_store16(to, lam_half_of_double(scalar->value.d)); break;
    case LAM_TYPE_FLOAT32: {
      float value = (float)scalar->value.d;
      memcpy(to, &value, sizeof value);
      break;
    }
    default: memcpy(to, &scalar->value, sizeof scalar->value); break; /* the low bytes come first */
  }
}

static int64_t load_signed(const uint8_t *from, int bits) {
  switch (bits) {
    case 1: return *from != 0;
    case 8: return (int8_t)*from;
    case 16: return (int16_t)lam_load16(from);
    case 32: return (int32_t)lam_load32(from);
    default: return (int64_t)lam_load64(from);
  }
}

static double load_double(const uint8_t *from, enum lam_type_id id) {
  float single;
  double value;
  if (id == LAM_TYPE_FLOAT16) return (double)lam_half_to_float(lam_load16(from));
  memcpy(&single, from, sizeof single);
  if (id == LAM_TYPE_FLOAT32) return (double)single;
  memcpy(&value, from, sizeof value);
  return value;
}

/* The reverse of store_fixed. Reads the type's width; a boolean is a byte. */
static void load_fixed(struct lam_scalar *out, const uint8_t *from) {
  int bits = lam_type_bits(&out->type);
  switch (holding_of(out->type.id)) {
    case HELD_SIGNED: out->value.i = load_signed(from, bits); break;
    case HELD_UNSIGNED: {
      uint64_t value = (uint64_t)load_signed(from, bits);
      out->value.u = bits == 64 ? value : value & (((uint64_t)1 << bits) - 1);
      break;
    }
    case HELD_DOUBLE: out->value.d = load_double(from, out->type.id); break;
    case HELD_DECIMAL: {
      size_t width = (size_t)bits / 8;
      memset(out->value.decimal, from[width - 1] & 0x80 ? 0xff : 0, sizeof out->value.decimal);
      memcpy(out->value.decimal, from, width);
      break;
    }
    default: break;
  }
}

void lam_scalar_load(const struct lam_type *type, const void *value, struct lam_scalar *out) {
  *out = (struct lam_scalar){.type = *type};
  load_fixed(out, value);
}

static enum lam_status cast_from_text(const struct lam_scalar *from, struct lam_scalar *out, struct lam_error *error) {
  uint8_t value[32] = {0};
  LAM_TRY(lam_value_parse(&out->type, from->bytes, value, error));
  load_fixed(out, value);
  return LAM_OK;
}

static enum lam_status cast_to_text(const struct lam_scalar *from, struct lam_arena *arena, struct lam_scalar *out,
                                    struct lam_error *error) {
  uint8_t value[32];
  char text[LAM_VALUE_TEXT_ROOM], *copy;
  store_fixed(from, value);
  size_t size = lam_value_format(&from->type, value, text);
  LAM_TRY(lam_arena_string(arena, lam_bytes_of(text, size), &copy, error));
  out->bytes = lam_bytes_of(copy, size);
  return LAM_OK;
}

enum lam_status lam_scalar_cast(const struct lam_scalar *from, const struct lam_type *to, struct lam_arena *arena,
                                struct lam_scalar *out, bool *exact, int *direction, struct lam_error *error) {
  struct lam_scalar value = *from; /* `out` may be it */
  enum family family_from = family_of(value.type.id), family_to = family_of(to->id);
  *out = (struct lam_scalar){.type = *to, .is_null = value.is_null || value.type.id == LAM_TYPE_NULL};
  *exact = true;
  *direction = 0;
  if (out->is_null) return LAM_OK;
  if (lam_type_equal(&value.type, to)) {
    out->value = value.value;
    out->bytes = value.bytes;
  } else if (family_from == family_to && family_from != FAMILY_NONE) {
    if (family_from == FAMILY_NUMBER)
      *direction = cast_number(&value, out);
    else if (family_from == FAMILY_BYTES)
      LAM_TRY(cast_bytes(&value, arena, out, direction, error));
    else
      *direction = cast_time(&value, out);
    *exact = *direction == 0;
  } else if (is_text(value.type.id) && family_to != FAMILY_NONE) {
    return cast_from_text(&value, out, error);
  } else if (is_text(to->id) && family_from != FAMILY_NONE) {
    return cast_to_text(&value, arena, out, error);
  } else {
    char name_from[96], name_to[96];
    return lam_fail(error, LAM_INVALID, "a value of type %s cannot be cast to %s",
                    lam_type_name(&value.type, name_from, sizeof name_from),
                    lam_type_name(to, name_to, sizeof name_to));
  }
  return LAM_OK;
}

/* ---- arrays ---- */

enum lam_status lam_scalar_of_view(const struct lam_view *view, int64_t row, struct lam_scalar *out,
                                   struct lam_error *error) {
  *out = (struct lam_scalar){.type = view->type, .is_null = !lam_view_valid(view, row)};
  if (view->dictionary_array) {
    struct lam_view values;
    LAM_TRY(lam_view_dictionary(view, &values, error));
    out->type = values.type;
    if (out->is_null) return LAM_OK;
    int64_t index = lam_view_index(view, row);
    if (index < 0 || index >= values.length)
      return lam_fail(error, LAM_INVALID, "row %lld has index %lld into a dictionary of %lld", (long long)row,
                      (long long)index, (long long)values.length);
    return lam_scalar_of_view(&values, index, out, error);
  }
  if (out->is_null) return LAM_OK;
  int64_t i = view->offset + row;
  enum holding holding = holding_of(view->type.id);
  if (holding == HELD_NOT) {
    char name[96];
    return lam_fail(error, LAM_UNSUPPORTED, "values of type %s cannot be compared",
                    lam_type_name(&view->type, name, sizeof name));
  }
  if (holding == HELD_BYTES)
    out->bytes = lam_view_bytes(view, row);
  else if (view->type.id == LAM_TYPE_BOOL)
    out->value.i = lam_bit_get(view->data, i);
  else
    load_fixed(out, (const uint8_t *)view->data + i * (lam_type_bits(&view->type) / 8));
  return LAM_OK;
}

/* ---- literals ---- */

static enum lam_status put(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

static enum lam_status put_quoted(struct lam_bytes text, struct lam_buf *out, struct lam_error *error) {
  LAM_TRY(put(out, "'", error));
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '\'') LAM_TRY(put(out, "'", error));
    LAM_TRY(lam_buf_append(out, text.data + i, 1, error));
  }
  return put(out, "'", error);
}

static enum lam_status put_bytes(const struct lam_scalar *scalar, struct lam_buf *out, struct lam_error *error) {
  if (is_text(scalar->type.id)) return put_quoted(scalar->bytes, out, error);
  LAM_TRY(put(out, "X'", error));
  LAM_TRY(lam_hex_append(out, scalar->bytes, error));
  return put(out, "'", error);
}

enum lam_status lam_scalar_text(const struct lam_scalar *scalar, struct lam_buf *out, bool *is_literal,
                                struct lam_error *error) {
  enum holding holding = holding_of(scalar->type.id);
  *is_literal = false;
  if (scalar->is_null || holding == HELD_NOT) return LAM_OK;
  if (holding == HELD_BYTES && is_text(scalar->type.id))
    return lam_buf_append(out, scalar->bytes.data, scalar->bytes.size, error);
  if (holding == HELD_BYTES) return lam_hex_append(out, scalar->bytes, error);
  uint8_t value[32];
  char text[LAM_VALUE_TEXT_ROOM];
  store_fixed(scalar, value);
  size_t size = lam_value_format(&scalar->type, value, text);
  *is_literal = scalar->type.id >= LAM_TYPE_BOOL && scalar->type.id <= LAM_TYPE_FLOAT64 &&
                (holding != HELD_DOUBLE || isfinite(scalar->value.d));
  return lam_buf_append(out, text, size, error);
}

enum lam_status lam_scalar_print(const struct lam_scalar *scalar, struct lam_buf *out, struct lam_error *error) {
  enum holding holding = holding_of(scalar->type.id);
  if (scalar->is_null || holding == HELD_NOT) return put(out, "NULL", error);
  if (holding == HELD_BYTES) return put_bytes(scalar, out, error);
  uint8_t value[32];
  char text[LAM_VALUE_TEXT_ROOM], name[96];
  store_fixed(scalar, value);
  size_t size = lam_value_format(&scalar->type, value, text);
  if (scalar->type.id == LAM_TYPE_BOOL) return put(out, scalar->value.i ? "TRUE" : "FALSE", error);
  bool finite = holding != HELD_DOUBLE || isfinite(scalar->value.d);
  if (family_of(scalar->type.id) == FAMILY_NUMBER && finite) {
    /* A float needs an exponent and a decimal its point, or they would be read as a decimal and an integer. */
    const char *mark = holding == HELD_DOUBLE    ? (memchr(text, 'e', size) ? "" : "e0")
                       : holding == HELD_DECIMAL ? (memchr(text, '.', size) ? "" : ".")
                                                 : "";
    LAM_TRY(lam_buf_append(out, text, size, error));
    return put(out, mark, error);
  }
  const char *before = NULL, *behind = "";
  switch (scalar->type.id) {
    case LAM_TYPE_DATE32: before = "DATE "; break;
    case LAM_TYPE_TIMESTAMP: before = "TIMESTAMP "; break;
    default: break;
  }
  if (!before) {
    before = "CAST(";
    behind = lam_type_name(&scalar->type, name, sizeof name);
  }
  LAM_TRY(put(out, before, error));
  LAM_TRY(put_quoted(lam_bytes_of(text, size), out, error));
  if (!*behind) return LAM_OK;
  LAM_TRY(put(out, " AS ", error));
  LAM_TRY(put(out, behind, error));
  return put(out, ")", error);
}
