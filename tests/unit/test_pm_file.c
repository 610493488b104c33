/* Files opened from their sidecars: no byte of the footer is read. */
#include "file_support.h"
#include "sidecar/sidecar.h"

#define OK(call) assert_int_equal(call, LAM_OK)

/* ---- a store whose files cannot be read from some byte on ---- */

struct guarded {
  struct lam_store base;
  struct lam_store *inner;
  struct lam_store_ops ops;
  uint64_t from; /* bytes of t.parquet from here on: none is read */
  int refused;
};
static struct guarded guarded;

static enum lam_status guarded_read(struct lam_input *input, uint64_t offset, void *to, size_t size,
                                    struct lam_error *to_error) {
  if (offset + size > guarded.from) {
    guarded.refused++;
    return lam_fail(to_error, LAM_IO, "the footer is not to be read");
  }
  return guarded.inner->ops->read(input, offset, to, size, to_error);
}
/* Inputs are the inner store's own, but for reads of the file. */
static enum lam_status guarded_open(struct lam_store *store, const char *key, struct lam_input **out,
                                    struct lam_object_info *info, struct lam_error *to_error) {
  (void)store;
  return guarded.inner->ops->open(guarded.inner, key, out, info, to_error);
}

static void guard(struct lam_store *inner, uint64_t from) {
  guarded = (struct guarded){.inner = inner, .ops = *inner->ops, .from = from};
  guarded.ops.read = guarded_read;
  guarded.ops.open = guarded_open;
  guarded.base = (struct lam_store){.ops = &guarded.ops, .context = inner->context, .root = inner->root};
}

static void the_footer_is_not_read(void **state) {
  (void)state;
  struct page_fixture f;
  struct lam_store *store, *sidecars;
  struct lam_file *file;
  struct lam_reader *reader;
  struct lam_sidecar_source source;
  struct lam_sidecar_used used;
  struct ArrowArray batch;
  int64_t rows = 0;
  page_fixture_begin(&f, 64 << 20);
  OK(lam_store_memory(f.context, &store, NULL));
  OK(lam_store_memory(f.context, &sidecars, NULL));
  put_file(store, f.mem, "t.parquet", 3, 0);
  OK(lam_file_open_in(store, "t.parquet", NULL, f.mem, &file, NULL));
  OK(lam_sidecar_source_of(file, f.mem, &source, NULL));
  OK(lam_sidecar_put(&source, &(struct lam_sidecar_format){0}, sidecars, "_pm", f.mem, NULL, NULL));
  uint64_t footer = source.footer_offset;
  lam_file_close(file);
  guard(store, footer);
  OK(lam_sidecar_file_open(&guarded.base, "t.parquet", NULL, sidecars, "_pm", f.mem, &file, &used, NULL));
  assert_int_equal(used.use, LAM_SIDECAR_USED);
  assert_true(lam_file_is_described(file));
  assert_int_equal(lam_file_rows(file), 3 * FILE_ROWS);
  assert_int_equal(lam_file_footer_size(file), lam_file_size(file) - footer - 8);
  OK(lam_reader_open_in(file, NULL, f.mem, &reader, NULL));
  for (;;) {
    OK(lam_reader_next(reader, &batch, NULL));
    if (!batch.release) break;
    rows += batch.length;
    batch.release(&batch);
  }
  assert_int_equal(rows, 3 * FILE_ROWS);
  lam_reader_close(reader);
  assert_int_equal(guarded.refused, 0);
  assert_int_equal(lam_file_read_footer(file, NULL), LAM_IO);
  lam_file_close(file);
  assert_int_equal(guarded.refused, 1);
  /* Without a sidecar. */
  assert_int_equal(lam_sidecar_file_open(&guarded.base, "t.parquet", NULL, sidecars, "none", f.mem, &file, &used, NULL),
                   LAM_IO);
  assert_int_equal(used.use, LAM_SIDECAR_MISSING);
  lam_store_close(sidecars);
  lam_store_close(store);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_footer_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
