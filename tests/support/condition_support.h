/* Random columns of all flat types and random conditions about them, as text, for tests against brute force. Values
 * come from small pools, so that they meet each other and the literals. */
#ifndef LAM_TESTS_CONDITION_SUPPORT_H
#define LAM_TESTS_CONDITION_SUPPORT_H

#include "arrow_support.h"
#include "expr/expr.h"

#define LONG_TEXT "a long text whose beginning is the same in all of them, so that bounds are cut: "
static const struct pool {
  const char *type, *values[12];
} pools[] = {
    {"bool", {"false", "true"}},
    {"int8", {"-128", "-1", "0", "1", "2", "5", "127"}},
    {"int16", {"-32768", "-1", "0", "1", "2", "300", "32767"}},
    {"int32", {"-2147483648", "-7", "-1", "0", "1", "2", "3", "1000", "2147483647"}},
    {"int64",
     {"-9223372036854775808", "-1", "0", "1", "2", "3", "4294967296", "9007199254740993", "9223372036854775807"}},
    {"uint8", {"0", "1", "2", "127", "128", "255"}},
    {"uint16", {"0", "1", "2", "32768", "65535"}},
    {"uint32", {"0", "1", "2", "2147483648", "4294967295"}},
    {"uint64", {"0", "1", "2", "9223372036854775808", "18446744073709551615"}},
    {"float16", {"-inf", "-1", "-0.0", "0.0", "0.1", "1", "2.5", "inf", "nan"}},
    {"float", {"-inf", "-1.5", "-0.0", "0.0", "0.1", "1", "2.5", "16777216", "inf", "nan"}},
    {"double", {"-inf", "-1.5", "-0.0", "0.0", "0.1", "1", "2.5", "1e300", "inf", "nan"}},
    {"decimal(5,2)", {"-999.99", "-0.01", "0.00", "0.10", "1.00", "2.50", "999.99"}},
    {"decimal(18,3)", {"-1.500", "0.000", "0.100", "1.000", "2.500", "123456789012345.678"}},
    {"decimal(30,4)", {"-1.5000", "0.0000", "0.1000", "1.0000", "2.5000", "99999999999999999999999999.0000"}},
    {"decimal(50,2)", {"-1.50", "0.00", "0.10", "1.00", "100000000000000000000000000000000000000000.00"}},
    {"date", {"1582-10-15", "1969-12-31", "1970-01-01", "2024-01-31", "2024-02-29", "2024-12-31", "2025-01-01"}},
    {"time32[ms]", {"00:00:00", "00:00:00.001", "12:00:00", "23:59:59.999"}},
    {"time64[us]", {"00:00:00", "00:00:00.000001", "12:00:00", "23:59:59.999999"}},
    {"time64[ns]", {"00:00:00", "00:00:00.000000001", "12:00:00", "23:59:59.999999999"}},
    {"timestamp[ms]",
     {"1969-12-31 23:59:59.999", "1970-01-01 00:00:00", "2024-01-31 12:00:00", "2024-12-31 23:59:59",
      "2025-01-01 00:00:00"}},
    {"timestamp[us]",
     {"1582-10-15 01:02:03.000004", "1969-12-31 23:59:59.999999", "2024-01-31 12:00:00", "2024-12-31 23:59:59.9",
      "2025-01-01 00:00:00"}},
    {"timestamp[ns]",
     {"1969-12-31 23:59:59.999999999", "1970-01-01 00:00:00", "2024-02-29 12:00:00", "2025-01-01 00:00:00.000000001"}},
    {"timestamp[us, UTC]", {"1969-12-31 23:59:59.9Z", "2024-01-31 12:00:00Z", "2025-01-01 00:00:00Z"}},
    {"string", {"", "a", "ab", "abc", "b", "B", "%", "\xc3\xa4", "\xf4\x8f\xbf\xbf", "it's"}},
    {"string",
     {LONG_TEXT "a", LONG_TEXT "b", LONG_TEXT "c", LONG_TEXT, "a", "a long text", "b",
      "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"
      "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"
      "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"}},
    {"binary", {"", "00", "61", "6162", "ff", "ffff"}},
    {"binary",
     {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
      "ffffffffffffffffff",
      "6161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
      "616161616161616161ff",
      "00", "ff"}},
    {"fixed_size_binary[3]", {"000000", "616263", "616264", "ffffff"}},
};
enum { POOLS = sizeof pools / sizeof *pools };

