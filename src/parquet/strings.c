#include <assert.h>

#include "parquet/encoding.h"

enum {
  AT_ONCE = 256, /* lengths decoded at a time */
  OVER = 16,     /* bytes that a short copy moves whatever the length, where both sides have them */
};

enum lam_status lam_strings_begin(struct lam_strings *strings, struct lam_mem *mem, enum lam_encoding encoding,
                                  struct lam_bytes bytes, uint64_t values, struct lam_error *error) {
  *strings = (struct lam_strings){.encoding = encoding, .bytes = bytes, .left = values};
  lam_buf_init(&strings->last, mem);
  if (encoding == LAM_PLAIN) return LAM_OK;
  struct lam_bytes rest = bytes;
  if (encoding == LAM_DELTA_BYTE_ARRAY) {
    LAM_TRY(lam_delta_begin(&strings->prefixes, rest, 32, error));
    LAM_TRY(lam_delta_end(&strings->prefixes, &strings->position, error));
    LAM_CHECK(strings->prefixes.total == values, error,
              "%llu prefix lengths of delta-encoded strings; expected %llu, as the page has values",
              (unsigned long long)strings->prefixes.total, (unsigned long long)values);
    rest = lam_bytes_of(bytes.size ? bytes.data + strings->position : NULL, bytes.size - strings->position);
  } else if (encoding != LAM_DELTA_LENGTH_BYTE_ARRAY) {
    return lam_fail(error, LAM_UNSUPPORTED, "encoding %d of strings", (int)encoding);
  }
  size_t end;
  LAM_TRY(lam_delta_begin(&strings->lengths, rest, 32, error));
  LAM_TRY(lam_delta_end(&strings->lengths, &end, error));
  strings->position += end;
  LAM_CHECK(strings->lengths.total == values, error,
            "%llu lengths of delta-encoded strings; expected %llu, as the page has values",
            (unsigned long long)strings->lengths.total, (unsigned long long)values);
  return LAM_OK;
}

void lam_strings_release(struct lam_strings *strings) {
  lam_buf_release(&strings->last);
}

/* Copies `size` bytes; a short one without a branch on its length where both sides have OVER bytes. */
static inline void copy_short(uint8_t *to, size_t to_room, const uint8_t *from, size_t from_room, size_t size) {
  if (size <= OVER && from_room >= OVER && to_room >= OVER)
    memcpy(to, from, OVER);
  else
    lam_copy(to, from, size);
}

static enum lam_status no_more(const struct lam_strings *strings, uint64_t more, struct lam_error *error) {
  return lam_fail(error, LAM_CORRUPT, "the page's strings end at byte %zu of %zu; expected %llu more values",
                  strings->position, strings->bytes.size, (unsigned long long)more);
}

static enum lam_status too_long(uint64_t size, struct lam_error *error) {
  return lam_fail(error, LAM_UNSUPPORTED, "a string brings its batch to %llu bytes; Arrow's offsets end at 2^31 - 1",
                  (unsigned long long)size);
}

/* Whether a value that would bring `size` bytes to `next` is left for another call; an empty one always fits. */
static bool stops(size_t size, size_t next, size_t max_bytes) {
  return size && next > size && next > max_bytes;
}

/* ---- PLAIN ---- */

/* The length of the value at `position`, all of whose bytes are there. */
static enum lam_status plain_length(const struct lam_strings *strings, size_t position, size_t *length,
                                    struct lam_error *error) {
  size_t rest = strings->bytes.size - position;
  *length = 0;
  LAM_CHECK(rest >= 4, error, "the page's strings end at byte %zu; expected a length at byte %zu", strings->bytes.size,
            position);
  *length = lam_load32(strings->bytes.data + position);
  LAM_CHECK(*length <= rest - 4, error,
            "the string at byte %zu of the page's values has a length of %zu; %zu bytes are left", position, *length,
            rest - 4);
  return LAM_OK;
}

