/* Verify: every page header and checksum, every value, the statistics against the values, and the
 * partition columns against the path. Faults are handed on one by one and the work goes on behind them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/value_text.h"
#include "base/context.h"
#include "base/options.h"
#include "ops/verify_sizes.h"
#include "parquet/statistics.h"
#include "parquet/store_value.h"
#include "table/sidecars.h"
#include "table/table.h"

enum {
  VERIFY_MEMORY = 48 << 20,
  STRINGS = 256, /* values looked at together */
};

struct verify_run {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  const struct lam_verify_options *options;
  lam_fault_fn each;
  void *user;
  struct lam_verify_result *result;
  bool stopped;
};

/* One leaf of one row group under verification. */
struct chunk_run {
  struct verify_run *run;
  struct lam_file *file;
  const struct lam_data_file *entry;
  int32_t row_group, leaf;
  bool nested;                      /* below groups, or repeated */
  const struct ArrowSchema *schema; /* the leaf's */
  struct lam_type type;
};

static void fault(struct verify_run *run, const char *file, const char *message) {
  struct lam_fault f = {.struct_size = sizeof f, .file = file, .message = message};
  run->result->faults++;
  if (run->each && !run->each(run->user, &f)) run->stopped = true;
}

/* True for failures that say something about the file, and so are faults; the rest ends the verification. */
static bool is_fault(enum lam_status status) {
  return status == LAM_CORRUPT || status == LAM_INVALID || status == LAM_UNSUPPORTED || status == LAM_LIMIT;
}

/* The names from the column down to the leaf; the last of them where there is not room for all. */
static const char *path_of(const struct chunk_run *c, char *out, size_t room) {
  const struct lam_file_meta *meta = lam_file_meta(c->file);
  size_t at = room - 1;
  out[at] = 0;
  for (int32_t node = meta->leaves[c->leaf]; node > 0; node = meta->nodes[node].parent) {
    struct lam_bytes name = meta->nodes[node].name;
    bool last = out[at] == 0;
    if (name.size + !last > at) {
      if (last) return c->schema->name;
      break;
    }
    if (!last) out[--at] = '.';
    at -= name.size;
    lam_copy(out + at, name.data, name.size);
  }
  return out + at;
}

