/* Sidecars from the metadata of a writer: the same bytes as from the file's footer, and the file is not read. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "condition_support.h"
#include "local_support.h"
#include "sidecar/sidecar.h"

enum { ROWS = 600, GROUP = 250, ROUNDS = 40, SHAPES = 24 };

/* ---- random nested rows, as JSON ---- */

/* A type: 'i', 's', 'd', 'b', or 'l' and 't' of the children behind it. */
struct shape {
  char kind[SHAPES];
  int children[SHAPES]; /* how many */
  int end[SHAPES];      /* behind the last of them */
  int count;
};

static void random_shape(uint64_t *seed, int depth, struct shape *out) {
  int at = out->count++;
  bool leaf = depth == 0 || out->count > SHAPES - 8 || below(seed, 3) == 0;
  out->kind[at] = "isdblt"[leaf ? below(seed, 4) : 4 + below(seed, 2)];
  out->children[at] = out->kind[at] == 'l' ? 1 : out->kind[at] == 't' ? 1 + below(seed, 3) : 0;
  for (int i = 0; i < out->children[at]; i++) random_shape(seed, depth - 1, out);
  out->end[at] = out->count;
}

/* `whole`: nothing of it is left out, so that the type can be told. */
static int put_json(uint64_t *seed, const struct shape *shape, int at, bool whole, char *out) {
  int size = 0, child = at + 1;
  if (!whole && below(seed, 5) == 0) return sprintf(out, "null");
  switch (shape->kind[at]) {
    case 'i': return sprintf(out, "%d", below(seed, 5000));
    case 's': return sprintf(out, "\"%.*s%d\"", below(seed, 20), "a text, short or long", below(seed, 300));
    case 'd': return sprintf(out, "%d.25", below(seed, 99));
    case 'b': return sprintf(out, "%s", below(seed, 2) ? "true" : "false");
    case 'l':
      size = sprintf(out, "[");
      for (int i = whole ? 1 : below(seed, 4); i > 0; i--) {
        size += put_json(seed, shape, child, whole, out + size);
        if (i > 1) out[size++] = ',';
      }
      return size + sprintf(out + size, "]");
    default:
      size = sprintf(out, "{");
      for (int i = 0; i < shape->children[at]; i++, child = shape->end[child]) {
        size += sprintf(out + size, "%s\"f%d\":", i ? "," : "", i);
        size += put_json(seed, shape, child, whole, out + size);
      }
      return size + sprintf(out + size, "}");
  }
}

static void nested_rows(uint64_t *seed, struct ArrowSchema *schema, struct ArrowArray *rows) {
  struct shape shapes[3] = {{.count = 0}};
  int columns = 1 + below(seed, 3);
  char *text = malloc((size_t)ROWS << 14);
  size_t size = 0;
  assert_non_null(text);
  for (int c = 0; c < columns; c++) random_shape(seed, 3, &shapes[c]);
  for (int row = 0; row < ROWS; row++)
    for (int c = 0; c < columns; c++) {
      size += (size_t)sprintf(text + size, "%s\"n%d\":", c ? "," : "{", c);
      size += (size_t)put_json(seed, &shapes[c], 0, row == 0, text + size);
      if (c + 1 == columns) size += (size_t)sprintf(text + size, "}\n");
    }
  batch_of_json(text, schema, rows);
  free(text);
}

static void flat_rows(uint64_t *seed, struct ArrowSchema *schema, struct ArrowArray *rows) {
  struct columns columns;
  random_columns(seed, &columns);
  columns_schema(&columns, schema);
  for (int c = 0; c < columns.count; c++) {
    if (below(seed, 2)) continue;
    OK(lam_schema_set_metadata(schema->children[c], "PARQUET:field_id", lam_bytes_of_string(c ? "7" : "70000"),
                               &error));
  }
  random_batch(seed, &columns, ROWS, rows);
}

/* ---- a writer and its options ---- */

