/* Opening a sidecar: the snapshot that a token names, its checksums, and the bounds of its parts. */
#include <inttypes.h>
#include <stdio.h>

#include "base/checksum.h"
#include "base/context.h"
#include "sidecar/sidecar.h"

/* ---- checksums ---- */

/* The bytes of a segment that are covered: [from, to). */
static void segment_range(const struct lam_sidecar *sidecar, uint64_t segment, uint64_t *from, uint64_t *to) {
  *from = lam_max_u64(segment << PM_SEGMENT_SHIFT, PM_COVERED);
  *to = lam_min_u64((segment + 1) << PM_SEGMENT_SHIFT, sidecar->limit);
}

static enum lam_status verify_segment(struct lam_sidecar *sidecar, uint64_t segment, struct lam_error *error) {
  uint64_t from, to;
  segment_range(sidecar, segment, &from, &to);
  uint32_t expected = lam_load32(sidecar->segments.data + sizeof(struct pm_segments) + 4 * segment);
  uint32_t found = lam_crc32(0, sidecar->map.data + from, (size_t)(to - from));
  LAM_CHECK(found == expected, error,
            "%s: the bytes from %" PRIu64 " to %" PRIu64 " have the checksum %08" PRIx32 "; %08" PRIx32 " is recorded",
            sidecar->name, from, to, found, expected);
  uint8_t bit = (uint8_t)(1u << (segment & 7));
  __atomic_fetch_or(&sidecar->verified[segment >> 3], bit, __ATOMIC_RELAXED); /* a file's chunks are asked by threads */
  return LAM_OK;
}

static bool is_verified(const struct lam_sidecar *sidecar, uint64_t segment) {
  return __atomic_load_n(&sidecar->verified[segment >> 3], __ATOMIC_RELAXED) >> (segment & 7) & 1;
}

enum lam_status pm_bytes(struct lam_sidecar *sidecar, uint64_t offset, uint64_t size, const uint8_t **out,
                         struct lam_error *error) {
  *out = sidecar->map.data + PM_COVERED;
  LAM_CHECK(offset >= PM_COVERED && offset <= sidecar->limit && size <= sidecar->limit - offset, error,
            "%s: %" PRIu64 " bytes at offset %" PRIu64 " pass what it holds, which ends at byte %" PRIu64,
            sidecar->name, size, offset, sidecar->limit);
  *out = sidecar->map.data + offset;
  if (!sidecar->segments.data || size == 0) return LAM_OK;
  uint64_t last = (offset + size - 1) >> PM_SEGMENT_SHIFT;
  for (uint64_t segment = offset >> PM_SEGMENT_SHIFT; segment <= last; segment++)
    if (!is_verified(sidecar, segment)) LAM_TRY(verify_segment(sidecar, segment, error));
  return LAM_OK;
}

static enum lam_status verify_crc(const struct lam_sidecar *sidecar, struct lam_error *error) {
  uint64_t to = sidecar->end - PM_TRAILER;
  uint32_t expected = lam_load32(sidecar->map.data + to);
  uint32_t found = lam_crc32(0, sidecar->map.data + PM_COVERED, (size_t)(to - PM_COVERED));
  LAM_CHECK(found == expected, error,
            "%s: the bytes from 8 to %" PRIu64 " have the CRC %08" PRIx32 "; %08" PRIx32 " is recorded", sidecar->name,
            to, found, expected);
  return LAM_OK;
}

/* The table of segments covers what lies before it; its own sum covers it. */
static enum lam_status check_segments(struct lam_sidecar *sidecar, struct lam_error *error) {
  struct lam_bytes section = sidecar->segments;
  struct pm_segments head;
  uint64_t at = (uint64_t)(section.data - sidecar->map.data);
  const size_t around = sizeof head + sizeof(uint32_t) + sizeof(struct pm_end_frame);
  LAM_CHECK(section.size >= around, error, "%s: its table of segments has %zu bytes", sidecar->name, section.size);
  memcpy(&head, section.data, sizeof head);
  uint64_t count = (at + (1u << PM_SEGMENT_SHIFT) - 1) >> PM_SEGMENT_SHIFT;
  LAM_CHECK(head.shift == PM_SEGMENT_SHIFT && head.count == count && section.size == around + 4 * count, error,
            "%s: its table at offset %" PRIu64 " has %" PRIu32 " segments of 2^%" PRIu32 " bytes; expected %" PRIu64
            " of 2^%d",
            sidecar->name, at, head.count, head.shift, count, PM_SEGMENT_SHIFT);
  size_t covered = sizeof head + 4 * (size_t)count;
  LAM_CHECK(lam_crc32(0, section.data, covered) == lam_load32(section.data + covered), error,
            "%s: the checksum of its table of segments at offset %" PRIu64 " is wrong", sidecar->name, at);
  sidecar->limit = at;
  return LAM_OK;
}

