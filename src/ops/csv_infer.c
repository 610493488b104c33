#include "ops/csv_infer.h"

#include "arrow/value_text.h"

static const struct lam_type int64_type = {.id = LAM_TYPE_INT64, .timezone = ""};
static const struct lam_type bool_type = {.id = LAM_TYPE_BOOL, .timezone = ""};
static const struct lam_type date_type = {.id = LAM_TYPE_DATE32, .timezone = ""};

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static bool reads_as(const struct lam_type *type, struct lam_bytes text) {
  uint64_t value[4];
  return lam_value_scan(type, text, value) == NULL;
}

static enum lam_csv_kind kind_of_timestamp(struct lam_bytes text, bool *nanoseconds) {
  struct lam_type type = {.id = LAM_TYPE_TIMESTAMP, .timezone = ""};
  for (int zone = 0; zone < 2; zone++) {
    for (int nano = 0; nano < 2; nano++) {
      type.timezone = zone ? "UTC" : "";
      type.unit = nano ? LAM_UNIT_NANO : LAM_UNIT_MICRO;
      if (!reads_as(&type, text)) continue;
      *nanoseconds = nano;
      return zone ? LAM_CSV_TIMESTAMP_ZONE : LAM_CSV_TIMESTAMP;
    }
  }
  return LAM_CSV_STRING;
}

/* Numbers whose text says more than their value are strings: "007", "+49…", more digits than 64 bits hold. */
static enum lam_csv_kind kind_of_number(struct lam_bytes text) {
  const uint8_t *p = text.data, *end = p + text.size;
  double value;
  if (p < end && *p == '-') p++;
  if (p < end && *p == '+') return LAM_CSV_STRING;
  if (end - p > 1 && p[0] == '0' && is_digit(p[1])) return LAM_CSV_STRING;
  if (reads_as(&int64_type, text)) return LAM_CSV_INT;
  if (lam_double_scan(text, &value) != NULL) return LAM_CSV_STRING;
  bool digits_only = true;
  for (; p < end; p++) digits_only &= is_digit(*p);
  if (digits_only) return LAM_CSV_STRING;
  return value - value == 0 ? LAM_CSV_DOUBLE : LAM_CSV_SPECIAL;
}

static enum lam_csv_kind kind_of(struct lam_bytes text, bool *nanoseconds) {
  if (text.size == 0 || text.size > 64) return LAM_CSV_STRING;
  uint8_t first = text.data[0];
  if ((first | 32) == 't' || (first | 32) == 'f') return reads_as(&bool_type, text) ? LAM_CSV_BOOL : LAM_CSV_STRING;
  bool dashed = text.size >= 10 && memchr(text.data + 1, '-', text.size - 1);
  if (dashed && (is_digit(first) || first == '-')) {
    if (reads_as(&date_type, text)) return LAM_CSV_DATE;
    enum lam_csv_kind kind = kind_of_timestamp(text, nanoseconds);
    if (kind != LAM_CSV_STRING) return kind;
  }
  return kind_of_number(text);
}

static enum lam_csv_kind join(enum lam_csv_kind a, enum lam_csv_kind b) {
  if (a == b || b == LAM_CSV_NOTHING) return a;
  if (a == LAM_CSV_NOTHING) return b;
  enum lam_csv_kind low = a < b ? a : b, high = a < b ? b : a;
  if (low >= LAM_CSV_INT && high <= LAM_CSV_DOUBLE) return LAM_CSV_DOUBLE;
  if (low == LAM_CSV_DATE && high == LAM_CSV_TIMESTAMP) return LAM_CSV_TIMESTAMP;
  return LAM_CSV_STRING;
}

void lam_csv_observe(struct lam_csv_guess *guess, struct lam_bytes text) {
  bool nanoseconds = false;
  if (guess->kind == LAM_CSV_STRING) return;
  guess->kind = join(guess->kind, kind_of(text, &nanoseconds));
  guess->nanoseconds |= nanoseconds;
}

void lam_csv_observe_kind(struct lam_csv_guess *guess, enum lam_csv_kind kind) {
  guess->kind = join(guess->kind, kind);
}

void lam_csv_observe_string(struct lam_csv_guess *guess, struct lam_bytes text) {
  bool nanoseconds = false;
  if (guess->kind == LAM_CSV_STRING) return;
  enum lam_csv_kind kind = kind_of(text, &nanoseconds);
  if (kind >= LAM_CSV_BOOL && kind <= LAM_CSV_DOUBLE && kind != LAM_CSV_SPECIAL) kind = LAM_CSV_STRING;
  guess->kind = join(guess->kind, kind);
  guess->nanoseconds |= nanoseconds;
}

struct lam_type lam_csv_type_of(const struct lam_csv_guess *guess) {
  struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
  switch (guess->kind) {
    case LAM_CSV_BOOL: type.id = LAM_TYPE_BOOL; break;
    case LAM_CSV_INT: type.id = LAM_TYPE_INT64; break;
    case LAM_CSV_DOUBLE: type.id = LAM_TYPE_FLOAT64; break;
    case LAM_CSV_DATE: type.id = LAM_TYPE_DATE32; break;
    case LAM_CSV_TIMESTAMP:
    case LAM_CSV_TIMESTAMP_ZONE:
      type.id = LAM_TYPE_TIMESTAMP;
      type.unit = guess->nanoseconds ? LAM_UNIT_NANO : LAM_UNIT_MICRO;
      if (guess->kind == LAM_CSV_TIMESTAMP_ZONE) type.timezone = "UTC";
      break;
    case LAM_CSV_NOTHING:
    case LAM_CSV_SPECIAL:
    case LAM_CSV_STRING: break;
  }
  return type;
}
