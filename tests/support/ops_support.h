/* What the tests of operations share: tiny Parquet files of known rows in any store, and what readers see of them.
 *
 * A row is an id and columns made of it: text "r<id>" (NULL where the id is a multiple of 5), and value id / 4. */
#ifndef LAM_TESTS_OPS_SUPPORT_H
#define LAM_TESTS_OPS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "table_support.h"

#include "arrow/array.h"
#include "ops/compact.h"
#include "ops/import.h"
#include "parquet/writer.h"
#include "table/table.h"

static struct lam_context *context;
static struct lam_mem *mem;

static inline int open_context(void **state) {
  (void)state;
  context = new_context();
  OK(lam_mem_open(context, 0, &mem, &error));
  return 0;
}
/* A test that leaves memory behind fails. */
static inline int close_context(void **state) {
  (void)state;
  uint64_t used = lam_mem_used(mem);
  if (used) print_error("%llu bytes are still in use\n", (unsigned long long)used);
  if (used) return 1;
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}
#define OPS_TEST(test) cmocka_unit_test_setup_teardown(test, open_context, close_context)

static inline uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static inline uint64_t seed_of_test(void) {
  const char *given = getenv("LAM_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : 20261121;
  print_message("LAM_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

/* ---- schemas and batches ---- */

static inline void set_column(struct ArrowSchema *schema, int64_t c, const char *name, enum lam_type_id id) {
  struct lam_type type = {.id = id, .timezone = "", .unit = LAM_UNIT_MICRO, .precision = 10, .scale = 2};
  OK(lam_schema_init(&type, name, id != LAM_TYPE_INT64, schema->children[c], &error));
}
static inline void rows_schema(struct ArrowSchema *schema) {
  OK(lam_schema_init_struct("", 3, schema, &error));
  set_column(schema, 0, "id", LAM_TYPE_INT64);
  set_column(schema, 1, "text", LAM_TYPE_STRING);
  set_column(schema, 2, "value", LAM_TYPE_FLOAT64);
}
/* Builders of the three columns of such a schema, and the batch that they give. */
static inline void begin_columns(const struct ArrowSchema *schema, struct lam_builder *builders) {
  for (int c = 0; c < 3; c++) {
    struct lam_type type;
    OK(lam_type_parse(schema->children[c], &type, &error));
    OK(lam_builder_init(&builders[c], mem, &type, &error));
  }
}
static inline void end_columns(struct lam_builder *builders, int64_t count, struct ArrowArray *out) {
  OK(lam_array_init_struct(count, 3, out, &error));
  for (int c = 0; c < 3; c++) {
    OK(lam_builder_finish(&builders[c], out->children[c], &error));
    lam_builder_release(&builders[c]);
  }
}
static inline void rows_batch(const struct ArrowSchema *schema, const int64_t *ids, int64_t count,
                              struct ArrowArray *out) {
  struct lam_builder builders[3];
  begin_columns(schema, builders);
  for (int64_t i = 0; i < count; i++) {
    char text[32];
    double value = (double)ids[i] / 4;
    int size = snprintf(text, sizeof text, "r%lld", (long long)ids[i]);
    OK(lam_builder_fixed(&builders[0], &ids[i], &error));
    if (ids[i] % 5 == 0)
      OK(lam_builder_null(&builders[1], &error));
    else
      OK(lam_builder_bytes(&builders[1], lam_bytes_of(text, (size_t)size), &error));
    OK(lam_builder_fixed(&builders[2], &value, &error));
  }
  end_columns(builders, count, out);
}

/* A file of one batch, its directories made, instead of what is there. */
static inline void put_batch(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                             const struct ArrowArray *batch, const struct lam_write_options *options) {
  char directory[256];
  const char *name = lam_key_name(key);
  struct lam_writer *writer;
  snprintf(directory, sizeof directory, "%.*s", name == key ? 0 : (int)(name - key - 1), key);
  OK(lam_store_make_directories(store, directory, &error));
  OK(lam_store_remove_tree(store, key, &error));
  OK(lam_writer_open_in(store, key, schema, options, mem, &writer, &error));
  OK(lam_writer_write(writer, batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}
static inline void put_ids(struct lam_store *store, const char *key, const int64_t *ids, int64_t count) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(store, key, &schema, &batch, NULL);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}
/* Rows first, first + 1, … */
static inline void put_rows(struct lam_store *store, const char *key, int64_t first, int64_t count) {
  int64_t *ids = malloc((size_t)count * sizeof *ids + 1);
  for (int64_t i = 0; i < count; i++) ids[i] = first + i;
  put_ids(store, key, ids, count);
  free(ids);
}

/* ---- what readers see ---- */

static inline void append_text(struct lam_buf *out, const char *text) {
  OK(lam_buf_append(out, text, strlen(text), &error));
}

/* Appends "id,id," of a batch whose other columns are as the id says; "id+,id+," where there are further columns. */
static inline void append_ids(const struct ArrowSchema *schema, const struct ArrowArray *batch, struct lam_buf *out) {
  struct lam_view id, text, value;
  OK(lam_view_init(schema->children[0], batch->children[0], &id, &error));
  OK(lam_view_init(schema->children[1], batch->children[1], &text, &error));
  OK(lam_view_init(schema->children[2], batch->children[2], &value, &error));
  for (int64_t row = 0; row < batch->length; row++) {
    int64_t n = ((const int64_t *)id.data)[id.offset + row];
    char expected[32], number[32];
    snprintf(expected, sizeof expected, "r%lld", (long long)n);
    assert_int_equal(lam_view_valid(&text, row), n % 5 != 0);
    if (n % 5) assert_true(lam_bytes_equal(lam_view_bytes(&text, row), lam_bytes_of_string(expected)));
    assert_true(((const double *)value.data)[value.offset + row] == (double)n / 4);
    snprintf(number, sizeof number, "%lld%s,", (long long)n, schema->n_children > 3 ? "+" : "");
    append_text(out, number);
  }
}
static inline void append_file(struct lam_file *file, struct lam_buf *out) {
  struct ArrowSchema schema;
  struct lam_reader *reader;
  struct ArrowArray batch;
  OK(lam_file_schema(file, &schema, &error));
  OK(lam_reader_open_in(file, NULL, mem, &reader, &error));
  for (;;) {
    OK(lam_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    append_ids(&schema, &batch, out);
    lam_array_release(&batch);
  }
  lam_reader_close(reader);
  lam_schema_release(&schema);
}
/* Ends a partition's part of a text, "<directory>:ids;"; none where it has no rows. */
static inline void end_partition(struct lam_buf *out, size_t begin, size_t head) {
  if (out->size == begin + head)
    out->size = begin;
  else
    append_text(out, ";");
}
static inline char *text_of_buf(struct lam_buf *out) {
  OK(lam_buf_append(out, "", 1, &error));
  char *text = strdup((const char *)out->data);
  lam_buf_release(out);
  return text;
}

/* "p=1:1,2,3,;p=2:…;" as a reader of ours sees the table; the caller frees it. */
static inline char *rows_of_reader(struct lam_directory *directory) {
  struct lam_snapshot snapshot;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  for (size_t p = 0; p < snapshot.partition_count; p++) {
    const struct lam_directory_partition *partition = &snapshot.partitions[p];
    size_t begin = out.size;
    append_text(&out, partition->directory);
    append_text(&out, ":");
    for (size_t i = partition->first_file; i < partition->first_file + partition->file_count; i++) {
      struct lam_file *file;
      OK(lam_snapshot_file(directory, &snapshot, &snapshot.files[i], NULL, mem, &file, &error));
      append_file(file, &out);
      lam_file_close(file);
    }
    end_partition(&out, begin, strlen(partition->directory) + 1);
  }
  lam_snapshot_release(&snapshot);
  return text_of_buf(&out);
}

/* The same as **.parquet finds it, hidden and foreign directories included: each directory's files in order of names.
 */
static inline void append_plain(struct lam_store *store, struct lam_arena *arena, const char *key,
                                struct lam_buf *out) {
  struct lam_entries entries;
  size_t begin = out->size;
  append_text(out, key);
  append_text(out, ":");
  OK(lam_list(store, key, arena, &entries, &error));
  for (size_t i = 0; i < entries.count; i++) {
    const struct lam_entry *entry = &entries.items[i];
    size_t size = strlen(entry->name);
    char *child;
    struct lam_file *file;
    if (entry->info.kind == LAM_OBJECT_DIRECTORY || size < 8 || strcmp(entry->name + size - 8, ".parquet") != 0)
      continue;
    OK(lam_key_join(arena, key, entry->name, "", &child, &error));
    OK(lam_file_open_in(store, child, NULL, mem, &file, &error));
    append_file(file, out);
    lam_file_close(file);
  }
  end_partition(out, begin, strlen(key) + 1);
  for (size_t i = 0; i < entries.count; i++) {
    char *child;
    if (entries.items[i].info.kind != LAM_OBJECT_DIRECTORY) continue;
    OK(lam_key_join(arena, key, entries.items[i].name, "", &child, &error));
    append_plain(store, arena, child, out);
  }
}
static inline char *rows_of_plain(struct lam_store *store) {
  struct lam_arena arena;
  struct lam_buf out;
  lam_arena_init(&arena, mem);
  lam_buf_init(&out, mem);
  append_plain(store, &arena, "", &out);
  lam_arena_release(&arena);
  return text_of_buf(&out);
}

static inline struct lam_directory *open_stores(struct lam_store *data, struct lam_store *meta) {
  struct lam_directory *directory;
  OK(lam_directory_open_stores(context, data, meta, "trades", mem, &directory, &error));
  return directory;
}
static inline void want_rows(struct lam_store *data, struct lam_store *meta, const char *expected) {
  struct lam_directory *directory = open_stores(data, meta);
  char *plain = rows_of_plain(data), *seen = rows_of_reader(directory);
  assert_string_equal(plain, expected);
  assert_string_equal(seen, expected);
  free(plain);
  free(seen);
  lam_directory_close(directory);
}

#endif
