/* Scans: the rows of a table's files one after the other, each brought to the merged schema. */
#include "table/scan.h"
#include "arrow/cast.h"
#include "base/context.h"
#include "base/options.h"
#include "table/columns.h"
#include "table/path_value.h"
#include "table/where.h"

struct lam_scan {
  struct lam_table *table;
  struct lam_mem *mem;
  struct ArrowSchema schema;        /* the columns asked for */
  int64_t batch_rows, left;         /* left < 0: no limit */
  struct lam_arena own;             /* of the scan */
  const struct lam_expr *condition; /* NULL: all rows */
  uint8_t *outcomes;                /* with a condition: lam_where_files */
  bool partial;                     /* some columns are structs with some of their members */
  const struct lam_spread *sample;  /* NULL: all rows */
  int64_t base;                     /* rows of the files before the next one */

  size_t next_file;
  struct lam_arena arena; /* of the file under way */
  struct lam_file *file;
  struct lam_filter_reader *reader;
  struct lam_file_columns columns;
  const struct lam_partition *partition;
  struct lam_merge_source *sources; /* one per column of the schema */
  struct ArrowSchema read;          /* the schema of the reader's batches, where columns are partial */
};

enum lam_status lam_scan_open(struct lam_table *table, const struct lam_scan_options *given, struct lam_scan **out,
                              struct lam_error *error) {
  struct lam_scan_options options = LAM_SCAN_OPTIONS_INIT;
  struct lam_scan *scan;
  *out = NULL;
  LAM_TRY(lam_options_read(given, "LAM_SCAN_OPTIONS_INIT", &options, sizeof options, error));
  LAM_TRY(lam_alloc_zero(table->mem, sizeof *scan, (void **)&scan, error));
  scan->table = table;
  scan->mem = table->mem;
  scan->batch_rows = options.batch_rows;
  scan->left = options.limit;
  lam_arena_init(&scan->arena, table->mem);
  lam_arena_init(&scan->own, table->mem);
  enum lam_status status = lam_columns_choose(table, options.columns, options.column_count, &scan->own, &scan->schema,
                                              &scan->partial, error);
  if (status == LAM_OK && options.where)
    status = lam_where_bind(table, options.where, &scan->own, &scan->condition, error);
  if (status == LAM_OK && scan->condition)
    status = lam_where_files(table, scan->condition, &scan->own, &scan->outcomes, error);
  if (status == LAM_OK)
    *out = scan;
  else
    lam_scan_close(scan);
  return status;
}

static void close_file(struct lam_scan *scan) {
  lam_filter_reader_close(scan->reader);
  lam_file_close(scan->file);
  lam_schema_release(&scan->columns.schema);
  lam_schema_release(&scan->read);
  lam_arena_release(&scan->arena);
  scan->reader = NULL;
  scan->file = NULL;
  scan->sources = NULL;
}

void lam_scan_sample(struct lam_scan *scan, const struct lam_spread *sample) {
  scan->sample = sample;
}

void lam_scan_close(struct lam_scan *scan) {
  if (!scan) return;
  struct lam_mem *mem = scan->mem;
  close_file(scan);
  lam_schema_release(&scan->schema);
  lam_arena_release(&scan->own);
  lam_free(mem, scan, sizeof *scan);
}

enum lam_status lam_scan_schema(const struct lam_scan *scan, struct ArrowSchema *out, struct lam_error *error) {
  return lam_schema_copy(&scan->schema, out, error);
}

/* Which leaves of the file's columns the chosen members are. */
static enum lam_status choose_leaves(struct lam_scan *scan, struct lam_read_options *options, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(scan->file);
  void *memory;
  LAM_TRY(lam_arena_array(&scan->arena, (size_t)meta->leaf_count, sizeof(bool), &memory, error));
  bool *wanted = memory;
  lam_columns_leaves(meta, &scan->schema, &scan->columns, scan->sources, true, wanted);
  LAM_TRY(lam_arena_array(&scan->arena, (size_t)meta->leaf_count, sizeof(int32_t), &memory, error));
  int32_t *leaves = memory;
  for (int32_t i = 0; i < meta->leaf_count; i++)
    if (wanted[i]) leaves[options->leaf_count++] = i;
  options->leaves = leaves;
  return LAM_OK;
}

