/* Levels are made step by step from the top: entries that end at a step (a null, an empty list) keep their level, those
 * that go on are found by it, and their places in the array below are kept as ranges, which are few where little is
 * null. Source of the levels: Melnik and others, "Dremel", 2010, section 4.1. */
#include "parquet/shred.h"

#include <inttypes.h>

/* ---- paths ---- */

enum { DEEPEST = 128 }; /* steps; lam_schema_to_parquet takes 64 levels, a map being two steps */

struct walk {
  struct lam_arena *arena;
  struct lam_buf *out;
  struct lam_shred_step steps[DEEPEST];
  int32_t depth;
};

static enum lam_status add_path(struct walk *walk, const struct ArrowSchema *leaf, struct lam_error *error) {
  struct lam_shred_path path = {.depth = walk->depth, .leaf = leaf};
  size_t size = (size_t)walk->depth * sizeof *path.steps;
  LAM_TRY(lam_arena_alloc(walk->arena, size, (void **)&path.steps, error));
  lam_copy(path.steps, walk->steps, size);
  return lam_buf_append(walk->out, &path, sizeof path, error);
}

static enum lam_status walk_field(struct walk *walk, const struct ArrowSchema *schema, bool required,
                                  struct lam_error *error);

/* A map's entries and its keys are never null, whatever their schemas say. */
static enum lam_status walk_children(struct walk *walk, const struct ArrowSchema *schema, bool required, bool entries,
                                     struct lam_error *error) {
  bool map = !strcmp(schema->format, "+m");
  bool nullable = !required && (schema->flags & ARROW_FLAG_NULLABLE);
  if (walk->depth == DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "a column is nested deeper than %d levels", DEEPEST);
  struct lam_shred_step *step = &walk->steps[walk->depth++];
  for (int64_t i = 0; i < schema->n_children; i++) {
    *step = (struct lam_shred_step){.schema = schema, .child = (int32_t)i, .nullable = nullable};
    if (map)
      LAM_TRY(walk_children(walk, schema->children[i], true, true, error));
    else
      LAM_TRY(walk_field(walk, schema->children[i], entries && i == 0, error));
  }
  walk->depth--;
  return LAM_OK;
}

static enum lam_status walk_field(struct walk *walk, const struct ArrowSchema *schema, bool required,
                                  struct lam_error *error) {
  struct lam_type type;
  if (schema->dictionary) return add_path(walk, schema, error);
  LAM_TRY(lam_type_parse(schema, &type, error));
  if (!lam_type_is_nested(type.id)) return add_path(walk, schema, error);
  return walk_children(walk, schema, required, false, error);
}

enum lam_status lam_shred_paths(const struct ArrowSchema *column, struct lam_arena *arena, struct lam_buf *out,
                                struct lam_error *error) {
  struct walk walk = {.arena = arena, .out = out};
  return walk_field(&walk, column, false, error);
}

/* ---- batches ---- */

static const char *name_of(const struct ArrowSchema *schema) {
  return schema->name ? schema->name : "";
}

/* The place in the child's array where what row `row` of a view holds begins; that of the row behind the last is where
 * all ends. */
static int64_t child_place(const struct lam_view *view, int64_t row) {
  int64_t i = view->offset + row;
  if (view->offsets32) return view->offsets32[i];
  if (view->offsets64) return view->offsets64[i];
  return view->type.id == LAM_TYPE_FIXED_LIST ? i * view->type.byte_width : i;
}

static enum lam_status bind_step(struct lam_shred_step *step, const struct ArrowArray *array, int64_t offset,
                                 int64_t rows, const struct ArrowArray **child, struct lam_error *error) {
  struct lam_view *view = &step->view;
  LAM_TRY(lam_view_init(step->schema, array, view, error));
  if (array->length < rows || array->length - rows < offset)
    return lam_fail(error, LAM_INVALID, "\"%s\" has %" PRId64 " rows where %" PRId64 " are needed from row %" PRId64,
                    name_of(step->schema), array->length, rows, offset);
  int64_t size, most = view->type.id == LAM_TYPE_FIXED_LIST ? view->type.byte_width : 1;
  if (__builtin_mul_overflow(view->offset + array->length, most, &size))
    return lam_fail(error, LAM_INVALID, "\"%s\" has lists of more than 2^63 values", name_of(step->schema));
  view->offset += offset;
  view->length = rows;
  *child = array->children[step->child];
  return LAM_OK;
}