static inline int pool_size(const struct pool *pool) {
  int count = 1;
  while (count < 12 && pool->values[count]) count++;
  return count;
}
static inline int below(uint64_t *seed, int limit) {
  return (int)(next_random(seed) % (uint64_t)limit);
}
static inline const char *any_value(uint64_t *seed, const struct pool *pool) {
  return pool->values[below(seed, pool_size(pool))];
}

/* ---- columns ---- */

enum { MOST_COLUMNS = 4 };
struct columns {
  int count;
  const struct pool *pools[MOST_COLUMNS];
};

static inline void random_columns(uint64_t *seed, struct columns *out) {
  out->count = 1 + below(seed, MOST_COLUMNS);
  for (int c = 0; c < out->count; c++)
    out->pools[c] = c > 0 && below(seed, 3) == 0 ? out->pools[c - 1] : &pools[below(seed, POOLS)];
}

static inline void columns_schema(const struct columns *columns, struct ArrowSchema *schema) {
  OK(lam_schema_init_struct("", columns->count, schema, &error));
  for (int c = 0; c < columns->count; c++) {
    struct lam_type type = type_of(columns->pools[c]->type);
    char name[16];
    snprintf(name, sizeof name, "c%d", c);
    OK(lam_schema_init(&type, name, true, schema->children[c], &error));
  }
}

/* Rows in blocks: some of one value, some of none but NULL, in some columns of floats long ones of NaN; all ascending
 * in some columns. */
static inline void random_column(uint64_t *seed, const struct pool *pool, int rows, struct ArrowArray *out) {
  struct lam_type type = type_of(pool->type);
  struct lam_builder builder;
  int size = pool_size(pool), sorted = below(seed, 3) == 0, nulls = below(seed, 4), left = 0, block = 0, low = 0;
  bool nans = lam_type_is_float(type.id) && below(seed, 3) == 0;
  const char *value = pool->values[0];
  OK(lam_builder_init(&builder, mem, &type, &error));
  for (int row = 0; row < rows; row++) {
    if (left-- == 0) {
      left = below(seed, 40);
      block = below(seed, 4);
      low = below(seed, size);
      value = any_value(seed, pool);
      if (nans && below(seed, 2)) {
        value = "nan";
        block = 0;
        left *= 5;
      }
    }
    if (sorted)
      value = pool->values[row * size / rows];
    else if (block == 1)
      value = any_value(seed, pool);
    else if (block == 2) /* a part of the range */
      value = pool->values[low + below(seed, size - low < 2 ? size - low : 2)];
    if ((nulls == 1 && below(seed, 3) == 0) || (nulls == 2 && block == 3) || (nulls == 3 && below(seed, 50) == 0))
      OK(lam_builder_null(&builder, &error));
    else
      OK(lam_value_build(&builder, lam_bytes_of_string(value), &error));
  }
  OK(lam_builder_finish(&builder, out, &error));
  lam_builder_release(&builder);
}

static inline void random_batch(uint64_t *seed, const struct columns *columns, int rows, struct ArrowArray *out) {
  OK(lam_array_init_struct(rows, columns->count, out, &error));
  for (int c = 0; c < columns->count; c++) random_column(seed, columns->pools[c], rows, out->children[c]);
}

/* ---- conditions ---- */

static const char *column_prefix = ""; /* before the names of columns that are members of a struct: "s." */

struct text {
  char data[8192];
  size_t size;
};
__attribute__((format(printf, 2, 3))) static inline void put_text(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text->data + text->size, sizeof text->data - text->size, format, arguments);
  va_end(arguments);
  assert_true(size >= 0 && (size_t)size < sizeof text->data - text->size);
  text->size += (size_t)size;
}

static inline bool starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static inline void put_quoted(struct text *text, const char *value) {
  put_text(text, "'");
  for (; *value; value++) put_text(text, *value == '\'' ? "''" : "%c", *value);
  put_text(text, "'");
}

