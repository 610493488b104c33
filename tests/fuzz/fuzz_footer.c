/* Footers: what parses has a schema that can be asked, and is the same again after it was written. */
#include <stdlib.h>

#include "parquet/schema.h"

static struct lam_mem *account(void) {
  static struct lam_mem *mem;
  struct lam_context *context;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = 1;
  options.memory_limit = 1 << 30;
  if (!mem && (lam_context_create(&options, &context, NULL) || lam_mem_open(context, 0, &mem, NULL))) abort();
  return mem;
}

static void check(bool condition) {
  if (!condition) abort();
}

static void ask(const struct lam_file_meta *meta) {
  struct lam_error error = LAM_ERROR_INIT;
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    struct lam_leaf leaf;
    (void)lam_leaf_of_node(meta, meta->leaves[i], &leaf, &error);
    (void)lam_statistics_trusted(meta, i, i & 1);
  }
  for (int32_t i = 0; i < lam_top_columns(meta); i++) {
    struct ArrowSchema schema;
    struct lam_schema_node node;
    if (lam_schema_of_column(meta, i, &schema, &error) != LAM_OK) {
      check(!schema.release);
      continue;
    }
    check(lam_node_of_schema(&schema, &node, &error) != LAM_OK || node.physical >= 0);
    schema.release(&schema);
  }
  (void)lam_raw_copy_allowed(meta);
}

/* A path that the footer lacks is written from the schema. */
static void check_same(const struct lam_file_meta *a, const struct lam_file_meta *b) {
  check(a->rows == b->rows && a->node_count == b->node_count && a->leaf_count == b->leaf_count &&
        a->row_group_count == b->row_group_count && a->key_value_count == b->key_value_count);
  for (int32_t g = 0; g < a->row_group_count; g++)
    for (int32_t i = 0; i < a->leaf_count; i++) {
      const struct lam_chunk_meta *x = &a->row_groups[g].chunks[i], *y = &b->row_groups[g].chunks[i];
      struct lam_chunk_details v, w;
      lam_chunk_details(x, &v);
      lam_chunk_details(y, &w);
      check(x->values == y->values && x->data_page_offset == y->data_page_offset && x->encodings == y->encodings &&
            x->compressed_size == y->compressed_size && (v.path.size == 0 || lam_bytes_equal(v.path, w.path)) &&
            lam_bytes_equal(v.statistics.min, w.statistics.min) && v.statistics.null_count == w.statistics.null_count);
    }
}

static void run(struct lam_bytes footer, uint64_t file_size) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_arena arena;
  struct lam_file_meta meta, again;
  struct lam_buf buf;
  lam_arena_init(&arena, account());
  lam_buf_init(&buf, account());
  if (lam_file_meta_parse(footer, file_size, &arena, &meta, &error) == LAM_OK) {
    ask(&meta);
    if (lam_file_meta_write(&meta, &buf, &error) == LAM_OK) {
      check(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), file_size, &arena, &again, &error) == LAM_OK);
      check_same(&meta, &again);
    }
  } else {
    check(error.message[0]);
  }
  lam_buf_release(&buf);
  lam_arena_release(&arena);
}

/* The first byte chooses whether the file's size is known. A whole file may come too: then its footer is taken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  size_t length = size >= 12 ? lam_load32(data + size - 8) : 0;
  if (size >= 12 && memcmp(data + size - 4, "PAR1", 4) == 0 && length <= size - 8)
    run(lam_bytes_of(data + size - 8 - length, length), size);
  else
    run(lam_bytes_of(data + 1, size - 1), data[0] & 1 ? 0 : (uint64_t)data[0] << 8);
  return 0;
}