enum lam_status lam_shred_bind(struct lam_shred_path *path, const struct ArrowArray *column, int64_t offset,
                               int64_t rows, const struct ArrowArray **leaf, struct lam_error *error) {
  const struct ArrowArray *array = column;
  for (int32_t i = 0; i < path->depth; i++) {
    LAM_TRY(bind_step(&path->steps[i], array, offset, rows, &array, error));
    const struct lam_view *view = &path->steps[i].view;
    offset = 0; /* all that the array below has may be looked at, up to the last that is needed */
    rows = view->length > 0 ? child_place(view, view->length) : 0;
    if (rows < 0) return lam_fail(error, LAM_INVALID, "\"%s\" has an offset of %" PRId64, name_of(view->schema), rows);
  }
  if (!array->release) return lam_fail(error, LAM_INVALID, "the array \"%s\" was released", name_of(path->leaf));
  if (array->length < rows || array->length - rows < offset)
    return lam_fail(error, LAM_INVALID, "\"%s\" has %" PRId64 " rows where %" PRId64 " are needed from row %" PRId64,
                    name_of(path->leaf), array->length, rows, offset);
  *leaf = array;
  return LAM_OK;
}

/* ---- entries ---- */

void lam_shredded_init(struct lam_shredded *shredded, struct lam_mem *mem) {
  *shredded = (struct lam_shredded){.entries = 0};
  struct lam_buf *bufs[] = {&shredded->repetition,      &shredded->definition,      &shredded->ranges,
                            &shredded->next_repetition, &shredded->next_definition, &shredded->next_ranges};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_init(bufs[i], mem);
}

void lam_shredded_release(struct lam_shredded *shredded) {
  struct lam_buf *bufs[] = {&shredded->repetition,      &shredded->definition,      &shredded->ranges,
                            &shredded->next_repetition, &shredded->next_definition, &shredded->next_ranges};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) lam_buf_release(bufs[i]);
}

static struct lam_range *ranges_of(const struct lam_buf *buf) {
  return (struct lam_range *)(void *)buf->data;
}
static size_t range_count(const struct lam_buf *buf) {
  return buf->size / sizeof(struct lam_range);
}

/* Ranges come in order; those that touch become one. */
static inline enum lam_status add_range(struct lam_buf *buf, int64_t first, int64_t end, struct lam_error *error) {
  if (first == end) return LAM_OK;
  size_t count = range_count(buf);
  if (count > 0 && ranges_of(buf)[count - 1].end == first) {
    ranges_of(buf)[count - 1].end = end;
    return LAM_OK;
  }
  LAM_TRY(lam_buf_room(buf, sizeof(struct lam_range), error));
  ranges_of(buf)[count] = (struct lam_range){first, end};
  buf->size += sizeof(struct lam_range);
  return LAM_OK;
}

static void swap(struct lam_buf *a, struct lam_buf *b) {
  struct lam_buf c = *a;
  *a = *b;
  *b = c;
}

static enum lam_status begin(struct lam_shredded *out, int64_t from, int64_t count, struct lam_error *error) {
  out->entries = out->present = (size_t)count;
  out->level = out->repetition_level = 0;
  out->ranges.size = out->next_ranges.size = 0;
  /* Memory, though there be no ranges: they are counted by pointers. */
  LAM_TRY(lam_buf_room(&out->ranges, sizeof(struct lam_range), error));
  LAM_TRY(lam_buf_room(&out->next_ranges, sizeof(struct lam_range), error));
  LAM_TRY(lam_buf_reset(&out->repetition, out->entries, error));
  LAM_TRY(lam_buf_reset(&out->definition, out->entries, error));
  if (count) memset(out->repetition.data, 0, out->entries);
  if (count) memset(out->definition.data, 0, out->entries);
  return add_range(&out->ranges, from, from + count, error);
}

/* ---- nulls ---- */

static void raise_all(struct lam_shredded *s) {
  uint8_t *definition = s->definition.data, level = s->level;
  if (s->present == s->entries) {
    if (s->entries) memset(definition, level + 1, s->entries);
  } else {
    for (size_t i = 0; i < s->entries; i++) definition[i] = (uint8_t)(definition[i] + (definition[i] == level));
  }
}

