/* Page headers, which may be cut anywhere, and offset indexes that are moved there and back. */
#include <stdlib.h>

#include "parquet/format.h"

static struct lam_mem *account(void) {
  static struct lam_mem *mem;
  struct lam_context *context;
  if (!mem && (lam_context_create(NULL, &context, NULL) || lam_mem_open(context, 0, &mem, NULL))) abort();
  return mem;
}

static void check(bool condition) {
  if (!condition) abort();
}

static void run_header(struct lam_bytes bytes, struct lam_buf *buf) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_page_header header, again;
  size_t size, again_size;
  if (lam_page_header_parse(bytes, &header, &size, &error) != LAM_OK || !size) return;
  check(size <= bytes.size);
  /* Every shorter beginning is told to be one. */
  check(lam_page_header_parse(lam_bytes_of(bytes.data, size - 1), &again, &again_size, &error) == LAM_OK &&
        again_size == 0);
  buf->size = 0;
  check(lam_page_header_write(&header, buf, &error) == LAM_OK);
  check(lam_page_header_parse(lam_bytes_of(buf->data, buf->size), &again, &again_size, &error) == LAM_OK);
  check(again_size == buf->size && again.kind == header.kind && again.values == header.values &&
        again.compressed_size == header.compressed_size && again.crc == header.crc && again.has_crc == header.has_crc &&
        again.compressed == header.compressed);
}

static void run_index(struct lam_bytes bytes, struct lam_buf *buf) {
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_buf back, once;
  lam_buf_init(&back, account());
  lam_buf_init(&once, account());
  buf->size = 0;
  if (lam_offset_index_move(bytes, 0, &once, &error) == LAM_OK &&
      lam_offset_index_move(bytes, 1000, buf, &error) == LAM_OK) {
    check(lam_offset_index_move(lam_bytes_of(buf->data, buf->size), -1000, &back, &error) == LAM_OK);
    check(lam_bytes_equal(lam_bytes_of(once.data, once.size), lam_bytes_of(back.data, back.size)));
  }
  lam_buf_release(&back);
  lam_buf_release(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lam_buf buf;
  if (size < 1) return 0;
  lam_buf_init(&buf, account());
  run_header(lam_bytes_of(data, size), &buf);
  run_index(lam_bytes_of(data, size), &buf);
  lam_buf_release(&buf);
  return 0;
}
