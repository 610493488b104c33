/* Rows read by ranges are those of the whole read: every encoding, nullability, page version, with and without an
 * offset index, strings as views or not; and what is not wanted is neither read nor decompressed. */
#include <stdio.h>

#include "base/checksum.h"
#include "page_support.h"

enum { ROWS = 3000, MOST_PAGES = 64 };

static uint32_t seed_state;
static uint32_t pick(uint32_t below) {
  seed_state = seed_state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)(seed_state >> 8) * below >> 24);
}

/* ---- making chunks ---- */

struct kind {
  const char *name;
  struct lam_leaf leaf;
  enum lam_encoding encoding;
};
#define LEAF(p, w, t)                                             \
  {                                                               \
    .physical = p, .width = w, .type = {.id = t, .timezone = "" } \
  }
static const struct kind kinds[] = {
    {"int32 plain", LEAF(LAM_INT32, 4, LAM_TYPE_INT32), LAM_PLAIN},
    {"int32 dictionary", LEAF(LAM_INT32, 4, LAM_TYPE_INT32), LAM_RLE_DICTIONARY},
    {"int32 delta", LEAF(LAM_INT32, 4, LAM_TYPE_INT32), LAM_DELTA_BINARY_PACKED},
    {"int32 split", LEAF(LAM_INT32, 4, LAM_TYPE_INT32), LAM_BYTE_STREAM_SPLIT},
    {"int64 plain", LEAF(LAM_INT64, 8, LAM_TYPE_INT64), LAM_PLAIN},
    {"int64 delta", LEAF(LAM_INT64, 8, LAM_TYPE_INT64), LAM_DELTA_BINARY_PACKED},
    {"double split", LEAF(LAM_DOUBLE, 8, LAM_TYPE_FLOAT64), LAM_BYTE_STREAM_SPLIT},
    {"bool plain", LEAF(LAM_BOOLEAN, 0, LAM_TYPE_BOOL), LAM_PLAIN},
    {"bool rle", LEAF(LAM_BOOLEAN, 0, LAM_TYPE_BOOL), LAM_RLE},
    {"string plain", LEAF(LAM_BYTE_ARRAY, 0, LAM_TYPE_STRING), LAM_PLAIN},
    {"string dictionary", LEAF(LAM_BYTE_ARRAY, 0, LAM_TYPE_STRING), LAM_RLE_DICTIONARY},
    {"string delta length", LEAF(LAM_BYTE_ARRAY, 0, LAM_TYPE_STRING), LAM_DELTA_LENGTH_BYTE_ARRAY},
    {"string delta", LEAF(LAM_BYTE_ARRAY, 0, LAM_TYPE_STRING), LAM_DELTA_BYTE_ARRAY},
};
enum { KINDS = sizeof kinds / sizeof *kinds, DICTIONARY = 40 };

struct made {
  struct lam_buf bytes;
  struct lam_leaf leaf;
  struct lam_page_location pages[MOST_PAGES];
  int32_t page_count;
};

