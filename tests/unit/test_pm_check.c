/* The sidecars of all public test files agree with their footers; what differs is found. */
#include "pm_support.h"

static bool print_fault(void *user, const char *message) {
  print_error("%s\n", message);
  ++*(int *)user;
  return true;
}
static bool count_fault(void *user, const char *message) {
  (void)message;
  ++*(int *)user;
  return true;
}

/* Every schema node and key of the footer is in the sidecar. */
static void want_meta(struct lam_sidecar *sidecar, const struct lam_file_meta *expected) {
  struct lam_arena arena;
  struct lam_file_meta meta;
  bool there;
  lam_arena_init(&arena, mem);
  OK(pm_file_meta(sidecar, &arena, &there, &meta, &error));
  assert_true(there);
  assert_int_equal(meta.node_count, expected->node_count);
  for (int32_t i = 0; i < meta.node_count; i++) {
    const struct lam_schema_node *a = &meta.nodes[i], *b = &expected->nodes[i];
    assert_true(lam_bytes_equal(a->name, b->name) && lam_bytes_equal(a->raw, b->raw));
    assert_true(a->parent == b->parent && a->leaf == b->leaf && a->leaves == b->leaves && a->field_id == b->field_id);
    assert_true(a->physical == b->physical && a->repetition == b->repetition && a->converted == b->converted);
    assert_true(a->max_definition == b->max_definition && a->max_repetition == b->max_repetition);
    assert_true(a->logical.kind == b->logical.kind && a->logical.utc == b->logical.utc &&
                a->logical.unit == b->logical.unit && a->logical.precision == b->logical.precision &&
                a->logical.scale == b->logical.scale && a->logical.bit_width == b->logical.bit_width &&
                a->logical.is_signed == b->logical.is_signed && lam_bytes_equal(a->logical.raw, b->logical.raw));
    assert_true(a->type_length == b->type_length && a->precision == b->precision && a->scale == b->scale);
  }
  assert_true(lam_bytes_equal(meta.created_by, expected->created_by));
  assert_int_equal(!meta.column_orders, !expected->column_orders);
  if (meta.column_orders) assert_memory_equal(meta.column_orders, expected->column_orders, meta.leaf_count);
  assert_int_equal(meta.key_value_count, expected->key_value_count);
  for (int32_t i = 0; i < meta.key_value_count; i++)
    assert_true(lam_bytes_equal(meta.key_values[i].key, expected->key_values[i].key) &&
                lam_bytes_equal(meta.key_values[i].value, expected->key_values[i].value));
  lam_arena_release(&arena);
}

/* False where no sidecar can describe the file. */
static bool round_trip(struct lam_file *file, bool plain, bool inlined) {
  struct lam_sidecar_source source;
  struct lam_buf bytes = {.mem = mem};
  struct lam_sidecar *sidecar;
  int faults = 0;
  const struct lam_sidecar_format format = {.plain = plain, .inline_blooms = inlined};
  OK(lam_sidecar_source_of(file, mem, &source, &error));
  enum lam_status status = lam_sidecar_build_in(&source, &format, &bytes, NULL);
  if (status == LAM_OK) {
    OK(lam_sidecar_open_bytes(lam_bytes_of(bytes.data, bytes.size),
                              &(struct lam_sidecar_open_options){.token = lam_file_size(file), .whole = plain}, mem,
                              &sidecar, &error));
    OK(lam_sidecar_compare(sidecar, file, mem, print_fault, &faults, &error));
    assert_int_equal(faults, 0);
    if (!plain) want_meta(sidecar, lam_file_meta(file));
    lam_sidecar_close(sidecar);
  }
  lam_buf_release(&bytes);
  return status == LAM_OK;
}

static bool described(struct lam_file *file) {
  if (!round_trip(file, false, false)) return false;
  assert_true(round_trip(file, true, false) && round_trip(file, false, true));
  return true;
}
static void public_files(void **state) {
  (void)state;
  int count = each_public_file(described);
  if (count < 0) skip();
  assert_true(count > 60);
}

/* A sidecar of another file: what differs is counted. */
static void differences(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_file *file;
  struct lam_sidecar_source source;
  struct lam_sidecar *sidecar;
  struct lam_buf bytes = {.mem = mem};
  OK(lam_store_local(context, PUBLIC_FILES, &store, &error));
  if (lam_file_open_in(store, "alltypes_plain.snappy.parquet", NULL, mem, &file, NULL) != LAM_OK) {
    lam_store_close(store);
    skip();
  }
  OK(lam_sidecar_source_of(file, mem, &source, &error));
  struct lam_file_meta *meta = (struct lam_file_meta *)(uintptr_t)source.meta;
  struct lam_chunk_meta *chunk = &meta->row_groups[0].chunks[3], was = *chunk;
  chunk->values++, chunk->uncompressed_size++;
  meta->row_groups[0].rows++;
  OK(lam_sidecar_build_in(&source, &(struct lam_sidecar_format){0}, &bytes, &error));
  *chunk = was;
  meta->row_groups[0].rows--;
  OK(lam_sidecar_open_bytes(lam_bytes_of(bytes.data, bytes.size), &(struct lam_sidecar_open_options){0}, mem, &sidecar,
                            &error));
  int faults = 0;
  OK(lam_sidecar_compare(sidecar, file, mem, count_fault, &faults, &error));
  assert_int_equal(faults, 3);
  faults = 0;
  OK(lam_sidecar_compare(sidecar, NULL, mem, count_fault, &faults, &error));
  assert_int_equal(faults, 0);
  lam_sidecar_close(sidecar);
  lam_buf_release(&bytes);
  lam_file_close(file);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PM_TEST(public_files),
      PM_TEST(differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
