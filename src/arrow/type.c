#include "arrow/type.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/error.h"

/* ---- format strings ---- */

enum shape { WHOLE, UNIT, ZONE, DECIMAL, WIDTH };
struct format {
  const char *text; /* the whole format string, or what comes before its parameters */
  const char *name; /* as lam_type_name prints it, without parameters */
  enum lam_type_id id;
  enum shape shape;
  enum lam_arrow_unit unit;
  int bits; /* of a value; 0 for variable width and nested */
};

static const struct format formats[] = {
    {"n", "null", LAM_TYPE_NULL, WHOLE, 0, 0},
    {"b", "bool", LAM_TYPE_BOOL, WHOLE, 0, 1},
    {"c", "int8", LAM_TYPE_INT8, WHOLE, 0, 8},
    {"s", "int16", LAM_TYPE_INT16, WHOLE, 0, 16},
    {"i", "int32", LAM_TYPE_INT32, WHOLE, 0, 32},
    {"l", "int64", LAM_TYPE_INT64, WHOLE, 0, 64},
    {"C", "uint8", LAM_TYPE_UINT8, WHOLE, 0, 8},
    {"S", "uint16", LAM_TYPE_UINT16, WHOLE, 0, 16},
    {"I", "uint32", LAM_TYPE_UINT32, WHOLE, 0, 32},
    {"L", "uint64", LAM_TYPE_UINT64, WHOLE, 0, 64},
    {"e", "float16", LAM_TYPE_FLOAT16, WHOLE, 0, 16},
    {"f", "float", LAM_TYPE_FLOAT32, WHOLE, 0, 32},
    {"g", "double", LAM_TYPE_FLOAT64, WHOLE, 0, 64},
    {"d:", "decimal", LAM_TYPE_DECIMAL128, DECIMAL, 0, 128},
    {"d:", "decimal256", LAM_TYPE_DECIMAL256, DECIMAL, 0, 256},
    {"tdD", "date", LAM_TYPE_DATE32, WHOLE, 0, 32},
    {"tdm", "date64", LAM_TYPE_DATE64, WHOLE, 0, 64},
    {"tts", "time32", LAM_TYPE_TIME32, UNIT, LAM_UNIT_SECOND, 32},
    {"ttm", "time32", LAM_TYPE_TIME32, UNIT, LAM_UNIT_MILLI, 32},
    {"ttu", "time64", LAM_TYPE_TIME64, UNIT, LAM_UNIT_MICRO, 64},
    {"ttn", "time64", LAM_TYPE_TIME64, UNIT, LAM_UNIT_NANO, 64},
    {"tss:", "timestamp", LAM_TYPE_TIMESTAMP, ZONE, LAM_UNIT_SECOND, 64},
    {"tsm:", "timestamp", LAM_TYPE_TIMESTAMP, ZONE, LAM_UNIT_MILLI, 64},
    {"tsu:", "timestamp", LAM_TYPE_TIMESTAMP, ZONE, LAM_UNIT_MICRO, 64},
    {"tsn:", "timestamp", LAM_TYPE_TIMESTAMP, ZONE, LAM_UNIT_NANO, 64},
    {"tDs", "duration", LAM_TYPE_DURATION, UNIT, LAM_UNIT_SECOND, 64},
    {"tDm", "duration", LAM_TYPE_DURATION, UNIT, LAM_UNIT_MILLI, 64},
    {"tDu", "duration", LAM_TYPE_DURATION, UNIT, LAM_UNIT_MICRO, 64},
    {"tDn", "duration", LAM_TYPE_DURATION, UNIT, LAM_UNIT_NANO, 64},
    {"u", "string", LAM_TYPE_STRING, WHOLE, 0, 0},
    {"U", "large_string", LAM_TYPE_LARGE_STRING, WHOLE, 0, 0},
    {"z", "binary", LAM_TYPE_BINARY, WHOLE, 0, 0},
    {"Z", "large_binary", LAM_TYPE_LARGE_BINARY, WHOLE, 0, 0},
    {"vu", "string_view", LAM_TYPE_STRING_VIEW, WHOLE, 0, 0},
    {"vz", "binary_view", LAM_TYPE_BINARY_VIEW, WHOLE, 0, 0},
    {"w:", "fixed_size_binary", LAM_TYPE_FIXED_BINARY, WIDTH, 0, 0},
    {"+l", "list", LAM_TYPE_LIST, WHOLE, 0, 0},
    {"+L", "large_list", LAM_TYPE_LARGE_LIST, WHOLE, 0, 0},
    {"+w:", "fixed_size_list", LAM_TYPE_FIXED_LIST, WIDTH, 0, 0},
    {"+s", "struct", LAM_TYPE_STRUCT, WHOLE, 0, 0},
    {"+m", "map", LAM_TYPE_MAP, WHOLE, 0, 0},
    {"tiM", "month_interval", LAM_TYPE_INTERVAL_MONTHS, WHOLE, 0, 32},
    {"tiD", "day_time_interval", LAM_TYPE_INTERVAL_DAY_TIME, WHOLE, 0, 64},
    {"tin", "month_day_nano_interval", LAM_TYPE_INTERVAL_MONTH_DAY_NANO, WHOLE, 0, 128},
};
enum { FORMAT_COUNT = sizeof formats / sizeof *formats };
static const char *const unit_names[] = {"s", "ms", "us", "ns"};

