#include "table/table.h"

#include <inttypes.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "sidecar/pack.h"

/* Guaranteed to every open table: a footer, and the windows of a scan. */
enum { TABLE_MINIMUM = 16 << 20, FILES_AT_ONCE = 256 };

enum lam_status lam_meta_columns_of(const struct lam_file_meta *meta, const char *name, struct lam_arena *arena,
                                    struct lam_file_columns *out, struct lam_error *error) {
  int32_t count = lam_top_columns(meta), readable = 0;
  struct ArrowSchema schema;
  void *memory;
  *out = (struct lam_file_columns){.unreadable = -1};
  LAM_TRY(lam_arena_array(arena, (size_t)count, sizeof *out->columns, &memory, error));
  out->columns = memory;
  LAM_TRY(lam_schema_init_struct("", count, &schema, error));
  for (int32_t c = 0; c < count; c++) {
    enum lam_status status = lam_schema_of_column(meta, c, schema.children[readable], error);
    if (status == LAM_OK) {
      out->columns[readable++] = c;
    } else if (status == LAM_UNSUPPORTED) {
      if (out->unreadable < 0) out->unreadable = c;
    } else {
      lam_schema_release(&schema);
      return lam_fail_in(error, status, "%s", name);
    }
  }
  if (readable == count) {
    out->schema = schema;
    return LAM_OK;
  }
  enum lam_status status = lam_schema_init_struct("", readable, &out->schema, error);
  for (int32_t c = 0; status == LAM_OK && c < readable; c++) {
    *out->schema.children[c] = *schema.children[c];
    schema.children[c]->release = NULL;
  }
  lam_schema_release(&schema);
  return status;
}

enum lam_status lam_file_columns_of(const struct lam_file *file, struct lam_arena *arena, struct lam_file_columns *out,
                                    struct lam_error *error) {
  return lam_meta_columns_of(lam_file_meta(file), lam_file_name(file), arena, out, error);
}

enum lam_status lam_file_columns_all(const struct lam_file *file, struct lam_arena *arena, struct lam_file_columns *out,
                                     struct lam_error *error) {
  LAM_TRY(lam_file_columns_of(file, arena, out, error));
  if (out->unreadable < 0) return LAM_OK;
  lam_schema_release(&out->schema);
  struct ArrowSchema none;
  enum lam_status status = lam_schema_of_column(lam_file_meta(file), out->unreadable, &none, error);
  return lam_fail_in(error, status, "%s", lam_file_name(file));
}

/* ---- opening ---- */

/* Files of the snapshot, opened in parallel for their schemas. */
struct footers {
  struct lam_table *table;
  size_t count;
  size_t index[FILES_AT_ONCE]; /* in the snapshot */
  struct footer {
    struct lam_arena arena;
    struct lam_file_columns columns;
    int64_t rows;
    int32_t row_groups;
    char *unreadable;
  } footers[FILES_AT_ONCE];
};

static enum lam_status name_unreadable(const struct lam_file_meta *meta, const struct lam_file_columns *columns,
                                       struct lam_arena *arena, char **out, struct lam_error *error) {
  if (columns->unreadable < 0) return LAM_OK;
  return lam_arena_string(arena, meta->nodes[lam_top_node(meta, columns->unreadable)].name, out, error);
}

static enum lam_status read_footer(void *user, size_t index, struct lam_error *error) {
  struct footers *f = user;
  struct lam_table *table = f->table;
  struct footer *footer = &f->footers[index];
  struct lam_file *file;
  LAM_TRY(lam_check_cancel(table->context, error));
  LAM_TRY(lam_snapshot_file_unopened(table->directory, &table->snapshot, &table->snapshot.files[f->index[index]],
                                     &table->file_options, table->mem, &file, error));
  footer->rows = lam_file_rows(file);
  footer->row_groups = lam_file_row_groups(file);
  enum lam_status status = lam_file_columns_of(file, &footer->arena, &footer->columns, error);
  if (status == LAM_OK)
    status = name_unreadable(lam_file_meta(file), &footer->columns, &footer->arena, &footer->unreadable, error);
  lam_file_close(file);
  return status;
}

