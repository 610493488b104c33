#include "ops/key_scan.h"

#include "expr/tree.h"
#include "ops/key_hash.h"
#include "ops/sort_key.h"
#include "parquet/reader.h"
#include "table/path_value.h"
#include "table/where.h"

/* ---- columns ---- */

enum lam_status lam_position_fields(struct ArrowSchema *schema, int64_t at, struct lam_error *error) {
  struct lam_type wide = lam_type_simple(LAM_TYPE_INT64), narrow = lam_type_simple(LAM_TYPE_INT32);
  LAM_TRY(lam_schema_init(&wide, LAM_POSITION_FILE, false, schema->children[at], error));
  LAM_TRY(lam_schema_init(&narrow, LAM_POSITION_GROUP, false, schema->children[at + 1], error));
  return lam_schema_init(&wide, LAM_POSITION_ROW, false, schema->children[at + 2], error);
}

enum lam_status lam_position_arrays(struct lam_mem *mem, int64_t count, struct ArrowArray *const *out,
                                    struct lam_position_values *values, struct lam_error *error) {
  void *files, *groups, *rows;
  LAM_TRY(lam_array_init_fixed(mem, sizeof *values->files, count, &files, out[0], error));
  LAM_TRY(lam_array_init_fixed(mem, sizeof *values->row_groups, count, &groups, out[1], error));
  LAM_TRY(lam_array_init_fixed(mem, sizeof *values->rows, count, &rows, out[2], error));
  *values = (struct lam_position_values){files, groups, rows};
  return LAM_OK;
}

enum lam_status lam_key_scan_columns(const struct lam_table *table, const char *const *names, int32_t count,
                                     struct lam_arena *arena, int32_t **out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof **out, &memory, error));
  *out = memory;
  for (int32_t k = 0; k < count; k++) {
    struct lam_sort_key key = {.column = names[k]};
    struct lam_key_column found;
    LAM_TRY(lam_fail_in(error, lam_key_columns(&table->merge.schema, &key, 1, &found, error), "the key"));
    (*out)[k] = found.column;
    for (int32_t i = 0; i < k; i++)
      if ((*out)[i] == found.column) return lam_fail(error, LAM_INVALID, "the key has \"%s\" twice", names[k]);
  }
  return LAM_OK;
}

/* A condition that has every key column, so that lam_prune_facts knows them. */
static enum lam_status make_nodes(struct lam_key_scan *scan, struct lam_error *error) {
  const struct ArrowSchema *schema = &scan->edit->table->merge.schema;
  struct lam_expr *all;
  void *memory;
  LAM_TRY(lam_arena_array(&scan->arena, (size_t)scan->count, sizeof *scan->nodes, &memory, error));
  scan->nodes = memory;
  LAM_TRY(lam_expr_new(&scan->arena, LAM_EXPR_AND, 0, 0, scan->count, &all, error));
  for (int32_t k = 0; k < scan->count; k++) {
    const struct ArrowSchema *field = schema->children[scan->columns[k]];
    struct lam_expr *node;
    struct lam_bytes *name;
    int32_t *path;
    LAM_TRY(lam_expr_new(&scan->arena, LAM_EXPR_COLUMN, 0, 0, 0, &node, error));
    LAM_TRY(lam_type_parse(field, &node->type, error));
    LAM_TRY(lam_arena_array(&scan->arena, 1, sizeof *name, (void **)&name, error));
    LAM_TRY(lam_arena_array(&scan->arena, 1, sizeof *path, (void **)&path, error));
    *name = lam_bytes_of_string(field->name);
    *path = scan->columns[k];
    node->names = name;
    node->path = path;
    node->depth = 1;
    scan->nodes[k] = node;
    LAM_TRY(lam_expr_of_one(&scan->arena, LAM_EXPR_IS_NULL, 0, 0, node, &all->arguments[k], error));
  }
  scan->all = all;
  return LAM_OK;
}