static bool has_unit(const struct format *f) {
  return f->shape == UNIT || f->shape == ZONE;
}

static const struct format *format_of(const struct lam_type *type) {
  for (int i = 0; i < FORMAT_COUNT; i++) {
    if (formats[i].id == type->id && (!has_unit(&formats[i]) || formats[i].unit == type->unit)) return &formats[i];
  }
  return NULL;
}

/* A decimal number within [low, high], up to a comma or the end; *text is moved behind it. */
static bool parse_number(const char **text, long low, long high, int32_t *out) {
  const char *p = *text;
  bool negative = *p == '-';
  long value = 0;
  if (negative) p++;
  if (*p < '0' || *p > '9') return false;
  for (; *p >= '0' && *p <= '9'; p++) {
    value = value * 10 + (*p - '0');
    if (value > INT32_MAX) return false;
  }
  if (negative) value = -value;
  if (value < low || value > high) return false;
  *text = p;
  *out = (int32_t)value;
  return true;
}

/* "10,2" or "10,2,256". */
static enum lam_status parse_decimal(const char *format, struct lam_type *out, struct lam_error *error) {
  const char *p = format + 2;
  int32_t bits = 128;
  bool ok = parse_number(&p, 1, 76, &out->precision) && *p++ == ',' && parse_number(&p, -76, 76, &out->scale);
  if (ok && *p == ',') p++, ok = parse_number(&p, 1, 256, &bits);
  if (!ok || *p) return lam_fail(error, LAM_INVALID, "the Arrow format \"%.64s\" is not a decimal type", format);
  if (bits != 128 && bits != 256)
    return lam_fail(error, LAM_UNSUPPORTED, "decimals of %d bits (Arrow format \"%.64s\") are not supported", bits,
                    format);
  if (bits == 128 && out->precision > 38)
    return lam_fail(error, LAM_INVALID, "the Arrow format \"%.64s\" has more than the 38 digits of 128 bits", format);
  out->id = bits == 128 ? LAM_TYPE_DECIMAL128 : LAM_TYPE_DECIMAL256;
  return LAM_OK;
}

static enum lam_status parse_parameters(const struct format *f, const char *format, struct lam_type *out,
                                        struct lam_error *error) {
  const char *rest = format + strlen(f->text);
  *out = (struct lam_type){.id = f->id, .unit = f->unit, .timezone = ""};
  if (f->shape == DECIMAL) return parse_decimal(format, out, error);
  if (f->shape == ZONE) out->timezone = rest;
  if (f->shape == WIDTH && (!parse_number(&rest, 0, LAM_TYPE_WIDEST, &out->byte_width) || *rest))
    return lam_fail(error, LAM_INVALID, "the Arrow format \"%.64s\" has no size of up to %d", format, LAM_TYPE_WIDEST);
  return LAM_OK;
}

enum lam_status lam_type_parse(const struct ArrowSchema *schema, struct lam_type *out, struct lam_error *error) {
  const char *format = schema->format ? schema->format : "";
  for (int i = 0; i < FORMAT_COUNT; i++) {
    const struct format *f = &formats[i];
    bool whole = f->shape == WHOLE || f->shape == UNIT;
    if (whole ? !strcmp(format, f->text) : !strncmp(format, f->text, strlen(f->text)))
      return parse_parameters(f, format, out, error);
  }
  *out = (struct lam_type){.timezone = ""};
  if (!strncmp(format, "+r", 2) || !strncmp(format, "+u", 2) || !strncmp(format, "+v", 2))
    return lam_fail(error, LAM_UNSUPPORTED, "columns of Arrow format \"%.64s\" (%s) are not supported", format,
                    format[1] == 'r'   ? "run-end encoded"
                    : format[1] == 'u' ? "union"
                                       : "list view");
  return lam_fail(error, LAM_INVALID, "\"%.64s\" is not a format of the Arrow C data interface", format);
}

