/* A table's files with other columns: chunks are copied as bytes wherever they can be. */
#include "ops/schema_change.h"

#include <stdio.h>

#include "base/context.h"
#include "base/options.h"
#include "ops/change.h"
#include "ops/edit.h"
#include "ops/keep.h"
#include "ops/rotation.h"
#include "ops/task.h"
#include "parquet/reader.h"
#include "table/columns.h"
#include "table/path_value.h"

struct changing {
  struct lam_edit *edit;
  struct lam_schema_target target;
};

/* One file. */
struct changed_file {
  struct lam_edit *edit;
  const struct lam_schema_target *target;
  size_t index;
  struct lam_file *file;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_file_columns columns;  /* that the file has */
  struct lam_merge_source *sources; /* where each column of the new file is in it */
  struct ArrowSchema *filled; /* of each column that only the file's path has: as `schema` has it, by its old name;
                                 of others without format */
  struct ArrowSchema schema;  /* of the new file: the target's, with the file's own forms of the same types */
  struct lam_rotation rotation;
  int32_t *leaves;           /* of the new file: see lam_writer_mix_row_group */
  bool *decoded;             /* the columns of the new file whose values are read */
  bool copies, decodes;      /* some leaf is copied; some column is decoded */
  struct lam_reader *reader; /* of the columns that are decoded */
  struct lam_content_hash before, after;
  struct lam_edit_result counts;
};

/* ---- columns ---- */

static bool is_as_before(const struct ArrowSchema *to, const struct ArrowSchema *from) {
  return !((to->flags ^ from->flags) & ARROW_FLAG_NULLABLE) && lam_merge_same_shape(to, from);
}

static enum lam_status map_columns(struct changed_file *f, struct lam_error *error) {
  const struct ArrowSchema *before = &f->edit->table->merge.schema, *after = &f->target->schema;
  struct lam_merge_source *of_table;
  void *memory;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)before->n_children, sizeof *of_table, (void **)&of_table, error));
  LAM_TRY(lam_arena_array(&f->arena, (size_t)after->n_children, sizeof *f->sources, &memory, error));
  f->sources = memory;
  lam_columns_map(f->edit->table, before, &f->columns, of_table);
  for (int64_t c = 0; c < after->n_children; c++)
    f->sources[c].column = f->target->origins[c] < 0 ? -1 : of_table[f->target->origins[c]].column;
  return LAM_OK;
}

/* A column that stays as it is keeps what only its own field says, as that it is a decimal in an integer. */
static enum lam_status make_column(const struct changed_file *f, int64_t c, struct ArrowSchema *out,
                                   struct lam_error *error) {
  const struct ArrowSchema *to = f->target->schema.children[c];
  int32_t column = f->sources[c].column;
  if (column < 0 || !is_as_before(to, f->columns.schema.children[column])) return lam_schema_copy(to, out, error);
  LAM_TRY(lam_schema_copy(f->columns.schema.children[column], out, error));
  LAM_TRY(lam_schema_rename(out, to->name, error));
  struct lam_bytes id = lam_schema_metadata(to, "PARQUET:field_id");
  return id.data ? lam_schema_set_metadata(out, "PARQUET:field_id", id, error) : LAM_OK;
}

static enum lam_status make_schema(struct changed_file *f, struct lam_error *error) {
  LAM_TRY(lam_schema_init_struct("", f->target->schema.n_children, &f->schema, error));
  for (int64_t c = 0; c < f->schema.n_children; c++) LAM_TRY(make_column(f, c, f->schema.children[c], error));
  return LAM_OK;
}

/* ---- what the new file keeps ---- */