/* Goes on while values fit in the room that `data` has, for at most `max` of them. */
static enum lam_status read_plain_in_room(struct lam_strings *strings, size_t max, size_t limit, int32_t *offsets,
                                          struct lam_buf *data, size_t *count, struct lam_error *error) {
  const uint8_t *from = strings->bytes.data;
  size_t end = strings->bytes.size, position = strings->position, size = data->size, n = 0;
  enum lam_status status = LAM_OK;
  for (; n < max; n++) {
    size_t length;
    status = plain_length(strings, position, &length, error);
    if (status != LAM_OK || length > limit - size) break;
    position += 4;
    copy_short(data->data + size, data->capacity - size, from + position, end - position, length);
    position += length;
    size += length;
    offsets[n + 1] = (int32_t)size;
  }
  strings->position = position;
  strings->left -= n;
  data->size = size;
  *count = n;
  return status;
}

static enum lam_status read_plain(struct lam_strings *strings, size_t max, size_t max_bytes, int32_t *offsets,
                                  struct lam_buf *data, size_t *count, struct lam_error *error) {
  for (*count = 0; *count < max;) {
    size_t given, limit = data->capacity < max_bytes ? data->capacity : max_bytes;
    if (limit < data->size) limit = data->size;
    enum lam_status status = read_plain_in_room(strings, max - *count, limit, offsets + *count, data, &given, error);
    *count += given;
    if (status != LAM_OK) return status;
    if (*count == max) break;
    size_t length, size; /* of the value that had no room */
    LAM_TRY(plain_length(strings, strings->position, &length, error));
    size = data->size + length;
    if (stops(data->size, size, max_bytes)) break;
    if (size > INT32_MAX) return too_long(size, error);
    LAM_TRY(lam_buf_reserve(data, size + OVER, error));
    if (size > max_bytes) max_bytes = size; /* the first one */
  }
  return LAM_OK;
}

/* ---- DELTA_LENGTH_BYTE_ARRAY ---- */

/* The lengths of the next `count` values, checked for their signs. */
static enum lam_status next_lengths(struct lam_delta *lengths, int32_t *to, size_t count, struct lam_error *error) {
  LAM_TRY(lam_delta_read32(lengths, to, count, error));
  int32_t all = 0;
  for (size_t i = 0; i < count; i++) all |= to[i];
  if (all >= 0) return LAM_OK;
  size_t i = 0;
  while (to[i] >= 0) i++;
  return lam_fail(error, LAM_CORRUPT, "value %llu of delta-encoded strings has a length of %d",
                  (unsigned long long)(lengths->total - lengths->left - count + i), to[i]);
}

/* Puts back what was read of lengths behind the first `count` since `saved`. */
static enum lam_status reread(struct lam_delta *lengths, const struct lam_delta *saved, size_t count,
                              struct lam_error *error) {
  *lengths = *saved;
  return lam_delta_skip(lengths, count, error);
}

/* The ends of as many of `count` values as go, and the size that they bring `*size` to. */
static enum lam_status lengths_to_offsets(const int32_t *lengths, size_t count, size_t max_bytes, int32_t *ends,
                                          size_t *size, size_t *taken, struct lam_error *error) {
  uint64_t total = *size;
  for (size_t i = 0; i < count; i++) total += (uint32_t)lengths[i];
  if (total <= max_bytes) { /* all go, as they nearly always do */
    int32_t end = (int32_t)*size;
    for (size_t i = 0; i < count; i++) ends[i] = end += lengths[i];
    *size = (size_t)total;
    *taken = count;
    return LAM_OK;
  }
  for (*taken = 0; *taken < count; ++*taken) {
    size_t next = *size + (size_t)lengths[*taken];
    if (stops(*size, next, max_bytes)) break;
    if (next > INT32_MAX) return too_long(next, error);
    *size = next;
    ends[*taken] = (int32_t)next;
  }
  return LAM_OK;
}

