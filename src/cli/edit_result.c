/* The counts of changes of rows, of every command the same. */
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "lamella/change.h"

enum lam_status cli_print_edit(struct cli *cli, const char *operation, bool dry_run, const struct lam_edit_result *r,
                               uint64_t start, struct lam_error *error) {
  char name[64];
  snprintf(name, sizeof name, "%s%s", operation, dry_run ? " (dry run)" : "");
  const struct result_field fields[] = {
      {"operation", RESULT_TEXT, 0, name},
      {"rows_matched", RESULT_COUNT, r->rows_matched, NULL},
      {"rows_deleted", RESULT_COUNT, r->rows_deleted, NULL},
      {"rows_updated", RESULT_COUNT, r->rows_updated, NULL},
      {"rows_inserted", RESULT_COUNT, r->rows_inserted, NULL},
      {"rows_unchanged", RESULT_COUNT, r->rows_unchanged, NULL},
      {"duplicates_removed", RESULT_COUNT, r->duplicates_removed, NULL},
      {"null_keys", RESULT_COUNT, r->null_keys, NULL},
      {"source_rows", RESULT_COUNT, r->source_rows, NULL},
      {"files_scanned", RESULT_COUNT, r->files_scanned, NULL},
      {"files_read", RESULT_COUNT, r->files_read, NULL},
      {"files_rewritten", RESULT_COUNT, r->files_rewritten, NULL},
      {"files_removed", RESULT_COUNT, r->files_removed, NULL},
      {"files_added", RESULT_COUNT, r->files_added, NULL},
      {"row_groups_copied", RESULT_COUNT, r->row_groups_copied, NULL},
      {"row_groups_encoded", RESULT_COUNT, r->row_groups_encoded, NULL},
      {"bytes_read", RESULT_BYTES, r->bytes_read, NULL},
      {"bytes_written", RESULT_BYTES, r->bytes_written, NULL},
      {"partitions_scanned", RESULT_COUNT, r->partitions_scanned, NULL},
      {"partitions_affected", RESULT_COUNT, r->partitions_affected, NULL},
      {"runs_spilled", RESULT_COUNT, r->runs_spilled, NULL},
      {"retries", RESULT_COUNT, r->retries, NULL},
      {"sequence", RESULT_COUNT, r->sequence, NULL},
      {"seconds", RESULT_SECONDS, cli_now_ms() - start, NULL},
  };
  return cli_print_result(cli, fields, sizeof fields / sizeof *fields, error);
}