enum lam_status lam_key_scan_init(struct lam_key_scan *scan, struct lam_edit *edit, const int32_t *columns,
                                  int32_t count, const struct lam_key_set *wanted, struct lam_error *error) {
  *scan = (struct lam_key_scan){.edit = edit, .columns = columns, .count = count, .wanted = wanted};
  lam_arena_init(&scan->arena, edit->mem);
  LAM_TRY(make_nodes(scan, error));
  LAM_TRY(lam_schema_init_struct("", count + LAM_POSITION_COLUMNS, &scan->schema, error));
  for (int32_t k = 0; k < count; k++)
    LAM_TRY(lam_schema_copy(edit->table->merge.schema.children[columns[k]], scan->schema.children[k], error));
  return lam_position_fields(&scan->schema, count, error);
}

void lam_key_scan_release(struct lam_key_scan *scan) {
  lam_schema_release(&scan->schema);
  lam_arena_release(&scan->arena);
}

/* ---- partitions ---- */

/* What a partition's path says of a column: nothing where its text is not just how the value is written. */
static enum lam_status path_facts(const struct lam_partition *partition, const struct ArrowSchema *field,
                                  struct lam_mem *mem, struct lam_facts_column *out, struct lam_error *error) {
  const char *text;
  struct lam_buf written;
  bool literal;
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  if (!lam_partition_find(partition, field->name, &text)) return LAM_OK;
  LAM_TRY(lam_path_value(partition, field, &out->min, error));
  if (!text) out->nulls = 1;
  if (out->min.is_null) return LAM_OK;
  lam_buf_init(&written, mem);
  enum lam_status status = lam_scalar_text(&out->min, &written, &literal, error);
  bool same = lam_bytes_equal(lam_bytes_of(written.data, written.size), lam_bytes_of_string(text));
  lam_buf_release(&written);
  out->max = out->min;
  out->has_min = out->has_max = same;
  out->may_be_nan = !same;
  return status;
}

enum lam_status lam_key_scan_may_match(const struct lam_key_scan *scan, uint32_t partition, bool *may,
                                       struct lam_error *error) {
  const struct lam_table *table = scan->edit->table;
  struct lam_facts_column *facts;
  struct lam_arena arena;
  const struct lam_expr *condition;
  enum lam_key_verdict verdict;
  *may = true;
  if (!scan->wanted) return LAM_OK;
  lam_arena_init(&arena, scan->edit->mem);
  enum lam_status status = lam_arena_array(&arena, (size_t)scan->count, sizeof *facts, (void **)&facts, error);
  for (int32_t k = 0; status == LAM_OK && k < scan->count; k++) {
    status = path_facts(&table->snapshot.partitions[partition].values, table->merge.schema.children[scan->columns[k]],
                        scan->edit->mem, &facts[k], error);
    if (status == LAM_OK && facts[k].nulls == 1) *may = false;
  }
  if (status == LAM_OK && *may) {
    status = lam_key_set_ask(scan->wanted, facts, scan->nodes, &arena, &verdict, &condition, error);
    *may = verdict != LAM_KEYS_NONE;
  }
  lam_arena_release(&arena);
  return status;
}

/* ---- one file ---- */

struct key_file {
  const struct lam_key_scan *scan;
  struct lam_mem *mem;
  size_t index;
  struct lam_file *file;
  const struct lam_partition *partition;
  struct lam_arena arena, group_arena;
  struct lam_file_columns columns;
  struct lam_filter filter;         /* where the merged schema's columns are */
  struct lam_prune *prune;          /* of scan->all */
  struct lam_merge_source *sources; /* of the key columns */
  struct lam_reader *reader;        /* NULL: the file has none of them */
  struct lam_ranges rows;           /* of the row group, that are read */
  struct lam_buf numbers, hashes, nulls;
  lam_key_rows_fn each;
  void *user;
  struct lam_edit_result *counts;
};