/* The options of a file's leaves go on with their columns. `all` are those of lam_column_options_of, in its order. */
static enum lam_status keep_columns(struct changed_file *f, struct lam_keep *keep, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(f->file);
  const struct lam_column_options *all = keep->columns;
  struct lam_column_options *kept;
  int32_t *first; /* of all, for each column of the file */
  size_t most = (size_t)keep->column_count + (size_t)f->schema.n_children;
  LAM_TRY(lam_arena_array(&f->arena, most, sizeof *kept, (void **)&kept, error));
  LAM_TRY(lam_arena_array(&f->arena, (size_t)meta->top_count + 1, sizeof *first, (void **)&first, error));
  for (int32_t i = 0; i < meta->top_count; i++) {
    const struct lam_schema_node *top = &meta->nodes[meta->tops[i]];
    first[i + 1] = first[i] + top->leaves + (top->children > 0);
  }
  keep->column_count = 0;
  keep->columns = kept;
  for (int64_t c = 0; c < f->schema.n_children; c++) {
    const char *name = f->schema.children[c]->name;
    int32_t column = f->sources[c].column, top = column < 0 ? -1 : f->columns.columns[column];
    if (top < 0) { /* a new column is packed as the others are */
      kept[keep->column_count++] = (struct lam_column_options){.name = name, .codec = first[1] > 0 ? all[0].codec : 0};
      continue;
    }
    bool same = is_as_before(f->target->schema.children[c], f->columns.schema.children[column]);
    size_t old = meta->nodes[meta->tops[top]].name.size;
    for (int32_t i = first[top]; i < first[top + 1]; i++) {
      struct lam_column_options *to = &kept[keep->column_count++];
      char *text;
      size_t size = strlen(name) + strlen(all[i].name) - old + 1;
      *to = all[i];
      if (!same) to->encoding = LAM_ENCODE_DEFAULT;
      LAM_TRY(lam_arena_alloc(&f->arena, size, (void **)&text, error));
      snprintf(text, size, "%s%s", name, all[i].name + old);
      to->name = text;
    }
  }
  return LAM_OK;
}

/* Values keep their order when they are widened; columns that are gone end what the rows are sorted by. */
static enum lam_status keep_sorting(struct changed_file *f, struct lam_write_options *out, struct lam_error *error) {
  struct lam_sort_key *keys;
  int32_t count;
  LAM_TRY(lam_keep_sorting(f->file, &f->arena, &keys, &count, error));
  out->sorting = keys;
  for (; out->sorting_count < count; out->sorting_count++) {
    struct lam_sort_key *key = &keys[out->sorting_count];
    int64_t c = 0;
    while (c < f->schema.n_children &&
           (f->sources[c].column < 0 || strcmp(f->columns.schema.children[f->sources[c].column]->name, key->column)))
      c++;
    if (c == f->schema.n_children) break;
    key->column = f->schema.children[c]->name;
  }
  return LAM_OK;
}

static enum lam_status write_options(struct changed_file *f, struct lam_write_options *out, struct lam_error *error) {
  struct lam_keep keep = {.arena = &f->arena};
  *out = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  LAM_TRY(lam_keep_file(&keep, f->file, error));
  lam_keep_drop(&keep, "ARROW:schema"); /* which has the old one */
  LAM_TRY(keep_columns(f, &keep, error));
  LAM_TRY(lam_keep_change(&keep, f->edit->options, &f->schema, error));
  lam_keep_write(&keep, out);
  LAM_TRY(keep_sorting(f, out, error));
  uint32_t width = lam_tasks_width(f->edit->context);
  out->row_group_rows = 1;
  for (int32_t g = 0; g < lam_file_row_groups(f->file); g++)
    out->row_group_rows = lam_max_i64(out->row_group_rows, lam_file_meta(f->file)->row_groups[g].rows);
  out->row_group_bytes = (int64_t)lam_min_u64(INT64_MAX, lam_tasks_share(f->edit->context, width));
  out->no_sync = true; /* the commit syncs all staged files at once */
  return LAM_OK;
}

/* ---- row groups ---- */

/* Integers of at most 32 bits are all stored as INT32: a wider one has the same pages, bounds and hashes. */
static bool is_small_integer(const struct lam_schema_node *node) {
  struct lam_logical logical = lam_logical_of(node);
  return node->physical == LAM_INT32 && node->children == 0 &&
         (logical.kind == LAM_LOGICAL_INTEGER || logical.kind == LAM_LOGICAL_NONE);
}

static bool is_copied(const struct lam_file_meta *from, int32_t x, const struct lam_file_meta *to, int32_t y) {
  const struct lam_schema_node *a = &from->nodes[from->tops[x]], *b = &to->nodes[to->tops[y]];
  bool integers = is_small_integer(a) && is_small_integer(b) && a->repetition == b->repetition;
  return integers || lam_same_column(from, x, to, y);
}

static const struct lam_partition *partition_of(const struct changed_file *f) {
  const struct lam_snapshot *snapshot = &f->edit->table->snapshot;
  return &snapshot->partitions[snapshot->files[f->index].partition].values;
}

