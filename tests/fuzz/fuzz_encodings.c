/* Any bytes as any encoding: the first eight choose the decoder and how it is read, the rest are the page's.
 * What is read in parts must be what is read at once, and what is written comes back. */
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

/* Bytes a value, as levels are read; values passed over, and those of them that are equal to one. */
static void fuzz_rle_bytes(struct lam_bytes bytes, int width, size_t count, size_t part) {
  static uint32_t whole[MOST];
  static uint8_t narrow[MOST];
  struct lam_rle rle;
  size_t equal, expected = 0;
  if (width > 8 || lam_rle_begin(&rle, bytes, width, NULL) != LAM_OK) return;
  enum lam_status status = lam_rle_read(&rle, whole, count, NULL);
  lam_rle_begin(&rle, bytes, width, NULL);
  if ((lam_rle_read_bytes(&rle, narrow, count, NULL) == LAM_OK) != (status == LAM_OK)) abort();
  for (size_t i = 0; status == LAM_OK && i < count; i++)
    if (narrow[i] != whole[i]) abort();
  if (count == 0) return;
  size_t first = part < count ? part : count;
  lam_rle_begin(&rle, bytes, width, NULL);
  if (lam_rle_skip(&rle, count - first, NULL) != LAM_OK) return;
  enum lam_status last = lam_rle_skip_counting(&rle, first, whole[0], &equal, NULL);
  if ((last == LAM_OK) != (status == LAM_OK)) abort();
  for (size_t i = count - first; i < count; i++) expected += whole[i] == whole[0];
  if (status == LAM_OK && equal != expected) abort();
}

struct strings {
  int32_t offsets[MOST + 1];
  struct lam_buf data;
  size_t count;
};

/* Reads up to `values` strings, passing over every third part where `skips`; offsets are over all of them. */
static enum lam_status read_strings(struct lam_mem *mem, struct lam_bytes bytes, enum lam_encoding encoding,
                                    size_t values, size_t part, size_t max_bytes, bool skips, struct strings *out) {
  struct lam_strings strings;
  size_t count;
  out->count = 0;
  enum lam_status status = lam_strings_begin(&strings, mem, encoding, bytes, values, NULL);
  for (size_t done = 0, turn = 1; status == LAM_OK && done < values; done += count, turn++) {
    size_t n = part < values - done ? part : values - done, before = out->data.size;
    if (skips && turn % 3 == 0) {
      count = n;
      status = lam_strings_skip(&strings, n, NULL);
      for (size_t i = 1; i <= n; i++) out->offsets[out->count + i] = (int32_t)before;
    } else {
      status = lam_strings_read(&strings, n, max_bytes, out->offsets + out->count, &out->data, &count, NULL);
      if (status != LAM_OK) break;
      if ((size_t)out->offsets[out->count + count] != out->data.size || (size_t)out->offsets[out->count] != before)
        abort();
      if (count < n && out->data.size == 0) abort();
      if (count < n) max_bytes *= 2; /* full: what has come stays here */
    }
    out->count += count;
    if (max_bytes > 1 << 20) break;
  }
  lam_strings_release(&strings);
  return status;
}

static void fuzz_strings(struct lam_mem *mem, struct lam_bytes bytes, enum lam_encoding encoding,
                         const struct choice *choice) {
  static struct strings whole, parts;
  size_t values = choice->count % MOST;
  bool skips = choice->part % 7 == 3;
  lam_buf_init(&whole.data, mem);
  lam_buf_init(&parts.data, mem);
  enum lam_status status = read_strings(mem, bytes, encoding, values, values, 1 << 20, false, &whole);
  read_strings(mem, bytes, encoding, values, choice->part, (size_t)choice->max_bytes + 1, skips, &parts);
  if (status == LAM_OK && !skips) {
    size_t count = parts.count < whole.count ? parts.count : whole.count;
    if (count && memcmp(whole.offsets, parts.offsets, (count + 1) * 4) != 0) abort();
    if (count && memcmp(whole.data.data, parts.data.data, (size_t)whole.offsets[count]) != 0) abort();
  }
  lam_buf_release(&whole.data);
  lam_buf_release(&parts.data);
}

/* BYTE_STREAM_SPLIT, there and back, and in parts. */
static void fuzz_split(struct lam_mem *mem, struct lam_bytes bytes, size_t width, size_t part) {
  static uint8_t whole[MOST * 20], parts[MOST * 20];
  struct lam_buf buf;
  size_t values = bytes.size / width;
  if (values > MOST || !values) return;
  lam_split_read(bytes.data, values, width, 0, values, whole);
  for (size_t done = 0, n; done < values; done += n) {
    n = part < values - done ? part : values - done;
    lam_split_read(bytes.data, values, width, done, n, parts + done * width);
  }
  if (memcmp(whole, parts, values * width) != 0) abort();
  lam_buf_init(&buf, mem);
  if (lam_split_write(whole, values, width, &buf, NULL) != LAM_OK || buf.size != values * width ||
      memcmp(buf.data, bytes.data, buf.size) != 0)
    abort();
  lam_buf_release(&buf);
}

/* ---- what is written comes back ---- */

