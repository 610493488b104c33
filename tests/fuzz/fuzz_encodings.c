/* Any bytes as any encoding: the first eight choose the decoder and how it is read, the rest are the page's.
 * What is read in parts must be what is read at once. */
#include <assert.h>
#include <stdlib.h>

#include "parquet/encoding.h"

struct choice {
  uint8_t decoder, width;
  uint16_t count;
  uint16_t part; /* values of a call */
  uint16_t max_bytes;
};
_Static_assert(sizeof(struct choice) == 8, "the head of an input has eight bytes");

/* `max_values` is kept small, so that a run of 2^31 costs little. */
enum { MOST = 5000 };

static void fuzz_rle(struct lam_bytes bytes, int width, size_t count, size_t part) {
  static uint32_t whole[MOST], parts[MOST];
  struct lam_rle rle;
  if (lam_rle_begin(&rle, bytes, width, NULL) != LAM_OK) return;
  enum lam_status status = lam_rle_read(&rle, whole, count, NULL);
  lam_rle_begin(&rle, bytes, width, NULL);
  for (size_t done = 0, n; done < count; done += n) {
    uint32_t value = 0;
    const uint32_t *packed;
    n = part < count - done ? part : count - done;
    if (lam_rle_run(&rle, n, parts, &n, &value, &packed, NULL) != LAM_OK) {
      assert(status != LAM_OK);
      break;
    }
    for (size_t i = 0; status == LAM_OK && i < n; i++)
      if ((packed ? packed[i] : value) != whole[done + i]) abort();
  }
  lam_rle_begin(&rle, bytes, width, NULL);
  if ((lam_rle_skip(&rle, count, NULL) == LAM_OK) != (status == LAM_OK)) abort();
  if (status == LAM_OK) {
    static uint8_t to[MOST * 8], dictionary[256 * 8];
    lam_gather(dictionary, 256, part % 2 ? 4 : 8, whole, count, to, NULL);
  }
}

static void fuzz_validity(struct lam_bytes bytes, size_t count, size_t part) {
  static uint8_t bits[MOST / 8 + 1], values[MOST * 8];
  struct lam_rle rle;
  int64_t valid, total = 0;
  lam_rle_begin(&rle, bytes, 1, NULL);
  for (size_t done = 0; done < count; done += part) {
    size_t n = part < count - done ? part : count - done;
    if (lam_rle_read_validity(&rle, bits, (int64_t)done, n, &valid, NULL) != LAM_OK) return;
    total += valid;
  }
  if (total != lam_bits_count(bits, 0, (int64_t)count)) abort();
  lam_spread(values, part % 2 ? 4 : 8, bits, 0, count, (size_t)total);
}

static void fuzz_delta(struct lam_bytes bytes, int bits, size_t count, size_t part) {
  static int64_t whole[MOST], parts[MOST];
  struct lam_delta delta;
  size_t end, width = (size_t)bits / 8;
  if (lam_delta_begin(&delta, bytes, bits, NULL) != LAM_OK) return;
  lam_delta_end(&delta, &end, NULL);
  if (count > delta.total) count = (size_t)delta.total;
  enum lam_status status = bits == 32 ? lam_delta_read32(&delta, (int32_t *)whole, count, NULL)
                                      : lam_delta_read64(&delta, whole, count, NULL);
  lam_delta_begin(&delta, bytes, bits, NULL);
  for (size_t done = 0; done < count; done += part) {
    size_t n = part < count - done ? part : count - done;
    enum lam_status again =
        bits == 32 ? lam_delta_read32(&delta, (int32_t *)parts, n, NULL) : lam_delta_read64(&delta, parts, n, NULL);
    if (again != LAM_OK) {
      if (status == LAM_OK) abort();
      return;
    }
    if (status == LAM_OK && memcmp((uint8_t *)whole + done * width, parts, n * width) != 0) abort();
  }
}