static void random_options(uint64_t *seed, const struct ArrowSchema *schema, struct lam_write_options *out) {
  static struct lam_column_options column;
  static struct lam_sort_key key;
  static const struct lam_write_key_value pairs[] = {{"k", "v"}, {"absent", NULL}, {"empty", ""}};
  column =
      (struct lam_column_options){.codec = (int[]){LAM_WRITE_NONE, LAM_WRITE_SNAPPY, LAM_WRITE_ZSTD}[below(seed, 3)],
                                  .encoding = below(seed, 3),
                                  .no_statistics = below(seed, 6) == 0,
                                  .bloom = below(seed, 3)};
  *out = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  out->row_group_rows = GROUP;
  out->page_rows = 20 + below(seed, 300);
  out->data_page_v2 = below(seed, 2);
  out->no_page_index = below(seed, 4) == 0;
  out->no_page_checksums = below(seed, 2);
  out->dictionary_bytes = below(seed, 2) ? 64 : 0;
  out->columns = &column, out->column_count = 1;
  out->key_values = pairs, out->key_value_count = below(seed, 4);
  bool flat = schema->children[0]->n_children == 0;
  key = (struct lam_sort_key){schema->children[0]->name, below(seed, 2), below(seed, 2)};
  out->sorting = &key, out->sorting_count = flat && below(seed, 2);
}

/* ---- the property ---- */

static void bytes_at(const char *key, struct lam_buf *out) {
  lam_buf_init(out, mem);
  OK(lam_store_get(store, key, 1 << 26, out, &error));
}

