/* Upsert. The source's rows are sorted by key; a set of their keys (key_set.h) says what of the table need not be read;
 * the keys that are read, with their places, are sorted too, and both are merged. Rows of the source that meet a row
 * replace it, further rows with the key go (row_edits.h), the others are new (new_rows.h). */
#include "ops/upsert.h"

#include "arrow/cast.h"
#include "arrow/filter.h"
#include "base/context.h"
#include "base/options.h"
#include "ops/key_join.h"
#include "ops/key_scan.h"
#include "ops/new_rows.h"
#include "ops/row_edits.h"
#include "ops/upsert_source.h"

struct operation {
  struct lam_upsert_options options;
  bool again; /* it was begun before */
};

struct upsert {
  const struct lam_upsert_options *options;
  struct lam_edit *edit;
  struct lam_mem *mem;
  struct lam_arena arena;
  uint64_t share; /* bytes that each of the parts may hold */

  struct lam_upsert_source source;
  int32_t *keys;        /* of the table, */
  int32_t *source_keys; /* and where the source has them */
  int32_t *updated;     /* of the table, that are replaced, */
  int32_t *from;        /* and where the source has them */
  int32_t updated_count;

  struct lam_sorter *sorter; /* of the source */
  struct lam_key_set *wanted;
  struct lam_key_scan scan;
  pthread_mutex_t lock;      /* of the next, and of new_rows */
  struct lam_sorter *places; /* of wanted keys in the table */
  bool *pruned;              /* a byte for each partition: its path says that no key is there */

  struct lam_row_edits *edits;
  struct lam_new_rows *new_rows;
  /* Of the batch of the source under way. */
  struct lam_buf inserts, matches; /* struct lam_row */
  struct lam_buf places_of, gone;  /* struct lam_position */
  struct lam_edit_result counts;
};

/* ---- columns ---- */

static int32_t source_column(const struct upsert *u, int32_t column) {
  for (int32_t c = 0; c < u->source.column_count; c++)
    if (u->source.columns[c] == column) return c;
  return -1;
}

static bool among(const int32_t *columns, int32_t count, int32_t column) {
  for (int32_t i = 0; i < count; i++)
    if (columns[i] == column) return true;
  return false;
}

static enum lam_status find_keys(struct upsert *u, struct lam_error *error) {
  const struct lam_upsert_options *options = u->options;
  const struct lam_table *table = u->edit->table;
  void *memory;
  LAM_TRY(lam_key_scan_columns(table, options->keys, options->key_count, &u->arena, &u->keys, error));
  LAM_TRY(lam_arena_array(&u->arena, (size_t)options->key_count, sizeof *u->source_keys, &memory, error));
  u->source_keys = memory;
  for (int32_t k = 0; k < options->key_count; k++) {
    u->source_keys[k] = source_column(u, u->keys[k]);
    if (u->source_keys[k] < 0)
      return lam_fail(error, LAM_NOT_FOUND, "the source has no column \"%s\" of the key", options->keys[k]);
  }
  return LAM_OK;
}

static bool is_listed(const struct lam_upsert_options *options, const char *name) {
  for (int32_t i = 0; i < options->column_count; i++)
    if (strcmp(options->columns[i], name) == 0) return true;
  return !options->columns;
}

/* The columns that rows which are found get anew: not those of the key, which are equal. */
static enum lam_status find_updated(struct upsert *u, struct lam_error *error) {
  const struct ArrowSchema *schema = &u->source.schema;
  size_t count = (size_t)u->source.column_count;
  void *memory;
  for (int32_t i = 0; i < u->options->column_count; i++) {
    int64_t c = lam_schema_find(schema, u->options->columns[i]);
    if (c < 0 || c >= (int64_t)count)
      return lam_fail(error, LAM_NOT_FOUND, "the source has no column \"%s\" to update", u->options->columns[i]);
  }
  LAM_TRY(lam_arena_array(&u->arena, count, sizeof *u->updated, &memory, error));
  u->updated = memory;
  LAM_TRY(lam_arena_array(&u->arena, count, sizeof *u->from, &memory, error));
  u->from = memory;
  for (int32_t c = 0; c < u->source.column_count; c++) {
    if (among(u->source_keys, u->options->key_count, c) || !is_listed(u->options, schema->children[c]->name)) continue;
    u->from[u->updated_count] = c;
    u->updated[u->updated_count++] = u->source.columns[c];
  }
  return LAM_OK;
}