/* The bytes of `count` values, numbers below DICTIONARY, in an encoding. */
static void put_values(struct lam_buf *out, const struct kind *kind, enum lam_encoding encoding, const uint32_t *values,
                       size_t count) {
  uint8_t text[33 * ROWS];
  int32_t offsets[ROWS + 1] = {0}, narrow[ROWS];
  int64_t wide[ROWS];
  for (size_t i = 0; i < count; i++) {
    narrow[i] = (int32_t)values[i] * 1000 - 7;
    wide[i] = (int64_t)values[i] << 33;
    size_t size = values[i] % 12 * 3;
    memset(text + offsets[i], (int)('a' + values[i] % 26), size);
    offsets[i + 1] = offsets[i] + (int32_t)size;
  }
  bool is_narrow = kind->leaf.width == 4;
  struct lam_bytes raw = is_narrow ? lam_bytes_of(narrow, count * 4) : lam_bytes_of(wide, count * 8);
  uint8_t width = 6;
  uint32_t bits[ROWS], size = 0;
  for (size_t i = 0; i < count; i++) bits[i] = values[i] & 1;
  switch (encoding) {
    case LAM_RLE_DICTIONARY:
      assert_int_equal(lam_buf_append(out, &width, 1, NULL), LAM_OK);
      assert_int_equal(lam_rle_write(values, count, width, out, NULL), LAM_OK);
      break;
    case LAM_RLE:
      assert_int_equal(lam_buf_append(out, &size, 4, NULL), LAM_OK);
      size = (uint32_t)out->size;
      assert_int_equal(lam_rle_write(bits, count, 1, out, NULL), LAM_OK);
      lam_store32(out->data + size - 4, (uint32_t)out->size - size);
      break;
    case LAM_DELTA_BINARY_PACKED:
      assert_int_equal(
          is_narrow ? lam_delta_write32(narrow, count, out, NULL) : lam_delta_write64(wide, count, out, NULL), LAM_OK);
      break;
    case LAM_BYTE_STREAM_SPLIT:
      assert_int_equal(lam_split_write(raw.data, count, (size_t)kind->leaf.width, out, NULL), LAM_OK);
      break;
    default:
      if (kind->leaf.physical == LAM_BYTE_ARRAY)
        assert_int_equal(lam_strings_write(encoding, text, offsets, count, out, NULL), LAM_OK);
      else if (kind->leaf.physical == LAM_BOOLEAN)
        assert_int_equal(lam_pack32(bits, count, 1, out, NULL), LAM_OK);
      else
        assert_int_equal(lam_buf_append(out, raw.data, raw.size, NULL), LAM_OK);
  }
}

enum levels { V1_RLE, V1_BIT_PACKED, V2, LEVEL_FORMS };