static void chunk_fault(const struct chunk_run *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void chunk_fault(const struct chunk_run *c, const char *format, ...) {
  char text[512], name[160], message[768];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(message, sizeof message, "row group %d, column \"%s\": %s", c->row_group, path_of(c, name, sizeof name),
           text);
  fault(c->run, c->entry->key, message);
}

/* ---- statistics against values ---- */

struct check {
  struct chunk_run chunk;
  const struct lam_schema_node *node;
  struct lam_storing storing;
  bool stores;              /* values have a physical form */
  bool compares;            /* bounds can be compared with the values */
  struct lam_bounds bounds; /* begun with the bounds of the file: they must not move */
  struct lam_buf physical;
  int64_t rows, nulls; /* values, of nested leaves */
  struct lam_statistics before;
  struct lam_index_check index;
  struct lam_size_check sizes;
};

static enum lam_status add_value(struct check *check, struct lam_bytes value, struct lam_error *error) {
  if (check->node->physical == LAM_BYTE_ARRAY) return lam_bounds_add_bytes(&check->bounds, &value, 1, error);
  return lam_bounds_add(&check->bounds, value.data, 1, error);
}

/* Wide enough to be a value of the leaf: a shorter one would be read beyond its end. */
static bool bound_fits(const struct lam_schema_node *node, struct lam_bytes bound) {
  static const size_t widths[] = {1, 4, 8, 12, 4, 8, 0, 0};
  if (!bound.data) return false;
  if (node->physical == LAM_BYTE_ARRAY) return true;
  return bound.size ==
         (node->physical == LAM_FIXED_LEN_BYTE_ARRAY ? (size_t)node->type_length : widths[node->physical]);
}

static enum lam_status begin_check(struct check *check, struct lam_error *error) {
  struct chunk_run *c = &check->chunk;
  const struct lam_file_meta *meta = lam_file_meta(c->file);
  const struct lam_statistics statistics = lam_chunk_statistics(&meta->row_groups[c->row_group].chunks[c->leaf]);
  check->node = &meta->nodes[meta->leaves[c->leaf]];
  lam_buf_init(&check->physical, c->run->mem);
  lam_bounds_init(&check->bounds, c->run->mem, check->node);
  check->stores =
      lam_storing_of(&c->type, check->node, &check->storing, NULL) == LAM_OK && check->storing.rule != LAM_STORE_NULL;
  check->compares = check->stores && lam_statistics_trusted(meta, c->leaf, false) &&
                    bound_fits(check->node, statistics.min) && bound_fits(check->node, statistics.max) &&
                    !lam_bound_is_nan(check->bounds.compare, statistics.min) &&
                    !lam_bound_is_nan(check->bounds.compare, statistics.max);
  if (!check->compares) return LAM_OK;
  LAM_TRY(add_value(check, statistics.min, error));
  return add_value(check, statistics.max, error);
}

/* Rows [from, from + count) of the view; *nulls counts those that are NULL. */
static enum lam_status take_bytes(struct check *check, const struct lam_view *view, int64_t from, int64_t count,
                                  int64_t *nulls, struct lam_error *error) {
  struct lam_bytes values[STRINGS];
  for (int64_t row = from, end = from + count; row < end;) {
    size_t used = 0;
    for (; row < end && used < STRINGS; row++) {
      values[used] = lam_view_bytes(view, row);
      used += lam_view_valid(view, row);
      *nulls += !lam_view_valid(view, row);
    }
    if (check->compares) LAM_TRY(lam_bounds_add_bytes(&check->bounds, values, used, error));
    LAM_TRY(lam_index_check_bytes(&check->index, values, used, error));
  }
  return LAM_OK;
}

static enum lam_status take_fixed(struct check *check, const struct lam_view *view, int64_t first, int64_t rows,
                                  int64_t *nulls, struct lam_error *error) {
  size_t from = check->storing.from_width, to = check->storing.to_width;
  if (check->storing.rule == LAM_STORE_BITS) from = to = 1;
  LAM_TRY(lam_buf_reset(&check->physical, (size_t)rows * to, error));
  const uint8_t *data = view->data;
  uint8_t *out = check->physical.data;
  size_t count = 0;
  for (int64_t row = first; row < first + rows; row++) {
    if (!lam_view_valid(view, row)) continue;
    if (check->storing.rule == LAM_STORE_BITS)
      out[count] = lam_bit_get(data, view->offset + row);
    else if (check->storing.rule == LAM_STORE_SAME)
      memcpy(out + count * to, data + (size_t)(view->offset + row) * from, to);
    else
      LAM_TRY(
          lam_store_values(&check->storing, data + (size_t)(view->offset + row) * from, 1, out + count * to, error));
    count++;
  }
  *nulls += rows - (int64_t)count;
  if (check->compares) LAM_TRY(lam_bounds_add(&check->bounds, out, count, error));
  return lam_index_check_fixed(&check->index, out, to, count, error);
}

/* The values of `rows` rows, page by page. ends[i]: the value behind the last of row i; NULL: rows are values. */
static enum lam_status take_values(struct check *check, const struct lam_view *view, const int64_t *ends, int64_t rows,
                                   struct lam_error *error) {
  int64_t at = 0;
  for (int64_t row = 0, some; row < rows; row += some) {
    some = lam_index_check_rows(&check->index, rows - row);
    int64_t end = ends ? ends[row + some - 1] : row + some, nulls = 0;
    if (view->type.id == LAM_TYPE_NULL)
      nulls = end - at;
    else if (!check->stores) /* decimals in BYTE_ARRAY: their bytes are not made again, so bounds are not compared */
      for (int64_t i = at; i < end; i++) nulls += !lam_view_valid(view, i);
    else
      LAM_TRY(check->storing.rule == LAM_STORE_BYTES ? take_bytes(check, view, at, end - at, &nulls, error)
                                                     : take_fixed(check, view, at, end - at, &nulls, error));
    LAM_TRY(lam_index_check_pass(&check->index, some, nulls, error));
    at = end;
  }
  return LAM_OK;
}

static enum lam_status check_text(struct check *check, const struct lam_view *view) {
  for (int64_t row = 0; row < view->length; row++) {
    if (!lam_view_valid(view, row) || lam_utf8_valid(lam_view_bytes(view, row))) continue;
    chunk_fault(&check->chunk, "%s %" PRId64 " of the row group is a string that is not UTF-8",
                check->chunk.nested ? "value" : "row", check->rows + row);
    return LAM_OK;
  }
  return LAM_OK;
}

/* -0.0 and 0.0 are equal, and so lie in one partition. */
static bool same_value(const struct lam_type *type, struct lam_bytes text, const char *wanted) {
  struct lam_bytes path = lam_bytes_of_string(wanted), minus_zero = lam_bytes_of_string("-0.0");
  if (lam_type_is_float(type->id)) {
    if (lam_bytes_equal(text, minus_zero)) text = lam_bytes_of_string("0.0");
    if (lam_bytes_equal(path, minus_zero)) path = lam_bytes_of_string("0.0");
  }
  return lam_bytes_equal(text, path);
}

/* The value of the path for this column, where it has one, against every row. */
static enum lam_status check_path(struct check *check, const struct lam_view *view, struct lam_error *error) {
  struct verify_run *run = check->chunk.run;
  const struct lam_partition *partition = &run->snapshot.partitions[check->chunk.entry->partition].values;
  const char *wanted;
  if (check->chunk.nested || !lam_partition_find(partition, check->chunk.schema->name, &wanted)) return LAM_OK;
  struct lam_buf text;
  enum lam_status status = LAM_OK;
  lam_buf_init(&text, run->mem);
  for (int64_t row = 0; status == LAM_OK && row < view->length; row++) {
    bool null = view->type.id == LAM_TYPE_NULL || !lam_view_valid(view, row);
    text.size = 0;
    if (!null) status = lam_value_text(view, row, &text, error);
    bool same = null ? !wanted : wanted && same_value(&view->type, lam_bytes_of(text.data, text.size), wanted);
    if (same || status != LAM_OK) continue;
    char quoted[72];
    chunk_fault(&check->chunk, "row %" PRId64 " of the row group is %s; the path says %s", check->rows + row,
                null ? "NULL" : lam_text_quote(lam_bytes_of(text.data, text.size), quoted, sizeof quoted),
                wanted ? wanted : "NULL");
    break;
  }
  lam_buf_release(&text);
  return status;
}

static enum lam_status check_batch(struct check *check, const struct ArrowArray *array, const int64_t *ends,
                                   int64_t rows, struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(check->chunk.schema, array, &view, error));
  check->nulls += view.type.id == LAM_TYPE_NULL ? view.length : lam_view_null_count(&view);
  if (check->compares || lam_index_check_on(&check->index)) LAM_TRY(take_values(check, &view, ends, rows, error));
  if (check->chunk.run->options->full && view.type.id == LAM_TYPE_STRING) LAM_TRY(check_text(check, &view));
  LAM_TRY(check_path(check, &view, error));
  check->rows += view.length;
  return LAM_OK;
}

