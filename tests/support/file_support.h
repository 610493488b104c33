/* Files made by hand in a memory store: row groups of an int32 and a string column, both nullable. */
#ifndef LAM_TESTS_FILE_SUPPORT_H
#define LAM_TESTS_FILE_SUPPORT_H

#include <stdio.h>

#include "page_support.h"

#include "arrow/array.h"

enum { FILE_ROWS = 1000 }; /* of a row group; row i is null where i % 5 is 3, else i and "s<i>" */

static inline void put_object(struct lam_store *store, const char *key, struct lam_bytes bytes) {
  struct lam_output *output;
  assert_int_equal(store->ops->create(store, key, &output, NULL), LAM_OK);
  assert_int_equal(store->ops->write(output, bytes.data, bytes.size, NULL), LAM_OK);
  assert_int_equal(store->ops->close_output(output, NULL), LAM_OK);
}

static inline void put_columns(struct lam_buf *ints, struct lam_buf *strings) {
  uint32_t levels[FILE_ROWS];
  int32_t values[FILE_ROWS], offsets[FILE_ROWS + 1] = {0};
  char text[FILE_ROWS * 8];
  size_t valid = 0;
  for (int i = 0; i < FILE_ROWS; i++) {
    levels[i] = i % 5 != 3;
    if (!levels[i]) continue;
    values[valid] = i;
    offsets[valid + 1] = offsets[valid] + sprintf(text + offsets[valid], "s%d", i);
    valid++;
  }
  struct lam_buf plain = {.mem = ints->mem};
  assert_int_equal(lam_strings_write(LAM_PLAIN, (const uint8_t *)text, offsets, valid, &plain, NULL), LAM_OK);
  put_data_page(ints, LAM_PLAIN, levels, FILE_ROWS, lam_bytes_of(values, valid * 4));
  put_data_page(strings, LAM_PLAIN, levels, FILE_ROWS, lam_bytes_of(plain.data, plain.size));
  lam_buf_release(&plain);
}

static inline struct lam_chunk_meta chunk_of(enum lam_physical physical, int64_t offset, size_t size) {
  return (struct lam_chunk_meta){.physical = (int8_t)physical,
                                 .has_metadata = true,
                                 .encodings = 1 << LAM_PLAIN | 1 << LAM_RLE,
                                 .values = FILE_ROWS,
                                 .uncompressed_size = (int64_t)size,
                                 .compressed_size = (int64_t)size,
                                 .data_page_offset = offset};
}

/* A file of `groups` row groups; `padding` bytes before the footer make it large. */
static inline void put_file(struct lam_store *store, struct lam_mem *mem, const char *key, int32_t groups,
                            size_t padding) {
  struct lam_schema_node nodes[] = {
      {.name = lam_bytes_of_string("schema"),
       .parent = -1,
       .children = 2,
       .field_id = -1,
       .physical = -1,
       .converted = -1},
      {.name = lam_bytes_of_string("id"),
       .physical = LAM_INT32,
       .repetition = LAM_OPTIONAL,
       .field_id = 7,
       .converted = -1},
      {.name = lam_bytes_of_string("text"),
       .physical = LAM_BYTE_ARRAY,
       .repetition = LAM_OPTIONAL,
       .field_id = -1,
       .converted = LAM_CONVERTED_UTF8},
  };
  int32_t leaves[] = {1, 2};
  struct lam_chunk_meta chunks[8][2];
  struct lam_row_group_meta row_groups[8];
  struct lam_key_value pair = {lam_bytes_of_string("k"), lam_bytes_of_string("v")};
  struct lam_buf file = {.mem = mem}, ints = {.mem = mem}, strings = {.mem = mem};
  assert_true(groups <= 8);
  put_columns(&ints, &strings);
  assert_int_equal(lam_buf_append(&file, "PAR1", 4, NULL), LAM_OK);
  for (int32_t i = 0; i < groups; i++) {
    chunks[i][0] = chunk_of(LAM_INT32, (int64_t)file.size, ints.size);
    assert_int_equal(lam_buf_append(&file, ints.data, ints.size, NULL), LAM_OK);
    chunks[i][1] = chunk_of(LAM_BYTE_ARRAY, (int64_t)file.size, strings.size);
    assert_int_equal(lam_buf_append(&file, strings.data, strings.size, NULL), LAM_OK);
    row_groups[i] = (struct lam_row_group_meta){
        .chunks = chunks[i], .rows = FILE_ROWS, .compressed_size = -1, .file_offset = -1, .ordinal = -1};
  }
  for (size_t i = 0; i < padding; i++) assert_int_equal(lam_buf_append(&file, "", 1, NULL), LAM_OK);
  struct lam_file_meta meta = {.version = 1,
                               .rows = (int64_t)groups * FILE_ROWS,
                               .nodes = nodes,
                               .node_count = 3,
                               .leaves = leaves,
                               .leaf_count = 2,
                               .row_groups = row_groups,
                               .row_group_count = groups,
                               .key_values = &pair,
                               .key_value_count = 1,
                               .created_by = lam_bytes_of_string("test")};
  size_t footer = file.size;
  assert_int_equal(lam_file_meta_write(&meta, &file, NULL), LAM_OK);
  uint8_t end[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  lam_store32(end, (uint32_t)(file.size - footer));
  assert_int_equal(lam_buf_append(&file, end, 8, NULL), LAM_OK);
  put_object(store, key, lam_bytes_of(file.data, file.size));
  lam_buf_release(&file);
  lam_buf_release(&ints);
  lam_buf_release(&strings);
}

#endif