/* MSB first, as the deprecated encoding has them. */
static void pack_levels(const uint32_t *levels, size_t count, int width, struct lam_buf *out) {
  size_t size = (count * (size_t)width + 7) / 8;
  uint8_t packed[ROWS] = {0};
  for (size_t bit = 0; bit < count * (size_t)width; bit++) {
    uint32_t level = levels[bit / (size_t)width];
    if (level >> (width - 1 - (int)(bit % (size_t)width)) & 1) packed[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
  }
  assert_int_equal(lam_buf_append(out, packed, size, NULL), LAM_OK);
}

static void put_rows(struct made *made, const struct kind *kind, enum lam_encoding encoding, enum levels form,
                     size_t count, uint32_t nulls_of_100) {
  struct lam_buf payload = {.mem = made->bytes.mem}, *chunk = &made->bytes;
  uint32_t levels[ROWS], values[ROWS];
  size_t valid = 0;
  int max = made->leaf.max_definition, width = lam_bit_width((uint64_t)max);
  for (size_t i = 0; i < count; i++) {
    bool null = max > 0 && pick(100) < nulls_of_100;
    levels[i] = null ? pick((uint32_t)max) : (uint32_t)max;
    if (null) continue;
    values[valid] = valid == 0 || pick(8) ? pick(DICTIONARY) : values[valid - 1];
    valid++;
  }
  struct lam_page_header header = {.kind = form == V2 ? LAM_DATA_PAGE_V2 : LAM_DATA_PAGE,
                                   .values = (int32_t)count,
                                   .rows = (int32_t)count,
                                   .encoding = encoding,
                                   .repetition_encoding = LAM_RLE,
                                   .definition_encoding = form == V1_BIT_PACKED ? LAM_BIT_PACKED : LAM_RLE,
                                   .compressed = true,
                                   .statistics = {.null_count = -1, .distinct_count = -1, .nan_count = -1}};
  uint32_t size = 0;
  if (max && form == V1_BIT_PACKED) pack_levels(levels, count, width, &payload);
  if (max && form == V1_RLE) assert_int_equal(lam_buf_append(&payload, &size, 4, NULL), LAM_OK);
  if (max && form != V1_BIT_PACKED) assert_int_equal(lam_rle_write(levels, count, width, &payload, NULL), LAM_OK);
  if (max && form == V1_RLE) lam_store32(payload.data, (uint32_t)payload.size - 4);
  header.definition_size = form == V2 ? (int32_t)payload.size : 0;
  if (valid) put_values(&payload, kind, encoding, values, valid);
  header.uncompressed_size = header.compressed_size = (int32_t)payload.size;
  header.has_crc = true;
  header.crc = lam_crc32(0, payload.data, payload.size);
  uint64_t offset = chunk->size;
  assert_int_equal(lam_page_header_write(&header, chunk, NULL), LAM_OK);
  assert_int_equal(lam_buf_append(chunk, payload.data, payload.size, NULL), LAM_OK);
  made->pages[made->page_count++].offset = offset;
  made->pages[made->page_count - 1].size = (uint32_t)(chunk->size - offset);
  lam_buf_release(&payload);
}

static void make(struct made *made, struct lam_mem *mem, const struct kind *kind, int max_definition,
                 enum levels form) {
  static const uint32_t nulls[] = {0, 30, 100, 3};
  *made = (struct made){.bytes = {.mem = mem}, .leaf = kind->leaf};
  made->leaf.max_definition = (int16_t)max_definition;
  if (kind->encoding == LAM_RLE_DICTIONARY) {
    struct lam_buf plain = {.mem = mem};
    uint32_t all[DICTIONARY];
    for (uint32_t i = 0; i < DICTIONARY; i++) all[i] = i;
    put_values(&plain, kind, LAM_PLAIN, all, DICTIONARY);
    put_dictionary(&made->bytes, DICTIONARY, lam_bytes_of(plain.data, plain.size));
    lam_buf_release(&plain);
  }
  for (size_t row = 0, count; row < ROWS; row += count) {
    count = 1 + pick(pick(3) ? 300 : 20);
    if (count > ROWS - row || made->page_count == MOST_PAGES - 1) count = ROWS - row;
    /* The last third of a dictionary's rows falls back. */
    bool falls_back = kind->encoding == LAM_RLE_DICTIONARY && row > 2 * ROWS / 3;
    made->pages[made->page_count].first_row = (int64_t)row;
    put_rows(made, kind, falls_back ? LAM_PLAIN : kind->encoding, form, count, nulls[made->page_count % 4]);
  }
}

/* ---- reading them ---- */

struct value {
  bool valid;
  uint8_t size, bytes[33];
};

/* The values of an array of views; what they point at lies within its buffers, whose lengths it has. */
static void take_views(const struct ArrowArray *array, struct value *out) {
  const uint8_t *validity = array->buffers[0], *views = array->buffers[1];
  const int64_t *lengths = array->buffers[array->n_buffers - 1];
  for (int64_t i = 0; i < array->length; i++) {
    int64_t at = array->offset + i;
    struct value v = {.valid = !validity || lam_bit_get(validity, at)};
    const uint8_t *view = views + at * LAM_VIEW_BYTES, *from = view + 4;
    if (v.valid) {
      v.size = (uint8_t)lam_load32(view);
      assert_in_range(lam_load32(view), 0, sizeof v.bytes);
    }
    if (v.size > 12) {
      assert_in_range(lam_load32(view + 8), 0, (uintmax_t)array->n_buffers - 4);
      from = (const uint8_t *)array->buffers[2 + lam_load32(view + 8)] + lam_load32(view + 12);
      assert_in_range(lam_load32(view + 12) + v.size, 0, lengths[lam_load32(view + 8)]);
      assert_memory_equal(from, view + 4, 4);
    } else {
      static const uint8_t zeros[12];
      assert_memory_equal(view + 4 + v.size, zeros, 12u - v.size);
    }
    lam_copy(v.bytes, from, v.size);
    out[i] = v;
  }
}

static void take_run(const struct lam_chunk *chunk, struct value *out) {
  const struct lam_run *run = &chunk->run;
  const struct lam_values *values = run->dictionary ? &chunk->dictionary : &run->values;
  for (int64_t i = 0; i < run->rows; i++) {
    struct value v = {.valid = run->nulls == 0 || lam_bit_get(run->validity->data, i)};
    int64_t at = chunk->as_dictionary ? ((int32_t *)(void *)run->indices->data)[i] : i;
    if (v.valid && chunk->class == LAM_VALUES_BITS) {
      v.size = lam_bit_get(values->data->data, at);
    } else if (v.valid && chunk->class == LAM_VALUES_FIXED) {
      v.size = (uint8_t)chunk->width;
      memcpy(v.bytes, values->data->data + at * (int64_t)chunk->width, chunk->width);
    } else if (v.valid) {
      const int32_t *offsets = (const int32_t *)(const void *)values->offsets->data;
      v.size = (uint8_t)(offsets[at + 1] - offsets[at]);
      lam_copy(v.bytes, values->data->data + offsets[at], v.size);
    }
    out[i] = v;
  }
}

static void read_all(struct page_fixture *f, const struct lam_chunk_source *source, struct value *out) {
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f->mem);
  assert_int_equal(lam_chunk_begin(&chunk, source, false, NULL), LAM_OK);
  for (int64_t row = 0; row < ROWS; row += chunk.run.rows) {
    assert_int_equal(lam_chunk_read(&chunk, &f->codec, ROWS, INT32_MAX, NULL), LAM_OK);
    take_run(&chunk, out + row);
  }
  lam_chunk_release(&chunk);
}