/* ---- the source ---- */

static enum lam_status open_sorter(struct upsert *u, struct lam_error *error) {
  int32_t count = u->options->key_count;
  struct lam_sort_key *keys;
  LAM_TRY(lam_arena_array(&u->arena, (size_t)count + 1, sizeof *keys, (void **)&keys, error));
  for (int32_t k = 0; k < count; k++) keys[k].column = u->source.schema.children[u->source_keys[k]]->name;
  /* Of rows with one key the first one is taken: the last, where that wins. */
  keys[count] = (struct lam_sort_key){.column = LAM_UPSERT_ORDINAL, .descending = u->options->last_wins};
  return lam_sorter_open(u->mem, &u->source.schema, keys, count + 1, u->share, &u->sorter, error);
}

static enum lam_status read_source(struct upsert *u, struct lam_error *error) {
  for (;;) {
    struct ArrowArray batch;
    LAM_TRY(lam_edit_renew(u->edit, error));
    LAM_TRY(lam_upsert_source_next(&u->source, &batch, error));
    if (!batch.release) break;
    u->counts.source_rows += (uint64_t)batch.length;
    enum lam_status status = lam_key_set_add(u->wanted, &batch, error);
    if (status != LAM_OK) {
      lam_array_release(&batch);
      return status;
    }
    LAM_TRY(lam_sorter_add(u->sorter, &batch, error));
  }
  u->counts.null_keys = lam_key_set_nulls(u->wanted);
  return lam_key_set_finish(u->wanted, error);
}

/* ---- the keys of the table ---- */

static enum lam_status keep_places(void *user, const struct lam_key_rows *rows, struct lam_error *error) {
  struct upsert *u = user;
  struct lam_row *chosen;
  struct ArrowArray batch;
  size_t all = (size_t)rows->keys->length;
  int64_t count = 0;
  LAM_TRY(lam_alloc(u->mem, all * sizeof *chosen, (void **)&chosen, error));
  for (size_t i = 0; i < all; i++)
    if (!rows->nulls[i] && lam_key_set_may_have(u->wanted, rows->hashes[i]))
      chosen[count++] = (struct lam_row){0, (uint32_t)i};
  enum lam_status status = count ? lam_key_rows_take(&u->scan, rows, chosen, count, &batch, error) : LAM_OK;
  lam_free(u->mem, chosen, all * sizeof *chosen);
  if (status != LAM_OK || count == 0) return status;
  pthread_mutex_lock(&u->lock);
  status = lam_sorter_add(u->places, &batch, error);
  pthread_mutex_unlock(&u->lock);
  return status;
}

static enum lam_status scan_file(void *user, size_t index, struct lam_error *error) {
  struct upsert *u = user;
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  if (!u->pruned[u->edit->table->snapshot.files[index].partition])
    LAM_TRY(lam_key_scan_file(&u->scan, index, keep_places, u, &counts, error));
  lam_progress_add(u->edit->context, u->edit->table->files[index].rows, 0);
  return lam_edit_take(u->edit, NULL, &counts, error);
}

