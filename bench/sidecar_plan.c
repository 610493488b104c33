/* Planning one condition on a sidecar: sidecar_plan SIDECAR WHERE cold|whole|open TIMES
 * Prints the milliseconds of each time, one a line. cold: open (map, verify what is touched), decide, close; whole: the
 * same with the CRC of all bytes; open: on a handle that is open. The pages of the file are in the system's cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lamella/sidecar.h"
#include "sidecar/sidecar.h"
#include "timing.h"

enum { GROUPS_MOST = 1 << 16 };
static uint8_t verdicts[GROUPS_MOST];

static enum lam_status open_whole(struct lam_mem *mem, struct lam_store *store, const char *key,
                                  struct lam_sidecar **out, struct lam_error *error) {
  const struct lam_sidecar_open_options options = {.whole = true};
  return lam_sidecar_open_in(store, key, &options, mem, out, error);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context *context;
  struct lam_store *store = NULL;
  struct lam_mem *mem = NULL;
  struct lam_sidecar *sidecar = NULL;
  bool whole = strcmp(argv[3], "whole") == 0, keep = strcmp(argv[3], "open") == 0;
  enum lam_status status = lam_context_create(NULL, &context, &error);
  if (status == LAM_OK) status = lam_store_local(context, "/", &store, &error);
  if (status == LAM_OK) status = lam_mem_open(context, 0, &mem, &error);
  for (int i = 0; status == LAM_OK && i < atoi(argv[4]); i++) {
    double start = now_ms();
    if (!sidecar)
      status = whole ? open_whole(mem, store, argv[1] + 1, &sidecar, &error)
                     : lam_sidecar_open(context, argv[1], 0, &sidecar, &error);
    if (status == LAM_OK && lam_sidecar_row_groups(sidecar) <= GROUPS_MOST)
      status = lam_sidecar_prune(sidecar, argv[2], NULL, verdicts, &error);
    if (!keep) {
      lam_sidecar_close(sidecar);
      sidecar = NULL;
    }
    printf("%.4f\n", now_ms() - start);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  return status == LAM_OK ? 0 : 1;
}