static size_t random_ranges(struct lam_range *out, size_t most) {
  uint32_t longest = 1 + pick(pick(2) ? 10 : 700), gap = 1 + pick(pick(2) ? 10 : 700);
  size_t count = 0;
  for (int64_t row = pick(gap); row < ROWS && count < most; count++) {
    out[count] = (struct lam_range){row, lam_min_i64(ROWS, row + 1 + pick(longest))};
    row = out[count].end + 1 + pick(gap);
  }
  return count;
}

/* Arrays of views that are held while other runs are read, and some of them longer than their chunk. */
struct kept {
  struct ArrowArray array;
  struct value values[ROWS];
};
enum { KEPT = 6 };
static struct kept kept[KEPT];

static void check_kept(struct kept *k) {
  static struct value now[ROWS];
  if (!k->array.release) return;
  take_views(&k->array, now);
  assert_memory_equal(now, k->values, (size_t)k->array.length * sizeof *now);
  lam_array_release(&k->array);
}

static void take_views_of_run(const struct lam_chunk *chunk, struct value *out) {
  struct kept *k = &kept[pick(KEPT)];
  int64_t rows = chunk->run.rows, cut = pick((uint32_t)rows);
  struct ArrowArray first;
  check_kept(k);
  int64_t nulls = chunk->run.nulls > 0 ? -1 : 0;
  assert_int_equal(lam_views_array(chunk, 0, cut, chunk->run.nulls, &first, NULL), LAM_OK);
  assert_int_equal(lam_views_array(chunk, cut, rows - cut, chunk->run.nulls, &k->array, NULL), LAM_OK);
  first.null_count = k->array.null_count = nulls;
  take_views(&first, out);
  take_views(&k->array, out + cut);
  memcpy(k->values, out + cut, (size_t)(rows - cut) * sizeof *out);
  lam_array_release(&first);
  if (pick(2)) check_kept(k);
}

/* Reads the ranges in calls of random sizes, at times after a skip of its own. */
static void check_ranges(struct page_fixture *f, const struct lam_chunk_source *source, bool as_dictionary,
                         const struct value *all) {
  static struct lam_range ranges[ROWS];
  static struct value got[ROWS];
  size_t count = random_ranges(ranges, ROWS);
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f->mem);
  assert_int_equal(lam_chunk_begin(&chunk, source, as_dictionary, NULL), LAM_OK);
  size_t limit = pick(3) ? INT32_MAX : 64;
  for (size_t r = 0; r < count;) {
    if (pick(4) == 0 && ranges[r].first > lam_chunk_position(&chunk))
      assert_int_equal(lam_chunk_skip(&chunk, pick((uint32_t)(ranges[r].first - lam_chunk_position(&chunk)) + 1), NULL),
                       LAM_OK);
    int64_t most = 1 + pick(pick(2) ? 40 : 2000);
    struct lam_error error = LAM_ERROR_INIT;
    if (lam_chunk_read_ranges(&chunk, &f->codec, ranges + r, count - r, most, limit, &error) != LAM_OK)
      fail_msg("%s", error.message);
    assert_in_range(chunk.run.rows, 1, most);
    if (chunk.class == LAM_VALUES_VIEWS)
      take_views_of_run(&chunk, got);
    else
      take_run(&chunk, got);
    int64_t nulls = 0;
    for (int64_t i = 0; i < chunk.run.rows; i++) {
      assert_memory_equal(&got[i], &all[ranges[r].first], sizeof *got);
      nulls += !got[i].valid;
      if (++ranges[r].first == ranges[r].end) r++;
    }
    assert_int_equal(chunk.run.nulls, nulls);
  }
  lam_chunk_release(&chunk);
}