static void fuzz_write_integers(struct lam_mem *mem, struct lam_bytes bytes, int width) {
  static uint64_t values[MOST], again[MOST];
  static uint32_t narrow[MOST], narrow_again[MOST];
  size_t count = bytes.size / 8 < MOST ? bytes.size / 8 : MOST, end;
  struct lam_buf buf;
  struct lam_delta delta;
  struct lam_rle rle;
  lam_buf_init(&buf, mem);
  lam_copy(values, bytes.data, count * 8);
  for (size_t i = 0; i < count; i++) narrow[i] = (uint32_t)(width ? (uint32_t)values[i] >> (32 - width) : 0);
  if (lam_delta_write64((const int64_t *)values, count, &buf, NULL) != LAM_OK ||
      lam_delta_begin(&delta, lam_bytes_of(buf.data, buf.size), 64, NULL) != LAM_OK || delta.total != count ||
      lam_delta_end(&delta, &end, NULL) != LAM_OK || end != buf.size ||
      lam_delta_read64(&delta, (int64_t *)again, count, NULL) != LAM_OK || memcmp(values, again, count * 8) != 0)
    abort();
  buf.size = 0;
  if (lam_delta_write32((const int32_t *)narrow, count, &buf, NULL) != LAM_OK ||
      lam_delta_begin(&delta, lam_bytes_of(buf.data, buf.size), 32, NULL) != LAM_OK || delta.total != count ||
      lam_delta_read32(&delta, (int32_t *)narrow_again, count, NULL) != LAM_OK ||
      memcmp(narrow, narrow_again, count * 4) != 0)
    abort();
  buf.size = 0;
  if (lam_rle_write(narrow, count, width, &buf, NULL) != LAM_OK ||
      lam_rle_begin(&rle, lam_bytes_of(buf.data, buf.size), width, NULL) != LAM_OK ||
      lam_rle_read(&rle, narrow_again, count, NULL) != LAM_OK || memcmp(narrow, narrow_again, count * 4) != 0)
    abort();
  lam_buf_release(&buf);
}

/* Lengths are the first bytes, the strings' bytes are all of them. */
static void fuzz_write_strings(struct lam_mem *mem, struct lam_bytes bytes, enum lam_encoding encoding,
                               const struct choice *choice) {
  static struct strings again;
  static int32_t offsets[MOST + 1];
  size_t count = 0, end = 0;
  struct lam_buf buf;
  while (count < bytes.size && count < MOST && end + bytes.data[count] <= bytes.size) {
    end += bytes.data[count];
    offsets[++count] = (int32_t)end;
  }
  lam_buf_init(&buf, mem);
  lam_buf_init(&again.data, mem);
  if (lam_strings_write(encoding, bytes.data, offsets, count, &buf, NULL) != LAM_OK) abort();
  if (read_strings(mem, lam_bytes_of(buf.data, buf.size), encoding, count, choice->part, (size_t)choice->max_bytes + 1,
                   false, &again) != LAM_OK ||
      again.count != count || (count && memcmp(offsets, again.offsets, (count + 1) * 4) != 0) ||
      (end && memcmp(bytes.data, again.data.data, end) != 0))
    abort();
  lam_buf_release(&again.data);
  lam_buf_release(&buf);
}

static void fuzz_write_validity(struct lam_mem *mem, struct lam_bytes bytes, size_t offset) {
  static uint8_t bits[MOST / 8 + 8];
  struct lam_buf buf;
  struct lam_rle rle;
  int64_t valid, most = (int64_t)(bytes.size < MOST / 8 ? bytes.size : MOST / 8) * 8;
  int64_t from = (int64_t)offset % (most + 1), count = most - from;
  lam_buf_init(&buf, mem);
  if (lam_rle_write_validity(bytes.data, from, (size_t)count, &buf, NULL) != LAM_OK ||
      lam_rle_begin(&rle, lam_bytes_of(buf.data, buf.size), 1, NULL) != LAM_OK ||
      lam_rle_read_validity(&rle, bits, 3, (size_t)count, &valid, NULL) != LAM_OK ||
      valid != lam_bits_count(bytes.data, from, count))
    abort();
  for (int64_t i = 0; i < count; i++)
    if (lam_bit_get(bytes.data, from + i) != lam_bit_get(bits, 3 + i)) abort();
  lam_buf_release(&buf);
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
  static const enum lam_encoding strings[] = {LAM_PLAIN, LAM_DELTA_LENGTH_BYTE_ARRAY, LAM_DELTA_BYTE_ARRAY};
  switch (choice.decoder % 15) {
    case 0: fuzz_rle(bytes, choice.width % 34, count, choice.part); break;
    case 1: fuzz_validity(bytes, count, choice.part); break;
    case 2: fuzz_delta(bytes, 32, count, choice.part); break;
    case 3: fuzz_delta(bytes, 64, count, choice.part); break;
    case 4: fuzz_strings(mem, bytes, LAM_PLAIN, &choice); break;
    case 5: fuzz_strings(mem, bytes, LAM_DELTA_LENGTH_BYTE_ARRAY, &choice); break;
    case 6: fuzz_strings(mem, bytes, LAM_DELTA_BYTE_ARRAY, &choice); break;
    case 7: fuzz_alp(bytes, 4, count, choice.part); break;
    case 8: fuzz_alp(bytes, 8, count, choice.part); break;
    case 9: fuzz_rle_bytes(bytes, choice.width % 9, count, choice.part); break;
    case 10: fuzz_split(mem, bytes, choice.width % 20 + 1u, choice.part); break;
    case 11: fuzz_write_integers(mem, bytes, choice.width % 33); break;
    case 12: fuzz_write_strings(mem, bytes, strings[choice.width % 3], &choice); break;
    case 13: fuzz_write_validity(mem, bytes, choice.part); break;
    default: lam_bitpacked_levels_read(bytes, choice.width % 34, levels, count, NULL);
  }
  free(copy);
  return 0;
}