static enum lam_status find_places(struct upsert *u, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &u->edit->table->snapshot;
  int32_t count = u->options->key_count;
  struct lam_sort_key *keys;
  void *memory;
  LAM_TRY(lam_key_scan_init(&u->scan, u->edit, u->keys, count, u->wanted, error));
  LAM_TRY(lam_arena_array(&u->arena, (size_t)count + LAM_POSITION_COLUMNS, sizeof *keys, (void **)&keys, error));
  for (int32_t k = 0; k < count + LAM_POSITION_COLUMNS; k++) keys[k].column = u->scan.schema.children[k]->name;
  LAM_TRY(lam_sorter_open(u->mem, &u->scan.schema, keys, count + LAM_POSITION_COLUMNS, u->share, &u->places, error));
  LAM_TRY(lam_arena_array(&u->arena, snapshot->partition_count, sizeof *u->pruned, &memory, error));
  u->pruned = memory;
  for (size_t p = 0; p < snapshot->partition_count; p++) {
    bool may;
    LAM_TRY(lam_key_scan_may_match(&u->scan, (uint32_t)p, &may, error));
    u->pruned[p] = !may;
  }
  LAM_TRY(lam_edit_each_file(u->edit, scan_file, u, error));
  /* Merging needs what the set has. */
  lam_key_set_close(u->wanted);
  u->wanted = NULL;
  LAM_TRY(lam_sorter_finish(u->places, error));
  return lam_sorter_finish(u->sorter, error);
}

/* ---- the join ---- */

static int64_t ordinal_at(const struct upsert *u, const struct lam_key_cursor *source, int64_t row) {
  const struct ArrowArray *ordinals = source->batch.children[u->source.column_count];
  return ((const int64_t *)ordinals->buffers[1])[ordinals->offset + row];
}

/* "a = 3, b = 'x'". */
static enum lam_status print_key(const struct upsert *u, const struct lam_key_cursor *source, struct lam_buf *out,
                                 struct lam_error *error) {
  for (int32_t k = 0; k < u->options->key_count; k++) {
    struct lam_view view;
    struct lam_scalar value;
    int32_t c = u->source_keys[k];
    LAM_TRY(lam_view_init(source->schema->children[c], source->batch.children[c], &view, error));
    LAM_TRY(lam_scalar_of_view(&view, source->row, &value, error));
    LAM_TRY(lam_buf_append(out, ", ", k ? 2 : 0, error));
    LAM_TRY(lam_buf_append(out, u->options->keys[k], strlen(u->options->keys[k]), error));
    LAM_TRY(lam_buf_append(out, " = ", 3, error));
    LAM_TRY(lam_scalar_print(&value, out, error));
  }
  return LAM_OK;
}

static enum lam_status on_repeated(void *user, const struct lam_key_cursor *source, int64_t first,
                                   struct lam_error *error) {
  const struct upsert *u = user;
  struct lam_buf key;
  char one[300], two[300];
  if (u->options->last_wins) return LAM_OK;
  lam_buf_init(&key, u->mem);
  if (print_key(u, source, &key, NULL) != LAM_OK) key.size = 0;
  enum lam_status status =
      lam_fail(error, LAM_INVALID, "the key %.*s is there twice: %s, and %s (see --on-duplicate)",
               (int)lam_min_u64(key.size, 200), key.size ? (const char *)key.data : "",
               lam_upsert_source_row(&u->source, first, one, sizeof one),
               lam_upsert_source_row(&u->source, ordinal_at(u, source, source->row), two, sizeof two));
  lam_buf_release(&key);
  return status;
}

static enum lam_status push_row(struct lam_buf *rows, int64_t row, struct lam_error *error) {
  struct lam_row at = {0, (uint32_t)row};
  return lam_buf_append(rows, &at, sizeof at, error);
}

static enum lam_status on_insert(void *user, const struct lam_key_cursor *source, struct lam_error *error) {
  struct upsert *u = user;
  u->counts.rows_inserted++;
  return push_row(&u->inserts, source->row, error);
}

static enum lam_status on_match(void *user, const struct lam_key_cursor *source, const struct lam_key_cursor *table,
                                struct lam_error *error) {
  struct upsert *u = user;
  u->counts.rows_matched++;
  if (u->updated_count == 0) return LAM_OK;
  u->counts.rows_updated++;
  LAM_TRY(push_row(&u->matches, source->row, error));
  return lam_position_at(table, &u->places_of, error);
}

static enum lam_status on_extra(void *user, const struct lam_key_cursor *table, struct lam_error *error) {
  struct upsert *u = user;
  u->counts.rows_matched++;
  u->counts.duplicates_removed++;
  return lam_position_at(table, &u->gone, error);
}