/* Rows one by one: few or many of them, in calls of random sizes, at times all behind the first page. */
static void check_chosen(struct page_fixture *f, const struct lam_chunk_source *source, bool as_dictionary,
                         const struct value *all) {
  static int32_t places[ROWS];
  static struct value got[ROWS];
  int64_t base = pick(3) ? 0 : pick(ROWS / 2);
  uint32_t gap = 1 + pick(pick(2) ? 3 : pick(2) ? 40 : 900);
  struct lam_chosen_rows rows = {.base = base, .places = places};
  for (int64_t row = base + pick(gap); row < ROWS; row += 1 + pick(gap)) places[rows.count++] = (int32_t)(row - base);
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f->mem);
  assert_int_equal(lam_chunk_begin(&chunk, source, as_dictionary, NULL), LAM_OK);
  size_t limit = pick(3) ? INT32_MAX : 64;
  for (size_t i = 0; i < rows.count;) {
    struct lam_error error = LAM_ERROR_INIT;
    int64_t most = 1 + pick(pick(2) ? 40 : 2000), nulls = 0;
    struct lam_chosen_rows left = {base, places + i, rows.count - i};
    if (lam_chunk_read_chosen(&chunk, &f->codec, pick(2) ? &left : &rows, most, limit, &error) != LAM_OK)
      fail_msg("%s", error.message);
    assert_in_range(chunk.run.rows, 1, most);
    take_run(&chunk, got);
    for (int64_t k = 0; k < chunk.run.rows; k++, i++) {
      assert_memory_equal(&got[k], &all[base + places[i]], sizeof *got);
      nulls += !got[k].valid;
    }
    assert_int_equal(chunk.run.nulls, nulls);
  }
  lam_chunk_release(&chunk);
}

static void ranges_are_slices_of_the_whole(void **state) {
  (void)state;
  static struct value all[ROWS];
  struct page_fixture f;
  page_fixture_begin(&f, 64 << 20);
  seed_state = 20261121;
  print_message("seed %u\n", seed_state);
  for (size_t k = 0; k < KINDS; k++)
    for (int max = 0; max <= 2; max++)
      for (int form = 0; form < LEVEL_FORMS; form++) {
        struct made made;
        make(&made, f.mem, &kinds[k], max, (enum levels)form);
        struct lam_chunk_source source = source_of(&made.bytes, &made.leaf, ROWS);
        read_all(&f, &source, all);
        for (int i = 0; i < 16; i++) {
          source.pages = i & 1 ? made.pages : NULL;
          source.page_count = i & 1 ? made.page_count : 0;
          source.window = pick(2) ? 64 : 4096;
          source.views = i & 4;
          check_ranges(&f, &source, i & 2, all);
          if (!source.views) check_chosen(&f, &source, i & 2, all);
        }
        lam_buf_release(&made.bytes);
      }
  for (int i = 0; i < KEPT; i++) check_kept(&kept[i]);
  page_fixture_end(&f);
}

/* ---- what is read ---- */

struct counted {
  const struct lam_buf *buf;
  uint64_t calls, bytes, first, end; /* first and end of all that was read */
};

