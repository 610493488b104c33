/* A bloom filter of any bytes, header and bits: it is probed, filled, folded, written and parsed again. The last eight
 * bytes are the hash that is looked for; what follows the header, as far as it is whole blocks, are the bits. */
#include <stdlib.h>

#include "parquet/bloom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
  if (!condition) abort();
}

static void run_header(struct lam_bytes bytes, struct lam_bytes *rest) {
  struct lam_error error = LAM_ERROR_INIT;
  size_t header, bitset, again, again_bitset;
  *rest = bytes;
  if (lam_bloom_parse_header(bytes, &header, &bitset, &error) != LAM_OK) return check(error.message[0] != 0);
  if (!header) return;
  check(header <= bytes.size && bitset > 0 && bitset % LAM_BLOOM_BLOCK == 0);
  *rest = lam_bytes_of(bytes.data + header, bytes.size - header);
  /* Every shorter beginning is told to be one. */
  for (size_t cut = 0; cut < header && cut < 200; cut++)
    check(lam_bloom_parse_header(lam_bytes_of(bytes.data, cut), &again, &again_bitset, &error) == LAM_OK && again == 0);
}

/* What was inserted is found, by whatever way it was, and stays found when the filter is folded. */
static void run_bits(struct lam_bytes from, uint64_t hash, struct lam_mem *mem) {
  size_t size = from.size / LAM_BLOOM_BLOCK * LAM_BLOOM_BLOCK, header, bitset;
  uint8_t *bits;
  struct lam_buf out;
  if (!size) return;
  check(lam_alloc(mem, size, (void **)&bits, NULL) == LAM_OK);
  memcpy(bits, from.data, size);
  bool before = lam_bloom_may_contain(bits, size, hash);
  uint64_t distinct = lam_bloom_distinct(bits, size);
  lam_bloom_insert(bits, size, hash);
  check(lam_bloom_may_contain(bits, size, hash) && (!before || memcmp(bits, from.data, size) == 0));
  check(lam_bloom_distinct(bits, size) >= distinct);
  struct lam_bytes values[] = {{from.data, from.size % 40 % (from.size + 1)}, {from.data, 0}, {from.data, 1}};
  lam_bloom_insert_bytes(bits, size, values, sizeof values / sizeof *values);
  lam_bloom_insert_fixed(bits, size, from.data, 4, size / 4 < 50 ? size / 4 : 50);
  lam_buf_init(&out, mem);
  check(lam_bloom_write(bits, size, &out, NULL) == LAM_OK);
  check(lam_bloom_parse_header(lam_bytes_of(out.data, out.size), &header, &bitset, NULL) == LAM_OK && header > 0 &&
        bitset == size && out.size == header + size && memcmp(out.data + header, bits, size) == 0);
  lam_buf_release(&out);
  for (size_t folded = size; folded % (2 * (size_t)LAM_BLOOM_BLOCK) == 0;) {
    lam_bloom_fold(bits, folded);
    folded /= 2;
    check(lam_bloom_may_contain(bits, folded, hash));
  }
  lam_free(mem, bits, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  struct lam_bytes rest;
  small.threads = 1, small.memory_limit = 64 << 20;
  if (!context) check(lam_context_create(&small, &context, NULL) == LAM_OK);
  if (size < 8) return 0;
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  run_header(lam_bytes_of(data, size - 8), &rest);
  run_bits(rest, lam_load64(data + size - 8), mem);
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  return 0;
}