/* Raises the level of entries whose bit is set. */
static void raise_valid(struct lam_shredded *s, const uint8_t *validity, int64_t offset) {
  uint8_t *definition = s->definition.data, level = s->level;
  const struct lam_range *range = ranges_of(&s->ranges), *last = range + range_count(&s->ranges);
  bool all = s->present == s->entries;
  for (; range < last; range++) {
    for (int64_t place = range->first; place < range->end; place++) {
      while (!all && *definition != level) definition++;
      *definition = (uint8_t)(level + lam_bit_get(validity, offset + place));
      definition++;
    }
  }
}

void lam_shred_leaf(struct lam_shredded *shredded, const uint8_t *validity, int64_t offset) {
  if (validity)
    raise_valid(shredded, validity, offset);
  else
    raise_all(shredded);
  shredded->level++;
}

static enum lam_status not_nullable(const struct lam_shred_step *step, int64_t place, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID, "entry %" PRId64 " of \"%s\" is NULL, and may not be", place,
                  name_of(step->schema));
}

/* ---- structs ---- */

/* The ranges of those whose bit is set. */
static enum lam_status keep_valid(struct lam_shredded *s, const struct lam_view *view, struct lam_error *error) {
  const struct lam_range *range = ranges_of(&s->ranges), *last = range + range_count(&s->ranges);
  s->next_ranges.size = 0;
  for (; range < last; range++) {
    for (int64_t place = range->first; place < range->end;) {
      while (place < range->end && !lam_bit_get(view->validity, view->offset + place)) place++;
      int64_t first = place;
      while (place < range->end && lam_bit_get(view->validity, view->offset + place)) place++;
      LAM_TRY(add_range(&s->next_ranges, first, place, error));
    }
  }
  swap(&s->ranges, &s->next_ranges);
  s->present = 0;
  for (size_t i = 0; i < range_count(&s->ranges); i++)
    s->present += (size_t)(ranges_of(&s->ranges)[i].end - ranges_of(&s->ranges)[i].first);
  return LAM_OK;
}

static enum lam_status check_valid(const struct lam_shredded *s, const struct lam_shred_step *step,
                                   struct lam_error *error) {
  const struct lam_view *view = &step->view;
  for (size_t i = 0; i < range_count(&s->ranges); i++)
    for (int64_t place = ranges_of(&s->ranges)[i].first; place < ranges_of(&s->ranges)[i].end; place++)
      if (!lam_bit_get(view->validity, view->offset + place)) return not_nullable(step, place, error);
  return LAM_OK;
}

static enum lam_status shred_struct(const struct lam_shred_step *step, struct lam_shredded *s,
                                    struct lam_error *error) {
  const struct lam_view *view = &step->view;
  if (!step->nullable) {
    if (view->validity) LAM_TRY(check_valid(s, step, error));
  } else {
    lam_shred_leaf(s, view->validity, view->offset);
    if (view->validity) LAM_TRY(keep_valid(s, view, error));
  }
  for (size_t i = 0; view->offset && i < range_count(&s->ranges); i++) {
    ranges_of(&s->ranges)[i].first += view->offset;
    ranges_of(&s->ranges)[i].end += view->offset;
  }
  return LAM_OK;
}

/* ---- lists ---- */

static enum lam_status bad_offsets(const struct lam_shred_step *step, int64_t row, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID, "the offsets of \"%s\" go down at list %" PRId64, name_of(step->schema), row);
}

/* The most entries that the lists make, and room for them, filled with the levels of all but the first of each list. */
static enum lam_status reserve_lists(const struct lam_shred_step *step, struct lam_shredded *s,
                                     struct lam_error *error) {
  size_t most = s->entries;
  for (size_t i = 0; i < range_count(&s->ranges); i++) {
    struct lam_range range = ranges_of(&s->ranges)[i];
    int64_t first = child_place(&step->view, range.first), end = child_place(&step->view, range.end);
    if (first < 0 || end < first || lam_add_overflow(most, (size_t)(end - first), &most))
      return bad_offsets(step, range.first, error);
  }
  LAM_TRY(lam_buf_reset(&s->next_repetition, most, error));
  LAM_TRY(lam_buf_reset(&s->next_definition, most, error));
  if (most) memset(s->next_repetition.data, s->repetition_level + 1, most);
  if (most) memset(s->next_definition.data, s->level + step->nullable + 1, most);
  s->next_ranges.size = 0;
  return LAM_OK;
}