static enum lam_status read_counted(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *error) {
  struct counted *counted = *(struct counted *const *)user;
  counted->calls++;
  counted->bytes += size;
  if (offset < counted->first) counted->first = offset;
  if (offset + size > counted->end) counted->end = offset + size;
  return read_from_buf(counted->buf, offset, to, size, error);
}

static const struct kind counted_kind = {"int64", LEAF(LAM_INT64, 8, LAM_TYPE_INT64), LAM_PLAIN};

/* 20 pages of 150 rows, 1200 bytes of values each. */
static void make_even(struct made *made, struct lam_mem *mem) {
  *made = (struct made){.bytes = {.mem = mem}, .leaf = counted_kind.leaf};
  for (int64_t row = 0; row < ROWS; row += 150) {
    made->pages[made->page_count].first_row = row;
    put_rows(made, &counted_kind, LAM_PLAIN, V1_RLE, 150, 0);
  }
}

static void pages_that_nobody_wants_are_not_read(void **state) {
  (void)state;
  struct page_fixture f;
  struct made made;
  page_fixture_begin(&f, 64 << 20);
  make_even(&made, f.mem);
  struct counted counted = {.buf = &made.bytes}, *user = &counted;
  struct lam_chunk_source source = source_of(&made.bytes, &made.leaf, ROWS);
  source.bytes = (struct lam_byte_source){.read = read_counted, .user = &user};
  source.window = 1 << 20;
  source.pages = made.pages;
  source.page_count = made.page_count;
  /* Rows of pages 3, 4 and 15: two reads, of three pages. */
  static const struct lam_range ranges[] = {{500, 501}, {600, 602}, {2250, 2251}};
  uint64_t wanted = made.pages[3].size + made.pages[4].size + made.pages[15].size;
  /* A page that was not to be read may be damaged. */
  made.bytes.data[made.pages[5].offset + 100] ^= 1;
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f.mem);
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, ranges, 3, 100, INT32_MAX, NULL), LAM_OK);
  assert_int_equal(chunk.run.rows, 4);
  assert_int_equal(counted.calls, 2);
  assert_int_equal(counted.bytes, wanted);
  /* Nothing is read where all is skipped. */
  counted.calls = 0;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_skip(&chunk, ROWS, NULL), LAM_OK);
  assert_int_equal(lam_chunk_position(&chunk), ROWS);
  assert_int_equal(counted.calls, 0);
  /* Without an index the headers say what to leave out, and only the page that is wanted is checked. */
  source.pages = NULL;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, ranges + 2, 1, 100, INT32_MAX, NULL), LAM_OK);
  assert_int_equal(chunk.run.rows, 1);
  lam_chunk_release(&chunk);
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

static void an_index_that_contradicts_the_pages_is_refused(void **state) {
  (void)state;
  static const struct lam_range range = {500, 501};
  struct page_fixture f;
  struct made made;
  page_fixture_begin(&f, 64 << 20);
  make_even(&made, f.mem);
  struct lam_chunk_source source = source_of(&made.bytes, &made.leaf, ROWS);
  source.pages = made.pages;
  source.page_count = made.page_count;
  struct lam_chunk chunk;
  lam_chunk_init(&chunk, f.mem);
  made.pages[3].first_row = 451;
  struct lam_error error = LAM_ERROR_INIT;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, &range, 1, 100, INT32_MAX, &error), LAM_CORRUPT);
  assert_non_null(strstr(error.message, "contradicts the offset index"));
  made.pages[3].first_row = 450;
  made.pages[3].offset = 1 << 20;
  assert_int_equal(lam_chunk_begin(&chunk, &source, false, NULL), LAM_OK);
  assert_int_equal(lam_chunk_read_ranges(&chunk, &f.codec, &range, 1, 100, INT32_MAX, &error), LAM_CORRUPT);
  assert_non_null(strstr(error.message, "the offset index has page 3 at byte 1048576"));
  lam_chunk_release(&chunk);
  lam_buf_release(&made.bytes);
  page_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_are_slices_of_the_whole),
      cmocka_unit_test(pages_that_nobody_wants_are_not_read),
      cmocka_unit_test(an_index_that_contradicts_the_pages_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
