/* Dedup. One pass over the keys notes their hashes in a table of two bits each: seen, seen again. A second one sorts
 * the keys that were, perhaps, seen again, with their places; of equal ones all but the first or last go. */
#include "arrow/filter.h"
#include "base/context.h"
#include "base/options.h"
#include "ops/key_join.h"
#include "ops/key_scan.h"
#include "ops/row_edits.h"
#include "ops/upsert.h"

enum {
  BITS_PER_ROW = 8, /* of each of the two: one row in eight is taken for a duplicate */
  DROPS_AT_ONCE = 8192,
};

struct dedup {
  const struct lam_dedup_options *options;
  struct lam_edit *edit;
  struct lam_mem *mem;
  struct lam_arena arena;
  uint64_t share; /* bytes that each of the parts may hold */
  int32_t *keys;
  struct lam_key_scan scan;
  _Atomic uint64_t *seen, *again; /* bits */
  uint64_t bits;                  /* of each, a power of 2 */
  bool counting;                  /* the first pass */
  pthread_mutex_t lock;           /* of the next */
  struct lam_sorter *places;
  struct lam_row_edits *edits;
  struct lam_buf gone; /* struct lam_position */
  struct lam_edit_result counts;
};

/* ---- hashes ---- */

static enum lam_status open_bits(struct dedup *d, struct lam_error *error) {
  uint64_t wanted = lam_max_u64(4096, BITS_PER_ROW * d->edit->table->rows), room = lam_max_u64(d->share * 8, 4096);
  d->bits = 4096;
  while (d->bits < wanted && d->bits * 4 <= room) d->bits *= 2;
  LAM_TRY(lam_alloc_zero(d->mem, d->bits / 8, (void **)&d->seen, error));
  return lam_alloc_zero(d->mem, d->bits / 8, (void **)&d->again, error);
}

static void note_hash(struct dedup *d, uint64_t hash) {
  uint64_t at = hash & (d->bits - 1), bit = (uint64_t)1 << (at & 63);
  uint64_t before = atomic_fetch_or_explicit(&d->seen[at >> 6], bit, memory_order_relaxed);
  if (before & bit) atomic_fetch_or_explicit(&d->again[at >> 6], bit, memory_order_relaxed);
}

static bool was_again(const struct dedup *d, uint64_t hash) {
  uint64_t at = hash & (d->bits - 1);
  return atomic_load_explicit(&d->again[at >> 6], memory_order_relaxed) >> (at & 63) & 1;
}

/* ---- the two passes ---- */

static enum lam_status keep_places(struct dedup *d, const struct lam_key_rows *rows, struct lam_error *error) {
  struct lam_row *chosen;
  struct ArrowArray batch;
  size_t all = (size_t)rows->keys->length;
  int64_t count = 0;
  LAM_TRY(lam_alloc(d->mem, all * sizeof *chosen, (void **)&chosen, error));
  for (size_t i = 0; i < all; i++)
    if (!rows->nulls[i] && was_again(d, rows->hashes[i])) chosen[count++] = (struct lam_row){0, (uint32_t)i};
  enum lam_status status = count ? lam_key_rows_take(&d->scan, rows, chosen, count, &batch, error) : LAM_OK;
  lam_free(d->mem, chosen, all * sizeof *chosen);
  if (status != LAM_OK || count == 0) return status;
  pthread_mutex_lock(&d->lock);
  status = lam_sorter_add(d->places, &batch, error);
  pthread_mutex_unlock(&d->lock);
  return status;
}

static enum lam_status each_rows(void *user, const struct lam_key_rows *rows, struct lam_error *error) {
  struct dedup *d = user;
  if (!d->counting) return keep_places(d, rows, error);
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  for (int64_t i = 0; i < rows->keys->length; i++) {
    counts.null_keys += rows->nulls[i];
    if (!rows->nulls[i]) note_hash(d, rows->hashes[i]);
  }
  return lam_edit_take(d->edit, NULL, &counts, error);
}

static enum lam_status scan_file(void *user, size_t index, struct lam_error *error) {
  struct dedup *d = user;
  struct lam_edit_result counts = LAM_EDIT_RESULT_INIT;
  LAM_TRY(lam_key_scan_file(&d->scan, index, each_rows, d, &counts, error));
  if (!d->counting) counts.files_read = 0;
  if (d->counting) lam_progress_add(d->edit->context, d->edit->table->files[index].rows, 0);
  return lam_edit_take(d->edit, NULL, &counts, error);
}

static enum lam_status find_places(struct dedup *d, struct lam_error *error) {
  int32_t count = d->options->key_count;
  struct lam_sort_key *keys;
  LAM_TRY(lam_key_scan_init(&d->scan, d->edit, d->keys, count, NULL, error));
  LAM_TRY(lam_arena_array(&d->arena, (size_t)count + LAM_POSITION_COLUMNS, sizeof *keys, (void **)&keys, error));
  for (int32_t k = 0; k < count + LAM_POSITION_COLUMNS; k++)
    keys[k] = (struct lam_sort_key){.column = d->scan.schema.children[k]->name,
                                    .descending = k >= count && d->options->keep_last}; /* the first one is kept */
  LAM_TRY(lam_sorter_open(d->mem, &d->scan.schema, keys, count + LAM_POSITION_COLUMNS, d->share, &d->places, error));
  d->counting = true;
  LAM_TRY(lam_edit_each_file(d->edit, scan_file, d, error));
  d->counting = false;
  LAM_TRY(lam_edit_each_file(d->edit, scan_file, d, error));
  return lam_sorter_finish(d->places, error);
}

/* ---- duplicates ---- */