enum lam_status lam_type_format(const struct lam_type *type, char *out, size_t room, struct lam_error *error) {
  const struct format *f = format_of(type);
  if (!f) return lam_fail(error, LAM_INVALID, "a type of id %d and unit %d has no Arrow format", type->id, type->unit);
  int n = 0;
  switch (f->shape) {
    case WHOLE:
    case UNIT: n = snprintf(out, room, "%s", f->text); break;
    case ZONE: n = snprintf(out, room, "%s%s", f->text, type->timezone ? type->timezone : ""); break;
    case WIDTH: n = snprintf(out, room, "%s%d", f->text, type->byte_width); break;
    case DECIMAL:
      n = snprintf(out, room, "d:%d,%d%s", type->precision, type->scale, type->id == LAM_TYPE_DECIMAL256 ? ",256" : "");
      break;
  }
  if (n < 0 || (size_t)n >= room)
    return lam_fail(error, LAM_INVALID, "the time zone of a timestamp is longer than %zu bytes: \"%.64s…\"", room,
                    type->timezone);
  return LAM_OK;
}

/* ---- names ---- */

const char *lam_type_name(const struct lam_type *type, char *out, size_t room) {
  const struct format *f = format_of(type);
  if (!f) {
    snprintf(out, room, "type %d", type->id);
    return out;
  }
  switch (f->shape) {
    case WHOLE: snprintf(out, room, "%s", f->name); break;
    case UNIT: snprintf(out, room, "%s[%s]", f->name, unit_names[f->unit]); break;
    case ZONE:
      if (type->timezone && *type->timezone)
        snprintf(out, room, "%s[%s, %s]", f->name, unit_names[f->unit], type->timezone);
      else
        snprintf(out, room, "%s[%s]", f->name, unit_names[f->unit]);
      break;
    case WIDTH: snprintf(out, room, "%s[%d]", f->name, type->byte_width); break;
    case DECIMAL: snprintf(out, room, "%s(%d,%d)", f->name, type->precision, type->scale); break;
  }
  return out;
}

/* Other names than those of `formats`, in the form that lam_type_name prints. */
static const struct {
  const char *name, *means;
} aliases[] = {
    {"boolean", "bool"},
    {"logical", "bool"},
    {"tinyint", "int8"},
    {"smallint", "int16"},
    {"int", "int32"},
    {"integer", "int32"},
    {"bigint", "int64"},
    {"long", "int64"},
    {"utinyint", "uint8"},
    {"usmallint", "uint16"},
    {"uint", "uint32"},
    {"uinteger", "uint32"},
    {"ubigint", "uint64"},
    {"half", "float16"},
    {"halffloat", "float16"},
    {"float32", "float"},
    {"real", "float"},
    {"float4", "float"},
    {"float64", "double"},
    {"float8", "double"},
    {"double precision", "double"},
    {"date32", "date"},
    {"date32[day]", "date"},
    {"date64[ms]", "date64"},
    {"time", "time64[us]"},
    {"time[s]", "time32[s]"},
    {"time[ms]", "time32[ms]"},
    {"time[us]", "time64[us]"},
    {"time[ns]", "time64[ns]"},
    {"timestamp", "timestamp[us]"},
    {"datetime", "timestamp[us]"},
    {"timestamp without time zone", "timestamp[us]"},
    {"timestamp_s", "timestamp[s]"},
    {"timestamp_ms", "timestamp[ms]"},
    {"timestamp_us", "timestamp[us]"},
    {"timestamp_ns", "timestamp[ns]"},
    {"timestamptz", "timestamp[us, utc]"},
    {"timestamp with time zone", "timestamp[us, utc]"},
    {"duration", "duration[us]"},
    {"varchar", "string"},
    {"char", "string"},
    {"text", "string"},
    {"utf8", "string"},
    {"str", "string"},
    {"large_utf8", "large_string"},
    {"blob", "binary"},
    {"bytea", "binary"},
    {"bytes", "binary"},
    {"varbinary", "binary"},
    {"decimal", "decimal(38,10)"},
    {"numeric", "decimal(38,10)"},
};

/* The parameters of "decimal(10,2)", "timestamp[us, UTC]", "fixed_size_binary[16]": `inner` is what the
 * brackets hold, in lower case. */
