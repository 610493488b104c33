/* How fast each kernel is on one core, over data that stays in the L2 cache. Not built by default:
 *
 *   cmake --build build/release && gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc bench/micro_encodings.c
 *       build/release/liblamella.a <its libraries> -o micro_encodings && ./micro_encodings [name]
 *
 * Each line is the best of several rounds: values a second, and bytes a second of what comes out. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parquet/encoding.h"

enum { COUNT = 16384 }; /* values of a batch */

static struct lam_mem *mem;
static const char *only;
static uint64_t state = 1;
static volatile uint64_t sink;

static uint64_t random64(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void must(enum lam_status status) {
  if (status != LAM_OK) {
    fprintf(stderr, "failed: %s\n", lam_status_name(status));
    exit(1);
  }
}

#define MEASURE(name, values, bytes, statement)                                                                    \
  do {                                                                                                             \
    if (only && !strstr(name, only)) break;                                                                        \
    size_t size = (size_t)(bytes);                                                                                 \
    double best = 1e9;                                                                                             \
    for (int round = 0; round < 12; round++) {                                                                     \
      double begin = seconds();                                                                                    \
      for (int k = 0; k < 100; k++) {                                                                              \
        statement;                                                                                                 \
      }                                                                                                            \
      double took = (seconds() - begin) / 100;                                                                     \
      if (took < best) best = took;                                                                                \
    }                                                                                                              \
    printf("%-28s %8.2f G values/s %8.2f GB/s\n", name, (double)(values) / best / 1e9, (double)size / best / 1e9); \
  } while (0)

static uint32_t a[COUNT], b[COUNT];
static uint64_t wide[COUNT];
static int64_t longs[COUNT], longs_out[COUNT];
static int32_t ints[COUNT], ints_out[COUNT], offsets[COUNT + 1], offsets_out[COUNT + 1];
static uint8_t bytes[COUNT * 64], bits[COUNT / 8 + 8], bits_out[COUNT / 8 + 8];
static struct lam_buf buf, data;

static void unpacking(void) {
  static const int widths[] = {1, 2, 3, 4, 7, 8, 10, 13, 16, 17, 20, 24, 31, 32};
  static const int wide_widths[] = {1, 5, 8, 12, 20, 32, 33, 40, 48, 57, 60, 64};
  char name[64];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)random64();
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    snprintf(name, sizeof name, "unpack32 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 4, lam_unpack32(bytes, sizeof bytes, 0, widths[w], a, COUNT));
  }
  for (size_t w = 0; w < sizeof wide_widths / sizeof *wide_widths; w++) {
    snprintf(name, sizeof name, "unpack64 width %d", wide_widths[w]);
    MEASURE(name, COUNT, COUNT * 8, lam_unpack64(bytes, sizeof bytes, 0, wide_widths[w], wide, COUNT));
  }
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    for (size_t i = 0; i < COUNT; i++) a[i] = (uint32_t)(random64() >> (64 - widths[w]));
    snprintf(name, sizeof name, "pack32 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 4, buf.size = 0; must(lam_pack32(a, COUNT, widths[w], &buf, NULL)));
  }
}

static void read_rle(int width) {
  struct lam_rle rle;
  must(lam_rle_begin(&rle, lam_bytes_of(buf.data, buf.size), width, NULL));
  must(lam_rle_read(&rle, b, COUNT, NULL));
}

