/* A whole file, read as plain values, as dictionaries and page by page, in a memory store with a small budget. */
#include <stdio.h>
#include <stdlib.h>

#include "arrow/array.h"
#include "parquet/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every value is touched, so that a buffer too short is found. */
static uint64_t sum_of(const struct ArrowSchema *schema, const struct ArrowArray *array) {
  struct lam_view view;
  uint64_t sum = 0;
  if (lam_view_init(schema, array, &view, NULL) != LAM_OK) abort();
  int bits = lam_type_bits(&view.type);
  for (int64_t i = 0; i < view.length; i++) {
    if (!lam_view_valid(&view, i)) continue;
    if (view.dictionary_array && lam_view_index(&view, i) >= view.dictionary_array->length) abort();
    if (bits == 1) {
      sum += lam_bit_get(view.data, view.offset + i);
    } else if (bits > 1) {
      const uint8_t *value = (const uint8_t *)view.data + (view.offset + i) * (bits / 8);
      for (int k = 0; k < bits / 8; k++) sum += value[k];
    } else if (view.data) {
      struct lam_bytes value = lam_view_bytes(&view, i);
      for (size_t k = 0; k < value.size; k++) sum += value.data[k];
    }
  }
  if (view.dictionary_array) sum += sum_of(view.dictionary_schema, view.dictionary_array);
  return sum;
}

static void read_column(struct lam_file *file, struct lam_mem *mem, int32_t column, bool dictionaries) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  struct ArrowSchema schema;
  options.columns = &column;
  options.column_count = 1;
  options.batch_rows = dictionaries ? 100 : 0;
  struct lam_reader_mode mode = {.all_dictionaries = dictionaries, .one_thread = true};
  if (lam_reader_open_as(file, &options, &mode, mem, &reader, NULL) != LAM_OK) return;
  if (lam_reader_schema(reader, &schema, NULL) == LAM_OK) {
    struct ArrowArray batch;
    /* Runs of equal values and nulls make any number of rows from a few bytes. */
    for (int i = 0; i < 200 && lam_reader_next(reader, &batch, NULL) == LAM_OK && batch.release; i++) {
      volatile uint64_t sum = sum_of(schema.children[0], batch.children[0]);
      (void)sum;
      lam_array_release(&batch);
    }
    lam_schema_release(&schema);
  }
  lam_reader_close(reader);
}

static enum lam_status ignore(void *user, const struct lam_page *page, struct lam_error *error) {
  (void)user, (void)page, (void)error;
  return LAM_OK;
}

static void read_file(struct lam_store *store, struct lam_mem *mem) {
  struct lam_file *file;
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  options.no_checksums = true; /* which a fuzzer cannot guess */
  if (lam_file_open_in(store, "f", &options, mem, &file, NULL) != LAM_OK) return;
  struct ArrowSchema schema;
  if (lam_file_schema(file, &schema, NULL) == LAM_OK) lam_schema_release(&schema);
  for (int32_t i = 0; i < lam_file_columns(file) && i < 20; i++) {
    read_column(file, mem, i, false);
    read_column(file, mem, i, true);
  }
  for (int32_t group = 0; group < lam_file_row_groups(file) && group < 4; group++)
    for (int32_t leaf = 0; leaf < lam_file_meta(file)->leaf_count && leaf < 20; leaf++)
      (void)lam_chunk_walk(file, group, leaf, true, mem, ignore, NULL, NULL);
  lam_file_close(file);
}

static bool put(struct lam_store *store, const uint8_t *data, size_t size) {
  struct lam_output *output;
  if (store->ops->create(store, "f", &output, NULL) != LAM_OK) return false;
  bool ok = store->ops->write(output, data, size, NULL) == LAM_OK;
  return store->ops->close_output(output, NULL) == LAM_OK && ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_context *context;
  struct lam_store *store;
  struct lam_mem *mem;
  options.threads = 1;
  options.memory_limit = 32 << 20;
  if (lam_context_create(&options, &context, NULL) != LAM_OK) return 0;
  if (lam_store_memory(context, &store, NULL) == LAM_OK && lam_mem_open(context, 0, &mem, NULL) == LAM_OK) {
    if (store->ops->make_directory) (void)store->ops->make_directory(store, "", NULL);
    if (put(store, data, size)) read_file(store, mem);
    lam_mem_close(mem);
    lam_store_close(store);
  }
  lam_context_free(context);
  return 0;
}
