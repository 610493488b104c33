/* Taking nested columns apart: from Arrow's lists, maps and structs to the levels and the values of a leaf. */
#ifndef LAM_PARQUET_SHRED_H
#define LAM_PARQUET_SHRED_H

#include "arrow/array.h"
#include "base/ranges.h"

/* A list, map or struct above a leaf. A map is a list of its entries, which are a struct. */
struct lam_shred_step {
  const struct ArrowSchema *schema;
  int32_t child; /* the one on the way to the leaf */
  bool nullable;
  struct lam_view view; /* of the batch under way */
};

/* From a column down to one of its leaves. */
struct lam_shred_path {
  struct lam_shred_step *steps;
  int32_t depth;                  /* 0: the column is the leaf */
  const struct ArrowSchema *leaf; /* borrowed, as those of the steps */
};

/* Appends a path, in `arena`, for each leaf of a column that lam_schema_to_parquet took, in its order. */
enum lam_status lam_shred_paths(const struct ArrowSchema *column, struct lam_arena *arena, struct lam_buf *out,
                                struct lam_error *error);
/* Takes in the arrays of a batch. Row 0 is at `offset` of the column's array, and there are `rows`; *leaf gets the
 * leaf's array, whose length and offsets are then known to be enough for those above it. */
enum lam_status lam_shred_bind(struct lam_shred_path *path, const struct ArrowArray *column, int64_t offset,
                               int64_t rows, const struct ArrowArray **leaf, struct lam_error *error);

/* Entries: rows of the column, and of each row that has lists as many as they hold, or one for a list without any. An
 * entry is present if its definition level is `level`: then it has a place in the leaf's array. */
struct lam_shredded {
  struct lam_buf repetition, definition; /* uint8_t: Arrow's 64 levels make at most 128 of Parquet's */
  struct lam_buf ranges;                 /* struct lam_range: the places of entries that are present, in their order */
  size_t entries, present;
  uint8_t level, repetition_level;
  struct lam_buf next_repetition, next_definition, next_ranges; /* of the step under way */
};
void lam_shredded_init(struct lam_shredded *shredded, struct lam_mem *mem);
void lam_shredded_release(struct lam_shredded *shredded);

/* The entries of rows [from, from + count) of the batch. LAM_INVALID where something is null that may not be, or
 * offsets of lists go down. */
enum lam_status lam_shred(const struct lam_shred_path *path, int64_t from, int64_t count, struct lam_shredded *out,
                          struct lam_error *error);
/* The last level, of a leaf that may be null: one more for each entry whose bit, at its place from bit `offset` on, is
 * set; for each that is present where `validity` is NULL. The places stay those that were present before. */
void lam_shred_leaf(struct lam_shredded *shredded, const uint8_t *validity, int64_t offset);

/* Bytes that rows [from, from + count) take in the leaf's array and for levels, about. */
uint64_t lam_shred_bytes(const struct lam_shred_path *path, const struct lam_view *leaf, int64_t from, int64_t count);

#endif