/* Columns that other files have and of which this one's path gives the value: it is written, as the path may not give
 * it to the column's new name or type. */
static enum lam_status find_filled(struct changed_file *f, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)f->schema.n_children, sizeof *f->filled, &memory, error));
  f->filled = memory;
  for (int64_t c = 0; c < f->schema.n_children; c++) {
    struct lam_scalar value;
    if (f->sources[c].column >= 0 || f->target->origins[c] < 0) continue;
    struct ArrowSchema field = *f->schema.children[c];
    field.name = f->edit->table->merge.schema.children[f->target->origins[c]]->name;
    LAM_TRY(lam_path_value(partition_of(f), &field, &value, error));
    if (!value.is_null) f->filled[c] = field;
  }
  return LAM_OK;
}

/* Where the leaves of the new file come from. */
static enum lam_status choose_leaves(struct changed_file *f, struct lam_error *error) {
  const struct lam_file_meta *from = lam_file_meta(f->file), *to = lam_writer_meta(f->rotation.writer);
  bool allowed = lam_raw_copy_allowed(from);
  void *memory;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)to->leaf_count, sizeof *f->leaves, &memory, error));
  f->leaves = memory;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)f->schema.n_children, sizeof *f->decoded, &memory, error));
  f->decoded = memory;
  for (int64_t c = 0; c < f->schema.n_children; c++) {
    const struct lam_schema_node *top = &to->nodes[to->tops[c]];
    int32_t column = f->sources[c].column, source = column < 0 ? 0 : f->columns.columns[column];
    bool copied = column >= 0 && allowed && is_copied(from, source, to, (int32_t)c);
    f->copies |= copied;
    f->decoded[c] = column >= 0 ? !copied : f->filled[c].format != NULL;
    f->decodes |= f->decoded[c];
    for (int32_t i = 0; i < top->leaves; i++)
      f->leaves[top->leaf + i] = copied          ? from->nodes[from->tops[source]].leaf + i
                                 : f->decoded[c] ? LAM_MIX_WRITTEN
                                                 : LAM_MIX_NULL;
  }
  return LAM_OK;
}

/* A reader of one row group after the other: of the columns that are decoded, or of all of them. */
static enum lam_status open_reader(struct changed_file *f, bool all, struct lam_reader **out, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  void *memory;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)f->schema.n_children + 1, sizeof(int32_t), &memory, error));
  int32_t *wanted = memory;
  for (int64_t c = 0; c < f->schema.n_children; c++)
    if (f->sources[c].column >= 0 && (all || f->decoded[c]))
      wanted[options.column_count++] = f->columns.columns[f->sources[c].column];
  options.columns = wanted;
  options.row_groups = &(int32_t){0};
  options.row_group_count = 1;
  options.dictionaries = !all;
  return lam_reader_open_in(f->file, &options, f->mem, out, error);
}

static enum lam_status fill_from_path(struct changed_file *f, bool all, struct ArrowArray *batch,
                                      struct lam_error *error) {
  for (int64_t c = 0; c < f->schema.n_children; c++) {
    struct ArrowArray filled;
    if (!f->filled[c].format || !(all || f->decoded[c])) continue;
    LAM_TRY(lam_path_array(f->mem, partition_of(f), &f->filled[c], batch->length, &filled, error));
    if (!filled.release) continue;
    lam_array_release(batch->children[c]);
    *batch->children[c] = filled;
  }
  return LAM_OK;
}

typedef enum lam_status (*batch_fn)(struct changed_file *f, const struct ArrowArray *batch, struct lam_error *error);

static enum lam_status each_batch(struct changed_file *f, struct lam_reader *reader, int32_t g, bool all, batch_fn each,
                                  struct lam_error *error) {
  lam_reader_select(reader, g);
  for (;;) {
    struct ArrowArray batch, whole;
    LAM_TRY(lam_reader_next(reader, &batch, error));
    if (!batch.release) return LAM_OK;
    LAM_TRY(lam_merge_columns(f->mem, &f->schema, &f->columns.schema, f->sources, all ? NULL : f->decoded, &batch,
                              &whole, error));
    enum lam_status status = fill_from_path(f, all, &whole, error);
    if (status == LAM_OK) status = each(f, &whole, error);
    lam_array_release(&whole);
    LAM_TRY(status);
    LAM_TRY(lam_edit_renew(f->edit, error));
  }
}

