/* CSV of any bytes: the first two choose options, the rest is the input. */
#include "ops/csv_read.h"

struct source {
  const uint8_t *data;
  size_t size, step;
};

static enum lam_status read_source(void *user, void *to, size_t room, size_t *got, struct lam_error *error) {
  struct source *source = user;
  (void)error;
  *got = source->size < source->step ? source->size : source->step;
  if (*got > room) *got = room;
  lam_copy(to, source->data, *got);
  source->data += *got;
  source->size -= *got;
  return LAM_OK;
}

static void read_all(struct lam_mem *mem, struct source *source, const struct lam_csv_options *options) {
  struct lam_csv *csv;
  struct lam_error error = LAM_ERROR_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  if (lam_csv_open(mem, read_source, source, options, &csv, &error) != LAM_OK) return;
  if (lam_csv_schema(csv, &schema, &error) == LAM_OK) lam_schema_release(&schema);
  while (lam_csv_next(csv, &batch, &error) == LAM_OK && batch.release) lam_array_release(&batch);
  lam_csv_close(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  static const char *const nulls[] = {"NA"};
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  small.threads = 1, small.memory_limit = 16 << 20;
  if (!context && lam_context_create(&small, &context, NULL) != LAM_OK) __builtin_trap();
  if (size < 2) return 0;
  struct lam_csv_options options = {
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
  struct source source = {data + 2, size - 2, 1 + (size_t)(data[1] & 15) * 9};
  if (lam_mem_open(context, 0, &mem, NULL) != LAM_OK) __builtin_trap();
  read_all(mem, &source, &options);
  if (lam_mem_used(mem) != 0) __builtin_trap();
  lam_mem_close(mem);
  return 0;
}
