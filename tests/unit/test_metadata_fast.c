/* The fast parser of chunks against the whole one: on what our writer of footers makes of random metadata, on the
 * public files, and on both with bytes changed and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meta_support.h"

#include "parquet/thrift.h"

static struct fixture fixture;
static uint64_t agreed;

static uint64_t random64(void) {
  return next_random(&fixture);
}

static bool same(const struct lam_chunk_meta *a, const struct lam_chunk_meta *b) {
  return a->physical == b->physical && a->codec == b->codec && a->has_dictionary_offset == b->has_dictionary_offset &&
         a->has_metadata == b->has_metadata && a->encrypted == b->encrypted && a->elsewhere == b->elsewhere &&
         a->bloom_length_known == b->bloom_length_known && a->encoding_stats_known == b->encoding_stats_known &&
         a->all_pages_dictionary == b->all_pages_dictionary && a->encodings == b->encodings &&
         a->bloom_length == b->bloom_length && a->offset_index_length == b->offset_index_length &&
         a->column_index_length == b->column_index_length && a->values == b->values &&
         a->uncompressed_size == b->uncompressed_size && a->compressed_size == b->compressed_size &&
         a->data_page_offset == b->data_page_offset && a->dictionary_page_offset == b->dictionary_page_offset &&
         a->bloom_offset == b->bloom_offset && a->offset_index_offset == b->offset_index_offset &&
         a->column_index_offset == b->column_index_offset && a->raw.data == b->raw.data && a->raw.size == b->raw.size &&
         a->details == b->details;
}

/* What the fast one takes the whole one takes too, and reads alike; whether it was taken. */
static bool both(struct lam_bytes bytes) {
  struct lam_chunk_meta fast, whole;
  struct lam_chunk_details details;
  if (bytes.size == 0) return false;
  const uint8_t *behind = lam_chunk_parse_fast(bytes.data, bytes.data + bytes.size, &fast);
  if (!behind) return false;
  agreed++;
  struct lam_thrift in = lam_thrift_of(bytes, "chunk", NULL);
  if (lam_chunk_parse_whole(&in, &whole, &details) != LAM_OK || in.at != behind || !same(&fast, &whole))
    fail_msg("the parsers differ in %zu bytes", bytes.size);
  return true;
}

/* The bytes in memory of their own, so that reading beyond them is seen. */
static bool both_of(const uint8_t *data, size_t size) {
  struct lam_bytes copy = exact_copy(data, size);
  bool taken = both(copy);
  free((void *)(uintptr_t)copy.data);
  return taken;
}

static void damage(struct lam_bytes bytes, int times) {
  if (bytes.size == 0) return;
  uint8_t *copy = malloc(bytes.size);
  assert_non_null(copy);
  for (int i = 0; i < times; i++) {
    memcpy(copy, bytes.data, bytes.size);
    for (uint64_t k = random64() % 3 + 1; k; k--) copy[random64() % bytes.size] = (uint8_t)random64();
    both_of(copy, random64() % 4 ? bytes.size : random64() % bytes.size);
  }
  free(copy);
}

static int64_t any_number(void) {
  return (int64_t)(random64() >> (random64() % 56 + 8));
}

static struct lam_bytes any_bytes(void) {
  static const uint8_t text[200] = "bytes";
  return random64() % 3 ? lam_bytes_of(text, (size_t)(random64() % sizeof text)) : (struct lam_bytes){0};
}