static enum lam_status write_batch(struct changed_file *f, const struct ArrowArray *batch, struct lam_error *error) {
  return lam_writer_write(f->rotation.writer, batch, error);
}

static enum lam_status hash_batch(struct changed_file *f, const struct ArrowArray *batch, struct lam_error *error) {
  return lam_content_hash_add(&f->before, &f->schema, batch, error);
}

static void count_group(struct changed_file *f, int32_t g) {
  const struct lam_file_meta *meta = lam_file_meta(f->file);
  for (int64_t c = 0; c < f->schema.n_children; c++) {
    if (f->sources[c].column < 0) continue;
    const struct lam_schema_node *top = &meta->nodes[meta->tops[f->columns.columns[f->sources[c].column]]];
    for (int32_t i = 0; i < top->leaves; i++)
      f->counts.bytes_read += (uint64_t)meta->row_groups[g].chunks[top->leaf + i].compressed_size;
  }
  *(f->decodes ? &f->counts.row_groups_encoded : &f->counts.row_groups_copied) += 1;
  lam_progress_add(f->edit->context, (uint64_t)meta->row_groups[g].rows, 0);
}

/* Where nothing is copied the row group is written as any other, and may be split where memory is short. */
static enum lam_status take_group(struct changed_file *f, int32_t g, struct lam_error *error) {
  struct lam_writer *writer = f->rotation.writer;
  bool mixes = f->copies || !f->decodes;
  if (lam_file_meta(f->file)->row_groups[g].rows == 0) return LAM_OK;
  count_group(f, g);
  if (mixes) LAM_TRY(lam_writer_mix_row_group(writer, f->file, g, f->leaves, error));
  if (f->decodes) LAM_TRY(each_batch(f, f->reader, g, !mixes, write_batch, error));
  LAM_TRY(lam_writer_end_row_group(writer, error));
  return lam_edit_renew(f->edit, error);
}

/* ---- files ---- */

/* The hash of what the file holds, read by a way of its own: plain values, no dictionaries, no copies. */
static enum lam_status hash_file(struct changed_file *f, struct lam_error *error) {
  struct lam_reader *reader;
  LAM_TRY(open_reader(f, true, &reader, error));
  enum lam_status status = LAM_OK;
  for (int32_t g = 0; status == LAM_OK && g < lam_file_row_groups(f->file); g++)
    status = each_batch(f, reader, g, true, hash_batch, error);
  lam_reader_close(reader);
  return status;
}

static enum lam_status check(struct changed_file *f, struct lam_error *error) {
  uint64_t rows = f->rotation.files[0].rows;
  if (rows != (uint64_t)lam_file_rows(f->file))
    return lam_fail(error, LAM_CORRUPT, "%s: of %lld rows %llu were written", lam_file_name(f->file),
                    (long long)lam_file_rows(f->file), (unsigned long long)rows);
  if (!f->rotation.options.hash) return LAM_OK;
  LAM_TRY(hash_file(f, error));
  return lam_content_hash_compare(&f->before, &f->after, &f->schema, lam_file_name(f->file), error);
}

static enum lam_status fill(struct changed_file *f, struct lam_change *change, struct lam_error *error) {
  LAM_TRY(lam_rotation_open(&f->rotation, error));
  LAM_TRY(find_filled(f, error));
  LAM_TRY(choose_leaves(f, error));
  if (f->decodes) LAM_TRY(open_reader(f, !f->copies, &f->reader, error));
  for (int32_t g = 0; g < lam_file_row_groups(f->file); g++) LAM_TRY(take_group(f, g, error));
  LAM_TRY(lam_rotation_finish(&f->rotation, true, error));
  LAM_TRY(check(f, error));
  f->counts.bytes_written += f->rotation.files[0].bytes;
  f->counts.files_rewritten++;
  return lam_rotation_add_to(&f->rotation, change, error);
}