/* ---- the snapshot ---- */

/* Reads the footer that ends at `end`. */
static enum lam_status footer_at(struct lam_sidecar *sidecar, uint64_t end, struct lam_error *error) {
  uint32_t length = lam_load32(sidecar->map.data + end - 4);
  LAM_CHECK(length <= end - 4 && end - 4 - length >= sizeof(struct pm_header) &&
                length >= sizeof(struct pm_footer) + sizeof(uint32_t),
            error, "%s: the footer that ends at byte %" PRIu64 " has a length of %" PRIu32, sidecar->name, end, length);
  sidecar->end = end;
  sidecar->footer_at = end - 4 - length;
  sidecar->limit = end - PM_TRAILER;
  memcpy(&sidecar->footer, sidecar->map.data + sidecar->footer_at, sizeof sidecar->footer);
  return LAM_OK;
}

static uint64_t token_of(const struct pm_footer *footer) {
  return footer->parquet_offset + footer->parquet_length + 8;
}

static enum lam_status resolve(struct lam_sidecar *sidecar, uint64_t token, struct lam_error *error) {
  for (uint64_t end = sidecar->map.size;;) {
    LAM_TRY(footer_at(sidecar, end, error));
    if (!token || token_of(&sidecar->footer) == token) return LAM_OK;
    uint64_t previous = sidecar->footer.previous;
    if (!previous)
      return lam_fail(error, LAM_NOT_FOUND, "%s is stale: it describes no state of its file that has %" PRIu64 " bytes",
                      sidecar->name, token);
    LAM_CHECK(previous >= PM_SMALLEST && previous < end, error,
              "%s: the footer that ends at byte %" PRIu64 " follows one that ends at byte %" PRIu64, sidecar->name, end,
              previous);
    end = previous;
  }
}

/* ---- our sections in the footer ---- */

/* Those before the CRC, from the last to the first; *from is where the first begins. */
static enum lam_status find_own(struct lam_sidecar *sidecar, uint64_t *from, struct lam_error *error) {
  uint64_t least = sidecar->footer_at + sizeof(struct pm_footer), last = sidecar->end - PM_TRAILER;
  *from = last;
  for (int count = __builtin_popcountll(sidecar->footer.features & PM_OURS); count > 0; count--) {
    struct pm_end_frame end = {0};
    struct pm_frame frame = {0};
    uint64_t room = *from - least;
    const uint8_t *behind = sidecar->map.data + *from;
    if (room >= sizeof end + sizeof frame) memcpy(&end, behind - sizeof end, sizeof end);
    if (end.length >= sizeof end + sizeof frame && end.length <= room)
      memcpy(&frame, behind - end.length, sizeof frame);
    LAM_CHECK(frame.length && frame.length == end.length && frame.magic == end.magic, error,
              "%s: no section ends at offset %" PRIu64 ", where one of ours is expected", sidecar->name, *from);
    struct lam_bytes section = lam_bytes_of(behind - end.length, (size_t)end.length);
    if (frame.magic == PM_MAGIC_FILE) sidecar->file = section;
    if (frame.magic == PM_MAGIC_CHUNKS) sidecar->chunks = section;
    if (frame.magic == PM_MAGIC_SEGMENTS && *from == last) sidecar->segments = section;
    *from -= end.length;
  }
  return LAM_OK;
}

