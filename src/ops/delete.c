/* Deleting rows: marks first, from metadata and the condition's columns, then the files that hold marked rows anew. */
#include "base/context.h"
#include "base/options.h"
#include "ops/change.h"
#include "ops/rewrite.h"
#include "table/where.h"

struct deletion {
  const struct lam_delete_options *options;
  struct lam_edit *edit;
  const struct lam_expr *condition;
  uint8_t *outcomes; /* of the condition, for each file: lam_where_files */
  uint8_t *gone;     /* a byte for each file: all its rows go */
};

/* ---- one file ---- */

static enum lam_status delete_rows(void *user, size_t index, struct lam_file *file, struct lam_marks *marks,
                                   struct lam_change *change, struct lam_edit_result *counts, struct lam_error *error) {
  struct deletion *deletion = user;
  struct lam_edit *edit = deletion->edit;
  const struct lam_rewrite_options options = {.file = index};
  LAM_TRY(lam_marks_where(edit, index, file, deletion->condition, marks, counts, error));
  counts->rows_matched = counts->rows_deleted = (uint64_t)marks->marked;
  if (marks->marked == 0) return LAM_OK;
  if (marks->marked == marks->rows) {
    deletion->gone[index] = 1;
    lam_edit_affect(edit, edit->table->snapshot.files[index].partition);
    return LAM_OK;
  }
  counts->files_read = 1;
  return lam_rewrite_file(edit, file, marks, &options, change, counts, error);
}

static enum lam_status delete_file(void *user, size_t index, struct lam_error *error) {
  struct deletion *deletion = user;
  struct lam_edit *edit = deletion->edit;
  uint64_t rows = edit->table->files[index].rows;
  unsigned outcomes = deletion->outcomes[index] & LAM_OUTCOMES;
  if (!lam_edit_in_scope(edit, index)) return LAM_OK;
  if (outcomes == LAM_MAY_BE_TRUE && rows) { /* the file need not be opened */
    const struct lam_edit_result counts = {.rows_matched = rows, .rows_deleted = rows};
    deletion->gone[index] = 1;
    lam_edit_affect(edit, edit->table->snapshot.files[index].partition);
    LAM_TRY(lam_edit_take(edit, NULL, &counts, error));
  } else if (outcomes & LAM_MAY_BE_TRUE) {
    LAM_TRY(lam_edit_file(edit, index, delete_rows, deletion, error));
  }
  lam_progress_add(edit->context, rows, 0);
  return LAM_OK;
}

/* ---- files without rows ---- */

/* Whether nothing of the table would be left, the partitions that were not asked for included. */
static enum lam_status is_all(const struct deletion *deletion, bool *out, struct lam_error *error) {
  const struct lam_edit *edit = deletion->edit;
  struct lam_snapshot whole;
  *out = true;
  for (size_t i = 0; *out && i < edit->table->snapshot.file_count; i++) *out = deletion->gone[i];
  if (!*out || !edit->filter.count) return LAM_OK;
  LAM_TRY(lam_snapshot_open(edit->directory, NULL, &whole, error));
  *out = whole.file_count == edit->table->snapshot.file_count;
  lam_snapshot_release(&whole);
  return LAM_OK;
}

/* The first file stays, without rows, so that the table keeps its schema. */
static enum lam_status keep_empty(struct lam_edit *edit, struct lam_error *error) {
  struct ArrowSchema schema = edit->table->merge.schema; /* of the files, without what the path adds */
  struct lam_rewrite_options options = {.schema = &schema, .stays = true};
  struct lam_marks marks;
  struct lam_file *file;
  schema.n_children = edit->table->data_columns;
  LAM_TRY(lam_edit_open(edit, 0, &file, error));
  enum lam_status status = lam_marks_init(&marks, file, edit->mem, error);
  for (int32_t g = 0; status == LAM_OK && g < marks.group_count; g++) status = lam_marks_all(&marks, g, error);
  if (status == LAM_OK) status = lam_rewrite_file(edit, file, &marks, &options, &edit->change, &edit->result, error);
  lam_marks_release(&marks);
  lam_file_close(file);
  return status;
}

static enum lam_status remove_files(struct deletion *deletion, struct lam_error *error) {
  struct lam_edit *edit = deletion->edit;
  bool all;
  LAM_TRY(is_all(deletion, &all, error));
  for (size_t i = all; i < edit->table->snapshot.file_count; i++) {
    if (!deletion->gone[i]) continue;
    LAM_TRY(lam_change_remove(&edit->change, &edit->table->snapshot.files[i], error));
    edit->result.files_removed++;
  }
  return all && edit->table->snapshot.file_count ? keep_empty(edit, error) : LAM_OK;
}

/* ---- the table ---- */

static enum lam_status delete_where(struct deletion *deletion, struct lam_arena *arena, struct lam_error *error) {
  struct lam_edit *edit = deletion->edit;
  void *memory;
  const char *where = deletion->options->where;
  enum lam_status status = lam_where_bind(edit->table, where, arena, &deletion->condition, error);
  if (status == LAM_NOT_FOUND && edit->filter.count) { /* a column that the partitions asked for lack, perhaps */
    LAM_TRY(lam_edit_widen(edit, error));
    status = lam_where_bind(edit->table, where, arena, &deletion->condition, error);
  }
  LAM_TRY(status);
  LAM_TRY(lam_where_files(edit->table, deletion->condition, arena, &deletion->outcomes, error));
  LAM_TRY(lam_arena_array(arena, edit->table->snapshot.file_count, 1, &memory, error));
  deletion->gone = memory;
  LAM_TRY(lam_edit_depend(edit, deletion->outcomes, error));
  LAM_TRY(lam_edit_each_file(edit, delete_file, deletion, error));
  return remove_files(deletion, error);
}

static enum lam_status run_delete(void *user, struct lam_edit *edit, struct lam_error *error) {
  struct deletion deletion = {.options = user, .edit = edit};
  struct lam_arena arena;
  lam_arena_init(&arena, edit->mem);
  enum lam_status status = delete_where(&deletion, &arena, error);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status read_options(const struct lam_delete_options *given, struct lam_delete_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_delete_options)LAM_DELETE_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_DELETE_OPTIONS_INIT", out, sizeof *out, error));
  if (out->where) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "a delete without a condition; \"true\" deletes all rows");
}

enum lam_status lam_delete_directory(struct lam_directory *directory, const struct lam_delete_options *given,
                                     struct lam_edit_result *result, struct lam_error *error) {
  struct lam_delete_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run(directory, &options.change, "delete", run_delete, &options, result, error);
}

enum lam_status lam_delete(struct lam_context *context, const char *path, const struct lam_delete_options *given,
                           struct lam_edit_result *result, struct lam_error *error) {
  struct lam_delete_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run_at(context, path, &options.change, "delete", 0, run_delete, &options, result, error);
}