static enum lam_status drop_gone(struct dedup *d, struct lam_error *error) {
  int64_t count = (int64_t)(d->gone.size / sizeof(struct lam_position));
  LAM_TRY(lam_row_edits_drop(d->edits, (const struct lam_position *)(const void *)d->gone.data, count, error));
  d->counts.duplicates_removed += (uint64_t)count;
  d->gone.size = 0;
  return lam_edit_renew(d->edit, error);
}

static enum lam_status find_duplicates(struct dedup *d, struct lam_key_cursor *cursor, struct lam_buf *last,
                                       struct lam_error *error) {
  for (;;) {
    LAM_TRY(lam_key_cursor_next(cursor, error));
    if (lam_key_cursor_at_end(cursor)) return drop_gone(d, error);
    struct lam_bytes key = lam_key_cursor_key(cursor);
    if (last->size && lam_bytes_equal(key, lam_bytes_of(last->data, last->size))) {
      LAM_TRY(lam_position_at(cursor, &d->gone, error));
      if (d->gone.size >= DROPS_AT_ONCE * sizeof(struct lam_position)) LAM_TRY(drop_gone(d, error));
      continue;
    }
    last->size = 0;
    LAM_TRY(lam_buf_append(last, key.data, key.size, error));
  }
}

static enum lam_status mark_duplicates(struct dedup *d, struct lam_error *error) {
  struct lam_key_cursor cursor;
  struct lam_buf last;
  int32_t *columns, count = d->options->key_count;
  LAM_TRY(lam_arena_array(&d->arena, (size_t)count, sizeof *columns, (void **)&columns, error));
  for (int32_t k = 0; k < count; k++) columns[k] = k;
  lam_buf_init(&last, d->mem);
  enum lam_status status = lam_key_cursor_init(&cursor, d->mem, d->places, &d->scan.schema, columns, count, error);
  if (status == LAM_OK) status = find_duplicates(d, &cursor, &last, error);
  lam_key_cursor_release(&cursor);
  lam_buf_release(&last);
  return status;
}

static void free_bits(struct dedup *d) {
  lam_free(d->mem, (void *)d->seen, d->seen ? d->bits / 8 : 0);
  lam_free(d->mem, (void *)d->again, d->again ? d->bits / 8 : 0);
  d->seen = d->again = NULL;
}

/* Keys are unique over what was looked at: no file may come there, none change. */
static enum lam_status depend(struct dedup *d, const bool *touched, struct lam_error *error) {
  struct lam_edit *edit = d->edit;
  const struct lam_snapshot *snapshot = &edit->table->snapshot;
  LAM_TRY(lam_change_scope(&edit->change, "", error));
  for (size_t i = 0; i < snapshot->file_count; i++)
    if (!touched[i]) LAM_TRY(lam_change_read(&edit->change, &snapshot->files[i], error));
  return LAM_OK;
}

static enum lam_status dedup_rows(struct dedup *d, struct lam_error *error) {
  const struct lam_table *table = d->edit->table;
  struct lam_row_edits_options options = {.room = 0};
  bool *touched;
  LAM_TRY(lam_key_scan_columns(table, d->options->keys, d->options->key_count, &d->arena, &d->keys, error));
  LAM_TRY(lam_arena_array(&d->arena, table->snapshot.file_count, sizeof *touched, (void **)&touched, error));
  options.room = d->share = lam_mem_available(d->mem) / 8;
  LAM_TRY(open_bits(d, error));
  LAM_TRY(find_places(d, error));
  free_bits(d);
  LAM_TRY(lam_row_edits_open(d->edit, &options, &d->edits, error));
  LAM_TRY(mark_duplicates(d, error));
  d->counts.runs_spilled += (uint64_t)lam_sorter_runs(d->places);
  lam_sorter_close(d->places);
  d->places = NULL;
  d->counts.rows_matched = d->counts.duplicates_removed;
  LAM_TRY(lam_row_edits_apply(d->edits, touched, error));
  LAM_TRY(depend(d, touched, error));
  return lam_edit_take(d->edit, NULL, &d->counts, error);
}

static enum lam_status run(void *user, struct lam_edit *edit, struct lam_error *error) {
  const struct lam_dedup_options *options = user;
  struct dedup d = {.options = options, .edit = edit, .mem = edit->mem, .counts = LAM_EDIT_RESULT_INIT};
  lam_buf_init(&d.gone, d.mem);
  lam_arena_init(&d.arena, d.mem);
  pthread_mutex_init(&d.lock, NULL);
  enum lam_status status = dedup_rows(&d, error);
  free_bits(&d);
  lam_row_edits_close(d.edits);
  lam_sorter_close(d.places);
  if (d.scan.edit) lam_key_scan_release(&d.scan);
  pthread_mutex_destroy(&d.lock);
  lam_buf_release(&d.gone);
  lam_arena_release(&d.arena);
  return status;
}

static enum lam_status read_options(const struct lam_dedup_options *given, struct lam_dedup_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_dedup_options)LAM_DEDUP_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_DEDUP_OPTIONS_INIT", out, sizeof *out, error));
  return out->key_count > 0 ? LAM_OK : lam_fail(error, LAM_INVALID, "a dedup needs the columns of a key");
}

enum lam_status lam_dedup_directory(struct lam_directory *directory, const struct lam_dedup_options *given,
                                    struct lam_edit_result *result, struct lam_error *error) {
  struct lam_dedup_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run(directory, &options.change, "dedup", run, &options, result, error);
}

enum lam_status lam_dedup(struct lam_context *context, const char *path, const struct lam_dedup_options *given,
                          struct lam_edit_result *result, struct lam_error *error) {
  struct lam_dedup_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run_at(context, path, &options.change, "dedup", 0, run, &options, result, error);
}