static enum lam_status write_file(struct changed_file *f, struct lam_change *change, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &f->edit->table->snapshot;
  const struct lam_data_file *data = &snapshot->files[f->index];
  struct lam_rotation_options options = {
      .stage = f->edit->stage,
      .store = f->edit->store,
      .directory = snapshot->partitions[data->partition].directory,
      .schema = &f->schema,
      .target_size = UINT64_MAX / 4, /* it stays one file */
  };
  char *stem;
  LAM_TRY(lam_change_remove(change, data, error)); /* first: what may not be changed is refused before the work */
  lam_edit_affect(f->edit, data->partition);
  f->counts.files_read++;
  LAM_TRY(make_schema(f, error));
  LAM_TRY(lam_keep_stem(snapshot, f->index, 1, &f->arena, &stem, error));
  options.stem = stem;
  LAM_TRY(write_options(f, &options.write, error));
  if (f->edit->options->verify_full && f->edit->stage) {
    LAM_TRY(lam_content_hash_init(&f->before, f->mem, f->schema.n_children, error));
    LAM_TRY(lam_content_hash_init(&f->after, f->mem, f->schema.n_children, error));
    options.hash = &f->after;
  }
  lam_rotation_init(&f->rotation, &options, f->mem);
  enum lam_status status = fill(f, change, error);
  lam_rotation_release(&f->rotation);
  return status;
}

static enum lam_status change_open_file(struct changed_file *f, struct lam_error *error) {
  struct lam_change change;
  LAM_TRY(lam_file_columns_all(f->file, &f->arena, &f->columns, error));
  if (lam_merge_same(&f->target->schema, &f->columns.schema)) return LAM_OK;
  LAM_TRY(map_columns(f, error));
  lam_change_init(&change, f->mem);
  enum lam_status status = write_file(f, &change, error);
  if (status == LAM_OK) status = lam_edit_take(f->edit, &change, &f->counts, error);
  lam_change_release(&change);
  return status;
}

static enum lam_status change_file(void *user, size_t index, struct lam_error *error) {
  struct changing *changing = user;
  struct changed_file f = {
      .edit = changing->edit, .target = &changing->target, .index = index, .mem = changing->edit->mem};
  LAM_TRY(lam_edit_open(f.edit, index, &f.file, error));
  lam_arena_init(&f.arena, f.mem);
  enum lam_status status = change_open_file(&f, error);
  lam_content_hash_release(&f.before);
  lam_content_hash_release(&f.after);
  lam_reader_close(f.reader);
  lam_schema_release(&f.schema);
  lam_schema_release(&f.columns.schema);
  lam_arena_release(&f.arena);
  lam_file_close(f.file);
  return status;
}

/* ---- the table ---- */

/* The scope is the whole table: a file that another writer adds meanwhile would lack the change. */
static enum lam_status run_schema_change(void *user, struct lam_edit *edit, struct lam_error *error) {
  const struct lam_schema_change_options *options = user;
  struct changing changing = {.edit = edit};
  struct lam_arena arena;
  lam_arena_init(&arena, edit->mem);
  enum lam_status status =
      lam_schema_target_make(edit->table, options->steps, options->step_count, &arena, &changing.target, error);
  if (status == LAM_OK) status = lam_edit_each_file(edit, change_file, &changing, error);
  if (status == LAM_OK) status = lam_change_scope(&edit->change, "", error);
  lam_schema_release(&changing.target.schema);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status read_options(const struct lam_schema_change_options *given,
                                    struct lam_schema_change_options *out, struct lam_error *error) {
  *out = (struct lam_schema_change_options)LAM_SCHEMA_CHANGE_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_SCHEMA_CHANGE_OPTIONS_INIT", out, sizeof *out, error));
  if (out->step_count < 1) return lam_fail(error, LAM_INVALID, "there is no change of the schema to be made");
  if (out->change.partition_count)
    return lam_fail(error, LAM_INVALID, "a schema is that of the whole table, not of some partitions");
  if (out->change.mode == LAM_MODE_APPEND)
    return lam_fail(error, LAM_UNSUPPORTED, "a change of the schema rewrites files; it cannot append to them");
  return LAM_OK;
}

enum lam_status lam_schema_change_directory(struct lam_directory *directory,
                                            const struct lam_schema_change_options *given,
                                            struct lam_edit_result *result, struct lam_error *error) {
  struct lam_schema_change_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run(directory, &options.change, "schema", run_schema_change, &options, result, error);
}

enum lam_status lam_schema_change(struct lam_context *context, const char *path,
                                  const struct lam_schema_change_options *given, struct lam_edit_result *result,
                                  struct lam_error *error) {
  struct lam_schema_change_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run_at(context, path, &options.change, "schema", 0, run_schema_change, &options, result, error);
}
