/* Bloom filters of files that the writer makes. */
#include "arrow_support.h"
#include "base/checksum.h"
#include "lamella/parquet.h"
#include "parquet/bloom.h"
#include "parquet/writer.h"

enum { ROWS = 60000 };

/* Value `i` of `distinct`, as text and in PLAIN form. */
static size_t make_value(const char *type, uint64_t i, uint64_t distinct, char text[80], uint8_t plain[80]) {
  uint64_t state = i % distinct, value = next_random(&state);
  if (strcmp(type, "varchar") == 0) {
    snprintf(text, 80, "%016llx-%016llx-%016llx", (unsigned long long)value, (unsigned long long)value * 3,
             (unsigned long long)value * 5);
    memcpy(plain, text, 50);
    return 50;
  }
  if (strcmp(type, "integer") == 0) {
    int32_t small = (int32_t)value;
    snprintf(text, 80, "%d", small);
    memcpy(plain, &small, 4);
    return 4;
  }
  snprintf(text, 80, "%lld", (long long)value);
  memcpy(plain, &value, 8);
  return 8;
}

static void write_column(struct lam_store *store, const char *type, uint64_t distinct,
                         const struct lam_column_options *column, const struct lam_write_options *more) {
  static char texts[ROWS][80];
  static const char *pointers[ROWS];
  uint8_t plain[80];
  struct lam_write_options options = *more;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_writer *writer;
  options.columns = column;
  options.column_count = 1;
  for (int i = 0; i < ROWS; i++) {
    make_value(type, (uint64_t)i, distinct, texts[i], plain);
    pointers[i] = i % 11 ? texts[i] : "\1";
  }
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_array_init_struct(ROWS, 1, &batch, &error));
  make_column(type, "v", pointers, ROWS, schema.children[0], batch.children[0]);
  (void)store->ops->remove(store, "f", NULL); /* of the case before */
  OK(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error));
  OK(lam_writer_write(writer, &batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

/* The size of the filter, 0 where there is none; each of its values is in it, and few others are. */
static size_t check_filter(struct lam_store *store, const char *type, uint64_t distinct, double rate) {
  struct lam_file *file;
  struct lam_arena arena = {.mem = mem};
  struct lam_bytes bits;
  char text[80];
  uint8_t plain[80];
  int wrong = 0;
  OK(lam_file_open_in(store, "f", NULL, mem, &file, &error));
  const struct lam_chunk_meta *chunk = &lam_file_meta(file)->row_groups[0].chunks[0];
  OK(lam_bloom_read(file, 0, 0, &arena, &bits, &error));
  if (bits.size) {
    assert_true(chunk->bloom_length_known);
    assert_in_range(chunk->bloom_length, bits.size + 10, bits.size + 30);
    for (uint64_t i = 0; i < distinct && i < ROWS; i++) {
      if (distinct == ROWS && i % 11 == 0) continue; /* NULL */
      size_t width = make_value(type, i, distinct, text, plain);
      assert_true(lam_bloom_may_contain(bits.data, bits.size, lam_hash64(plain, width)));
    }
    for (uint64_t i = 0; i < 20000; i++) wrong += lam_bloom_may_contain(bits.data, bits.size, lam_hash64(&i, 8));
    assert_in_range(wrong, 0, 20000 * rate * 1.2);
  }
  size_t size = bits.size;
  lam_arena_release(&arena);
  lam_file_close(file);
  return size;
}

static void test_when(void **state) {
  (void)state;
  const struct {
    const char *type;
    uint64_t distinct;
    int bloom, encoding;
    double rate;
    size_t size;
  } cases[] = {
      {"varchar", ROWS, LAM_BLOOM_DEFAULT, LAM_ENCODE_DEFAULT, 0, 65536}, /* the dictionary is given up */
      {"varchar", 5000, LAM_BLOOM_DEFAULT, LAM_ENCODE_DEFAULT, 0, 0},     /* it is not */
      {"varchar", 5000, LAM_BLOOM_ALWAYS, LAM_ENCODE_DEFAULT, 0, 8192},
      {"varchar", ROWS, LAM_BLOOM_NEVER, LAM_ENCODE_DEFAULT, 0, 0},
      {"varchar", ROWS, LAM_BLOOM_ALWAYS, LAM_ENCODE_DELTA_BYTES, 0.001, 131072},
      {"bigint", ROWS, LAM_BLOOM_DEFAULT, LAM_ENCODE_DEFAULT, 0, 0}, /* it would be more than a 16th */
      {"bigint", ROWS, LAM_BLOOM_ALWAYS, LAM_ENCODE_DEFAULT, 0, 131072},
      {"bigint", ROWS, LAM_BLOOM_ALWAYS, LAM_ENCODE_DELTA, 0.2, 32768},
      {"integer", 300, LAM_BLOOM_ALWAYS, LAM_ENCODE_DICTIONARY, 0, 512},
      {"double", 300, LAM_BLOOM_DEFAULT, LAM_ENCODE_PLAIN, 0, 0},
      {"bigint", 1, LAM_BLOOM_ALWAYS, LAM_ENCODE_DEFAULT, 0, 32},
  };
  struct lam_store *store;
  OK(lam_store_memory(context, &store, &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int small = 0; small < 2; small++) { /* a dictionary that breaks off half way */
      struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
      struct lam_column_options column = {.codec = LAM_WRITE_NONE,
                                          .bloom = cases[i].bloom,
                                          .encoding = cases[i].encoding,
                                          .false_positives = cases[i].rate};
      if (small && cases[i].distinct < ROWS) continue;
      options.dictionary_bytes = small ? 20000 : 0;
      options.page_rows = small ? 100 : 0;
      write_column(store, cases[i].type, cases[i].distinct, &column, &options);
      double rate = cases[i].rate > 0 ? cases[i].rate : cases[i].bloom == LAM_BLOOM_ALWAYS ? 0.01 : 0.05;
      size_t size = check_filter(store, cases[i].type, cases[i].distinct, rate);
      if (size != cases[i].size) print_message("case %zu: %zu\n", i, size);
      assert_int_equal(size, cases[i].size);
    }
  lam_store_close(store);
}

static void test_refused(void **state) {
  (void)state;
  struct ArrowSchema schema;
  struct lam_store *store;
  struct lam_writer *writer;
  struct lam_type boolean = type_of("boolean");
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options column = {.name = "b", .bloom = LAM_BLOOM_ALWAYS};
  options.columns = &column, options.column_count = 1;
  OK(lam_store_memory(context, &store, &error));
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_schema_init(&boolean, "b", true, schema.children[0], &error));
  FAILS(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error), LAM_INVALID,
        "column \"b\" cannot have a bloom filter: its type is BOOLEAN");
  column.name = NULL; /* of all columns that can */
  OK(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error));
  lam_writer_close(writer);
  column.false_positives = 1;
  FAILS(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error), LAM_INVALID, "false positives 1");
  column.bloom = 3, column.false_positives = 0;
  FAILS(lam_writer_open_in(store, "f", &schema, &options, mem, &writer, &error), LAM_INVALID, "choice 3");
  lam_schema_release(&schema);
  lam_store_close(store);
}

/* A rewrite continues what the file has. */
static void test_continued(void **state) {
  (void)state;
  struct lam_store *store;
  struct lam_file *file;
  struct lam_arena arena = {.mem = mem};
  struct lam_column_options *columns;
  int32_t count;
  OK(lam_store_memory(context, &store, &error));
  for (int bloom = LAM_BLOOM_ALWAYS; bloom <= LAM_BLOOM_NEVER; bloom++) {
    struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
    struct lam_column_options column = {.bloom = bloom};
    write_column(store, "bigint", 100, &column, &options);
    OK(lam_file_open_in(store, "f", NULL, mem, &file, &error));
    OK(lam_column_options_of(file, &arena, &columns, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(columns[0].bloom, bloom == LAM_BLOOM_ALWAYS ? LAM_BLOOM_ALWAYS : LAM_BLOOM_DEFAULT);
    lam_file_close(file);
  }
  lam_arena_release(&arena);
  lam_store_close(store);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_when), MEM_TEST(test_refused), MEM_TEST(test_continued)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