static enum lam_status open_reader(struct key_file *f, struct lam_error *error) {
  int32_t *tops, count = 0, group = 0;
  LAM_TRY(lam_arena_array(&f->arena, (size_t)f->scan->count, sizeof *tops, (void **)&tops, error));
  for (int32_t k = 0; k < f->scan->count; k++)
    if (f->sources[k].column >= 0) tops[count++] = f->columns.columns[f->sources[k].column];
  if (count == 0 || lam_file_row_groups(f->file) == 0) return LAM_OK;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  options.columns = tops;
  options.column_count = count;
  options.row_groups = &group;
  options.row_group_count = 1;
  struct lam_reader_mode mode = {.one_thread = true};
  return lam_reader_open_as(f->file, &options, &mode, f->mem, &f->reader, error);
}

static enum lam_status open_file(struct key_file *f, struct lam_error *error) {
  struct lam_edit *edit = f->scan->edit;
  const struct lam_table *table = edit->table;
  size_t count = (size_t)f->scan->count;
  void *memory;
  f->partition = &table->snapshot.partitions[table->snapshot.files[f->index].partition].values;
  LAM_TRY(lam_edit_open(edit, f->index, &f->file, error));
  LAM_TRY(lam_file_columns_of(f->file, &f->arena, &f->columns, error));
  LAM_TRY(lam_where_of_file(table, f->scan->all, &f->columns, f->partition, &f->arena, &f->filter, error));
  LAM_TRY(lam_arena_array(&f->arena, (size_t)table->merge.schema.n_children, sizeof *f->sources, &memory, error));
  struct lam_merge_source *all = memory;
  lam_merge_map(&table->merge.schema, &f->columns.schema, all);
  LAM_TRY(lam_arena_array(&f->arena, count, sizeof *f->sources, &memory, error));
  f->sources = memory;
  for (size_t k = 0; k < count; k++) f->sources[k] = all[f->scan->columns[k]];
  LAM_TRY(lam_prune_open(f->file, f->scan->all, &table->merge.schema, f->filter.sources, f->filter.constants, f->mem,
                         &f->prune, error));
  return open_reader(f, error);
}

static void close_file(struct key_file *f) {
  lam_prune_close(f->prune);
  lam_reader_close(f->reader);
  lam_file_close(f->file);
  lam_schema_release(&f->columns.schema);
  lam_ranges_release(&f->rows);
  lam_buf_release(&f->numbers);
  lam_buf_release(&f->hashes);
  lam_buf_release(&f->nulls);
  lam_arena_release(&f->group_arena);
  lam_arena_release(&f->arena);
}

/* What bloom filters, dictionaries and page indexes leave of a row group. */
static enum lam_status prune_rows(struct key_file *f, int32_t group, const struct lam_expr *condition,
                                  struct lam_error *error) {
  struct lam_prune *prune;
  unsigned outcomes;
  bool all;
  LAM_TRY(lam_prune_open(f->file, condition, &f->scan->edit->table->merge.schema, f->filter.sources,
                         f->filter.constants, f->mem, &prune, error));
  enum lam_status status = lam_prune_group(prune, group, &outcomes, error);
  if (status == LAM_OK && outcomes & LAM_MAY_BE_TRUE) status = lam_prune_rows(prune, group, &f->rows, &all, error);
  lam_prune_close(prune);
  return status;
}

/* Fills f->rows with those that may have a wanted key. */
static enum lam_status choose_rows(struct key_file *f, int32_t group, struct lam_error *error) {
  const struct lam_key_scan *scan = f->scan;
  int64_t rows = lam_file_meta(f->file)->row_groups[group].rows;
  struct lam_facts_column *facts;
  const struct lam_expr *condition;
  enum lam_key_verdict verdict;
  lam_ranges_clear(&f->rows);
  if (rows == 0) return LAM_OK;
  if (!scan->wanted) return lam_ranges_add(&f->rows, 0, rows, error);
  lam_arena_release(&f->group_arena);
  lam_arena_init(&f->group_arena, f->mem);
  LAM_TRY(lam_arena_array(&f->group_arena, (size_t)scan->count, sizeof *facts, (void **)&facts, error));
  for (int32_t k = 0; k < scan->count; k++) {
    LAM_TRY(lam_prune_facts(f->prune, group, scan->nodes[k], &facts[k], error));
    if (facts[k].nulls == rows) return LAM_OK;
  }
  LAM_TRY(lam_key_set_ask(scan->wanted, facts, scan->nodes, &f->group_arena, &verdict, &condition, error));
  if (verdict == LAM_KEYS_MANY) return lam_ranges_add(&f->rows, 0, rows, error);
  return verdict == LAM_KEYS_SOME ? prune_rows(f, group, condition, error) : LAM_OK;
}

