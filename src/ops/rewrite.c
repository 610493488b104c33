#include "ops/rewrite.h"

#include <assert.h>

#include "arrow/cast.h"
#include "arrow/filter.h"
#include "base/context.h"
#include "ops/keep.h"
#include "ops/rotation.h"
#include "ops/task.h"
#include "parquet/append.h"
#include "parquet/reader.h"
#include "parquet/splice.h"
#include "table/path_value.h"

enum {
  /* Reading by ranges costs about as much as decoding so many rows for each of them (parquet/filter_reader.c): where
   * the ranges kept are shorter, all rows are decoded and those kept copied. */
  RANGE_ROWS = 96,
  /* Rows left of a row group are joined with those of the next where they are less than this part of the largest. */
  SMALL_SHARE = 4,
};

struct rewrite {
  struct lam_edit *edit;
  struct lam_file *file;
  const struct lam_data_file *data;
  const struct lam_marks *marks;
  const struct lam_rewrite_options *options;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_file_columns columns;  /* that the file has */
  const struct ArrowSchema *schema; /* that the new one has */
  struct lam_merge_source *sources; /* of each of its columns */
  bool same;                        /* both schemas are */
  bool mixes;                       /* row groups that are touched get chunks of the file where `columns` allows it */
  const bool *wanted;               /* of its columns, that are read; NULL: all */
  bool layout_known;                /* the next two are */
  bool same_layout;
  int32_t *leaves; /* for each leaf of the new file that of the file, or LAM_MIX_NULL; NULL: some are
                      not to be copied */
  struct lam_rotation rotation;
  struct lam_reader *reader; /* of the columns, for one row group after the other; NULL: not needed so far */
  struct lam_reader *whole;  /* the same of all columns, for splices */
  struct ArrowSchema read;   /* of the batches of `whole`, or of `reader` */
  struct lam_ranges kept;
  struct lam_buf bits, indices;
  int64_t largest; /* rows of a row group */
  int64_t written; /* rows */
  struct lam_content_hash before, after;
  struct lam_edit_result counts;
};

static bool drops(const struct rewrite *r) {
  return !r->options->replace;
}

/* ---- reading row groups ---- */

/* A reader of the columns in the order of the new schema, for any one row group at a time. Where rows pass unseen,
 * strings come as dictionaries. */
static enum lam_status open_reader(struct rewrite *r, bool dictionaries, struct lam_reader **out,
                                   struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  void *memory;
  LAM_TRY(lam_arena_array(&r->arena, (size_t)r->schema->n_children + 1, sizeof(int32_t), &memory, error));
  int32_t *wanted = memory;
  for (int64_t c = 0; c < r->schema->n_children; c++)
    if (r->sources[c].column >= 0 && (!r->wanted || r->wanted[c]))
      wanted[options.column_count++] = r->columns.columns[r->sources[c].column];
  options.columns = wanted;
  options.row_groups = &(int32_t){0};
  options.row_group_count = 1;
  options.dictionaries = dictionaries;
  return lam_reader_open_in(r->file, &options, r->mem, out, error);
}

static enum lam_status have_reader(struct rewrite *r, struct lam_error *error) {
  if (r->reader) return LAM_OK;
  LAM_TRY(open_reader(r, drops(r), &r->reader, error));
  lam_schema_release(&r->read);
  return lam_reader_schema(r->reader, &r->read, error);
}

/* Makes marks of rows those that are not marked; how many they are. */
static int64_t flip(uint8_t *bits, int64_t rows) {
  size_t size = (size_t)(rows + 7) / 8;
  int64_t set = 0;
  for (size_t i = 0; i < size; i++) bits[i] = (uint8_t)~bits[i];
  if (rows % 8) bits[size - 1] &= (uint8_t)((1u << (rows % 8)) - 1);
  for (size_t i = 0; i < size; i++) set += __builtin_popcount(bits[i]);
  return set;
}

