/* Reading sidecars: the golden vectors, damage to every byte, features that are not known. */
#include "pm_support.h"

#include "base/checksum.h"

static enum lam_status open_bytes(const uint8_t *bytes, size_t size, uint64_t token, struct lam_sidecar **out,
                                  struct lam_error *error) {
  return lam_sidecar_open_bytes(lam_bytes_of(bytes, size), &(struct lam_sidecar_open_options){.token = token}, mem, out,
                                error);
}

static void golden_vectors(void **state) {
  (void)state;
  uint8_t bytes[GOLDEN2];
  golden_bytes(2, bytes);
  struct lam_sidecar *sidecar;
  OK(open_bytes(bytes, GOLDEN2, GOLDEN2_TOKEN, &sidecar, &error));
  assert_int_equal(lam_sidecar_file_size(sidecar), GOLDEN2_TOKEN);
  assert_int_equal(sidecar->footer.previous, GOLDEN1);
  assert_int_equal(sidecar->header.designated, 0);
  struct lam_sidecar_column column = LAM_SIDECAR_COLUMN_INIT;
  OK(lam_sidecar_column(sidecar, 1, &column, &error));
  assert_int_equal(column.field_id, 1);
  assert_int_equal(column.type, PM_TYPE_DOUBLE);
  assert_int_equal(column.physical, LAM_DOUBLE);
  assert_int_equal(column.repetition, LAM_OPTIONAL);
  assert_int_equal(column.max_definition, 1);
  assert_int_equal(column.max_repetition, 0);
  assert_int_equal(column.name_size, 3);
  assert_memory_equal(column.name, "val", 3);
  assert_null(column.path);
  struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
  OK(lam_sidecar_chunk(sidecar, 0, 1, &chunk, &error));
  assert_int_equal(chunk.codec, LAM_ZSTD);
  assert_int_equal(chunk.values, 1000);
  assert_int_equal(chunk.offset, 5004);
  assert_int_equal(chunk.size, 7000);
  assert_int_equal(chunk.null_count, 10);
  assert_int_equal(chunk.distinct_count, -1);
  assert_int_equal(chunk.min_size, 8);
  double min, max;
  memcpy(&min, chunk.min, 8);
  memcpy(&max, chunk.max, 8);
  assert_true(min == -1.5 && max == 99.25 && chunk.min_exact && chunk.max_exact);
  assert_int_equal(chunk.uncompressed_size, -1);
  FAILS(lam_sidecar_chunk(sidecar, 2, 0, &chunk, &error), LAM_INVALID, "row group 2");
  FAILS(lam_sidecar_chunk(sidecar, 0, 2, &chunk, &error), LAM_INVALID, "column 2");
  int32_t found;
  OK(lam_sidecar_find(sidecar, "val", &found, &error));
  assert_int_equal(found, 1);
  lam_sidecar_close(sidecar);
}

/* All that a planner can ask, as one hash; 0 where any of it is refused. */
static uint64_t answers(const uint8_t *bytes, size_t size, uint64_t token) {
  struct lam_sidecar *sidecar;
  struct lam_arena arena;
  struct lam_file_meta meta;
  uint64_t hash = 1;
  bool there;
  if (open_bytes(bytes, size, token, &sidecar, NULL) != LAM_OK) return 0;
  lam_arena_init(&arena, mem);
  if (pm_file_meta(sidecar, &arena, &there, &meta, NULL) != LAM_OK) hash = 0;
  for (int32_t i = 0; hash && there && i < meta.node_count; i++)
    hash = lam_hash_fast(meta.nodes[i].name.data, meta.nodes[i].name.size, hash + (uint64_t)meta.nodes[i].physical);
  for (int32_t c = 0; hash && c < lam_sidecar_columns(sidecar); c++) {
    struct lam_sidecar_column column = LAM_SIDECAR_COLUMN_INIT;
    if (lam_sidecar_column(sidecar, c, &column, NULL) != LAM_OK) hash = 0;
    if (hash) hash = lam_hash_fast(column.name, column.name_size, hash + (uint64_t)column.field_id);
    for (int32_t r = 0; hash && r < lam_sidecar_row_groups(sidecar); r++) {
      struct lam_sidecar_chunk k = LAM_SIDECAR_CHUNK_INIT;
      if (lam_sidecar_chunk(sidecar, r, c, &k, NULL) != LAM_OK) {
        hash = 0;
        break;
      }
      const uint64_t numbers[] = {k.values, k.offset, k.size, (uint64_t)k.null_count, (uint64_t)k.uncompressed_size};
      hash = lam_hash_fast(numbers, sizeof numbers, hash);
      if (k.min) hash = lam_hash_fast(k.min, k.min_size, hash);
      if (k.max) hash = lam_hash_fast(k.max, k.max_size, hash);
    }
  }
  lam_arena_release(&arena);
  lam_sidecar_close(sidecar);
  return hash;
}