static enum lam_status load_file_section(struct lam_sidecar *sidecar, struct lam_error *error) {
  const uint8_t *bytes;
  if (!sidecar->file.data) return LAM_OK;
  uint64_t at = (uint64_t)(sidecar->file.data - sidecar->map.data);
  LAM_CHECK(sidecar->file.size >= sizeof sidecar->file_head + sizeof(struct pm_end_frame), error,
            "%s: its section at offset %" PRIu64 " has %zu bytes", sidecar->name, at, sidecar->file.size);
  LAM_TRY(pm_bytes(sidecar, at, sizeof sidecar->file_head, &bytes, error)); /* the rest where it is used */
  memcpy(&sidecar->file_head, bytes, sizeof sidecar->file_head);
  LAM_CHECK(sidecar->file_head.size == token_of(&sidecar->footer), error,
            "%s: its footer is of a file of %" PRIu64 " bytes, its identity of one of %" PRIu64, sidecar->name,
            token_of(&sidecar->footer), sidecar->file_head.size);
  return LAM_OK;
}

/* ---- the sections that the layout knows ---- */

/* They begin behind the last name. Ours says where; else all descriptors are looked at. */
static enum lam_status header_sections_at(struct lam_sidecar *sidecar, uint64_t *out, struct lam_error *error) {
  const uint8_t *bytes;
  uint64_t descriptors = (uint64_t)sidecar->header.column_count * sizeof(struct pm_column);
  uint64_t at = sizeof(struct pm_header) + descriptors + 4 * (uint64_t)sidecar->header.sorting_count;
  if (sidecar->file.data) {
    LAM_CHECK(sidecar->file_head.header_sections >= at && sidecar->file_head.header_sections <= sidecar->footer_at,
              error, "%s: the header's sections are said to begin at offset %" PRIu64, sidecar->name,
              sidecar->file_head.header_sections);
    *out = sidecar->file_head.header_sections;
    return LAM_OK;
  }
  LAM_TRY(pm_bytes(sidecar, sizeof(struct pm_header), descriptors, &bytes, error));
  for (uint32_t i = 0; i < sidecar->header.column_count; i++) {
    struct pm_column column;
    memcpy(&column, bytes + i * sizeof column, sizeof column);
    LAM_CHECK(column.name_offset <= sidecar->footer_at && column.name_length <= sidecar->footer_at - column.name_offset,
              error, "%s: the name of column %" PRIu32 " has %" PRIu32 " bytes at offset %" PRIu64, sidecar->name, i,
              column.name_length, column.name_offset);
    at = lam_max_u64(at, column.name_offset + column.name_length);
  }
  *out = at;
  return LAM_OK;
}

static enum lam_status load_schema_section(struct lam_sidecar *sidecar, uint64_t at, struct lam_error *error) {
  const uint8_t *bytes;
  struct pm_schema *head = &sidecar->schema_head;
  LAM_TRY(pm_bytes(sidecar, at, sizeof *head, &bytes, error));
  memcpy(head, bytes, sizeof *head);
  uint64_t length = sizeof *head + (uint64_t)head->nodes * sizeof(struct pm_node) +
                    (uint64_t)head->leaves * sizeof(struct pm_leaf) + head->text;
  LAM_CHECK(head->frame.magic == PM_MAGIC_SCHEMA && head->frame.length == length && at <= sidecar->footer_at &&
                length <= sidecar->footer_at - at && head->leaves == sidecar->header.column_count &&
                head->nodes > head->leaves && head->nodes <= INT32_MAX,
            error, "%s: the section at offset %" PRIu64 " is no schema of %" PRIu32 " columns", sidecar->name, at,
            sidecar->header.column_count);
  sidecar->schema = lam_bytes_of(sidecar->map.data + at, (size_t)length);
  return LAM_OK;
}

/* The list of columns with bloom filters, and our schema. */
static enum lam_status find_header_sections(struct lam_sidecar *sidecar, struct lam_error *error) {
  const uint8_t *bytes;
  uint64_t at, features = sidecar->header.features;
  if (!(features & (PM_BLOOM | PM_OUR_SCHEMA))) return LAM_OK;
  LAM_TRY(header_sections_at(sidecar, &at, error));
  if (features & PM_BLOOM) {
    LAM_TRY(pm_bytes(sidecar, at, 4, &bytes, error));
    uint32_t count = lam_load32(bytes);
    LAM_CHECK(count >= 1 && count <= sidecar->header.column_count, error,
              "%s: %" PRIu32 " of %" PRIu32 " columns are said to have bloom filters", sidecar->name, count,
              sidecar->header.column_count);
    sidecar->bloom_list = at;
    sidecar->bloom_count = count;
    at += 4 + 4 * (uint64_t)count;
  }
  if (features & PM_SQUASH_TRACKER) at += 8;
  LAM_CHECK(at <= sidecar->footer_at, error, "%s: the header's sections pass the footer", sidecar->name);
  /* Sections of others that we do not know lie before ours, and have no length. */
  if ((features & PM_OUR_SCHEMA) && !(features & PM_FOREIGN & ~PM_HEADER_KNOWN))
    return load_schema_section(sidecar, at, error);
  return LAM_OK;
}

