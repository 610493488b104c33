#include "table/partition.h"

#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_NAME = 255 }; /* bytes, NAME_MAX of the usual file systems */

static bool needs_escape(uint8_t c) {
  /* Hive's FileUtils.escapePathName and Spark's ExternalCatalogUtils; 0 is listed there too and cannot occur here. */
  return c < 0x20 || c == 0x7f || (c && strchr("\"#%'*/:=?\\{[]^", c));
}

/* Bytes that `text` takes when escaped. */
static size_t escaped_size(const char *text) {
  size_t size = 0;
  for (const uint8_t *p = (const uint8_t *)text; *p; p++) size += needs_escape(*p) ? 3 : 1;
  return size;
}

static char *escape(const char *text, char *to) {
  static const char hex[] = "0123456789ABCDEF";
  for (const uint8_t *p = (const uint8_t *)text; *p; p++) {
    if (!needs_escape(*p)) {
      *to++ = (char)*p;
      continue;
    }
    *to++ = '%', *to++ = hex[*p >> 4], *to++ = hex[*p & 15];
  }
  return to;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* A '%' that no two hex digits follow stands for itself, as in Hive; so does %00, which no string of C can hold. */
static enum lam_status unescape(struct lam_arena *arena, const char *text, size_t size, char **out,
                                struct lam_error *error) {
  LAM_TRY(lam_arena_string(arena, lam_bytes_of(text, size), out, error));
  char *to = *out;
  for (size_t i = 0; i < size; i++) {
    int high = text[i] == '%' && size - i > 2 ? hex_digit(text[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0 && high + low > 0) {
      *to++ = (char)(high * 16 + low);
      i += 2;
    } else {
      *to++ = text[i];
    }
  }
  *to = 0;
  return LAM_OK;
}

enum lam_status lam_partition_name(struct lam_arena *arena, const char *column, const char *value, char **out,
                                   struct lam_error *error) {
  *out = NULL;
  if (!*column) return lam_fail(error, LAM_INVALID, "a partition column has no name");
  /* The string that spells the null value would read back as null: its first character is escaped. */
  bool spells_null = value && strcmp(value, LAM_NULL_PARTITION) == 0;
  size_t size = escaped_size(column) + 1 + (value ? escaped_size(value) : strlen(LAM_NULL_PARTITION)) + 2 * spells_null;
  if (size > LONGEST_NAME)
    return lam_fail(error, LAM_INVALID,
                    "the directory name for partition column '%s' would have %zu bytes, and file systems allow %d; its "
                    "value begins '%.40s'",
                    column, size, LONGEST_NAME, value ? value : "");
  void *memory;
  LAM_TRY(lam_arena_alloc(arena, size + 1, &memory, error));
  char *to = escape(column, memory);
  *to++ = '=';
  if (spells_null) {
    to += sprintf(to, "%%5F%s", value + 1);
  } else if (value) {
    to = escape(value, to);
  } else {
    memcpy(to, LAM_NULL_PARTITION, strlen(LAM_NULL_PARTITION));
    to += strlen(LAM_NULL_PARTITION);
  }
  *to = 0;
  *out = memory;
  return LAM_OK;
}

enum lam_status lam_partition_key(struct lam_arena *arena, const struct lam_partition *partition, char **out,
                                  struct lam_error *error) {
  struct lam_buf key;
  lam_buf_init(&key, arena->mem);
  enum lam_status status = LAM_OK;
  for (size_t i = 0; i < partition->count && status == LAM_OK; i++) {
    char *name;
    status = lam_partition_name(arena, partition->values[i].column, partition->values[i].value, &name, error);
    if (status == LAM_OK && i) status = lam_buf_append(&key, "/", 1, error);
    if (status == LAM_OK) status = lam_buf_append(&key, name, strlen(name), error);
  }
  if (status == LAM_OK) status = lam_arena_string(arena, lam_bytes_of(key.data, key.size), out, error);
  lam_buf_release(&key);
  return status;
}

bool lam_partition_is_name(const char *name) {
  return *name != '=' && strchr(name, '=') != NULL;
}

static enum lam_status parse_name(struct lam_arena *arena, const char *name, size_t size,
                                  struct lam_partition_value *out, struct lam_error *error) {
  const char *equals = memchr(name, '=', size);
  const char *value = equals + 1;
  size_t value_size = size - (size_t)(value - name);
  char *column, *text = NULL;
  LAM_TRY(unescape(arena, name, (size_t)(equals - name), &column, error));
  bool null = value_size == strlen(LAM_NULL_PARTITION) && memcmp(value, LAM_NULL_PARTITION, value_size) == 0;
  if (!null) LAM_TRY(unescape(arena, value, value_size, &text, error));
  *out = (struct lam_partition_value){column, text};
  return LAM_OK;
}

enum lam_status lam_partition_parse(struct lam_arena *arena, const char *directory, struct lam_partition *out,
                                    struct lam_error *error) {
  *out = (struct lam_partition){NULL, 0};
  size_t parts = 1;
  for (const char *p = directory; *p; p++) parts += *p == '/';
  void *memory;
  LAM_TRY(lam_arena_array(arena, parts, sizeof *out->values, &memory, error));
  struct lam_partition_value *values = memory;
  size_t count = 0;
  for (const char *part = directory; *part;) {
    size_t size = strcspn(part, "/");
    const char *equals = memchr(part, '=', size);
    if (equals && equals != part) {
      LAM_TRY(parse_name(arena, part, size, &values[count], error));
      for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].column, values[count].column) != 0) continue;
        return lam_fail(error, LAM_CORRUPT, "the directory '%s' gives two values for partition column '%s'", directory,
                        values[i].column);
      }
      count++;
    }
    part += size;
    if (*part) part++;
  }
  *out = (struct lam_partition){values, count};
  return LAM_OK;
}

