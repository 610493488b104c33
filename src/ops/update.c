#include "ops/update.h"

#include "base/context.h"
#include "base/options.h"
#include "ops/change.h"
#include "ops/keep.h"
#include "table/where.h"

/* ---- what is set ---- */

static void use_column(void *user, const struct lam_expr *column) {
  bool *used = user;
  used[column->path[0]] = true;
}

/* The type of a column that there is not yet is that of its value. */
static enum lam_status bind_added(struct lam_update *update, const struct lam_expr *value, struct lam_update_set *set,
                                  struct lam_error *error) {
  const struct ArrowSchema *schema = &update->edit->table->merge.schema;
  LAM_TRY(lam_expr_bind(value, schema, &update->arena, &set->value, error));
  if (set->value->type.id != LAM_TYPE_NULL) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "a column of NULLs has no type; say which: CAST(NULL AS int64)");
}

static enum lam_status bind_present(struct lam_update *update, const struct lam_expr *value, const char *name,
                                    struct lam_update_set *set, struct lam_error *error) {
  const struct lam_table *table = update->edit->table;
  const struct ArrowSchema *schema = &table->merge.schema;
  struct lam_type type;
  LAM_TRY(lam_type_parse(schema->children[lam_schema_find(schema, name)], &type, error));
  if (lam_type_is_nested(type.id))
    return lam_fail(error, LAM_UNSUPPORTED, "nested columns cannot be set; delete the rows and import them anew");
  return lam_expr_bind_as(value, schema, &type, &update->arena, &set->value, error);
}

static enum lam_status bind_sets(struct lam_update *update, const struct lam_assignment *assignments,
                                 struct lam_error *error) {
  const struct lam_table *table = update->edit->table;
  for (int32_t i = 0; i < update->set_count; i++) {
    struct lam_update_set *set = &update->sets[i];
    for (int32_t j = 0; j < i; j++)
      if (strcmp(update->sets[j].name, set->name) == 0)
        return lam_fail(error, LAM_INVALID, "\"%s\" is set twice", set->name);
    if (table->unreadable && strcmp(table->unreadable, set->name) == 0)
      return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" is of a type that cannot be read", set->name);
    set->added = lam_schema_find(&table->merge.schema, set->name) < 0;
    update->added += set->added;
    enum lam_status status = set->added ? bind_added(update, assignments[i].value, set, error)
                                        : bind_present(update, assignments[i].value, set->name, set, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "the new value of \"%s\"", set->name);
    lam_expr_columns(set->value, use_column, update->used);
  }
  return LAM_OK;
}

/* The columns of the table once it is done: new ones stand behind those of the files. */
static enum lam_status make_after(struct lam_update *update, struct lam_error *error) {
  const struct lam_table *table = update->edit->table;
  const struct ArrowSchema *schema = &table->merge.schema;
  int64_t before = table->data_columns, next = before;
  update->data_columns = before + update->added;
  LAM_TRY(lam_schema_init_struct("", schema->n_children + update->added, &update->after, error));
  for (int64_t c = 0; c < schema->n_children; c++)
    LAM_TRY(lam_schema_copy(schema->children[c], update->after.children[c < before ? c : c + update->added], error));
  for (int32_t i = 0; i < update->set_count; i++) {
    struct lam_update_set *set = &update->sets[i];
    if (set->added) LAM_TRY(lam_schema_init(&set->value->type, set->name, true, update->after.children[next++], error));
    set->column = lam_schema_find(&update->after, set->name);
  }
  return LAM_OK;
}

/* A column that some file outside the partitions asked for may have is looked for in the whole table. */
static enum lam_status widen_for_added(struct lam_update *update, struct lam_error *error) {
  for (int32_t i = 0; i < update->set_count; i++)
    if (lam_schema_find(&update->edit->table->merge.schema, update->sets[i].name) < 0)
      return lam_edit_widen(update->edit, error);
  return LAM_OK;
}

