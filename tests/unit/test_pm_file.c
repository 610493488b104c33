/* Files opened from their sidecars: no byte of the footer is read. */
#include "fault_store.h"
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
  OK(lam_sidecar_file_open(&guarded.base, "t.parquet", NULL, NULL, sidecars, "_pm", f.mem, &file, &used, NULL));
  assert_int_equal(used.use, LAM_SIDECAR_USED);
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
  assert_int_equal(
      lam_sidecar_file_open(&guarded.base, "t.parquet", NULL, NULL, sidecars, "none", f.mem, &file, &used, NULL),
      LAM_IO);
  assert_int_equal(used.use, LAM_SIDECAR_MISSING);
  lam_store_close(sidecars);
  lam_store_close(store);
  page_fixture_end(&f);
}

/* ---- damage ---- */

/* The sum of all values and NULLs of a file, read as a scan reads it; false where it cannot be read. */
static bool sum_of(struct lam_file *file, struct lam_mem *mem, uint64_t *out) {
  struct lam_reader *reader;
  struct ArrowArray batch;
  bool read = false;
  *out = 0;
  if (lam_reader_open_in(file, NULL, mem, &reader, NULL) != LAM_OK) return false;
  while (lam_reader_next(reader, &batch, NULL) == LAM_OK) {
    read = !batch.release;
    if (read) break;
    const int32_t *values = batch.children[0]->buffers[1], *offsets = batch.children[1]->buffers[1];
    for (int64_t i = 0; i < batch.length; i++) *out = *out * 31 + (uint32_t)values[i];
    *out += (uint64_t)(batch.children[0]->null_count + offsets[batch.length]);
    batch.release(&batch);
  }
  lam_reader_close(reader);
  return read;
}

/* Every byte in turn: the sidecar is refused, or the file is what it was. */
static void flip_each_byte(bool plain) {
  struct page_fixture f;
  struct lam_store *store, *sidecars;
  struct lam_file *file;
  struct lam_sidecar_source source;
  struct lam_buf bytes;
  uint64_t expected, found;
  int used_count = 0;
  page_fixture_begin(&f, 64 << 20);
  lam_buf_init(&bytes, f.mem);
  OK(lam_store_memory(f.context, &store, NULL));
  put_file(store, f.mem, "t.parquet", 1, 0);
  OK(lam_file_open_in(store, "t.parquet", NULL, f.mem, &file, NULL));
  assert_true(sum_of(file, f.mem, &expected));
  OK(lam_sidecar_source_of(file, f.mem, &source, NULL));
  OK(lam_sidecar_build_in(&source, &(struct lam_sidecar_format){.plain = plain}, &bytes, NULL));
  lam_file_close(file);
  for (size_t i = 0; i < bytes.size; i++) {
    struct lam_sidecar_used used;
    bytes.data[i] ^= (uint8_t)(1 + i % 255);
    OK(lam_store_memory(f.context, &sidecars, NULL));
    put_object(sidecars, "_pm", lam_bytes_of(bytes.data, bytes.size));
    bytes.data[i] ^= (uint8_t)(1 + i % 255);
    OK(lam_sidecar_file_open(store, "t.parquet", NULL, NULL, sidecars, "_pm", f.mem, &file, &used, NULL));
    used_count += used.use == LAM_SIDECAR_USED;
    assert_true(sum_of(file, f.mem, &found));
    if (found != expected) fail_msg("byte %zu of %zu: other rows", i, bytes.size);
    lam_file_close(file);
    lam_store_close(sidecars);
  }
  assert_true(used_count < 16); /* the file's CRC, which is not looked at where segments have theirs, and the like */
  lam_buf_release(&bytes);
  lam_store_close(store);
  page_fixture_end(&f);
}

static void each_byte_flipped(void **state) {
  (void)state;
  flip_each_byte(false);
  flip_each_byte(true);
}

/* Whatever fails of the sidecar's store, the file is opened. */
static void failing_sidecars(void **state) {
  (void)state;
  struct page_fixture f;
  struct lam_store *store, *inner, *sidecars;
  struct lam_file *file;
  struct lam_sidecar_source source;
  struct fault *fault;
  uint64_t expected, found, n;
  page_fixture_begin(&f, 64 << 20);
  OK(lam_store_memory(f.context, &store, NULL));
  OK(lam_store_memory(f.context, &inner, NULL));
  fault_create(&fault);
  fault_wrap(fault, inner, &sidecars);
  put_file(store, f.mem, "t.parquet", 2, 0);
  OK(lam_file_open_in(store, "t.parquet", NULL, f.mem, &file, NULL));
  assert_true(sum_of(file, f.mem, &expected));
  OK(lam_sidecar_source_of(file, f.mem, &source, NULL));
  for (n = 1;; n++) { /* a put that fails leaves the sidecar that is there, or none */
    fault_arm(fault, &(struct fault_plan){.at = n, .onwards = n % 2});
    enum lam_status status =
        lam_sidecar_put(&source, &(struct lam_sidecar_format){0}, sidecars, "_pm", f.mem, NULL, NULL);
    bool fired = fault_fired(fault);
    fault_arm(fault, NULL);
    assert_true(fired || status == LAM_OK);
    if (!fired) break;
  }
  lam_file_close(file);
  assert_true(n > 3);
  for (n = 1;; n++) {
    struct lam_sidecar_used used;
    fault_arm(fault, &(struct fault_plan){.at = n, .reads = true, .onwards = n % 2});
    OK(lam_sidecar_file_open(store, "t.parquet", NULL, NULL, sidecars, "_pm", f.mem, &file, &used, NULL));
    bool fired = fault_fired(fault);
    fault_arm(fault, NULL);
    assert_true(fired || used.use == LAM_SIDECAR_USED);
    assert_true(sum_of(file, f.mem, &found));
    assert_int_equal(found, expected);
    lam_file_close(file);
    if (!fired) break;
  }
  assert_true(n > 3);
  lam_store_close(sidecars);
  fault_free(fault);
  lam_store_close(inner);
  lam_store_close(store);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_footer_is_not_read),
      cmocka_unit_test(each_byte_flipped),
      cmocka_unit_test(failing_sidecars),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