static enum lam_status bounds_of(struct check *check, struct lam_arena *arena, struct lam_statistics *out,
                                 struct lam_error *error) {
  *out = (struct lam_statistics){.null_count = -1};
  return check->compares ? lam_bounds_finish(&check->bounds, arena, out, error) : LAM_OK;
}

/* The bound that the values moved, and where to. */
static void check_bound(struct check *check, struct lam_bytes stated, struct lam_bytes found, const char *where,
                        const char *expected) {
  struct chunk_run *c = &check->chunk;
  struct lam_buf text;
  char texts[2][72];
  bool is_literal;
  if (lam_bytes_equal(stated, found)) return;
  lam_buf_init(&text, c->run->mem);
  for (int i = 0; i < 2; i++) {
    text.size = 0;
    if (lam_bound_text(lam_file_meta(c->file), c->leaf, i ? found : stated, &text, &is_literal, NULL) != LAM_OK)
      text.size = 0;
    lam_text_quote(lam_bytes_of(text.data, text.size), texts[i], sizeof texts[i]);
  }
  lam_buf_release(&text);
  chunk_fault(c, "a value lies %s of the statistics: found %s, expected at %s %s", where, texts[1], expected, texts[0]);
}

static void end_check(struct check *check, const struct lam_statistics *after) {
  struct chunk_run *c = &check->chunk;
  const struct lam_row_group_meta *group = &lam_file_meta(c->file)->row_groups[c->row_group];
  const struct lam_statistics statistics = lam_chunk_statistics(&group->chunks[c->leaf]);
  /* Levels without a value, which are more than the entries of lists that are NULL. */
  int64_t nulls = c->nested ? group->chunks[c->leaf].values - (check->rows - check->nulls) : check->nulls;
  if (!c->nested && check->rows != group->rows)
    chunk_fault(c, "%" PRId64 " rows were decoded; the row group has %" PRId64, check->rows, group->rows);
  /* Some writers do not count lists that are empty or NULL. */
  bool may_be_fewer = check->node->max_repetition > 0 && statistics.null_count < nulls;
  if (statistics.null_count >= 0 && statistics.null_count != nulls && !may_be_fewer)
    chunk_fault(c, "the statistics say %" PRId64 " nulls; there are %" PRId64, statistics.null_count, nulls);
  check_bound(check, check->before.min, after->min, "below the minimum", "least");
  check_bound(check, check->before.max, after->max, "above the maximum", "most");
}