/* Each bit of each byte: refused, or the same answers. */
static void flip(uint8_t *bytes, size_t size, uint64_t token) {
  uint64_t expected = answers(bytes, size, token), refused = 0;
  assert_true(expected);
  for (size_t i = 0; i < size; i++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] ^= (uint8_t)(1 << bit);
      uint64_t found = answers(bytes, size, token);
      if (found && found != expected) fail_msg("bit %d of byte %zu changes an answer", bit, i);
      refused += !found;
      bytes[i] ^= (uint8_t)(1 << bit);
    }
  assert_true(refused > size * 6);    /* what is not looked at need not be refused */
  for (size_t i = 0; i < size; i++) { /* cut short */
    uint8_t *shorter = malloc(i ? i : 1);
    memcpy(shorter, bytes, i);
    assert_int_equal(answers(shorter, i, token), 0);
    free(shorter);
  }
}

static void damage_is_refused_or_harmless(void **state) {
  (void)state;
  uint8_t bytes[GOLDEN2];
  golden_bytes(1, bytes);
  flip(bytes, GOLDEN1, GOLDEN1_TOKEN);
  golden_bytes(2, bytes);
  flip(bytes, GOLDEN2, GOLDEN2_TOKEN);
  struct golden g;
  golden_make(&g, 2);
  struct lam_buf ours = {.mem = mem};
  OK(lam_sidecar_build_in(&g.source, &(struct lam_sidecar_format){0}, &ours, &error));
  flip(ours.data, ours.size, GOLDEN2_TOKEN);
  lam_buf_release(&ours);
}

/* A header's or footer's bits changed, with a CRC that says so. */
static enum lam_status with_features(uint64_t header, uint64_t footer, struct lam_error *error) {
  uint8_t bytes[GOLDEN2];
  struct lam_sidecar *sidecar;
  golden_bytes(1, bytes);
  lam_store64(bytes + 8, lam_load64(bytes + 8) | header);
  lam_store64(bytes + 240 + 32, footer);
  lam_store32(bytes + GOLDEN1 - 8, lam_crc32(0, bytes + 8, GOLDEN1 - 16));
  enum lam_status status = open_bytes(bytes, GOLDEN1, GOLDEN1_TOKEN, &sidecar, error);
  if (status == LAM_OK) lam_sidecar_close(sidecar);
  return status;
}

static void unknown_features(void **state) {
  (void)state;
  OK(with_features(1 << 5, 0, &error));
  OK(with_features(0, 1 << 5, &error));
  FAILS(with_features((uint64_t)1 << 40, 0, &error), LAM_UNSUPPORTED, "features");
  FAILS(with_features(0, (uint64_t)1 << 63, &error), LAM_UNSUPPORTED, "features");
  FAILS(with_features(0, PM_COVERING_INDEX_REQUIRED, &error), LAM_UNSUPPORTED, "features");
  FAILS(with_features(PM_BLOOM_EXTERNAL, 0, &error), LAM_CORRUPT, "bloom");
  FAILS(with_features(0, PM_SEQ_TXN, &error), LAM_CORRUPT, "end at offset");
  FAILS(with_features(0, PM_OUR_FILE, &error), LAM_CORRUPT, "one of ours");
}

/* Version 1 of the golden vectors with the sections that a mask of features says: bit 3 of the header, the footer's
 * known ones. Returns its size. */
static size_t with_sections(uint64_t header, uint64_t footer, uint32_t covering, uint8_t *out) {
  enum { NAMES_END = 101, BLOCK = 104, FOOTER = 240, FOOTER_END = 284 };
  uint8_t bytes[GOLDEN2];
  golden_bytes(1, bytes);
  size_t size = NAMES_END;
  memcpy(out, bytes, NAMES_END);
  lam_store64(out + 8, lam_load64(out + 8) | header);
  if (header & PM_SQUASH_TRACKER) lam_store64(out + size, 7), size += 8;
  while (size % 8) out[size++] = 0;
  const size_t block = size;
  memcpy(out + size, bytes + BLOCK, FOOTER - BLOCK);
  size += FOOTER - BLOCK;
  const size_t at = size;
  memcpy(out + size, bytes + FOOTER, FOOTER_END - FOOTER);
  lam_store64(out + at + offsetof(struct pm_footer, features), footer);
  lam_store32(out + at + sizeof(struct pm_footer), (uint32_t)(block >> 3));
  size += FOOTER_END - FOOTER;
  if (footer & PM_SEQ_TXN) lam_store64(out + size, 5), size += 8;
  if (footer & PM_SCRATCHPAD) {
    const uint32_t pad[] = {2, 1, 0, 9, 4, 0x64636261}; /* two records, of no byte and of four */
    memcpy(out + size, pad, sizeof pad);
    size += sizeof pad;
  }
  if (footer & PM_COVERING_INDEX) {
    const uint32_t index[] = {covering, 1, 30, 0, 4096, 0}; /* of column 1, at transaction 30, 4,096 bytes */
    memcpy(out + size, index, sizeof index);
    size += sizeof index;
  }
  lam_store32(out + size, lam_crc32(0, out + PM_COVERED, size - PM_COVERED));
  lam_store32(out + size + 4, (uint32_t)(size + 4 - at));
  lam_store64(out, size + PM_TRAILER);
  return size + PM_TRAILER;
}