/* The rows of a row group that are not marked. */
static enum lam_status kept_rows(struct rewrite *r, int32_t g, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  lam_ranges_clear(&r->kept);
  if (!group->bits) return group->marked ? LAM_OK : lam_ranges_add(&r->kept, 0, group->rows, error);
  LAM_TRY(lam_buf_reset(&r->bits, (size_t)(group->rows + 7) / 8 + 8, error));
  lam_marks_bits(r->marks, g, 0, group->rows, r->bits.data);
  flip(r->bits.data, group->rows);
  return lam_ranges_add_bits(&r->kept, r->bits.data, group->rows, 0, error);
}

static const struct lam_partition *partition_of(const struct rewrite *r) {
  return &r->edit->table->snapshot.partitions[r->data->partition].values;
}

/* The columns of the reader as those of the new schema, of which others stay released; `batch` is consumed. */
static enum lam_status conform(struct rewrite *r, struct ArrowArray *batch, struct ArrowArray *out,
                               struct lam_error *error) {
  LAM_TRY(lam_merge_columns(r->mem, r->schema, &r->columns.schema, r->sources, r->wanted, batch, out, error));
  return lam_path_fill(r->mem, partition_of(r), r->schema, r->sources, r->wanted, out, error);
}

typedef enum lam_status (*batch_fn)(struct rewrite *r, int32_t row_group, int64_t first, struct ArrowArray *batch,
                                    struct lam_error *error);

/* Calls `each`, which takes the batch over, with the rows of a row group that are in `ranges`; `first` is the number of
 * rows of the ranges before. */
static enum lam_status each_batch(struct rewrite *r, struct lam_reader *reader, int32_t g, struct lam_ranges *ranges,
                                  batch_fn each, struct lam_error *error) {
  struct lam_rows rows = lam_rows_of(ranges);
  int64_t first = 0;
  LAM_TRY(lam_reader_begin(reader, g, error));
  while (rows.count) {
    struct ArrowArray batch;
    int64_t taken;
    LAM_TRY(lam_reader_read(reader, rows.at, rows.count, &taken, &batch, error));
    LAM_CHECK(batch.release && taken > 0, error, "%s: row group %d ends before its rows do", lam_file_name(r->file), g);
    lam_rows_advance(&rows, taken);
    LAM_TRY(each(r, g, first, &batch, error));
    first += taken;
    LAM_TRY(lam_edit_renew(r->edit, error));
  }
  return LAM_OK;
}

/* ---- writing ---- */

static enum lam_status write(struct rewrite *r, const struct ArrowArray *batch, struct lam_error *error) {
  if (batch->length == 0) return LAM_OK;
  r->written += batch->length;
  return lam_rotation_write(&r->rotation, batch, error);
}

static enum lam_status write_kept(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                  struct lam_error *error) {
  struct ArrowArray whole;
  (void)g, (void)first;
  LAM_TRY(conform(r, batch, &whole, error));
  enum lam_status status = write(r, &whole, error);
  lam_array_release(&whole);
  return status;
}

/* Leaves of a batch of all rows, from row `first` of the row group on, those that are kept, which r->bits says. None of
 * them: it has no rows, its columns are as they were. */
static enum lam_status choose(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                              struct lam_error *error) {
  int64_t rows = batch->length;
  struct lam_selection selection;
  LAM_TRY(lam_buf_reset(&r->bits, (size_t)(rows + 7) / 8 + 8, error));
  lam_marks_bits(r->marks, g, first, rows, r->bits.data);
  int64_t kept = flip(r->bits.data, rows);
  batch->length = kept;
  if (kept == 0 || kept == rows) return LAM_OK;
  LAM_TRY(lam_selection_of_bits(r->bits.data, rows, kept, &r->indices, &selection, error));
  for (int64_t c = 0; c < batch->n_children; c++) {
    struct ArrowArray column;
    LAM_TRY(lam_filter_array(r->mem, r->read.children[c], batch->children[c], &selection, NULL, &column, error));
    *batch->children[c] = column;
  }
  return LAM_OK;
}