/* The leaves of one column of one row group. */
struct column_run {
  int32_t column; /* of the top level */
  int32_t row_group, count;
  struct check *checks;
  struct lam_arena arena; /* of bounds and paths */
  struct lam_buf paths;   /* struct lam_shred_path of each leaf */
};

/* Where the values of each row end among the list's elements. */
static void list_ends(const struct ArrowSchema *schema, const struct ArrowArray *array, const int64_t *ends,
                      int64_t rows, int64_t *out) {
  bool fixed = schema->format[1] == 'w', is_large = schema->format[1] == 'L';
  int64_t width = fixed ? strtoll(schema->format + 3, NULL, 10) : 0;
  for (int64_t i = 0; i < rows; i++) {
    int64_t end = ends ? ends[i] : i + 1;
    if (fixed)
      out[i] = end * width;
    else
      out[i] = is_large ? ((const int64_t *)array->buffers[1])[end] : ((const int32_t *)array->buffers[1])[end];
  }
}

/* Every leaf of the array; `next` is the check of the first. Arrays of ours begin at their first child's first. `ends`
 * as for take_values. */
static enum lam_status check_leaves(struct check **next, const struct ArrowSchema *schema,
                                    const struct ArrowArray *array, const int64_t *ends, int64_t rows,
                                    struct lam_error *error) {
  if (schema->n_children == 0) return check_batch((*next)++, array, ends, rows, error);
  bool lists = strchr("lLmw", schema->format[1]) != NULL;
  struct lam_mem *mem = (*next)->chunk.run->mem;
  size_t size = lists ? (size_t)rows * sizeof *ends : 0;
  void *memory;
  LAM_TRY(lam_alloc(mem, size, &memory, error));
  if (size) {
    list_ends(schema, array, ends, rows, memory);
    ends = memory;
  }
  enum lam_status status = LAM_OK;
  for (int64_t i = 0; i < schema->n_children && status == LAM_OK; i++)
    status = check_leaves(next, schema->children[i], array->children[i], ends, rows, error);
  lam_free(mem, memory, size);
  return status;
}

