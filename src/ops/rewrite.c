#include "ops/rewrite.h"

#include <assert.h>

#include "arrow/filter.h"
#include "base/context.h"
#include "ops/keep.h"
#include "ops/rotation.h"
#include "ops/task.h"
#include "parquet/reader.h"

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
  struct lam_rotation rotation;
  struct lam_reader *reader; /* of the columns, for one row group after the other; NULL: not needed so far */
  struct ArrowSchema read;   /* of its batches */
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
    if (r->sources[c].column >= 0) wanted[options.column_count++] = r->columns.columns[r->sources[c].column];
  options.columns = wanted;
  options.row_groups = &(int32_t){0};
  options.row_group_count = 1;
  options.dictionaries = dictionaries;
  return lam_reader_open_in(r->file, &options, r->mem, out, error);
}

static enum lam_status have_reader(struct rewrite *r, struct lam_error *error) {
  if (r->reader) return LAM_OK;
  LAM_TRY(open_reader(r, drops(r), &r->reader, error));
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

/* The columns of the reader as those of the new schema; `batch` is consumed. */
static enum lam_status conform(struct rewrite *r, struct ArrowArray *batch, struct ArrowArray *out,
                               struct lam_error *error) {
  return lam_merge_batch(r->mem, r->schema, &r->columns.schema, r->sources, batch, out, error);
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

/* A batch of all rows: those kept are chosen. */
static enum lam_status choose_kept(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                   struct lam_error *error) {
  int64_t rows = batch->length, kept = 0;
  struct lam_selection selection;
  enum lam_status status = lam_buf_reset(&r->bits, (size_t)(rows + 7) / 8 + 8, error);
  if (status == LAM_OK) {
    lam_marks_bits(r->marks, g, first, rows, r->bits.data);
    kept = flip(r->bits.data, rows);
    status = lam_selection_of_bits(r->bits.data, rows, kept, &r->indices, &selection, error);
  }
  for (int64_t c = 0; status == LAM_OK && kept && c < batch->n_children; c++) {
    struct ArrowArray column;
    status = lam_filter_array(r->mem, r->read.children[c], batch->children[c], &selection, NULL, &column, error);
    if (status == LAM_OK) *batch->children[c] = column;
  }
  if (status != LAM_OK || !kept) {
    lam_array_release(batch);
    return status;
  }
  batch->length = kept;
  return write_kept(r, g, first, batch, error);
}

static enum lam_status hash(struct rewrite *r, const struct ArrowArray *batch, struct lam_error *error) {
  return r->rotation.options.hash ? lam_content_hash_add(&r->before, r->schema, batch, error) : LAM_OK;
}

static enum lam_status replace_rows(struct rewrite *r, int32_t g, int64_t first, struct ArrowArray *batch,
                                    struct lam_error *error) {
  struct ArrowArray whole, made = {.release = NULL};
  int64_t rows = batch->length;
  LAM_TRY(conform(r, batch, &whole, error));
  enum lam_status status = lam_buf_reset(&r->bits, (size_t)(rows + 7) / 8 + 8, error);
  if (status != LAM_OK) {
    lam_array_release(&whole);
    return status;
  }
  lam_marks_bits(r->marks, g, first, rows, r->bits.data);
  LAM_TRY(r->options->replace(r->options->user, g, first, &whole, r->bits.data, &made, error));
  status = hash(r, &made, error);
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

/* Whether row groups that are not touched may be copied as bytes: asked when the first one comes. */
static enum lam_status may_copy(struct rewrite *r, bool *out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(r->file);
  *out = r->same && lam_raw_copy_allowed(meta);
  if (!*out) return LAM_OK;
  LAM_TRY(lam_rotation_open(&r->rotation, error));
  *out = lam_same_layout(meta, lam_writer_meta(r->rotation.writer));
  return LAM_OK;
}

static uint64_t group_bytes(const struct rewrite *r, int32_t g) {
  const struct lam_file_meta *meta = lam_file_meta(r->file);
  uint64_t bytes = 0;
  for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++)
    bytes += (uint64_t)meta->row_groups[g].chunks[leaf].compressed_size;
  return bytes;
}

static enum lam_status take_group(struct rewrite *r, int32_t g, struct lam_error *error) {
  const struct lam_marks_group *group = &r->marks->groups[g];
  bool copies = false, untouched = group->marked == 0;
  if (group->rows == 0 || (drops(r) && group->marked == group->rows)) return LAM_OK;
  r->counts.bytes_read += group_bytes(r, g);
  if (untouched) LAM_TRY(may_copy(r, &copies, error));
  if (copies) {
    r->counts.row_groups_copied++;
    r->written += group->rows;
    return lam_rotation_copy(&r->rotation, r->file, g, error);
  }
  int64_t before = r->written;
  LAM_TRY(encode_group(r, g, error));
  /* Row groups stay what they were, unless little is left of one. */
  bool small = r->written - before < r->largest / SMALL_SHARE;
  return small || !r->rotation.writer ? LAM_OK : lam_writer_end_row_group(r->rotation.writer, error);
}

/* ---- the new file ---- */

/* By which columns all row groups are sorted, where dropping or replacing rows leaves it true. */
static enum lam_status keep_sorting(struct rewrite *r, struct lam_write_options *out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(r->file);
  struct lam_sort_key *keys;
  if (!drops(r) || meta->row_group_count == 0) return LAM_OK;
  const struct lam_row_group_meta *first = &meta->row_groups[0];
  LAM_TRY(lam_arena_array(&r->arena, (size_t)first->sorting_count, sizeof *keys, (void **)&keys, error));
  for (int32_t g = 1; g < meta->row_group_count; g++) {
    const struct lam_row_group_meta *other = &meta->row_groups[g];
    if (other->sorting_count != first->sorting_count) return LAM_OK;
    for (int32_t i = 0; i < first->sorting_count; i++)
      if (other->sorting[i].column != first->sorting[i].column ||
          other->sorting[i].descending != first->sorting[i].descending ||
          other->sorting[i].nulls_first != first->sorting[i].nulls_first)
        return LAM_OK;
  }
  int32_t count = 0;
  for (; count < first->sorting_count; count++) {
    const struct lam_sorting_column *sorting = &first->sorting[count];
    int32_t top = 0;
    while (top < lam_top_columns(meta) && meta->nodes[lam_top_node(meta, top)].leaf != sorting->column) top++;
    if (top == lam_top_columns(meta) || meta->nodes[lam_top_node(meta, top)].children) break;
    char *name;
    LAM_TRY(lam_arena_string(&r->arena, meta->nodes[lam_top_node(meta, top)].name, &name, error));
    keys[count] = (struct lam_sort_key){name, sorting->descending, sorting->nulls_first};
  }
  out->sorting = keys;
  out->sorting_count = count;
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
  for (size_t i = 0; i < r->rotation.file_count; i++) r->counts.bytes_written += r->rotation.files[i].bytes;
  r->counts.files_rewritten += r->rotation.file_count > 0;
  r->counts.files_removed += r->rotation.file_count == 0;
  return lam_rotation_add_to(&r->rotation, change, error);
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
  lam_rotation_init(&r->rotation, &options, r->mem);
  enum lam_status status = fill(r, change, error);
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
  for (int32_t g = 0; g < r->marks->group_count; g++) r->largest = lam_max_i64(r->largest, r->marks->groups[g].rows);
  return LAM_OK;
}

static enum lam_status rewrite(struct rewrite *r, struct lam_change *change, struct lam_error *error) {
  bool gone = drops(r) && r->marks->rows && r->marks->marked == r->marks->rows && !r->options->stays;
  if (!gone) LAM_TRY(prepare(r, error));
  if (!gone && r->marks->marked == 0 && r->same) return LAM_OK;
  LAM_TRY(lam_change_remove(change, r->data, error)); /* first: what may not be changed is refused before the work */
  if (r->marks->marked) lam_edit_affect(r->edit, r->data->partition);
  r->counts.files_removed += gone;
  return gone ? LAM_OK : write_file(r, change, error);
}

static void add_counts(struct lam_edit_result *to, const struct lam_edit_result *from) {
  to->files_rewritten += from->files_rewritten;
  to->files_removed += from->files_removed;
  to->row_groups_copied += from->row_groups_copied;
  to->row_groups_encoded += from->row_groups_encoded;
  to->bytes_read += from->bytes_read;
  to->bytes_written += from->bytes_written;
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
  add_counts(counts, &r.counts);
  lam_content_hash_release(&r.before);
  lam_content_hash_release(&r.after);
  lam_reader_close(r.reader);
  lam_schema_release(&r.read);
  lam_schema_release(&r.columns.schema);
  lam_ranges_release(&r.kept);
  lam_buf_release(&r.bits);
  lam_buf_release(&r.indices);
  lam_arena_release(&r.arena);
  return status;
}