/* Rows of one column of the source's batch. */
static enum lam_status take_rows(const struct upsert *u, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, const struct lam_buf *rows, struct ArrowArray *out,
                                 struct lam_error *error) {
  int64_t count = (int64_t)(rows->size / sizeof(struct lam_row)), taken;
  LAM_TRY(lam_take(u->mem, schema, batch, 1, (const struct lam_row *)(const void *)rows->data, count, UINT64_MAX,
                   &taken, out, error));
  return LAM_OK;
}

static enum lam_status missing_column(const struct upsert *u, const struct lam_key_cursor *source, int64_t c,
                                      int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  const struct lam_table *table = u->edit->table;
  const struct ArrowSchema *field = table->merge.schema.children[c];
  char row[300];
  if (c >= table->data_columns || field->flags & ARROW_FLAG_NULLABLE)
    return lam_array_nulls(u->mem, field, rows, out, error);
  const struct lam_row *first = (const struct lam_row *)(const void *)u->inserts.data;
  return lam_fail(error, LAM_INVALID, "%s is a new row, and column \"%s\", which the source does not have, is NOT NULL",
                  lam_upsert_source_row(&u->source, ordinal_at(u, source, first->row), row, sizeof row), field->name);
}

static enum lam_status insert_rows(struct upsert *u, const struct lam_key_cursor *source, struct lam_error *error) {
  const struct ArrowSchema *merged = &u->edit->table->merge.schema;
  struct ArrowArray taken, batch;
  if (u->inserts.size == 0) return LAM_OK;
  LAM_TRY(take_rows(u, &u->source.schema, &source->batch, &u->inserts, &taken, error));
  enum lam_status status = lam_array_init_struct(taken.length, merged->n_children, &batch, error);
  if (status != LAM_OK) {
    lam_array_release(&taken);
    return status;
  }
  for (int64_t c = 0; status == LAM_OK && c < merged->n_children; c++) {
    int32_t at = source_column(u, (int32_t)c);
    if (at < 0) {
      status = missing_column(u, source, c, batch.length, batch.children[c], error);
    } else {
      *batch.children[c] = *taken.children[at];
      taken.children[at]->release = NULL;
    }
  }
  lam_array_release(&taken);
  if (status == LAM_OK) return lam_new_rows_write(u->new_rows, &batch, error);
  lam_array_release(&batch);
  return status;
}

/* The columns that are replaced, of the rows that were found. */
static enum lam_status replace_rows(struct upsert *u, const struct lam_key_cursor *source, struct lam_error *error) {
  struct ArrowArray taken, values;
  if (u->matches.size == 0) return LAM_OK;
  LAM_TRY(take_rows(u, &u->source.schema, &source->batch, &u->matches, &taken, error));
  enum lam_status status = lam_array_init_struct(taken.length, u->updated_count, &values, error);
  for (int32_t i = 0; status == LAM_OK && i < u->updated_count; i++) {
    *values.children[i] = *taken.children[u->from[i]];
    taken.children[u->from[i]]->release = NULL;
  }
  lam_array_release(&taken);
  LAM_TRY(status);
  return lam_row_edits_replace(u->edits, (const struct lam_position *)(const void *)u->places_of.data, &values, error);
}

static enum lam_status on_end_batch(void *user, const struct lam_key_cursor *source, struct lam_error *error) {
  struct upsert *u = user;
  LAM_TRY(insert_rows(u, source, error));
  LAM_TRY(replace_rows(u, source, error));
  LAM_TRY(lam_row_edits_drop(u->edits, (const struct lam_position *)(const void *)u->gone.data,
                             (int64_t)(u->gone.size / sizeof(struct lam_position)), error));
  u->inserts.size = u->matches.size = u->places_of.size = u->gone.size = 0;
  return lam_edit_renew(u->edit, error);
}