static void any_chunk(struct lam_chunk_meta *chunk, struct lam_chunk_details *details) {
  static const uint8_t stats[] = {0x1c, 0x15, 0, 0x15, 16, 0x15, 0x82, 1, 0};
  static const uint8_t sizes[] = {0x16, 2, 0x19, 0x36, 2, 0x80, 1, 6, 0x19, 0x06, 0};
  static const uint8_t path[] = {0x28, 1, 'a', 2, 'b', 'c'};
  *details = (struct lam_chunk_details){.statistics = lam_statistics_none()};
  details->statistics.min = any_bytes();
  details->statistics.max = any_bytes();
  details->statistics.old_max = any_bytes();
  details->statistics.null_count = any_number();
  details->statistics.min_exact = random64() % 2;
  details->path = lam_bytes_of(path, sizeof path);
  if (random64() % 2) details->encoding_stats = lam_bytes_of(stats, sizeof stats);
  if (random64() % 2) details->size_statistics = lam_bytes_of(sizes, sizeof sizes);
  *chunk = (struct lam_chunk_meta){.physical = (int8_t)(random64() % 8),
                                   .codec = (int8_t)(random64() % 8),
                                   .has_metadata = true,
                                   .has_dictionary_offset = random64() % 2,
                                   .bloom_length_known = random64() % 2,
                                   .encodings = (uint32_t)random64(),
                                   .values = any_number(),
                                   .uncompressed_size = any_number(),
                                   .compressed_size = any_number(),
                                   .data_page_offset = any_number(),
                                   .dictionary_page_offset = any_number(),
                                   .bloom_offset = any_number(),
                                   .bloom_length = (int32_t)random64(),
                                   .offset_index_offset = any_number(),
                                   .offset_index_length = (int32_t)random64(),
                                   .details = details};
}

/* Where the chunk's bytes are in a footer of nothing else: they come back as `raw`. */
static void random_chunks(void **state) {
  (void)state;
  fixture_begin(&fixture);
  struct lam_schema_node nodes[2] = {
      {.name = lam_bytes_of_string("schema"), .children = 1, .field_id = -1, .physical = -1, .converted = -1},
      {.name = lam_bytes_of_string("a"), .field_id = -1, .physical = LAM_INT32, .converted = -1}};
  uint64_t taken = 0, count = 500;
  for (uint64_t i = 0; i < count; i++) {
    struct lam_arena arena;
    struct lam_buf buf;
    struct lam_chunk_meta chunk;
    struct lam_chunk_details details;
    lam_arena_init(&arena, fixture.mem);
    lam_buf_init(&buf, fixture.mem);
    any_chunk(&chunk, &details);
    struct lam_row_group_meta group = {.chunks = &chunk, .rows = 1, .compressed_size = -1, .file_offset = -1};
    struct lam_file_meta meta = {.nodes = nodes, .node_count = 2, .row_groups = &group, .row_group_count = 1}, got;
    OK(lam_schema_link(&meta, &arena, &error));
    OK(lam_file_meta_write(&meta, &buf, &error));
    OK(lam_file_meta_parse(lam_bytes_of(buf.data, buf.size), 0, &arena, &got, &error));
    struct lam_bytes raw = got.row_groups[0].chunks[0].raw;
    struct lam_buf padded = {.mem = fixture.mem};
    OK(lam_buf_append(&padded, raw.data, raw.size, &error));
    for (int k = 0; k < 64; k++) OK(lam_buf_append(&padded, "", 1, &error));
    taken += both_of(padded.data, padded.size);
    damage(lam_bytes_of(padded.data, padded.size), 200);
    lam_buf_release(&padded);
    lam_buf_release(&buf);
    lam_arena_release(&arena);
  }
  assert_true(taken > count * 9 / 10);
  fixture_end(&fixture);
}

static void parquet_testing(void **state) {
  (void)state;
  char folder[512], path[1024];
  if (!find_testing("data", folder, sizeof folder)) skip();
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  DIR *directory = opendir(folder);
  uint64_t chunks = 0, taken = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    const char *end = strrchr(entry->d_name, '.');
    if (!end || strcmp(end, ".parquet") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    struct whole whole = read_whole(path);
    struct lam_file_meta meta;
    OK(lam_file_meta_parse(footer_of(whole), whole.size, &arena, &meta, &error));
    struct lam_bytes footer = footer_of(whole);
    for (int32_t g = 0; g < meta.row_group_count; g++)
      for (int32_t i = 0; i < meta.leaf_count && i < 20; i++, chunks++) {
        const uint8_t *from = meta.row_groups[g].chunks[i].raw.data;
        size_t left = (size_t)(footer.data + footer.size - from);
        taken += both_of(from, left);
        if (g == 0) damage(lam_bytes_of(from, lam_min_u64(left, 400)), 20);
      }
    free(whole.data);
  }
  closedir(directory);
  assert_true(taken > chunks * 8 / 10); /* but for the last of each file, and those of odd writers */
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_chunks), cmocka_unit_test(parquet_testing)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed || agreed == 0;
}