static void count_file(struct lam_table *table, size_t index, uint64_t rows, uint32_t row_groups) {
  table->rows += rows;
  table->row_groups += row_groups;
  table->files[index] = (struct lam_table_file){rows, row_groups};
}

static enum lam_status merge_footer(struct lam_table *table, size_t index, struct footer *footer,
                                    struct lam_error *error) {
  count_file(table, index, (uint64_t)footer->rows, (uint32_t)footer->row_groups);
  if (footer->unreadable && !table->unreadable) {
    char *name;
    LAM_TRY(lam_arena_string(&table->arena, lam_bytes_of_string(footer->unreadable), &name, error));
    table->unreadable = name;
  }
  if (table->snapshot.file_count == 1) { /* even with two columns of one name */
    table->merge.schema = footer->columns.schema;
    footer->columns.schema.release = NULL;
    return LAM_OK;
  }
  return lam_merge_add(&table->merge, &footer->columns.schema, table->snapshot.files[index].key, error);
}

/* A file that the pack knows. Merging a schema once more would change nothing. */
static enum lam_status merge_packed(struct lam_table *table, size_t index, struct lam_packed_schema *schema,
                                    struct lam_error *error) {
  const struct lam_data_file *data = &table->snapshot.files[index];
  const struct pack_file *file = &table->snapshot.pack->files[data->packed - 1];
  count_file(table, index, file->rows, file->row_groups);
  if (schema->state == LAM_PACKED_MERGED) return LAM_OK;
  schema->state = LAM_PACKED_MERGED;
  if (!table->unreadable) {
    char *name = NULL;
    LAM_TRY(name_unreadable(&schema->meta, &schema->columns, &table->arena, &name, error));
    table->unreadable = name;
  }
  if (table->snapshot.file_count == 1) return lam_schema_copy(&schema->columns.schema, &table->merge.schema, error);
  return lam_merge_add(&table->merge, &schema->columns.schema, data->key, error);
}

/* The files [first, end), some of which have been opened, in their order. */
static enum lam_status merge_some(struct lam_table *table, struct footers *f, size_t first, size_t end,
                                  struct lam_error *error) {
  size_t opened = 0;
  for (size_t i = first; i < end; i++) {
    struct lam_packed_schema *schema;
    if (opened < f->count && f->index[opened] == i) {
      LAM_TRY(merge_footer(table, i, &f->footers[opened++], error));
      continue;
    }
    LAM_TRY(lam_packed_schema_of(table, i, &schema, error));
    LAM_TRY(merge_packed(table, i, schema, error));
  }
  return LAM_OK;
}

/* From `first` on, as far as there is room for those that must be opened. */
static enum lam_status choose_files(struct lam_table *table, struct footers *f, size_t first, size_t *end,
                                    struct lam_error *error) {
  f->count = 0;
  for (*end = first; *end < table->snapshot.file_count && f->count < FILES_AT_ONCE; ++*end) {
    struct lam_packed_schema *schema;
    LAM_TRY(lam_packed_schema_of(table, *end, &schema, error));
    if (!schema) f->index[f->count++] = *end;
  }
  return LAM_OK;
}

static enum lam_status merge_files(struct lam_table *table, struct lam_error *error) {
  struct footers *f;
  void *memory;
  LAM_TRY(lam_arena_array(&table->arena, table->snapshot.file_count, sizeof *table->files, &memory, error));
  table->files = memory;
  LAM_TRY(lam_alloc_zero(table->mem, sizeof *f, (void **)&f, error));
  enum lam_status status = LAM_OK;
  f->table = table;
  for (size_t first = 0, end; status == LAM_OK && first < table->snapshot.file_count; first = end) {
    status = choose_files(table, f, first, &end, error);
    memset(f->footers, 0, sizeof f->footers);
    for (size_t i = 0; i < f->count; i++) lam_arena_init(&f->footers[i].arena, table->mem);
    if (status == LAM_OK) status = lam_pool_run(lam_context_pool(table->context), f->count, 0, read_footer, f, error);
    if (status == LAM_OK) status = merge_some(table, f, first, end, error);
    for (size_t i = 0; i < f->count; i++) {
      lam_schema_release(&f->footers[i].columns.schema);
      lam_arena_release(&f->footers[i].arena);
    }
  }
  lam_free(table->mem, f, sizeof *f);
  return status;
}

