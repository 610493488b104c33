/* What the parts of evaluation share.
 *
 * A batch is evaluated in slices that stay in the cache. Conditions are two bitmaps: the rows where they are TRUE and
 * those where they are FALSE; NULL is neither. Values are held in five classes, whatever their type. A node is
 * evaluated for the rows of a bitmap (`active`): only they can fail, and results of others are arbitrary. That is what
 * makes CASE, AND and OR leave alone what they need not look at. */
#ifndef LAM_EXPR_EVAL_H
#define LAM_EXPR_EVAL_H

#include "expr/bind.h"
#include "expr/int256.h"

/* Rows of a slice: columns of 8 bytes take 16 KiB. */
enum { LAM_SLICE = 2048, LAM_SLICE_WORDS = LAM_SLICE / 64 };

enum lam_class {
  LAM_CLASS_I64, /* booleans, signed integers, dates, times, timestamps, durations */
  LAM_CLASS_U64,
  LAM_CLASS_F64,
  LAM_CLASS_DECIMAL,
  LAM_CLASS_BYTES,
};
enum lam_class lam_class_of(enum lam_type_id id);

struct lam_truth {
  uint64_t *yes, *no;
};
/* Values of the rows of a slice, or one for all of them. */
struct lam_values {
  enum lam_class class;
  bool constant;
  const uint64_t *valid; /* bit i for row i, of constants too; NULL: all */
  union {
    const int64_t *i;
    const uint64_t *u;
    const double *d;
    const struct lam_int256 *w;
    const struct lam_bytes *b;
    const void *any;
  } at;
};
static inline int64_t lam_place(const struct lam_values *values, int64_t row) {
  return values->constant ? 0 : row;
}
static inline bool lam_word_bit(const uint64_t *words, int64_t i) {
  return words[i >> 6] >> (i & 63) & 1;
}
static inline bool lam_values_valid(const struct lam_values *values, int64_t row) {
  return !values->valid || lam_word_bit(values->valid, row);
}

/* What the rows of a slice are: rows of the batch; entries of the dictionary of the one column that matters; a row in
 * which that column is NULL. */
enum lam_source { LAM_OF_ROWS, LAM_OF_DICTIONARY, LAM_OF_NULL };
struct lam_slice {
  enum lam_source source;
  int64_t first;
  int32_t rows, words;
  const struct lam_row_names *names; /* what messages call the rows; NULL: by their number in the batch */
};

/* 64 bytes that are 0 or 1 as bits, the first of them the lowest. */
static inline uint64_t lam_word_of_bytes(const uint8_t *bytes) {
  uint64_t word = 0;
  for (int i = 0; i < 8; i++) word |= (lam_load64(bytes + 8 * i) * 0x0102040810204080u >> 56) << 8 * i;
  return word;
}

struct lam_set;
struct lam_pattern;
struct lam_node {
  const struct lam_expr *expr;
  struct lam_node *arguments;
  int32_t column;              /* of a column: which one; else the one column that is used, or -1 */
  bool may_fail;               /* some values make it fail */
  struct lam_set *set;         /* of IN */
  struct lam_pattern *pattern; /* of LIKE */
  uint8_t *outcomes;           /* for each dictionary entry, and NULL behind them: 1 TRUE, 2 FALSE, 0 NULL */
  size_t outcomes_room;
  bool has_outcomes; /* for the present batch */
};

struct lam_column {
  const struct lam_expr *expr;
  bool ready; /* for the present batch */
  bool is_dictionary;
  struct lam_view view, dictionary; /* the rows, of the dictionary's indices where there is one */
  const uint8_t *validity;          /* of the rows, those of the structs around them included; NULL: all valid */
  int64_t validity_offset;
  uint8_t *merged; /* what `validity` is in, where structs have NULLs */
  size_t merged_room;
};

enum { LAM_SCRATCH_BLOCKS = 40 };
struct lam_scratch {
  struct {
    uint8_t *data;
    size_t size;
  } blocks[LAM_SCRATCH_BLOCKS];
  int block; /* the present one */
  size_t used;
};
struct lam_scratch_mark {
  int block;
  size_t used;
};

struct lam_evaluator {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  struct lam_arena arena; /* nodes, columns, sets, patterns */
  struct lam_node root;
  struct lam_column *columns;
  int32_t column_count;
  struct lam_scratch scratch;
  const struct ArrowArray *batch;
  const struct lam_row_names *names;
};