/* `count` records of {u32, u32 length, bytes} of a scratchpad. */
static enum lam_status pass_scratchpad(struct lam_sidecar *sidecar, uint64_t end, uint64_t *at,
                                       struct lam_error *error) {
  const uint8_t *bytes;
  uint64_t total = 0;
  LAM_TRY(pm_bytes(sidecar, *at, 4, &bytes, error));
  uint32_t count = lam_load32(bytes);
  *at += 4;
  LAM_CHECK(count >= 1, error, "%s: its scratchpad is empty", sidecar->name);
  for (; count > 0 && *at <= end; count--) {
    LAM_TRY(pm_bytes(sidecar, *at, 8, &bytes, error));
    uint32_t length = lam_load32(bytes + 4);
    *at += 8 + (uint64_t)length;
    total += length;
    LAM_CHECK(total <= PM_MOST_SCRATCH, error, "%s: its scratchpad has more than 1 MiB", sidecar->name);
  }
  return LAM_OK;
}

/* Goes over the footer's known sections; they end where ours begin. */
static enum lam_status find_footer_sections(struct lam_sidecar *sidecar, uint64_t own, struct lam_error *error) {
  const uint8_t *bytes;
  const struct pm_footer *footer = &sidecar->footer;
  uint64_t at = sidecar->footer_at + sizeof *footer + 4 * (uint64_t)footer->row_groups;
  if (sidecar->bloom_list) {
    uint64_t entry = sidecar->header.features & PM_BLOOM_EXTERNAL ? 16 : 4;
    sidecar->matrix = at;
    LAM_CHECK(at <= own && (own - at) / entry / sidecar->bloom_count >= footer->row_groups, error,
              "%s: the footer at offset %" PRIu64 " has no room for its bloom filters' positions", sidecar->name,
              sidecar->footer_at);
    at += entry * sidecar->bloom_count * footer->row_groups;
  }
  if (footer->features & PM_SEQ_TXN) at += 8;
  if (footer->features & PM_SCRATCHPAD) LAM_TRY(pass_scratchpad(sidecar, own, &at, error));
  if (footer->features & PM_COVERING_INDEX) {
    LAM_TRY(pm_bytes(sidecar, at, 4, &bytes, error));
    at += 4 + 20 * (uint64_t)lam_load32(bytes);
  }
  bool exact = !(footer->features & PM_FOREIGN & ~PM_FOOTER_KNOWN) &&
               !(sidecar->header.features & PM_FOREIGN & ~PM_HEADER_KNOWN);
  LAM_CHECK(exact ? at == own : at <= own, error,
            "%s: the sections of the footer at offset %" PRIu64 " end at offset %" PRIu64 "; expected %" PRIu64,
            sidecar->name, sidecar->footer_at, at, own);
  return LAM_OK;
}

/* ---- header ---- */

static enum lam_status load_header(struct lam_sidecar *sidecar, struct lam_error *error) {
  const uint8_t *bytes;
  struct pm_header *header = &sidecar->header;
  LAM_TRY(pm_bytes(sidecar, PM_COVERED, sizeof *header - PM_COVERED, &bytes, error));
  memcpy(header, sidecar->map.data, sizeof *header);
  uint64_t needed =
      sizeof *header + (uint64_t)header->column_count * sizeof(struct pm_column) + 4 * (uint64_t)header->sorting_count;
  LAM_CHECK(needed <= sidecar->footer_at && header->column_count <= INT32_MAX, error,
            "%s: %" PRIu32 " columns, of which %" PRIu32 " sort it, do not fit before the footer at offset %" PRIu64,
            sidecar->name, header->column_count, header->sorting_count, sidecar->footer_at);
  LAM_CHECK(header->designated >= -1 && header->designated < (int64_t)header->column_count, error,
            "%s: the designated timestamp is column %" PRId32 " of %" PRIu32, sidecar->name, header->designated,
            header->column_count);
  LAM_CHECK(!(header->features & PM_SORTED_BY_DESIGNATED) || (header->designated >= 0 && !header->sorting_count), error,
            "%s: it is sorted by a designated timestamp, and has none", sidecar->name);
  LAM_CHECK(!(header->features & PM_BLOOM_EXTERNAL) || (header->features & PM_BLOOM), error,
            "%s: bloom filters are said to lie in the file of which there are none", sidecar->name);
  return LAM_OK;
}

