/* The file of the golden vectors of docs/pm-format.md, and its sidecars' bytes. */
#ifndef LAM_TESTS_PM_SUPPORT_H
#define LAM_TESTS_PM_SUPPORT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sidecar/sidecar.h"
#include "store_support.h"

static struct lam_context *context;
static struct lam_mem *mem;

static inline int open_account(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}
/* A test that leaves memory behind fails. */
static inline int close_account(void **state) {
  (void)state;
  assert_int_equal(lam_mem_used(mem), 0);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}

#define PM_TEST(test) cmocka_unit_test_setup_teardown(test, open_account, close_account)

/* Calls `visit` for the public files that can be opened; how many it says true of, -1 where they are not here. */
#define PUBLIC_FILES LAM_SOURCE_DIR "/../shared/parquet-testing/data"
static inline int each_public_file(bool (*visit)(struct lam_file *file)) {
  DIR *dir = opendir(PUBLIC_FILES);
  struct lam_store *store;
  int count = 0;
  if (!dir) return -1;
  OK(lam_store_local(context, PUBLIC_FILES, &store, &error));
  for (struct dirent *entry; (entry = readdir(dir));) {
    struct lam_file *file;
    if (entry->d_name[0] == '.' || lam_file_open_in(store, entry->d_name, NULL, mem, &file, NULL) != LAM_OK) continue;
    count += visit(file);
    lam_file_close(file);
  }
  closedir(dir);
  lam_store_close(store);
  return count;
}

static const char golden1_hex[] =
    "2401000000000000040000000000000000000000000000000200000000000000"
    "6000000000000000000000000800000000000000000000000200000002000000"
    "6200000000000000010000000a00000004000000000000000300000005000100"
    "747376616c000000e8030000000000000603bf8800000000e803000000000000"
    "0400000000000000881300000000000000000000000000000000000000000000"
    "e803000000000000cf070000000000000601bf8800000000e803000000000000"
    "8c13000000000000581b0000000000000a000000000000000000000000000000"
    "000000000000f8bf0000000000d05840e42e0000000000000001000001000000"
    "0000000000000000000000000000000000000000000000000d000000fd4cf380"
    "30000000";
/* Version 2: these 8 bytes, 8 to 291 as in version 1, then the rest. */
static const char golden2_size_hex[] = "e801000000000000";
static const char golden2_hex[] =
    "00000000f4010000000000000603bf8800000000f401000000000000"
    "ec2f000000000000c40900000000000000000000000000000000000000000000"
    "d007000000000000c3090000000000000601bf8800000000f401000000000000"
    "b039000000000000ac0d00000000000000000000000000000000000000000000"
    "000000000000000000000000000024405c470000000000009001000002000000"
    "0801000000000000240100000000000000000000000000000d00000025000000"
    "28b83c4b34000000";
enum { GOLDEN1 = 292, GOLDEN2 = 488, GOLDEN1_TOKEN = 12268, GOLDEN2_TOKEN = 18676 };

static inline size_t from_hex(const char *hex, uint8_t *out) {
  size_t size = strlen(hex) / 2;
  for (size_t i = 0; i < size; i++) {
    unsigned byte;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
    out[i] = (uint8_t)byte;
  }
  return size;
}
static inline void golden_bytes(int version, uint8_t out[GOLDEN2]) {
  assert_int_equal(from_hex(golden1_hex, out), GOLDEN1);
  if (version == 1) return;
  from_hex(golden2_size_hex, out);
  assert_int_equal(from_hex(golden2_hex, out + GOLDEN1), GOLDEN2 - GOLDEN1);
}

/* Metadata as a footer would give it. */
struct golden {
  struct lam_schema_node nodes[3];
  int32_t leaves[2], tops[2];
  struct lam_sorting_column sorting;
  struct lam_chunk_details details[2][2];
  struct lam_chunk_meta chunks[2][2];
  struct lam_row_group_meta groups[2];
  uint8_t orders[2];
  struct lam_key_value pairs[2];
  struct lam_file_meta meta;
  struct lam_sidecar_source source;
  int64_t i[4];
  double d[4];
};