static enum lam_status read_delta_length(struct lam_strings *strings, size_t max, size_t max_bytes, int32_t *offsets,
                                         struct lam_buf *data, size_t *count, struct lam_error *error) {
  bool full = false;
  for (*count = 0; *count < max && !full;) {
    struct lam_delta saved = strings->lengths;
    int32_t lengths[AT_ONCE];
    size_t n = max - *count < AT_ONCE ? max - *count : AT_ONCE, taken = 0, size = data->size;
    LAM_TRY(next_lengths(&strings->lengths, lengths, n, error));
    LAM_TRY(lengths_to_offsets(lengths, n, max_bytes, offsets + *count + 1, &size, &taken, error));
    size_t bytes = size - data->size;
    if (bytes > strings->bytes.size - strings->position) return no_more(strings, strings->left, error);
    LAM_TRY(lam_buf_room(data, bytes, error));
    lam_copy(data->data + data->size, strings->bytes.data + strings->position, bytes);
    data->size = size;
    strings->position += bytes;
    strings->left -= taken;
    *count += taken;
    full = taken < n;
    if (full) LAM_TRY(reread(&strings->lengths, &saved, taken, error));
  }
  return LAM_OK;
}

/* ---- DELTA_BYTE_ARRAY ---- */

/* Appends to `data` a value of the first `prefix` bytes of the one before and of the next `suffix` of the page. The one
 * before lies in `data` from `last_at` to its end, or is strings->last where that is SIZE_MAX. */
static enum lam_status append_value(struct lam_strings *strings, size_t last_at, size_t prefix, size_t suffix,
                                    struct lam_buf *data, struct lam_error *error) {
  size_t last_size = last_at == SIZE_MAX ? strings->last.size : data->size - last_at;
  LAM_CHECK(
      prefix <= last_size, error,
      "a delta-encoded string, the last but %llu of its page, shares %zu bytes with the one before, which has %zu",
      (unsigned long long)(strings->left - 1), prefix, last_size);
  if (suffix > strings->bytes.size - strings->position) return no_more(strings, strings->left, error);
  LAM_TRY(lam_buf_room(data, prefix + suffix + 2 * OVER, error));
  uint8_t *to = data->data + data->size;
  if (last_at == SIZE_MAX)
    lam_copy(to, strings->last.data, prefix);
  else if (prefix <= OVER && last_size >= OVER) /* no further than the value before */
    memcpy(to, data->data + last_at, OVER);
  else
    lam_copy(to, data->data + last_at, prefix);
  copy_short(to + prefix, OVER, strings->bytes.data + strings->position, strings->bytes.size - strings->position,
             suffix);
  data->size += prefix + suffix;
  strings->position += suffix;
  strings->left--;
  return LAM_OK;
}

static enum lam_status keep_last(struct lam_strings *strings, const uint8_t *value, size_t size,
                                 struct lam_error *error) {
  strings->last.size = 0;
  return lam_buf_append(&strings->last, value, size, error);
}

static enum lam_status read_delta_bytes(struct lam_strings *strings, size_t max, size_t max_bytes, int32_t *offsets,
                                        struct lam_buf *data, size_t *count, struct lam_error *error) {
  size_t last_at = SIZE_MAX, before;
  bool full = false;
  for (*count = 0; *count < max && !full;) {
    struct lam_delta saved_prefixes = strings->prefixes, saved_lengths = strings->lengths;
    int32_t prefixes[AT_ONCE], suffixes[AT_ONCE];
    size_t n = max - *count < AT_ONCE ? max - *count : AT_ONCE, taken = 0;
    LAM_TRY(next_lengths(&strings->prefixes, prefixes, n, error));
    LAM_TRY(next_lengths(&strings->lengths, suffixes, n, error));
    for (; taken < n; taken++, last_at = before) {
      size_t size = (size_t)prefixes[taken] + (size_t)suffixes[taken];
      before = data->size;
      if (stops(before, before + size, max_bytes)) break;
      if (before + size > INT32_MAX) return too_long(before + size, error);
      LAM_TRY(append_value(strings, last_at, (size_t)prefixes[taken], (size_t)suffixes[taken], data, error));
      offsets[*count + taken + 1] = (int32_t)data->size;
    }
    *count += taken;
    full = taken < n;
    if (full) {
      LAM_TRY(reread(&strings->prefixes, &saved_prefixes, taken, error));
      LAM_TRY(reread(&strings->lengths, &saved_lengths, taken, error));
    }
  }
  return last_at == SIZE_MAX ? LAM_OK : keep_last(strings, data->data + last_at, data->size - last_at, error);
}