static enum lam_status check_footer(const struct lam_sidecar *sidecar, struct lam_error *error) {
  const struct pm_footer *footer = &sidecar->footer;
  uint64_t room = sidecar->end - PM_TRAILER - sidecar->footer_at - sizeof *footer;
  LAM_CHECK(footer->row_groups <= room / 4 && footer->row_groups <= INT32_MAX, error,
            "%s: %" PRIu32 " row groups do not fit into the footer at offset %" PRIu64, sidecar->name,
            footer->row_groups, sidecar->footer_at);
  LAM_CHECK(footer->parquet_offset <= INT64_MAX, error, "%s: the Parquet footer is at offset %" PRIu64, sidecar->name,
            footer->parquet_offset);
  uint64_t unknown = (sidecar->header.features | (footer->features & ~PM_COVERING_INDEX_REQUIRED)) & PM_REQUIRED;
  if (unknown || (footer->features & PM_COVERING_INDEX_REQUIRED && !(footer->features & PM_COVERING_INDEX)))
    return lam_fail(error, LAM_UNSUPPORTED, "%s needs features that are not known here (%016" PRIx64 ")", sidecar->name,
                    unknown | (footer->features & PM_COVERING_INDEX_REQUIRED));
  return LAM_OK;
}

static enum lam_status parse(struct lam_sidecar *sidecar, const struct lam_sidecar_open_options *options,
                             struct lam_error *error) {
  uint64_t own;
  LAM_TRY(resolve(sidecar, options->token, error));
  LAM_TRY(find_own(sidecar, &own, error));
  if (options->whole || !sidecar->segments.data) LAM_TRY(verify_crc(sidecar, error));
  if (sidecar->segments.data) LAM_TRY(check_segments(sidecar, error));
  LAM_TRY(load_header(sidecar, error));
  const uint8_t *bytes;
  LAM_TRY(pm_bytes(sidecar, sidecar->footer_at, sizeof sidecar->footer, &bytes, error));
  LAM_TRY(check_footer(sidecar, error));
  LAM_TRY(load_file_section(sidecar, error));
  LAM_TRY(find_header_sections(sidecar, error));
  return find_footer_sections(sidecar, own, error);
}

/* ---- the handle ---- */

static enum lam_status create(struct lam_bytes map, const char *name, struct lam_mem *mem, struct lam_sidecar **out,
                              struct lam_error *error) {
  void *memory;
  size_t bits = (map.size >> PM_SEGMENT_SHIFT) / 8 + 1, size = sizeof **out + bits + strlen(name) + 1;
  LAM_TRY(lam_alloc_zero(mem, size, &memory, error));
  struct lam_sidecar *sidecar = memory;
  sidecar->mem = mem;
  sidecar->allocated = size;
  sidecar->map = map;
  sidecar->verified = (uint8_t *)(sidecar + 1);
  char *copy = (char *)sidecar->verified + bits;
  memcpy(copy, name, strlen(name) + 1);
  sidecar->name = copy;
  *out = sidecar;
  return LAM_OK;
}

enum lam_status lam_sidecar_open_bytes(struct lam_bytes bytes, const struct lam_sidecar_open_options *options,
                                       struct lam_mem *mem, struct lam_sidecar **out, struct lam_error *error) {
  *out = NULL;
  const char *name = options->name ? options->name : "a sidecar";
  uint64_t size = bytes.size >= PM_SMALLEST ? lam_load64(bytes.data) : 0;
  LAM_CHECK(size >= PM_SMALLEST && size <= bytes.size, error,
            "%s: %" PRIu64 " bytes of it are committed; it has %zu, and at least %d are expected", name, size,
            bytes.size, PM_SMALLEST);
  struct lam_sidecar *sidecar;
  LAM_TRY(create(lam_bytes_of(bytes.data, (size_t)size), name, mem, &sidecar, error));
  enum lam_status status = parse(sidecar, options, error);
  if (status == LAM_OK)
    *out = sidecar;
  else
    lam_sidecar_close(sidecar);
  return status;
}