/* The lists of one range. Ended entries before each are copied from *in on; *out entries are made so far. */
static enum lam_status shred_range(const struct lam_shred_step *step, struct lam_shredded *s, struct lam_range range,
                                   size_t *in, size_t *out, struct lam_error *error) {
  const struct lam_view *view = &step->view;
  const uint8_t *repetition = s->repetition.data, *definition = s->definition.data;
  uint8_t *to_repetition = s->next_repetition.data, *to_definition = s->next_definition.data;
  int64_t last = child_place(view, range.first), limit = child_place(view, range.end);
  if (!view->validity) LAM_TRY(add_range(&s->next_ranges, last, limit, error));
  size_t i = *in, n = *out;
  for (int64_t row = range.first; row < range.end; row++, i++) {
    for (; definition[i] != s->level; i++, n++) {
      to_repetition[n] = repetition[i];
      to_definition[n] = definition[i];
    }
    to_repetition[n] = repetition[i];
    if (view->validity && !lam_bit_get(view->validity, view->offset + row)) {
      if (!step->nullable) return not_nullable(step, row, error);
      to_definition[n++] = s->level;
      continue;
    }
    int64_t first = child_place(view, row), end = child_place(view, row + 1);
    if (first < last || end < first || end > limit) return bad_offsets(step, row, error);
    last = end;
    if (first == end) {
      to_definition[n++] = (uint8_t)(s->level + step->nullable);
      continue;
    }
    n += (size_t)(end - first);
    s->present += (size_t)(end - first);
    if (view->validity) LAM_TRY(add_range(&s->next_ranges, first, end, error));
  }
  *in = i;
  *out = n;
  return LAM_OK;
}

static enum lam_status shred_lists(const struct lam_shred_step *step, struct lam_shredded *s, struct lam_error *error) {
  size_t in = 0, out = 0;
  LAM_TRY(reserve_lists(step, s, error));
  s->present = 0;
  for (size_t i = 0; i < range_count(&s->ranges); i++)
    LAM_TRY(shred_range(step, s, ranges_of(&s->ranges)[i], &in, &out, error));
  size_t rest = s->entries - in;
  lam_copy(s->next_repetition.data + out, s->repetition.data + in, rest);
  lam_copy(s->next_definition.data + out, s->definition.data + in, rest);
  s->entries = out + rest;
  s->level = (uint8_t)(s->level + step->nullable + 1);
  s->repetition_level++;
  swap(&s->repetition, &s->next_repetition);
  swap(&s->definition, &s->next_definition);
  swap(&s->ranges, &s->next_ranges);
  return LAM_OK;
}

enum lam_status lam_shred(const struct lam_shred_path *path, int64_t from, int64_t count, struct lam_shredded *out,
                          struct lam_error *error) {
  LAM_TRY(begin(out, from, count, error));
  for (int32_t i = 0; i < path->depth; i++) {
    const struct lam_shred_step *step = &path->steps[i];
    if (step->view.type.id == LAM_TYPE_STRUCT)
      LAM_TRY(shred_struct(step, out, error));
    else
      LAM_TRY(shred_lists(step, out, error));
  }
  return LAM_OK;
}

/* ---- sizes ---- */

static uint64_t leaf_bytes(const struct lam_view *view, int64_t from, int64_t count) {
  int64_t first = view->offset + from, end = first + count;
  if (!view->dictionary_array && view->offsets32)
    return (uint64_t)(view->offsets32[end] - view->offsets32[first]) + 4 * (uint64_t)count;
  if (!view->dictionary_array && view->offsets64)
    return (uint64_t)(view->offsets64[end] - view->offsets64[first]) + 4 * (uint64_t)count;
  return ((uint64_t)count * (uint64_t)lam_type_bits(&view->type) + 7) / 8;
}

uint64_t lam_shred_bytes(const struct lam_shred_path *path, const struct lam_view *leaf, int64_t from, int64_t count) {
  int64_t first = from, end = from + count;
  for (int32_t i = 0; i < path->depth && first < end; i++) {
    first = child_place(&path->steps[i].view, first);
    end = child_place(&path->steps[i].view, end);
  }
  uint64_t levels = path->depth ? 2 * (uint64_t)lam_max_i64(end - first, count) : 0;
  return levels + (first < end ? leaf_bytes(leaf, first, end - first) : 0);
}