static inline void put_literal(uint64_t *seed, struct text *text, const struct pool *pool) {
  const char *value = any_value(seed, pool), *type = pool->type;
  bool number = starts(type, "int") || starts(type, "uint") || starts(type, "decimal") || starts(type, "float") ||
                starts(type, "double");
  if (below(seed, 30) == 0) {
    put_text(text, "NULL");
  } else if (starts(type, "string")) {
    put_quoted(text, value);
  } else if (starts(type, "binary") || starts(type, "fixed")) {
    put_text(text, "X'%s'", value);
  } else if (starts(type, "date")) {
    put_text(text, "DATE '%s'", value);
  } else if (starts(type, "timestamp") && below(seed, 2)) {
    put_text(text, "TIMESTAMP '%s'", value);
  } else if (number && !strpbrk(value, "fn")) {
    static const char *const others[] = {"0", "-1", "1.5", "0.1", "1e2", "3000000000", "0.00", "99999999999999999999"};
    put_text(text, "%s", below(seed, 5) ? value : others[below(seed, 8)]);
  } else {
    put_text(text, "CAST('%s' AS %s)", value, type);
  }
}

static inline const char *any_comparison(uint64_t *seed) {
  static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
  return names[below(seed, 6)];
}

static inline void put_like(uint64_t *seed, struct text *text, const char *value) {
  static const char *const tails[] = {"%", "_", "%%", "", "%x", "x%", "\\%"};
  size_t size = strlen(value), cut = size ? (size_t)below(seed, (int)size + 1) : 0;
  char pattern[256];
  while (cut < size && (value[cut] & 0xc0) == 0x80) cut++;
  snprintf(pattern, sizeof pattern, "%.*s%s", (int)cut, value, tails[below(seed, 7)]);
  put_quoted(text, pattern);
}

static inline void put_value(uint64_t *seed, struct text *text, int column, const struct pool *pool) {
  static const char *const types[] = {"int64", "double",        "decimal(38,6)", "float", "timestamp[ns]", "date",
                                      "int8",  "timestamp[ms]", "string",        "int32", "date64"};
  static const char *const units[] = {"year", "quarter", "month",  "week",        "day",
                                      "hour", "minute",  "second", "millisecond", "microsecond"};
  switch (below(seed, 9)) {
    case 0: put_text(text, "CAST(%sc%d AS %s)", column_prefix, column, types[below(seed, 11)]); break;
    case 1: put_text(text, "%s(%sc%d)", below(seed, 3) ? "year" : "month", column_prefix, column); break;
    case 2: put_text(text, "date_trunc('%s', %sc%d)", units[below(seed, 10)], column_prefix, column); break;
    case 3:
      put_text(text, "coalesce(%sc%d, ", column_prefix, column);
      put_literal(seed, text, pool);
      put_text(text, ")");
      break;
    case 4:
      put_text(text, "CASE WHEN %sc%d %s ", column_prefix, column, any_comparison(seed));
      put_literal(seed, text, pool);
      put_text(text, " THEN ");
      put_literal(seed, text, pool);
      put_text(text, " ELSE %sc%d END", column_prefix, column);
      break;
    case 5: put_text(text, "%sc%d + 1", column_prefix, column); break;
    case 6: put_text(text, "-%sc%d", column_prefix, column); break;
    case 7: put_text(text, "%s(%sc%d)", below(seed, 2) ? "abs" : "floor", column_prefix, column); break;
    default: put_text(text, "%s(%sc%d)", below(seed, 2) ? "length" : "lower", column_prefix, column); break;
  }
}