/* Memory until the end of the slice, aligned to 64 bytes. */
enum lam_status lam_scratch(struct lam_evaluator *evaluator, size_t size, void **out, struct lam_error *error);
/* Bits for the rows of a slice, 0 beyond them as far as `set` says so: all 0, or 1 for each row. */
enum lam_status lam_scratch_bits(struct lam_evaluator *evaluator, const struct lam_slice *slice, bool set,
                                 uint64_t **out, struct lam_error *error);

enum lam_status lam_eval_truth(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                               const uint64_t *active, struct lam_truth *out, struct lam_error *error);
enum lam_status lam_eval_values(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                const uint64_t *active, struct lam_values *out, struct lam_error *error);

/* "row 5 of a batch: <what>", or what the rows are called; LAM_INVALID. */
enum lam_status lam_row_fail(const struct lam_slice *slice, int64_t row, struct lam_error *error, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));

/* ---- eval_load.c ---- */
/* Finds the column in the batch. */
enum lam_status lam_column_open(struct lam_evaluator *evaluator, struct lam_column *column, struct lam_error *error);
/* The rows of a slice that are not NULL; NULL where all are. */
enum lam_status lam_load_valid(struct lam_evaluator *evaluator, const struct lam_column *column,
                               const struct lam_slice *slice, const uint64_t **out, struct lam_error *error);
enum lam_status lam_load(struct lam_evaluator *evaluator, const struct lam_column *column,
                         const struct lam_slice *slice, struct lam_values *out, struct lam_error *error);
/* Where the values of the slice lie in the column's own type; NULL where they have to be gathered. */
const void *lam_load_native(const struct lam_column *column, const struct lam_slice *slice);
enum lam_status lam_load_literal(struct lam_evaluator *evaluator, const struct lam_scalar *literal,
                                 const struct lam_slice *slice, struct lam_values *out, struct lam_error *error);

/* ---- eval_compare.c ---- */
enum lam_status lam_eval_compare(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                                 const uint64_t *active, struct lam_truth *out, struct lam_error *error);
/* yes: the rows of `hits` that are valid, no: the other valid ones. `hits` becomes `yes`. */
enum lam_status lam_truth_of_hits(struct lam_evaluator *evaluator, const struct lam_slice *slice, uint64_t *hits,
                                  const uint64_t *valid, struct lam_truth *out, struct lam_error *error);

/* ---- eval_set.c: IN ---- */
enum lam_status lam_set_create(struct lam_evaluator *evaluator, const struct lam_expr *in, struct lam_set **out,
                               struct lam_error *error);
enum lam_status lam_eval_in(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                            const uint64_t *active, struct lam_truth *out, struct lam_error *error);

/* ---- like.c, eval_like.c ---- */
enum lam_status lam_pattern_create(struct lam_arena *arena, struct lam_bytes text, struct lam_bytes escape,
                                   struct lam_pattern **out, struct lam_error *error);
bool lam_pattern_matches(const struct lam_pattern *pattern, struct lam_bytes text);
/* The text of '%text%', else one of no bytes. */
struct lam_bytes lam_pattern_contained(const struct lam_pattern *pattern);
enum lam_status lam_eval_like(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                              const uint64_t *active, struct lam_truth *out, struct lam_error *error);

/* ---- eval_arithmetic.c, eval_cast.c, eval_functions.c ---- */
typedef enum lam_status lam_eval_function(struct lam_evaluator *evaluator, struct lam_node *node,
                                          const struct lam_slice *slice, const uint64_t *active, struct lam_values *out,
                                          struct lam_error *error);
lam_eval_function lam_eval_arithmetic, lam_eval_negate, lam_eval_cast, lam_eval_call;

/* Bits that are set in both; either may be NULL: all. NULL where both are. */
enum lam_status lam_both_valid(struct lam_evaluator *evaluator, const struct lam_slice *slice, const uint64_t *a,
                               const uint64_t *b, const uint64_t **out, struct lam_error *error);
/* Runs over the rows that are active and valid. */
#define LAM_EACH_ROW(slice, active, valid, row)                                        \
  for (int32_t word_ = 0; word_ < (slice)->words; word_++)                             \
    for (uint64_t bits_ = (active)[word_] & ((valid) ? (valid)[word_] : ~(uint64_t)0); \
         bits_ && ((row) = word_ * 64 + __builtin_ctzll(bits_), true); bits_ &= bits_ - 1)

#endif