static enum lam_status bind(struct lam_update *update, struct lam_error *error) {
  struct lam_assignment *assignments;
  enum lam_status status =
      lam_assignments_parse(update->options->set, &update->arena, &assignments, &update->set_count, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "what is set");
  LAM_TRY(
      lam_arena_array(&update->arena, (size_t)update->set_count, sizeof *update->sets, (void **)&update->sets, error));
  for (int32_t i = 0; i < update->set_count; i++) {
    char *name;
    LAM_TRY(lam_arena_string(&update->arena, assignments[i].name, &name, error));
    update->sets[i].name = name;
  }
  LAM_TRY(widen_for_added(update, error));
  const struct lam_table *table = update->edit->table;
  LAM_TRY(lam_arena_array(&update->arena, (size_t)table->merge.schema.n_children, sizeof(bool), (void **)&update->used,
                          error));
  LAM_TRY(bind_sets(update, assignments, error));
  LAM_TRY(make_after(update, error));
  LAM_TRY(lam_arena_array(&update->arena, table->snapshot.file_count, 1, (void **)&update->done, error));
  if (!update->options->where) return LAM_OK;
  LAM_TRY(lam_where_bind(table, update->options->where, &update->arena, &update->condition, error));
  return lam_where_files(update->edit->table, update->condition, &update->arena, &update->outcomes, error);
}

/* ---- partitions ---- */

static enum lam_status find_partitioning(struct lam_update *update, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &update->edit->table->snapshot;
  const char *set = NULL, *ignored;
  if (snapshot->partition_count == 0) return LAM_OK;
  for (size_t p = 0; p < snapshot->partition_count && !set; p++)
    for (int32_t i = 0; i < update->set_count; i++)
      if (lam_partition_find(&snapshot->partitions[p].values, update->sets[i].name, &ignored))
        set = update->sets[i].name;
  if (!set) return LAM_OK;
  const struct lam_partition *first = &snapshot->partitions[0].values;
  for (size_t p = 1; p < snapshot->partition_count; p++)
    if (!lam_partition_same_columns(first, &snapshot->partitions[p].values))
      return lam_fail(error, LAM_UNSUPPORTED,
                      "the directories '%s' and '%s' are of different partition columns, so rows cannot move by \"%s\"",
                      snapshot->partitions[0].directory, snapshot->partitions[p].directory, set);
  update->moves = true;
  return LAM_OK;
}

/* Files of rows that move are as the first one of the table: there is no one file that they come from. */
static enum lam_status keep_columns(struct lam_update *update, struct lam_write_options *out, struct lam_error *error) {
  struct lam_keep keep = {.arena = &update->arena};
  struct lam_file *file;
  LAM_TRY(lam_edit_open(update->edit, 0, &file, error));
  enum lam_status status = lam_keep_file(&keep, file, error);
  lam_file_close(file);
  LAM_TRY(status);
  for (int32_t i = 0; i < keep.column_count; i++) keep.columns[i].encoding = LAM_ENCODE_DEFAULT;
  keep.key_value_count = 0;
  LAM_TRY(lam_keep_change(&keep, update->edit->options, &update->after, error));
  lam_keep_write(&keep, out);
  return LAM_OK;
}

/* Rows may move to partitions that were not asked for. */
static enum lam_status open_moved(struct lam_update *update, struct lam_write_options *write, struct lam_error *error) {
  const struct lam_new_rows_options options = {
      .schema = &update->after, .written_columns = update->data_columns, .write = write, .anywhere = true};
  *write = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  LAM_TRY(keep_columns(update, write, error));
  return lam_new_rows_open(update->edit, &options, &update->moved, error);
}

/* ---- files ---- */

static enum lam_status rewrite(struct lam_update *update, size_t index, struct lam_file *file,
                               const struct lam_marks *marks, struct lam_change *change, struct lam_edit_result *counts,
                               struct lam_error *error) {
  LAM_TRY(lam_update_file(update, index, file, marks, change, counts, error));
  update->done[index] = 1;
  counts->files_read = 1;
  return LAM_OK;
}

static enum lam_status update_rows(void *user, size_t index, struct lam_file *file, struct lam_marks *marks,
                                   struct lam_change *change, struct lam_edit_result *counts, struct lam_error *error) {
  struct lam_update *update = user;
  LAM_TRY(lam_marks_where(update->edit, index, file, update->condition, marks, counts, error));
  counts->rows_matched = counts->rows_updated = (uint64_t)marks->marked;
  return marks->marked ? rewrite(update, index, file, marks, change, counts, error) : LAM_OK;
}

