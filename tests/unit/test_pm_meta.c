/* Metadata from sidecars: what a footer says of the public files, but for what only copying needs. */
#include "base/checksum.h"
#include "pm_support.h"

/* ---- as the footer says ---- */

static void same_bytes(struct lam_bytes a, struct lam_bytes b) {
  assert_int_equal(!a.data, !b.data);
  assert_true(lam_bytes_equal(a, b));
}

/* A bound that a slot cannot hold is left out. */
static void same_bound(struct lam_bytes found, struct lam_bytes expected, bool other_is_there) {
  if (expected.data && !found.data && !other_is_there) return;
  same_bytes(found, expected);
}

static void same_statistics(const struct lam_file_meta *meta, int32_t leaf, const struct lam_chunk_meta *found,
                            const struct lam_chunk_meta *expected) {
  struct lam_statistics f = lam_chunk_statistics(found), e = lam_chunk_statistics(expected);
  assert_int_equal(f.null_count, e.null_count);
  assert_int_equal(f.distinct_count, e.distinct_count);
  assert_int_equal(f.nan_count, e.nan_count);
  if (lam_statistics_trusted(meta, leaf, false)) {
    same_bound(f.min, e.min, f.max.data);
    same_bound(f.max, e.max, f.min.data);
    if (f.min.data) assert_int_equal(f.min_exact, e.min_exact);
    if (f.max.data) assert_int_equal(f.max_exact, e.max_exact);
  } else if (lam_statistics_trusted(meta, leaf, true)) {
    same_bytes(f.old_min, e.old_min);
    same_bytes(f.old_max, e.old_max);
  }
}

static void same_chunk(const struct lam_file *file, const struct lam_file_meta *meta, int32_t group, int32_t leaf,
                       bool inlined) {
  const struct lam_file_meta *footer = lam_file_meta(file);
  const struct lam_chunk_meta *f = &meta->row_groups[group].chunks[leaf];
  const struct lam_chunk_meta *e = &footer->row_groups[group].chunks[leaf];
  assert_int_equal(f->physical, e->physical);
  assert_int_equal(f->codec, e->codec);
  assert_int_equal(f->has_dictionary_offset, e->has_dictionary_offset);
  assert_true(f->has_metadata && !f->encrypted && !f->elsewhere);
  assert_int_equal(f->encoding_stats_known, e->encoding_stats_known);
  assert_int_equal(f->all_pages_dictionary, e->encoding_stats_known && e->all_pages_dictionary);
  assert_int_equal(f->encodings, e->encodings);
  assert_int_equal(f->offset_index_length, e->offset_index_length);
  assert_int_equal(f->column_index_length, e->column_index_length);
  assert_int_equal(f->offset_index_offset, e->offset_index_offset);
  assert_int_equal(f->column_index_offset, e->column_index_offset);
  assert_int_equal(f->values, e->values);
  assert_int_equal(f->uncompressed_size, e->uncompressed_size);
  assert_int_equal(f->compressed_size, e->compressed_size);
  assert_int_equal(f->data_page_offset, e->data_page_offset);
  if (!inlined) assert_int_equal(f->bloom_offset, e->bloom_offset);
  same_statistics(footer, leaf, f, e);
}

static void same_meta(const struct lam_file *file, struct lam_sidecar *sidecar, bool inlined) {
  const struct lam_file_meta *footer = lam_file_meta(file);
  struct lam_arena arena;
  struct lam_file_meta meta;
  bool there;
  lam_arena_init(&arena, mem);
  OK(lam_sidecar_meta(sidecar, &arena, &there, &meta, &error));
  assert_true(there);
  assert_int_equal(meta.row_group_count, footer->row_group_count);
  for (int32_t g = 0; g < meta.row_group_count; g++) {
    assert_int_equal(meta.row_groups[g].rows, footer->row_groups[g].rows);
    for (int32_t c = 0; c < meta.leaf_count; c++) same_chunk(file, &meta, g, c, inlined);
  }
  lam_arena_release(&arena);
}

/* The last column alone: the same as in all of them. */
static void same_column(const struct lam_file *file, struct lam_sidecar *sidecar) {
  const struct lam_file_meta *footer = lam_file_meta(file);
  if (lam_top_columns(footer) == 0) return;
  int32_t node = lam_top_node(footer, lam_top_columns(footer) - 1);
  const struct lam_schema_node *top = &footer->nodes[node];
  const struct pm_top wanted = {node, lam_bytes_of(NULL, 0)};
  struct lam_arena arena;
  struct lam_file_meta meta;
  lam_arena_init(&arena, mem);
  OK(lam_sidecar_meta_of(sidecar, &wanted, 1, &arena, &meta, &error));
  assert_int_equal(meta.top_count, 1);
  assert_int_equal(meta.leaf_count, top->leaves);
  for (int32_t i = 0; i < meta.leaf_count; i++) {
    int32_t leaf = top->leaf + i;
    assert_true(lam_bytes_equal(meta.nodes[meta.leaves[i]].name, footer->nodes[footer->leaves[leaf]].name));
    assert_int_equal(meta.nodes[meta.leaves[i]].max_definition, footer->nodes[footer->leaves[leaf]].max_definition);
    assert_int_equal(lam_statistics_trusted(&meta, i, false), lam_statistics_trusted(footer, leaf, false));
    for (int32_t g = 0; g < meta.row_group_count; g++)
      same_statistics(footer, leaf, &meta.row_groups[g].chunks[i], &footer->row_groups[g].chunks[leaf]);
  }
  lam_arena_release(&arena);
}