bool lam_partition_find(const struct lam_partition *partition, const char *column, const char **value) {
  for (size_t i = 0; i < partition->count; i++) {
    if (strcmp(partition->values[i].column, column) != 0) continue;
    *value = partition->values[i].value;
    return true;
  }
  return false;
}

bool lam_partition_same_columns(const struct lam_partition *a, const struct lam_partition *b) {
  bool same = a->count == b->count;
  for (size_t i = 0; same && i < a->count; i++) same = strcmp(a->values[i].column, b->values[i].column) == 0;
  return same;
}

/* ---- filters ---- */

enum lam_status lam_partition_filter_parse(struct lam_arena *arena, const char *const *texts, size_t count,
                                           struct lam_partition_filter *out, struct lam_error *error) {
  *out = (struct lam_partition_filter){NULL, 0};
  void *memory;
  LAM_TRY(lam_arena_array(arena, count, sizeof *out->wanted, &memory, error));
  struct lam_partition_value *wanted = memory;
  for (size_t i = 0; i < count; i++) {
    const char *equals = strchr(texts[i], '=');
    if (!equals || equals == texts[i])
      return lam_fail(error, LAM_INVALID, "'%s' does not choose partitions; expected column=value", texts[i]);
    char *column, *value = NULL;
    LAM_TRY(lam_arena_string(arena, lam_bytes_of(texts[i], (size_t)(equals - texts[i])), &column, error));
    if (strcmp(equals + 1, LAM_NULL_PARTITION) != 0)
      LAM_TRY(lam_arena_string(arena, lam_bytes_of_string(equals + 1), &value, error));
    wanted[i] = (struct lam_partition_value){column, value};
  }
  *out = (struct lam_partition_filter){wanted, count};
  return LAM_OK;
}

static bool same_value(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* Whether some alternative for the column of `wanted[i]` is `value`. */
static bool any_alternative(const struct lam_partition_filter *filter, size_t i, const char *value) {
  for (size_t j = 0; j < filter->count; j++) {
    if (strcmp(filter->wanted[j].column, filter->wanted[i].column) == 0 && same_value(filter->wanted[j].value, value))
      return true;
  }
  return false;
}

static bool decide(const struct lam_partition_filter *filter, const struct lam_partition *partition, bool if_lacking) {
  for (size_t i = 0; i < filter->count; i++) {
    const char *value;
    bool has = lam_partition_find(partition, filter->wanted[i].column, &value);
    if (has ? !any_alternative(filter, i, value) : !if_lacking) return false;
  }
  return true;
}

bool lam_partition_filter_may_match(const struct lam_partition_filter *filter, const struct lam_partition *partition) {
  return decide(filter, partition, true);
}
bool lam_partition_filter_matches(const struct lam_partition_filter *filter, const struct lam_partition *partition) {
  return decide(filter, partition, false);
}

/* ---- types ---- */

static bool digits(const char *text, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

static bool is_int64(const char *text) {
  bool negative = *text == '-';
  const char *p = text + negative;
  size_t size = strlen(p);
  if (size == 0 || size > 19 || !digits(p, size)) return false;
  if (*p == '0' && (size > 1 || negative)) return false;
  /* Texts of 19 digits compare as numbers do. */
  return size < 19 || strcmp(p, negative ? "9223372036854775808" : "9223372036854775807") <= 0;
}

static int days_in(int year, int month) {
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(const char *text, int *year, int *month, int *day) {
  if (strlen(text) != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!digits(text, 4) || !digits(text + 5, 2) || !digits(text + 8, 2)) return false;
  *year = atoi(text), *month = atoi(text + 5), *day = atoi(text + 8);
  return *month >= 1 && *month <= 12 && *day >= 1 && *day <= days_in(*year, *month);
}

enum lam_partition_type lam_partition_type_of(const char *value) {
  int year, month, day;
  if (is_int64(value)) return LAM_PARTITION_INT64;
  return parse_date(value, &year, &month, &day) ? LAM_PARTITION_DATE : LAM_PARTITION_STRING;
}

/* Days from civil, proleptic Gregorian: years begin in March, so that the leap day is the last. */
static int64_t days_since_epoch(int year, int month, int day) {
  int y = year - (month <= 2);
  int era = (y >= 0 ? y : y - 399) / 400;
  int year_of_era = y - era * 400;
  int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (int64_t)era * 146097 + day_of_era - 719468;
}

int64_t lam_partition_number(const char *value, enum lam_partition_type type) {
  int year, month, day;
  if (type == LAM_PARTITION_DATE && parse_date(value, &year, &month, &day)) return days_since_epoch(year, month, day);
  return strtoll(value, NULL, 10);
}
