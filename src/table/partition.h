/* Partitions in directory names, as Hive and Spark write them: "product_id=BTC-USD/date=2025-11-26".
 *
 * In a name the characters 0x01-0x1F 0x7F " # % ' * / : = ? \ { [ ] ^ are %XX in upper case; the null value is
 * __HIVE_DEFAULT_PARTITION__. The empty string is "column=", which Hive and Spark do not write (they make it null).
 * Parts of a path without '=' are plain directories and say nothing about values. */
#ifndef LAM_TABLE_PARTITION_H
#define LAM_TABLE_PARTITION_H

#include "base/arena.h"

#define LAM_NULL_PARTITION "__HIVE_DEFAULT_PARTITION__"

struct lam_partition_value {
  const char *column;
  const char *value; /* as text; NULL: the null value */
};
/* In the order of the directories. A column occurs once. */
struct lam_partition {
  struct lam_partition_value *values;
  size_t count;
};

/* "column=value", escaped. LAM_INVALID where the name would pass the 255 bytes that file systems allow, or a column
 * has no name. */
enum lam_status lam_partition_name(struct lam_arena *arena, const char *column, const char *value, char **out,
                                   struct lam_error *error);
/* The names of all values, joined by '/'; "" for none. */
enum lam_status lam_partition_key(struct lam_arena *arena, const struct lam_partition *partition, char **out,
                                  struct lam_error *error);
/* The values in the key of a directory. LAM_CORRUPT where a column occurs twice. */
enum lam_status lam_partition_parse(struct lam_arena *arena, const char *directory, struct lam_partition *out,
                                    struct lam_error *error);
/* False where the partition does not have the column; else *value as in lam_partition_value. */
bool lam_partition_find(const struct lam_partition *partition, const char *column, const char **value);
/* Whether both are partitions by just the same columns, in the same order. */
bool lam_partition_same_columns(const struct lam_partition *a, const struct lam_partition *b);

/* A name that is that of a partition: "x=…". */
bool lam_partition_is_name(const char *name);

/* ---- filters: "column=value", any subset of the partition columns ---- */

/* Several values of one column are alternatives; several columns must all match. Values are compared as
 * text; the text LAM_NULL_PARTITION asks for the null value. */
struct lam_partition_filter {
  struct lam_partition_value *wanted;
  size_t count;
};
enum lam_status lam_partition_filter_parse(struct lam_arena *arena, const char *const *texts, size_t count,
                                           struct lam_partition_filter *out, struct lam_error *error);
/* False where a value rules the partition out. Columns it lacks do not: `partition` may be of a directory that has
 * partitions below. */
bool lam_partition_filter_may_match(const struct lam_partition_filter *filter, const struct lam_partition *partition);
/* True where the partition has every column of the filter, and they match. */
bool lam_partition_filter_matches(const struct lam_partition_filter *filter, const struct lam_partition *partition);

/* ---- types, for partition columns that the files lack ---- */

enum lam_partition_type { LAM_PARTITION_INT64, LAM_PARTITION_DATE, LAM_PARTITION_STRING };
/* The type of one value that is not null: a whole number in canonical form, a date as 2025-11-26, else a string. A
 * column has the type of all its values that are not null where they agree, else it is a string. */
enum lam_partition_type lam_partition_type_of(const char *value);
/* The type for a column whose values so far have type `a` when one of type `b` comes. */
static inline enum lam_partition_type lam_partition_type_join(enum lam_partition_type a, enum lam_partition_type b) {
  return a == b ? a : LAM_PARTITION_STRING;
}
/* The value as a number: the int64, or the days since 1970-01-01. The type is lam_partition_type_of(value). */
int64_t lam_partition_number(const char *value, enum lam_partition_type type);

#endif