static enum lam_status choose_kept(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                   struct lam_error *error) {
  enum lam_status status = choose(r, g, first, batch, error);
  if (status == LAM_OK && batch->length) return write_kept(r, g, first, batch, error);
  lam_array_release(batch);
  return status;
}

static enum lam_status hash(struct rewrite *r, const struct ArrowArray *batch, struct lam_error *error) {
  return r->rotation.options.hash ? lam_content_hash_add(&r->before, r->schema, batch, error) : LAM_OK;
}

/* What comes in place of a batch of all rows; r->bits then says which have gone. */
static enum lam_status replaced(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                struct ArrowArray *out, struct lam_error *error) {
  struct ArrowArray whole;
  int64_t rows = batch->length;
  LAM_TRY(conform(r, batch, &whole, error));
  enum lam_status status = lam_buf_reset(&r->bits, (size_t)(rows + 7) / 8 + 8, error);
  if (status != LAM_OK) {
    lam_array_release(&whole);
    return status;
  }
  lam_marks_bits(r->marks, g, first, rows, r->bits.data);
  return r->options->replace(r->options->user, g, first, &whole, r->bits.data, out, error);
}

static enum lam_status replace_rows(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                    struct lam_error *error) {
  struct ArrowArray made = {.release = NULL};
  LAM_TRY(replaced(r, g, first, batch, &made, error));
  enum lam_status status = r->mixes ? LAM_OK : hash(r, &made, error);
  for (int64_t c = 0; r->mixes && c < made.n_children; c++)
    if (!r->options->columns[c]) lam_array_release(made.children[c]);
  if (status == LAM_OK) status = write(r, &made, error);
  lam_array_release(&made);
  return status;
}

/* Encodes a row group anew without its marked rows, or with what comes in their place. */
static enum lam_status encode_group(struct rewrite *r, int32_t g, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  LAM_TRY(have_reader(r, error));
  r->counts.row_groups_encoded++;
  if (!drops(r) && group->marked) {
    lam_ranges_clear(&r->kept);
    LAM_TRY(lam_ranges_add(&r->kept, 0, group->rows, error));
    return each_batch(r, r->reader, g, &r->kept, replace_rows, error);
  }
  if (drops(r)) LAM_TRY(kept_rows(r, g, error));
  bool dense = drops(r) && group->marked < RANGE_ROWS * ((int64_t)lam_ranges_count(&r->kept) - 1);
  if (dense || !drops(r)) lam_ranges_clear(&r->kept);
  if (dense || !drops(r)) LAM_TRY(lam_ranges_add(&r->kept, 0, group->rows, error));
  return each_batch(r, r->reader, g, &r->kept, dense ? choose_kept : write_kept, error);
}

/* ---- copying ---- */

/* The columns whose values `replace` gets. */
static enum lam_status choose_wanted(struct rewrite *r, struct lam_error *error) {
  const struct lam_rewrite_options *options = r->options;
  void *memory;
  LAM_TRY(lam_arena_array(&r->arena, (size_t)r->schema->n_children, sizeof(bool), &memory, error));
  bool *wanted = memory;
  for (int64_t c = 0; c < r->schema->n_children; c++)
    wanted[c] = options->columns[c] || (options->reads && options->reads[c]);
  r->wanted = wanted;
  return LAM_OK;
}