static enum lam_status decode_column(struct column_run *c, const struct ArrowSchema *schema, struct lam_error *error) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  const struct lam_reader_mode mode = {.all_validity = true};
  struct lam_reader *reader;
  struct ArrowArray batch;
  options.columns = &c->column;
  options.column_count = 1;
  options.row_groups = &c->row_group;
  options.row_group_count = 1;
  LAM_TRY(lam_reader_open_as(c->checks->chunk.file, &options, &mode, c->checks->chunk.run->mem, &reader, error));
  enum lam_status status;
  while ((status = lam_reader_next(reader, &batch, error)) == LAM_OK && batch.release) {
    struct check *next = c->checks;
    status = check_leaves(&next, schema, batch.children[0], NULL, batch.length, error);
    for (int32_t i = 0; i < c->count && status == LAM_OK; i++)
      status = lam_size_check_rows(&c->checks[i].sizes, batch.children[0], batch.length, error);
    lam_array_release(&batch);
    if (status != LAM_OK) break;
  }
  lam_reader_close(reader);
  return status;
}

/* ---- pages ---- */

static enum lam_status count_page(void *user, const struct lam_page *page, struct lam_error *error) {
  struct check *check = user;
  struct verify_run *run = check->chunk.run;
  (void)error;
  lam_index_check_page(&check->index, page);
  run->result->pages++;
  run->result->checksums += page->header.has_crc;
  return LAM_OK;
}

static void index_fault(void *user, const char *message) {
  const struct check *check = user;
  chunk_fault(&check->chunk, "%s", message);
}

/* A failure that is about the file becomes a fault and LAM_OK. */
static enum lam_status as_fault(struct verify_run *run, const char *file, enum lam_status status,
                                struct lam_error *error) {
  if (!is_fault(status)) return status;
  fault(run, file, error->message);
  return LAM_OK;
}

/* The schema of leaf number *number at or below `schema`, which counts down to it. */
static const struct ArrowSchema *leaf_schema(const struct ArrowSchema *schema, int32_t *number) {
  if (schema->n_children == 0) return (*number)-- == 0 ? schema : NULL;
  for (int64_t i = 0; i < schema->n_children; i++) {
    const struct ArrowSchema *leaf = leaf_schema(schema->children[i], number);
    if (leaf) return leaf;
  }
  return NULL;
}

static enum lam_status verify_leaves(struct column_run *c, const struct ArrowSchema *schema, struct lam_error *error) {
  struct verify_run *run = c->checks->chunk.run;
  LAM_TRY(lam_shred_paths(schema, &c->arena, &c->paths, error));
  const struct lam_shred_path *paths = (const struct lam_shred_path *)(const void *)c->paths.data;
  for (int32_t i = 0; i < c->count; i++) {
    struct check *check = &c->checks[i];
    int32_t number = i;
    check->chunk.schema = leaf_schema(schema, &number);
    LAM_TRY(lam_type_parse(check->chunk.schema, &check->chunk.type, error));
    LAM_TRY(begin_check(check, error));
    LAM_TRY(lam_index_check_begin(&check->index, check->chunk.file, c->row_group, check->chunk.leaf, run->mem,
                                  index_fault, check, error));
    LAM_TRY(lam_chunk_walk(check->chunk.file, c->row_group, check->chunk.leaf, !run->options->table.no_checksums,
                           run->mem, count_page, check, error));
    lam_index_check_walked(&check->index);
    if (c->paths.size == (size_t)c->count * sizeof *paths) /* groups without members would have none */
      LAM_TRY(lam_size_check_begin(&check->sizes, &check->index, &paths[i], error));
    LAM_TRY(bounds_of(check, &c->arena, &check->before, error));
  }
  LAM_TRY(decode_column(c, schema, error));
  for (int32_t i = 0; i < c->count; i++) {
    struct lam_statistics after;
    LAM_TRY(bounds_of(&c->checks[i], &c->arena, &after, error));
    end_check(&c->checks[i], &after);
    lam_size_check_end(&c->checks[i].sizes);
  }
  return LAM_OK;
}

