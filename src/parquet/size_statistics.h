/* Size statistics: the bytes of strings, and how many entries have each level.
 *
 * Source: https://github.com/apache/parquet-format, parquet.thrift, SizeStatistics and ColumnIndex. */
#ifndef LAM_PARQUET_SIZE_STATISTICS_H
#define LAM_PARQUET_SIZE_STATISTICS_H

#include "base/memory.h"
#include "parquet/format.h"

/* Numbers of entries by level; of several pages behind one another. */
struct lam_histogram {
  int64_t *counts;
  uint32_t count; /* 0 where absent */
};
struct lam_size_statistics {
  int64_t unencoded_bytes; /* of BYTE_ARRAY values, without their lengths; -1 where absent */
  struct lam_histogram repetition, definition;
};

/* The number of levels that a histogram of ours tells apart; 0 where it would say no more than the numbers of values
 * and nulls do, and is left out. */
static inline uint32_t lam_repetition_slots(const struct lam_schema_node *leaf) {
  return leaf->max_repetition > 0 ? (uint32_t)leaf->max_repetition + 1 : 0;
}
static inline uint32_t lam_definition_slots(const struct lam_schema_node *leaf) {
  return leaf->max_definition > 1 ? (uint32_t)leaf->max_definition + 1 : 0;
}
/* Adds the levels, each below `slots`, to their counts. */
void lam_count_levels(const uint8_t *levels, size_t count, int64_t *counts, uint32_t slots);

/* From the thrift struct and a thrift list as they are (lam_chunk_details, lam_column_index), into `arena`. Whether
 * the counts are right, or how many they are, is not looked at. */
enum lam_status lam_size_statistics_parse(struct lam_bytes bytes, struct lam_arena *arena,
                                          struct lam_size_statistics *out, struct lam_error *error);
enum lam_status lam_histogram_parse(struct lam_bytes bytes, struct lam_arena *arena, struct lam_histogram *out,
                                    struct lam_error *error);
/* Append the same forms. */
enum lam_status lam_size_statistics_write(const struct lam_size_statistics *statistics, struct lam_buf *out,
                                          struct lam_error *error);
enum lam_status lam_histogram_write(const struct lam_histogram *histogram, struct lam_buf *out,
                                    struct lam_error *error);

#endif