/* What chunks may be copied into the new file as bytes: asked when the first row group comes that wants to know. */
static enum lam_status find_layout(struct rewrite *r, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(r->file), *made;
  void *memory;
  bool mixes = r->mixes;
  if (r->layout_known) return LAM_OK;
  r->layout_known = true;
  r->mixes = false;
  if (!lam_raw_copy_allowed(meta)) return LAM_OK;
  LAM_TRY(lam_rotation_open(&r->rotation, error));
  made = lam_writer_meta(r->rotation.writer);
  r->same_layout = r->same && lam_same_layout(meta, made);
  if (r->same_layout && !mixes) return LAM_OK;
  LAM_TRY(lam_arena_array(&r->arena, (size_t)made->leaf_count, sizeof *r->leaves, &memory, error));
  int32_t *leaves = memory;
  for (int64_t c = 0; c < r->schema->n_children; c++) {
    const struct lam_schema_node *to = &made->nodes[lam_top_node(made, (int32_t)c)];
    int32_t column = r->sources[c].column, from = column < 0 ? -1 : r->columns.columns[column];
    bool copied = from >= 0 && lam_same_column(meta, from, made, (int32_t)c);
    const char *value;
    bool filled = from < 0 && lam_partition_find(partition_of(r), r->schema->children[c]->name, &value) && value;
    if (filled || (from >= 0 && !copied)) return LAM_OK;
    for (int32_t i = 0; i < to->leaves; i++)
      leaves[to->leaf + i] = copied ? meta->nodes[lam_top_node(meta, from)].leaf + i : LAM_MIX_NULL;
  }
  r->leaves = leaves;
  r->mixes = mixes;
  return mixes ? choose_wanted(r, error) : LAM_OK;
}

/* A row group with the file's chunks but for NULLs and, where it is touched, the columns that are written. */
static enum lam_status mix_group(struct rewrite *r, int32_t g, bool touched, struct lam_error *error) {
  const struct lam_file_meta *made = lam_writer_meta(r->rotation.writer);
  struct lam_writer *writer = r->rotation.writer;
  void *memory;
  LAM_TRY(lam_arena_array(&r->arena, (size_t)made->leaf_count, sizeof(int32_t), &memory, error));
  int32_t *leaves = memory;
  lam_copy(leaves, r->leaves, (size_t)made->leaf_count * sizeof *leaves);
  for (int64_t c = 0; touched && c < r->schema->n_children; c++) {
    const struct lam_schema_node *to = &made->nodes[lam_top_node(made, (int32_t)c)];
    for (int32_t i = 0; r->options->columns[c] && i < to->leaves; i++) leaves[to->leaf + i] = LAM_MIX_WRITTEN;
  }
  LAM_TRY(lam_writer_mix_row_group(writer, r->file, g, leaves, error));
  if (touched) LAM_TRY(encode_group(r, g, error));
  return lam_writer_end_row_group(writer, error);
}

/* Copies what of a row group can be; *done is false where nothing can. */
static enum lam_status copy_group(struct rewrite *r, int32_t g, bool *done, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  bool touched = group->marked > 0;
  *done = false;
  if (touched && !r->mixes) return LAM_OK;
  LAM_TRY(find_layout(r, error));
  *done = touched ? r->mixes : r->same_layout || r->leaves;
  if (!*done) return LAM_OK;
  if (touched) return mix_group(r, g, true, error);
  r->counts.row_groups_copied++;
  r->written += group->rows;
  return r->same_layout ? lam_rotation_copy(&r->rotation, r->file, g, error) : mix_group(r, g, false, error);
}

/* ---- row groups of which few rows change: pages of the others stay (parquet/splice.h) ---- */

struct splicing {
  struct rewrite *rewrite;
  int32_t group;
  bool begun; /* rows have been asked for */
};

static enum lam_status splice_kept(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *rows,
                                   struct ArrowArray *out, struct lam_error *error) {
  int64_t all = rows->length;
  enum lam_status status = choose(r, g, first, rows, error);
  if (status != LAM_OK) {
    lam_array_release(rows);
    return status;
  }
  int64_t kept = rows->length;
  if (kept == 0) rows->length = all; /* its columns are */
  LAM_TRY(conform(r, rows, out, error));
  out->length = kept;
  return LAM_OK;
}

