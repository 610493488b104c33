/* Planning a table by its pack.
 *   pack_plan TABLE make            makes the pack; prints its files, bytes and the milliseconds that took
 *   pack_plan TABLE stat TIMES      only looks at the table's directories, as trusting a pack does
 *   pack_plan TABLE plan WHERE TIMES   opens the table, plans and closes it; prints the row groups kept, then
 * the milliseconds of each time, one a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sidecar/pack.h"
#include "table/pack_make.h"
#include "timing.h"

#include "lamella/table.h"

static enum lam_status make(struct lam_directory *directory, struct lam_error *error) {
  struct lam_pack_counts counts;
  double start = now_ms();
  LAM_TRY(lam_pack_make(directory, false, 0, &counts, error));
  printf("%llu %llu %.1f\n", (unsigned long long)counts.files, (unsigned long long)counts.bytes, now_ms() - start);
  return LAM_OK;
}

static enum lam_status look(struct lam_directory *directory, int times, struct lam_error *error) {
  struct lam_pack *pack;
  struct lam_object_info info;
  LAM_TRY(lam_pack_open(directory->meta, LAM_PACK_KEY, directory->mem, &pack, error));
  enum lam_status status = LAM_OK;
  for (int t = 0; status == LAM_OK && t < times; t++) {
    double start = now_ms();
    for (uint32_t i = 0; status == LAM_OK && i < pack->head.directories; i++)
      status = directory->data->ops->stat(directory->data, lam_pack_key(pack, pack->directories[i].key), &info, error);
    printf("%.4f\n", now_ms() - start);
  }
  lam_pack_close(pack);
  return status;
}

static enum lam_status plan_once(struct lam_context *context, const char *path, const char *where,
                                 struct lam_plan_result *result, struct lam_error *error) {
  struct lam_table *table;
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  LAM_TRY(lam_table_open(context, path, NULL, &table, error));
  options.where = where;
  enum lam_status status = lam_plan(table, &options, NULL, NULL, result, error);
  lam_table_close(table);
  return status;
}

static enum lam_status plan(struct lam_context *context, const char *path, const char *where, int times,
                            struct lam_error *error) {
  for (int t = 0; t < times; t++) {
    struct lam_plan_result result = LAM_PLAN_RESULT_INIT;
    double start = now_ms();
    LAM_TRY(plan_once(context, path, where, &result, error));
    double taken = now_ms() - start;
    if (t == 0) printf("%llu\n", (unsigned long long)(result.files - result.files_skipped));
    printf("%.4f\n", taken);
  }
  return LAM_OK;
}

int main(int argc, char **argv) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_directory *directory;
  if (argc < 3) return 2;
  enum lam_status status = lam_context_create(NULL, &context, &error);
  if (status == LAM_OK && argc == 5 && strcmp(argv[2], "plan") == 0) {
    status = plan(context, argv[1], argv[3], atoi(argv[4]), &error);
  } else if (status == LAM_OK) {
    status = lam_mem_open(context, 0, &mem, &error);
    if (status == LAM_OK) status = lam_directory_open(context, argv[1], NULL, false, mem, &directory, &error);
    if (status == LAM_OK && strcmp(argv[2], "make") == 0) status = make(directory, &error);
    if (status == LAM_OK && argc == 4) status = look(directory, atoi(argv[3]), &error);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  return status == LAM_OK ? 0 : 1;
}