static void runs(void) {
  for (size_t i = 0; i < COUNT; i++) a[i] = (uint32_t)random64() % 1000;
  MEASURE("rle write random", COUNT, COUNT * 4, buf.size = 0; must(lam_rle_write(a, COUNT, 10, &buf, NULL)));
  buf.size = 0;
  must(lam_rle_write(a, COUNT, 10, &buf, NULL));
  MEASURE("rle read random", COUNT, COUNT * 4, read_rle(10));
  for (size_t i = 0; i < COUNT;) {
    size_t run = random64() % 2 ? 1 : random64() % 60;
    for (uint32_t v = (uint32_t)random64() % 1000; run && i < COUNT; run--) a[i++] = v;
  }
  MEASURE("rle write mixed", COUNT, COUNT * 4, buf.size = 0; must(lam_rle_write(a, COUNT, 10, &buf, NULL)));
  buf.size = 0;
  must(lam_rle_write(a, COUNT, 10, &buf, NULL));
  MEASURE("rle read mixed", COUNT, COUNT * 4, read_rle(10));
}

static void read_validity(void) {
  struct lam_rle rle;
  int64_t valid;
  must(lam_rle_begin(&rle, lam_bytes_of(buf.data, buf.size), 1, NULL));
  must(lam_rle_read_validity(&rle, bits_out, 3, COUNT, &valid, NULL));
  sink += (uint64_t)valid;
}

static void validity(void) {
  static const unsigned nulls[] = {0, 1, 10, 50}; /* per cent */
  char name[64];
  for (size_t p = 0; p < 4; p++) {
    for (int64_t i = 0; i < COUNT; i++) lam_bits_fill(bits, i, 1, random64() % 100 >= nulls[p]);
    size_t valid = (size_t)lam_bits_count(bits, 0, COUNT);
    snprintf(name, sizeof name, "validity write %u%% null", nulls[p]);
    MEASURE(name, COUNT, COUNT / 8, buf.size = 0; must(lam_rle_write_validity(bits, 0, COUNT, &buf, NULL)));
    buf.size = 0;
    must(lam_rle_write_validity(bits, 0, COUNT, &buf, NULL));
    snprintf(name, sizeof name, "validity read %u%% null", nulls[p]);
    MEASURE(name, COUNT, COUNT / 8, read_validity());
    snprintf(name, sizeof name, "spread 4 bytes %u%% null", nulls[p]);
    MEASURE(name, COUNT, COUNT * 4, lam_spread(bytes, 4, bits, 0, COUNT, valid));
    snprintf(name, sizeof name, "spread 8 bytes %u%% null", nulls[p]);
    MEASURE(name, COUNT, COUNT * 8, lam_spread(bytes, 8, bits, 0, COUNT, valid));
  }
  for (size_t i = 0; i < COUNT; i++) a[i] = (uint32_t)random64() & 1;
  MEASURE("levels to validity", COUNT, COUNT / 8, sink += (uint64_t)lam_levels_to_validity(a, COUNT, 1, bits_out, 0));
}

static void gathering(void) {
  for (size_t i = 0; i < COUNT; i++) a[i] = (uint32_t)random64() % 1000;
  MEASURE("gather 4 bytes", COUNT, COUNT * 4, must(lam_gather(bytes, 1000, 4, a, COUNT, (uint8_t *)ints, NULL)));
  MEASURE("gather 8 bytes", COUNT, COUNT * 8, must(lam_gather(bytes, 1000, 8, a, COUNT, (uint8_t *)longs, NULL)));
  MEASURE("gather 16 bytes", COUNT, COUNT * 16, must(lam_gather(bytes, 1000, 16, a, COUNT, bytes + 16000, NULL)));
}

static void read_delta32(void) {
  struct lam_delta delta;
  must(lam_delta_begin(&delta, lam_bytes_of(buf.data, buf.size), 32, NULL));
  must(lam_delta_read32(&delta, ints_out, COUNT, NULL));
}
static void read_delta64(void) {
  struct lam_delta delta;
  must(lam_delta_begin(&delta, lam_bytes_of(buf.data, buf.size), 64, NULL));
  must(lam_delta_read64(&delta, longs_out, COUNT, NULL));
}

