/* The keys of a table's rows and where the rows are, read from the files' key columns alone. */
#ifndef LAM_OPS_KEY_SCAN_H
#define LAM_OPS_KEY_SCAN_H

#include "arrow/take.h"
#include "ops/edit.h"
#include "ops/key_set.h"

struct lam_key_scan {
  struct lam_edit *edit;
  const int32_t *columns; /* of the merged schema */
  int32_t count;
  const struct lam_key_set *wanted; /* NULL: every key */
  struct lam_arena arena;
  const struct lam_expr **nodes; /* of the columns, */
  const struct lam_expr *all;    /* in a condition that has each of them */
  struct ArrowSchema schema;     /* the key columns; then LAM_POSITION_… */
};
/* Columns of a row's place, behind the others in batches of positions. */
#define LAM_POSITION_FILE "lamella.file"   /* int64: index in the snapshot */
#define LAM_POSITION_GROUP "lamella.group" /* int32 */
#define LAM_POSITION_ROW "lamella.row"     /* int64: of the row group */
enum { LAM_POSITION_COLUMNS = 3 };

/* Adds the fields of a position to a struct schema, from child `at` on. */
enum lam_status lam_position_fields(struct ArrowSchema *schema, int64_t at, struct lam_error *error);
/* Makes the three columns of a position for `count` rows, whose values the caller fills in. */
struct lam_position_values {
  int64_t *files;
  int32_t *row_groups;
  int64_t *rows;
};
enum lam_status lam_position_arrays(struct lam_mem *mem, int64_t count, struct ArrowArray *const *out,
                                    struct lam_position_values *values, struct lam_error *error);

/* Resolves the names of key columns, at least one, in the table: LAM_NOT_FOUND, or LAM_UNSUPPORTED for a type that has
 * no order; LAM_INVALID for one that comes twice. `out` is allocated in `arena`. */
enum lam_status lam_key_scan_columns(const struct lam_table *table, const char *const *names, int32_t count,
                                     struct lam_arena *arena, int32_t **out, struct lam_error *error);

enum lam_status lam_key_scan_init(struct lam_key_scan *scan, struct lam_edit *edit, const int32_t *columns,
                                  int32_t count, const struct lam_key_set *wanted, struct lam_error *error);
void lam_key_scan_release(struct lam_key_scan *scan);

/* Rows of one row group, ascending. */
struct lam_key_rows {
  size_t file;
  int32_t row_group;
  const struct ArrowArray *keys; /* struct of the key columns, as the table has them */
  const int64_t *rows;           /* where each is in the row group */
  const uint64_t *hashes;        /* of lam_keys_hash */
  const uint8_t *nulls;
};
typedef enum lam_status (*lam_key_rows_fn)(void *user, const struct lam_key_rows *rows, struct lam_error *error);

/* Whether rows of a partition may have a wanted key, as its path says. */
enum lam_status lam_key_scan_may_match(const struct lam_key_scan *scan, uint32_t partition, bool *may,
                                       struct lam_error *error);
/* Calls `each` for the rows of a file that may have a wanted key. Counts files_read, bytes_read. Any thread. */
enum lam_status lam_key_scan_file(const struct lam_key_scan *scan, size_t file, lam_key_rows_fn each, void *user,
                                  struct lam_edit_result *counts, struct lam_error *error);
/* A batch of scan->schema of the rows chosen (indices into rows->rows). */
enum lam_status lam_key_rows_take(const struct lam_key_scan *scan, const struct lam_key_rows *rows,
                                  const struct lam_row *chosen, int64_t count, struct ArrowArray *out,
                                  struct lam_error *error);

#endif
