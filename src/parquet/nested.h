/* Nested columns: the repetition and definition levels of a leaf to offsets and validity of all that is above it, and
 * the leaves of a column to one array.
 *
 * A leaf is decoded in runs of whole rows, as flat columns are, each leaf for itself. Levels are held for a block of
 * them, or for a row where that is longer; what remains of a run is what Arrow wants. With R lists above it a leaf has
 * R + 1 counts of slots: those of list k begin where the repetition level is at most k and the definition level says
 * that there is an entry. */
#ifndef LAM_PARQUET_NESTED_H
#define LAM_PARQUET_NESTED_H

#include "arrow/array.h"
#include "parquet/chunk.h"
#include "parquet/schema_nested.h"

/* A field above a leaf, or the leaf; from the column down. */
struct lam_nested_node {
  bool list;
  int16_t definition;          /* its slots are valid from this level on; 0: all are */
  int16_t lists;               /* above it: which slots are its own */
  struct lam_shared *offsets;  /* int32 into the slots of its entries; lists */
  struct lam_shared *validity; /* bits; of the leaf chunk->run.validity */
  int64_t nulls;
};

enum { LAM_MOST_LISTS = LAM_TYPE_DEEPEST };

/* A leaf below groups; part of its chunk. */
struct lam_nested {
  int32_t count; /* of nodes; the last is the leaf */
  struct lam_nested_node *nodes;
  int32_t lists;                         /* R */
  uint8_t entry[LAM_MOST_LISTS + 1];     /* the level from which on list k has an entry; [0] is 0 */
  int64_t slots[LAM_MOST_LISTS + 1];     /* of the run so far */
  bool no_values;                        /* of the type null */
  int64_t row;                           /* that is next, counted from the chunk's first */
  int64_t skip;                          /* rows to be passed over first */
  bool begins;                           /* the next level to be decoded is the first of a row */
  bool leapt;                            /* pages were passed over, whose levels chunk->rows_left still counts */
  struct lam_rle repetition, definition; /* of the page */
  struct lam_buf unpacked[2];            /* the same of a BIT_PACKED page, a byte each */
  bool is_unpacked[2];
  size_t unpacked_position[2];
  /* Levels that were decoded and belong to no run yet, a byte each: from `begin`, which is where a row begins, to
   * `end`. Values of those before `valued` are read. */
  struct lam_buf levels[2];
  size_t begin, end, valued;
  size_t searched;         /* there is no row's end before this */
  size_t dense;            /* values read into the run, those ahead of its levels too */
  struct lam_buf ahead[2]; /* values that were read for the row after the run: bytes, and lengths of binaries */
  size_t ahead_count;
};

/* Lays out a leaf of the tree `root`: leaf number `leaf` of it. Part of lam_chunk_begin. */
enum lam_status lam_nested_begin(struct lam_chunk *chunk, const struct lam_field *root, int32_t leaf,
                                 struct lam_error *error);
void lam_nested_release(struct lam_chunk *chunk);
enum lam_status lam_nested_begin_page(struct lam_chunk *chunk, const struct lam_page *page,
                                      const struct lam_page_parts *parts, struct lam_error *error);
/* lam_chunk_read_ranges of a nested leaf. */
enum lam_status lam_nested_read(struct lam_chunk *chunk, struct lam_codec_state *codec, const struct lam_range *rows,
                                size_t count, int64_t max_rows, size_t max_bytes, struct lam_error *error);

/* ---- level_slots.c ---- */

/* Appends `count` levels, which begin and end with rows, to the nodes' offsets and validity, for which there is room;
 * both arrays have 64 readable bytes behind them. False where a level goes on with a list that is not there. */
bool lam_levels_to_slots(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition, size_t count,
                         struct lam_shared *leaf_validity);
/* The same without what only some processors have. */
bool lam_levels_to_slots_portable(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition,
                                  size_t count, struct lam_shared *leaf_validity);
/* Where row number `rows` (from 0) of `levels` begins: the index of zero number `rows`; `count` where there are not as
 * many. *found gets the zeros before that, *last the index of the last of them. */
size_t lam_levels_find_row(const uint8_t *levels, size_t count, size_t rows, size_t *found, size_t *last);
size_t lam_levels_count_equal(const uint8_t *levels, size_t count, uint8_t level);

/* ---- nested_array.c ---- */

/* `rows` rows of a flat chunk's run from `first` on. */
enum lam_status lam_leaf_array(const struct lam_chunk *chunk, int64_t first, int64_t rows, struct ArrowArray *out,
                               struct lam_error *error);

/* A leaf of a column, and the row of its run that is next. */
struct lam_nested_part {
  const struct lam_chunk *chunk;
  int64_t first;
};
/* `rows` rows of the column `root` from its leaves, whose runs have as many and may begin at different rows. `parts` is
 * changed. `all_validity`: see struct lam_reader_mode. LAM_CORRUPT where leaves do not agree on what is above them. */
enum lam_status lam_nested_array(struct lam_mem *mem, const struct lam_field *root, struct lam_nested_part *parts,
                                 int64_t rows, bool all_validity, struct ArrowArray *out, struct lam_error *error);

#endif
