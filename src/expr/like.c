/* Patterns of LIKE: '%' is any text, '_' one character. A pattern is cut at its '%' into parts, which are looked for
 * from left to right: the first occurrence of each is as good as any later one, so nothing is tried twice. */
#include "arrow/value_text.h"
#include "expr/eval.h"

/* A part without '%'. Where `any` it has '_', which are marked in `wild`. */
struct part {
  struct lam_bytes text;
  const uint8_t *wild; /* a byte for each of `text`: 1 for '_' */
  bool any;
};
struct lam_pattern {
  struct part *parts;
  size_t count;
  bool starts_open, ends_open; /* '%' at the start, at the end */
};

static bool at_escape(struct lam_bytes text, size_t i, struct lam_bytes escape) {
  return escape.size && text.size - i >= escape.size && memcmp(text.data + i, escape.data, escape.size) == 0;
}

enum lam_status lam_pattern_create(struct lam_arena *arena, struct lam_bytes text, struct lam_bytes escape,
                                   struct lam_pattern **out, struct lam_error *error) {
  void *memory;
  size_t most = 1;
  for (size_t i = 0; i < text.size; i++) most += text.data[i] == '%';
  LAM_TRY(lam_arena_array(arena, 1, sizeof **out, &memory, error));
  struct lam_pattern *pattern = memory;
  LAM_TRY(lam_arena_array(arena, most, sizeof *pattern->parts, &memory, error));
  pattern->parts = memory;
  LAM_TRY(lam_arena_array(arena, text.size + 1, 2, &memory, error));
  uint8_t *bytes = memory, *wild = bytes + text.size + 1;
  size_t n = 0, begin = 0;
  bool open = false;
  for (size_t i = 0; i <= text.size; i++) {
    bool end = i == text.size, escaped = !end && at_escape(text, i, escape);
    if (escaped) i += escape.size;
    if (end || (!escaped && text.data[i] == '%')) {
      if (n > begin) pattern->parts[pattern->count++].text = lam_bytes_of(bytes + begin, n - begin);
      if (n > begin) pattern->parts[pattern->count - 1].wild = wild + begin;
      if (begin == 0 && n == 0 && !end) pattern->starts_open = true;
      begin = n;
      open = !end || (open && i > 0);
      continue;
    }
    open = false;
    wild[n] = !escaped && text.data[i] == '_';
    pattern->parts[pattern->count].any |= wild[n] != 0;
    bytes[n++] = text.data[i];
  }
  pattern->ends_open = open;
  *out = pattern;
  return LAM_OK;
}

/* Bytes that the part takes at the start of the text, or SIZE_MAX. */
static size_t match_here(const struct part *part, struct lam_bytes text) {
  if (!part->any) {
    bool equal = text.size >= part->text.size && !memcmp(text.data, part->text.data, part->text.size);
    return equal ? part->text.size : SIZE_MAX;
  }
  size_t at = 0;
  for (size_t i = 0; i < part->text.size; i++) {
    if (at >= text.size) return SIZE_MAX;
    if (part->wild[i]) {
      size_t length = lam_utf8_length(lam_bytes_of(text.data + at, text.size - at));
      at += length ? length : 1; /* what is no UTF-8 counts as bytes */
    } else if (text.data[at++] != part->text.data[i]) {
      return SIZE_MAX;
    }
  }
  return at;
}

static size_t step(struct lam_bytes text) {
  size_t length = lam_utf8_length(text);
  return length ? length : 1;
}

/* Moves *text behind the part's first occurrence. */
static bool find_part(const struct part *part, struct lam_bytes *text) {
  if (!part->any) {
    const uint8_t *found = text->size ? memmem(text->data, text->size, part->text.data, part->text.size) : NULL;
    if (!found) return false;
    found += part->text.size;
    text->size -= (size_t)(found - text->data);
    text->data = found;
    return true;
  }
  while (text->size) {
    size_t taken = match_here(part, *text);
    size_t skip = taken == SIZE_MAX ? step(*text) : taken;
    text->data += skip;
    text->size -= skip;
    if (taken != SIZE_MAX) return true;
  }
  return false;
}

/* Whether the part is the end of the text. */
static bool match_end(const struct part *part, struct lam_bytes text) {
  if (!part->any) {
    return text.size >= part->text.size &&
           !memcmp(text.data + text.size - part->text.size, part->text.data, part->text.size);
  }
  /* Its characters are counted back from the end. */
  size_t characters = 0, at = text.size;
  for (size_t i = 0; i < part->text.size; i++) characters += part->wild[i] || (part->text.data[i] & 0xc0) != 0x80;
  for (; characters > 0 && at > 0; characters--) {
    size_t back = 1;
    while (back < 4 && back < at && (text.data[at - back] & 0xc0) == 0x80) back++;
    if (lam_utf8_length(lam_bytes_of(text.data + at - back, back)) != back) back = 1;
    at -= back;
  }
  return characters == 0 && match_here(part, lam_bytes_of(text.data + at, text.size - at)) == text.size - at;
}

bool lam_pattern_matches(const struct lam_pattern *pattern, struct lam_bytes text) {
  size_t first = 0, count = pattern->count;
  if (count == 0) return pattern->starts_open || pattern->ends_open || text.size == 0;
  if (!pattern->starts_open) {
    size_t taken = text.size ? match_here(&pattern->parts[0], text) : SIZE_MAX;
    if (taken == SIZE_MAX) return false;
    text.data += taken;
    text.size -= taken;
    if (count == 1) return pattern->ends_open || text.size == 0;
    first = 1;
  }
  size_t last = count - !pattern->ends_open;
  for (size_t i = first; i < last; i++) {
    if (!find_part(&pattern->parts[i], &text)) return false;
  }
  return pattern->ends_open || (text.size > 0 && match_end(&pattern->parts[last], text));
}

struct lam_bytes lam_pattern_contained(const struct lam_pattern *pattern) {
  bool only = pattern->count == 1 && pattern->starts_open && pattern->ends_open && !pattern->parts[0].any;
  return only ? pattern->parts[0].text : (struct lam_bytes){NULL, 0};
}