/* The committed bytes of an open object. */
static enum lam_status map_committed(struct lam_input *input, const struct lam_object_info *info, const char *name,
                                     struct lam_bytes *map, struct lam_error *error) {
  uint64_t size = 0;
  const struct lam_store_ops *ops = input->store->ops;
  if (info->size >= PM_SMALLEST) LAM_TRY(ops->read(input, 0, &size, sizeof size, error));
  LAM_CHECK(size >= PM_SMALLEST && size <= info->size, error,
            "%s: %" PRIu64 " bytes of it are committed; it has %" PRIu64 ", and at least %d are expected", name, size,
            info->size, PM_SMALLEST);
  return ops->map(input, (size_t)size, map, error);
}

enum lam_status lam_sidecar_open_in(struct lam_store *store, const char *key,
                                    const struct lam_sidecar_open_options *options, struct lam_mem *mem,
                                    struct lam_sidecar **out, struct lam_error *error) {
  struct lam_input *input;
  struct lam_object_info info;
  struct lam_bytes map;
  char path[LAM_KEY_MAX + 1];
  *out = NULL;
  snprintf(path, sizeof path, "%s/%s", store->root, key);
  struct lam_sidecar_open_options named = *options;
  if (!named.name) named.name = path;
  LAM_TRY(store->ops->open(store, key, &input, &info, error));
  enum lam_status status = map_committed(input, &info, named.name, &map, error);
  store->ops->close_input(input);
  LAM_TRY(status);
  status = lam_sidecar_open_bytes(map, &named, mem, out, error);
  if (status == LAM_OK)
    (*out)->store = store;
  else
    store->ops->unmap(store, map);
  return status;
}

enum lam_status pm_store_of(struct lam_context *context, const char *path, struct lam_store **store, const char **key,
                            struct lam_error *error) {
  char directory[LAM_KEY_MAX + 1];
  if (!path || !*path || strlen(path) >= sizeof directory)
    return lam_fail(error, LAM_INVALID, "the path of a sidecar is empty or too long");
  const char *slash = strrchr(path, '/');
  *key = slash ? slash + 1 : path;
  snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  return lam_store_local(context, *directory ? directory : "/", store, error);
}

enum lam_status lam_sidecar_open(struct lam_context *context, const char *path, uint64_t size, struct lam_sidecar **out,
                                 struct lam_error *error) {
  struct lam_mem *mem;
  struct lam_store *store;
  const char *key;
  *out = NULL;
  LAM_TRY(lam_mem_open(context, 0, &mem, error));
  enum lam_status status = pm_store_of(context, path, &store, &key, error);
  if (status == LAM_OK) {
    struct lam_sidecar_open_options options = {.token = size, .name = path};
    status = lam_sidecar_open_in(store, key, &options, mem, out, error);
    if (status != LAM_OK) lam_store_close(store);
  }
  if (status == LAM_OK)
    (*out)->owns_store = (*out)->owns_mem = true;
  else
    lam_mem_close(mem);
  return status;
}

void lam_sidecar_close(struct lam_sidecar *sidecar) {
  if (!sidecar) return;
  struct lam_mem *mem = sidecar->mem;
  bool owns_mem = sidecar->owns_mem;
  if (sidecar->store)
    sidecar->store->ops->unmap(sidecar->store, (struct lam_bytes){sidecar->map.data, sidecar->map.size});
  if (sidecar->owns_store) lam_store_close(sidecar->store);
  lam_free(mem, sidecar, sidecar->allocated);
  if (owns_mem) lam_mem_close(mem);
}

enum lam_sidecar_match lam_sidecar_match(const struct lam_sidecar *sidecar, const struct lam_object_info *info) {
  if (token_of(&sidecar->footer) != info->size) return LAM_SIDECAR_STALE;
  const struct pm_file *file = &sidecar->file_head;
  if (!sidecar->file.data) return LAM_SIDECAR_MAYBE;
  return file->inode == info->inode && file->mtime_ns == info->mtime_ns ? LAM_SIDECAR_CURRENT : LAM_SIDECAR_MAYBE;
}