static inline void put_condition(uint64_t *seed, struct text *text, const struct columns *columns, int depth) {
  int column = below(seed, columns->count);
  const struct pool *pool = columns->pools[column];
  int kind = below(seed, depth > 0 ? 16 : 11);
  switch (kind) {
    case 0:
    case 1:
    case 2:
      put_text(text, "%sc%d %s ", column_prefix, column, any_comparison(seed));
      put_literal(seed, text, pool);
      break;
    case 3:
      put_literal(seed, text, pool);
      put_text(text, " %s %sc%d", any_comparison(seed), column_prefix, column);
      break;
    case 4:
      put_text(text, "%sc%d %s %sc%d", column_prefix, column, any_comparison(seed), column_prefix,
               below(seed, columns->count));
      break;
    case 5:
      put_text(text, "%sc%d %sIN (", column_prefix, column, below(seed, 3) ? "" : "NOT ");
      for (int i = below(seed, 4); i >= 0; i--) {
        put_literal(seed, text, pool);
        put_text(text, i ? ", " : ")");
      }
      break;
    case 6:
      put_text(text, "%sc%d BETWEEN ", column_prefix, column);
      put_literal(seed, text, pool);
      put_text(text, " AND ");
      put_literal(seed, text, pool);
      break;
    case 7: put_text(text, "%sc%d IS %sNULL", column_prefix, column, below(seed, 2) ? "NOT " : ""); break;
    case 8:
      if (starts(pool->type, "bool")) {
        put_text(text, "%sc%d", column_prefix, column);
      } else {
        put_text(text, "%sc%d %sLIKE ", column_prefix, column, below(seed, 4) ? "" : "NOT ");
        put_like(seed, text, any_value(seed, pool));
      }
      break;
    case 9:
    case 10:
      put_value(seed, text, column, pool);
      put_text(text, " %s ", any_comparison(seed));
      if (starts(pool->type, "date") || starts(pool->type, "timestamp"))
        put_text(text, below(seed, 2) ? "2024" : "TIMESTAMP '2024-01-01 00:00:00'");
      else
        put_literal(seed, text, pool);
      break;
    case 11:
      put_text(text, "NOT (");
      put_condition(seed, text, columns, depth - 1);
      put_text(text, ")");
      break;
    default:
      put_text(text, "(");
      put_condition(seed, text, columns, depth - 1);
      put_text(text, kind == 12 || kind == 13 ? ") AND (" : kind == 14 ? ") OR (" : ") = (");
      put_condition(seed, text, columns, depth - 1);
      put_text(text, ")");
      break;
  }
}

/* A condition that binds to the schema; false where the types of a random one do not go together. */
static inline bool random_condition(uint64_t *seed, const struct columns *columns, const struct ArrowSchema *schema,
                                    struct lam_arena *arena, struct text *text, const struct lam_expr **out) {
  const struct lam_expr *parsed;
  text->size = 0;
  put_condition(seed, text, columns, 3);
  enum lam_status status = lam_expr_parse(text->data, arena, &parsed, &error);
  if (status != LAM_OK) fail_msg("%s: %s", text->data, error.message);
  status = lam_expr_bind_condition(parsed, schema, arena, out, &error);
  assert_true(status == LAM_OK || status == LAM_INVALID);
  return status == LAM_OK;
}

/* What a condition is for each row: 1, 2, 4 as lam_outcome. False where evaluating fails, as arithmetic may. */
static inline bool outcomes_of_rows(const struct lam_expr *condition, const struct ArrowSchema *schema,
                                    const struct ArrowArray *batch, uint8_t *outcomes) {
  struct lam_evaluator *evaluator;
  struct ArrowSchema type;
  struct ArrowArray values;
  struct lam_view view;
  OK(lam_evaluator_open(mem, condition, schema, &evaluator, &error));
  enum lam_status status = lam_evaluate(evaluator, batch, &values, &error);
  assert_true(status == LAM_OK || status == LAM_INVALID);
  if (status == LAM_OK) {
    OK(lam_schema_init(&condition->type, "", true, &type, &error));
    OK(lam_view_init(&type, &values, &view, &error));
    for (int64_t row = 0; row < batch->length; row++) {
      if (!lam_view_valid(&view, row))
        outcomes[row] = LAM_MAY_BE_NULL;
      else
        outcomes[row] = lam_bit_get(view.data, view.offset + row) ? LAM_MAY_BE_TRUE : LAM_MAY_BE_FALSE;
    }
    lam_array_release(&values);
    lam_schema_release(&type);
  }
  lam_evaluator_close(evaluator);
  return status == LAM_OK;
}

#endif