static void fuzz_strings(struct lam_mem *mem, struct lam_bytes bytes, enum lam_encoding encoding,
                         const struct choice *choice) {
  static int32_t offsets[MOST + 1];
  struct lam_strings strings;
  struct lam_buf data;
  size_t count, part = choice->part, values = choice->count % MOST;
  lam_buf_init(&data, mem);
  enum lam_status status = lam_strings_begin(&strings, mem, encoding, bytes, values, NULL);
  for (size_t done = 0; status == LAM_OK && done < values; done += count) {
    size_t n = part < values - done ? part : values - done, before = data.size;
    if (part % 7 == 3) {
      status = lam_strings_skip(&strings, n, NULL);
      count = n;
      continue;
    }
    status = lam_strings_read(&strings, n, choice->max_bytes, offsets, &data, &count, NULL);
    if (status != LAM_OK) break;
    if ((size_t)offsets[count] != data.size || (size_t)offsets[0] != before) abort();
    if (count < n && data.size == 0) abort();
    if (count < n || data.size > choice->max_bytes) data.size = 0;
  }
  lam_strings_release(&strings);
  lam_buf_release(&data);
}

static void fuzz_alp(struct lam_bytes bytes, int width, size_t count, size_t part) {
  static uint64_t whole[MOST], parts[MOST];
  struct lam_alp alp;
  if (lam_alp_begin(&alp, bytes, width, NULL) != LAM_OK) return;
  if (count > alp.values) count = alp.values;
  enum lam_status status = lam_alp_read(&alp, (uint8_t *)whole, count, NULL);
  lam_alp_begin(&alp, bytes, width, NULL);
  for (size_t done = 0, n; done < count; done += n) {
    n = part < count - done ? part : count - done;
    if (part % 5 == 2) {
      if (lam_alp_skip(&alp, n, NULL) != LAM_OK) abort();
      continue;
    }
    if (lam_alp_read(&alp, (uint8_t *)parts, n, NULL) != LAM_OK) {
      if (status == LAM_OK) abort();
      return;
    }
    if (status == LAM_OK && memcmp((uint8_t *)whole + done * (size_t)width, parts, n * (size_t)width) != 0) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  static struct lam_context *context;
  static struct lam_mem *mem;
  if (!context) {
    struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    if (lam_context_create(&options, &context, NULL) != LAM_OK) abort();
    if (lam_mem_open(context, 1 << 20, &mem, NULL) != LAM_OK) abort();
  }
  struct choice choice;
  if (size < sizeof choice) return 0;
  memcpy(&choice, input, sizeof choice);
  choice.part = (uint16_t)(choice.part % MOST + 1);
  size -= sizeof choice;
  uint8_t *copy = malloc(size ? size : 1); /* exact, so that a read beyond is seen */
  if (!copy) return 0;
  lam_copy(copy, input + sizeof choice, size);
  struct lam_bytes bytes = lam_bytes_of(copy, size);
  size_t count = choice.count % MOST;
  static uint32_t levels[MOST];
  switch (choice.decoder % 10) {
    case 0: fuzz_rle(bytes, choice.width % 34, count, choice.part); break;
    case 1: fuzz_validity(bytes, count, choice.part); break;
    case 2: fuzz_delta(bytes, 32, count, choice.part); break;
    case 3: fuzz_delta(bytes, 64, count, choice.part); break;
    case 4: fuzz_strings(mem, bytes, LAM_PLAIN, &choice); break;
    case 5: fuzz_strings(mem, bytes, LAM_DELTA_LENGTH_BYTE_ARRAY, &choice); break;
    case 6: fuzz_strings(mem, bytes, LAM_DELTA_BYTE_ARRAY, &choice); break;
    case 7: fuzz_alp(bytes, 4, count, choice.part); break;
    case 8: fuzz_alp(bytes, 8, count, choice.part); break;
    default: lam_bitpacked_levels_read(bytes, choice.width % 34, levels, count, NULL);
  }
  free(copy);
  return 0;
}