static enum lam_status splice_replaced(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *rows,
                                       struct ArrowArray *out, struct lam_error *error) {
  int64_t count = rows->length;
  LAM_TRY(replaced(r, g, first, rows, out, error));
  int64_t kept = flip(r->bits.data, count);
  assert(kept == out->length);
  (void)kept;
  return LAM_OK;
}

static enum lam_status splice_rows(void *user, const struct lam_range *wanted, int64_t *taken, const uint8_t **kept,
                                   struct ArrowArray *batch, struct lam_error *error) {
  struct splicing *splicing = user;
  struct rewrite *r = splicing->rewrite;
  struct ArrowArray rows;
  splicing->begun = true;
  LAM_TRY(lam_edit_renew(r->edit, error));
  LAM_TRY(lam_reader_read(r->whole, wanted, 1, taken, &rows, error));
  LAM_CHECK(rows.release && *taken > 0, error, "%s: row group %d ends before its rows do", lam_file_name(r->file),
            splicing->group);
  LAM_TRY((drops(r) ? splice_kept : splice_replaced)(r, splicing->group, wanted->first, &rows, batch, error));
  *kept = batch->length == *taken ? NULL : r->bits.data;
  return LAM_OK;
}

/* Bytes of pages that may be decoded and encoded: half of all, or those of the columns that would be instead. */
static uint64_t most_spliced(const struct rewrite *r, int32_t g) {
  const struct lam_file_meta *meta = lam_file_meta(r->file);
  uint64_t half = lam_row_group_bytes(lam_file_meta(r->file), g) / 2, bytes = 0;
  for (int64_t c = 0; r->mixes && c < r->schema->n_children; c++) {
    const struct lam_schema_node *top = &meta->nodes[lam_top_node(meta, r->columns.columns[r->sources[c].column])];
    for (int32_t i = 0; r->options->columns[c] && i < top->leaves; i++)
      bytes += (uint64_t)meta->row_groups[g].chunks[top->leaf + i].compressed_size;
  }
  return r->mixes ? lam_min_u64(half, bytes) : half;
}

static enum lam_status splice(struct rewrite *r, int32_t g, bool *done, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  struct splicing splicing = {.rewrite = r, .group = g};
  uint64_t most = most_spliced(r, g);
  int64_t written = 0;
  if (!r->whole) LAM_TRY(open_reader(r, drops(r), &r->whole, error));
  if (!r->read.release) LAM_TRY(lam_reader_schema(r->whole, &r->read, error));
  LAM_TRY(lam_reader_begin(r->whole, g, error));
  lam_ranges_clear(&r->kept);
  LAM_TRY(lam_ranges_add_bits(&r->kept, group->bits, group->rows, 0, error));
  LAM_TRY(lam_writer_splice_row_group(r->rotation.writer, r->file, g, &r->kept, most, splice_rows, &splicing, done,
                                      &written, error));
  if (*done) r->written += written;
  if (*done || drops(r) || !splicing.begun) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "%s: the pages of row group %d are not what its page index says",
                  lam_file_name(r->file), g);
}

/* All columns are read for it, also where only some change. */
static enum lam_status splice_group(struct rewrite *r, int32_t g, bool *done, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  const bool *wanted = r->wanted;
  *done = false;
  if (!group->bits || (!drops(r) && r->edit->options->verify_full)) return LAM_OK;
  /* What little is left of a row group is joined with the next. */
  if (drops(r) && group->rows - group->marked < r->largest / SMALL_SHARE) return LAM_OK;
  LAM_TRY(find_layout(r, error));
  if (!r->same_layout) return LAM_OK;
  r->wanted = NULL;
  enum lam_status status = splice(r, g, done, error);
  r->wanted = wanted;
  r->counts.row_groups_encoded += *done;
  return status;
}