static enum lam_status verify_column(const struct chunk_run *of, int32_t column, const struct ArrowSchema *schema,
                                     struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(of->file);
  const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, column)];
  struct lam_mem *mem = of->run->mem;
  struct column_run c = {.column = column, .row_group = of->row_group, .count = node->leaves};
  size_t size = (size_t)c.count * sizeof *c.checks;
  void *memory;
  LAM_TRY(lam_check_cancel(of->run->context, error));
  LAM_TRY(lam_alloc_zero(mem, size, &memory, error));
  c.checks = memory;
  lam_arena_init(&c.arena, mem);
  lam_buf_init(&c.paths, mem);
  for (int32_t i = 0; i < c.count; i++) {
    c.checks[i].chunk = *of;
    c.checks[i].chunk.leaf = node->leaf + i;
    c.checks[i].chunk.nested = schema->n_children > 0;
  }
  enum lam_status status = verify_leaves(&c, schema, error);
  for (int32_t i = 0; i < c.count; i++) {
    if (c.checks[i].node) lam_bounds_release(&c.checks[i].bounds);
    lam_buf_release(&c.checks[i].physical);
    lam_size_check_release(&c.checks[i].sizes);
    lam_index_check_release(&c.checks[i].index);
  }
  lam_buf_release(&c.paths);
  lam_arena_release(&c.arena);
  lam_free(mem, memory, size);
  return status;
}

/* ---- files ---- */

static enum lam_status verify_columns(struct verify_run *run, const struct lam_data_file *entry, struct lam_file *file,
                                      const struct lam_file_columns *columns, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  int64_t rows = 0;
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    rows += meta->row_groups[g].rows;
    run->result->row_groups++;
    for (int64_t i = 0; i < columns->schema.n_children && !run->stopped; i++) {
      const struct chunk_run of = {.run = run, .file = file, .entry = entry, .row_group = g};
      LAM_TRY(as_fault(run, entry->key, verify_column(&of, columns->columns[i], columns->schema.children[i], error),
                       error));
    }
    lam_progress_add(run->context, (uint64_t)meta->row_groups[g].rows, 0);
  }
  char message[160];
  snprintf(message, sizeof message, "the footer says %" PRId64 " rows, its row groups add up to %" PRId64, meta->rows,
           rows);
  if (rows != meta->rows) fault(run, entry->key, message);
  run->result->rows += (uint64_t)rows;
  return LAM_OK;
}

struct sidecar_run {
  struct verify_run *run;
  const char *file;
};
static bool sidecar_fault(void *user, const char *message) {
  const struct sidecar_run *of = user;
  char text[600];
  snprintf(text, sizeof text, "its sidecar: %s", message);
  fault(of->run, of->file, text);
  return !of->run->stopped;
}

/* Against the footer, if it is the one that is used instead. */
static enum lam_status verify_sidecar(struct verify_run *run, const struct lam_data_file *entry, struct lam_file *file,
                                      struct lam_error *error) {
  struct lam_store *store;
  struct lam_sidecar *sidecar;
  struct sidecar_run of = {run, entry->key};
  char key[LAM_KEY_MAX + 1];
  const struct lam_sidecar_open_options options = {.token = lam_file_size(file), .whole = true};
  if (!lam_sidecar_place(run->directory, entry->key, &store, key)) return LAM_OK;
  enum lam_status status = lam_sidecar_open_in(store, key, &options, run->mem, &sidecar, error);
  if (status == LAM_NOT_FOUND) return LAM_OK;
  LAM_TRY(status);
  if (lam_sidecar_match(sidecar, lam_file_info(file)) == LAM_SIDECAR_CURRENT)
    status = lam_sidecar_compare(sidecar, file, run->mem, sidecar_fault, &of, error);
  lam_sidecar_close(sidecar);
  return status;
}