/* Brings a batch of the file's columns to the table's, those of the path filled in. */
static enum lam_status whole_keys(struct key_file *f, struct ArrowArray *batch, struct ArrowArray *out,
                                  struct lam_error *error) {
  struct ArrowSchema keys = f->scan->schema; /* without the position */
  keys.n_children = f->scan->count;
  LAM_TRY(lam_merge_batch(f->mem, &keys, &f->columns.schema, f->sources, batch, out, error));
  return lam_path_fill(f->mem, f->partition, &keys, f->sources, NULL, out, error);
}

/* The numbers of the next rows of the ranges, which lose them. */
static void number_rows(struct lam_range **range, int64_t taken, int64_t *out) {
  while (taken) {
    if ((*range)->first == (*range)->end) ++*range;
    for (; taken && (*range)->first < (*range)->end; taken--) *out++ = (*range)->first++;
  }
}

static enum lam_status give_batch(struct key_file *f, int32_t group, const struct ArrowArray *keys,
                                  struct lam_error *error) {
  size_t rows = (size_t)keys->length;
  struct ArrowSchema schema = f->scan->schema;
  int32_t *columns;
  schema.n_children = f->scan->count;
  f->hashes.size = f->nulls.size = 0;
  LAM_TRY(lam_buf_reserve(&f->hashes, rows * sizeof(uint64_t) + (size_t)f->scan->count * sizeof *columns, error));
  LAM_TRY(lam_buf_reserve(&f->nulls, rows, error));
  uint64_t *hashes = (uint64_t *)(void *)f->hashes.data;
  columns = (int32_t *)(void *)(hashes + rows);
  for (int32_t k = 0; k < f->scan->count; k++) columns[k] = k;
  LAM_TRY(lam_keys_hash(&schema, keys, columns, f->scan->count, hashes, f->nulls.data, error));
  struct lam_key_rows given = {f->index, group,        keys, (const int64_t *)(const void *)f->numbers.data,
                               hashes,   f->nulls.data};
  return f->each(f->user, &given, error);
}

/* The next of the rows chosen. */
static enum lam_status next_batch(struct key_file *f, const struct lam_range *range, size_t count, int64_t *taken,
                                  struct ArrowArray *out, struct lam_error *error) {
  enum { BATCH_ROWS = 65536 };
  if (f->reader) return lam_reader_read(f->reader, range, count, taken, out, error);
  *taken = lam_min_i64(BATCH_ROWS, range->end - range->first);
  return lam_array_init_struct(*taken, 0, out, error);
}

/* The rows of the row group that were chosen, batch by batch. */
static enum lam_status read_rows(struct key_file *f, int32_t group, struct lam_error *error) {
  struct lam_range *range = (struct lam_range *)(void *)f->rows.items.data;
  const struct lam_range *end = range + lam_ranges_count(&f->rows);
  if (f->reader) LAM_TRY(lam_reader_begin(f->reader, group, error));
  for (;;) {
    struct ArrowArray batch, keys;
    int64_t taken;
    if (range < end && range->first == range->end) range++;
    if (range == end) return LAM_OK;
    LAM_TRY(lam_edit_renew(f->scan->edit, error));
    LAM_TRY(next_batch(f, range, (size_t)(end - range), &taken, &batch, error));
    if (!batch.release) return LAM_OK;
    enum lam_status status = lam_buf_reserve(&f->numbers, (size_t)taken * sizeof(int64_t), error);
    if (status != LAM_OK) {
      lam_array_release(&batch);
      return status;
    }
    number_rows(&range, taken, (int64_t *)(void *)f->numbers.data);
    LAM_TRY(whole_keys(f, &batch, &keys, error));
    status = give_batch(f, group, &keys, error);
    lam_array_release(&keys);
    LAM_TRY(status);
  }
}