static enum lam_status take_group(struct rewrite *r, int32_t g, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  bool copied;
  if (group->rows == 0 || (drops(r) && group->marked == group->rows)) return LAM_OK;
  bool stays = r->rotation.options.base && !group->marked;
  r->counts.bytes_read += stays ? 0 : lam_row_group_bytes(lam_file_meta(r->file), g);
  LAM_TRY(splice_group(r, g, &copied, error));
  if (!copied) LAM_TRY(copy_group(r, g, &copied, error));
  if (copied) return LAM_OK;
  int64_t before = r->written;
  LAM_TRY(encode_group(r, g, error));
  /* Row groups stay what they were, unless little is left of one. */
  bool small = r->written - before < r->largest / SMALL_SHARE;
  return small || !r->rotation.writer ? LAM_OK : lam_writer_end_row_group(r->rotation.writer, error);
}

/* ---- the new file ---- */

/* Dropping rows leaves the order of the others; replacing may not. */
static enum lam_status keep_sorting(struct rewrite *r, struct lam_write_options *out, struct lam_error *error) {
  struct lam_sort_key *keys;
  if (!drops(r)) return LAM_OK;
  LAM_TRY(lam_keep_sorting(r->file, &r->arena, &keys, &out->sorting_count, error));
  out->sorting = keys;
  return LAM_OK;
}

static enum lam_status write_options(struct rewrite *r, struct lam_write_options *out, struct lam_error *error) {
  struct lam_keep keep = {.arena = &r->arena};
  uint32_t width = lam_tasks_width(r->edit->context);
  *out = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  LAM_TRY(lam_keep_file(&keep, r->file, error));
  if (!r->same) lam_keep_drop(&keep, "ARROW:schema");
  for (int32_t i = 0; !r->same && i < keep.column_count; i++) keep.columns[i].encoding = LAM_ENCODE_DEFAULT;
  LAM_TRY(lam_keep_change(&keep, r->edit->options, r->schema, error));
  lam_keep_write(&keep, out);
  LAM_TRY(keep_sorting(r, out, error));
  out->row_group_rows = 2 * lam_max_i64(r->largest, 1);
  out->row_group_bytes = (int64_t)lam_min_u64(INT64_MAX, lam_tasks_share(r->edit->context, width));
  out->no_sync = true; /* the commit syncs all staged files at once */
  return LAM_OK;
}

static enum lam_status hash_batch(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                  struct lam_error *error) {
  struct ArrowArray whole;
  (void)g, (void)first;
  LAM_TRY(conform(r, batch, &whole, error));
  enum lam_status status = hash(r, &whole, error);
  lam_array_release(&whole);
  return status;
}

/* The hash of the rows that are kept, read by a way of its own: plain values, no dictionaries, no copies. Replaced ones
 * have been added as they came. */
static enum lam_status hash_kept(struct rewrite *r, struct lam_error *error) {
  struct lam_reader *reader;
  if (r->marks->group_count == 0) return LAM_OK;
  LAM_TRY(open_reader(r, false, &reader, error));
  enum lam_status status = LAM_OK;
  for (int32_t g = 0; status == LAM_OK && g < r->marks->group_count; g++) {
    if (!drops(r) && r->marks->groups[g].marked) continue;
    status = kept_rows(r, g, error);
    if (status == LAM_OK) status = each_batch(r, reader, g, &r->kept, hash_batch, error);
  }
  lam_reader_close(reader);
  return status;
}

static enum lam_status check(struct rewrite *r, struct lam_error *error) {
  uint64_t rows = 0;
  for (size_t i = 0; i < r->rotation.file_count; i++) rows += r->rotation.files[i].rows;
  bool right = rows == (uint64_t)r->written && (!drops(r) || r->written == r->marks->rows - r->marks->marked);
  if (!right)
    return lam_fail(error, LAM_CORRUPT, "%s: of %lld rows, %lld of them marked, %lld were written, %llu are there",
                    lam_file_name(r->file), (long long)r->marks->rows, (long long)r->marks->marked,
                    (long long)r->written, (unsigned long long)rows);
  if (!r->rotation.options.hash) return LAM_OK;
  LAM_TRY(hash_kept(r, error));
  return lam_content_hash_compare(&r->before, &r->after, r->schema, lam_file_name(r->file), error);
}

