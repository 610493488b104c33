/* What the tests of operations that change rows share: tables in memory, files of several row groups, counts. */
#ifndef LAM_TESTS_CHANGE_SUPPORT_H
#define LAM_TESTS_CHANGE_SUPPORT_H

#include "ops_support.h"

#include "ops/change.h"

struct world {
  struct lam_store *data, *meta;
  struct lam_directory *directory;
};
static inline void begin_world_in_memory(struct world *w) {
  OK(lam_store_memory(context, &w->data, &error));
  OK(lam_store_memory_beside(w->data, &w->meta, &error));
  w->directory = open_stores(w->data, w->meta);
}
static inline void end_world_in_memory(struct world *w) {
  lam_directory_close(w->directory);
  lam_store_close(w->data);
  lam_store_close(w->meta);
}
static inline void want_world(struct world *w, const char *expected) {
  want_rows(w->data, w->meta, expected);
}

/* Rows first, first + 1, … in row groups of `group` rows. */
static inline void put_groups(struct lam_store *store, const char *key, int64_t first, int64_t count, int64_t group) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t *ids = malloc((size_t)count * sizeof *ids + 1);
  for (int64_t i = 0; i < count; i++) ids[i] = first + i;
  options.row_group_rows = group;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  free(ids);
}

/* Rows of the row groups of the only file of a directory, "3,2,". */
static inline char *groups_of(struct world *w, const char *directory) {
  struct lam_snapshot snapshot;
  struct lam_buf out;
  struct lam_file *file = NULL;
  lam_buf_init(&out, mem);
  OK(lam_snapshot_open(w->directory, NULL, &snapshot, &error));
  for (size_t i = 0; i < snapshot.file_count; i++) {
    if (strcmp(snapshot.partitions[snapshot.files[i].partition].directory, directory) != 0) continue;
    assert_null(file);
    OK(lam_snapshot_file(w->directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
  }
  for (int32_t g = 0; file && g < lam_file_row_groups(file); g++) {
    char text[32];
    snprintf(text, sizeof text, "%lld,", (long long)lam_file_row_group_rows(file, g));
    append_text(&out, text);
  }
  lam_file_close(file);
  lam_snapshot_release(&snapshot);
  return text_of_buf(&out);
}
static inline void want_groups(struct world *w, const char *directory, const char *expected) {
  char *groups = groups_of(w, directory);
  assert_string_equal(groups, expected);
  free(groups);
}

#define WANT(result, field, value) assert_int_equal((result).field, value)

static inline struct lam_edit_result delete_rows(struct world *w, const char *where, bool dry_run) {
  struct lam_delete_options options = LAM_DELETE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.where = where;
  options.change.dry_run = dry_run;
  options.change.verify_full = true;
  OK(lam_delete_directory(w->directory, &options, &result, &error));
  return result;
}
/* Fails unless a dry run counted as the run did. */
static inline void want_same_counts(const struct lam_edit_result *dry, const struct lam_edit_result *run) {
  struct lam_edit_result a = *dry, b = *run;
  a.sequence = b.sequence = 0;
  assert_memory_equal(&a, &b, sizeof a);
}

#endif
