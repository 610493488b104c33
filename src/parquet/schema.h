/* Between Parquet's schema and Arrow's: docs/types.md is the table that this file implements. */
#ifndef LAM_PARQUET_SCHEMA_H
#define LAM_PARQUET_SCHEMA_H

#include "arrow/type.h"
#include "parquet/format.h"

/* How a leaf's decoded physical values become values of its Arrow type. */
enum lam_conversion {
  LAM_AS_IS,              /* same bits (INT32 to date32, FIXED(2) to float16, …) */
  LAM_NARROW,             /* INT32 to 8 or 16 bits */
  LAM_INT_TO_DECIMAL,     /* INT32, INT64 sign-extended */
  LAM_BYTES_TO_DECIMAL,   /* FIXED or BYTE_ARRAY, big-endian of any length; LAM_CORRUPT where it does not fit */
  LAM_INT96_TO_TIMESTAMP, /* Julian day and nanoseconds of the day */
  LAM_BITS,               /* BOOLEAN */
};

/* One leaf, as decoding it needs it: no footer, no file. */
struct lam_leaf {
  enum lam_physical physical;
  int32_t type_length; /* FIXED_LEN_BYTE_ARRAY, bytes */
  int32_t width;       /* bytes of a physical value; 0 for BYTE_ARRAY and BOOLEAN */
  int16_t max_definition, max_repetition;
  bool legacy_delta_bytes; /* perhaps written by parquet-mr before 1.8: the first prefix of a DELTA_BYTE_ARRAY page may
                              refer to the last value of the page before (PARQUET-246) */
  bool v2_always_compressed; /* see lam_v2_pages_always_compressed */
  enum lam_conversion conversion;
  struct lam_type type;
};

/* What a node's values mean: its logical type, else the one that its converted type stands for. NONE where there is
 * none that we know, or where it cannot stand on the node's physical type: it is then read as that. */
struct lam_logical lam_logical_of(const struct lam_schema_node *node);

/* The leaf of `node`. INT96 becomes timestamp[us] in Spark's files (it has no more digits, and dates beyond the range
 * of nanoseconds; known by its keys), else timestamp[ns]. A leaf of type null has nothing but nulls, whatever its
 * physical type. */
enum lam_status lam_leaf_of_node(const struct lam_file_meta *meta, int32_t node, struct lam_leaf *out,
                                 struct lam_error *error);

/* The Arrow schema of top-level column `column` (0-based child of the root). See
 * schema_nested.h for groups. UUID and JSON carry their Arrow extension names
 * ("arrow.uuid", "arrow.json"); the field id is metadata "PARQUET:field_id". */
enum lam_status lam_schema_of_column(const struct lam_file_meta *meta, int32_t column, struct ArrowSchema *out,
                                     struct lam_error *error);
int32_t lam_top_columns(const struct lam_file_meta *meta);
/* The node of top-level column `column`. */
int32_t lam_top_node(const struct lam_file_meta *meta, int32_t column);

/* The leaf order of min and max: how its type compares. */
enum lam_order { LAM_ORDERED_NOT, LAM_ORDERED_SIGNED, LAM_ORDERED_UNSIGNED };
enum lam_order lam_order_of(const struct lam_schema_node *node);

/* The metadata key of an Arrow field that holds the thrift SchemaElement which it was read from, where its type alone
 * would be written as another one (decimals in integers, ENUM, BSON, INTERVAL, types unknown to us). A field whose type
 * still agrees with it is written as it says. */
#define LAM_ELEMENT_KEY "PARQUET:element"
/* The leaf that a field is written as. Slices point into `schema`. */
enum lam_status lam_node_of_schema(const struct ArrowSchema *schema, struct lam_schema_node *out,
                                   struct lam_error *error);

/* Fills nodes, leaves, tops and column_orders of `out` from an Arrow struct schema (columns that are dictionary-encoded
 * are of their values' types); everything is allocated in `arena`. Lists and maps of every kind get the three levels of
 * the format, `list.element` and `key_value.key/value`, whatever Arrow calls their children; a struct whose
 * LAM_ELEMENT_KEY holds a logical type that is passed on unread (VARIANT) has it again. LAM_UNSUPPORTED or LAM_INVALID
 * names the column. Both the logical and the converted type are written. */
enum lam_status lam_schema_to_parquet(const struct ArrowSchema *schema, struct lam_arena *arena,
                                      struct lam_file_meta *out, struct lam_error *error);

/* Who wrote a file, from created_by: "parquet-mr version 1.8.1 (build …)". */
struct lam_created_by {
  struct lam_bytes application; /* "parquet-mr", "parquet-cpp-arrow", "impala", …; empty if unknown */
  int32_t major, minor, patch;  /* -1 where it does not say */
};
struct lam_created_by lam_created_by_parse(struct lam_bytes created_by);

/* ---- quirks.c: what is known to be wrong in files of certain writers ---- */

/* Whether min and max (the new pair if `deprecated` is false, and column indexes) of a leaf can be believed: the writer
 * had no bug there (PARQUET-251, ARROW-2061 …) and the column order makes them valid for the type. Who uses them:
 *
 * - Floats, in either order (TYPE_ORDER, IEEE_754_TOTAL_ORDER): bounds are of the values that are not NaN. A bound that
 *   is NaN says nothing of those (in total order: there are none but NaN). NaN may be there beside any bounds, unless
 *   nan_count is 0. Of TYPE_ORDER a zero stands for both zeros.
 * - INT96: true only under INT96_TIMESTAMP_ORDER; the last 4 bytes (days) decide, then the first 8 (nanoseconds).
 * - BYTE_ARRAY and FIXED_LEN_BYTE_ARRAY: bounds may be truncated, so they are values only where the exact bits say so;
 *   those of column indexes have no such bit. */
bool lam_statistics_trusted(const struct lam_file_meta *meta, int32_t leaf, bool deprecated);
/* Whether row groups of the file may be copied as bytes under another created_by (its statistics kept). False for old
 * parquet-mr and parquet-cpp, delta byte arrays of parquet-mr before 1.8, and files with Spark's legacy-calendar keys.
 */
bool lam_raw_copy_allowed(const struct lam_file_meta *meta);
/* Whether data pages V2 are compressed although they say that they are not (parquet-cpp before Arrow 3, ARROW-10353).
 */
bool lam_v2_pages_always_compressed(const struct lam_file_meta *meta);
/* Keys whose values change the meaning of the data (Spark's legacy calendar and time zone): files that
 * differ in one are not merged. NULL ends the list. */
extern const char *const lam_legacy_keys[];
/* The value of a key, data NULL where absent. */
struct lam_bytes lam_key_value_find(const struct lam_file_meta *meta, const char *key);

#endif