/* Other bytes of the same size in the file at `path`, which seems not to have been touched. */
static void overwrite(const char *path, struct lam_bytes bytes) {
  struct stat st;
  int file = open(path, O_WRONLY);
  assert_true(file >= 0);
  assert_int_equal(fstat(file, &st), 0);
  assert_int_equal(pwrite(file, bytes.data, bytes.size, 0), bytes.size);
  assert_int_equal(futimens(file, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
  close(file);
}

/* Both sidecars of the file a.parquet, which the writer has finished. While the first is made nothing can be read. */
static void want_the_same(const struct lam_writer *writer) {
  struct lam_sidecar_source source;
  struct lam_file *file;
  struct lam_buf bytes, written, built;
  char path[64], sidecar[64];
  snprintf(path, sizeof path, "%s/a.parquet", root);
  snprintf(sidecar, sizeof sidecar, "%s/_pm", root);
  bytes_at("a.parquet", &bytes);
  uint8_t *zeros = calloc(bytes.size, 1);
  overwrite(path, lam_bytes_of(zeros, bytes.size));
  OK(lam_sidecar_write(writer, sidecar, &error));
  overwrite(path, lam_bytes_of(bytes.data, bytes.size));
  free(zeros);
  OK(lam_file_open_in(store, "a.parquet", NULL, mem, &file, &error));
  OK(lam_sidecar_source_of(file, mem, &source, &error));
  OK(lam_sidecar_put(&source, &(struct lam_sidecar_format){0}, store, "b.parquet", mem, NULL, &error));
  lam_file_close(file);
  bytes_at("_pm", &written);
  bytes_at("b.parquet", &built);
  OK(store->ops->remove(store, "_pm", &error));
  assert_int_equal(written.size, built.size);
  for (size_t i = 0; i < built.size; i++)
    if (written.data[i] != built.data[i])
      fail_msg("byte %zu of %zu is %02x, from the footer %02x", i, built.size, written.data[i], built.data[i]);
  lam_buf_release(&bytes);
  lam_buf_release(&written);
  lam_buf_release(&built);
}

static void random_files(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  char path[64];
  snprintf(path, sizeof path, "%s/a.parquet", root);
  for (int round = 0; round < ROUNDS; round++) {
    struct lam_write_options options;
    struct lam_writer *writer;
    struct ArrowSchema schema;
    struct ArrowArray rows;
    remove_files();
    (round % 2 ? flat_rows : nested_rows)(&seed, &schema, &rows);
    random_options(&seed, &schema, &options);
    if (round % 4 < 2) /* by its path, as programs do */
      OK(lam_writer_open(context, path, &schema, &options, &writer, &error));
    else
      OK(lam_writer_open_in(store, "a.parquet", &schema, &options, mem, &writer, &error));
    if (round % 8) OK(lam_writer_write(writer, &rows, &error));
    OK(lam_writer_finish(writer, NULL, &error));
    want_the_same(writer);
    lam_writer_close(writer);
    lam_array_release(&rows);
    lam_schema_release(&schema);
  }
}

/* Row groups of other programs, copied as bytes: what they say is passed on. */
static void copied_row_groups(void **state) {
  (void)state;
  static const char directory[] = LAM_SOURCE_DIR "/../shared/parquet-testing/data";
  struct lam_store *public;
  DIR *dir = opendir(directory);
  int copied = 0;
  if (!dir) skip();
  OK(lam_store_local(context, directory, &public, &error));
  for (struct dirent *entry; (entry = readdir(dir));) {
    struct lam_file *file;
    struct lam_writer *writer;
    struct ArrowSchema schema;
    remove_files();
    if (entry->d_name[0] == '.' || lam_file_open_in(public, entry->d_name, NULL, mem, &file, NULL) != LAM_OK) continue;
    bool read = lam_raw_copy_allowed(lam_file_meta(file)) && lam_file_schema(file, &schema, NULL) == LAM_OK;
    if (read && lam_writer_open_in(store, "a.parquet", &schema, NULL, mem, &writer, NULL) == LAM_OK) {
      enum lam_status status = LAM_OK;
      for (int32_t g = 0; status == LAM_OK && g < lam_file_row_groups(file); g++)
        status = lam_writer_copy_row_group(writer, file, g, NULL);
      if (status == LAM_OK && lam_writer_finish(writer, NULL, NULL) == LAM_OK) {
        if (getenv("LAM_TRACE")) print_message("%s\n", entry->d_name);
        want_the_same(writer);
        copied++;
      }
      lam_writer_close(writer);
    }
    if (read) lam_schema_release(&schema);
    lam_file_close(file);
  }
  closedir(dir);
  lam_store_close(public);
  print_message("%d files\n", copied);
  assert_true(copied > 20);
}

static void refusals(void **state) {
  (void)state;
  struct lam_write_options options;
  struct lam_writer *writer;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  uint64_t seed = 1;
  char path[64];
  snprintf(path, sizeof path, "%s/none/_pm", root);
  flat_rows(&seed, &schema, &rows);
  random_options(&seed, &schema, &options);
  OK(lam_writer_open_in(store, "a.parquet", &schema, &options, mem, &writer, &error));
  FAILS(lam_sidecar_write(writer, path, &error), LAM_INVALID, "not finished");
  OK(lam_writer_finish(writer, NULL, &error));
  FAILS(lam_sidecar_write(writer, path, &error), LAM_NOT_FOUND, "none");
  FAILS(lam_sidecar_write(writer, "", &error), LAM_INVALID, "path");
  OK(store->ops->remove(store, "a.parquet", &error));
  OK(lam_store_put(store, "a.parquet", lam_bytes_of_string("PAR1"), &error));
  snprintf(path, sizeof path, "%s/_pm", root);
  FAILS(lam_sidecar_write(writer, path, &error), LAM_NOT_FOUND, "was replaced");
  OK(store->ops->remove(store, "a.parquet", &error));
  snprintf(path, sizeof path, "%s/_pm", root);
  FAILS(lam_sidecar_write(writer, path, &error), LAM_NOT_FOUND, "a.parquet");
  lam_writer_close(writer);
  lam_array_release(&rows);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {STORE_TEST(random_files), STORE_TEST(copied_row_groups), STORE_TEST(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