static enum lam_status verify_file(struct verify_run *run, const struct lam_data_file *entry, struct lam_error *error) {
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  struct lam_file *file;
  struct lam_file_columns columns;
  struct lam_arena arena;
  options.no_checksums = run->options->table.no_checksums;
  run->result->files++;
  run->result->bytes += entry->identity.size;
  enum lam_status status =
      lam_snapshot_file_by_footer(run->directory, &run->snapshot, entry, &options, run->mem, &file, error);
  if (status == LAM_OK) {
    status = as_fault(run, entry->key, verify_sidecar(run, entry, file, error), error);
    if (status != LAM_OK) lam_file_close(file);
  }
  if (status != LAM_OK) return as_fault(run, entry->key, status, error);
  lam_arena_init(&arena, run->mem);
  status = lam_file_columns_of(file, &arena, &columns, error);
  if (status == LAM_OK) {
    if (columns.unreadable >= 0) {
      struct ArrowSchema none;
      status =
          as_fault(run, entry->key, lam_schema_of_column(lam_file_meta(file), columns.unreadable, &none, error), error);
    }
    if (status == LAM_OK) status = verify_columns(run, entry, file, &columns, error);
    lam_schema_release(&columns.schema);
  } else {
    status = as_fault(run, entry->key, status, error);
  }
  lam_arena_release(&arena);
  lam_file_close(file);
  lam_progress_add(run->context, 0, entry->identity.size);
  return status;
}

static enum lam_status verify_snapshot(struct verify_run *run, struct lam_error *error) {
  lam_progress_begin(run->context, "verify", 0, run->snapshot.bytes);
  enum lam_status status = LAM_OK;
  for (size_t i = 0; status == LAM_OK && i < run->snapshot.file_count && !run->stopped; i++)
    status = verify_file(run, &run->snapshot.files[i], error);
  lam_progress_end(run->context);
  return status;
}

static enum lam_status verify_directory(struct verify_run *run, struct lam_error *error) {
  struct lam_partition_filter filter;
  struct lam_arena arena;
  lam_arena_init(&arena, run->mem);
  enum lam_status status = lam_partition_filter_parse(&arena, run->options->table.partitions,
                                                      (size_t)run->options->table.partition_count, &filter, error);
  if (status == LAM_OK)
    status = lam_snapshot_open(run->directory, filter.count ? &filter : NULL, &run->snapshot, error);
  if (status == LAM_OK) {
    status = verify_snapshot(run, error);
    lam_snapshot_release(&run->snapshot);
  }
  lam_arena_release(&arena);
  return status;
}

enum lam_status lam_verify(struct lam_context *context, const char *path, const struct lam_verify_options *given,
                           lam_fault_fn each, void *user, struct lam_verify_result *result, struct lam_error *error) {
  struct lam_verify_options options = LAM_VERIFY_OPTIONS_INIT;
  struct lam_verify_result counts = LAM_VERIFY_RESULT_INIT;
  struct lam_error own = LAM_ERROR_INIT; /* faults are told from it */
  LAM_TRY(lam_options_read(given, "LAM_VERIFY_OPTIONS_INIT", &options, sizeof options, error));
  if (!error) error = &own;
  struct verify_run run = {.context = context, .options = &options, .each = each, .user = user, .result = &counts};
  struct lam_memory_use use = {.struct_size = sizeof use};
  lam_context_memory(context, &use);
  LAM_TRY(lam_mem_open(context, lam_min_u64(use.limit / 2, VERIFY_MEMORY), &run.mem, error));
  enum lam_status status =
      lam_directory_open(context, path, options.table.meta_dir, false, run.mem, &run.directory, error);
  if (status == LAM_OK) status = verify_directory(&run, error);
  lam_result_write(&counts, sizeof counts, result);
  lam_directory_close(run.directory);
  lam_mem_close(run.mem);
  return status;
}
