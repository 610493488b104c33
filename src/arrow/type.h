/* Types of columns as Arrow has them, parsed from and printed to the format strings of the C data
 * interface (https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings). */
#ifndef LAM_ARROW_TYPE_H
#define LAM_ARROW_TYPE_H

#include "base/arena.h"
#include "lamella/arrow.h"

enum lam_type_id {
  LAM_TYPE_NULL,
  LAM_TYPE_BOOL,
  LAM_TYPE_INT8,
  LAM_TYPE_INT16,
  LAM_TYPE_INT32,
  LAM_TYPE_INT64,
  LAM_TYPE_UINT8,
  LAM_TYPE_UINT16,
  LAM_TYPE_UINT32,
  LAM_TYPE_UINT64,
  LAM_TYPE_FLOAT16,
  LAM_TYPE_FLOAT32,
  LAM_TYPE_FLOAT64,
  LAM_TYPE_DECIMAL128,
  LAM_TYPE_DECIMAL256, /* little-endian two's complement, as Arrow */
  LAM_TYPE_DATE32,     /* days */
  LAM_TYPE_DATE64,     /* milliseconds */
  LAM_TYPE_TIME32,     /* s, ms */
  LAM_TYPE_TIME64,     /* us, ns */
  LAM_TYPE_TIMESTAMP,  /* s, ms, us, ns; int64 */
  LAM_TYPE_DURATION,
  LAM_TYPE_STRING,
  LAM_TYPE_LARGE_STRING,
  LAM_TYPE_BINARY,
  LAM_TYPE_LARGE_BINARY, /* int32, int64 offsets */
  LAM_TYPE_STRING_VIEW,
  LAM_TYPE_BINARY_VIEW,
  LAM_TYPE_FIXED_BINARY,
  LAM_TYPE_LIST,
  LAM_TYPE_LARGE_LIST,
  LAM_TYPE_FIXED_LIST,
  LAM_TYPE_STRUCT,
  LAM_TYPE_MAP,
  LAM_TYPE_INTERVAL_MONTHS,
  LAM_TYPE_INTERVAL_DAY_TIME,
  LAM_TYPE_INTERVAL_MONTH_DAY_NANO,
};
enum lam_arrow_unit { LAM_UNIT_SECOND, LAM_UNIT_MILLI, LAM_UNIT_MICRO, LAM_UNIT_NANO };

struct lam_type {
  enum lam_type_id id;
  enum lam_arrow_unit unit; /* time32, time64, timestamp, duration */
  int32_t precision, scale; /* decimals */
  int32_t byte_width;       /* fixed binary; list size of fixed lists */
  const char *timezone;     /* timestamp: "" for none, else as given ("UTC"); borrowed from the schema
                               or static; never NULL */
};

/* Parses `schema->format`; strings are borrowed from it. A dictionary-encoded schema gives the type of
 * its indices: look at schema->dictionary for the values. */
enum lam_status lam_type_parse(const struct ArrowSchema *schema, struct lam_type *out, struct lam_error *error);
/* The format string, in `out` of at least 96 bytes; longer time zones are LAM_INVALID. */
enum lam_status lam_type_format(const struct lam_type *type, char *out, size_t room, struct lam_error *error);
/* "int64", "timestamp[us, UTC]", "decimal(10,2)", "string", for people and for `--schema`. */
const char *lam_type_name(const struct lam_type *type, char *out, size_t room);
/* The inverse, also taking SQL's usual names (bigint, varchar, double, timestamp, …), in either case.
 * Flat types only; of time zones only UTC. */
enum lam_status lam_type_parse_name(const char *name, struct lam_type *out, struct lam_error *error);
bool lam_type_equal(const struct lam_type *a, const struct lam_type *b);
/* Bits of a fixed-width value in its Arrow buffer (1 for bool); 0 for variable-width and nested types. */
int lam_type_bits(const struct lam_type *type);
static inline bool lam_type_is_float(enum lam_type_id id) {
  return id >= LAM_TYPE_FLOAT16 && id <= LAM_TYPE_FLOAT64;
}
static inline bool lam_type_is_binary(enum lam_type_id id) {
  return id >= LAM_TYPE_STRING && id <= LAM_TYPE_LARGE_BINARY;
}
static inline bool lam_type_is_nested(enum lam_type_id id) {
  return id >= LAM_TYPE_LIST && id <= LAM_TYPE_MAP;
}

enum { LAM_TYPE_DEEPEST = 64 };           /* levels of nesting that are followed; hostile schemas have more */
enum { LAM_TYPE_WIDEST = INT32_MAX / 8 }; /* bytes of a value of a fixed width: an int counts its bits */

/* ---- schemas ---- */

/* Makes a schema of the C interface, heap-allocated, released by its own `release`. Names are copied. */
enum lam_status lam_schema_init(const struct lam_type *type, const char *name, bool nullable, struct ArrowSchema *out,
                                struct lam_error *error);
/* The same of a list, map or struct with so many children, each released (empty) until the caller fills it. */
enum lam_status lam_schema_init_nested(const struct lam_type *type, const char *name, bool nullable, int64_t children,
                                       struct ArrowSchema *out, struct lam_error *error);
/* A struct schema ("+s") with `count` children, each released (empty) until the caller fills it. */
enum lam_status lam_schema_init_struct(const char *name, int64_t count, struct ArrowSchema *out,
                                       struct lam_error *error);
enum lam_status lam_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out, struct lam_error *error);
/* Of a schema that this module made. */
enum lam_status lam_schema_rename(struct ArrowSchema *schema, const char *name, struct lam_error *error);
/* Wraps `values` (moved) as the dictionary of a schema of int32 indices with the same name, flags and metadata. */
enum lam_status lam_schema_as_dictionary(struct ArrowSchema *values, struct ArrowSchema *out, struct lam_error *error);
/* The schema of strings or binaries as one of views, with the same name, flags and metadata. */
enum lam_status lam_schema_as_views(const struct ArrowSchema *values, struct ArrowSchema *out, struct lam_error *error);

/* Metadata of a schema: pairs. The key "PARQUET:field_id" holds a decimal field id, as pyarrow has it. */
enum lam_status lam_schema_set_metadata(struct ArrowSchema *schema, const char *key, struct lam_bytes value,
                                        struct lam_error *error);
/* Replaces all metadata of `to`, a schema that this module made. */
enum lam_status lam_schema_copy_metadata(const struct ArrowSchema *from, struct ArrowSchema *to,
                                         struct lam_error *error);
/* The value, pointing into the schema; data NULL where absent. */
struct lam_bytes lam_schema_metadata(const struct ArrowSchema *schema, const char *key);
/* The id, or -1. */
int32_t lam_schema_field_id(const struct ArrowSchema *schema);

#endif