static inline void golden_chunk(struct golden *g, int group, int column, int64_t values, int64_t offset, int64_t size,
                                int64_t nulls) {
  int k = 2 * group;
  const void *min = column ? (void *)&g->d[k] : (void *)&g->i[k],
             *max = column ? (void *)&g->d[k + 1] : (void *)&g->i[k + 1];
  g->details[group][column] = (struct lam_chunk_details){
      .statistics = {.min = lam_bytes_of(min, 8),
                     .max = lam_bytes_of(max, 8),
                     .null_count = nulls,
                     .distinct_count = -1,
                     .nan_count = -1,
                     .min_exact = true,
                     .max_exact = true},
  };
  g->chunks[group][column] = (struct lam_chunk_meta){
      .physical = column ? LAM_DOUBLE : LAM_INT64,
      .codec = LAM_ZSTD,
      .has_metadata = true,
      .encodings = column ? 1 << LAM_PLAIN : 1 << LAM_PLAIN | 1 << LAM_RLE_DICTIONARY | 1 << LAM_RLE,
      .values = values,
      .uncompressed_size = 2 * size,
      .compressed_size = size,
      .data_page_offset = offset,
      .details = &g->details[group][column],
  };
}

static inline void golden_make(struct golden *g, int version) {
  memset(g, 0, sizeof *g);
  const int64_t i[] = {1000, 1999, 2000, 2499};
  const double d[] = {-1.5, 99.25, 0.0, 10.0};
  memcpy(g->i, i, sizeof i);
  memcpy(g->d, d, sizeof d);
  const struct lam_schema_node none = {.field_id = -1, .physical = -1, .converted = LAM_CONVERTED_NONE};
  g->nodes[0] = g->nodes[1] = g->nodes[2] = none;
  g->nodes[0] = none, g->nodes[0].name = lam_bytes_of_string("schema"), g->nodes[0].parent = -1;
  g->nodes[0].children = g->nodes[0].leaves = 2;
  g->nodes[1] = (struct lam_schema_node){.name = lam_bytes_of_string("ts"),
                                         .leaves = 1,
                                         .physical = LAM_INT64,
                                         .repetition = LAM_REQUIRED,
                                         .converted = LAM_CONVERTED_TIMESTAMP_MICROS};
  g->nodes[1].logical = (struct lam_logical){.kind = LAM_LOGICAL_TIMESTAMP, .utc = true, .unit = LAM_MICROS};
  g->nodes[2] = (struct lam_schema_node){.name = lam_bytes_of_string("val"),
                                         .leaf = 1,
                                         .leaves = 1,
                                         .field_id = 1,
                                         .physical = LAM_DOUBLE,
                                         .repetition = LAM_OPTIONAL,
                                         .max_definition = 1,
                                         .converted = LAM_CONVERTED_NONE};
  g->leaves[0] = g->tops[0] = 1;
  g->leaves[1] = g->tops[1] = 2;
  golden_chunk(g, 0, 0, 1000, 4, 5000, 0);
  golden_chunk(g, 0, 1, 1000, 5004, 7000, 10);
  golden_chunk(g, 1, 0, 500, 12268, 2500, 0);
  golden_chunk(g, 1, 1, 500, 14768, 3500, 0);
  for (int k = 0; k < 2; k++)
    g->groups[k] = (struct lam_row_group_meta){.chunks = g->chunks[k],
                                               .rows = k ? 500 : 1000,
                                               .total_byte_size = k ? 12000 : 24000,
                                               .compressed_size = -1,
                                               .file_offset = -1,
                                               .sorting = &g->sorting,
                                               .sorting_count = 1,
                                               .ordinal = -1};
  g->orders[0] = g->orders[1] = LAM_ORDER_TYPE_DEFINED;
  g->pairs[0] = (struct lam_key_value){lam_bytes_of_string("k"), lam_bytes_of_string("v")};
  g->pairs[1] = (struct lam_key_value){lam_bytes_of_string("absent"), {NULL, 0}};
  g->meta = (struct lam_file_meta){.version = 2,
                                   .rows = version == 1 ? 1000 : 1500,
                                   .nodes = g->nodes,
                                   .node_count = 3,
                                   .leaves = g->leaves,
                                   .leaf_count = 2,
                                   .tops = g->tops,
                                   .top_count = 2,
                                   .row_groups = g->groups,
                                   .row_group_count = version,
                                   .key_values = g->pairs,
                                   .key_value_count = 2,
                                   .created_by = lam_bytes_of_string("golden"),
                                   .column_orders = g->orders};
  g->source = (struct lam_sidecar_source){.meta = &g->meta,
                                          .footer_offset = version == 1 ? 12004 : 18268,
                                          .footer_length = version == 1 ? 256 : 400,
                                          .footer_hash = 77,
                                          .dead_bytes = version == 1 ? 0 : 264, /* the old footer */
                                          .inode = 5,
                                          .mtime_ns = 6};
}

#endif