static bool parse_named(const char *head, const char *inner, struct lam_type *out) {
  *out = (struct lam_type){.timezone = ""};
  if (!strcmp(head, "decimal") || !strcmp(head, "numeric") || !strcmp(head, "decimal128") ||
      !strcmp(head, "decimal256")) {
    if (!parse_number(&inner, 1, 76, &out->precision)) return false;
    if (*inner == ',') {
      inner++;
      while (*inner == ' ') inner++;
      if (!parse_number(&inner, -76, 76, &out->scale)) return false;
    }
    out->id = out->precision > 38 || !strcmp(head, "decimal256") ? LAM_TYPE_DECIMAL256 : LAM_TYPE_DECIMAL128;
    return !*inner && !(out->precision > 38 && !strcmp(head, "decimal128"));
  }
  if (!strcmp(head, "fixed_size_binary") || !strcmp(head, "fixed_binary") || !strcmp(head, "fixed")) {
    out->id = LAM_TYPE_FIXED_BINARY;
    return parse_number(&inner, 0, LAM_TYPE_WIDEST, &out->byte_width) && !*inner;
  }
  if (!strcmp(head, "varchar") || !strcmp(head, "char")) { /* the length is not kept */
    int32_t length;
    out->id = LAM_TYPE_STRING;
    return parse_number(&inner, 0, INT32_MAX, &length) && !*inner;
  }
  size_t unit_length = strcspn(inner, ",");
  for (int i = 0; i < FORMAT_COUNT; i++) {
    const struct format *f = &formats[i];
    if (!has_unit(f) || strcmp(f->name, head)) continue;
    const char *unit = unit_names[f->unit];
    if (strlen(unit) != unit_length || strncmp(unit, inner, unit_length)) continue;
    out->id = f->id;
    out->unit = f->unit;
    const char *zone = inner + unit_length;
    if (!*zone) return true;
    zone++;
    while (*zone == ' ') zone++;
    if (!strncmp(zone, "tz=", 3)) zone += 3;
    out->timezone = "UTC";
    return f->shape == ZONE && (!strcmp(zone, "utc") || !strcmp(zone, "z") || !strcmp(zone, "+00:00"));
  }
  return false;
}

enum lam_status lam_type_parse_name(const char *name, struct lam_type *out, struct lam_error *error) {
  char text[96];
  size_t n = 0;
  while (*name == ' ') name++;
  for (; name[n] && n < sizeof text - 1; n++) {
    char c = name[n];
    text[n] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
  }
  bool fits = !name[n];
  while (n && text[n - 1] == ' ') n--;
  text[n] = 0;
  const char *plain = text;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
    if (!strcmp(text, aliases[i].name)) plain = aliases[i].means;
  }
  if (plain != text) snprintf(text, sizeof text, "%s", plain);
  for (int i = 0; fits && i < FORMAT_COUNT; i++) {
    if (formats[i].shape != WHOLE || strcmp(text, formats[i].name)) continue;
    if (lam_type_is_nested(formats[i].id)) break; /* a bare "list" says nothing of its values */
    *out = (struct lam_type){.id = formats[i].id, .timezone = ""};
    return LAM_OK;
  }
  size_t head = strcspn(text, "([");
  n = strlen(text);
  bool closed =
      head + 1 < n && ((text[head] == '(' && text[n - 1] == ')') || (text[head] == '[' && text[n - 1] == ']'));
  if (fits && closed) {
    text[head] = text[n - 1] = 0;
    if (parse_named(text, text + head + 1, out)) return LAM_OK;
  }
  *out = (struct lam_type){.timezone = ""};
  return lam_fail(error, LAM_INVALID,
                  "\"%.64s\" is not a type; types are bool, int8 to int64, uint8 to uint64, float, double, "
                  "decimal(p,s), date, time64[us], timestamp[us], timestamp[us, UTC], string, binary, "
                  "fixed_size_binary[n]",
                  name);
}

/* ---- properties ---- */

bool lam_type_equal(const struct lam_type *a, const struct lam_type *b) {
  if (a->id != b->id) return false;
  const struct format *f = format_of(a);
  if (!f) return false;
  switch (f->shape) {
    case WHOLE: return true;
    case UNIT: return a->unit == b->unit;
    case ZONE: return a->unit == b->unit && !strcmp(a->timezone, b->timezone);
    case DECIMAL: return a->precision == b->precision && a->scale == b->scale;
    case WIDTH: return a->byte_width == b->byte_width;
  }
  return false;
}

int lam_type_bits(const struct lam_type *type) {
  if (type->id == LAM_TYPE_FIXED_BINARY) return type->byte_width * 8;
  const struct format *f = format_of(type);
  return f ? f->bits : 0;
}
