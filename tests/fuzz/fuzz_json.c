/* JSON lines of any bytes: the first two choose options, the rest is the input. What is read is written again. */
#include "arrow/json_write.h"
#include "fuzz_text.h"
#include "ops/json_read.h"

static void write_batch(struct lam_mem *mem, const struct ArrowSchema *schema, const struct ArrowArray *batch) {
  struct lam_json_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  if (lam_json_writer_init(&writer, mem, schema, NULL) != LAM_OK) return;
  if (lam_json_write(&writer, batch, 0, batch->length, &out, NULL) == LAM_INVALID) __builtin_trap();
  lam_json_writer_release(&writer);
  lam_buf_release(&out);
}

static void read_all(struct lam_mem *mem, struct fuzz_source *source, const uint8_t data[2]) {
  const struct lam_csv_type decimal = {
      .column = "d", .type = {.id = LAM_TYPE_DECIMAL128, .precision = 10, .scale = 2, .timezone = ""}};
  const struct lam_json_options options = {
      .types = &decimal,
      .type_count = data[0] & 1,
      .sample_rows = 1 + (data[0] >> 4),
      .sample_bytes = data[1] & 0x70 ? data[1] & 0x70 : 16,
      .row_bytes = data[1] & 0x80 ? 100 : 0,
      .batch_rows = 3,
  };
  struct lam_json *json;
  struct lam_error error = LAM_ERROR_INIT;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  if (lam_json_open(mem, fuzz_read_source, source, &options, &json, &error) != LAM_OK) return;
  if (lam_json_schema(json, &schema, &error) == LAM_OK) {
    while (lam_json_next(json, &batch, &error) == LAM_OK && batch.release) {
      write_batch(mem, &schema, &batch);
      lam_array_release(&batch);
    }
    lam_schema_release(&schema);
  }
  lam_json_close(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_with_source(data, size, read_all);
  return 0;
}