static uint64_t key_bytes(const struct key_file *f, int32_t group) {
  const struct lam_file_meta *meta = lam_file_meta(f->file);
  uint64_t bytes = 0;
  for (int32_t k = 0; k < f->scan->count; k++) {
    if (f->sources[k].column < 0) continue;
    int32_t leaf = meta->nodes[lam_top_node(meta, f->columns.columns[f->sources[k].column])].leaf;
    bytes += (uint64_t)meta->row_groups[group].chunks[leaf].compressed_size;
  }
  return bytes;
}

static enum lam_status scan_groups(struct key_file *f, struct lam_error *error) {
  bool read = false;
  LAM_TRY(open_file(f, error));
  for (int32_t group = 0; group < lam_file_row_groups(f->file); group++) {
    LAM_TRY(choose_rows(f, group, error));
    if (lam_ranges_count(&f->rows) == 0) continue;
    LAM_TRY(read_rows(f, group, error));
    f->counts->bytes_read += key_bytes(f, group);
    read = true;
  }
  f->counts->files_read += read;
  return LAM_OK;
}

enum lam_status lam_key_scan_file(const struct lam_key_scan *scan, size_t file, lam_key_rows_fn each, void *user,
                                  struct lam_edit_result *counts, struct lam_error *error) {
  struct lam_mem *mem = scan->edit->mem;
  struct key_file f = {.scan = scan, .mem = mem, .index = file, .each = each, .user = user, .counts = counts};
  lam_arena_init(&f.arena, mem);
  lam_arena_init(&f.group_arena, mem);
  lam_ranges_init(&f.rows, mem);
  lam_buf_init(&f.numbers, mem);
  lam_buf_init(&f.hashes, mem);
  lam_buf_init(&f.nulls, mem);
  enum lam_status status = scan_groups(&f, error);
  close_file(&f);
  return status;
}

/* The columns of the places of the rows chosen. */
static enum lam_status make_places(const struct lam_key_scan *scan, const struct lam_key_rows *rows,
                                   const struct lam_row *chosen, int64_t count, struct ArrowArray **out,
                                   struct lam_error *error) {
  struct lam_position_values places;
  LAM_TRY(lam_position_arrays(scan->edit->mem, count, out, &places, error));
  for (int64_t i = 0; i < count; i++) {
    places.files[i] = (int64_t)rows->file;
    places.row_groups[i] = rows->row_group;
    places.rows[i] = rows->rows[chosen[i].row];
  }
  return LAM_OK;
}

enum lam_status lam_key_rows_take(const struct lam_key_scan *scan, const struct lam_key_rows *rows,
                                  const struct lam_row *chosen, int64_t count, struct ArrowArray *out,
                                  struct lam_error *error) {
  struct ArrowSchema schema = scan->schema;
  struct ArrowArray keys;
  int64_t taken;
  schema.n_children = scan->count;
  LAM_TRY(lam_take(scan->edit->mem, &schema, rows->keys, 1, chosen, count, UINT64_MAX, &taken, &keys, error));
  enum lam_status status = lam_array_init_struct(count, scan->count + LAM_POSITION_COLUMNS, out, error);
  if (status == LAM_OK) {
    for (int32_t k = 0; k < scan->count; k++) {
      *out->children[k] = *keys.children[k];
      keys.children[k]->release = NULL;
    }
    status = make_places(scan, rows, chosen, count, out->children + scan->count, error);
    if (status != LAM_OK) lam_array_release(out);
  }
  lam_array_release(&keys);
  return status;
}