static enum lam_status join(struct upsert *u, struct lam_error *error) {
  static const struct lam_key_join calls = {on_repeated, on_insert, on_match, on_extra, on_end_batch};
  struct lam_key_cursor source, table;
  int32_t *first_columns, count = u->options->key_count;
  LAM_TRY(lam_arena_array(&u->arena, (size_t)count, sizeof *first_columns, (void **)&first_columns, error));
  for (int32_t k = 0; k < count; k++) first_columns[k] = k;
  enum lam_status status =
      lam_key_cursor_init(&source, u->mem, u->sorter, &u->source.schema, u->source_keys, count, error);
  enum lam_status second = lam_key_cursor_init(&table, u->mem, u->places, &u->scan.schema, first_columns, count, error);
  if (status == LAM_OK) status = second;
  if (status == LAM_OK) status = lam_join_keys(&source, &table, u->source.column_count, &calls, u, error);
  lam_key_cursor_release(&source);
  lam_key_cursor_release(&table);
  return status;
}

/* ---- the change ---- */

static enum lam_status take_moved(void *user, struct ArrowArray *batch, struct lam_error *error) {
  struct upsert *u = user;
  return lam_new_rows_write(u->new_rows, batch, error);
}

/* Whether a key can be in one partition only, as its columns say. */
static enum lam_status key_has_partition(struct upsert *u, bool *out, struct lam_error *error) {
  const char **columns;
  int32_t count;
  LAM_TRY(lam_partition_columns(&u->edit->table->snapshot, &u->arena, &columns, &count, error));
  *out = count > 0;
  for (int32_t i = 0; i < count; i++) {
    bool found = false;
    for (int32_t k = 0; k < u->options->key_count; k++) found = found || strcmp(u->options->keys[k], columns[i]) == 0;
    *out = *out && found;
  }
  return LAM_OK;
}

/* What the result depends on: that the files looked into stay as they are, and that none comes where keys were looked
 * for: anywhere, or in those partitions and (new_ones) those that get rows. */
static enum lam_status depend(struct upsert *u, const bool *touched, bool new_ones, struct lam_error *error) {
  struct lam_edit *edit = u->edit;
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  if (!new_ones) LAM_TRY(lam_change_scope(&edit->change, "", error));
  for (size_t p = 0; new_ones && p < snapshot->partition_count; p++)
    if (!u->pruned[p]) LAM_TRY(lam_change_scope(&edit->change, snapshot->partitions[p].directory, error));
  for (size_t i = 0; i < snapshot->file_count; i++)
    if (!touched[i] && !u->pruned[snapshot->files[i].partition])
      LAM_TRY(lam_change_read(&edit->change, &snapshot->files[i], error));
  return LAM_OK;
}

static enum lam_status finish_new_rows(struct upsert *u, bool new_ones, struct lam_error *error) {
  enum lam_status status = lam_new_rows_finish(u->new_rows, new_ones, error);
  lam_new_rows_close(u->new_rows);
  u->new_rows = NULL;
  return status;
}

static enum lam_status change_rows(struct upsert *u, struct lam_error *error) {
  struct lam_row_edits_options options = {
      .columns = u->updated, .count = u->updated_count, .moved = take_moved, .user = u, .room = u->share};
  bool *touched, new_ones;
  LAM_TRY(lam_arena_array(&u->arena, u->edit->table->snapshot.file_count, sizeof *touched, (void **)&touched, error));
  struct lam_new_rows_options rows = {
      .schema = &u->edit->table->merge.schema, .written_columns = u->edit->table->data_columns, .room = u->share};
  LAM_TRY(lam_new_rows_open(u->edit, &rows, &u->new_rows, error));
  LAM_TRY(lam_row_edits_open(u->edit, &options, &u->edits, error));
  LAM_TRY(join(u, error));
  u->counts.runs_spilled += (uint64_t)(lam_sorter_runs(u->sorter) + lam_sorter_runs(u->places));
  lam_sorter_close(u->sorter);
  lam_sorter_close(u->places);
  u->sorter = u->places = NULL;
  LAM_TRY(key_has_partition(u, &new_ones, error));
  new_ones = new_ones || u->edit->filter.count;
  if (!lam_row_edits_move(u->edits)) LAM_TRY(finish_new_rows(u, new_ones, error)); /* its memory is wanted */
  LAM_TRY(lam_row_edits_apply(u->edits, touched, error));
  LAM_TRY(lam_edit_take(u->edit, NULL, &u->counts, error));
  LAM_TRY(depend(u, touched, new_ones, error));
  return u->new_rows ? finish_new_rows(u, new_ones, error) : LAM_OK;
}