static enum lam_status path_column(struct lam_table *table, const char *column, struct ArrowSchema *out,
                                   struct lam_error *error) {
  static const enum lam_type_id ids[] = {LAM_TYPE_INT64, LAM_TYPE_DATE32, LAM_TYPE_STRING};
  bool any = false;
  enum lam_partition_type type = LAM_PARTITION_STRING;
  for (size_t i = 0; i < table->snapshot.partition_count; i++) {
    const char *value;
    if (!lam_partition_find(&table->snapshot.partitions[i].values, column, &value) || !value) continue;
    enum lam_partition_type other = lam_partition_type_of(value);
    type = any ? lam_partition_type_join(type, other) : other;
    any = true;
  }
  struct lam_type arrow = {.id = ids[type], .timezone = ""};
  return lam_schema_init(&arrow, column, true, out, error);
}

/* Columns that only the path holds come behind those of the files. */
static enum lam_status add_path_columns(struct lam_table *table, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &table->snapshot;
  struct ArrowSchema *merged = &table->merge.schema, wider;
  void *memory;
  LAM_TRY(lam_arena_array(&table->arena, snapshot->column_count, sizeof(const char *), &memory, error));
  const char **columns = memory;
  table->data_columns = merged->release ? merged->n_children : 0;
  int64_t fresh = 0;
  for (size_t i = 0; i < snapshot->column_count; i++) {
    bool found = false;
    for (int64_t c = 0; c < table->data_columns; c++)
      found = found || strcmp(merged->children[c]->name, snapshot->columns[i]) == 0;
    if (!found) columns[fresh++] = snapshot->columns[i];
  }
  if (fresh == 0 && merged->release) return LAM_OK;
  LAM_TRY(lam_schema_init_struct("", table->data_columns + fresh, &wider, error));
  for (int64_t c = 0; c < table->data_columns; c++) {
    *wider.children[c] = *merged->children[c];
    merged->children[c]->release = NULL;
  }
  lam_schema_release(merged);
  *merged = wider;
  for (int64_t i = 0; i < fresh; i++)
    LAM_TRY(path_column(table, columns[i], wider.children[table->data_columns + i], error));
  return LAM_OK;
}

/* The file as it was when it had `size` bytes: who keeps a table of appended files knows. */
static enum lam_status read_as_it_was(struct lam_table *table, uint64_t size, struct lam_error *error) {
  struct lam_snapshot *snapshot = &table->snapshot;
  if (!table->directory->single || snapshot->file_count != 1)
    return lam_fail(error, LAM_INVALID, "%s is not a file: only one is read as it was when it had a given size",
                    table->directory->name);
  if (size > snapshot->files[0].identity.size)
    return lam_fail(error, LAM_INVALID, "%s has %" PRIu64 " bytes, and is to be read as it was when it had %" PRIu64,
                    table->directory->name, snapshot->files[0].identity.size, size);
  snapshot->files[0].identity.size = snapshot->bytes = size;
  return LAM_OK;
}

