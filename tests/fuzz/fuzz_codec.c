/* Compressed bytes: byte 0 is the codec, bytes 1 and 2 the size that is expected. What was compressed comes back. */
#include <stdlib.h>

#include "parquet/codec.h"

static struct lam_mem *account(void) {
  static struct lam_mem *mem;
  struct lam_context *context;
  if (!mem && (lam_context_create(NULL, &context, NULL) || lam_mem_open(context, 0, &mem, NULL))) abort();
  return mem;
}

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lam_error error = LAM_ERROR_INIT;
  static struct lam_codec_state state;
  struct lam_buf buf;
  if (size < 3) return 0;
  if (!state.mem) lam_codec_init(&state, account());
  lam_buf_init(&buf, account());
  enum lam_codec codec = (enum lam_codec)(data[0] % 9);
  struct lam_bytes from = lam_bytes_of(data + 3, size - 3);
  size_t expected = lam_load16(data + 1);
  uint8_t *to = malloc(expected ? expected : 1);
  (void)lam_decompress(&state, codec, from, to, expected, &error);
  free(to);
  if (lam_compress(&state, codec, 0, from, &buf, &error) == LAM_OK) {
    to = malloc(from.size ? from.size : 1);
    check(lam_decompress(&state, codec, lam_bytes_of(buf.data, buf.size), to, from.size, &error) == LAM_OK);
    check(from.size == 0 || memcmp(to, from.data, from.size) == 0);
    check(from.size == 0 ||
          lam_decompress(&state, codec, lam_bytes_of(buf.data, buf.size), to, from.size - 1, &error) == LAM_CORRUPT);
    free(to);
  }
  lam_buf_release(&buf);
  return 0;
}