static bool round_trip(struct lam_file *file, bool inlined) {
  struct lam_sidecar_source source;
  struct lam_buf bytes = {.mem = mem};
  struct lam_sidecar *sidecar;
  OK(lam_sidecar_source_of(file, mem, &source, &error));
  enum lam_status status = lam_sidecar_build_in(&source, &(struct lam_sidecar_format){inlined, false}, &bytes, NULL);
  if (status == LAM_OK) {
    OK(lam_sidecar_open_bytes(lam_bytes_of(bytes.data, bytes.size), &(struct lam_sidecar_open_options){0}, mem,
                              &sidecar, &error));
    same_meta(file, sidecar, inlined);
    same_column(file, sidecar);
    lam_sidecar_close(sidecar);
  }
  lam_buf_release(&bytes);
  return status == LAM_OK;
}

static bool described(struct lam_file *file) {
  return round_trip(file, false) && round_trip(file, true);
}
static void public_files(void **state) {
  (void)state;
  int count = each_public_file(described);
  if (count < 0) skip();
  assert_true(count > 60);
}

/* ---- of another program ---- */

static void sidecars_of_others_are_pruned(void **state) {
  (void)state;
  static const struct {
    const char *where;
    uint8_t verdicts[2];
  } cases[] = {
      {"TRUE", {LAM_SIDECAR_WHOLE, LAM_SIDECAR_WHOLE}},
      {"val < -1", {LAM_SIDECAR_KEPT, LAM_SIDECAR_SKIPPED}},
      {"val = 50", {LAM_SIDECAR_KEPT, LAM_SIDECAR_SKIPPED}},
      {"val > 99.5", {LAM_SIDECAR_KEPT, LAM_SIDECAR_KEPT}}, /* NaN may be there, which is above */
      {"val IS NULL", {LAM_SIDECAR_KEPT, LAM_SIDECAR_SKIPPED}},
      {"val IS NOT NULL", {LAM_SIDECAR_KEPT, LAM_SIDECAR_WHOLE}},
      {"ts >= TIMESTAMP '1970-01-01 00:00:00.002Z'", {LAM_SIDECAR_SKIPPED, LAM_SIDECAR_WHOLE}},
      {"ts BETWEEN TIMESTAMP '1970-01-01 00:00:00.0015Z' AND TIMESTAMP '1970-01-01 00:00:00.0024Z'",
       {LAM_SIDECAR_KEPT, LAM_SIDECAR_KEPT}},
      {"ts < TIMESTAMP '1970-01-01 00:00:00Z' OR val < -2", {LAM_SIDECAR_SKIPPED, LAM_SIDECAR_SKIPPED}},
  };
  uint8_t bytes[GOLDEN2], verdicts[2];
  struct lam_sidecar *sidecar;
  golden_bytes(2, bytes);
  OK(lam_sidecar_open_bytes(lam_bytes_of(bytes, GOLDEN2), &(struct lam_sidecar_open_options){0}, mem, &sidecar,
                            &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    OK(lam_sidecar_prune(sidecar, cases[i].where, NULL, verdicts, &error));
    if (memcmp(verdicts, cases[i].verdicts, 2) != 0) fail_msg("%s: %d, %d", cases[i].where, verdicts[0], verdicts[1]);
  }
  FAILS(lam_sidecar_prune(sidecar, "none = 1", NULL, verdicts, &error), LAM_NOT_FOUND, "none");
  lam_sidecar_close(sidecar);
  /* Its types are taken from the codes: without one there is no telling what a bound is. */
  lam_store32(bytes + sizeof(struct pm_header) + sizeof(struct pm_column) + offsetof(struct pm_column, type), 0);
  lam_store32(bytes + GOLDEN2 - PM_TRAILER, lam_crc32(0, bytes + PM_COVERED, GOLDEN2 - PM_TRAILER - PM_COVERED));
  OK(lam_sidecar_open_bytes(lam_bytes_of(bytes, GOLDEN2), &(struct lam_sidecar_open_options){0}, mem, &sidecar,
                            &error));
  FAILS(lam_sidecar_prune(sidecar, "val > 50", NULL, verdicts, &error), LAM_UNSUPPORTED, "what type");
  OK(lam_sidecar_prune(sidecar, cases[6].where, NULL, verdicts, &error));
  lam_sidecar_close(sidecar);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PM_TEST(public_files),
      PM_TEST(sidecars_of_others_are_pruned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