static enum lam_status open_table(struct lam_table *table, const char *path, const struct lam_table_options *options,
                                  enum lam_pack_use pack_use, struct lam_error *error) {
  struct lam_partition_filter filter;
  table->file_options = (struct lam_file_options)LAM_FILE_OPTIONS_INIT;
  table->file_options.no_checksums = options->no_checksums;
  LAM_TRY(
      lam_partition_filter_parse(&table->arena, options->partitions, (size_t)options->partition_count, &filter, error));
  if (!table->directory) {
    LAM_TRY(lam_directory_open(table->context, path, options->meta_dir, false, table->mem, &table->directory, error));
    table->owns_directory = true;
  }
  table->directory->pack_use = options->check_files ? LAM_PACK_FACTS : pack_use;
  LAM_TRY(lam_snapshot_open(table->directory, filter.count ? &filter : NULL, &table->snapshot, error));
  if (options->snapshot_size) LAM_TRY(read_as_it_was(table, options->snapshot_size, error));
  if (table->snapshot.foreign)
    lam_log(table->context, LAM_LOG_WARN,
            "%s holds %s: it is another format's table, and some of its files may hold rows that are gone", path,
            table->snapshot.foreign);
  LAM_TRY(merge_files(table, error));
  return add_path_columns(table, error);
}

/* `directory` is NULL: that of `path`. */
static enum lam_status open_in(struct lam_mem *mem, struct lam_directory *directory, const char *path,
                               const struct lam_table_options *given, enum lam_pack_use pack_use,
                               struct lam_table **out, struct lam_error *error) {
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  struct lam_table *table;
  *out = NULL;
  LAM_TRY(lam_options_read(given, "LAM_TABLE_OPTIONS_INIT", &options, sizeof options, error));
  LAM_TRY(lam_alloc_zero(mem, sizeof *table, (void **)&table, error));
  table->context = lam_mem_context(mem);
  table->mem = mem;
  table->directory = directory;
  lam_arena_init(&table->arena, mem);
  lam_merge_init(&table->merge, mem);
  enum lam_status status = open_table(table, path, &options, pack_use, error);
  if (status == LAM_OK)
    *out = table;
  else
    lam_table_close(table);
  return status;
}

enum lam_status lam_table_open_in(struct lam_mem *mem, const char *path, const struct lam_table_options *options,
                                  struct lam_table **out, struct lam_error *error) {
  return open_in(mem, NULL, path, options, LAM_PACK_FACTS, out, error);
}

enum lam_status lam_table_open_directory(struct lam_directory *directory, const struct lam_table_options *options,
                                         struct lam_table **out, struct lam_error *error) {
  return open_in(directory->mem, directory, directory->name, options, LAM_PACK_FACTS, out, error);
}

enum lam_status lam_table_open(struct lam_context *context, const char *path, const struct lam_table_options *options,
                               struct lam_table **out, struct lam_error *error) {
  struct lam_mem *mem;
  *out = NULL;
  LAM_TRY(lam_mem_open(context, TABLE_MINIMUM, &mem, error));
  enum lam_status status = open_in(mem, NULL, path, options, LAM_PACK_TRUSTED, out, error);
  if (status == LAM_OK)
    (*out)->owns_mem = true;
  else
    lam_mem_close(mem);
  return status;
}

void lam_table_close(struct lam_table *table) {
  if (!table) return;
  struct lam_mem *mem = table->mem;
  bool owns_mem = table->owns_mem;
  lam_merge_release(&table->merge);
  lam_packed_release(table);
  if (table->snapshot.arena.mem) lam_snapshot_release(&table->snapshot);
  if (table->owns_directory) lam_directory_close(table->directory);
  lam_arena_release(&table->arena);
  lam_free(mem, table, sizeof *table);
  if (owns_mem) lam_mem_close(mem);
}

enum lam_status lam_table_schema(const struct lam_table *table, struct ArrowSchema *out, struct lam_error *error) {
  return lam_schema_copy(&table->merge.schema, out, error);
}

uint64_t lam_table_rows(const struct lam_table *table) {
  return table->rows;
}
uint64_t lam_table_files(const struct lam_table *table) {
  return table->snapshot.file_count;
}
uint64_t lam_table_bytes(const struct lam_table *table) {
  return table->snapshot.bytes;
}
