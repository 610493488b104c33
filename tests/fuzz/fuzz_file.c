/* A whole file, nested columns too: read as plain values, as dictionaries and as views in small batches, leaf by leaf
 * and page by page. However it is read, it has the same rows. */
#include "fuzz_support.h"

/* Runs of equal values and nulls make any number of rows from a few bytes. */
enum { MOST_BATCHES = 200, MOST_COLUMNS = 20 };

enum way { PLAIN, DICTIONARIES, VIEWS, WAYS };

/* A batch is looked at only after the next was read: its buffers are its own until it is released. */
static void read_batches(struct lam_reader *reader, const struct ArrowSchema *schema, struct fuzz_rows *rows) {
  struct ArrowArray batch, last = {.release = NULL};
  for (int i = 0; rows->count < FUZZ_ROWS; i++) {
    rows->status = i < MOST_BATCHES ? lam_reader_next(reader, &batch, NULL) : LAM_LIMIT;
    if (rows->status != LAM_OK || !batch.release) break;
    fuzz_check(batch.length > 0 && batch.children[0]->length == batch.length);
    if (last.release) fuzz_add_rows(rows, schema->children[0], last.children[0]);
    lam_array_release(&last);
    last = batch;
  }
  if (last.release) fuzz_add_rows(rows, schema->children[0], last.children[0]);
  lam_array_release(&last);
}

static void read_column(struct lam_file *file, struct lam_mem *mem, int32_t column, enum way way,
                        struct fuzz_rows *rows) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader_mode mode = {.all_dictionaries = way == DICTIONARIES, .one_thread = true};
  struct lam_reader *reader;
  struct ArrowSchema schema;
  fuzz_begin_rows(rows);
  options.columns = &column;
  options.column_count = 1;
  options.batch_rows = way == PLAIN ? 0 : way == VIEWS ? 10 : 100;
  options.string_views = way == VIEWS;
  rows->status = lam_reader_open_as(file, &options, &mode, mem, &reader, NULL);
  if (rows->status != LAM_OK) return;
  rows->status = lam_reader_schema(reader, &schema, NULL);
  if (rows->status == LAM_OK) {
    read_batches(reader, &schema, rows);
    lam_schema_release(&schema);
  }
  lam_reader_close(reader);
}

static enum lam_status ignore(void *user, const struct lam_page *page, struct lam_error *error) {
  (void)user, (void)page, (void)error;
  return LAM_OK;
}

/* One leaf of the file only, of which nothing is known but that it does no harm. */
static void read_leaf(struct lam_file *file, struct lam_mem *mem, int32_t leaf) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  const struct lam_file_meta *meta = lam_file_meta(file);
  struct lam_reader *reader;
  struct ArrowArray batch;
  int32_t column = -1;
  for (int32_t i = 0; i < meta->top_count; i++)
    if (meta->nodes[meta->tops[i]].leaf <= leaf) column = i;
  options.columns = &column;
  options.column_count = 1;
  options.leaves = &leaf;
  options.leaf_count = 1;
  if (lam_reader_open_in(file, &options, mem, &reader, NULL) != LAM_OK) return;
  if (lam_reader_next(reader, &batch, NULL) == LAM_OK && batch.release) lam_array_release(&batch);
  lam_reader_close(reader);
}

static void read_file(void *user, struct lam_file *file, struct lam_mem *mem) {
  static struct fuzz_rows plain, other;
  struct ArrowSchema schema;
  const struct lam_file_meta *meta = lam_file_meta(file);
  (void)user;
  if (lam_file_schema(file, &schema, NULL) == LAM_OK) lam_schema_release(&schema);
  for (int32_t i = 0; i < lam_file_columns(file) && i < MOST_COLUMNS; i++) {
    read_column(file, mem, i, PLAIN, &plain);
    for (enum way way = DICTIONARIES; way < WAYS; way++) {
      read_column(file, mem, i, way, &other);
      fuzz_check_same(&plain, &other);
    }
  }
  for (int32_t leaf = 0; leaf < meta->leaf_count && leaf < MOST_COLUMNS; leaf++) {
    if (meta->nodes[meta->leaves[leaf]].parent > 0) read_leaf(file, mem, leaf);
    for (int32_t group = 0; group < meta->row_group_count && group < 4; group++)
      (void)lam_chunk_walk(file, group, leaf, true, mem, ignore, NULL, NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_with_file(data, size, read_file, NULL);
  return 0;
}