/* The sections that only QuestDB writes are passed over, each flip of a bit is found, and one that does not fit, too.
 */
static void sections_of_others(void **state) {
  (void)state;
  static const uint64_t covering = PM_COVERING_INDEX | PM_COVERING_INDEX_REQUIRED;
  static const uint64_t footers[] = {
      0, PM_SEQ_TXN, PM_SCRATCHPAD, covering, PM_SEQ_TXN | PM_SCRATCHPAD, PM_SEQ_TXN | PM_SCRATCHPAD | covering};
  uint8_t bytes[2 * GOLDEN2], golden[GOLDEN2];
  struct lam_sidecar *sidecar;
  golden_bytes(1, golden);
  for (size_t i = 0; i < sizeof footers / sizeof *footers; i++)
    for (uint64_t header = 0; header <= PM_SQUASH_TRACKER; header += PM_SQUASH_TRACKER) {
      size_t size = with_sections(header, footers[i], 1, bytes);
      assert_true(answers(bytes, size, GOLDEN1_TOKEN) == answers(golden, GOLDEN1, GOLDEN1_TOKEN));
      flip(bytes, size, GOLDEN1_TOKEN);
    }
  size_t size = with_sections(PM_SQUASH_TRACKER, covering, 2, bytes);
  FAILS(open_bytes(bytes, size, 0, &sidecar, &error), LAM_CORRUPT, "end at offset");
}

static void identity(void **state) {
  (void)state;
  struct golden g;
  struct lam_sidecar *sidecar;
  struct lam_buf ours = {.mem = mem};
  golden_make(&g, 1);
  OK(lam_sidecar_build_in(&g.source, &(struct lam_sidecar_format){0}, &ours, &error));
  OK(open_bytes(ours.data, ours.size, 0, &sidecar, &error));
  struct lam_object_info info = {.size = GOLDEN1_TOKEN, .inode = 5, .mtime_ns = 6};
  assert_int_equal(lam_sidecar_match(sidecar, &info), LAM_SIDECAR_CURRENT);
  info.mtime_ns++;
  assert_int_equal(lam_sidecar_match(sidecar, &info), LAM_SIDECAR_MAYBE);
  info.size++;
  assert_int_equal(lam_sidecar_match(sidecar, &info), LAM_SIDECAR_STALE);
  assert_int_equal(sidecar->file_head.footer_hash, 77);
  lam_sidecar_close(sidecar);
  lam_buf_release(&ours);
}

/* Damage is found where it is touched, or where all is verified; and a handle is all that is allocated. */
static void segments_are_verified_when_touched(void **state) {
  (void)state;
  static uint8_t text[20000];
  struct golden g;
  struct lam_sidecar *sidecar;
  struct lam_buf ours = {.mem = mem};
  struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
  struct lam_arena arena;
  struct lam_file_meta meta;
  bool there;
  memset(text, 'x', sizeof text);
  golden_make(&g, 2);
  g.pairs[0].value = lam_bytes_of(text, sizeof text);
  OK(lam_sidecar_build_in(&g.source, &(struct lam_sidecar_format){0}, &ours, &error));
  const uint8_t *found = memmem(ours.data, ours.size, text, sizeof text);
  ours.data[(size_t)(found - ours.data) + sizeof text / 2] ^= 1;
  FAILS(lam_sidecar_open_bytes(lam_bytes_of(ours.data, ours.size), &(struct lam_sidecar_open_options){.whole = true},
                               mem, &sidecar, &error),
        LAM_CORRUPT, "CRC");
  uint64_t before = lam_mem_used(mem);
  OK(open_bytes(ours.data, ours.size, GOLDEN2_TOKEN, &sidecar, &error));
  for (int32_t i = 0; i < 4; i++) OK(lam_sidecar_chunk(sidecar, i / 2, i % 2, &chunk, &error));
  assert_int_equal(chunk.values, 500);
  assert_true((const uint8_t *)chunk.min >= ours.data && (const uint8_t *)chunk.min < ours.data + ours.size);
  assert_int_equal(lam_mem_used(mem), before + sidecar->allocated);
  lam_arena_init(&arena, mem);
  FAILS(pm_file_meta(sidecar, &arena, &there, &meta, &error), LAM_CORRUPT, "checksum");
  lam_arena_release(&arena);
  lam_sidecar_close(sidecar);
  assert_int_equal(lam_mem_used(mem), before);
  lam_buf_release(&ours);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PM_TEST(golden_vectors),   PM_TEST(damage_is_refused_or_harmless),
      PM_TEST(unknown_features), PM_TEST(sections_of_others),
      PM_TEST(identity),         PM_TEST(segments_are_verified_when_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