static enum lam_status add_nulls(void *user, size_t index, struct lam_file *file, struct lam_marks *marks,
                                 struct lam_change *change, struct lam_edit_result *counts, struct lam_error *error) {
  return rewrite(user, index, file, marks, change, counts, error);
}

static enum lam_status update_matching(void *user, size_t index, struct lam_error *error) {
  struct lam_update *update = user;
  bool may = !update->outcomes || update->outcomes[index] & LAM_MAY_BE_TRUE;
  if (may && lam_edit_in_scope(update->edit, index))
    LAM_TRY(lam_edit_file(update->edit, index, update_rows, update, error));
  lam_progress_add(update->edit->context, update->edit->table->files[index].rows, 0);
  return LAM_OK;
}

/* Files in which no row matches get the new columns, NULL. */
static enum lam_status add_columns(void *user, size_t index, struct lam_error *error) {
  struct lam_update *update = user;
  return update->done[index] ? LAM_OK : lam_edit_file(update->edit, index, add_nulls, update, error);
}

/* ---- the table ---- */

static enum lam_status update_files(struct lam_update *update, struct lam_error *error) {
  struct lam_edit *edit = update->edit;
  struct lam_write_options moved;
  LAM_TRY(lam_edit_depend(edit, update->added ? NULL : update->outcomes, error));
  if (update->moves) LAM_TRY(open_moved(update, &moved, error));
  /* Rows that move come in the order of the table. */
  LAM_TRY(update->moves ? lam_pool_run(lam_context_pool(edit->context), edit->table->snapshot.file_count, 1,
                                       update_matching, update, error)
                        : lam_edit_each_file(edit, update_matching, update, error));
  if (update->moves) LAM_TRY(lam_new_rows_finish(update->moved, false, error));
  if (!update->added || edit->result.rows_matched == 0) return LAM_OK;
  /* A file that comes meanwhile would not have them. */
  LAM_TRY(lam_change_scope(&edit->change, "", error));
  return lam_edit_each_file(edit, add_columns, update, error);
}

static enum lam_status run_update(void *user, struct lam_edit *edit, struct lam_error *error) {
  struct lam_update update = {.options = user, .edit = edit};
  lam_arena_init(&update.arena, edit->mem);
  pthread_mutex_init(&update.lock, NULL);
  enum lam_status status = bind(&update, error);
  if (status == LAM_NOT_FOUND && edit->filter.count && !edit->whole) { /* a column that the partitions lack, perhaps */
    lam_schema_release(&update.after);
    update.after = (struct ArrowSchema){.name = NULL};
    update.added = 0;
    status = lam_edit_widen(edit, error);
    if (status == LAM_OK) status = bind(&update, error);
  }
  if (status == LAM_OK) status = find_partitioning(&update, error);
  if (status == LAM_OK) status = update_files(&update, error);
  lam_new_rows_close(update.moved);
  pthread_mutex_destroy(&update.lock);
  lam_schema_release(&update.after);
  lam_arena_release(&update.arena);
  return status;
}

static enum lam_status read_options(const struct lam_update_options *given, struct lam_update_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_update_options)LAM_UPDATE_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_UPDATE_OPTIONS_INIT", out, sizeof *out, error));
  return out->set ? LAM_OK : lam_fail(error, LAM_INVALID, "an update that sets nothing");
}

enum lam_status lam_update_directory(struct lam_directory *directory, const struct lam_update_options *given,
                                     struct lam_edit_result *result, struct lam_error *error) {
  struct lam_update_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run(directory, &options.change, "update", run_update, &options, result, error);
}

enum lam_status lam_update(struct lam_context *context, const char *path, const struct lam_update_options *given,
                           struct lam_edit_result *result, struct lam_error *error) {
  struct lam_update_options options;
  LAM_TRY(read_options(given, &options, error));
  return lam_edit_run_at(context, path, &options.change, "update", 0, run_update, &options, result, error);
}
