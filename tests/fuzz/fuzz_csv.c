/* CSV of any bytes: the first two choose options, the rest is the input. */
#include "fuzz_text.h"

static void read_all(struct lam_mem *mem, struct fuzz_source *source, const uint8_t data[2]) {
  static const char *const nulls[] = {"NA"};
  const struct lam_csv_options options = {
      .delimiter = data[0] & 1 ? ';' : ',',
      .quote = data[0] & 2 ? '\'' : '"',
      .no_header = data[0] & 4,
      .nulls = nulls,
      .null_count = data[0] >> 3 & 1,
      .sample_rows = 1 + (data[0] >> 4),
      .sample_bytes = data[1] & 0x70,
      .row_bytes = data[1] & 0x80 ? 100 : 0,
      .batch_rows = 3,
  };
  struct lam_csv *csv;
  struct lam_error error = LAM_ERROR_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  if (lam_csv_open(mem, fuzz_read_source, source, &options, &csv, &error) != LAM_OK) return;
  if (lam_csv_schema(csv, &schema, &error) == LAM_OK) lam_schema_release(&schema);
  while (lam_csv_next(csv, &batch, &error) == LAM_OK && batch.release) lam_array_release(&batch);
  lam_csv_close(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_with_source(data, size, read_all);
  return 0;
}