enum lam_status lam_strings_read(struct lam_strings *strings, size_t max, size_t max_bytes, int32_t *offsets,
                                 struct lam_buf *data, size_t *count, struct lam_error *error) {
  *count = 0;
  if (max > strings->left) return no_more(strings, max, error);
  if (max_bytes > INT32_MAX) max_bytes = INT32_MAX;
  if (data->size > INT32_MAX) return too_long(data->size, error);
  offsets[0] = (int32_t)data->size;
  if (!data->data) LAM_TRY(lam_buf_reserve(data, OVER, error)); /* so that empty values have a place too */
  switch (strings->encoding) {
    case LAM_PLAIN: return read_plain(strings, max, max_bytes, offsets, data, count, error);
    case LAM_DELTA_LENGTH_BYTE_ARRAY: return read_delta_length(strings, max, max_bytes, offsets, data, count, error);
    default: return read_delta_bytes(strings, max, max_bytes, offsets, data, count, error);
  }
}

/* ---- views ---- */

enum { INLINE = 12 }; /* bytes of a value that a view holds itself */

/* A view is the value's length in 4 bytes, then its first 12 bytes with zeros behind; or 4 bytes of it, the buffer's
 * number and the offset in it. `head` and `tail` are the 16 bytes that would begin with the length if the value's bytes
 * followed it, as PLAIN has them. */
static inline void put_view(uint8_t *to, uint64_t head, uint64_t tail, size_t length, uint64_t place) {
  static const uint64_t masks[INLINE + 2][2] = {
      /* of the bytes that are there, by the length */
      {0x00000000ffffffff, 0x0000000000000000}, {0x000000ffffffffff, 0x0000000000000000},
      {0x0000ffffffffffff, 0x0000000000000000}, {0x00ffffffffffffff, 0x0000000000000000},
      {0xffffffffffffffff, 0x0000000000000000}, {0xffffffffffffffff, 0x00000000000000ff},
      {0xffffffffffffffff, 0x000000000000ffff}, {0xffffffffffffffff, 0x0000000000ffffff},
      {0xffffffffffffffff, 0x00000000ffffffff}, {0xffffffffffffffff, 0x000000ffffffffff},
      {0xffffffffffffffff, 0x0000ffffffffffff}, {0xffffffffffffffff, 0x00ffffffffffffff},
      {0xffffffffffffffff, 0xffffffffffffffff}, {0xffffffffffffffff, 0},
  };
  const uint64_t *mask = masks[length > INLINE ? INLINE + 1 : length];
  lam_store64(to, head & mask[0]);
  lam_store64(to + 8, (tail & mask[1]) | (length > INLINE ? place : 0));
}

/* The same of the value at `from`, which has 16 readable bytes. */
static inline void put_view_of(uint8_t *to, const uint8_t *from, size_t length, uint64_t place) {
  put_view(to, (uint32_t)length | (uint64_t)lam_load32(from) << 32, lam_load64(from + 4), length, place);
}

static uint64_t place_of(uint32_t buffer, size_t offset) {
  return buffer | (uint64_t)offset << 32;
}

static enum lam_status plain_views(struct lam_strings *strings, size_t count, uint32_t buffer, const uint8_t *base,
                                   uint8_t *to, bool *refers, struct lam_error *error) {
  const uint8_t *from = strings->bytes.data;
  size_t position = strings->position, longest = 0, first = (size_t)(from - base);
  enum lam_status status = LAM_OK;
  size_t n = 0;
  for (; n < count; n++, to += 16) {
    size_t length;
    status = plain_length(strings, position, &length, error);
    if (status != LAM_OK) break;
    put_view(to, lam_load64(from + position), lam_load64(from + position + 8), length,
             place_of(buffer, first + position + 4));
    position += 4 + length;
    longest = length > longest ? length : longest;
  }
  strings->position = position;
  strings->left -= n;
  *refers |= longest > INLINE;
  return status;
}