/* What the reader gives of partial columns: the sources are its columns now, in order. */
static enum lam_status read_schema(struct lam_scan *scan, struct lam_error *error) {
  int32_t next = 0;
  LAM_TRY(lam_filter_reader_schema(scan->reader, &scan->read, error));
  for (int64_t c = 0; c < scan->schema.n_children; c++)
    if (scan->sources[c].column >= 0) scan->sources[c].column = next++;
  return LAM_OK;
}

static enum lam_status open_reader(struct lam_scan *scan, struct lam_error *error) {
  int64_t count = scan->schema.n_children;
  void *memory;
  LAM_TRY(lam_file_columns_of(scan->file, &scan->arena, &scan->columns, error));
  LAM_TRY(lam_arena_array(&scan->arena, (size_t)count, sizeof *scan->sources, &memory, error));
  scan->sources = memory;
  LAM_TRY(lam_arena_array(&scan->arena, (size_t)count + 1, sizeof(int32_t), &memory, error));
  int32_t *columns = memory, chosen = 0;
  lam_columns_map(scan->table, &scan->schema, &scan->columns, scan->sources);
  for (int64_t c = 0; c < count; c++)
    if (scan->sources[c].column >= 0) columns[chosen++] = scan->columns.columns[scan->sources[c].column];
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  options.columns = columns;
  options.column_count = chosen;
  options.batch_rows = scan->batch_rows;
  if (scan->partial) LAM_TRY(choose_leaves(scan, &options, error));
  struct lam_filter filter = {.condition = NULL};
  if (scan->condition)
    LAM_TRY(
        lam_where_of_file(scan->table, scan->condition, &scan->columns, scan->partition, &scan->arena, &filter, error));
  LAM_TRY(lam_filter_reader_open(scan->file, &options, &filter, false, scan->mem, &scan->reader, error));
  if (scan->sample)
    lam_filter_reader_sample(scan->reader, scan->sample,
                             scan->base - (int64_t)scan->table->files[scan->next_file - 1].rows);
  return scan->partial ? read_schema(scan, error) : LAM_OK;
}

/* Whether any row of the next file is in the sample. */
static bool begin_sample(struct lam_scan *scan, uint64_t rows) {
  int64_t base = scan->base;
  scan->base += (int64_t)rows;
  return !scan->sample || lam_spread_below(scan->sample, base) < lam_spread_below(scan->sample, scan->base);
}

/* Opens the next file, unless none of its rows match. */
static enum lam_status open_file(struct lam_scan *scan, struct lam_error *error) {
  struct lam_table *table = scan->table;
  size_t index = scan->next_file++;
  const struct lam_data_file *file = &table->snapshot.files[index];
  scan->partition = &table->snapshot.partitions[file->partition].values;
  LAM_TRY(lam_check_cancel(table->context, error));
  if (!begin_sample(scan, table->files[index].rows)) return LAM_OK;
  if (scan->condition && !(scan->outcomes[index] & LAM_MAY_BE_TRUE)) return LAM_OK;
  LAM_TRY(
      lam_snapshot_file(table->directory, &table->snapshot, file, &table->file_options, scan->mem, &scan->file, error));
  return open_reader(scan, error);
}

static void cut(struct ArrowArray *batch, int64_t rows) {
  if (batch->length <= rows) return;
  batch->length = rows;
  for (int64_t c = 0; c < batch->n_children; c++) {
    batch->children[c]->length = rows;
    if (batch->children[c]->null_count > 0) batch->children[c]->null_count = -1;
  }
}

enum lam_status lam_scan_next(struct lam_scan *scan, struct ArrowArray *out, struct lam_error *error) {
  struct ArrowArray batch;
  out->release = NULL;
  for (;;) {
    if (scan->left == 0) return LAM_OK;
    if (!scan->file) {
      if (scan->next_file == scan->table->snapshot.file_count) return LAM_OK;
      LAM_TRY(open_file(scan, error));
    }
    if (!scan->file) continue;
    LAM_TRY(lam_filter_reader_next(scan->reader, &batch, error));
    if (batch.release) break;
    close_file(scan);
  }
  LAM_TRY(lam_merge_batch(scan->mem, &scan->schema, scan->partial ? &scan->read : &scan->columns.schema, scan->sources,
                          &batch, out, error));
  LAM_TRY(lam_path_fill(scan->mem, scan->partition, &scan->schema, scan->sources, NULL, out, error));
  if (scan->left > 0) {
    cut(out, scan->left);
    scan->left -= out->length;
  }
  lam_progress_add(scan->table->context, (uint64_t)out->length, 0);
  return LAM_OK;
}