static enum lam_status fill(struct rewrite *r, struct lam_change *change, struct lam_error *error) {
  for (int32_t g = 0; g < r->marks->group_count; g++) LAM_TRY(take_group(r, g, error));
  LAM_TRY(lam_rotation_finish(&r->rotation, r->marks->rows == 0 || r->options->stays, error));
  LAM_TRY(check(r, error));
  uint64_t before = r->rotation.options.base ? lam_file_size(r->file) : 0;
  for (size_t i = 0; i < r->rotation.file_count; i++) r->counts.bytes_written += r->rotation.files[i].bytes - before;
  r->counts.files_rewritten += r->rotation.file_count > 0;
  r->counts.files_removed += r->rotation.file_count == 0;
  return lam_rotation_add_to(&r->rotation, change, error);
}

/* Of touched row groups the leaves of the columns that may change. */
static enum lam_status find_replaced_leaves(struct rewrite *r, bool **out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(r->file);
  size_t size = (size_t)meta->leaf_count * sizeof **out;
  LAM_TRY(lam_arena_alloc(&r->arena, size, (void **)out, error));
  memset(*out, 0, size);
  for (int64_t c = 0; c < r->schema->n_children; c++) {
    const struct lam_schema_node *top = &meta->nodes[lam_top_node(meta, r->columns.columns[r->sources[c].column])];
    for (int32_t i = 0; r->options->columns[c] && i < top->leaves; i++) (*out)[top->leaf + i] = true;
  }
  return LAM_OK;
}

/* Whether the file is continued in place: asked for, and neither too much of it would be dead then nor has it a second
 * name, which would be somebody's backup. */
static enum lam_status may_append(struct rewrite *r, bool *out, struct lam_error *error) {
  enum { WRITABLE = 0200 }; /* by its owner; one that is not is replaced, which its directory decides */
  const struct lam_object_info *info = lam_file_info(r->file);
  void *memory;
  *out = r->edit->options->mode == LAM_MODE_APPEND && r->same && !r->data->through_link && info->links == 1 &&
         info->mode & WRITABLE;
  if (!*out) return LAM_OK;
  LAM_TRY(lam_arena_array(&r->arena, (size_t)r->marks->group_count, sizeof(bool), &memory, error));
  bool *replaced = memory;
  for (int32_t g = 0; g < r->marks->group_count; g++) replaced[g] = r->marks->groups[g].marked > 0;
  bool *leaves = NULL;
  if (r->mixes) LAM_TRY(find_replaced_leaves(r, &leaves, error));
  return lam_append_pays(r->file, replaced, leaves, r->mem, out, error);
}

/* Begins to continue the file, where what is in it can stand beside what we write. */
static enum lam_status begin_append(struct rewrite *r, const struct lam_rotation_options *options, bool *out,
                                    struct lam_error *error) {
  LAM_TRY(may_append(r, out, error));
  if (!*out) return LAM_OK;
  struct lam_rotation_options appending = *options;
  appending.base = r->file;
  appending.data = r->data;
  lam_rotation_init(&r->rotation, &appending, r->mem);
  enum lam_status status = lam_rotation_open(&r->rotation, error);
  if (status != LAM_UNSUPPORTED) return status;
  lam_rotation_release(&r->rotation);
  *out = false;
  return LAM_OK;
}