static enum lam_status delta_length_views(struct lam_strings *strings, size_t count, uint32_t buffer,
                                          const uint8_t *base, uint8_t *to, bool *refers, struct lam_error *error) {
  while (count) {
    int32_t lengths[AT_ONCE];
    size_t n = count < AT_ONCE ? count : AT_ONCE, position = strings->position, total = 0, longest = 0;
    LAM_TRY(next_lengths(&strings->lengths, lengths, n, error));
    for (size_t i = 0; i < n; i++) total += (size_t)lengths[i];
    if (total > strings->bytes.size - position) return no_more(strings, strings->left, error);
    for (size_t i = 0; i < n; i++, to += 16) {
      const uint8_t *from = strings->bytes.data + position;
      size_t length = (size_t)lengths[i];
      put_view_of(to, from, length, place_of(buffer, (size_t)(from - base)));
      position += length;
      longest = length > longest ? length : longest;
    }
    strings->position = position;
    strings->left -= n;
    *refers |= longest > INLINE;
    count -= n;
  }
  return LAM_OK;
}

enum lam_status lam_strings_read_views(struct lam_strings *strings, size_t count, uint32_t buffer, const uint8_t *base,
                                       uint8_t *to, bool *refers, struct lam_error *error) {
  if (count > strings->left) return no_more(strings, count, error);
  assert(strings->encoding == LAM_PLAIN || strings->encoding == LAM_DELTA_LENGTH_BYTE_ARRAY);
  return strings->encoding == LAM_PLAIN ? plain_views(strings, count, buffer, base, to, refers, error)
                                        : delta_length_views(strings, count, buffer, base, to, refers, error);
}

bool lam_strings_to_views(const uint8_t *data, const int32_t *offsets, size_t count, uint32_t buffer, uint32_t place,
                          uint8_t *to) {
  size_t longest = 0;
  for (size_t i = 0; i < count; i++, to += 16) {
    size_t length = (size_t)(offsets[i + 1] - offsets[i]), at = (size_t)(offsets[i] - offsets[0]);
    put_view_of(to, data + at, length, place_of(buffer, place + at));
    longest = length > longest ? length : longest;
  }
  return longest > INLINE;
}

/* ---- skipping ---- */

static enum lam_status skip_plain(struct lam_strings *strings, size_t count, struct lam_error *error) {
  size_t length;
  for (; count; count--, strings->left--) {
    LAM_TRY(plain_length(strings, strings->position, &length, error));
    strings->position += 4 + length;
  }
  return LAM_OK;
}

/* A value's bytes behind its prefix take the place of those of the value before. */
static enum lam_status skip_value(struct lam_strings *strings, size_t prefix, size_t suffix, struct lam_error *error) {
  if (suffix > strings->bytes.size - strings->position) return no_more(strings, strings->left, error);
  if (strings->encoding == LAM_DELTA_BYTE_ARRAY) {
    LAM_CHECK(
        prefix <= strings->last.size, error,
        "a delta-encoded string, the last but %llu of its page, shares %zu bytes with the one before, which has %zu",
        (unsigned long long)(strings->left - 1), prefix, strings->last.size);
    strings->last.size = prefix;
    LAM_TRY(lam_buf_append(&strings->last, strings->bytes.data + strings->position, suffix, error));
  }
  strings->position += suffix;
  strings->left--;
  return LAM_OK;
}

enum lam_status lam_strings_skip(struct lam_strings *strings, size_t count, struct lam_error *error) {
  if (count > strings->left) return no_more(strings, count, error);
  if (strings->encoding == LAM_PLAIN) return skip_plain(strings, count, error);
  while (count) {
    int32_t prefixes[AT_ONCE] = {0}, suffixes[AT_ONCE];
    size_t n = count < AT_ONCE ? count : AT_ONCE;
    if (strings->encoding == LAM_DELTA_BYTE_ARRAY) LAM_TRY(next_lengths(&strings->prefixes, prefixes, n, error));
    LAM_TRY(next_lengths(&strings->lengths, suffixes, n, error));
    for (size_t i = 0; i < n; i++) LAM_TRY(skip_value(strings, (size_t)prefixes[i], (size_t)suffixes[i], error));
    count -= n;
  }
  return LAM_OK;
}

/* ---- writing ---- */

