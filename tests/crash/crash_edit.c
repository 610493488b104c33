/* delete and update, stopped at every operation of their stores, with a power cut, and with a recovery that is stopped
 * in turn. */
#include "change_support.h"
#include "ops_crash.h"

static void set_up(struct lam_store *data) {
  put_groups(data, "p=1/f1.parquet", 1, 5, 2);
  put_rows(data, "p=1/f2.parquet", 6, 2);
  put_rows(data, "p=2/f1.parquet", 11, 2);
  put_rows(data, "p=3/f1.parquet", 21, 3);
  put_file(data, "p=3/notes.txt", "notes");
}
static void set_up_root(struct lam_store *data) {
  put_groups(data, "f1.parquet", 1, 4, 2);
  put_rows(data, "f2.parquet", 5, 2);
}
static const char before[] = "p=1:1,2,3,4,5,6,7,;p=2:11,12,;p=3:21,22,23,;";

static enum lam_status run_delete(struct lam_directory *directory, const char *where, uint32_t mode, uint64_t *sequence,
                                  struct lam_error *error) {
  struct lam_delete_options options = LAM_DELETE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.where = where;
  options.change.mode = mode;
  options.change.backup_dir = crash_backup_dir;
  enum lam_status status = lam_delete_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}
/* Rows of one file, all of another, all of a partition. */
static enum lam_status delete_some(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_delete(directory, "id in (3, 6, 7, 22) or p = 2", LAM_MODE_REWRITE, sequence, error);
}
static enum lam_status delete_in_place(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_delete(directory, "id in (3, 6, 7, 22) or p = 2", LAM_MODE_APPEND, sequence, error);
}
static enum lam_status delete_all(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_delete(directory, "true", LAM_MODE_REWRITE, sequence, error);
}

static enum lam_status run_update(struct lam_directory *directory, const char *set, const char *where, uint32_t mode,
                                  uint64_t *sequence, struct lam_error *error) {
  struct lam_update_options options = LAM_UPDATE_OPTIONS_INIT;
  struct lam_edit_result result = LAM_EDIT_RESULT_INIT;
  options.set = set;
  options.where = where;
  options.change.mode = mode;
  options.change.backup_dir = crash_backup_dir;
  enum lam_status status = lam_update_directory(directory, &options, &result, error);
  *sequence = result.sequence;
  return status;
}
static enum lam_status move(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_update(directory, "p = p + 2, value = id / 4.0", "p = 2 or id in (1, 4)", LAM_MODE_REWRITE, sequence,
                    error);
}
static enum lam_status add_column(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_update(directory, "more = id + 1, value = id / 4.0", "id in (1, 4, 22)", LAM_MODE_REWRITE, sequence,
                    error);
}
static enum lam_status update_in_place(struct lam_directory *directory, uint64_t *sequence, struct lam_error *error) {
  return run_update(directory,
                    "id = id + 40, value = (id + 40) / 4.0, text = CASE WHEN id = 2 THEN 'r42' ELSE 'r62' END",
                    "id in (2, 22)", LAM_MODE_APPEND, sequence, error);
}

static const struct crash_scenario some = {
    .name = "delete",
    .set_up = set_up,
    .run = delete_some,
    .before = before,
    .after = "p=1:1,2,4,5,;p=3:21,23,;",
};
static const struct crash_scenario in_place = {
    .name = "delete in place",
    .set_up = set_up,
    .run = delete_in_place,
    .before = before,
    .after = "p=1:1,2,4,5,;p=3:21,23,;",
    .by_files = true,
    .in_place = true,
};
static const struct crash_scenario all = {
    .name = "delete all",
    .set_up = set_up_root,
    .run = delete_all,
    .before = ":1,2,3,4,5,6,;",
    .after = "",
    .by_files = true,
};
static const struct crash_scenario moves = {
    .name = "update a partition column",
    .set_up = set_up,
    .run = move,
    .before = before,
    .after = "p=1:2,3,5,6,7,;p=3:21,22,23,1,4,;p=4:11,12,;",
};
static const struct crash_scenario added = {
    .name = "update a new column",
    .set_up = set_up,
    .run = add_column,
    .before = before,
    .after = "p=1:1+,2+,3+,4+,5+,6+,7+,;p=2:11+,12+,;p=3:21+,22+,23+,;", /* in all files at once */
};
static const struct crash_scenario updates_in_place = {
    .name = "update in place",
    .set_up = set_up,
    .run = update_in_place,
    .before = before,
    .after = "p=1:1,42,3,4,5,6,7,;p=2:11,12,;p=3:21,62,23,;",
    .by_files = true,
    .in_place = true,
    .keeps = true,
};
static const struct crash_scenario kept = {
    .name = "delete with a backup",
    .set_up = set_up,
    .run = delete_some,
    .before = before,
    .after = "p=1:1,2,4,5,;p=3:21,23,;",
    .keeps = true,
};
static const struct crash_scenario kept_in_place = {
    .name = "delete in place with a backup",
    .set_up = set_up,
    .run = delete_in_place,
    .before = before,
    .after = "p=1:1,2,4,5,;p=3:21,23,;",
    .by_files = true,
    .in_place = true,
    .keeps = true,
};
static const struct crash_scenario moves_kept = {
    .name = "update a partition column with a backup",
    .set_up = set_up,
    .run = move,
    .before = before,
    .after = "p=1:2,3,5,6,7,;p=3:21,22,23,1,4,;p=4:11,12,;",
    .keeps = true,
};
int main(void) {
  const struct CMUnitTest tests[] = {
      CRASH_TEST(errors, some),
      CRASH_TEST(errors, added),
      CRASH_TEST(full_disk, moves),
      CRASH_TEST(full_disk, in_place),
      CRASH_TEST(power_cut, some),
      CRASH_TEST(power_cut, in_place),
      CRASH_TEST(power_cut, all),
      CRASH_TEST(power_cut, moves),
      CRASH_TEST(power_cut, added),
      CRASH_TEST(recovery, some),
      CRASH_TEST(recovery, moves),
      CRASH_TEST(errors, updates_in_place),
      CRASH_TEST(power_cut, updates_in_place),
      CRASH_TEST(full_disk, kept),
      CRASH_TEST(power_cut, kept),
      CRASH_TEST(errors, kept_in_place),
      CRASH_TEST(power_cut, kept_in_place),
      CRASH_TEST(power_cut, moves_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