static enum lam_status write_file(struct rewrite *r, struct lam_change *change, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &r->edit->table->snapshot;
  struct lam_rotation_options options = {
      .stage = r->edit->stage,
      .store = r->edit->store,
      .directory = snapshot->partitions[r->data->partition].directory,
      .schema = r->schema,
      .target_size = UINT64_MAX / 4, /* it stays one file */
  };
  char *stem;
  LAM_TRY(lam_keep_stem(snapshot, r->options->file, 1, &r->arena, &stem, error));
  options.stem = stem;
  LAM_TRY(write_options(r, &options.write, error));
  if (r->edit->options->verify_full && r->edit->stage) {
    LAM_TRY(lam_content_hash_init(&r->before, r->mem, r->schema->n_children, error));
    LAM_TRY(lam_content_hash_init(&r->after, r->mem, r->schema->n_children, error));
    options.hash = &r->after;
  }
  bool appends;
  enum lam_status status = begin_append(r, &options, &appends, error);
  if (status == LAM_OK && !appends) lam_rotation_init(&r->rotation, &options, r->mem);
  /* First: what may not be changed is refused before the work. */
  if (status == LAM_OK && !appends) status = lam_change_remove(change, r->data, error);
  if (status == LAM_OK) status = fill(r, change, error);
  lam_rotation_release(&r->rotation);
  return status;
}

/* ---- the rewrite ---- */

static enum lam_status prepare(struct rewrite *r, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_file_columns_all(r->file, &r->arena, &r->columns, error));
  r->schema = r->options->schema ? r->options->schema : &r->columns.schema;
  r->same = r->schema == &r->columns.schema || lam_merge_same(r->schema, &r->columns.schema);
  if (r->schema->n_children == 0) return lam_fail(error, LAM_UNSUPPORTED, "%s has no columns", lam_file_name(r->file));
  LAM_TRY(lam_arena_array(&r->arena, (size_t)r->schema->n_children, sizeof *r->sources, &memory, error));
  r->sources = memory;
  if (r->same) /* even with two columns of one name */
    for (int64_t c = 0; c < r->schema->n_children; c++) r->sources[c] = (struct lam_merge_source){.column = (int32_t)c};
  else
    lam_merge_map(r->schema, &r->columns.schema, r->sources);
  /* What is to be verified is decoded: hashes are of whole rows. */
  r->mixes = r->options->replace && r->options->columns && !r->edit->options->verify_full;
  for (int32_t g = 0; g < r->marks->group_count; g++) r->largest = lam_max_i64(r->largest, r->marks->groups[g].rows);
  return LAM_OK;
}

static enum lam_status rewrite(struct rewrite *r, struct lam_change *change, struct lam_error *error) {
  bool gone = drops(r) && r->marks->rows && r->marks->marked == r->marks->rows && !r->options->stays;
  if (!gone) LAM_TRY(prepare(r, error));
  if (!gone && r->marks->marked == 0 && r->same) return LAM_OK;
  if (gone) LAM_TRY(lam_change_remove(change, r->data, error));
  if (r->marks->marked) lam_edit_affect(r->edit, r->data->partition);
  r->counts.files_removed += gone;
  return gone ? LAM_OK : write_file(r, change, error);
}

enum lam_status lam_rewrite_file(struct lam_edit *edit, struct lam_file *file, const struct lam_marks *marks,
                                 const struct lam_rewrite_options *options, struct lam_change *change,
                                 struct lam_edit_result *counts, struct lam_error *error) {
  struct rewrite r = {
      .edit = edit,
      .file = file,
      .data = &edit->table->snapshot.files[options->file],
      .marks = marks,
      .options = options,
      .mem = edit->mem,
  };
  lam_arena_init(&r.arena, r.mem);
  lam_ranges_init(&r.kept, r.mem);
  lam_buf_init(&r.bits, r.mem);
  lam_buf_init(&r.indices, r.mem);
  enum lam_status status = rewrite(&r, change, error);
  lam_edit_add_counts(counts, &r.counts);
  lam_content_hash_release(&r.before);
  lam_content_hash_release(&r.after);
  lam_reader_close(r.reader);
  lam_reader_close(r.whole);
  lam_schema_release(&r.read);
  lam_schema_release(&r.columns.schema);
  lam_ranges_release(&r.kept);
  lam_buf_release(&r.bits);
  lam_buf_release(&r.indices);
  lam_arena_release(&r.arena);
  return status;
}
