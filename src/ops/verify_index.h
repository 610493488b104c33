/* Page indexes and bloom filters of a chunk against its pages and values, while these are decoded. */
#ifndef LAM_OPS_VERIFY_INDEX_H
#define LAM_OPS_VERIFY_INDEX_H

#include "parquet/page_index.h"
#include "parquet/statistics.h"

/* Told of each fault: a sentence that names the page where it is about one. */
typedef void (*lam_index_fault_fn)(void *user, const char *message);

struct lam_index_check {
  struct lam_mem *mem;
  const struct lam_file *file;
  int32_t row_group, leaf;
  lam_index_fault_fn fault;
  void *user;
  struct lam_arena arena;
  struct lam_offset_index offsets; /* count -1: there is none, or not a good one */
  struct lam_column_index columns;
  struct lam_bytes bloom; /* empty: there is none */
  bool bloom_missed;      /* and has been reported */
  bool bounds_on;         /* the column index's bounds are to be believed, and so to be checked */
  bool counts_nulls;      /* rows and values are the same: not of repeated leaves */
  int32_t walked;         /* data pages of the chunk */

  /* the page whose rows are being decoded */
  int32_t page;
  int64_t row;                  /* the next one of the row group */
  int64_t values, nulls;        /* of the page so far */
  struct lam_bounds bounds;     /* begun with the page's: they must not move */
  struct lam_statistics stated; /* what they were then */
  struct lam_arena page_arena;
};

/* Tells of a fault. */
void lam_index_fault(const struct lam_index_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A failure that is about the file is a fault, and LAM_OK. */
enum lam_status lam_index_as_fault(const struct lam_index_check *check, enum lam_status status,
                                   const struct lam_error *error);

/* Reads what there is; what cannot be read for what it is is a fault. */
enum lam_status lam_index_check_begin(struct lam_index_check *check, const struct lam_file *file, int32_t row_group,
                                      int32_t leaf, struct lam_mem *mem, lam_index_fault_fn fault, void *user,
                                      struct lam_error *error);
void lam_index_check_release(struct lam_index_check *check);
/* Whether values have to be told: there is something to check them against. */
static inline bool lam_index_check_on(const struct lam_index_check *check) {
  return check->offsets.count > 0 || check->bloom.size > 0;
}
/* Each page of the chunk, as it is walked, and the end of them. */
void lam_index_check_page(struct lam_index_check *check, const struct lam_page *page);
void lam_index_check_walked(const struct lam_index_check *check);
/* The next rows, at most `most`, that lie in one page. */
int64_t lam_index_check_rows(const struct lam_index_check *check, int64_t most);
/* Values of those rows in physical form, `width` bytes each (BOOLEAN: 1) … */
enum lam_status lam_index_check_fixed(struct lam_index_check *check, const uint8_t *values, size_t width, size_t count,
                                      struct lam_error *error);
/* … or of BYTE_ARRAY. */
enum lam_status lam_index_check_bytes(struct lam_index_check *check, const struct lam_bytes *values, size_t count,
                                      struct lam_error *error);
/* Those rows have been told, with so many nulls. */
enum lam_status lam_index_check_pass(struct lam_index_check *check, int64_t rows, int64_t nulls,
                                     struct lam_error *error);

#endif
