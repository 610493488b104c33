/* Planning a table by its pack.
 *   pack_plan TABLE make            makes the pack; prints its files, bytes and the milliseconds that took
 *   pack_plan TABLE renew TIMES     makes the pack from the one that is there, as a commit does
 *   pack_plan TABLE stat TIMES      only looks at the table's directories, as trusting a pack does
 *   pack_plan TABLE plan WHERE TIMES    opens the table, plans and closes it; prints the files kept first
 *   pack_plan TABLE count WHERE TIMES   opens the table, counts the rows that match and closes it; prints them first
 * and the milliseconds of each time, one a line. */
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

static enum lam_status renew(struct lam_directory *directory, int times, struct lam_error *error) {
  for (int t = 0; t < times; t++) {
    double start = now_ms();
    LAM_TRY(lam_pack_make(directory, true, 0, NULL, error));
    printf("%.4f\n", now_ms() - start);
  }
  return LAM_OK;
}

static enum lam_status run(struct lam_table *table, bool plan, const char *where, uint64_t *out,
                           struct lam_error *error) {
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_plan_result planned = LAM_PLAN_RESULT_INIT;
  struct lam_count_result counted = LAM_COUNT_RESULT_INIT;
  options.where = where;
  enum lam_status status =
      plan ? lam_plan(table, &options, NULL, NULL, &planned, error) : lam_table_count(table, where, &counted, error);
  *out = plan ? planned.files - planned.files_skipped : counted.rows;
  return status;
}

static enum lam_status time_table(struct lam_context *context, char **argv, struct lam_error *error) {
  for (int t = 0; t < atoi(argv[4]); t++) {
    struct lam_table *table;
    uint64_t result;
    double start = now_ms();
    LAM_TRY(lam_table_open(context, argv[1], NULL, &table, error));
    enum lam_status status = run(table, strcmp(argv[2], "plan") == 0, argv[3], &result, error);
    lam_table_close(table);
    double taken = now_ms() - start;
    if (status != LAM_OK) return status;
    if (t == 0) printf("%llu\n", (unsigned long long)result);
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
  if (status == LAM_OK && argc == 5) {
    status = time_table(context, argv, &error);
  } else if (status == LAM_OK) {
    status = lam_mem_open(context, 0, &mem, &error);
    if (status == LAM_OK) status = lam_directory_open(context, argv[1], NULL, false, mem, &directory, &error);
    if (status == LAM_OK && strcmp(argv[2], "make") == 0) status = make(directory, &error);
    if (status == LAM_OK && argc == 4)
      status = strcmp(argv[2], "renew") == 0 ? renew(directory, atoi(argv[3]), &error)
                                             : look(directory, atoi(argv[3]), &error);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  return status == LAM_OK ? 0 : 1;
}