static enum lam_status upsert_rows(struct upsert *u, struct lam_error *error) {
  const struct ArrowSchema *schema = &u->edit->table->merge.schema;
  LAM_TRY(lam_upsert_source_open(u->mem, u->options, schema, &u->source, error));
  LAM_TRY(find_keys(u, error));
  LAM_TRY(find_updated(u, error));
  u->share = lam_mem_available(u->mem) / 8;
  LAM_TRY(open_sorter(u, error));
  LAM_TRY(lam_key_set_open(u->mem, &u->source.schema, u->source_keys, u->options->key_count, u->share / 2, &u->wanted,
                           error));
  LAM_TRY(read_source(u, error));
  LAM_TRY(find_places(u, error));
  return change_rows(u, error);
}

static enum lam_status run(void *user, struct lam_edit *edit, struct lam_error *error) {
  struct operation *operation = user;
  const struct lam_upsert_options *options = &operation->options;
  for (int32_t i = 0; operation->again && i < options->source_count; i++)
    if (lam_import_source_once(options->sources[i]))
      return lam_fail(error, LAM_CONFLICT,
                      "the table was changed by another writer, and standard input cannot be read again");
  operation->again = true;
  struct upsert u = {.options = options, .edit = edit, .mem = edit->mem, .counts = LAM_EDIT_RESULT_INIT};
  struct lam_buf *const bufs[] = {&u.inserts, &u.matches, &u.places_of, &u.gone};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], u.mem);
  lam_arena_init(&u.arena, u.mem);
  pthread_mutex_init(&u.lock, NULL);
  enum lam_status status = upsert_rows(&u, error);
  lam_row_edits_close(u.edits);
  lam_new_rows_close(u.new_rows);
  lam_sorter_close(u.sorter);
  lam_sorter_close(u.places);
  if (u.scan.edit) lam_key_scan_release(&u.scan);
  lam_key_set_close(u.wanted);
  lam_upsert_source_close(&u.source);
  pthread_mutex_destroy(&u.lock);
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_release(bufs[i]);
  lam_arena_release(&u.arena);
  return status;
}

static enum lam_status read_options(const struct lam_upsert_options *given, struct lam_upsert_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_upsert_options)LAM_UPSERT_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_UPSERT_OPTIONS_INIT", out, sizeof *out, error));
  if (out->source_count < 1) return lam_fail(error, LAM_INVALID, "nothing was named to upsert from");
  if (out->key_count < 1) return lam_fail(error, LAM_INVALID, "an upsert needs the columns of a key");
  int32_t inputs = 0;
  for (int32_t i = 0; i < out->source_count; i++) inputs += lam_import_source_once(out->sources[i]);
  if (inputs > 1) return lam_fail(error, LAM_INVALID, "standard input is named twice; it can be read once");
  return LAM_OK;
}

enum lam_status lam_upsert_directory(struct lam_directory *directory, const struct lam_upsert_options *given,
                                     struct lam_edit_result *result, struct lam_error *error) {
  struct operation operation = {.again = false};
  LAM_TRY(read_options(given, &operation.options, error));
  return lam_edit_run(directory, &operation.options.change, "upsert", run, &operation, result, error);
}

enum lam_status lam_upsert(struct lam_context *context, const char *path, const struct lam_upsert_options *given,
                           struct lam_edit_result *result, struct lam_error *error) {
  struct operation operation = {.again = false};
  LAM_TRY(read_options(given, &operation.options, error));
  return lam_edit_run_at(context, path, &operation.options.change, "upsert", 0, run, &operation, result, error);
}