static enum lam_status write_plain(const uint8_t *data, const int32_t *offsets, size_t count, struct lam_buf *to,
                                   struct lam_error *error) {
  size_t total = (size_t)(offsets[count] - offsets[0]) + 4 * count;
  LAM_TRY(lam_buf_room(to, total, error));
  uint8_t *out = to->data + to->size, *end = out + total;
  const uint8_t *data_end = data + offsets[count];
  to->size += total;
  for (size_t i = 0; i < count; i++) {
    size_t length = (size_t)(offsets[i + 1] - offsets[i]);
    const uint8_t *value = data + offsets[i];
    lam_store32(out, (uint32_t)length);
    out += 4;
    copy_short(out, (size_t)(end - out), value, (size_t)(data_end - value), length);
    out += length;
  }
  return LAM_OK;
}

static enum lam_status write_delta_length(const uint8_t *data, const int32_t *offsets, size_t count, struct lam_buf *to,
                                          struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_alloc(to->mem, count * 4, &memory, error));
  int32_t *lengths = memory;
  for (size_t i = 0; i < count; i++) lengths[i] = offsets[i + 1] - offsets[i];
  enum lam_status status = lam_delta_write32(lengths, count, to, error);
  lam_free(to->mem, memory, count * 4);
  LAM_TRY(status);
  if (!count) return LAM_OK;
  return lam_buf_append(to, data + offsets[0], (size_t)(offsets[count] - offsets[0]), error);
}

static size_t common_prefix(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
  size_t most = a_size < b_size ? a_size : b_size, n = 0;
  for (; n + 8 <= most; n += 8) {
    uint64_t differ = lam_load64(a + n) ^ lam_load64(b + n);
    if (differ) return n + (size_t)__builtin_ctzll(differ) / 8;
  }
  while (n < most && a[n] == b[n]) n++;
  return n;
}

static enum lam_status write_suffixes(const uint8_t *data, const int32_t *offsets, size_t count,
                                      const int32_t *prefixes, const int32_t *suffixes, struct lam_buf *to,
                                      struct lam_error *error) {
  LAM_TRY(lam_delta_write32(prefixes, count, to, error));
  LAM_TRY(lam_delta_write32(suffixes, count, to, error));
  if (!count) return LAM_OK;
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += (size_t)suffixes[i];
  LAM_TRY(lam_buf_room(to, total, error));
  uint8_t *out = to->data + to->size, *end = out + total;
  const uint8_t *data_end = data + offsets[count];
  to->size += total;
  for (size_t i = 0; i < count; out += suffixes[i++]) {
    const uint8_t *suffix = data + offsets[i] + prefixes[i];
    copy_short(out, (size_t)(end - out), suffix, (size_t)(data_end - suffix), (size_t)suffixes[i]);
  }
  return LAM_OK;
}

static enum lam_status write_delta_bytes(const uint8_t *data, const int32_t *offsets, size_t count, struct lam_buf *to,
                                         struct lam_error *error) {
  if (!count) return write_suffixes(data, offsets, 0, NULL, NULL, to, error);
  void *memory;
  LAM_TRY(lam_alloc(to->mem, count * 8, &memory, error));
  int32_t *prefixes = memory, *suffixes = prefixes + count;
  for (size_t i = 0; i < count; i++) {
    size_t size = (size_t)(offsets[i + 1] - offsets[i]), prefix = 0;
    if (i)
      prefix = common_prefix(data + offsets[i - 1], (size_t)(offsets[i] - offsets[i - 1]), data + offsets[i], size);
    prefixes[i] = (int32_t)prefix;
    suffixes[i] = (int32_t)(size - prefix);
  }
  enum lam_status status = write_suffixes(data, offsets, count, prefixes, suffixes, to, error);
  lam_free(to->mem, memory, count * 8);
  return status;
}

enum lam_status lam_strings_write(enum lam_encoding encoding, const uint8_t *data, const int32_t *offsets, size_t count,
                                  struct lam_buf *to, struct lam_error *error) {
  switch (encoding) {
    case LAM_PLAIN: return count ? write_plain(data, offsets, count, to, error) : LAM_OK;
    case LAM_DELTA_LENGTH_BYTE_ARRAY: return write_delta_length(data, offsets, count, to, error);
    case LAM_DELTA_BYTE_ARRAY: return write_delta_bytes(data, offsets, count, to, error);
    default: return lam_fail(error, LAM_UNSUPPORTED, "strings cannot be written in encoding %d", (int)encoding);
  }
}