static void deltas(void) {
  static const int widths[] = {0, 3, 10, 20, 28};
  char name[64];
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    int64_t last = 0;
    for (size_t i = 0; i < COUNT; i++) {
      last += widths[w] ? (int64_t)(random64() >> (64 - widths[w])) : 7;
      longs[i] = last;
      ints[i] = (int32_t)last;
    }
    snprintf(name, sizeof name, "delta write 32 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 4, buf.size = 0; must(lam_delta_write32(ints, COUNT, &buf, NULL)));
    snprintf(name, sizeof name, "delta read 32 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 4, read_delta32());
    snprintf(name, sizeof name, "delta write 64 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 8, buf.size = 0; must(lam_delta_write64(longs, COUNT, &buf, NULL)));
    snprintf(name, sizeof name, "delta read 64 width %d", widths[w]);
    MEASURE(name, COUNT, COUNT * 8, read_delta64());
  }
}

static void read_strings(enum lam_encoding encoding) {
  struct lam_strings strings;
  size_t count;
  data.size = 0;
  must(lam_strings_begin(&strings, mem, encoding, lam_bytes_of(buf.data, buf.size), COUNT, NULL));
  must(lam_strings_read(&strings, COUNT, 1 << 30, offsets_out, &data, &count, NULL));
  lam_strings_release(&strings);
}

static void all_strings(void) {
  static const struct {
    const char *name;
    enum lam_encoding encoding;
  } encodings[] = {
      {"plain", LAM_PLAIN}, {"delta length", LAM_DELTA_LENGTH_BYTE_ARRAY}, {"delta bytes", LAM_DELTA_BYTE_ARRAY}};
  static const size_t lengths[] = {4, 12, 24, 60};
  char name[64];
  for (size_t l = 0; l < 4; l++) {
    for (size_t i = 0; i < COUNT; i++) offsets[i + 1] = offsets[i] + (int32_t)(random64() % (lengths[l] * 2 + 1));
    uint8_t *text = malloc((size_t)offsets[COUNT]);
    for (int32_t i = 0; i < offsets[COUNT]; i++) text[i] = (uint8_t)(random64() % 3);
    for (size_t e = 0; e < 3; e++) {
      snprintf(name, sizeof name, "strings %s write %zu", encodings[e].name, lengths[l]);
      MEASURE(name, COUNT, offsets[COUNT], buf.size = 0;
              must(lam_strings_write(encodings[e].encoding, text, offsets, COUNT, &buf, NULL)));
      buf.size = 0;
      must(lam_strings_write(encodings[e].encoding, text, offsets, COUNT, &buf, NULL));
      snprintf(name, sizeof name, "strings %s read %zu", encodings[e].name, lengths[l]);
      MEASURE(name, COUNT, offsets[COUNT], read_strings(encodings[e].encoding));
    }
    free(text);
  }
}

static void splitting(void) {
  static uint8_t to[COUNT * 16];
  char name[64];
  for (size_t width = 2; width <= 16; width *= 2) {
    snprintf(name, sizeof name, "split read %zu bytes", width);
    MEASURE(name, COUNT, COUNT * width, lam_split_read(bytes, COUNT, width, 0, COUNT, to));
    snprintf(name, sizeof name, "split write %zu bytes", width);
    MEASURE(name, COUNT, COUNT * width, buf.size = 0; must(lam_split_write(bytes, COUNT, width, &buf, NULL)));
  }
  MEASURE("memcpy", COUNT, COUNT * 8, memcpy(longs_out, bytes, COUNT * 8));
}

int main(int argc, char **argv) {
  struct lam_context *context;
  only = argc > 1 ? argv[1] : NULL;
  must(lam_context_create(NULL, &context, NULL));
  must(lam_mem_open(context, 1 << 20, &mem, NULL));
  lam_buf_init(&buf, mem);
  lam_buf_init(&data, mem);
  unpacking();
  runs();
  validity();
  gathering();
  deltas();
  all_strings();
  splitting();
  lam_buf_release(&buf);
  lam_buf_release(&data);
  lam_mem_close(mem);
  lam_context_free(context);
  return 0;
}
