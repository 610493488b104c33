/* Runs a compaction or an import of a local table and ends the process at the Nth operation of its stores, as a kill
 * would: for test_crash_readers.py, which then reads the directory with other programs.
 *
 *   compact_driver compact N DIR            exit status 99 where it was stopped, else 0
 *   compact_driver sort N DIR COLUMN        compaction that sorts, too
 *   compact_driver import N DIR SOURCE COLUMN */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_store.h"
#include "ops/compact.h"
#include "ops/import.h"

static enum lam_status change(struct lam_directory *directory, char **arguments, struct lam_error *error) {
  struct lam_compact_options compact = LAM_COMPACT_OPTIONS_INIT;
  struct lam_import_options import = LAM_IMPORT_OPTIONS_INIT;
  const char *const source = arguments[4];
  const char *column = arguments[strcmp(arguments[1], "import") == 0 ? 5 : 4];
  struct lam_sort_key key = {.column = column, .descending = true};
  if (strcmp(arguments[1], "import") == 0) {
    import.partition_by = &column;
    import.partition_by_count = 1;
    return lam_import_directory(directory, &source, 1, &import, NULL, error);
  }
  if (strcmp(arguments[1], "sort") == 0) {
    compact.sort_by = &key;
    compact.sort_count = 1;
  }
  return lam_compact_directory(directory, &compact, NULL, error);
}

static enum lam_status run(struct lam_context *context, struct fault *fault, char **arguments,
                           struct lam_error *error) {
  char meta_path[4096];
  struct lam_store *stores[2], *wrapped[2];
  struct lam_mem *mem;
  struct lam_directory *directory;
  snprintf(meta_path, sizeof meta_path, "%s.lamella", arguments[3]);
  LAM_TRY(lam_mem_open(context, 0, &mem, error));
  LAM_TRY(lam_store_local(context, arguments[3], &stores[0], error));
  LAM_TRY(lam_store_local(context, meta_path, &stores[1], error));
  for (int i = 0; i < 2; i++) fault_wrap(fault, stores[i], &wrapped[i]);
  LAM_TRY(lam_directory_open_stores(context, wrapped[0], wrapped[1], arguments[3], mem, &directory, error));
  enum lam_status status = change(directory, arguments, error);
  lam_directory_close(directory);
  for (int i = 0; i < 2; i++) lam_store_close(wrapped[i]), lam_store_close(stores[i]);
  lam_mem_close(mem);
  return status;
}

int main(int argc, char **argv) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context *context;
  struct fault *fault;
  int wanted = argc < 2 ? 6 : strcmp(argv[1], "compact") == 0 ? 4 : strcmp(argv[1], "sort") == 0 ? 5 : 6;
  if (argc != wanted) return 2;
  options.threads = 1; /* so that the Nth operation is always the same */
  options.memory_limit = 64 << 20;
  if (lam_context_create(&options, &context, &error) != LAM_OK) return 1;
  fault_create(&fault);
  fault_arm(fault, &(struct fault_plan){.at = strtoull(argv[2], NULL, 10), .action = FAULT_EXIT});
  enum lam_status status = run(context, fault, argv, &error);
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  fault_free(fault);
  lam_context_free(context);
  return status == LAM_OK ? 0 : 1;
}
