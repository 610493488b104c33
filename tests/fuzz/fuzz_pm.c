/* Sidecars of any bytes: whatever is asked of them is answered within them, or refused with a message.
 *
 * The first byte says whether the checksums are made right first, without which little but noise would get past them.
 */
#include <stdlib.h>

#include "base/checksum.h"
#include "sidecar/sidecar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
  if (!condition) abort();
}

/* The table of segments, where one ends before the trailer. */
static void repair_segments(uint8_t *bytes, size_t size) {
  const size_t around = sizeof(struct pm_segments) + 4 + sizeof(struct pm_end_frame);
  size_t end = size - PM_TRAILER;
  if (end < PM_COVERED + around || lam_load64(bytes + end - 8) != PM_MAGIC_SEGMENTS) return;
  uint64_t length = lam_load64(bytes + end - 16);
  if (length < around || length > end - PM_COVERED) return;
  size_t at = end - (size_t)length, count = ((size_t)length - around) / 4, step = (size_t)1 << PM_SEGMENT_SHIFT;
  for (size_t i = 0; i < count && i * step < at; i++) {
    size_t from = i ? i * step : PM_COVERED, to = (i + 1) * step < at ? (i + 1) * step : at;
    if (from < to) lam_store32(bytes + at + sizeof(struct pm_segments) + 4 * i, lam_crc32(0, bytes + from, to - from));
  }
  size_t covered = sizeof(struct pm_segments) + 4 * count;
  lam_store32(bytes + at + covered, lam_crc32(0, bytes + at, covered));
}

static void repair(uint8_t *bytes, size_t size) {
  if (size < PM_SMALLEST) return;
  lam_store64(bytes, size);
  repair_segments(bytes, size);
  lam_store32(bytes + size - PM_TRAILER, lam_crc32(0, bytes + PM_COVERED, size - PM_TRAILER - PM_COVERED));
}

static bool count_fault(void *user, const char *message) {
  check(*message != 0);
  return ++*(int *)user < 100;
}

/* Reads all the bytes of a slice. */
static void touch(const void *bytes, size_t size) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < size; i++) sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
}

static void ask(struct lam_sidecar *sidecar, struct lam_mem *mem) {
  int faults = 0;
  int32_t found;
  struct lam_sidecar_column column = LAM_SIDECAR_COLUMN_INIT;
  struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
  check(lam_sidecar_compare(sidecar, NULL, mem, count_fault, &faults, NULL) == LAM_OK);
  if (lam_sidecar_find(sidecar, "val", &found, NULL) == LAM_OK) check(found < lam_sidecar_columns(sidecar));
  for (int32_t i = 0; i < pm_sorting_count(sidecar) && i < 100; i++) (void)pm_sorting(sidecar, i, &found, NULL);
  for (int32_t c = 0; c < lam_sidecar_columns(sidecar) && c < 100; c++) {
    if (lam_sidecar_column(sidecar, c, &column, NULL) == LAM_OK) {
      touch(column.name, column.name_size);
      touch(column.path, column.path_size);
    }
    for (int32_t g = 0; g < lam_sidecar_row_groups(sidecar) && g < 100; g++) {
      if (lam_sidecar_chunk(sidecar, g, c, &chunk, NULL) != LAM_OK) continue;
      check(chunk.offset + chunk.size < lam_sidecar_file_size(sidecar));
      touch(chunk.min, chunk.min_size);
      touch(chunk.max, chunk.max_size);
      touch(chunk.bloom, chunk.bloom_size);
    }
  }
}

/* As a footer would give it. */
static void ask_meta(struct lam_sidecar *sidecar, struct lam_mem *mem) {
  struct lam_arena arena;
  struct lam_file_meta meta;
  bool there;
  lam_arena_init(&arena, mem);
  if (lam_sidecar_meta(sidecar, &arena, &there, &meta, NULL) == LAM_OK && there)
    for (int32_t g = 0; g < meta.row_group_count && g < 100; g++)
      for (int32_t c = 0; c < meta.leaf_count && c < 100; c++) {
        struct lam_statistics s = lam_chunk_statistics(&meta.row_groups[g].chunks[c]);
        touch(s.min.data, s.min.size);
        touch(s.old_max.data, s.old_max.size);
      }
  lam_arena_release(&arena);
}

static void ask_plan(struct lam_sidecar *sidecar) {
  static const char *const conditions[] = {"val > 1", "ts < TIMESTAMP '1970-01-01 00:00:01Z' OR val IS NULL",
                                           "s = 'a'"};
  static const struct lam_sidecar_name names[] = {{"s", 0}, {"val", -1}};
  struct lam_sidecar_prune_options options = LAM_SIDECAR_PRUNE_OPTIONS_INIT;
  uint8_t *verdicts = malloc((size_t)lam_sidecar_row_groups(sidecar) + 1);
  check(verdicts);
  options.names = names;
  options.name_count = 2;
  for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
    (void)lam_sidecar_prune(sidecar, conditions[i], i ? &options : NULL, verdicts, NULL);
  free(verdicts);
}

/* Chunks of nothing but zeros. */
static void ask_values(struct lam_sidecar *sidecar) {
  static const uint8_t zeros[1 << 16];
  for (int32_t c = 0; c < lam_sidecar_columns(sidecar) && c < 4; c++) {
    struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
    struct ArrowSchema schema;
    struct ArrowArray array;
    if (lam_sidecar_chunk(sidecar, 0, c, &chunk, NULL) != LAM_OK || chunk.size > sizeof zeros) continue;
    if (lam_sidecar_decode(sidecar, 0, c, zeros, chunk.size, NULL, &schema, &array, NULL) != LAM_OK) continue;
    array.release(&array);
    schema.release(&schema);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  struct lam_sidecar *sidecar;
  struct lam_error error = LAM_ERROR_INIT;
  small.threads = 1, small.memory_limit = 64 << 20;
  if (!context) check(lam_context_create(&small, &context, NULL) == LAM_OK);
  if (size < 1) return 0;
  uint8_t *bytes = malloc(size > 1 ? size - 1 : 1);
  check(bytes);
  lam_copy(bytes, data + 1, size - 1);
  if (data[0] & 1) repair(bytes, size - 1);
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  const struct lam_sidecar_open_options options = {.token = data[0] & 2 ? 12268 : 0, .whole = data[0] & 4};
  if (lam_sidecar_open_bytes(lam_bytes_of(bytes, size - 1), &options, mem, &sidecar, &error) == LAM_OK) {
    ask(sidecar, mem);
    ask_meta(sidecar, mem);
    ask_plan(sidecar);
    ask_values(sidecar);
    lam_sidecar_close(sidecar);
  } else {
    check(error.message[0] != 0);
  }
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  free(bytes);
  return 0;
}
